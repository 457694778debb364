"""Every stored decision taken again: alike under the same rules, found out when a rule or a fact was changed.

400 councils' conclusions by default; 100,000 with OCOP_SOAK=1.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import StoredEvent
from psycopg.conninfo import make_conninfo
from typer.testing import CliRunner

import domain.law
from api.cli_law import SHOWN
from api.cli_law import law as cli
from application.recheck import Deviation, Rechecked, recheck
from application.recorded import to_bytes
from application.store import Beside, FactRecorder, Journal
from domain.law.book import LawBook, law_book, load
from domain.law.sums import write_sums
from domain.product.certificate_facts import RecognitionRecorded
from domain.product.rating_facts import (
    Choice,
    ProductNotRecognised,
    ProductRecognised,
    RescoringOrdered,
    ResultApproved,
    ResultSentBack,
    ScoringConcluded,
    SheetsOpened,
)
from domain.stream import Fact
from tests.conftest import fresh_database
from tests.decided import Form, Picked, Scored, decided, fill, forms, products, stream
from tests.golden_stream import golden_stream

SOAK = bool(os.environ.get("OCOP_SOAK"))
CONCLUSIONS = 100_000 if SOAK else 400
LAW = law_book()


@pytest.fixture(scope="module")
def filled(database: str) -> Iterator[tuple[Journal, int]]:
    """A journal of generated decisions, and how many there are."""
    journal = Journal(database)
    yield journal, fill(journal, CONCLUSIONS)
    journal.close()


@pytest.fixture(scope="module")
def small(server_url: str, template: str) -> Iterator[Journal]:
    """A journal to which each test adds a product of its own."""
    for url in fresh_database(server_url, template):
        journal = Journal(url)
        yield journal
        journal.close()


def form(regime: str = "QD26-2026", sheet: str = "QD26-11", level: str = "province") -> Form:
    return next(f for f in forms() if (f.regime.id, f.sheet.id, f.level.code) == (regime, sheet, level))


def exactly(of: Form, total: int, **fixed: int) -> Picked:
    """A member's choices that come to this total; ``fixed``: the option of a criterion, by number, "c_1_2_3"."""
    wanted = {code.replace("_", "."): option for code, option in ((k[2:], v) for k, v in fixed.items())}
    reached: dict[int, Picked] = {0: []}
    for code, options in of.choices.items():
        further: dict[int, Picked] = {}
        for so_far, picked in reached.items():
            for choice, points in options:
                if code not in wanted or choice.option == wanted[code]:
                    further.setdefault(so_far + points, [*picked, (choice, points)])
        reached = further
    return reached[total]


def best(of: Form) -> Picked:
    return [of.choices[code][-1] for code in of.sheet.gates]


def told(of: Form, *totals: int, agreed: Picked | None = None) -> list[Fact]:
    """A council of sheets of these totals that agreed that every condition is met, or as ``agreed`` says."""
    return decided(
        of, Scored([exactly(of, total) for total in totals], best(of) if agreed is None else agreed, "agreed")
    )


def added(journal: Journal, facts: list[Fact]) -> UUID:
    key = uuid4()
    journal.append(stream(key, facts), Beside())
    return key


def of(found: Rechecked, product: UUID) -> list[tuple[int, str]]:
    return sorted((d.version, d.what) for d in found.deviations if d.product == product)


# ── Alike ──────────────────────────────────────────────────────────────────────────────────────────────


def test_every_decision_comes_out_alike(filled: tuple[Journal, int]) -> None:
    journal, decisions = filled
    progress: list[int] = []

    found = recheck(journal, LAW, progress.append)

    assert found.deviations == []
    assert (found.decisions, found.identical, found.kinds) == (decisions, decisions, {})
    assert progress[-1] == decisions
    assert progress == sorted(progress)


def test_the_generated_decisions_are_of_every_kind() -> None:
    made = [[recorded.fact for recorded in facts] for facts in products(400)]
    opened = [facts[0] for facts in made]
    concluded = [cast("ScoringConcluded", facts[1]) for facts in made]

    assert {c.sheet for c in concluded} == LAW.sheets.keys()
    assert {(c.regime, c.level) for c in concluded} == {(r.id, v.code) for r in LAW.regimes.values() for v in r.levels}
    assert {len(cast("SheetsOpened", o).sheets) for o in opened} == set(range(3, 8))
    assert {c.gate_test for c in concluded} == {"agreed", "average"}
    assert {c.stars for c in concluded} == {1, 2, 3, 4, 5}
    assert any("/" in c.average for c in concluded)
    assert any(c.missed for c in concluded)
    assert any(choice.option is None for o in opened for s in cast("SheetsOpened", o).sheets for choice in s.choices)
    assert {type(facts[2]) for facts in made if len(facts) > 2} == {
        ProductRecognised,
        ProductNotRecognised,
        ResultApproved,
    }


def test_what_is_generated_is_what_the_facts_allow() -> None:
    """They are built without validation: here it is made up for."""
    for facts in products(130):
        for recorded in facts:
            to_bytes(recorded)
            fact = recorded.fact
            assert type(fact).model_validate_json(fact.model_dump_json()) == fact


def test_an_empty_journal_holds_no_decisions(own_database: str) -> None:
    journal = Journal(own_database)

    assert recheck(journal, LAW) == Rechecked(0, [])

    journal.close()


def test_the_newest_round_counts(small: Journal) -> None:
    use = form()
    first, second = told(use, 60, 90, 90), told(use, 80, 81, 82)
    discussed = RescoringOrdered(discussion="Đã thảo luận.", round=2, spread=30)

    product = added(small, [first[0], discussed, second[0].model_copy(update={"round": 2}), *second[1:]])

    assert of(recheck(small, LAW), product) == []


def test_an_old_journals_open_sheets_count_too(small: Journal) -> None:
    """Its rule files are others by now; everything else comes out alike."""
    golden = golden_stream()
    end = next(n for n, r in enumerate(golden, 1) if isinstance(r.fact, ProductRecognised))
    key = uuid4()
    small.append([replace(recorded, originator_id=key) for recorded in golden[:end]], Beside())

    versions = {type(r.fact): r.originator_version for r in golden[:end]}
    assert of(recheck(small, LAW), key) == [
        (versions[ScoringConcluded], "rules-changed"),
        (versions[ProductRecognised], "rules-changed"),
    ]


def test_a_result_sent_back_is_decided_below(small: Journal) -> None:
    """92 points, but four stars: the centre certifies five only, and the province does not pass it up again."""
    centre, province = form(level="centre"), form()
    least = [province.choices[code][0] for code in province.sheet.gates]
    held = next(
        agreed
        for agreed in (
            [use if code == other.code else top for top, (other, _) in zip(best(province), best(province), strict=True)]
            for code, use in zip(province.sheet.gates, least, strict=True)
        )
        if cast("ScoringConcluded", told(centre, 92, 92, 92, agreed=agreed)[1]).stars in (3, 4)
    )
    opened, concluded = told(centre, 92, 92, 92, agreed=held)[:2]
    result = cast("ScoringConcluded", concluded)
    rules = {"regime": result.regime, "rules_hash": result.rules_hash}
    back = ResultSentBack(
        from_level="centre",
        to_level="province",
        letter_number="99/BNNMT",
        average=result.average,
        stars=result.stars,
        **rules,
    )
    recognised = recognition(province, result.stars)

    alike = added(small, [opened, concluded, back, recognised])
    not_sent_back = added(small, [opened, concluded, recognised])
    wrong = added(small, [opened, concluded, back.model_copy(update={"stars": 5, "average": "95"}), recognised])

    found = recheck(small, LAW)
    assert of(found, alike) == []
    assert of(found, not_sent_back) == [(3, "authority")]
    assert of(found, wrong) == [(3, "average"), (3, "stars")]


def recognition(of: Form, stars: int) -> ProductRecognised:
    whole = told(form(), 75, 75, 75)[2]
    assert isinstance(whole, ProductRecognised)
    return whole.model_copy(
        update={"stars": stars, "level": of.level.code, "regime": of.regime.id, "rules_hash": of.rules_hash}
    )


def test_a_decision_of_the_past_keeps_the_term_that_was_computed(small: Journal) -> None:
    past = RecognitionRecorded(
        stars=4,
        decision_number="12/QĐ-UBND",
        year=2024,
        decided_on=date(2024, 5, 31),
        authority="UBND tỉnh",
        level="province",
        certificate_number=None,
        valid_to=date(2027, 5, 31),
        valid_to_given=False,
        regime="QD148-2023",
        rules_hash=LAW.regime_hash("QD148-2023"),
        warnings=(),
    )
    without_day = {"decided_on": None, "regime": None, "rules_hash": None, "valid_to": None}
    kept = [past, past.model_copy(update={"valid_to": date(2026, 1, 1), "valid_to_given": True})]
    kept.append(past.model_copy(update=without_day))
    other = [past.model_copy(update={"valid_to": date(2028, 1, 1)}), past.model_copy(update={"rules_hash": "0" * 64})]
    other.append(past.model_copy(update={"regime": "QD0-1999"}))

    product = added(small, [*kept, *other])

    assert of(recheck(small, LAW), product) == [(4, "valid_to"), (5, "rules-changed"), (6, "rules-missing")]


# ── A changed rule ─────────────────────────────────────────────────────────────────────────────────────


def law_folder(target: Path) -> Path:
    """A copy of the rule files that ship."""
    source = Path(domain.law.__path__[0])
    return Path(shutil.copytree(source, target / "law", ignore=shutil.ignore_patterns("*.py", "__pycache__")))


CAPACITY = "production-capacity"


def with_another_digit(folder: Path) -> LawBook:
    """One option of one criterion of QD 26 is worth 1 point instead of 2; the files are sealed again."""
    for file in sorted((folder / "sheets" / "QD26-2026").glob("criteria*.toml")):
        before, found, after = file.read_text(encoding="utf-8").partition(f"[{CAPACITY}]\n")
        if found:
            wrong = after.replace('vi = "Quy mô trung bình", points = 2', 'vi = "Quy mô trung bình", points = 1', 1)
            assert wrong != after
            file.write_text(before + found + wrong, encoding="utf-8")
    write_sums(folder)
    return load(folder)


def using_it() -> tuple[Form, str]:
    """A sheet on which that criterion stands, and its code there."""
    for use in forms():
        if use.level.code == "province" and use.regime.id == "QD26-2026":
            for code, criterion in use.sheet.leaves.items():
                if criterion is use.sheet.library.get(CAPACITY):
                    return use, code
    raise AssertionError


def test_one_changed_digit_in_a_rule_file_is_found(filled: tuple[Journal, int], tmp_path: Path) -> None:
    journal, _ = filled
    changed = with_another_digit(law_folder(tmp_path))

    found = recheck(journal, changed)

    # Every decision under these sheets, and no other.
    rows = "SELECT count(*) FROM ocop.events WHERE convert_from(state, 'UTF8')::json -> 'data' ->> 'regime' = %s"
    with psycopg.connect(journal_url(journal)) as connection:
        row = connection.execute(rows, ("QD26-2026",)).fetchone()
    assert row is not None
    assert found.kinds["rules-changed"] == row[0] > 0
    assert {d.recorded.split()[0] for d in found.deviations if d.what == "rules-changed"} == {"QD26-2026"}
    assert found.identical == found.decisions - found.kinds["rules-changed"]
    assert found.kinds["average"] > 0
    assert found.deviations == sorted(found.deviations, key=lambda d: d.position)


def journal_url(journal: Journal) -> str:
    return str(journal.env["DATABASE_URL"])


def test_where_it_matters_the_stars_differ(small: Journal, tmp_path: Path) -> None:
    use, code = using_it()
    at_the_edge = exactly(use, 70, **{f"c_{code.replace('.', '_')}": 1})
    well_above = exactly(use, 75, **{f"c_{code.replace('.', '_')}": 1})
    edge = added(small, decided(use, Scored([at_the_edge] * 3, best(use), "agreed")))
    above = added(small, decided(use, Scored([well_above] * 3, best(use), "agreed")))
    untouched = added(small, decided(form("QD1048-2019", "QD1048-01"), scored_at_random()))

    found = recheck(small, with_another_digit(law_folder(tmp_path)))

    moved = [(2, "average"), (2, "rules-changed"), (2, "sheet-totals"), (2, "totals"), (3, "rules-changed")]
    assert of(found, above) == moved
    assert of(found, edge) == sorted([*moved, (2, "band"), (2, "stars"), (3, "stars")])
    assert of(found, untouched) == []
    stars = next(d for d in found.deviations if d.product == edge and d.what == "stars")
    assert (stars.recorded, stars.again) == ("4", "3")


def scored_at_random() -> Scored:
    use, chance = form("QD1048-2019", "QD1048-01"), random.Random(1)
    members = [[chance.choice(options) for options in use.choices.values()] for _ in range(3)]
    return Scored(members, best(use), "average")


def test_rules_that_are_not_there_are_found(small: Journal) -> None:
    facts = told(form(), 75, 75, 75)
    nowhere = [fact.model_copy(update={"regime": "QD0-1999"}) for fact in facts[1:]]
    product = added(small, [facts[0], *nowhere])

    assert of(recheck(small, LAW), product) == [(2, "rules-missing")]


# ── A changed fact ─────────────────────────────────────────────────────────────────────────────────────


def changed(facts: list[Fact], number: int, **update: Any) -> list[Fact]:
    return [fact.model_copy(update=update) if n == number else fact for n, fact in enumerate(facts)]


@pytest.mark.parametrize(
    ("number", "update", "what"),
    [
        (1, {"average": "76"}, [(2, "average")]),
        (1, {"average": "226/3"}, [(2, "average")]),
        (1, {"band": 5}, [(2, "band")]),
        (1, {"stars": 5}, [(2, "stars")]),
        (1, {"totals": (("Ủy viên 1", 75), ("Ủy viên 2", 75), ("Ủy viên 3", 76))}, [(2, "totals")]),
        (1, {"totals": (("Ủy viên 1", 75), ("Ủy viên 2", 75))}, [(2, "totals")]),
        (1, {"agreed": ()}, [(2, "missed"), (2, "stars"), (3, "stars")]),
        (1, {"agreed": (Choice(code="9.9", option=0),)}, [(2, "choices")]),
        (1, {"rules_hash": "0" * 64}, [(2, "rules-changed")]),
        (2, {"rules_hash": "0" * 64}, [(3, "rules-changed")]),
        (2, {"stars": 3}, [(3, "stars")]),
        (2, {"stars": 5}, [(3, "authority"), (3, "stars")]),
        (2, {"level": "centre"}, [(3, "authority")]),
        (2, {"level": "nowhere"}, [(3, "authority")]),
        (2, {"valid_to": date(2031, 1, 1)}, [(3, "valid_to")]),
    ],
)
def test_a_changed_fact_is_found(
    small: Journal, number: int, update: dict[str, Any], what: list[tuple[int, str]]
) -> None:
    """Each is one field of a council's conclusion or of the recognition that followed."""
    facts = told(form(), 75, 75, 75)
    assert cast("ScoringConcluded", facts[1]).stars == cast("ProductRecognised", facts[2]).stars == 4

    product = added(small, changed(facts, number, **update))

    assert of(recheck(small, LAW), product) == what


def test_a_changed_choice_is_found(small: Journal) -> None:
    use = form()
    facts = told(use, 75, 75, 75)
    sheets = cast("SheetsOpened", facts[0]).sheets
    place = next(n for n, c in enumerate(sheets[0].choices) if use.choices[c.code][-1][0] != c)
    better = use.choices[sheets[0].choices[place].code][-1][0]
    altered = (*sheets[0].choices[:place], better, *sheets[0].choices[place + 1 :])
    forged = (sheets[0].model_copy(update={"choices": altered}), *sheets[1:])

    product = added(small, changed(facts, 0, sheets=forged))

    assert of(recheck(small, LAW), product) == [(2, "average"), (2, "sheet-totals"), (2, "totals")]


def test_a_sheet_too_many_or_none_at_all_is_found(small: Journal) -> None:
    facts = told(form(), 75, 75, 75)
    more = cast("SheetsOpened", told(form(), 75, 75, 75, 75)[0])

    too_many, none, nothing = added(small, [more, *facts[1:]]), added(small, facts[1:]), added(small, facts[2:])

    found = recheck(small, LAW)
    assert of(found, too_many) == [(2, "totals")]
    assert of(found, none) == [(1, "sheets")]
    assert of(found, nothing) == [(1, "result")]


@pytest.mark.parametrize("option", [99, None])
def test_an_option_that_does_not_exist_is_found(small: Journal, option: int | None) -> None:
    """Where an option of 0 points exists, none at all is no answer."""
    use = form()
    facts = told(use, 75, 75, 75)
    sheets = cast("SheetsOpened", facts[0]).sheets
    code = next(code for code, c in use.sheet.leaves.items() if any(o.points == 0 for o in c.options))
    altered = tuple(c.model_copy(update={"option": option}) if c.code == code else c for c in sheets[0].choices)

    product = added(small, changed(facts, 0, sheets=(sheets[0].model_copy(update={"choices": altered}), *sheets[1:])))

    assert of(recheck(small, LAW), product) == [(2, "choices")]


def test_authorities_that_decided_what_is_not_theirs_are_found(small: Journal) -> None:
    use = form()
    high, middle, low = told(use, 95, 95, 95), told(use, 75, 75, 75), told(use, 45, 45, 45)
    assert isinstance(high[2], ResultApproved)
    assert isinstance(low[2], ProductNotRecognised)
    passed_up = high[2].model_copy(update={"average": "75"})
    declined = low[2].model_copy(update={"stars": 4})

    recognised_instead = added(small, [*high[:2], recognition(use, 4)])
    passed_up_without_need = added(small, [*middle[:2], passed_up])
    declined_without_need = added(small, [*middle[:2], declined])
    recognised_below = added(small, [*low[:2], recognition(use, 3)])
    kept = LAW.regimes["QD26-2026"].upgrade.legal_basis
    kept_the_better = added(small, [*middle[:2], declined.model_copy(update={"legal_basis": kept})])

    found = recheck(small, LAW)
    assert of(found, recognised_instead) == [(3, "authority"), (3, "stars")]
    assert of(found, passed_up_without_need) == [(3, "authority")]
    assert of(found, declined_without_need) == [(3, "not-recognised")]
    assert of(found, recognised_below) == [(3, "stars")]
    assert of(found, kept_the_better) == []


def test_bytes_that_are_no_fact_are_found(small: Journal) -> None:
    key = uuid4()
    broken = [
        StoredEvent(key, 1, "product.sheets-opened", b'{"fact_version": 1, "data": {}}'),
        StoredEvent(key, 2, "product.scoring-concluded", b"not even JSON"),
        StoredEvent(key, 3, "product.recognised", b'{"fact_version": 99, "data": {}}'),
    ]
    cast("FactRecorder", small.recorder).insert_events(broken)

    assert of(recheck(small, LAW), key) == [(1, "unreadable"), (2, "unreadable"), (3, "unreadable")]


# ── The command ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def at(own_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Journal]:
    """The command's own database."""
    monkeypatch.setenv("OCOP_DATABASE_URL", own_database)
    monkeypatch.setenv("OCOP_VAR", str(tmp_path))
    monkeypatch.setattr("api.cli_law.configure_logs", lambda _: None)  # the runner's streams end with the command
    journal = Journal(own_database)
    yield journal
    journal.close()


def test_the_command_says_that_all_is_alike(at: Journal) -> None:
    decisions = fill(at, 130)

    done = CliRunner().invoke(cli, ["recheck"])

    assert done.exit_code == 0, done.output
    assert f"{decisions:,} decisions, {decisions:,} identical, " in done.output
    assert "/s." in done.output


def test_the_command_names_what_is_not(at: Journal) -> None:
    fill(at, 5)
    product = added(at, changed(told(form(), 75, 75, 75), 1, average="74"))

    done = CliRunner().invoke(cli, ["recheck"])

    assert done.exit_code == 1
    assert f"{product} 2: average: 74 → 75" in done.output
    assert "\naverage: 1\n" in done.output


def test_the_command_takes_other_rules(at: Journal, tmp_path: Path) -> None:
    fill(at, 200)
    folder = law_folder(tmp_path)

    assert CliRunner().invoke(cli, ["recheck", "--rules", str(folder)]).exit_code == 0
    with_another_digit(folder)
    done = CliRunner().invoke(cli, ["recheck", "--rules", str(folder)])

    assert done.exit_code == 1
    assert "rules-changed: " in done.output
    assert sum(" → " in line for line in done.output.splitlines()) == SHOWN
    assert "more" in done.output


def test_rules_that_break_their_seal_are_not_taken(at: Journal, tmp_path: Path) -> None:
    folder = law_folder(tmp_path)
    file = folder / "sheets" / "QD26-2026" / "criteria.toml"
    file.write_bytes(file.read_bytes() + b"\n")

    done = CliRunner().invoke(cli, ["recheck", "--rules", str(folder)])

    assert done.exit_code == 2


def test_a_database_that_is_not_there_or_not_prepared_is_said(
    server_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCOP_VAR", str(tmp_path))
    monkeypatch.setattr("api.cli_law.configure_logs", lambda _: None)
    for database in ("postgres", "there_is_no_such_database"):
        monkeypatch.setenv("OCOP_DATABASE_URL", make_conninfo(server_url, dbname=database))

        assert CliRunner().invoke(cli, ["recheck"]).exit_code == 2


def test_a_deviation_says_where_it_stands(small: Journal) -> None:
    product = added(small, changed(told(form(), 75, 75, 75), 1, average="74"))

    found = [d for d in recheck(small, LAW).deviations if d.product == product]

    position = next(r.position for r in small.streams([product]) if r.originator_version == 2)
    assert found == [Deviation(product, 2, position, "average", "74", "75")]
