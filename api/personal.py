"""What concerns a person (dữ liệu cá nhân) in a fact, and who gets it: the authorities, and the producer itself."""

from collections.abc import Mapping
from typing import Any

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


def shown(data: Mapping[str, Any], reader: Actor, *, own: bool = False) -> dict[str, Any]:
    """A fact's data as a reader gets it; ``own``: the reader is the product's producer."""
    if reader.role is not Role.INTEGRATOR and (reader.role is not Role.PRODUCER or own):
        return dict(data)
    kept = {name: value for name, value in data.items() if name not in FIELDS}
    for named in ("producer", "holder"):
        if isinstance(kept.get(named), dict):
            kept[named] = {name: value for name, value in kept[named].items() if name not in FIELDS}
    return kept
