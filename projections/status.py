"""Status: where does a product stand, what is missing, whose turn is it, until when?

For officials, producers and dashboards. One row a product, written from the product's state after
each page; lateness is a matter of the day it is asked on.
"""

import json
from collections.abc import Sequence
from datetime import date
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from domain.decide import COMMANDS
from domain.law.areas import area_name
from domain.law.book import LawBook
from domain.product.outlook import Task, outlook
from domain.product.phases import PHASE_NAMES, Phase
from domain.product.state import Certificate, Product
from domain.values import STEP_NAMES, Step
from projections.engine import Cursor, Page, ReadModel, put
from projections.product_list import Filters, found_by, matching, paged
from projections.scope import Scope
from projections.words import missing

COLUMNS: dict[str, LiteralString] = {
    "product_id": "uuid",
    "version": "bigint",
    "position": "bigint",
    "name": "text",
    "search": "text",
    "commune": "text",
    "province": "text",
    "cycle": "int4",
    "step": "int4",
    "phase": "text",
    "since": "date",
    "opened_on": "date",
    "producer": "text",
    "producer_name": "text",
    "product_group": "text",
    "stars": "int4",
    "certificate": "text",
    "valid_to": "date",
    "certificate_is": "text",
    "illustrative": "bool",
    "due": "date",
    "tasks": "text",
    "missing": "text",
}


class Status(ReadModel):
    """Writes the rows."""

    name = "status"
    version = 2
    of_state = True
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            product_id uuid PRIMARY KEY, version bigint NOT NULL, position bigint NOT NULL,
            name text NOT NULL, search text NOT NULL, commune text NOT NULL, province text NOT NULL,
            cycle int NOT NULL, step int NOT NULL, phase text NOT NULL, since date NOT NULL,
            opened_on date NOT NULL, producer text, producer_name text, product_group text, stars int,
            certificate text, valid_to date, certificate_is text, illustrative boolean NOT NULL, due date,
            tasks text NOT NULL, missing text NOT NULL
        );
        CREATE INDEX {i1} ON {table} (province, commune);
        CREATE INDEX {i2} ON {table} (producer);
        CREATE INDEX {i3} ON {table} (due) WHERE due IS NOT NULL;
        CREATE INDEX {i5} ON {table} (name COLLATE "C", product_id);
        CREATE INDEX {i4} ON {table} USING gin (to_tsvector('simple', search));
    """

    def __init__(self, law: LawBook) -> None:
        self._law, self.rules = law, law.hash

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """The row of each product the page touches, written anew."""
        positions = {r.originator_id: r.position for r in page.facts}
        rows = [tuple(row_of(key, p, positions[key], self._law).values()) for key, p in page.products.items()]
        cursor.execute(SQL("DELETE FROM {} WHERE product_id = ANY(%s)").format(table), (list(page.products),))
        put(cursor, table, COLUMNS, rows)


def row_of(product_id: UUID, p: Product, position: int, law: LawBook) -> dict[str, Any]:
    """A product's row, by column in the table's order. ``position``: of the last fact it is told from."""
    next_up = outlook(p, law)
    producer, certificate = p.producer, p.certificate
    row = {
        **found_by(p, next_up),
        "product_id": product_id,
        "version": p.version,
        "position": position,
        "phase": str(p.phase),
        "since": p.since,
        "opened_on": p.opened_on,
        "producer": producer.registration if producer else None,
        "producer_name": p.holder or None,
        "product_group": p.group,
        "certificate": certificate.number if certificate else None,
        "certificate_is": _standing(certificate) if certificate else None,
        "illustrative": p.illustrative,
        "tasks": json.dumps([_task(task) for task in next_up.tasks]),
        "missing": json.dumps(next_up.missing, ensure_ascii=False),
    }
    return {column: row[column] for column in COLUMNS}


def _task(task: Task) -> dict[str, Any]:
    return {
        "command": task.command,
        "roles": task.roles,
        "due": task.due.isoformat() if task.due else None,
        "opens_on": task.opens_on.isoformat() if task.opens_on else None,
        "legal_basis": task.legal_basis,
        "mark": task.mark,
    }


def _standing(certificate: Certificate) -> str:
    """What facts say of a certificate; "running" one may still be over by the day it is asked on."""
    if certificate.revoked:
        return "revoked"
    return "suspended" if certificate.suspended else "running"


async def find_products(
    connection: AsyncConnection[Any], scope: Scope, filters: Filters, today: date, after: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of products in name order, and the cursor of the next page or None."""
    condition, params = scope.where()
    wanted, more = matching(filters, today, after)
    query: LiteralString = "SELECT * FROM read.status WHERE " + condition + " AND " + wanted
    rows, following = await paged(connection, query, params | more, limit)
    return [shown(row, today) for row in rows], following


async def product_status(
    connection: AsyncConnection[Any], scope: Scope, product_id: UUID, today: date
) -> dict[str, Any] | None:
    """One product, or None when it is not there or not the reader's to see."""
    condition, params = scope.where()
    query: LiteralString = "SELECT * FROM read.status WHERE product_id = %(id)s AND " + condition
    async with connection.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(query, {**params, "id": product_id})).fetchone()
    return shown(row, today) if row else None


async def names_of(connection: AsyncConnection[Any], scope: Scope, products: Sequence[UUID]) -> dict[UUID, str]:
    """Names of those of some products that the reader may see."""
    condition, params = scope.where()
    query: LiteralString = "SELECT product_id, name FROM read.status WHERE product_id = ANY(%(ids)s) AND " + condition
    rows = await (await connection.execute(query, {**params, "ids": list(products)})).fetchall()
    return dict(rows)


def shown(row: dict[str, Any], today: date) -> dict[str, Any]:
    """A row as readers see it on a day."""
    step, phase = Step(row["step"]), Phase(row["phase"])
    tasks: Sequence[dict[str, Any]] = json.loads(row["tasks"])
    open_tasks = [t for t in tasks if not t["opens_on"] or t["opens_on"] <= today.isoformat()]
    due: date | None = row["due"]
    return {
        "product_id": row["product_id"],
        "version": row["version"],
        "position": row["position"],
        "name": row["name"],
        "commune": {"code": row["commune"], "name": area_name(row["commune"])},
        "province": {"code": row["province"], "name": area_name(row["province"])},
        "cycle": row["cycle"],
        "step": {"number": int(step), "vi": STEP_NAMES[step][0], "en": STEP_NAMES[step][1]},
        "phase": {"code": str(phase), "vi": PHASE_NAMES[phase][0], "en": PHASE_NAMES[phase][1]},
        "since": row["since"],
        "opened_on": row["opened_on"],
        "producer": {"name": row["producer_name"]} if row["producer_name"] else None,
        "registered": row["producer"] is not None,
        "group": row["product_group"],
        "certificate": {
            "number": row["certificate"],
            "stars": row["stars"],
            "valid_to": row["valid_to"],
            "valid": row["certificate_is"] == "running" and row["valid_to"] is not None and row["valid_to"] >= today,
        }
        if row["certificate"]
        else None,
        "turn": open_tasks[0]["roles"] if open_tasks else [],
        "tasks": [{**t, "vi": COMMANDS[t["command"]].vi, "en": COMMANDS[t["command"]].en} for t in tasks],
        "missing": [missing(item) for item in json.loads(row["missing"])],
        "deadline": due,
        "days_late": max((today - due).days, 0) if due else 0,
        "illustrative": row["illustrative"],
    }
