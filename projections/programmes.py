"""Programmes: which plans are there, what do they ask for, and how did each target read on any day?

For everybody in the area. A row a programme; what it asks for is told from its trail (``plans.py``).
"""

import json
from datetime import date
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from application.recorded import Recorded
from domain.law.areas import NATION, province_of_area, province_today
from domain.programme.facts import ProgrammeIssued
from domain.programme.state import Programme
from projections.engine import Cursor, Page, ReadModel, put
from projections.scope import Scope

COLUMNS: dict[str, LiteralString] = {
    "product_id": "uuid",
    "version": "bigint",
    "position": "bigint",
    "title": "text",
    "area": "text",
    "commune": "text",
    "province": "text",
    "first": "date",
    "last": "date",
    "decision_number": "text",
    "issued_on": "date",
    "issued_by": "text",
    "signer": "text",
    "legal_bases": "text",
    "illustrative": "bool",
}


class Programmes(ReadModel):
    """Writes the rows."""

    name = "programmes"
    version = 1
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            product_id uuid PRIMARY KEY, version bigint NOT NULL, position bigint NOT NULL, title text NOT NULL,
            area text NOT NULL, commune text NOT NULL, province text NOT NULL, first date NOT NULL, last date NOT NULL,
            decision_number text, issued_on date NOT NULL, issued_by text NOT NULL, signer text,
            legal_bases text NOT NULL, illustrative boolean NOT NULL
        );
    """

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """A row when it is issued; its version with every fact."""
        rows = [_row(r, r.fact) for r in page.facts if isinstance(r.fact, ProgrammeIssued)]
        put(cursor, table, COLUMNS, rows)
        cursor.executemany(
            SQL("UPDATE {} SET version = %s WHERE product_id = %s").format(table),
            [(state.version, key) for key, state in page.states.items() if isinstance(state, Programme)],
        )


def _row(r: Recorded, fact: ProgrammeIssued) -> tuple[Any, ...]:
    return (
        r.originator_id,
        r.originator_version,
        r.position,
        fact.title,
        fact.area,
        fact.area if len(fact.area) == len("00000") else "",
        province_today(fact.area),
        fact.first,
        fact.last,
        fact.decision_number,
        fact.issued_on,
        fact.issued_by,
        fact.signer,
        json.dumps(fact.legal_bases, ensure_ascii=False),
        r.envelope.source.kind == "illustrative",
    )


def _visible(scope: Scope) -> tuple[LiteralString, dict[str, Any]]:
    """A programme of the reader's area, of one within it, or of one that his lies in."""
    within, params = scope.where_area()
    condition: LiteralString = "(" + within + " OR area = 'VN' OR (commune = '' AND province = %(own_province)s))"
    return condition, params | {"own_province": province_of_area(scope.area) if scope.area != NATION else ""}


async def find_programmes(
    connection: AsyncConnection[Any], scope: Scope, effective: date, position: int, limit: int
) -> list[dict[str, Any]]:
    """Programmes a reader may see, issued by a day and known at a position, the latest first."""
    condition, params = _visible(scope)
    query: LiteralString = (
        "SELECT product_id AS id, * FROM read.programmes WHERE "
        + condition
        + " AND position <= %(position)s AND issued_on <= %(effective)s"
        " ORDER BY first DESC, issued_on DESC, product_id LIMIT %(limit)s"
    )
    async with connection.cursor(row_factory=dict_row) as cursor:
        params |= {"effective": effective, "position": position, "limit": limit}
        rows = await (await cursor.execute(query, params)).fetchall()
    return [{name: value for name, value in _told(row).items() if name != "version"} for row in rows]


async def programme_of(
    connection: AsyncConnection[Any], scope: Scope, programme: UUID, effective: date, position: int
) -> dict[str, Any] | None:
    """One programme as of a day and a position, with its version then; None where there is none to be seen."""
    condition, params = _visible(scope)
    query: LiteralString = (
        "SELECT product_id AS id, *, (SELECT max(version) FROM read.trail WHERE product_id = %(id)s"
        " AND position <= %(position)s) AS version_then FROM read.programmes WHERE product_id = %(id)s"
        " AND position <= %(position)s AND issued_on <= %(effective)s AND " + condition
    )
    async with connection.cursor(row_factory=dict_row) as cursor:
        params |= {"id": programme, "effective": effective, "position": position}
        row = await (await cursor.execute(query, params)).fetchone()
    return _told(row | {"version": row.pop("version_then") or row["version"]}) if row else None


def _told(row: dict[str, Any]) -> dict[str, Any]:
    hidden = ("product_id", "commune", "province", "position", "legal_bases")
    return {k: v for k, v in row.items() if k not in hidden} | {"legal_bases": json.loads(row["legal_bases"])}
