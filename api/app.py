"""The composition root: where the parts are put together, for the service and for tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any

from anyio import CapacityLimiter
from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool

from api import (
    access,
    commands,
    councils,
    dashboards,
    history,
    integrators,
    log,
    login,
    oauth,
    openid,
    operations,
    package,
    pages,
    personal_data,
    personnel,
    personnel_accounts,
    programmes,
    radar,
    regimes,
    supervisors,
)
from api.freshness import Freshness
from api.middleware import CanonicalLog
from api.openapi import describe
from api.problems import install
from application.access.accounts import Accounts
from application.access.clients import Clients
from application.access.housekeeping import sweep
from application.access.sessions import Sessions
from application.calendar_clock import CalendarClock
from application.database import service_conninfo
from application.directory import Directory
from application.keys import DatabaseKeys, key_pool
from application.proof.keys import LogKey
from application.seals import Keeper
from application.shredder import Shredder
from application.store import Journal
from application.wording import SheetWording
from application.writer import Writer, utc_now
from domain.law.book import law_book
from domain.proof.note import Checkpoint
from projections.catalogue import read_models
from projections.certificates import endings_in
from projections.erasures import granted_in
from projections.personal import cases_in

FEED_READERS = 2
"""Pages of the feed read at once in a process; further readers wait."""


def create_app(
    url: str,
    master: bytes,
    clock: Callable[[], datetime] = utc_now,
    wordings: Mapping[str, SheetWording] | None = None,
    public_url: str = "http://127.0.0.1:8000",
    keys_url: str = "",
    openid_door: openid.OpenIDDoor | None = None,
    log_key: LogKey | None = None,
    missing: Checkpoint | None = None,
) -> FastAPI:
    """The service over one migrated database and one key store, ``keys_url``.

    ``master``: the key that sealed content's keys are wrapped with. ``clock`` gives the server's instant.
    ``wordings``: imported official wording by sheet; it is shown and nothing else. ``public_url``: the address that
    browsers use. ``log_key``: what checkpoints are signed with; ``missing``: one that the database does not hold, so
    that nothing is added to it. ``openid_door``: login with an OpenID provider; without one its routes answer 404.
    """
    law = law_book()
    names = [model.name for model in read_models(law)]

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state = app.state
        # The writer has a journal of its own: no reader of the feed takes its connection.
        writing, state.journal = Journal(url, pool_size=1), Journal(url, pool_size=FEED_READERS)
        # Nor one that asks who may do what.
        knowing = Journal(url, pool_size=FEED_READERS)
        state.directory = Directory(knowing, law, CapacityLimiter(FEED_READERS), clock)
        keys = key_pool(keys_url)
        state.keeper = Keeper(master, DatabaseKeys(keys))
        state.writer = Writer(writing, law, state.keeper, clock, missing)
        state.feed = CapacityLimiter(FEED_READERS)
        state.freshness = Freshness(url, names)
        pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
            service_conninfo(url),
            min_size=1,
            max_size=8,
            timeout=5,
            reconnect_timeout=5,
            open=False,
            kwargs={"autocommit": True},
        )
        state.pool = pool
        await pool.open()
        state.sessions = Sessions(pool, clock, state.directory.signs)
        state.accounts = Accounts(pool, state.keeper, clock, state.sessions)
        state.clients = Clients(pool, state.keeper, clock)
        state.writer.start(asyncio.get_running_loop())
        calendar = CalendarClock(state.writer.run, endings_in(pool), law, clock)
        shredder = Shredder(
            state.writer.run, state.journal.command, state.keeper, granted_in(pool), cases_in(pool), law, clock
        )
        # On an older state nothing is written, and no key destroyed: what kept it may be in what is missing.
        running = [part.run() for part in (state.freshness, *(() if missing else (calendar, shredder)))]
        beside = [asyncio.create_task(part) for part in (*running, sweep(pool, clock))]
        try:
            yield
        finally:
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)
            await asyncio.to_thread(state.writer.stop)
            await pool.close()
            await asyncio.to_thread(keys.close)
            state.journal.close()
            knowing.close()
            writing.close()

    app = FastAPI(
        title="OCOP",
        version="0.1.0",
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # ours: one line a request, /metrics
    )
    app.state.law, app.state.clock = law, clock
    app.state.public_url = public_url
    app.state.read_models, app.state.wordings = names, wordings or {}
    app.state.openid, app.state.log_key, app.state.missing = openid_door, log_key, missing
    if openid_door is not None:
        name = openid_door.settings.name
        app.state.login_ways = [{"href": openid.LOGIN, "vi": f"Đăng nhập bằng {name}", "en": f"Log in with {name}"}]
    # The writing routes stand first and outside the framework's own body handling: see commands.py.
    app.router.routes[:0] = commands.ROUTES
    parts = (
        commands,
        supervisors,
        history,
        radar,
        councils,
        programmes,
        dashboards,
        integrators,
        personal_data,
        regimes,
        package,
        log,
        operations,
    )
    for part in (*parts, login, oauth, access, pages, openid, personnel, personnel_accounts):
        app.include_router(part.router)
    install(app)
    describe(app)
    app.add_middleware(CanonicalLog)
    return app
