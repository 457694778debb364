"""Radar: each rule on facts, what just misses it, and the whole of it out of real commands over HTTP."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from typing import Any, get_args
from uuid import UUID, uuid4

import psycopg
import pytest

from api.examples import EXAMPLES
from application.writer import utc_now
from domain.law.book import law_book
from domain.law.calendar import legal_date
from domain.person.facts import AssignmentEnded, DelegationEnded, DelegationGiven, Term
from domain.person.state import Delegation, Person
from domain.product.facts import EvidenceObtained, FactCorrected, IdeaAccepted
from domain.product.rating_facts import (
    Choice,
    DossierForwarded,
    MemberSheet,
    Procedure,
    ProductNotRecognised,
    ProductRecognised,
    PutOnAgenda,
    RescoringOrdered,
    ResultPublished,
    ScoringConcluded,
    SheetsOpened,
    SupplementGiven,
    TakenOffAgenda,
)
from domain.radar import (
    CODES,
    RULES,
    Code,
    Finding,
    Seen,
    Strand,
    acts_under,
    decided_in,
    findings_in,
    kept,
    strands_of,
    written,
)
from domain.session.facts import (
    Opened,
    ProductRescoring,
    RescoringOpened,
    ScoringClosed,
    SessionCancelled,
    SheetSealed,
)
from domain.session.state import Session
from domain.stream import Fact
from domain.values import Actor, Role
from projections import engine
from tests.appointed import assignment_id, person_id
from tests.conftest import projector_for
from tests.scenario import Place, Protocol
from tests.service import Service

LAW = law_book()
FILE = EXAMPLES["record-evidence"]["sha256"]
PRODUCT, SESSION, COUNCIL = UUID(int=1), UUID(int=2), UUID(int=3)
DELEGATOR, DELEGATION, ASSIGNMENT = UUID(int=4), UUID(int=5), UUID(int=6)
HELD = date(2026, 10, 5)
AT = datetime(2026, 10, 20, 3, 15, 30, tzinfo=UTC)
RULED = {"regime": "QD26-2026", "rules_hash": FILE}
BASIS = {"max_spread": "quy chế"}


# ── Each rule on facts ────────────────────────────────────────────────────────────────────────


@dataclass
class Journal:
    """Facts as they come: versions by stream, positions over all."""

    seen: list[Seen] = field(default_factory=list)
    states: dict[UUID, Any] = field(default_factory=dict)
    strands: dict[str, list[Seen]] = field(default_factory=dict)

    def tell(self, fact: Fact, stream: UUID = PRODUCT, on: date = HELD, **more: Any) -> Journal:
        version = sum(seen.stream == stream for seen in self.seen) + 1
        assignment = more.pop("assignment", None)
        told = {
            "at": AT,
            "person": "Chủ tịch tỉnh",
            "area": "25",
            "place": "04876",
            "command": uuid4(),
            "native": True,
            "delegation": None,
            **more,
        }
        seen = Seen(stream, version, len(self.seen) + 1, fact.stored_name, on, fact=kept(fact), **told)
        self.seen.append(seen)
        for strand in strands_of(seen, assignment, self.states.get(stream)):
            self.strands.setdefault(strand, []).append(seen)
        return self

    def found(self, code: Code) -> list[Finding]:
        strands = [Strand.of(name, reversed(facts)) for name, facts in self.strands.items()]
        return [finding for strand in strands for finding in findings_in(strand, LAW) if finding.code == code]


def sheets(*totals: int, number: int = 1, held_on: date = HELD, form: Any = "meeting") -> SheetsOpened:
    procedure = Procedure(
        quorum_percent=75,
        chair_present=True,
        min_members=3,
        max_spread="10",
        rescoring=True,
        shown_digits=2,
        notice_working_days=1,
        gate_test="agreed",
        guidance_is_conflict=True,
        basis=BASIS,
    )
    members = tuple(f"Ủy viên {n}" for n in range(1, len(totals) + 1))
    return SheetsOpened(
        session=SESSION,
        council=COUNCIL,
        council_number="1/QĐ",
        level="province",
        form=form,
        held_on=held_on,
        round=number,
        voting=members,
        present=members,
        quorum=3,
        chair_present=True,
        conflicts=(),
        sheets=tuple(
            MemberSheet(
                member=m,
                capacity="member",
                total=t,
                sealed=FILE,
                choices=(Choice(code="1.1", option=0),),
                comment="Kín",
            )
            for m, t in zip(members, totals, strict=True)
        ),
        procedure=procedure,
    )


def concluded(average: str = "75") -> ScoringConcluded:
    return ScoringConcluded(
        level="province",
        session=SESSION,
        minutes_number="11/BB",
        round=1,
        gate_test="agreed",
        totals=(("Ủy viên 1", 75),),
        agreed=(),
        average=average,
        band=4,
        missed=(),
        stars=4,
        sheet="QD26-11",
        **RULED,
    )


def recognised() -> ProductRecognised:
    return ProductRecognised(
        stars=4,
        decision_number="1/QĐ",
        signer="Chủ tịch",
        certificate_number="0001",
        issued_on=HELD,
        valid_to=date(2029, 10, 5),
        level="province",
        authority="25",
        book=None,
        product_number=None,
        warnings=(),
        **RULED,
    )


def on_agenda(held_on: date = HELD) -> PutOnAgenda:
    return PutOnAgenda(session=SESSION, council=COUNCIL, level="province", form="meeting", held_on=held_on)


def corrected(version: int) -> FactCorrected:
    return FactCorrected(
        corrected_version=version,
        corrected_name="product.evidence-obtained",
        was={"number": "0912 345 678"},
        now={"number": "07/GCN"},
        reason="Ghi nhầm số.",
        authority="BB 01",
    )


def evidence() -> EvidenceObtained:
    return EvidenceObtained(kind="test-report", number="1", issuer="Viện", issued_on=HELD, sha256=FILE)


def supplement() -> SupplementGiven:
    return SupplementGiven(answer="Đã bổ sung.")


def published() -> ResultPublished:
    return ResultPublished(medium="Cổng tỉnh", address="https://phutho.gov.vn/ocop")


@pytest.mark.parametrize(
    ("average", "stars"),
    [("70", 4), ("141/2", 4), ("7051/100", None), ("209/3", None), ("90", 5), ("50", 3), ("30", 2), ("0", None)],
)
def test_an_average_on_or_just_above_a_band_is_found(average: str, stars: int | None) -> None:
    found = Journal().tell(concluded(average)).found("average-on-boundary")

    assert [f"hạng {stars} sao" in finding.vi for finding in found] == [True] * (stars is not None)
    assert [f"where {stars} stars begin" in finding.en for finding in found] == [True] * (stars is not None)
    assert [(f.product, f.session, f.area, f.person) for f in found] == [(PRODUCT, SESSION, "04876", None)] * len(found)


@pytest.mark.parametrize(
    ("totals", "says"),
    [
        ((60, 65, 70), "exactly the limit"),
        ((60, 65, 69), "1 below the limit"),
        ((60, 65, 71), "1 above the limit"),
        ((60, 65, 68), None),
        ((60, 65, 72), None),
    ],
)
def test_a_spread_at_the_limit_is_found(totals: tuple[int, ...], says: str | None) -> None:
    found = Journal().tell(sheets(*totals)).found("spread-at-limit")

    assert [says in finding.en for finding in found if says] == [True] * (says is not None)
    assert len(found) == (says is not None)


def test_a_spread_that_was_scored_again_or_cancelled_is_gone() -> None:
    opened = Journal().tell(sheets(60, 71))
    assert len(opened.found("spread-at-limit")) == 1

    again = opened.tell(RescoringOrdered(discussion="Đã bàn.", round=2, spread=11))
    assert again.found("spread-at-limit") == []
    assert again.tell(sheets(64, 66, number=2)).found("spread-at-limit") == []

    cancelled = Journal().tell(sheets(60, 70)).tell(TakenOffAgenda(session=SESSION, reason="Bão"))
    assert cancelled.found("spread-at-limit") == []


@pytest.mark.parametrize("change", [corrected(1), evidence(), supplement()], ids=lambda change: change.stored_name)
def test_a_dossier_changed_once_the_council_had_it_is_found(change: Fact) -> None:
    told = Journal().tell(evidence()).tell(on_agenda()).tell(change)
    (early,) = told.found("dossier-changed-before-council")
    assert [seen.version for seen in early.facts] == [2, 3]
    assert early.vi.endswith("trước khi mở phiếu.")

    (late,) = (Journal().tell(evidence()).tell(on_agenda()).tell(sheets(60, 61)).tell(concluded()).tell(change)).found(
        "dossier-changed-before-council"
    )
    assert [seen.version for seen in late.facts] == [2, 3, 5]
    assert "round 1 was opened" in late.en


def test_a_dossier_is_not_changed_before_the_agenda_after_the_decision_or_by_what_the_council_did() -> None:
    code: Code = "dossier-changed-before-council"
    begun = Journal().tell(evidence()).tell(corrected(1)).tell(on_agenda())
    assert begun.found(code) == []
    assert begun.tell(concluded()).tell(corrected(4)).found(code) == [], "a number of the minutes"
    assert begun.tell(recognised()).tell(corrected(1)).tell(evidence()).found(code) == []

    cancelled = Journal().tell(on_agenda()).tell(evidence()).tell(TakenOffAgenda(session=SESSION, reason="Bão"))
    assert cancelled.found(code) == []
    forwarded = DossierForwarded(
        from_level="province",
        to_level="centre",
        letter_number="1",
        batch="-",
        batch_cut_off=None,
        batch_done=None,
        **RULED,
    )
    assert Journal().tell(on_agenda()).tell(forwarded).tell(evidence()).found(code) == []


@pytest.mark.parametrize(
    ("form", "held", "conclusion", "decision", "found"),
    [
        ("meeting", 5, 3, 4, True),  # before the day the council met
        ("meeting", 5, 5, 5, False),
        ("meeting", 5, 6, 5, True),  # before the minutes
        ("written", 9, 6, 7, False),  # opinions came in before they were due
        ("written", 9, 6, 5, True),
    ],
)
def test_a_decision_dated_before_its_session_is_found(
    form: str, held: int, conclusion: int, decision: int, found: bool
) -> None:
    day = [date(2026, 10, n) for n in range(1, 10)]
    for decided in (
        recognised(),
        ProductNotRecognised(level="province", stars=2, reasons="", legal_basis="Đ4", **RULED),
    ):
        told = Journal().tell(sheets(70, 71, held_on=day[held - 1], form=form))
        told.tell(concluded(), on=day[conclusion - 1]).tell(decided, on=day[decision - 1])

        assert len(told.found("decision-before-session")) == found


def test_a_correction_of_what_was_published_is_found() -> None:
    code: Code = "corrected-after-publication"
    told = Journal().tell(evidence()).tell(corrected(1)).tell(published())
    assert told.found(code) == []
    assert told.tell(evidence()).tell(corrected(4)).found(code) == [], "what came after the publication"

    (found,) = told.tell(corrected(1)).found(code)

    assert [seen.version for seen in found.facts] == [3, 6]
    assert "Ghi nhầm" not in found.vi
    assert "0912" not in repr(found), "values of a correction may be somebody's"


def closed() -> ScoringClosed:
    return ScoringClosed(round=1, sheets=9, products=(Opened(product=PRODUCT, sheets=3, spread=9, key=FILE),))


def council_of(*rounds: tuple[int, ...]) -> Journal:
    """So many products of one session opened with these totals, and the scoring closed."""
    told = Journal(states={SESSION: Session(council=COUNCIL)})
    for number, totals in enumerate(rounds):
        told.tell(sheets(*totals), stream=UUID(int=100 + number))
    return told.tell(closed(), stream=SESSION, place="25")


def test_a_member_far_off_time_and_again_is_found() -> None:
    (found,) = council_of((60, 62, 70), (60, 62, 70), (62, 60, 52), (70, 70, 70)).found("member-far-off")

    assert (found.person, found.area, found.product, found.session) == ("Ủy viên 3", "25", None, SESSION)
    assert "ở 3 trên 4 sản phẩm (1 lần thấp hơn, 2 lần cao hơn), nhiều nhất 9 điểm" in found.vi
    assert "on 3 of 4 products (1 times below, 2 times above), by up to 9 points" in found.en
    assert len(found.facts) == 3


@pytest.mark.parametrize(
    "rounds",
    [
        [(60, 62, 70), (60, 62, 70), (70, 70, 70)],  # twice only
        [(60, 62, 69), (60, 62, 69), (60, 62, 69)],  # eight points, no more
        [(60,), (90,), (30,)],  # nobody to differ from
    ],
)
def test_a_member_seldom_or_slightly_off_is_not(rounds: list[tuple[int, ...]]) -> None:
    assert council_of(*rounds).found("member-far-off") == []


def test_sheets_scored_again_or_cancelled_no_longer_speak_against_a_member() -> None:
    off = [(60, 62, 70)] * 3
    again = ProductRescoring(product=UUID(int=101), spread=10, discussion="Đã bàn.")
    rescored = council_of(*off).tell(RescoringOpened(round=2, products=(again,)), stream=SESSION, place="25")
    assert rescored.found("member-far-off") == []
    assert rescored.tell(sheets(60, 62, 70, number=2), stream=UUID(int=101)).found("member-far-off") != []

    order = SessionCancelled(reason="Hủy", document="9/QĐ")
    assert council_of(*off).tell(order, stream=SESSION, place="25").found("member-far-off") == []


@pytest.mark.parametrize(("seconds", "found"), [(0, 1), (9.999, 1), (10, 0), (50, 0)])
def test_decisions_within_seconds_are_found(seconds: float, found: int) -> None:
    told = Journal().tell(recognised(), stream=UUID(int=11), on=HELD)
    told.tell(recognised(), stream=UUID(int=12), at=AT + timedelta(seconds=seconds))

    assert len(told.found("decisions-within-seconds")) == found


def test_decisions_within_seconds_are_found_once_over_the_turn_of_a_minute() -> None:
    late = AT.replace(second=58)
    told = Journal().tell(recognised(), stream=UUID(int=11), at=late)
    told.tell(recognised(), stream=UUID(int=12), at=late + timedelta(seconds=4))

    (found,) = told.found("decisions-within-seconds")

    assert "4 seconds after deciding on 1 others" in found.en
    assert (found.area, found.person, found.product) == ("25", "Chủ tịch tỉnh", UUID(int=12))


def test_one_decision_over_many_products_two_persons_and_papers_are_no_haste() -> None:
    command = uuid4()
    batch = Journal()
    for number in range(5):
        batch.tell(recognised(), stream=UUID(int=20 + number), command=command)
    assert batch.found("decisions-within-seconds") == []

    others = (
        Journal().tell(recognised(), stream=UUID(int=11)).tell(recognised(), stream=UUID(int=12), person="Người khác")
    )
    assert others.found("decisions-within-seconds") == []
    papers = Journal().tell(recognised(), stream=UUID(int=11), native=False)
    assert papers.tell(recognised(), stream=UUID(int=12), native=False).found("decisions-within-seconds") == []
    same = Journal().tell(recognised()).tell(recognised())
    assert same.found("decisions-within-seconds") == [], "one product decided on again"


DAYS = [date(2026, 10, n) for n in range(1, 31)]


def delegated(first: date = DAYS[4], last: date = DAYS[19]) -> Journal:
    """Powers delegated from the 5th to the 20th."""
    term = Term(first=first, last=last)
    given = Delegation(DELEGATION, ASSIGNMENT, UUID(int=7), "Bình", (), term, "05/GUQ", 1, first)
    told = Journal(states={DELEGATOR: Person(given={DELEGATION: given})})
    fact = DelegationGiven(
        delegation=DELEGATION,
        assignment=ASSIGNMENT,
        delegate=UUID(int=7),
        delegate_handle="Bình",
        commands=(),
        term=term,
        document="05/GUQ",
    )
    return told.tell(fact, stream=DELEGATOR, on=first)


def acted(told: Journal, day: date, **more: Any) -> list[Finding]:
    told.tell(IdeaAccepted(), on=day, delegation=DELEGATION, assignment=ASSIGNMENT, person="Bình", **more)
    return told.found("delegation-not-valid")


@pytest.mark.parametrize(("day", "found"), [(4, True), (5, False), (20, False), (21, True)])
def test_an_act_outside_the_delegations_term_is_found(day: int, found: bool) -> None:
    assert [f.person for f in acted(delegated(), DAYS[day - 1])] == ["Bình"] * found


def test_an_end_that_came_to_be_known_later_reaches_back() -> None:
    ended = DelegationEnded(delegation=DELEGATION, ends_on=DAYS[9], document="06/UBND")
    told = delegated()
    assert acted(told, DAYS[8]) == []
    assert acted(told, DAYS[9]) == []

    (found,) = told.tell(ended, stream=DELEGATOR, on=DAYS[9]).found("delegation-not-valid")

    assert "đã chấm dứt từ 10/10/2026 theo văn bản 06/UBND" in found.vi
    assert [seen.name.partition(".")[0] for seen in found.facts] == ["person", "product", "person"]
    assert (found.product, found.latest.name) == (PRODUCT, "person.delegation-ended")


def test_a_delegation_ends_with_the_assignment_it_rests_on() -> None:
    told = delegated()
    ended = AssignmentEnded(assignment=ASSIGNMENT, ends_on=DAYS[9], decision_number="7/QĐ", reason="")
    told.tell(ended, stream=DELEGATOR, on=DAYS[9])

    assert acted(told, DAYS[8]) == []
    assert len(acted(told, DAYS[10])) == 1


def test_a_delegation_nobody_gave_and_several_facts_of_one_act() -> None:
    told, command = Journal(), uuid4()
    acted(told, DAYS[9], command=command)

    (found,) = acted(told, DAYS[9], command=command)

    assert "no such delegation was ever entered" in found.en
    assert Journal().tell(IdeaAccepted()).strands == {}, "one's own powers"


def test_every_code_has_its_words_and_every_strand_its_rules() -> None:
    assert tuple(CODES) == get_args(Code)
    assert {vi for vi, _ in CODES.values()}.isdisjoint(en for _, en in CODES.values())
    assert sum(map(len, RULES.values())) == len(CODES)
    assert {
        decided_in(Journal().tell(recognised()).seen[0]).split(" ")[0],
        acts_under(ASSIGNMENT).split(" ")[0],
    } <= set(RULES)


def test_sealed_sheets_are_not_kept_and_opened_ones_without_options_and_comments() -> None:
    assert kept(SheetSealed.model_construct()) is None
    assert "Kín" not in repr(kept(sheets(70, 71)))
    assert "Choice" not in repr(kept(sheets(70, 71)))


@pytest.mark.parametrize(
    ("value", "shown"),
    [("70", "70"), ("70.50", "70,5"), ("0.05", "0,05"), ("211/3", "70,33 (211/3)"), ("70001/1000", "70 (70001/1000)")],
)
def test_a_figure_is_exact_or_says_so(value: str, shown: str) -> None:
    assert written(Fraction(value), ",") == shown


def test_a_finding_has_one_id_however_it_was_come_by() -> None:
    first, second = (Journal().tell(concluded("70")).found("average-on-boundary")[0] for _ in range(2))

    assert first.id == second.id
    assert first.id != Journal().tell(evidence()).tell(concluded("70")).found("average-on-boundary")[0].id


# ── Out of real commands ──────────────────────────────────────────────────────────────────────

PLACE = Place("25", commune="04876")
TODAY = str(legal_date(utc_now()))
INSPECTOR = Actor(person="Thanh tra tỉnh", office="Thanh tra", role=Role.INSPECTOR, area="25")
ELSEWHERE = Actor(person="Thanh tra nơi khác", office="Thanh tra", role=Role.INSPECTOR, area="01")
IN_COMMUNE = Actor(person="Giám sát xã", office="HĐND xã", role=Role.SUPERVISOR, area="04876")
NEXT_COMMUNE = Actor(person="Giám sát xã bên", office="HĐND xã", role=Role.SUPERVISOR, area="04879")
DEPUTY = Actor(person="Phó chủ tịch xã", office="UBND xã", role=Role.COMMUNE_OFFICER, area="04876")
READERS = (INSPECTOR, ELSEWHERE, IN_COMMUNE, NEXT_COMMUNE)


class Native(Protocol):
    """A protocol of acts done in the service itself: only their instants say when something was decided."""

    def _give(self, day: str, who: str, command: str, stream: str | None, body: dict[str, Any]) -> Any:
        return self.service.give(stream, command, self.place.person(who), {**body, "effective_on": day})


@dataclass
class Told:
    """What the scenario left: its products by name, and what was found while the sheets were sealed."""

    service: Service
    case: Native
    products: dict[str, str]
    session: str
    while_sealed: list[Any]

    def page(self, query: str = "", who: Actor = INSPECTOR) -> dict[str, Any]:
        found: dict[str, Any] = self.service.seen(f"/v1/radar?{query}", self.case.position, who)
        return found

    def codes(self, query: str = "", who: Actor = INSPECTOR) -> list[str]:
        return [finding["code"] for finding in self.page(query, who)["findings"]]


TOTALS = {"ngưỡng": (70, 70, 70), "một": (66, 66, 75), "hai": (66, 66, 75), "ba": (66, 66, 75)}


@pytest.fixture(scope="module")
def told(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    actors = [*PLACE.everybody(), *READERS, DEPUTY]
    running = Service(tmp_path_factory.mktemp("service"), database, actors=actors).start().caught_up()
    case = Native(running, PLACE, sheet="QD26-11")
    case.council("province", "2026-06-01")
    products = {name: case.filed(f"Chè {name}", "2026-08-10") for name in TOTALS}
    for product in products.values():
        case.commune_proposes("2026-08-26", "2026-08-28", product)
        case.taken_in("province", "2026-09-08", product, gates=4)
    session = case.convened("province", "2026-10-01", "2026-10-05", list(products.values()))
    for name, totals in TOTALS.items():
        for n, total in enumerate(totals, 1):
            body = case.sheet_worth(total, products[name])
            case.act("2026-10-05", f"member-{n}@province", "submit-score-sheet", session, **body)
    sealed = running.seen("/v1/radar", case.position, INSPECTOR)["findings"]
    mend_report(case, products["một"], "2026-10-05")
    case.opened("province", "2026-10-05", session)
    case.concluded("province", "2026-10-06", session)
    case.decides("2026-10-20", "province-chair", "recognise", products["ngưỡng"])
    case.decides("2026-10-20", "province-chair", "recognise", products["một"], products["hai"])
    made_public = {"medium": "Cổng thông tin tỉnh", "address": "https://phutho.gov.vn/ocop"}
    case.act("2026-10-22", "province-chair", "publish-result", products["ngưỡng"], **made_public)
    mend_report(case, products["ngưỡng"], "2026-10-23")
    products["ủy quyền"] = act_and_end_the_delegation(case)
    yield Told(running, case, products, session, sealed)
    running.stop()


def mend_report(case: Native, product: str, day: str) -> None:
    """The number of the commune's report is corrected."""
    trail = case.get(f"/v1/products/{product}/trail")["trail"]
    report = next(entry for entry in trail if entry["fact"] == "product.commune-report-issued")
    mend = {"version": report["version"], "now": {"number": "99/BC-UBND"}, "reason": "Ghi nhầm.", "authority": "BB 1"}
    case.act(day, "commune-chair", "correct-fact", product, **mend)


def act_and_end_the_delegation(case: Native) -> str:
    """The deputy accepts an idea under a delegation of this very day, which then ends with effect from the same day."""
    chair, service = PLACE.person("commune-chair"), case.service
    opening = {**EXAMPLES["identify-product"], "product_name": "Chè ủy quyền", "cycle": int(TODAY[:4])}
    product = str(case.act(TODAY, "commune-officer", "identify-product", None, **opening)["product_id"])
    case.act(TODAY, "commune-officer", "hand-over-idea-form", product, **EXAMPLES["hand-over-idea-form"])
    idea = {**EXAMPLES["submit-idea"], "product_name": "Chè ủy quyền"}
    idea["producer"] = {**idea["producer"], "registration": PLACE.registration}
    case.act(TODAY, "producer", "submit-idea", product, **idea)
    case.act(TODAY, "commune-officer", "endorse-idea", product)
    key = str(person_id(chair.person))
    body = {"assignment": str(assignment_id(chair)), "delegate": str(person_id(DEPUTY.person)), "document": "05/GUQ"}
    case.act(TODAY, "commune-chair", "delegate", key, **body, term={"first": TODAY, "last": "2099-12-31"})
    time.sleep(2.1)
    under = next(p["acting_as"] for p in service.get("/v1/me", DEPUTY).json()["powers"] if p["delegator"])
    accepted = service.give(product, "accept-idea", DEPUTY, {"effective_on": TODAY}, **{"X-Acting-As": under})
    assert accepted.status_code == 200, accepted.text
    end = {"delegation": under, "delegate": body["delegate"], "ends_on": TODAY, "document": "06/UBND"}
    case.act(TODAY, "commune-chair", "end-delegation", key, **end)
    return product


def test_real_commands_are_found_out(told: Told) -> None:
    found = told.page()["findings"]

    named = {key: name for name, key in told.products.items()}
    assert {(f["code"], named.get(f["product_id"])) for f in found} == {
        ("average-on-boundary", "ngưỡng"),
        ("spread-at-limit", "một"),
        ("spread-at-limit", "hai"),
        ("spread-at-limit", "ba"),
        ("dossier-changed-before-council", "một"),
        ("member-far-off", None),
        ("decisions-within-seconds", "một"),
        ("corrected-after-publication", "ngưỡng"),
        ("delegation-not-valid", "ủy quyền"),
    }
    (far,) = (f for f in found if f["code"] == "member-far-off")
    assert (far["person"], far["session_id"]) == (PLACE.person("member-3@province").person, told.session)
    assert "ở 3 trên 4 sản phẩm" in far["vi"]
    (hasty,) = (f for f in found if f["code"] == "decisions-within-seconds")
    assert "của 2 sản phẩm" in hasty["vi"]
    assert hasty["area"] == {"code": "25", "name": "Phú Thọ"}
    (ended,) = (f for f in found if f["code"] == "delegation-not-valid")
    assert "06/UBND" in ended["en"]
    assert ended["person"] == DEPUTY.person


def test_nothing_is_found_while_sheets_are_sealed(told: Told) -> None:
    assert told.while_sealed == []


def test_each_finding_leads_to_its_product_and_to_its_facts(told: Told) -> None:
    for finding in told.page()["findings"]:
        assert finding["facts"][-1]["position"] == finding["position"]
        if finding["product"]:
            product = told.service.seen(finding["product"], told.case.position, INSPECTOR)
            assert product["product_id"] == finding["product_id"]
        for fact in finding["facts"]:
            answer = told.service.seen(fact["href"], told.case.position, INSPECTOR)
            entries = answer.get("trail") or answer.get("facts")
            assert (fact["version"], fact["fact"]) in [(e["version"], e["fact"]) for e in entries]


def test_a_finding_is_read_in_its_area_and_nowhere_else(told: Told) -> None:
    whole, nation = told.codes(), told.codes(who=PLACE.person("supervisor"))
    of_authority = {"member-far-off", "decisions-within-seconds"}

    assert nation == whole
    assert told.codes(who=IN_COMMUNE) == [code for code in whole if code not in of_authority]
    for nowhere in (ELSEWHERE, NEXT_COMMUNE):
        assert told.page(who=nowhere) == {"findings": [], "next": None}
        assert told.page("area=VN", nowhere)["findings"] == []
        assert told.page("area=25", nowhere)["findings"] == []
    assert told.codes("area=25") == told.codes("area=VN") == whole
    assert told.codes("area=04876") == told.codes(who=IN_COMMUNE)
    assert told.codes("area=01") == []


@pytest.mark.parametrize("who", ["producer", "commune-officer", "province-chair", "council-secretary@province"])
def test_only_supervisors_and_inspectors_read_it(told: Told, who: str) -> None:
    answer = told.service.get("/v1/radar", PLACE.person(who))

    assert answer.status_code == 403
    assert answer.json()["type"] == "/v1/problems/role-not-allowed"


def test_pages_make_up_the_whole_and_a_code_is_picked(told: Told) -> None:
    whole, found, after = told.page()["findings"], list[Any](), ""
    while page := told.page(f"limit=2{after}")["findings"]:
        found += page
        after = f"&after={page[-1]['position']}.{page[-1]['finding_id']}"

    assert found == whole
    last = told.page()["next"]
    assert told.page(f"after={last}") == {"findings": [], "next": last}
    assert told.codes("code=spread-at-limit") == ["spread-at-limit"] * 3
    assert told.codes("code=decision-before-session") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("code=nonsense", "code"),
        ("area=Phú Thọ", "area"),
        ("after=7", "after"),
        ("after=9999999999999999999.00000000-0000-4000-8000-000000000000", "after"),
        ("limit=0", "limit"),
        ("limit=501", "limit"),
    ],
)
def test_a_bad_query_is_answered_with_a_problem(told: Told, query: str, field: str) -> None:
    answer = told.service.get(f"/v1/radar?{query}", INSPECTOR)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_no_personal_data_is_in_it(told: Told, database: str) -> None:
    producer = EXAMPLES["submit-idea"]["producer"]
    theirs = [producer[name] for name in ("address", "representative", "phone", "email") if producer.get(name)]
    with psycopg.connect(database) as connection:
        stored = "".join(row for (row,) in connection.execute("SELECT t::text FROM read.radar t"))

    assert theirs
    assert not [value for value in theirs if value in stored]
    assert "box" not in stored, "nor sealed"


def rows(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [row for (row,) in connection.execute("SELECT t::text FROM read.radar t ORDER BY 1")]


def test_rebuilt_equals_live_whatever_the_pages(told: Told, database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told.page()
    beside, before = projector_for(database), rows(database)
    for size in (1, 2, 3, 7, 50, 5_000):
        monkeypatch.setattr(engine, "PAGE", size)

        assert beside.rebuild(["radar"]) == {"radar": True}, size
    assert rows(database) == before


def test_a_stream_told_again_changes_nothing(told: Told, database: str) -> None:
    """What is done with parked facts, for each stream in turn."""
    told.page()
    beside, before = projector_for(database), rows(database)
    with beside.connect() as connection:
        (table,) = (standing.table for standing in beside.standings() if standing.name == "radar")
        streams = connection.execute("SELECT DISTINCT product_id FROM read.radar").fetchall()
        for (stream,) in streams:
            beside._retell(connection, table, stream)

    assert len(streams) > 5
    assert rows(database) == before
