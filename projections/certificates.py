"""Certificates: which product holds which star, by which decision, from when to when, and what becomes of it?

For the public register, labels and marketplaces, and for offices that watch what runs out. One row a
certificate, whether issued here or taken over from a register; a newer one of the same product replaces it.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Any, ClassVar, Literal, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row, tuple_row
from psycopg.sql import SQL, Composed, Identifier

from application.calendar_clock import Ending, FindEndings
from application.recorded import Recorded
from domain.law.areas import area_name, commune
from domain.law.book import LawBook
from domain.product import certificate_facts as c
from domain.product.rating_facts import DossierFiled, ProductNotRecognised, ProductRecognised
from domain.refusals import NoRegime
from projections.engine import Cursor, Page, ReadModel
from projections.scope import Scope

RENEWAL_WINDOW = 180
"""Days before its end from which a certificate is shown as running out, where the rules name no window."""

CertificateStatus = Literal[
    "valid", "expiring", "expired", "renewed", "replaced", "suspended", "revoked", "extended", "date-missing"
]

# A certificate that a later one follows is "renewed" when that one came when renewal was due, else "replaced".
STATUS: LiteralString = """CASE
    WHEN revoked_on IS NOT NULL THEN 'revoked'
    WHEN NOT current THEN CASE WHEN renewed THEN 'renewed' ELSE 'replaced' END
    WHEN last_day < %(today)s THEN 'expired'
    WHEN last_day IS NULL OR issued_on IS NULL THEN 'date-missing'
    WHEN suspended THEN 'suspended'
    WHEN extended_to IS NOT NULL THEN 'extended'
    WHEN last_day - window_days <= %(today)s THEN 'expiring'
    ELSE 'valid' END"""
HOLDING: LiteralString = "status IN ('valid', 'expiring', 'extended')"


RECOGNITIONS = (ProductRecognised, c.RecognitionRecorded)
TOLD = (
    *RECOGNITIONS,
    c.CertificateNoticeDue,
    c.WrittenNoticeGiven,
    c.CertificateExpired,
    c.CertificateExtended,
    c.CertificateSuspended,
    c.SuspensionLifted,
    c.CertificateRevoked,
    c.ProducerRegistered,
    DossierFiled,
    ProductNotRecognised,
)
"""Facts that make or change a row."""


class Certificates(ReadModel):
    """Writes the rows. ``current``: the product's latest, which every later fact of its life concerns."""

    name = "certificates"
    version = 4
    ddl: ClassVar[LiteralString] = """
        CREATE TABLE {table} (
            position bigint PRIMARY KEY, product_id uuid NOT NULL, number text, stars int NOT NULL,
            year int NOT NULL, decision_number text NOT NULL, signer text, level text, authority text,
            product_number text, issued_on date, valid_to date, valid_to_basis text, extended_to date, last_day date,
            window_days int NOT NULL, current boolean NOT NULL, renewed boolean NOT NULL DEFAULT false,
            renewing boolean NOT NULL DEFAULT false,
            replaced_on date, suspended boolean NOT NULL DEFAULT false, expired_on date, revoked_on date,
            notices text NOT NULL DEFAULT '[]', noticed int[] NOT NULL DEFAULT '{{}}', written_notice text,
            warnings text NOT NULL, source text NOT NULL, product_name text NOT NULL, producer text,
            producer_name text, commune text NOT NULL, province text NOT NULL, illustrative boolean NOT NULL
        );
        CREATE INDEX {i1} ON {table} (product_id);
        CREATE INDEX {i2} ON {table} (province, commune);
        CREATE INDEX {i3} ON {table} (number);
        CREATE INDEX {i5} ON {table} (decision_number);
        CREATE INDEX {i4} ON {table} (last_day) WHERE current AND expired_on IS NULL AND revoked_on IS NULL;
    """

    def __init__(self, law: LawBook) -> None:
        self._law, self.rules = law, law.hash

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """A row for each recognition, with the name that was certified; what follows changes the current row."""
        told = [r for r in page.facts if isinstance(r.fact, TOLD) and not _of_no_certificate(r.fact)]
        first = self._first_of_their_products(cursor, table, told)
        if first:
            rows = [self._row(page, r) | {"current": True} for r in first.values()]
            names = list(rows[0])
            cursor.executemany(_insert(table, names), [[row[name] for name in names] for row in rows])
        for r in told:
            if r.originator_id in first:
                continue
            if isinstance(r.fact, RECOGNITIONS):
                self._add(cursor, table, page, r)
            elif change := _change_of(r):
                assignments, values = change
                statement = SQL("UPDATE {} SET ").format(table) + SQL(assignments)
                cursor.execute(statement + SQL(" WHERE product_id = %s AND current"), (*values, r.originator_id))
            elif isinstance(r.fact, c.CertificateExtended):
                self._extend(cursor, table, r.originator_id, r.fact.until)
            elif isinstance(r.fact, c.ProducerRegistered):
                cursor.execute(
                    SQL("UPDATE {} SET producer = %s, producer_name = %s WHERE product_id = %s").format(table),
                    (r.fact.registration, r.fact.name, r.originator_id),
                )

    def _first_of_their_products(
        self, cursor: Cursor, table: Identifier, told: Sequence[Recorded]
    ) -> dict[UUID, Recorded]:
        """Recognitions of products of which nothing else is told here or was before: most of them, taken at once."""
        often = Counter(r.originator_id for r in told)
        alone = {r.originator_id: r for r in told if often[r.originator_id] == 1 and isinstance(r.fact, RECOGNITIONS)}
        if not alone:
            return {}
        query = SQL("SELECT DISTINCT product_id FROM {} WHERE product_id = ANY(%s)").format(table)
        known = {row[0] for row in cursor.execute(query, (list(alone),))}
        return {key: r for key, r in alone.items() if key not in known}

    def _add(self, cursor: Cursor, table: Identifier, page: Page, r: Recorded) -> None:
        row = self._row(page, r)
        cursor.execute(_insert(table, list(row)), list(row.values()))
        _link(cursor, table, r.originator_id, r.position, isinstance(r.fact, ProductRecognised))

    def _row(self, page: Page, r: Recorded) -> dict[str, Any]:
        fact = r.fact
        assert isinstance(fact, RECOGNITIONS)
        stated = _of_decision(fact) if isinstance(fact, ProductRecognised) else _of_past(fact)
        p = page.products[r.originator_id]
        found = commune(p.commune)
        row = {
            **stated,
            "position": r.position,
            "product_id": r.originator_id,
            "current": False,
            "source": r.envelope.source.kind,
            "product_name": p.name,
            "producer": p.producer.registration if p.producer else None,
            "producer_name": p.holder or None,
            "commune": p.commune,
            "province": found.province if found else "",
            "illustrative": r.envelope.source.kind == "illustrative",
        }
        return row | {"last_day": row["valid_to"], "window_days": self._window(row["valid_to"])}

    def _extend(self, cursor: Cursor, table: Identifier, product_id: UUID, until: date) -> None:
        cursor.execute(
            SQL(
                "UPDATE {} SET extended_to = %s, last_day = %s, window_days = %s, expired_on = NULL,"
                " noticed = '{{}}' WHERE product_id = %s AND current"
            ).format(table),
            (until, until, self._window(until), product_id),
        )

    def _window(self, last_day: date | None) -> int:
        """Days before its end from which a re-evaluation may be filed."""
        try:
            earliest = self._law.regime_on(last_day).renewal.earliest_days if last_day else None
        except NoRegime:
            earliest = None
        return earliest or RENEWAL_WINDOW


def _of_decision(fact: ProductRecognised) -> dict[str, Any]:
    return {
        "number": fact.certificate_number,
        "stars": fact.stars,
        "year": fact.issued_on.year,
        "decision_number": fact.decision_number,
        "signer": fact.signer,
        "level": fact.level,
        "authority": area_name(fact.authority) if fact.authority else None,
        "product_number": fact.product_number,
        "issued_on": fact.issued_on,
        "valid_to": fact.valid_to,
        "valid_to_basis": "given",
        "warnings": _as_json([w.model_dump() for w in fact.warnings]),
    }


def _of_past(fact: c.RecognitionRecorded) -> dict[str, Any]:
    return {
        "number": fact.certificate_number,
        "stars": fact.stars,
        "year": fact.year,
        "decision_number": fact.decision_number,
        "signer": None,
        "level": fact.level,
        "authority": fact.authority,
        "product_number": fact.product_number,
        "issued_on": fact.decided_on,
        "valid_to": fact.valid_to,
        "valid_to_basis": ("given" if fact.valid_to_given else "computed") if fact.valid_to else None,
        "warnings": _as_json([w.model_dump() for w in fact.warnings]),
    }


def _insert(table: Identifier, columns: Sequence[str]) -> Composed:
    names, values = SQL(", ").join(map(Identifier, columns)), SQL(", ").join([SQL("%s")] * len(columns))
    return SQL("INSERT INTO {} ({}) VALUES ({})").format(table, names, values)


_RULED: LiteralString = """
    extended_to = CASE WHEN renewing AND extended_to IS NOT NULL THEN greatest(least(extended_to, %s), valid_to)
        ELSE extended_to END,
    last_day = CASE WHEN renewing AND extended_to IS NOT NULL THEN greatest(least(extended_to, %s), valid_to)
        ELSE last_day END"""
"""A re-evaluation ended without a new certificate: an extension until the ruling ends with it."""


def _of_no_certificate(fact: Any) -> bool:
    """Most dossiers are of products without one: nothing to change."""
    return isinstance(fact, DossierFiled) and fact.kind == "first-time"


def _change_of(r: Recorded) -> tuple[LiteralString, tuple[Any, ...]] | None:
    """What a fact changes in the row of the certificate it concerns."""
    fact, on = r.fact, r.envelope.effective_on
    match fact:
        case c.CertificateNoticeDue():
            entry = {"days": fact.days, "written_on": on.isoformat()}
            more: LiteralString = "notices = (notices::jsonb || %s::jsonb)::text, noticed = noticed || %s"
            return more, (_as_json([entry]), fact.days)
        case c.WrittenNoticeGiven():
            keys = {"letter_number", "received_on", "proof_sha256", "days_before"}
            return "written_notice = %s", (_as_json(fact.model_dump(mode="json", include=keys)),)
        case c.CertificateExpired():
            return "expired_on = %s", (on,)
        case c.CertificateSuspended() | c.SuspensionLifted():
            return "suspended = %s", (isinstance(fact, c.CertificateSuspended),)
        case c.CertificateRevoked():
            return "revoked_on = %s", (on,)
        case DossierFiled():
            return "renewing = %s", (fact.kind == "re-evaluation",)
        case ProductNotRecognised():
            return _RULED, (on, on)
    return None


@dataclass(frozen=True, slots=True)
class _Known:
    """What a row says of its certificate's place among the product's."""

    position: int
    year: int
    issued_on: date | None
    last_day: date | None
    window_days: int
    current: bool

    @property
    def age(self) -> tuple[int, date]:
        """A year without a day comes before every known day of that year."""
        return self.year, self.issued_on or date(self.year, 1, 1)

    def renewed_by(self, later: "_Known") -> bool:
        """Whether the later one came when this one was due for renewal."""
        if self.last_day is None:
            return False
        opens = self.last_day - timedelta(days=self.window_days)
        return later.issued_on >= opens if later.issued_on else later.year >= self.last_day.year


def _link(cursor: Cursor, table: Identifier, product_id: UUID, added: int, decided: bool) -> None:
    """Put a product's certificates in order: by age, the current one last.

    What was ``decided`` here becomes the current one; of a register's, only what is no older than it.
    """
    query = "SELECT position, year, issued_on, last_day, window_days, current FROM {} WHERE product_id = %s"
    rows = [_Known(*row) for row in cursor.execute(SQL(query).format(table), (product_id,))]
    new = next(row for row in rows if row.position == added)
    held = next((row for row in rows if row.current), None)
    current = new if decided or held is None or new.age >= held.age else held
    rows.sort(key=lambda row: (row is current, row.age, row.position))
    changes = [(False, row.renewed_by(later), later.issued_on, row.position) for row, later in pairwise(rows)]
    cursor.executemany(
        SQL("UPDATE {} SET current = %s, renewed = %s, replaced_on = %s WHERE position = %s").format(table),
        [*changes, (True, False, None, current.position)],
    )


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def endings_in(pool: Any) -> FindEndings:
    """Where the calendar's clock looks for what the day brings; ``pool``: connections of the service."""

    async def find(today: date, marks: tuple[int, ...], after: int, limit: int) -> list[Ending]:
        async with pool.connection() as connection, connection.cursor(row_factory=tuple_row) as cursor:
            params = {"today": today, "marks": list(marks), "after": after, "limit": limit}
            params["until"] = today + timedelta(days=max(marks, default=0))
            rows = await (await cursor.execute(ENDINGS, params)).fetchall()
        return [Ending(*row) for row in rows]

    return find


ENDINGS: LiteralString = """
SELECT position, product_id, coalesce(number, decision_number), last_day FROM read.certificates
WHERE position > %(after)s AND current AND expired_on IS NULL AND revoked_on IS NULL
  AND last_day <= %(until)s AND (last_day < %(today)s OR NOT (
        SELECT min(mark) FROM unnest(%(marks)s::int[]) AS mark WHERE mark >= last_day - %(today)s::date
    ) = ANY (noticed))
ORDER BY position LIMIT %(limit)s
"""


async def find_certificates(
    connection: AsyncConnection[Any],
    scope: Scope,
    stars: int | None,
    valid: bool | None,
    status: CertificateStatus | None,
    today: date,
    after: int,
    limit: int,
) -> list[dict[str, Any]]:
    """Certificates in the order they came to be known here, after a position."""
    condition, params = scope.where()
    with_status: LiteralString = "(SELECT *, " + STATUS + " AS status FROM read.certificates) AS c"
    query: LiteralString = "SELECT * FROM " + with_status + " WHERE position > %(after)s AND " + condition
    if stars is not None:
        query += " AND stars = %(stars)s"
    if valid is not None:
        query += " AND (" + HOLDING + " AND issued_on <= %(today)s) = %(valid)s"
    if status is not None:
        query += " AND status = %(status)s"
    query += " ORDER BY position LIMIT %(limit)s"
    params |= {"after": after, "stars": stars, "valid": valid, "status": status, "today": today, "limit": limit}
    async with connection.cursor(row_factory=dict_row) as cursor:
        rows = await (await cursor.execute(query, params)).fetchall()
    return [_shown(row, today) for row in rows]


_AS_THEY_ARE = (
    *("position", "number", "status", "stars", "year", "decision_number", "signer", "level", "authority"),
    *("product_number", "issued_on", "valid_to", "valid_to_basis", "extended_to", "last_day", "replaced_on"),
    *("expired_on", "revoked_on", "source", "illustrative"),
)


def _shown(row: dict[str, Any], today: date) -> dict[str, Any]:
    return {
        **{name: row[name] for name in _AS_THEY_ARE},
        "days_left": (row["last_day"] - today).days if row["current"] and row["last_day"] else None,
        "notices": json.loads(row["notices"]),
        "written_notice": json.loads(row["written_notice"]) if row["written_notice"] else None,
        "warnings": json.loads(row["warnings"]),
        "product": {"product_id": row["product_id"], "name": row["product_name"]},
        "producer": {"name": row["producer_name"]} if row["producer_name"] else None,
        "commune": {"code": row["commune"], "name": area_name(row["commune"])},
        "province": {"code": row["province"], "name": area_name(row["province"])},
    }
