"""What decisions need to know of a session, and how each fact changes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import assert_never
from uuid import UUID

from domain.changing import replace
from domain.council.facts import Member
from domain.product.rating_facts import Conflict, Procedure, SessionForm
from domain.sealing import Sealed
from domain.session import facts as f
from domain.stream import Told


class Stage(StrEnum):
    """How far a session has come."""

    NONE = "none"
    CALLED = "called"
    SCORING = "scoring"
    OPENED = "opened"
    CONCLUDED = "concluded"
    CANCELLED = "cancelled"


STAGE_NAMES: dict[Stage, tuple[str, str]] = {
    Stage.NONE: ("chưa triệu tập", "not called"),
    Stage.CALLED: ("đã triệu tập", "called"),
    Stage.SCORING: ("đang chấm điểm, phiếu niêm phong", "scoring, sheets sealed"),
    Stage.OPENED: ("đã mở phiếu", "sheets opened"),
    Stage.CONCLUDED: ("đã kết luận", "concluded"),
    Stage.CANCELLED: ("đã hủy", "cancelled"),
}
"""Vietnamese and English name of each stage."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session as decisions see it.

    ``version`` counts its facts; ``since``: the day its stage began; ``latest_act``: the latest day of an act in it;
    ``scoring``: products of the running round; ``sealed``: sheets of that round by (product, member);
    ``scored``: who has a sheet for a product in a round that was opened; ``spreads``: of the totals last opened, in
    points; ``results``: as concluded.
    """

    version: int = 0
    stage: Stage = Stage.NONE
    council: UUID | None = None
    council_number: str = ""
    level: str = ""
    area: str = ""
    form: SessionForm = "meeting"
    number: str = ""
    called_on: date = date.min
    since: date = date.min
    latest_act: date = date.min
    held_on: date = date.min
    members: tuple[Member, ...] = ()
    procedure: Procedure | None = None
    agenda: Mapping[UUID, f.AgendaItem] = field(default_factory=dict)
    present: tuple[str, ...] = ()
    attendance_taken: bool = False
    conflicts: Mapping[UUID, tuple[Conflict, ...]] = field(default_factory=dict)
    quorum: int = 0
    chair_present: bool = False
    round: int = 0
    scoring: frozenset[UUID] = frozenset()
    sealed: Mapping[tuple[UUID, str], Sealed] = field(default_factory=dict)
    scored: Mapping[UUID, frozenset[str]] = field(default_factory=dict)
    spreads: Mapping[UUID, int] = field(default_factory=dict)
    results: Mapping[UUID, f.SessionResult] = field(default_factory=dict)
    minutes_number: str | None = None
    changed: frozenset[str] = frozenset()

    def conflicted(self, product: UUID) -> frozenset[str]:
        """Members who do not score this product."""
        return frozenset(c.member for c in self.conflicts.get(product, ()))

    def handed_in(self, product: UUID) -> frozenset[str]:
        """Members whose sheet for this product is in, in this round."""
        return frozenset(member for sealed, member in self.sealed if sealed == product)

    def with_conflict(self, product: UUID, conflict: Conflict) -> "Session":
        """The session once one more conflict with a product is known."""
        return replace(self, conflicts={**self.conflicts, product: (*self.conflicts.get(product, ()), conflict)})


def evolve(session: Session, told: Told) -> Session:
    """The session after one more fact."""
    changed, on = _apply(session, told), told.effective_on
    since = session.since if changed.stage is session.stage else on
    return replace(changed, version=told.version, since=since, latest_act=max(session.latest_act, on))


def _apply(s: Session, told: Told) -> Session:  # one case a fact, in the catalogue's order
    fact: f.SessionFact = told.fact
    match fact:
        case f.SessionCalled():
            return Session(
                stage=Stage.CALLED,
                council=fact.council,
                council_number=fact.council_number,
                level=fact.level,
                area=fact.area,
                form=fact.form,
                number=fact.number,
                called_on=told.effective_on,
                held_on=fact.held_on,
                members=fact.members,
                procedure=fact.procedure,
                agenda={item.product: item for item in fact.agenda},
                conflicts={item.product: item.conflicts for item in fact.agenda if item.conflicts},
            )
        case f.AttendanceRecorded():
            return replace(s, present=fact.present, attendance_taken=True)
        case f.ConflictDeclared():
            return s.with_conflict(fact.product, fact.conflict)
        case f.ScoringOpened():
            return replace(
                s,
                stage=Stage.SCORING,
                present=fact.present,
                quorum=fact.quorum,
                chair_present=fact.chair_present,
                round=1,
                scoring=frozenset(s.agenda),
            )
        case f.SheetSealed():
            changed = s.changed | {fact.member} if fact.round > 1 else s.changed
            return replace(s, sealed={**s.sealed, (fact.product, fact.member): fact.sheet}, changed=changed)
        case f.ScoringClosed():
            spreads = {opened.product: opened.spread for opened in fact.products}
            scored = {product: s.scored.get(product, frozenset()) | s.handed_in(product) for product in spreads}
            return replace(
                s,
                stage=Stage.OPENED,
                scoring=frozenset(),
                spreads={**s.spreads, **spreads},
                scored={**s.scored, **scored},
            )
        case f.RescoringOpened():
            again = frozenset(p.product for p in fact.products)
            return replace(s, stage=Stage.SCORING, round=fact.round, scoring=again, sealed={})
        case f.SessionConcluded():
            results = {result.product: result for result in fact.results}
            return replace(
                s,
                stage=Stage.CONCLUDED,
                scoring=frozenset(),
                sealed={},
                results=results,
                minutes_number=fact.minutes_number,
            )
        case f.SessionCancelled():
            return replace(s, stage=Stage.CANCELLED, scoring=frozenset(), sealed={})
        case _:
            assert_never(fact)
