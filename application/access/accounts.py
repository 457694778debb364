"""Local accounts (tài khoản): open, reset, close; log in, prove again, change the password, enrol a code.

A person is a UUID here and nothing else. Who may open or close an account is decided by the caller.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from anyio import to_thread
from prometheus_client import Counter
from psycopg.errors import UniqueViolation
from psycopg_pool import AsyncConnectionPool

from application.access import totp
from application.access.passwords import Passwords, check, one_time_password
from application.access.record import Happened, note
from application.access.refusals import (
    CodeHeld,
    CodeRefused,
    Locked,
    LoginRefused,
    LoginTaken,
    PasswordTooWeak,
    ProofNeeded,
)
from application.access.sessions import STEP_UP, Opened, Proof, Session, Sessions
from application.access.throttle import BY_ADDRESS, BY_LOGIN, BY_SESSION, Attempt, Limit, Throttle, network_of
from application.seals import Keeper
from domain.refusals import Invalid, NotFound
from domain.sealing import Sealed

FIRST_PASSWORD_LIVES = timedelta(days=7)
"""A one-time password that nobody used for a week is likely in the wrong hands or lost: have it reset."""
ABOUT_TOTP = "access totp"
"""What a sealed TOTP secret is bound to."""
LOGINS = Counter("ocop_logins", "Attempts to log in or to prove again, by outcome", ["outcome"])

_LOGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@+-]{2,63}")
_COLUMNS = "person, login, password_hash, password_at, first_password, totp, totp_pending, closed_at, last_login_at"
_BY_LOGIN = f'SELECT {_COLUMNS} FROM access.accounts WHERE lower(login COLLATE "C") = lower(%s COLLATE "C")'
_BY_PERSON = f"SELECT {_COLUMNS} FROM access.accounts WHERE person = %s"
_ALL = f'SELECT {_COLUMNS} FROM access.accounts ORDER BY lower(login COLLATE "C")'
_OPEN = (
    "INSERT INTO access.accounts AS a (person, login, password_hash, password_at, first_password, opened_at)"
    " VALUES (%s, %s, %s, %s, true, %s) ON CONFLICT (person) DO UPDATE SET login = excluded.login,"
    " password_hash = excluded.password_hash, password_at = excluded.password_at, first_password = true,"
    " totp = NULL, totp_pending = NULL, opened_at = excluded.opened_at, closed_at = NULL"
    " WHERE a.closed_at IS NOT NULL RETURNING person"
)
_RESET = (
    "UPDATE access.accounts SET password_hash = %s, password_at = %s, first_password = true,"
    " totp = CASE WHEN %s THEN NULL ELSE totp END, totp_pending = NULL"
    " WHERE person = %s AND closed_at IS NULL RETURNING login"
)
_CLOSE = "UPDATE access.accounts SET closed_at = %s WHERE person = %s AND closed_at IS NULL RETURNING login"
# One statement takes the login, the code and the hash it was proved against: a used code, a closed
# account and what changed meanwhile refuse it.
_TAKE = (
    "UPDATE access.accounts SET last_login_at = %s, password_hash = %s, totp_step = coalesce(%s, totp_step)"
    " WHERE person = %s AND closed_at IS NULL AND password_hash = %s AND totp IS NOT DISTINCT FROM %s"
    " AND (%s::bigint IS NULL OR totp_step IS NULL OR totp_step < %s) RETURNING person"
)
_CHANGE = (
    "UPDATE access.accounts SET password_hash = %s, password_at = %s, first_password = false"
    " WHERE person = %s AND closed_at IS NULL AND password_hash = %s RETURNING person"
)
_SHOW = "UPDATE access.accounts SET first_password = false, totp = %s WHERE person = %s"
_PEND = "UPDATE access.accounts SET totp_pending = %s WHERE person = %s AND closed_at IS NULL"
_ENROL = (
    "UPDATE access.accounts SET totp = totp_pending, totp_pending = NULL, totp_step = %s"
    " WHERE person = %s AND closed_at IS NULL AND totp_pending = %s RETURNING person"
)


@dataclass(frozen=True, slots=True)
class Account:
    """One row. ``totp``: whether a code is asked for beside the password."""

    person: UUID
    login: str
    first_password: bool
    totp: bool
    closed_at: datetime | None
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A TOTP secret that waits for its first code, as text and as otpauth:// address; told once."""

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Row:
    person: UUID
    login: str
    password_hash: str
    password_at: datetime
    first_password: bool
    totp: str | None
    totp_pending: str | None
    closed_at: datetime | None
    last_login_at: datetime | None


@dataclass(frozen=True, slots=True)
class _Proved:
    """What an attempt has shown so far; it counts when ``_TAKE`` took it."""

    row: _Row
    step: int | None
    fresh_hash: str
    attempts: tuple[Attempt, ...]

    @property
    def proof(self) -> Proof:
        return Proof.PASSWORD if self.step is None else Proof.TOTP


class Accounts:
    """All local accounts, over the service's pool."""

    def __init__(
        self,
        pool: "AsyncConnectionPool[Any]",
        keeper: Keeper,
        clock: Callable[[], datetime],
        sessions: Sessions,
        passwords: Passwords | None = None,
    ) -> None:
        self._pool, self._keeper, self._clock, self._sessions = pool, keeper, clock, sessions
        self._passwords = passwords or Passwords()
        self._throttle = Throttle(pool, keeper, clock)

    # ── By administrators ──────────────────────────────────────────────────────────────────────────────

    async def open(self, person: UUID, login: str) -> str:
        """Open an account, or a closed one again; its one-time password. Raises Invalid, LoginTaken."""
        if not _LOGIN.fullmatch(login):
            raise Invalid(
                "Tên đăng nhập gồm 3 đến 64 ký tự: chữ không dấu, số, . _ @ + -",
                "A login has 3 to 64 characters: ASCII letters, digits, . _ @ + -",
                field="login",
            )
        password, now = one_time_password(), self._clock()
        hashed = await self._passwords.hash(password)
        try:
            async with self._pool.connection() as connection, connection.transaction():
                row = await (await connection.execute(_OPEN, (person, login, hashed, now, now))).fetchone()
                if row is None:
                    raise LoginTaken
                await note(connection, now, Happened.ACCOUNT_OPENED, person=person, login=login)
        except UniqueViolation:
            raise LoginTaken from None
        await self._throttle.clear(BY_LOGIN, login.lower())
        return password

    async def open_for_show(self, person: UUID, login: str, *, code: bool) -> tuple[str, str | None]:
        """An account of the demonstration: as if the one-time password had been changed and a code enrolled.

        Its password, and its TOTP secret where ``code`` is asked for. Raises as ``open`` does.
        """
        password = await self.open(person, login)
        secret = totp.fresh_secret() if code else None
        sealed = await to_thread.run_sync(self._keeper.seal, person, ABOUT_TOTP, secret.encode()) if secret else None
        async with self._pool.connection() as connection:
            await connection.execute(_SHOW, (sealed.model_dump_json() if sealed else None, person))
        return password, secret

    async def reset(self, person: UUID, *, drop_totp: bool = False) -> str:
        """Give a new one-time password and end the sessions; ``drop_totp``: the phone is lost too."""
        password, now = one_time_password(), self._clock()
        hashed = await self._passwords.hash(password)
        async with self._pool.connection() as connection, connection.transaction():
            row = await (await connection.execute(_RESET, (hashed, now, drop_totp, person))).fetchone()
            if row is None:
                raise _no_account()
            await self._sessions.drop(connection, person)
            await note(connection, now, Happened.ACCOUNT_RESET, person=person, login=row[0])
        await self._throttle.clear(BY_LOGIN, row[0].lower())
        return password

    async def close(self, person: UUID) -> None:
        """Close the account and end the sessions; raises NotFound when there is none."""
        now = self._clock()
        async with self._pool.connection() as connection, connection.transaction():
            row = await (await connection.execute(_CLOSE, (now, person))).fetchone()
            if row is None:
                raise _no_account()
            await self._sessions.drop(connection, person)
            await note(connection, now, Happened.ACCOUNT_CLOSED, person=person, login=row[0])

    async def by_login(self, login: str) -> Account | None:
        """The account of a login, closed ones too."""
        row = await self._row(_BY_LOGIN, login) if _LOGIN.fullmatch(login) else None
        return _told(row) if row else None

    async def of(self, person: UUID) -> Account | None:
        """The account of a person, a closed one too."""
        row = await self._row(_BY_PERSON, person)
        return _told(row) if row else None

    async def listed(self) -> list[Account]:
        """All accounts by login."""
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(_ALL)).fetchall()
        return [_told(_Row(*row)) for row in rows]

    # ── By the person ──────────────────────────────────────────────────────────────────────────────────

    async def log_in(self, login: str, password: str, code: str, address: str) -> Opened:
        """Open a session for a login, password and, once one is enrolled, code.

        Raises LoginRefused, the same for whatever was wrong, and Locked.
        """
        found = await self._row(_BY_LOGIN, login) if _LOGIN.fullmatch(login) else None
        attempts = await self._begin(BY_LOGIN, login.lower(), address)
        proved = await self._prove(attempts, found, password, code, address)
        row, now = proved.row, self._clock()
        async with self._pool.connection() as connection, connection.transaction():
            taken = await (await connection.execute(_TAKE, self._taking(proved, now))).fetchone()
            if taken is not None:
                opened = await self._sessions.insert(
                    connection, row.person, proved.proof, first_password=row.first_password
                )
                await note(
                    connection, now, Happened.LOGIN_SUCCEEDED, person=row.person, login=row.login, address=address
                )
        if taken is None:
            raise await self._failed(row, proved.attempts, address)
        await self._succeeded(proved)
        return opened

    async def reauthenticate(self, session: Session, password: str, code: str, address: str) -> Opened:
        """Prove again who is there: a new token in the old one's place. Raises LoginRefused, Locked, NotFound."""
        found = await self._own(session)
        attempts = await self._begin(BY_SESSION, str(found.person), address)
        proved = await self._prove(attempts, found, password, code, address)
        now = self._clock()
        async with self._pool.connection() as connection, connection.transaction():
            taken = await (await connection.execute(_TAKE, self._taking(proved, now))).fetchone()
            if taken is not None:
                opened = await self._sessions.renew(connection, session, proof=proved.proof, proved=True)
                await note(
                    connection, now, Happened.REAUTHENTICATED, person=found.person, login=found.login, address=address
                )
        if taken is None:
            raise await self._failed(found, proved.attempts, address)
        await self._succeeded(proved)
        return opened

    async def change_password(self, session: Session, old: str, new: str, address: str) -> Opened:
        """Change the password: every session of the person ends, a new one takes this one's place.

        Raises PasswordTooWeak for the new one, LoginRefused for the old one, Locked, NotFound.
        """
        row = await self._own(session)
        check(new, row.login)
        if new == old:
            raise PasswordTooWeak("Mật khẩu mới trùng mật khẩu cũ.", "The new password is the old one.")
        attempts = await self._begin(BY_SESSION, str(row.person), address)
        if not await self._passwords.verify(row.password_hash, old):
            raise await self._failed(row, attempts, address)
        hashed, now = await self._passwords.hash(new), self._clock()
        async with self._pool.connection() as connection, connection.transaction():
            changed = await (await connection.execute(_CHANGE, (hashed, now, row.person, row.password_hash))).fetchone()
            if changed is None:
                raise LoginRefused
            opened = await self._sessions.renew(connection, session, proof=session.proof, proved=False, others=True)
            await note(connection, now, Happened.PASSWORD_CHANGED, person=row.person, login=row.login, address=address)
        for attempt in attempts:
            await self._throttle.succeeded(attempt)
        return opened

    async def begin_totp(self, session: Session) -> Enrolment:
        """A new TOTP secret, in use once confirmed by a code; raises ProofNeeded, NotFound, CodeHeld.

        One that is in use is replaced by nobody but an administrator's reset: whoever holds a session does not
        hold the phone.
        """
        row = await self._own(session)
        if row.totp is not None:
            raise CodeHeld
        if not session.proved_within(STEP_UP, self._clock()):
            raise ProofNeeded
        secret = totp.fresh_secret()
        sealed = await to_thread.run_sync(self._keeper.seal, row.person, ABOUT_TOTP, secret.encode())
        async with self._pool.connection() as connection:
            await connection.execute(_PEND, (sealed.model_dump_json(), row.person))
        return Enrolment(secret, totp.uri(secret, row.login))

    async def confirm_totp(self, session: Session, code: str, address: str) -> Opened:
        """Confirm the new secret by a code of it: the person's sessions end, a proved one takes this one's place.

        Raises CodeRefused, ProofNeeded, NotFound.
        """
        row, now = await self._own(session), self._clock()
        if not session.proved_within(STEP_UP, now):
            raise ProofNeeded
        step = totp.step_of(await self._unsealed(row.totp_pending), code, now) if row.totp_pending else None
        if step is None:
            raise CodeRefused
        async with self._pool.connection() as connection, connection.transaction():
            if await (await connection.execute(_ENROL, (step, row.person, row.totp_pending))).fetchone() is None:
                raise CodeRefused
            opened = await self._sessions.renew(connection, session, proof=Proof.TOTP, proved=False, others=True)
            await note(connection, now, Happened.TOTP_ENROLLED, person=row.person, login=row.login, address=address)
        return opened

    # ── Within ─────────────────────────────────────────────────────────────────────────────────────────

    async def _row(self, query: str, value: str | UUID) -> _Row | None:
        async with self._pool.connection() as connection:
            row = await (await connection.execute(query.encode(), (value,))).fetchone()
        return _Row(*row) if row else None

    async def _own(self, session: Session) -> _Row:
        row = await self._row(_BY_PERSON, session.person)
        if row is None or row.closed_at is not None:
            raise _no_account()
        return row

    async def _begin(self, limit: Limit, name: str, address: str) -> tuple[Attempt, ...]:
        by_address = await self._throttle.begin(BY_ADDRESS, network_of(address))
        try:
            return by_address, await self._throttle.begin(limit, name)
        except Locked:  # one locked login is not to lock everybody behind the same address
            await self._throttle.succeeded(by_address)
            raise

    async def _prove(
        self, attempts: tuple[Attempt, ...], row: _Row | None, password: str, code: str, address: str
    ) -> _Proved:
        """Compare one password and one code, whether or not there is such an account."""
        fits = await self._passwords.verify(row.password_hash if row else None, password)
        if row is None or not fits or self._expired(row):
            raise await self._failed(row, attempts, address)
        step = None
        if row.totp is not None:
            step = totp.step_of(await self._unsealed(row.totp), code, self._clock())
            if step is None:  # whether it was used already is for ``_TAKE`` to say
                raise await self._failed(row, attempts, address)
        outdated = self._passwords.outdated(row.password_hash)
        fresh = await self._passwords.hash(password) if outdated else row.password_hash
        return _Proved(row, step, fresh, attempts)

    def _expired(self, row: _Row) -> bool:
        return row.first_password and self._clock() - row.password_at > FIRST_PASSWORD_LIVES

    @staticmethod
    def _taking(proved: _Proved, now: datetime) -> tuple[Any, ...]:
        row, step = proved.row, proved.step
        return now, proved.fresh_hash, step, row.person, row.password_hash, row.totp, step, step

    async def _failed(self, row: _Row | None, attempts: tuple[Attempt, ...], address: str) -> LoginRefused:
        LOGINS.labels("refused").inc()
        now = self._clock()
        person, login = (row.person, row.login) if row else (None, None)
        async with self._pool.connection() as connection:
            await note(connection, now, Happened.LOGIN_FAILED, person=person, login=login, address=address)
            if any(attempt.locks for attempt in attempts):
                await note(connection, now, Happened.LOGIN_LOCKED, person=person, login=login, address=address)
        return LoginRefused()

    async def _succeeded(self, proved: _Proved) -> None:
        LOGINS.labels("succeeded").inc()
        for attempt in proved.attempts:
            await self._throttle.succeeded(attempt)

    async def _unsealed(self, sealed: str) -> str:
        box = Sealed.model_validate_json(sealed)
        return (await to_thread.run_sync(self._keeper.unseal, box, ABOUT_TOTP)).decode()


def _told(row: _Row) -> Account:
    return Account(row.person, row.login, row.first_password, row.totp is not None, row.closed_at, row.last_login_at)


def _no_account() -> NotFound:
    return NotFound(
        "Không có tài khoản cục bộ đang mở cho người này.",
        "There is no open local account of this person.",
        hint_vi="Nếu đăng nhập qua nhà cung cấp khác thì đổi mật khẩu và xác thực lại tại đó.",
        hint_en="If you log in by another provider, change passwords and prove yourself there.",
    )
