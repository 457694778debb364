"""What all streams share: the base of facts, and a fact as history tells it."""

from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from domain.values import Source, Step, Value


class Fact(Value):
    """Base of all facts: past tense, frozen. ``stored_name`` is "stream.what-happened" and never changes."""

    stored_name: ClassVar[str]
    fact_version: ClassVar[int] = 1
    step: ClassVar[Step | None]
    correctable: ClassVar[frozenset[str]] = frozenset()

    def dated(self, day: date) -> date:
        """The day it takes effect: ``day``, of the act, unless the fact itself names another."""
        return day


@dataclass(frozen=True, slots=True)
class Told:
    """A fact as history tells it: its version, the effective date, the source, and the person who acted."""

    version: int
    fact: Any
    effective_on: date
    source: Source
    by: str = ""


@dataclass(frozen=True, slots=True)
class For:
    """A fact for another stream than the command's own, stored in the same transaction."""

    stream_id: UUID
    fact: Fact
