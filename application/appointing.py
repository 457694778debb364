"""Appointments that nobody inside could make: the first administrator, and everybody of the demonstration.

The service itself gives these commands (role ``system``), each under an id made from what it says: run again, they
change nothing. From then on an administrator appoints over HTTP.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from uuid import UUID, uuid5

from application.handle import Order
from application.writer import Writer
from domain.command import Command
from domain.decide import new_stream
from domain.office.commands import EstablishOffice
from domain.person.commands import OF_KIND, AssignRole, RegisterPerson
from domain.person.facts import PersonKind, Term
from domain.values import Actor, Role, Source

APPOINTING = UUID("6f636f70-0000-4000-8000-6170706f696e")
"""Namespace of the ids of these commands. Never change it: they would be given twice."""
ITSELF = Actor(person="ocop", office="hệ thống OCOP", role=Role.SYSTEM, area="VN")
LEVELS = {2: "province", 5: "commune"}
"""Level of an office by the length of its area's code; the nation's and the rest are the centre's."""


@dataclass(frozen=True, slots=True)
class Appointment:
    """Somebody to appoint, by which paper, from when. ``actor``: handle, office, role, area, producer."""

    actor: Actor
    decision_number: str
    signer: str
    first: date
    source: Source = field(default_factory=Source)


def person_id(handle: str) -> UUID:
    """Stream of a person appointed here."""
    return new_stream(uuid5(APPOINTING, f"person {handle}"), "person")


def appoint(writer: Writer, appointments: Sequence[Appointment]) -> dict[str, UUID]:
    """Enter offices, persons and their roles; the persons' ids by handle. Raises what a command was refused with."""
    for orders in (_offices(appointments), _persons(appointments), _roles(appointments)):
        for outcome in writer.carry_out(orders):
            if isinstance(outcome, BaseException):
                raise outcome
    return {a.actor.person: person_id(a.actor.person) for a in appointments}


def _offices(appointments: Iterable[Appointment]) -> list[Order]:
    found: dict[UUID, Order] = {}
    for a in appointments:
        if _kind(a.actor.role) != "official":
            continue
        command = EstablishOffice(
            title=a.actor.office,
            level=LEVELS.get(len(a.actor.area), "centre"),
            area=a.actor.area,
            decision_number=a.decision_number,
            effective_on=a.first,
            source=a.source,
        )
        order = _order(f"office {a.actor.office} {a.actor.area}", command)
        found[order.command_id] = order
    return list(found.values())


def _persons(appointments: Iterable[Appointment]) -> list[Order]:
    found: dict[UUID, Order] = {}
    for a in appointments:
        command = RegisterPerson(
            handle=a.actor.person,
            kind=_kind(a.actor.role),
            area=a.actor.area,
            effective_on=a.first,
            source=a.source,
        )
        order = _order(f"person {a.actor.person}", command)
        found[order.command_id] = order
    return list(found.values())


def _roles(appointments: Iterable[Appointment]) -> list[Order]:
    found: dict[UUID, Order] = {}
    for a in appointments:
        who, official = a.actor, _kind(a.actor.role) == "official"
        office = new_stream(uuid5(APPOINTING, f"office {who.office} {who.area}"), "office") if official else None
        command = AssignRole(
            role=who.role,
            office=office,
            area=who.area,
            producer=who.producer,
            term=Term(first=a.first),
            decision_number=a.decision_number,
            signer=a.signer,
            effective_on=a.first,
            source=a.source,
        )
        order = _order(f"role {who.person} {who.role} {who.area} {who.producer}", command, person_id(who.person))
        found[order.command_id] = order
    return list(found.values())


def _order(key: str, command: Command, stream: UUID | None = None) -> Order:
    command_id = uuid5(APPOINTING, key)
    return Order(command_id, stream or new_stream(command_id, command.stream), command, ITSELF, key.encode()[:64])


def _kind(role: Role) -> PersonKind:
    return next(kind for kind, roles in OF_KIND.items() if role in roles)
