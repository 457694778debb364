"""Where things stand in a register: the workbook offices really keep, and our own template (biểu mẫu).

A layout maps fields to column letters. Which one a sheet follows is read from the sheet itself.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from openpyxl import Workbook
from openpyxl.styles import Alignment, Font
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from application.registers.workbook import MAX_ROWS, BadWorkbook, Book, RawRow, Sheet
from domain.values import without_diacritics


@dataclass(frozen=True, slots=True)
class Layout:
    """``columns``: field → letter, once a row. ``rounds``: the same for each recognition (lần công nhận)."""

    first_row: int
    columns: Mapping[str, str]
    rounds: tuple[Mapping[str, str], ...]

    def letters(self) -> dict[str, str]:
        """Every column of the layout: letter → field."""
        return {letter: name for part in (self.columns, *self.rounds) for name, letter in part.items()}


_ROUND = ("stars", "date", "year", "decision", "authority")

LEGACY = Layout(
    first_row=5,
    columns=dict(
        zip(
            (
                *("number", "product", "group", "kind", "entity", "commune", "address", "representative", "phone"),
                *("current_star", "valid_to"),
            ),
            "ABCDEFGHIJK",
            strict=True,
        )
    )
    | {"note": "V"},
    rounds=(dict(zip(_ROUND, "LMNOP", strict=True)), dict(zip(_ROUND, "QRSTU", strict=True))),
)
"""The workbook that provincial offices keep: 22 columns, data from row 5, two rounds in a row."""

_LEGACY_HEADINGS = {
    "B": ("san pham",),
    "C": ("nhom", "nganh"),
    "E": ("chu the", "co so", "don vi", "to chuc"),
    "F": ("xa", "phuong", "dia ban", "dia phuong"),
    "J": ("sao", "hang"),
    "K": ("han",),
}
"""What the headings above the columns speak of, without diacritics; offices word them in their own way."""


Wanted = Literal["bắt buộc", "nên có", "nếu có"]
"""Whether a value is required: without it the row is not loaded, loaded with a warning, or simply loaded."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of our template: its machine-readable code, heading, width, what to write in it, and an example.

    ``required``: the column must be there. ``value``: whether every row must say something in it. ``choices``:
    what the drop-down (danh sách chọn) offers.
    """

    code: str
    heading: str
    width: int
    hint: str
    value: Wanted
    example: str
    required: bool = True
    choices: tuple[str, ...] = ()


EXAMPLE = "VÍ DỤ – dòng này không được nạp"
"""The note that marks the template's example row; the reader skips a row with exactly this note."""

_GROUPS = ("Thực phẩm", "Đồ uống", "Dược liệu", "Thủ công mỹ nghệ", "Sinh vật cảnh", "Du lịch")
_KINDS = (
    *("Hợp tác xã", "Tổ hợp tác", "Doanh nghiệp nhỏ và vừa", "Doanh nghiệp lớn", "Trang trại", "Hộ kinh doanh"),
    *("Hội", "Liên hiệp hội", "Trung tâm điều hành", "Tổ chức tương đương"),
)
_COMMUNE_HINT = "Tên hiện nay, hoặc tên cũ có trong bảng chuyển đổi; bắt buộc khi không ghi mã xã"

COLUMNS = (
    Column("product", "Tên sản phẩm", 32, "Như trong quyết định công nhận", "bắt buộc", "Mật ong bạc hà"),
    Column("group", "Nhóm sản phẩm", 18, ", ".join(_GROUPS), "nên có", "Thực phẩm", choices=_GROUPS),
    Column("sheet", "Bộ sản phẩm", 14, "Mã bộ sản phẩm, nếu biết", "nếu có", "", required=False),
    Column("entity", "Chủ thể", 32, "Tên đầy đủ", "bắt buộc", "Hợp tác xã Hoa Núi"),
    Column(
        *("registration", "Mã số đăng ký kinh doanh", 18, "Hoặc mã số thuế, nếu có", "nếu có", "0105123456"),
        required=False,
    ),
    Column("kind", "Loại hình", 18, ", ".join(_KINDS), "nên có", "Hợp tác xã", choices=_KINDS),
    Column(
        *("commune_code", "Mã xã", 10, "Năm chữ số, theo Quyết định 19/2025/QĐ-TTg", "nếu có", "04831"),
        required=False,
    ),
    Column("commune", "Xã, phường, đặc khu", 24, _COMMUNE_HINT, "bắt buộc", "Xã Đà Bắc"),
    Column(
        *("old_unit", "Mã huyện cũ", 10, "Ba chữ số, mã huyện trước ngày 01/07/2025", "nếu có", "150"), required=False
    ),
    Column("province", "Mã tỉnh", 10, "Hai chữ số, theo Quyết định 19/2025/QĐ-TTg", "bắt buộc", "25"),
    Column("address", "Địa chỉ", 32, "Địa chỉ của chủ thể", "nếu có", "Xóm 1, xã Đà Bắc"),
    Column("representative", "Người đại diện", 22, "Họ và tên", "nếu có", "Nguyễn Văn A"),
    Column("phone", "Điện thoại", 14, "Giữ số 0 ở đầu", "nếu có", "0912345678"),
    Column("stars", "Hạng sao", 8, "3, 4 hoặc 5", "bắt buộc", "4"),
    Column("decision", "Số quyết định", 20, "Ví dụ 123/QĐ-UBND", "bắt buộc", "123/QĐ-UBND"),
    Column("date", "Ngày quyết định", 14, "Ngày/tháng/năm; nếu chỉ biết năm thì ghi năm", "bắt buộc", "15/06/2024"),
    Column("authority", "Cơ quan quyết định", 24, "Ví dụ UBND tỉnh Phú Thọ", "nên có", "UBND tỉnh Hòa Bình"),
    Column(
        *("level", "Cấp quyết định", 12, "huyện, tỉnh hoặc trung ương", "nếu có", "tỉnh"),
        choices=("huyện", "tỉnh", "trung ương"),
    ),
    Column("certificate", "Số giấy chứng nhận", 18, "Nếu có", "nếu có", "", required=False),
    Column(
        *("valid_to", "Có giá trị đến", 14, "Ngày/tháng/năm trên giấy chứng nhận", "nên có", "15/06/2027"),
        required=False,
    ),
    Column("product_number", "Mã số sản phẩm", 22, "Ví dụ 83-829-28780-3-2022, nếu có", "nếu có", "", required=False),
    Column("note", "Ghi chú", 32, "Tuỳ ý", "nếu có", EXAMPLE),
)
"""Our template: headings in row 1, codes in row 2, an example in row 3, then one row a recognition."""

_OF_A_ROUND = {"stars", "date", "decision", "authority", "level", "certificate", "product_number"}
_REQUIRED = [column.code for column in COLUMNS if column.required]
_A_SIGN_OF_THE_TEMPLATE = 5


def find_register(book: Book, sheet: str | None = None) -> tuple[Sheet, Layout]:
    """The one sheet that is a register, with its layout; ``sheet`` chooses by name. Raises ``BadWorkbook``."""
    among = [s for s in book.sheets if sheet in (None, s.name)]
    found = [(s, layout) for s in among if (layout := _layout_of(s))]
    if not found:
        raise _unknown_layout(among)
    if len(found) > 1:
        names = ", ".join(f"“{s.name}”" for s, _ in found)
        raise BadWorkbook(
            f"Nhiều trang tính trông như sổ theo dõi: {names}; hãy chọn một trang.",
            f"Several sheets look like a register: {names}; choose one of them.",
        )
    return found[0]


def _unknown_layout(sheets: list[Sheet]) -> BadWorkbook:
    names = ", ".join(f"“{s.name}”" for s in sheets) or "–"
    return BadWorkbook(
        f"Không trang tính nào ({names}) là sổ theo dõi; cần biểu mẫu của hệ thống (mã cột ở dòng 2) hoặc sổ 22 cột "
        "có tiêu đề ở dòng 1 đến 4, số liệu từ dòng 5: cột B sản phẩm, C nhóm, E chủ thể, F xã, J hạng sao, K hạn.",
        f"No sheet ({names}) is a register; expected our template (column codes in row 2) or the workbook of 22 "
        "columns with headings in rows 1 to 4 and data from row 5: column B product, C group, E entity, F commune, "
        "J star, K expiry.",
    )


def _layout_of(sheet: Sheet) -> Layout | None:
    top = sheet.rows(1, LEGACY.first_row - 1)
    return _template(sheet.name, top) or (LEGACY if _is_legacy(top) else None)


def _is_legacy(top: list[RawRow]) -> bool:
    """Whether at most two of six headings say something else than the legacy workbook's."""
    agreeing = 0
    for letter, words in _LEGACY_HEADINGS.items():
        own = [str(row.values[letter]) for row in top if letter in row.values and letter not in row.filled]
        heading = without_diacritics(" ".join(own))
        agreeing += any(word in heading for word in words)
    return agreeing >= len(_LEGACY_HEADINGS) - 2


def _template(name: str, top: list[RawRow]) -> Layout | None:
    """The template with its columns in whatever order they stand; a column may only be missing if optional."""
    codes = {column.code for column in COLUMNS}
    row = next((row for row in top if row.number == 2), RawRow(2, {}))
    standing = [(str(v).strip(), letter) for letter, v in row.values.items() if str(v).strip() in codes]
    if len(standing) < _A_SIGN_OF_THE_TEMPLATE:
        return None
    letters = dict(standing)
    missing = [code for code in _REQUIRED if code not in letters]
    if missing or len(letters) < len(standing):
        listed = ", ".join(missing) or "–"
        raise BadWorkbook(
            f"Dòng 2 của trang “{name}” thiếu mã cột ({listed}) hoặc có mã cột lặp lại; hãy dùng lại biểu mẫu gốc.",
            f"Row 2 of sheet “{name}” lacks column codes ({listed}) or has one twice; start from the template again.",
        )
    return _with_columns(letters)


def _with_columns(letters: Mapping[str, str]) -> Layout:
    once = {code: letter for code, letter in letters.items() if code not in _OF_A_ROUND}
    return Layout(3, once, ({code: letter for code, letter in letters.items() if code in _OF_A_ROUND},))


TEMPLATE = _with_columns({column.code: get_column_letter(n) for n, column in enumerate(COLUMNS, 1)})
"""Our template as it is written; in a file its columns may stand in another order."""


def write_template(path: Path) -> None:
    """Write the template with its example row, and a second sheet that says what belongs in each column."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.title = "Sổ theo dõi OCOP"
    sheet.append([column.heading for column in COLUMNS])
    sheet.append([column.code for column in COLUMNS])
    sheet.append([column.example or None for column in COLUMNS])
    for index, column in enumerate(COLUMNS, 1):
        dimension = sheet.column_dimensions[get_column_letter(index)]
        dimension.width, dimension.number_format = column.width, "@"  # text, so that leading zeros stay
        sheet.cell(1, index).font = Font(bold=True)
        sheet.cell(1, index).alignment = Alignment(wrap_text=True, vertical="top")
        for row in (2, TEMPLATE.first_row):
            sheet.cell(row, index).font = Font(italic=True, color="808080")
        sheet.cell(TEMPLATE.first_row, index).number_format = "@"
        if column.choices:
            offered = DataValidation("list", formula1=f'"{",".join(column.choices)}"', allow_blank=True)
            offered.error = column.hint
            offered.showErrorMessage = True
            offered.errorStyle = "warning"
            offered.add(f"{get_column_letter(index)}{TEMPLATE.first_row}:{get_column_letter(index)}{MAX_ROWS}")
            sheet.add_data_validation(offered)
    sheet.freeze_panes = "A3"
    guide = book.create_sheet("Hướng dẫn")
    guide.append(["Cột", "Bắt buộc có cột", "Giá trị", "Cách ghi", "Ví dụ"])
    for column in COLUMNS:
        there = "có" if column.required else "không"
        guide.append([column.heading, there, column.value, column.hint, column.example or None])
    guide.append([])
    guide.append(["Giá trị “bắt buộc”: thiếu thì dòng không được nạp; “nên có”: thiếu thì có cảnh báo."])
    guide.append([f"Dòng 3 của biểu mẫu là ví dụ; dòng có ghi chú “{EXAMPLE}” được bỏ qua."])
    for letter, width in {"A": 28, "B": 18, "C": 12, "D": 80, "E": 32}.items():
        guide.column_dimensions[letter].width = width
    book.save(path)
