"""Administrative units (đơn vị hành chính) of today: codes of Decision 19/2025/QĐ-TTg.

34 provinces and 3,321 communes (xã, phường, đặc khu) since 1 July 2025, from the data package
``vietnam-provinces``. An area is "VN", a province code or a commune code; areas nest.
"""

from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from pydantic_core import from_json

from domain.law.old_units import old_units

NATION = "VN"


@dataclass(frozen=True, slots=True)
class Area:
    """One unit: ``code`` (2 or 5 digits), ``name`` with its kind, ``province`` code."""

    code: str
    name: str
    province: str


@cache
def areas() -> dict[str, Area]:
    """All provinces and communes by code."""
    found: dict[str, Area] = {}
    provinces = from_json(_data().read_bytes())
    for province in provinces:
        code = f"{province['code']:02d}"
        found[code] = Area(code, province["name"], code)
    for province in provinces:
        for ward in province["wards"]:
            code = f"{ward['code']:05d}"
            found[code] = Area(code, ward["name"], f"{province['code']:02d}")
    return found


def _data() -> Path:
    """The package's data, not its classes: to make 3,355 of them takes a tenth of a second of every start."""
    package = find_spec("vietnam_provinces")
    assert package is not None, "a requirement"
    assert package.submodule_search_locations is not None, "a package"
    return Path(package.submodule_search_locations[0]) / "data" / "nested-divisions.json"


def commune(code: str) -> Area | None:
    """The commune with this code, or None when no such commune exists today."""
    return areas().get(code) if len(code) == 5 else None


def province_of_area(area: str) -> str:
    """Code of the province an area lies in; "" for the nation and for codes that are not known."""
    if area == NATION:
        return ""
    found = commune(area)
    return found.province if found else area[:2] if len(area) != len("00000") else ""


def province_today(area: str) -> str:
    """Code of today's province that an area of either map lies in; "" for the nation and for codes that are not known.

    A code that both maps have is read as today's.
    """
    found = areas().get(area)
    if found is not None:
        return found.province
    unit = old_units().get(area) or old_units().get(area[:2])
    return unit.now if unit and len(area) != len("00000") else ""


def covers(area: str, other: str) -> bool:
    """Whether ``area`` is, or contains, the other; a province contains what went into it.

    Of today's communes, an office of a unit that ended reaches its whole province.
    """
    if area in (NATION, other):
        return True
    if len(area) == len("00000"):
        return False
    return province_of_area(other) == area[:2] or (len(area) == len("00") and province_today(other) == area)


def area_name(code: str) -> str:
    """Name of an area for people; the code itself when it is not one of today's."""
    if code == NATION:
        return "Việt Nam"
    found = areas().get(code) or old_units().get(code) or areas().get(code.partition("-")[0])
    return found.name if found else code
