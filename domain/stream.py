"""What all streams share: the base of facts, and a fact as history tells it."""

from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from domain.values import Actor, Paper, Source, Step, Value


class Fact(Value):
    """Base of all facts: past tense, frozen. ``stored_name`` is "stream.what-happened" and never changes."""

    stored_name: ClassVar[str]
    fact_version: ClassVar[int] = 1
    step: ClassVar[Step | None]
    hand: ClassVar[str | None] = None
    """The hand that whoever acts has in a matter by it, "idea/submit"; see ``domain/law/authority.toml``."""
    correctable: ClassVar[frozenset[str]] = frozenset()

    def dated(self, day: date) -> date:
        """The day it takes effect: ``day``, of the act, unless the fact itself names another."""
        return day


@dataclass(frozen=True, slots=True)
class Told:
    """A fact as history tells it: its version, the effective date, the source, and the person who acted.

    ``by``: the person's handle; ``hands``: everybody whose hand it was, see ``hands_of``. Empty: ``by`` alone.
    """

    version: int
    fact: Any
    effective_on: date
    source: Source
    by: str = ""
    hands: frozenset[str] = frozenset()

    @property
    def persons(self) -> frozenset[str]:
        """Everybody whose hand it was."""
        return self.hands or frozenset({self.by} - {""})


def hands_of(actor: Actor, paper: Paper | None, source: Source) -> frozenset[str]:
    """Whose hand an act is: of who acts, of who delegated, and of who signed the paper it was entered from."""
    found = {actor.person}
    if actor.delegator is not None:
        found.add(actor.delegator.person)
    if source.kind == "paper" and paper is not None and paper.signer is not None:
        found.add(paper.signer)
    return frozenset(found)


@dataclass(frozen=True, slots=True)
class For:
    """A fact for another stream than the command's own, stored in the same transaction."""

    stream_id: UUID
    fact: Fact
