"""Logins that have left for the provider and not come back yet; each is taken up again once at most.

Only hashes of the state and of the browser's secret are kept. The PKCE verifier is derived from both, so that
whoever reads the table can neither finish a login nor redeem its code.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from psycopg_pool import AsyncConnectionPool

LIFE = timedelta(minutes=10)
"""How long a person may take at the provider."""
REMEMBERED = timedelta(hours=1)
"""How long an ended login is kept, so that a late comer is told what happened."""

SWEEP = "DELETE FROM access.openid_logins WHERE ends_at < %s"
BEGIN = (
    "INSERT INTO access.openid_logins (state, browser, nonce, next_path, max_age, started_at, ends_at)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s)"
)
TAKE = (
    "UPDATE access.openid_logins SET used_at = %(now)s"
    " WHERE state = %(state)s AND browser = %(browser)s AND used_at IS NULL AND ends_at > %(now)s"
    " RETURNING nonce, next_path, max_age"
)
LOOK = "SELECT browser, used_at, ends_at FROM access.openid_logins WHERE state = %s"

Reason = Literal["unknown", "other-browser", "used", "expired"]


class LoginLost(Exception):
    """No login of this state can be taken up; ``reason`` says why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


@dataclass(frozen=True, slots=True)
class Begun:
    """A login just begun: what goes to the provider."""

    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Taken:
    """A login taken up again: what its ID token is held to, and where the browser goes.

    ``max_age``: seconds that may have passed since the person authenticated; None: not asked.
    """

    nonce: str
    verifier: str
    next_path: str
    max_age: int | None


class OpenIDLogins:
    """The pending logins, over a pool that acts as the service's role."""

    def __init__(self, pool: "AsyncConnectionPool[Any]", clock: Callable[[], datetime]) -> None:
        self._pool, self._clock = pool, clock

    async def begin(self, browser: str, *, next_path: str, max_age: int | None = None) -> Begun:
        """Begin a login that only this browser (by its secret) can finish; forgets the long ended ones."""
        state, nonce, now = secrets.token_urlsafe(32), secrets.token_urlsafe(32), self._clock()
        row = (_digest(state), _digest(browser), nonce, next_path, max_age, now, now + LIFE)
        async with self._pool.connection() as connection:
            await connection.execute(SWEEP, (now - REMEMBERED,))
            await connection.execute(BEGIN, row)
        return Begun(state, nonce, _verifier(browser, state))

    async def take(self, state: str, browser: str | None) -> Taken:
        """Take the login up, once; raises LoginLost. Another browser's attempt leaves it as it was."""
        digest, now = _digest(state), self._clock()
        held = _digest(browser) if browser else b""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(TAKE, {"state": digest, "browser": held, "now": now})
            row = await cursor.fetchone()
            if row is not None and browser:
                nonce, next_path, max_age = row
                return Taken(nonce, _verifier(browser, state), next_path, max_age)
            found = await (await connection.execute(LOOK, (digest,))).fetchone()
        raise LoginLost(_why(found, held))


def _why(found: tuple[bytes, datetime | None, datetime] | None, held: bytes) -> Reason:
    if found is None:
        return "unknown"
    if not hmac.compare_digest(found[0], held):
        return "other-browser"
    return "used" if found[1] is not None else "expired"


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _verifier(browser: str, state: str) -> str:
    """The PKCE verifier (RFC 7636): 43 characters that follow from the browser's secret and the state alone."""
    code = hmac.digest(browser.encode(), b"pkce " + state.encode(), "sha256")
    return base64.urlsafe_b64encode(code).rstrip(b"=").decode()
