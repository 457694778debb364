"""Taking every stored decision again with the rules as loaded (kiểm tra lại mọi quyết định).

Each council's conclusion is computed anew from the members' opened sheets, and each authority's decision is held
against that: stars, average, who may sign, how long the certificate runs. A decision that comes out otherwise is
reported, and so is one whose rule files have changed since.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

from application.recorded import UnknownFact, data_of, from_bytes
from application.store import Journal, Stored
from domain.law.book import LawBook
from domain.law.calendar import add_months
from domain.law.models import Level, Regime, Sheet
from domain.law.scoring import GateCheck, Outcome, average_points, exact, outcome, points_of
from domain.product.certificate_facts import RecognitionRecorded
from domain.product.rating_facts import (
    Choice,
    Gate,
    ProductNotRecognised,
    ProductRecognised,
    RescoringOrdered,
    ResultApproved,
    ResultSentBack,
    ScoreSheetSubmitted,
    ScoringConcluded,
    SheetsOpened,
)
from domain.refusals import Refusal

DECISIONS = (
    ScoringConcluded,
    ProductRecognised,
    ProductNotRecognised,
    ResultApproved,
    ResultSentBack,
    RecognitionRecorded,
)
SHEETS = (SheetsOpened, ScoreSheetSubmitted, RescoringOrdered)
NEEDED = [fact.stored_name for fact in (*DECISIONS, *SHEETS)]
_DECISION_NAMES = frozenset(fact.stored_name for fact in DECISIONS)
SPANS = 256
"""Parts that a journal is read in, by the first byte of the product's id."""

Difference = tuple[str, str, str]
"""What differs, as recorded, as it comes out now."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """A stored decision that does not come out alike. ``what``: "rules-changed" or what differs."""

    product: UUID
    version: int
    position: int
    what: str
    recorded: str
    again: str


@dataclass(slots=True)
class Rechecked:
    """How many decisions were taken again, and those that came out otherwise."""

    decisions: int = 0
    deviations: list[Deviation] = field(default_factory=list)

    @property
    def identical(self) -> int:
        """Decisions that came out alike, under the same rules."""
        return self.decisions - len({deviation.position for deviation in self.deviations})

    @property
    def kinds(self) -> dict[str, int]:
        """How many deviations there are of each kind."""
        return dict(Counter(deviation.what for deviation in self.deviations).most_common())


def recheck(journal: Journal, law: LawBook, progress: Callable[[int], None] = lambda _done: None) -> Rechecked:
    """Take every decision of a journal again; ``progress`` is told how many are done."""
    whole = Rechecked()
    for span in range(SPANS):
        part = _span(journal, law, span)
        whole.decisions += part.decisions
        whole.deviations += part.deviations
        progress(whole.decisions)
    whole.deviations.sort(key=lambda deviation: deviation.position)
    return whole


def _span(journal: Journal, law: LawBook, span: int) -> Rechecked:
    """Take the decisions of one part of the journal again."""
    first, found = span << 120, Rechecked()
    rows = journal.span_of(NEEDED, UUID(int=first), UUID(int=first + (1 << 120) - 1))
    for _, stream in groupby(rows, key=attrgetter("stream")):
        case = Case(law)
        for row in stream:
            found.decisions += row.name in _DECISION_NAMES
            found.deviations += [
                Deviation(row.stream, row.version, row.position, *difference) for difference in case.told(row)
            ]
    return found


@dataclass(frozen=True, slots=True)
class Result:
    """What a council's conclusion comes to when it is computed again."""

    regime: Regime
    sheet: Sheet
    outcome: Outcome

    def goes_up(self, level: Level) -> bool:
        """Whether the level above decides on it."""
        above, reached = self.regime.level_above(level.code), self.outcome
        return (
            above is not None
            and level.pass_up_from is not None
            and reached.average >= level.pass_up_from
            and reached.stars >= self.regime.rating.certifiable_from_stars
        )


class Case:
    """One product's decisions, told in order."""

    def __init__(self, law: LawBook) -> None:
        self.law = law
        self.sheets: list[Mapping[str, Any]] = []
        self.result: Result | None = None
        self.concluded = self.sent_back = False

    def told(self, row: Stored) -> Iterator[Difference]:
        """Take in a stored fact; what comes out otherwise, if it is a decision."""
        try:
            # Sheets are by far the largest of all facts: they are not validated once more.
            if row.name == SheetsOpened.stored_name:
                self.sheets = data_of(row.name, row.state)["sheets"]
                return
            if row.name == ScoreSheetSubmitted.stored_name:
                self.sheets = [*self.sheets, data_of(row.name, row.state)]
                return
            fact = from_bytes(row.name, row.state).data
        except (UnknownFact, ValueError, KeyError) as unreadable:
            yield "unreadable", row.name, str(unreadable)
            return
        match fact:
            case RescoringOrdered():
                self.sheets = []
            case ScoringConcluded():
                self.concluded, self.sent_back = True, False
                yield from self._conclusion(fact)
                self.sheets = []
            case RecognitionRecorded():
                yield from self._taken_over(fact)
            case _:
                yield from self._decision(fact)

    def _conclusion(self, fact: ScoringConcluded) -> Iterator[Difference]:
        """From the sheets to the stars, by the same functions that decided."""
        regime, sheet = self.law.regimes.get(fact.regime), self.law.sheets.get(fact.sheet)
        self.result = None
        if regime is None or sheet is None:
            yield "rules-missing", f"{fact.regime} {fact.sheet}", "not loaded"
            return
        yield from self._rules(fact, sheet)
        if not self.sheets:
            yield "sheets", f"{len(fact.totals)} sheets", "none is stored"
            return
        try:
            points = [points_of(sheet, _choices(member)) for member in self.sheets]
            tested = points_of(sheet, fact.agreed) if fact.gate_test == "agreed" else average_points(points)
        except (Refusal, KeyError) as refused:
            yield "choices", "valid when taken", refused.en if isinstance(refused, Refusal) else f"no {refused}"
            return
        totals = sorted((m["member"], sum(p.values())) for m, p in zip(self.sheets, points, strict=True))
        reached = outcome(regime, sheet, [total for _, total in totals], tested)
        self.result = Result(regime, sheet, reached)
        yield from _differing(
            ("sheet-totals", sorted((m["member"], m["total"]) for m in self.sheets), totals),
            ("totals", sorted(fact.totals), totals),
            ("average", fact.average, exact(reached.average)),
            ("band", fact.band, reached.band),
            ("missed", _gates(fact.missed), _gates(reached.missed)),
            ("stars", fact.stars, reached.stars),
        )

    def _decision(
        self, fact: ProductRecognised | ProductNotRecognised | ResultApproved | ResultSentBack
    ) -> Iterator[Difference]:
        """An authority's decision on the newest conclusion."""
        if not self.concluded:
            yield "result", fact.stored_name, "no conclusion is stored"
            return
        result = self.result
        if result is None:  # the conclusion could not be computed again, and was reported
            return
        yield from self._rules(fact, result.sheet)
        code = fact.from_level if isinstance(fact, ResultSentBack) else fact.level
        level = next((known for known in result.regime.levels if known.code == code), None)
        if level is None:
            yield "authority", code, "no such level"
            return
        reached, goes_up = result.outcome, result.goes_up(level) and not self.sent_back
        match fact:
            case ProductRecognised():
                yield from _recognised(fact, result, level, goes_up=goes_up)
            case ProductNotRecognised():
                yield from _differing(("stars", fact.stars, reached.stars))
                kept = fact.legal_basis == result.regime.upgrade.legal_basis
                if reached.stars >= result.regime.rating.certifiable_from_stars and not kept:
                    yield "not-recognised", f"{fact.stars} stars declined", f"{reached.stars} stars are certified"
            case ResultApproved():
                yield from _differing(
                    ("average", fact.average, exact(reached.average)),
                    ("missed", _gates(fact.warnings), _gates(reached.missed)),
                )
                if not goes_up or level.interim_stars is not None:
                    yield "authority", f"{level.code} passed the result up", "this level's to decide"
            case ResultSentBack():
                yield from _differing(
                    ("average", fact.average, exact(reached.average)), ("stars", fact.stars, reached.stars)
                )
                if reached.stars in level.certifies:
                    yield "authority", f"{level.code} sent the result back", "this level's to decide"
                self.sent_back = True

    def _taken_over(self, fact: RecognitionRecorded) -> Iterator[Difference]:
        """A decision of the past: only what was computed here."""
        regime = self.law.regimes.get(fact.regime or "")
        if fact.regime is None or fact.decided_on is None:
            return
        if regime is None:
            yield "rules-missing", fact.regime, "not loaded"
            return
        then, now = fact.rules_hash, self.law.regime_hash(regime.id)
        if then != now:
            yield "rules-changed", f"{regime.id} {then}", f"{regime.id} {now}"
        if not fact.valid_to_given:
            yield from _differing(("valid_to", fact.valid_to, add_months(fact.decided_on, regime.certificate.months)))

    def _rules(self, fact: Any, sheet: Sheet) -> Iterator[Difference]:
        where, now = f"{fact.regime} {sheet.id}", self.law.rules_hash(fact.regime, sheet.id)
        if fact.rules_hash != now:
            yield "rules-changed", f"{where} {fact.rules_hash}", f"{where} {now}"


def _recognised(fact: ProductRecognised, result: Result, level: Level, *, goes_up: bool) -> Iterator[Difference]:
    """Stars as the council found them, as far as this level certifies them, for as long as the rules say."""
    stars = result.outcome.stars
    if goes_up and level.interim_stars is not None:
        stars = min(stars, level.interim_stars)
    ends = add_months(fact.issued_on, result.regime.certificate.months)
    yield from _differing(("stars", fact.stars, stars), ("valid_to", fact.valid_to, ends))
    if fact.stars not in level.certifies:
        yield "authority", f"{level.code} signed {fact.stars} stars", "not this level's to sign"
    elif goes_up and level.interim_stars is None:
        yield "authority", f"{level.code} signed {fact.stars} stars", "the level above decides"


def _differing(*compared: tuple[str, object, object]) -> Iterator[Difference]:
    for what, recorded, again in compared:
        if recorded != again:
            yield what, str(recorded), str(again)


def _gates(gates: Iterable[Gate | GateCheck]) -> list[tuple[str, int, int, str]]:
    return sorted((gate.code, gate.stars, gate.needed, str(gate.found)) for gate in gates)


def _choices(member: Mapping[str, Any]) -> list[Choice]:
    return [_choice(choice["code"], choice["option"]) for choice in member["choices"]]


@cache
def _choice(code: str, option: int | None) -> Choice:
    """The same few thousand choices come up over and over."""
    return Choice.model_construct(code=code, option=option)
