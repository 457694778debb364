"""Councils and their sessions: members, quorum, conflicts, sealed sheets, rounds, and the result."""

from __future__ import annotations

import base64
import json
import time
from dataclasses import replace
from datetime import date
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st

from application.seals import open_box
from domain.council import commands as council_commands
from domain.council.facts import CouncilSetUp
from domain.law.scoring import total_of
from domain.product.phases import Phase
from domain.product.rating_facts import Choice, ScoringConcluded, SheetsOpened
from domain.refusals import (
    AgainstCouncilRules,
    AgainstTheLaw,
    BrokenSeal,
    Invalid,
    NotAllowed,
    NotFound,
    OutsideArea,
    Refusal,
    WrongOrder,
)
from domain.session import commands as session_commands
from domain.session.command import about
from domain.session.state import Stage
from domain.values import Actor, Role
from tests.hall import (
    CHAIRMAN,
    COUNCIL,
    LAW,
    SECRETARY,
    SESSION,
    SHEET,
    VOTING,
    Hall,
    advised,
    agreement,
    findings,
    member,
    members,
    product_id,
    worth,
)

CHAIR, VICE, FIRST, SECOND = VOTING
SIX = (CHAIR, VICE, FIRST, SECOND, "Ủy viên 3", "Ủy viên 4")
OTHER_SESSION = product_id(99)


def hall(count: int = 1) -> Hall:
    return Hall(*(advised(number) for number in range(1, count + 1)))


def opened(count: int = 1) -> Hall:
    return hall(count).scoring()


# The council


def test_a_council_takes_its_rules_from_the_law_with_the_basis_of_each() -> None:
    fact = hall().set_up().facts("council.set-up", COUNCIL)[0]

    assert isinstance(fact, CouncilSetUp)
    assert (fact.procedure.quorum_percent, fact.procedure.max_spread, fact.procedure.gate_test) == (75, "10", "agreed")
    assert fact.procedure.basis["quorum_percent"] == "quy chế hội đồng Tây Ninh; quy định của một số tỉnh"
    assert fact.procedure.basis.keys() == fact.procedure.model_fields_set - {"basis"}


def test_own_rules_are_exact_and_name_their_paper() -> None:
    procedure = hall().ruled(max_spread="9.50", rescoring=False).states[COUNCIL].procedure

    assert procedure.max_spread == "19/2"
    assert procedure.basis["max_spread"] == procedure.basis["rescoring"] == "02/QĐ-UBND"
    assert procedure.basis["quorum_percent"].endswith("; quy định của một số tỉnh")


def test_own_rules_without_their_paper_are_refused() -> None:
    with pytest.raises(Invalid) as refused:
        hall().set_up(rules={"quorum_percent": 60})

    assert refused.value.field == "rules_basis"


@pytest.mark.parametrize("spread", ["9,5", "1/0", "-1", "1e3", "9.50000"])
def test_a_spread_that_is_not_an_exact_number_is_no_command(spread: str) -> None:
    with pytest.raises(ValueError, match="max_spread"):
        hall().ruled(max_spread=spread)


@pytest.mark.parametrize(
    ("wrong", "kind", "said"),
    [
        ([m | {"capacity": "member"} for m in members()], Invalid, "0 chairs"),
        ([m | {"capacity": "chair"} for m in members()], Invalid, "5 chairs"),
        ([*members(), members()[2]], Invalid, "twice: Ủy viên 1"),
        (members((CHAIR, VICE)), AgainstCouncilRules, "2 scoring members, 3 are needed"),
        (members()[:-1], Invalid, "at least one secretary"),
        ([*members()[:-1], members()[-1] | {"capacity": "member"}], Invalid, "at least one secretary"),
    ],
)
def test_members_have_one_chair_a_secretary_nobody_twice_and_enough_scorers(
    wrong: list[dict[str, Any]], kind: type[Refusal], said: str
) -> None:
    with pytest.raises(kind, match=said) as refused:
        hall().set_up(members=wrong)
    assert refused.value.field == "members"

    with pytest.raises(kind, match=said):
        hall().set_up().give(
            "change-council-members", CHAIRMAN, COUNCIL, "2026-09-10", number="3", reason="Kiện toàn", members=wrong
        )


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"level": "village"}, "level"),
        ({"regime": "QD1-1999"}, "regime"),
        ({"period_to": "2026-08-31"}, "period_to"),
    ],
)
def test_a_council_needs_a_level_of_its_regime_and_a_period(changes: dict[str, str], field: str) -> None:
    with pytest.raises(Invalid) as refused:
        hall().set_up(**changes)

    assert refused.value.field == field


def test_an_area_nobody_knows_is_refused() -> None:
    minister = Actor(person="Bộ trưởng", office="Bộ", role=Role.MINISTER, area="VN")
    body = {"number": "1", "signer": "A", "level": "centre", "period_from": "2026-09-01", "members": members()}
    with pytest.raises(Invalid) as refused:
        hall().give("set-up-council", minister, COUNCIL, "2026-08-28", **body, area="99")

    assert refused.value.field == "area"


@pytest.mark.parametrize(
    ("level", "area", "fits"),
    [
        ("province", "25", True),
        ("province", "25-999", False),
        ("province", "04876", False),
        ("province", "VN", False),
        ("province", "99", False),
        ("centre", "VN", True),
        ("centre", "25", False),
        ("district", "25-999", True),  # old units are in no list of today
        ("district", "25", False),
        ("district", "04876", False),
        ("district", "99-001", False),
        ("district", "VN", False),
    ],
)
def test_a_councils_area_is_one_of_its_level(level: str, area: str, fits: bool) -> None:
    role = {"province": Role.PROVINCE_CHAIR, "centre": Role.MINISTER, "district": Role.DISTRICT_CHAIR}[level]
    who = Actor(person="Người ký", office="UBND", role=role, area="VN")
    body = {"number": "1", "signer": "A", "level": level, "period_from": "2026-09-01", "members": members()}
    scene = hall()

    if fits:
        scene.give("set-up-council", who, COUNCIL, "2026-08-28", **body, area=area, regime="QD148-2023")
        assert scene.states[COUNCIL].area == area
        return
    with pytest.raises(Invalid) as refused:
        scene.give("set-up-council", who, COUNCIL, "2026-08-28", **body, area=area, regime="QD148-2023")
    assert refused.value.field == "area"


def test_a_council_of_another_province_is_outside_the_chairmans_area() -> None:
    with pytest.raises(OutsideArea):
        hall().set_up(area="01")


def test_a_council_of_the_past_works_under_the_regime_of_its_day() -> None:
    council = hall().set_up(regime="QD148-2023", level="province").states[COUNCIL]

    assert council.regime == "QD148-2023"


def test_changes_concern_later_sessions_only() -> None:
    scene = hall(2).set_up().call(products=[product_id(1)])
    give = {"number": "3/QĐ-UBND", "reason": "Theo đề nghị của Sở"}
    scene.give("change-council-members", CHAIRMAN, COUNCIL, "2026-10-02", **give, members=members(SIX))
    scene.give("change-council-procedure", CHAIRMAN, COUNCIL, "2026-10-02", **give, rules={"quorum_percent": 100})
    scene.call("2026-10-02", OTHER_SESSION, products=[product_id(2)])

    assert len(scene.session.members) == 5
    assert scene.session.procedure is not None
    assert scene.session.procedure.quorum_percent == 75
    later = scene.states[OTHER_SESSION]
    assert (len(later.members), later.procedure.quorum_percent) == (7, 100)
    assert later.procedure.basis["quorum_percent"] == "3/QĐ-UBND"


def test_rules_that_ask_for_more_scorers_than_there_are_are_refused() -> None:
    with pytest.raises(AgainstCouncilRules, match="4 scoring members, 5 are needed"):
        hall().set_up().give(
            "change-council-procedure",
            CHAIRMAN,
            COUNCIL,
            "2026-09-10",
            number="3",
            reason="Sửa",
            rules={"min_members": 5},
        )


def test_what_changes_nothing_tells_nothing() -> None:
    scene, give = hall().set_up(), {"number": "3", "reason": "Rà soát"}

    assert scene.give("change-council-members", CHAIRMAN, COUNCIL, "2026-09-10", **give, members=members()) == []
    assert scene.give("change-council-procedure", CHAIRMAN, COUNCIL, "2026-09-10", **give, rules={}) == []


def test_a_dissolved_council_changes_and_calls_no_more() -> None:
    scene, give = hall().set_up(), {"number": "3", "reason": "Hết nhiệm kỳ"}
    scene.give("dissolve-council", CHAIRMAN, COUNCIL, "2026-09-10", **give)

    with pytest.raises(WrongOrder, match="dissolved"):
        scene.give("dissolve-council", CHAIRMAN, COUNCIL, "2026-09-11", **give)
    with pytest.raises(WrongOrder, match="does not work"):
        scene.call()


def test_a_decision_dated_before_the_last_one_is_refused() -> None:
    with pytest.raises(WrongOrder) as refused:
        hall().set_up().give(
            "change-council-members", CHAIRMAN, COUNCIL, "2026-08-27", number="3", reason="A", members=members(SIX)
        )

    assert refused.value.field == "effective_on"


# Calling a session


def test_calling_puts_every_product_on_the_agenda_as_it_stands() -> None:
    scene = hall(2).set_up().call()

    assert [scene.dossier(n).session for n in (1, 2)] == [SESSION, SESSION]
    item = scene.session.agenda[product_id(2)]
    assert (item.name, item.producer, item.sheet) == ("Trà 2", "HTX 2", SHEET)
    assert item.rules_hash == LAW.rules_hash(item.regime, item.sheet)


def test_notice_one_working_day_short_is_refused() -> None:
    scene = hall().ruled(notice_working_days=2)

    with pytest.raises(AgainstCouncilRules, match="2 working days") as refused:
        scene.call("2026-10-02")  # a Friday; the meeting is on Monday
    assert refused.value.field == "held_on"
    assert "06/10/2026" in refused.value.hint_vi

    scene.call("2026-10-01")
    assert scene.session.stage is Stage.CALLED


def test_a_session_is_not_called_on_a_day_before_the_councils_last_change() -> None:
    scene = hall().set_up()
    give = {"number": "3", "reason": "Kiện toàn", "members": members(SIX)}
    scene.give("change-council-members", CHAIRMAN, COUNCIL, "2026-10-02", **give)

    with pytest.raises(WrongOrder) as refused:
        scene.call("2026-10-01")
    assert refused.value.field == "effective_on"


def test_a_session_is_not_held_before_it_is_called_even_without_notice() -> None:
    with pytest.raises(AgainstCouncilRules):
        hall().ruled(notice_working_days=0).call("2026-10-06")


@pytest.mark.parametrize("day", ["2026-08-31", "2027-01-01"])
def test_the_council_works_in_its_period_only(day: str) -> None:
    with pytest.raises(WrongOrder, match="does not work"):
        hall().set_up().call("2026-08-28", held_on=day)


@pytest.mark.parametrize(
    ("product", "kind", "said"),
    [
        (replace(advised(), phase=Phase.IN_BATCH), WrongOrder, "stands at"),
        (advised(session=OTHER_SESSION), WrongOrder, "on the agenda of session"),
        (advised(level="centre"), Invalid, "lies at “centre”"),
        (replace(advised(), commune="00004"), OutsideArea, "outside the council's area"),
        (replace(advised(), since=date(2026, 10, 6)), WrongOrder, "before the advisory report"),
    ],
)
def test_a_dossier_that_is_not_ready_here_is_refused(product: Any, kind: type[Refusal], said: str) -> None:
    with pytest.raises(kind, match=said):
        Hall(advised(7), product).set_up().call()


def test_a_product_is_on_one_agenda_at_a_time() -> None:
    scene = hall().set_up().call()

    with pytest.raises(WrongOrder, match="on the agenda of session"):
        scene.call(stream=OTHER_SESSION)


def test_a_product_twice_or_unknown_and_an_unknown_council_are_refused() -> None:
    scene = hall().set_up()

    with pytest.raises(Invalid, match="twice"):
        scene.call(products=[product_id(1), product_id(1)])
    with pytest.raises(NotFound, match="no product"):
        scene.call(products=[product_id(1), product_id(2)])
    with pytest.raises(NotFound, match="no such council"):
        scene.call(council=product_id(1))


def test_written_opinions_are_for_re_evaluations_only() -> None:
    again = advised(2, kind="re-evaluation")

    with pytest.raises(AgainstTheLaw, match=r"Đ7\.6") as refused:
        Hall(again, advised(2)).set_up().call(form="written")
    assert refused.value.field == "form"

    assert Hall(again).set_up().call("2026-10-05", form="written").session.stage is Stage.CALLED


# Conflicts of interest


@pytest.mark.parametrize("ground", ["own-product", "employer", "relative"])
def test_a_tie_to_the_producer_is_detected(ground: str) -> None:
    scene = hall(2).set_up(members=members(m2=[{"registration": "HTX-2", "kind": ground}])).call()

    assert scene.session.conflicted(product_id(1)) == frozenset()
    (conflict,) = scene.session.conflicts[product_id(2)]
    assert (conflict.member, conflict.ground, conflict.found) == (FIRST, ground, "detected")


def test_a_tie_is_found_however_it_is_written() -> None:
    tie = [{"registration": " htx-１  ", "kind": "relative"}]
    scene = hall().set_up(members=members(m2=tie)).call()

    assert scene.session.conflicted(product_id(1)) == {FIRST}
    helped = replace(advised(), helpers=frozenset({" ủy  VIÊN 1"}))
    assert Hall(helped).set_up().call().session.conflicted(product_id(1)) == {FIRST}


def test_ties_and_guidance_since_the_call_are_found_when_scoring_opens() -> None:
    scene = hall(2).set_up(members=members(SIX, m2=[{"registration": "HTX-9", "kind": "employer"}])).call()
    producer = scene.product(1).producer
    assert producer is not None
    now = replace(scene.product(1), producer=producer.model_copy(update={"registration": "htx-9"}))
    scene.states[product_id(1)] = replace(now, helpers=frozenset({FIRST, SECOND, VICE}))
    scene.declare(VICE).attend()
    facts = scene.give("open-scoring", SECRETARY, SESSION, "2026-10-05")

    assert [fact.stored_name for fact in facts] == ["session.conflict-declared"] * 3 + ["session.scoring-opened"]
    found = scene.session.conflicts[product_id(1)]
    assert [(c.member, c.ground, c.found) for c in found] == [
        (VICE, "other", "declared"),  # who is recused already is not found once more
        (FIRST, "employer", "detected"),
        (FIRST, "guidance", "detected"),
        (SECOND, "guidance", "detected"),
    ]
    assert scene.session.conflicted(product_id(2)) == frozenset()
    with pytest.raises(AgainstCouncilRules, match="conflict of interest"):
        scene.score(FIRST)


def test_what_is_found_when_scoring_opens_counts_for_the_scorers() -> None:
    scene = hall().set_up().call().attend()
    scene.states[product_id(1)] = replace(scene.product(), helpers=frozenset({FIRST, SECOND}))

    with pytest.raises(AgainstCouncilRules, match="Only 2 members may score “Trà 1”, 3 are needed"):
        scene.open()


@pytest.mark.parametrize("counts", [True, False])
def test_guidance_is_a_conflict_where_the_rules_say_so(counts: bool) -> None:
    helped = replace(advised(), helpers=frozenset({FIRST, "Cán bộ xã"}))
    scene = Hall(helped).ruled(guidance_is_conflict=counts).call()

    assert scene.session.conflicted(product_id(1)) == ({FIRST} if counts else frozenset())


def test_a_conflicted_member_does_not_score_and_owes_nothing() -> None:
    tied = members(m2=[{"registration": "HTX-1", "kind": "employer"}])
    scene = hall().set_up(members=tied).call().attend().open()

    with pytest.raises(AgainstCouncilRules, match="conflict of interest"):
        scene.score(FIRST)

    for person in (CHAIR, VICE, SECOND):
        scene.score(person)
    result = scene.close().facts("product.sheets-opened", product_id(1))[0]
    assert [s.member for s in result.sheets] == sorted([CHAIR, VICE, SECOND])
    assert result.conflicts[0].ground == "employer"
    assert result.voting == VOTING


def test_a_conflict_is_declared_before_the_sheet_is_handed_in() -> None:
    scene = opened(2).score(FIRST)

    with pytest.raises(WrongOrder, match="has been scored"):
        scene.declare(FIRST, by=member(FIRST))
    scene.declare(FIRST, number=2, by=member(FIRST))
    with pytest.raises(AgainstCouncilRules, match="conflict of interest"):
        scene.score(FIRST, number=2)
    with pytest.raises(WrongOrder, match="recorded already"):
        scene.declare(FIRST, number=2, by=member(FIRST))


def test_a_sheet_that_was_opened_is_not_recused_away_in_a_later_round() -> None:
    scene = opened().score_all(60, 75, 75, 75).close().again()

    for by in (member(CHAIR), SECRETARY):
        with pytest.raises(WrongOrder):
            scene.declare(CHAIR, by=by)
    assert scene.session.scored == {product_id(1): frozenset(VOTING)}
    assert scene.score_all(60, 75, 75, 75).close().dossier().sheets[CHAIR] == 60


def test_once_scoring_is_open_nobody_declares_for_another() -> None:
    scene = opened()

    with pytest.raises(WrongOrder, match=f"only {FIRST} himself") as refused:
        scene.declare(FIRST)
    assert refused.value.field == "member"
    scene.declare(FIRST, by=member(FIRST))


def test_a_secretary_who_scores_declares_for_himself() -> None:
    scoring = [*members()[:-1], members()[-1] | {"voting": True}]
    scene = hall().set_up(members=scoring).call().attend().open().declare("Thư ký")

    assert scene.session.conflicted(product_id(1)) == {"Thư ký"}


def test_members_declare_for_themselves_and_the_secretary_for_others() -> None:
    scene = hall().set_up().call()

    with pytest.raises(NotAllowed):
        scene.declare(FIRST, by=member(SECOND))
    with pytest.raises(Invalid, match="not a member"):
        scene.declare("Người lạ")
    with pytest.raises(Invalid, match="not on the session's agenda"):
        scene.declare(FIRST, number=2)

    scene.give("declare-conflict", member(FIRST), SESSION, "2026-10-02", product=product_id(1), ground="relative")
    scene.declare(SECOND)
    assert [(c.member, c.found) for c in scene.session.conflicts[product_id(1)]] == [
        (FIRST, "declared"),
        (SECOND, "declared"),
    ]


def test_too_few_scorers_after_recusals_name_the_product() -> None:
    scene = hall(2).set_up().call().attend().declare(FIRST, number=2).declare(SECOND, number=2)

    with pytest.raises(AgainstCouncilRules, match="Only 2 members may score “Trà 2”, 3 are needed"):
        scene.open()


def test_a_product_that_loses_its_scorers_waits_for_another_session() -> None:
    scene = opened(2).score_all(75, 75, 75, 75)
    for person in (FIRST, SECOND):
        scene.declare(person, number=2, by=member(person))
    scene.close().conclude()

    assert scene.product(1).phase is Phase.CONCLUDED
    assert (scene.product(2).phase, scene.dossier(2).session) == (Phase.ADVISED, None)
    assert scene.facts("session.concluded")[0].left_out == (product_id(2),)


EIGHT = (*SIX, "Ủy viên 5", "Ủy viên 6")


def test_recusals_that_cost_the_quorum_take_the_product_off_the_agenda() -> None:
    """Of eight members two are absent: six score, which is 75 %. One is recused: 75 % of seven is six, five score."""
    scene = (
        hall(2)
        .set_up(members=members(EIGHT))
        .call()
        .attend(*EIGHT[6:])
        .open()
        .declare(FIRST, number=2, by=member(FIRST))
    )
    for person in SIX:
        scene.score(person)
        if person != FIRST:
            scene.score(person, number=2)
    scene.close()

    assert scene.dossier(1).opened[0].quorum == 6
    assert (scene.dossier(2).session, scene.dossier(2).opened) == (None, ())
    assert scene.told[product_id(2)][-1].stored_name == "product.taken-off-agenda"


def test_recusals_that_leave_the_quorum_leave_the_product() -> None:
    """Of seven members one is absent and three are recused: 75 % of four is three, three score."""
    scene = hall().set_up(members=members(EIGHT[:7])).call().attend(EIGHT[6]).open()
    for person in (CHAIR, VICE, FIRST):
        scene.declare(person, by=member(person))
    for person in SIX[3:]:
        scene.score(person)

    assert [s.member for s in scene.close().dossier().opened[0].sheets] == sorted(SIX[3:])


def test_sheets_that_are_owed_are_no_reason_to_take_a_product_off() -> None:
    with pytest.raises(AgainstCouncilRules, match="owed by"):
        opened().score(CHAIR).score(VICE).close()


def test_a_quorum_that_recusals_cost_before_scoring_opens_is_named() -> None:
    scene = hall().set_up(members=members(EIGHT)).call().declare(FIRST).attend(*EIGHT[6:])

    with pytest.raises(AgainstCouncilRules, match=r"Only 5 members may score “Trà 1”, 6 are needed \(.*một số tỉnh\)"):
        scene.open()


def test_the_quorum_of_a_product_is_told_and_recused_members_do_not_count_for_it() -> None:
    scene = hall(2).set_up(members=members(SIX)).call().declare(FIRST, number=2).declare(SECOND, number=2)
    scene.declare("Thư ký", number=2).attend().open()
    for person in SIX:
        scene.score(person)
    for person in (CHAIR, VICE, "Ủy viên 3", "Ủy viên 4"):
        scene.score(person, number=2)
    scene.close()

    assert [scene.dossier(n).opened[0].quorum for n in (1, 2)] == [5, 3]


# Attendance and quorum


def test_attendance_names_every_member_once() -> None:
    scene = hall().set_up().call()
    for present, absent, said in (
        ([*VOTING], [], "Neither present nor absent: Thư ký"),
        ([*VOTING, "Thư ký", "Khách"], [], "Not members of the council: Khách"),
        ([*VOTING, "Thư ký"], [{"member": FIRST}], f"Named twice: {FIRST}"),
    ):
        with pytest.raises(Invalid, match=said):
            scene.give("record-attendance", SECRETARY, SESSION, "2026-10-05", present=present, absent=absent)


def test_attendance_is_taken_on_the_day_and_again_for_late_comers() -> None:
    scene = hall().set_up().call()
    with pytest.raises(WrongOrder):
        scene.give("record-attendance", SECRETARY, SESSION, "2026-10-04", present=[*VOTING, "Thư ký"])

    scene.attend(FIRST, SECOND).attend(SECOND).open()

    assert scene.session.present == (CHAIR, VICE, FIRST, "Thư ký")
    with pytest.raises(WrongOrder):
        scene.attend()


def test_scoring_needs_attendance_first() -> None:
    with pytest.raises(WrongOrder, match="Attendance"):
        hall().set_up().call().open()


def test_the_quorum_one_short_and_exactly_met() -> None:
    scene = hall().set_up(members=members(SIX)).call()  # 75 % of 6 is 4.5: five are needed

    with pytest.raises(AgainstCouncilRules, match=r"4 scoring members are present, 5 are needed \(.*một số tỉnh\)"):
        scene.attend(FIRST, SECOND).open()
    fact = scene.attend(FIRST).open().facts("session.scoring-opened")[0]

    assert (fact.quorum, fact.chair_present) == (5, True)


def test_the_chair_must_be_there_and_a_vice_chair_does_not_stand_in() -> None:
    with pytest.raises(AgainstCouncilRules, match="chair is absent"):
        hall().set_up().call().attend(CHAIR).open()

    assert hall().ruled(chair_present=False).call().attend(CHAIR).open().session.chair_present is False


# Handing in sheets


def test_a_member_hands_in_one_sheet_a_product_and_round() -> None:
    with pytest.raises(WrongOrder, match="already handed in"):
        opened().score(FIRST).score(FIRST)


def test_absent_and_non_voting_members_and_strangers_do_not_score() -> None:
    scene = hall().scoring(SECOND)

    with pytest.raises(AgainstCouncilRules, match="absent"):
        scene.score(SECOND)
    for person in ("Thư ký", "Người lạ"):
        with pytest.raises(AgainstCouncilRules, match="not a scoring member"):
            scene.score(person)


def test_a_product_that_is_not_on_the_agenda_is_not_scored() -> None:
    with pytest.raises(Invalid, match="not on the session's agenda"):
        opened().score(FIRST, number=2)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (worth(75)[1:], "leaves out: 1.1"),
        ((*worth(75)[1:], Choice(code="1.1", option=40)), "no option 40"),
        ((*worth(75), Choice(code="99.1", option=0)), "no criterion 99.1"),
        ((*worth(75), worth(75)[0]), "answered twice"),
    ],
)
def test_a_sheet_is_complete_and_made_of_its_own_options(wrong: tuple[Choice, ...], said: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        opened().score(FIRST, wrong)

    assert refused.value.field == "choices"


def test_sheets_are_handed_in_while_scoring_is_open() -> None:
    with pytest.raises(WrongOrder):
        hall().set_up().call().attend().score(FIRST)
    with pytest.raises(WrongOrder):
        opened().score_all(75, 75, 75, 75).close().score(FIRST)


def test_a_sealed_sheet_says_nothing_until_its_key_is_published() -> None:
    scene = opened().score(FIRST, 83, comment="Bao bì đẹp")
    fact = scene.facts("session.sheet-sealed")[0]
    stored = json.loads(fact.model_dump_json())

    assert stored.keys() == {"product", "member", "round", "sheet"}
    assert stored["sheet"].keys() == {"subject", "box", "sha256"}
    box = base64.b64decode(stored["sheet"]["box"])
    assert not [word for word in (b"option", b"choices", "Bao bì".encode()) if word in box]

    key = bytes.fromhex(
        scene.score(CHAIR).score(VICE).score(SECOND).close().facts("session.scoring-closed")[0].products[0].key
    )
    place = about(SESSION, product_id(1), FIRST, 1)
    content = json.loads(open_box(fact.sheet, place, key))
    assert content == {"choices": [c.model_dump() for c in worth(83)], "comment": "Bao bì đẹp"}


def test_an_altered_or_moved_sheet_does_not_open() -> None:
    scene = opened().score_all(75, 75, 75, 75)
    sheet = scene.facts("session.sheet-sealed")[0].sheet
    key = bytes.fromhex(scene.close().facts("session.scoring-closed")[0].products[0].key)
    box = bytearray(base64.b64decode(sheet.box))
    box[20] ^= 1
    altered = sheet.model_copy(update={"box": base64.b64encode(bytes(box)).decode()})

    with pytest.raises(BrokenSeal):
        open_box(altered, about(SESSION, product_id(1), CHAIR, 1), key)
    with pytest.raises(BrokenSeal):
        open_box(sheet, about(SESSION, product_id(1), VICE, 1), key)


def test_the_length_of_a_box_tells_no_total() -> None:
    scene = opened().score_all(0, 55, 75, 100)

    assert len({len(fact.sheet.box) for fact in scene.facts("session.sheet-sealed")}) == 1


# Closing


def test_scoring_does_not_close_while_sheets_are_owed() -> None:
    scene = opened(2).score_all(75, 75, 75).score(FIRST, number=2)

    with pytest.raises(
        AgainstCouncilRules, match=r"owed by: Chủ tịch HĐ \(1\), Phó chủ tịch HĐ \(1\), Ủy viên 2 \(2\)"
    ):
        scene.close()


def test_closing_opens_every_sheet_with_all_it_rests_on() -> None:
    scene = hall().scoring(SECOND)
    shuffled = tuple(reversed(worth(71)))
    scene.score(FIRST, shuffled, comment="Tốt").score(CHAIR, 70).score(VICE, 80).close()
    fact = scene.facts("product.sheets-opened", product_id(1))[0]
    sealed = {f.member: f.sheet.sha256 for f in scene.facts("session.sheet-sealed")}

    assert isinstance(fact, SheetsOpened)
    assert {s.member: (s.total, s.capacity) for s in fact.sheets} == {
        CHAIR: (70, "chair"),
        VICE: (80, "vice-chair"),
        FIRST: (71, "member"),
    }
    assert all(s.sealed == sealed[s.member] for s in fact.sheets)
    first = next(s for s in fact.sheets if s.member == FIRST)
    assert (first.choices, first.comment) == (worth(71), "Tốt")
    assert (fact.quorum, fact.present, fact.round) == (3, (CHAIR, VICE, FIRST, "Thư ký"), 1)
    assert scene.dossier().sheets == {CHAIR: 70, VICE: 80, FIRST: 71}


def test_a_rejected_product_is_skipped() -> None:
    scene = opened(2).score_all(75, 75, 75, 75).score(FIRST, number=2)
    scene.states[product_id(2)] = replace(scene.product(2), phase=Phase.DOSSIER_REJECTED)
    scene.close().conclude()

    assert scene.facts("session.scoring-closed")[0].products[0].product == product_id(1)
    concluded = scene.facts("session.concluded")[0]
    assert [r.product for r in concluded.results] == [product_id(1)]
    assert concluded.left_out == (product_id(2),)
    assert scene.told[product_id(2)][-1].stored_name == "product.put-on-agenda"


def test_a_session_all_of_whose_products_left_still_ends() -> None:
    scene = opened()
    scene.states[product_id(1)] = replace(scene.product(1), phase=Phase.DOSSIER_WITHDRAWN)
    closed = scene.close().facts("session.scoring-closed")[0]

    assert (closed.sheets, closed.products) == (0, ())
    assert scene.conclude().facts("session.concluded")[0].left_out == (product_id(1),)


# Written opinions


def written(voting: tuple[str, ...] = VOTING, day: str = "2026-10-05", **ties: Any) -> Hall:
    scene = Hall(advised(kind="re-evaluation"))
    return scene.set_up(members=members(voting, **ties)).call("2026-10-02", form="written", held_on=day).open()


def test_written_opinions_need_no_attendance_but_a_quorum_of_answers() -> None:
    scene = written()
    with pytest.raises(AgainstCouncilRules, match="2 members have given opinions on “Trà 1”, 3 are needed"):
        scene.score(CHAIR).score(VICE).close()

    fact = scene.score(FIRST).close().facts("product.sheets-opened", product_id(1))[0]
    assert (fact.form, fact.present, fact.chair_present) == ("written", (CHAIR, VICE, FIRST), True)
    assert scene.conclude().product().phase is Phase.CONCLUDED


def test_written_opinions_need_the_chairs() -> None:
    with pytest.raises(AgainstCouncilRules, match="chair has given no opinion"):
        written().score(VICE).score(FIRST).score(SECOND).close()


def test_a_recused_member_counts_neither_way_in_written_opinions() -> None:
    tie = [{"registration": "HTX-1", "kind": "relative"}]

    with pytest.raises(AgainstCouncilRules, match="2 members have given opinions on “Trà 1”, 3 are needed"):
        written(m0=tie).score(VICE).score(FIRST).close()
    scene = written(m0=tie).score(VICE).score(FIRST).score(SECOND).close()
    assert [s.member for s in scene.dossier().opened[0].sheets] == sorted([VICE, FIRST, SECOND])
    assert (scene.dossier().opened[0].present, scene.dossier().opened[0].quorum) == ((VICE, FIRST, SECOND), 3)

    scene = written(EIGHT, m2=tie, m3=tie)  # 75 % of six is five; with the two recused it would be six of eight
    for person in (CHAIR, VICE, "Ủy viên 3", "Ủy viên 4"):
        scene.score(person)
    with pytest.raises(AgainstCouncilRules, match="4 members have given opinions on “Trà 1”, 5 are needed"):
        scene.close()
    assert scene.score("Ủy viên 5").close().dossier().opened[0].quorum == 5


def test_written_opinions_are_not_closed_early_while_somebody_may_still_answer() -> None:
    tie = [{"registration": "HTX-1", "kind": "relative"}]
    scene = written(m3=tie, day="2026-10-06").score(CHAIR).score(VICE)  # due the day after

    with pytest.raises(AgainstCouncilRules, match=rf"due on 2026-10-06 and still owed by: {FIRST} \(1\)"):
        scene.close()
    assert scene.score(FIRST).close().session.stage is Stage.OPENED  # the recused member owes nothing

    due = written(day="2026-10-06").score(CHAIR).score(VICE).score(FIRST)
    with pytest.raises(AgainstCouncilRules, match=SECOND):
        due.close("2026-10-05")
    assert due.close("2026-10-06").session.stage is Stage.OPENED


def test_who_gave_a_written_opinion_gives_it_again_in_the_next_round() -> None:
    scene = written().score(CHAIR, 75).score(VICE, 75).score(FIRST, 60).score(SECOND, 75).close().again()

    with pytest.raises(AgainstCouncilRules, match=f"still owed by: {FIRST}"):
        scene.score(CHAIR).score(VICE).score(SECOND).close()
    assert scene.score(FIRST, 60).close().session.stage is Stage.OPENED


def test_attendance_of_written_opinions_is_refused() -> None:
    scene = Hall(advised(kind="re-evaluation")).set_up().call("2026-10-02", form="written")
    with pytest.raises(WrongOrder, match="no attendance"):
        scene.attend()


# The spread, and scoring again


@pytest.mark.parametrize(
    ("limit", "totals", "allowed"),
    [("10", (70, 75, 78, 80), True), ("10", (70, 75, 78, 81), False), ("9.5", (70, 75, 78, 80), False)],
)
def test_a_spread_over_the_limit_is_not_concluded(limit: str, totals: tuple[int, ...], allowed: bool) -> None:
    scene = hall().ruled(max_spread=limit).call().attend().open().score_all(*totals).close()

    if allowed:
        assert scene.conclude().product().phase is Phase.CONCLUDED
        return
    with pytest.raises(AgainstCouncilRules, match=f"totals differ by {totals[-1] - 70}") as refused:
        scene.conclude()
    assert "order-rescoring" in refused.value.hint_vi


def test_scoring_again_keeps_both_rounds() -> None:
    scene = opened(2).score_all(60, 75, 75, 75).score_all(75, 75, 75, 75, number=2).close().again()

    assert (scene.session.round, scene.session.scoring) == (2, frozenset({product_id(1)}))
    assert not scene.session.sealed
    with pytest.raises(WrongOrder, match="not scored in the present round"):
        scene.score(FIRST, number=2)
    with pytest.raises(WrongOrder, match="has been scored"):
        scene.declare(FIRST, number=2, by=member(FIRST))
    scene.score_all(72, 75, 75, 75).close().conclude()

    rounds = scene.dossier().opened
    assert [[s.total for s in r.sheets] for r in rounds] == [[60, 75, 75, 75], [72, 75, 75, 75]]
    result = scene.dossier().result
    assert result is not None
    assert (result.round, dict(result.totals)[CHAIR], result.average) == (2, 72, "297/4")
    first, second = (closed.products[0].key for closed in scene.facts("session.scoring-closed"))
    assert first != second


def test_totals_still_apart_after_a_second_round_are_concluded() -> None:
    scene = opened().score_all(60, 75, 75, 75).close().again().score_all(60, 75, 75, 75).close().conclude()

    assert scene.product().phase is Phase.CONCLUDED


def test_scoring_again_needs_a_spread_over_the_limit_and_rules_that_allow_it() -> None:
    with pytest.raises(WrongOrder, match="does not exceed"):
        opened().score_all(65, 75, 75, 75).close().again()

    strict = hall().ruled(rescoring=False).call().attend().open().score_all(60, 75, 75, 75).close()
    with pytest.raises(AgainstCouncilRules, match="do not let it score again"):
        strict.again()
    with pytest.raises(AgainstCouncilRules) as refused:
        strict.conclude()
    assert "cancel-session" in refused.value.hint_en


def test_a_product_that_left_is_not_scored_again_and_does_not_hold_up_the_others() -> None:
    scene = opened(2).score_all(60, 75, 75, 75).score_all(75, 75, 75, 75, number=2).close()
    away = replace(scene.product(1), phase=Phase.DOSSIER_WITHDRAWN)
    here = scene.states[product_id(1)]
    scene.states[product_id(1)] = away
    with pytest.raises(WrongOrder, match="no longer before this session"):
        scene.again()

    scene.states[product_id(1)] = here
    scene.again()
    scene.states[product_id(1)] = away
    assert scene.close().conclude().product(2).phase is Phase.CONCLUDED


# The result


def test_the_result_carries_all_it_is_computed_from() -> None:
    scene = opened().score_all(70, 71, 71, 71).close().conclude()
    result = scene.dossier().result

    assert isinstance(result, ScoringConcluded)
    assert (result.average, result.band, result.stars) == ("283/4", 4, 4)
    assert result.totals == tuple(sorted(zip(VOTING, (70, 71, 71, 71), strict=True)))
    assert (result.level, result.session, result.gate_test) == ("province", SESSION, "agreed")
    assert {c.code for c in result.agreed} == set(LAW.sheets[SHEET].gates)
    assert result.rules_hash == LAW.rules_hash(result.regime, result.sheet)
    concluded = scene.facts("session.concluded")[0]
    assert (concluded.results[0].average, concluded.results[0].stars) == ("283/4", 4)


def test_what_the_council_agreed_goes_before_the_advisory_finding() -> None:
    better = [c.model_dump() for c in findings(4) if c.code in ("2.1", "2.3")]
    scene = Hall(advised(gates=3)).scoring().score_all(75, 75, 75, 75).close()
    scene.conclude(agreed=agreement(better, CHAIR, VICE, SECOND))
    result = scene.dossier().result

    assert result is not None
    assert result.stars == 3
    assert not {"2.1", "2.3"} & {gate.code for gate in result.missed}
    (agreed,) = scene.facts("session.concluded")[0].agreed
    assert (agreed.product, agreed.codes) == (product_id(1), ("2.1", "2.3"))
    assert (agreed.reason, agreed.members) == ("Đã xem lại hồ sơ.", (CHAIR, VICE, SECOND))


@pytest.mark.parametrize(
    ("who", "kind", "said"),
    [
        ((CHAIR, VICE), AgainstCouncilRules, "2 members agreed, 3 are needed"),
        ((CHAIR, VICE, VICE), AgainstCouncilRules, "2 members agreed, 3 are needed"),
        ((CHAIR, VICE, SECOND), Invalid, f"These have not scored “Trà 1”: {SECOND}"),  # absent
        ((CHAIR, VICE, FIRST, "Thư ký"), Invalid, "Thư ký"),
    ],
)
def test_the_quorum_of_those_who_scored_agrees_on_other_options(
    who: tuple[str, ...], kind: type[Refusal], said: str
) -> None:
    scene = Hall(advised(gates=3)).scoring(SECOND).score(CHAIR).score(VICE).score(FIRST).close()
    better = [c.model_dump() for c in findings(4) if c.code == "2.1"]

    with pytest.raises(kind, match=said) as refused:
        scene.conclude(agreed=agreement(better, *who))
    assert refused.value.field == "agreed"


def test_agreed_options_say_why() -> None:
    entry = agreement([findings(4)[0].model_dump()])[0]

    for left_out in ("reason", "members"):
        with pytest.raises(ValueError, match=left_out):
            opened().conclude(agreed=[{name: value for name, value in entry.items() if name != left_out}])


def test_gates_on_the_average_and_on_the_agreed_options_give_different_stars() -> None:
    stars = {}
    for test in ("agreed", "average"):
        scene = hall().ruled(gate_test=test).call().attend().open().score_all(75, 75, 75, 76).close().conclude()
        result = scene.dossier().result
        assert result is not None
        stars[test] = result.stars
        if test == "average":
            points = [{c.code: _points(c) for c in worth(total)} for total in (75, 75, 75, 76)]
            for gate in result.missed:
                assert Fraction(gate.found) == Fraction(sum(p[gate.code] for p in points), 4) < gate.needed

    assert stars["agreed"] == 4
    assert stars["average"] < 4


def test_every_gated_criterion_needs_an_agreed_option() -> None:
    scene = Hall(advised(findings=findings(4)[1:])).scoring().score_all(75, 75, 75, 75).close()

    with pytest.raises(Invalid, match=r"No option is agreed for: 1\.1") as refused:
        scene.conclude()
    assert refused.value.field == "agreed"

    first = agreement([findings(4)[0].model_dump()])
    assert scene.conclude(agreed=first).product().phase is Phase.CONCLUDED


@pytest.mark.parametrize(
    ("agreed", "said"),
    [
        (agreement([{"code": "99", "option": 0}]), "no criterion 99"),
        (agreement([], number=2), "not on the session's agenda"),
        (agreement([]) * 2, "twice"),
    ],
)
def test_agreed_options_are_of_the_sheet_and_the_agenda(agreed: list[dict[str, Any]], said: str) -> None:
    with pytest.raises(Invalid, match=said) as refused:
        opened().score_all(75, 75, 75, 75).close().conclude(agreed=agreed)

    assert refused.value.field == "agreed"


def test_scoring_is_not_closed_on_a_day_before_a_sheet_was_handed_in() -> None:
    scene = opened().score_all(75, 75, 75)
    sheet = {"product": product_id(1), "choices": [c.model_dump() for c in worth(75)]}
    scene.give("submit-score-sheet", member(SECOND), SESSION, "2026-10-06", **sheet)

    with pytest.raises(WrongOrder) as refused:
        scene.close()
    assert refused.value.field == "effective_on"


def test_a_conclusion_is_not_dated_before_the_sheets_were_opened() -> None:
    scene = opened().score_all(75, 75, 75, 75).close()

    with pytest.raises(WrongOrder) as refused:
        scene.give("conclude-session", SECRETARY, SESSION, "2026-10-04", minutes_number="11", minutes="Thống nhất")
    assert refused.value.field == "effective_on"


# Cancelling


@pytest.mark.parametrize("stage", ["called", "scoring", "opened"])
def test_a_cancelled_session_frees_its_dossiers(stage: str) -> None:
    scene = hall(2).set_up().call()
    if stage != "called":
        scene.attend().open().score_all(75, 75, 75, 75)
    if stage == "opened":
        scene.score_all(75, 75, 75, 75, number=2).close()
    scene.cancel("15/UBND-KT" if stage == "opened" else None)

    assert scene.session.stage is Stage.CANCELLED
    for number in (1, 2):
        dossier = scene.dossier(number)
        assert (dossier.session, dossier.opened, dict(dossier.sheets)) == (None, (), {})
    scene.call("2026-10-06", OTHER_SESSION, held_on="2026-10-08")
    assert scene.dossier().session == OTHER_SESSION


@pytest.mark.parametrize("stage", ["opened", "second round"])
def test_who_has_seen_the_totals_cancels_by_a_written_order_only(stage: str) -> None:
    scene = opened().score_all(60, 75, 75, 75).close()
    if stage == "second round":
        scene.again()

    with pytest.raises(Invalid, match="written order") as refused:
        scene.cancel()
    assert refused.value.field == "document"
    scene.cancel("15/UBND-KT")
    assert scene.facts("session.cancelled")[0].document == "15/UBND-KT"
    assert scene.facts("product.sheets-opened", product_id(1))[0].round == 1


def test_a_session_that_ended_is_neither_cancelled_nor_concluded() -> None:
    scene = opened().score_all(75, 75, 75, 75).close().conclude()

    with pytest.raises(WrongOrder):
        scene.cancel()
    with pytest.raises(WrongOrder):
        scene.conclude()


# All of it


def _points(choice: Choice) -> int:
    return 0 if choice.option is None else LAW.sheets[SHEET].leaves[choice.code].options[choice.option].points


@settings(deadline=None, max_examples=25)
@for_all(st.data())
def test_the_opened_totals_are_those_handed_in(data: st.DataObject) -> None:
    voting = VOTING + tuple(f"Ủy viên {n}" for n in range(3, 3 + data.draw(st.integers(0, 4))))
    scene = hall().set_up(members=members(voting)).call().attend().open()
    handed_in = {}
    for person in data.draw(st.permutations(voting)):
        chosen = [
            Choice(code=code, option=data.draw(st.integers(0, len(criterion.options) - 1)))
            for code, criterion in LAW.sheets[SHEET].leaves.items()
        ]
        scene.score(person, data.draw(st.permutations(chosen)), comment=data.draw(st.text('aăâ "\\🍵', max_size=40)))
        handed_in[person] = total_of(LAW.sheets[SHEET], chosen)
    scene.close()

    assert scene.dossier().sheets == handed_in
    assert [s.member for s in scene.dossier().opened[0].sheets] == sorted(voting)


def test_seventy_products_and_twelve_members_are_closed_and_concluded_at_once() -> None:
    voting = VOTING + tuple(f"Ủy viên {n}" for n in range(3, 11))
    scene = hall(70).set_up(members=members(voting)).call().attend().open()
    for number in range(1, 71):
        for person in voting:
            scene.score(person, 75, number)
    started = time.perf_counter()
    scene.close()
    closed = time.perf_counter()
    scene.conclude()
    ended = time.perf_counter()

    assert len(scene.facts("session.concluded")[0].results) == 70
    assert ended - closed < 2
    assert closed - started < 2


def test_every_command_has_its_words_and_says_what_it_decides() -> None:
    for command in (*council_commands.COMMANDS, *session_commands.COMMANDS):
        assert command.__doc__, command
        assert "(" in command.__doc__, command
        assert command.decide.__doc__, command
        assert command.vi
        assert command.en


def test_sessions_belong_to_the_area_of_their_council() -> None:
    stranger = Actor(person="Thư ký", office="Sở", role=Role.COUNCIL_SECRETARY, area="01")

    unlisted = SECRETARY.model_copy(update={"person": "Thư ký hội đồng khác"})
    with pytest.raises(NotAllowed, match="not this council's secretary"):
        hall().set_up().call().give("cancel-session", unlisted, SESSION, "2026-10-02", reason="Nhầm")
    with pytest.raises(OutsideArea):
        hall().set_up().call().give("cancel-session", stranger, SESSION, "2026-10-02", reason="Nhầm")
    with pytest.raises(NotAllowed):
        hall().set_up().call().give("cancel-session", member(FIRST), SESSION, "2026-10-02", reason="Nhầm")
