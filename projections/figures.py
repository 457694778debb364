"""Figures (số liệu): a measure told of an area and a time, as of any day and any knowledge, and the marks behind it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composed

from domain.law.calendar import add_months
from domain.programme.measures import Measure, Selection
from projections.scope import Scope

ACTIVITIES = ("class", "media", "staff", "apparatus", "organisation", "monitoring", "event", "point-of-sale")
"""Marks of programmes: each counts for its own programme only."""

COUNTED: dict[str, LiteralString] = {
    "product": "count(DISTINCT product_id)",
    "subject": "count(DISTINCT subject)",
    "mark": "count(*)",
    "amount": "coalesce(sum(amount), 0)::bigint",
}


@dataclass(frozen=True, slots=True)
class Ground:
    """What a figure is told of.

    ``communes``: today's communes whose products count, None for all. ``programme``: whose activities count, None for
    all; ``areas``: of which areas they count, None for all. ``groups``: of goods that count, empty for all.
    ``effective``: the day by which an act had happened; ``position``: of the newest fact that is known.
    """

    communes: frozenset[str] | None
    programme: UUID | None
    areas: frozenset[str] | None
    groups: tuple[str, ...]
    effective: date
    position: int


@dataclass(frozen=True, slots=True)
class Span:
    """First and last day of what a figure is told of."""

    first: date
    last: date


@dataclass(frozen=True, slots=True)
class Figure:
    """A measure's figure: what was counted, and the value of it, None where there is nothing to divide by."""

    of: int
    over: int | None
    value: Fraction | None
    illustrative: int
    """Of the marks counted, how many are illustrations."""


async def figure(connection: AsyncConnection[Any], measure: Measure, span: Span, ground: Ground) -> Figure:
    """Tell one figure."""
    counted = COUNTED[measure.of.each]
    query, params = _marks(measure, "of", span, ground)
    selected = SQL("SELECT {}, count(*) FILTER (WHERE illustrative) FROM ({}) AS m").format(SQL(counted), query)
    row = await (await connection.execute(selected, params)).fetchone()
    of, illustrative = (row[0], row[1]) if row else (0, 0)
    over = None
    if measure.over is not None:
        query, params = _marks(measure, "over", span, ground)
        selected = SQL("SELECT {} FROM ({}) AS m").format(SQL(COUNTED[measure.over.each]), query)
        row = await (await connection.execute(selected, params)).fetchone()
        over = row[0] if row else 0
    return Figure(of, over, measure.value(of, over), illustrative)


async def by_area(connection: AsyncConnection[Any], measure: Measure, span: Span, ground: Ground) -> Mapping[str, int]:
    """What was counted in each area that has any."""
    query, params = _marks(measure, "of", span, ground)
    selected = SQL("SELECT area, {} FROM ({}) AS m GROUP BY area").format(SQL(COUNTED[measure.of.each]), query)
    return dict(await (await connection.execute(selected, params)).fetchall())


@dataclass(frozen=True, slots=True)
class Drilled:
    """A page of the marks behind a figure. ``beyond``: how many more it counts that lie outside the reader's area."""

    marks: list[dict[str, Any]]
    beyond: int


async def drill(
    connection: AsyncConnection[Any],
    measure: Measure,
    part: str,
    span: Span,
    ground: Ground,
    scope: Scope,
    *,
    after: tuple[int, int],
    limit: int,
) -> Drilled:
    """The marks that one part of a figure counts ("of", "over"), in the order in which they came to be known.

    Of products in the reader's area only; a programme's own activities are told to whoever may read the programme.
    """
    query, params = _marks(measure, part, span, ground)
    seen, mine = scope.where_area()
    seen = "(what = ANY(%(activities)s) OR (" + seen + "))"
    page = SQL(
        "SELECT position AS known_from, number, product_id AS stream, version, what, day, begins, ends, area,"
        " group_code AS group, stars, level, kind, subject, amount, illustrative"
        " FROM (SELECT *, area AS commune FROM ({}) AS a) AS m"
        " WHERE {} AND (position, number) > (%(after_position)s, %(after_number)s)"
        " ORDER BY position, number LIMIT %(limit)s"
    ).format(query, SQL(seen))
    unseen = SQL("SELECT count(*) FROM (SELECT *, area AS commune FROM ({}) AS a) AS m WHERE NOT {}").format(
        query, SQL(seen)
    )
    params |= mine | {"activities": list(ACTIVITIES)}
    params |= {"after_position": after[0], "after_number": after[1], "limit": limit}
    async with connection.cursor(row_factory=dict_row) as cursor:
        marks = await (await cursor.execute(page, params)).fetchall()
    beyond = await (await connection.execute(unseen, params)).fetchone()
    return Drilled(marks, beyond[0] if beyond else 0)


def _marks(measure: Measure, part: str, span: Span, ground: Ground) -> tuple[Composed, dict[str, Any]]:
    """The marks one part of a measure counts, and the query's parameters."""
    own, other = (measure.of, measure.over) if part == "of" else (measure.over, measure.of)
    assert own is not None, "a part that the measure has"
    query, params = _selected(own, span, ground, "a")
    if other is not None and (measure.pair == "both" or (measure.pair == "among" and part == "of")):
        among, more = _selected(other, span, ground, "b")
        query = SQL("{} AND product_id IN (SELECT product_id FROM ({}) AS n)").format(query, among)
        params |= more
    return query, params


def _selected(wanted: Selection, span: Span, ground: Ground, prefix: str) -> tuple[Composed, dict[str, Any]]:
    conditions: list[LiteralString] = [
        "position <= {known} AND replaced > {known} AND day <= {effective}",
        "what = ANY({what})",
    ]
    given: dict[str, Any] = {"known": ground.position, "effective": ground.effective, "what": list(wanted.what)}
    first, last = span.first, span.last
    if wanted.when == "before":
        first, last = add_months(first, -12), add_months(last, -12)
    given |= {"first": first, "last": last}
    if wanted.when == "day":
        conditions.append("begins <= {last} AND (ends IS NULL OR ends > {last})")
    else:
        conditions.append("begins BETWEEN {first} AND {last}")
    for column, values in (("kind", wanted.kinds), ("level", wanted.levels), ("group_code", ground.groups)):
        if values and not (column == "group_code" and set(wanted.what) <= set(ACTIVITIES)):
            conditions.append(_ANY_OF[column])
            given[column] = list(values)
    if wanted.stars_from is not None:
        conditions.append("stars >= {stars}")
        given["stars"] = wanted.stars_from
    if set(wanted.what) <= set(ACTIVITIES):
        if ground.programme is not None:
            conditions.append("product_id = {programme}")
            given["programme"] = ground.programme
        if ground.areas is not None:
            conditions.append("area = ANY({areas})")
            given["areas"] = sorted(ground.areas)
    elif ground.communes is not None:
        conditions.append("area = ANY({communes})")
        given["communes"] = sorted(ground.communes)
    if wanted.years_after is not None:
        conditions.append(
            "(product_id, extract(year FROM begins)) IN (SELECT product_id, extract(year FROM min(begins)) + {years}"
            " FROM read.marks WHERE what IN ('rated', 'rated-in-year') AND position <= {known} AND replaced > {known}"
            " AND day <= {effective} GROUP BY product_id)"
        )
        given["years"] = wanted.years_after
    places = {name: SQL("%(" + prefix + "_" + name + ")s") for name in given}
    text = SQL(" AND ".join(conditions)).format(**places)
    return SQL("SELECT * FROM read.marks WHERE {}").format(text), {f"{prefix}_{k}": v for k, v in given.items()}


_ANY_OF: dict[str, LiteralString] = {
    "kind": "kind = ANY({kind})",
    "level": "level = ANY({level})",
    "group_code": "group_code = ANY({group_code})",
}
