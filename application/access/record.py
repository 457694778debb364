"""The access log (nhật ký truy cập): what happened at the door, append-only by privilege and trigger."""

from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

_INSERT = "INSERT INTO access.log (at, what, person, login, client, address) VALUES (%s, %s, %s, %s, %s, %s)"


class Happened(StrEnum):
    """What the log tells. Stored: never renamed."""

    ACCOUNT_OPENED = "account-opened"
    ACCOUNT_RESET = "account-reset"
    ACCOUNT_CLOSED = "account-closed"
    LOGIN_SUCCEEDED = "login-succeeded"
    LOGIN_FAILED = "login-failed"
    LOGIN_LOCKED = "login-locked"
    LOGGED_OUT = "logged-out"
    PASSWORD_CHANGED = "password-changed"  # noqa: S105 the name of a happening
    TOTP_ENROLLED = "totp-enrolled"
    REAUTHENTICATED = "re-authenticated"
    CLIENT_REGISTERED = "client-registered"
    CLIENT_CLOSED = "client-closed"
    SECRET_ROTATED = "secret-rotated"  # noqa: S105 the name of a happening
    TOKEN_ISSUED = "client-token-issued"  # noqa: S105 the name of a happening
    TOKEN_REFUSED = "client-token-refused"  # noqa: S105 the name of a happening
    TOKEN_REVOKED = "client-token-revoked"  # noqa: S105 the name of a happening


async def note(
    connection: "AsyncConnection[Any]",
    at: datetime,
    what: Happened,
    *,
    person: UUID | None = None,
    login: str | None = None,
    client: str | None = None,
    address: str | None = None,
) -> None:
    """Write one line. ``login``: only that of an account that exists; ``address``: where the request came from."""
    await connection.execute(_INSERT, (at, what.value, person, login, client, address))
