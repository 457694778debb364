"""What becomes of a council's result: decisions with numbers, the centre, sending back, complaints, revocation."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

import pytest

from api.examples import EXAMPLES
from domain.book.state import Book, book_id
from domain.law.book import law_book
from domain.product.outlook import outlook
from domain.product.phases import Phase
from domain.product.state import Product
from domain.product.steps.result import lost_meanwhile
from domain.refusals import AgainstTheLaw, Invalid, NotAllowed, NotFound, OutsideArea, WrongOrder
from domain.values import Actor, Role
from tests.language import NOW, PRODUCT, Scene, day, given
from tests.story import FILE, Chapter, bare, choices, findings, on, tea, until

OFFICER, CHAIR, PRODUCER, MEMBER = Role.COMMUNE_OFFICER, Role.COMMUNE_CHAIR, Role.PRODUCER, Role.COUNCIL_MEMBER
PROVINCE, PROVINCE_CHAIR, SECRETARY = Role.PROVINCE_OFFICER, Role.PROVINCE_CHAIR, Role.COUNCIL_SECRETARY
MINISTRY, MINISTER, ADVISERS = Role.MINISTRY_OFFICER, Role.MINISTER, Role.ADVISORY_TEAM
SHEET = "QD26-11"
OTHER = UUID("00000000-0000-4000-8000-00000000000c")
SIGNED = {"level": "province", "signer": "Chủ tịch UBND tỉnh"}
BY_THE_MINISTER = {"level": "centre", "signer": "Bộ trưởng"}
PAPER = {"source": {"kind": "paper", "scan_sha256": "a" * 64}, "decision_number": "77/QĐ-UBND"}
FROM_PAPER = {**PAPER, "certificates": [{"product": str(PRODUCT), "number": "GCN-5"}]}


def told(scene: Scene, chapters: Sequence[Any]) -> Scene:
    """The scene after more chapters; each must go through."""
    for command, by, body in chapters:
        scene = scene.when(command, by, **body)
        assert scene.refusal is None, f"{command}: {scene.refusal}"
    return scene


def worth(total: int, gates: int) -> dict[str, Any]:
    """A score sheet of this total that meets the gates up to a star."""
    leaves, base = law_book().sheets[SHEET].leaves, choices(SHEET, gates)
    points = sum(leaves[c["code"]].options[c["option"]].points for c in base)
    return {"choices": choices(SHEET, gates, total - points)}


def scored(total: int, gates: int, chapters: Sequence[Chapter]) -> list[Chapter]:
    """The chapters with every sheet of this total."""
    return [(c, r, {**b, **worth(total, gates)} if c == "submit-score-sheet" else b) for c, r, b in chapters]


@cache
def concluded(total: int = 60, gates: int = 4) -> Scene:
    """The tea with this result of the province's council."""
    return given(scored(total, gates, until("conclude-session", tea(gates))))


@cache
def recognised(total: int = 60, gates: int = 4) -> Scene:
    """The tea with its star, told to commune and producer."""
    return given(scored(total, gates, until("notify-result", tea(gates))))


def at_the_centre(role: Role, person: str | None = None) -> Actor:
    return Actor(person=person or f"central {role.value}", office="Bộ", role=role, area="VN")


@cache
def judged_by_the_centre(total: int, gates: int) -> Scene:
    """Ninety points and all gates at the province; then this result of the central council."""
    central = [at_the_centre(MEMBER, f"central member {n}") for n in (1, 2, 3)]
    secretary = at_the_centre(SECRETARY)
    members = [{**m, "person": c.person} for m, c in zip(EXAMPLES["set-up-council"]["members"], central, strict=False)]
    members.append({"person": secretary.person, "office": "Bộ", "capacity": "secretary", "voting": False})
    council = {**EXAMPLES["set-up-council"], "level": "centre", "area": "VN", "members": members}
    call = bare(EXAMPLES["call-session"])
    return told(
        concluded(90, 5),
        [
            ("approve-results", PROVINCE_CHAIR, on("2026-10-20", SIGNED)),
            ("forward-dossier", PROVINCE, on("2026-10-22", EXAMPLES["forward-dossier"])),
            ("register-dossier", MINISTRY, on("2026-10-23", EXAMPLES["register-dossier"])),
            ("accept-for-batch", MINISTRY, on("2026-10-26", EXAMPLES["accept-for-batch"])),
            (
                "report-advice",
                at_the_centre(ADVISERS),
                on("2026-11-02", EXAMPLES["report-advice"], findings=findings(SHEET, gates)),
            ),
            ("set-up-council", MINISTER, on("2026-11-02", council)),
            ("call-session", secretary, on("2026-11-03", {**call, "held_on": "2026-11-09"})),
            ("record-attendance", secretary, on("2026-11-09", present=[c.person for c in (*central, secretary)])),
            ("open-scoring", secretary, on("2026-11-09")),
            *(("submit-score-sheet", c, on("2026-11-09", worth(total, gates))) for c in central),
            ("close-scoring", secretary, on("2026-11-09")),
            ("conclude-session", secretary, on("2026-11-10", EXAMPLES["conclude-session"])),
        ],
    )


def due(scene: Scene) -> str:
    """The command awaited most."""
    return outlook(scene.product, law_book()).tasks[0].command


# ── Recognised or not ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("total", "stars"), [(50, 3), (69, 3), (70, 4), (89, 4)])
def test_the_province_recognises_three_and_four_stars(total: int, stars: int) -> None:
    scene = concluded(total, 4 if total > 58 else 3)
    assert due(scene) == "recognise"

    done = scene.when("recognise", PROVINCE_CHAIR, **on("2026-10-20", SIGNED))

    done.then("book.decision-issued")
    fact = done.fact
    assert (fact.stored_name, fact.stars, fact.level, fact.authority) == ("product.recognised", stars, "province", "25")
    assert (fact.issued_on, fact.valid_to) == (day("2026-10-20"), day("2029-10-20"))
    assert (fact.regime, fact.warnings) == ("QD26-2026", ())
    assert done.product.certificate is not None
    assert done.product.certificate.stars == stars


def test_below_three_stars_there_is_no_certificate() -> None:
    scene = concluded(70, 2)  # a band of four stars, held below three by a gate
    assert due(scene) == "decline-recognition"

    scene.when("recognise", PROVINCE_CHAIR, **on("2026-10-20", SIGNED)).refused(AgainstTheLaw, "products")
    declined = scene.when(
        "decline-recognition", PROVINCE_CHAIR, **on("2026-10-20", reasons="Không đạt điều kiện bao bì.")
    )
    declined.then("product.not-recognised")
    assert (declined.fact.level, declined.fact.stars) == ("province", 2)
    assert declined.product.phase is Phase.NOT_RECOGNISED
    declined.when("list-on-ecommerce", PRODUCER, **EXAMPLES["list-on-ecommerce"]).refused(AgainstTheLaw)


def test_a_recognisable_result_is_not_declined() -> None:
    concluded().when("decline-recognition", PROVINCE_CHAIR, reasons="x").refused(AgainstTheLaw)


def test_nothing_is_decided_before_the_council_concluded() -> None:
    scene = given(until("close-scoring", tea()))

    for command in ("recognise", "approve-results"):
        scene.when(command, PROVINCE_CHAIR, **on("2026-10-20", SIGNED)).refused(WrongOrder)
    scene.when("decline-recognition", PROVINCE_CHAIR, **on("2026-10-20", reasons="x")).refused(WrongOrder)


def test_what_is_decided_is_not_decided_again() -> None:
    scene = recognised()

    scene.when("recognise", PROVINCE_CHAIR, **SIGNED).refused(WrongOrder)
    scene.when("decline-recognition", PROVINCE_CHAIR, reasons="x").refused(WrongOrder)
    scene.when("notify-result", PROVINCE, letter_number="2", recipients=["UBND xã"]).refused(WrongOrder)


def test_a_recognition_is_made_public_once() -> None:
    medium = EXAMPLES["publish-result"]

    public = recognised().when("publish-result", PROVINCE, **medium)

    public.then("product.result-published")
    public.when("publish-result", PROVINCE, **medium).refused(WrongOrder)
    concluded().when("publish-result", PROVINCE, **medium).refused(WrongOrder)
    declined = told(concluded(70, 2), [("decline-recognition", PROVINCE_CHAIR, {"reasons": "Không đạt."})])
    declined.when("publish-result", PROVINCE, **medium).refused(WrongOrder)
    recognised().when("publish-result", PRODUCER, **medium).refused(NotAllowed)
    recognised().when("publish-result", PROVINCE, **on("2026-10-19", medium)).refused(WrongOrder, "effective_on")


# ── Numbers of the book ───────────────────────────────────────────────────────────────────────


@cache
def two_products(*, both_scored: bool = True) -> Scene:
    """The tea and another product of its commune, before one council; scored both, or the tea alone."""
    ready = until("report-advice", tea())
    scene = given(ready)
    scene = told(replace(scene, ids={"product": OTHER}), [*ready, *(c for c in tea() if c[0] == "set-up-council")])
    products = [str(PRODUCT), str(OTHER)] if both_scored else [str(PRODUCT)]
    scene = scene.when(
        "call-session", SECRETARY, **{**EXAMPLES["call-session"], **_council(scene), "products": products}
    )
    opening = [c for c in tea() if c[0] in ("record-attendance", "open-scoring")]
    scene = told(scene, opening)
    for product in products:
        for n in (1, 2, 3):
            member = Actor(person=f"council-member-{n}", office="o", role=MEMBER, area="25")
            scene = told(scene, [("submit-score-sheet", member, on("2026-10-05", worth(60, 4), product=product))])
    return told(scene, [c for c in tea() if c[0] in ("close-scoring", "conclude-session")])


def _council(scene: Scene) -> dict[str, str]:
    return {"council": str(scene.ids["council"])}


def products(*keys: UUID) -> dict[str, Any]:
    return {**SIGNED, "products": [str(key) for key in keys]}


def book_of(scene: Scene) -> Book:
    book: Book = scene.states.get(book_id("province", "25", 2026), Book())
    return book


def test_numbers_follow_one_another_without_a_gap() -> None:
    both = two_products().when("recognise", PROVINCE_CHAIR, **on("2026-10-20", products(OTHER, PRODUCT)))

    assert both.facts is not None
    issued = both.facts[0]
    assert (issued.kind, issued.number, issued.decision_number) == ("recognition", 1, "1/QĐ-UBND")
    assert (issued.level, issued.area, issued.year, issued.signer) == ("province", "25", 2026, SIGNED["signer"])
    assert [e.product for e in issued.entries] == [OTHER, PRODUCT]
    assert [e.certificate_number for e in issued.entries] == ["0001/2026/GCN-OCOP-25", "0002/2026/GCN-OCOP-25"]
    told_products = {f.certificate_number: f for f in both.others}
    assert [told_products[e.certificate_number].product_number for e in issued.entries] == [
        both.states[key].dossier.product_number for key in (OTHER, PRODUCT)
    ]
    assert {f.decision_number for f in both.others} == {"1/QĐ-UBND"}
    assert {f.book for f in both.others} == {book_id("province", "25", 2026)}


def test_the_next_decision_takes_the_next_numbers() -> None:
    first = told(two_products(), [("recognise", PROVINCE_CHAIR, on("2026-10-20", products(PRODUCT)))])
    second = first.when("recognise", PROVINCE_CHAIR, **on("2026-10-21", products(OTHER)))

    second.then("book.decision-issued")
    assert second.fact.decision_number == "2/QĐ-UBND"
    assert second.fact.certificate_number == "0002/2026/GCN-OCOP-25"
    assert second.fact.product_number == "25-04876-2-2026"
    assert book_of(second).decisions == book_of(second).certificates == 2


def test_a_decision_on_many_products_fails_as_a_whole() -> None:
    scene = two_products(both_scored=False)

    failed = scene.when("recognise", PROVINCE_CHAIR, **on("2026-10-20", products(PRODUCT, OTHER)))

    failed.refused(WrongOrder)
    assert failed.histories == scene.histories
    assert book_of(failed) == Book()
    alone = failed.when("recognise", PROVINCE_CHAIR, **on("2026-10-20", products(PRODUCT)))
    assert alone.fact.decision_number == "1/QĐ-UBND"  # no number was lost


def test_a_product_named_twice_or_unknown_is_refused() -> None:
    for command in ("recognise", "approve-results"):
        concluded().when(command, PROVINCE_CHAIR, **products(PRODUCT, PRODUCT)).refused(Invalid, "products")
        concluded().when(command, PROVINCE_CHAIR, **products(OTHER)).refused(NotFound, "products")


def test_every_year_and_every_authority_has_its_own_book() -> None:
    assert (
        len(
            {
                book_id(level, area, year)
                for level in ("province", "centre")
                for area in ("25", "VN")
                for year in (2026, 2027)
            }
        )
        == 8
    )
    new_year = datetime(2027, 1, 4, 3, 0, tzinfo=UTC)

    late = concluded().when("recognise", PROVINCE_CHAIR, new_year, **on("2027-01-04", SIGNED))

    assert late.fact.book == book_id("province", "25", 2027)
    assert late.fact.certificate_number == "0001/2027/GCN-OCOP-25"


def test_a_typed_number_is_for_decisions_known_from_paper() -> None:
    scene = concluded()

    scene.when("recognise", PROVINCE_CHAIR, **SIGNED, decision_number="77/QĐ-UBND").refused(Invalid, "decision_number")
    without = {k: v for k, v in FROM_PAPER.items() if k != "decision_number"}
    scene.when("recognise", PROVINCE_CHAIR, **SIGNED, **without).refused(Invalid, "decision_number")
    certificates = FROM_PAPER["certificates"]
    scene.when("recognise", PROVINCE_CHAIR, **SIGNED, certificates=certificates).refused(Invalid, "certificates")
    scene.when("recognise", PROVINCE_CHAIR, **SIGNED, **PAPER).refused(Invalid, "certificates")
    approving = concluded(90, 5)
    approving.when("approve-results", PROVINCE_CHAIR, **SIGNED, decision_number="1").refused(Invalid, "decision_number")
    revoking = {**revocation("c"), "decision_number": "1"}
    recognised().when("revoke", PROVINCE_CHAIR, **revoking).refused(Invalid, "decision_number")


def test_a_decision_known_from_paper_keeps_its_numbers_and_takes_none() -> None:
    known = concluded().when("recognise", PROVINCE_CHAIR, **on("2026-10-20", {**SIGNED, **FROM_PAPER}))

    known.then("book.decision-issued")
    assert known.facts is not None
    assert (known.facts[0].number, known.facts[0].decision_number) == (None, "77/QĐ-UBND")
    assert (known.fact.decision_number, known.fact.certificate_number) == ("77/QĐ-UBND", "GCN-5")
    assert known.fact.product_number == "25-04876-1-2026"  # the commune gave it
    assert (book_of(known).decisions, book_of(known).certificates) == (0, 0)


def test_a_decision_is_signed_for_products_of_the_own_area() -> None:
    stranger = Actor(person="chair", office="another province", role=PROVINCE_CHAIR, area="68")

    concluded().when("recognise", stranger, **SIGNED).refused(OutsideArea)
    concluded(90, 5).when("approve-results", stranger, **SIGNED).refused(OutsideArea)
    recognised().when("revoke", stranger, **revocation("c")).refused(OutsideArea)


@pytest.mark.parametrize("level", ["commune", "centre", "district", "moon"])
def test_a_level_that_is_not_the_signers_is_refused(level: str) -> None:
    concluded().when("recognise", PROVINCE_CHAIR, **{**SIGNED, "level": level}).refused(NotAllowed)
    recognised().when("revoke", PROVINCE_CHAIR, **{**revocation("c"), "level": level}).refused(NotAllowed)


# ── Up to the centre, and back ────────────────────────────────────────────────────────────────


def test_ninety_points_are_approved_and_forwarded() -> None:
    scene = concluded(90, 4)  # the gates of five stars are not met: a warning, the centre judges
    assert due(scene) == "approve-results"
    scene.when("recognise", PROVINCE_CHAIR, **on("2026-10-20", SIGNED)).refused(AgainstTheLaw, "products")

    approved = scene.when("approve-results", PROVINCE_CHAIR, **on("2026-10-20", SIGNED))

    approved.then("book.decision-issued")
    assert approved.fact.stored_name == "product.result-approved"
    assert (approved.fact.level, approved.fact.average, approved.fact.decision_number) == (
        "province",
        "90",
        "1/QĐ-UBND",
    )
    assert {g.stars for g in approved.fact.warnings} == {5}
    assert approved.product.phase is Phase.RESULT_APPROVED
    assert due(approved) == "forward-dossier"
    notified = approved.when("notify-result", PROVINCE, letter_number="1", recipients=["UBND xã"])
    notified.then("product.result-notified")
    forwarded = notified.when("forward-dossier", PROVINCE, **on("2026-11-23", EXAMPLES["forward-dossier"]))
    forwarded.then("product.dossier-forwarded")
    assert (forwarded.fact.from_level, forwarded.fact.to_level) == ("province", "centre")
    assert (forwarded.fact.batch, forwarded.fact.batch_cut_off) == ("2026-2", day("2027-01-30"))
    assert forwarded.product.dossier.level == "centre"  # type: ignore[union-attr]
    assert forwarded.product.dossier.result is None  # type: ignore[union-attr]


def test_below_ninety_nothing_goes_to_the_centre() -> None:
    scene = concluded(89, 5)

    scene.when("approve-results", PROVINCE_CHAIR, **SIGNED).refused(AgainstTheLaw, "products")
    scene.when("forward-dossier", PROVINCE, letter_number="1").refused(WrongOrder)
    recognised().when("forward-dossier", PROVINCE, letter_number="1").refused(WrongOrder)


def test_ninety_points_below_three_stars_do_not_go_up() -> None:
    scene = concluded(90, 2)

    scene.when("approve-results", PROVINCE_CHAIR, **SIGNED).refused(AgainstTheLaw, "products")
    scene.when("decline-recognition", PROVINCE_CHAIR, reasons="Không đạt điều kiện bao bì.").then(
        "product.not-recognised"
    )


def test_an_approved_result_is_not_approved_again() -> None:
    approved = told(concluded(90, 5), [("approve-results", PROVINCE_CHAIR, SIGNED)])

    approved.when("approve-results", PROVINCE_CHAIR, **SIGNED).refused(WrongOrder)
    approved.when("recognise", PROVINCE_CHAIR, **SIGNED).refused(WrongOrder)


def test_the_minister_certifies_five_stars() -> None:
    scene = judged_by_the_centre(92, 5)
    assert due(scene) == "recognise"

    certified = scene.when("recognise", MINISTER, **on("2026-11-16", BY_THE_MINISTER))

    certified.then("book.decision-issued")
    assert (certified.fact.stars, certified.fact.level, certified.fact.authority) == (5, "centre", "VN")
    assert certified.fact.book == book_id("centre", "VN", 2026)
    assert certified.product.certificate is not None
    assert certified.product.certificate.stars == 5
    scene.when("send-back-result", MINISTRY, letter_number="1").refused(AgainstTheLaw)


def test_the_provinces_chair_does_not_sign_what_lies_at_the_centre() -> None:
    scene = judged_by_the_centre(92, 5)

    scene.when("recognise", PROVINCE_CHAIR, **SIGNED).refused(WrongOrder, "products")
    scene.when("recognise", PROVINCE_CHAIR, **BY_THE_MINISTER).refused(NotAllowed)
    scene.when("recognise", MINISTER, **SIGNED).refused(NotAllowed)


@pytest.mark.parametrize(("total", "gates", "stars"), [(89, 5, 4), (92, 4, 4), (69, 4, 3), (92, 3, 3)])
def test_the_minister_certifies_nothing_but_five_stars(total: int, gates: int, stars: int) -> None:
    scene = judged_by_the_centre(total, gates)
    assert scene.product.dossier is not None
    assert scene.product.dossier.result is not None
    assert scene.product.dossier.result.stars == stars
    assert due(scene) == "send-back-result"

    scene.when("recognise", MINISTER, **BY_THE_MINISTER).refused(AgainstTheLaw, "products")
    scene.when("approve-results", MINISTER, **BY_THE_MINISTER).refused(NotAllowed)


def test_the_province_recognises_on_the_result_the_centre_sent_back() -> None:
    sent = judged_by_the_centre(85, 5).when("send-back-result", MINISTRY, **on("2026-11-12", letter_number="99"))

    sent.then("product.result-sent-back")
    assert (sent.fact.from_level, sent.fact.to_level, sent.fact.average) == ("centre", "province", "85")
    assert due(sent) == "recognise"
    settled = sent.when("recognise", PROVINCE_CHAIR, **on("2026-11-16", SIGNED))
    settled.then("book.decision-issued")
    assert (settled.fact.stars, settled.fact.level) == (4, "province")
    assert settled.fact.decision_number == "2/QĐ-UBND"  # the approval took the first


def test_a_result_sent_back_below_three_stars_is_declined_by_the_province() -> None:
    sent = told(judged_by_the_centre(92, 2), [("send-back-result", MINISTRY, {"letter_number": "99"})])

    sent.when("recognise", PROVINCE_CHAIR, **SIGNED).refused(AgainstTheLaw, "products")
    sent.when("decline-recognition", PROVINCE_CHAIR, reasons="Dưới 3 sao.").then("product.not-recognised")


def test_the_province_may_evaluate_again_instead() -> None:
    sent = told(judged_by_the_centre(85, 5), [("send-back-result", MINISTRY, on("2026-11-12", letter_number="99"))])

    again = sent.when("reopen-evaluation", PROVINCE_CHAIR, **EXAMPLES["reopen-evaluation"])

    again.then("product.evaluation-reopened")
    assert (again.fact.level, again.fact.because) == ("province", "own-evaluation")
    assert again.product.phase is Phase.IN_BATCH
    assert again.product.dossier is not None
    assert (again.product.dossier.result, again.product.dossier.session) == (None, None)
    advice = {**EXAMPLES["report-advice"], "findings": findings(SHEET, 4)}
    again.when("report-advice", ADVISERS, **advice).then("product.advisory-reported")
    concluded().when("reopen-evaluation", PROVINCE_CHAIR, **EXAMPLES["reopen-evaluation"]).refused(WrongOrder)


def test_only_the_centre_sends_back() -> None:
    concluded().when("send-back-result", MINISTRY, letter_number="1").refused(NotAllowed)
    judged_by_the_centre(85, 5).when("send-back-result", PROVINCE_CHAIR, letter_number="1").refused(NotAllowed)


# ── Upgrades ──────────────────────────────────────────────────────────────────────────────────


@cache
def upgraded(total: int, gates: int) -> Scene:
    """Four stars, and the result of an upgrade attempt."""
    filing = [c for c, _, _ in tea()].index("file-dossier")
    days = {
        "file-dossier": "2026-10-26",
        "register-dossier": "2026-10-26",
        "issue-commune-report": "2026-10-26",
        "forward-dossier": "2026-10-26",
        "accept-for-batch": "2026-10-26",
        "report-advice": "2026-11-02",
        "call-session": "2026-11-03",
        "record-attendance": "2026-11-09",
    }
    scene, now = recognised(75, 4), "2026-10-26"
    scene = replace(scene, members=0)
    for command, role, body in until("conclude-session", tea(gates))[filing:]:
        if command == "set-up-council":
            continue
        now = days.get(command, now)
        more: dict[str, Any] = {"kind": "upgrade"} if command == "file-dossier" else {}
        more |= {"held_on": "2026-11-09"} if command == "call-session" else {}
        more |= worth(total, gates) if command == "submit-score-sheet" else {}
        scene = told(scene, [(command, role, on(now, body, **more))])
    return scene


def test_an_upgrade_that_scores_lower_leaves_the_old_star() -> None:
    scene = upgraded(69, 4)
    assert due(scene) == "decline-recognition"

    scene.when("recognise", PROVINCE_CHAIR, **SIGNED).refused(AgainstTheLaw, "products")
    ended = scene.when("decline-recognition", PROVINCE_CHAIR, reasons="Chỉ đạt 3 sao.")

    ended.then("product.not-recognised")
    assert ended.product.phase is Phase.RECOGNISED
    assert ended.product.certificate is not None
    assert (ended.product.certificate.stars, ended.product.certificate.number) == (4, "0001/2026/GCN-OCOP-25")
    ended.when("notify-result", PROVINCE, letter_number="3", recipients=["UBND xã"]).then("product.result-notified")


def test_an_upgrade_that_reaches_the_same_star_is_a_new_certificate() -> None:
    renewed = upgraded(80, 4).when("recognise", PROVINCE_CHAIR, **on("2026-11-16", SIGNED))

    renewed.then("book.decision-issued")
    assert renewed.product.certificate is not None
    assert (renewed.product.certificate.stars, renewed.product.certificate.number) == (4, "0002/2026/GCN-OCOP-25")


def holding(scene: Scene, **changes: Any) -> Scene:
    """The scene with another certificate held meanwhile."""
    product = state_of(scene)
    assert product.certificate is not None
    changed = replace(product, certificate=replace(product.certificate, **changes))
    return replace(scene, states={**scene.states, PRODUCT: changed})


def state_of(scene: Scene) -> Product:
    product: Product = scene.states[PRODUCT]
    return product


@pytest.mark.parametrize("ended", [{"suspended": True}, {"valid_to": day("2026-11-15")}])
def test_a_star_that_does_not_hold_any_more_keeps_nobody_from_the_star_earned(ended: dict[str, Any]) -> None:
    scene = holding(upgraded(69, 4), **ended)

    scene.when("decline-recognition", PROVINCE_CHAIR, **on("2026-11-16", reasons="x")).refused(AgainstTheLaw)
    done = scene.when("recognise", PROVINCE_CHAIR, **on("2026-11-16", SIGNED))

    assert (done.fact.stars, done.fact.issued_on) == (3, day("2026-11-16"))


def test_a_star_that_holds_on_its_last_day_stays_above_a_lower_one() -> None:
    scene = holding(upgraded(69, 4), valid_to=day("2026-11-16"))

    scene.when("recognise", PROVINCE_CHAIR, **on("2026-11-16", SIGNED)).refused(AgainstTheLaw, "products")
    scene.when("decline-recognition", PROVINCE_CHAIR, **on("2026-11-16", reasons="x")).then("product.not-recognised")


@pytest.mark.parametrize(("total", "gates"), [(80, 4), (92, 5)])
def test_nothing_is_certified_on_a_certificate_revoked_meanwhile(total: int, gates: int) -> None:
    revoked = told(upgraded(total, gates), [("revoke", PROVINCE_CHAIR, on("2026-11-16", revocation("a")))])
    assert due(revoked) == "decline-recognition"

    for command in ("recognise", "approve-results"):
        refused = revoked.when(command, PROVINCE_CHAIR, **on("2026-11-17", SIGNED)).refused(AgainstTheLaw, "products")
        assert refused.refusal is not None
        assert "đã bị thu hồi" in refused.refusal.vi
    declined = revoked.when("decline-recognition", PROVINCE_CHAIR, **on("2026-11-17", reasons="Đã thu hồi."))
    declined.then("product.not-recognised")
    assert declined.fact.legal_basis == "QĐ 26/2026/QĐ-TTg Đ8"
    assert declined.product.phase is Phase.NOT_RECOGNISED
    withdrawn = revoked.when("withdraw-dossier", PRODUCER, **on("2026-11-17", reason="Đã thu hồi."))
    assert withdrawn.product.phase is Phase.DOSSIER_WITHDRAWN
    first = on("2026-11-20", EXAMPLES["file-dossier"])
    withdrawn.when("file-dossier", PRODUCER, **first).then("product.dossier-filed")


def test_its_own_certificate_revoked_does_not_end_an_upgrade_evaluated_again() -> None:
    done = told(upgraded(80, 4), [("recognise", PROVINCE_CHAIR, on("2026-11-16", SIGNED))])
    again = told(
        done,
        [
            ("order-reevaluation", MINISTRY, on("2026-11-17", EXAMPLES["order-reevaluation"])),
            ("revoke", PROVINCE_CHAIR, on("2026-11-18", revocation("a"))),
        ],
    )

    assert not lost_meanwhile(again.product)


# ── Five stars again ──────────────────────────────────────────────────────────────────────────

IN_2029 = datetime(2029, 9, 3, 3, 0, tzinfo=UTC)


@cache
def five_stars_again() -> Scene:
    """Five stars, and their re-evaluation with the advisers' report of the province."""
    scene = told(judged_by_the_centre(92, 5), [("recognise", MINISTER, on("2026-11-16", BY_THE_MINISTER))])
    advice = {**EXAMPLES["report-advice"], "findings": findings(SHEET, 5)}
    filed = {**EXAMPLES["file-dossier"], "kind": "re-evaluation", "evidence": []}
    for command, by, body in (
        ("file-dossier", PRODUCER, on("2029-06-20", filed)),
        ("register-dossier", OFFICER, on("2029-06-20", EXAMPLES["register-dossier"])),
        ("issue-commune-report", OFFICER, on("2029-06-29", EXAMPLES["issue-commune-report"])),
        ("forward-dossier", CHAIR, on("2029-07-02", EXAMPLES["forward-dossier"])),
        ("register-dossier", PROVINCE, on("2029-07-03", EXAMPLES["register-dossier"])),
        ("accept-for-batch", PROVINCE, on("2029-07-04", EXAMPLES["accept-for-batch"])),
        ("report-advice", PROVINCE, on("2029-07-16", advice)),
    ):
        scene = scene.when(command, by, IN_2029, **body)
        assert scene.refusal is None, f"{command}: {scene.refusal}"
    return scene


def called(scene: Scene) -> Scene:
    """A session of the province's council is called."""
    council = next(
        key for key, s in scene.states.items() if getattr(s, "area", "") == "25" and getattr(s, "number", "")
    )
    body = {**bare(EXAMPLES["call-session"]), "council": str(council), "held_on": "2029-07-25"}
    return scene.when("call-session", SECRETARY, IN_2029, **on("2029-07-18", body))


def test_five_stars_are_renewed_without_a_council_of_the_province() -> None:
    scene = five_stars_again()
    assert due(scene) == "forward-dossier"

    called(scene).refused(AgainstTheLaw, "products")
    forwarded = scene.when("forward-dossier", PROVINCE, IN_2029, **on("2029-07-18", letter_number="5"))

    forwarded.then("product.dossier-forwarded")
    assert (forwarded.fact.from_level, forwarded.fact.to_level) == ("province", "centre")
    assert (forwarded.fact.batch, forwarded.fact.batch_done) == ("renewal", day("2029-09-02"))
    assert forwarded.product.phase is Phase.PROPOSED


@pytest.mark.parametrize("changes", [{"stars": 4}, {"revoked": True}])
def test_other_renewals_come_before_the_provinces_council(changes: dict[str, Any]) -> None:
    scene = holding(five_stars_again(), **changes)

    scene.when("forward-dossier", PROVINCE, IN_2029, **on("2029-07-18", letter_number="5")).refused(WrongOrder)
    called(scene).then("session.called")


def test_a_renewal_sent_back_is_the_provinces_own_to_evaluate() -> None:
    scene = five_stars_again()
    product = state_of(scene)
    assert product.dossier is not None
    sent_back = replace(product, dossier=replace(product.dossier, sent_back=True))

    called(replace(scene, states={**scene.states, PRODUCT: sent_back})).then("session.called")
    sent = told(judged_by_the_centre(85, 5), [("send-back-result", MINISTRY, on("2026-11-12", letter_number="99"))])
    again = told(sent, [("reopen-evaluation", PROVINCE_CHAIR, EXAMPLES["reopen-evaluation"])])
    assert again.product.dossier is not None
    assert again.product.dossier.sent_back


# ── Complaints, and evaluations ordered again ─────────────────────────────────────────────────

COMPLAINT, SETTLED = EXAMPLES["file-complaint"], EXAMPLES["settle-complaint"]


def test_a_complaint_needs_a_decided_result_and_waits_alone() -> None:
    concluded().when("file-complaint", PRODUCER, **COMPLAINT).refused(WrongOrder)
    recognised().when("settle-complaint", PROVINCE_CHAIR, **SETTLED).refused(WrongOrder)

    filed = recognised().when("file-complaint", PRODUCER, **COMPLAINT)

    filed.then("product.complaint-filed")
    filed.when("file-complaint", PRODUCER, **COMPLAINT).refused(WrongOrder)
    early = on("2026-10-19", COMPLAINT)
    recognised().when("file-complaint", PRODUCER, **early).refused(WrongOrder, "effective_on")


def test_a_rejected_complaint_changes_nothing_else() -> None:
    filed = told(recognised(), [("file-complaint", PRODUCER, COMPLAINT)])

    settled = filed.when("settle-complaint", PROVINCE_CHAIR, **SETTLED)

    settled.then("product.complaint-settled")
    assert settled.fact.outcome == "rejected"
    assert settled.product.phase is Phase.RECOGNISED
    filed.when("settle-complaint", PROVINCE_CHAIR, **SETTLED, evaluate_again=True).refused(Invalid, "evaluate_again")
    settled.when("file-complaint", PRODUCER, **COMPLAINT).then("product.complaint-filed")


@pytest.mark.parametrize("again", [False, True])
def test_an_upheld_complaint_may_lead_to_a_new_evaluation(again: bool) -> None:
    declined = told(concluded(70, 2), [("decline-recognition", PROVINCE_CHAIR, {"reasons": "Không đạt."})])
    filed = told(declined, [("file-complaint", PRODUCER, COMPLAINT)])

    settled = filed.when("settle-complaint", PROVINCE_CHAIR, **{**SETTLED, "upheld": True, "evaluate_again": again})

    if again:
        settled.then("product.complaint-settled", "product.evaluation-reopened")
        assert settled.facts is not None
        assert (settled.facts[1].because, settled.facts[1].level) == ("complaint", "province")
        assert settled.product.phase is Phase.IN_BATCH
        assert due(settled) == "report-advice"
    else:
        settled.then("product.complaint-settled")
        assert settled.product.phase is Phase.NOT_RECOGNISED
    assert settled.facts is not None
    assert settled.facts[0].outcome == "upheld"


def test_a_certificate_stays_while_the_evaluation_is_done_again() -> None:
    filed = told(recognised(), [("file-complaint", PRODUCER, COMPLAINT)])

    again = told(filed, [("settle-complaint", PROVINCE_CHAIR, {**SETTLED, "upheld": True, "evaluate_again": True})])

    assert again.product.phase is Phase.IN_BATCH
    assert again.product.certificate is not None
    assert again.product.certificate.valid_on(NOW.date())


def test_the_ministry_orders_an_evaluation_to_be_done_again() -> None:
    order = EXAMPLES["order-reevaluation"]

    again = recognised().when("order-reevaluation", MINISTRY, **order)

    again.then("product.evaluation-reopened")
    assert (again.fact.level, again.fact.because) == ("province", "ordered")
    assert again.product.phase is Phase.IN_BATCH
    assert again.product.certificate is not None
    assert not again.product.certificate.revoked
    declined = told(concluded(70, 2), [("decline-recognition", PROVINCE_CHAIR, {"reasons": "Không đạt."})])
    declined.when("order-reevaluation", MINISTER, **order).then("product.evaluation-reopened")
    concluded().when("order-reevaluation", MINISTRY, **order).refused(WrongOrder)
    recognised().when("order-reevaluation", PROVINCE_CHAIR, **order).refused(NotAllowed)


def test_a_withdrawn_dossier_has_no_result_to_evaluate_again() -> None:
    upgrade = on("2026-10-26", EXAMPLES["file-dossier"], kind="upgrade")
    withdrawn = told(
        recognised(),
        [("file-dossier", PRODUCER, upgrade), ("withdraw-dossier", PRODUCER, on("2026-10-27", reason="Chưa đủ."))],
    )

    withdrawn.when("order-reevaluation", MINISTRY, **EXAMPLES["order-reevaluation"]).refused(WrongOrder)


def test_a_complaint_upheld_after_the_dossier_went_up_evaluates_nothing_again() -> None:
    went_up = told(
        concluded(90, 5),
        [
            ("approve-results", PROVINCE_CHAIR, on("2026-10-20", SIGNED)),
            ("file-complaint", PRODUCER, on("2026-10-21", COMPLAINT)),
            ("forward-dossier", PROVINCE, on("2026-10-22", EXAMPLES["forward-dossier"])),
        ],
    )

    again = {**SETTLED, "upheld": True, "evaluate_again": True}
    went_up.when("settle-complaint", MINISTER, **again).refused(WrongOrder, "evaluate_again")
    went_up.when("settle-complaint", MINISTER, **{**SETTLED, "upheld": True}).then("product.complaint-settled")


# ── Revocation ────────────────────────────────────────────────────────────────────────────────


def revocation(ground: str, concluded_on: str = "2026-11-10") -> dict[str, Any]:
    return {**bare(EXAMPLES["revoke"]), "ground": ground, "concluded_on": concluded_on}


@pytest.mark.parametrize("ground", ["a", "b", "c", "d", "dd", "e"])
def test_a_certificate_is_revoked_on_each_ground_of_the_law(ground: str) -> None:
    revoked = recognised().when("revoke", PROVINCE_CHAIR, **on("2026-11-20", revocation(ground)))

    revoked.then("book.decision-issued")
    assert revoked.facts is not None
    assert (revoked.facts[0].kind, revoked.facts[0].decision_number) == ("revocation", "2/QĐ-UBND")
    assert revoked.fact.stored_name == "product.certificate-revoked"
    assert (revoked.fact.ground, revoked.fact.stars, revoked.fact.level) == (ground, 3, "province")
    assert re.fullmatch(r"QĐ 26/2026/QĐ-TTg Đ8 điểm (a|b|c|d|đ|e)", revoked.fact.legal_basis)
    assert revoked.product.phase is Phase.REVOKED
    assert revoked.product.certificate is not None
    assert not revoked.product.certificate.valid_on(day("2026-11-20"))


def test_a_ground_the_law_does_not_name_is_refused() -> None:
    recognised().when("revoke", PROVINCE_CHAIR, **revocation("f")).refused(Invalid, "ground")


@pytest.mark.parametrize(("days", "late"), [(0, 0), (14, 0), (15, 0), (16, 1), (20, 5)])
def test_a_late_revocation_says_by_how_many_days(days: int, late: int) -> None:
    concluded_on = day("2026-11-20") - timedelta(days=days)

    revoked = recognised().when("revoke", PROVINCE_CHAIR, **on("2026-11-20", revocation("c", concluded_on.isoformat())))

    assert revoked.fact.late_days == late


def test_a_revocation_is_not_dated_before_its_conclusion() -> None:
    body = on("2026-11-20", revocation("c", "2026-11-21"))

    recognised().when("revoke", PROVINCE_CHAIR, **body).refused(Invalid, "concluded_on")


def test_a_star_is_revoked_by_the_level_that_gives_it() -> None:
    by_the_minister = {**revocation("c"), **BY_THE_MINISTER}
    five = told(judged_by_the_centre(92, 5), [("recognise", MINISTER, on("2026-11-16", BY_THE_MINISTER))])

    recognised().when("revoke", MINISTER, **by_the_minister).refused(AgainstTheLaw, "level")
    five.when("revoke", PROVINCE_CHAIR, **revocation("c")).refused(AgainstTheLaw, "level")
    five.when("revoke", MINISTER, **by_the_minister).then("book.decision-issued")


def test_a_star_of_earlier_rules_is_revoked_by_the_rules_of_the_day() -> None:
    star = told(
        before_the_district(60), [("recognise", DISTRICT_ROLES[PROVINCE_CHAIR], on("2025-06-30", BY_THE_DISTRICT))]
    )

    star.when("revoke", DISTRICT_ROLES[PROVINCE_CHAIR], **{**revocation("c"), "level": "district"}).refused(NotAllowed)
    revoked = star.when("revoke", PROVINCE_CHAIR, **on("2026-11-20", revocation("c")))
    revoked.then("book.decision-issued")
    assert (revoked.fact.regime, revoked.fact.level, revoked.fact.ground) == ("QD26-2026", "province", "c")


def test_only_a_certificate_that_is_held_is_revoked_and_once() -> None:
    concluded().when("revoke", PROVINCE_CHAIR, **revocation("c")).refused(WrongOrder)
    revoked = told(recognised(), [("revoke", PROVINCE_CHAIR, on("2026-11-20", revocation("c")))])

    revoked.when("revoke", PROVINCE_CHAIR, **revocation("c")).refused(WrongOrder)
    revoked.when("attend-fair", PRODUCER, **on("2026-11-21", EXAMPLES["attend-fair"])).refused(AgainstTheLaw)


def test_after_a_revocation_the_product_starts_again() -> None:
    revoked = told(recognised(), [("revoke", PROVINCE_CHAIR, on("2026-11-20", revocation("dd")))])
    body = on("2026-11-21", EXAMPLES["file-dossier"])

    revoked.when("file-dossier", PRODUCER, **{**body, "kind": "upgrade"}).refused(WrongOrder)
    again = revoked.when("file-dossier", PRODUCER, **body)

    again.then("product.dossier-filed")
    ended = told(again, [("withdraw-dossier", PRODUCER, {"reason": "Chưa đủ."})])
    assert ended.product.phase is Phase.DOSSIER_WITHDRAWN  # no star to fall back on


# ── A certificate that ran out ────────────────────────────────────────────────────────────────


def test_a_product_whose_certificate_ran_out_starts_again() -> None:
    now = datetime(2029, 10, 21, 3, 0, tzinfo=UTC)
    expiry = {"certificate_number": "0001/2026/GCN-OCOP-25", "effective_on": "2029-10-21"}

    expired = recognised().when("record-certificate-expiry", Role.SYSTEM, now, **expiry)

    expired.then("product.certificate-expired")
    assert expired.product.phase is Phase.EXPIRED
    body = {**EXAMPLES["file-dossier"], "evidence": []}
    for kind in ("upgrade", "re-evaluation"):
        expired.when("file-dossier", PRODUCER, now, **on("2029-10-21", body, kind=kind)).refused(WrongOrder)
    filed = expired.when("file-dossier", PRODUCER, now, **on("2029-10-21", body))
    filed.then("product.dossier-filed")
    ended = filed.when("withdraw-dossier", PRODUCER, now, reason="Chưa đủ.")
    assert ended.product.phase is Phase.EXPIRED  # not certified again by filing


@pytest.mark.parametrize(
    ("held", "starts_again"),
    [
        ({"suspended": True}, False),
        ({"issued_on": None}, False),  # its last day is known and not over
        ({"issued_on": None, "valid_to": None}, True),
        ({"valid_to": day("2026-11-20")}, True),
        ({"valid_to": day("2026-11-20"), "suspended": True}, True),
        ({"valid_to": day("2026-11-21")}, False),
    ],
)
def test_first_time_is_for_who_holds_no_certificate_that_runs(held: dict[str, Any], starts_again: bool) -> None:
    filed = holding(recognised(), **held).when(
        "file-dossier", PRODUCER, **on("2026-11-21", EXAMPLES["file-dossier"], evidence=[])
    )

    if starts_again:
        filed.then("product.dossier-filed")
    else:
        filed.refused(WrongOrder)


# ── Earlier rules: the transition, and districts ──────────────────────────────────────────────

ISO = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def moved(value: Any, days: int) -> Any:
    """A body with every day in it moved."""
    if isinstance(value, dict):
        return {k: moved(v, days) for k, v in value.items()}
    if isinstance(value, list):
        return [moved(v, days) for v in value]
    if isinstance(value, str) and ISO.fullmatch(value):
        return (date.fromisoformat(value) + timedelta(days=days)).isoformat()
    return value


def under_148(filed: str, total: int = 60) -> list[Chapter]:
    """The tea up to the council's conclusion under the sheet of Decision 148, filed on this day."""
    days = (day(filed) - day("2026-08-10")).days
    points = choices("QD148", 3, total - 3)
    changes: dict[str, dict[str, Any]] = {
        "identify-product": {"cycle": day(filed).year},
        "file-dossier": {"sheet": "QD148"},
        "report-advice": {"findings": []},
        "submit-score-sheet": {"choices": points},
    }
    story = until("conclude-session", tea())
    return [(c, r, {**moved(b, days), **changes.get(c, {})}) for c, r, b in story]


@cache
def in_transition() -> Scene:
    """Filed on the last day of the earlier rules, with the council's result two months later."""
    return given(under_148("2026-05-21"))


@pytest.mark.parametrize(("decided", "in_time"), [("2026-07-21", True), ("2026-07-22", False)])
def test_a_dossier_of_the_earlier_rules_is_finished_in_sixty_days(decided: str, in_time: bool) -> None:
    scene = in_transition()
    assert scene.product.dossier is not None
    assert (scene.product.dossier.regime, scene.product.dossier.level) == ("QD1489-2025", "province")

    done = scene.when("recognise", PROVINCE_CHAIR, **on(decided, SIGNED))

    if in_time:
        done.then("book.decision-issued")
        assert (done.fact.regime, done.fact.stars, done.fact.warnings) == ("QD1489-2025", 3, ())
    else:
        done.refused(AgainstTheLaw, "effective_on")
        assert done.refusal is not None
        assert "21/07/2026" in done.refusal.vi
        assert "Đ12" in done.refusal.vi


@cache
def renewed_in_transition() -> Scene:
    """Three stars of 2025, and a re-evaluation filed on the last day of the earlier rules."""
    first = [*under_148("2025-08-11"), ("recognise", PROVINCE_CHAIR, on("2025-11-03", SIGNED))]
    filing = [c for c, _, _ in tea()].index("file-dossier")
    scene, days = given(first), {"call-session": "2026-06-01", "report-advice": "2026-05-29"}
    now = "2026-05-21"
    scene = replace(scene, members=0)
    for command, role, body in under_148("2026-05-21")[filing:]:
        if command == "set-up-council":
            continue
        now = days.get(command, "2026-06-08" if command == "record-attendance" else now)
        more: dict[str, Any] = {"kind": "re-evaluation", "evidence": []} if command == "file-dossier" else {}
        more |= {"held_on": "2026-06-08"} if command == "call-session" else {}
        scene = told(scene, [(command, role, on(now, body, **more))])
    return scene


@pytest.mark.parametrize(("decided", "in_time"), [("2026-06-21", True), ("2026-06-22", False)])
def test_a_re_evaluation_of_the_earlier_rules_is_finished_in_thirty_days(decided: str, in_time: bool) -> None:
    scene = renewed_in_transition()
    assert scene.product.dossier is not None
    assert (scene.product.dossier.kind, scene.product.dossier.regime) == ("re-evaluation", "QD1489-2025")

    done = scene.when("recognise", PROVINCE_CHAIR, **on(decided, SIGNED))

    if in_time:
        done.then("book.decision-issued")
    else:
        done.refused(AgainstTheLaw, "effective_on")


@pytest.mark.parametrize(
    ("extended_to", "declined_on", "ends"),
    [
        ("2026-11-28", "2026-06-15", "2026-06-15"),
        ("2026-06-12", "2026-06-15", "2026-06-12"),
        ("2026-11-28", "2026-06-08", "2026-06-10"),
    ],
)
def test_a_negative_ruling_ends_the_extension(extended_to: str, declined_on: str, ends: str) -> None:
    scene = holding(renewed_in_transition(), valid_to=day("2026-06-10"), extended_to=day(extended_to))
    product = state_of(scene)
    assert product.dossier is not None
    assert product.dossier.result is not None
    low = product.dossier.result.model_copy(update={"stars": 2})
    dossier, since = replace(product.dossier, result=low), day("2026-06-08")
    lower = replace(product, dossier=dossier, since=since, latest_act=since)
    scene = replace(scene, states={**scene.states, PRODUCT: lower})

    ruled = scene.when("decline-recognition", PROVINCE_CHAIR, **on(declined_on, reasons="Không đạt."))

    ruled.then("product.not-recognised")
    held = state_of(ruled).certificate
    assert held is not None
    assert held.last_day == day(ends)
    assert held.valid_on(day(ends))
    assert not held.valid_on(day(ends) + timedelta(days=1))
    longer = on("2026-06-20", reason="Chưa kịp", until="2026-07-30")
    ruled.when("extend-certificate", PROVINCE_CHAIR, **longer).refused(AgainstTheLaw)


DISTRICT = "25-150"  # huyện Đà Bắc, until 30/6/2025
DISTRICT_ROLES = {
    PROVINCE: Actor(person="cán bộ huyện", office="Phòng Nông nghiệp", role=Role.DISTRICT_OFFICER, area=DISTRICT),
    PROVINCE_CHAIR: Actor(person="chủ tịch huyện", office="UBND huyện", role=Role.DISTRICT_CHAIR, area=DISTRICT),
}
BY_THE_DISTRICT = {"level": "district", "signer": "Chủ tịch UBND huyện"}


@cache
def before_the_district(total: int) -> Scene:
    """Filed under Decision 148 in spring 2025, with the result of the district's council in June."""
    return told(Scene(), chapters_of_the_district(total))


def chapters_of_the_district(total: int) -> list[Any]:
    """The chapters of such a dossier, up to the council's conclusion."""
    chapters: list[Any] = []
    for command, role, body in under_148("2025-05-02", total):
        more = {"level": "district", "area": DISTRICT} if command == "set-up-council" else {}
        at_district = command in ("set-up-council", "register-dossier", "accept-for-batch")
        by = DISTRICT_ROLES.get(role, role) if at_district else role
        chapters.append((command, by, {**body, **more}))
    return chapters


@pytest.mark.parametrize(
    ("decided", "warned"),
    [
        ("2025-06-30", []),
        ("2025-07-01", ["after-districts", "gap-july-2025"]),
        ("2025-07-05", ["after-districts", "gap-july-2025"]),
        ("2025-07-06", ["after-districts"]),
    ],
)
def test_a_decision_of_a_district_says_what_is_odd_about_its_day(decided: str, warned: list[str]) -> None:
    scene = before_the_district(60)
    assert scene.product.dossier is not None
    assert (scene.product.dossier.regime, scene.product.dossier.level) == ("QD148-2023", "district")

    done = scene.when("recognise", DISTRICT_ROLES[PROVINCE_CHAIR], **on(decided, BY_THE_DISTRICT))

    done.then("book.decision-issued")
    assert [w.code for w in done.fact.warnings] == warned
    assert all(w.vi and w.en and w.vi != w.en for w in done.fact.warnings)
    assert (done.fact.level, done.fact.authority, done.fact.stars) == ("district", DISTRICT, 3)


def test_from_seventy_points_a_district_sends_the_result_to_the_province() -> None:
    scene, chair = before_the_district(75), DISTRICT_ROLES[PROVINCE_CHAIR]

    scene.when("recognise", chair, **on("2025-06-30", BY_THE_DISTRICT)).refused(AgainstTheLaw, "products")
    approved = told(scene, [("approve-results", chair, on("2025-06-30", BY_THE_DISTRICT))])
    forwarded = approved.when("forward-dossier", DISTRICT_ROLES[PROVINCE], **on("2025-06-30", letter_number="1"))

    forwarded.then("product.dossier-forwarded")
    assert (forwarded.fact.from_level, forwarded.fact.to_level) == ("district", "province")
    assert (forwarded.fact.batch, forwarded.fact.batch_done) == ("-", None)


@pytest.mark.parametrize("last", ["forward-dossier", "register-dossier", "report-advice", "conclude-session"])
def test_what_lies_at_a_level_that_is_gone_the_commune_sends_on(last: str) -> None:
    scene = at_the_district(last)
    letter = {"letter_number": "9/UBND"}

    (task,) = [t for t in outlook(scene.product, law_book()).tasks if t.command == "forward-dossier"]
    assert (task.opens_on, task.roles) == (day("2025-07-06"), (CHAIR, OFFICER))
    scene.when("forward-dossier", CHAIR, **on("2025-07-05", letter)).refused(NotAllowed)
    scene.when("forward-dossier", DISTRICT_ROLES[PROVINCE], **on("2025-07-06", letter)).refused(NotAllowed)
    sent = scene.when("forward-dossier", CHAIR, **on("2025-07-06", letter))

    sent.then("product.dossier-forwarded")
    assert (sent.fact.from_level, sent.fact.to_level, sent.fact.regime) == ("district", "province", "QD1489-2025")
    dossier = sent.product.dossier
    assert dossier is not None
    assert (dossier.regime, dossier.level, dossier.session, dossier.result) == ("QD1489-2025", "province", None, None)
    assert dossier.rules_hash == law_book().rules_hash("QD1489-2025", "QD148")
    taken = told(
        sent,
        [
            ("register-dossier", PROVINCE, on("2025-07-08", EXAMPLES["register-dossier"])),
            ("accept-for-batch", PROVINCE, on("2025-07-09", EXAMPLES["accept-for-batch"])),
            ("report-advice", ADVISERS, on("2025-07-10", EXAMPLES["report-advice"], findings=[])),
        ],
    )
    assert due(taken) == "call-session"


@cache
def at_the_district(last: str) -> Scene:
    """As far as the last chapter of this command, under Decision 148 in spring 2025; the register is the district's."""
    return told(Scene(), until(last, chapters_of_the_district(60)))


@pytest.mark.parametrize(
    ("sent_on", "to", "regime"), [("2025-07-05", "district", "QD148-2023"), ("2025-07-06", "province", "QD1489-2025")]
)
def test_the_commune_sends_to_the_first_level_there_is(sent_on: str, to: str, regime: str) -> None:
    scene = told(Scene(), until("issue-commune-report", chapters_of_the_district(60)))

    sent = scene.when("forward-dossier", CHAIR, **on(sent_on, letter_number="9/UBND"))

    assert (sent.fact.to_level, sent.fact.regime) == (to, regime)
    assert sent.product.dossier is not None
    assert (sent.product.dossier.level, sent.product.dossier.regime) == (to, regime)


def test_a_result_approved_at_a_level_that_is_gone_goes_up_all_the_same() -> None:
    chair = DISTRICT_ROLES[PROVINCE_CHAIR]
    approved = told(before_the_district(75), [("approve-results", chair, on("2025-06-30", BY_THE_DISTRICT))])
    assert CHAIR in outlook(approved.product, law_book()).tasks[0].roles

    approved.when("forward-dossier", CHAIR, **on("2025-07-07", letter_number="9")).then("product.dossier-forwarded")


def test_told_fact_by_fact_or_as_a_whole_a_product_is_the_same() -> None:
    for scene in (recognised(), judged_by_the_centre(92, 5), upgraded(69, 4), in_transition(), before_the_district(60)):
        product: Product = scene.states[PRODUCT]
        assert product == scene.product


# ── Numbers of papers, and days ───────────────────────────────────────────────────────────────


def test_a_number_that_a_paper_carries_is_not_given_again() -> None:
    paper = {"source": {"kind": "paper", "scan_sha256": FILE}, "decision_number": "1/QĐ-UBND"}
    certificates = [{"product": str(PRODUCT), "number": "0001/2026/GCN-OCOP-25"}]
    known = told(
        two_products(),
        [("recognise", PROVINCE_CHAIR, on("2026-10-20", products(PRODUCT), certificates=certificates, **paper))],
    )

    native = known.when("recognise", PROVINCE_CHAIR, **on("2026-10-21", products(OTHER)))

    assert native.fact.decision_number == "2/QĐ-UBND"
    assert native.fact.certificate_number == "0002/2026/GCN-OCOP-25"


def test_a_decision_on_many_says_which_product_it_fails_on() -> None:
    failed = two_products(both_scored=False).when(
        "recognise", PROVINCE_CHAIR, **on("2026-10-20", products(PRODUCT, OTHER))
    )

    assert failed.refusal is not None
    assert failed.refusal.vi.startswith("“")
    assert failed.refusal.field == "products"
