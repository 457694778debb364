"""Radar: what an auditor would look at, one rule a function.

A finding is no verdict: it says what was found, with its figures, and which facts it rests on. Each rule looks at one
strand of facts: a product's own, a council's, a minute of a person's decisions, or the acts under one assignment. What
is law in a rule (bands, the allowed spread) comes from the regime and the council's rules of procedure; how near is
near is no law but an office's setting (``domain/law/practice.toml``, ``radar_…``).

A new rule: its function here, its line in ``RULES`` under the strand it looks at, and its code; a fact it
needs and no other rule did, its place in ``strands_of`` and ``kept``.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from functools import cache
from itertools import dropwhile, groupby, pairwise
from typing import Any, Literal
from uuid import UUID, uuid5

from domain.law.areas import province_of_area
from domain.law.book import LawBook
from domain.law.checks import LONGEST_GAP
from domain.law.scoring import spread
from domain.person.facts import AssignmentEnded, DelegationEnded, DelegationGiven
from domain.person.state import Person
from domain.product.facts import EvidenceObtained, FactCorrected
from domain.product.rating_facts import (
    DossierForwarded,
    DossierRejected,
    DossierWithdrawn,
    EvaluationReopened,
    ProductNotRecognised,
    ProductRecognised,
    PutOnAgenda,
    RescoringOrdered,
    ResultApproved,
    ResultPublished,
    ScoringConcluded,
    SheetsOpened,
    SupplementGiven,
    TakenOffAgenda,
)
from domain.session.facts import RescoringOpened, ScoringClosed, SessionCancelled
from domain.session.state import Session
from domain.stream import Fact

SPACE = UUID("5ad0c0de-0000-4000-8000-000000000035")
"""Space of the findings' ids."""

Code = Literal[
    "average-on-boundary",
    "spread-at-limit",
    "dossier-changed-before-council",
    "decision-before-session",
    "delegation-not-valid",
    "decisions-within-seconds",
    "member-far-off",
    "corrected-after-publication",
]
CODES: dict[Code, tuple[str, str]] = {
    "average-on-boundary": ("điểm trung bình sát ngưỡng hạng sao", "average on the boundary of a star band"),
    "spread-at-limit": ("chênh lệch điểm sát giới hạn phải chấm lại", "spread at the limit of scoring again"),
    "dossier-changed-before-council": (
        "hồ sơ thay đổi sau khi đưa ra hội đồng",
        "dossier changed after the council had it",
    ),
    "decision-before-session": ("quyết định ghi ngày trước phiên họp", "decision dated before the session"),
    "delegation-not-valid": ("làm theo ủy quyền không có hiệu lực ngày đó", "delegation not valid that day"),
    "decisions-within-seconds": ("quyết định cách nhau vài giây", "decisions within seconds"),
    "member-far-off": ("thành viên thường xuyên chấm lệch", "one member often far off"),
    "corrected-after-publication": ("đính chính sau khi công bố", "corrected after publication"),
}
"""What is looked for: code → Vietnamese and English."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A fact as the radar keeps it: who, when, where, and of the fact itself what a rule needs.

    ``on``: the day of the act, ``at``: when it was recorded; ``area``: over which the actor acted, ``place``: where it
    happened. ``native``: neither entered from paper nor illustrative, so that ``at`` is when it was done.
    ``delegation``: under which the actor acted. ``fact`` None: that it happened is enough.
    """

    stream: UUID
    version: int
    position: int
    name: str
    on: date
    at: datetime
    person: str
    area: str
    place: str
    command: UUID
    native: bool
    delegation: UUID | None
    fact: Fact | None

    @property
    def kind(self) -> str:
        """Kind of the stream it stands in."""
        return self.name.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to look at: its reason in both languages, and the facts it rests on, in their order.

    ``area``: whose readers see it: of one product, its place; of several, the authority's that dealt with them.
    ``person``: the official concerned, as records name him; None where it is about no one in particular.
    """

    code: Code
    area: str
    vi: str
    en: str
    facts: tuple[Seen, ...]
    product: UUID | None = None
    session: UUID | None = None
    person: str | None = None

    @property
    def latest(self) -> Seen:
        """The fact that made it one: its day and its place in the order of all facts are the finding's."""
        return self.facts[-1]

    @property
    def id(self) -> UUID:
        """The same facts give the same finding, whenever it is worked out."""
        rests_on = " ".join(f"{seen.stream}/{seen.version}" for seen in self.facts)
        return uuid5(SPACE, f"{self.code} {self.person or ''} {rests_on}")


@dataclass(frozen=True, slots=True)
class Strand:
    """Facts that rules look at together, in their order; ``name`` as ``strands_of`` gives it."""

    name: str
    facts: tuple[Seen, ...]

    @classmethod
    def of(cls, name: str, facts: Iterable[Seen]) -> "Strand":
        """Facts in whatever order they came."""
        return cls(name, tuple(sorted(facts, key=lambda seen: seen.position)))

    def begun(self) -> "Strand":
        """The strand from where it begins to matter."""
        if not self.name.startswith("product "):
            return self
        return Strand(self.name, tuple(dropwhile(lambda seen: not isinstance(seen.fact, OPENING), self.facts)))


Rule = Callable[[Strand, LawBook], Iterator[Finding]]

DECISIONS = (ProductRecognised, ProductNotRecognised, ResultApproved)
"""Decisions on a result."""
DONE_WITH = (*DECISIONS, DossierRejected, DossierWithdrawn, DossierForwarded, EvaluationReopened)
"""What ends a dossier's time before a council."""
OF_PRODUCT = (
    *DONE_WITH,
    EvidenceObtained,
    SupplementGiven,
    FactCorrected,
    PutOnAgenda,
    TakenOffAgenda,
    SheetsOpened,
    RescoringOrdered,
    ScoringConcluded,
    ResultPublished,
)
OPENING = (PutOnAgenda, SheetsOpened, ScoringConcluded, ResultPublished)
"""What a product's strand begins with: what came before never matters."""
OF_COUNCIL = (ScoringClosed, RescoringOpened, SessionCancelled)
OF_POWERS = (DelegationGiven, DelegationEnded, AssignmentEnded)
KEPT = (*OF_PRODUCT, *OF_COUNCIL, *OF_POWERS)
_KEPT = frozenset(KEPT)


# ── Which facts are looked at together, and what is kept of them ──────────────────────────────


def looked_at(fact: Fact) -> bool:
    """Whether a rule looks at such a fact, whoever acted: most are of no interest."""
    return type(fact) in _KEPT


def strands_of(seen: Seen, assignment: UUID | None, state: Any) -> list[str]:
    """The strands a fact belongs to.

    ``assignment``: the one it was done in; ``state``: its stream's, asked only for what never changes in it.
    """
    fact, found = seen.fact, list[str]()
    if seen.delegation is not None and assignment is not None:
        found.append(acts_under(assignment))
    if isinstance(fact, OF_PRODUCT):
        found.append(f"product {seen.stream}")
    if isinstance(fact, SheetsOpened):
        found.append(f"council {fact.council}")
    if isinstance(fact, OF_COUNCIL) and isinstance(state, Session):
        found.append(f"council {state.council}")
    if isinstance(fact, DECISIONS) and seen.native:
        found += [decided_in(seen), decided_in(seen, timedelta(seconds=LONGEST_GAP))]
    if isinstance(fact, DelegationGiven | AssignmentEnded):
        found.append(acts_under(fact.assignment))
    if isinstance(fact, DelegationEnded) and isinstance(state, Person) and fact.delegation in state.given:
        found.append(acts_under(state.given[fact.delegation].assignment))
    return list(dict.fromkeys(found))


def decided_in(seen: Seen, later: timedelta = timedelta()) -> str:
    """The strand of the minute in which somebody decided; the next minute's begins with what came before it."""
    return f"decisions {(seen.at.astimezone(UTC) + later):%Y-%m-%dT%H:%M} {seen.area} {seen.person}"


def acts_under(assignment: UUID) -> str:
    """The strand of what was done under delegations of an assignment, and of how long they stood."""
    return f"assignment {assignment}"


def kept(fact: Fact) -> Fact | None:
    """The fact without what no rule looks at: texts, options, the values of a correction. None: no rule looks at it."""
    match fact:
        case SheetsOpened():
            sheets = tuple(s.model_copy(update={"choices": (), "comment": ""}) for s in fact.sheets)
            return fact.model_copy(update={"sheets": sheets, "conflicts": ()})
        case ScoringConcluded():
            return fact.model_copy(update={"agreed": (), "missed": ()})
        case FactCorrected():
            return fact.model_copy(update={"was": {}, "now": dict.fromkeys(fact.now), "reason": ""})
        case SupplementGiven():
            return fact.model_copy(update={"answer": ""})
        case RescoringOpened():
            again = tuple(p.model_copy(update={"discussion": ""}) for p in fact.products)
            return fact.model_copy(update={"products": again})
        case ScoringClosed():
            return fact.model_copy(update={"products": ()})
        case _:
            return fact if isinstance(fact, KEPT) else None


def findings_in(strand: Strand, law: LawBook) -> list[Finding]:
    """All that the rules of a strand's kind find in it."""
    return [finding for rule in RULES[strand.name.partition(" ")[0]] for finding in rule(strand, law)]


# ── Rules on a product's own facts ────────────────────────────────────────────────────────────


def average_on_boundary(strand: Strand, law: LawBook) -> Iterator[Finding]:
    """A concluded average exactly on the lower bound of a star band, or no more than so many points above it."""
    for seen in strand.facts:
        if not isinstance(seen.fact, ScoringConcluded):
            continue
        found, near = Fraction(seen.fact.average), points("radar_boundary_points", seen.place, law)
        bounds = [band for band in law.regimes[seen.fact.regime].bands if 0 < band.min <= found <= band.min + near]
        for band in sorted(bounds, key=lambda band: -band.min)[:1]:
            over = found - band.min
            yield Finding(
                "average-on-boundary",
                seen.place,
                f"Điểm trung bình {written(found, ',')} "
                + (f"vượt {written(over, ',')} điểm" if over else "đúng bằng")
                + f" ngưỡng {band.min} điểm của hạng {band.stars} sao (mức xem xét: {written(near, ',')} điểm).",
                f"The average of {written(found)} lies "
                + (f"{written(over)} points above" if over else "exactly on")
                + f" the {band.min} points where {band.stars} stars begin (looked at within {written(near)} points).",
                (seen,),
                product=seen.stream,
                session=seen.fact.session,
            )


def spread_at_limit(strand: Strand, law: LawBook) -> Iterator[Finding]:
    """Totals of a round that counts lie as far apart as may be without scoring again, give or take some points.

    A round that was scored again, or whose session was cancelled, counts no more.
    """
    counted: list[Seen] = []
    for seen in strand.facts:
        if isinstance(seen.fact, SheetsOpened):
            counted.append(seen)
        elif isinstance(seen.fact, RescoringOrdered):
            counted = counted[:-1]
        elif isinstance(seen.fact, TakenOffAgenda):
            counted = [opened for opened in counted if _session(opened) != seen.fact.session]
    for seen in counted:
        assert isinstance(seen.fact, SheetsOpened)
        limit, near = _read(seen.fact.procedure.max_spread), points("radar_spread_points", seen.place, law)
        found = spread(sheet.total for sheet in seen.fact.sheets)
        if abs(found - limit) <= near:
            over, basis = found - limit, seen.fact.procedure.basis.get("max_spread", "")
            yield Finding(
                "spread-at-limit",
                seen.place,
                f"Điểm các thành viên chênh lệch {written(found, ',')} điểm, "
                + (f"{'trên' if over > 0 else 'dưới'} {written(abs(over), ',')} điểm so với" if over else "đúng bằng")
                + f" giới hạn {written(limit, ',')} điểm phải chấm lại ({basis}).",
                f"The members' totals lie {written(found)} points apart, "
                + (f"{written(abs(over))} {'above' if over > 0 else 'below'}" if over else "exactly")
                + f" the limit of {written(limit)} points beyond which they score again ({basis}).",
                (seen,),
                product=seen.stream,
                session=seen.fact.session,
            )


def changed_before_council(strand: Strand, law: LawBook) -> Iterator[Finding]:
    """What the council had before it was corrected or supplemented before the decision.

    Changes while a session stood that was cancelled reached the next council like any other: they count no more.
    """
    agenda: Seen | None = None
    opened: Seen | None = None
    changed: list[tuple[Seen, Seen | None, Seen]] = []
    for seen in strand.facts:
        if isinstance(seen.fact, PutOnAgenda):
            agenda, opened = seen, None
        elif isinstance(seen.fact, SheetsOpened):
            opened = seen
        elif isinstance(seen.fact, TakenOffAgenda):
            changed = [change for change in changed if change[0] is not agenda]
            agenda = None
        elif isinstance(seen.fact, DONE_WITH):
            agenda = None
        elif agenda is not None and _changes(seen.fact, agenda.version):
            changed.append((agenda, opened, seen))
    for before, scored, seen in changed:
        vi, en = _change(seen.fact)
        assert isinstance(before.fact, PutOnAgenda)
        yield Finding(
            "dossier-changed-before-council",
            seen.place,
            f"{vi}, sau khi hồ sơ vào chương trình phiên họp ngày {day(before.fact.held_on)}"
            + (f" và phiếu vòng {_round(scored)} đã mở." if scored else ", trước khi mở phiếu."),
            f"{en} after the dossier was on the agenda of the session of {before.fact.held_on.isoformat()}"
            + (f" and round {_round(scored)} was opened." if scored else ", before its sheets were opened."),
            tuple(fact for fact in (before, scored, seen) if fact is not None),
            product=seen.stream,
            session=before.fact.session,
        )


def _changes(fact: Fact | None, agenda: int) -> bool:
    if isinstance(fact, FactCorrected):
        return fact.corrected_version < agenda
    return isinstance(fact, EvidenceObtained | SupplementGiven)


def _change(fact: Fact | None) -> tuple[str, str]:
    if isinstance(fact, FactCorrected):
        fields = ", ".join(sorted(fact.now))
        return (
            f"Dữ kiện số {fact.corrected_version} ({fact.corrected_name}) được đính chính ({fields})",
            f"Fact {fact.corrected_version} ({fact.corrected_name}) was corrected ({fields})",
        )
    if isinstance(fact, EvidenceObtained):
        return "Hồ sơ có thêm một tài liệu minh chứng", "Another evidence document was added"
    return "Hồ sơ được bổ sung", "The dossier was supplemented"


def _session(opened: Seen) -> UUID:
    assert isinstance(opened.fact, SheetsOpened)
    return opened.fact.session


def _round(opened: Seen) -> int:
    assert isinstance(opened.fact, SheetsOpened)
    return opened.fact.round


def decided_before_session(strand: Strand, law: LawBook) -> Iterator[Finding]:
    """A decision on a result is dated before the day the council met, or before its conclusion.

    Written opinions have no day of meeting: the day they are due may come after everybody has answered.
    """
    met: Seen | None = None
    concluded: Seen | None = None
    for seen in strand.facts:
        if isinstance(seen.fact, SheetsOpened):
            met, concluded = (seen if seen.fact.form == "meeting" else None), None
        elif isinstance(seen.fact, ScoringConcluded):
            concluded = seen
        elif isinstance(seen.fact, DECISIONS) and concluded is not None:
            held = met.fact.held_on if met is not None and isinstance(met.fact, SheetsOpened) else None
            if seen.on >= max(concluded.on, held or date.min):
                continue
            meeting = (f"họp ngày {day(held)}, ", f"met on {held.isoformat()}, ") if held else ("", "")
            yield Finding(
                "decision-before-session",
                seen.place,
                f"Quyết định ghi ngày {day(seen.on)}; hội đồng {meeting[0]}kết luận ngày {day(concluded.on)}.",
                f"The decision is dated {seen.on.isoformat()}; the council {meeting[1]}concluded on"
                f" {concluded.on.isoformat()}.",
                tuple(fact for fact in (met, concluded, seen) if fact is not None),
                product=seen.stream,
                session=concluded.fact.session if isinstance(concluded.fact, ScoringConcluded) else None,
            )


def corrected_after_publication(strand: Strand, law: LawBook) -> Iterator[Finding]:
    """A fact that stood when the result was published was corrected afterwards."""
    published: list[Seen] = []
    for seen in strand.facts:
        if isinstance(seen.fact, ResultPublished):
            published.append(seen)
        if not isinstance(seen.fact, FactCorrected):
            continue
        for made in [made for made in published if made.version >= seen.fact.corrected_version][-1:]:
            vi, en = _change(seen.fact)
            yield Finding(
                "corrected-after-publication",
                seen.place,
                f"{vi} ngày {day(seen.on)}, sau khi kết quả được công bố ngày {day(made.on)}.",
                f"{en} on {seen.on.isoformat()}, after the result was published on {made.on.isoformat()}.",
                (made, seen),
                product=seen.stream,
            )


# ── Rules on several products, and on powers ──────────────────────────────────────────────────


def member_far_off(strand: Strand, law: LawBook) -> Iterator[Finding]:
    """A member's totals lie far from the others' mean, product after product of one council."""
    counted, area = _sheets_that_count(strand.facts)
    if area is None:
        return
    far = points("radar_member_points", area, law)
    least = int(law.practice.setting("radar_member_products", province_of_area(area)))
    scored, off = Counter[str](), dict[str, list[tuple[Fraction, Seen]]]()
    for seen in counted:
        assert isinstance(seen.fact, SheetsOpened)
        totals = {sheet.member: sheet.total for sheet in seen.fact.sheets}
        scored.update(totals.keys())
        if len(totals) < 2 or max(totals.values()) - min(totals.values()) <= far:
            continue  # nobody is further from a mean than from the furthest of the others
        for member, total in totals.items():
            others = sum(totals.values()) - total
            if abs(distance := total - Fraction(others, len(totals) - 1)) > far:
                off.setdefault(member, []).append((distance, seen))
    for member, found in off.items():
        if len(found) < least:
            continue
        below, most = sum(distance < 0 for distance, _ in found), max(abs(distance) for distance, _ in found)
        latest = found[-1][1]
        assert isinstance(latest.fact, SheetsOpened)
        yield Finding(
            "member-far-off",
            area,
            f"{member} chấm lệch hơn {written(far, ',')} điểm so với trung bình các thành viên khác ở {len(found)} trên"
            f" {scored[member]} sản phẩm ({below} lần thấp hơn, {len(found) - below} lần cao hơn), nhiều nhất"
            f" {written(most, ',')} điểm.",
            f"{member} scored more than {written(far)} points from the other members' mean on {len(found)} of"
            f" {scored[member]} products ({below} times below, {len(found) - below} times above), by up to"
            f" {written(most)} points.",
            tuple(seen for _, seen in found),
            session=latest.fact.session,
            person=member,
        )


def _sheets_that_count(facts: Sequence[Seen]) -> tuple[list[Seen], str | None]:
    """The last sheets of each product that were neither scored again nor cancelled, and the council's area."""
    counted: dict[UUID, Seen] = {}
    area: str | None = None
    for seen in facts:
        fact = seen.fact
        if isinstance(fact, ScoringClosed):
            area = seen.place
        elif isinstance(fact, SheetsOpened):
            counted.pop(seen.stream, None)
            counted[seen.stream] = seen
        elif isinstance(fact, RescoringOpened):
            for again in fact.products:
                counted.pop(again.product, None)
        elif isinstance(fact, SessionCancelled):
            counted = {key: kept for key, kept in counted.items() if _session(kept) != seen.stream}
    return list(counted.values()), area


def decided_within_seconds(strand: Strand, law: LawBook) -> Iterator[Finding]:
    """One person decided on products' results twice within seconds.

    One decision may cover many products by law: what one command decided is one decision.
    """
    commands = [tuple(facts) for _, facts in groupby(strand.facts, key=lambda seen: seen.command)]
    for earlier, later in pairwise(commands):
        first, then = earlier[-1], later[0]
        apart = then.at - first.at
        seconds = int(law.practice.setting("radar_decision_seconds", province_of_area(then.area)))
        same = {seen.stream for seen in earlier} == {seen.stream for seen in later}
        if decided_in(then) != strand.name or apart >= timedelta(seconds=seconds) or same:
            continue
        gap = Fraction(apart // timedelta(milliseconds=10), 100)
        yield Finding(
            "decisions-within-seconds",
            then.area,
            f"{then.person} quyết định kết quả của {len(later)} sản phẩm {written(gap, ',')} giây sau quyết định trước"
            f" đó về {len(earlier)} sản phẩm khác (mức xem xét: {seconds} giây).",
            f"{then.person} decided on the results of {len(later)} products {written(gap)} seconds after deciding on"
            f" {len(earlier)} others (looked at within {seconds} seconds).",
            (first, then),
            product=then.stream,
            person=then.person,
        )


def delegation_not_valid(strand: Strand, law: LawBook) -> Iterator[Finding]:
    """Somebody acted under a delegation that, as known now, did not stand on the day of the act.

    Several facts of one command are one act, told with the fact of a product where there is one.
    """
    acts: dict[UUID, list[Seen]] = {}
    for seen in strand.facts:
        if seen.delegation is not None:
            acts.setdefault(seen.command, []).append(seen)
    for told in acts.values():
        act = next((seen for seen in told if seen.kind == "product"), told[0])
        if (found := _why_not_valid(act, strand.facts)) is None:
            continue
        vi, en, rests_on = found
        yield Finding(
            "delegation-not-valid",
            act.place,
            f"Việc ngày {day(act.on)} làm theo ủy quyền không có hiệu lực ngày đó: {vi}.",
            f"An act of {act.on.isoformat()} rests on a delegation that was not valid that day: {en}.",
            tuple(sorted((*rests_on, act), key=lambda seen: seen.position)),
            product=act.stream if act.kind == "product" else None,
            session=act.stream if act.kind == "session" else None,
            person=act.person,
        )


def _why_not_valid(act: Seen, facts: Sequence[Seen]) -> tuple[str, str, tuple[Seen, ...]] | None:
    """Why the delegation did not stand on the act's day, with the facts that say so; None when it did."""
    given: Seen | None = None
    for seen in facts:
        fact = seen.fact
        if isinstance(fact, DelegationGiven) and fact.delegation == act.delegation:
            given = seen
            first, last = fact.term.first, fact.term.last
            if act.on < first or (last is not None and act.on > last):
                until = (f"đến {day(last)}", f"to {last.isoformat()}") if last else ("", "on")
                return (
                    f"văn bản {fact.document} có thời hạn từ {day(first)} {until[0]}".rstrip(),
                    f"paper {fact.document} runs from {first.isoformat()} {until[1]}",
                    (seen,),
                )
        elif isinstance(fact, DelegationEnded) and fact.delegation == act.delegation and act.on >= fact.ends_on:
            return (
                f"đã chấm dứt từ {day(fact.ends_on)} theo văn bản {fact.document}",
                f"it ended on {fact.ends_on.isoformat()} by paper {fact.document}",
                (*([given] if given else []), seen),
            )
        elif isinstance(fact, AssignmentEnded) and act.on >= fact.ends_on:
            return (
                f"phân công của người ủy quyền đã thôi từ {day(fact.ends_on)} theo {fact.decision_number}",
                f"the delegator's own assignment ended on {fact.ends_on.isoformat()} by {fact.decision_number}",
                (*([given] if given else []), seen),
            )
    if given is None:
        return "không có văn bản ủy quyền nào được ghi nhận", "no such delegation was ever entered", ()
    return None


RULES: dict[str, tuple[Rule, ...]] = {
    "product": (
        average_on_boundary,
        spread_at_limit,
        changed_before_council,
        decided_before_session,
        corrected_after_publication,
    ),
    "council": (member_far_off,),
    "decisions": (decided_within_seconds,),
    "assignment": (delegation_not_valid,),
}
"""Kind of strand → what is looked for in it."""


def points(name: str, area: str, law: LawBook) -> Fraction:
    """A setting in points, as the province keeps it."""
    return _read(str(law.practice.setting(name, province_of_area(area))))


@cache
def _read(value: str) -> Fraction:
    return Fraction(value)


def written(value: Fraction, comma: str = ".") -> str:
    """A number of points or seconds: to two decimals, with the exact fraction where those do not say it."""
    hundredths = round(value * 100)
    whole, rest = divmod(hundredths, 100)
    shown = f"{whole}{comma}{rest:02d}".rstrip("0").rstrip(comma) if rest else str(whole)
    return shown if Fraction(hundredths, 100) == value else f"{shown} ({value})"


def day(value: date) -> str:
    """dd/mm/yyyy."""
    return f"{value:%d/%m/%Y}"
