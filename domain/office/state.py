"""What decisions need to know of an office, and how each fact changes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import assert_never
from uuid import UUID

from domain.changing import replace
from domain.office import facts as f
from domain.stream import Told


@dataclass(frozen=True, slots=True)
class Office:
    """An office as decisions see it; ``closed_on``: its first day without powers.

    ``posts``: last day of each assignment to it, None for one without end.
    """

    version: int = 0
    name: str = ""
    level: str = ""
    area: str = ""
    opened_on: date = date.min
    closed_on: date | None = None
    posts: Mapping[UUID, date | None] = field(default_factory=dict)

    def filled_on(self, day: date) -> int:
        """How many assignments to it still run on that day, or begin later."""
        return sum(last is None or last >= day for last in self.posts.values())

    def works_on(self, day: date) -> bool:
        """Whether it exists on that day."""
        return self.version > 0 and self.opened_on <= day and (self.closed_on is None or day < self.closed_on)


def evolve(office: Office, told: Told) -> Office:
    """The office after one more fact."""
    return replace(_apply(office, told), version=told.version)


def _apply(office: Office, told: Told) -> Office:
    fact: f.OfficeFact = told.fact
    match fact:
        case f.OfficeEstablished():
            return Office(name=fact.name, level=fact.level, area=fact.area, opened_on=fact.since)
        case f.OfficeRenamed():
            return replace(office, name=fact.name)
        case f.PostFilled():
            return replace(office, posts={**office.posts, fact.assignment: fact.last})
        case f.PostVacated():
            return replace(office, posts={**office.posts, fact.assignment: fact.ends_on - timedelta(days=1)})
        case f.OfficeClosed():
            return replace(office, closed_on=told.effective_on)
        case _:
            assert_never(fact)
