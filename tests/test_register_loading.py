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
from uuid import UUID

import psycopg
import pytest
from openpyxl import load_workbook
from psycopg.rows import namedtuple_row
from psycopg.sql import SQL, Identifier
from psycopg_pool import AsyncConnectionPool
from typer.testing import CliRunner, Result

from api.cli_import import imports
from application.access.accounts import Accounts
from application.access.passwords import Passwords
from application.access.sessions import Sessions
from application.database import service_conninfo
from application.handle import Order
from application.keys import MemoryKeys
from application.registers.checking import check
from application.registers.known import look_up
from application.registers.layouts import COLUMNS, write_template
from application.registers.loading import Loaded, load
from application.registers.reading import Entity, Reading, Recognition, RegisterRow, read_register
from application.registers.rows import stream_of
from application.seals import Keeper
from application.store import Journal
from application.writer import Writer, utc_now
from domain.decide import COMMANDS
from domain.law.areas import areas, covers
from domain.law.book import law_book
from domain.personal import readable
from domain.values import Actor, Role
from tests.appointed import appoint, person_id
from tests.conftest import projector_for
from tests.language import NOW, keeper
from tests.service import MASTER_KEY
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


SEALS = keeper()
"""One key store for all runs, as one installation has."""


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
        journal, own = Journal(url), seals or SEALS
        writer = Writer(journal, law_book(), own, lambda: NOW)
        writer.start(asyncio.get_running_loop())
        try:
            return await load(reading, writer.run, own, law_book(), by, journal.streams)
        finally:
            await asyncio.to_thread(writer.stop)
            journal.close()

    return asyncio.run(run())


def checked(url: str, reading: Reading) -> Reading:
    """As the preview and the load do, with the read models up to date."""
    projector_for(url).catch_up()
    with psycopg.connect(url) as connection:
        return check(reading, law_book(), TODAY, look_up(connection, reading))


def facts(url: str) -> Counter[str]:
    with psycopg.connect(url) as connection:
        return Counter(dict(connection.execute("SELECT topic, count(*) FROM ocop.events GROUP BY topic").fetchall()))


def stored(url: str, name: str) -> list[dict[str, Any]]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT state FROM ocop.events WHERE topic = %s ORDER BY notification_id", (name,)
        ).fetchall()
    return [json.loads(bytes(row[0])) for row in rows]


def opened(entry: dict[str, Any], stream: UUID) -> Any:
    """What an entry from a register says, its personal fields opened."""
    return readable("product.entered-from-register", 1, entry["data"], stream, SEALS)


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
            planted[index + 4] = finding  # row 3 is the template's example
        rows.append(row)
    reading = read(register(tmp_path / "so.xlsx", rows))

    began = time.process_time()  # of this process alone: the machine may have much else to do
    first = loaded(own_database, reading)
    took = time.process_time() - began
    again = loaded(own_database, reading)

    assert {f.row: f.code for f in reading.findings if f.severity == "error"} == planted
    assert len(planted) == 50
    assert checked(own_database, reading) == reading
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
    assert product["effective_on"] == TODAY.isoformat()
    assert [r["effective_on"] for r in rounds] == ["2021-05-10", "2024-08-20"]
    assert [(r["data"]["level"], r["data"]["valid_to"]) for r in rounds] == [
        ("district", "2024-05-10"),
        ("province", "2027-08-20"),
    ]
    assert {r["source"]["scan_sha256"] for r in (product, *rounds)} == {None}
    assert {r["source"]["kind"] for r in (product, *rounds)} == {"register"}
    assert product["data"]["commune_as_given"] == "Xã Tu Lý"
    assert product["data"]["register_row"]["file_sha256"] == "a" * 64
    assert opened(product, stream_of(a_row()))["register_row"]["cells"] == {
        "B3": "Mật ong",
        "V3": "ghi chú\ncó ký tự lạ ␦",
    }
    assert len({r["command_id"] for r in (product, *rounds)}) == 1


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
        TODAY.isoformat(),  # only the year is known: no day is invented
    ]
    assert loaded(own_database, reading(a_row(5, recognitions=(older,)), file="c")) == Loaded(0, 1, (), ())


def test_other_words_under_the_same_key_are_told_and_not_stored(own_database: str) -> None:
    loaded(own_database, reading(a_row()))
    first, second = a_row().recognitions
    other_star = a_row(8, recognitions=(first, replace(second, stars=5)))
    other_phone = a_row(9, entity=replace(a_row().entity, phone="0999999999"))

    for row, said, way in (
        (other_star, "hạng sao/stars “4” → “5”", "record-recognition"),
        (other_phone, "điện thoại/phone", "correct-fact"),  # personal: that it differs, not what it was
    ):
        result = loaded(own_database, reading(row, file="b"))
        assert (result.loaded, result.already, result.refused) == (0, 0, ())
        assert [(note.row, note.code) for note in result.changed] == [(row.number, "changed")]
        for words in (result.changed[0].vi, result.changed[0].en):
            assert said in words
            assert way in words
            assert "0912345678" not in words
            assert "0999999999" not in words
    assert facts(own_database) == entered(1, 2)


def test_two_rows_of_one_product_are_one_product(own_database: str) -> None:
    first, second = a_row().recognitions
    rows = (a_row(3, recognitions=(second,)), a_row(4, recognitions=(first,)))
    spoken = a_row(5, recognitions=(replace(first, decision_number="7/QĐ", decided_on=None, year=2020),))

    assert loaded(own_database, reading(*rows)) == Loaded(2, 0, (), ())
    assert facts(own_database) == entered(1, 2)
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
    """Each row is there whole or not at all."""
    two = reading(a_row(), a_row(4, product="Sáp ong"))

    async def half() -> None:
        journal, own, orders = Journal(own_database), SEALS, 0
        writer = Writer(journal, law_book(), own, lambda: NOW)
        writer.start(asyncio.get_running_loop())

        async def run(order: Any) -> Any:
            nonlocal orders
            orders += 1
            if orders == 2:
                raise ConnectionError("cut off")
            return await writer.run(order)

        with pytest.raises(ConnectionError):
            await load(two, run, own, law_book(), OFFICER, journal.streams)
        await asyncio.to_thread(writer.stop)
        journal.close()

    asyncio.run(half())
    assert facts(own_database) == entered(1, 2)
    assert loaded(own_database, two) == Loaded(1, 1, (), ())
    assert facts(own_database) == entered(2, 4)


def test_what_the_domain_refuses_is_told_before_and_leaves_nothing_half(own_database: str) -> None:
    first, second = a_row().recognitions
    wrong = replace(second, valid_to=date(2024, 8, 19), cells={"valid_to": "K3", "decision": "T3"})
    row = a_row(recognitions=(first, wrong))

    shown = checked(own_database, reading(row, a_row(4, product="Sáp ong")))
    assert [(f.row, f.cell, f.severity, f.product) for f in shown.findings if f.severity == "error"] == [
        (3, "K3", "error", "Mật ong Đà Bắc")
    ]
    assert [kept.number for kept in shown.rows] == [4]
    result = loaded(own_database, reading(row))
    assert (result.loaded, [note.code for note in result.refused]) == (0, ["invalid-content"])
    assert facts(own_database) == Counter()


def test_stars_the_level_did_not_certify_are_told_before(own_database: str) -> None:
    _, second = a_row().recognitions
    row = a_row(recognitions=(replace(second, stars=5, cells={"stars": "Q3"}),))

    shown = checked(own_database, reading(row))

    assert shown.rows == (row,)
    assert [(f.cell, f.severity, f.code) for f in shown.findings] == [("Q3", "warning", "level-does-not-certify")]
    loaded(own_database, reading(row))
    (fact,) = stored(own_database, "product.recognition-recorded")
    assert [warning["code"] for warning in fact["data"]["warnings"]] == ["level-does-not-certify"]


def test_a_number_that_is_another_products_is_refused(own_database: str) -> None:
    _, second = a_row().recognitions
    numbered = replace(second, certificate_number="15/GCN", cells={"certificate": "S9", "decision": "O9"})
    loaded(own_database, reading(a_row(recognitions=(numbered,))))

    def told(**more: Any) -> list[tuple[str, str]]:
        row = a_row(9, product="Sáp ong", recognitions=(replace(numbered, **more),))
        shown = checked(own_database, reading(row))
        assert bool(shown.rows) != bool([f for f in shown.findings if f.severity == "error"])
        return [(f.cell, f.code) for f in shown.findings]

    assert told() == [("S9", "certificate-known")]
    assert told(authority="Ủy ban nhân dân Tỉnh Hòa Bình") == [("S9", "certificate-known")]
    assert told(authority="") == [("S9", "certificate-known")]
    assert told(authority="UBND tỉnh Phú Thọ") == told(certificate_number="16/GCN") == []
    assert told(decided_on=date(2023, 8, 20), year=2023) == []
    assert checked(own_database, reading(a_row(recognitions=(numbered,)))).findings == ()
    (finding,) = checked(own_database, reading(a_row(9, product="Sáp ong", recognitions=(numbered,)))).findings
    assert "“Mật ong Đà Bắc” (HTX nuôi ong)" in finding.vi
    assert str(stream_of(a_row())) in finding.en


def test_what_the_service_recognised_is_not_a_second_product(own_database: str) -> None:
    """As a province's register names a product that came here with its own dossier."""
    stream, told = STRANGER, tea_recognised(own_database)
    seen = Recognition(
        *(1, told.stars, told.issued_on, told.issued_on.year, told.decision_number, "", None),
        cells={"decision": "O3"},
    )
    row = a_row(product="Chè Shan tuyết", entity=replace(a_row().entity, name="HTX Chè"), recognitions=(seen,))
    other = replace(row, product="Chè khác", number=4)

    shown = checked(own_database, reading(row, other))

    assert [(f.cell, f.code) for f in shown.findings if f.severity == "error"] == [("O3", "recognition-known")]
    assert str(stream) in shown.findings[0].vi
    assert [kept.number for kept in shown.rows] == [4]


STRANGER = UUID("00000000-0000-4000-8000-0000000000aa")


def tea_recognised(url: str) -> Any:
    """The row of a product that was recognised here, as the read model keeps it."""
    loaded(url, reading(a_row()))
    projector_for(url).catch_up()
    with psycopg.connect(url, row_factory=namedtuple_row, autocommit=True) as connection:
        (table,) = connection.execute(
            "SELECT DISTINCT v.table_name FROM information_schema.view_table_usage v"
            " WHERE v.view_schema = 'read' AND v.view_name = 'certificates'"
        ).fetchone() or ("",)
        connection.execute(
            SQL(
                "UPDATE {} SET product_id = %s, source = 'native', product_name = 'Chè Shan tuyết',"
                " producer_name = 'HTX  chè' WHERE stars = 4"
            ).format(Identifier("read", table)),
            (STRANGER,),
        )
        found = connection.execute("SELECT * FROM read.certificates WHERE product_id = %s", (STRANGER,)).fetchone()
    assert found is not None
    return found


def test_products_of_a_register_are_shown(own_database: str) -> None:
    loaded(own_database, reading(a_row()))

    projector_for(own_database).catch_up()

    with psycopg.connect(own_database) as connection:
        shown = connection.execute("SELECT number, stars, current, producer_name FROM read.certificates").fetchall()
        parked = connection.execute("SELECT * FROM read.parked").fetchall()
    assert shown == [(None, 3, False, "HTX nuôi ong"), (None, 4, True, "HTX nuôi ong")]
    assert parked == []


def test_a_certificate_says_what_was_given_and_what_computed(own_database: str) -> None:
    first, second = a_row().recognitions
    given = replace(
        *(second,), certificate_number="15/GCN", valid_to=date(2027, 9, 1), product_number="17-150-04831-1-2024"
    )
    year = replace(first, decided_on=None, year=2020, decision_number="1/QĐ")
    loaded(own_database, reading(a_row(recognitions=(first, given)), a_row(4, recognitions=(year,))))
    projector_for(own_database).catch_up()

    with psycopg.connect(own_database) as connection:
        shown = connection.execute(
            "SELECT number, product_number, valid_to, valid_to_basis, source FROM read.certificates ORDER BY year"
        ).fetchall()
    assert shown == [
        (None, None, None, None, "register"),
        (None, None, date(2024, 5, 10), "computed", "register"),
        ("15/GCN", "17-150-04831-1-2024", date(2027, 9, 1), "given", "register"),
    ]


def test_what_was_corrected_is_no_longer_told(own_database: str) -> None:
    """The old file then says something else than what is known, the mended one nothing new."""
    loaded(own_database, reading(a_row()))
    (entry,) = stored(own_database, "product.entered-from-register")
    holder = opened(entry, stream_of(a_row()))["holder"] | {"phone": "0999999999"}
    command = COMMANDS["correct-fact"].model_validate(
        {"version": 1, "now": {"holder": holder}, "reason": "Ghi nhầm", "authority": "Sổ theo dõi"}
    )
    stream = stream_of(a_row())
    journal = Journal(own_database)
    writer = Writer(journal, law_book(), SEALS, lambda: NOW)
    (answer,) = writer.carry_out([Order(STRANGER, stream, command, OFFICER, b"")])
    journal.close()
    assert getattr(answer, "facts", None), answer
    mended = a_row(9, entity=replace(a_row().entity, phone="0999999999"))

    assert loaded(own_database, reading(mended, file="b")) == Loaded(0, 1, (), ())
    assert "điện thoại/phone" in loaded(own_database, reading(a_row())).changed[0].vi


# ── The command line ──────────────────────────────────────────────────────────────────────────


PHRASE = "mùa xuân trên bản Mường"
STILL_TO_CHANGE = "new.officer"
"""Login of a province's officer who has not changed the one-time password."""


@pytest.fixture
def office(own_database: str, own_keys: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of the service, with accounts of the province's officer and of the supervisor."""
    another = OFFICER.model_copy(update={"person": "another officer"})
    people = {OFFICER.person: OFFICER, Role.SUPERVISOR.value: actor(Role.SUPERVISOR), STILL_TO_CHANGE: another}
    appoint(own_database, people.values())
    asyncio.run(open_accounts(own_database, {login: person_id(who.person) for login, who in people.items()}))
    monkeypatch.setenv("OCOP_DATABASE_URL", own_database)
    monkeypatch.setenv("OCOP_KEYS_URL", own_keys)
    monkeypatch.setenv("OCOP_MASTER_KEY", MASTER_KEY)
    monkeypatch.setenv("OCOP_VAR", str(tmp_path))
    for module in ("api.cli_import", "api.cli_access"):  # the runner's streams end with the command
        monkeypatch.setattr(f"{module}.configure_logs", lambda _: None)
    return tmp_path


async def open_accounts(url: str, logins: dict[str, UUID]) -> None:
    """Accounts by login, all with one password; one of them still has to be changed."""
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        service_conninfo(url), min_size=1, max_size=2, open=False, kwargs={"autocommit": True}
    )
    async with pool:
        keeper, cheap = Keeper(bytes.fromhex(MASTER_KEY), MemoryKeys()), Passwords(memory_kib=64, passes=1)
        accounts = Accounts(pool, keeper, utc_now, Sessions(pool, utc_now), cheap)
        for login, person in logins.items():
            once = await accounts.open(person, login)
            opened = await accounts.log_in(login, once, "", "192.0.2.7")
            if login != STILL_TO_CHANGE:
                await accounts.change_password(opened.session, once, PHRASE, "192.0.2.7")


def load_as(login: str, file: str, *more: str, password: str = PHRASE) -> Result:
    """``ocop import certificates`` by somebody who types his password."""
    arguments = ["certificates", file, "--province", "25", "--login", login, *more]
    return CliRunner().invoke(imports, arguments, input=f"{password}\n\n")


def test_the_command_line_shows_first_and_loads_then(office: Path, own_database: str) -> None:
    file = str(register(office / "so.xlsx", [ROW, {**ROW, "product": "Chè", "stars": "6"}]))
    before, runner = facts(own_database), CliRunner()

    shown = runner.invoke(imports, ["certificates", file, "--province", "25", "--preview"])
    assert shown.exit_code == 1, shown.output
    assert "dòng/row 5 “Chè”: N5 lỗi/error star-invalid: " in shown.stdout
    assert shown.stdout.splitlines()[-1].startswith("1 dòng nạp được, 1 dòng có lỗi / ")
    assert facts(own_database) == before
    for expected in ("Đã nạp 1 dòng, 0 dòng đã có", "Đã nạp 0 dòng, 1 dòng đã có"):
        done = load_as(OFFICER.person, file)
        assert done.exit_code == 1, done.output
        assert done.stdout.splitlines()[-1].startswith(expected)
    assert facts(own_database) == before + entered(1, 1)
    told = stored(own_database, "product.entered-from-register")[0]["actor"]
    assert (told["person"], told["role"]) == (OFFICER.person, OFFICER.role)
    right = str(register(office / "right.xlsx", [ROW]))
    assert load_as(OFFICER.person, right).exit_code == 0


def test_nobody_loads_but_the_provinces_officer_who_proves_himself(office: Path, own_database: str) -> None:
    file, before = str(register(office / "so.xlsx", [ROW])), facts(own_database)

    anonymous = CliRunner().invoke(imports, ["certificates", file, "--province", "25"])
    assert (anonymous.exit_code, "--login" in anonymous.output) == (1, True)
    wrong = load_as(OFFICER.person, file, password="not his password")
    assert (wrong.exit_code, PHRASE in wrong.output) == (1, False)
    supervisor = load_as(Role.SUPERVISOR.value, file)
    assert (supervisor.exit_code, "is no OCOP officer of province 25" in supervisor.output) == (1, True)
    elsewhere = load_as(OFFICER.person, file, "--province", "01")
    assert (elsewhere.exit_code, "is no OCOP officer of province 01" in elsewhere.output) == (1, True)
    assert load_as(STILL_TO_CHANGE, file).exit_code == 1

    assert facts(own_database) == before


def test_a_row_is_one_line_and_a_warning_over_and_over_a_sum(office: Path) -> None:
    rows = [{**ROW, "product": f"Mật ong {n}", "valid_to": None} for n in range(7)]
    rows[5] |= {"phone": "912", "group": "Khác"}
    file = str(register(office / "so.xlsx", rows))

    shown = CliRunner().invoke(imports, ["certificates", file, "--province", "25", "--preview"])

    assert shown.exit_code == 0, shown.output
    *lines, summed, last = shown.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == [f"dòng/row {n} “Mật ong {n - 4}”" for n in (4, 5, 6, 9)]
    assert [part.split()[0] for part in lines[-1].split("”: ", 1)[1].split(" | ")] == ["B9", "M9"]
    assert summed == "cảnh báo/warning valid-to-missing: thêm 4 dòng / 4 more rows"
    assert last.startswith("7 dòng nạp được")


def test_a_preview_needs_no_database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCOP_DATABASE_URL", raising=False)
    monkeypatch.setenv("OCOP_VAR", str(tmp_path / "var"))
    monkeypatch.setattr("api.cli_import.configure_logs", lambda _: None)
    file = str(register(tmp_path / "so.xlsx", [ROW]))

    shown = CliRunner().invoke(imports, ["certificates", file, "--province", "25", "--preview"])

    assert shown.exit_code == 0, shown.output
    assert "not compared with the database" in shown.stderr
    assert not (tmp_path / "var" / "postgres").exists()


def test_the_command_line_says_what_is_missing(office: Path) -> None:
    file, runner = str(office / "so.xlsx"), CliRunner()

    assert runner.invoke(imports, ["template", file]).exit_code == 0
    assert runner.invoke(imports, ["template", file]).exit_code == 1
    assert runner.invoke(imports, ["certificates", file, "--province", "99"]).exit_code == 1
    nobody = runner.invoke(imports, ["certificates", file, "--province", "01"])
    assert nobody.exit_code == 1
    assert "--login" in nobody.output
    (office / "x.xlsx").write_bytes(b"no workbook")
    assert runner.invoke(imports, ["certificates", str(office / "x.xlsx"), "--province", "25"]).exit_code == 1
