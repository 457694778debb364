"""Persons for the tests: appointed by facts, logged in by sessions that never grow old."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid5

from psycopg_pool import AsyncConnectionPool

from application.access.sessions import Proof, Sessions
from application.database import service_conninfo
from application.recorded import Recorded, envelope
from application.store import Beside, Journal
from application.writer import utc_now
from domain.person.facts import PersonRegistered, RoleAssigned, Term
from domain.stream import Fact
from domain.values import Actor, Role, Source

SPACE = UUID("00000000-0000-4000-8000-0000000000aa")
SINCE = date(2018, 5, 7)
ITSELF = Actor(person="ocop", office="ocop", role=Role.SYSTEM, area="VN")
FRESH = "UPDATE access.sessions SET seen_at = '2099-01-01', proved_at = '2099-01-01', ends_at = '2100-01-01'"


def person_id(handle: str) -> UUID:
    return uuid5(SPACE, handle)


def assignment_id(actor: Actor) -> UUID:
    return uuid5(person_id(actor.person), f"{actor.role} {actor.area}")


def held(actor: Actor) -> Actor:
    """The same actor as the service knows him once appointed."""
    return actor.model_copy(update={"id": person_id(actor.person), "assignment": assignment_id(actor)})


def facts_of(actor: Actor) -> list[Fact]:
    """Entered and assigned since the programme began, whatever an administrator might say to it."""
    kind = {Role.PRODUCER: "producer", Role.INTEGRATOR: "service"}.get(actor.role, "official")
    return [
        PersonRegistered.model_construct(handle=actor.person, kind=kind, area=actor.area),
        RoleAssigned.model_construct(
            assignment=assignment_id(actor),
            role=actor.role,
            office=None,
            office_name=actor.office,
            area=actor.area,
            producer=actor.producer,
            term=Term(first=SINCE),
            decision_number="01/QĐ-TEST",
            signer="Người ký",
        ),
    ]


def recorded(stream: UUID, version: int, fact: Fact, area: str = "VN") -> Recorded:
    """A fact as the service itself would have told it when the programme began."""
    wrapped = envelope(
        fact,
        recorded_at=datetime(2018, 5, 7, tzinfo=UTC),
        effective_on=SINCE,
        actor=ITSELF,
        paper=None,
        source=Source(),
        command_id=uuid5(stream, str(version)),
        commune=area,
    )
    return Recorded(stream, version, wrapped)


def appoint(url: str, actors: Iterable[Actor]) -> None:
    """Append what makes these persons hold these roles; persons who are there already stay as they are."""
    journal = Journal(url, pool_size=1)
    fresh = {a.person: a for a in actors if not journal.latest(person_id(a.person))[0]}
    told = [
        recorded(person_id(a.person), version, fact, a.area)
        for a in fresh.values()
        for version, fact in enumerate(facts_of(a), 1)
    ]
    if told:
        journal.append(told, Beside())
    journal.close()


def log_in(url: str, actors: Sequence[Actor]) -> dict[str, str]:
    """Tokens by handle, of sessions whose proof is always fresh."""
    return asyncio.run(_log_in(url, actors))


async def _log_in(url: str, actors: Sequence[Actor]) -> dict[str, str]:
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        service_conninfo(url), min_size=1, max_size=2, open=False, kwargs={"autocommit": True}
    )
    async with pool:
        sessions = Sessions(pool, utc_now)
        tokens = {a.person: await sessions.open_for(person_id(a.person), proof=Proof.TOTP) for a in actors}
        async with pool.connection() as connection:
            await connection.execute(FRESH)
    return tokens
