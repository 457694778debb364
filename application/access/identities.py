"""Linked identities (liên kết danh tính): which person a provider's subject is."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
from psycopg_pool import AsyncConnectionPool

from domain.refusals import AlreadyRegistered

LINK = "INSERT INTO access.identities (issuer, subject, person, linked_at) VALUES (%s, %s, %s, %s)"
FIND = "SELECT person FROM access.identities WHERE issuer = %s AND subject = %s"
UNLINK = "DELETE FROM access.identities WHERE issuer = %s AND subject = %s RETURNING person"
LIST = "SELECT issuer, subject, person, linked_at FROM access.identities ORDER BY issuer, linked_at, subject"


@dataclass(frozen=True, slots=True)
class Identity:
    """A provider's subject that is a person here."""

    issuer: str
    subject: str
    person: UUID
    linked_at: datetime


class Identities:
    """The links, over a pool that acts as the service's role; ``clock`` gives the instant of a link."""

    def __init__(self, pool: "AsyncConnectionPool[Any]", clock: Callable[[], datetime]) -> None:
        self._pool, self._clock = pool, clock

    async def link(self, issuer: str, subject: str, person: UUID) -> bool:
        """Link; False when it is linked so already. Raises AlreadyRegistered: subject or person is taken there."""
        try:
            async with self._pool.connection() as connection:
                await connection.execute(LINK, (issuer, subject, person, self._clock()))
        except psycopg.errors.UniqueViolation:
            if await self.person_of(issuer, subject) == person:
                return False
            raise AlreadyRegistered(
                "Danh tính này đã liên kết với người khác, hoặc người này đã có danh tính khác ở cùng nhà cung cấp.",
                "This identity is linked to another person, or the person has another identity at this provider.",
                field="subject",
                hint_vi="Gỡ liên kết cũ trước: ocop identity unlink.",
                hint_en="Remove the older link first: ocop identity unlink.",
            ) from None
        return True

    async def person_of(self, issuer: str, subject: str) -> UUID | None:
        """The person linked to a provider's subject."""
        async with self._pool.connection() as connection:
            row = await (await connection.execute(FIND, (issuer, subject))).fetchone()
        return row[0] if row else None

    async def unlink(self, issuer: str, subject: str) -> UUID | None:
        """Remove a link and return whose it was; None when there was none. Open sessions are not ended here."""
        async with self._pool.connection() as connection:
            row = await (await connection.execute(UNLINK, (issuer, subject))).fetchone()
        return row[0] if row else None

    async def all(self) -> list[Identity]:
        """Every link, by provider and age."""
        async with self._pool.connection() as connection:
            return [Identity(*row) for row in await (await connection.execute(LIST)).fetchall()]
