"""Worklist: what awaits an office, the most pressing first?

For officials with little time: the open tasks of the products in their area that their role may do.
"""

from datetime import date
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from domain.decide import COMMANDS
from domain.law.areas import area_name, commune, province_of_area
from domain.law.book import LawBook
from domain.product.outlook import outlook
from domain.product.state import Product
from domain.session.outlook import owing, session_tasks
from domain.session.state import Session
from domain.values import Actor, Step
from projections.engine import Cursor, Page, ReadModel, put
from projections.scope import Scope

COLUMNS: dict[str, LiteralString] = {
    "product_id": "uuid",
    "stream": "text",
    "persons": "text",
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


SAID_OF_PRODUCTS = frozenset({"call-session"})
"""Acts of a session that a product waits for; the others stand once, with their session."""


class Worklist(ReadModel):
    """Writes the rows."""

    name = "worklist"
    version = 2
    of_state = True
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            product_id uuid NOT NULL, stream text NOT NULL, persons text, command text NOT NULL,
            roles text NOT NULL, due date, opens_on date, legal_basis text NOT NULL, mark text NOT NULL,
            name text NOT NULL, step int NOT NULL, commune text NOT NULL, province text NOT NULL, producer text,
            PRIMARY KEY (product_id, command)
        );
        CREATE INDEX {i1} ON {table} (province, commune, due);
        CREATE INDEX {i2} ON {table} (producer);
    """

    def __init__(self, law: LawBook) -> None:
        self._law, self.rules = law, law.hash

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """The tasks of each product and session the page touches, written anew."""
        rows = [row for key, product in page.products.items() for row in self._rows(key, product)]
        sessions = {key: state for key, state in page.states.items() if isinstance(state, Session)}
        rows += [row for key, session in sessions.items() for row in self._session_rows(key, session)]
        touched = [*page.products, *sessions]
        if touched:
            cursor.execute(SQL("DELETE FROM {} WHERE product_id = ANY(%s)").format(table), (touched,))
            put(cursor, table, COLUMNS, rows)

    def _session_rows(self, key: UUID, s: Session) -> list[tuple[Any, ...]]:
        owed = "|".join(("", *sorted(owing(s)), ""))
        return [
            (
                key,
                "session",
                owed if t.command == "submit-score-sheet" else None,
                t.command,
                "|".join(("", *t.roles, "")),
                t.due,
                t.opens_on,
                t.legal_basis,
                t.mark,
                s.number,
                int(Step.RATING),
                s.area,
                province_of_area(s.area),
                None,
            )
            for t in session_tasks(s, self._law)
        ]

    def _rows(self, product_id: UUID, p: Product) -> list[tuple[Any, ...]]:
        found = commune(p.commune)
        return [
            (
                product_id,
                "product",
                None,
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
            if t.command in SAID_OF_PRODUCTS or COMMANDS[t.command].stream != "session"
        ]


async def worklist_of(
    connection: AsyncConnection[Any], scope: Scope, actor: Actor, today: date, limit: int
) -> list[dict[str, Any]]:
    """Open tasks for a caller in a scope; those with the nearest due date first, then those without."""
    condition, params = scope.where()
    query: LiteralString = (
        "SELECT * FROM read.worklist WHERE roles LIKE %(role)s AND (opens_on IS NULL OR opens_on <= %(today)s)"
        " AND (persons IS NULL OR strpos(persons, %(person)s) > 0) AND "
        + condition
        + " ORDER BY due NULLS LAST, name, product_id LIMIT %(limit)s"
    )
    params |= {"role": f"%|{actor.role.value}|%", "person": f"|{actor.person}|", "today": today, "limit": limit}
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(query, params)).fetchall()
    return [
        {
            f"{row['stream']}_id": row["product_id"],
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
