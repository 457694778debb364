"""Who holds what right now: persons as the journal knows them, looked up again after two seconds.

For readers and for the choice of a role; a command is decided on the person's own stream, inside the append.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from anyio import CapacityLimiter, to_thread

from application.recorded import Recorded
from application.store import Journal
from domain.law.book import LawBook
from domain.law.calendar import legal_date
from domain.person.powers import Power, delegators_of, powers_on, signs_on
from domain.person.state import Person
from domain.streams import kind_of

LIFETIME = 2.0
"""Seconds after which a person is looked up again: powers that were taken away end with them."""
KEPT = 20_000


class Directory:
    """Persons by id, for one process."""

    def __init__(self, journal: Journal, law: LawBook, limiter: CapacityLimiter, clock: Callable[[], datetime]) -> None:
        self._journal, self._law, self._limiter, self._clock = journal, law, limiter, clock
        self._kept: OrderedDict[UUID, tuple[float, Person]] = OrderedDict()
        self._powers: dict[UUID, tuple[tuple[Any, ...], list[Power]]] = {}
        self._keeping = threading.Lock()

    async def person(self, key: UUID) -> Person | None:
        """The person under this id, at most two seconds old; None when there is none."""
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() - kept[0] < LIFETIME:
            return kept[1]
        return (await self.persons([key])).get(key)

    async def persons(self, keys: Iterable[UUID]) -> dict[UUID, Person]:
        """Several persons by id; those there are not are left out."""
        wanted, now = list(keys), time.monotonic()
        fresh = {k: kept[1] for k in wanted if (kept := self._kept.get(k)) and now - kept[0] < LIFETIME}
        if stale := [key for key in wanted if key not in fresh]:
            fresh |= await to_thread.run_sync(self._look_up, stale, limiter=self._limiter)
        return {key: person for key, person in fresh.items() if person.version}

    async def powers(self, key: UUID, day: date) -> list[Power]:
        """What the person holds on a day, delegations included."""
        person = await self.person(key)
        if person is None:
            return []
        delegators = await self.persons(delegators_of(person)) if person.received else {}
        basis = (day, person, delegators)
        known = self._powers.get(key)
        if known is None or known[0] != basis:
            if len(self._powers) >= KEPT:
                self._powers.clear()
            known = self._powers[key] = basis, powers_on(key, person, delegators, day)
        return known[1]

    async def powers_known(self, key: UUID, day: date, position: int) -> list[Power] | None:
        """What the person held on a day as it was known at a position; None when nobody knew the person."""

        def told(keys: Iterable[UUID]) -> dict[UUID, Person]:
            streams = groupby(self._journal.streams(keys, position), lambda r: r.originator_id)
            return {k: person for k, facts in streams if isinstance(person := _fold(list(facts)), Person)}

        person = (await to_thread.run_sync(told, [key], limiter=self._limiter)).get(key)
        if person is None:
            return None
        delegators = await to_thread.run_sync(told, delegators_of(person), limiter=self._limiter)
        return powers_on(key, person, delegators, day)

    def signs(self, key: UUID) -> bool:
        """Whether the person signs decisions today, in its own right or for another; waits for the journal."""
        kept = self._kept.get(key)
        person = kept[1] if kept and time.monotonic() - kept[0] < LIFETIME else self._look_up([key])[key]
        delegators = self._look_up(list(delegators_of(person))) if person.received else {}
        return signs_on(self._law, powers_on(key, person, delegators, legal_date(self._clock())))

    def _look_up(self, keys: list[UUID]) -> dict[UUID, Person]:
        found: dict[UUID, Person] = {}
        now = time.monotonic()
        for key in keys:
            kept = self._kept.get(key)
            version, _ = self._journal.latest(key)
            if kept is not None and kept[1].version == version:
                person = kept[1]
            else:
                facts = self._journal.streams([key]) if version else []
                state = _fold(facts) if facts else Person()
                person = state if isinstance(state, Person) else Person()
            found[key] = person
        with self._keeping:  # by worker threads and by the loop
            for key, person in found.items():
                if person.version:
                    self._kept[key] = (now, person)
                    self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return found


def _fold(facts: Sequence[Recorded]) -> Any:
    return kind_of(facts[0].fact).fold(r.told for r in facts)
