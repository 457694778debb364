"""Status: where does a product stand, what is missing, whose turn is it, until when?

For officials, producers and dashboards. One row a product, written from the product's state after
each page; lateness is a matter of the day it is asked on.
"""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from domain.decide import COMMANDS
from domain.law.areas import area_name, commune
from domain.law.book import LawBook
from domain.product.outlook import outlook
from domain.product.phases import PHASE_NAMES, Phase
from domain.product.state import Certificate, Product
from domain.values import STEP_NAMES, Step, without_diacritics
from projections.engine import Cursor, Page, ReadModel, put
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
        rows = [self._row(key, product, positions[key]) for key, product in page.products.items()]
        cursor.execute(SQL("DELETE FROM {} WHERE product_id = ANY(%s)").format(table), (list(page.products),))
        put(cursor, table, COLUMNS, rows)

    def _row(self, product_id: UUID, p: Product, position: int) -> tuple[Any, ...]:
        found, next_up = commune(p.commune), outlook(p, self._law)
        tasks = [
            {
                "command": t.command,
                "roles": t.roles,
                "due": t.due.isoformat() if t.due else None,
                "opens_on": t.opens_on.isoformat() if t.opens_on else None,
                "legal_basis": t.legal_basis,
                "mark": t.mark,
            }
            for t in next_up.tasks
        ]
        producer, certificate = p.producer, p.certificate
        searched = f"{p.name} {p.holder} {area_name(p.commune)}"
        return (
            product_id,
            p.version,
            position,
            p.name,
            without_diacritics(searched),
            p.commune,
            found.province if found else "",
            p.cycle,
            int(p.step),
            str(p.phase),
            p.since,
            p.opened_on,
            producer.registration if producer else None,
            p.holder or None,
            p.group,
            certificate.stars if certificate else None,
            certificate.number if certificate else None,
            certificate.last_day if certificate else None,
            _standing(certificate) if certificate else None,
            p.illustrative,
            min((t.due for t in next_up.tasks if t.due), default=None),
            json.dumps(tasks),
            json.dumps(next_up.missing, ensure_ascii=False),
        )


def _standing(certificate: Certificate) -> str:
    """What facts say of a certificate; "running" one may still be over by the day it is asked on."""
    if certificate.revoked:
        return "revoked"
    return "suspended" if certificate.suspended else "running"


@dataclass(frozen=True, slots=True)
class Filters:
    """What a list is asked for; None means any."""

    step: int | None = None
    area: str | None = None
    stars: int | None = None
    cycle: int | None = None
    late: bool | None = None
    q: str | None = None


def _words(q: str) -> str:
    folded = without_diacritics(q)
    words = "".join(c if c.isalnum() else " " for c in folded).split()
    return " & ".join(f"{word}:*" for word in words)


def _cursor_of(row: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(f"{row['name']}\x1f{row['product_id']}".encode()).decode()


class BadCursor(ValueError):
    """The cursor is not one this service gave out."""


def _read_cursor(cursor: str) -> tuple[str, UUID]:
    try:
        name, _, key = base64.urlsafe_b64decode(cursor.encode()).decode().rpartition("\x1f")
        product_id = UUID(key)
    except ValueError as error:
        raise BadCursor(cursor) from error
    if "\x00" in name:
        raise BadCursor(cursor)
    return name, product_id


async def find_products(
    connection: AsyncConnection[Any], scope: Scope, filters: Filters, today: date, after: str | None, limit: int
) -> tuple[list[dict[str, Any]], str | None]:
    """A page of products in name order, and the cursor of the next page or None."""
    condition, params = scope.where()
    conditions: list[LiteralString] = [condition]
    params |= {"today": today, "limit": limit + 1}
    if filters.area is not None:
        conditions.append("%(area)s IN ('VN', province, commune)")
        params["area"] = filters.area
    if filters.step is not None:
        conditions.append("step = %(step)s")
        params["step"] = filters.step
    if filters.stars is not None:
        conditions.append("stars = %(stars)s AND valid_to >= %(today)s")
        params["stars"] = filters.stars
    if filters.cycle is not None:
        conditions.append("cycle = %(cycle)s")
        params["cycle"] = filters.cycle
    if filters.late is not None:
        conditions.append("due < %(today)s" if filters.late else "(due IS NULL OR due >= %(today)s)")
    if filters.q is not None and (words := _words(filters.q)):
        conditions.append("to_tsvector('simple', search) @@ to_tsquery('simple', %(words)s)")
        params["words"] = words
    if after is not None:
        params["after_name"], params["after_id"] = _read_cursor(after)
        conditions.append('(name COLLATE "C", product_id) > (%(after_name)s, %(after_id)s)')
    where: LiteralString = " AND ".join(conditions)
    query: LiteralString = (
        "SELECT * FROM read.status WHERE " + where + ' ORDER BY name COLLATE "C", product_id LIMIT %(limit)s'
    )
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(query, params)).fetchall()
    more_follow = len(rows) > limit
    rows = rows[:limit]
    return [shown(row, today) for row in rows], _cursor_of(rows[-1]) if more_follow else None


async def product_status(
    connection: AsyncConnection[Any], scope: Scope, product_id: UUID, today: date
) -> dict[str, Any] | None:
    """One product, or None when it is not there or not the reader's to see."""
    condition, params = scope.where()
    query: LiteralString = "SELECT * FROM read.status WHERE product_id = %(id)s AND " + condition
    async with connection.cursor(row_factory=dict_row) as cursor:
        row = await (await cursor.execute(query, {**params, "id": product_id})).fetchone()
    return shown(row, today) if row else None


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
