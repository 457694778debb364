"""Areas in time (địa bàn theo thời gian): which map a day has, and how a unit of it lies on today's.

Products are placed by communes of today, each of which lies in one unit (cấp huyện) and one province of the old map: so
both maps add up to the same products.
"""

from datetime import date
from functools import lru_cache

from domain.law.areas import NATION, areas
from domain.law.old_units import OldUnit, last_day, lies_in, old_units


def old_unit_on(commune: str, day: date) -> str | None:
    """Code of the old unit a commune of today lay in on a day, None since there are none, or for unknown communes."""
    if day > last_day() or commune not in lies_in():
        return None
    at, before = lies_in()[commune]
    return before if before is not None and day <= old_units()[before].until else at


def province_on(commune: str, day: date) -> str:
    """Code of the province a commune of today lies in on the map of a day; "" for unknown communes."""
    if day > last_day():
        found = areas().get(commune)
        return found.province if found else ""
    unit = old_unit_on(commune, day)
    return unit[:2] if unit else ""


def old_units_of(province: str, day: date) -> list[OldUnit]:
    """The units (cấp huyện) of a province on the map of a day, by code; none since there are none."""
    if day > last_day():
        return []
    units = [unit for code, unit in old_units().items() if code[:2] == province and "-" in code]
    ended = [unit for unit in units if unit.until < last_day()]
    gone = {unit.code for unit in ended if unit.until < day}
    return sorted((unit for unit in units if unit.code not in gone), key=lambda unit: unit.code)


@lru_cache(4096)
def communes_of(area: str, day: date) -> frozenset[str] | None:
    """Today's communes that an area of the map of a day consists of; None stands for all of them.

    A code that is no area of that day's map has none.
    """
    if area == NATION:
        return None
    if len(area) == len("00000"):
        return frozenset({area}) if area in areas() else frozenset()
    if day > last_day():
        return frozenset(a.code for a in areas().values() if a.province == area != a.code)
    unit = old_units().get(area)
    if unit is None or unit.until < day:
        return frozenset()
    if "-" not in area:
        return unit.communes
    return frozenset(commune for commune in unit.communes if old_unit_on(commune, day) == area)


def units_in(area: str, each: str, day: date) -> list[str]:
    """Codes of the communes (``each`` "commune") or of the old units that an area of the map of a day has."""
    if each == "commune":
        found = communes_of(area, day)
        return sorted(_every_commune() if found is None else found)
    provinces = [code for code in old_units() if len(code) == len("00")] if area == NATION else [area[:2]]
    units = [unit.code for province in provinces for unit in old_units_of(province, day)]
    return [code for code in units if lies_within(code, area, day)]


def _every_commune() -> list[str]:
    return [a.code for a in areas().values() if len(a.code) == len("00000")]


def areas_in(area: str, day: date) -> list[str]:
    """Codes of all areas within one, itself included, on the map of a day."""
    return sorted({area, *units_in(area, "commune", day), *units_in(area, "old-unit", day)})


def lies_within(area: str, other: str, day: date) -> bool:
    """Whether an area lies in another, or is it, on the map of a day."""
    outer, inner = communes_of(other, day), communes_of(area, day)
    return outer is None or bool(inner and inner <= outer)


def name_on(area: str, day: date) -> str:
    """Name of an area on the map of a day; the code itself where that map has no such area."""
    if area == NATION:
        return "Việt Nam"
    if day <= last_day() and len(area) != len("00000"):
        unit = old_units().get(area)
        return unit.name if unit else area
    found = areas().get(area)
    return found.name if found else area
