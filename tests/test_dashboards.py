"""Dashboards: every number is what a naive reader counts, and the count of its own drill-through."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from io import BytesIO, StringIO
from random import Random
from typing import Any
from uuid import UUID

import pytest
from openpyxl import load_workbook
from psycopg import AsyncConnection
from psycopg.sql import Identifier

from api.examples import EXAMPLES
from application.tables import to_csv, to_xlsx
from domain.law.areas import areas, province_today
from domain.law.maps import communes_of, old_unit_on, province_on
from domain.values import Actor, Role
from projections.boards import BOARDS
from projections.dashboards import UNSAID, Asked, numbers, rows_of
from projections.engine import put
from projections.marks import COLUMNS, Mark
from projections.scope import Scope
from tests.service import Service
from tests.test_as_of import FIRST
from tests.test_marks import COMMUNES, many
from tests.test_projections import Teller, projector

NOWHERE = (UUID(int=0), -1, -1)
NATION = Scope("VN")
TODAY_ON = date(2026, 11, 1)

# ── A naive reader ────────────────────────────────────────────────────────────────────────────

Counted = dict[tuple[str, str], set[tuple[Any, ...]]]


def last_of(marks: Sequence[Mark]) -> Mark:
    return max(marks, key=lambda m: (m.begins, m.position, m.number))


def by_product(marks: Sequence[Mark]) -> list[list[Mark]]:
    found = defaultdict[UUID, list[Mark]](list)
    for m in marks:
        found[m.product_id].append(m)
    return list(found.values())


def holds(m: Mark, day: date) -> bool:
    return m.begins <= day and (m.ends is None or m.ends > day)


def told(board: str, marks: Sequence[Mark], asked: Asked) -> list[tuple[str, Mark]]:
    """Each mark that a board counts, and in which part."""
    found = list[tuple[str, Mark]]()
    for own in by_product(marks):
        if board in ("stars", "expiring"):
            found += certificate(board, own, asked.day)
        elif board == "funnel":
            found += funnel([m for m in own if m.cycle == asked.cycle], asked.day)
        else:
            found += [(m.what, m) for m in own if m.what in BOARDS["promotion"].parts and holds(m, asked.day)]
    return found


def certificate(board: str, own: Sequence[Mark], day: date) -> list[tuple[str, Mark]]:
    if certified := [m for m in own if m.what == "certified" and holds(m, day)]:
        m = last_of(certified)
        assert m.ends is not None
        left = (m.ends - timedelta(days=1) - day).days
        part = "closing" if left <= 120 else "window" if left <= 180 else "beyond"
        return [("certified" if board == "stars" else part, m)]
    before = [m for m in own if m.what in ("certified", "undated") and m.begins <= day]
    if board == "stars" or not before:
        return []
    m = last_of(before)
    if m.what == "undated" and holds(m, day):
        return [("date-missing", m)]
    ran_out = m.kind is None or any(x.what == "expired" and m.ends and m.ends <= x.begins <= day for x in own)
    return [("expired", m)] if ran_out else []


def funnel(own: Sequence[Mark], day: date) -> list[tuple[str, Mark]]:
    if not any(m.what == "identified" and m.begins <= day for m in own):
        return []
    stages = {what: what for what in ("identified", "registered", "filed", "rated")}
    stages |= dict.fromkeys(("listed", "fair", "chain", "shop", "revenue"), "promotion")
    return [(stages[m.what], m) for m in own if m.what in stages and holds(m, day)]


def key_of(by: str, m: Mark, asked: Asked, holders: dict[UUID, str | None]) -> str:
    found: Any = {
        "stars": m.stars,
        "group": m.group_code,
        "commune": m.area,
        "province": province_on(m.area, asked.map_day),
        "unit": old_unit_on(m.area, asked.map_day),
        "level": m.level,
        "channel": m.kind,
        "producer": holders.get(m.product_id),
        "year": m.subject if asked.board == "stars" else m.begins.year,
        "": None,
    }[by]
    return str(found) if found else UNSAID


def naively(board: str, marks: Sequence[Mark], asked: Asked) -> tuple[Counted, dict[tuple[str, str], int]]:
    """What is counted of each part and key, key "" of the part in all; and the amounts."""
    known = [m for m in marks if m.position <= asked.known < m.replaced and m.day <= asked.day]
    communes = communes_of(asked.area, asked.map_day) if asked.area else None
    known = [m for m in known if communes is None or m.area in communes]
    joined = [m for m in known if m.what == "joined" and m.begins <= asked.day]
    holders = {own[0].product_id: last_of(own).kind for own in by_product(joined)}
    counted, amounts = defaultdict[tuple[str, str], set[tuple[Any, ...]]](set), defaultdict[tuple[str, str], int](int)
    for part, m in told(board, known, asked):
        if (asked.group and m.group_code != asked.group) or (asked.stars and m.stars != asked.stars):
            continue
        if asked.year and m.begins.year != asked.year:
            continue
        each = BOARDS[board].parts[part].each == "product"
        for key in {key_of(asked.by, m, asked, holders), ""} if asked.by else [""]:
            counted[part, key].add((m.product_id,) if each else (m.product_id, m.position, m.number))
            amounts[part, key] += m.amount or 0
    return counted, amounts


# ── Against the real tables ───────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def marks() -> list[Mark]:
    """Of many products, with groups as decided once: a product keeps its group, its cycle and its place."""
    chance = Random(11)
    found, kept = list[Mark](), dict[UUID, tuple[str | None, int]]()
    for number, m in enumerate(many(chance)):
        group, cycle = kept.setdefault(m.product_id, (m.group_code, chance.choice((2024, 2025))))
        more = {"group_code": group, "cycle": cycle, "province": province_today(m.area)}
        found.append(replace(m, number=number, **more))
    return found


def store(url: str, marks: Sequence[Mark]) -> None:
    live = projector(Teller(url), url)
    with live.connect() as connection:
        live.ensure_tables(connection)
        table = connection.execute("SELECT table_name FROM read.models WHERE name = 'marks'").fetchone()
        assert table is not None
        with connection.cursor() as cursor:
            put(cursor, Identifier("read", table[0]), COLUMNS, [tuple(getattr(m, c) for c in COLUMNS) for m in marks])


def some_question(chance: Random, board: str, by: str, last: int) -> Asked:
    day = FIRST + timedelta(days=chance.randint(-200, 900))
    map_day = TODAY_ON if by != "unit" and chance.random() < 0.5 else min(day, date(2025, 6, 30))
    area = chance.choice([None, None, chance.choice(COMMUNES), province_on(chance.choice(COMMUNES), map_day)])
    filters = BOARDS[board].filters
    return Asked(
        board,
        by,
        day,
        chance.randint(last // 2, last),
        map_day,
        area,
        group=chance.choice([None, None, "food", "drinks"]),
        stars=chance.choice([None, 3, 4]) if "stars" in filters else None,
        year=chance.choice([None, 2024, 2025]) if "year" in filters else None,
        cycle=chance.choice([2024, 2025]) if "cycle" in filters else None,
    )


@pytest.mark.anyio
async def test_a_number_is_what_a_naive_reader_counts_and_the_count_of_its_drill_through(
    own_database: str, marks: list[Mark]
) -> None:
    chance, total = Random(12), 0
    store(own_database, marks)
    last = max(m.position for m in marks)
    async with await AsyncConnection.connect(own_database, autocommit=True) as reading:
        for board, of in BOARDS.items():
            for by in of.by if not of.today_only else ():
                for _ in range(4):
                    asked = some_question(chance, board, by, last)
                    counted, amounts = naively(board, marks, asked)

                    found = {(n.part, n.key or ""): n for n in await numbers(reading, asked, NATION)}

                    assert {at: n.count for at, n in found.items()} == {at: len(x) for at, x in counted.items()}, asked
                    for at, n in found.items():
                        summed = of.parts[n.part].amount == "sum"
                        assert n.amount == (amounts[at] if summed else None)
                        drilled = await rows_of(
                            reading, replace(asked, part=n.part, key=n.key), NATION, NOWHERE, limit=10**6
                        )
                        assert len(drilled) == n.count
                        places = [(r["product_id"], r["position"], r["number"]) for r in drilled]
                        each = of.parts[n.part].each
                        assert {p if each == "row" else p[:1] for p in places} == counted[at]
                        assert sum(r["illustrative"] for r in drilled) == n.illustrative
                        if summed:
                            assert sum(r["amount"] or 0 for r in drilled) == n.amount
                        total += n.count
    assert total > 10_000, "there was something to count"


@pytest.mark.anyio
async def test_both_maps_add_up_to_the_same_and_pages_to_the_whole(own_database: str, marks: list[Mark]) -> None:
    placed = [
        replace(m, area=area, province=province_today(area)) for m, area in zip(marks, _everywhere(marks), strict=True)
    ]
    store(own_database, placed)
    old, last = date(2025, 3, 1), max(m.position for m in marks)
    day = max((m.begins for m in marks if m.what == "certified"), default=old)
    async with await AsyncConnection.connect(own_database, autocommit=True) as reading:
        sums = []
        for by, map_day in (("province", old), ("unit", old), ("province", TODAY_ON), ("commune", TODAY_ON)):
            found = await numbers(reading, Asked("stars", by, day, last, map_day), NATION)
            (total,) = [n.count for n in found if n.key is None]
            rows = [n for n in found if n.key is not None]
            assert UNSAID not in {n.key for n in rows}
            assert sum(n.count for n in rows) == total
            sums.append((total, len(rows)))
        assert len({total for total, _ in sums}) == 1
        assert sums[0][1] > sums[2][1], "there were more provinces before"

        asked = Asked("stars", "stars", day, last, TODAY_ON, part="certified")
        whole = await rows_of(reading, asked, NATION, NOWHERE, 10**6)
        paged, after = list[dict[str, Any]](), NOWHERE
        while page := await rows_of(reading, asked, NATION, after, 100):
            paged += page
            after = (page[-1]["product_id"], page[-1]["position"], page[-1]["number"])
        assert paged == whole
        assert len(whole) == sums[0][0]


def _everywhere(marks: Sequence[Mark]) -> list[str]:
    communes = sorted(code for code in areas() if len(code) == 5)
    return [communes[m.product_id.int % len(communes)] for m in marks]


@pytest.mark.anyio
async def test_a_reader_counts_his_area_alone(own_database: str, marks: list[Mark]) -> None:
    store(own_database, marks)
    last = max(m.position for m in marks)
    asked = Asked("stars", "commune", FIRST, last, FIRST, part="certified")
    async with await AsyncConnection.connect(own_database, autocommit=True) as reading:
        for area in ("VN", *COMMUNES, *{province_today(c) for c in COMMUNES}):
            within = {c for c in COMMUNES if area in ("VN", c, province_today(c))}
            expected, _ = naively("stars", [m for m in marks if m.area in within], asked)

            found = {(n.part, n.key or ""): n.count for n in await numbers(reading, asked, Scope(area))}

            assert found == {at: len(x) for at, x in expected.items()}
            drilled = await rows_of(reading, asked, Scope(area), NOWHERE, 10**6)
            assert {r["area"] for r in drilled} == {key for _, key in found if key}
        assert await numbers(reading, asked, Scope("04876", "HKD-1")) == [], "no product is told of in the status"


# ── Tables ────────────────────────────────────────────────────────────────────────────────────


def test_no_cell_is_a_formula_and_vietnamese_is_read_by_excel() -> None:
    nasty = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "Chè, “Shan”", 'a"b', -5, None, date(2026, 1, 2)]

    written = to_csv([["tên"], nasty])
    (_, read) = csv.reader(StringIO(written.decode("utf-8-sig")))
    sheet = load_workbook(BytesIO(to_xlsx({"Bảng": [nasty]})))["Bảng"]

    assert written.startswith(b"\xef\xbb\xbf")
    assert read == ["'=1+1", "'+1", "'-1", "'@SUM(A1)", "'\t=1", "Chè, “Shan”", 'a"b', "-5", "", "2026-01-02"]
    assert [cell.data_type for cell in sheet[1]].count("f") == 0
    assert sheet["A1"].value == "'=1+1"
    assert sheet["H1"].value == -5


# ── Over HTTP ─────────────────────────────────────────────────────────────────────────────────

PROVINCE = Actor(person="officer of Phú Thọ", office="VPĐP", role=Role.PROVINCE_OFFICER, area="25")
COMMUNE = Actor(person="officer of Cao Sơn", office="UBND xã", role=Role.COMMUNE_OFFICER, area="04876")
READER = Actor(person="supervisor of Phú Thọ", office="Thanh tra", role=Role.SUPERVISOR, area="25")
STRANGER = Actor(person="supervisor elsewhere", office="Thanh tra", role=Role.SUPERVISOR, area="48")
PRODUCER = Actor(person="a producer", office="HTX", role=Role.PRODUCER, area="04876", producer="HTX-0031")


@pytest.fixture(scope="module")
def service(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    people = [PROVINCE, COMMUNE, READER, STRANGER, PRODUCER]
    found = Service(tmp_path_factory.mktemp("dashboards"), database, actors=people)
    try:
        yield tell(found.start())
    finally:
        found.stop()


def tell(service: Service) -> Service:
    """Three taken over from a register, one of them without a day and one expired; two identified, one registered."""
    entry = EXAMPLES["enter-from-register"]
    dated = entry["recognitions"][0]
    for number, more in enumerate(({}, {"decided_on": None}, {"decided_on": "2021-12-20", "year": 2021})):
        body = {**entry, "product_name": f"=Mật ong {number}", "recognitions": [{**dated, **more}]}
        body["register_row"] = {**entry["register_row"], "row": 20 + number}
        answer = service.give(None, "enter-from-register", PROVINCE, body)
        assert answer.is_success, answer.text
    for number in range(2):
        body = {**EXAMPLES["identify-product"], "product_name": f"Chè {number}", "commune": "04876", "cycle": 2026}
        answer = service.give(None, "identify-product", COMMUNE, {**body, "effective_on": "2026-02-01"})
        assert answer.is_success, answer.text
    return service


def ask(service: Service, path: str, who: Actor = READER) -> Any:
    return service.seen(f"/v1/dashboards/{path}", service.reached, who)


def counts(answer: Any) -> dict[tuple[str, str], int]:
    return {(row["part"], row["key"] or ""): row["count"] for row in answer["rows"]}


@pytest.mark.parametrize("board", BOARDS)
def test_every_number_says_where_its_rows_stand_and_they_are_as_many(service: Service, board: str) -> None:
    for by in BOARDS[board].by:
        extra = "&effective=2025-06-30" if by == "unit" else ""
        told_ = ask(service, f"{board}?by={by}{extra}")
        assert told_["definition_vi"]
        assert told_["definition_en"]
        assert "{" not in told_["definition_vi"] + told_["total"][0]["part_name"]
        assert told_["position"] == told_["as_of"]["position"]
        for row in [*told_["rows"], *told_["total"]]:
            drilled = service.get(row["drill"], READER)
            assert drilled.status_code == 200, drilled.text
            assert len(drilled.json()["marks"]) == row["count"], row
            assert row["name"] or row["key"] is None
    assert sum(row["count"] for row in ask(service, board)["total"]) or board == "promotion"


def test_what_each_board_tells_of_a_few_products(service: Service) -> None:
    stars = ask(service, "stars?by=group")
    assert [(r["key"], r["name"], r["count"]) for r in stars["rows"]] == [("food", "Thực phẩm", 1)]
    assert {r["part"]: r["count"] for r in ask(service, "expiring")["total"]} == {
        "closing": 0,
        "window": 0,
        "beyond": 1,
        "expired": 1,
        "date-missing": 1,
    }
    for status, part in (("valid", "beyond"), ("expired", "expired"), ("date-missing", "date-missing")):
        held = service.get(f"/v1/certificates?status={status}", READER).json()["certificates"]
        (counted,) = [row for row in ask(service, "expiring")["total"] if row["part"] == part]
        drilled = service.get(counted["drill"], READER).json()["marks"]
        assert [m["product_id"] for m in drilled] == [c["product"]["product_id"] for c in held], part
    assert {r["part"]: r["count"] for r in ask(service, "funnel?cycle=2026")["rows"]} == {
        "identified": 2,
        "registered": 0,
        "filed": 0,
        "rated": 0,
        "promotion": 0,
    }
    late = ask(service, "lateness?by=role")
    assert late["today_only"]
    assert "effective" not in late["rows"][0]["drill"]
    assert sum(r["count"] for r in late["total"]) >= 2


def test_as_of_another_day_and_before_anything_was_known(service: Service) -> None:
    then = ask(service, "stars?by=year&effective=2022-06-01")
    assert counts(then) == {("certified", "2021"): 1}
    assert then["effective"] == "2022-06-01"
    nothing = ask(service, "stars?known=position:0")
    assert nothing["rows"] == []
    assert nothing["total"][0]["count"] == 0
    once = ask(service, "stars")
    again = ask(service, f"stars?known=position:{once['position']}")
    assert (again["rows"], again["total"]) == (once["rows"], once["total"])


def test_the_map_of_the_day_or_of_today(service: Service) -> None:
    old = ask(service, "stars?by=province&effective=2025-03-01")
    now = ask(service, "stars?by=province&effective=2025-03-01&map=today")

    assert [row["name"] for row in now["rows"]] == ["Phú Thọ"]
    assert [row["name"] for row in old["rows"]] == ["Tỉnh Hoà Bình"]
    assert old["total"][0]["count"] == now["total"][0]["count"] == 1


def test_only_what_the_reader_may_see_is_counted(service: Service) -> None:
    assert ask(service, "expiring", STRANGER)["rows"][0]["count"] == 0
    assert sum(r["count"] for r in ask(service, "expiring?area=48")["rows"]) == 0
    own = ask(service, "stars", PRODUCER)
    assert own["total"][0]["count"] == ask(service, "stars", COMMUNE)["total"][0]["count"] == 1, "nobody's yet"
    assert service.get(own["total"][0]["drill"], PRODUCER).status_code == 403
    ids = [m["product_id"] for m in service.get(ask(service, "stars")["total"][0]["drill"], READER).json()["marks"]]
    for registration, name in (("HKD-77", "Hộ khác"),):
        body = {**EXAMPLES["register-producer"], "registration": registration, "producer_name": name}
        assert service.give(ids[0], "register-producer", PROVINCE, body).is_success
    assert ask(service, "stars", PRODUCER)["total"][0]["count"] == 0
    assert ask(service, "stars?by=producer", COMMUNE)["rows"][0]["name"] == "hợp tác xã"


def test_csv_and_excel_hold_the_same_rows(service: Service) -> None:
    rows = ask(service, "expiring?by=level")
    for path, accept in (("expiring?by=level&format=csv", "*/*"), ("expiring?by=level", "text/csv")):
        answer = service.get(f"/v1/dashboards/{path}", READER, Accept=accept)
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        assert f"ocop-expiring-{rows['effective']}-" in answer.headers["content-disposition"]
        table = list(csv.DictReader(StringIO(answer.content.decode("utf-8-sig"))))
        assert [int(line["count"]) for line in table] == [r["count"] for r in [*rows["rows"], *rows["total"]]]
        assert table[-1]["name"] == "Tổng"
    answer = service.get("/v1/dashboards/expiring?by=level&format=xlsx", READER)
    book = load_workbook(BytesIO(answer.content))
    assert book.sheetnames == ["expiring", "Định nghĩa"]
    assert [row[4] for row in book["expiring"].iter_rows(2, values_only=True)] == [int(r["count"]) for r in table]
    missing = rows["total"][-1]["drill"]
    drilled = service.get(f"{missing}&format=csv", READER).content.decode("utf-8-sig")
    assert "'=Mật ong 1" in drilled
    paged = service.get("/v1/dashboards/funnel/marks?part=identified&cycle=2026&limit=1&format=csv", READER)
    assert 'rel="next"' in paged.headers["link"]


def test_an_answer_that_is_held_is_not_sent_again_until_something_changes(service: Service) -> None:
    path = "/v1/dashboards/stars?by=group"
    first = service.get(path, READER)
    tag = first.headers["etag"]

    assert service.get(path, READER, **{"If-None-Match": tag}).status_code == 304
    assert service.get(path, COMMUNE, **{"If-None-Match": tag}).status_code == 200, "of another area"
    assert service.get(f"{path}&format=csv", READER, **{"If-None-Match": tag}).status_code == 200
    drill = first.json()["rows"][0]["drill"]
    held = service.get(drill, READER).headers["etag"]
    assert service.get(drill, READER, **{"If-None-Match": held}).status_code == 304

    body = {**EXAMPLES["identify-product"], "product_name": "Chè khác", "commune": "04876", "cycle": 2025}
    position = service.give(None, "identify-product", COMMUNE, body).json()["position"]
    service.seen(path, position, READER)
    assert service.get(path, READER, **{"If-None-Match": tag}).status_code == 200
    assert service.get(drill, READER, **{"If-None-Match": held}).status_code == 200, "names are of today"
    pinned = f"{path}&known=position:{position}"
    tag = service.get(pinned, READER).headers["etag"]
    body["product_name"] = "Chè khác nữa"
    service.seen(path, service.give(None, "identify-product", COMMUNE, body).json()["position"], READER)
    assert service.get(pinned, READER, **{"If-None-Match": tag}).status_code == 304, "of a position that stays"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("stars?by=colour", "by"),
        ("stars?by=unit", "by"),
        ("stars?area=17-150", "area"),
        ("stars?area=x", "area"),
        ("stars?group=gold", "group"),
        ("stars?stars=9", "stars"),
        ("stars?year=2025", "year"),
        ("stars?map=moon", "map"),
        ("stars?format=pdf", "format"),
        ("stars?effective=2999-01-01", "effective"),
        ("stars?known=soon", "known"),
        ("lateness?effective=2026-01-01", "effective"),
        ("stars/marks?part=gold", "part"),
        ("stars/marks?part=certified&after=x", "after"),
        ("stars/marks", "part"),
    ],
)
def test_a_parameter_that_names_nothing_is_named(service: Service, path: str, field: str) -> None:
    answer = service.get(f"/v1/dashboards/{path}", READER)

    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["field"] == field


def test_there_is_no_other_board(service: Service) -> None:
    assert service.get("/v1/dashboards/gold", READER).status_code == 404
