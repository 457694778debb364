"""The composition root: where the parts are put together, for the service and for tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from datetime import datetime
from typing import Any

from anyio import CapacityLimiter
from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from api import commands, councils, integrators, openid, operations, regimes, supervisors
from api.freshness import Freshness
from api.middleware import CanonicalLog
from api.openapi import describe
from api.problems import install
from api.security import Tokens
from application.calendar_clock import CalendarClock
from application.database import service_conninfo
from application.seals import DatabaseKeys, Keeper
from application.store import Journal
from application.wording import SheetWording
from application.writer import Writer, utc_now
from domain.law.book import law_book
from projections.catalogue import read_models
from projections.certificates import endings_in

FEED_READERS = 2
"""Pages of the feed read at once in a process; further readers wait."""


def create_app(
    url: str,
    tokens: Tokens,
    master: bytes,
    clock: Callable[[], datetime] = utc_now,
    wordings: Mapping[str, SheetWording] | None = None,
    openid_door: openid.OpenIDDoor | None = None,
) -> FastAPI:
    """The service over one migrated database.

    ``master``: the key that sealed content's keys are wrapped with. ``clock`` gives the server's instant.
    ``wordings``: imported official wording by sheet; it is shown and nothing else.
    ``openid_door``: login with an OpenID provider; without one its routes answer 404.
    """
    law = law_book()
    names = [model.name for model in read_models(law)]

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state = app.state
        # The writer has a journal of its own: no reader of the feed takes its connection.
        writing, state.journal = Journal(url, pool_size=1), Journal(url, pool_size=FEED_READERS)
        keys: ConnectionPool[Any] = ConnectionPool(
            service_conninfo(url), min_size=1, max_size=2, timeout=5, kwargs={"autocommit": True}
        )
        state.keeper = Keeper(master, DatabaseKeys(keys))
        state.writer = Writer(writing, law, state.keeper, clock)
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
        state.writer.start(asyncio.get_running_loop())
        calendar = CalendarClock(state.writer.run, endings_in(pool), law, clock)
        beside = [asyncio.create_task(state.freshness.run()), asyncio.create_task(calendar.run())]
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
            writing.close()

    app = FastAPI(title="OCOP", version="0.1.0", lifespan=lifespan, redoc_url=None, redirect_slashes=False)
    app.state.law, app.state.tokens, app.state.clock = law, tokens, clock
    app.state.read_models, app.state.wordings = names, wordings or {}
    app.state.openid = openid_door
    # The writing routes stand first and outside the framework's own body handling: see commands.py.
    app.router.routes[:0] = commands.ROUTES
    for part in (commands, supervisors, councils, integrators, regimes, operations, openid):
        app.include_router(part.router)
    install(app)
    describe(app)
    app.add_middleware(CanonicalLog)
    return app
