"""A list of products: what it is filtered and ordered by, and its pages. Of today and of any other instant alike."""

import base64
from dataclasses import dataclass
from datetime import date
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from domain.law.areas import area_name, commune
from domain.product.outlook import Outlook
from domain.product.state import Product
from domain.values import without_diacritics


def found_by(p: Product, next_up: Outlook) -> dict[str, Any]:
    """The columns that lists are filtered and ordered by."""
    place, certificate = commune(p.commune), p.certificate
    return {
        "name": p.name,
        "search": without_diacritics(f"{p.name} {p.holder} {area_name(p.commune)}"),
        "commune": p.commune,
        "province": place.province if place else "",
        "cycle": p.cycle,
        "step": int(p.step),
        "stars": certificate.stars if certificate else None,
        "valid_to": certificate.last_day if certificate else None,
        "due": min((t.due for t in next_up.tasks if t.due), default=None),
    }


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is asked for; None means any."""

    step: int | None = None
    area: str | None = None
    stars: int | None = None
    cycle: int | None = None
    late: bool | None = None
    q: str | None = None


def _words(q: str) -> list[str]:
    folded = without_diacritics(q)
    return "".join(c if c.isalnum() else " " for c in folded).split()


def _cursor_of(row: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(f"{row['name']}\x1f{row['product_id']}".encode()).decode()


class BadCursor(ValueError):
    """The cursor is not one this service gave out."""


def _read_cursor(cursor: str) -> tuple[str, UUID]:
    try:
        name, _, key = base64.urlsafe_b64decode(cursor.encode()).decode().rpartition("\x1f")
        product_id = UUID(key)
    except ValueError as error:
        raise BadCursor(cursor) from error
    if "\x00" in name:
        raise BadCursor(cursor)
    return name, product_id


def matching(filters: Filters, today: date, after: str | None) -> tuple[LiteralString, dict[str, Any]]:
    """Condition on the columns of ``found_by``, with its parameters; raises BadCursor."""
    conditions: list[LiteralString] = ["true"]
    params: dict[str, Any] = {"today": today}
    if filters.area is not None:
        conditions.append("%(area)s IN ('VN', province, commune)")
        params["area"] = filters.area
    if filters.step is not None:
        conditions.append("step = %(step)s")
        params["step"] = filters.step
    if filters.stars is not None:
        conditions.append("stars = %(stars)s AND valid_to >= %(today)s")
        params["stars"] = filters.stars
    if filters.cycle is not None:
        conditions.append("cycle = %(cycle)s")
        params["cycle"] = filters.cycle
    if filters.late is not None:
        conditions.append("due < %(today)s" if filters.late else "(due IS NULL OR due >= %(today)s)")
    if filters.q is not None and (words := _words(filters.q)):
        # What holds no such letters at all is passed over cheaply where no index helps.
        conditions.append("search LIKE ALL (%(parts)s)")
        conditions.append("to_tsvector('simple', search) @@ to_tsquery('simple', %(words)s)")
        params |= {"parts": [f"%{word}%" for word in words], "words": " & ".join(f"{word}:*" for word in words)}
    if after is not None:
        params["after_name"], params["after_id"] = _read_cursor(after)
        conditions.append('(name COLLATE "C", product_id) > (%(after_name)s, %(after_id)s)')
    return " AND ".join(conditions), params


async def paged(
    connection: AsyncConnection[Any], query: LiteralString, params: dict[str, Any], limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of what a query finds in name order, and the cursor of the next page or None."""
    query += ' ORDER BY name COLLATE "C", product_id LIMIT %(limit)s'
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(query, {**params, "limit": limit + 1})).fetchall()
    more_follow = len(rows) > limit
    rows = rows[:limit]
    return rows, _cursor_of(rows[-1]) if more_follow else None
