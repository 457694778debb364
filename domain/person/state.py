"""What a person may do, told from history, and how each fact changes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import assert_never
from uuid import UUID

from domain.changing import replace
from domain.person import facts as f
from domain.stream import Told
from domain.values import Actor, Delegator, Role


@dataclass(frozen=True, slots=True)
class Assignment:
    """A role held in an office (phân công). ``ended_on``: the first day without it, once ended.

    ``version``: of the fact that gave it, ``given_on``: its day, ``given_by``: who entered it. ``ended_by``: number of
    the paper that ended it.
    """

    id: UUID
    role: Role
    office: UUID | None
    office_name: str
    area: str
    producer: str | None
    term: f.Term
    decision_number: str
    signer: str
    version: int
    given_on: date
    given_by: str
    ended_on: date | None = None
    ended_by: str | None = None

    def valid_on(self, day: date) -> bool:
        """Whether it is held on that day."""
        return _within(self.term, self.ended_on, day)


@dataclass(frozen=True, slots=True)
class Delegation:
    """Powers given to or received from ``other`` (ủy quyền). ``commands``: empty for all that may be delegated."""

    id: UUID
    assignment: UUID
    other: UUID
    other_handle: str
    commands: tuple[str, ...]
    term: f.Term
    document: str
    version: int
    given_on: date
    ended_on: date | None = None

    def valid_on(self, day: date) -> bool:
        """Whether it stands on that day."""
        return _within(self.term, self.ended_on, day)

    def covers(self, command: str) -> bool:
        """Whether the act is among those delegated."""
        return not self.commands or command in self.commands


def _within(term: f.Term, ended_on: date | None, day: date) -> bool:
    return term.first <= day and (term.last is None or day <= term.last) and (ended_on is None or day < ended_on)


@dataclass(frozen=True, slots=True)
class Person:
    """A person as decisions see it, each collection by id."""

    version: int = 0
    handle: str = ""
    kind: str = ""
    area: str = ""
    assignments: Mapping[UUID, Assignment] = field(default_factory=dict)
    given: Mapping[UUID, Delegation] = field(default_factory=dict)
    received: Mapping[UUID, Delegation] = field(default_factory=dict)

    def held_on(self, day: date) -> tuple[Assignment, ...]:
        """Assignments held on that day, the oldest first."""
        return tuple(a for a in self.assignments.values() if a.valid_on(day))

    def roles_on(self, day: date) -> frozenset[Role]:
        """Roles held on that day, in whatever office."""
        return frozenset(a.role for a in self.held_on(day))


def acting(person: Person, key: UUID, assignment: Assignment) -> Actor:
    """The person acting in one of its own assignments."""
    return Actor(
        person=person.handle,
        office=assignment.office_name,
        role=assignment.role,
        area=assignment.area,
        producer=assignment.producer,
        id=key,
        assignment=assignment.id,
    )


def acting_for(person: Person, key: UUID, received: Delegation, delegator: Person) -> Actor:
    """The person acting in another's assignment, under a delegation."""
    own = acting(person, key, delegator.assignments[received.assignment])
    by = Delegator(delegation=received.id, person=delegator.handle, id=received.other, document=received.document)
    return own.model_copy(update={"delegator": by})


def evolve(person: Person, told: Told) -> Person:
    """The person after one more fact."""
    return replace(_apply(person, told), version=told.version)


def _apply(p: Person, told: Told) -> Person:
    fact: f.PersonFact = told.fact
    match fact:
        case f.PersonRegistered():
            return Person(handle=fact.handle, kind=fact.kind, area=fact.area)
        case f.RoleAssigned():
            new = Assignment(
                id=fact.assignment,
                role=fact.role,
                office=fact.office,
                office_name=fact.office_name,
                area=fact.area,
                producer=fact.producer,
                term=fact.term,
                decision_number=fact.decision_number,
                signer=fact.signer,
                version=told.version,
                given_on=told.effective_on,
                given_by=told.by,
            )
            return replace(p, assignments={**p.assignments, new.id: new})
        case f.AssignmentEnded():
            ended = replace(p.assignments[fact.assignment], ended_on=fact.ends_on, ended_by=fact.decision_number)
            return replace(p, assignments={**p.assignments, ended.id: ended})
        case f.DelegationGiven():
            given = _delegation(fact, fact.delegate, fact.delegate_handle, told)
            return replace(p, given={**p.given, given.id: given})
        case f.DelegationReceived():
            received = _delegation(fact, fact.delegator, fact.delegator_handle, told)
            return replace(p, received={**p.received, received.id: received})
        case f.DelegationEnded():
            return replace(
                p,
                given=_ended(p.given, fact.delegation, fact.ends_on),
                received=_ended(p.received, fact.delegation, fact.ends_on),
            )
        case _:
            assert_never(fact)


def _delegation(fact: f.DelegationGiven | f.DelegationReceived, other: UUID, handle: str, told: Told) -> Delegation:
    return Delegation(
        id=fact.delegation,
        assignment=fact.assignment,
        other=other,
        other_handle=handle,
        commands=fact.commands,
        term=fact.term,
        document=fact.document,
        version=told.version,
        given_on=told.effective_on,
    )


def _ended(known: Mapping[UUID, Delegation], key: UUID, day: date) -> Mapping[UUID, Delegation]:
    return {**known, key: replace(known[key], ended_on=day)} if key in known else known
