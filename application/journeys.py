"""Streams folded from their facts, the latest states kept in memory.

Kept states are a shortcut, never the truth: the journal's version check decides. A correction tells
the whole story again, so its product is read and folded from the start.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any
from uuid import UUID

from application.recorded import Recorded
from application.store import LATEST, Journal
from domain.product.facts import FactCorrected
from domain.streams import kind_of


class Journeys:
    """State by stream, at most ``size`` of them kept."""

    def __init__(self, journal: Journal, size: int = 20_000) -> None:
        self._journal, self._size = journal, size
        self._kept: OrderedDict[UUID, Any] = OrderedDict()

    def kept(self, stream: UUID) -> Any | None:
        """The state as last seen here; another process may have moved on since."""
        state = self._kept.get(stream)
        if state is not None:
            self._kept.move_to_end(stream)
        return state

    def load(self, streams: Iterable[UUID], up_to: int = LATEST) -> dict[UUID, Any]:
        """Fold streams from the journal and keep them; those that have no facts are left out."""
        wanted = list(streams)
        found: dict[UUID, Any] = {}
        if wanted:
            for key, recorded in groupby(self._journal.streams(wanted, up_to), lambda r: r.originator_id):
                facts = list(recorded)
                found[key] = kind_of(facts[0].fact).fold(r.told for r in facts)
        self.keep(found)
        return found

    def keep(self, states: Mapping[UUID, Any]) -> None:
        """Remember states, forgetting those not used for longest."""
        for key, state in states.items():
            if state.version:
                self._kept[key] = state
                self._kept.move_to_end(key)
        while len(self._kept) > self._size:
            self._kept.popitem(last=False)

    def forget(self, streams: Iterable[UUID]) -> None:
        """Drop states that may be old."""
        for key in streams:
            self._kept.pop(key, None)

    def follow(self, page: Iterable[Recorded], up_to: int, steps: dict[int, Any] | None = None) -> dict[UUID, Any]:
        """Bring the streams of a page of facts up to it; the states after the page, by stream.

        The page holds every fact after the last one followed, in order. ``steps`` is filled with the state after each
        fact, by position, of the streams that were told on and not from the start.
        """
        touched: dict[UUID, list[Recorded]] = {}
        page = list(page)
        for recorded in page:
            touched.setdefault(recorded.originator_id, []).append(recorded)
        states: dict[UUID, Any] = {}
        reload: list[UUID] = []
        unknown = [key for key, facts in touched.items() if facts[0].originator_version > 1 and key not in self._kept]
        # After a start, or of a stream that was dropped: as it stood before the page.
        before = self.load(unknown, page[0].position - 1) if unknown else {}
        for key, facts in touched.items():
            kind = kind_of(facts[0].fact)
            state = before.get(key) or self._kept.get(key) or kind.empty
            if state.version == facts[-1].originator_version:  # this page was followed before
                states[key] = state
                continue
            whole = state.version + 1 == facts[0].originator_version
            if not whole or any(isinstance(r.fact, FactCorrected) for r in facts):
                reload.append(key)
                continue
            for recorded in facts:
                state = kind.evolve(state, recorded.told)
                if steps is not None:
                    steps[recorded.position] = state
            states[key] = state
        self.keep(states)
        return states | self.load(reload, up_to)
