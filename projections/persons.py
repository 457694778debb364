"""Persons and offices: who may act here, in which role and office, by which paper?

For administrators, supervisors and inspectors. One row a person or office, written from its state; what somebody held
on another day is told from history (``GET /v1/persons/{id}/authority``).
"""

import json
from datetime import date
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from domain.law.areas import area_name, province_of_area
from domain.office.state import Office
from domain.person.state import Person
from domain.values import ROLE_NAMES, Role
from projections.engine import Cursor, Page, ReadModel, put
from projections.scope import Scope

COLUMNS: dict[str, LiteralString] = {
    "product_id": "uuid",
    "version": "bigint",
    "stream": "text",
    "name": "text",
    "kind": "text",
    "commune": "text",
    "province": "text",
    "roles": "text",
    "assignments": "text",
    "closed_on": "date",
}


class Persons(ReadModel):
    """Writes the rows. ``product_id`` is the stream, ``commune`` the area, as in every read model."""

    name = "persons"
    version = 1
    of_state = True
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            product_id uuid PRIMARY KEY, version bigint NOT NULL, stream text NOT NULL, name text NOT NULL,
            kind text NOT NULL, commune text NOT NULL, province text NOT NULL, roles text NOT NULL,
            assignments text NOT NULL, closed_on date
        );
        CREATE INDEX {i1} ON {table} (stream, province, name);
    """

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """The row of each person and office the page touches, written anew."""
        rows = [row for key, state in page.states.items() if (row := _row(key, state)) is not None]
        if rows:
            touched = [row[0] for row in rows]
            cursor.execute(SQL("DELETE FROM {} WHERE product_id = ANY(%s)").format(table), (touched,))
            put(cursor, table, COLUMNS, rows)


def _row(key: UUID, state: Any) -> tuple[Any, ...] | None:
    match state:
        case Office():
            place = (state.area, province_of_area(state.area))
            return (key, state.version, "office", state.name, state.level, *place, "", "[]", state.closed_on)
        case Person():
            held = [
                {
                    "assignment": str(a.id),
                    "role": a.role.value,
                    "office": str(a.office) if a.office else None,
                    "office_name": a.office_name,
                    "area": a.area,
                    "first": a.term.first.isoformat(),
                    "last": a.term.last.isoformat() if a.term.last else None,
                    "ended_on": a.ended_on.isoformat() if a.ended_on else None,
                    "decision_number": a.decision_number,
                }
                for a in state.assignments.values()
            ]
            roles = "|".join(("", *sorted({a.role.value for a in state.assignments.values()}), ""))
            place = (state.area, province_of_area(state.area))
            shown = json.dumps(held, ensure_ascii=False)
            return (key, state.version, "person", state.handle, state.kind, *place, roles, shown, None)
        case _:
            return None


async def find_persons(
    connection: AsyncConnection[Any], scope: Scope, role: Role | None, after: str, today: date, limit: int
) -> list[dict[str, Any]]:
    """Persons entered for an area of the scope, by handle, after a handle."""
    rows = await _find(connection, scope, "person", role, after, limit)
    return [_person(row, today) for row in rows]


async def person_of(connection: AsyncConnection[Any], scope: Scope, key: UUID, today: date) -> dict[str, Any] | None:
    """One person, or None when there is none in the scope."""
    condition, params = scope.where_area()
    query: LiteralString = "SELECT * FROM read.persons WHERE stream = 'person' AND product_id = %(key)s AND "
    async with connection.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(query + condition, {**params, "key": key})).fetchone()
    return _person(row, today) if row else None


async def find_offices(connection: AsyncConnection[Any], scope: Scope, after: str, limit: int) -> list[dict[str, Any]]:
    """Offices of the scope, by name, after a name."""
    return [
        {
            "office_id": row["product_id"],
            "version": row["version"],
            "name": row["name"],
            "level": row["kind"],
            "area": {"code": row["commune"], "name": area_name(row["commune"])},
            "closed_on": row["closed_on"],
        }
        for row in await _find(connection, scope, "office", None, after, limit)
    ]


async def _find(
    connection: AsyncConnection[Any], scope: Scope, stream: str, role: Role | None, after: str, limit: int
) -> list[dict[str, Any]]:
    condition, params = scope.where_area()
    query: LiteralString = (
        'SELECT * FROM read.persons WHERE stream = %(stream)s AND name COLLATE "C" > %(after)s'
        " AND (%(role)s::text IS NULL OR roles LIKE %(role)s) AND "
        + condition
        + ' ORDER BY name COLLATE "C", product_id LIMIT %(limit)s'
    )
    params |= {"stream": stream, "role": f"%|{role.value}|%" if role else None, "after": after, "limit": limit}
    async with connection.cursor(row_factory=dict_row) as cursor:
        return await (await cursor.execute(query, params)).fetchall()


def _person(row: dict[str, Any], today: date) -> dict[str, Any]:
    held = json.loads(row["assignments"])
    day = today.isoformat()
    for a in held:
        vi, en = ROLE_NAMES[Role(a["role"])]
        a["role"] = {"code": a["role"], "vi": vi, "en": en}
        a["area"] = {"code": a["area"], "name": area_name(a["area"])}
        begun, lasting = a["first"] <= day, a["last"] is None or day <= a["last"]
        a["valid"] = begun and lasting and (a["ended_on"] is None or day < a["ended_on"])
    return {
        "person_id": row["product_id"],
        "version": row["version"],
        "handle": row["name"],
        "kind": row["kind"],
        "area": {"code": row["commune"], "name": area_name(row["commune"])},
        "assignments": held,
    }
