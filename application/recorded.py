"""The envelope round a fact, and its bytes: what is stored for ever.

Stored bytes are one JSON object: the envelope's fields, then ``data`` with the fact's own. The stored
name stands beside the bytes in the table. Written once, read by every later version: see
``tests/golden`` and ``UPCASTS`` below.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import create_model
from pydantic_core import from_json

from domain.product.facts import CATALOGUE, ProductFact
from domain.product.state import Told
from domain.values import Actor, CommuneCode, Paper, Source, Value


class Envelope(Value):
    """Who, when, on which paper, where.

    ``recorded_at``: the server's UTC instant. ``effective_on``: date of the act in Vietnam.
    ``commune``: where it happened, by the code of its day. ``command_id``: the command that caused it;
    one command's facts share it.
    """

    fact_version: int
    recorded_at: datetime
    effective_on: date
    actor: Actor
    paper: Paper | None
    source: Source
    command_id: UUID
    commune: CommuneCode
    data: Any


@dataclass(frozen=True, slots=True)
class Recorded:
    """A stored fact of one product. ``position`` is its place in the order of all facts."""

    originator_id: UUID
    originator_version: int
    envelope: Envelope
    position: int = 0

    @property
    def fact(self) -> ProductFact:
        """The fact itself."""
        fact: ProductFact = self.envelope.data
        return fact

    @property
    def told(self) -> Told:
        """The fact as the domain's history tells it."""
        e = self.envelope
        return Told(self.originator_version, e.data, e.effective_on, e.source)


_SHAPES: dict[str, type[Envelope]] = {
    name: create_model(f"Stored{fact.__name__}", __base__=Envelope, data=(fact, ...))
    for name, fact in CATALOGUE.items()
}

Upcast = Callable[[dict[str, Any]], dict[str, Any]]
UPCASTS: dict[tuple[str, int], Upcast] = {}
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
    if newest == 1:  # nothing older can exist: one pass over the bytes
        loaded = shape.model_validate_json(state)
        if loaded.fact_version == newest:
            return loaded
    raw = from_json(state)
    if raw["fact_version"] > newest:
        raise UnknownFact(f"{name} version {raw['fact_version']} is newer than this service")
    for version in range(raw["fact_version"], newest):
        raw["data"] = UPCASTS[name, version](raw["data"])
    raw["fact_version"] = newest
    return shape.model_validate(raw, strict=False)


def envelope(
    fact: ProductFact,
    *,
    recorded_at: datetime,
    effective_on: date,
    actor: Actor,
    paper: Paper | None,
    source: Source,
    command_id: UUID,
    commune: str,
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
        data=fact,
    )
