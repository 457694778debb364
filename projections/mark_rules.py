"""What each fact marks: fact → kinds of marks, and what of them is not as usual."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

from domain.product import certificate_facts as c
from domain.product import facts as f
from domain.product import rating_facts as r
from domain.product.steps.promotion import days_of_period
from domain.programme import facts as g
from domain.stream import Fact

Given = tuple[str, dict[str, Any]]
"""Kind of mark, and the columns it has otherwise than by default."""


def _revenue(fact: f.RevenueReported) -> list[Given]:
    first, _ = days_of_period(fact.period)
    shared = {"begins": first, "kind": fact.channel, "subject": fact.period}
    profit = [("profit", {**shared, "amount": fact.profit})] if fact.profit is not None else []
    return [("revenue", {**shared, "amount": fact.amount}), *profit]


def _baseline(fact: f.BaselineRecorded) -> list[Given]:
    first = date(fact.year, 1, 1)
    profit = [("profit-before", {"begins": first, "amount": fact.profit})] if fact.profit is not None else []
    return [("revenue-before", {"begins": first, "amount": fact.revenue}), *profit]


def _submitted(fact: f.IdeaSubmitted) -> list[Given]:
    return [
        ("registered", {}),
        ("joined", {"kind": fact.producer.kind, "subject": fact.producer.registration}),
    ]


def held_by(holder: Mapping[str, Any]) -> dict[str, Any]:
    """Kind and subject of "joined" of a holder as a register names it."""
    return {"kind": holder.get("kind"), "subject": holder.get("registration") or holder.get("name")}


MARKED: dict[type[Fact], Callable[[Any], Sequence[Given]]] = {
    # Steps 1 to 4
    f.ProductIdentified: lambda x: [("identified", {"kind": x.origin})],
    f.GuidanceGiven: lambda x: [("guided", {"kind": x.form})],
    f.IdeaSubmitted: _submitted,
    f.EvidenceObtained: lambda x: [("evidence", {"kind": x.kind})],
    f.CommitmentMade: lambda x: [("committed", {"kind": x.about})],
    f.BaselineRecorded: _baseline,
    f.SupportGranted: lambda x: [("supported", {"kind": x.kind, "amount": x.amount})],
    f.ImplementationCompleted: lambda _: [("implemented", {})],
    # Step 5
    r.DossierFiled: lambda x: [("filed", {"kind": x.kind})],
    r.ResultApproved: lambda x: [("approved", {"level": x.level})],
    r.ProductNotRecognised: lambda x: [("refused", {"level": x.level, "stars": x.stars})],
    c.CertificateExpired: lambda x: [("expired", {"stars": x.stars})],
    c.EnteredFromRegister: lambda x: [
        ("joined", held_by(x.holder.model_dump(include={"kind", "registration", "name"})))
    ],
    # Step 6
    f.EcommerceListed: lambda x: [("listed", {"kind": x.platform, "subject": x.listing})],
    f.FairAttended: lambda x: [("fair", {"subject": x.fair, "amount": x.sales})],
    f.PointOfSaleJoined: lambda x: [("shop", {"subject": x.point_of_sale})],
    f.RetailChainJoined: lambda x: [("chain", {"subject": x.chain, "amount": x.stores})],
    f.ContractSigned: lambda x: [("contract", {"subject": x.number, "amount": x.value})],
    f.RevenueReported: _revenue,
    # Activities of a programme
    g.ClassHeld: lambda x: [("class", {"area": x.area, "kind": x.audience, "amount": x.attendees})],
    g.MediaPublished: lambda x: [("media", {"kind": x.kind, "subject": x.title})],
    g.ApparatusStrengthened: lambda x: [("apparatus", {"area": x.area, "subject": x.decision_number})],
    g.OrganisationSupported: lambda x: [
        ("organisation", {"area": x.area, "kind": x.change, "subject": x.registration})
    ],
    g.MonitoringIntroduced: lambda x: [("monitoring", {"subject": x.system})],
    g.EventHeld: lambda x: [("event", {"kind": x.kind, "subject": x.title})],
    g.PointOfSaleOpened: lambda x: [("point-of-sale", {"area": x.area, "kind": x.code, "subject": x.title})],
}

CORRECTED: dict[str, dict[str, dict[str, str]]] = {
    "product.identified": {"identified": {"origin": "kind"}},
    "product.revenue-reported": {"revenue": {"amount": "amount"}, "profit": {"profit": "amount"}},
    "product.baseline-recorded": {"revenue-before": {"revenue": "amount"}, "profit-before": {"profit": "amount"}},
    "product.fair-attended": {"fair": {"sales": "amount", "fair": "subject"}},
    "product.retail-chain-joined": {"chain": {"stores": "amount", "chain": "subject"}},
    "product.point-of-sale-joined": {"shop": {"point_of_sale": "subject"}},
    "product.contract-signed": {"contract": {"value": "amount", "number": "subject"}},
}
"""Stored name → its marks → the fields that may be corrected, and what of the mark each is."""
