"""The shredder (hủy khóa): carries out what was decided on requests to erase, and retention times that are over.

First the keys are destroyed, then the fact is appended. Both follow from what they carry out: a restart in between,
a repetition and several processes at once destroy nothing more and write each fact once. What fails is logged,
counted and tried again later; the others go on.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Protocol
from uuid import UUID, uuid5

import psycopg
import structlog
from prometheus_client import Counter

from application.calendar_clock import ACTOR
from application.handle import Order
from application.keys import Key
from application.seals import Keeper
from application.store import StoreError
from application.writer import Answer
from domain.law.book import LawBook
from domain.law.calendar import add_months, legal_date
from domain.personal import PURPOSES
from domain.subject.commands import RecordKeysDestroyed
from domain.subject.facts import DestroyedKey

log = structlog.get_logger(__name__)

SHREDDING = UUID("6f636f70-0000-4000-8000-736872656400")
"""Namespace of the ids of these orders. Never change it: facts would be written twice."""

PERIOD = 5.0
"""Seconds between looks for decisions."""
RETENTION_PERIOD = 600.0
"""Seconds between looks for retention times that are over."""
RETRY_FIRST, RETRY_LONGEST = timedelta(seconds=30), timedelta(hours=1)
"""How long what failed waits: at first, and at most; doubled with each failure."""
BATCH = 500
FAILED = Counter("ocop_shredder_failures_total", "Failed attempts to destroy keys and record it", ["ground"])
_RETENTION = "retention:"


@dataclass(frozen=True, slots=True)
class Granted:
    """A decision to erase that is not carried out yet, by its version in a dossier of the subject."""

    dossier: UUID
    subject: UUID
    decision: int
    decided_on: date
    purposes: tuple[str, ...]

    @property
    def place(self) -> tuple[date, UUID, int]:
        """Its place in the order in which decisions are carried out."""
        return self.decided_on, self.dossier, self.decision


FIRST = (date.min, UUID(int=0), 0)
"""Before the place of every decision."""


@dataclass(frozen=True, slots=True)
class Case:
    """What a key's facts belong to: the day the last of their cases ended; None while one runs."""

    key: UUID
    ended_on: date | None


@dataclass(frozen=True, slots=True)
class Horizon:
    """When a case counts as ended that nobody ended: its last fact is of ``quiet_since`` or before.

    A certificate that holds ``today`` is no idle case.
    """

    today: date
    quiet_since: date


class FindGranted(Protocol):
    """Where to look for decisions: a read model, which may lag behind."""

    async def __call__(self, after: tuple[date, UUID, int], limit: int) -> list[Granted]:
        """Decisions to carry out, the oldest first, after a place in that order."""


class Cases(Protocol):
    """Where to look for cases: read models."""

    async def ended(self, horizon: Horizon, by: date, after: UUID, limit: int) -> list[Case]:
        """Keys whose cases have all ended by a day, in their order after one; none while the read models lag."""

    async def of_keys(self, horizon: Horizon, keys: Sequence[UUID]) -> list[Case]:
        """What these keys' facts belong to."""


class Shredder:
    """Run it once a process; ``tick`` and ``retain`` may be called at any time."""

    def __init__(
        self,
        run: Callable[[Order], Awaitable[Answer]],
        done: Callable[[UUID], Any],
        keeper: Keeper,
        granted: FindGranted,
        cases: Cases,
        law: LawBook,
        now: Callable[[], datetime],
    ) -> None:
        """``done``: what is stored under a command's id, if anything."""
        self._run, self._done, self._keeper = run, done, keeper
        self._granted, self._cases, self._law, self._now = granted, cases, law, now
        self._settled: date | None = None
        self._waiting: dict[UUID, tuple[datetime, timedelta]] = {}

    async def run(self, period: float = PERIOD, retention_period: float = RETENTION_PERIOD) -> None:
        """At start and again after each period, until cancelled."""
        loop = asyncio.get_running_loop()
        retained = -retention_period
        while True:
            try:
                await self.tick()
                over = loop.time() - retained >= retention_period
                # What it writes puts the read models behind for a moment: it goes on soon, until nothing is left.
                if over and not await self.retain(legal_date(self._now())):
                    retained = loop.time()
            except (psycopg.Error, StoreError, OSError) as error:
                log.warning("shredder-waits-for-the-database", error=type(error).__name__)
            except Exception:
                log.exception("shredder-failed")
            await asyncio.sleep(period)

    async def tick(self) -> int:
        """Carry out what was granted, the oldest decision first; how many decisions that were."""
        done, after = 0, FIRST
        while page := await self._granted(after, BATCH):
            after = page[-1].place
            for granted in page:
                command_id = uuid5(SHREDDING, f"{granted.dossier}/request/{granted.decision}")
                done += await self._tried(command_id, "request", partial(self._carry_out, command_id, granted))
        if done:
            log.info("erasures-carried-out", decisions=done)
        return done

    async def _carry_out(self, command_id: UUID, granted: Granted) -> bool:
        # The read model may lag: what is on record was destroyed, and what came since is another generation's.
        if await asyncio.to_thread(self._done, command_id) is not None:
            return False
        why = f"request:{granted.dossier}:{granted.decision}"
        keys = await asyncio.to_thread(self._keeper.destroy, granted.subject, granted.purposes, why)
        await self._record(command_id, granted.dossier, "request", granted.decision, granted.purposes, keys)
        return True

    async def _tried(self, what: UUID, ground: str, work: Callable[[], Awaitable[bool]]) -> bool:
        """Do it unless it failed a short while ago; whether something was done. A failure stops nothing else."""
        until, wait = self._waiting.get(what, (None, RETRY_FIRST))
        if until is not None and self._now() < until:
            return False
        try:
            done = await work()
        except Exception as error:
            FAILED.labels(ground).inc()
            log.warning("shredding-failed", what=str(what), ground=ground, error=type(error).__name__)
            self._waiting[what] = (self._now() + wait, min(wait * 2, RETRY_LONGEST))
            return False
        self._waiting.pop(what, None)
        return done

    async def retain(self, today: date) -> int:
        """Destroy keys whose retention time is over; how many facts that made. To be called again until it is none."""
        settled = await self._settle(today)
        months: dict[str, int] = {purpose: self._months(purpose) for purpose in PURPOSES}
        horizon = Horizon(today, add_months(today, -self._months("idle")))
        by, after, gone = add_months(today, -min(months.values())), UUID(int=0), 0
        while cases := await self._cases.ended(horizon, by, after, BATCH):
            after = cases[-1].key
            for key in await self._due([case.key for case in cases], months, horizon):
                why = f"{_RETENTION}{key.key_id}"
                command_id = uuid5(SHREDDING, f"{key.subject}/{why}")
                gone += await self._tried(command_id, "retention", partial(self._end, command_id, key, why))
        if gone:
            log.info("retention-times-over", keys=gone)
        return settled + gone

    async def _end(self, command_id: UUID, key: Key, why: str) -> bool:
        destroyed = await asyncio.to_thread(self._keeper.destroy, key.subject, [key.purpose], why)
        return await self._write_retained(command_id, key.subject, destroyed)

    async def _due(self, candidates: Sequence[UUID], months: dict[str, int], horizon: Horizon) -> list[Key]:
        """Of some keys whose cases ended: the living ones whose subject has no other case within its time."""
        found = await asyncio.to_thread(self._keeper.known, candidates)
        subjects = sorted({key.subject for key in found if key.wrapped is not None})
        alive = [k for k in await asyncio.to_thread(self._keeper.keys_of, subjects) if k.wrapped is not None]
        cases = await self._cases.of_keys(horizon, [key.key_id for key in alive])
        ended = {case.key: case.ended_on for case in cases}
        last: dict[UUID, date | None] = {}
        for key in alive:
            end, before = ended.get(key.key_id), last.get(key.subject, date.min)
            last[key.subject] = None if end is None or before is None else max(end, before)
        due = []
        for key in alive:
            end = last[key.subject]
            if key.key_id in candidates and end is not None and add_months(end, months[key.purpose]) <= horizon.today:
                due.append(key)
        return due

    async def _settle(self, today: date) -> int:
        """Once a day, and while something waits: keys that a retention destroyed and whose fact was left unwritten."""
        if self._settled == today and not self._waiting:
            return 0
        gone = await asyncio.to_thread(self._keeper.destroyed)
        written = await self._retained(key for key in gone if (key.why or "").startswith(_RETENTION))
        self._settled = today
        return written

    async def _retained(self, keys: Iterable[Key]) -> int:
        written = 0
        by_subject: dict[tuple[UUID, str], list[Key]] = defaultdict(list)
        for key in keys:
            by_subject[key.subject, key.why or ""].append(key)
        for (subject, why), destroyed in by_subject.items():
            command_id = uuid5(SHREDDING, f"{subject}/{why}")
            write = partial(self._write_retained, command_id, subject, destroyed)
            written += await self._tried(command_id, "retention", write)
        return written

    async def _write_retained(self, command_id: UUID, subject: UUID, destroyed: Sequence[Key]) -> bool:
        if await asyncio.to_thread(self._done, command_id) is not None:
            return False
        purposes = tuple(sorted({key.purpose for key in destroyed}))
        await self._record(command_id, subject, "retention", None, purposes, destroyed)
        return True

    async def _record(
        self,
        command_id: UUID,
        stream: UUID,
        ground: str,
        decision: int | None,
        purposes: Sequence[str],
        keys: Sequence[Key],
    ) -> None:
        listed = tuple(DestroyedKey.model_validate({"key": key.key_id, "purpose": key.purpose}) for key in keys)
        command = RecordKeysDestroyed.model_validate(
            {"ground": ground, "decision": decision, "purposes": tuple(purposes), "keys": listed}
        )
        digest = hashlib.sha256(str(command_id).encode()).digest()
        await self._run(Order(command_id, stream, command, ACTOR, digest))

    def _months(self, purpose: str) -> int:
        value = self._law.practice.settings[f"retention_{purpose}_months"].value
        assert isinstance(value, int), "checked against the shipped file"
        return value
