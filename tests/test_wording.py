"""Official wording: taken only when every figure agrees, refused with the line otherwise, never a crash."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from api.cli_law import law as cli
from application.wording import BadWording, RegimeWording, load_wordings, read_wording, store_wording
from domain.law.book import law_book
from domain.law.models import Criterion, Section, Sheet

LAW = law_book()
ORACLE = Path(__file__).parents[2] / "shared" / "domain" / "sheets-qd26-2026.json"
SHEETS = [s for s in LAW.sheets.values() if s.regime == "QD26-2026"]


def leaf(code: str, criterion: Criterion) -> dict[str, Any]:
    options = [
        {"label": f"Lời văn {code}.{n}", "points": o.points}
        | ({"min_for_star": o.star} if o.star else {})
        | ({"variant": o.variant} if o.variant else {})
        for n, o in enumerate(criterion.options)
    ]
    return {"code": code, "title": f"Tiêu chí {code}", "max": criterion.max, "notes": ["Chú ý"], "options": options}


def section_of(sheet: Sheet, section: Section) -> dict[str, Any]:
    told: dict[str, Any] = {"code": section.code, "title": f"Mục {section.code}", "max": section.max}
    leaves = [leaf(place.code, sheet.leaves[place.code]) for place in section.criteria]
    if [one["code"] for one in leaves] == [section.code]:
        return {**leaves[0], **told, "leaf": True}
    for heading in section.headings:
        under = [one for one in leaves if one["code"].startswith(f"{heading.code}.")]
        at = leaves.index(under[0])
        group = {"code": heading.code, "title": "Nhóm", "max": heading.max, "is_group": True, "children": under}
        leaves = [*leaves[:at], group, *(one for one in leaves[at:] if one not in under)]
    return {**told, "criteria": leaves}


def told(sheet: Sheet) -> dict[str, Any]:
    """A set as the file tells it."""
    parts = [
        {"code": p.code, "max": p.max, "sections": [section_of(sheet, s) for s in p.sections]} for p in sheet.parts
    ]
    return {
        "no": sheet.number,
        "id": sheet.id,
        "name": f"Tên {sheet.number}",
        "sample_products_required": sheet.samples,
        "parts": parts,
    }


def file() -> dict[str, Any]:
    """A whole file with words made up here and the right figures."""
    parts = [{"code": c, "title": f"Phần {c}", "max": m} for c, m in (("A", 40), ("B", 25), ("C", 35))]
    return {"id": "QD26-2026", "parts": parts, "sets": [told(sheet) for sheet in SHEETS]}


def written(document: Any) -> bytes:
    """One value a line, so that lines can be told apart."""
    return json.dumps(document, ensure_ascii=False, indent=1).encode()


def read(document: Any) -> RegimeWording:
    return read_wording(written(document), LAW)


@pytest.fixture
def document() -> dict[str, Any]:
    return file()


def test_the_right_figures_bring_their_words(document: dict[str, Any]) -> None:
    wording = read(document)

    assert wording.sheets.keys() == {s.id for s in SHEETS}
    tea = wording.sheets["QD26-11"]
    assert tea.title == "Tên 11"
    assert tea.parts == {"A": "Phần A", "B": "Phần B", "C": "Phần C"}
    assert tea.headings.keys() == {"6.1", "6.2"}
    assert tea.criteria["6.1.1"].labels == ("Lời văn 6.1.1.0", "Lời văn 6.1.1.1", "Lời văn 6.1.1.2")
    assert tea.criteria["6.1.1"].notes == ("Chú ý",)


@pytest.mark.skipif(not ORACLE.exists(), reason="the official wording lies beside the project only where it is made")
def test_the_official_file_is_taken() -> None:
    wording = read_wording(ORACLE.read_bytes(), LAW)

    assert sum(len(c.labels) for s in wording.sheets.values() for c in s.criteria.values()) == 2579


def first_leaf(document: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = document["sets"][0]["parts"][0]["sections"][0]["criteria"][0]
    return found


def gated(document: dict[str, Any]) -> dict[str, Any]:
    options = (
        o
        for p in document["sets"][0]["parts"]
        for s in p["sections"]
        for c in s.get("criteria", [s])
        for o in c["options"]
        if "min_for_star" in o
    )
    return next(options)


def alter(place: dict[str, Any], key: str, value: Any) -> None:
    place[key] = value


ALTERED: dict[str, Callable[[dict[str, Any]], object]] = {
    "points": lambda d: alter(first_leaf(d)["options"][0], "points", 77),
    "min_for_star": lambda d: alter(gated(d), "min_for_star", 77),
    "max": lambda d: alter(first_leaf(d), "max", 77),
    "code": lambda d: alter(first_leaf(d), "code", "77"),
    "no": lambda d: alter(d["sets"][0], "no", 77),
    "sample_products_required": lambda d: alter(d["sets"][0], "sample_products_required", 77),
    "label": lambda d: alter(first_leaf(d)["options"][0], "label", 77),
    "title": lambda d: alter(first_leaf(d), "title", 77),
    "name": lambda d: alter(d["sets"][0], "name", 77),
    "id": lambda d: alter(d["sets"][0], "id", 77),
    "variant": lambda d: alter(first_leaf(d)["options"][0], "variant", 77),
    "notes": lambda d: alter(first_leaf(d), "notes", 77),
    "options": lambda d: alter(first_leaf(d), "options", 77),
    "criteria": lambda d: alter(d["sets"][0]["parts"][0]["sections"][0], "criteria", 77),
    "sections": lambda d: alter(d["sets"][0]["parts"][0], "sections", 77),
}


@pytest.mark.parametrize("key", ALTERED)
def test_one_altered_value_is_refused_with_its_line(document: dict[str, Any], key: str) -> None:
    ALTERED[key](document)
    lines = written(document).decode().splitlines()
    line = next(n for n, text in enumerate(lines, 1) if "77" in text)

    with pytest.raises(BadWording) as refused:
        read(document)

    fault = next(f for f in refused.value.faults if f.what == key)
    assert fault.line == line
    assert "77" in fault.found
    assert fault.expected
    assert f"dòng/line {line}" in str(fault)


def test_a_gate_left_out_is_found(document: dict[str, Any]) -> None:
    del gated(document)["min_for_star"]

    with pytest.raises(BadWording) as refused:
        read(document)

    (fault,) = refused.value.faults
    assert (fault.sheet, fault.what, fault.found) == (SHEETS[0].id, "min_for_star", "thiếu / missing")


def test_maxima_that_do_not_add_up_are_told_of_what_they_add_up_to(document: dict[str, Any]) -> None:
    first_leaf(document)["max"] += 1

    with pytest.raises(BadWording) as refused:
        read(document)

    section = SHEETS[0].parts[0].sections[0]
    assert f"tổng/sum {section.max + 1}" in [f.found for f in refused.value.faults]


@pytest.mark.parametrize("what", ["sets", "parts", "sections", "criteria", "options"])
def test_what_is_missing_is_named(document: dict[str, Any], what: str) -> None:
    one = document["sets"][0]
    holder = {
        "sets": document,
        "parts": one,
        "sections": one["parts"][0],
        "criteria": one["parts"][0]["sections"][0],
        "options": first_leaf(document),
    }[what]
    holder[what].pop()

    with pytest.raises(BadWording) as refused:
        read(document)

    assert what in {f.what for f in refused.value.faults}


def test_every_fault_is_listed_and_nothing_is_taken(document: dict[str, Any]) -> None:
    for one in document["sets"]:
        one["parts"][0]["sections"][0]["max"] += 1

    with pytest.raises(BadWording) as refused:
        read(document)

    assert {f.sheet for f in refused.value.faults} == {s.id for s in SHEETS}
    assert [f.line for f in refused.value.faults] == sorted(f.line for f in refused.value.faults)


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        (b"", 1, "Expecting value"),
        (b'{"id":\n\n', 3, "Expecting value"),
        (b'{\n"id": 1,\n"id": 2}', 3, "twice"),
        (b"[]", 1, "a list"),
        (b"{}\n{}", 2, "Extra data"),
        (b'{"id":\n"\xff"}', 2, "0xff"),
        (b'{"id": "\\ud800"}', 1, "QD26-2026"),
        (b'{"id":\nNaN}', 2, "NaN"),
        (b'{"id":\n' + b"9" * 10_000 + b"}", 2, "999"),
        (b"[" * 100_000, 1, "nested too deeply"),
        (b'{"id": "QD1489-2025"}', 1, "QD26-2026"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(content: bytes, line: int, told: str) -> None:
    with pytest.raises(BadWording) as refused:
        read_wording(content, LAW)

    assert refused.value.faults[0].line == line
    assert told in str(refused.value)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
KEYS = st.sampled_from(
    ["id", "no", "name", "parts", "sets", "code", "max", "sections", "title", "criteria", "children", "options"]
) | st.text(max_size=5)
JSON = st.recursive(
    SCALARS | st.sampled_from(["QD26-2026", "QD26-11", "A", "1", "1.1"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=40,
)


def takes_or_refuses(content: bytes) -> None:
    try:
        read_wording(content, LAW)
        faults = []
    except BadWording as refused:
        faults = refused.faults
        str(refused).encode()  # printable on any terminal
    assert all(fault.line >= 1 and fault.what for fault in faults)


@given(st.dictionaries(KEYS, JSON, max_size=8) | JSON)
@example({"id": "QD26-2026", "sets": [{"id": "QD26-11", "parts": [{"code": "A", "sections": [{"code": "1"}]}]}]})
def test_arbitrary_json_is_refused_and_never_crashes(document: Any) -> None:
    takes_or_refuses(json.dumps(document).encode())
    takes_or_refuses(json.dumps({"id": "QD26-2026", "sets": [document]}).encode())


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_and_never_crash(content: bytes) -> None:
    takes_or_refuses(content)


PATHS: list[tuple[Any, ...]] = []


def _collect(value: Any, path: tuple[Any, ...]) -> None:
    PATHS.append(path)
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, entry in entries:
        _collect(entry, (*path, key))


_collect(told(LAW.sheets["QD26-11"]), ())


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(PATHS[1:]), JSON)
def test_any_value_in_any_place_is_taken_or_refused(path: tuple[Any, ...], value: Any) -> None:
    document = {"id": "QD26-2026", "sets": [told(LAW.sheets["QD26-11"])]}
    place: Any = document["sets"][0]
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    takes_or_refuses(json.dumps(document).encode())


def test_what_was_stored_is_shown_until_the_figures_change(tmp_path: Path, document: dict[str, Any]) -> None:
    store_wording(tmp_path, read(document))
    kept = store_wording(tmp_path, read(document))

    assert [p.name for p in kept.parent.iterdir()] == ["QD26-2026.json"]
    assert load_wordings(tmp_path, LAW).keys() == {s.id for s in SHEETS}

    changed = json.loads(kept.read_text(encoding="utf-8"))
    changed["sheets"]["QD26-11"]["figures"] = "of another time"
    kept.write_text(json.dumps(changed), encoding="utf-8")
    assert load_wordings(tmp_path, LAW).keys() == {s.id for s in SHEETS} - {"QD26-11"}

    kept.write_text("{", encoding="utf-8")
    assert load_wordings(tmp_path, LAW) == {}
    shutil.rmtree(kept.parent)
    assert load_wordings(tmp_path, LAW) == {}


def test_the_command_imports_or_lists_every_fault(
    tmp_path: Path, document: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OCOP_VAR", str(tmp_path / "var"))
    source = tmp_path / "sheets.json"
    hash_before = law_book().hash

    source.write_bytes(written(document))
    taken = CliRunner().invoke(cli, ["import-sheets", str(source)])
    assert taken.exit_code == 0, taken.output
    assert (tmp_path / "var" / "wording" / "QD26-2026.json").exists()
    assert law_book().hash == hash_before

    ALTERED["points"](document)
    source.write_bytes(written(document))
    refused = CliRunner().invoke(cli, ["import-sheets", str(source)])
    assert refused.exit_code == 1
    assert "points: 77" in refused.output
    assert "nothing was imported" in refused.output

    absent = CliRunner().invoke(cli, ["import-sheets", str(tmp_path / "absent.json")])
    assert absent.exit_code == 2
    assert "Traceback" not in absent.output
