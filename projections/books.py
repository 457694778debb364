"""Books of decisions: which decisions did an authority take in a year, under which numbers, on which products?

For clerks and inspectors. One row a decision; rows are only ever added.
"""

import json
from typing import Any, ClassVar, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import Identifier

from domain.book.facts import DecisionIssued
from domain.law.areas import area_name, province_of_area
from projections.engine import Cursor, Page, ReadModel, put
from projections.scope import Scope

COLUMNS: dict[str, LiteralString] = {
    "position": "bigint",
    "product_id": "uuid",
    "kind": "text",
    "level": "text",
    "commune": "text",
    "province": "text",
    "year": "int4",
    "number": "int4",
    "decision_number": "text",
    "signer": "text",
    "decided_on": "date",
    "entries": "text",
}


class Books(ReadModel):
    """Writes the rows. ``product_id`` is the stream, ``commune`` the authority's area, as in every read model."""

    name = "books"
    version = 1
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            position bigint PRIMARY KEY, product_id uuid NOT NULL, kind text NOT NULL, level text NOT NULL,
            commune text NOT NULL, province text NOT NULL, year int NOT NULL, number int,
            decision_number text NOT NULL, signer text NOT NULL, decided_on date NOT NULL, entries text NOT NULL
        );
        CREATE INDEX {i1} ON {table} (level, commune, year, position);
    """

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """One row a decision."""
        rows = [
            (
                r.position,
                r.originator_id,
                r.fact.kind,
                r.fact.level,
                r.fact.area,
                province_of_area(r.fact.area),
                r.fact.year,
                r.fact.number,
                r.fact.decision_number,
                r.fact.signer,
                r.envelope.effective_on,
                json.dumps([e.model_dump(mode="json") for e in r.fact.entries], ensure_ascii=False),
            )
            for r in page.facts
            if isinstance(r.fact, DecisionIssued)
        ]
        if rows:
            put(cursor, table, COLUMNS, rows)


async def decisions_in(
    connection: AsyncConnection[Any], scope: Scope, level: str | None, year: int | None, after: int, limit: int
) -> list[dict[str, Any]]:
    """Decisions of the authorities of a scope in the order of their books, after a position."""
    condition, params = scope.where_area()
    query: LiteralString = "SELECT * FROM read.books WHERE position > %(after)s AND " + condition
    if level is not None:
        query += " AND level = %(level)s"
    if year is not None:
        query += " AND year = %(year)s"
    params |= {"after": after, "level": level, "year": year, "limit": limit}
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(query + " ORDER BY position LIMIT %(limit)s", params)).fetchall()
    return [
        {
            "position": row["position"],
            "book_id": row["product_id"],
            "kind": row["kind"],
            "level": row["level"],
            "area": {"code": row["commune"], "name": area_name(row["commune"])},
            "year": row["year"],
            "number": row["number"],
            "decision_number": row["decision_number"],
            "signer": row["signer"],
            "decided_on": row["decided_on"],
            "entries": json.loads(row["entries"]),
        }
        for row in rows
    ]
