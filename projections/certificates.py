"""Certificates: which product holds which star, by which decision, from when to when?

For the public register, labels and marketplaces. One row a certificate; a newer certificate of the
same product replaces the older one from its own issuing day.
"""

from datetime import date
from typing import Any, ClassVar, LiteralString

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from domain.law.areas import area_name, commune
from domain.product.facts import ProductRecognised
from projections.engine import Cursor, Page, ReadModel
from projections.scope import Scope


class Certificates(ReadModel):
    """Writes the rows."""

    name = "certificates"
    version = 1
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            position bigint PRIMARY KEY, product_id uuid NOT NULL, number text NOT NULL, stars int NOT NULL,
            decision_number text NOT NULL, signer text NOT NULL, issued_on date NOT NULL, valid_to date NOT NULL,
            replaced_on date, product_name text NOT NULL, producer text, producer_name text,
            commune text NOT NULL, province text NOT NULL, illustrative boolean NOT NULL
        );
        CREATE INDEX {i1} ON {table} (product_id);
        CREATE INDEX {i2} ON {table} (province, commune);
        CREATE INDEX {i3} ON {table} (number);
    """

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """A row for each recognition, with the name that was certified: no correction changes it afterwards."""
        for r in page.facts:
            fact = r.fact
            if not isinstance(fact, ProductRecognised):
                continue
            p = page.products[r.originator_id]
            found = commune(p.commune)
            cursor.execute(
                SQL("UPDATE {} SET replaced_on = %s WHERE product_id = %s AND replaced_on IS NULL").format(table),
                (fact.issued_on, r.originator_id),
            )
            cursor.execute(
                SQL("INSERT INTO {} VALUES (%s,%s,%s,%s,%s,%s,%s,%s,NULL,%s,%s,%s,%s,%s,%s)").format(table),
                (
                    r.position,
                    r.originator_id,
                    fact.certificate_number,
                    fact.stars,
                    fact.decision_number,
                    fact.signer,
                    fact.issued_on,
                    fact.valid_to,
                    p.name,
                    p.producer.registration if p.producer else None,
                    p.producer.name if p.producer else None,
                    p.commune,
                    found.province if found else "",
                    r.envelope.source.kind == "illustrative",
                ),
            )


async def find_certificates(
    connection: AsyncConnection[Any],
    scope: Scope,
    stars: int | None,
    valid: bool | None,
    today: date,
    after: int,
    limit: int,
) -> list[dict[str, Any]]:
    """Certificates in the order they were given, after a position."""
    condition, params = scope.where()
    query: LiteralString = "SELECT * FROM read.certificates WHERE position > %(after)s AND " + condition
    if stars is not None:
        query += " AND stars = %(stars)s"
    if valid is not None:
        query += " AND (replaced_on IS NULL AND issued_on <= %(today)s AND valid_to >= %(today)s) = %(valid)s"
    query += " ORDER BY position LIMIT %(limit)s"
    params |= {"after": after, "stars": stars, "valid": valid, "today": today, "limit": limit}
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(query, params)).fetchall()
    return [_shown(row, today) for row in rows]


def _shown(row: dict[str, Any], today: date) -> dict[str, Any]:
    if row["replaced_on"] is not None:
        status = "replaced"
    elif row["valid_to"] < today:
        status = "expired"
    else:
        status = "valid"
    return {
        "position": row["position"],
        "number": row["number"],
        "status": status,
        "stars": row["stars"],
        "decision_number": row["decision_number"],
        "signer": row["signer"],
        "issued_on": row["issued_on"],
        "valid_to": row["valid_to"],
        "replaced_on": row["replaced_on"],
        "product": {"product_id": row["product_id"], "name": row["product_name"]},
        "producer": {"name": row["producer_name"]} if row["producer_name"] else None,
        "commune": {"code": row["commune"], "name": area_name(row["commune"])},
        "province": {"code": row["province"], "name": area_name(row["province"])},
        "illustrative": row["illustrative"],
    }
