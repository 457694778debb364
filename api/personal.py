"""Personal data (dữ liệu cá nhân) in an answer: opened for those who may see it, left out for others, written down.

Classes and subjects stand in ``domain/personal.toml``. Authorities see what is in their area, a producer its own.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import structlog
from anyio import to_thread
from fastapi import Request

from application.seals import Keeper
from domain.law.recompute import digest_of
from domain.personal import DROPPED, ERASED_VI, Spot, opened, visited
from domain.refusals import BrokenSeal
from domain.sealing import KeyDestroyed, sealed_field
from domain.values import Actor, Role
from projections.personal_reads import PersonalRead, note_reads

log = structlog.get_logger(__name__)

BROKEN_VI = "không mở được niêm phong"
"""What stands in the place of a value whose box was altered or moved: the operator is told in the log."""

JUDGEMENTS = frozenset({"comment", "conflicts"})
"""What members wrote of a product, and their ties to it."""


@dataclass(frozen=True, slots=True)
class Told:
    """A fact on its way to a reader: its data as stored, and where it stands. ``commune``: where it happened."""

    stream: UUID
    version: int
    name: str
    data: Mapping[str, Any]
    commune: str


async def shown(request: Request, reader: Actor, facts: Sequence[Told], *, own: bool = False) -> list[dict[str, Any]]:
    """Facts' data as a reader gets it, corrections too; what is opened is written down. ``own``: his product."""
    if reader.role not in (Role.INTEGRATOR, Role.PRODUCER):
        return await _opened(request, reader, facts)
    if own and reader.role is Role.PRODUCER:
        its_own = [replace(f, data=visited(f.name, f.version, f.data, _drop_others)) for f in facts]
        return [_without(data, JUDGEMENTS) for data in await _opened(request, reader, its_own)]
    return [_without(visited(f.name, f.version, f.data, _drop), JUDGEMENTS) for f in facts]


async def _opened(request: Request, reader: Actor, facts: Sequence[Told]) -> list[dict[str, Any]]:
    touched = [fact for fact in facts if next(_spots(fact), None) is not None]
    if not touched:
        return [dict(fact.data) for fact in facts]
    data, fields = await to_thread.run_sync(open_facts, request.app.state.keeper, facts)
    reads = [
        PersonalRead(stream, communes[-1], tuple(sorted(set(fields[stream]))), len(fields[stream]))
        for stream in fields
        if (communes := [fact.commune for fact in touched if fact.stream == stream])
    ]
    if reads:
        route = request.scope["route"].path
        async with request.app.state.pool.connection() as connection:
            await note_reads(connection, reader, route, reads)
    return data


def open_facts(keeper: Keeper, facts: Sequence[Told]) -> tuple[list[dict[str, Any]], dict[UUID, list[str]]]:
    """Facts' data with every personal field opened, and the fields that were, by stream."""
    keeper.fetch(box.key for fact in facts for _, value in _spots(fact) if (box := sealed_field(value)))
    fields: dict[UUID, list[str]] = defaultdict(list)

    def open_in(fact: Told) -> dict[str, Any]:
        def open_it(spot: Spot, value: Any) -> Any:
            try:
                found = opened(value, spot, fact.stream, keeper)
            except KeyDestroyed:
                return ERASED_VI
            except BrokenSeal as error:
                log.warning("personal-seal-broken", stream=str(fact.stream), field=spot.field, why=str(error))
                return BROKEN_VI
            fields[fact.stream].append(spot.field)
            return found

        return dict(visited(fact.name, fact.version, fact.data, open_it))

    return [open_in(fact) for fact in facts], fields


def only_under(fact: Told, keys: frozenset[UUID]) -> Told:
    """The fact with those of its personal fields alone that are sealed under some keys."""

    def of_these(_: Spot, value: Any) -> Any:
        box = sealed_field(value)
        return value if box is not None and box.key in keys else DROPPED

    return replace(fact, data=visited(fact.name, fact.version, fact.data, of_these))


def personal_values(fact: Told) -> dict[str, Any]:
    """What stands in a fact's personal fields, by the field's path."""
    return {spot.field: value for spot, value in _spots(fact)}


def _spots(fact: Told) -> Iterator[tuple[Spot, Any]]:
    found: list[tuple[Spot, Any]] = []

    def note(spot: Spot, value: Any) -> Any:
        found.append((spot, value))
        return value

    visited(fact.name, fact.version, fact.data, note)
    yield from found


def _drop_others(spot: Spot, value: Any) -> Any:
    """Who complained of a product is not its producer's to read."""
    return DROPPED if spot.rule.whose == "complainant" else value


def _drop(_spot: Spot, _value: Any) -> Any:
    return DROPPED


def explained(document: Mapping[str, Any], reader: Actor) -> dict[str, Any]:
    """An explanation as a reader gets it: all that the star follows from stays, what members wrote goes."""
    told = dict(document)
    if reader.role in (Role.INTEGRATOR, Role.PRODUCER):
        told["conflicts"] = [{**conflict, "note": ""} for conflict in told["conflicts"]]
        told["sheets"] = [{**sheet, "comment": ""} for sheet in told["sheets"]]
        told["earlier_rounds"] = [
            {**earlier, "sheets": [{**sheet, "comment": ""} for sheet in earlier["sheets"]]}
            for earlier in told["earlier_rounds"]
        ]
        told["digest"] = digest_of(told)
    return told


def _without(value: Any, hidden: frozenset[str]) -> Any:
    if isinstance(value, Mapping):
        return {name: _without(held, hidden) for name, held in value.items() if name not in hidden}
    return [_without(held, hidden) for held in value] if isinstance(value, list | tuple) else value
