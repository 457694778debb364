"""What a register states, row by row, and what is wrong with it (đọc sổ theo dõi).

Everything is kept as given; a doubt becomes a finding (phát hiện), never a correction. A row with an error is
not loaded, a row with warnings only is. Each mistake is told once: what hangs on it is not judged as well.
"""

import csv
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal, TypeVar, get_args

from pydantic import TypeAdapter, ValidationError

from application.registers.layouts import EXAMPLE, Layout, find_register
from application.registers.workbook import BadWorkbook, RawRow, open_workbook
from domain.law.areas import areas, commune
from domain.law.calendar import add_months
from domain.product.facts import EntityKind, ProductGroup
from domain.values import Line, Paragraph, without_diacritics

Level = Literal["huyện", "tỉnh", "trung ương"]
"""Level that recognised (cấp công nhận), in the words of the papers; the first is history since 1 July 2025."""

Severity = Literal["error", "warning"]

FIRST_YEAR = 2018
"""The programme began with Decision 490/QĐ-TTg of 7 May 2018."""

VALID_MONTHS = 36
"""A certificate is valid 36 months from the issuing date, alike in all regimes."""

LAST_DAY_OF_HUYEN = date(2025, 6, 30)
"""The huyện level was abolished on 1 July 2025."""

RULED_AGAIN_FROM = date(2025, 7, 6)
"""Decision 1489/QĐ-TTg says from this day who recognises instead; for the days between no rule was found."""

FINDINGS: dict[str, tuple[Severity, str, str]] = {
    "cell-error": (
        "error",
        "Ô báo lỗi công thức {given}; hãy nhập lại giá trị thật.",
        "The cell shows the formula error {given}; enter the real value.",
    ),
    "text-unusable": (
        "error",
        "Nội dung ô quá dài hoặc có ký tự ẩn; hãy gõ lại ngắn gọn.",
        "The text is too long or holds hidden characters; type it again, shorter.",
    ),
    "text-became-date": (
        "error",
        "Excel đã đổi nội dung ô thành ngày giờ {given}; hãy định dạng ô là văn bản rồi gõ lại.",
        "Excel turned the cell into a date or time, {given}; format it as text and type it again.",
    ),
    "not-a-product-row": (
        "error",
        "Dòng này không ghi sản phẩm và chủ thể; hãy xoá nếu là dòng tiêu đề, tổng cộng hay chữ ký.",
        "This row names no product and entity; delete it if it is a heading, a total or a signature.",
    ),
    "product-missing": (
        "error",
        "Thiếu tên sản phẩm; hãy ghi tên như trong quyết định.",
        "The product's name is missing; write it as in the decision.",
    ),
    "entity-missing": (
        "error",
        "Thiếu tên chủ thể; hãy ghi tên như trong quyết định.",
        "The entity's name is missing; write it as in the decision.",
    ),
    "group-missing": (
        "warning",
        "Thiếu nhóm sản phẩm; hãy ghi một trong sáu nhóm.",
        "The product group is missing; write one of the six groups.",
    ),
    "group-unknown": (
        "warning",
        "“{given}” không phải một trong sáu nhóm sản phẩm hiện hành; hãy xếp lại nhóm.",
        "“{given}” is none of today's six product groups; choose one.",
    ),
    "kind-missing": (
        "warning",
        "Thiếu loại hình chủ thể; hãy bổ sung.",
        "The entity's kind is missing; add it.",
    ),
    "kind-unknown": (
        "warning",
        "Không rõ loại hình chủ thể “{given}”; hãy ghi theo danh sách của biểu mẫu.",
        "The entity's kind “{given}” is not known; write one of the template's list.",
    ),
    "phone-no-leading-zero": (
        "warning",
        "Số điện thoại “{given}” không bắt đầu bằng số 0; hãy kiểm tra.",
        "The phone number “{given}” does not begin with 0; check it.",
    ),
    "commune-missing": (
        "error",
        "Thiếu xã, phường, đặc khu; hãy ghi tên hoặc mã xã hiện nay.",
        "The commune is missing; write today's name or code.",
    ),
    "commune-unknown": (
        "error",
        "“{given}” không trùng tên đúng một xã hiện nay của tỉnh; hãy ghi tên hiện nay hoặc bổ sung bảng chuyển đổi.",
        "“{given}” is not the name of exactly one commune of the province today; write today's name or map it.",
    ),
    "commune-kind-differs": (
        "warning",
        "“{given}” hiện nay là {today}; hãy kiểm tra có đúng đơn vị này.",
        "“{given}” is {today} today; check that this is the unit meant.",
    ),
    "commune-code-unknown": (
        "error",
        "Hiện nay không có xã nào mang mã {given}; hãy ghi mã theo Quyết định 19/2025/QĐ-TTg hoặc chuyển đổi mã cũ.",
        "No commune has the code {given} today; write the code of Decision 19/2025/QĐ-TTg or map the old one.",
    ),
    "commune-outside-province": (
        "error",
        "Xã mã {given} không thuộc tỉnh của sổ này; hãy sửa mã hoặc chuyển sang sổ của tỉnh đó.",
        "The commune {given} is not in this register's province; correct it or move the row to that province.",
    ),
    "commune-differs": (
        "error",
        "Tên xã chỉ {other} nhưng mã xã là {given}; hãy sửa cho khớp.",
        "The commune's name says {other} but the code is {given}; make them agree.",
    ),
    "commune-name-other": (
        "warning",
        "“{given}” không phải tên hiện nay của xã mã {code}; hãy kiểm tra.",
        "“{given}” is not today's name of the commune {code}; check it.",
    ),
    "code-padded": (
        "warning",
        "Mã {given} thiếu số 0 ở đầu, được đọc là {code}; hãy định dạng ô là văn bản.",
        "The code {given} lost its leading zeros and is read as {code}; format the cell as text.",
    ),
    "code-unreadable": (
        "warning",
        "“{given}” không phải mã huyện cũ gồm ba chữ số nên bị bỏ qua; hãy kiểm tra.",
        "“{given}” is not an old huyện code of three digits and is left out; check it.",
    ),
    "province-missing": (
        "error",
        "Thiếu mã tỉnh; hãy ghi mã hai chữ số.",
        "The province code is missing; write its two digits.",
    ),
    "province-differs": (
        "error",
        "Mã tỉnh {given} khác tỉnh của sổ này ({expected}); hãy sửa hoặc chuyển dòng sang sổ của tỉnh đó.",
        "The province code {given} is not this register's ({expected}); correct it or move the row.",
    ),
    "recognition-missing": (
        "error",
        "Dòng không có lần công nhận nào; hãy ghi hạng sao, ngày và số quyết định.",
        "The row holds no recognition; write its star, date and decision number.",
    ),
    "star-missing": (
        "error",
        "Thiếu hạng sao của lần công nhận; hãy ghi 3, 4 hoặc 5.",
        "The recognition's star is missing; write 3, 4 or 5.",
    ),
    "star-invalid": (
        "error",
        "Hạng sao “{given}” không phải 3, 4 hoặc 5; hãy kiểm tra quyết định.",
        "The star “{given}” is not 3, 4 or 5; check the decision.",
    ),
    "current-star-missing": (
        "warning",
        "Thiếu hạng sao hiện tại; hãy ghi hạng của lần công nhận gần nhất.",
        "The current star is missing; write that of the last recognition.",
    ),
    "current-star-differs": (
        "error",
        "Hạng sao hiện tại là {given} nhưng lần công nhận gần nhất là {expected}; hãy kiểm tra quyết định.",
        "The current star is {given} but the last recognition says {expected}; check the decision.",
    ),
    "decision-number-missing": (
        "error",
        "Thiếu số quyết định công nhận; hãy bổ sung.",
        "The number of the decision is missing; add it.",
    ),
    "date-missing": (
        "error",
        "Thiếu cả ngày và năm của quyết định; hãy ghi ngày, hoặc ít nhất là năm.",
        "Both day and year of the decision are missing; write the day or at least the year.",
    ),
    "date-invalid": (
        "error",
        "“{given}” không phải ngày có thật viết đủ ngày/tháng/năm bốn chữ số; hãy ghi lại.",
        "“{given}” is not a real day written day/month/year with four digits; write it again.",
    ),
    "year-invalid": (
        "error",
        "“{given}” không phải năm gồm bốn chữ số; hãy ghi lại.",
        "“{given}” is not a year of four digits; write it again.",
    ),
    "date-future": (
        "error",
        "Ngày quyết định {given} ở tương lai; hãy kiểm tra quyết định.",
        "The decision's date {given} lies in the future; check the decision.",
    ),
    "date-too-early": (
        "error",
        "Ngày quyết định {given} trước khi có Chương trình OCOP (2018); hãy kiểm tra quyết định.",
        "The decision's date {given} lies before the programme began (2018); check the decision.",
    ),
    "year-differs": (
        "warning",
        "Năm {given} khác năm của ngày quyết định ({expected}), cả hai được giữ; hãy kiểm tra.",
        "The year {given} is not that of the decision's date ({expected}), both are kept; check them.",
    ),
    "rounds-out-of-order": (
        "warning",
        "Lần công nhận sau lại có ngày sớm hơn lần trước; hãy kiểm tra thứ tự.",
        "The later recognition is dated before the earlier one; check their order.",
    ),
    "authority-missing": (
        "warning",
        "Thiếu cơ quan ban hành quyết định; hãy bổ sung.",
        "The authority of the decision is missing; add it.",
    ),
    "level-unknown": (
        "warning",
        "Không rõ cấp quyết định “{given}”; hãy ghi huyện, tỉnh hoặc trung ương.",
        "The level “{given}” is not known; write huyện, tỉnh or trung ương.",
    ),
    "huyen-abolished": (
        "warning",
        "Quyết định cấp huyện đề sau ngày 30/06/2025 khi cấp huyện đã kết thúc; hãy kiểm tra ngày và cơ quan.",
        "A decision of the huyện level is dated after its end on 30/06/2025; check date and authority.",
    ),
    "date-in-gap": (
        "warning",
        "Quyết định đề từ 01/07 đến 05/07/2025 khi chưa có quy định thay cấp huyện; hãy kiểm tra ngày.",
        "The decision is dated 01/07 to 05/07/2025, when no rule had replaced the huyện level; check the date.",
    ),
    "valid-to-missing": (
        "warning",
        "Thiếu ngày hết hạn nên sẽ tính theo quy định; hãy bổ sung nếu giấy chứng nhận có ghi.",
        "The expiry is missing and will be computed by the law; add it if the certificate states one.",
    ),
    "valid-to-only-year": (
        "warning",
        "Ngày hết hạn chỉ có năm {given} nên chưa dùng được; hãy ghi đủ ngày.",
        "The expiry is only a year, {given}, and cannot be used; write the day.",
    ),
    "valid-to-differs": (
        "warning",
        "Ngày hết hạn {given} không phải 36 tháng kể từ ngày quyết định ({expected}), giữ như đã ghi; hãy kiểm tra.",
        "The expiry {given} is not 36 months after the decision ({expected}) and is kept as given; check it.",
    ),
    "valid-to-before-decision": (
        "error",
        "Ngày hết hạn {given} sớm hơn quyết định ({expected}); hãy kiểm tra cả hai ngày.",
        "The expiry {given} lies before the decision ({expected}); check both days.",
    ),
    "certificate-number-twice": (
        "error",
        "Số giấy chứng nhận “{given}” đã thuộc sản phẩm “{other}” ở dòng {row}; hãy kiểm tra số.",
        "The certificate number “{given}” belongs to the product “{other}” in row {row}; check the number.",
    ),
    "duplicate": (
        "error",
        "Sản phẩm, chủ thể, xã và quyết định này đã có ở dòng {other}; hãy xoá dòng thừa.",
        "The same product, entity, commune and decision stand in row {other} already; delete one of them.",
    ),
}
"""Every finding of the reader by its code: severity, and one sentence in each language."""

_GROUPS: dict[str, ProductGroup] = {
    "thực phẩm": "food",
    "đồ uống": "drinks",
    "dược liệu": "medicinal",
    "dược liệu và sản phẩm từ dược liệu": "medicinal",
    "thủ công mỹ nghệ": "handicraft",
    "hàng thủ công mỹ nghệ": "handicraft",
    "sinh vật cảnh": "ornamental",
    "du lịch": "tourism",
    "dịch vụ du lịch": "tourism",
    "dịch vụ du lịch cộng đồng, du lịch sinh thái và điểm du lịch": "tourism",
    **{group: group for group in get_args(ProductGroup)},
}
_KINDS: dict[str, EntityKind] = {
    "hợp tác xã": "cooperative",
    "htx": "cooperative",
    "tổ hợp tác": "cooperative-group",
    "tht": "cooperative-group",
    "doanh nghiệp nhỏ và vừa": "small-medium-enterprise",
    "doanh nghiệp lớn": "large-enterprise",
    "trang trại": "farm",
    "hộ kinh doanh": "household",
    "hộ sản xuất có đăng ký kinh doanh": "household",
    "hội": "association",
    "liên hiệp hội": "federation",
    "trung tâm điều hành": "operating-centre",
    "tổ chức tương đương": "equivalent-body",
    **{kind: kind for kind in get_args(EntityKind)},
}
_LEVELS: dict[str, Level] = {level: level for level in get_args(Level)}

_FORMULA_ERROR = re.compile(r"#(N/A|GETTING_DATA|[A-Z0-9/]+[!?])", re.IGNORECASE)
_KIND_OF_COMMUNE = re.compile(r"(xã|phường|đặc khu|thị trấn) ")
_OF_HUYEN = re.compile(r"\b(huyện|quận|thị xã)\b")
_OF_PROVINCE = re.compile(r"\btỉnh\b")
_AUTHORITY = re.compile(r"(chu tich )?(ubnd|uy ban nhan dan) ")
_STAR = re.compile(r"([0-9]{1,2})( sao)?")
_YEAR = re.compile(r"[0-9]{4}")
_DAY_FIRST = re.compile(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})")
_YEAR_FIRST = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_DATED = {"date", "year", "valid_to"}
T = TypeVar("T")
_LINE: TypeAdapter[str] = TypeAdapter(Line)
_NOTE: TypeAdapter[str] = TypeAdapter(Paragraph)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: where, how bad, and what to do.

    ``row`` is the row it concerns, ``cell`` the cell to mend: for a value under a merge its top-left cell. An
    error in such a cell is told for every row it keeps out, a warning once.
    """

    row: int
    cell: str
    severity: Severity
    code: str
    vi: str
    en: str
    product: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Entity:
    """The entity (chủ thể) as the row names it."""

    name: str
    kind: EntityKind | None
    address: str | None
    representative: str | None
    phone: str | None
    registration: str | None


@dataclass(frozen=True, slots=True)
class Recognition:
    """One recognition (lần công nhận). ``round`` counts within the row; ``year`` is the year as given.

    ``cells``: where each of its fields stands.
    """

    round: int
    stars: int
    decided_on: date | None
    year: int | None
    decision_number: str
    authority: str
    level: Level | None
    certificate_number: str | None = None
    valid_to: date | None = None
    product_number: str | None = None
    cells: Mapping[str, str] = field(default_factory=dict, compare=False)

    @property
    def in_year(self) -> int | None:
        """Year of the decision; where the day and another year are given, the day counts."""
        return self.decided_on.year if self.decided_on else self.year


@dataclass(frozen=True, slots=True)
class RegisterRow:
    """One row of a register: ``raw`` holds every cell as given, the rest is what was read from it.

    ``filled`` names the cells that show a merged cell's value; ``current_star`` is None where not stated.
    """

    number: int
    raw: Mapping[str, str]
    filled: tuple[str, ...]
    product: str
    group: ProductGroup | None
    sheet: str | None
    entity: Entity
    commune_code: str | None
    commune_name: str
    old_unit: str | None
    recognitions: tuple[Recognition, ...]
    current_star: int | None
    note: str


@dataclass(frozen=True, slots=True)
class Reading:
    """A register as read: the file's SHA-256, the rows that may be loaded, all findings in the file's order."""

    sha256: str
    rows: tuple[RegisterRow, ...]
    findings: tuple[Finding, ...]


def read_register(
    path: Path,
    *,
    province: str,
    mapping: Mapping[str, str] = MappingProxyType({}),
    today: date,
    sheet: str | None = None,
) -> Reading:
    """Read a province's register out of an xlsx file; its layout is found by itself.

    ``mapping`` gives today's commune code for an old name or code. ``sheet`` chooses among several registers
    in one file. Raises ``BadWorkbook`` when the file cannot be read as a register at all.
    """
    book = open_workbook(path)
    found, layout = find_register(book, sheet)
    rows, findings = read_rows(found.rows(layout.first_row), layout, province=province, mapping=mapping, today=today)
    return Reading(book.sha256, rows, findings)


def read_rows(
    raw: list[RawRow], layout: Layout, *, province: str, mapping: Mapping[str, str], today: date
) -> tuple[tuple[RegisterRow, ...], tuple[Finding, ...]]:
    """Read raw rows, in order: those that may be loaded, and every finding."""
    if len(province) != 2 or province not in areas():
        raise ValueError(f"no such province: {province}")
    reader = _Reader(layout, province, {_key(old): code for old, code in mapping.items()}, today)
    rows = [row for each in raw if (row := reader.read(each)) is not None]
    return tuple(rows), tuple(reader.findings)


def read_mapping(path: Path) -> dict[str, str]:
    """Read a CSV "old,code": old name or old code of a commune → today's code. Raises ``BadWorkbook``."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
        delimiter = ";" if lines and ";" in lines[0] else ","
        rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=delimiter, strict=True)]
    except (UnicodeDecodeError, csv.Error) as error:
        raise _bad_mapping(1) from error
    if not rows or rows[0] != ["old", "code"]:
        raise _bad_mapping(1)
    mapping: dict[str, str] = {}
    for number, row in enumerate(rows[1:], 2):
        if not any(row):
            continue
        if len(row) != 2 or not row[0] or commune(row[1]) is None or mapping.get(_key(row[0]), row[1]) != row[1]:
            raise _bad_mapping(number)
        mapping[_key(row[0])] = row[1]
    return mapping


def _bad_mapping(line: int) -> BadWorkbook:
    return BadWorkbook(
        f"Bảng chuyển đổi sai ở dòng {line}; cần tệp CSV mã UTF-8, dòng đầu là “old,code”, mỗi dòng một tên hoặc mã "
        "cũ và mã xã hiện nay gồm năm chữ số, không mâu thuẫn nhau.",
        f"The mapping is wrong in line {line}; expected a CSV file in UTF-8 headed “old,code”, each line an old name "
        "or code and the five digits of today's commune, without contradictions.",
    )


def as_given(value: object) -> str:
    """A cell's value as text: whole numbers without ".0", days in ISO form, text untouched."""
    match value:
        case None:
            return ""
        case bool():
            return str(value).upper()
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()
        case _:
            return str(value)


def _tidy(value: object) -> str:
    """NFC, spaces collapsed, otherwise as it is."""
    return " ".join(unicodedata.normalize("NFC", as_given(value)).split())


def _key(text: str) -> str:
    return _tidy(text).casefold()


def same_authority(one: str | None, other: str | None) -> bool:
    """Whether two names may be one authority's: "UBND xã Cao Sơn" and "Xã Cao Sơn" are, and so is no name at all."""
    names = [_AUTHORITY.sub("", without_diacritics(" ".join((name or "").split()))) for name in (one, other)]
    return not all(names) or names[0] == names[1]


def _bare(name: str) -> str:
    """Name of a commune for comparing, without its kind."""
    return _KIND_OF_COMMUNE.sub("", _key(name), count=1)


@cache
def _communes(province: str) -> dict[str, str | None]:
    """Bare name → code; None where several communes of the province share the name."""
    found: dict[str, str | None] = {}
    for area in areas().values():
        if area.province == province and len(area.code) == 5:
            found[_bare(area.name)] = None if _bare(area.name) in found else area.code
    return found


def _when(value: object) -> date | int | None:
    """A day, a year where only that is given, or None when it is neither."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    text = _tidy(value)
    if _YEAR.fullmatch(text):
        return int(text)
    day_first, year_first = _DAY_FIRST.fullmatch(text), _YEAR_FIRST.fullmatch(text)
    parts = day_first.groups()[::-1] if day_first else year_first.groups() if year_first else None
    try:
        return date(*map(int, parts)) if parts else None
    except ValueError:
        return None


def _shown(day: date) -> str:
    return f"{day:%d/%m/%Y}"


@dataclass(slots=True)
class _Row:
    """A row being read, with what was found in it. ``columns`` is the part of the layout in use."""

    raw: RawRow
    columns: Mapping[str, str]
    product_in: str
    findings: list[Finding] = field(default_factory=list)

    def part(self, columns: Mapping[str, str]) -> "_Row":
        """The same row through other columns, findings shared."""
        return _Row(self.raw, columns, self.product_in, self.findings)

    def value(self, name: str) -> object:
        return self.raw.values.get(self.columns.get(name, ""))

    def text(self, name: str) -> str:
        return _tidy(self.value(name))

    def optional(self, name: str) -> str | None:
        return self.text(name) or None

    def needed(self, name: str, otherwise: str) -> str:
        """The text; when there is none, that is found."""
        text = self.text(name)
        if not text:
            self.say(otherwise, name)
        return text

    def cell(self, name: str) -> str:
        return self.raw.cell(self.columns[name])

    def say(self, code: str, name: str, /, **words: object) -> None:
        severity, vi, en = FINDINGS[code]
        words = {"given": self.text(name)[:80]} | words
        product = _tidy(self.raw.values.get(self.product_in))
        words_vi, words_en = vi.format(**words), en.format(**words)
        self.findings.append(Finding(self.raw.number, self.cell(name), severity, code, words_vi, words_en, product))

    def has_errors(self) -> bool:
        return any(finding.severity == "error" for finding in self.findings)


@dataclass(slots=True)
class _Reader:
    """Reads the rows of one register one after the other, and remembers what stood before."""

    layout: Layout
    province: str
    mapping: Mapping[str, str]
    today: date
    findings: list[Finding] = field(default_factory=list)
    _told: set[tuple[str, str, str]] = field(default_factory=set)
    _seen: dict[tuple[object, ...], tuple[int, int]] = field(default_factory=dict)
    _numbers: dict[tuple[str, int | None], list[tuple[str, tuple[object, ...], int, str]]] = field(default_factory=dict)

    def read(self, raw: RawRow) -> RegisterRow | None:
        """Read one row; None when it is empty or holds an error."""
        row = _Row(raw, self.layout.columns, self.layout.columns.get("product", ""))
        read = None if _is_empty(row, self.layout) or _is_broken(row, self.layout) else self._read(row)
        self._tell(row.findings)
        return None if row.has_errors() else read

    def _tell(self, findings: list[Finding]) -> None:
        for finding in findings:
            same = (finding.cell, finding.code, finding.vi)
            if finding.severity == "error" or same not in self._told:
                self.findings.append(finding)
                self._told.add(same)

    def _read(self, row: _Row) -> RegisterRow:
        entity = _entity(row)
        product = row.needed("product", "product-missing")
        group = _one_of(row, "group", _GROUPS, re.sub(r"^(nhóm|ngành)( sản phẩm)? ", "", _key(row.text("group"))))
        self._check_province(row)
        code = self._commune(row)
        recognitions = self._recognitions(row)
        current_star = _current_star(row, recognitions)
        whose = (_key(product), _key(entity.name), code)
        self._check_duplicates(row, whose, recognitions)
        self._check_numbers(row, whose, product, recognitions)
        return RegisterRow(
            number=row.raw.number,
            raw={f"{letter}{row.raw.number}": as_given(value) for letter, value in row.raw.values.items()},
            filled=tuple(f"{letter}{row.raw.number}" for letter in row.raw.filled),
            product=product,
            group=group,
            sheet=row.optional("sheet"),
            entity=entity,
            commune_code=code,
            commune_name=row.text("commune"),
            old_unit=_old_unit(row),
            recognitions=recognitions,
            current_star=current_star,
            note=row.text("note"),
        )

    # ── Where ────────────────────────────────────────────────────────────────────────────────────

    def _check_province(self, row: _Row) -> None:
        if "province" not in row.columns:
            return
        given = row.needed("province", "province-missing")
        if given and given.zfill(2) != self.province:
            row.say("province-differs", "province", expected=self.province)
        elif given and given != self.province:
            row.say("code-padded", "province", code=self.province)

    def _commune(self, row: _Row) -> str | None:
        if row.text("commune_code"):
            return self._commune_by_code(row)
        name = row.needed("commune", "commune-missing")
        mapped = self.mapping.get(_key(name))
        if mapped:
            return self._in_province(row, "commune", mapped)
        code = _communes(self.province).get(_bare(name))
        if code is None:
            if name:
                row.say("commune-unknown", "commune")
            return None
        today = areas()[code].name
        if _key(name) not in (_key(today), _bare(today)):
            row.say("commune-kind-differs", "commune", today=_tidy(today))
        return code

    def _commune_by_code(self, row: _Row) -> str | None:
        given = row.text("commune_code")
        mapped = self.mapping.get(given) or self.mapping.get(given.zfill(5))
        code = self._in_province(row, "commune_code", mapped or given.zfill(5))
        if code is None or mapped:
            return code
        if code != given:
            row.say("code-padded", "commune_code", code=code)
        name = row.text("commune")
        named = self.mapping.get(_key(name)) or _communes(self.province).get(_bare(name))
        if named and named != code:
            row.say("commune-differs", "commune_code", other=named)
        elif name and not named:
            row.say("commune-name-other", "commune", code=code)
        return code

    def _in_province(self, row: _Row, name: str, code: str) -> str | None:
        area = commune(code)
        if area is None:
            row.say("commune-code-unknown", name, given=code[:80])
        elif area.province != self.province:
            row.say("commune-outside-province", name, given=code)
        else:
            return code
        return None

    # ── Recognitions ─────────────────────────────────────────────────────────────────────────────

    def _recognitions(self, row: _Row) -> tuple[Recognition, ...]:
        parts = [(n, row.part(columns)) for n, columns in enumerate(self.layout.rounds, 1)]
        given = [(n, part) for n, part in parts if any(part.text(name) for name in part.columns)]
        if not given:
            parts[0][1].say("recognition-missing", "stars")
            return ()
        found = [self._recognition(part, n) for n, part in given]
        for earlier, later, (_, part) in zip(found, found[1:], given[1:], strict=False):
            if _is_before(later, earlier):
                part.say("rounds-out-of-order", "date")
        last = found[-1]
        cells = {**last.cells, **({"valid_to": row.cell("valid_to")} if "valid_to" in row.columns else {})}
        return (*found[:-1], replace(last, valid_to=_valid_to(row, last), cells=cells))

    def _recognition(self, row: _Row, number: int) -> Recognition:
        """Read one round. Stars are 0 where an error was found: such a row is never loaded."""
        decided_on, year = self._dated(row)
        authority = row.needed("authority", "authority-missing")
        level = _level(row)
        if decided_on and LAST_DAY_OF_HUYEN < decided_on < RULED_AGAIN_FROM:
            row.say("date-in-gap", "date")
        elif level == "huyện" and _is_after_huyen(decided_on, year):
            row.say("huyen-abolished", "date")
        return Recognition(
            round=number,
            stars=_star(row, "stars", "star-missing") or 0,
            decided_on=decided_on,
            year=year,
            decision_number=row.needed("decision", "decision-number-missing"),
            authority=authority,
            level=level,
            certificate_number=row.optional("certificate"),
            product_number=row.optional("product_number"),
            cells={name: row.cell(name) for name in row.columns},
        )

    def _dated(self, row: _Row) -> tuple[date | None, int | None]:
        """Day and year of the decision as given; None for what is missing or wrong."""
        when = _when(row.value("date"))
        if row.text("date") and when is None:
            row.say("date-invalid", "date")
            return None, None
        year = _when(row.value("year"))
        if row.text("year") and not isinstance(year, int):
            row.say("year-invalid", "year")
            return None, None
        return self._plausible(row, when, year if isinstance(year, int) else None)

    def _plausible(self, row: _Row, when: date | int | None, year: int | None) -> tuple[date | None, int | None]:
        name, stated = ("year", year) if when is None else ("date", when)
        if stated is None:
            row.say("date-missing", "date")
            return None, None
        day, its_year = (stated, stated.year) if isinstance(stated, date) else (None, stated)
        if its_year > self.today.year or (day and day > self.today):
            row.say("date-future", name)
            return None, None
        if its_year < FIRST_YEAR:
            row.say("date-too-early", name)
            return None, None
        if year is not None and year != its_year:
            row.say("year-differs", "year", expected=its_year)
        return day, when if isinstance(when, int) and year is None else year

    def _check_duplicates(
        self, row: _Row, whose: tuple[str, str, str | None], recognitions: tuple[Recognition, ...]
    ) -> None:
        for recognition in recognitions:
            decision = (_key(recognition.decision_number), recognition.in_year)
            if not all((*whose, *decision)):
                continue
            here = (row.raw.number, recognition.round)
            before = self._seen.setdefault((*whose, *decision), here)
            if before != here:
                part = row.part(self.layout.rounds[recognition.round - 1])
                part.say("duplicate", "decision", other=before[0])

    def _check_numbers(
        self, row: _Row, whose: tuple[str, str, str | None], product: str, recognitions: tuple[Recognition, ...]
    ) -> None:
        """One certificate number of one authority in one year belongs to one product."""
        for recognition in recognitions:
            number = _key(recognition.certificate_number or "")
            if not number:
                continue
            before = self._numbers.setdefault((number, recognition.in_year), [])
            for authority, other, at, name in before:
                if other != whose and same_authority(authority, recognition.authority):
                    part = row.part(self.layout.rounds[recognition.round - 1])
                    part.say("certificate-number-twice", "certificate", other=name, row=at)
                    break
            else:
                before.append((recognition.authority, whose, row.raw.number, product))


def _is_empty(row: _Row, layout: Layout) -> bool:
    """Nothing in the layout's columns but, perhaps, a running number; or the template's own example."""
    if row.text("note") == EXAMPLE:
        return True
    given = [name for letter, name in layout.letters().items() if _tidy(row.raw.values.get(letter))]
    return not given or (given == ["number"] and row.text("number").isdecimal())


def _is_broken(row: _Row, layout: Layout) -> bool:
    """Whether the row cannot be read at all: damaged cells, or no row of a product."""
    for letter, name in layout.letters().items():
        code = _damage(name, row.raw.values.get(letter))
        if code:
            row.part({name: letter}).say(code, name)
    if row.has_errors():
        return True
    product, entity = row.text("product"), row.text("entity")
    if (not product and not entity) or (product and row.cell("product") == row.cell("entity")):
        row.say("not-a-product-row", "product")
    return row.has_errors()


def _damage(name: str, value: object) -> str | None:
    """Code of what makes a cell unusable whatever it should say."""
    if isinstance(value, date | time | timedelta) and name not in _DATED:
        return "text-became-date"
    text = _tidy(value)
    if not text:
        return None
    if _FORMULA_ERROR.fullmatch(text):
        return "cell-error"
    try:
        (_NOTE if name == "note" else _LINE).validate_python(text)
    except ValidationError:
        return "text-unusable"
    return None


def _one_of(row: _Row, name: str, known: Mapping[str, T], text: str) -> T | None:
    """A word of a list; None, and found, when it is missing or not in the list."""
    if not row.text(name):
        row.say(f"{name}-missing", name)
    elif text not in known:
        row.say(f"{name}-unknown", name)
    return known.get(text)


def _entity(row: _Row) -> Entity:
    phone = row.optional("phone")
    digits = re.sub(r"[^0-9]", "", phone or "")
    if phone and not phone.startswith("+") and not digits.startswith("0"):
        row.say("phone-no-leading-zero", "phone")
    return Entity(
        name=row.needed("entity", "entity-missing"),
        kind=_one_of(row, "kind", _KINDS, _key(row.text("kind"))),
        address=row.optional("address"),
        representative=row.optional("representative"),
        phone=phone,
        registration=row.optional("registration"),
    )


def _old_unit(row: _Row) -> str | None:
    given = row.text("old_unit")
    if not given:
        return None
    code = given.zfill(3)
    if not re.fullmatch(r"[0-9]{3}", code):
        row.say("code-unreadable", "old_unit")
        return None
    if code != given:
        row.say("code-padded", "old_unit", code=code)
    return code


def _star(row: _Row, name: str, missing: str) -> int | None:
    text = row.needed(name, missing)
    found = _STAR.fullmatch(text.casefold())
    stars = int(found[1]) if found else 0
    if 3 <= stars <= 5:
        return stars
    if text:
        row.say("star-invalid", name)
    return None


def _current_star(row: _Row, recognitions: tuple[Recognition, ...]) -> int | None:
    """The star the row states beside its rounds; it must be that of the last one."""
    if "current_star" not in row.columns or not recognitions:
        return None
    current, last = _star(row, "current_star", "current-star-missing"), recognitions[-1].stars
    if current and last and current != last:
        row.say("current-star-differs", "current_star", given=current, expected=last)
    return current


def _level(row: _Row) -> Level | None:
    """The level as stated, else as the authority's own name says it."""
    stated = _key(row.text("level")).removeprefix("cấp ")
    if stated:
        if stated not in _LEVELS:
            row.say("level-unknown", "level")
        return _LEVELS.get(stated)
    authority = _key(row.text("authority"))
    if _OF_HUYEN.search(authority):
        return "huyện"
    if _OF_PROVINCE.search(authority):
        return "tỉnh"
    return "trung ương" if authority.startswith("bộ ") else None


def _is_after_huyen(decided_on: date | None, year: int | None) -> bool:
    if decided_on is None:
        return year is not None and year > LAST_DAY_OF_HUYEN.year
    return decided_on > LAST_DAY_OF_HUYEN


def _is_before(later: Recognition, earlier: Recognition) -> bool:
    """Whether the later round is dated before the earlier one, as far as both are known."""
    if later.decided_on and earlier.decided_on:
        return later.decided_on < earlier.decided_on
    years = [r.decided_on.year if r.decided_on else r.year for r in (later, earlier)]
    return years[0] is not None and years[1] is not None and years[0] < years[1]


def _valid_to(row: _Row, recognition: Recognition) -> date | None:
    """The expiry as given."""
    if not row.text("valid_to"):
        if "valid_to" in row.columns:
            row.say("valid-to-missing", "valid_to")
        return None
    when = _when(row.value("valid_to"))
    if not isinstance(when, date):
        row.say("date-invalid" if when is None else "valid-to-only-year", "valid_to")
        return None
    decided_on = recognition.decided_on
    first = decided_on or date(recognition.in_year or FIRST_YEAR, 1, 1)
    if when < first:
        shown = _shown(decided_on) if decided_on else recognition.in_year
        row.say("valid-to-before-decision", "valid_to", given=_shown(when), expected=shown)
        return None
    expected = add_months(decided_on, VALID_MONTHS) if decided_on else when
    if when != expected:
        row.say("valid-to-differs", "valid_to", given=_shown(when), expected=_shown(expected))
    return when
