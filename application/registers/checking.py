"""What a load would refuse, told before it (kiểm tra trước khi nạp): the preview's checks are the load's own.

The reader judges a row by itself; here it is compared with what is known, and decided on by the domain.
"""

from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import Any, cast

from pydantic import ValidationError

from application.registers.known import Known
from application.registers.reading import Finding, Reading, Recognition, RegisterRow, Severity
from application.registers.rows import Commands, levels_of, stream_of
from domain.command import Context
from domain.law.book import LawBook
from domain.product.certificate_facts import RecognitionRecorded
from domain.product.state import Product
from domain.product.steps.certificate import DOES_NOT_CERTIFY
from domain.refusals import Refusal
from domain.values import Actor, Moment, Role

_NOBODY = Actor(person="–", office="–", role=Role.PROVINCE_OFFICER, area="VN")


def check(reading: Reading, law: LawBook, today: date, known: Known) -> Reading:
    """The reading without the rows that cannot be loaded, and with everything found."""
    commands = Commands(reading.sha256, levels_of(law))
    moment = Moment(at=datetime.combine(today, time(), UTC), today=today)
    ctx = Context(law, _NOBODY, moment, today, cast("Any", None), stream_id=cast("Any", None))
    found = [*reading.findings]
    kept: list[RegisterRow] = []
    for row in reading.rows:
        more = [*_compared(row, known)] or _tried(row, commands, ctx)
        found += more
        if all(finding.severity != "error" for finding in more):
            kept.append(row)
    found.sort(key=lambda finding: finding.row)
    return replace(reading, rows=tuple(kept), findings=tuple(found))


def _compared(row: RegisterRow, known: Known) -> list[Finding]:
    """What of the row belongs to another product that is known here."""
    found = []
    for recognition, column, other in known.conflicts(row):
        named = f"“{other.product}”" + (f" ({other.producer})" if other.producer else "") + f", {other.product_id}"
        if column == "certificate":
            code, number = "certificate-known", recognition.certificate_number
            vi = f"Số giấy chứng nhận “{number}” đã thuộc sản phẩm {named}; hãy kiểm tra số."
            en = f"The certificate number “{number}” belongs to the product {named}; check the number."
        else:
            code, number = "recognition-known", recognition.decision_number
            vi = f"Quyết định “{number}” đã công nhận sản phẩm {named}, có hồ sơ trong hệ thống; hãy bỏ dòng này."
            en = f"The decision “{number}” recognised the product {named}, known by its dossier; leave this row out."
        found.append(_finding(row, recognition, column, "error", code, vi, en))
    return found


def _tried(row: RegisterRow, commands: Commands, ctx: Context) -> list[Finding]:
    """What the domain says to the row as a product of its own."""
    try:
        command = commands.enter(row)
        facts = command.decide(Product(), replace(ctx, stream_id=stream_of(row), source=command.source))
    except ValidationError as error:
        where = ".".join(str(part) for part in error.errors()[0]["loc"])
        vi, en = f"“{where}” không dùng được.", f"“{where}” cannot be used."
        return [_finding(row, row.recognitions[0], where, "error", "invalid-content", vi, en)]
    except Refusal as refusal:
        _, _, rest = refusal.field.partition(".") if refusal.field else ("", "", "")
        number, _, name = rest.partition(".")
        recognition = row.recognitions[int(number) if number.isdecimal() else 0]
        return [_finding(row, recognition, name, "error", refusal.code, refusal.vi, refusal.en)]
    found = []
    for fact in facts:
        for warning in fact.warnings if isinstance(fact, RecognitionRecorded) else ():
            of = next(r for r in row.recognitions if r.decision_number == getattr(fact, "decision_number", ""))
            if warning.code == DOES_NOT_CERTIFY:  # the reader tells of odd days
                found.append(_finding(row, of, "stars", "warning", warning.code, warning.vi, warning.en))
    return found


_COLUMNS = {"decided_on": "date", "decision_number": "decision", "certificate_number": "certificate"}


def _finding(
    row: RegisterRow, recognition: Recognition, name: str, severity: Severity, code: str, vi: str, en: str
) -> Finding:
    cells = recognition.cells
    cell = cells.get(_COLUMNS.get(name, name)) or cells.get("decision") or next(iter(row.raw), f"A{row.number}")
    return Finding(row.number, cell, severity, code, vi, en, row.product)
