"""Provinces and the units in them until 30/06/2025 (cấp tỉnh, cấp huyện cũ), and which of today's communes lie in them.

What of it is a fact and what was inferred stands in ``old_units.toml``.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any


@dataclass(frozen=True, slots=True)
class OldUnit:
    """A province of the old map, or a unit (cấp huyện) in one; ``code``: "17", "17-150".

    ``now``: today's province it lies in; ``communes``: today's communes in it; ``until``: its last day.
    """

    code: str
    name: str
    now: str
    until: date
    communes: frozenset[str]


@cache
def _data() -> dict[str, Any]:
    return tomllib.loads(files("domain.law").joinpath("old_units.toml").read_text(encoding="utf-8"))


@cache
def last_day() -> date:
    """The last day of the old map."""
    return date.fromisoformat(_data()["until"])


@cache
def old_units() -> Mapping[str, OldUnit]:
    """Provinces and units of the old map by code, those that ended before it included."""
    data = _data()
    found: dict[str, OldUnit] = {}
    for code, entry in {**data["units"], **data["ended"]}.items():
        until = date.fromisoformat(entry.get("until", data["until"]))
        now = data["provinces"][code[:2]]["now"]
        found[code] = OldUnit(code, entry["name"], now, until, frozenset(entry["communes"]))
    for code, entry in data["provinces"].items():
        within = frozenset[str]().union(*(unit.communes for key, unit in found.items() if key[:2] == code))
        found[code] = OldUnit(code, entry["name"], entry["now"], last_day(), within)
    return MappingProxyType(found)


@cache
def lies_in() -> Mapping[str, tuple[str, str | None]]:
    """Commune of today → the unit it lay in on the last day of the old map, and one that had ended before."""
    ended = {commune: code for code, entry in _data()["ended"].items() for commune in entry["communes"]}
    return {
        commune: (code, ended.get(commune)) for code, entry in _data()["units"].items() for commune in entry["communes"]
    }
