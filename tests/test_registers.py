"""Provinces' registers out of Excel: what is read, what is found, and what is refused as a whole."""

import time
import zipfile
from dataclasses import replace
from datetime import date, datetime, timedelta
from datetime import time as time_of_day
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook
from openpyxl.utils import coordinate_to_tuple

from application.registers import workbook as limits
from application.registers.layouts import COLUMNS, EXAMPLE, LEGACY, TEMPLATE, write_template
from application.registers.reading import (
    FINDINGS,
    Entity,
    Finding,
    Reading,
    Recognition,
    as_given,
    read_mapping,
    read_register,
    read_rows,
)
from application.registers.workbook import BadWorkbook, RawRow, open_workbook
from domain.law.areas import areas

TODAY = date(2026, 6, 1)
EXCEL_DAY = datetime(2021, 5, 10, 8, 30)  # noqa: DTZ001 (Excel knows no zones)
LETTERS = "ABCDEFGHIJKLMNOPQRSTUV"
HEADINGS = [
    *("TT", "Tên sản phẩm", "Nhóm sản phẩm", "Loại hình", "Tên chủ thể", "Xã, phường", "Địa chỉ", "Đại diện"),
    *("Điện thoại", "Hạng sao hiện tại", "Ngày hết hạn", *["Sao", "Ngày", "Năm", "Số quyết định", "Cơ quan"] * 2),
    "Ghi chú",
]
GOOD: dict[str, Any] = {
    "A": 1,
    "B": "Mật ong Đà Bắc",
    "C": "Thực phẩm",
    "D": "Hợp tác xã",
    "E": "HTX nuôi ong Đà Bắc",
    "F": "Xã Đà Bắc",
    "G": "Xóm Riêng",
    "H": "Nguyễn Văn A",
    "I": "0912345678",
    "J": 4,
    "K": date(2027, 8, 20),
    "L": 3,
    "M": date(2021, 5, 10),
    "N": 2021,
    "O": "12/QĐ-UBND",
    "P": "UBND huyện Đà Bắc",
    "Q": 4,
    "R": date(2024, 8, 20),
    "S": 2024,
    "T": "345/QĐ-UBND",
    "U": "UBND tỉnh Phú Thọ",
    "V": "theo dõi",
}
GOOD_RECOGNITION: dict[str, Any] = {
    "product": "Chè Shan",
    "group": "food",
    "sheet": "11",
    "entity": "HTX chè",
    "registration": "0105",
    "kind": "cooperative",
    "commune_code": "04831",
    "commune": "Xã Đà Bắc",
    "old_unit": "150",
    "province": "25",
    "address": "Xóm 1",
    "representative": "Bà B",
    "phone": "0988",
    "stars": "4",
    "decision": "99/QĐ-UBND",
    "date": "20/08/2024",
    "authority": "UBND tỉnh Hoà Bình",
    "level": "tỉnh",
    "certificate": "GCN-1",
    "valid_to": "20/08/2027",
    "product_number": "17-150-04831-1-2024",
    "note": "–",
}
TEMPLATE_LETTER = dict(zip((column.code for column in COLUMNS), LETTERS, strict=True))


def legacy(path: Path, rows: list[dict[str, Any]], merges: list[str] | None = None) -> Path:
    """A legacy workbook with these rows from row 5 on."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Loc"
    sheet.append(["DANH SÁCH SẢN PHẨM OCOP"])
    sheet.merge_cells("A1:V1")
    sheet.append([])
    sheet.append(HEADINGS)
    sheet.append(list(range(1, 23)))
    for row in rows:
        sheet.append([row.get(letter) for letter in LETTERS])
    for merge in merges or []:
        sheet.merge_cells(merge)
    book.save(path)
    return path


def template(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Our template with these rows from row 3 on."""
    write_template(path)
    book = load_workbook(path)
    for number, row in enumerate(rows, 3):
        for code, value in row.items():
            book.worksheets[0][f"{TEMPLATE_LETTER[code]}{number}"] = value
    book.save(path)
    return path


def read(path: Path, **more: Any) -> Reading:
    return read_register(path, **({"province": "25", "today": TODAY} | more))


def places(reading: Reading) -> list[tuple[int, str, str]]:
    return [(finding.row, finding.cell, finding.code) for finding in reading.findings]


def commune_code(name: str) -> str:
    return next(a.code for a in areas().values() if a.province == "25" and a.name == name)


def test_the_legacy_workbook_is_read_as_it_stands(tmp_path: Path) -> None:
    reading = read(legacy(tmp_path / "so.xlsx", [GOOD]))

    assert reading.findings == ()
    (row,) = reading.rows
    assert row.number == 5
    assert (row.product, row.group, row.note, row.current_star) == ("Mật ong Đà Bắc", "food", "theo dõi", 4)
    assert row.entity == Entity(
        "HTX nuôi ong Đà Bắc", "cooperative", "Xóm Riêng", "Nguyễn Văn A", "0912345678", registration=None
    )
    assert (row.commune_code, row.commune_name) == (commune_code("Xã Đà Bắc"), "Xã Đà Bắc")
    assert row.recognitions == (
        Recognition(1, 3, date(2021, 5, 10), 2021, "12/QĐ-UBND", "UBND huyện Đà Bắc", "huyện"),
        Recognition(
            2, 4, date(2024, 8, 20), 2024, "345/QĐ-UBND", "UBND tỉnh Phú Thọ", "tỉnh", valid_to=date(2027, 8, 20)
        ),
    )
    assert row.raw["B5"] == "Mật ong Đà Bắc"
    assert row.raw["M5"] == "2021-05-10"
    assert row.filled == ()


def test_our_template_is_read_with_its_optional_columns(tmp_path: Path) -> None:
    code = commune_code("Xã Đà Bắc")
    reading = read(template(tmp_path / "mau.xlsx", [GOOD_RECOGNITION | {"commune_code": code}]))

    assert reading.findings == ()
    (row,) = reading.rows
    assert (row.number, row.sheet, row.old_unit, row.commune_code, row.current_star) == (3, "11", "150", code, None)
    assert row.entity.registration == "0105"
    assert row.recognitions == (
        Recognition(
            *(1, 4, date(2024, 8, 20), None, "99/QĐ-UBND", "UBND tỉnh Hoà Bình", "tỉnh"),
            *("GCN-1", date(2027, 8, 20), "17-150-04831-1-2024"),
        ),
    )


def test_the_template_may_be_reordered_and_lack_optional_columns(tmp_path: Path) -> None:
    book = Workbook()
    row = {k: v for k, v in GOOD_RECOGNITION.items() if k not in {"sheet", "registration", "commune_code"}}
    for line in (["x"] * len(row), list(reversed(row)), list(reversed(row.values()))):
        book.worksheets[0].append(line)
    book.save(tmp_path / "mau.xlsx")

    reading = read(tmp_path / "mau.xlsx")

    assert reading.findings == ()
    assert reading.rows[0].product == "Chè Shan"


def test_an_empty_template_is_a_register_without_rows(tmp_path: Path) -> None:
    assert read(template(tmp_path / "mau.xlsx", [])).rows == ()


def test_merged_cells_name_the_same_entity_on_every_row(tmp_path: Path) -> None:
    others = [
        {k: v for k, v in GOOD.items() if k not in "DEFGHI"} | {"B": f"Mật ong {n}", "T": f"{n}/QĐ"} for n in (1, 2)
    ]
    merges = [f"{letter}5:{letter}7" for letter in "DEFGHI"]
    reading = read(legacy(tmp_path / "so.xlsx", [GOOD, *others], merges))

    assert reading.findings == ()
    assert {row.entity for row in reading.rows} == {reading.rows[0].entity}
    assert reading.rows[2].filled == ("D7", "E7", "F7", "G7", "H7", "I7")
    assert reading.rows[2].raw["E7"] == "HTX nuôi ong Đà Bắc"


def test_a_mistake_under_a_merge_names_the_cell_to_mend(tmp_path: Path) -> None:
    """An error is told for every row it keeps out, a warning once."""
    second = {k: v for k, v in GOOD.items() if k not in "FI"} | {"B": "Sáp ong"}
    first = GOOD | {"I": 912345678}

    warned = read(legacy(tmp_path / "a.xlsx", [first, second], ["I5:I6", "F5:F6"]))
    refused = read(legacy(tmp_path / "b.xlsx", [GOOD | {"F": "Xã Không"}, second | {"I": "09"}], ["F5:F6"]))

    assert places(warned) == [(5, "I5", "phone-no-leading-zero")]
    assert [row.entity.phone for row in warned.rows] == ["912345678", "912345678"]
    assert places(refused) == [(5, "F5", "commune-unknown"), (6, "F5", "commune-unknown")]
    assert refused.rows == ()


def test_empty_and_merely_numbered_rows_are_no_rows(tmp_path: Path) -> None:
    reading = read(legacy(tmp_path / "so.xlsx", [GOOD, {}, {"A": 2}, {"A": "3", "B": "  "}]))

    assert [row.number for row in reading.rows] == [5]
    assert reading.findings == ()


# Each mistake alone: what is written where, and the one finding.
IN_THE_LEGACY_WORKBOOK: list[tuple[dict[str, Any], str, str]] = [
    ({"E": "#REF!"}, "E5", "cell-error"),
    ({"A": "#N/A"}, "A5", "cell-error"),
    ({"R": "#DIV/0!"}, "R5", "cell-error"),
    ({"B": "Mật\u200bong"}, "B5", "text-unusable"),
    ({"G": "x" * 301}, "G5", "text-unusable"),
    ({"O": date(2021, 12, 5)}, "O5", "text-became-date"),
    ({"B": None}, "B5", "product-missing"),
    ({"E": None}, "E5", "entity-missing"),
    ({"B": None, "E": " "}, "B5", "not-a-product-row"),
    ({"C": None}, "C5", "group-missing"),
    ({"C": "Thảo dược"}, "C5", "group-unknown"),
    ({"D": None}, "D5", "kind-missing"),
    ({"D": "Công ty TNHH"}, "D5", "kind-unknown"),
    ({"I": 912345678}, "I5", "phone-no-leading-zero"),
    ({"I": "không có"}, "I5", "phone-no-leading-zero"),
    ({"F": None}, "F5", "commune-missing"),
    ({"F": "Xã Da Bac"}, "F5", "commune-unknown"),
    ({"F": "Xã Đà Bắc, huyện Đà Bắc"}, "F5", "commune-unknown"),
    ({"F": "Thị trấn Đà Bắc"}, "F5", "commune-kind-differs"),
    (dict.fromkeys("LMNOPQRSTU"), "L5", "recognition-missing"),
    ({"L": None}, "L5", "star-missing"),
    ({"Q": None}, "Q5", "star-missing"),
    ({"L": 2}, "L5", "star-invalid"),
    ({"Q": 6}, "Q5", "star-invalid"),
    ({"Q": "tiềm năng 5 sao"}, "Q5", "star-invalid"),
    ({"L": 3.5}, "L5", "star-invalid"),
    ({"L": True}, "L5", "star-invalid"),
    ({"J": "bốn"}, "J5", "star-invalid"),
    ({"J": None}, "J5", "current-star-missing"),
    ({"J": 3}, "J5", "current-star-differs"),
    ({"T": None}, "T5", "decision-number-missing"),
    ({"M": None, "N": None}, "M5", "date-missing"),
    ({"M": "31/02/2021"}, "M5", "date-invalid"),
    ({"R": "20/08/24"}, "R5", "date-invalid"),
    ({"M": 44321}, "M5", "date-invalid"),
    ({"M": True}, "M5", "date-invalid"),
    ({"K": "hết hạn"}, "K5", "date-invalid"),
    ({"N": "năm 2021"}, "N5", "year-invalid"),
    ({"N": date(2021, 1, 1)}, "N5", "year-invalid"),
    ({"R": date(2026, 6, 2), "S": 2026}, "R5", "date-future"),
    ({"M": None, "N": 2027}, "N5", "date-future"),
    ({"M": date(2017, 12, 31), "N": 2017}, "M5", "date-too-early"),
    ({"M": "2017", "N": None}, "M5", "date-too-early"),
    ({"N": 2022}, "N5", "year-differs"),
    ({"M": 2020}, "N5", "year-differs"),
    ({"M": date(2024, 8, 21), "N": 2024}, "R5", "rounds-out-of-order"),
    ({"M": None, "N": 2025}, "R5", "rounds-out-of-order"),
    ({"P": None}, "P5", "authority-missing"),
    ({"R": date(2025, 7, 6), "S": None, "U": "UBND huyện", "K": date(2028, 7, 6)}, "R5", "huyen-abolished"),
    ({"R": 2026, "S": None, "U": "UBND Thị xã Phú Thọ"}, "R5", "huyen-abolished"),
    ({"R": date(2025, 7, 1), "S": None, "K": date(2028, 7, 1)}, "R5", "date-in-gap"),
    ({"R": "05/07/2025", "S": None, "U": "UBND huyện", "K": "05/07/2028"}, "R5", "date-in-gap"),
    ({"K": None}, "K5", "valid-to-missing"),
    ({"K": 2027}, "K5", "valid-to-only-year"),
    ({"K": date(2027, 8, 19)}, "K5", "valid-to-differs"),
    ({"K": date(2024, 8, 19)}, "K5", "valid-to-before-decision"),
    ({"R": None, "K": date(2023, 12, 31)}, "K5", "valid-to-before-decision"),
    ({"O": "345/QĐ-UBND", "M": date(2024, 1, 2), "N": 2024}, "T5", "duplicate"),
]
IN_OUR_TEMPLATE: list[tuple[dict[str, Any], str, str]] = [
    ({"commune_code": "99999"}, "commune_code", "commune-code-unknown"),
    ({"commune_code": "mã"}, "commune_code", "commune-code-unknown"),
    ({"commune_code": "00004"}, "commune_code", "commune-outside-province"),
    ({"commune_code": "07900"}, "commune_code", "commune-differs"),
    ({"commune": "Xã Tu Lý cũ"}, "commune", "commune-name-other"),
    ({"commune_code": 4831}, "commune_code", "code-padded"),
    ({"old_unit": 7}, "old_unit", "code-padded"),
    ({"old_unit": "Đà Bắc"}, "old_unit", "code-unreadable"),
    ({"province": None}, "province", "province-missing"),
    ({"province": "17"}, "province", "province-differs"),
    ({"level": "xã"}, "level", "level-unknown"),
    ({"level": "Cấp huyện", "date": "01/08/2025", "valid_to": "01/08/2028"}, "date", "huyen-abolished"),
    ({"valid_to": None}, "valid_to", "valid-to-missing"),
]


@pytest.mark.parametrize(("planted", "cell", "code"), IN_THE_LEGACY_WORKBOOK)
def test_a_mistake_in_the_legacy_workbook_is_one_finding(
    tmp_path: Path, planted: dict[str, Any], cell: str, code: str
) -> None:
    reading = read(legacy(tmp_path / "so.xlsx", [GOOD | planted]))

    assert places(reading) == [(5, cell, code)]
    assert len(reading.rows) == (FINDINGS[code][0] == "warning")


@pytest.mark.parametrize(("planted", "column", "code"), IN_OUR_TEMPLATE)
def test_a_mistake_in_our_template_is_one_finding(
    tmp_path: Path, planted: dict[str, Any], column: str, code: str
) -> None:
    good = GOOD_RECOGNITION | {"commune_code": commune_code("Xã Đà Bắc")}
    reading = read(template(tmp_path / "mau.xlsx", [good | planted]))

    assert places(reading) == [(3, f"{TEMPLATE_LETTER[column]}3", code)]
    assert len(reading.rows) == (FINDINGS[code][0] == "warning")


def test_every_finding_is_tried_and_said_in_one_sentence_each() -> None:
    tried = {code for _, _, code in [*IN_THE_LEGACY_WORKBOOK, *IN_OUR_TEMPLATE]} | {"certificate-number-twice"}

    assert tried == FINDINGS.keys()
    for severity, vi, en in FINDINGS.values():
        assert severity in {"error", "warning"}
        assert vi.endswith(".")
        assert en.endswith(".")
        assert vi != en


def test_a_finding_quotes_what_is_written(tmp_path: Path) -> None:
    (found,) = read(legacy(tmp_path / "so.xlsx", [GOOD | {"F": "Xã {Không} Có"}])).findings

    assert found == Finding(
        *(5, "F5", "error", "commune-unknown"),
        "“Xã {Không} Có” không trùng tên đúng một xã hiện nay của tỉnh; hãy ghi tên hiện nay hoặc bổ sung "
        "bảng chuyển đổi.",
        "“Xã {Không} Có” is not the name of exactly one commune of the province today; write today's name or map it.",
    )


def test_the_second_of_two_equal_rows_is_refused(tmp_path: Path) -> None:
    again = GOOD | {"B": " mật  ong đà bắc ", **dict.fromkeys("LMNOP")}
    reading = read(legacy(tmp_path / "so.xlsx", [GOOD, GOOD | {"B": "Sáp ong"}, again]))

    assert places(reading) == [(7, "T7", "duplicate")]
    assert [row.number for row in reading.rows] == [5, 6]


def test_a_certificate_number_belongs_to_one_product_of_the_file(tmp_path: Path) -> None:
    good = GOOD_RECOGNITION | {"commune_code": commune_code("Xã Đà Bắc")}
    rows = [
        good,
        good | {"product": "Chè khác", "decision": "98/QĐ-UBND", "certificate": "gcn-1"},
        good | {"product": "Chè của nơi khác", "authority": "UBND tỉnh Phú Thọ"},
        good | {"product": "Chè năm trước", "date": "20/08/2023", "valid_to": "20/08/2026"},
    ]
    reading = read(template(tmp_path / "mau.xlsx", rows))

    assert places(reading) == [(4, f"{TEMPLATE_LETTER['certificate']}4", "certificate-number-twice")]
    assert "“Chè Shan” ở dòng 3" in reading.findings[0].vi
    assert reading.findings[0].product == "Chè khác"
    assert [row.number for row in reading.rows] == [3, 5, 6]


def test_the_template_helps_to_fill_it_in(tmp_path: Path) -> None:
    write_template(tmp_path / "mau.xlsx")
    sheet, guide = load_workbook(tmp_path / "mau.xlsx").worksheets
    offered = {str(v.sqref).split(":")[0]: v.formula1 for v in sheet.data_validations.dataValidation}
    words = {row[0]: row[2] for row in guide.iter_rows(min_row=2, values_only=True) if row[1]}

    assert sheet[f"{TEMPLATE_LETTER['note']}3"].value == EXAMPLE
    assert offered.keys() == {f"{TEMPLATE_LETTER[code]}3" for code in ("group", "kind", "level")}
    assert all(len(formula) <= 257 for formula in offered.values())  # Excel's limit, with its quotation marks
    assert (words["Hạng sao"], words["Loại hình"], words["Ghi chú"]) == ("bắt buộc", "nên có", "nếu có")
    for column in COLUMNS:
        for choice in column.choices:
            row = GOOD_RECOGNITION | {"commune_code": commune_code("Xã Đà Bắc"), column.code: choice}
            assert not read(template(tmp_path / "chon.xlsx", [row])).findings


def test_the_example_of_the_template_would_be_a_row(tmp_path: Path) -> None:
    write_template(tmp_path / "mau.xlsx")
    book = load_workbook(tmp_path / "mau.xlsx")
    book.worksheets[0][f"{TEMPLATE_LETTER['note']}3"] = None
    book.save(tmp_path / "so.xlsx")

    assert read(tmp_path / "mau.xlsx") == replace(read(tmp_path / "mau.xlsx"), rows=(), findings=())
    assert len(read(tmp_path / "so.xlsx").rows) == 1
    assert read(tmp_path / "so.xlsx").findings == ()


def test_headings_totals_and_signatures_among_the_data_are_told_once(tmp_path: Path) -> None:
    rows = [{"A": "I. Thực phẩm"}, GOOD, {"B": "II. Đồ uống"}, {"A": "Người lập biểu"}]
    reading = read(legacy(tmp_path / "so.xlsx", rows, ["A5:V5", "B7:K7"]))

    assert places(reading) == [
        (5, "A5", "not-a-product-row"),
        (7, "B7", "not-a-product-row"),
        (8, "B8", "not-a-product-row"),
    ]


@pytest.mark.parametrize(
    ("written", "day", "year"),
    [
        ("10/05/2021", date(2021, 5, 10), None),
        (" 1/5/2021 ", date(2021, 5, 1), None),
        ("10.05.2021", date(2021, 5, 10), None),
        ("2021-05-10", date(2021, 5, 10), None),
        (EXCEL_DAY, date(2021, 5, 10), None),
        (2021, None, 2021),
        (2021.0, None, 2021),
        ("2021", None, 2021),
    ],
)
def test_days_and_years_are_read_in_the_ways_offices_write_them(
    tmp_path: Path, written: object, day: date | None, year: int | None
) -> None:
    reading = read(legacy(tmp_path / "so.xlsx", [GOOD | {"M": written, "N": None}]))

    assert reading.findings == ()
    assert (reading.rows[0].recognitions[0].decided_on, reading.rows[0].recognitions[0].year) == (day, year)


def test_only_a_year_and_only_one_round_are_fine(tmp_path: Path) -> None:
    row = GOOD | dict.fromkeys("QRSTU") | {"M": None, "J": "3 sao", "L": "3"}
    reading = read(legacy(tmp_path / "so.xlsx", [row]))

    assert reading.findings == ()
    (recognition,) = reading.rows[0].recognitions
    assert (recognition.decided_on, recognition.year, recognition.valid_to) == (None, 2021, date(2027, 8, 20))


@pytest.mark.parametrize("written", ["Đà Bắc", "xã  đà bắc", "Xã Đà Bắc", "ĐÀ BẮC"])
def test_a_commune_may_be_written_without_its_kind_and_in_any_case(tmp_path: Path, written: str) -> None:
    reading = read(legacy(tmp_path / "so.xlsx", [GOOD | {"F": written}]))

    assert reading.findings == ()
    assert reading.rows[0].commune_code == commune_code("Xã Đà Bắc")


def test_a_mapping_leads_from_the_old_name_or_code_to_the_new_unit(tmp_path: Path) -> None:
    code = commune_code("Xã Đà Bắc")
    (tmp_path / "map.csv").write_text(f"\ufeffold;code\nXã Hào Lý;{code}\n\n04999;{code}\n", encoding="utf-8")
    mapping = read_mapping(tmp_path / "map.csv")

    by_name = read(legacy(tmp_path / "a.xlsx", [GOOD | {"F": "XÃ HÀO LÝ"}]), mapping=mapping)
    by_code = read(
        template(tmp_path / "b.xlsx", [GOOD_RECOGNITION | {"commune_code": 4999, "commune": "Xã cũ"}]), mapping=mapping
    )
    elsewhere = read(legacy(tmp_path / "c.xlsx", [GOOD | {"F": "Hào Lý"}]), mapping={"hào lý": "00004"})

    assert by_name.findings == by_code.findings == ()
    assert by_name.rows[0].commune_code == by_code.rows[0].commune_code == code
    assert by_name.rows[0].commune_name == "XÃ HÀO LÝ"
    assert places(elsewhere) == [(5, "F5", "commune-outside-province")]


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"", 1),
        (b"a,b\n", 1),
        (b"\xff\xfe", 1),
        (b"old,code\nx,99999\n", 2),
        (b"old,code\nx,4831\n", 2),
        (b"old,code\n,07900\n", 2),
        (b"old,code\nx,07900\nX,07894\n", 3),
    ],
)
def test_a_mapping_that_is_no_mapping_is_refused_with_its_line(tmp_path: Path, content: bytes, line: int) -> None:
    (tmp_path / "map.csv").write_bytes(content)

    with pytest.raises(BadWorkbook, match=f"line {line};"):
        read_mapping(tmp_path / "map.csv")


def test_text_is_normalised_and_the_raw_cell_kept(tmp_path: Path) -> None:
    decomposed = "  Mật\u00a0ong\n Đà Bắc "
    row = read(legacy(tmp_path / "so.xlsx", [GOOD | {"B": decomposed}])).rows[0]

    assert row.product == "Mật ong Đà Bắc"
    assert row.raw["B5"] == decomposed


# ── Files that are no register ───────────────────────────────────────────────────────────────────


def archive(path: Path, **parts: str) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in parts.items():
            file.writestr(f"xl/{name}.xml", content)
    return path


def refused(path: Path) -> str:
    with pytest.raises(BadWorkbook) as refusal:
        read(path)
    assert refusal.value.vi != refusal.value.en
    return refusal.value.en


@pytest.mark.parametrize("content", [b"", b"a,b,c", b"PK\x03\x04 broken", b"%PDF-1.7"])
def test_what_is_not_xlsx_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "so.xlsx").write_bytes(content)

    assert "not an Excel .xlsx file" in refused(tmp_path / "so.xlsx")


def test_encrypted_and_old_files_are_refused_by_name(tmp_path: Path) -> None:
    ole = bytes.fromhex("d0cf11e0a1b11ae1")
    (tmp_path / "a.xlsx").write_bytes(ole + "EncryptedPackage".encode("utf-16-le"))
    (tmp_path / "b.xlsx").write_bytes(ole)

    assert "encrypted" in refused(tmp_path / "a.xlsx")
    assert ".xls" in refused(tmp_path / "b.xlsx")


def test_a_truncated_workbook_is_refused(tmp_path: Path) -> None:
    content = legacy(tmp_path / "so.xlsx", [GOOD]).read_bytes()
    for length in range(0, len(content), 300):
        (tmp_path / "part.xlsx").write_bytes(content[:length])
        refused(tmp_path / "part.xlsx")


def test_bombs_are_refused_before_they_unfold(tmp_path: Path) -> None:
    zeros = archive(tmp_path / "a.xlsx", sheet=" " * (limits.MAX_UNPACKED + 1))
    cells = archive(tmp_path / "b.xlsx", sheet=f"<s>{'<c/>' * (limits.MAX_CELLS + 1)}</s>")
    merged = archive(tmp_path / "c.xlsx", sheet='<s><mergeCell ref="A1:XFD1048576"/></s>')
    columns = archive(tmp_path / "d.xlsx", sheet='<s><hyperlink ref="A:C"/></s>')
    far = archive(tmp_path / "e.xlsx", sheet='<s><row r="1"><c r="A1048576"><v>1</v></c></row></s>')
    entities = archive(tmp_path / "f.xlsx", sheet='<!DOCTYPE s [<!ENTITY a "aa">]><s>&a;</s>')
    parts = archive(tmp_path / "g.xlsx", **{f"p{n}": "" for n in range(limits.MAX_PARTS + 1)})

    for path in (zeros, cells, merged, columns, far, parts):
        assert "too large" in refused(path)
    assert "not an Excel" in refused(entities)


def test_a_file_over_the_limit_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = legacy(tmp_path / "so.xlsx", [GOOD])
    monkeypatch.setattr(limits, "MAX_BYTES", path.stat().st_size - 1)

    assert "too large" in refused(path)


def test_an_unknown_layout_is_told_what_was_expected(tmp_path: Path) -> None:
    Workbook().save(tmp_path / "so.xlsx")

    assert "expected our template (column codes in row 2) or the workbook of 22 columns" in refused(
        tmp_path / "so.xlsx"
    )


def test_a_template_that_lost_a_column_is_told_which(tmp_path: Path) -> None:
    book = load_workbook(template(tmp_path / "mau.xlsx", []))
    book.worksheets[0][f"{TEMPLATE_LETTER['stars']}2"] = None
    book.save(tmp_path / "mau.xlsx")

    assert "lacks column codes (stars)" in refused(tmp_path / "mau.xlsx")


def test_among_several_registers_one_must_be_chosen(tmp_path: Path) -> None:
    path = legacy(tmp_path / "so.xlsx", [GOOD])
    book = load_workbook(path)
    book.copy_worksheet(book.worksheets[0]).title = "Bản sao"
    book.save(path)

    assert "“Loc”, “Bản sao”" in refused(path)
    assert len(read(path, sheet="Bản sao").rows) == 1
    with pytest.raises(BadWorkbook):
        read(path, sheet="Không có")


def test_a_province_that_does_not_exist_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no such province"):
        read(legacy(tmp_path / "so.xlsx", [GOOD]), province="17")


# ── A whole province ─────────────────────────────────────────────────────────────────────────────


def test_five_thousand_rows_with_fifty_mistakes_give_those_fifty_findings(tmp_path: Path) -> None:
    rows = [GOOD | {"A": n, "B": f"Sản phẩm {n}", "E": f"HTX {n // 3}"} for n in range(5_000)]
    planted = [case for case in IN_THE_LEGACY_WORKBOOK if case[2] != "duplicate"][:49]
    expected = []
    for index, (change, cell, code) in enumerate(planted):
        number = 42 + 97 * index
        rows[number] = rows[number] | change
        expected.append((number + 5, f"{cell[:-1]}{number + 5}", code))
    rows[4_999] = rows[4_998] | dict.fromkeys("LMNOP")
    expected.append((5_004, "T5004", "duplicate"))
    path = legacy(tmp_path / "so.xlsx", rows)

    began = time.process_time()  # of this process alone: the machine may have much else to do
    reading = read(path)
    took = time.process_time() - began

    assert places(reading) == expected
    assert len(expected) == 50
    assert len(reading.rows) == 5_000 - sum(FINDINGS[code][0] == "error" for _, _, code in expected)
    assert took < 15, took  # some three seconds on a quiet machine


def test_the_same_file_has_the_same_sha256(tmp_path: Path) -> None:
    path = legacy(tmp_path / "so.xlsx", [GOOD])

    assert read(path).sha256 == read(path).sha256 == open_workbook(path).sha256
    assert len(read(path).sha256) == 64


CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(0, 60_000),
    st.floats(),
    st.text(),
    st.sampled_from(["#REF!", "3", "20/08/2024", "00/00/0000", "99/99/9999", "²", "٣", "Xã Đà Bắc", "4831"]),
    st.dates(),
    st.datetimes(),
    st.just(time_of_day(8, 30)),
    st.timedeltas(),
)


@settings(max_examples=300, deadline=None)
@for_all(changes=st.lists(st.dictionaries(st.sampled_from(LETTERS), CELLS), max_size=4), whole=st.booleans())
def test_no_cell_whatever_it_holds_breaks_the_reading(changes: list[dict[str, Any]], whole: bool) -> None:
    """In either layout: each row is loaded or has an error, and nothing raises."""
    for layout in (LEGACY, TEMPLATE):
        base = GOOD if layout is LEGACY else {TEMPLATE_LETTER[k]: v for k, v in GOOD_RECOGNITION.items()}
        raw = [
            RawRow(n, {k: v for k, v in ({} if whole else base | {"B": f"{n}"} | change).items() if v is not None})
            for n, change in enumerate([change for change in changes if change], layout.first_row)
        ]
        rows, findings = read_rows(raw, layout, province="25", mapping={}, today=TODAY)

        kept_out = {finding.row for finding in findings if finding.severity == "error"}
        assert not kept_out & {row.number for row in rows}
        for finding in findings:
            assert coordinate_to_tuple(finding.cell)[0] == finding.row
        for row in rows:
            assert all(3 <= recognition.stars <= 5 for recognition in row.recognitions)


def test_values_are_given_back_as_they_stand() -> None:
    values = [None, True, 4876, 4876.0, 3.5, " x ", date(2021, 5, 1), EXCEL_DAY, timedelta(hours=1)]

    assert [as_given(value) for value in values] == [
        *("", "TRUE", "4876", "4876", "3.5", " x ", "2021-05-01", "2021-05-10 08:30:00", "1:00:00")
    ]
