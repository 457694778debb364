"""The journey, rule by rule: given where the story stands, when a command, then facts or a refusal.

What a council does is in ``test_council.py``, what becomes of its result in ``test_decisions.py``.
"""

from datetime import UTC, datetime
from typing import Any

import pytest

from api.examples import EXAMPLES
from domain.book.state import book_id
from domain.decide import COMMANDS
from domain.law.book import law_book
from domain.product.claims import open_claim
from domain.product.outlook import outlook
from domain.product.phases import Phase
from domain.refusals import (
    AgainstCouncilRules,
    AgainstTheLaw,
    Invalid,
    NotAllowed,
    OutsideArea,
    Refusal,
    WrongOrder,
)
from domain.values import Actor, Role, Step
from tests.language import Scene, day, given
from tests.story import FILE, bare, findings, on, tea, until, until_first

OFFICER, CHAIR, PRODUCER = Role.COMMUNE_OFFICER, Role.COMMUNE_CHAIR, Role.PRODUCER
PROVINCE = Role.PROVINCE_OFFICER
STORY = tea()
BODIES: dict[str, dict[str, Any]] = {command: body for command, _, body in STORY}


def at(command: str) -> Any:
    """The story up to and with a chapter, the last of its command."""
    return given(until(command, STORY))


def at_the_commune() -> Any:
    """The story up to the commune's intake register."""
    return given(until_first("register-dossier", STORY))


# ── The whole ─────────────────────────────────────────────────────────────────────────────────


def test_the_tea_goes_from_outreach_to_promotion() -> None:
    product = given(STORY).product

    assert product.phase is Phase.RECOGNISED
    assert product.certificate is not None
    assert product.certificate.stars == 3  # 59 points: the band holds it down, not the gates
    assert product.certificate.valid_to == day("2029-10-20")


# Commands that are possible at more stations than the next one, by their own nature.
AT_ANY_OPEN_STATION = {"record-guidance", "make-commitment", "record-evidence", "grant-support"}
WHILE_THE_PLAN_RUNS = {"reach-milestone", "complete-implementation"}
PROMOTING = {"list-on-ecommerce", "attend-fair", "report-revenue"}
AHEAD = {
    # (station, command): told early on purpose
    ("identify-product", "hand-over-idea-form"),  # guidance may follow
    ("identify-product", "submit-idea"),  # a producer may come with the form filled in
    ("record-guidance", "submit-idea"),
    ("submit-idea", "endorse-idea"),  # a complete idea is not returned first
}


RATING = [command for command, _, _ in STORY][[command for command, _, _ in STORY].index("file-dossier") :]


@pytest.mark.parametrize("station", range(len(STORY)), ids=lambda i: f"{i:02}-{STORY[i][0]}")
def test_no_chapter_can_be_skipped(station: int) -> None:
    """From each station every later chapter but the next is refused, for its order or for the star it needs."""
    scene = given(STORY[: station + 1])
    here, following = STORY[station][0], {c for c, _, _ in STORY[station + 1 : station + 2]}
    scoring = here in ("open-scoring", "submit-score-sheet")
    for command, role, body in STORY[station + 2 :]:
        free = AT_ANY_OPEN_STATION | (WHILE_THE_PLAN_RUNS if scene.product.phase is Phase.IMPLEMENTING else set())
        free |= PROMOTING if scene.product.certificate else set()
        free |= {"notify-result"} if scene.product.phase is Phase.RECOGNISED else set()
        free |= {"submit-score-sheet"} if scoring else set()
        free |= {"set-up-council"}  # no product's matter
        if command in free | following or (here, command) in AHEAD or not addressable(scene, command):
            continue

        outcome = scene.when(command, role, **body)

        if outcome.refusal is None:
            assert outcome.facts == [], f"{here} → {command}"  # asked twice
        else:
            dossier = scene.product.dossier
            expected: set[type[Refusal]] = {WrongOrder}
            expected |= {AgainstTheLaw} if command in PROMOTING else set()
            expected |= {OutsideArea} if role is PRODUCER and scene.product.producer is None else set()
            expected |= {AgainstCouncilRules} if scoring and command == "close-scoring" else set()
            # Where the dossier does not lie at a level yet, nobody acts there.
            expected |= {NotAllowed} if command in RATING and (not dossier or dossier.level == "commune") else set()
            assert type(outcome.refusal) in expected, f"{here} → {command}: {outcome.refusal}"


def addressable(scene: Any, command: str) -> bool:
    """Whether the streams the command names are open: what is not there has no address."""
    kind = COMMANDS[command]
    return (kind.opens or kind.stream in scene.ids) and ("council" not in kind.model_fields or "council" in scene.ids)


# ── Dates ─────────────────────────────────────────────────────────────────────────────────────


def test_an_act_in_the_future_is_refused() -> None:
    given().when("identify-product", OFFICER, **on("2026-11-24", BODIES["identify-product"])).refused(
        Invalid, "effective_on"
    )


def test_today_is_vietnams_today() -> None:
    late_evening = datetime(2026, 11, 23, 17, 30, tzinfo=UTC)
    body = on("2026-11-24", BODIES["identify-product"])

    given().when("identify-product", OFFICER, late_evening, **body).then("product.identified")


def test_an_act_before_the_programme_is_refused() -> None:
    given().when("identify-product", OFFICER, **on("2017-12-31", BODIES["identify-product"])).refused(Invalid)


def test_an_act_dated_before_the_one_it_builds_on_is_refused() -> None:
    at("submit-idea").when("endorse-idea", OFFICER, effective_on="2026-03-01").refused(WrongOrder, "effective_on")


# ── Authority ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "command", sorted(c for c, kind in COMMANDS.items() if kind.stream not in ("office", "person", "log"))
)
def test_readers_may_give_no_command(command: str) -> None:
    body = EXAMPLES[command] if command == "order-rescoring" else bare(EXAMPLES[command])
    for role in (Role.SUPERVISOR, Role.INSPECTOR, Role.INTEGRATOR):
        at("conclude-session").when(command, role, **body).refused(NotAllowed)


def test_another_communes_officer_is_refused() -> None:
    stranger = Actor(person="p", office="o", role=OFFICER, area="04831")

    at("identify-product").when("hand-over-idea-form", stranger, **BODIES["hand-over-idea-form"]).refused(OutsideArea)


def test_an_officer_cannot_open_a_product_in_another_commune() -> None:
    stranger = Actor(person="p", office="o", role=OFFICER, area="04831")

    given().when("identify-product", stranger, **BODIES["identify-product"]).refused(OutsideArea)


def test_a_producer_acts_only_for_itself() -> None:
    stranger = Actor(person="p", office="o", role=PRODUCER, area="04876", producer="HKD-1")

    at("hand-over-idea-form").when("submit-idea", stranger, **BODIES["submit-idea"]).refused(OutsideArea)
    at("accept-idea").when("submit-plan", stranger, **BODIES["submit-plan"]).refused(OutsideArea)


def test_only_the_provincial_chair_recognises() -> None:
    clerk = Actor(person="another officer", office="province", role=PROVINCE, area="25")

    at("conclude-session").when("recognise", clerk, **BODIES["recognise"]).refused(NotAllowed)


# ── Steps 1 to 4 ──────────────────────────────────────────────────────────────────────────────


def test_an_unknown_commune_is_refused() -> None:
    body = {**BODIES["identify-product"], "commune": "99999"}
    nation = Actor(person="p", office="o", role=PROVINCE, area="VN")

    given().when("identify-product", nation, **body).refused(Invalid, "commune")


def test_asked_twice_nothing_happens() -> None:
    at("hand-over-idea-form").when("hand-over-idea-form", OFFICER, **BODIES["hand-over-idea-form"]).then()
    at("endorse-idea").when("endorse-idea", OFFICER, **BODIES["endorse-idea"]).then()
    at("accept-idea").when("accept-idea", CHAIR, **BODIES["accept-idea"]).then()
    at("accept-plan").when("accept-plan", CHAIR, **BODIES["accept-plan"]).then()
    at("record-evidence").when("record-evidence", PRODUCER, **BODIES["record-evidence"]).then()
    at("make-commitment").when("make-commitment", PRODUCER, **BODIES["make-commitment"]).then()
    at("reach-milestone").when("reach-milestone", OFFICER, **BODIES["reach-milestone"]).then()
    at("list-on-ecommerce").when("list-on-ecommerce", PRODUCER, **BODIES["list-on-ecommerce"]).then()


@pytest.mark.parametrize("kind", ["large-enterprise", "association"])
def test_an_entity_that_is_not_listed_cannot_take_part(kind: str) -> None:
    body = {**BODIES["submit-idea"], "producer": {**BODIES["submit-idea"]["producer"], "kind": kind}}

    at("hand-over-idea-form").when("submit-idea", PRODUCER, **body).refused(AgainstTheLaw, "producer.kind")


def test_an_association_may_run_a_tourism_product() -> None:
    producer = {**BODIES["submit-idea"]["producer"], "kind": "association"}
    body = {**BODIES["submit-idea"], "producer": producer, "group": "tourism"}

    at("hand-over-idea-form").when("submit-idea", PRODUCER, **body).then("product.idea-submitted")


def test_a_returned_idea_comes_again_from_the_same_producer() -> None:
    other = {**BODIES["submit-idea"]["producer"], "registration": "HKD-9999"}
    returned = given(until("return-idea", tea()))

    returned.when("submit-idea", OFFICER, **{**BODIES["submit-idea"], "producer": other}).refused(
        Invalid, "producer.registration"
    )


def test_a_rejected_idea_names_published_tests_and_closes_the_cycle() -> None:
    rejected = at("endorse-idea").when("reject-idea", CHAIR, failed=["local-speciality"], reasons="Không đặc trưng.")

    rejected.then("product.idea-rejected")
    assert open_claim(rejected.product) is None
    rejected.when("submit-idea", PRODUCER, **BODIES["submit-idea"]).refused(WrongOrder)
    at("endorse-idea").when("reject-idea", CHAIR, failed=["taste"], reasons="x").refused(Invalid, "failed")


def test_an_idea_is_withdrawn_until_a_plan_is_submitted() -> None:
    at("accept-idea").when("withdraw-idea", PRODUCER, reason="Sang năm.").then("product.idea-withdrawn")
    at("submit-plan").when("withdraw-idea", PRODUCER, reason="Sang năm.").refused(WrongOrder)
    at("submit-plan").when("withdraw-journey", PRODUCER, reason="Sang năm.").then("product.journey-withdrawn")


def test_funding_must_add_up_to_the_cost() -> None:
    at("accept-idea").when("submit-plan", PRODUCER, **{**BODIES["submit-plan"], "loans": 1}).refused(Invalid, "cost")


def test_a_doubled_milestone_is_refused() -> None:
    twice = BODIES["submit-plan"]["milestones"][:1] * 2

    at("accept-idea").when("submit-plan", PRODUCER, **{**BODIES["submit-plan"], "milestones": twice}).refused(Invalid)


def test_a_returned_plan_is_submitted_again() -> None:
    returned = at("submit-plan").when(
        "return-plan", OFFICER, **on("2026-04-05", reasons="Thiếu vốn.", missing=["Nguồn vốn"])
    )

    assert returned.product.missing == ("Nguồn vốn",)
    again = returned.when("submit-plan", PRODUCER, **on("2026-11-01", BODIES["submit-plan"]))
    again.then("product.plan-submitted")
    assert again.product.missing == ()


def test_amending_keeps_the_milestones_already_reached() -> None:
    scene = given(until("grant-support", STORY))
    only = [{"code": "BAOBI", "title": "Bao bì", "due": "2026-08-01"}]

    scene.when("amend-plan", PRODUCER, reason="x", milestones=only).refused(Invalid, "milestones")
    both = [{"code": "ATTP", "title": "ATTP", "due": "2026-05-31"}, *only]
    scene.when("amend-plan", PRODUCER, reason="x", milestones=both).then("product.plan-amended")


def test_an_unknown_milestone_is_refused() -> None:
    at("accept-plan").when("reach-milestone", OFFICER, code="KHONG-CO").refused(Invalid, "code")


def test_expired_and_post_dated_evidence_is_refused() -> None:
    body = BODIES["record-evidence"]
    scene = at("accept-plan")

    scene.when("record-evidence", PRODUCER, **{**body, "expires_on": "2026-05-21"}).refused(Invalid, "expires_on")
    scene.when("record-evidence", PRODUCER, **{**body, "issued_on": "2026-05-23"}).refused(Invalid, "issued_on")


def test_one_file_is_one_document() -> None:
    body = {**BODIES["record-evidence"], "number": "99"}

    at("record-evidence").when("record-evidence", PRODUCER, **body).refused(Invalid, "sha256")


def test_completing_names_the_milestones_left_open() -> None:
    done = given(until("grant-support", STORY)).when("complete-implementation", OFFICER, summary="Xong.")

    assert done.fact.open_milestones == ("BAOBI",)


def test_an_abandoned_plan_frees_the_name() -> None:
    scene = at("accept-plan")
    assert open_claim(scene.product) is not None

    abandoned = scene.when("abandon-plan", PRODUCER, reason="Ngừng sản xuất.")

    abandoned.then("product.plan-abandoned")
    assert open_claim(abandoned.product) is None


# ── Step 5: the dossier ───────────────────────────────────────────────────────────────────────


def test_filing_pins_the_regime_the_rules_and_the_deadline() -> None:
    filed: Any = at("file-dossier").history[-1].fact

    assert filed.regime == "QD26-2026"
    assert len(filed.rules_hash) == 64
    assert filed.report_due == day("2026-08-28")  # 15 working days, 22/08 worked


@pytest.mark.parametrize(
    ("filed", "regime", "sheet"),
    [("2026-05-21", "QD1489-2025", "QD148"), ("2026-05-22", "QD26-2026", "QD26-11")],
)
def test_the_day_of_filing_pins_the_regime(filed: str, regime: str, sheet: str) -> None:
    scene = ready_in_may()

    other = {"QD148": "QD26-11", "QD26-11": "QD148"}[sheet]
    body = on(filed, BODIES["file-dossier"], evidence=[])
    pinned = scene.when("file-dossier", PRODUCER, **{**body, "sheet": sheet})
    pinned.then("product.dossier-filed")
    assert pinned.fact.regime == regime
    scene.when("file-dossier", PRODUCER, **{**body, "sheet": other}).refused(Invalid, "sheet")


def ready_in_may() -> Any:
    """The plan carried out on 2 May 2026, before the newest rules."""
    early = [
        (
            command,
            role,
            on("2026-05-01" if command in ("reach-milestone", "grant-support") else body["effective_on"], body),
        )
        for command, role, body in until("accept-plan", STORY)
    ]
    return given(early).when("complete-implementation", OFFICER, **on("2026-05-02", summary="Xong."))


def test_a_first_dossier_needs_the_plan_carried_out() -> None:
    at("accept-plan").when("file-dossier", PRODUCER, **BODIES["file-dossier"]).refused(WrongOrder)


def test_evidence_in_a_dossier_was_recorded_and_is_valid() -> None:
    scene = at("complete-implementation")
    unknown = {**BODIES["file-dossier"], "evidence": ["0" * 64]}

    scene.when("file-dossier", PRODUCER, **unknown).refused(Invalid, "evidence")


def test_a_sheet_of_another_group_or_unknown_is_refused() -> None:
    scene = at("complete-implementation")

    scene.when("file-dossier", PRODUCER, **{**BODIES["file-dossier"], "sheet": "QD26-99"}).refused(Invalid, "sheet")
    drinks = given(
        [
            (command, role, {**body, "group": "drinks"} if command == "submit-idea" else body)
            for command, role, body in until("complete-implementation", STORY)
        ]
    )
    drinks.when("file-dossier", PRODUCER, **BODIES["file-dossier"]).refused(Invalid, "sheet")


def test_an_upgrade_or_re_evaluation_needs_a_valid_certificate() -> None:
    at("complete-implementation").when(
        "file-dossier", PRODUCER, **{**BODIES["file-dossier"], "kind": "upgrade"}
    ).refused(WrongOrder)
    upgrade = {**BODIES["file-dossier"], "kind": "upgrade"}
    given(STORY).when("file-dossier", PRODUCER, **on("2026-11-21", upgrade)).then("product.dossier-filed")


@pytest.mark.parametrize(
    ("days", "filed", "allowed"),
    [(181, "2029-04-22", False), (180, "2029-04-23", True), (120, "2029-06-22", True), (119, "2029-06-23", False)],
)
def test_a_re_evaluation_is_filed_180_to_120_days_before_expiry(days: int, filed: str, allowed: bool) -> None:
    now = datetime(2029, 9, 1, tzinfo=UTC)
    assert (day("2029-10-20") - day(filed)).days == days
    # The tea's certificate ends on 20/10/2029; its food-safety paper on 20/05/2029.
    body = {**BODIES["file-dossier"], "kind": "re-evaluation", "evidence": []}

    scene = given(STORY).when("file-dossier", PRODUCER, now, **on(filed, body))

    if allowed:
        scene.then("product.dossier-filed")
    else:
        scene.refused(AgainstTheLaw, "effective_on")


def test_the_report_needs_the_communes_register() -> None:
    at("file-dossier").when("issue-commune-report", OFFICER, **BODIES["issue-commune-report"]).refused(WrongOrder)


def test_a_dossier_enters_each_register_once() -> None:
    body = BODIES["register-dossier"]

    at_the_commune().when("register-dossier", OFFICER, **body).refused(WrongOrder)
    at("register-dossier").when("register-dossier", PROVINCE, **body).refused(WrongOrder)


def test_the_register_is_that_of_the_level_where_the_dossier_lies() -> None:
    body = BODIES["register-dossier"]

    assert [f.level for f in facts_of(at("register-dossier"), "product.dossier-registered")] == ["commune", "province"]
    at("file-dossier").when("register-dossier", PROVINCE, **body).refused(NotAllowed)
    at("forward-dossier").when("register-dossier", OFFICER, **body).refused(NotAllowed)


def facts_of(scene: Any, stored_name: str) -> list[Any]:
    """The product's facts of one kind."""
    return [told.fact for told in scene.history if told.fact.stored_name == stored_name]


def test_a_late_report_says_by_how_many_working_days() -> None:
    scene = at_the_commune()

    late = scene.when("issue-commune-report", OFFICER, **on("2026-09-04", BODIES["issue-commune-report"]))
    assert late.fact.late_days == 2  # due 28/08; 31/08 to 02/09 are holidays
    timely = scene.when("issue-commune-report", OFFICER, **on("2026-08-28", BODIES["issue-commune-report"]))
    assert timely.fact.late_days == 0


def test_a_supplement_stops_the_report_and_begins_the_term_again() -> None:
    asked = at_the_commune().when(
        "request-supplement", OFFICER, **on("2026-08-12", items=["Phiếu kiểm nghiệm"], due="2026-08-20")
    )
    assert asked.fact.level == "commune"
    assert asked.product.missing == ("Phiếu kiểm nghiệm",)
    assert outlook(asked.product, law_book()).tasks[0].due == day("2026-08-20")
    asked.when("issue-commune-report", OFFICER, **BODIES["issue-commune-report"]).refused(WrongOrder)
    asked.when("request-supplement", OFFICER, items=["khác"]).refused(WrongOrder)

    given_ = asked.when("give-supplement", PRODUCER, **on("2026-08-17", answer="Đã bổ sung."))

    assert given_.fact.report_due == day("2026-09-09")
    assert given_.product.missing == ()
    given_.when("give-supplement", PRODUCER, answer="Nữa.").refused(WrongOrder)


def test_a_supplement_the_province_asked_for_leaves_the_communes_term_alone() -> None:
    asked = at("register-dossier").when("request-supplement", PROVINCE, **on("2026-09-02", items=["Nhãn hiệu"]))

    assert (asked.fact.level, asked.fact.due) == ("province", None)
    asked.when("accept-for-batch", PROVINCE, **BODIES["accept-for-batch"]).refused(WrongOrder)
    answered = asked.when("give-supplement", PRODUCER, **on("2026-09-03", answer="Đã bổ sung."))
    assert answered.fact.report_due is None
    answered.when("accept-for-batch", PROVINCE, **BODIES["accept-for-batch"]).then("product.accepted-for-batch")


def test_the_proposals_date_decides_the_batch() -> None:
    scene = at("issue-commune-report")

    in_time = scene.when("forward-dossier", CHAIR, **on("2026-10-29", BODIES["forward-dossier"]))
    assert (in_time.fact.from_level, in_time.fact.to_level) == ("commune", "province")
    assert (in_time.fact.batch, in_time.fact.batch_done) == ("2026-2", day("2026-12-30"))
    too_late = scene.when("forward-dossier", CHAIR, **on("2026-10-30", BODIES["forward-dossier"]))
    assert too_late.fact.batch == "2027-1"


def test_the_province_takes_a_registered_dossier_with_its_samples() -> None:
    body = BODIES["accept-for-batch"]

    at("forward-dossier").when("accept-for-batch", PROVINCE, **body).refused(WrongOrder)
    registered = given(until("accept-for-batch", STORY)[:-1])
    registered.when("accept-for-batch", PROVINCE, **{**body, "samples_received": 4}).refused(AgainstTheLaw)


@pytest.mark.parametrize("ground", ["forged-dossier", "incomplete-dossier", "disqualifier:1.1", "disqualifier:6.1.1"])
def test_a_dossier_is_rejected_on_a_ground_the_rules_name(ground: str) -> None:
    rejected = at("accept-for-batch").when("reject-dossier", PROVINCE, ground=ground, details="Có căn cứ.")

    rejected.then("product.dossier-rejected")
    assert rejected.fact.legal_basis
    assert open_claim(rejected.product) is None


def test_a_ground_that_the_rules_do_not_name_is_refused() -> None:
    at("accept-for-batch").when("reject-dossier", PROVINCE, ground="bad-taste", details="x").refused(Invalid, "ground")


def test_a_rejected_product_may_file_again_as_first_time() -> None:
    rejected = at("accept-for-batch").when(
        "reject-dossier", PROVINCE, **on("2026-09-10", ground="incomplete-dossier", details="Thiếu giấy.")
    )

    again = rejected.when("file-dossier", PRODUCER, **on("2026-09-20", BODIES["file-dossier"]))

    again.then("product.dossier-filed")
    assert open_claim(again.product) is not None


def test_a_withdrawn_dossier_may_be_filed_again() -> None:
    withdrawn = at("forward-dossier").when("withdraw-dossier", PRODUCER, reason="Bổ sung nhãn hiệu.")

    withdrawn.then("product.dossier-withdrawn")
    withdrawn.when("file-dossier", PRODUCER, **on("2026-11-20", BODIES["file-dossier"])).refused(WrongOrder)
    withdrawn.when("file-dossier", PRODUCER, **on("2026-11-23", BODIES["file-dossier"])).then("product.dossier-filed")


# ── Step 5: advice, and what ends or begins again ────────────────────────────────────────────────────────────────


def test_advice_needs_a_finding_for_every_gate() -> None:
    body = {**BODIES["report-advice"], "findings": findings("QD26-11", 4)[1:]}

    at("accept-for-batch").when("report-advice", Role.ADVISORY_TEAM, **body).refused(Invalid, "findings")


def test_a_product_whose_star_ran_out_starts_again() -> None:
    now = datetime(2030, 1, 31, tzinfo=UTC)
    body = {**BODIES["file-dossier"], "evidence": []}

    given(STORY).when("file-dossier", PRODUCER, **on("2026-11-21", body)).refused(WrongOrder)
    given(STORY).when("file-dossier", PRODUCER, now, **on("2030-01-31", body)).then("product.dossier-filed")


def test_a_re_evaluation_has_its_own_clock() -> None:
    now = datetime(2029, 9, 1, tzinfo=UTC)
    scene = given(STORY).when(
        "file-dossier", PRODUCER, now, **on("2029-06-20", BODIES["file-dossier"], kind="re-evaluation", evidence=[])
    )
    for command, role, day_ in (
        ("register-dossier", OFFICER, "2029-06-20"),
        ("issue-commune-report", OFFICER, "2029-06-29"),
        ("forward-dossier", CHAIR, "2029-07-02"),
    ):
        scene = scene.when(command, role, now, **on(day_, BODIES[command]))
        assert scene.refusal is None, scene.refusal

    assert (scene.fact.batch, scene.fact.batch_cut_off) == ("renewal", None)
    assert scene.fact.batch_done == day("2029-08-17")  # 45 days end on 16/08


def test_what_closes_a_phase_is_not_dated_before_its_last_act() -> None:
    registered = at("file-dossier").when("register-dossier", OFFICER, **on("2026-11-20", BODIES["register-dossier"]))
    report = on("2026-08-26", BODIES["issue-commune-report"])

    registered.when("issue-commune-report", OFFICER, **report).refused(WrongOrder, "effective_on")


def test_a_dossier_cannot_hold_a_paper_issued_after_it() -> None:
    paper = {**BODIES["record-evidence"], "sha256": "1" * 64, "issued_on": "2026-11-19"}
    scene = given(until("complete-implementation", STORY)).when("record-evidence", PRODUCER, **on("2026-11-20", paper))
    assert scene.refusal is None

    body = {**BODIES["file-dossier"], "evidence": ["1" * 64]}
    scene.when("file-dossier", PRODUCER, **on("2026-08-10", body)).refused(Invalid, "evidence")


def test_once_before_the_council_only_a_disqualifier_rejects() -> None:
    scene = at("call-session")

    scene.when("reject-dossier", PROVINCE, ground="incomplete-dossier", details="x").refused(WrongOrder, "ground")
    scene.when("reject-dossier", PROVINCE, ground="disqualifier:6.1.1", details="x").then("product.dossier-rejected")


def test_a_journey_left_is_shown_at_the_step_it_was_left_at() -> None:
    left = at("accept-plan").when("withdraw-journey", PRODUCER, reason="Sang năm.")

    assert (left.product.phase, left.product.step) == (Phase.WITHDRAWN, Step.IMPLEMENTATION)


def test_what_an_ended_dossier_missed_is_no_longer_missing() -> None:
    asked = at_the_commune().when("request-supplement", OFFICER, **on("2026-08-12", items=["Phiếu kiểm nghiệm"]))

    assert asked.when("withdraw-dossier", PRODUCER, reason="Nộp lại sau.").product.missing == ()


def test_an_upgrade_that_is_withdrawn_leaves_the_old_star() -> None:
    upgrade = {**BODIES["file-dossier"], "kind": "upgrade"}
    scene = given(STORY).when("file-dossier", PRODUCER, **on("2026-11-21", upgrade))

    withdrawn = scene.when("withdraw-dossier", PRODUCER, reason="Chưa đủ.")

    assert withdrawn.product.phase is Phase.RECOGNISED
    assert withdrawn.product.certificate is not None


# ── Step 6 ────────────────────────────────────────────────────────────────────────────────────

PROMOTION = [
    "list-on-ecommerce",
    "attend-fair",
    "join-point-of-sale",
    "join-retail-chain",
    "sign-contract",
    "report-revenue",
]


@pytest.mark.parametrize("command", PROMOTION)
def test_promotion_needs_a_certificate_valid_on_the_day(command: str) -> None:
    body = EXAMPLES[command]

    at("conclude-session").when(command, PRODUCER, **on("2026-11-22", body)).refused(AgainstTheLaw)
    at("recognise").when(command, PRODUCER, **on("2026-10-19", body)).refused(AgainstTheLaw, "effective_on")
    at("recognise").when(command, PRODUCER, **on("2026-11-22", body)).then(
        {
            "list-on-ecommerce": "product.ecommerce-listed",
            "attend-fair": "product.fair-attended",
            "join-point-of-sale": "product.point-of-sale-joined",
            "join-retail-chain": "product.retail-chain-joined",
            "sign-contract": "product.contract-signed",
            "report-revenue": "product.revenue-reported",
        }[command]
    )


@pytest.mark.parametrize(("today", "valid"), [("2029-10-20", True), ("2029-10-21", False)])
def test_the_last_day_of_a_certificate_counts(today: str, valid: bool) -> None:
    now = datetime.fromisoformat(f"{today}T05:00:00+00:00")

    scene = at("recognise").when("attend-fair", PRODUCER, now, **{**BODIES["attend-fair"], "effective_on": today})

    assert (scene.refusal is None) is valid


def test_a_listing_comes_down_even_after_the_certificate() -> None:
    now = datetime(2030, 1, 5, tzinfo=UTC)
    listing = {k: BODIES["list-on-ecommerce"][k] for k in ("platform", "listing")}

    down = given(STORY).when("delist-from-ecommerce", PRODUCER, now, **listing, reason="Hết hạn sao.")

    down.then("product.ecommerce-delisted")
    down.when("delist-from-ecommerce", PRODUCER, now, **listing, reason="Nữa.").refused(WrongOrder)


def test_revenue_is_reported_once_a_period_and_channel() -> None:
    scene = given(STORY)

    scene.when("report-revenue", PRODUCER, **BODIES["report-revenue"]).refused(WrongOrder, "period")
    scene.when("report-revenue", PRODUCER, period="2026-Q4", channel="direct", amount=1).then(
        "product.revenue-reported"
    )
    scene.when("report-revenue", PRODUCER, period="2027", channel="direct", amount=1).refused(Invalid, "period")


def test_the_last_years_revenue_may_be_reported_after_the_star_ran_out() -> None:
    now = datetime(2030, 1, 31, tzinfo=UTC)
    report = {"period": "2029", "channel": "direct", "amount": 1}

    given(STORY).when("report-revenue", PRODUCER, now, **report).then("product.revenue-reported")


# ── Corrections ───────────────────────────────────────────────────────────────────────────────


def correction(version: int, **now: Any) -> dict[str, Any]:
    return {"version": version, "now": now, "reason": "Ghi nhầm.", "authority": "Biên bản 01"}


def test_a_correction_names_what_was_and_what_is_now() -> None:
    corrected = given(STORY).when("correct-fact", CHAIR, **correction(2, attendees=35))

    corrected.then("product.fact-corrected")
    assert (corrected.fact.was, corrected.fact.now) == ({"attendees": 32}, {"attendees": 35})


def test_a_corrected_name_is_the_name_from_then_on() -> None:
    scene = at("accept-idea")
    before = open_claim(scene.product)

    corrected = scene.when("correct-fact", CHAIR, **correction(6, product_name="Chè Shan Núi Biều"))

    assert corrected.product.name == "Chè Shan Núi Biều"
    assert open_claim(corrected.product) != before


def test_correcting_twice_starts_from_the_corrected_value() -> None:
    once = given(STORY).when("correct-fact", CHAIR, **correction(2, attendees=35))
    twice = once.when("correct-fact", CHAIR, **correction(2, attendees=36))

    assert twice.fact.was == {"attendees": 35}
    twice.when("correct-fact", CHAIR, **correction(2, attendees=36)).then()


@pytest.mark.parametrize(
    ("version", "now", "field"),
    [
        (99, {"attendees": 1}, "version"),
        (25, {"sheets": []}, "now.sheets"),
        (26, {"average": "90"}, "now.average"),
        (27, {"stars": 5}, "now.stars"),
        (17, {"regime": "x"}, "now.regime"),
        (2, {"attendees": -1}, "now.attendees"),
        (2, {"attendees": "many"}, "now.attendees"),
        (2, {"title": ""}, "now.title"),
    ],
)
def test_results_and_nonsense_cannot_be_corrected(version: int, now: dict[str, Any], field: str) -> None:
    given(STORY).when("correct-fact", CHAIR, **correction(version, **now)).refused(Invalid, field)


@pytest.mark.parametrize("value", ["35", True, 35.5])
def test_a_correction_is_held_to_the_facts_own_shape(value: Any) -> None:
    given(STORY).when("correct-fact", CHAIR, **correction(2, attendees=value)).refused(Invalid, "now.attendees")


@pytest.mark.parametrize(
    "now", [{"issued_on": "2099-01-01"}, {"expires_on": "2026-05-21"}, {"issued_on": "2026-05-23"}]
)
def test_a_corrected_paper_is_held_to_its_dates(now: dict[str, Any]) -> None:
    given(STORY).when("correct-fact", CHAIR, **correction(12, **now)).refused(Invalid)


def test_the_name_that_was_certified_is_not_for_a_correction_to_change() -> None:
    scene = at("recognise")

    scene.when("correct-fact", CHAIR, **correction(6, product_name="Rượu")).refused(Invalid, "now.product_name")


def test_a_correction_is_not_dated_before_the_fact_it_mends() -> None:
    body = on("2026-01-01", correction(2, attendees=35))

    given(STORY).when("correct-fact", CHAIR, **body).refused(WrongOrder, "effective_on")


def test_a_correction_cannot_be_corrected() -> None:
    corrected = given(STORY).when("correct-fact", CHAIR, **correction(2, attendees=35))

    corrected.when("correct-fact", CHAIR, **correction(len(corrected.history), reason="x")).refused(Invalid, "version")


# ── The product number (mã số sản phẩm) ───────────────────────────────────────────────────────


def registering(**body: Any) -> Scene:
    filed = given(until("file-dossier", STORY))
    return filed.when("register-dossier", OFFICER, **on("2026-08-10", EXAMPLES["register-dossier"], **body))


def test_the_commune_gives_the_product_its_number_of_the_year() -> None:
    numbered = registering()

    numbered.then("product.dossier-registered", "product.numbered")
    assert numbered.product.dossier is not None
    assert numbered.product.dossier.product_number == "25-04876-1-2026"
    assert numbered.states[book_id("commune", "04876", 2026)].products == 1


def test_a_number_known_from_paper_takes_none_and_a_typed_one_is_refused() -> None:
    registering(product_number="25-04876-7-2026").refused(Invalid, "product_number")

    known = registering(product_number="25-04876-7-2026", source={"kind": "paper", "scan_sha256": FILE})
    assert known.product.dossier is not None
    assert known.product.dossier.product_number == "25-04876-7-2026"
    book = known.states[book_id("commune", "04876", 2026)]
    assert (book.products, book.written) == (0, {"25-04876-7-2026"})
