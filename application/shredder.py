"""The shredder (hủy khóa): carries out what was decided on requests to erase, and retention times that are over.

First the keys are destroyed, then the fact is appended. Both follow from what they carry out: a restart in between,
a repetition and several processes at once destroy nothing more and write each fact once.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID, uuid5

import psycopg
import structlog

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
BATCH = 500
_RETENTION = "retention:"


@dataclass(frozen=True, slots=True)
class Granted:
    """A decision to erase that is not carried out yet, by its version in the subject's stream."""

    subject: UUID
    decision: int
    purposes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Case:
    """What a key's facts belong to: the day the last of their cases ended; None while one runs."""

    key: UUID
    ended_on: date | None


class FindGranted(Protocol):
    """Where to look for decisions: a read model, which may lag behind."""

    async def __call__(self, limit: int) -> list[Granted]:
        """Decisions to carry out."""


class Cases(Protocol):
    """Where to look for cases: read models."""

    async def ended(self, by: date, after: UUID, limit: int) -> list[Case]:
        """Keys whose cases have all ended by a day, in their order after one; none while the read models lag."""

    async def of_keys(self, keys: Sequence[UUID]) -> list[Case]:
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
        """Carry out what was granted; how many decisions that were."""
        done = 0
        for granted in await self._granted(BATCH):
            command_id = uuid5(SHREDDING, f"{granted.subject}/request/{granted.decision}")
            # The read model may lag: what is on record was destroyed, and what came since is another generation's.
            if await asyncio.to_thread(self._done, command_id) is not None:
                continue
            why = f"request:{granted.decision}"
            keys = await asyncio.to_thread(self._keeper.destroy, granted.subject, granted.purposes, why)
            await self._record(command_id, granted.subject, "request", granted.decision, granted.purposes, keys)
            done += 1
        if done:
            log.info("erasures-carried-out", decisions=done)
        return done

    async def retain(self, today: date) -> int:
        """Destroy keys whose retention time is over; how many facts that made. To be called again until it is none."""
        settled = await self._settle(today)
        months: dict[str, int] = {purpose: self._months(purpose) for purpose in PURPOSES}
        by, after, gone = add_months(today, -min(months.values())), UUID(int=0), 0
        while cases := await self._cases.ended(by, after, BATCH):
            after = cases[-1].key
            for key in await self._due([case.key for case in cases], months, today):
                why = f"{_RETENTION}{key.key_id}"
                destroyed = await asyncio.to_thread(self._keeper.destroy, key.subject, [key.purpose], why)
                await self._retained(destroyed)
                gone += 1
        if gone:
            log.info("retention-times-over", keys=gone)
        return settled + gone

    async def _due(self, candidates: Sequence[UUID], months: dict[str, int], today: date) -> list[Key]:
        """Of some keys whose cases ended: the living ones whose subject has no other case within its time."""
        found = await asyncio.to_thread(self._keeper.known, candidates)
        subjects = sorted({key.subject for key in found if key.wrapped is not None})
        alive = [k for k in await asyncio.to_thread(self._keeper.keys_of, subjects) if k.wrapped is not None]
        ended = {case.key: case.ended_on for case in await self._cases.of_keys([key.key_id for key in alive])}
        last: dict[UUID, date | None] = {}
        for key in alive:
            end, before = ended.get(key.key_id), last.get(key.subject, date.min)
            last[key.subject] = None if end is None or before is None else max(end, before)
        due = []
        for key in alive:
            end = last[key.subject]
            if key.key_id in candidates and end is not None and add_months(end, months[key.purpose]) <= today:
                due.append(key)
        return due

    async def _settle(self, today: date) -> int:
        """Once a day: keys that a retention destroyed and whose fact a crash left unwritten."""
        if self._settled == today:
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
            if await asyncio.to_thread(self._done, command_id) is None:
                purposes = tuple(sorted({key.purpose for key in destroyed}))
                await self._record(command_id, subject, "retention", None, purposes, destroyed)
                written += 1
        return written

    async def _record(
        self,
        command_id: UUID,
        subject: UUID,
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
        await self._run(Order(command_id, subject, command, ACTOR, digest))

    def _months(self, purpose: str) -> int:
        value = self._law.practice.settings[f"retention_{purpose}_months"].value
        assert isinstance(value, int), "checked against the shipped file"
        return value
