"""Housekeeping: what has ended is deleted now and then. The log stays."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Any, LiteralString

import psycopg
import structlog
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from application.access.sessions import IDLE

log = structlog.get_logger(__name__)

SWEEP_EVERY = 600.0
"""Seconds between two sweeps: what has ended is refused anyway, deleting it only keeps tables small."""

_SWEEPS: tuple[LiteralString, ...] = (
    "DELETE FROM access.sessions WHERE ends_at <= %(now)s OR seen_at <= %(idle)s",
    "DELETE FROM access.client_tokens WHERE ends_at <= %(now)s",
    "DELETE FROM access.client_secrets WHERE ends_at <= %(now)s",
    "DELETE FROM access.attempts WHERE ends_at <= %(now)s AND until <= %(now)s",
)


async def sweep_once(pool: "AsyncConnectionPool[Any]", now: datetime) -> int:
    """Delete what has ended by ``now``; how many rows."""
    gone = 0
    async with pool.connection() as connection:
        for statement in _SWEEPS:
            gone += (await connection.execute(statement, {"now": now, "idle": now - IDLE})).rowcount
    return gone


async def sweep(pool: "AsyncConnectionPool[Any]", clock: Callable[[], datetime], every: float = SWEEP_EVERY) -> None:
    """Sweep again and again until cancelled; a database that is away is tried next time."""
    while True:
        try:
            await sweep_once(pool, clock())
        except (psycopg.Error, PoolTimeout, OSError) as error:
            log.warning("sweep-failed", error=type(error).__name__)
        await asyncio.sleep(every)
