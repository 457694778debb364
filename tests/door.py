"""The classes of application/access on a real database, with a clock that tests move and cheap hashes."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID, uuid4

import psycopg
from psycopg_pool import AsyncConnectionPool

from application.access import totp
from application.access.accounts import Accounts
from application.access.clients import Clients
from application.access.passwords import VERIFICATIONS, Passwords
from application.access.sessions import Opened, Session, Sessions
from application.database import service_conninfo
from application.keys import MemoryKeys
from application.seals import Keeper
from domain.refusals import Refusal
from tests.service import MASTER_KEY

T = TypeVar("T")
HERE, ELSEWHERE = "192.0.2.7", "198.51.100.9"
PHRASE = "mùa xuân trên bản Mường"


class Clock:
    """The server's instant, moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 2, 1, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


class Door:
    """Everything behind the door of one process; ``signing``: persons who sign, may grow."""

    def __init__(self, url: str, clock: Clock | None = None, keys: MemoryKeys | None = None) -> None:
        self.clock, self.url, self.signing = clock or Clock(), url, set[UUID]()
        self.keys = keys or MemoryKeys()
        self._runner = asyncio.Runner()
        self.run(self._open())

    async def _open(self) -> None:
        self.pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            service_conninfo(self.url), min_size=1, max_size=8, timeout=10, open=False, kwargs={"autocommit": True}
        )
        await self.pool.open()
        self.keeper = Keeper(bytes.fromhex(MASTER_KEY), self.keys)
        self.passwords = Passwords(memory_kib=64, passes=1)
        self.sessions = Sessions(self.pool, self.clock, lambda person: person in self.signing)
        self.accounts = Accounts(self.pool, self.keeper, self.clock, self.sessions, self.passwords)
        self.clients = Clients(self.pool, self.keeper, self.clock)

    def close(self) -> None:
        self.run(self.pool.close())
        self._runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def together(self, works: Iterable[Coroutine[Any, Any, Any]]) -> list[Any]:
        """All at once; refusals among the results."""

        async def gathered() -> list[Any]:
            return await asyncio.gather(*works, return_exceptions=True)

        return self.run(gathered())

    # ── Short words for what tests do all the time ─────────────────────────────────────────────────────

    def somebody(self, *, signs: bool = False) -> tuple[UUID, str]:
        """A person with an account whose password is PHRASE; the login."""
        person = uuid4()
        if signs:
            self.signing.add(person)
        login = f"can-bo.{person.hex[:12]}"
        once = self.run(self.accounts.open(person, login))
        session = self.log_in(login, once).session
        self.run(self.accounts.change_password(session, once, PHRASE, HERE))
        self.run(self.sessions.end_all(person))
        return person, login

    def with_totp(self, *, signs: bool = True) -> tuple[UUID, str, str]:
        """A person with a password and a TOTP secret in use: person, login, secret."""
        person, login = self.somebody(signs=signs)
        session = self.log_in(login).session
        secret = self.run(self.accounts.begin_totp(session)).secret
        self.run(self.accounts.confirm_totp(session, self.code(secret), HERE))
        self.run(self.sessions.end_all(person))
        self.clock.move(seconds=30)
        return person, login, secret

    def code(self, secret: str, **off: float) -> str:
        return totp.code_at(secret, self.clock() + timedelta(**off))

    def log_in(self, login: str, password: str = PHRASE, code: str = "", address: str = HERE) -> Opened:
        return self.run(self.accounts.log_in(login, password, code, address))

    def outcome(self, login: str, password: str = PHRASE, code: str = "", address: str = HERE) -> tuple[str, ...]:
        """What the caller is told: "in", or the refusal with all its words."""
        try:
            self.log_in(login, password, code, address)
        except Refusal as refused:
            return refused.code, refused.vi, refused.en, refused.hint_vi, refused.hint_en
        return ("in",)

    def session(self, token: str) -> Session | None:
        return self.run(self.sessions.session_of(token))

    def logged(self, person: UUID | None = None) -> list[str]:
        """What the log tells, of a person or of all."""
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(
                "SELECT what FROM access.log WHERE %s::uuid IS NULL OR person = %s ORDER BY id", (person, person)
            ).fetchall()
        return [what for (what,) in rows]


def verifications() -> float:
    """How many passwords were compared with a hash so far in this process."""
    return VERIFICATIONS._value.get()


def in_the_database(url: str, texts: Iterable[str]) -> set[str]:
    """Which of these texts stand anywhere in the database, in clear or as bytes."""
    with psycopg.connect(url) as connection:
        names = connection.execute(
            "SELECT schemaname, tablename FROM pg_tables WHERE schemaname IN ('access', 'ocop', 'read')"
        ).fetchall()
        everything = "\n".join(
            str(row)
            for schema, table in names
            for (row,) in connection.execute(f'SELECT t::text FROM "{schema}"."{table}" AS t').fetchall()
        )
    assert "can-bo." in everything  # it is the right database, and something stands there
    return {text for text in texts if text in everything or text.encode().hex() in everything}
