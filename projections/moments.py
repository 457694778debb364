"""Moments: how did the list of products read on any day, as it was known at any position?

For inspectors, and for figures that must be repeated. A row says what a list is filtered and ordered by, from a day on
until a later day's row, and as known from a position on until another fact said otherwise. What is shown of the
products found is told from their facts.
"""

from collections.abc import Iterator, Sequence
from datetime import date
from itertools import groupby
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from application.recorded import Recorded
from domain.asof import days_of, stood
from domain.law.book import LawBook
from domain.product.facts import FactCorrected
from domain.product.outlook import outlook
from domain.product.state import Product, evolve
from domain.stream import Told
from projections.engine import Cursor, Page, ReadModel, put
from projections.product_list import Filters, found_by, matching, paged
from projections.scope import Scope

STILL = 2**62
"""``known_to`` of what no fact has said otherwise since."""

COLUMNS: dict[str, LiteralString] = {
    "product_id": "uuid",
    "day": "date",
    "known_from": "bigint",
    "known_to": "bigint",
    "name": "text",
    "search": "text",
    "commune": "text",
    "province": "text",
    "cycle": "int4",
    "step": "int4",
    "stars": "int4",
    "valid_to": "date",
    "due": "date",
}


class Moments(ReadModel):
    """Writes the rows."""

    name = "moments"
    version = 1
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            product_id uuid NOT NULL, day date NOT NULL, known_from bigint NOT NULL, known_to bigint NOT NULL,
            name text NOT NULL, search text NOT NULL, commune text NOT NULL, province text NOT NULL,
            cycle int NOT NULL, step int NOT NULL, stars int, valid_to date, due date,
            PRIMARY KEY (product_id, day, known_from)
        );
        CREATE INDEX {i1} ON {table} (product_id, day) WHERE known_to = 4611686018427387904;
    """

    def __init__(self, law: LawBook) -> None:
        self._law, self.rules = law, law.hash

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """A row for each fact; of a product to which something earlier was added, all rows anew."""
        facts: dict[UUID, list[Recorded]] = {}
        for r in page.facts:
            if r.originator_id in page.products:
                facts.setdefault(r.originator_id, []).append(r)
        latest = self._latest(cursor, table, [key for key, told in facts.items() if told[0].originator_version > 1])
        rows: list[dict[str, Any]] = []
        ended: list[tuple[int, UUID, date]] = []
        anew: list[UUID] = []
        for key, told in facts.items():
            if not _in_order(told, page, latest.get(key)):
                anew.append(key)
                continue
            own = [self._row(r, page.steps[r.position]) for r in told]
            if own[0]["day"] == latest.get(key):
                ended.append((own[0]["known_from"], key, own[0]["day"]))
            rows += _closed(own)
        cursor.executemany(
            SQL("UPDATE {} SET known_to = %s WHERE product_id = %s AND day = %s AND known_to = {}").format(
                table, STILL
            ),
            ended,
        )
        if anew:
            cursor.execute(SQL("DELETE FROM {} WHERE product_id = ANY(%s)").format(table), (anew,))
            for _, history in groupby(page.histories(anew), lambda r: r.originator_id):
                rows += self.told_anew(list(history))
        put(cursor, table, COLUMNS, (tuple(row[column] for column in COLUMNS) for row in rows))

    def _latest(self, cursor: Cursor, table: Identifier, products: list[UUID]) -> dict[UUID, date]:
        query = SQL(
            "SELECT key, day FROM unnest(%s::uuid[]) AS key CROSS JOIN LATERAL"
            " (SELECT day FROM {} WHERE product_id = key ORDER BY day DESC LIMIT 1) AS m"
        ).format(table)
        return dict(cursor.execute(query, (products,)).fetchall()) if products else {}

    def _row(self, r: Recorded, p: Product) -> dict[str, Any]:
        return self._row_of(r.originator_id, p, r.envelope.effective_on, r.position)

    def _row_of(self, key: UUID, p: Product, day: date, position: int) -> dict[str, Any]:
        times = {"product_id": key, "day": day, "known_from": position, "known_to": STILL}
        return times | found_by(p, outlook(p, self._law))

    def told_anew(self, facts: Sequence[Recorded]) -> list[dict[str, Any]]:
        """All rows of a product: with each fact, those of the day it counts from and of every later day."""
        rows: list[dict[str, Any]] = []
        still: dict[date, dict[str, Any]] = {}
        told: list[Told] = []
        running, latest, in_order = Product(), date.min, True
        for r in facts:
            told.append(r.told)
            in_order = in_order and r.told.effective_on >= latest and not isinstance(r.fact, FactCorrected)
            if in_order:  # as most are: nothing told before changes, and the state goes on from the last one
                running, latest = evolve(running, r.told), r.told.effective_on
                if latest in still:
                    still[latest]["known_to"] = r.position
                still[latest] = self._row_of(r.originator_id, running, latest, r.position)
                rows.append(still[latest])
                continue
            days = days_of(told)
            counts = days[r.originator_version]
            for day in sorted(day for day in {*days.values(), *still} if day >= counts):
                if day in still:
                    still.pop(day)["known_to"] = r.position
                product = stood(told, day) if day in days.values() else None
                if product is not None:
                    still[day] = self._row_of(r.originator_id, product, day, r.position)
                    rows.append(still[day])
        return rows


def _in_order(told: Sequence[Recorded], page: Page, latest: date | None) -> bool:
    """Whether each fact is of the product's latest day or a later one, so that nothing told before changes."""
    days = [r.envelope.effective_on for r in told]
    if latest is not None:
        days.insert(0, latest)
    known = all(r.position in page.steps and not isinstance(r.fact, FactCorrected) for r in told)
    return known and days == sorted(days) and (latest is not None or told[0].originator_version == 1)


def _closed(rows: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Each of one product's rows, ended by the next where that is of the same day."""
    for row, following in zip(rows, [*rows[1:], None], strict=True):
        if following is not None and following["day"] == row["day"]:
            row["known_to"] = following["known_from"]
        yield row


async def find_products_as_of(
    connection: AsyncConnection[Any],
    scope: Scope,
    filters: Filters,
    effective: date,
    position: int,
    after: str | None,
    limit: int,
) -> tuple[list[UUID], str | None]:
    """A page of the products as they stood, in the order of their names then; the reader's area is today's."""
    condition, params = scope.where()
    wanted, more = matching(filters, effective, after)
    query: LiteralString = (
        "SELECT name, product_id FROM (SELECT product_id AS id FROM read.status WHERE "
        + condition
        + " ORDER BY product_id) AS s"
        " CROSS JOIN LATERAL (SELECT * FROM read.moments WHERE product_id = id AND day <= %(today)s"
        "  AND known_from <= %(position)s AND known_to > %(position)s ORDER BY day DESC, known_from DESC LIMIT 1) AS m"
        " WHERE " + wanted
    )
    async with connection.transaction():
        await connection.execute("SET LOCAL jit = off")  # one short look for each product: compiling takes longer
        rows, following = await paged(connection, query, params | more | {"position": position}, limit)
    return [row["product_id"] for row in rows], following
