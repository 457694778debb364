"""Opening a workbook (tệp Excel) from outside: counted before it is built, merged cells filled, else refused.

An xlsx file is a zip archive of XML parts, and a small one can unfold into a very large one. So every part
is unpacked within limits and its cells and merges are counted before openpyxl sees it.
"""

import hashlib
import io
import re
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Never
from xml.parsers import expat

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter, range_boundaries

MAX_BYTES = 20 * 2**20
"""Size of the file. Hà Nội's register, the largest, has some 3,300 products: below 1 MB."""

MAX_UNPACKED = 96 * 2**20
"""Size of all parts of the archive together, unpacked."""

MAX_PARTS = 1_000
"""Parts of the archive: sheets, styles, pictures."""

MAX_ROWS = 20_000
"""Last row that may hold something."""

MAX_COLUMNS = 64
"""Columns read; what stands further right is no register's."""

MAX_CELLS = 1_000_000
"""Cells of all sheets, empty ones with a format included."""

MAX_SPREAD = 200_000
"""Cells under all merges, links and comments together."""

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_ROW = re.compile(r"[0-9]{1,9}$")


class BadWorkbook(Exception):
    """The file cannot be read as a register at all (tệp không đọc được): ``vi`` and ``en`` say why."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(en)
        self.vi, self.en = vi, en


@dataclass(frozen=True, slots=True)
class RawRow:
    """One row as it stands: column letter → value, empty cells left out.

    ``filled`` notes the cells that are empty themselves and lie under a merge (ô gộp): column letter →
    the merge's top-left cell, whose value they show.
    """

    number: int
    values: Mapping[str, object]
    filled: Mapping[str, str] = field(default_factory=dict)

    def cell(self, column: str) -> str:
        """Address of the cell a value stands in, e.g. "E8"; under a merge its top-left cell."""
        return self.filled.get(column, f"{column}{self.number}")


@dataclass(frozen=True, slots=True)
class Sheet:
    """One sheet (trang tính) of an opened workbook."""

    name: str
    worksheet: Any = field(repr=False)

    def rows(self, first: int = 1, last: int = MAX_ROWS) -> list[RawRow]:
        """Rows ``first`` to ``last`` that hold anything, merged cells filled."""
        last = min(last, self.worksheet.max_row)
        width = min(MAX_COLUMNS, self.worksheet.max_column)
        letters = [get_column_letter(column) for column in range(1, width + 1)]
        own = self.worksheet.iter_rows(min_row=first, max_row=last, max_col=width, values_only=True)
        cells = [{x: v for x, v in zip(letters, row, strict=True) if v is not None} for row in own]
        filled: list[dict[str, str]] = [{} for _ in cells]
        for merge in sorted(self.worksheet.merged_cells.ranges, key=lambda m: (m.min_col, m.min_row)):
            value, origin = self.worksheet.cell(merge.min_row, merge.min_col).value, merge.start_cell.coordinate
            if value is None:
                continue
            for number in range(max(first, merge.min_row), min(last, merge.max_row) + 1):
                for letter in letters[merge.min_col - 1 : merge.max_col]:
                    if f"{letter}{number}" != origin:
                        cells[number - first][letter] = value
                        filled[number - first][letter] = origin
        return [RawRow(n, c, f) for n, (c, f) in enumerate(zip(cells, filled, strict=True), first) if c]


@dataclass(frozen=True, slots=True)
class Book:
    """An opened workbook: the file's SHA-256 and its sheets."""

    sha256: str
    sheets: tuple[Sheet, ...]


def open_workbook(path: Path) -> Book:
    """Open an xlsx file; formulas show their last computed values. Raises ``BadWorkbook``."""
    content = _content(path)
    try:
        _take_census(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of styles and extensions that openpyxl does not keep
            book = load_workbook(io.BytesIO(content), read_only=False, data_only=True, keep_links=False)
    except BadWorkbook:
        raise
    except Exception as error:  # openpyxl lets through whatever a broken part raises
        raise _not_xlsx() from error
    return Book(hashlib.sha256(content).hexdigest(), tuple(Sheet(s.title, s) for s in book.worksheets))


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise _too_large(f"tệp trên {MAX_BYTES // 2**20} MB", f"the file exceeds {MAX_BYTES // 2**20} MB")
    if content.startswith(_OLE) and _ENCRYPTED in content:
        raise BadWorkbook(
            "Tệp được đặt mật khẩu; hãy bỏ mật khẩu rồi lưu lại.",
            "The file is encrypted; remove its password and save it again.",
        )
    if content.startswith(_OLE):
        raise BadWorkbook(
            "Tệp theo định dạng Excel cũ (.xls); hãy lưu lại thành .xlsx.",
            "The file is of the old Excel format (.xls); save it as .xlsx.",
        )
    return content


def _not_xlsx() -> BadWorkbook:
    return BadWorkbook(
        "Tệp không phải là tệp Excel .xlsx hoặc đã hỏng; hãy mở bằng Excel và lưu lại thành .xlsx.",
        "The file is not an Excel .xlsx file or is damaged; open it in Excel and save it as .xlsx.",
    )


def _too_large(vi: str, en: str) -> BadWorkbook:
    return BadWorkbook(
        f"Tệp quá lớn: {vi}; hãy chép riêng sổ theo dõi sang tệp mới, không kèm ảnh và định dạng thừa.",
        f"The file is too large: {en}; copy the register alone into a new file, without pictures and formats.",
    )


class _Census:
    """Counts what the parts of an archive would unfold into."""

    def __init__(self) -> None:
        self.row = self.last_row = self.cells = self.spread = 0

    def count(self, part: bytes) -> None:
        """Count one part; a part that is no XML, such as a picture, counts nothing."""
        parser = expat.ParserCreate()
        parser.StartElementHandler = self._start
        parser.StartDoctypeDeclHandler = _refuse_doctype
        self.row = 0
        try:
            parser.Parse(part, True)
        except expat.ExpatError:
            return

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        match name.rpartition(":")[2]:
            case "row":
                self.row = _row_of(attributes.get("r", ""), self.row + 1)
            case "c":
                self.cells += 1
                self.row = _row_of(attributes.get("r", ""), self.row)
            case "v" | "is":
                self.last_row = max(self.last_row, self.row)
            case "mergeCell" | "hyperlink" | "comment":
                self.spread += _area(attributes.get("ref", ""))
        if max(self.cells / MAX_CELLS, self.spread / MAX_SPREAD, self.last_row / MAX_ROWS) > 1:
            rows, cells = f"{MAX_ROWS:,}", f"{MAX_CELLS:,}"
            raise _too_large(
                f"trên {rows} dòng, {cells} ô hoặc ô gộp quá rộng",
                f"more than {rows} rows, {cells} cells, or merges too wide",
            )


def _row_of(reference: str, otherwise: int) -> int:
    found = _ROW.search(reference)
    return int(found[0]) if found else otherwise


def _area(reference: str) -> int:
    """Cells of a range such as "A1:F9"; one that is open, such as "A:A", counts as too many."""
    if not reference:
        return 0
    left, top, right, bottom = range_boundaries(reference)
    if None in (left, top, right, bottom):
        return MAX_SPREAD + 1
    return int((right - left + 1) * (bottom - top + 1))


def _refuse_doctype(*_: object) -> Never:
    raise _not_xlsx()  # Excel writes none, and entities can unfold without end


def _take_census(content: bytes) -> None:
    """Refuse an archive that would unfold beyond the limits."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            parts = archive.infolist()
            if len(parts) > MAX_PARTS or sum(part.file_size for part in parts) > MAX_UNPACKED:
                unpacked = f"{MAX_UNPACKED // 2**20} MB"
                raise _too_large(f"giải nén ra trên {unpacked}", f"it unpacks to more than {unpacked}")
            census = _Census()
            for part in parts:
                census.count(archive.read(part))
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise _not_xlsx() from error
