"""What decisions need to know of a subject of personal data: its requests, and how far each has come."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from typing import assert_never
from uuid import UUID

from domain.changing import replace
from domain.stream import Told
from domain.subject.facts import (
    Capacity,
    ErasureDecided,
    ErasureRequested,
    KeysDestroyed,
    RequestChannel,
    Scope,
    SubjectFact,
)


@dataclass(frozen=True, slots=True)
class ErasureRequest:
    """A request to erase. ``version``: of the fact that recorded it; ``decision``: of the one that decided it.

    ``asked_by``: who recorded it, by handle.
    """

    version: int
    area: str
    product: UUID | None
    recorded_on: date
    asked_on: date
    capacity: Capacity
    channel: RequestChannel
    scope: Scope
    outcome: str | None = None
    decision: int | None = None
    decided_on: date | None = None
    purposes: tuple[str, ...] = ()
    legal_basis: str | None = None
    reasons: str = ""
    carried_out_on: date | None = None
    asked_by: frozenset[str] = frozenset()

    @property
    def to_carry_out(self) -> bool:
        """Whether keys are still to be destroyed."""
        return bool(self.purposes) and self.carried_out_on is None


@dataclass(frozen=True, slots=True)
class Subject:
    """A subject's dossier at one authority. ``latest_act``: the latest day of an act in it.

    ``of``: the subject; None when the stream's id is the subject's.
    """

    version: int = 0
    area: str = ""
    of: UUID | None = None
    requests: tuple[ErasureRequest, ...] = ()
    latest_act: date = date.min

    @property
    def open_request(self) -> ErasureRequest | None:
        """The request that waits for its decision, if there is one."""
        return next((request for request in self.requests if request.outcome is None), None)


def evolve(subject: Subject, told: Told) -> Subject:
    """The subject after one more fact."""
    changed = _apply(subject, told)
    return replace(changed, version=told.version, latest_act=max(subject.latest_act, told.effective_on))


def _apply(s: Subject, told: Told) -> Subject:
    fact: SubjectFact = told.fact
    match fact:
        case ErasureRequested():
            asked = ErasureRequest(
                told.version,
                fact.area,
                fact.product,
                told.effective_on,
                fact.asked_on,
                fact.capacity,
                fact.channel,
                fact.scope,
                asked_by=told.persons,
            )
            return replace(s, area=s.area or fact.area, of=fact.subject, requests=(*s.requests, asked))
        case ErasureDecided():
            return _with(
                s,
                lambda request: request.outcome is None,
                outcome=fact.outcome,
                decision=told.version,
                decided_on=told.effective_on,
                purposes=fact.purposes,
                legal_basis=fact.legal_basis,
                reasons=fact.reasons,
            )
        case KeysDestroyed():
            carried_out = fact.decision
            if carried_out is None:
                return s
            return _with(s, lambda request: request.decision == carried_out, carried_out_on=told.effective_on)
        case _:
            assert_never(fact)


def _with(s: Subject, which: Callable[[ErasureRequest], bool], **changes: object) -> Subject:
    requests = tuple(replace(r, **changes) if which(r) else r for r in s.requests)  # type: ignore[arg-type]
    return replace(s, requests=requests)
