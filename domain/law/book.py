"""The law book: regimes, sheets and practice, read once from the rule files beside this module.

Shapes only; no rule is written in Python. Every value keeps its ``legal_basis`` and its ``mark``
("fact", "inferred", "local", "not-found"), so that an answer can show where it comes from.
"""

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from datetime import date
from functools import cache, cached_property
from importlib.resources import files
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.law.areas import areas
from domain.law.calendar import term_end
from domain.refusals import NoRegime
from domain.values import Role

Mark = Literal["fact", "inferred", "local", "not-found"]


class Entry(BaseModel):
    """Base of everything in a rule file: unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(Entry):
    """Where a value comes from."""

    legal_basis: str
    mark: Mark


class Competence(Rule):
    """Who may give a command (thẩm quyền)."""

    roles: tuple[Role, ...]


class Term(Rule):
    """A time limit (thời hạn): ``value`` in "days" or "working-days"."""

    value: int
    unit: Literal["days", "working-days"]

    def end(self, start: date) -> date:
        """Last day of the term; the day of ``start`` itself does not count."""
        return term_end(start, self.value, self.unit)


class Limit(Rule):
    """A number of a council's rules of procedure."""

    value: int
    unit: Literal["sheets", "points"]


class Setting(Rule):
    """An office's setting."""

    value: bool | int | tuple[str, ...]


class Batch(Rule):
    """A batch (đợt): ``cut_off`` and ``done`` as "MM-DD"; both dates are exclusive ("before")."""

    code: str
    level: Literal["commune", "province", "centre"]
    cut_off: str
    done: str


class Band(Entry):
    """A star band: the exact average lies at or above ``min``."""

    stars: int
    min: int


class Rating(Rule):
    """How an average becomes stars; results from ``pass_up_from`` points on go up to the ministry."""

    total: int
    certifiable_from_stars: int
    pass_up_from: int


class CertificateRule(Rule):
    """How long a certificate is valid."""

    months: int


class Renewal(Rule):
    """When a re-evaluation may be filed, in days before expiry, and how long its ruling may take."""

    earliest_days: int
    latest_days: int
    decide_within_days: int


class Upgrade(Rule):
    """What an upgrade attempt does to the certificate held."""

    keeps_better_certificate: bool


class CouncilRules(Entry):
    """Rules of procedure that the software needs (quy chế hội đồng)."""

    min_sheets: Limit
    max_spread: Limit


class Eligibility(Rule):
    """Kinds of entities that may take part."""

    entities: tuple[str, ...]
    tourism_entities: tuple[str, ...]


class Ground(Entry):
    """A named ground (căn cứ) for rejecting, in both languages."""

    code: str
    vi: str
    en: str
    legal_basis: str = ""
    mark: Mark = "fact"


class Option(Entry):
    """An option of a criterion; ``star`` marks it as the minimum for that star level."""

    vi: str
    points: int
    en: str = ""
    star: int | None = None
    inferred: bool = False


class Criterion(Entry):
    """A criterion of the shared library; sheets place it under a code."""

    vi: str
    en: str
    max: int
    options: tuple[Option, ...]
    note_vi: str = ""
    disqualifier_vi: str = ""
    disqualifier_en: str = ""


class Place(Entry):
    """A criterion's place on a sheet."""

    code: str
    use: str


class Section(Entry):
    """A section of a part."""

    code: str
    vi: str
    en: str
    max: int
    criteria: tuple[Place, ...]


class Part(Entry):
    """A part (A, B, C) of a sheet."""

    code: str
    vi: str
    en: str
    max: int
    sections: tuple[Section, ...]


class Sheet(Rule):
    """A scoring sheet (bộ tiêu chí). ``library`` holds the criteria its places use."""

    id: str
    regime: str
    number: int
    vi: str
    en: str
    group: str
    samples: int
    parts: tuple[Part, ...]
    dossier_rejections: tuple[Ground, ...] = ()
    library: dict[str, Criterion] = Field(default_factory=dict, repr=False)

    @cached_property
    def leaves(self) -> dict[str, Criterion]:
        """Criterion by code, in the sheet's order."""
        return {
            place.code: self.library[place.use]
            for part in self.parts
            for section in part.sections
            for place in section.criteria
        }

    @cached_property
    def gates(self) -> dict[str, dict[int, int]]:
        """Criterion code → {stars: points needed}, for the criteria that carry a star gate."""
        return {
            code: {o.star: o.points for o in criterion.options if o.star}
            for code, criterion in self.leaves.items()
            if any(o.star for o in criterion.options)
        }


class Regime(Rule):
    """A set of rules for step 5 with the days it governs."""

    id: str
    decision: str
    vi: str
    en: str
    in_force_from: date
    in_force_to: date | None = None
    sheets: str
    competences: dict[str, Competence]
    deadlines: dict[str, Term]
    batches: tuple[Batch, ...]
    bands: tuple[Band, ...]
    rating: Rating
    certificate: CertificateRule
    renewal: Renewal
    upgrade: Upgrade
    council: CouncilRules
    eligibility: Eligibility
    rejections: tuple[Ground, ...]

    def batch_for(self, proposed_on: date) -> tuple[str, date, date]:
        """Batch of a proposal: (name such as "2026-2", cut-off, done). The law says *before* both."""
        for year in (proposed_on.year, proposed_on.year + 1):
            for batch in self.batches:
                cut_off = date.fromisoformat(f"{year}-{batch.cut_off}")
                if proposed_on < cut_off:
                    return f"{year}-{batch.code}", cut_off, date.fromisoformat(f"{year}-{batch.done}")
        raise AssertionError(f"{self.id} has no batch after {proposed_on}")


class Overrides(Entry):
    """What one province does differently in steps 1 to 4 and 6."""

    competences: dict[str, Competence] = Field(default_factory=dict)
    deadlines: dict[str, Term] = Field(default_factory=dict)
    settings: dict[str, Setting] = Field(default_factory=dict)


class Practice(Entry):
    """Rules of steps 1 to 4 and 6, with a province's own where it has any."""

    id: str
    competences: dict[str, Competence]
    deadlines: dict[str, Term]
    settings: dict[str, Setting]
    idea_tests: tuple[Ground, ...]
    provinces: dict[str, Overrides]

    def deadline(self, name: str, province: str) -> Term:
        """A term by name as the province keeps it."""
        own = self.provinces.get(province)
        return own.deadlines.get(name, self.deadlines[name]) if own else self.deadlines[name]

    def setting(self, name: str, province: str) -> Any:
        """A setting's value by name as the province keeps it."""
        own = self.provinces.get(province)
        return (own.settings.get(name, self.settings[name]) if own else self.settings[name]).value


class LawBook:
    """All rules that are loaded, and the choice among them by date."""

    def __init__(
        self, regimes: Mapping[str, Regime], sheets: Mapping[str, Sheet], practice: Practice, hashes: Mapping[str, str]
    ) -> None:
        self.regimes, self.sheets, self.practice, self._hashes = regimes, sheets, practice, hashes

    def regime_on(self, day: date) -> Regime:
        """The regime in force on a filing date; refuses days that no loaded regime governs."""
        for regime in self.regimes.values():
            if regime.in_force_from <= day and (regime.in_force_to is None or day <= regime.in_force_to):
                return regime
        raise NoRegime(
            f"Chưa nạp quy định đánh giá áp dụng cho ngày {day:%d/%m/%Y}.",
            f"No loaded rating rules govern {day.isoformat()}.",
            field="effective_on",
            hint_vi="Kiểm tra ngày nộp hồ sơ.",
            hint_en="Check the filing date.",
        )

    def competence(self, command: str, province: str, regime: Regime | None) -> Competence | None:
        """Who may give ``command`` in a province under a regime; None when nobody may."""
        own = self.practice.provinces.get(province)
        if own and command in own.competences:
            return own.competences[command]
        if command in self.practice.competences:
            return self.practice.competences[command]
        return regime.competences.get(command) if regime else None

    @property
    def hash(self) -> str:
        """SHA-256 over all rule files: what was derived under another one is derived again."""
        return hashlib.sha256("\n".join(sorted(self._hashes.values())).encode()).hexdigest()

    def rules_hash(self, regime: str, sheet: str) -> str:
        """SHA-256 over the regime's file, the sheet's file and its criteria library."""
        parts = (self._hashes[regime], self._hashes[sheet], self._hashes[f"{regime}/criteria"])
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class BrokenRules(Exception):
    """A rule file contradicts itself; the message names the file and the place."""


def check_sheet(sheet: Sheet, total: int) -> None:
    """Sums, unknown criteria, best options and gates of a sheet; raises BrokenRules."""
    for part in sheet.parts:
        for section in part.sections:
            for place in section.criteria:
                if place.use not in sheet.library:
                    raise BrokenRules(f"{sheet.id} {place.code}: no criterion {place.use}")
                criterion = sheet.library[place.use]
                if max(o.points for o in criterion.options) != criterion.max:
                    raise BrokenRules(f"{sheet.id} {place.code}: best option is not {criterion.max}")
            if sum(sheet.library[p.use].max for p in section.criteria) != section.max:
                raise BrokenRules(f"{sheet.id} section {section.code} does not add up to {section.max}")
        if sum(s.max for s in part.sections) != part.max:
            raise BrokenRules(f"{sheet.id} part {part.code} does not add up to {part.max}")
    if sum(p.max for p in sheet.parts) != total:
        raise BrokenRules(f"{sheet.id} does not add up to {total}")
    if len(sheet.leaves) != sum(len(s.criteria) for p in sheet.parts for s in p.sections):
        raise BrokenRules(f"{sheet.id} uses a code twice")


def check_practice(practice: Practice, regimes: Iterable[Regime]) -> None:
    """Provinces exist and overrule only what there is to overrule; raises BrokenRules."""
    known = {*practice.competences, *(c for regime in regimes for c in regime.competences)}
    for code, own in practice.provinces.items():
        where = f"practice.toml: provinces.{code}"
        if len(code) != 2 or code not in areas():
            raise BrokenRules(f"{where}: there is no such province")
        for kind, given, base in (
            ("competences", own.competences, known),
            ("deadlines", own.deadlines, practice.deadlines),
            ("settings", own.settings, practice.settings),
        ):
            for name in given:
                if name not in base:
                    raise BrokenRules(f"{where}.{kind}.{name}: there is nothing of that name to overrule")


@cache
def law_book() -> LawBook:
    """Read, check and hash all rule files that ship with the service."""
    root = files("domain.law")
    hashes: dict[str, str] = {}

    def read(key: str, *path: str) -> dict[str, Any]:
        raw = root.joinpath(*path).read_bytes()
        hashes[key] = hashlib.sha256(raw).hexdigest()
        return tomllib.loads(raw.decode())

    regimes: dict[str, Regime] = {}
    sheets: dict[str, Sheet] = {}
    for entry in sorted(root.joinpath("regimes").iterdir(), key=lambda e: e.name):
        if not entry.name.endswith(".toml"):
            continue
        regime = Regime.model_validate(read(entry.name.removesuffix(".toml"), "regimes", entry.name))
        regimes[regime.id] = regime
        raw_library = read(f"{regime.id}/criteria", "sheets", regime.sheets, "criteria.toml")
        library = {key: Criterion.model_validate(value) for key, value in raw_library.items()}
        for file in sorted(root.joinpath("sheets", regime.sheets).iterdir(), key=lambda e: e.name):
            if file.name in ("criteria.toml",) or not file.name.endswith(".toml"):
                continue
            raw_sheet = read(file.name.removesuffix(".toml"), "sheets", regime.sheets, file.name)
            sheet = Sheet.model_validate({**raw_sheet, "library": library})
            check_sheet(sheet, regime.rating.total)
            sheets[sheet.id] = sheet
    practice = Practice.model_validate(read("practice", "practice.toml"))
    check_practice(practice, regimes.values())
    return LawBook(regimes, sheets, practice, hashes)
