"""Councils: which councils are there, who sits on them, by which rules of procedure do they work?

For offices that call sessions and for inspectors. One row a council, written from its state.
"""

import json
from datetime import date
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from domain.council.state import Council
from domain.law.areas import area_name, province_of_area
from projections.engine import Cursor, Page, ReadModel, put
from projections.scope import Scope

COLUMNS: dict[str, LiteralString] = {
    "product_id": "uuid",
    "version": "bigint",
    "number": "text",
    "level": "text",
    "commune": "text",
    "province": "text",
    "regime": "text",
    "period_from": "date",
    "period_to": "date",
    "dissolved": "bool",
    "members": "text",
    "procedure": "text",
}


class Councils(ReadModel):
    """Writes the rows. ``product_id`` is the stream, ``commune`` the council's area, as in every read model."""

    name = "councils"
    version = 1
    of_state = True
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            product_id uuid PRIMARY KEY, version bigint NOT NULL, number text NOT NULL, level text NOT NULL,
            commune text NOT NULL, province text NOT NULL, regime text NOT NULL, period_from date NOT NULL,
            period_to date, dissolved boolean NOT NULL, members text NOT NULL, procedure text NOT NULL
        );
        CREATE INDEX {i1} ON {table} (province, level);
    """

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """The row of each council the page touches, written anew."""
        councils = {key: state for key, state in page.states.items() if isinstance(state, Council)}
        if not councils:
            return
        cursor.execute(SQL("DELETE FROM {} WHERE product_id = ANY(%s)").format(table), (list(councils),))
        put(cursor, table, COLUMNS, [_row(key, council) for key, council in councils.items()])


def _row(key: UUID, council: Council) -> tuple[Any, ...]:
    return (
        key,
        council.version,
        council.number,
        council.level,
        council.area,
        province_of_area(council.area),
        council.regime,
        council.set_up_on,
        council.period_to,
        council.dissolved,
        json.dumps([m.model_dump(mode="json") for m in council.members], ensure_ascii=False),
        council.procedure.model_dump_json() if council.procedure else "{}",
    )


async def find_councils(
    connection: AsyncConnection[Any], scope: Scope, today: date, limit: int
) -> list[dict[str, Any]]:
    """Councils of a scope, the newest first; ties of members to producers are left out."""
    condition, params = scope.where_area()
    query: LiteralString = "SELECT * FROM read.councils WHERE " + condition + " ORDER BY period_from DESC, product_id"
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(query + " LIMIT %(limit)s", {**params, "limit": limit})).fetchall()
    return [_shown(row, today) for row in rows]


async def council_of(connection: AsyncConnection[Any], scope: Scope, key: UUID, today: date) -> dict[str, Any] | None:
    """One council, or None when there is none in the scope."""
    condition, params = scope.where_area()
    query: LiteralString = "SELECT * FROM read.councils WHERE product_id = %(key)s AND " + condition
    async with connection.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(query, {**params, "key": key})).fetchone()
    return _shown(row, today) if row else None


def _shown(row: dict[str, Any], today: date) -> dict[str, Any]:
    over = row["dissolved"] or (row["period_to"] is not None and row["period_to"] < today)
    return {
        "council_id": row["product_id"],
        "version": row["version"],
        "number": row["number"],
        "level": row["level"],
        "area": {"code": row["commune"], "name": area_name(row["commune"])},
        "regime": row["regime"],
        "period_from": row["period_from"],
        "period_to": row["period_to"],
        "working": not over and row["period_from"] <= today,
        "members": [{k: v for k, v in m.items() if k != "ties"} for m in json.loads(row["members"])],
        "procedure": json.loads(row["procedure"]),
    }
