"""Requests to erase personal data: what was asked, how it was decided and why, and whether it is carried out?

For the officials who decide and those who watch. One row a request; nobody is named.
"""

from datetime import date
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row, tuple_row
from psycopg.sql import SQL, Identifier

from application.shredder import FindGranted, Granted
from domain.law.areas import area_name, province_of_area
from domain.law.book import LawBook
from domain.subject.state import ErasureRequest, Subject
from projections.engine import Cursor, Page, ReadModel, put
from projections.scope import Scope

COLUMNS: dict[str, LiteralString] = {
    "product_id": "uuid",
    "subject": "uuid",
    "version": "bigint",
    "stream_version": "bigint",
    "commune": "text",
    "province": "text",
    "named_product": "uuid",
    "asked_on": "date",
    "recorded_on": "date",
    "capacity": "text",
    "channel": "text",
    "scope": "text",
    "due": "date",
    "outcome": "text",
    "decision": "bigint",
    "decided_on": "date",
    "purposes": "text",
    "legal_basis": "text",
    "reasons": "text",
    "carried_out_on": "date",
    "to_carry_out": "boolean",
}


class Erasures(ReadModel):
    """Writes the rows. ``product_id`` is the stream, ``commune`` the area, as in every read model.

    ``subject``: whose data, in dossiers at several authorities.
    """

    name = "erasures"
    version = 2
    of_state = True
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            product_id uuid NOT NULL, subject uuid NOT NULL, version bigint NOT NULL, stream_version bigint NOT NULL,
            commune text NOT NULL, province text NOT NULL, named_product uuid, asked_on date NOT NULL,
            recorded_on date NOT NULL,
            capacity text NOT NULL, channel text NOT NULL, scope text NOT NULL, due date NOT NULL, outcome text,
            decision bigint, decided_on date, purposes text NOT NULL, legal_basis text, reasons text NOT NULL,
            carried_out_on date, to_carry_out boolean NOT NULL, PRIMARY KEY (product_id, version)
        );
        CREATE INDEX {i1} ON {table} (province, commune);
        CREATE INDEX {i2} ON {table} (product_id) WHERE to_carry_out;
        CREATE INDEX {i3} ON {table} (subject);
    """

    def __init__(self, law: LawBook) -> None:
        self._law, self.rules = law, law.hash

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """The requests of each subject the page touches, written anew."""
        subjects = {key: state for key, state in page.states.items() if isinstance(state, Subject)}
        if subjects:
            cursor.execute(SQL("DELETE FROM {} WHERE product_id = ANY(%s)").format(table), (list(subjects),))
            rows = [self._row(key, s, request) for key, s in subjects.items() for request in s.requests]
            put(cursor, table, COLUMNS, rows)

    def _row(self, key: UUID, s: Subject, r: ErasureRequest) -> tuple[Any, ...]:
        province = province_of_area(r.area)
        term = self._law.practice.deadline("erasure_decision", province)
        return (
            *(key, s.of or key, r.version, s.version, r.area, province, r.product, r.asked_on, r.recorded_on),
            *(r.capacity, r.channel, r.scope, term.end(r.asked_on), r.outcome, r.decision, r.decided_on),
            *(",".join(r.purposes), r.legal_basis, r.reasons, r.carried_out_on, r.to_carry_out),
        )


async def find_erasures(
    connection: AsyncConnection[Any], scope: Scope, today: date, limit: int, dossier: UUID | None = None
) -> list[dict[str, Any]]:
    """Requests within an authority's area, or of one dossier there, those that wait first, the oldest first."""
    condition, params = scope.where_area()
    if dossier is not None:
        condition += " AND product_id = %(dossier)s"
    return await _rows(connection, condition, {**params, "dossier": dossier}, today, limit)


async def erasures_of(
    connection: AsyncConnection[Any], subject: UUID, today: date, scope: Scope | None = None
) -> list[dict[str, Any]]:
    """The requests of one subject: to the authorities within a scope, or all for the subject itself."""
    condition, params = scope.where_area() if scope else ("true", {})
    return await _rows(connection, condition + " AND subject = %(subject)s", {**params, "subject": subject}, today, 100)


async def subject_behind(connection: AsyncConnection[Any], dossier: UUID) -> UUID | None:
    """Whose dossier it is, where there is one."""
    async with connection.cursor(row_factory=tuple_row) as cursor:
        query = "SELECT subject FROM read.erasures WHERE product_id = %s LIMIT 1"
        row = await (await cursor.execute(query, (dossier,))).fetchone()
    return row[0] if row else None


async def _rows(
    connection: AsyncConnection[Any],
    condition: LiteralString,
    params: dict[str, Any],
    today: date,
    limit: int,
) -> list[dict[str, Any]]:
    query: LiteralString = (
        "SELECT * FROM read.erasures WHERE "
        + condition
        + " ORDER BY outcome IS NOT NULL, due, product_id, version LIMIT %(limit)s"
    )
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(query, {**params, "limit": limit})).fetchall()
    return [_shown(row, today) for row in rows]


def _shown(row: dict[str, Any], today: date) -> dict[str, Any]:
    waits = row["outcome"] is None
    names = ("version", "asked_on", "recorded_on", "capacity", "channel", "scope", "outcome", "decided_on")
    return {
        "subject_id": row["product_id"],
        "subject_version": row["stream_version"],
        **{name: row[name] for name in names},
        "area": {"code": row["commune"], "name": area_name(row["commune"])},
        "product_id": row["named_product"],
        "due": row["due"],
        "days_late": max(((today if waits else row["decided_on"]) - row["due"]).days, 0),
        "purposes": row["purposes"].split(",") if row["purposes"] else [],
        "legal_basis": row["legal_basis"],
        "reasons": row["reasons"],
        "carried_out_on": row["carried_out_on"],
        "waits_for": "decision" if waits else "carrying-out" if row["to_carry_out"] else None,
    }


def granted_in(pool: Any) -> FindGranted:
    """Where the shredder looks for decisions to carry out; ``pool``: connections of the service."""

    async def find(after: tuple[date, UUID, int], limit: int) -> list[Granted]:
        query = (
            "SELECT product_id, subject, decision, decided_on, purposes FROM read.erasures WHERE to_carry_out"
            " AND (decided_on, product_id, decision) > (%s, %s, %s) ORDER BY decided_on, product_id, decision LIMIT %s"
        )
        async with pool.connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            rows = await (await cursor.execute(query, (*after, limit))).fetchall()
        return [
            Granted(dossier, subject, decision, decided_on, tuple(purposes.split(",")))
            for dossier, subject, decision, decided_on, purposes in rows
        ]

    return find
