"""The envelope round a fact, and its bytes: what is stored for ever.

Stored bytes are one JSON object: the envelope's fields, then ``data`` with the fact's own. The stored
name stands beside the bytes in the table. Written once, read by every later version: see
``tests/golden`` and ``UPCASTS`` below.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field, ValidationError, create_model
from pydantic_core import from_json

from domain.sealing import STORED
from domain.stream import Fact, Told, hands_of
from domain.streams import CATALOGUE
from domain.values import Actor, AreaCode, OnBehalf, Paper, Source, Value


class Envelope(Value):
    """Who, when, on which paper, where.

    ``recorded_at``: the server's UTC instant. ``effective_on``: date of the act in Vietnam.
    ``commune``: where it happened, by the code of its day: the product's commune, or the area of the council
    or authority. ``command_id``: the command that caused it; one command's facts share it.
    ``on_behalf_of``: whom the actor served. ``rule``: id of the rule that permitted the act, "" in older facts.
    """

    fact_version: int
    recorded_at: datetime
    effective_on: date
    actor: Actor
    paper: Paper | None
    source: Source
    command_id: UUID
    commune: AreaCode
    on_behalf_of: Annotated[OnBehalf | None, Field(exclude_if=lambda value: value is None)] = None
    rule: Annotated[str, Field(exclude_if=lambda value: not value)] = ""
    data: Any


@dataclass(frozen=True, slots=True)
class Recorded:
    """A stored fact of one stream. ``position`` is its place in the order of all facts."""

    originator_id: UUID
    originator_version: int
    envelope: Envelope
    position: int = 0

    @property
    def fact(self) -> Fact:
        """The fact itself."""
        fact: Fact = self.envelope.data
        return fact

    @property
    def told(self) -> Told:
        """The fact as the domain's history tells it."""
        e = self.envelope
        hands = hands_of(e.actor, e.paper, e.source)
        return Told(self.originator_version, e.data, e.effective_on, e.source, e.actor.person, hands)


_SHAPES: dict[str, type[Envelope]] = {
    name: create_model(f"Stored{fact.__name__}", __base__=Envelope, data=(fact, ...))
    for name, fact in CATALOGUE.items()
}

Upcast = Callable[[dict[str, Any]], dict[str, Any]]


def _found_exactly(gates: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**gate, "found": str(gate["found"])} for gate in gates]


UPCASTS: dict[tuple[str, int], Upcast] = {
    # Before councils had sessions and levels were data: all was the province's.
    ("product.scoring-concluded", 1): lambda d: {
        **d,
        "level": "province",
        "session": None,
        "gate_test": "agreed",
        "missed": _found_exactly(d["missed"]),
    },
    ("product.recognised", 1): lambda d: {
        **d,
        "level": "province",
        "authority": "",
        "book": None,
        "product_number": None,
        "warnings": [],
    },
    ("product.not-recognised", 1): lambda d: {**d, "level": "province"},
    ("product.result-approved", 1): lambda d: {
        **d,
        "level": "province",
        "book": None,
        "warnings": _found_exactly(d["warnings"]),
    },
    # Since the second version personal fields are sealed; what was stored before stays in clear.
    **{
        (name, 1): dict
        for name in (
            "product.idea-form-handed-over",
            "product.idea-submitted",
            "product.written-notice-given",
            "product.entered-from-register",
            "product.recognition-recorded",
            "product.producer-registered",
            "product.complaint-filed",
            "product.fact-corrected",
        )
    },
}
"""(stored name, old fact version) → the data in the next version's shape."""


class UnknownFact(Exception):
    """A stored name or fact version this code does not know: it is older than the data."""


def to_bytes(recorded: Recorded) -> tuple[str, bytes]:
    """Stored name and stored bytes of a fact."""
    name = recorded.fact.stored_name
    return name, _SHAPES[name].__pydantic_serializer__.to_json(recorded.envelope)


def from_bytes(name: str, state: bytes) -> Envelope:
    """The envelope and fact of stored bytes, raised to today's shape; raises UnknownFact."""
    shape = _SHAPES.get(name)
    if shape is None:
        raise UnknownFact(f"no fact is called {name}")
    newest = CATALOGUE[name].fact_version
    with suppress(ValidationError):  # mostly of today's shape: one pass over the bytes
        loaded = shape.model_validate_json(state, context=STORED)
        if loaded.fact_version == newest:
            return loaded
    return shape.model_validate(_raised(name, from_json(state)), strict=False, context=STORED)


def data_of(name: str, state: bytes) -> dict[str, Any]:
    """The fact's data of stored bytes in today's shape, not validated again: for reading a great many."""
    data: dict[str, Any] = _raised(name, from_json(state))["data"]
    return data


def recorded_at(state: bytes) -> datetime:
    """The server's instant of stored bytes, nothing else of them validated."""
    return datetime.fromisoformat(from_json(state)["recorded_at"])


def _raised(name: str, raw: dict[str, Any]) -> dict[str, Any]:
    newest = CATALOGUE[name].fact_version
    if raw["fact_version"] > newest:
        raise UnknownFact(f"{name} version {raw['fact_version']} is newer than this service")
    for version in range(raw["fact_version"], newest):
        raw["data"] = UPCASTS[name, version](raw["data"])
    raw["fact_version"] = newest
    return raw


def envelope(
    fact: Fact,
    *,
    recorded_at: datetime,
    effective_on: date,
    actor: Actor,
    paper: Paper | None,
    source: Source,
    command_id: UUID,
    commune: str,
    on_behalf_of: OnBehalf | None = None,
    rule: str = "",
) -> Envelope:
    """Wrap a fact that the domain just decided; its parts were validated on the way in."""
    return _SHAPES[fact.stored_name].model_construct(
        fact_version=fact.fact_version,
        recorded_at=recorded_at,
        effective_on=effective_on,
        actor=actor,
        paper=paper,
        source=source,
        command_id=command_id,
        commune=commune,
        on_behalf_of=on_behalf_of,
        rule=rule,
        data=fact,
    )
