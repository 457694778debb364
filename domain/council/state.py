"""What decisions need to know of a council, and how each fact changes it."""

from dataclasses import dataclass
from datetime import date
from typing import assert_never

from domain.changing import replace
from domain.council import facts as f
from domain.product.rating_facts import Procedure
from domain.stream import Told


@dataclass(frozen=True, slots=True)
class Council:
    """A council as decisions see it; ``version`` counts its facts; ``changed_on``: day of the last decision on it."""

    version: int = 0
    number: str = ""
    level: str = ""
    area: str = ""
    regime: str = ""
    set_up_on: date = date.min
    changed_on: date = date.min
    period_to: date | None = None
    members: tuple[f.Member, ...] = ()
    procedure: Procedure | None = None
    dissolved: bool = False

    def works_on(self, day: date) -> bool:
        """Whether the day lies in its period."""
        return not self.dissolved and self.set_up_on <= day and (self.period_to is None or day <= self.period_to)


def evolve(council: Council, told: Told) -> Council:
    """The council after one more fact."""
    return replace(_apply(council, told.fact), version=told.version, changed_on=told.effective_on)


def _apply(council: Council, fact: f.CouncilFact) -> Council:
    match fact:
        case f.CouncilSetUp():
            return Council(
                number=fact.number,
                level=fact.level,
                area=fact.area,
                regime=fact.regime,
                set_up_on=fact.period_from,
                period_to=fact.period_to,
                members=fact.members,
                procedure=fact.procedure,
            )
        case f.MembersChanged():
            return replace(council, members=fact.members)
        case f.ProcedureChanged():
            return replace(council, procedure=fact.procedure)
        case f.CouncilDissolved():
            return replace(council, dissolved=True)
        case _:
            assert_never(fact)
