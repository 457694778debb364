"""The scoring sheets as a whole: how much there is of them, and that the words are our own."""

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from domain.law.book import law_book
from domain.law.models import Sheet

LAW = law_book()
NEW = list(LAW.sheets_of(LAW.regimes["QD26-2026"]).values())
OLDEST = list(LAW.sheets_of(LAW.regimes["QD1048-2019"]).values())
PARTS_ONLY = LAW.sheets["QD148"]
ORACLE = Path(__file__).parents[2] / "shared" / "domain" / "sheets-qd26-2026.json"


def test_the_26_sheets_hold_as_many_criteria_options_and_gates_as_the_annex() -> None:
    criteria = [c for sheet in NEW for c in sheet.leaves.values()]
    options = [o for c in criteria for o in c.options]

    assert (len(NEW), len(criteria), len(options), sum(o.star is not None for o in options)) == (26, 787, 2579, 574)


def test_every_official_group_has_its_sheets() -> None:
    groups = [sheet.group for sheet in NEW]

    assert {g: groups.count(g) for g in groups} == {
        "food": 13,
        "drinks": 4,
        "medicinal": 3,
        "handicraft": 2,
        "ornamental": 3,
        "tourism": 1,
    }


@pytest.mark.parametrize("sheet", [*NEW, *OLDEST], ids=lambda s: s.id)
def test_tourism_brings_no_samples_and_everything_else_five(sheet: Sheet) -> None:
    assert sheet.samples == (0 if sheet.group == "tourism" else 5)


def test_of_2019_only_figures_are_known_and_said_to_be() -> None:
    """22 of 26 sets add up in the source; the other four are not loaded."""
    assert {s.number for s in OLDEST} == set(range(1, 27)) - {10, 21, 23, 24}
    for sheet in OLDEST:
        assert sheet.mark == "inferred"
        assert sheet.note_vi
        assert sheet.note_en
        assert not sheet.gates
        assert {o.vi for c in sheet.leaves.values() for o in c.options} == {""}


def test_of_2023_only_the_parts_are_known_and_no_gate_is_made_up() -> None:
    assert not PARTS_ONLY.complete
    assert not PARTS_ONLY.gates
    assert {code: c.max for code, c in PARTS_ONLY.leaves.items()} == {"A": 40, "B": 25, "C": 35}
    assert all([o.points for o in c.options] == list(range(c.max + 1)) for c in PARTS_ONLY.leaves.values())
    assert PARTS_ONLY.mark == "fact"
    assert PARTS_ONLY.apart["criteria"].mark == "not-found"
    assert "không tìm thấy" in PARTS_ONLY.apart["criteria"].legal_basis
    assert "NOT checked" in PARTS_ONLY.note_en


def texts(value: Any) -> Iterator[str]:
    """Every text inside the oracle."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for entry in value.values():
            yield from texts(entry)
    elif isinstance(value, list):
        for entry in value:
            yield from texts(entry)


def plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", unicodedata.normalize("NFC", text).casefold()))


@pytest.mark.skipif(not ORACLE.exists(), reason="the official wording lies beside the project only where it is made")
def test_no_longer_text_of_ours_is_the_official_one() -> None:
    """The rule files summarise; whoever holds the official text imports it (tests/test_wording.py)."""
    theirs = {plain(t) for t in texts(json.loads(ORACLE.read_text(encoding="utf-8"))["sets"])}
    ours = {
        text
        for sheet in LAW.sheets.values()
        for c in sheet.leaves.values()
        for text in (c.vi, c.note_vi, c.disqualifier_vi, *(o.vi for o in c.options))
    }

    assert not {text for text in ours if len(text.split()) > 8 and plain(text) in theirs}
