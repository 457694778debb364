"""Certificates: which product holds which star, by which decision, from when to when, and what becomes of it?

For the public register, labels and marketplaces, and for offices that watch what runs out. One row a
certificate, whether issued here or taken over from a register; a newer one of the same product replaces it.
"""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any, ClassVar, Literal, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row, tuple_row
from psycopg.sql import SQL, Composed, Identifier

from application.calendar_clock import Ending, FindEndings
from application.recorded import Recorded
from domain.law.areas import area_name
from domain.law.book import LawBook
from domain.product.rating_facts import DossierFiled
from projections.certificate_rows import RECOGNITIONS, TOLD, Row, tell
from projections.engine import Cursor, Page, ReadModel
from projections.scope import Scope

CertificateStatus = Literal[
    "valid", "expiring", "expired", "renewed", "replaced", "suspended", "revoked", "extended", "date-missing"
]

# A certificate that a later one follows is "renewed" when that one came when renewal was due, else "replaced".
STATUS: LiteralString = """CASE
    WHEN revoked_on IS NOT NULL THEN 'revoked'
    WHEN NOT current THEN CASE WHEN renewed THEN 'renewed' ELSE 'replaced' END
    WHEN last_day < %(today)s THEN 'expired'
    WHEN last_day IS NULL OR issued_on IS NULL THEN 'date-missing'
    WHEN suspended THEN 'suspended'
    WHEN extended_to IS NOT NULL THEN 'extended'
    WHEN last_day - window_days <= %(today)s THEN 'expiring'
    ELSE 'valid' END"""
HOLDING: LiteralString = "status IN ('valid', 'expiring', 'extended')"


class Certificates(ReadModel):
    """Writes the rows. ``current``: the product's latest, which every later fact of its life concerns."""

    name = "certificates"
    version = 4
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            position bigint PRIMARY KEY, product_id uuid NOT NULL, number text, stars int NOT NULL,
            year int NOT NULL, decision_number text NOT NULL, signer text, level text, authority text,
            product_number text, issued_on date, valid_to date, valid_to_basis text, extended_to date, last_day date,
            window_days int NOT NULL, current boolean NOT NULL, renewed boolean NOT NULL DEFAULT false,
            renewing boolean NOT NULL DEFAULT false,
            replaced_on date, suspended boolean NOT NULL DEFAULT false, expired_on date, revoked_on date,
            notices text NOT NULL DEFAULT '[]', noticed int[] NOT NULL DEFAULT '{{}}', written_notice text,
            warnings text NOT NULL, source text NOT NULL, product_name text NOT NULL, producer text,
            producer_name text, commune text NOT NULL, province text NOT NULL, illustrative boolean NOT NULL
        );
        CREATE INDEX {i1} ON {table} (product_id);
        CREATE INDEX {i2} ON {table} (province, commune);
        CREATE INDEX {i3} ON {table} (number);
        CREATE INDEX {i5} ON {table} (decision_number);
        CREATE INDEX {i4} ON {table} (last_day) WHERE current AND expired_on IS NULL AND revoked_on IS NULL;
    """

    def __init__(self, law: LawBook) -> None:
        self._law, self.rules = law, law.hash

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """A row for each recognition, with the name that was certified; what follows changes the current row."""
        told = [r for r in page.facts if isinstance(r.fact, TOLD) and not _of_no_certificate(r.fact)]
        first = self._first_of_their_products(cursor, table, told)
        rows = [row for r in first.values() for row in tell([], r, page.products[r.originator_id], self._law)]
        later = [r for r in told if r.originator_id not in first]
        if later:
            rows += self._changed(cursor, table, page, later)
        if rows:
            names = list(rows[0])
            cursor.executemany(_insert(table, names), [[row[name] for name in names] for row in rows])

    def _changed(self, cursor: Cursor, table: Identifier, page: Page, told: Sequence[Recorded]) -> list[Row]:
        """All rows of the products told of, taken out of the table to be written anew."""
        products = list({r.originator_id for r in told})
        query = SQL("DELETE FROM {} WHERE product_id = ANY(%s) RETURNING *").format(table)
        held = cursor.execute(query, (products,)).fetchall()
        names = [column.name for column in cursor.description or ()]
        rows: dict[UUID, list[Row]] = {key: [] for key in products}
        for values in held:
            row = dict(zip(names, values, strict=True))
            rows[row["product_id"]].append(row)
        for r in told:
            key = r.originator_id
            rows[key] = tell(rows[key], r, page.products[key], self._law)
        return [row for own in rows.values() for row in own]

    def _first_of_their_products(
        self, cursor: Cursor, table: Identifier, told: Sequence[Recorded]
    ) -> dict[UUID, Recorded]:
        """Recognitions of products of which nothing else is told here or was before: most of them, taken at once."""
        often = Counter(r.originator_id for r in told)
        alone = {r.originator_id: r for r in told if often[r.originator_id] == 1 and isinstance(r.fact, RECOGNITIONS)}
        if not alone:
            return {}
        query = SQL("SELECT DISTINCT product_id FROM {} WHERE product_id = ANY(%s)").format(table)
        known = {row[0] for row in cursor.execute(query, (list(alone),))}
        return {key: r for key, r in alone.items() if key not in known}


def _insert(table: Identifier, columns: Sequence[str]) -> Composed:
    names, values = SQL(", ").join(map(Identifier, columns)), SQL(", ").join([SQL("%s")] * len(columns))
    return SQL("INSERT INTO {} ({}) VALUES ({})").format(table, names, values)


def _of_no_certificate(fact: Any) -> bool:
    """Most dossiers are of products without one: nothing to change."""
    return isinstance(fact, DossierFiled) and fact.kind == "first-time"


def endings_in(pool: Any) -> FindEndings:
    """Where the calendar's clock looks for what the day brings; ``pool``: connections of the service."""

    async def find(today: date, marks: tuple[int, ...], after: int, limit: int) -> list[Ending]:
        async with pool.connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            params = {"today": today, "marks": list(marks), "after": after, "limit": limit}
            params["until"] = today + timedelta(days=max(marks, default=0))
            rows = await (await cursor.execute(ENDINGS, params)).fetchall()
        return [Ending(*row) for row in rows]

    return find


ENDINGS: LiteralString = """
SELECT position, product_id, coalesce(number, decision_number), last_day FROM read.certificates
WHERE position > %(after)s AND current AND expired_on IS NULL AND revoked_on IS NULL
  AND last_day <= %(until)s AND (last_day < %(today)s OR NOT (
        SELECT min(mark) FROM unnest(%(marks)s::int[]) AS mark WHERE mark >= last_day - %(today)s::date
    ) = ANY (noticed))
ORDER BY position LIMIT %(limit)s
"""


async def find_certificates(
    connection: AsyncConnection[Any],
    scope: Scope,
    stars: int | None,
    valid: bool | None,
    status: CertificateStatus | None,
    today: date,
    after: int,
    limit: int,
    then: Sequence[Row] | None = None,
) -> list[dict[str, Any]]:
    """Certificates in the order they came to be known here, after a position; with ``then`` out of those rows."""
    condition, params = scope.where()
    source: LiteralString = "read.certificates"
    if then is not None:
        source = "jsonb_populate_recordset(NULL::read.certificates, %(then)s::jsonb)"
        params["then"] = json.dumps(then, default=str)
    with_status: LiteralString = "(SELECT *, " + STATUS + " AS status FROM " + source + ") AS c"
    query: LiteralString = "SELECT * FROM " + with_status + " WHERE position > %(after)s AND " + condition
    if stars is not None:
        query += " AND stars = %(stars)s"
    if valid is not None:
        query += " AND (" + HOLDING + " AND issued_on <= %(today)s) = %(valid)s"
    if status is not None:
        query += " AND status = %(status)s"
    query += " ORDER BY position LIMIT %(limit)s"
    params |= {"after": after, "stars": stars, "valid": valid, "status": status, "today": today, "limit": limit}
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(query, params)).fetchall()
    return [_shown(row, today) for row in rows]


async def known_certificates(
    connection: AsyncConnection[Any], scope: Scope, stars: int | None, after: int, position: int, limit: int
) -> list[tuple[int, UUID]]:
    """Position and product of the next certificates that were known at a position, in the reader's area of today."""
    condition, params = scope.where()
    query: LiteralString = (
        "SELECT position, product_id FROM read.certificates"
        " WHERE position > %(after)s AND position <= %(position)s AND " + condition
    )
    if stars is not None:
        query += " AND stars = %(stars)s"
    params |= {"after": after, "position": position, "stars": stars, "limit": limit}
    async with connection.cursor(row_factory=tuple_row) as cursor:
        return await (await cursor.execute(query + " ORDER BY position LIMIT %(limit)s", params)).fetchall()


_AS_THEY_ARE = (
    *("position", "number", "status", "stars", "year", "decision_number", "signer", "level", "authority"),
    *("product_number", "issued_on", "valid_to", "valid_to_basis", "extended_to", "last_day", "replaced_on"),
    *("expired_on", "revoked_on", "source", "illustrative"),
)


def _shown(row: dict[str, Any], today: date) -> dict[str, Any]:
    return {
        **{name: row[name] for name in _AS_THEY_ARE},
        "days_left": (row["last_day"] - today).days if row["current"] and row["last_day"] else None,
        "notices": json.loads(row["notices"]),
        "written_notice": json.loads(row["written_notice"]) if row["written_notice"] else None,
        "warnings": json.loads(row["warnings"]),
        "product": {"product_id": row["product_id"], "name": row["product_name"]},
        "producer": {"name": row["producer_name"]} if row["producer_name"] else None,
        "commune": {"code": row["commune"], "name": area_name(row["commune"])},
        "province": {"code": row["province"], "name": area_name(row["province"])},
    }
