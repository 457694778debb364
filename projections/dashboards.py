"""Dashboards (bảng điều hành): the numbers of a board, and the rows behind each of them.

Both are read from one query, so a number is the count of its drill-through. Areas are those of the map of a day; whose
products a reader sees is always today's.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Composable, Composed

from domain.decide import COMMANDS
from domain.law.areas import NATION, areas
from domain.law.book import law_book
from domain.law.maps import communes_of, name_on, old_unit_on, province_on
from domain.law.old_units import last_day
from domain.values import ROLE_NAMES, Role
from projections.boards import BOARDS, Board, Part
from projections.scope import Scope
from projections.words import CHANNEL, ENTITY, LEVEL

UNSAID = "none"
"""Key of rows that do not say what they are broken down by."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What a board is asked: ``day`` and ``known`` position, ``map_day``: of the map; None: any.

    ``area``: on that map; ``part`` and ``key``: of one number, for its rows.
    """

    board: str
    by: str
    day: date
    known: int
    map_day: date
    area: str | None = None
    group: str | None = None
    stars: int | None = None
    year: int | None = None
    cycle: int | None = None
    part: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Number:
    """One number; ``key`` None: the total of its part. ``illustrative``: how many of it are illustrations."""

    part: str
    key: str | None
    count: int
    amount: int | None
    illustrative: int


def window() -> dict[str, int]:
    """Days before its end when a certificate's re-evaluation opens and closes: of the newest rules that say so."""
    renewal = next(regime.renewal for regime in law_book().regimes.values() if regime.renewal.earliest_days is not None)
    return {"opens": renewal.earliest_days or 0, "closes": renewal.latest_days or 0}


async def reached(connection: AsyncConnection[Any], board: Board) -> int:
    """Position of the newest fact that the board's rows are told from."""
    query: LiteralString = "SELECT coalesce(min(position), 0) FROM read.models WHERE active AND name = ANY(%s)"
    models = ["worklist", "status"] if board.today_only else ["marks"]
    row = await (await connection.execute(query, (models,))).fetchone()
    return int(row[0]) if row else 0


async def numbers(connection: AsyncConnection[Any], asked: Asked, scope: Scope) -> list[Number]:
    """Every number of a board: a row of each key and part, and the totals of the parts."""
    rows, params = _chosen(asked, scope)
    totals: LiteralString = "((part, key), (part))" if asked.by else "((part))"
    query = SQL(
        "SELECT part, {key}, count(*), count(DISTINCT product_id), sum(amount)::bigint, max(amount),"
        " count(*) FILTER (WHERE illustrative), count(DISTINCT product_id) FILTER (WHERE illustrative)"
        " FROM ({rows}) AS c GROUP BY GROUPING SETS {totals}"
    ).format(rows=rows, totals=SQL(totals), key=SQL("key" if asked.by else "NULL"))
    parts = BOARDS[asked.board].parts
    found = [_number(parts[row[0]], row) for row in await (await connection.execute(query, params)).fetchall()]
    order = list(parts)
    return sorted(found, key=lambda n: (n.key or "", order.index(n.part)))


def _number(part: Part, row: tuple[Any, ...]) -> Number:
    name, key, rows, products, total, most, illustrations, illustrated = row
    amount = {"": None, "sum": total, "max": most}[part.amount]
    if part.each == "row":
        return Number(name, key, rows, amount, illustrations)
    return Number(name, key, products, amount, illustrated)


async def rows_of(
    connection: AsyncConnection[Any], asked: Asked, scope: Scope, after: tuple[UUID, int, int], limit: int
) -> list[dict[str, Any]]:
    """The rows that one number counts, page by page; a product that is counted once has one row."""
    assert asked.part is not None, "rows of one number"
    board = BOARDS[asked.board]
    rows, params = _chosen(asked, scope)
    wanted: LiteralString = "part = %(part)s"
    if asked.key is not None:
        wanted += " AND key = %(key)s"
    once: LiteralString = "SELECT *, illustrative AS is_illustrative FROM ({rows}) AS c WHERE {wanted}"
    if board.parts[asked.part].each == "product":
        once = (
            "SELECT DISTINCT ON (product_id) *, bool_or(illustrative) OVER (PARTITION BY product_id)"
            " AS is_illustrative FROM ({rows}) AS c WHERE {wanted} ORDER BY product_id, {first}"
        )
    query = SQL(
        "SELECT product_id, position, number, version, what, begins, ends, area, group_code AS group, stars, level,"
        " kind, subject, amount, is_illustrative AS illustrative, name FROM (" + once + ") AS d"
        " LEFT JOIN (SELECT product_id, name FROM read.status) AS s USING (product_id)"
        " WHERE (product_id, position, number) > (%(after_product)s, %(after_position)s, %(after_number)s)"
        " ORDER BY product_id, position, number LIMIT %(limit)s"
    ).format(rows=rows, wanted=SQL(wanted), first=SQL(board.first))
    params |= {"part": asked.part, "key": asked.key, "limit": limit}
    params |= {"after_product": after[0], "after_position": after[1], "after_number": after[2]}
    async with connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(query, params)).fetchall()


def _chosen(asked: Asked, scope: Scope) -> tuple[Composed, dict[str, Any]]:
    """The rows of a board, each with its part and key, and the query's parameters."""
    board = BOARDS[asked.board]
    seen, params = _seen(board, asked, scope)
    params |= {"day": asked.day, "cycle": asked.cycle, **window()}
    conditions: list[LiteralString] = ["true"]
    if asked.group is not None:
        conditions.append("group_code = %(group)s")
        params["group"] = asked.group
    if asked.stars is not None:
        conditions.append("r.stars = %(stars)s")
        params["stars"] = asked.stars
    if asked.year is not None:
        conditions.append(board.year + " = %(year)s")
        params["year"] = str(asked.year)
    key, joined = _keyed(board, asked, seen)
    params |= _map(asked)
    query = SQL("SELECT r.*, coalesce({key}, {unsaid}) AS key FROM ({rows}) AS r{joined} WHERE {conditions}").format(
        key=SQL(key),
        unsaid=UNSAID,
        rows=SQL(board.rows).format(seen=seen),
        joined=joined,
        conditions=SQL(" AND ".join(conditions)),
    )
    return query, params


def _seen(board: Board, asked: Asked, scope: Scope) -> tuple[Composed, dict[str, Any]]:
    """What the reader may see, of the area asked for: all columns and ``area``, today's commune."""
    condition, params = scope.where()
    conditions: list[LiteralString] = [condition]
    table: LiteralString = "SELECT *, commune AS area FROM read.worklist"
    if not board.today_only:
        table = "SELECT *, area AS commune FROM read.marks"
        if scope.producer is not None:
            conditions = ["product_id IN (SELECT product_id FROM read.status WHERE " + condition + ")"]
        conditions.append("position <= %(known)s AND replaced > %(known)s AND t.day <= %(day)s")
        params["known"] = asked.known
    communes = communes_of(asked.area, asked.map_day) if asked.area is not None else None
    if communes is not None:
        conditions.append("(commune = ANY(%(communes)s) OR commune = %(area)s)")
        params |= {"communes": sorted(communes), "area": asked.area}
    text = SQL("(SELECT * FROM ({}) AS t WHERE {})").format(SQL(table), SQL(" AND ".join(conditions)))
    return text, params


_KEYS: dict[str, LiteralString] = {
    "": "NULL",
    "stars": "r.stars::text",
    "group": "group_code",
    "commune": "r.area",
    "province": "nullif(r.province, '')",
    "unit": "m.key",
    "level": "r.level",
    "channel": "r.kind",
    "producer": "h.holder",
    "role": "r.subject",
    "task": "r.kind",
    "office": "r.subject || '@' || CASE WHEN r.subject = ANY(%(communal)s) THEN r.area ELSE r.province END",
}
_COMMUNAL = [Role.PRODUCER.value, Role.COMMUNE_OFFICER.value, Role.COMMUNE_CHAIR.value]
"""Roles whose office is of a commune."""
_ON_MAP: LiteralString = " LEFT JOIN unnest(%(mapped)s::text[], %(keys)s::text[]) AS m (area, key) ON m.area = r.area"
_HELD: LiteralString = """ LEFT JOIN (
    SELECT DISTINCT ON (product_id) product_id, kind AS holder FROM {seen} AS j
    WHERE what = 'joined' AND begins <= %(day)s ORDER BY product_id, begins DESC, position DESC, number DESC
) AS h ON h.product_id = r.product_id"""


def _keyed(board: Board, asked: Asked, seen: Composed) -> tuple[LiteralString, Composable]:
    """Expression of a row's key, and what must be joined for it."""
    if asked.by == "year":
        return board.year, SQL("")
    if asked.by == "producer":
        return _KEYS["producer"], SQL(_HELD).format(seen=seen)
    if asked.by in ("province", "unit") and asked.map_day <= last_day():
        return "m.key", SQL(_ON_MAP)
    return _KEYS[asked.by], SQL("")


def _map(asked: Asked) -> dict[str, Any]:
    if asked.by == "office":
        return {"communal": _COMMUNAL}
    if asked.by not in ("province", "unit") or asked.map_day > last_day():
        return {}
    communes, keys = _lying(asked.by, asked.map_day)
    return {"mapped": communes, "keys": keys}


@lru_cache(64)
def _lying(by: str, day: date) -> tuple[list[str], list[str | None]]:
    """Today's communes, and the unit or province that each lay in on the old map of a day."""
    lies = old_unit_on if by == "unit" else province_on
    communes = [code for code, area in areas().items() if area.province != code]
    return communes, [lies(code, day) or None for code in communes]


def groups() -> Mapping[str, str]:
    """Every product group there has been, with its name: of the newest rules that have it."""
    regimes = reversed(list(law_book().regimes.values()))
    return {group.code: group.vi for regime in regimes for group in regime.groups}


def is_area(code: str, day: date) -> bool:
    """Whether a code is an area of the map of a day."""
    return code == NATION or bool(communes_of(code, day))


def name_of(by: str, key: str, map_day: date) -> str:
    """Name of a row in Vietnamese; the key itself where nothing is named by it."""
    if key == UNSAID:
        return "Không ghi" if by else ""
    match by:
        case "stars":
            return f"{key} sao"
        case "province" | "commune" | "unit":
            return name_on(key, map_day)
        case "group":
            return groups().get(key, key)
        case "task":
            return COMMANDS[key].vi
        case "role":
            return ROLE_NAMES[Role(key)][0]
        case "office":
            role, _, area = key.partition("@")
            return f"{ROLE_NAMES[Role(role)][0]} – {name_on(area, map_day)}"
    named = {"level": LEVEL, "channel": CHANNEL, "producer": ENTITY}.get(by, {})
    return named[key][0] if key in named else key
