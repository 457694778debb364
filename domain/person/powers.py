"""What a person could do on a day, and by which paper (thẩm quyền của một người vào một ngày)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from domain.law.areas import province_of_area
from domain.law.book import LawBook
from domain.law.models import Regime
from domain.person.facts import Term
from domain.person.state import Person, acting, acting_for
from domain.refusals import NoRegime
from domain.values import Actor, Role


@dataclass(frozen=True, slots=True)
class Power:
    """A role held that day, or received by delegation.

    ``paper``: number of the decision, or of the delegation's document. ``commands``: which acts were delegated, empty
    for all of the role. ``entered_on``: the day it came to be known here.
    """

    actor: Actor
    term: Term
    paper: str
    signer: str
    entered_on: date
    commands: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Permit:
    """A command the role could give that day: at which level (None: wherever the case lies), by which rule."""

    command: str
    level: str | None
    rule: str
    legal_basis: str


def powers_on(key: UUID, person: Person, delegators: Mapping[UUID, Person], day: date) -> list[Power]:
    """Everything held on the day, its own assignments first."""
    found = [
        Power(acting(person, key, held), held.term, held.decision_number, held.signer, held.given_on)
        for held in person.held_on(day)
    ]
    for received in person.received.values():
        delegator = delegators.get(received.other)
        held = delegator.assignments.get(received.assignment) if delegator else None
        if delegator is None or held is None or not received.valid_on(day) or not held.valid_on(day):
            continue
        actor = acting_for(person, key, received, delegator)
        found.append(
            Power(actor, received.term, received.document, received.other_handle, received.given_on, received.commands)
        )
    return found


def permits_on(law: LawBook, power: Power, day: date, held: frozenset[Role]) -> Iterator[Permit]:
    """The commands a power carried on the day, under the rules of that day, for somebody who held these roles then."""
    try:
        regime: Regime | None = law.regime_on(day)
    except NoRegime:
        regime = None
    levels = [None, "commune", *(level.code for level in regime.levels)] if regime else [None]
    province, role = province_of_area(power.actor.area), power.actor.role
    for command in law.authority.commands:
        if "@" in command or (power.commands and command not in power.commands):
            continue
        if law.authority.held_back(law.authority.command(command), held | {role}) is not None:
            continue
        told: set[str] = set()
        for level in levels:
            found = law.competence_rule(command, province, regime, level)
            if found is not None and role in found[1].roles and found[0] not in told:
                told.add(found[0])
                yield Permit(command, level, found[0], found[1].legal_basis)


def delegators_of(person: Person) -> frozenset[UUID]:
    """Streams of everybody the person received powers from."""
    return frozenset(received.other for received in person.received.values())


def signs_on(law: LawBook, powers: list[Power]) -> bool:
    """Whether one of these powers is a signature, which asks for a second factor."""
    return any(law.authority.roles[power.actor.role].signs for power in powers)
