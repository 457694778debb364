"""Audit trail: who did what, as what, when, on which paper?

For supervisors and inspectors: one sentence a fact in Vietnamese and English, nothing left out, a
correction beside the fact it corrects. Rows are only ever added.
"""

import json
from collections.abc import Sequence
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import Identifier

from projections.engine import Cursor, Page, ReadModel, put
from projections.sentences import sentence

COLUMNS: dict[str, LiteralString] = {
    "position": "bigint",
    "product_id": "uuid",
    "version": "bigint",
    "fact": "text",
    "step": "int4",
    "effective_on": "date",
    "recorded_at": "timestamptz",
    "person": "text",
    "role": "text",
    "office": "text",
    "area": "text",
    "paper": "text",
    "source": "text",
    "command_id": "uuid",
    "vi": "text",
    "en": "text",
    "data": "text",
}


class Trail(ReadModel):
    """Writes the rows."""

    name = "trail"
    version = 3
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            position bigint PRIMARY KEY, product_id uuid NOT NULL, version bigint NOT NULL, fact text NOT NULL,
            step int, effective_on date NOT NULL, recorded_at timestamptz NOT NULL, person text NOT NULL,
            role text NOT NULL, office text NOT NULL, area text NOT NULL, paper text, source text NOT NULL,
            command_id uuid NOT NULL, vi text NOT NULL, en text NOT NULL, data text NOT NULL
        );
        CREATE INDEX {i1} ON {table} (product_id, version);
    """

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """One row a fact."""
        rows = []
        for r in page.facts:
            e = r.envelope
            vi, en = sentence(r)
            rows.append(
                (
                    r.position,
                    r.originator_id,
                    r.originator_version,
                    e.data.stored_name,
                    int(e.data.step) if e.data.step else None,
                    e.effective_on,
                    e.recorded_at,
                    e.actor.person,
                    e.actor.role.value,
                    e.actor.office,
                    e.actor.area,
                    e.paper.number if e.paper else None,
                    e.source.kind,
                    e.command_id,
                    vi,
                    en,
                    e.data.model_dump_json(),
                )
            )
        put(cursor, table, COLUMNS, rows)


async def sentences_at(connection: AsyncConnection[Any], positions: Sequence[int]) -> dict[int, dict[str, str]]:
    """The sentences of the facts at some positions, by position."""
    query: LiteralString = "SELECT position, vi, en FROM read.trail WHERE position = ANY(%(positions)s)"
    rows = await (await connection.execute(query, {"positions": list(positions)})).fetchall()
    return {position: {"vi": vi, "en": en} for position, vi, en in rows}


async def trail_of(
    connection: AsyncConnection[Any],
    product_id: UUID,
    after: int,
    limit: int,
    versions: Sequence[int] | None = None,
) -> list[dict[str, Any]]:
    """The product's facts after a version, oldest first; with ``versions`` as if there were no others."""
    correcting: LiteralString = "" if versions is None else " AND c.version = ANY(%(versions)s)"
    told: LiteralString = "" if versions is None else " AND t.version = ANY(%(versions)s)"
    query: LiteralString = (
        "SELECT t.*, (SELECT array_agg(c.version ORDER BY c.version) FROM read.trail c"
        "  WHERE c.product_id = t.product_id AND c.fact = 'product.fact-corrected'"
        "  AND (c.data::json ->> 'corrected_version')::bigint = t.version" + correcting + ") AS corrected_by"
        " FROM read.trail t WHERE product_id = %(id)s AND version > %(after)s"
        + told
        + " ORDER BY version LIMIT %(limit)s"
    )
    params = {"id": product_id, "after": after, "limit": limit, "versions": versions}
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(query, params)).fetchall()
    return [{**row, "data": json.loads(row["data"])} for row in rows]
