"""What decisions need to know of a programme, and how each fact changes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import assert_never

from domain.changing import replace
from domain.programme import facts as f
from domain.programme.targets import Target
from domain.stream import Told


@dataclass(frozen=True, slots=True)
class Activity:
    """An activity that counts: which fact, of which area, on which day."""

    kind: type[f.ProgrammeFact]
    area: str
    on: date


@dataclass(frozen=True, slots=True)
class Programme:
    """A programme as decisions see it.

    ``since``: of each target, the day from which it reads so. ``codes``: of deadlines, priorities and tasks.
    ``activities``: those that count, by the version of their fact. ``points``: of each point of sale that is open, by
    its code, the version of the fact that opened it.
    """

    version: int = 0
    title: str = ""
    area: str = ""
    first: date = date.min
    last: date = date.max
    targets: Mapping[str, Target] = field(default_factory=dict)
    since: Mapping[str, date] = field(default_factory=dict)
    codes: frozenset[str] = frozenset()
    points: Mapping[str, int] = field(default_factory=dict)
    activities: Mapping[int, Activity] = field(default_factory=dict)


def evolve(programme: Programme, told: Told) -> Programme:
    """The programme after one more fact."""
    return replace(_apply(programme, told), version=told.version)


def _apply(p: Programme, told: Told) -> Programme:
    fact: f.ProgrammeFact = told.fact
    match fact:
        case f.ProgrammeIssued():
            return Programme(title=fact.title, area=fact.area, first=fact.first, last=fact.last)
        case f.TargetSet() | f.TargetAmended():
            since = {**p.since, fact.code: told.effective_on}
            return replace(p, targets={**p.targets, fact.code: fact.target}, since=since)
        case f.DeadlineSet() | f.PrioritySet() | f.TaskAssigned():
            return replace(p, codes=p.codes | {fact.code})
        case f.PointOfSaleOpened():
            return replace(_counted(p, told), points={**p.points, fact.code: told.version})
        case f.PointOfSaleClosed():
            return replace(p, points={code: at for code, at in p.points.items() if code != fact.code})
        case f.EntryStruck():
            points = {code: at for code, at in p.points.items() if at != fact.entry}
            activities = {at: held for at, held in p.activities.items() if at != fact.entry}
            return replace(p, activities=activities, points=points)
        case (
            f.ClassHeld()
            | f.MediaPublished()
            | f.StaffCounted()
            | f.ApparatusStrengthened()
            | f.OrganisationSupported()
            | f.EventHeld()
            | f.MonitoringIntroduced()
        ):
            return _counted(p, told)
        case _:
            assert_never(fact)


def _counted(p: Programme, told: Told) -> Programme:
    activity = Activity(type(told.fact), getattr(told.fact, "area", p.area), told.effective_on)
    return replace(p, activities={**p.activities, told.version: activity})
