"""Service accounts (tài khoản dịch vụ): programs that read for an office, by client id, secret and scopes.

A client gets tokens of ten minutes for its secret. Secrets are rotated with an overlap in which two live.
"""

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg_pool import AsyncConnectionPool

from application.access.record import Happened, note
from application.access.refusals import ClientRefused, ScopeRefused
from application.access.throttle import BY_CLIENT_ADDRESS, Throttle, network_of
from application.access.tokens import LONGEST, Recent, fresh_token, key_of
from application.seals import Keeper
from domain.refusals import NotFound

SCOPES = ("events:read", "certificates:read", "products:read")
"""What a service account may be given: to read the feed of facts, the certificates, the products."""
TOKEN_LIVES = timedelta(minutes=10)
"""A token that leaks is worth little: ten minutes, and a program asks for the next by itself."""
OVERLAP = timedelta(hours=24)
"""How long an old secret lives on after a rotation: a working day to bring the new one to every place."""
TOKEN_PREFIX = "oct."  # noqa: S105 what tokens begin with, so that one found somewhere is recognised
SECRET_PREFIX = "ocs."  # noqa: S105 the same of secrets

_CLIENT = re.compile(r"ocop-[0-9a-f]{12}")
_PROVED = (
    "SELECT c.person, c.scopes FROM access.clients AS c JOIN access.client_secrets AS s USING (client)"
    " WHERE c.client = %s AND c.closed_at IS NULL AND s.key = %s AND (s.ends_at IS NULL OR s.ends_at > %s)"
)
_BEARER = (
    "SELECT c.person, t.client, t.scopes, t.ends_at FROM access.client_tokens AS t JOIN access.clients AS c"
    " USING (client) WHERE t.key = %s AND t.revoked_at IS NULL AND t.ends_at > %s AND c.closed_at IS NULL"
)
_LIVE_SECRETS = (
    "SELECT key, ends_at FROM access.client_secrets WHERE client = %s AND (ends_at IS NULL OR ends_at > %s)"
    " ORDER BY made_at DESC, ends_at DESC NULLS FIRST"
)
_LISTED = (
    "SELECT c.client, c.person, c.scopes, c.closed_at,"
    " (SELECT count(*) FROM access.client_secrets AS s"
    "  WHERE s.client = c.client AND (s.ends_at IS NULL OR s.ends_at > %s))"
    " FROM access.clients AS c ORDER BY c.registered_at, c.client"
)


@dataclass(frozen=True, slots=True)
class Bearer:
    """Whom a client token speaks for, and what it may read."""

    person: UUID
    client: str
    scopes: frozenset[str]
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Issued:
    """A token just issued, told once; ``seconds`` until it ends."""

    token: str = field(repr=False)
    seconds: int
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Client:
    """One service account; ``secrets``: how many of its secrets live."""

    client: str
    person: UUID
    scopes: tuple[str, ...]
    closed_at: datetime | None
    secrets: int


class Clients:
    """All service accounts, over the service's pool."""

    def __init__(self, pool: "AsyncConnectionPool[Any]", keeper: Keeper, clock: Callable[[], datetime]) -> None:
        self._pool, self._clock = pool, clock
        self._throttle = Throttle(pool, keeper, clock)
        self._recent: Recent[Bearer] = Recent(clock)

    async def register(self, person: UUID, scopes: Sequence[str]) -> tuple[str, str]:
        """Register a service account; its client id and its secret, told once. Raises ScopeRefused."""
        wanted = _ordered(scopes)
        if not wanted:
            raise ScopeRefused
        client, secret, now = f"ocop-{secrets.token_hex(6)}", _fresh_secret(), self._clock()
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(
                "INSERT INTO access.clients (client, person, scopes, registered_at) VALUES (%s, %s, %s, %s)",
                (client, person, list(wanted), now),
            )
            await connection.execute(
                "INSERT INTO access.client_secrets (key, client, made_at) VALUES (%s, %s, %s)",
                (key_of(secret), client, now),
            )
            await note(connection, now, Happened.CLIENT_REGISTERED, person=person, client=client)
        return client, secret

    async def rotate(self, client: str, overlap: timedelta = OVERLAP) -> str:
        """A new secret, told once; the newest old one lives on for ``overlap``, older ones end. Raises NotFound."""
        secret, now = _fresh_secret(), self._clock()
        async with self._pool.connection() as connection, connection.transaction():
            row = await (
                await connection.execute(
                    "SELECT person FROM access.clients WHERE client = %s AND closed_at IS NULL FOR UPDATE", (client,)
                )
            ).fetchone()
            if row is None:
                raise _no_client()
            live = await (await connection.execute(_LIVE_SECRETS, (client, now))).fetchall()
            await connection.execute("DELETE FROM access.client_secrets WHERE client = %s", (client,))
            if live and overlap > timedelta(0):
                key, ends_at = live[0]
                until = now + overlap if ends_at is None else min(ends_at, now + overlap)
                await connection.execute(
                    "INSERT INTO access.client_secrets (key, client, made_at, ends_at) VALUES (%s, %s, %s, %s)",
                    (key, client, now, until),
                )
            await connection.execute(
                "INSERT INTO access.client_secrets (key, client, made_at) VALUES (%s, %s, %s)",
                (key_of(secret), client, now),
            )
            await note(connection, now, Happened.SECRET_ROTATED, person=row[0], client=client)
        return secret

    async def close(self, client: str) -> None:
        """Close a service account: its secrets and tokens are dead. Raises NotFound."""
        now = self._clock()
        self._recent.forget(lambda bearer: bearer.client == client)
        async with self._pool.connection() as connection, connection.transaction():
            row = await (
                await connection.execute(
                    "UPDATE access.clients SET closed_at = %s WHERE client = %s AND closed_at IS NULL RETURNING person",
                    (now, client),
                )
            ).fetchone()
            if row is None:
                raise _no_client()
            await connection.execute("DELETE FROM access.client_secrets WHERE client = %s", (client,))
            await connection.execute("DELETE FROM access.client_tokens WHERE client = %s", (client,))
            await note(connection, now, Happened.CLIENT_CLOSED, person=row[0], client=client)

    async def listed(self) -> list[Client]:
        """All service accounts in the order of their registration."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_LISTED, (self._clock(),))).fetchall()
        return [Client(client, person, tuple(scopes), closed, live) for client, person, scopes, closed, live in rows]

    async def token(self, client: str, secret: str, scopes: Sequence[str] | None, address: str) -> Issued:
        """A token of ten minutes for some of the client's scopes, or all.

        Raises ClientRefused, ScopeRefused, Locked.
        """
        _person, granted = await self._proved(client, secret, address)
        wanted = granted if scopes is None else _ordered(scopes)
        if not wanted or not set(wanted) <= set(granted):
            raise ScopeRefused
        token, now = TOKEN_PREFIX + fresh_token(), self._clock()
        async with self._pool.connection() as connection, connection.transaction():
            # The row is locked against a closing at the same moment.
            row = await (
                await connection.execute(
                    "SELECT person FROM access.clients WHERE client = %s AND closed_at IS NULL FOR SHARE", (client,)
                )
            ).fetchone()
            if row is None:
                raise ClientRefused
            await connection.execute(
                "INSERT INTO access.client_tokens (key, client, scopes, ends_at) VALUES (%s, %s, %s, %s)",
                (key_of(token), client, list(wanted), now + TOKEN_LIVES),
            )
            await note(connection, now, Happened.TOKEN_ISSUED, person=row[0], client=client, address=address)
        return Issued(token, int(TOKEN_LIVES.total_seconds()), wanted)

    async def bearer(self, token: str) -> Bearer | None:
        """Whom a token speaks for, if it lives; believed for two seconds in this process."""
        if not token.startswith(TOKEN_PREFIX) or len(token) > LONGEST:
            return None
        key, now = key_of(token), self._clock()
        found = self._recent.get(key)
        if found is None:
            async with self._pool.connection() as connection:
                row = await (await connection.execute(_BEARER, (key, now))).fetchone()
            if row is None:
                return None
            person, client, scopes, ends_at = row
            found = Bearer(person, client, frozenset(scopes), ends_at)
            self._recent.keep(key, found, now)
        return found if now < found.ends_at else None

    async def revoke(self, token: str, client: str, secret: str, address: str) -> None:
        """End a token of the client's own (RFC 7009); any other is left alone unsaid. Raises ClientRefused, Locked."""
        person, _ = await self._proved(client, secret, address)
        now = self._clock()
        self._recent.forget(lambda bearer: bearer.client == client)
        async with self._pool.connection() as connection, connection.transaction():
            ended = await connection.execute(
                "UPDATE access.client_tokens SET revoked_at = %s WHERE key = %s AND client = %s AND revoked_at IS NULL",
                (now, key_of(token), client),
            )
            if ended.rowcount:
                await note(connection, now, Happened.TOKEN_REVOKED, person=person, client=client, address=address)

    async def _proved(self, client: str, secret: str, address: str) -> tuple[UUID, tuple[str, ...]]:
        attempt = await self._throttle.begin(BY_CLIENT_ADDRESS, network_of(address))
        client = client if _CLIENT.fullmatch(client) else ""
        now = self._clock()
        async with self._pool.connection() as connection:
            row = await (await connection.execute(_PROVED, (client, key_of(secret), now))).fetchone()
            if row is None:
                known = await (
                    await connection.execute("SELECT person FROM access.clients WHERE client = %s", (client,))
                ).fetchone()
                await note(
                    connection,
                    now,
                    Happened.TOKEN_REFUSED,
                    person=known[0] if known else None,
                    client=client if known else None,
                    address=address,
                )
                raise ClientRefused
        await self._throttle.succeeded(attempt)
        return row[0], tuple(row[1])


def _ordered(scopes: Sequence[str]) -> tuple[str, ...]:
    """Scopes in our order, each once; raises ScopeRefused for one that does not exist."""
    if not set(scopes) <= set(SCOPES):
        raise ScopeRefused
    return tuple(scope for scope in SCOPES if scope in scopes)


def _fresh_secret() -> str:
    return SECRET_PREFIX + fresh_token()


def _no_client() -> NotFound:
    return NotFound("Không có tài khoản dịch vụ đang mở với mã này.", "There is no open service account of this id.")
