"""A product's certificates as its facts tell them, one row each: what the register is filled with.

One fold for both: the read model tells each fact as it comes, an answer of another day tells those that had happened.
"""

import json
from collections.abc import Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from application.recorded import Recorded
from domain.law.areas import area_name, commune
from domain.law.book import LawBook
from domain.product import certificate_facts as c
from domain.product.facts import FactCorrected
from domain.product.rating_facts import DossierFiled, ProductNotRecognised, ProductRecognised
from domain.product.state import Product, fold
from domain.refusals import NoRegime

Row = dict[str, Any]

RENEWAL_WINDOW = 180
"""Days before its end from which a certificate is shown as running out, where the rules name no window."""

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


def tell(rows: Sequence[Row], r: Recorded, p: Product, law: LawBook) -> list[Row]:
    """The product's rows after one more fact. ``p``: the product when it came to be known here."""
    fact = r.fact
    if isinstance(fact, RECOGNITIONS):
        return _linked([*rows, _row(r, p, law)], isinstance(fact, ProductRecognised))
    if isinstance(fact, c.ProducerRegistered):
        return [{**row, "producer": fact.registration, "producer_name": fact.name} for row in rows]
    return [{**row, **_change(row, r, law)} if row["current"] else row for row in rows]


def rows_of(facts: Sequence[Recorded], law: LawBook) -> list[Row]:
    """All rows of a product, told from the start."""
    rows: list[Row] = []
    for r in facts:
        if isinstance(r.fact, TOLD):
            until = [x.told for x in facts if x.position <= r.position or isinstance(x.fact, FactCorrected)]
            rows = tell(rows, r, fold(until), law)
    return rows


def _row(r: Recorded, p: Product, law: LawBook) -> Row:
    fact = r.fact
    assert isinstance(fact, RECOGNITIONS)
    stated = _of_decision(fact) if isinstance(fact, ProductRecognised) else _of_past(fact)
    place = commune(p.commune)
    return {
        **stated,
        "position": r.position,
        "product_id": r.originator_id,
        "extended_to": None,
        "last_day": stated["valid_to"],
        "window_days": _window(stated["valid_to"], law),
        "current": True,
        "renewed": False,
        "renewing": False,
        "replaced_on": None,
        "suspended": False,
        "expired_on": None,
        "revoked_on": None,
        "notices": "[]",
        "noticed": [],
        "written_notice": None,
        "source": r.envelope.source.kind,
        "product_name": p.name,
        "producer": p.producer.registration if p.producer else None,
        "producer_name": p.holder or None,
        "commune": p.commune,
        "province": place.province if place else "",
        "illustrative": r.envelope.source.kind == "illustrative",
    }


def _window(last_day: date | None, law: LawBook) -> int:
    """Days before its end from which a re-evaluation may be filed."""
    try:
        earliest = law.regime_on(last_day).renewal.earliest_days if last_day else None
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


def _change(row: Row, r: Recorded, law: LawBook) -> Row:
    """What a fact changes in the row of the certificate it concerns."""
    fact, on = r.fact, r.envelope.effective_on
    match fact:
        case c.CertificateNoticeDue():
            notices = [*json.loads(row["notices"]), {"days": fact.days, "written_on": on.isoformat()}]
            return {"notices": _as_json(notices), "noticed": [*row["noticed"], fact.days]}
        case c.WrittenNoticeGiven():
            keys = {"letter_number", "received_on", "proof_sha256", "days_before"}
            return {"written_notice": _as_json(fact.model_dump(mode="json", include=keys))}
        case c.CertificateExpired():
            return {"expired_on": on}
        case c.CertificateExtended():
            until = fact.until
            return {
                "extended_to": until,
                "last_day": until,
                "window_days": _window(until, law),
                "expired_on": None,
                "noticed": [],
            }
        case c.CertificateSuspended() | c.SuspensionLifted():
            return {"suspended": isinstance(fact, c.CertificateSuspended)}
        case c.CertificateRevoked():
            return {"revoked_on": on}
        case DossierFiled():
            return {"renewing": fact.kind == "re-evaluation"} if fact.kind != "first-time" else {}
        case ProductNotRecognised() if row["renewing"] and row["extended_to"] is not None:
            # A re-evaluation ended without a new certificate: an extension until the ruling ends with it.
            until = min(row["extended_to"], on)
            until = max(until, row["valid_to"]) if row["valid_to"] else until
            return {"extended_to": until, "last_day": until}
    return {}


def _age(row: Row) -> tuple[int, date]:
    """A year without a day comes before every known day of that year."""
    return row["year"], row["issued_on"] or date(row["year"], 1, 1)


def _renewed(row: Row, later: Row) -> bool:
    """Whether the later one came when this one was due for renewal."""
    last_day, issued_on = row["last_day"], later["issued_on"]
    if last_day is None:
        return False
    opens = last_day - timedelta(days=row["window_days"])
    return bool(issued_on >= opens) if issued_on else bool(later["year"] >= last_day.year)


def _linked(rows: Sequence[Row], decided: bool) -> list[Row]:
    """A product's certificates, the newest known last of them, put in order: by age, the current one last.

    What was ``decided`` here becomes the current one; of a register's, only what is no older than it.
    """
    *earlier, new = rows
    held = next((row for row in earlier if row["current"]), None)
    current = new if decided or held is None or _age(new) >= _age(held) else held
    ordered = sorted(rows, key=lambda row: (row is current, _age(row), row["position"]))
    linked = [
        {**row, "current": False, "renewed": _renewed(row, later), "replaced_on": later["issued_on"]}
        for row, later in pairwise(ordered)
    ]
    return [*linked, {**current, "current": True, "renewed": False, "replaced_on": None}]


def _as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
