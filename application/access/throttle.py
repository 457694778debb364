"""Slowing and locking (hạn chế thử sai): failures are counted by login and by address, known or not.

An attempt is counted before its password is looked at, in one row lock, so that a hundred attempts sent at once
are counted like a hundred sent in turn; a success gives its count back. An unknown login is slowed and locked
like a known one, or the difference would tell which logins exist.
"""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg_pool import AsyncConnectionPool

from application.access.refusals import Locked
from application.seals import Keeper

SLOW_FROM = 3
"""The third failure in a row makes the next attempt wait: two typing errors are everybody's."""
LOCK_AT = 10
"""Failures in a row that lock a login: with the waits before, a guesser has some ten tries in a quarter of an hour."""
LOCK = timedelta(minutes=15)
"""How long a locked login stays so: long for a guesser, bearable for the owner, and no office has to help."""
LOGIN_WINDOW = timedelta(hours=24)
"""Failures of a login are forgotten a day after the first."""
ADDRESS_SLOW_FROM = 50
"""An office shares one address: fifty failures in a window are more than its typing errors."""
ADDRESS_LOCK_AT = 100
"""A hundred failures from one address in a window are somebody trying many logins."""
ADDRESS_WINDOW = timedelta(minutes=15)
"""Failures of an address are forgotten a quarter of an hour after the first."""
LONGEST_WAIT = timedelta(minutes=2)
"""Waits double from one second up to this."""

_OPEN = (
    "INSERT INTO access.attempts (key, failures, until, ends_at) VALUES (%s, 0, %s, %s) ON CONFLICT (key) DO NOTHING"
)
_READ = "SELECT failures, until, ends_at FROM access.attempts WHERE key = %s FOR UPDATE"
_COUNT = "UPDATE access.attempts SET failures = %s, until = %s, ends_at = %s WHERE key = %s"
_GIVE_BACK = (
    "UPDATE access.attempts SET failures = failures - 1, until = CASE WHEN until = %s THEN %s ELSE until END"
    " WHERE key = %s AND failures > 0"
)


@dataclass(frozen=True, slots=True)
class Limit:
    """From how many failures attempts wait and are locked, for how long, and within which window."""

    kind: str
    slow_from: int
    lock_at: int
    lock: timedelta
    window: timedelta
    cleared: bool = False  # whether one success clears all failures

    def wait(self, failures: int) -> timedelta:
        """How long the next attempt must wait after so many failures."""
        if failures >= self.lock_at:
            return self.lock
        if failures < self.slow_from:
            return timedelta(0)
        return min(timedelta(seconds=2 ** min(failures - self.slow_from, 30)), LONGEST_WAIT)


BY_LOGIN = Limit("login", SLOW_FROM, LOCK_AT, LOCK, LOGIN_WINDOW, cleared=True)
BY_SESSION = Limit("session", SLOW_FROM, LOCK_AT, LOCK, LOGIN_WINDOW, cleared=True)
"""Who proves again within a session is counted by person and apart: strangers who lock the login outside must not
keep its owner from deciding."""
BY_ADDRESS = Limit("address", ADDRESS_SLOW_FROM, ADDRESS_LOCK_AT, ADDRESS_WINDOW, ADDRESS_WINDOW)
BY_CLIENT_ADDRESS = Limit("client-address", ADDRESS_SLOW_FROM, ADDRESS_LOCK_AT, ADDRESS_WINDOW, ADDRESS_WINDOW)
"""Service accounts are counted apart: a program with an old secret must not lock out its office's people."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt that was let through and counted as failed until it succeeds."""

    limit: Limit
    key: bytes
    failures: int
    until: datetime

    @property
    def locks(self) -> bool:
        """Whether this attempt, if it fails, is the one that locks."""
        return self.failures == self.limit.lock_at


class Throttle:
    """Counters in the database, shared by all processes of the service."""

    def __init__(self, pool: "AsyncConnectionPool[Any]", keeper: Keeper, clock: Callable[[], datetime]) -> None:
        self._pool, self._keeper, self._clock = pool, keeper, clock

    def key(self, limit: Limit, name: str) -> bytes:
        """Keyed digest of a login as typed or of an address."""
        told = name.encode("utf-8", "backslashreplace").decode()
        return self._keeper.digest(f"attempts {limit.kind} {told}")

    async def begin(self, limit: Limit, name: str) -> Attempt:
        """Count an attempt and let it through; raises Locked when it comes too early."""
        key, now = self.key(limit, name), self._clock()
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(_OPEN, (key, now, now + limit.window))
            row = await (await connection.execute(_READ, (key,))).fetchone()
            assert row is not None  # held since the insert, or found by it
            failures, until, ends_at = row
            if until > now:
                raise Locked((until - now).total_seconds())
            if ends_at <= now or failures >= limit.lock_at:
                failures, ends_at = 0, now + limit.window  # forgotten, or the lock is over: counted anew
            failures += 1
            until = now + limit.wait(failures)
            await connection.execute(_COUNT, (failures, until, max(ends_at, until), key))
        return Attempt(limit, key, failures, until)

    async def succeeded(self, attempt: Attempt) -> None:
        """The attempt was none of a guesser: clear its login's failures, give back its address's count."""
        async with self._pool.connection() as connection:
            if attempt.limit.cleared:
                await connection.execute("DELETE FROM access.attempts WHERE key = %s", (attempt.key,))
            else:
                await connection.execute(_GIVE_BACK, (attempt.until, self._clock(), attempt.key))

    async def clear(self, limit: Limit, name: str) -> None:
        """Forget the failures of a login or an address."""
        async with self._pool.connection() as connection:
            await connection.execute("DELETE FROM access.attempts WHERE key = %s", (self.key(limit, name),))


def network_of(address: str) -> str:
    """What an address is counted as: itself, or the /64 that one subscriber of IPv6 owns."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
