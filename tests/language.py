"""Given / when / then on facts: no database, no clock but the one given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5

from pydantic_core import to_json

from application.handle import Order, handle
from application.keys import MemoryKeys
from application.seals import Keeper
from domain.book.commands import BookCommand
from domain.book.state import book_id
from domain.decide import COMMANDS
from domain.law.book import law_book
from domain.law.calendar import legal_date
from domain.product.state import Product, fold
from domain.refusals import Refusal
from domain.stream import Fact, Told
from domain.streams import KINDS
from domain.values import Actor, Moment, Role
from tests.story import Chapter, actor, addressed

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
PRODUCT = UUID("00000000-0000-4000-8000-00000000000a")
STREAMS = UUID("00000000-0000-4000-8000-00000000000b")


def keeper() -> Keeper:
    """A keeper whose keys end with the test."""
    return Keeper(b"k" * 32, MemoryKeys())


@dataclass
class Scene:
    """What was told so far in every stream, and what came of the last command.

    ``ids``: the streams of the story: "product", "council", "session", "book".
    """

    histories: dict[UUID, list[Told]] = field(default_factory=dict)
    states: dict[UUID, Any] = field(default_factory=dict)
    ids: dict[str, UUID] = field(default_factory=lambda: {"product": PRODUCT})
    seals: Keeper = field(default_factory=keeper)
    facts: Sequence[Fact] | None = None
    others: Sequence[Fact] = ()
    refusal: Refusal | None = None
    members: int = 0

    @property
    def history(self) -> list[Told]:
        """The product's."""
        return self.histories.get(PRODUCT, [])

    @property
    def product(self) -> Product:
        return fold(self.history)

    def when(self, command: str, by: Role | Actor, clock: datetime = NOW, /, **body: Any) -> Scene:
        """Give a command; its outcome is kept for ``then`` or ``refused``."""
        named = {kind: str(key) for kind, key in self.ids.items()}
        parsed = COMMANDS[command].model_validate_json(to_json({**addressed(command, {}, named), **body}))
        who = by if isinstance(by, Actor) else actor(by, self.members + 1)
        moment = Moment(at=clock, today=legal_date(clock))
        stream = self._stream(parsed, who, moment)
        kind = KINDS[parsed.stream]
        state = self.states.get(stream, kind.empty)
        # The read model finds the cases of a subject; here there is the one product.
        cases = frozenset({PRODUCT} & self.states.keys() if command == "decide-erasure" else ())
        needs = {*parsed.needs(state, parsed.effective_on or moment.today), *cases}
        needed = {key: self.states[key] for key in needs if key in self.states}
        history = tuple(self.histories.get(stream, ())) if parsed.needs_history else ()
        order = Order(uuid5(stream, str(len(self.histories.get(stream, ())))), stream, parsed, who, b"", cases=cases)
        try:
            done = handle({**needed, stream: state}, order, law_book(), self.seals, moment, history)
        except Refusal as refusal:
            return replace(self, facts=None, refusal=refusal)
        histories = {key: list(told) for key, told in self.histories.items()}
        for recorded in done.recorded:
            histories.setdefault(recorded.originator_id, []).append(recorded.told)
        return Scene(
            histories,
            {**self.states, **done.states},
            {**self.ids, parsed.stream: stream},
            self.seals,
            [r.fact for r in done.recorded if r.originator_id == stream],
            [r.fact for r in done.recorded if r.originator_id != stream],
            None,
            self.members + (command == "submit-score-sheet"),
        )

    def _stream(self, command: Any, who: Actor, moment: Moment) -> UUID:
        if isinstance(command, BookCommand):
            return book_id(command.level, who.area, (command.effective_on or moment.today).year)
        if command.stream in ("subject", "log"):
            return uuid5(STREAMS, command.stream)
        if command.opens and command.stream != "product":
            return uuid5(STREAMS, f"{command.stream} {len(self.histories)}")
        unopened = PRODUCT if command.stream == "product" else uuid5(STREAMS, command.stream)
        return self.ids.get(command.stream, unopened)

    def then(self, *names: str) -> Scene:
        """The stored names of exactly the facts that followed in the command's own stream."""
        assert self.refusal is None, self.refusal
        assert list(names) == [fact.stored_name for fact in self.facts or ()]
        return self

    def refused(self, kind: type[Refusal], field: str | None = None) -> Scene:
        """One named refusal, at a field where one is at fault; both languages are there."""
        assert self.refusal is not None, f"not refused: {self.facts}"
        assert type(self.refusal) is kind, repr(self.refusal)
        assert self.refusal.vi
        assert self.refusal.en
        if field is not None:
            assert self.refusal.field == field
        return self

    @property
    def fact(self) -> Any:
        """The one fact that followed; of a decision or a session, the one told to the product."""
        assert self.facts is not None, self.refusal
        found = self.others or self.facts
        assert len(found) == 1
        return found[0]


def given(chapters: Sequence[Chapter] = ()) -> Scene:
    """Where the story stands after these chapters; each must go through."""
    scene = Scene()
    for command, role, body in chapters:
        scene = scene.when(command, role, **body)
        assert scene.refusal is None, f"{command}: {scene.refusal}"
    return scene


def day(text: str) -> date:
    return date.fromisoformat(text)
