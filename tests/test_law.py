"""The law as data: four regimes and the choice among them, sheets against official figures, seals, calendar."""

import json
import shutil
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.law.areas import area_name, areas, commune, covers
from domain.law.book import law_book, load
from domain.law.calendar import add_months, add_working_days, is_working_day, legal_date, working_days_late
from domain.law.checks import BrokenRules, check_criterion, check_marks, check_regime, check_sheet
from domain.law.models import (
    MARK_NAMES,
    CouncilRules,
    Criterion,
    Entry,
    Ground,
    Option,
    Regime,
    Rule,
    Sheet,
    Term,
    rules_within,
)
from domain.law.sums import write_sums
from domain.refusals import NoRegime

LAW = law_book()
NEW, AMENDED, OLD, OLDEST = (LAW.regimes[i] for i in ("QD26-2026", "QD1489-2025", "QD148-2023", "QD1048-2019"))
REGIMES = list(LAW.regimes.values())
SHEETS = list(LAW.sheets.values())
TEA = LAW.sheets["QD26-11"]
HOME = Path(str(files("domain.law")))
OFFICIAL = Path(__file__).parent / "official"
ORACLES = Path(__file__).parents[2] / "shared" / "domain"


# --- Sheets against the official figures -----------------------------------------------------------------------------


def figures(sheet: Sheet) -> dict[str, object]:
    return {
        "samples": sheet.samples,
        "parts": {p.code: p.max for p in sheet.parts},
        "sections": {s.code: s.max for p in sheet.parts for s in p.sections},
        "headings": {h.code: h.max for p in sheet.parts for s in p.sections for h in s.headings},
        "criteria": {
            code: {"max": c.max, "options": [[o.points, o.star, o.variant] for o in c.options]}
            for code, c in sheet.leaves.items()
        },
    }


def official(sheet_id: str) -> dict[str, object]:
    oracle = ORACLES / "sheets-qd26-2026.json"
    found = next(s for s in json.loads(oracle.read_text(encoding="utf-8"))["sets"] if s["id"] == sheet_id)
    criteria: dict[str, object] = {}
    headings: dict[str, int] = {}

    def add(leaf: dict[str, object]) -> None:
        options = [[o["points"], o.get("min_for_star"), o.get("variant")] for o in leaf["options"]]  # type: ignore[attr-defined]
        criteria[str(leaf["code"])] = {"max": leaf["max"], "options": options}

    for part in found["parts"]:
        for section in part["sections"]:
            if section.get("leaf"):
                add(section)
            for criterion in section.get("criteria", []):
                if criterion.get("children"):
                    headings[criterion["code"]] = criterion["max"]
                for leaf in criterion.get("children") or [criterion]:
                    add(leaf)
    return {
        "samples": found["sample_products_required"],
        "parts": {p["code"]: p["max"] for p in found["parts"]},
        "sections": {s["code"]: s["max"] for p in found["parts"] for s in p["sections"]},
        "headings": headings,
        "criteria": criteria,
    }


def test_the_figures_of_every_sheet_are_the_official_ones() -> None:
    """Codes, maxima, points and star gates of Decision 26/2026, annex II, taken from its text."""
    recorded = json.loads((OFFICIAL / "sheets-qd26.json").read_text(encoding="utf-8"))

    assert {i: figures(s) for i, s in LAW.sheets_of(NEW).items()} == recorded
    assert sorted(recorded) == [f"QD26-{n:02d}" for n in range(1, 27)]
    if ORACLES.exists():  # where the decision's own figures lie beside the checkout, hold the recorded ones to them
        assert recorded == {sheet_id: official(sheet_id) for sheet_id in recorded}


def test_the_figures_of_the_sheets_of_2019_are_those_of_their_source() -> None:
    """Maxima and points in the sheet's order: the source gives one code twice, so codes do not count."""
    recorded = json.loads((OFFICIAL / "sheets-qd1048.json").read_text(encoding="utf-8"))

    assert {
        sheet_id: {
            "parts": {p.code: p.max for p in sheet.parts},
            "sections": {s.code: s.max for p in sheet.parts for s in p.sections},
            "criteria": [[c.max, [o.points for o in c.options]] for c in sheet.leaves.values()],
        }
        for sheet_id, sheet in LAW.sheets_of(OLDEST).items()
    } == recorded


def test_the_gates_of_the_26_sheets_are_as_many_as_the_annex_prints() -> None:
    stars = [o.star for s in LAW.sheets_of(NEW).values() for c in s.leaves.values() for o in c.options]

    assert [stars.count(n) for n in (3, 4, 5)] == [179, 289, 106]


@pytest.mark.parametrize("sheet", SHEETS, ids=lambda s: s.id)
def test_a_complete_sheet_adds_up_to_a_hundred(sheet: Sheet) -> None:
    regime = LAW.regimes[sheet.regime]
    total = sum(c.max for c in sheet.leaves.values())

    assert {p.code: p.max for p in sheet.parts} == regime.rating.parts
    assert total == 100 if sheet.complete else total <= 100
    assert sheet.complete or (sheet.note_vi and sheet.note_en)


def test_every_criterion_of_a_library_stands_on_a_sheet() -> None:
    for regime in REGIMES:
        sheets = LAW.sheets_of(regime).values()
        used = {place.use for s in sheets for p in s.parts for section in p.sections for place in section.criteria}

        assert {key for s in sheets for key in s.library} == used


def test_an_amended_regime_shares_its_sheets() -> None:
    assert LAW.sheets_of(AMENDED) == LAW.sheets_of(OLD)
    assert not LAW.sheets_of(NEW).keys() & LAW.sheets_of(OLD).keys()


def test_free_points_are_written_out() -> None:
    free = Criterion.model_validate({"vi": "Song ngữ", "en": "Bilingual", "max": 2, "points_free": True})

    assert [(o.points, o.vi) for o in free.options] == [(0, "0 điểm"), (1, "1 điểm"), (2, "2 điểm")]
    with pytest.raises(ValueError, match="names no options"):
        Criterion.model_validate({"vi": "x", "en": "x", "max": 2, "points_free": True, "options": []})


# --- Altered digits --------------------------------------------------------------------------------------------------


def copied(to: Path) -> Path:
    return Path(shutil.copytree(HOME, to / "law", ignore=shutil.ignore_patterns("*.py", "__pycache__")))


STARS_IN_WORDS = 'promotion_from_stars = { value = "three", legal_basis = "x", mark = "local" }'
RULE_FILES = sorted(str(p.relative_to(HOME)) for p in HOME.rglob("*.toml"))


@pytest.fixture(scope="module")
def law_copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copied(tmp_path_factory.mktemp("rules"))


@pytest.mark.parametrize("name", RULE_FILES)
@for_all(data=st.data())
def test_one_altered_digit_anywhere_is_found_at_load(law_copy: Path, name: str, data: st.DataObject) -> None:
    file = law_copy / name
    sound = file.read_text(encoding="utf-8")
    at = data.draw(st.sampled_from([i for i, letter in enumerate(sound) if letter in "0123456789"]))
    other = data.draw(st.sampled_from([d for d in "0123456789" if d != sound[at]]))
    try:
        file.write_text(f"{sound[:at]}{other}{sound[at + 1 :]}", encoding="utf-8")
        with pytest.raises(BrokenRules, match=f"{file.name}: differs"):
            load(law_copy)
    finally:
        file.write_text(sound, encoding="utf-8")


def test_files_that_are_missing_unlisted_or_unsealed_are_found(tmp_path: Path) -> None:
    root = copied(tmp_path)
    sheet, more = root / "sheets/QD26-2026/QD26-11.toml", root / "sheets/QD26-2026/criteria-more.toml"
    held = sheet.read_bytes()

    sheet.unlink()
    with pytest.raises(BrokenRules, match=r"QD26-11\.toml: listed in SHA256SUMS but missing"):
        load(root)
    sheet.write_bytes(held)
    more.write_text("", encoding="utf-8")
    with pytest.raises(BrokenRules, match=r"criteria-more\.toml: not listed"):
        load(root)
    more.unlink()
    (root / "SHA256SUMS").write_text("what\n", encoding="ascii")
    with pytest.raises(BrokenRules, match="cannot read"):
        load(root)
    (root / "SHA256SUMS").unlink()
    with pytest.raises(BrokenRules, match=r"SHA256SUMS: missing; run `ocop law seal`"):
        load(root)
    write_sums(root)
    assert load(root).hash == LAW.hash


@pytest.mark.parametrize(
    ("file", "sound", "altered", "found"),
    [
        ("sheets/QD26-2026/QD26-11.toml", "max = 40", "max = 41", "QD26-11 part A does not add up to 41"),
        ("sheets/QD26-2026/QD26-11.toml", 'code = "B"', 'code = "D"', "parts are not those"),
        ("sheets/QD26-2026/QD26-11.toml", "max = 11 }", "max = 12 }", "QD26-11 heading 6.2 does not add up"),
        ("sheets/QD26-2026/QD26-11.toml", '{ code = "1.2", use', '{ code = "1.1", use', "uses a code twice: 1.1"),
        ("sheets/QD26-2026/QD26-11.toml", 'use = "tea-leaf-appearance"', 'use = "nothing"', "no criterion nothing"),
        ("sheets/QD26-2026/QD26-11.toml", 'group = "food"', 'group = "fodder"', "has no group fodder"),
        ("sheets/QD26-2026/QD26-11.toml", 'id = "QD26-11"', 'id = "QD26-12"', "id or regime is not the file's"),
        ("sheets/QD26-2026/QD26-11.toml", "samples = 5", 'samples = "five"', "valid integer"),
        ("regimes/QD26-2026.toml", "A = 40, B = 25", "A = 41, B = 25", "parts do not add up"),
        ("regimes/QD26-2026.toml", "A = 40, B = 25", "A = 39, B = 26", "parts are not those"),
        ("regimes/QD26-2026.toml", "certifies = [3, 4]", "certifies = [3]", "certified by no level"),
        ("regimes/QD26-2026.toml", "pass_up_from = 90\n", "", "only the last level passes nothing up"),
        ("regimes/QD26-2026.toml", "stars = 1\nmin = 0", "stars = 1\nmin = 1", "bands do not rise from 0"),
        ("regimes/QD26-2026.toml", "stars = 4\nmin = 70", "stars = 4\nmin = 40", "bands do not rise"),
        ("regimes/QD26-2026.toml", 'code = "2"\nlevel = "centre"', 'code = "2"\nlevel = "moon"', "batch of no level"),
        ("regimes/QD26-2026.toml", '"recognise@centre"', '"recognise@moon"', "competence of no level"),
        ("regimes/QD26-2026.toml", '"QD1489-2025", ', '"QD1489-2024", ', "unknown regimes QD1489-2024"),
        ("regimes/QD26-2026.toml", 'kinds = ["re-evaluation"]', 'kinds = ["upgrade"]', "each kind of dossier once"),
        ("regimes/QD26-2026.toml", 'cut_off = "04-30"', 'cut_off = "4-30"', "cut_off"),
        ("regimes/QD26-2026.toml", 'mark = "fact"', 'mark = "sure"', "mark"),
        ("regimes/QD26-2026.toml", 'id = "QD26-2026"', 'id = "QD27-2026"', "its id is QD27-2026"),
        ("regimes/QD1489-2025.toml", 'amends = "QD148-2023"', 'amends = "QD147-2023"', "cannot amend QD147-2023"),
        ("regimes/QD148-2023.toml", "in_force_to = 2025", "in_force_to = 2022", "ends before it begins"),
        ("regimes/QD148-2023.toml", 'code = "province"', 'code = "district"', "two levels have one code"),
        ("regimes/QD1048-2019.toml", 'maps_to = "drinks"', 'maps_to = "soups"', "groups drinks map to none"),
        ("regimes/QD1048-2019.toml", 'code = "form-02"', 'code = "form-01"', "names a code twice"),
        ("practice.toml", "\n[provinces]", "\n[provinces.99]", "there is no such province"),
        ("practice.toml", "\n[provinces]", "\n[provinces.25.deadlines.lunch]", "Field required"),
        ("regimes/QD148-2023.toml", 'level = "district"', 'level = "hamlet"', "after-districts are about no level"),
        ("practice.toml", "\n[provinces]", f"\n[provinces.25.settings]\n{STARS_IN_WORDS}", "not of the kind"),
        ("practice.toml", "\n[provinces]", f"\n[provinces.25.settings]\nx{STARS_IN_WORDS}", "nothing of that name"),
        ("practice.toml", "\n[settings]", "\n[settings", "practice.toml"),
        (
            "practice.toml",
            'radar_spread_points = { value = "1.0"',
            'radar_spread_points = { value = "near"',
            "of points",
        ),
        ("practice.toml", "radar_decision_seconds = { value = 10", "radar_decision_seconds = { value = 61", "1 to 60"),
        ("practice.toml", "radar_decision_seconds = { value = 10", "radar_decision_seconds = { value = 0", "1 to 60"),
    ],
)
def test_a_contradiction_is_found_even_where_it_was_sealed(
    tmp_path: Path, file: str, sound: str, altered: str, found: str
) -> None:
    root = copied(tmp_path)
    text = (root / file).read_text(encoding="utf-8")
    assert sound in text
    (root / file).write_text(text.replace(sound, altered, 1), encoding="utf-8")
    write_sums(root)

    with pytest.raises(BrokenRules, match=found):
        load(root)


def test_a_library_names_a_criterion_once(tmp_path: Path) -> None:
    root = copied(tmp_path)
    folder = root / "sheets/QD26-2026"
    library = next(f for f in sorted(folder.glob("criteria*.toml")))
    shutil.copy(library, folder / "criteria-z.toml")
    write_sums(root)

    with pytest.raises(BrokenRules, match="is there twice"):
        load(root)


def test_every_regime_has_its_folder_of_sheets(tmp_path: Path) -> None:
    root = copied(tmp_path)
    shutil.rmtree(root / "sheets/QD1048-2019")

    with pytest.raises(BrokenRules, match="no folder of sheets for QD1048-2019"):
        load(root)


@pytest.mark.parametrize("sheet", [s for s in SHEETS if s.complete], ids=lambda s: s.id)
def test_every_maximum_of_a_complete_sheet_is_held_by_a_sum(sheet: Sheet) -> None:
    regime = LAW.regimes[sheet.regime]
    for key in {p.use for part in sheet.parts for s in part.sections for p in s.criteria}:
        criterion = sheet.library[key]
        more = criterion.model_copy(update={"max": criterion.max + 1})
        with pytest.raises(BrokenRules, match="does not add up"):
            check_sheet(sheet.model_copy(update={"library": {**sheet.library, key: more}}), regime)
        with pytest.raises(BrokenRules, match="best option"):
            check_criterion(key, more)


def criterion(*options: tuple[int, int | None]) -> Criterion:
    best = max(points for points, _ in options)
    return Criterion(vi="x", en="x", max=best, options=tuple(Option(vi="", points=p, star=s) for p, s in options))


def test_gates_rise_with_their_points() -> None:
    check_criterion("1.1", criterion((0, None), (1, 3), (2, 4), (3, 5)))
    with pytest.raises(BrokenRules, match="4 stars need no more points than 3"):
        check_criterion("1.1", criterion((0, None), (1, 4), (2, 3)))
    with pytest.raises(BrokenRules, match="two options are the minimum for 3 stars"):
        check_criterion("1.1", criterion((1, 3), (2, 3)))
    with pytest.raises(ValueError, match="less than or equal to 5"):
        criterion((1, 6))
    with pytest.raises(ValueError, match="greater than or equal to 3"):
        criterion((1, 2))


def test_an_incomplete_sheet_may_fall_short_but_never_exceed() -> None:
    part = TEA.parts[0]
    short = part.model_copy(update={"sections": part.sections[:1]})
    unknown = TEA.model_copy(update={"parts": (short, *TEA.parts[1:])})

    with pytest.raises(BrokenRules, match="part A"):
        check_sheet(unknown, NEW)
    check_sheet(unknown.model_copy(update={"complete": False}), NEW)
    much = part.model_copy(update={"sections": (*part.sections, part.sections[0])})
    with pytest.raises(BrokenRules, match="twice"):
        check_sheet(TEA.model_copy(update={"parts": (much, *TEA.parts[1:]), "complete": False}), NEW)


# --- Regimes ---------------------------------------------------------------------------------------------------------

KINDS = ("first-time", "upgrade", "re-evaluation")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("filed", "regime"),
    [
        ("2019-08-21", "QD1048-2019"),
        ("2023-02-23", "QD1048-2019"),
        ("2023-02-24", "QD148-2023"),
        ("2025-06-30", "QD148-2023"),
        ("2025-07-01", "QD148-2023"),
        ("2025-07-05", "QD148-2023"),
        ("2025-07-06", "QD1489-2025"),
        ("2026-05-21", "QD1489-2025"),
        ("2026-05-22", "QD26-2026"),  # both are in force until 21/07/2026: the newest takes what is filed
        ("2026-07-21", "QD26-2026"),
        ("2030-01-01", "QD26-2026"),
    ],
)
def test_the_filing_date_chooses_the_regime(kind: str, filed: str, regime: str) -> None:
    assert LAW.regime_for(kind, date.fromisoformat(filed)).id == regime
    assert LAW.regime_on(date.fromisoformat(filed)).id == regime


def test_no_regime_governs_what_is_older_or_of_another_kind() -> None:
    with pytest.raises(NoRegime):
        LAW.regime_for("first-time", date(2019, 8, 20))
    with pytest.raises(NoRegime):
        LAW.regime_on(date(2019, 8, 20))
    with pytest.raises(NoRegime):
        LAW.regime_for("downgrade", date(2026, 8, 20))


@pytest.mark.parametrize("regime", [OLD, AMENDED])
@pytest.mark.parametrize(
    ("kind", "last"), [("first-time", "2026-07-21"), ("upgrade", "2026-07-21"), ("re-evaluation", "2026-06-21")]
)
def test_dossiers_of_the_old_rules_are_finished_in_time(regime: Regime, kind: str, last: str) -> None:
    found = LAW.finish_by(regime, kind)

    assert found is not None
    day, rule = found
    assert day.isoformat() == last
    assert day == NEW.in_force_from + timedelta(days=30 if kind == "re-evaluation" else 60)
    assert (rule.mark, rule.after.value, rule.after.mark) == ("fact", "refuse", "inferred")


@pytest.mark.parametrize("regime", [NEW, OLDEST])
def test_other_regimes_have_no_last_day(regime: Regime) -> None:
    assert LAW.finish_by(regime, "first-time") is None


def test_the_transition_lets_certificates_run_on() -> None:
    assert NEW.transition is not None
    assert NEW.transition.run_on.max_days == 180


@pytest.mark.parametrize(
    ("regime", "levels"),
    [
        (OLDEST, [("district", (), 50, None), ("province", (3, 4), 90, 4), ("centre", (5,), None, None)]),
        (OLD, [("district", (3,), 70, None), ("province", (4,), 90, None), ("centre", (5,), None, None)]),
        (AMENDED, [("province", (3, 4), 90, None), ("centre", (5,), None, None)]),
        (NEW, [("province", (3, 4), 90, None), ("centre", (5,), None, None)]),
    ],
    ids=lambda v: v.id if isinstance(v, Regime) else "",
)
def test_who_evaluates_certifies_and_passes_up(regime: Regime, levels: list[tuple[object, ...]]) -> None:
    assert [(v.code, v.certifies, v.pass_up_from, v.interim_stars) for v in regime.levels] == levels
    codes = [str(v[0]) for v in levels]
    assert regime.first_level.code == codes[0]
    assert [getattr(regime.level_above(c), "code", None) for c in codes] == [*codes[1:], None]
    assert [getattr(regime.level_below(c), "code", None) for c in codes] == [None, *codes[:-1]]
    assert regime.level("centre").sends_back
    assert regime.certifier(2) is None
    assert [getattr(regime.certifier(s), "code", None) for s in (3, 4, 5)] == [
        next(v[0] for v in levels if s in v[1])  # type: ignore[operator]
        for s in (3, 4, 5)
    ]
    with pytest.raises(KeyError):
        regime.level("commune")


@pytest.mark.parametrize(
    ("regime", "parts"),
    [(OLDEST, (35, 25, 40)), (OLD, (40, 25, 35)), (AMENDED, (40, 25, 35)), (NEW, (40, 25, 35))],
    ids=lambda v: v.id if isinstance(v, Regime) else "",
)
def test_parts_and_bands(regime: Regime, parts: tuple[int, ...]) -> None:
    assert tuple(regime.rating.parts.values()) == parts
    assert {b.stars: b.min for b in regime.bands} == {5: 90, 4: 70, 3: 50, 2: 30, 1: 0}
    assert regime.rating.certifiable_from_stars == 3
    assert regime.certificate.months == 36


def test_what_an_amendment_leaves_alone_stays_and_what_is_abolished_goes() -> None:
    assert AMENDED.council == OLD.council
    assert AMENDED.certificate.written_notice == OLD.certificate.written_notice
    assert AMENDED.competences["call-session"] == OLD.competences["call-session"]
    assert "recognise@district" in OLD.competences
    assert not [c for c in AMENDED.competences if c.endswith("@district")]


EVERY_LEVEL = {
    "register-dossier",
    "request-supplement",
    "accept-for-batch",
    "reject-dossier",
    "report-advice",
    "set-up-council",
    "change-council-members",
    "change-council-procedure",
    "dissolve-council",
    "decline-recognition",
    "notify-result",
    "publish-result",
    "settle-complaint",
}
ANY_LEVEL = {
    "file-dossier",
    "give-supplement",
    "issue-commune-report",
    "call-session",
    "cancel-session",
    "record-attendance",
    "declare-conflict",
    "open-scoring",
    "submit-score-sheet",
    "order-rescoring",
    "close-scoring",
    "conclude-session",
    "withdraw-dossier",
    "file-complaint",
    "record-recognition",
}


@pytest.mark.parametrize("regime", REGIMES, ids=lambda r: r.id)
def test_every_act_of_every_level_is_somebodys(regime: Regime) -> None:
    expected = ANY_LEVEL | {f"{c}@{v.code}" for c in EVERY_LEVEL for v in regime.levels}
    expected |= {f"forward-dossier@{v.code}" for v in regime.levels if v.pass_up_from} | {"forward-dossier@commune"}
    expected |= {f"approve-results@{v.code}" for v in regime.levels if v.pass_up_from}
    expected |= {f"recognise@{v.code}" for v in regime.levels if v.certifies}
    of_a_certificate = ("give-written-notice", "suspend-certificate", "lift-suspension", "extend-certificate")
    expected |= {f"{c}@{v.code}" for c in of_a_certificate for v in regime.levels if v.certifies}
    expected |= {f"reopen-evaluation@{v.code}" for v in regime.levels if v.pass_up_from}
    expected |= {f"{c}@commune" for c in ("register-dossier", "request-supplement")}
    expected |= {f"send-back-result@{v.code}" for v in regime.levels if v.sends_back}
    expected |= {"revoke@province", "revoke@centre", "order-reevaluation@centre"}

    assert regime.competences.keys() == expected
    assert {"commune_review", "notify_result", *(f"{v.code}_intake" for v in regime.levels)} <= regime.deadlines.keys()
    for level in regime.levels:
        for command in EVERY_LEVEL:
            assert LAW.competence(command, "25", regime, level.code), command
            assert LAW.competence(command, "25", regime) is None


def test_competence_looks_at_the_level_first_and_at_the_province_before_the_law(tmp_path: Path) -> None:
    root = copied(tmp_path)
    with (root / "practice.toml").open("a", encoding="utf-8") as file:
        file.write(
            '\n[provinces.25.competences]\n"recognise@province" = '
            '{ roles = ["province-officer"], legal_basis = "ủy quyền", mark = "local" }\n'
        )
    write_sums(root)
    law = load(root)

    def roles(province: str, level: str) -> list[str]:
        found = law.competence("recognise", province, NEW, level)
        return [str(r) for r in found.roles] if found else []

    assert roles("25", "province") == ["province-officer"]
    assert roles("01", "province") == ["province-chair"]
    assert roles("25", "centre") == ["minister"]
    assert roles("25", "district") == []
    assert law.competence("call-session", "25", NEW, "centre") == NEW.competences["call-session"]
    assert law.competence("accept-idea", "25", None) == law.practice.competences["accept-idea"]
    assert law.competence("recognise", "25", None, "province") is not None


@pytest.mark.parametrize("command", ["suspend-certificate", "lift-suspension", "extend-certificate"])
@pytest.mark.parametrize("regime", REGIMES, ids=lambda r: r.id)
def test_five_stars_are_the_ministers_affair(command: str, regime: Regime) -> None:
    def roles(level: str | None) -> list[str]:
        found = LAW.competence(command, "25", regime, level)
        return [str(r) for r in found.roles] if found else []

    assert (roles("province"), roles("centre"), roles(None)) == (["province-chair"], ["minister"], [])


@pytest.mark.parametrize(
    ("basis", "marks"),
    [
        ("không tìm thấy quy định", {"not-found"}),
        ("QĐ 148/QĐ-TTg; người ký: không tìm thấy", {"not-found"}),
        ("thiết lập của cơ quan", {"not-found"}),
        ("suy luận: không tìm thấy quy định, theo cách của QĐ 26", {"inferred"}),
        ("hướng dẫn Bến Tre", {"local"}),
        ("QĐ 1048/QĐ-TTg (hướng dẫn An Giang, Ninh Thuận)", {"local"}),
        ("kế hoạch Đà Bắc 2023", {"local"}),
        ("kế hoạch địa phương", {"fact", "inferred", "local", "not-found"}),
        ("QĐ 26/2026/QĐ-TTg Đ8", {"fact", "inferred", "local", "not-found"}),
    ],
)
def test_a_mark_says_what_its_basis_says(basis: str, marks: set[str]) -> None:
    taken = set()
    for mark in MARK_NAMES:
        with suppress(BrokenRules):
            check_marks("here", Rule(legal_basis=basis, mark=mark))
            taken.add(mark)

    assert taken == marks


def test_a_wrong_mark_in_a_rule_file_is_refused(tmp_path: Path) -> None:
    root = copied(tmp_path)
    file = root / "practice.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('cơ quan", mark = "not-found"', 'cơ quan", mark = "fact"', 1), encoding="utf-8")
    write_sums(root)

    with pytest.raises(BrokenRules, match=r"practice\.toml: deadlines\.hand_over_form: .* is not-found, not fact"):
        load(root)


def test_what_rests_on_something_else_says_so() -> None:
    def apart(regime: Regime, level: str) -> dict[str, str]:
        return {name: rule.mark for name, rule in regime.level(level).apart.items()}

    assert apart(OLDEST, "province") == {"interim_stars": "local"}
    assert apart(OLD, "province") == {"sends_back": "not-found"}
    assert apart(NEW, "centre") == {"decision_number_format": "inferred"}
    assert NEW.renewal.apart["unit"].mark == "inferred"


def test_every_term_says_what_it_runs_from() -> None:
    terms = [rule for entry in (*REGIMES, LAW.practice) for _, rule in rules_within(entry) if isinstance(rule, Term)]

    assert len(terms) > 30
    assert all(term.from_vi and term.from_en for term in terms)
    assert NEW.renewal.from_vi
    assert NEW.revocation.from_vi


def rules_in(entry: Entry) -> Iterator[Entry]:
    yield entry
    for name in type(entry).model_fields:
        value = getattr(entry, name)
        for inner in value.values() if isinstance(value, dict) else value if isinstance(value, tuple) else [value]:
            if isinstance(inner, Entry):
                yield from rules_in(inner)


@pytest.mark.parametrize("entry", [*REGIMES, LAW.practice], ids=lambda e: e.id)
def test_every_value_names_its_basis_and_mark(entry: Entry) -> None:
    """Everything is a rule with its basis, or a container of such; no value stands by itself."""
    for found in rules_in(entry):
        if isinstance(found, Rule | Ground):
            assert found.legal_basis, found
            assert found.mark, found
        elif not isinstance(found, type(LAW.practice)):
            assert isinstance(found, CouncilRules)
            assert all(isinstance(getattr(found, name), Rule) for name in CouncilRules.model_fields)


@pytest.mark.parametrize(
    ("level", "proposed", "batch", "cut_off", "done"),
    [
        ("province", "2026-04-29", "2026-1", "2026-04-30", "2026-06-30"),
        ("province", "2026-04-30", "2026-2", "2026-10-30", "2026-12-30"),
        ("province", "2026-10-29", "2026-2", "2026-10-30", "2026-12-30"),
        ("province", "2026-10-30", "2027-1", "2027-04-30", "2027-06-30"),
        ("province", "2026-12-31", "2027-1", "2027-04-30", "2027-06-30"),
        ("centre", "2026-07-29", "2026-1", "2026-07-30", "2026-09-30"),
        ("centre", "2026-07-30", "2026-2", "2027-01-30", "2027-03-30"),
        ("centre", "2026-12-31", "2026-2", "2027-01-30", "2027-03-30"),
        ("centre", "2027-01-29", "2026-2", "2027-01-30", "2027-03-30"),
        ("centre", "2027-01-30", "2027-1", "2027-07-30", "2027-09-30"),
    ],
)
def test_a_batch_takes_what_was_proposed_before_its_cut_off(
    level: str, proposed: str, batch: str, cut_off: str, done: str
) -> None:
    found = NEW.batch_for(level, date.fromisoformat(proposed))

    assert found == (batch, date.fromisoformat(cut_off), date.fromisoformat(done))


def test_an_office_may_read_the_cut_off_as_the_last_day() -> None:
    inclusive = NEW.model_copy(update={"batches": tuple(b.model_copy(update={"inclusive": True}) for b in NEW.batches)})

    assert inclusive.batch_for("province", date(2026, 4, 30)) == ("2026-1", date(2026, 4, 30), date(2026, 6, 30))
    assert inclusive.batch_for("province", date(2026, 5, 1)) == ("2026-2", date(2026, 10, 30), date(2026, 12, 30))


@pytest.mark.parametrize("regime", [OLDEST, OLD, AMENDED])
def test_older_regimes_set_no_batches(regime: Regime) -> None:
    assert all(regime.batch_for(v.code, date(2025, 8, 1)) is None for v in regime.levels)


@pytest.mark.parametrize(
    ("level", "day", "codes"),
    [
        ("district", "2025-06-30", []),
        ("district", "2025-07-01", ["after-districts", "gap-july-2025"]),
        ("district", "2025-07-06", ["after-districts"]),
        ("district", "2026-11-23", ["after-districts"]),
        ("province", "2025-06-30", []),
        ("province", "2025-07-01", ["gap-july-2025"]),
        ("province", "2025-07-05", ["gap-july-2025"]),
        ("province", "2025-07-06", []),
        ("centre", "2025-07-03", ["gap-july-2025"]),
    ],
)
def test_the_end_of_the_districts_is_warned_of_never_refused(level: str, day: str, codes: list[str]) -> None:
    assert [w.code for w in LAW.data_warnings(level, date.fromisoformat(day))] == codes


def test_renewal_windows_are_known_only_where_a_rule_was_found() -> None:
    assert (NEW.renewal.earliest_days, NEW.renewal.latest_days, NEW.renewal.decide_within_days) == (180, 120, 45)
    assert NEW.renewal.written_opinions
    for regime in (AMENDED, OLD, OLDEST):
        assert (regime.renewal.earliest_days, regime.renewal.latest_days) == (None, None)
        assert regime.renewal.mark == "not-found"
        assert [g.code for g in regime.revocation.grounds] == ["other"]
    assert [g.code for g in NEW.revocation.grounds] == ["a", "b", "c", "d", "dd", "e"]
    assert NEW.revocation.within_days == 15
    assert [(r.certificate.written_notice.value, r.certificate.written_notice.mark) for r in (NEW, OLD)] == [
        (30, "inferred"),
        (30, "fact"),
    ]
    assert NEW.certificate.notices.days == (180, 90, 60, 30)


def test_a_council_keeps_its_own_rules(tmp_path: Path) -> None:
    root = copied(tmp_path)
    with (root / "practice.toml").open("a", encoding="utf-8") as file:
        file.write(
            "\n[provinces.25.council]\n"
            'max_spread = { value = "9.5", unit = "points", legal_basis = "quy chế", mark = "local" }\n'
            'gate_test = { value = "average", legal_basis = "quy chế", mark = "local" }\n'
        )
    write_sums(root)
    law = load(root)
    own, others = law.council_rules(NEW, "25"), law.council_rules(NEW, "01")

    assert others == NEW.council
    assert (own.max_spread.exact, own.gate_test.value) == (Fraction(19, 2), "average")
    assert (others.max_spread.exact, others.gate_test.value) == (Fraction(10), "agreed")
    assert own.quorum_percent == others.quorum_percent
    assert CouncilRules.model_validate(json.loads(json.dumps(own.model_dump(mode="json")))) == own
    assert [(r.council.notice.value, r.council.notice.mark) for r in (NEW, AMENDED, OLD, OLDEST)] == [
        (1, "not-found"),
        (1, "fact"),
        (1, "fact"),
        (2, "local"),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        'mood = { value = 10, legal_basis = "x", mark = "local" }',
        'max_spread = { value = 9.5, unit = "points", legal_basis = "x", mark = "local" }',
        'max_spread = { value = "nine", unit = "points", legal_basis = "x", mark = "local" }',
        'max_spread = { value = 9, unit = "points" }',
        'gate_test = { value = "lottery", legal_basis = "x", mark = "local" }',
    ],
)
def test_a_province_cannot_write_nonsense_for_its_council(tmp_path: Path, wrong: str) -> None:
    root = copied(tmp_path)
    with (root / "practice.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n[provinces.25.council]\n{wrong}\n")
    write_sums(root)

    with pytest.raises(BrokenRules, match=r"provinces\.25\.council"):
        load(root)


def test_settings_may_be_words() -> None:
    numbers = LAW.practice.setting("certificate_number_format", "25")

    assert numbers.format(n=7, year=2026, area="25") == "0007/2026/GCN-OCOP-25"
    assert LAW.practice.setting("decision_number_format", "25").format(n=7, year=2026) == "7/QĐ-UBND"
    assert LAW.practice.setting("suspension_known", "25") is False


def test_checks_hold_for_every_regime() -> None:
    for regime in REGIMES:
        check_regime(regime)


def test_the_rules_hash_covers_regime_sheet_and_library(tmp_path: Path) -> None:
    def touched(name: str) -> tuple[bool, bool, bool]:
        root = copied(tmp_path / name.replace("/", "-"))
        (root / name).write_bytes((root / name).read_bytes() + b"\n# sealed anew\n")
        write_sums(root)
        law = load(root)
        assert law.hash != LAW.hash
        pairs = [("QD26-2026", "QD26-11"), ("QD26-2026", "QD26-04"), ("QD1489-2025", "QD26-04")]
        first, second, third = (law.rules_hash(*p) != LAW.rules_hash(*p) for p in pairs)
        return first, second, third

    assert LAW.rules_hash("QD26-2026", "QD26-11") != LAW.rules_hash("QD26-2026", "QD26-04")
    assert touched("sheets/QD26-2026/QD26-11.toml") == (True, False, False)
    assert touched(next(f for f in RULE_FILES if f.startswith("sheets/QD26-2026/criteria"))) == (True, True, False)
    assert touched("regimes/QD26-2026.toml") == (True, True, False)
    assert touched("regimes/QD148-2023.toml") == (False, False, True)  # what is amended counts
    assert touched("regimes/QD1489-2025.toml") == (False, False, True)
    assert touched("practice.toml") == (False, False, False)


# --- Calendar and areas ----------------------------------------------------------------------------------------------


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
