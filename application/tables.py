"""Tables to take away (xuất bảng): the same rows as CSV and as an Excel workbook."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from io import BytesIO, StringIO
from typing import Any
from uuid import UUID

from openpyxl import Workbook

Row = Sequence[Any]
_STARTS_A_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def harmless(value: Any) -> Any:
    """A cell that no spreadsheet takes for a formula: such a text gets an apostrophe before it."""
    if isinstance(value, str) and value.startswith(_STARTS_A_FORMULA):
        return f"'{value}"
    return str(value) if isinstance(value, UUID) else value


def to_csv(rows: Iterable[Row]) -> bytes:
    """UTF-8 with a byte order mark, so that Excel reads Vietnamese; commas (RFC 4180)."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerows([_written(harmless(cell)) for cell in row] for row in rows)
    return text.getvalue().encode("utf-8-sig")


def _written(cell: Any) -> Any:
    return cell.isoformat() if isinstance(cell, date) else cell


def to_xlsx(sheets: Mapping[str, Iterable[Row]]) -> bytes:
    """A workbook, a sheet a name."""
    book = Workbook(write_only=True)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append([harmless(cell) for cell in row])
    stored = BytesIO()
    book.save(stored)
    return stored.getvalue()
