"""Sessions (phiên đăng nhập): who is behind a token, how that was proved and when, until when it holds."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from application.access.record import Happened, note
from application.access.refusals import LoginRefused
from application.access.tokens import LONGEST as LONGEST_TOKEN
from application.access.tokens import Recent, fresh_token, key_of

IDLE = timedelta(minutes=30)
"""A session nobody uses for this long has ended: the desk is likely empty."""
ABSOLUTE = timedelta(hours=8)
"""A session ends after a working day, used or not; re-authentication does not lengthen it."""
SEEN_EVERY = timedelta(minutes=1)
"""How often the use of a session is written: ends by idleness are early by this at most, and reads stay reads."""
STEP_UP = 300
"""Seconds for which a full authentication is fresh enough for weighty acts."""

_COLUMNS = "person, proof, first_password, opened_at, seen_at, proved_at, ends_at"
_INSERT = f"INSERT INTO access.sessions (key, {_COLUMNS}) VALUES (%s, %s, %s, %s, %s, %s, %s, %s)"
_SELECT = f"SELECT key, {_COLUMNS} FROM access.sessions WHERE key = %s"
_OF_PERSON = f"SELECT key, {_COLUMNS} FROM access.sessions WHERE person = %s ORDER BY opened_at"
_SEEN = "UPDATE access.sessions SET seen_at = %s WHERE key = %s AND seen_at < %s"
_END = "DELETE FROM access.sessions WHERE key = %s RETURNING person"


class Proof(StrEnum):
    """How it was proved who is there."""

    PASSWORD = "password"  # noqa: S105 the name of a proof
    TOTP = "totp"  # password and code
    OPENID = "openid"


@dataclass(frozen=True, slots=True)
class Session:
    """One login. ``key``: SHA-256 of its token. ``csrf``: what its forms carry; made from the token, not stored.

    ``first_password``: it was opened with a one-time password. ``must_enrol_totp``: the person signs and has
    proved a password only. A ``limited`` session may do nothing but mend that.
    """

    key: bytes
    person: UUID
    proof: Proof
    first_password: bool
    opened_at: datetime
    seen_at: datetime
    proved_at: datetime
    ends_at: datetime
    must_enrol_totp: bool = False
    csrf: str = field(default="", repr=False)

    @property
    def limited(self) -> bool:
        """Whether it may only change the password or enrol a code so far."""
        return self.first_password or self.must_enrol_totp

    def proved_within(self, seconds: float, now: datetime) -> bool:
        """Whether the last full authentication is at most so many seconds old."""
        return now - self.proved_at <= timedelta(seconds=seconds)

    def alive(self, now: datetime) -> bool:
        """Neither idle for too long nor at its end."""
        return now < self.ends_at and now - self.seen_at < IDLE


@dataclass(frozen=True, slots=True)
class Opened:
    """A session just opened and the token for its holder, who is told it once."""

    token: str = field(repr=False)
    session: Session


def nobody_signs(_: UUID) -> bool:
    """For wirings without persons who sign."""
    return False


class Sessions:
    """Opens, finds and ends sessions; those found are believed for two seconds in this process.

    ``signs``: whether a person may put a signature to decisions and so must prove a code beside the password.
    """

    def __init__(
        self,
        pool: "AsyncConnectionPool[Any]",
        clock: Callable[[], datetime],
        signs: Callable[[UUID], bool] = nobody_signs,
    ) -> None:
        self._pool, self._clock, self._signs = pool, clock, signs
        self._recent: Recent[Session] = Recent(clock)

    async def session_of(self, token: str) -> Session | None:
        """The session behind a token, if it lives; its use is noted at most once a minute."""
        if not 0 < len(token) <= LONGEST_TOKEN:
            return None
        key, now = key_of(token), self._clock()
        session = self._recent.get(key)
        if session is None:
            async with self._pool.connection() as connection:
                row = await (await connection.execute(_SELECT, (key,))).fetchone()
                if row is None:
                    return None
                session = self._told(row, token)
                if session.alive(now) and now - session.seen_at >= SEEN_EVERY:
                    await connection.execute(_SEEN, (now, key, now))
                    session = replace(session, seen_at=now)
            self._recent.keep(key, session, now)
        return session if session.alive(now) else None

    async def of_person(self, person: UUID) -> list[Session]:
        """A person's living sessions, oldest first; without their csrf, since nobody holds their tokens here."""
        now = self._clock()
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_OF_PERSON, (person,))).fetchall()
        return [session for row in rows if (session := self._told(row)).alive(now)]

    async def open_for(
        self,
        person: UUID,
        *,
        proof: Proof | str = Proof.PASSWORD,
        proved_at: datetime | None = None,
        address: str | None = None,
    ) -> str:
        """Open a session for somebody who was proved elsewhere (OpenID), and return its token.

        ``proved_at``: when that was, if not just now; an old login elsewhere is no fresh proof here.
        """
        async with self._pool.connection() as connection, connection.transaction():
            opened = await self.insert(connection, person, Proof(proof), proved_at=proved_at)
            await note(connection, self._clock(), Happened.LOGIN_SUCCEEDED, person=person, address=address)
        return opened.token

    async def insert(
        self,
        connection: "AsyncConnection[Any]",
        person: UUID,
        proof: Proof,
        *,
        first_password: bool = False,
        proved_at: datetime | None = None,
    ) -> Opened:
        """Open a session within the caller's transaction."""
        now = self._clock()
        return await self._insert(
            connection,
            Session(
                b"",
                person,
                proof,
                first_password,
                opened_at=now,
                seen_at=now,
                proved_at=proved_at or now,
                ends_at=now + ABSOLUTE,
            ),
        )

    async def renew(
        self, connection: "AsyncConnection[Any]", session: Session, *, proof: Proof, proved: bool, others: bool = False
    ) -> Opened:
        """Put a session with a new token in the old one's place, within the caller's transaction.

        ``proved``: the person was authenticated in full just now. ``others``: end the person's other sessions too.
        Raises LoginRefused when the old one was ended meanwhile. It ends when the old one would have.
        """
        now = self._clock()
        gone = await (await connection.execute(_END, (session.key,))).fetchone()
        if gone is None:
            raise LoginRefused
        if others:
            await connection.execute("DELETE FROM access.sessions WHERE person = %s", (session.person,))
        self._recent.forget(lambda s: s.key == session.key or (others and s.person == session.person))
        return await self._insert(
            connection,
            replace(
                session,
                proof=proof,
                first_password=session.first_password and not others,
                seen_at=now,
                proved_at=now if proved else session.proved_at,
            ),
        )

    async def reproved(self, session: Session, proof: Proof | str, address: str | None = None) -> Opened:
        """Renew the session of somebody who was proved again elsewhere (OpenID)."""
        async with self._pool.connection() as connection, connection.transaction():
            opened = await self.renew(connection, session, proof=Proof(proof), proved=True)
            await note(connection, self._clock(), Happened.REAUTHENTICATED, person=session.person, address=address)
        return opened

    async def end(self, token: str, address: str | None = None) -> None:
        """Log out: the token is dead here at once and in every process within two seconds."""
        key = key_of(token)
        self._recent.forget(lambda s: s.key == key)
        async with self._pool.connection() as connection, connection.transaction():
            row = await (await connection.execute(_END, (key,))).fetchone()
            if row is not None:
                await note(connection, self._clock(), Happened.LOGGED_OUT, person=row[0], address=address)

    async def end_all(self, person: UUID, address: str | None = None) -> int:
        """End every session of a person; how many there were."""
        async with self._pool.connection() as connection, connection.transaction():
            ended = await self.drop(connection, person)
            if ended:
                await note(connection, self._clock(), Happened.LOGGED_OUT, person=person, address=address)
        return ended

    async def drop(self, connection: "AsyncConnection[Any]", person: UUID) -> int:
        """End every session of a person within the caller's transaction."""
        self._recent.forget(lambda s: s.person == person)
        return (await connection.execute("DELETE FROM access.sessions WHERE person = %s", (person,))).rowcount

    async def _insert(self, connection: "AsyncConnection[Any]", session: Session) -> Opened:
        s, token = session, fresh_token()
        key = key_of(token)
        await connection.execute(
            _INSERT,
            (key, s.person, s.proof.value, s.first_password, s.opened_at, s.seen_at, s.proved_at, s.ends_at),
        )
        return Opened(token, self._judged(replace(s, key=key, csrf=csrf_of(token))))

    def _told(self, row: tuple[Any, ...], token: str = "") -> Session:
        key, person, proof, first_password, opened_at, seen_at, proved_at, ends_at = row
        csrf = csrf_of(token) if token else ""
        return self._judged(
            Session(bytes(key), person, Proof(proof), first_password, opened_at, seen_at, proved_at, ends_at, csrf=csrf)
        )

    def _judged(self, session: Session) -> Session:
        only_password = session.proof is Proof.PASSWORD
        return replace(session, must_enrol_totp=only_password and self._signs(session.person))


def csrf_of(token: str) -> str:
    """What the forms of a session carry: nobody without the token can make it, and it does not give the token away."""
    return hashlib.sha256(b"csrf " + token.encode("utf-8", "replace")).hexdigest()
