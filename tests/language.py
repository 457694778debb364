"""given / when / then at the height of decisions: facts in, facts or one named refusal out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any

from pydantic_core import to_json

from domain.law.book import law_book
from domain.law.calendar import legal_date
from domain.product.command import Context
from domain.product.decide import COMMANDS, decide
from domain.product.facts import ProductFact
from domain.product.state import Product, Told, fold
from domain.refusals import Refusal
from domain.values import Actor, Moment, Role
from tests.story import Chapter, actor

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


@dataclass
class Scene:
    """A product's history so far, and what came of the last command."""

    history: list[Told] = field(default_factory=list)
    facts: Sequence[ProductFact] | None = None
    refusal: Refusal | None = None
    members: int = 0

    @property
    def product(self) -> Product:
        return fold(self.history)

    def when(self, command: str, by: Role | Actor, clock: datetime = NOW, /, **body: Any) -> Scene:
        """Give a command; its outcome is kept for ``then`` or ``refused``."""
        parsed = COMMANDS[command].model_validate_json(_json(body))
        who = by if isinstance(by, Actor) else actor(by, self.members + 1)
        moment = Moment(at=clock, today=legal_date(clock))
        day = parsed.effective_on or moment.today
        ctx = Context(law_book(), who, moment, day, tuple(self.history) if parsed.needs_history else ())
        try:
            facts = decide(self.product, parsed, ctx)
        except Refusal as refusal:
            return replace(self, facts=None, refusal=refusal)
        told = [Told(version, fact, day, parsed.source) for version, fact in enumerate(facts, len(self.history) + 1)]
        members = self.members + (command == "submit-score-sheet")
        return Scene([*self.history, *told], facts, None, members)

    def then(self, *names: str) -> Scene:
        """The stored names of exactly the facts that followed."""
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
        """The one fact that followed."""
        assert self.facts is not None, self.refusal
        assert len(self.facts) == 1
        return self.facts[0]


def given(chapters: Sequence[Chapter] = ()) -> Scene:
    """Where the story stands after these chapters; each must go through."""
    scene = Scene()
    for command, role, body in chapters:
        scene = scene.when(command, role, **body)
        assert scene.refusal is None, f"{command}: {scene.refusal}"
    return scene


def _json(body: dict[str, Any]) -> str:
    return to_json(body).decode()


def day(text: str) -> date:
    return date.fromisoformat(text)
