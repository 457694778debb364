"""Sessions: which products does a council judge when, who is there, which sheets are in?

For secretaries and members. Sheets are counted, never shown: their content is sealed until scoring is closed,
and then stands in each product's trail; spreads and results are shown from then on.
One row a session, written from its state.
"""

import json
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from domain.law.areas import area_name, province_of_area
from domain.session.state import STAGE_NAMES, Session, Stage
from projections.engine import Cursor, Page, ReadModel, put
from projections.scope import Scope

COLUMNS: dict[str, LiteralString] = {
    "product_id": "uuid",
    "version": "bigint",
    "council": "uuid",
    "council_number": "text",
    "number": "text",
    "level": "text",
    "commune": "text",
    "province": "text",
    "form": "text",
    "stage": "text",
    "held_on": "date",
    "round": "int4",
    "sheets": "int4",
    "members": "text",
    "agenda": "text",
    "minutes_number": "text",
}


class Sessions(ReadModel):
    """Writes the rows. ``product_id`` is the stream, ``commune`` the council's area, as in every read model."""

    name = "sessions"
    version = 1
    of_state = True
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            product_id uuid PRIMARY KEY, version bigint NOT NULL, council uuid NOT NULL, council_number text NOT NULL,
            number text NOT NULL, level text NOT NULL, commune text NOT NULL, province text NOT NULL,
            form text NOT NULL, stage text NOT NULL, held_on date NOT NULL, round int NOT NULL, sheets int NOT NULL,
            members text NOT NULL, agenda text NOT NULL, minutes_number text
        );
        CREATE INDEX {i1} ON {table} (province, held_on);
    """

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """The row of each session the page touches, written anew."""
        sessions = {key: state for key, state in page.states.items() if isinstance(state, Session)}
        if not sessions:
            return
        cursor.execute(SQL("DELETE FROM {} WHERE product_id = ANY(%s)").format(table), (list(sessions),))
        put(cursor, table, COLUMNS, [_row(key, session) for key, session in sessions.items()])


def _row(key: UUID, s: Session) -> tuple[Any, ...]:
    handed_in: dict[UUID, list[str]] = {}
    for product, member in s.sealed:
        handed_in.setdefault(product, []).append(member)
    agenda = [
        {
            "product_id": str(product),
            "name": item.name,
            "producer": item.producer,
            "kind": item.kind,
            "sheet": item.sheet,
            "scoring": product in s.scoring,
            "conflicted": sorted(s.conflicted(product)),
            "handed_in": sorted(handed_in.get(product, [])),
            "spread": s.spreads.get(product),
            "result": {"average": s.results[product].average, "stars": s.results[product].stars}
            if product in s.results
            else None,
        }
        for product, item in s.agenda.items()
    ]
    members = [
        {
            "person": m.person,
            "office": m.office,
            "capacity": m.capacity,
            "voting": m.voting,
            "present": m.person in s.present if s.present or s.attendance_taken else None,
        }
        for m in s.members
    ]
    return (
        key,
        s.version,
        s.council,
        s.council_number,
        s.number,
        s.level,
        s.area,
        province_of_area(s.area),
        s.form,
        str(s.stage),
        s.held_on,
        s.round,
        len(s.sealed),
        json.dumps(members, ensure_ascii=False),
        json.dumps(agenda, ensure_ascii=False),
        s.minutes_number,
    )


async def find_sessions(connection: AsyncConnection[Any], scope: Scope, limit: int) -> list[dict[str, Any]]:
    """Sessions of a scope, the latest first."""
    condition, params = scope.where_area()
    query: LiteralString = "SELECT * FROM read.sessions WHERE " + condition + " ORDER BY held_on DESC, product_id"
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(query + " LIMIT %(limit)s", {**params, "limit": limit})).fetchall()
    return [_shown(row) for row in rows]


async def session_of(connection: AsyncConnection[Any], scope: Scope, key: UUID) -> dict[str, Any] | None:
    """One session, or None when there is none in the scope."""
    condition, params = scope.where_area()
    query: LiteralString = "SELECT * FROM read.sessions WHERE product_id = %(key)s AND " + condition
    async with connection.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(query, {**params, "key": key})).fetchone()
    return _shown(row) if row else None


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    vi, en = STAGE_NAMES[Stage(row["stage"])]
    return {
        "session_id": row["product_id"],
        "version": row["version"],
        "council": {"council_id": row["council"], "number": row["council_number"]},
        "number": row["number"],
        "level": row["level"],
        "area": {"code": row["commune"], "name": area_name(row["commune"])},
        "form": row["form"],
        "stage": {"code": row["stage"], "vi": vi, "en": en},
        "held_on": row["held_on"],
        "round": row["round"],
        "sheets_sealed": row["sheets"],
        "minutes_number": row["minutes_number"],
        "members": json.loads(row["members"]),
        "agenda": json.loads(row["agenda"]),
    }
