"""Personal data held: which sealed fields stand in which facts, under which key, and when did their cases end?

For the access right and for retention times. Boxes are not copied here, and whose they are only the keys' store
can tell. One row a sealed field; rows are only ever added.
"""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date
from typing import Any, ClassVar, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row, tuple_row
from psycopg.sql import Identifier

from application.shredder import Case, Cases, Horizon
from domain.law.areas import province_of_area
from domain.law.calendar import LEGAL_ZONE
from domain.personal import Spot, visited
from domain.product.phases import CLOSED, Phase
from domain.sealing import sealed_field
from projections.engine import Cursor, Page, ReadModel, put
from projections.scope import Scope

COLUMNS: dict[str, LiteralString] = {
    "position": "bigint",
    "product_id": "uuid",
    "version": "bigint",
    "fact": "text",
    "commune": "text",
    "province": "text",
    "field": "text",
    "purpose": "text",
    "key": "uuid",
}
ENDED = sorted(str(phase) for phase in (*CLOSED, Phase.EXPIRED))
"""Phases in which nothing more is done for a product unless a new case begins."""


class Personal(ReadModel):
    """Writes the rows. ``product_id`` is the stream, as in every read model."""

    name = "personal"
    version = 1
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            position bigint NOT NULL, product_id uuid NOT NULL, version bigint NOT NULL, fact text NOT NULL,
            commune text NOT NULL, province text NOT NULL, field text NOT NULL, purpose text NOT NULL,
            key uuid NOT NULL,
            PRIMARY KEY (position, field)
        );
        CREATE INDEX {i1} ON {table} (key);
    """

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """One row a sealed field."""
        rows: list[tuple[Any, ...]] = []
        for r in page.facts:
            commune = r.envelope.commune
            around = (r.position, r.originator_id, r.originator_version, r.fact.stored_name)

            def note(spot: Spot, value: Any, around: tuple[Any, ...] = around, commune: str = commune) -> Any:
                if (box := sealed_field(value)) is not None:
                    place = (commune, province_of_area(commune))
                    rows.append((*around, *place, spot.field, spot.rule.purpose, box.key))
                return value

            visited(r.fact.stored_name, r.originator_version, r.fact, note)
        if rows:
            put(cursor, table, COLUMNS, rows)


async def held_under(
    connection: AsyncConnection[Any], area: str, keys: Sequence[UUID], limit: int
) -> list[dict[str, Any]]:
    """The facts of an area with fields sealed under some keys, oldest first."""
    condition, params = Scope(area).where()
    query: LiteralString = (
        "SELECT product_id, version, fact, commune, array_agg(field ORDER BY field) AS fields FROM read.personal"
        " WHERE key = ANY(%(keys)s) AND "
        + condition
        + " GROUP BY position, product_id, version, fact, commune ORDER BY position LIMIT %(limit)s"
    )
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await cursor.execute(query, {**params, "keys": list(keys), "limit": limit})
        return await rows.fetchall()


async def keys_within(connection: AsyncConnection[Any], area: str, keys: Sequence[UUID]) -> frozenset[UUID]:
    """Those of some keys under which something of an area is sealed, or was."""
    condition, params = Scope(area).where()
    query: LiteralString = "SELECT DISTINCT key FROM read.personal WHERE key = ANY(%(keys)s) AND " + condition
    return await _ids(connection, query, {**params, "keys": list(keys)})


async def products_under(connection: AsyncConnection[Any], keys: Sequence[UUID]) -> frozenset[UUID]:
    """The products with facts sealed under some keys."""
    query: LiteralString = "SELECT DISTINCT product_id FROM read.personal WHERE key = ANY(%(keys)s)"
    return await _ids(connection, query, {"keys": list(keys)})


async def _ids(connection: AsyncConnection[Any], query: LiteralString, params: dict[str, Any]) -> frozenset[UUID]:
    async with connection.cursor(row_factory=tuple_row) as cursor:
        return frozenset(row[0] for row in await (await cursor.execute(query, params)).fetchall())


async def registered_within(connection: AsyncConnection[Any], scope: Scope, registration: str) -> list[UUID]:
    """Products of a producer within a scope."""
    condition, params = scope.where()
    query: LiteralString = "SELECT product_id FROM read.status WHERE producer = %(registration)s AND " + condition
    async with connection.cursor(row_factory=tuple_row) as cursor:
        rows = await (await cursor.execute(query, {**params, "registration": registration})).fetchall()
    return [row[0] for row in rows]


# A key is of no use to retention while the read models are behind: a case may have begun that they do not show.
_UP_TO_DATE: LiteralString = """
(SELECT min(position) FROM read.models WHERE active AND name IN ('personal', 'status', 'trail'))
    >= (SELECT coalesce(max(notification_id), 0) FROM ocop.events)
"""
# One that nobody ended counts by the day its last fact was recorded: the act itself may be of long before.
_CASES: LiteralString = """
SELECT p.key, bool_or(c.ended_on IS NULL), max(c.ended_on) FROM read.personal AS p
LEFT JOIN read.status AS s ON s.product_id = p.product_id
LEFT JOIN LATERAL (
    SELECT (t.recorded_at AT TIME ZONE %(zone)s)::date AS last FROM read.trail AS t
    WHERE t.product_id = p.product_id AND NOT s.phase = ANY(%(ended)s) ORDER BY t.version DESC LIMIT 1
) AS quiet ON true
LEFT JOIN LATERAL (
    SELECT CASE
        WHEN s.phase = ANY(%(ended)s) THEN s.since
        WHEN quiet.last <= %(quiet_since)s AND coalesce(s.valid_to < %(today)s, true) THEN quiet.last
    END AS ended_on
) AS c ON true
WHERE """
_ENDED: LiteralString = (
    _CASES
    + _UP_TO_DATE
    + " AND p.key > %(after)s GROUP BY p.key"
    + " HAVING NOT bool_or(c.ended_on IS NULL) AND max(c.ended_on) <= %(by)s"
    + " ORDER BY p.key LIMIT %(limit)s"
)
_OF_KEYS: LiteralString = _CASES + "p.key = ANY(%(keys)s) GROUP BY p.key"


def cases_in(pool: Any) -> Cases:
    """Where the shredder looks for cases that ended; ``pool``: connections of the service."""

    class Found:
        async def ended(self, horizon: Horizon, by: date, after: UUID, limit: int) -> list[Case]:
            return await self._cases(_ENDED, horizon, {"by": by, "after": after, "limit": limit})

        async def of_keys(self, horizon: Horizon, keys: Sequence[UUID]) -> list[Case]:
            return await self._cases(_OF_KEYS, horizon, {"keys": list(keys)})

        async def _cases(self, query: LiteralString, horizon: Horizon, params: dict[str, Any]) -> list[Case]:
            params |= {"ended": ENDED, "zone": str(LEGAL_ZONE), **asdict(horizon)}
            async with pool.connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
                rows = await (await cursor.execute(query, params)).fetchall()
            return [Case(key, None if running else since) for key, running, since in rows]

    return Found()
