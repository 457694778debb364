"""Progress (tiến độ): each target of a plan against what the facts say, version by version, span by span."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, Literal
from uuid import UUID

from psycopg import AsyncConnection

from domain.law.maps import areas_in, communes_of, name_on, old_unit_on, units_in
from domain.programme.measures import Measure, measures
from domain.programme.targets import Target
from projections.figures import Figure, Ground, Span, by_area, figure
from projections.plans import PlanRead, TargetVersion

Standing = Literal["reached", "not-reached", "running", "not-begun", "cannot-be-told"]
"""reached; time over and not reached; time still running; not begun; nothing to divide by."""


@dataclass(frozen=True, slots=True)
class Unit:
    """One of the units a target is asked of, and what was counted there."""

    area: str
    name: str
    of: int
    reached: bool


@dataclass(frozen=True, slots=True)
class Told:
    """A target's version in one span, and how it stands; ``figure`` None: the span has not begun.

    ``units``: of a target asked of each unit, else empty.
    """

    code: str
    version: TargetVersion
    measure: Measure
    span: Span
    figure: Figure | None
    standing: Standing
    units: tuple[Unit, ...]
    wanted_units: int | None


@dataclass(frozen=True, slots=True)
class Programme:
    """What of a programme its figures depend on."""

    id: UUID
    area: str
    first: date
    last: date


def ground_of(programme: Programme, target: Target, effective: date, position: int) -> Ground:
    """What a target's figure is told of."""
    communes = communes_of(target.area or programme.area, programme.first)
    areas = None if target.area is None else frozenset(areas_in(target.area, programme.first))
    return Ground(communes, programme.id, areas, tuple(target.groups), effective, position)


async def progress_of(
    connection: AsyncConnection[Any], programme: Programme, plan: PlanRead, effective: date, position: int
) -> list[Told]:
    """Every version of every target in each of its spans, as of a day and a position."""
    told = []
    for code, versions in plan.targets.items():
        for version in versions:
            for first, last in version.target.spans(programme.first):
                span = Span(first, min(last, effective))
                ground = ground_of(programme, version.target, effective, position)
                told.append(await _told(connection, programme, code, version, span, last, ground))
    return told


async def _told(
    connection: AsyncConnection[Any],
    programme: Programme,
    code: str,
    version: TargetVersion,
    span: Span,
    due: date,
    ground: Ground,
) -> Told:
    target, measure = version.target, measures()[version.target.measure]
    asked = Span(span.first, due)
    if span.last < span.first:
        return Told(code, version, measure, asked, None, "not-begun", (), target.units)
    found = await figure(connection, measure, span, ground)
    if target.each is None:
        return Told(code, version, measure, asked, found, _standing(found.value, target, span, due), (), None)
    counted = await by_area(connection, measure, span, ground)
    units = _units(programme, target, counted)
    wanted = target.units or len(units)
    reached = sum(unit.reached for unit in units)
    standing: Standing = "reached" if reached >= wanted else "running" if span.last < due else "not-reached"
    return Told(code, version, measure, asked, found, standing, units, wanted)


def _standing(value: Fraction | None, target: Target, span: Span, due: date) -> Standing:
    if value is None:
        return "running" if span.last < due else "cannot-be-told"
    if span.last < due:
        # A span between two amounts is judged when it is over: on the way it may be too little or too much.
        return "reached" if target.compare != "within" and target.reached(value) else "running"
    return "reached" if target.reached(value) else "not-reached"


def _units(programme: Programme, target: Target, counted: Mapping[str, int]) -> tuple[Unit, ...]:
    """The units of the area on the map of the programme's first day, and what was counted in each."""
    of = dict.fromkeys(units_in(target.area or programme.area, target.each or "", programme.first), 0)
    for place, count in counted.items():
        unit = place if place in of else old_unit_on(place, programme.first) or ""
        if unit in of:
            of[unit] += count
    return tuple(
        Unit(code, name_on(code, programme.first), count, target.reached(Fraction(count))) for code, count in of.items()
    )
