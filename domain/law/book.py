"""The law book: regimes, sheets and practice, read once from the rule files beside this module, and the choice."""

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache, cached_property
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, TypeVar

from pydantic import ValidationError

from domain.law.authority import Table, read_table
from domain.law.checks import (
    COMMUNE,
    BrokenRules,
    check_criterion,
    check_practice,
    check_regime,
    check_regimes,
    check_sheet,
)
from domain.law.models import (
    Competence,
    CouncilRules,
    Criterion,
    Entry,
    Ground,
    Practice,
    Regime,
    Sheet,
    TransitionDossiers,
)
from domain.law.sums import sealed
from domain.refusals import NoRegime
from domain.values import Role

Shape = TypeVar("Shape", bound=Entry)


class LawBook:
    """All rules that are loaded, and the choice among them. ``regimes`` stand newest first."""

    def __init__(
        self,
        regimes: Mapping[str, Regime],
        sheets: Mapping[str, Sheet],
        practice: Practice,
        authority: Table,
        hashes: Mapping[str, str],
    ) -> None:
        self.regimes, self.sheets, self.practice = regimes, sheets, practice
        self.authority, self._hashes = authority, hashes

    def regime_for(self, kind: str, filed_on: date) -> Regime:
        """The regime of a dossier: the newest in force on the filing date that takes its kind of registration."""
        for regime in self.regimes.values():
            if regime.in_force_on(filed_on) and kind in regime.kinds.codes:
                return regime
        raise _no_regime(filed_on)

    def regime_on(self, day: date) -> Regime:
        """The regime of an act without a dossier: the newest in force that day."""
        for regime in self.regimes.values():
            if regime.in_force_on(day):
                return regime
        raise _no_regime(day)

    def succeeding(self, regime: Regime, day: date) -> Regime:
        """The regime that amends this one, from the day it took effect; before that, and without one, this one.

        An amendment stays: it also governs what the amended rules left unfinished after its own last day.
        """
        amendments = (r for r in self.regimes.values() if r.amends == regime.id and r.in_force_from <= day)
        return next(amendments, regime)

    def finish_by(self, regime: Regime, kind: str) -> tuple[date, TransitionDossiers] | None:
        """Last day for a dossier of an earlier regime (điều khoản chuyển tiếp), and the rule that sets it."""
        for newer in self.regimes.values():
            if newer.transition is not None and regime.id in newer.transition.regimes:
                for rule in newer.transition.dossiers:
                    if kind in rule.kinds:
                        return rule.finish_by, rule
        return None

    def sheets_of(self, regime: Regime) -> dict[str, Sheet]:
        """The regime's scoring sheets by id."""
        return {s.id: s for s in self.sheets.values() if self.regimes[s.regime].sheets == regime.sheets}

    def competence(
        self, command: str, province: str, regime: Regime | None, level: str | None = None
    ) -> Competence | None:
        """Who may give ``command`` (at a level) in a province under a regime; None when nobody may.

        What is said of the command at that level goes before what is said of the command as such; among
        those the province's own word goes before practice, and practice before the regime.
        """
        found = self.competence_rule(command, province, regime, level)
        return found[1] if found else None

    def competence_rule(
        self, command: str, province: str, regime: Regime | None, level: str | None = None
    ) -> tuple[str, Competence] | None:
        """The same with the rule's id: where it stands and its name there, "<regime>/recognise@province"."""
        own = self.practice.provinces.get(province)
        sources = [
            (f"{self.practice.id}/{province}", own.competences if own else {}),
            (self.practice.id, self.practice.competences),
            (regime.id if regime else "", regime.competences if regime else {}),
        ]
        for name in [command] if level is None else [f"{command}@{level}", command]:
            for where, source in sources:
                if name in source:
                    return f"{where}/{name}", source[name]
        return None

    @cached_property
    def competent_ever(self) -> Mapping[str, frozenset[Role]]:
        """Roles that some rule of some day and place makes competent, by command."""
        found: dict[str, set[Role]] = {}
        own = [province.competences for province in self.practice.provinces.values()]
        for competences in (self.practice.competences, *own, *(r.competences for r in self.regimes.values())):
            for name, competence in competences.items():
                found.setdefault(name.partition("@")[0], set()).update(competence.roles)
        return {name: frozenset(roles) for name, roles in found.items()}

    def council_rules(self, regime: Regime, province: str) -> CouncilRules:
        """Rules of procedure (quy chế hội đồng) as the province keeps them."""
        own = self.practice.provinces.get(province)
        if own is None or not own.council:
            return regime.council
        return CouncilRules.model_validate({**regime.council.model_dump(), **own.council})

    def data_warnings(self, level: str | None, day: date) -> tuple[Ground, ...]:
        """What is odd about an act of this level (None: not known) on that day."""
        found = {
            warning.code: warning
            for regime in self.regimes.values()
            for warning in regime.data_warnings
            if warning.level in (None, level)
            and warning.first_day <= day
            and (warning.last_day is None or day <= warning.last_day)
        }
        return tuple(found.values())

    @property
    def hash(self) -> str:
        """SHA-256 over all rule files: what was derived under another one is derived again."""
        return _digest(*sorted(self._hashes.values()))

    def regime_hash(self, regime: str) -> str:
        """SHA-256 over the regime's file (and the one it amends)."""
        return self._hashes[regime]

    def rules_hash(self, regime: str, sheet: str) -> str:
        """SHA-256 over the regime's file (and the one it amends), the sheet's file and its criteria library."""
        library = self._hashes[f"{self.regimes[regime].sheets}/criteria"]
        return _digest(self._hashes[regime], self._hashes[sheet], library)


def _no_regime(day: date) -> NoRegime:
    return NoRegime(
        f"Chưa nạp quy định đánh giá áp dụng cho ngày {day:%d/%m/%Y}.",
        f"No loaded rating rules govern {day.isoformat()}.",
        field="effective_on",
        hint_vi="Kiểm tra ngày nộp hồ sơ.",
        hint_en="Check the filing date.",
    )


def _digest(*parts: str) -> str:
    return sha256("\n".join(parts).encode()).hexdigest()


@cache
def law_book() -> LawBook:
    """The rule files that ship with the service."""
    return load(files("domain.law"))


def load(root: Traversable) -> LawBook:
    """Read, check and hash all rule files under ``root``; raises BrokenRules."""
    found = sealed(root)
    hashes: dict[str, str] = {}
    regimes = _load_regimes(found[""], hashes)
    sheets: dict[str, Sheet] = {}
    for folder, contents in found.items():
        if folder:
            _load_sheets(folder, contents, regimes, sheets, hashes)
    if unfound := [r.id for r in regimes.values() if f"sheets/{r.sheets}" not in found]:
        raise BrokenRules(f"no folder of sheets for {', '.join(unfound)}")
    practice = _shaped(Practice, "practice.toml", _parsed("practice.toml", found[""]["practice.toml"]))
    hashes["practice"] = sha256(found[""]["practice.toml"]).hexdigest()
    check_practice(practice, regimes.values())
    return LawBook(regimes, sheets, practice, read_table(found[""]["authority.toml"]), hashes)


def _load_regimes(contents: Mapping[str, bytes], hashes: dict[str, str]) -> dict[str, Regime]:
    raw = {name: _parsed(name, content) for name, content in contents.items() if name.startswith("regimes/")}
    found: list[Regime] = []
    for name, table in raw.items():
        amended = f"regimes/{table['amends']}.toml" if "amends" in table else None
        if amended is not None and (amended not in raw or "amends" in raw[amended]):
            raise BrokenRules(f"{name}: cannot amend {table['amends']}")
        regime = _shaped(Regime, name, _amended(raw[amended], table) if amended else table)
        if name != f"regimes/{regime.id}.toml":
            raise BrokenRules(f"{name}: its id is {regime.id}")
        check_regime(regime)
        hashes[regime.id] = _digest(*(sha256(contents[n]).hexdigest() for n in (name, amended) if n))
        found.append(regime)
    regimes = {r.id: r for r in sorted(found, key=lambda r: r.in_force_from, reverse=True)}
    check_regimes(regimes)
    return regimes


def _amended(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """The amended regime's table under the change; a level that is gone takes its competences and its term along."""
    merged = _merged(base, change)
    kept = {"", COMMUNE, *(level["code"] for level in merged["levels"])}
    merged["competences"] = {
        c: who for c, who in merged["competences"].items() if who["roles"] and c.partition("@")[2] in kept
    }
    gone = {f"{level['code']}_intake" for level in base["levels"]} - {f"{code}_intake" for code in kept}
    merged["deadlines"] = {name: term for name, term in merged["deadlines"].items() if name not in gone}
    return merged


def _merged(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """Tables merge, everything else is replaced."""
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        merged[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _load_sheets(
    folder: str,
    contents: Mapping[str, bytes],
    regimes: Mapping[str, Regime],
    sheets: dict[str, Sheet],
    hashes: dict[str, str],
) -> None:
    name = folder.partition("/")[2]
    users = [regime for regime in regimes.values() if regime.sheets == name]
    library: dict[str, Criterion] = {}
    digests: list[str] = []
    for file in sorted(f for f in contents if f.startswith("criteria")):
        where = f"{folder}/{file}"
        for key, value in _parsed(where, contents[file]).items():
            if key in library:
                raise BrokenRules(f"{where}: {key} is there twice")
            library[key] = _shaped(Criterion, f"{where}: {key}", value)
            check_criterion(f"{where}: {key}", library[key])
        digests.append(sha256(contents[file]).hexdigest())
    hashes[f"{name}/criteria"] = _digest(*digests)
    for file in sorted(f for f in contents if not f.startswith("criteria")):
        where = f"{folder}/{file}"
        sheet = _shaped(Sheet, where, {**_parsed(where, contents[file]), "library": library})
        if sheet.id in sheets or f"{sheet.id}.toml" != file or sheet.regime not in {r.id for r in users}:
            raise BrokenRules(f"{where}: its id or regime is not the file's")
        for regime in users:
            check_sheet(sheet, regime)
        sheets[sheet.id] = sheet
        hashes[sheet.id] = sha256(contents[file]).hexdigest()


def _parsed(where: str, content: bytes) -> dict[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as broken:
        raise BrokenRules(f"{where}: {broken}") from None


def _shaped(shape: type[Shape], where: str, table: dict[str, Any]) -> Shape:
    try:
        return shape.model_validate(table)
    except ValidationError as broken:
        raise BrokenRules(f"{where}: {broken}") from None
