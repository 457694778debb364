"""What concerns a person (dữ liệu cá nhân) in a fact, and who gets it: the authorities, and the producer itself."""

from collections.abc import Mapping
from typing import Any

from domain.law.recompute import digest_of
from domain.values import Actor, Role

FIELDS = frozenset(
    {
        "representative",
        "representative_is_woman",
        "representative_ethnic_group",
        "phone",
        "email",
        "address",
        "received_by",
        "complainant",
        "register_row",
    }
)
"""Fields of facts, and of the producer or holder in them. A register's raw row holds all of them."""


JUDGEMENTS = frozenset({"comment", "conflicts"})
"""What members wrote of a product, and their ties to it."""


def shown(data: Mapping[str, Any], reader: Actor, *, own: bool = False) -> dict[str, Any]:
    """A fact's data as a reader gets it: at every depth, and in corrections too. ``own``: the reader's product."""
    hidden = frozenset[str]()
    if reader.role in (Role.INTEGRATOR, Role.PRODUCER):
        hidden = JUDGEMENTS if own and reader.role is Role.PRODUCER else FIELDS | JUDGEMENTS
    return dict(_without(data, hidden)) if hidden else dict(data)


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
