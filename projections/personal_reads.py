"""Who was shown whose personal data, and when: written with every answer that holds any, read by supervisors."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from domain.law.areas import province_of_area
from domain.values import Actor
from projections.scope import Scope


@dataclass(frozen=True, slots=True)
class PersonalRead:
    """What of one stream was opened for one answer: the names of the fields, and how many values."""

    stream: UUID
    commune: str
    fields: tuple[str, ...]
    count: int


async def note_reads(connection: AsyncConnection[Any], actor: Actor, route: str, reads: Sequence[PersonalRead]) -> None:
    """Write it down; whoever cannot be written down is not answered."""
    await connection.execute(
        "SELECT ocop.note_personal_reads(%s, %s, %s, %s, %s::uuid[], %s::text[], %s::text[], %s::text[], %s::int[])",
        (
            actor.person,
            actor.role.value,
            actor.office,
            route,
            [read.stream for read in reads],
            [read.commune for read in reads],
            [province_of_area(read.commune) for read in reads],
            [",".join(read.fields) for read in reads],
            [read.count for read in reads],
        ),
    )


async def find_reads(
    connection: AsyncConnection[Any], scope: Scope, product: UUID | None, after: int, limit: int
) -> list[dict[str, Any]]:
    """Reads within an area in the order they happened, after a number; of one product where one is named."""
    condition, params = scope.where_area()
    query: LiteralString = (
        "SELECT read_id, at, person, role, office, route, stream AS product_id, fields, count"
        " FROM ocop.personal_reads WHERE read_id > %(after)s AND " + condition
    )
    if product is not None:
        query += " AND stream = %(product)s"
    query += " ORDER BY read_id LIMIT %(limit)s"
    async with connection.cursor(row_factory=dict_row) as cursor:
        params |= {"after": after, "product": product, "limit": limit}
        return await (await cursor.execute(query, params)).fetchall()
