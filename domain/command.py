"""What every command shares: its fields, its context, and where it stands before the law.

A command is what an official or producer wants recorded; ``decide`` turns it into facts or refuses.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, ClassVar
from uuid import UUID

from domain.law.book import LawBook
from domain.law.models import Regime
from domain.sealing import Seals
from domain.stream import Fact, For, Told
from domain.values import Actor, Day, Moment, OnBehalf, Paper, Source, Step, Value


@dataclass(frozen=True, slots=True)
class Context:
    """What a decision may look at besides its own stream: the law, the actor, the day, other streams.

    ``stream_id``: the stream the command was given to. ``effective_on``: date of the act in Vietnam.
    ``expected_version``: the version the caller decided on, or None. ``others``: the states the command said
    it needs. ``history`` is filled only for commands that ask for it with ``needs_history``. ``subject``: whose
    personal data a request concerns. ``cases``: products with facts of the subject, for a decision on its data.
    """

    law: LawBook
    actor: Actor
    moment: Moment
    effective_on: date
    seals: Seals
    stream_id: UUID
    history: tuple[Told, ...] = ()
    expected_version: int | None = None
    others: Mapping[UUID, Any] = field(default_factory=dict)
    source: Source = field(default_factory=Source)
    subject: UUID | None = None
    cases: frozenset[UUID] = frozenset()


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a command stands before the law: what its competence and its area are looked up by.

    ``area``: commune, province or other area the act concerns ("" when it names none yet). ``province``: code of
    the one whose practice applies.
    """

    regime: Regime | None
    level: str | None
    area: str
    province: str


class Command(Value, ABC):
    """Base of all commands.

    ``stream``: kind of stream it is given to; ``opens``: it begins one. ``effective_on``: date of the act
    (default: today in Vietnam), never in the future. ``paper``: the document behind it. ``source``: native,
    from paper (with the scan's hash) or illustrative. ``on_behalf_of``: for whom an officer acts, and on which paper.
    """

    stream: ClassVar[str]
    name: ClassVar[str]
    step: ClassVar[Step | None]
    vi: ClassVar[str]
    en: ClassVar[str]
    opens: ClassVar[bool] = False
    needs_history: ClassVar[bool] = False

    effective_on: Day | None = None
    paper: Paper | None = None
    source: Source = Source()
    on_behalf_of: OnBehalf | None = None

    def needs(self, state: Any, day: date) -> Sequence[UUID]:
        """Other streams whose states the decision looks at or adds facts to; ``day``: of the act."""
        return ()

    def hands(self, state: Any, ctx: Context) -> Mapping[str, frozenset[str]]:
        """Who had which hand so far in the matter it is about; see ``domain/law/authority.toml``."""
        return {}

    def signers(self) -> frozenset[str]:
        """Who signs by it, as named in it: bound by what separates duties like who enters it."""
        return frozenset()

    def ready(self, state: Any, ctx: Context, states: Sequence[str]) -> None:
        """Refuse unless the case stands where the table lists it; nothing to ask of streams without such states."""

    @abstractmethod
    def standing(self, state: Any, ctx: Context) -> Standing:
        """Regime, level and area that authority is judged by."""

    @abstractmethod
    def decide(self, state: Any, ctx: Context) -> Sequence[Fact | For]:
        """The facts that follow; an empty list when nothing would change. Raises Refusal."""
