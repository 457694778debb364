"""What is known here of a register's certificates: looked up once a file, before anything of it is loaded."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection
from psycopg.rows import tuple_row

from application.registers.reading import Reading, Recognition, RegisterRow, same_authority
from application.registers.rows import plain, stream_of

_THERE: LiteralString = "SELECT to_regclass('read.certificates')"
_QUERY: LiteralString = """
SELECT product_id, product_name, producer_name, number, decision_number, year, authority, source = 'register'
FROM read.certificates
WHERE number = ANY(%(numbers)s) OR (decision_number = ANY(%(decisions)s) AND source <> 'register')
"""


@dataclass(frozen=True, slots=True)
class KnownCertificate:
    """A certificate known here; ``registered``: from a register, else of a product with a dossier or from a paper."""

    product_id: UUID
    product: str
    producer: str | None
    number: str | None
    decision: str
    year: int
    authority: str | None
    registered: bool


@dataclass(frozen=True, slots=True)
class Known:
    """Certificates known here: by number and year; those of no register by decision, year and product's name."""

    numbers: dict[tuple[str, int], list[KnownCertificate]] = field(default_factory=lambda: defaultdict(list))
    decisions: dict[tuple[str, int, str], list[KnownCertificate]] = field(default_factory=lambda: defaultdict(list))

    def conflicts(self, row: RegisterRow) -> Iterator[tuple[Recognition, str, KnownCertificate]]:
        """What of a row belongs to another product: the recognition, the column that says so, whose it is."""
        own = stream_of(row)
        for recognition in row.recognitions:
            year = recognition.in_year or 0
            for known in self.numbers.get((recognition.certificate_number or "", year), ()):
                if known.product_id != own and same_authority(known.authority, recognition.authority):
                    yield recognition, "certificate", known
                    break
            else:
                for known in self.decisions.get((recognition.decision_number, year, plain(row.product)), ()):
                    if known.product_id != own and _is_the_same(known, row, recognition):
                        yield recognition, "decision", known
                        break


def _is_the_same(known: KnownCertificate, row: RegisterRow, recognition: Recognition) -> bool:
    """Whether the service knows it as this entity's: a second product must not come of it."""
    whose = plain(known.producer or "") in ("", plain(row.entity.name))
    return whose and same_authority(known.authority, recognition.authority)


def look_up(connection: Connection[Any], reading: Reading) -> Known:
    """All a file's certificates in one query; nothing where the read models were never made."""
    known = Known()
    recognitions = [recognition for row in reading.rows for recognition in row.recognitions]
    asked: dict[str, Sequence[str]] = {
        "numbers": sorted({r.certificate_number for r in recognitions if r.certificate_number}),
        "decisions": sorted({r.decision_number for r in recognitions}),
    }
    with connection.cursor(row_factory=tuple_row) as cursor:
        there = cursor.execute(_THERE).fetchone()
        if there is None or there[0] is None:
            return known
        for row in cursor.execute(_QUERY, asked):
            found = KnownCertificate(*row)
            if found.number is not None:
                known.numbers[found.number, found.year].append(found)
            if not found.registered:
                known.decisions[found.decision, found.year, plain(found.product)].append(found)
    return known
