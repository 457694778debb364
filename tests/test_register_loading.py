"""Registers loaded for real: what is right once, what is wrong told, whatever is repeated."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest
from openpyxl import load_workbook
from typer.testing import CliRunner

from api.cli_import import imports
from api.security import make_tokens
from application.registers.layouts import COLUMNS, write_template
from application.registers.loading import Loaded, load, stream_of
from application.registers.reading import Entity, Reading, Recognition, RegisterRow, read_register
from application.seals import Keeper
from application.store import Journal
from application.writer import Writer
from domain.law.areas import areas, covers
from domain.law.book import law_book
from domain.values import Actor, Role
from tests.conftest import projector_for
from tests.language import NOW, keeper
from tests.story import actor

TODAY = date(2026, 11, 23)
OFFICER = actor(Role.PROVINCE_OFFICER)
COMMUNES = sorted(code for code in areas() if len(code) == 5 and covers("25", code))
ROW: dict[str, Any] = {
    "product": "Mật ong",
    "group": "Thực phẩm",
    "entity": "HTX nuôi ong",
    "kind": "Hợp tác xã",
    "commune_code": "04876",
    "commune": areas()["04876"].name,
    "province": "25",
    "address": "Xóm Sưng",
    "representative": "Nguyễn Văn A",
    "phone": "0912345678",
    "stars": "4",
    "decision": "12/QĐ-UBND",
    "date": "10/05/2024",
    "authority": "UBND tỉnh Phú Thọ",
    "level": "tỉnh",
    "valid_to": "10/05/2027",
}


def register(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Our template, filled in."""
    write_template(path)
    book = load_workbook(path)
    for row in rows:
        book.worksheets[0].append([row.get(column.code) for column in COLUMNS])
    book.save(path)
    return path


def read(path: Path) -> Reading:
    return read_register(path, province="25", today=TODAY)


def loaded(url: str, reading: Reading, by: Actor = OFFICER, seals: Keeper | None = None) -> Loaded:
    """One run of the loader, in a process of its own as it were."""

    async def run() -> Loaded:
        journal, own = Journal(url), seals or keeper()
        writer = Writer(journal, law_book(), own, lambda: NOW)
        writer.start(asyncio.get_running_loop())
        try:
            return await load(reading, writer.run, own.digest, law_book(), by, TODAY)
        finally:
            await asyncio.to_thread(writer.stop)
            journal.close()

    return asyncio.run(run())


def facts(url: str) -> Counter[str]:
    with psycopg.connect(url) as connection:
        return Counter(dict(connection.execute("SELECT topic, count(*) FROM ocop.events GROUP BY topic").fetchall()))


def stored(url: str, name: str) -> list[dict[str, Any]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT state FROM ocop.events WHERE topic = %s ORDER BY notification_id", (name,)
        ).fetchall()
    return [json.loads(bytes(row[0])) for row in rows]


def entered(products: int, recognitions: int) -> Counter[str]:
    expected = {"product.entered-from-register": products, "product.recognition-recorded": recognitions}
    return Counter({name: count for name, count in expected.items() if count})


# ── A large one ───────────────────────────────────────────────────────────────────────────────


MISTAKES: list[tuple[dict[str, Any], str]] = [
    ({"stars": "6"}, "star-invalid"),
    ({"date": "31/02/2024"}, "date-invalid"),
    ({"date": "24/11/2026"}, "date-future"),
    ({"decision": None}, "decision-number-missing"),
    ({"commune_code": "99999"}, "commune-code-unknown"),
]


def test_five_thousand_rows_with_fifty_mistakes(own_database: str, tmp_path: Path) -> None:
    rows, planted = [], {}
    for index in range(5_000):
        code = COMMUNES[index % len(COMMUNES)]
        row = {**ROW, "product": f"Sản phẩm {index}", "commune_code": code, "commune": areas()[code].name}
        if index % 100 == 7:
            mistake, finding = MISTAKES[index // 100 % len(MISTAKES)]
            row |= mistake
            planted[index + 3] = finding
        rows.append(row)
    reading = read(register(tmp_path / "so.xlsx", rows))

    began = time.monotonic()
    first = loaded(own_database, reading)
    took = time.monotonic() - began
    again = loaded(own_database, reading)

    assert {f.row: f.code for f in reading.findings if f.severity == "error"} == planted
    assert len(planted) == 50
    assert first == Loaded(4_950, 0, (), ())
    assert again == Loaded(0, 4_950, (), ())
    assert facts(own_database) == entered(4_950, 4_950)
    assert took < 30


# ── Repeated, moved, changed ──────────────────────────────────────────────────────────────────


def a_row(number: int = 3, **more: Any) -> RegisterRow:
    """A row as the reader gives it."""
    first = Recognition(1, 3, date(2021, 5, 10), 2021, "12/QĐ-UBND", "UBND huyện Đà Bắc", "huyện")
    second = Recognition(2, 4, date(2024, 8, 20), 2024, "99/QĐ-UBND", "UBND tỉnh Hòa Bình", "tỉnh")
    row = RegisterRow(
        number=number,
        raw={f"B{number}": "Mật ong", f"V{number}": "ghi chú\r\ncó ký tự lạ \x07"},
        filled=(),
        product="Mật ong Đà Bắc",
        group="food",
        sheet=None,
        entity=Entity("HTX nuôi ong", "cooperative", "Xóm Riêng", "Nguyễn Văn A", "0912345678", None),
        commune_code="04876",
        commune_name="Xã Tu Lý",
        old_unit="150",
        recognitions=(first, second),
        current_star=4,
        note="",
    )
    return replace(row, **more)


def reading(*rows: RegisterRow, file: str = "a") -> Reading:
    return Reading(file * 64, rows, ())


def test_each_round_is_recorded_on_its_own_day_with_its_origin(own_database: str) -> None:
    assert loaded(own_database, reading(a_row())) == Loaded(1, 0, (), ())

    (product,) = stored(own_database, "product.entered-from-register")
    rounds = stored(own_database, "product.recognition-recorded")
    assert product["effective_on"] == "2021-05-10"
    assert [r["effective_on"] for r in rounds] == ["2021-05-10", "2024-08-20"]
    assert [(r["data"]["level"], r["data"]["valid_to"]) for r in rounds] == [
        ("district", "2024-05-10"),
        ("province", "2027-08-20"),
    ]
    assert {r["source"]["scan_sha256"] for r in (product, *rounds)} == {"a" * 64}
    assert {r["source"]["kind"] for r in (product, *rounds)} == {"paper"}
    assert product["data"]["commune_as_given"] == "Xã Tu Lý"
    assert rounds[0]["data"]["register_row"]["cells"] == {"B3": "Mật ong", "V3": "ghi chú\ncó ký tự lạ ␦"}


def test_a_mended_file_with_the_row_elsewhere_loads_nothing_again(own_database: str) -> None:
    loaded(own_database, reading(a_row()))

    moved = a_row(77, product="MẬT ONG  Đà Bắc".title(), commune_name="Xã Cao Sơn")
    same = a_row(78, commune_name="Xã Cao Sơn")

    assert stream_of(moved) == stream_of(same) == stream_of(a_row())
    assert loaded(own_database, reading(same, file="b")) == Loaded(0, 1, (), ())
    assert facts(own_database) == entered(1, 2)


def test_another_file_adds_only_what_is_new(own_database: str) -> None:
    loaded(own_database, reading(a_row()))
    newer = Recognition(1, 5, date(2026, 8, 1), 2026, "1/QĐ-BNNMT", "Bộ Nông nghiệp và Môi trường", "trung ương")
    older = Recognition(2, 3, None, 2019, "5/QĐ-UBND", "", None)

    result = loaded(own_database, reading(a_row(5, recognitions=(newer, older)), file="b"))

    assert result == Loaded(1, 0, (), ())
    assert facts(own_database) == entered(1, 4)
    assert [r["effective_on"] for r in stored(own_database, "product.recognition-recorded")][2:] == [
        "2026-08-01",
        "2019-12-31",
    ]
    assert loaded(own_database, reading(a_row(5, recognitions=(older,)), file="c")) == Loaded(0, 1, (), ())


def test_other_words_under_the_same_key_are_told_and_not_stored(own_database: str) -> None:
    loaded(own_database, reading(a_row()))
    first, second = a_row().recognitions
    other_star = a_row(8, recognitions=(first, replace(second, stars=5)))
    other_phone = a_row(9, entity=replace(a_row().entity, phone="0999999999"))

    for row in (other_star, other_phone):
        result = loaded(own_database, reading(row, file="b"))
        assert (result.loaded, result.already, result.refused) == (0, 0, ())
        assert [(note.row, note.code) for note in result.changed] == [(row.number, "changed")]
        assert result.changed[0].vi
        assert result.changed[0].en
    assert facts(own_database) == entered(1, 2)


def test_two_rows_of_one_product_are_one_product(own_database: str) -> None:
    first, second = a_row().recognitions
    rows = (a_row(3, recognitions=(second,)), a_row(4, recognitions=(first,)))
    spoken = a_row(5, recognitions=(replace(first, decision_number="7/QĐ", decided_on=None, year=2020),))

    assert loaded(own_database, reading(*rows)) == Loaded(2, 0, (), ())
    assert facts(own_database) == entered(1, 2)
    assert stored(own_database, "product.entered-from-register")[0]["effective_on"] == "2021-05-10"
    result = loaded(own_database, reading(*rows, replace(spoken, entity=replace(spoken.entity, phone="1"))))
    assert (result.loaded, result.already, [n.row for n in result.changed]) == (1, 2, [5])


def test_a_stranger_loads_nothing(own_database: str) -> None:
    elsewhere = Actor(person="x", office="y", role=Role.PROVINCE_OFFICER, area="01")
    commune = actor(Role.COMMUNE_OFFICER)

    for who, code in ((elsewhere, "outside-area"), (commune, "role-not-allowed")):
        result = loaded(own_database, reading(a_row()), by=who)
        assert (result.loaded, [(note.row, note.code) for note in result.refused]) == (0, [(3, code)])
    assert facts(own_database) == Counter()


def test_a_load_that_was_cut_off_is_finished_by_the_next(own_database: str) -> None:
    async def half() -> None:
        journal, own, orders = Journal(own_database), keeper(), 0
        writer = Writer(journal, law_book(), own, lambda: NOW)
        writer.start(asyncio.get_running_loop())

        async def run(order: Any) -> Any:
            nonlocal orders
            orders += 1
            if orders == 3:
                raise ConnectionError("cut off")
            return await writer.run(order)

        with pytest.raises(ConnectionError):
            await load(reading(a_row()), run, own.digest, law_book(), OFFICER, TODAY)
        await asyncio.to_thread(writer.stop)
        journal.close()

    asyncio.run(half())
    assert facts(own_database) == entered(1, 1)
    assert loaded(own_database, reading(a_row())) == Loaded(1, 0, (), ())
    assert facts(own_database) == entered(1, 2)


def test_products_of_a_register_are_shown(own_database: str) -> None:
    loaded(own_database, reading(a_row()))

    projector_for(own_database).catch_up()

    with psycopg.connect(own_database) as connection:
        shown = connection.execute("SELECT number, stars, current, producer_name FROM read.certificates").fetchall()
        parked = connection.execute("SELECT * FROM read.parked").fetchall()
    assert shown == [("12/QĐ-UBND", 3, False, "HTX nuôi ong"), ("99/QĐ-UBND", 4, True, "HTX nuôi ong")]
    assert parked == []


# ── The command line ──────────────────────────────────────────────────────────────────────────


@pytest.fixture
def office(own_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the service, with the officer's token."""
    make_tokens(tmp_path / "tokens.json", [OFFICER, actor(Role.SUPERVISOR)])
    monkeypatch.setenv("OCOP_DATABASE_URL", own_database)
    monkeypatch.setenv("OCOP_VAR", str(tmp_path))
    monkeypatch.setattr("api.cli_import.configure_logs", lambda _: None)  # the runner's streams end with the command
    return tmp_path


def test_the_command_line_shows_first_and_loads_then(office: Path, own_database: str) -> None:
    file = str(register(office / "so.xlsx", [ROW, {**ROW, "product": "Chè", "stars": "6"}]))
    runner = CliRunner()

    shown = runner.invoke(imports, ["certificates", file, "--province", "25", "--preview"])
    assert shown.exit_code == 0, shown.output
    assert "star-invalid" in shown.output
    assert facts(own_database) == Counter()
    for expected in ("Đã nạp 1 dòng, 0 dòng đã có", "Đã nạp 0 dòng, 1 dòng đã có"):
        done = runner.invoke(imports, ["certificates", file, "--province", "25"])
        assert done.exit_code == 0, done.output
        assert expected in done.output
    assert facts(own_database) == entered(1, 1)


def test_the_command_line_says_what_is_missing(office: Path) -> None:
    file, runner = str(office / "so.xlsx"), CliRunner()

    assert runner.invoke(imports, ["template", file]).exit_code == 0
    assert runner.invoke(imports, ["template", file]).exit_code == 1
    assert runner.invoke(imports, ["certificates", file, "--province", "99"]).exit_code == 1
    nobody = runner.invoke(imports, ["certificates", file, "--province", "01"])
    assert nobody.exit_code == 1
    assert "--person" in nobody.output
    (office / "x.xlsx").write_bytes(b"no workbook")
    assert runner.invoke(imports, ["certificates", str(office / "x.xlsx"), "--province", "25"]).exit_code == 1
