"""Personal data (dữ liệu cá nhân): the class of every field of every fact, and how the fields are sealed.

The table is ``personal.toml`` beside this file. Three classes: ``official`` (what an authority must be able to
show: stays in clear), ``process`` (needed while a case runs) and ``consent`` (given freely). Fields of the last
two name whose they are; each is sealed under a key of that subject and purpose before it is stored, bound to
stream, version, stored name and path. Importing this module fails when table and facts do not agree.
"""

import tomllib
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, NamedTuple, Union, get_args, get_origin
from uuid import UUID

from domain.product.facts import FactCorrected
from domain.sealing import KeyDestroyed, SealedField, Seals, sealed_field
from domain.stream import Fact
from domain.streams import CATALOGUE
from domain.values import Actor, OnBehalf, Paper, Source, Value, one_spelling

Purpose = Literal["process", "consent"]
PURPOSES: Final[tuple[Purpose, ...]] = ("process", "consent")
Whose = Literal["producer", "product", "complainant"]
DROPPED: Final = object()
"""What a visitor returns for a field that is to be left out."""
ERASED_VI, ERASED_EN = "đã xoá", "erased"
"""What stands in the place of an erased value."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How a field is treated: its purpose, whose it is, and of which kinds of entity only (empty: of all)."""

    purpose: Purpose
    whose: Whose
    of_kinds: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Plan:
    """The personal fields of a type of value, and its fields that hold values with personal fields."""

    personal: tuple[tuple[str, Rule], ...]
    nested: tuple[tuple[str, type[Value]], ...]

    @property
    def empty(self) -> bool:
        """Whether there is nothing personal in it at any depth."""
        return not self.personal and not self.nested


class Spot(NamedTuple):
    """A personal field where it stands.

    ``name`` and ``version``: the fact it belongs to, which for the values of a correction is the corrected one.
    ``path``: within that fact; ``field``: within the data as stored. ``around``: the values it stands in.
    """

    rule: Rule
    name: str
    version: int
    path: str
    field: str
    around: tuple[Any, ...]

    def place(self, stream: UUID) -> str:
        """What the seal is bound to. Never change it: nothing stored would open any more."""
        return f"{stream}/{self.version}/{self.name}/{self.path}"


class BrokenTable(Exception):
    """The table of classes does not agree with the facts; the message says where."""


# ── The table ─────────────────────────────────────────────────────────────────────────────────


def values_in(annotation: Any) -> Iterator[type[Value]]:
    """The types of values that an annotation speaks of, sealed content left out."""
    if isinstance(annotation, type) and get_origin(annotation) is None:
        if issubclass(annotation, Value):
            yield annotation
        return
    for part in get_args(annotation):
        yield from values_in(part)


def all_types() -> dict[str, type[Value]]:
    """Every type of value that is stored, by class name: facts, what they hold, and the envelope's parts."""
    found: dict[str, type[Value]] = {}
    waiting: list[type[Value]] = [*CATALOGUE.values(), Actor, OnBehalf, Paper, Source]
    while waiting:
        kind = waiting.pop()
        if found.setdefault(kind.__name__, kind) is not kind:
            raise BrokenTable(f"two types are called {kind.__name__}")
        for field in kind.model_fields.values():
            waiting += [held for held in values_in(field.annotation) if held.__name__ not in found]
    return found


def read_table(content: Mapping[str, Any], kinds: Mapping[str, type[Value]]) -> dict[str, dict[str, Rule]]:
    """Personal fields by type and name; raises BrokenTable when a field has no class, or two, or does not exist."""
    if unknown := content.keys() - kinds.keys():
        raise BrokenTable(f"there is no {', '.join(sorted(unknown))}")
    rules: dict[str, dict[str, Rule]] = {}
    for name, kind in kinds.items():
        entry = content.get(name, {})
        if wrong := entry.keys() - {"official", *PURPOSES}:
            raise BrokenTable(f"{name}: no class is called {', '.join(sorted(wrong))}")
        listed = [*entry.get("official", ()), *(field for purpose in PURPOSES for field in entry.get(purpose, {}))]
        if len(set(listed)) < len(listed):
            raise BrokenTable(f"{name}: a field has two classes")
        if missing := kind.model_fields.keys() - set(listed):
            raise BrokenTable(f"{name}: no class for {', '.join(sorted(missing))}")
        if gone := set(listed) - kind.model_fields.keys():
            raise BrokenTable(f"{name}: there is no field {', '.join(sorted(gone))}")
        rules[name] = {
            field: _rule(name, purpose, whose)
            for purpose in PURPOSES
            for field, whose in entry.get(purpose, {}).items()
        }
        if unsealable := [field for field in rules[name] if not _may_be_sealed(kind, field)]:
            raise BrokenTable(f"{name}: the type of {', '.join(unsealable)} is not Sealable")
        if clear := [field for field in kind.model_fields if field not in rules[name] and _may_be_sealed(kind, field)]:
            raise BrokenTable(f"{name}: {', '.join(clear)} is Sealable and has no subject")
    return rules


def _rule(name: str, purpose: Purpose, given: Any) -> Rule:
    table = given if isinstance(given, dict) else {"of": given}
    if table.get("of") not in get_args(Whose) or table.keys() - {"of", "of_kinds"}:
        raise BrokenTable(f"{name}: {given} names no subject")
    return Rule(purpose, table["of"], frozenset(table.get("of_kinds", ())))


def _may_be_sealed(kind: type[Value], field: str) -> bool:
    annotation = kind.model_fields[field].annotation
    return get_origin(annotation) in (Union, types.UnionType) and SealedField in get_args(annotation)


def _load() -> dict[str, dict[str, Rule]]:
    content = tomllib.loads(files("domain").joinpath("personal.toml").read_text(encoding="utf-8"))
    return read_table(content, all_types())


RULES: Final = _load()
"""Personal fields by class name of the fact or value they stand in."""


@cache
def plan_of(kind: type[Value]) -> Plan:
    """Where personal data stands in a type of value, at any depth."""
    nested = [
        (name, held)
        for name, field in kind.model_fields.items()
        for held in values_in(field.annotation)
        if not plan_of(held).empty
    ]
    return Plan(tuple(RULES[kind.__name__].items()), tuple(nested))


# ── Walking a fact's personal fields ──────────────────────────────────────────────────────────

Visit = Callable[[Spot, Any], Any]
"""Is given a personal field and what stands there; returns what shall stand there, or ``DROPPED``."""


def visited(name: str, version: int, data: Any, visit: Visit) -> Any:
    """A fact, or its data as stored, with each personal field as the visitor wants it. The given one stays as it is.

    Fields that say nothing (absent, None or empty) are not visited.
    """
    kind = CATALOGUE[name]
    if kind is not FactCorrected:
        return walked(kind, version, data, visit)
    of = CATALOGUE.get(_get(data, "corrected_name"))
    if of is None or plan_of(of).empty:
        return data
    changes = {}
    for side in ("was", "now"):
        spot = Spot(_NO_RULE, of.stored_name, _get(data, "corrected_version"), "", f"{side}.", ())
        changes[side] = _walk(of, _get(data, side), visit, spot)
    return _with(data, changes)


_NO_RULE: Final = Rule("process", "product")


def _walk(kind: type[Value], value: Any, visit: Visit, spot: Spot) -> Any:
    plan, changes = plan_of(kind), dict[str, Any]()
    around = (*spot.around, value)
    for field, rule in plan.personal:
        held = _get(value, field)
        if held is None or held in ("", {}) or (rule.of_kinds and _get(value, "kind") not in rule.of_kinds):
            continue
        at = Spot(rule, spot.name, spot.version, spot.path + field, spot.field + field, around)
        now = visit(at, held)
        if now is not held:
            changes[field] = now
    for field, inner in plan.nested:
        held = _get(value, field)
        if held is None:
            continue
        if isinstance(held, list | tuple):
            parts = [_walk(inner, part, visit, _into(spot, f"{field}.{n}.", around)) for n, part in enumerate(held)]
            now = held if all(a is b for a, b in zip(parts, held, strict=True)) else type(held)(parts)
        else:
            now = _walk(inner, held, visit, _into(spot, f"{field}.", around))
        if now is not held:
            changes[field] = now
    return _with(value, changes) if changes else value


def walked(kind: type[Fact], version: int, data: Any, visit: Visit) -> Any:
    """As ``visited``, for some fields only of a fact that is not a correction."""
    return _walk(kind, data, visit, Spot(_NO_RULE, kind.stored_name, version, "", "", ()))


def _into(spot: Spot, step: str, around: tuple[Any, ...]) -> Spot:
    return Spot(_NO_RULE, spot.name, spot.version, spot.path + step, spot.field + step, around)


def _get(value: Any, field: str) -> Any:
    if isinstance(value, Value):  # not getattr: for a field it does not have, it is slow to say so
        return vars(value).get(field)
    return value.get(field) if isinstance(value, dict) else getattr(value, field, None)


def _with(value: Any, changes: Mapping[str, Any]) -> Any:
    if isinstance(value, Value):
        return value.model_copy(update=changes)
    return {name: held for name, held in {**value, **changes}.items() if held is not DROPPED}


# ── Sealing and opening ───────────────────────────────────────────────────────────────────────


def sealed(fact: Fact, stream: UUID, version: int, state: Any, seals: Seals) -> Fact:
    """The fact as it is stored: personal fields sealed. ``state``: of its stream before it, for whose they are."""
    if plan_of(type(fact)).empty and not isinstance(fact, FactCorrected):
        return fact

    whose: dict[tuple[Whose, int], UUID] = {}  # fields of one value are mostly one subject's

    def seal(spot: Spot, value: Any) -> Any:
        if sealed_field(value) is not None:
            return value
        place = (spot.rule.whose, id(spot.around[-1]))
        subject = whose.get(place)
        if subject is None:
            subject = whose[place] = subject_of(spot, stream, state, seals)
        box = seals.seal_field(subject, spot.rule.purpose, spot.place(stream), value)
        # What a correction holds is JSON itself.
        return box.as_json() if isinstance(fact, FactCorrected) else box

    done: Fact = visited(fact.stored_name, version, fact, seal)
    return done


def subject_of(spot: Spot, stream: UUID, state: Any, seals: Seals) -> UUID:
    """Whose a field is. Of a producer without a registration number nothing is known but the product."""
    match spot.rule.whose:
        case "complainant":
            return complainant(stream, spot.version, seals)
        case "producer" if registration := _registration(spot, state):
            return producer(registration, seals)
        case _:
            return product(stream, seals)


def producer(registration: str, seals: Seals) -> UUID:
    """The subject that a producer is, by its registration number."""
    return seals.subject("producer", one_spelling(registration))


def product(stream: UUID, seals: Seals) -> UUID:
    """The subject of what is known of persons only through a product."""
    return seals.subject("product", str(stream))


def complainant(stream: UUID, version: int, seals: Seals) -> UUID:
    """The subject who filed a complaint about a product, by the version of its fact: its number may be corrected."""
    return seals.subject("complaint", f"{stream}\n{version}")


def dossier(subject: UUID, area: str, seals: Seals) -> UUID:
    """The stream of a subject's requests to the authority of an area: one authority's says nothing of another's."""
    return seals.subject("dossier", f"{subject}\n{area}")


def _registration(spot: Spot, state: Any) -> str | None:
    for value in reversed(spot.around):
        for held in (value, _get(value, "holder"), _get(value, "producer")):
            found = _get(held, "registration")
            if isinstance(found, str):
                return found
    known = _get(_get(state, "producer"), "registration")
    return known if isinstance(known, str) else None


def opened(value: Any, spot: Spot, stream: UUID, seals: Seals) -> Any:
    """What stands in a field; plain where it was stored before fields were sealed. Raises KeyDestroyed, BrokenSeal."""
    box = sealed_field(value)
    return value if box is None else seals.open_field(box, spot.place(stream))


def readable(name: str, version: int, data: Any, stream: UUID, seals: Seals) -> Any:
    """Some fields of a fact's data with the personal ones opened; an erased one stays the box it is."""

    def open_it(spot: Spot, value: Any) -> Any:
        try:
            return opened(value, spot, stream, seals)
        except KeyDestroyed:
            return value

    return walked(CATALOGUE[name], version, data, open_it)
