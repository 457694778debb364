"""Worklist: what awaits an office, the most pressing first?

For officials with little time: the open tasks of the products in their area that their role may do.
"""

from datetime import date
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from domain.law.areas import area_name, commune
from domain.law.book import LawBook
from domain.product.decide import COMMANDS
from domain.product.outlook import outlook
from domain.product.state import Product
from domain.values import Role
from projections.engine import Cursor, Page, ReadModel, put
from projections.scope import Scope

COLUMNS: dict[str, LiteralString] = {
    "product_id": "uuid",
    "command": "text",
    "roles": "text",
    "due": "date",
    "opens_on": "date",
    "legal_basis": "text",
    "mark": "text",
    "name": "text",
    "step": "int4",
    "commune": "text",
    "province": "text",
    "producer": "text",
}


class Worklist(ReadModel):
    """Writes the rows."""

    name = "worklist"
    version = 1
    of_state = True
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            product_id uuid NOT NULL, command text NOT NULL, roles text NOT NULL, due date, opens_on date,
            legal_basis text NOT NULL, mark text NOT NULL, name text NOT NULL, step int NOT NULL,
            commune text NOT NULL, province text NOT NULL, producer text,
            PRIMARY KEY (product_id, command)
        );
        CREATE INDEX {i1} ON {table} (province, commune, due);
        CREATE INDEX {i2} ON {table} (producer);
    """

    def __init__(self, law: LawBook) -> None:
        self._law, self.rules = law, law.hash

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """The tasks of each product the page touches, written anew."""
        rows = [row for key, product in page.products.items() for row in self._rows(key, product)]
        cursor.execute(SQL("DELETE FROM {} WHERE product_id = ANY(%s)").format(table), (list(page.products),))
        put(cursor, table, COLUMNS, rows)

    def _rows(self, product_id: UUID, p: Product) -> list[tuple[Any, ...]]:
        found = commune(p.commune)
        return [
            (
                product_id,
                t.command,
                "|".join(("", *t.roles, "")),
                t.due,
                t.opens_on,
                t.legal_basis,
                t.mark,
                p.name,
                int(p.step),
                p.commune,
                found.province if found else "",
                p.producer.registration if p.producer else None,
            )
            for t in outlook(p, self._law).tasks
        ]


async def worklist_of(
    connection: AsyncConnection[Any], scope: Scope, role: Role, today: date, limit: int
) -> list[dict[str, Any]]:
    """Open tasks for a role in a scope; those with the nearest due date first, then those without."""
    condition, params = scope.where()
    query: LiteralString = (
        "SELECT * FROM read.worklist WHERE roles LIKE %(role)s AND (opens_on IS NULL OR opens_on <= %(today)s) AND "
        + condition
        + " ORDER BY due NULLS LAST, name, product_id LIMIT %(limit)s"
    )
    params |= {"role": f"%|{role.value}|%", "today": today, "limit": limit}
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(query, params)).fetchall()
    return [
        {
            "product_id": row["product_id"],
            "name": row["name"],
            "command": row["command"],
            "vi": COMMANDS[row["command"]].vi,
            "en": COMMANDS[row["command"]].en,
            "roles": row["roles"].strip("|").split("|"),
            "due": row["due"],
            "days_late": max((today - row["due"]).days, 0) if row["due"] else 0,
            "legal_basis": row["legal_basis"],
            "mark": row["mark"],
            "step": row["step"],
            "commune": {"code": row["commune"], "name": area_name(row["commune"])},
        }
        for row in rows
    ]
