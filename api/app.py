"""The composition root: where the parts are put together, for the service and for tests."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

from anyio import CapacityLimiter
from fastapi import FastAPI
from psycopg_pool import AsyncConnectionPool
from starlette.routing import Route

from api import commands, integrators, operations, supervisors
from api.freshness import Freshness
from api.middleware import CanonicalLog
from api.openapi import describe
from api.problems import install
from api.security import Tokens
from application.database import service_conninfo
from application.store import Journal
from application.writer import Writer, utc_now
from domain.law.book import law_book
from projections.catalogue import read_models

FEED_READERS = 2
"""Pages of the feed read at once in a process; further readers wait."""


def create_app(url: str, tokens: Tokens, clock: Callable[[], datetime] = utc_now) -> FastAPI:
    """The service over one migrated database. ``clock`` gives the server's instant."""
    law = law_book()
    names = [model.name for model in read_models(law)]

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        state = app.state
        # The writer has a journal of its own: no reader of the feed takes its connection.
        writing, state.journal = Journal(url, pool_size=1), Journal(url, pool_size=FEED_READERS)
        state.writer = Writer(writing, law, clock)
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
        following = asyncio.create_task(state.freshness.run())
        try:
            yield
        finally:
            following.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await following
            await asyncio.to_thread(state.writer.stop)
            await pool.close()
            state.journal.close()
            writing.close()

    app = FastAPI(title="OCOP", version="0.1.0", lifespan=lifespan, redoc_url=None, redirect_slashes=False)
    app.state.law, app.state.tokens, app.state.clock = law, tokens, clock
    app.state.read_models = names
    # The two writing routes stand first and outside the framework's own body handling: see commands.py.
    app.router.routes[:0] = [
        Route("/v1/products/{product_id}/commands/{command}", commands.give_command, methods=["POST"]),
        Route("/v1/products", commands.open_journey, methods=["POST"]),
    ]
    for part in (commands, supervisors, integrators, operations):
        app.include_router(part.router)
    install(app)
    describe(app)
    app.add_middleware(CanonicalLog)
    return app
