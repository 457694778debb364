"""Who may do what, on which day: assignments, delegations, acting on behalf, duties kept apart."""

from __future__ import annotations

from datetime import date
from typing import Any
from uuid import UUID

import pytest

from api.examples import EXAMPLES
from domain.person.powers import delegators_of, permits_on, powers_on
from domain.refusals import DutiesSeparated, Invalid, NotAllowed, NotHeld, OutsideArea, WrongOrder
from domain.values import Actor, Role
from tests.appointed import assignment_id, person_id
from tests.scenario import without_day
from tests.staff import ADMIN, COMMUNE, TODAY, World, chair, officer, on_behalf, producer

AN, BINH, CHI, DUNG = officer("An"), officer("Bình"), chair("Chi"), officer("Dũng", "04831")
HTX = producer("HTX một 1")
OPENING = without_day(EXAMPLES["identify-product"]) | {"commune": COMMUNE, "cycle": 2026}
IDEA = without_day(EXAMPLES["submit-idea"])
IDEA = {**IDEA, "producer": {**IDEA["producer"], "registration": "HTX-1"}}
PLAN = without_day(EXAMPLES["submit-plan"])


def staffed(*more: Actor) -> World:
    return World().appointed(AN, BINH, CHI, DUNG, HTX, ADMIN, *more)


def submitted(by: str = "HTX một 1", **more: Any) -> tuple[World, UUID]:
    world = staffed()
    product = world.give("An", "identify-product", **OPENING)
    world.give("An", "hand-over-idea-form", product, **without_day(EXAMPLES["hand-over-idea-form"]))
    world.give(by, "submit-idea", product, **IDEA, **more)
    return world, product


def held(actor: Actor) -> UUID:
    return assignment_id(actor)


DECISION = {"decision_number": "80/QĐ-UBND", "reason": "Chuyển công tác."}
SCAN = {"kind": "paper", "scan_sha256": "a" * 64}
FROM_TODAY = {"term": {"first": "2026-11-23", "last": "2026-12-20"}, "document": "05/GUQ-UBND"}


# ── Assignments and their days ────────────────────────────────────────────────────────────────


def test_a_person_acts_in_what_he_holds_and_the_fact_names_the_assignment_and_the_rule() -> None:
    world, product = submitted()

    (opened, *_) = world.told[product]
    assert opened.envelope.actor.assignment == held(AN)
    assert opened.envelope.actor.id == person_id("An")
    assert opened.envelope.rule == "practice-2026/identify-product"


def test_a_role_that_ended_carries_nothing_more() -> None:
    world, product = submitted()
    before = world.powers("Bình")
    world.give("Quản trị viên", "end-assignment", person_id("Bình"), assignment=held(BINH), ends_on=TODAY, **DECISION)

    assert world.powers("Bình") == []
    with pytest.raises(NotHeld):
        world.give(before, "endorse-idea", product)


def test_a_role_is_not_held_before_its_first_day() -> None:
    world = staffed()
    office = world.give(
        "Quản trị viên",
        "establish-office",
        title="UBND xã",
        level="commune",
        area=COMMUNE,
        decision_number="1/QĐ",
    )
    new = world.give("Quản trị viên", "register-person", handle="Giang", kind="official", area=COMMUNE)
    term = {"first": "2026-11-23"}
    assigned = {"role": "commune-officer", "office": str(office), "area": COMMUNE, "term": term, "signer": "Chủ tịch"}
    world.give("Quản trị viên", "assign-role", new, decision_number="2/QĐ", **assigned)
    giang = [a for p in powers_on(new, world.states[new], {}, TODAY) for a in [p.actor]]

    with pytest.raises(NotHeld):
        world.give(giang, "identify-product", **OPENING, effective_on="2026-11-22")
    world.give(giang, "identify-product", **OPENING, effective_on="2026-11-23")
    # What others did before is entered from its paper, by whoever holds the role now.
    paper = {"number": "9/BB", "signed_on": "2026-03-02", "signer": "Cán bộ cũ"}
    world.give(giang, "identify-product", **OPENING, effective_on="2026-03-02", source=SCAN, paper=paper)
    for lacking in ({}, {"paper": {"number": "9/BB", "signed_on": "2026-03-02"}}):
        with pytest.raises(Invalid) as refused:
            world.give(giang, "identify-product", **OPENING, effective_on="2026-03-02", source=SCAN, **lacking)
        assert refused.value.field == "paper"


def test_an_act_of_long_ago_names_its_paper() -> None:
    world = staffed()

    world.give("An", "identify-product", **OPENING, effective_on="2026-10-24")
    with pytest.raises(Invalid) as refused:
        world.give("An", "identify-product", **OPENING, effective_on="2026-10-23")
    assert refused.value.field == "paper"
    with pytest.raises(Invalid):
        world.give("An", "identify-product", **OPENING, effective_on="2026-10-23", paper={"number": "1/BB"})
    paper = {"number": "1/BB", "signed_on": "2026-10-23"}
    world.give("An", "identify-product", **OPENING, effective_on="2026-10-23", paper=paper)


def test_the_role_that_carries_the_command_is_found_among_several() -> None:
    world = staffed(officer("Chi"))
    product = world.give("Chi", "identify-product", **OPENING)

    assert world.told[product][0].envelope.actor.role is Role.COMMUNE_OFFICER


def test_outside_the_area_there_is_nothing() -> None:
    world, product = submitted()

    with pytest.raises(OutsideArea):
        world.give("Dũng", "endorse-idea", product)


def test_a_handle_is_nobody_elses() -> None:
    world = staffed()
    claims = {}
    for handle in ("Giang", "GIANG ", "Hà"):
        order = world.order(
            world.powers("Quản trị viên"), "register-person", None, handle=handle, kind="official", area="VN"
        )
        claims[handle] = world.decide(order).acquired[0][0]

    assert claims["Giang"] == claims["GIANG "] != claims["Hà"]


@pytest.mark.parametrize(
    ("kind", "role", "area", "field"),
    [
        ("official", "producer", COMMUNE, "role"),
        ("producer", "commune-officer", COMMUNE, "role"),
        ("official", "system", "VN", "role"),
        ("official", "commune-officer", "25", "area"),
        ("official", "province-chair", COMMUNE, "area"),
        ("official", "minister", "25", "area"),
        ("official", "district-officer", "25-150", "term.last"),
        ("official", "council-secretary", "25-150", "term.last"),
        ("official", "administrator", "25-150", "area"),
        ("official", "supervisor", "25-150", "area"),
        ("producer", "producer", COMMUNE, "producer"),
    ],
)
def test_a_role_that_does_not_fit_is_not_assigned(kind: str, role: str, area: str, field: str) -> None:
    world = staffed()
    new = world.give("Quản trị viên", "register-person", handle="Giang", kind=kind, area=COMMUNE)
    body = {"role": role, "area": area, "term": {"first": "2026-11-23"}, "signer": "x", "decision_number": "1"}

    with pytest.raises(Invalid) as refused:
        world.give("Quản trị viên", "assign-role", new, **body)
    assert refused.value.field == field


def test_what_could_this_person_do_on_that_day_and_by_which_paper() -> None:
    world = staffed()
    world.give("Quản trị viên", "end-assignment", person_id("An"), assignment=held(AN), ends_on=TODAY, **DECISION)
    person = world.person("An")

    (power,) = powers_on(person_id("An"), person, {}, date(2025, 3, 3))
    assert (power.paper, power.signer, power.actor.role) == ("01/QĐ-TEST", "Người ký", Role.COMMUNE_OFFICER)
    permits = {p.command: p.rule for p in permits_on(world.law, power, date(2025, 3, 3), frozenset())}
    assert permits["endorse-idea"] == "practice-2026/endorse-idea"
    assert permits["issue-commune-report"].startswith("QD148-2023/")
    assert "accept-idea" not in permits
    assert powers_on(person_id("An"), person, {}, TODAY) == []


# ── Delegation ────────────────────────────────────────────────────────────────────────────────


def delegated(**changes: Any) -> tuple[World, UUID, list[Actor]]:
    """Chi, the commune's chair, has delegated to Bình; an idea waits endorsed. What Bình may act as under it."""
    world, product = submitted()
    world.give("An", "endorse-idea", product)
    body = {"assignment": held(CHI), "delegate": person_id("Bình"), **FROM_TODAY, **changes}
    world.give("Chi", "delegate", person_id("Chi"), **body)
    under = [actor for actor in world.powers("Bình") if actor.delegator]
    return world, product, under


def test_a_delegate_acts_in_the_delegators_role_and_the_fact_says_for_whom() -> None:
    world, product, under = delegated()

    world.give(under, "accept-idea", product)

    actor = world.told[product][-1].envelope.actor
    assert (actor.person, actor.role) == ("Bình", Role.COMMUNE_CHAIR)
    assert actor.delegator is not None
    assert (actor.delegator.person, actor.delegator.document) == ("Chi", "05/GUQ-UBND")


def test_a_delegation_covers_what_it_names_and_no_more() -> None:
    world, product, under = delegated(commands=["accept-plan"])

    with pytest.raises(NotHeld):
        world.give(under, "accept-idea", product)


def test_a_delegation_ends_with_its_term_with_its_end_and_with_the_assignment() -> None:
    for end in ("term", "delegation", "assignment"):
        world, product, under = delegated()
        if end == "term":
            world.pass_days(28)
        elif end == "delegation":
            body = {"delegation": under[0].delegator.delegation, "delegate": person_id("Bình"), "document": "06/UBND"}
            world.give("Chi", "end-delegation", person_id("Chi"), ends_on=TODAY, **body)
        else:
            world.give(
                "Quản trị viên", "end-assignment", person_id("Chi"), assignment=held(CHI), ends_on=TODAY, **DECISION
            )

        assert [a for a in world.powers("Bình") if a.delegator] == [], end
        with pytest.raises(NotHeld):
            world.give(under, "accept-idea", product)


def test_delegated_powers_are_not_delegated_again() -> None:
    world, _, under = delegated()
    body = {"assignment": held(CHI), "delegate": person_id("An"), **FROM_TODAY}

    with pytest.raises(NotAllowed):
        world.give(under, "delegate", person_id("Chi"), **body)
    with pytest.raises((NotAllowed, Invalid, DutiesSeparated)):
        world.give(under, "delegate", person_id("Bình"), **body)


def test_nobody_delegates_to_himself_or_what_cannot_be_delegated_or_without_end() -> None:
    member = Actor(person="Em", office="Sở", role=Role.COUNCIL_MEMBER, area="25")
    world = staffed(member)
    body = {"assignment": held(CHI), "delegate": person_id("Chi"), **FROM_TODAY}

    with pytest.raises(DutiesSeparated) as refused:
        world.give("Chi", "delegate", person_id("Chi"), **body)
    assert refused.value.rule == "granted-by-the-grantee"
    endless = {**body, "delegate": person_id("Bình"), "term": {"first": "2026-11-23"}}
    with pytest.raises(Invalid):
        world.give("Chi", "delegate", person_id("Chi"), **endless)
    with pytest.raises(NotAllowed):
        world.give(
            "Em", "delegate", person_id("Em"), **{**body, "assignment": held(member), "delegate": person_id("An")}
        )
    with pytest.raises(Invalid):
        world.give("Chi", "delegate", person_id("Chi"), **{**body, "delegate": person_id("HTX một 1")})


def test_the_delegate_is_bound_by_what_the_delegator_did() -> None:
    """Bình reviewed; Chi delegates to Dũng... and whoever acts for Bình is bound by what Bình did, too."""
    world, product = submitted()
    world.appointed(officer("Giang"), chair("Bình"))
    world.give("Bình", "endorse-idea", product)
    body = {"assignment": assignment_id(chair("Bình")), "delegate": person_id("Giang"), **FROM_TODAY}
    world.give("Bình", "delegate", person_id("Bình"), **body)
    under = [actor for actor in world.powers("Giang") if actor.delegator]

    with pytest.raises(DutiesSeparated) as refused:
        world.give(under, "accept-idea", product)
    assert refused.value.rule == "approver-reviewed"
    world.give("Chi", "accept-idea", product)


# ── Acting on behalf ──────────────────────────────────────────────────────────────────────────


def test_a_product_that_has_no_producer_yet_is_nobodys_will() -> None:
    """Who found it withdraws it; once a producer stands behind it, it is the producer's to say."""
    leaving = {"reason": "Không có chủ thể nào muốn tham gia."}
    world = staffed()
    product = world.give("An", "identify-product", **OPENING)
    world.give("An", "withdraw-journey", product, **leaving)

    world, product = submitted()
    world.give("An", "return-idea", product, **without_day(EXAMPLES["return-idea"]))
    with pytest.raises(Invalid) as refused:
        world.give("An", "withdraw-journey", product, **leaving)
    assert refused.value.field == "on_behalf_of"


def test_an_officer_who_does_the_producers_will_says_for_whom_and_on_which_paper() -> None:
    with pytest.raises(Invalid) as refused:
        submitted(by="An")
    assert refused.value.field == "on_behalf_of"

    world, product = submitted(by="An", **on_behalf())

    served = world.told[product][-1].envelope.on_behalf_of
    assert served is not None
    assert (served.producer, served.paper.number) == ("HTX-1", "12/PĐN")


def test_one_acts_for_the_producer_of_the_case_only_and_for_whom_ones_role_serves() -> None:
    with pytest.raises(Invalid):
        submitted(by="An", **on_behalf("HTX-2"))
    with pytest.raises(NotAllowed):
        submitted(by="Chi", **on_behalf())


def test_a_province_serves_a_commune_that_has_no_account() -> None:
    clerk = Actor(person="Em", office="VPĐP", role=Role.PROVINCE_OFFICER, area="25")
    world, product = submitted()
    world.appointed(clerk)
    paper = {"number": "31/CV-UBND", "signed_on": "2026-11-20", "signer": "Chủ tịch UBND xã"}

    with pytest.raises(NotAllowed):
        world.give("Em", "endorse-idea", product)
    for_another = {"role": "commune-officer", "area": "04831", "paper": paper}
    with pytest.raises(Invalid):
        world.give("Em", "endorse-idea", product, on_behalf_of=for_another)
    world.give("Em", "endorse-idea", product, on_behalf_of={**for_another, "area": COMMUNE})

    assert world.told[product][-1].envelope.rule == "practice-2026/endorse-idea"


# ── Separation of duties ──────────────────────────────────────────────────────────────────────


def test_who_submits_does_not_review() -> None:
    world, product = submitted(by="An", **on_behalf())

    with pytest.raises(DutiesSeparated) as refused:
        world.give("An", "endorse-idea", product)
    assert refused.value.rule == "reviewer-submitted"
    world.give("Bình", "endorse-idea", product)


def test_who_reviews_does_not_approve_in_another_role_either() -> None:
    world, product = submitted()
    world.give("An", "endorse-idea", product)
    world.appointed(chair("An"))

    with pytest.raises(DutiesSeparated) as refused:
        world.give("An", "accept-idea", product)
    assert refused.value.rule == "approver-reviewed"


def test_who_submits_does_not_approve() -> None:
    world, product = submitted(by="An", **on_behalf())
    world.give("Bình", "endorse-idea", product)
    world.appointed(chair("An"))

    with pytest.raises(DutiesSeparated) as refused:
        world.give("An", "accept-idea", product)
    assert refused.value.rule == "approver-submitted"


def test_a_matter_that_begins_anew_is_nobodys_yet() -> None:
    world, product = submitted()
    world.give("An", "return-idea", product, **without_day(EXAMPLES["return-idea"]))
    world.appointed(chair("An"))
    world.give("HTX một 1", "submit-idea", product, **IDEA)
    world.give("Bình", "endorse-idea", product)

    world.give("An", "accept-idea", product)


def test_an_act_entered_from_paper_is_the_hand_of_who_signed_and_of_who_enters_it() -> None:
    world, product = submitted()
    paper = {"number": "9/BB", "signed_on": "2026-11-20", "signer": "Chi"}
    world.give("An", "endorse-idea", product, source=SCAN, paper=paper)
    world.appointed(chair("An"), chair("Bình"))

    for who in ("Chi", "An"):
        with pytest.raises(DutiesSeparated):
            world.give(who, "accept-idea", product)
    false = {**paper, "signer": "Ai Đó"}
    with pytest.raises(DutiesSeparated):
        world.give("An", "accept-idea", product, source=SCAN, paper=false)
    world.give("Bình", "accept-idea", product)


def test_powers_are_given_today_and_natively() -> None:
    world = staffed()
    body = {"role": "commune-chair", "area": COMMUNE, "term": {"first": "2025-01-01"}, "signer": "x"}
    paper = {"number": "1", "signed_on": "2025-01-01", "signer": "x"}

    for other in (
        {"source": SCAN, "paper": paper},
        {"source": {"kind": "illustrative"}},
        {"effective_on": "2026-11-22"},
    ):
        with pytest.raises(Invalid):
            world.give("Quản trị viên", "assign-role", person_id("An"), **body, decision_number="1", **other)


def test_a_power_entered_later_makes_no_act_of_an_earlier_day() -> None:
    world = staffed()
    entered = {"title": "UBND xã", "level": "commune", "area": COMMUNE, "since": "2025-07-01"}
    office = world.give("Quản trị viên", "establish-office", **entered, decision_number="1/QĐ")
    new = world.give("Quản trị viên", "register-person", handle="Giang", kind="official", area=COMMUNE)
    held_since = {"role": "commune-officer", "office": str(office), "area": COMMUNE, "term": {"first": "2026-01-01"}}
    world.give("Quản trị viên", "assign-role", new, decision_number="2/QĐ", signer="x", **held_since)
    giang = [power.actor for power in powers_on(new, world.states[new], {}, TODAY)]

    with pytest.raises(NotHeld):
        world.give(giang, "identify-product", **OPENING, effective_on="2026-11-20")


def test_a_real_case_takes_nothing_illustrative_and_nothing_from_a_register() -> None:
    world, product = submitted()

    for kind in ("illustrative", "register"):
        with pytest.raises(Invalid) as refused:
            world.give("An", "endorse-idea", product, source={"kind": kind})
        assert refused.value.field == "source.kind"


def test_taking_powers_away_is_not_undone_by_an_earlier_word() -> None:
    world = staffed()
    body = {"assignment": held(BINH), **DECISION}
    world.give("Quản trị viên", "end-assignment", person_id("Bình"), ends_on="2027-12-31", **body)
    world.give("Quản trị viên", "end-assignment", person_id("Bình"), ends_on=TODAY, **body)

    assert world.powers("Bình") == []
    with pytest.raises(Invalid):
        world.give(
            "Quản trị viên", "end-assignment", person_id("An"), **{**body, "assignment": held(AN)}, ends_on="2020-01-01"
        )


def test_a_delegate_inherits_what_the_delegator_is() -> None:
    world, product, under = delegated()
    world.appointed(Actor(person="Chi", office="Thanh tra", role=Role.INSPECTOR, area="VN"))

    with pytest.raises(NotAllowed) as refused:
        world.give(under, "accept-idea", product)
    assert refused.value.rule == "inspector-writes-nothing"


def test_the_services_own_handle_is_nobodys() -> None:
    with pytest.raises(Invalid):
        staffed().give("Quản trị viên", "register-person", handle=" OCOP", kind="official", area="VN")


def test_nobody_grants_powers_to_himself() -> None:
    world = staffed()
    body = {
        "role": "administrator",
        "area": "25",
        "term": {"first": "2026-11-23"},
        "signer": "x",
        "decision_number": "1",
    }

    with pytest.raises(DutiesSeparated) as refused:
        world.give("Quản trị viên", "assign-role", person_id("Quản trị viên"), **body)
    assert refused.value.rule == "granted-by-the-grantee"


def test_an_administrator_acts_in_no_case_whatever_else_he_is() -> None:
    world = staffed(officer("Quản trị viên"))

    with pytest.raises(NotAllowed) as refused:
        world.give("Quản trị viên", "identify-product", **OPENING)
    assert refused.value.rule == "administrator-acts-in-no-case"


def test_an_inspector_writes_nothing_whatever_else_he_is() -> None:
    inspector = Actor(person="Thanh", office="Thanh tra", role=Role.INSPECTOR, area="VN")
    world = staffed(inspector, officer("Thanh"))

    with pytest.raises(NotAllowed) as refused:
        world.give("Thanh", "identify-product", **OPENING)
    assert refused.value.rule == "inspector-writes-nothing"


def test_a_closed_office_takes_nobody_and_an_assignment_is_given_once() -> None:
    world = staffed()
    entered = {"title": "UBND xã", "level": "commune", "area": COMMUNE, "decision_number": "1/QĐ"}
    office = world.give("Quản trị viên", "establish-office", **entered)
    body = {"role": "commune-officer", "office": str(office), "area": COMMUNE, "signer": "x", "decision_number": "2"}
    term = {"term": {"first": "2026-11-23"}}
    world.give("Quản trị viên", "assign-role", person_id("An"), **body, **term)
    with pytest.raises(WrongOrder):
        world.give("Quản trị viên", "assign-role", person_id("An"), **body, **term)
    with pytest.raises(WrongOrder):
        world.give("Quản trị viên", "close-office", office, decision_number="3/QĐ", reason="Sáp nhập.")
    (new,) = [a.id for a in world.person("An").assignments.values() if a.office == office]
    world.give("Quản trị viên", "end-assignment", person_id("An"), assignment=new, ends_on=TODAY, **DECISION)
    world.give("Quản trị viên", "close-office", office, decision_number="3/QĐ", reason="Sáp nhập.")
    with pytest.raises(Invalid):
        world.give("Quản trị viên", "assign-role", person_id("Bình"), **body, **term)


def test_a_person_who_received_powers_is_told_from_history() -> None:
    world, _, under = delegated()

    assert delegators_of(world.person("Bình")) == {person_id("Chi")}
    assert len(under) == 1
