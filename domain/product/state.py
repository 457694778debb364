"""What decisions need to know of a product, and how each fact changes it.

``evolve`` never reads the law and never refuses: a stored fact happened. A field nobody decides on
belongs to a read model.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import assert_never

from pydantic_core import to_json

from domain.product import facts as f
from domain.product.phases import STEP_OF_PHASE, Phase
from domain.values import Source, Step


@dataclass(frozen=True, slots=True)
class Evidence:
    """An evidence document, known by its file's hash."""

    kind: str
    number: str
    issued_on: date
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
    """A product as decisions see it.

    ``version`` counts its facts; ``since``: the day its phase began; ``latest_act``: the latest day of an
    act of that phase; ``step``: the one it stands in, or stood in when it left the programme.
    """

    version: int = 0
    phase: Phase = Phase.NONE
    step: Step = Step.OUTREACH
    since: date = date.min
    latest_act: date = date.min
    name: str = ""
    commune: str = ""
    cycle: int = 0
    opened_on: date = date.min
    illustrative: bool = False
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


@dataclass(frozen=True, slots=True)
class Told:
    """A fact as history tells it: its version, the effective date and the source beside it."""

    version: int
    fact: f.ProductFact
    effective_on: date
    source: Source


def evolve(p: Product, told: Told) -> Product:
    """The product after one more fact. A correction changes nothing here: see ``fold``."""
    changed, on = _apply(p, told), told.effective_on
    moved = changed.phase is not p.phase
    latest = on if moved else max(p.latest_act, on) if told.fact.step is p.step else p.latest_act
    return replace(
        changed,
        version=told.version,
        step=p.step if changed.phase is Phase.WITHDRAWN else STEP_OF_PHASE[changed.phase],
        since=on if moved else p.since,
        latest_act=latest,
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
    return type(fact).model_validate_json(to_json(data))


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
                cycle=fact.cycle,
                opened_on=on,
            )
        case f.GuidanceGiven():
            return p
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
            return replace(p, phase=Phase.IDEA_REJECTED, missing=())
        case f.IdeaWithdrawn() | f.JourneyWithdrawn():
            return replace(p, phase=Phase.WITHDRAWN, missing=())
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
            paper = Evidence(fact.kind, fact.number, fact.issued_on, fact.expires_on)
            return replace(p, evidence={**p.evidence, fact.sha256: paper})
        case f.CommitmentMade():
            return replace(p, commitments=p.commitments | {fact.about})
        case f.DifficultyReported() | f.SupportGranted() | f.SiteVisited():
            return p
        case f.ImplementationCompleted():
            return replace(p, phase=Phase.IMPLEMENTED)
        case f.PlanAbandoned():
            return replace(p, phase=Phase.PLAN_ABANDONED, missing=())
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
            return replace(_dossier(p, decided=True), phase=_back(p, Phase.DOSSIER_REJECTED), missing=())
        case f.AdvisoryReported():
            return replace(_dossier(p, findings=fact.findings), phase=Phase.ADVISED)
        case f.ScoreSheetSubmitted():
            sheets = {**(p.dossier.sheets if p.dossier else {}), fact.member: fact.total}
            return _dossier(p, sheets=sheets)
        case f.RescoringOrdered():
            return _dossier(p, round=fact.round, sheets={})
        case f.ScoringConcluded():
            return replace(_dossier(p, result=fact), phase=Phase.CONCLUDED)
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
            return replace(
                _dossier(p, decided=True, notified=True), phase=_back(p, Phase.DOSSIER_WITHDRAWN), missing=()
            )
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
