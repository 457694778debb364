"""The calendar's clock (đồng hồ lịch): what a day brings by itself is written down exactly once.

At midnight in Vietnam certificates run out, and reminders before their end become due. A read model says where
to look; the decision is taken on the product's own facts. Every order's id follows from what it records, so
restarts, repetitions and several processes at once write each fact once.
"""

import asyncio
import hashlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Protocol
from uuid import UUID, uuid5

import psycopg
import structlog

from application.handle import Order
from application.writer import Answer
from domain.law.book import LawBook
from domain.law.calendar import LEGAL_ZONE, legal_date
from domain.product.steps.certificate import RecordCertificateExpiry, RecordCertificateNotice, notice_due
from domain.refusals import NoRegime, Refusal
from domain.values import Actor, Role

log = structlog.get_logger(__name__)

DUE = UUID("6f636f70-0000-4000-8000-636c6f636b00")
"""Namespace of the ids of these orders. Never change it: facts would be written twice."""

BATCH = 500
PERIOD = 60.0
"""Seconds between looks: what came in during the day, by import for instance, is met soon too."""

ACTOR = Actor(person="ocop", office="hệ thống OCOP", role=Role.SYSTEM, area="VN")


@dataclass(frozen=True, slots=True)
class Ending:
    """A certificate with a mark before it or behind it; ``position`` puts them in order, page by page."""

    position: int
    product_id: UUID
    certificate_number: str
    last_day: date


class FindEndings(Protocol):
    """Where to look: read models, which may lag behind."""

    async def __call__(self, today: date, marks: tuple[int, ...], after: int, limit: int) -> list[Ending]:
        """Certificates over and not yet written so, or at a mark not yet written, after a position."""


class CalendarClock:
    """Run it once a process; ``tick`` does the work of a day and may be called at any time."""

    def __init__(
        self,
        run: Callable[[Order], Awaitable[Answer]],
        find: FindEndings,
        law: LawBook,
        now: Callable[[], datetime],
    ) -> None:
        self._run, self._find, self._law, self._now = run, find, law, now

    async def run(self, period: float = PERIOD) -> None:
        """At start, at each midnight in Vietnam, and every ``period`` seconds, until cancelled."""
        while True:
            try:
                await self.tick(legal_date(self._now()))
            except (psycopg.Error, OSError) as error:
                log.warning("calendar-waits-for-the-database", error=type(error).__name__)
            except Exception:
                log.exception("calendar-failed")
            await asyncio.sleep(min(period, _until_midnight(self._now())))

    async def tick(self, today: date) -> int:
        """Write what is due on a day; how many facts that made."""
        try:
            marks = self._law.regime_on(today).certificate.notices.days
        except NoRegime:
            marks = ()
        outcomes: Counter[str] = Counter()
        position = 0
        while endings := await self._find(today, marks, position, BATCH):
            position = endings[-1].position
            orders = [order for ending in endings if (order := order_for(ending, marks, today))]
            for outcome in await asyncio.gather(*map(self._run, orders), return_exceptions=True):
                outcomes[_name(outcome)] += 1
        if outcomes:
            log.info("calendar", today=today.isoformat(), **outcomes)
        return outcomes["written"]


def order_for(ending: Ending, marks: tuple[int, ...], today: date) -> Order | None:
    """What the day asks for: the expiry, or the nearest mark."""
    mark, last_day, number = notice_due(ending.last_day, marks, today), ending.last_day, ending.certificate_number
    if last_day < today:
        key = f"{ending.product_id}/{number}/expired/{last_day}"
        first_day_without = last_day + timedelta(days=1)
        return _order(key, ending, RecordCertificateExpiry(certificate_number=number, effective_on=first_day_without))
    if mark is not None:
        key = f"{ending.product_id}/{number}/notice/{mark}/{last_day}"
        return _order(key, ending, RecordCertificateNotice(certificate_number=number, days=mark))
    return None


def _order(key: str, ending: Ending, command: RecordCertificateExpiry | RecordCertificateNotice) -> Order:
    return Order(uuid5(DUE, key), ending.product_id, command, ACTOR, hashlib.sha256(key.encode()).digest())


def _name(outcome: Answer | BaseException) -> str:
    match outcome:
        case Answer(facts=facts, repeated=repeated):
            return "written" if facts and not repeated else "known"
        case Refusal():
            return "refused"
        case _:
            log.error("calendar-order-failed", error=f"{type(outcome).__name__}: {outcome}")
            return "failed"


def _until_midnight(now: datetime) -> float:
    here = now.astimezone(LEGAL_ZONE)
    midnight = datetime.combine(here.date() + timedelta(days=1), time(), LEGAL_ZONE)
    return (midnight - here).total_seconds()
