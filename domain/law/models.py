"""Shapes of the rule files: what a regime, a sheet and the practice of the provinces may say.

Shapes only; no rule is written in Python. Every value keeps its ``legal_basis`` and its ``mark``
("fact", "inferred", "local", "not-found"), so that an answer can show where it comes from.
"""

from collections.abc import Iterable, Iterator
from datetime import date
from fractions import Fraction
from functools import cached_property
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from domain.law.calendar import term_end
from domain.values import Role

Mark = Literal["fact", "inferred", "local", "not-found"]

MARK_NAMES: dict[Mark, tuple[str, str]] = {
    "fact": ("văn bản quy định", "in the text"),
    "inferred": ("suy luận", "inferred"),
    "local": ("quy định của một số tỉnh", "rules of some provinces"),
    "not-found": ("luật không quy định, thiết lập của cơ quan", "not in the law, the office's setting"),
}
"""The mark in words, Vietnamese and English."""

MonthDay = Annotated[str, StringConstraints(pattern=r"^(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$")]
"""A day of every year, "MM-DD"."""

ExactDecimal = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}\.[0-9]{1,4}$")]
"""An exact decimal written out, such as "9.5"; never a float."""


class Entry(BaseModel):
    """Base of everything in a rule file: unknown keys are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Rule(Entry):
    """Where a value comes from."""

    legal_basis: str = Field(min_length=1)
    mark: Mark


class SplitRule(Rule):
    """A rule some of whose fields come from elsewhere: ``apart`` names their own basis by field."""

    apart: dict[str, Rule] = Field(default_factory=dict)


class Competence(Rule):
    """Who may give a command (thẩm quyền)."""

    roles: tuple[Role, ...]


class Term(Rule):
    """A time limit (thời hạn): ``value`` in "days" or "working-days", running from what ``from_vi`` names."""

    value: int
    unit: Literal["days", "working-days"]
    from_vi: str = ""
    from_en: str = ""

    def end(self, start: date) -> date:
        """Last day of the term; the day of ``start`` itself does not count."""
        return term_end(start, self.value, self.unit)


class Setting(Rule):
    """An office's setting."""

    value: bool | int | str | tuple[str, ...]


class Level(SplitRule):
    """A level that evaluates (cấp đánh giá), listed in the order a dossier climbs.

    ``certifies``: stars this level's authority signs. ``pass_up_from``: an average from here on goes to
    the next level. ``interim_stars``: certified before passing up. ``sends_back``: a result this level
    does not certify returns to the level below to be settled. ``decision_number_format``: how this authority
    writes its decisions' numbers; None: as the province's practice has it.
    """

    code: str
    vi: str
    en: str
    authority_vi: str
    authority_en: str
    certifies: tuple[int, ...] = ()
    pass_up_from: int | None = None
    interim_stars: int | None = None
    sends_back: bool = False
    decision_number_format: str | None = None


class Batch(Rule):
    """A batch (đợt) of a level: proposals before ``cut_off`` are evaluated before ``done``, both "MM-DD".

    ``inclusive``: whether a proposal on the very day of the cut-off is in time. ``years_later``: how many
    years after the year that names the batch both days lie.
    """

    code: str
    level: str
    cut_off: MonthDay
    done: MonthDay
    inclusive: bool = False
    years_later: Literal[0, 1] = 0


class Band(Rule):
    """A star band: the exact average lies at or above ``min``."""

    stars: int
    min: int


class Rating(Rule):
    """The sheet's total, its parts' maxima, and the lowest star that is certified."""

    total: int
    certifiable_from_stars: int
    parts: dict[str, int]


class Notices(Rule):
    """Reminders before expiry (nhắc trước khi hết hạn), in days."""

    days: tuple[int, ...]


class CertificateRule(Rule):
    """How long a certificate is valid, and what its holder is told before it ends."""

    months: int
    notices: Notices
    written_notice: Term


class Renewal(SplitRule):
    """When a re-evaluation may be filed, in days before expiry, and how long its ruling may take.

    None: no window or limit is known. ``from_vi``: what the limit runs from. ``written_opinions``: the council
    answers in writing, without a meeting.
    """

    earliest_days: int | None = None
    latest_days: int | None = None
    decide_within_days: int | None = None
    from_vi: str = ""
    from_en: str = ""
    written_opinions: bool


class Upgrade(Rule):
    """What an upgrade attempt does to the certificate held."""

    keeps_better_certificate: bool


class Limit(Rule):
    """A whole number in the council's rules of procedure."""

    value: int
    unit: Literal["percent", "members", "digits"]


class Spread(Rule):
    """How far apart the members' totals may lie (chênh lệch điểm): whole or exact decimal points."""

    value: Annotated[int, Field(strict=True)] | ExactDecimal
    unit: Literal["points"]

    @property
    def exact(self) -> Fraction:
        """The limit as an exact number."""
        return Fraction(self.value)


class Switch(Rule):
    """A yes or no in the council's rules of procedure."""

    value: bool


class GateTest(Rule):
    """What decides a star gate: the council's "agreed" option, or the "average" of the members' points."""

    value: Literal["agreed", "average"]


class CouncilRules(Entry):
    """Rules of procedure that the software needs (quy chế hội đồng). Sheets are sealed until closing, always."""

    quorum_percent: Limit
    chair_present: Switch
    min_members: Limit
    max_spread: Spread
    rescoring: Switch
    shown_digits: Limit
    notice: Term
    gate_test: GateTest
    guidance_is_conflict: Switch


class Eligibility(Rule):
    """Kinds of entities that may take part."""

    entities: tuple[str, ...]
    tourism_entities: tuple[str, ...]


class Kinds(Rule):
    """Kinds of registration that a regime takes (lần đầu, nâng hạng, đánh giá lại)."""

    codes: tuple[str, ...]


class Ground(Entry):
    """A named ground (căn cứ) or entry of a list, in both languages."""

    code: str
    vi: str
    en: str
    legal_basis: str = ""
    mark: Mark = "fact"


class Group(Ground):
    """A product group (nhóm, ngành hàng); ``maps_to`` is today's group where that is plain."""

    maps_to: str | None = None


class Revocation(SplitRule):
    """Time limit and grounds for revoking a certificate (thu hồi giấy chứng nhận); None: no limit known."""

    within_days: int | None = None
    from_vi: str = ""
    from_en: str = ""
    grounds: tuple[Ground, ...]


class AfterFinish(Rule):
    """What becomes of a dossier not finished in time."""

    value: Literal["refuse", "warn"]


class TransitionDossiers(Rule):
    """Dossiers of earlier regimes: ``kinds`` of registration and the last day to finish them."""

    kinds: tuple[str, ...]
    finish_by: date
    after: AfterFinish


class RunOn(Rule):
    """How long a certificate runs on past its expiry until the authority has ruled."""

    max_days: int


class Transition(Rule):
    """How a regime treats what earlier ``regimes`` began (điều khoản chuyển tiếp)."""

    regimes: tuple[str, ...]
    dossiers: tuple[TransitionDossiers, ...]
    run_on: RunOn


class DataWarning(Ground):
    """What is odd about an act of ``level`` (None: any) in these days; imported data may hold it all the same."""

    level: str | None = None
    first_day: date
    last_day: date | None = None


class Option(Entry):
    """An option of a criterion; ``star`` marks it as the minimum for that star level.

    ``variant``: options of one criterion for different kinds of products; a sheet chooses one option.
    """

    vi: str
    points: int
    en: str = ""
    star: int | None = Field(default=None, ge=3, le=5)
    inferred: bool = False
    variant: str | None = None


class Criterion(Entry):
    """A criterion of the shared library; sheets place it under a code.

    ``points_free``: the law names only the maximum; every whole number of points is an option.
    """

    vi: str
    en: str
    max: int
    options: tuple[Option, ...]
    points_free: bool = False
    note_vi: str = ""
    disqualifier_vi: str = ""
    disqualifier_en: str = ""

    @model_validator(mode="before")
    @classmethod
    def _write_out(cls, data: Any) -> Any:
        """Free points become the options 0 to the maximum."""
        if not (isinstance(data, dict) and data.get("points_free")):
            return data
        if "options" in data:
            raise ValueError("a criterion with points_free names no options")
        return {**data, "options": [{"vi": f"{n} điểm", "points": n} for n in range(data["max"] + 1)]}


class Place(Entry):
    """A criterion's place on a sheet."""

    code: str
    use: str


class Heading(Entry):
    """A heading inside a section, over the criteria whose codes begin with its own."""

    code: str
    vi: str
    en: str
    max: int


class Section(Entry):
    """A section of a part."""

    code: str
    vi: str
    en: str
    max: int
    headings: tuple[Heading, ...] = ()
    criteria: tuple[Place, ...]


class Part(Entry):
    """A part (A, B, C) of a sheet."""

    code: str
    vi: str
    en: str
    max: int
    sections: tuple[Section, ...]


class Sheet(SplitRule):
    """A scoring sheet (bộ tiêu chí). ``library`` holds the criteria its places use.

    ``group``: today's product group, None for any; ``without_samples``: groups that bring no samples. ``complete``
    is false, with a note, where the sheet is not known in full.
    """

    id: str
    regime: str
    number: int
    vi: str
    en: str
    group: str | None = None
    subgroup_vi: str = ""
    subgroup_en: str = ""
    lead_ministries: tuple[str, ...] = ()
    samples: int
    without_samples: tuple[str, ...] = ()
    complete: bool = True
    note_vi: str = ""
    note_en: str = ""
    errata_vi: tuple[str, ...] = ()
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


class CommuneReport(Rule):
    """Whether the commune must report before the dossier goes up (báo cáo của cấp xã)."""

    required: bool


class NumberForm(Rule):
    """How a number is written: {province}, {commune}, {n} and {year} stand for its parts."""

    format: str


class Regime(Rule):
    """A set of rules for step 5 with the days it governs; it may build on one it ``amends``."""

    id: str
    amends: str | None = None
    decision: str
    vi: str
    en: str
    in_force_from: date
    in_force_to: date | None = None
    sheets: str
    levels: tuple[Level, ...] = Field(min_length=1)
    kinds: Kinds
    competences: dict[str, Competence]
    deadlines: dict[str, Term]
    batches: tuple[Batch, ...] = ()
    bands: tuple[Band, ...]
    rating: Rating
    certificate: CertificateRule
    renewal: Renewal
    upgrade: Upgrade
    council: CouncilRules
    eligibility: Eligibility
    rejections: tuple[Ground, ...]
    revocation: Revocation
    transition: Transition | None = None
    data_warnings: tuple[DataWarning, ...] = ()
    commune_report: CommuneReport
    product_number: NumberForm | None = None
    forms: tuple[Ground, ...] = ()
    groups: tuple[Group, ...]

    def in_force_on(self, day: date) -> bool:
        """Whether the regime governs acts of that day."""
        return self.in_force_from <= day and (self.in_force_to is None or day <= self.in_force_to)

    def level(self, code: str) -> Level:
        """The level with this code; KeyError when the regime has none."""
        return self._levels[code]

    def knows(self, code: str) -> bool:
        """Whether there is such a level."""
        return code in self._levels

    @cached_property
    def _levels(self) -> dict[str, Level]:
        return {level.code: level for level in self.levels}

    @property
    def first_level(self) -> Level:
        """Where evaluation begins."""
        return self.levels[0]

    def level_above(self, code: str) -> Level | None:
        """The next level a result may climb to."""
        return next((above for below, above in pairwise(self.levels) if below.code == code), None)

    def level_below(self, code: str) -> Level | None:
        """The level a result came from."""
        return next((below for below, above in pairwise(self.levels) if above.code == code), None)

    def certifier(self, stars: int) -> Level | None:
        """The level that certifies this many stars; None where no certificate is given."""
        return next((level for level in self.levels if stars in level.certifies), None)

    def batch_for(self, level: str, proposed_on: date) -> tuple[str, date, date] | None:
        """Batch of a proposal to a level: (name such as "2026-2", cut-off, done); None where none is set."""
        found = (
            (date.fromisoformat(f"{year + b.years_later}-{b.cut_off}"), year, b)
            for year in range(proposed_on.year - 1, proposed_on.year + 2)
            for b in self.batches
            if b.level == level
        )
        open_still = [f for f in found if proposed_on < f[0] or (f[2].inclusive and proposed_on == f[0])]
        if not open_still:
            return None
        cut_off, year, batch = min(open_still, key=lambda f: f[0])
        return f"{year}-{batch.code}", cut_off, date.fromisoformat(f"{cut_off.year}-{batch.done}")


def rules_within(value: Any, path: str = "") -> Iterator[tuple[str, Rule | Ground]]:
    """Every rule inside an entry of a rule file, with its place."""
    if isinstance(value, Rule | Ground):
        yield path, value
    parts: Iterable[tuple[Any, Any]] = ()
    if isinstance(value, Entry):
        parts = vars(value).items()
    elif isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, tuple):
        parts = ((getattr(entry, "code", number), entry) for number, entry in enumerate(value, 1))
    for name, entry in parts:
        if isinstance(entry, Entry | dict | tuple):  # every start of the service walks the whole law: no leaves
            yield from rules_within(entry, f"{path}.{name}".lstrip("."))


class Overrides(Entry):
    """What one province does differently: practice of steps 1 to 4 and 6, and its council's rules."""

    competences: dict[str, Competence] = Field(default_factory=dict)
    deadlines: dict[str, Term] = Field(default_factory=dict)
    settings: dict[str, Setting] = Field(default_factory=dict)
    council: dict[str, dict[str, Any]] = Field(default_factory=dict)


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
