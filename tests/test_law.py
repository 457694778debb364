"""The law as data: sheets against the official figures, calendar, batches, areas, broken files."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.law.areas import area_name, areas, commune, covers
from domain.law.book import BrokenRules, Sheet, check_sheet, law_book
from domain.law.calendar import add_months, add_working_days, is_working_day, legal_date, working_days_late
from domain.refusals import NoRegime

LAW = law_book()
REGIME = LAW.regimes["QD26-2026"]
OFFICIAL = Path(__file__).parent / "official" / "sheets-qd26.json"
ORACLE = Path(__file__).parents[2] / "shared" / "domain" / "sheets-qd26-2026.json"


def figures(sheet: Sheet) -> dict[str, object]:
    return {
        "samples": sheet.samples,
        "parts": {p.code: p.max for p in sheet.parts},
        "sections": {s.code: s.max for p in sheet.parts for s in p.sections},
        "criteria": {
            code: {"max": c.max, "options": [[o.points, o.star] for o in c.options]} for code, c in sheet.leaves.items()
        },
    }


def official(sheet_id: str) -> dict[str, object]:
    found = next(s for s in json.loads(ORACLE.read_text(encoding="utf-8"))["sets"] if s["id"] == sheet_id)
    criteria: dict[str, object] = {}

    def add(leaf: dict[str, object]) -> None:
        options = [[o["points"], o.get("min_for_star")] for o in leaf["options"]]  # type: ignore[attr-defined]
        criteria[str(leaf["code"])] = {"max": leaf["max"], "options": options}

    for part in found["parts"]:
        for section in part["sections"]:
            if section.get("leaf"):
                add(section)
            for criterion in section.get("criteria", []):
                for leaf in criterion.get("children") or [criterion]:
                    add(leaf)
    return {
        "samples": found["sample_products_required"],
        "parts": {p["code"]: p["max"] for p in found["parts"]},
        "sections": {s["code"]: s["max"] for p in found["parts"] for s in p["sections"]},
        "criteria": criteria,
    }


def test_the_figures_of_every_sheet_are_the_official_ones() -> None:
    """Codes, maxima, points and star gates of Decision 26/2026, annex II, taken from its text."""
    recorded = json.loads(OFFICIAL.read_text(encoding="utf-8"))

    assert {s.id: figures(s) for s in LAW.sheets.values()} == recorded
    if ORACLE.exists():  # where the decision's own figures lie beside the checkout, hold the recorded ones to them
        assert recorded == {sheet_id: official(sheet_id) for sheet_id in recorded}


@pytest.mark.parametrize("sheet", LAW.sheets.values(), ids=lambda s: s.id)
def test_a_sheet_adds_up_to_a_hundred(sheet: Sheet) -> None:
    check_sheet(sheet, 100)

    assert sum(c.max for c in sheet.leaves.values()) == 100
    assert [p.max for p in sheet.parts] == [40, 25, 35]


def test_one_altered_digit_is_found() -> None:
    sheet = LAW.sheets["QD26-11"]
    for key, criterion in sheet.library.items():
        if key not in {p.use for part in sheet.parts for s in part.sections for p in s.criteria}:
            continue
        altered = criterion.model_copy(update={"max": criterion.max + 1})
        broken = sheet.model_copy(update={"library": {**sheet.library, key: altered}})
        with pytest.raises(BrokenRules):
            check_sheet(broken, 100)


def test_every_rule_of_the_regime_names_its_basis_and_mark() -> None:
    rules = [
        *REGIME.competences.values(),
        *REGIME.deadlines.values(),
        *REGIME.batches,
        REGIME.rating,
        REGIME.certificate,
        REGIME.renewal,
        REGIME.council.min_sheets,
        *LAW.practice.competences.values(),
        *LAW.practice.deadlines.values(),
        *LAW.practice.settings.values(),
    ]

    assert all(rule.legal_basis and rule.mark for rule in rules)


@pytest.mark.parametrize(
    ("proposed", "batch", "done"),
    [
        ("2026-04-29", "2026-1", "2026-06-30"),
        ("2026-04-30", "2026-2", "2026-12-30"),
        ("2026-10-29", "2026-2", "2026-12-30"),
        ("2026-10-30", "2027-1", "2027-06-30"),
        ("2026-12-31", "2027-1", "2027-06-30"),
    ],
)
def test_a_batch_takes_what_was_proposed_before_its_cut_off(proposed: str, batch: str, done: str) -> None:
    name, _, last = REGIME.batch_for(date.fromisoformat(proposed))

    assert (name, last.isoformat()) == (batch, done)


def test_the_regime_begins_on_its_day() -> None:
    assert LAW.regime_on(date(2026, 5, 22)).id == "QD26-2026"
    with pytest.raises(NoRegime):
        LAW.regime_on(date(2026, 5, 21))


def test_the_rules_hash_changes_with_the_rules() -> None:
    assert LAW.rules_hash("QD26-2026", "QD26-11") != LAW.rules_hash("QD26-2026", "QD26-04")


@pytest.mark.parametrize(
    ("start", "days", "end"),
    [
        ("2026-08-10", 15, "2026-08-28"),  # 22/08 is a working Saturday for 31/08
        ("2026-08-17", 15, "2026-09-09"),  # 31/08, 01/09 and 02/09 are holidays, 22/08 is worked
        ("2026-02-13", 1, "2026-02-23"),  # Tết
        ("2026-11-23", 1, "2026-11-25"),  # 24/11 is Vietnam Culture Day
    ],
)
def test_working_days_know_holidays_and_swapped_days(start: str, days: int, end: str) -> None:
    assert add_working_days(date.fromisoformat(start), days).isoformat() == end


@for_all(st.dates(date(2020, 1, 1), date(2027, 1, 1)), st.integers(1, 60))
def test_a_term_of_working_days_ends_on_one_and_holds_that_many(start: date, days: int) -> None:
    end = add_working_days(start, days)

    assert is_working_day(end)
    assert sum(is_working_day(start + timedelta(n)) for n in range(1, (end - start).days + 1)) == days
    assert working_days_late(start, end) == days


@pytest.mark.parametrize(
    ("start", "end"),
    [("2026-10-20", "2029-10-20"), ("2028-02-29", "2031-02-28"), ("2026-08-31", "2029-08-31")],
)
def test_36_months_end_on_the_same_day_clamped_to_the_months_end(start: str, end: str) -> None:
    assert add_months(date.fromisoformat(start), 36).isoformat() == end


def test_the_legal_date_is_vietnams() -> None:
    assert legal_date(datetime(2026, 11, 22, 17, 0, tzinfo=UTC)) == date(2026, 11, 23)
    assert legal_date(datetime(2026, 11, 22, 16, 59, tzinfo=UTC)) == date(2026, 11, 22)


def test_all_communes_of_today_are_known() -> None:
    assert len([a for a in areas().values() if len(a.code) == 5]) == 3321
    assert len([a for a in areas().values() if len(a.code) == 2]) == 34
    assert commune("04876") is not None
    assert commune("25") is None
    assert area_name("04876") == "Xã Cao Sơn"
    assert area_name("99999") == "99999"


@pytest.mark.parametrize(
    ("area", "inside"), [("VN", True), ("25", True), ("04876", True), ("04831", False), ("01", False), ("2", False)]
)
def test_areas_nest(area: str, inside: bool) -> None:
    assert covers(area, "04876") is inside
