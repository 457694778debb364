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

ACTIVITIES = ("class", "media", "staff", "apparatus", "organisation", "monitoring", "event", "point-of-sale")
"""Marks of programmes: each counts for its own programme only."""

COUNTED: dict[str, LiteralString] = {
    "product": "count(DISTINCT product_id)",
    "subject": "count(DISTINCT subject)",
    "area": "count(DISTINCT area)",
    "mark": "count(*)",
    "amount": "coalesce(sum(amount), 0)::bigint",
}


@dataclass(frozen=True, slots=True)
class Ground:
    """What a figure is told of.

    ``communes``: today's communes that count, None for all. ``programme``: whose activities count, None for all.
    ``groups``: of goods that count, empty for all. ``position``: of the newest fact that is known.
    """

    communes: frozenset[str] | None
    programme: UUID | None
    groups: tuple[str, ...]
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


async def drill(
    connection: AsyncConnection[Any],
    measure: Measure,
    part: str,
    span: Span,
    ground: Ground,
    *,
    after: tuple[int, int],
    limit: int,
) -> list[dict[str, Any]]:
    """The marks that one part of a figure counts ("of", "over"), in the order of their facts, page by page."""
    query, params = _marks(measure, part, span, ground)
    selected = SQL(
        "SELECT position, number, product_id AS stream, version, what, begins, ends, area, group_code AS group, stars,"
        " level, kind, subject, amount, illustrative FROM ({}) AS m"
        " WHERE (position, number) > (%(after_position)s, %(after_number)s)"
        " ORDER BY position, number LIMIT %(limit)s"
    ).format(query)
    params |= {"after_position": after[0], "after_number": after[1], "limit": limit}
    async with connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(selected, params)).fetchall()


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
    conditions: list[LiteralString] = ["position <= {known}", "replaced > {known}", "what = ANY({what})"]
    given: dict[str, Any] = {"known": ground.position, "what": list(wanted.what)}
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
    elif ground.communes is not None:
        conditions.append("area = ANY({communes})")
        given["communes"] = sorted(ground.communes)
    if wanted.years_after is not None:
        conditions.append(
            "extract(year FROM begins) = {years} + (SELECT extract(year FROM min(r.begins)) FROM read.marks AS r"
            " WHERE r.product_id = marks.product_id AND r.what = 'rated' AND r.position <= {known}"
            " AND r.replaced > {known})"
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
