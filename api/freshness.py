"""How far the read models have come, so that a reader can wait for its own writing."""

import asyncio

import psycopg
import structlog

from api.problems import Problem
from application.database import service_conninfo

log = structlog.get_logger(__name__)

POSITION = "SELECT coalesce(min(position), 0) FROM read.models WHERE active AND name = ANY(%s)"
PATIENCE = 5.0


class Freshness:
    """Listens to the projector; one connection a process."""

    def __init__(self, url: str, names: list[str]) -> None:
        self._names = names
        self._conninfo = service_conninfo(url, application_name="ocop-freshness")
        self._moved = asyncio.Condition()
        self.position = 0

    async def run(self) -> None:
        """Follow until cancelled; reconnects after any failure."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._conninfo, autocommit=True) as connection:
                    await connection.execute("LISTEN ocop_read")
                    while True:
                        row = await (await connection.execute(POSITION, (self._names,))).fetchone()
                        await self._reached(int(row[0]) if row else 0)
                        async for notice in connection.notifies(timeout=1.0):
                            await self._reached(int(notice.payload))
            except (psycopg.Error, OSError) as error:
                log.warning("freshness-restarts", error=type(error).__name__)
                await asyncio.sleep(0.5)

    async def _reached(self, position: int) -> None:
        async with self._moved:
            self.position = max(self.position, position)
            self._moved.notify_all()

    async def wait(self, position: int | None) -> None:
        """Until the read models have reached a position; a 503 problem when they lag too far."""
        if position is None or self.position >= position:
            return
        try:
            async with asyncio.timeout(PATIENCE), self._moved:
                await self._moved.wait_for(lambda: self.position >= position)
        except TimeoutError as error:
            raise Problem(
                "not-ready",
                f"Dữ liệu đọc mới đến vị trí {self.position}, chưa tới {position}.",
                f"The read models are at position {self.position}, not yet at {position}.",
                hint_vi="Thử lại sau giây lát.",
                hint_en="Try again in a moment.",
            ) from error
