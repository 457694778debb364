"""The real service with the OpenID login on, as a process; sessions are rows of a table made for the tests.

``python -m tests.openid_service``, on the database and port of the settings. ``POST /test/door`` sets the login up
anew, as a restart would; ``POST /test/clock`` puts the clock ahead by so many seconds.
"""

import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import uvicorn
from fastapi import FastAPI, Request, Response

from api.app import create_app
from api.openid import OpenIDDoor, ProvenLogin
from application.database import service_conninfo
from application.logs import configure_logs
from application.seals import secret_of
from application.settings import OpenIDSettings, Settings
from application.writer import utc_now
from tests.conftest import projector_for

SESSIONS = (
    "CREATE TABLE IF NOT EXISTS read.test_sessions (token text PRIMARY KEY, person uuid, acr text, amr text[],"
    " auth_time timestamptz, step_up boolean)"
)
COOKIE = "ocop-session"


async def open_session(request: Request, response: Response, login: ProvenLogin) -> None:
    """A session as simple as can be: a row, and its token in a cookie."""
    token = secrets.token_urlsafe(32)
    row = (token, login.person, login.acr, list(login.amr), login.auth_time, login.step_up)
    async with request.app.state.pool.connection() as connection:
        await connection.execute("INSERT INTO read.test_sessions VALUES (%s, %s, %s, %s, %s, %s)", row)
    response.set_cookie(COOKIE, token, httponly=True, samesite="lax")


def application(settings: Settings) -> FastAPI:
    assert settings.database_url
    ahead = timedelta()

    def clock() -> datetime:
        return utc_now() + ahead

    def door() -> OpenIDDoor | None:
        found = OpenIDSettings.of(settings)
        return OpenIDDoor(found, open_session, clock) if found else None

    master = secret_of(settings.master_key, settings.master_key_file)
    app = create_app(settings.database_url, master, clock, keys_url=settings.keys_url or "", openid_door=door())

    @app.post("/test/door", include_in_schema=False)
    async def set_up_anew() -> None:
        app.state.openid = door()

    @app.post("/test/clock", include_in_schema=False)
    async def put_ahead(seconds: int) -> None:
        nonlocal ahead
        ahead = timedelta(seconds=seconds)

    @app.get("/test/me", include_in_schema=False)
    async def me(request: Request) -> dict[str, Any]:
        async with request.app.state.pool.connection() as connection:
            query = "SELECT person, acr, amr, auth_time, step_up FROM read.test_sessions WHERE token = %s"
            row = await (await connection.execute(query, (request.cookies.get(COOKIE, ""),))).fetchone()
        return dict(zip(("person", "acr", "amr", "auth_time", "step_up"), row, strict=True)) if row else {}

    return app


def main(build: Callable[[Settings], FastAPI] = application) -> None:
    settings = Settings.from_environment()
    configure_logs("json")
    assert settings.database_url
    with projector_for(settings.database_url).connect() as connection:
        projector_for(settings.database_url).ensure_tables(connection)
    with psycopg.connect(service_conninfo(settings.database_url), autocommit=True) as connection:
        connection.execute(SESSIONS)
    uvicorn.run(build(settings), host=settings.host, port=settings.port, log_level="warning", access_log=False)


if __name__ == "__main__":
    main()
