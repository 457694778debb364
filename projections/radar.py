"""Radar: what would an auditor look at, why, and which facts does it rest on?

For supervisors and inspectors. The rules stand in ``domain/radar.py``; here lie the facts they look at, strand by
strand, and beside them what was found there: rows without and with a finding. Facts are only added; what a page adds
to a strand has its findings worked out anew from all of the strand's facts, so that neither the order of pages nor
their size shows, and what no longer holds is gone.
"""

import json
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from application.recorded import Recorded
from domain.law.areas import area_name, province_of_area
from domain.law.book import LawBook
from domain.radar import CODES, Finding, Seen, Strand, findings_in, kept, looked_at, strands_of
from domain.sealing import STORED
from domain.stream import Fact
from domain.streams import CATALOGUE
from projections.engine import Cursor, Page, ReadModel, put
from projections.scope import Scope

FACT: dict[str, LiteralString] = {
    "strand": "text",
    "product_id": "uuid",
    "version": "bigint",
    "position": "bigint",
    "fact": "text",
    "effective_on": "date",
    "recorded_at": "timestamptz",
    "person": "text",
    "actor_area": "text",
    "commune": "text",
    "command_id": "uuid",
    "native": "bool",
    "delegation": "uuid",
    "data": "text",
}
FINDING: dict[str, LiteralString] = {
    "strand": "text",
    "product_id": "uuid",
    "version": "bigint",
    "position": "bigint",
    "fact": "text",
    "effective_on": "date",
    "recorded_at": "timestamptz",
    "person": "text",
    "commune": "text",
    "province": "text",
    "finding": "uuid",
    "code": "text",
    "about": "uuid",
    "session": "uuid",
    "vi": "text",
    "en": "text",
    "rests_on": "text",
}


class Radar(ReadModel):
    """Writes the rows. ``product_id`` is the stream of the fact, or of a finding's latest, as in every read model."""

    name = "radar"
    version = 1
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            strand text NOT NULL, product_id uuid NOT NULL, version bigint NOT NULL, position bigint NOT NULL,
            fact text NOT NULL, effective_on date NOT NULL, recorded_at timestamptz NOT NULL, person text,
            actor_area text, commune text NOT NULL, province text, command_id uuid, native boolean, delegation uuid,
            data text, finding uuid, code text, about uuid, session uuid, vi text, en text, rests_on text,
            UNIQUE NULLS NOT DISTINCT (strand, position, finding)
        );
        CREATE INDEX {i1} ON {table} (product_id);
        CREATE INDEX {i2} ON {table} (position, finding) WHERE finding IS NOT NULL;
        CREATE INDEX {i3} ON {table} (province, commune, position) WHERE finding IS NOT NULL;
    """

    def __init__(self, law: LawBook) -> None:
        self._law, self.rules = law, law.hash

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """Add the page's facts to their strands, and work the findings of those out anew."""
        fresh: dict[str, list[Seen]] = {}
        for r in page.facts:
            if not looked_at(r.fact) and r.envelope.actor.delegator is None:
                continue
            seen = _seen(r)
            for strand in strands_of(seen, r.envelope.actor.assignment, page.states[r.originator_id]):
                fresh.setdefault(strand, []).append(seen)
        if not fresh:
            return
        known = _facts_in(cursor, table, list(fresh))
        strands = [Strand.of(name, (*known.get(name, ()), *added)).begun() for name, added in fresh.items()]
        told = {r.position for r in page.facts}
        put(
            cursor, table, FACT, [_fact_row(s.name, seen) for s in strands for seen in s.facts if seen.position in told]
        )
        found = [(strand.name, finding) for strand in strands for finding in findings_in(strand, self._law)]
        put(cursor, table, FINDING, [_finding_row(name, finding) for name, finding in found])


def _facts_in(cursor: Cursor, table: Identifier, strands: list[str]) -> dict[str, list[Seen]]:
    """The facts that strands have so far; their findings are gone."""
    query = SQL("DELETE FROM {} WHERE strand = ANY(%s) AND finding IS NOT NULL").format(table)
    cursor.execute(query, (strands,))
    columns = SQL(", ").join(map(Identifier, FACT))
    query = SQL("SELECT {} FROM {} WHERE strand = ANY(%s)").format(columns, table)
    known: dict[str, list[Seen]] = {}
    for strand, *values, data in cursor.execute(query, (strands,)):
        known.setdefault(strand, []).append(Seen(*[*values, _read(values[NAME], data)]))
    return known


NAME = list(FACT).index("fact") - 1
"""Where the fact's name stands after its strand."""


def _read(name: str, data: str | None) -> Fact | None:
    return None if data is None else CATALOGUE[name].model_validate_json(data, context=STORED)


def _seen(r: Recorded) -> Seen:
    e = r.envelope
    return Seen(
        stream=r.originator_id,
        version=r.originator_version,
        position=r.position,
        name=r.fact.stored_name,
        on=e.effective_on,
        at=e.recorded_at,
        person=e.actor.person,
        area=e.actor.area,
        place=e.commune,
        command=e.command_id,
        native=e.source.kind == "native",
        delegation=e.actor.delegator.delegation if e.actor.delegator else None,
        fact=kept(r.fact),
    )


def _fact_row(strand: str, seen: Seen) -> tuple[Any, ...]:
    return (
        strand,
        seen.stream,
        seen.version,
        seen.position,
        seen.name,
        seen.on,
        seen.at,
        seen.person,
        seen.area,
        seen.place,
        seen.command,
        seen.native,
        seen.delegation,
        seen.fact.model_dump_json() if seen.fact else None,
    )


def _finding_row(strand: str, found: Finding) -> tuple[Any, ...]:
    latest = found.latest
    rests_on = [
        {
            "stream": seen.kind,
            "stream_id": str(seen.stream),
            "version": seen.version,
            "position": seen.position,
            "fact": seen.name,
            "effective_on": seen.on.isoformat(),
        }
        for seen in found.facts
    ]
    return (
        strand,
        latest.stream,
        latest.version,
        latest.position,
        latest.name,
        latest.on,
        latest.at,
        found.person,
        found.area,
        province_of_area(found.area),
        found.id,
        found.code,
        found.product,
        found.session,
        found.vi,
        found.en,
        json.dumps(rests_on),
    )


async def find_radar(
    connection: AsyncConnection[Any],
    scope: Scope,
    code: str | None,
    area: str | None,
    after: tuple[int, UUID] | None,
    limit: int,
) -> list[dict[str, Any]]:
    """Findings within a scope, in the order of the facts that made them findings, after one of them."""
    condition, params = scope.where_area()
    query: LiteralString = "SELECT * FROM read.radar WHERE finding IS NOT NULL AND " + condition
    if code is not None:
        query += " AND code = %(code)s"
    if area is not None:
        query += " AND %(area)s IN ('VN', province, commune)"
    if after is not None:
        query += " AND (position, finding) > (%(position)s, %(finding)s)"
        params = {**params, "position": after[0], "finding": after[1]}
    params = {**params, "code": code, "area": area, "limit": limit}
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(query + " ORDER BY position, finding LIMIT %(limit)s", params)).fetchall()
    return [_shown(row) for row in rows]


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    vi, en = CODES[row["code"]]
    return {
        "finding_id": row["finding"],
        "code": row["code"],
        "title": vi,
        "title_en": en,
        "vi": row["vi"],
        "en": row["en"],
        "on": row["effective_on"],
        "recorded_at": row["recorded_at"],
        "position": row["position"],
        "area": {"code": row["commune"], "name": area_name(row["commune"])},
        "product_id": row["about"],
        "session_id": row["session"],
        "person": row["person"],
        "facts": json.loads(row["rests_on"]),
    }
