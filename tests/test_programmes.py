"""Programmes: plans with targets, what is done at the level of an area, and the five plans at hand as data."""

from __future__ import annotations

import re
from collections import Counter
from datetime import date
from typing import Any

import pytest

from api.examples import EXAMPLES
from domain.law.areas import areas, covers
from domain.law.maps import communes_of, name_on, old_unit_on, old_units_of, province_on
from domain.law.old_units import last_day, old_units
from domain.programme.measures import measures
from domain.programme.plans import plans
from domain.programme.targets import Target
from domain.refusals import Invalid, WrongOrder
from domain.values import Role
from tests.language import Scene, given
from tests.plan_figures import FIGURES, IDLE, SEEDS
from tests.story import actor

OFFICER = Role.PROVINCE_OFFICER
ISSUED = [("issue-programme", OFFICER, {**EXAMPLES["issue-programme"], "effective_on": "2026-01-15"})]
SET = [*ISSUED, ("set-target", OFFICER, {**EXAMPLES["set-target"], "effective_on": "2026-01-15"})]


def when(scene: Scene, command: str, **more: Any) -> Scene:
    return scene.when(command, OFFICER, **{"effective_on": "2026-06-01", **EXAMPLES[command], **more})


# ── The plan ──────────────────────────────────────────────────────────────────────────────────


def test_a_plan_is_issued_for_an_area_of_the_map_of_its_first_day() -> None:
    body = {**EXAMPLES["issue-programme"], "first": "2023-01-01", "last": "2023-12-31", "issued_on": "2023-02-01"}

    given().when("issue-programme", OFFICER, **body, effective_on="2023-02-01").then("programme.issued")
    old = {**body, "area": "25-230"}
    given().when("issue-programme", OFFICER, **old, effective_on="2023-02-01").then("programme.issued")
    given().when("issue-programme", OFFICER, **{**old, "first": "2026-01-01", "last": "2026-12-31"}).refused(
        Invalid, "area"
    )
    given().when("issue-programme", OFFICER, **{**body, "last": "2022-12-31"}).refused(Invalid, "last")


def test_a_target_is_set_once_and_amended_by_a_decision() -> None:
    when(given(ISSUED), "set-target").then("programme.target-set")
    when(given(SET), "set-target").then()
    changed = {**EXAMPLES["set-target"]["target"], "amount": "53"}
    when(given(SET), "set-target", target=changed).refused(WrongOrder, "code")
    when(given(SET), "amend-target").then("programme.target-amended")
    when(given(ISSUED), "amend-target").refused(WrongOrder, "code")
    when(given(SET), "amend-target", target={**changed, "measure": "classes"}).refused(Invalid, "target.measure")


def test_an_amendment_is_not_older_than_what_it_amends() -> None:
    when(given(SET), "amend-target", effective_on="2026-01-14").refused(Invalid, "effective_on")


@pytest.mark.parametrize(("field", "day"), [("first", "0001-01-01"), ("last", "9999-12-31"), ("first", "2017-12-31")])
def test_a_plan_lies_in_the_years_of_the_programme(field: str, day: str) -> None:
    body = {**EXAMPLES["issue-programme"], field: day}

    given().when("issue-programme", OFFICER, **body).refused(Invalid, field)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"first": "0001-01-01"}, "target.due"),
        ({"due": "2027-01-01"}, "target.due"),
        ({"measure": "classes", "each": "old-unit"}, "target.each"),
        ({"measure": "happiness"}, "target.measure"),
        ({"each": "commune"}, "target.each"),
        ({"due": "2025-12-31"}, "target.due"),
        ({"area": "00070"}, "target.area"),
        ({"area": "17-150"}, "target.area"),
    ],
)
def test_a_target_lies_within_its_plan(change: dict[str, Any], field: str) -> None:
    target = {**EXAMPLES["set-target"]["target"], **change}

    when(given(ISSUED), "set-target", target=target).refused(Invalid, field)


def test_a_target_of_each_year_is_asked_of_each_years_part() -> None:
    target = plans()["dak-nong-2022"].targets["clips"]

    spans = target.spans(date(2021, 1, 1))

    assert [(first.year, last.year) for first, last in spans] == [(year, year) for year in range(2021, 2026)]
    assert target.spans(date(2022, 11, 11))[0] == (date(2022, 11, 11), date(2022, 12, 31))


@pytest.mark.parametrize(
    "broken",
    [{"compare": "within"}, {"compare": "within", "most": "3"}, {"most": "9"}, {"first": "2027-01-01"}, {"units": 3}],
)
def test_a_target_that_contradicts_itself_is_no_target(broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="validation error"):
        Target.model_validate({**EXAMPLES["set-target"]["target"], **broken}, strict=False)


# ── Activities ────────────────────────────────────────────────────────────────────────────────


def test_an_activity_lies_within_the_plans_time_and_area() -> None:
    when(given(ISSUED), "record-class").then("programme.class-held")
    when(given(ISSUED), "record-class", effective_on="2025-12-31").refused(Invalid, "effective_on")
    when(given(ISSUED), "record-class", area="25-230").refused(Invalid, "area")


def test_what_was_entered_by_mistake_is_struck_out_once() -> None:
    held = when(given(ISSUED), "record-class")

    struck = when(held, "strike-entry", entry=2).then("programme.entry-struck")
    when(struck, "strike-entry", entry=2).refused(WrongOrder, "entry")
    when(held, "strike-entry", entry=1).refused(WrongOrder, "entry")


def test_a_point_of_sale_is_open_until_it_is_closed() -> None:
    opened = when(given(ISSUED), "open-point-of-sale")

    when(opened, "open-point-of-sale").refused(WrongOrder, "code")
    closed = when(opened, "close-point-of-sale").then("programme.point-of-sale-closed")
    when(closed, "close-point-of-sale").refused(WrongOrder, "code")
    when(closed, "open-point-of-sale").then("programme.point-of-sale-opened")
    struck = when(opened, "strike-entry", entry=2)
    when(struck, "close-point-of-sale").refused(WrongOrder, "code")


def test_officials_are_counted_as_a_whole_or_by_parts_never_both() -> None:
    counted = when(given(ISSUED), "count-staff")

    when(counted, "count-staff", officials=311).then("programme.staff-counted")
    when(counted, "count-staff", area="04876").refused(WrongOrder, "area")
    struck = when(counted, "strike-entry", entry=2)
    when(struck, "count-staff", area="04876").then("programme.staff-counted")


def test_a_point_closes_after_it_opened() -> None:
    opened = when(given(ISSUED), "open-point-of-sale")

    when(opened, "close-point-of-sale", effective_on="2026-05-31").refused(Invalid, "effective_on")


def test_a_profit_that_was_not_told_can_be_corrected_and_taken_back() -> None:
    from tests.story import tea, until  # noqa: PLC0415

    scene = given(until("accept-plan", tea()))
    told = scene.when("record-baseline", Role.COMMUNE_OFFICER, year=2025, revenue=1, effective_on="2026-05-01")
    mend = {"version": len(told.history), "reason": "x", "authority": "x", "effective_on": "2026-05-02"}
    there = told.when("correct-fact", OFFICER, now={"profit": 7}, **mend).then("product.fact-corrected")
    assert (there.fact.was, there.fact.now) == ({"profit": None}, {"profit": 7})
    there.when("correct-fact", OFFICER, now={"profit": None}, **mend).then("product.fact-corrected")


def test_what_a_product_earned_before_is_recorded_once_and_of_a_year_that_is_over() -> None:
    from tests.story import tea, until  # noqa: PLC0415  # the story is long to make

    scene = given(until("accept-plan", tea()))
    scene.when("record-baseline", Role.COMMUNE_OFFICER, year=2026, revenue=1, effective_on="2026-05-01").refused(
        Invalid, "year"
    )
    told = scene.when("record-baseline", Role.COMMUNE_OFFICER, year=2025, revenue=1, effective_on="2026-05-01")
    told.then("product.baseline-recorded")
    told.when("record-baseline", Role.COMMUNE_OFFICER, year=2024, revenue=1, effective_on="2026-05-01").refused(
        WrongOrder
    )


# ── The five plans ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", plans())
def test_a_plan_at_hand_can_be_entered_as_it_stands(name: str) -> None:
    issued, commands = plans()[name].commands()
    today = {"25": "25", "17": "25", "60": "68", "67": "68", "49": "48"}[issued.area[:2]]
    officer = actor(OFFICER).model_copy(update={"area": today})

    scene = given().when("issue-programme", officer, **issued.model_dump(mode="json", exclude_defaults=True))
    scene.then("programme.issued")
    for command in commands:
        scene = scene.when(command.name, officer, **command.model_dump(mode="json", exclude_defaults=True))
        assert scene.refusal is None, f"{command}: {scene.refusal}"
        assert len(scene.facts or ()) == 1


@pytest.mark.parametrize("name", plans())
def test_every_target_names_a_measure_and_where_the_plan_says_it(name: str) -> None:
    plan = plans()[name]

    for target in plan.targets.values():
        assert target.measure in measures()
        assert target.origin is not None
    assert all(deadline.origin is not None for deadline in plan.deadlines.values())


NUMBER = re.compile(r"\d[\d.,/:]*\d|\d")


@pytest.mark.parametrize("name", FIGURES)
def test_every_figure_of_the_list_stands_in_the_plan(name: str) -> None:
    """The list of the sentences with figures, paragraph by paragraph: each is a target, a deadline, a task …"""
    plan = plans()[name]
    parts = {
        **{f"targets.{code}": entry for code, entry in plan.targets.items()},
        **{f"deadlines.{code}": entry for code, entry in plan.deadlines.items()},
        **{f"priorities.{code}": entry for code, entry in plan.priorities.items()},
        **{f"tasks.{code}": entry for code, entry in plan.tasks.items()},
    }
    listed: set[str] = set()
    for paragraph, figures in FIGURES[name].items():
        for number, where in figures:
            for place in where.split():
                listed.add(place)
                if place.startswith("programme."):
                    told = str(plan.programme[place.removeprefix("programme.")])
                else:
                    told = parts[place].model_dump_json()
                found = {one_way(n) for n in NUMBER.findall(told)}
                assert one_way(number) in found | spelt(told), f"{name} §{paragraph}: {number} is not in {place}"
    with_figures = {
        place for place, entry in parts.items() if entry.origin is not None and NUMBER.search(entry.origin.figure)
    }
    assert with_figures <= listed, "a part that names a figure is in the list"


def one_way(number: str) -> str:
    """ "06", "6"; "30/9/2023", "2023-09-30"; "1,5", "1.5"."""
    if parts := re.fullmatch(r"(\d{1,2})/(\d{1,2})/(\d{4})", number):
        return f"{parts[3]}-{int(parts[2]):02d}-{int(parts[1]):02d}"
    if parts := re.fullmatch(r"(\d{1,2})/(\d{1,2})", number):
        return f"{int(parts[2]):02d}-{int(parts[1]):02d}"
    return number.replace(",", ".").lstrip("0") or "0"


def spelt(text: str) -> set[str]:
    """Days as JSON writes them, their years, and six where it is written out."""
    days = set(re.findall(r"\d{4}-\d{2}-\d{2}", text))
    return days | {day[:4] for day in days} | {day[5:] for day in days} | ({"6"} if "sáu" in text.lower() else set())


@pytest.mark.skipif(not SEEDS.exists(), reason="the texts of the plans lie beside the project")
@pytest.mark.parametrize("name", FIGURES)
def test_no_figure_of_the_text_is_left_out(name: str) -> None:
    (text,) = SEEDS.glob(f"{dict(zip(FIGURES, ('000', '001', '002', '003', '004'), strict=True))[name]}_*.txt")
    paragraphs = [line for raw in text.read_text(encoding="utf-8").splitlines() if (line := raw.strip())]

    for place, paragraph in enumerate(paragraphs, 1):
        there = Counter(NUMBER.findall(paragraph))
        listed = Counter(number for number, _ in FIGURES[name].get(place, ()))
        idle = Counter(IDLE[name].get(place, ()))
        assert there == listed + idle, f"{name} §{place}: {there - listed - idle}"


# ── Areas in time ─────────────────────────────────────────────────────────────────────────────


def test_both_maps_are_made_of_the_same_communes() -> None:
    communes = {a.code for a in areas().values() if len(a.code) == len("00000")}
    provinces = [code for code in old_units() if len(code) == len("00")]

    told = [commune for code in provinces for commune in old_units()[code].communes]

    assert sorted(told) == sorted(communes)
    assert len(provinces) == 63
    assert {province_on(commune, last_day()) for commune in communes} == set(provinces)
    for code in provinces:
        units = old_units_of(code, last_day())
        assert sum(len(communes_of(unit.code, last_day()) or ()) for unit in units) == len(old_units()[code].communes)
        assert all(areas()[commune].province == old_units()[code].now for commune in old_units()[code].communes)


def test_the_map_turns_with_the_first_of_july_2025() -> None:
    before, after = date(2025, 6, 30), date(2025, 7, 1)

    assert (old_unit_on("04876", before), old_unit_on("04876", after)) == ("17-150", None)
    assert (province_on("04876", before), province_on("04876", after)) == ("17", "25")
    assert (name_on("25", before), name_on("25", after)) == ("Tỉnh Phú Thọ", "Phú Thọ")
    assert len(communes_of("25", before) or ()) < len(communes_of("25", after) or ())
    assert communes_of("17", after) == frozenset()
    assert covers("25", "17-150")
    assert not covers("17", "04876")


def test_a_unit_that_ended_earlier_has_its_communes_until_then() -> None:
    assert len(old_units_of("49", date(2022, 12, 31))) == 18
    assert len(old_units_of("49", last_day())) == 17
    assert old_unit_on("20656", date(2024, 12, 31)) == "49-519"
    assert old_unit_on("20656", date(2025, 1, 1)) == "49-509"
