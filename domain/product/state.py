"""What decisions need to know of a product, and how each fact changes it.

``evolve`` never reads the law and never refuses: a stored fact happened. A field nobody decides on
belongs to a read model.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import assert_never

from domain.product import facts as f
from domain.product.phases import STEP_OF_PHASE, Phase
from domain.values import Source, Step


@dataclass(frozen=True, slots=True)
class Evidence:
    """An evidence document, known by its file's hash."""

    kind: str
    number: str
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """The dossier being rated: the pinned regime, its stations and the council's sheets."""

    kind: f.DossierKind
    regime: str
    sheet: str
    rules_hash: str
    filed_on: date
    report_due: date
    registered: frozenset[str] = frozenset()
    supplement_open: str | None = None
    supplement_due: date | None = None
    batch: str | None = None
    batch_done: date | None = None
    findings: tuple[f.Choice, ...] = ()
    round: int = 1
    sheets: Mapping[str, int] = field(default_factory=dict)
    result: f.ScoringConcluded | None = None
    concluded_on: date | None = None
    decided: bool = False
    notified: bool = False


@dataclass(frozen=True, slots=True)
class Certificate:
    """The latest certificate (giấy chứng nhận)."""

    number: str
    stars: int
    issued_on: date
    valid_to: date

    def valid_on(self, day: date) -> bool:
        """Whether it holds on a day; the last day counts."""
        return self.issued_on <= day <= self.valid_to


@dataclass(frozen=True, slots=True)
class Product:
    """A product as decisions see it. ``version`` counts its facts."""

    version: int = 0
    phase: Phase = Phase.NONE
    since: date = date.min
    latest_act: date = date.min
    name: str = ""
    commune: str = ""
    origin: str = ""
    cycle: int = 0
    opened_on: date = date.min
    illustrative: bool = False
    guided: bool = False
    producer: f.Producer | None = None
    group: str | None = None
    missing: tuple[str, ...] = ()
    milestones: Mapping[str, f.Milestone] = field(default_factory=dict)
    reached: frozenset[str] = frozenset()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    commitments: frozenset[str] = frozenset()
    dossier: Dossier | None = None
    certificate: Certificate | None = None
    listings: frozenset[tuple[str, str]] = frozenset()
    revenue: frozenset[tuple[str, str]] = frozenset()

    @property
    def step(self) -> Step:
        """The step of the cycle it stands in."""
        return STEP_OF_PHASE[self.phase]

    @property
    def expiries(self) -> list[date]:
        """Expiry dates of its evidence."""
        return [e.expires_on for e in self.evidence.values() if e.expires_on]


@dataclass(frozen=True, slots=True)
class Told:
    """A fact as history tells it: its version, the effective date and the source beside it."""

    version: int
    fact: f.ProductFact
    effective_on: date
    source: Source


def evolve(p: Product, told: Told) -> Product:
    """The product after one more fact. A correction changes nothing here: see ``fold``."""
    changed = _apply(p, told)
    return replace(
        changed,
        version=told.version,
        latest_act=max(p.latest_act, told.effective_on),
        since=told.effective_on if changed.phase is not p.phase else p.since,
        illustrative=p.illustrative or told.source.kind == "illustrative",
    )


def fold(history: Iterable[Told]) -> Product:
    """The product told from its whole history, corrected facts read as corrected."""
    told = list(history)
    corrections: dict[int, dict[str, object]] = {}
    for entry in told:
        if isinstance(entry.fact, f.FactCorrected):
            corrections.setdefault(entry.fact.corrected_version, {}).update(entry.fact.now)
    product = Product()
    for entry in told:
        now = corrections.get(entry.version)
        mended = replace(entry, fact=corrected(entry.fact, now)) if now else entry
        product = evolve(product, mended)
    return product


def corrected(fact: f.ProductFact, now: Mapping[str, object]) -> f.ProductFact:
    """The fact with its mended fields, validated as a whole; raises pydantic.ValidationError."""
    data = fact.model_dump(mode="json") | dict(now)
    return type(fact).model_validate(data, strict=False)


def _dossier(p: Product, **changes: object) -> Product:
    if p.dossier is None:
        return p
    return replace(p, dossier=replace(p.dossier, **changes))  # type: ignore[arg-type]


def _apply(p: Product, told: Told) -> Product:  # one case a fact, in the catalogue's order
    fact, on = told.fact, told.effective_on
    match fact:
        # Step 1
        case f.ProductIdentified():
            return replace(
                p,
                phase=Phase.IDENTIFIED,
                name=fact.name,
                commune=fact.commune,
                origin=fact.origin,
                cycle=fact.cycle,
                opened_on=on,
            )
        case f.GuidanceGiven():
            return replace(p, guided=True)
        case f.IdeaFormHandedOver():
            return replace(p, phase=Phase.FORM_HANDED_OVER)
        # Step 2
        case f.IdeaSubmitted():
            return replace(
                p,
                phase=Phase.IDEA_SUBMITTED,
                producer=fact.producer,
                name=fact.product_name,
                group=fact.group,
                missing=(),
            )
        case f.IdeaReturned():
            return replace(p, phase=Phase.IDEA_RETURNED, missing=fact.missing)
        case f.IdeaEndorsed():
            return replace(p, phase=Phase.IDEA_ENDORSED)
        case f.IdeaAccepted():
            return replace(p, phase=Phase.IDEA_ACCEPTED)
        case f.IdeaRejected():
            return replace(p, phase=Phase.IDEA_REJECTED)
        case f.IdeaWithdrawn() | f.JourneyWithdrawn():
            return replace(p, phase=Phase.WITHDRAWN)
        # Step 3
        case f.PlanSubmitted():
            return replace(
                p,
                phase=Phase.PLAN_SUBMITTED,
                milestones={m.code: m for m in fact.milestones},
                reached=frozenset(),
                missing=(),
            )
        case f.PlanReturned():
            return replace(p, phase=Phase.PLAN_RETURNED, missing=fact.missing)
        case f.PlanAccepted():
            return replace(p, phase=Phase.IMPLEMENTING)
        case f.PlanAmended():
            return replace(p, milestones={m.code: m for m in fact.milestones})
        # Step 4
        case f.MilestoneReached():
            return replace(p, reached=p.reached | {fact.code})
        case f.EvidenceObtained():
            paper = Evidence(fact.kind, fact.number, fact.expires_on)
            return replace(p, evidence={**p.evidence, fact.sha256: paper})
        case f.CommitmentMade():
            return replace(p, commitments=p.commitments | {fact.about})
        case f.DifficultyReported() | f.SupportGranted() | f.SiteVisited():
            return p
        case f.ImplementationCompleted():
            return replace(p, phase=Phase.IMPLEMENTED)
        case f.PlanAbandoned():
            return replace(p, phase=Phase.PLAN_ABANDONED)
        # Step 5
        case f.DossierFiled():
            dossier = Dossier(
                fact.kind,
                fact.regime,
                fact.sheet,
                fact.rules_hash,
                filed_on=on,
                report_due=fact.report_due,
            )
            return replace(p, phase=Phase.FILED, dossier=dossier, missing=())
        case f.DossierRegistered():
            return _dossier(p, registered=(p.dossier.registered if p.dossier else frozenset()) | {fact.level})
        case f.SupplementRequested():
            return replace(_dossier(p, supplement_open=fact.level, supplement_due=fact.due), missing=fact.items)
        case f.SupplementGiven():
            due = fact.report_due or (p.dossier.report_due if p.dossier else on)
            return replace(_dossier(p, supplement_open=None, supplement_due=None, report_due=due), missing=())
        case f.CommuneReportIssued():
            return replace(p, phase=Phase.REPORTED)
        case f.ProposedToProvince():
            moved = _dossier(p, batch=fact.batch, batch_done=fact.batch_done)
            return replace(moved, phase=Phase.PROPOSED)
        case f.AcceptedForBatch():
            return replace(_dossier(p, batch=fact.batch), phase=Phase.IN_BATCH)
        case f.DossierRejected():
            return replace(_dossier(p, decided=True), phase=_back(p, Phase.DOSSIER_REJECTED))
        case f.AdvisoryReported():
            return replace(_dossier(p, findings=fact.findings), phase=Phase.ADVISED)
        case f.ScoreSheetSubmitted():
            sheets = {**(p.dossier.sheets if p.dossier else {}), fact.member: fact.total}
            return _dossier(p, sheets=sheets)
        case f.RescoringOrdered():
            return _dossier(p, round=fact.round, sheets={})
        case f.ScoringConcluded():
            return replace(_dossier(p, result=fact, concluded_on=on), phase=Phase.CONCLUDED)
        case f.ProductRecognised():
            certificate = Certificate(fact.certificate_number, fact.stars, fact.issued_on, fact.valid_to)
            return replace(_dossier(p, decided=True), phase=Phase.RECOGNISED, certificate=certificate)
        case f.ProductNotRecognised():
            return replace(_dossier(p, decided=True), phase=_back(p, Phase.NOT_RECOGNISED))
        case f.ResultApproved():
            return replace(_dossier(p, decided=True), phase=Phase.RESULT_APPROVED)
        case f.ResultNotified():
            return _dossier(p, notified=True)
        case f.DossierWithdrawn():
            return replace(p, phase=_back(p, Phase.DOSSIER_WITHDRAWN))
        # Step 6
        case f.EcommerceListed():
            return replace(p, listings=p.listings | {(fact.platform, fact.listing)})
        case f.EcommerceDelisted():
            return replace(p, listings=p.listings - {(fact.platform, fact.listing)})
        case f.RevenueReported():
            return replace(p, revenue=p.revenue | {(fact.period, fact.channel)})
        case f.FairAttended() | f.PointOfSaleJoined() | f.RetailChainJoined() | f.ContractSigned():
            return p
        # Everywhere
        case f.FactCorrected():
            return p
        case _:
            assert_never(fact)


def _back(p: Product, ended: Phase) -> Phase:
    """A certified product keeps its star when an upgrade or re-evaluation ends without a new one."""
    return Phase.RECOGNISED if p.certificate is not None else ended
