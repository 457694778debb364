"""What decisions need to know of a product, and how each fact changes it.

``evolve`` never reads the law and never refuses: a stored fact happened. A field nobody decides on
belongs to a read model.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import assert_never
from uuid import UUID

from pydantic_core import to_json

from domain.changing import replace
from domain.product import certificate_facts as c
from domain.product import facts as f
from domain.product import rating_facts as r
from domain.product.phases import STEP_OF_PHASE, Phase
from domain.sealing import STORED
from domain.stream import Told
from domain.values import Step


@dataclass(frozen=True, slots=True)
class Evidence:
    """An evidence document, known by its file's hash."""

    kind: str
    number: str
    issued_on: date
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class Dossier:
    """The dossier being rated: the pinned regime, the level it lies at, and the council's work on it.

    ``level``: code of the level that evaluates it, or is to; ``session``: the one it is on the agenda of;
    ``opened``: the sheets of each round of the current level, once opened; ``sheets``: totals by member of
    the newest round; ``sent_back``: a level above did not certify its result.
    """

    kind: r.DossierKind
    regime: str
    sheet: str
    rules_hash: str
    filed_on: date
    report_due: date | None
    level: str = "commune"
    product_number: str | None = None
    registered: frozenset[str] = frozenset()
    supplement_open: str | None = None
    supplement_due: date | None = None
    batch: str | None = None
    batch_done: date | None = None
    findings: tuple[r.Choice, ...] = ()
    session: UUID | None = None
    opened: tuple[r.SheetsOpened, ...] = ()
    sheets: Mapping[str, int] = field(default_factory=dict)
    result: r.ScoringConcluded | None = None
    sent_back: bool = False
    decided: bool = False
    notified: bool = False
    published: bool = False
    complaint_open: bool = False


@dataclass(frozen=True, slots=True)
class Certificate:
    """The latest certificate (giấy chứng nhận).

    ``year``: of the decision; ``issued_on`` and ``valid_to`` are None when a register knows no day.
    ``level`` and ``authority``: who issued it, as far as known. ``reminded``: days of the notices written.
    ``ruled``: a re-evaluation of it ended without a new one, so that no transition lets it run on.
    """

    number: str
    stars: int
    year: int
    issued_on: date | None
    valid_to: date | None
    level: str | None = None
    authority: str = ""
    extended_to: date | None = None
    suspended: bool = False
    expired: bool = False
    revoked: bool = False
    reminded: frozenset[int] = frozenset()
    notified_in_writing: bool = False
    ruled: bool = False

    @property
    def last_day(self) -> date | None:
        """The last day it holds, an extension included; None when unknown."""
        return self.extended_to or self.valid_to

    def over_on(self, day: date) -> bool:
        """Whether it ran out before a day. One whose last day nobody knows proves no star: over, too (inferred)."""
        return self.expired or self.last_day is None or self.last_day < day

    def valid_on(self, day: date) -> bool:
        """Whether it holds on a day; the last day counts. One without known days holds on none."""
        if self.revoked or self.suspended or self.issued_on is None or self.last_day is None:
            return False
        return self.issued_on <= day <= self.last_day


@dataclass(frozen=True, slots=True)
class Product:
    """A product as decisions see it.

    ``version`` counts its facts; ``since``: the day its phase began; ``latest_act``: the latest day of an
    act of that phase; ``step``: the one it stands in, or stood in when it left the programme. ``holder``: the
    producer's name, also where a register gives no more; ``helpers``: persons who gave the product guidance;
    ``recorded``: number and year of the decisions taken over from papers and registers. ``baseline``: whether what it
    earned before it took part is known. ``hands``: who had which hand
    in which matter, "idea/submit" → persons.
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
    holder: str = ""
    group: str | None = None
    helpers: frozenset[str] = frozenset()
    missing: tuple[str, ...] = ()
    milestones: Mapping[str, f.Milestone] = field(default_factory=dict)
    reached: frozenset[str] = frozenset()
    evidence: Mapping[str, Evidence] = field(default_factory=dict)
    commitments: frozenset[str] = frozenset()
    dossier: Dossier | None = None
    certificate: Certificate | None = None
    listings: frozenset[tuple[str, str]] = frozenset()
    revenue: frozenset[tuple[str, str]] = frozenset()
    baseline: bool = False
    recorded: frozenset[tuple[str, int]] = frozenset()
    hands: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def hands_in(self, matter: str) -> dict[str, frozenset[str]]:
        """Who had which hand in the product's idea, plan or dossier so far; who scored it, whatever the matter."""
        prefix = f"{matter}/"
        own = {key.removeprefix(prefix): who for key, who in self.hands.items() if key.startswith(prefix)}
        opened = self.dossier.opened if self.dossier else ()
        scorers = {sheet.member for sheets in opened for sheet in sheets.sheets} | set(
            self.dossier.sheets if self.dossier else ()
        )
        return {**own, "score": frozenset(scorers)}


BEGINS = (f.IdeaSubmitted, f.PlanSubmitted, r.DossierFiled)
"""Facts with which a matter begins anew: earlier hands in it count no more."""


def _hands(p: Product, told: Told) -> Mapping[str, frozenset[str]]:
    hand = told.fact.hand
    if hand is None:
        return p.hands
    kept = p.hands
    if isinstance(told.fact, BEGINS):
        matter = hand.partition("/")[0]
        kept = {key: who for key, who in kept.items() if not key.startswith(f"{matter}/")}
    return {**kept, hand: kept.get(hand, frozenset()) | told.persons}


def evolve(p: Product, told: Told) -> Product:
    """The product after one more fact. A correction changes nothing here: see ``fold``."""
    changed, on = _apply(p, told), told.effective_on
    moved = changed.phase is not p.phase
    if p.phase is Phase.REGISTERED and isinstance(told.fact, c.RecognitionRecorded):
        on = max(on, p.since)  # taken over with the product: known here since the day it was entered
    latest = on if moved else max(p.latest_act, on) if told.fact.step is p.step else p.latest_act
    return replace(
        changed,
        version=told.version,
        step=p.step if changed.phase is Phase.WITHDRAWN else STEP_OF_PHASE[changed.phase],
        since=on if moved else p.since,
        latest_act=latest,
        illustrative=p.illustrative or told.source.kind == "illustrative",
        hands=_hands(p, told),
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
    return type(fact).model_validate_json(to_json(data), context=STORED)


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
            return replace(p, helpers=p.helpers | {fact.given_by, told.by})
        case f.IdeaFormHandedOver():
            return replace(p, phase=Phase.FORM_HANDED_OVER)
        # Step 2
        case f.IdeaSubmitted():
            return replace(
                p,
                phase=Phase.IDEA_SUBMITTED,
                producer=fact.producer,
                holder=fact.producer.name,
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
        case f.BaselineRecorded():
            return replace(p, baseline=True)
        case f.DifficultyReported() | f.SupportGranted() | f.SiteVisited():
            return p
        case f.ImplementationCompleted():
            return replace(p, phase=Phase.IMPLEMENTED)
        case f.PlanAbandoned():
            return replace(p, phase=Phase.PLAN_ABANDONED, missing=())
        # Step 5
        case r.DossierFiled():
            dossier = Dossier(
                fact.kind,
                fact.regime,
                fact.sheet,
                fact.rules_hash,
                filed_on=on,
                report_due=fact.report_due,
            )
            return replace(p, phase=Phase.FILED, dossier=dossier, missing=())
        case r.DossierRegistered():
            return _dossier(p, registered=(p.dossier.registered if p.dossier else frozenset()) | {fact.level})
        case r.ProductNumbered():
            return _dossier(p, product_number=fact.product_number)
        case r.SupplementRequested():
            return replace(_dossier(p, supplement_open=fact.level, supplement_due=fact.due), missing=fact.items)
        case r.SupplementGiven():
            due = fact.report_due or (p.dossier.report_due if p.dossier else None)
            return replace(_dossier(p, supplement_open=None, supplement_due=None, report_due=due), missing=())
        case r.CommuneReportIssued():
            return replace(p, phase=Phase.REPORTED)
        case r.DossierForwarded():
            proposed = _proposed(p, fact.to_level, fact.batch, fact.batch_done)
            if p.dossier is None or p.dossier.regime == fact.regime:
                return proposed
            # An amendment that did away with a level takes over what lay there.
            return _dossier(proposed, regime=fact.regime, rules_hash=fact.rules_hash)
        case r.ProposedToProvince():
            return _proposed(p, "province", fact.batch, fact.batch_done)
        case r.AcceptedForBatch():
            return replace(_dossier(p, batch=fact.batch), phase=Phase.IN_BATCH)
        case r.DossierRejected():
            ended = _dossier(p, decided=True, published=True)
            return replace(ended, phase=_back(p, Phase.DOSSIER_REJECTED), missing=())
        case r.AdvisoryReported():
            return replace(_dossier(p, findings=fact.findings), phase=Phase.ADVISED)
        case r.PutOnAgenda():
            return _dossier(p, session=fact.session)
        case r.TakenOffAgenda():
            return _dossier(p, session=None, opened=(), sheets={})
        case r.SheetsOpened():
            opened = (*(p.dossier.opened if p.dossier else ()), fact)
            return _dossier(p, opened=opened, sheets={s.member: s.total for s in fact.sheets})
        case r.ScoreSheetSubmitted():
            sheets = {**(p.dossier.sheets if p.dossier else {}), fact.member: fact.total}
            return _dossier(p, sheets=sheets)
        case r.RescoringOrdered():
            return _dossier(p, sheets={})
        case r.ScoringConcluded():
            return replace(_dossier(p, result=fact), phase=Phase.CONCLUDED)
        case r.ProductRecognised():
            certificate = Certificate(
                fact.certificate_number,
                fact.stars,
                fact.issued_on.year,
                fact.issued_on,
                fact.valid_to,
                fact.level,
                fact.authority,
            )
            return replace(_dossier(p, decided=True), phase=Phase.RECOGNISED, certificate=certificate)
        case r.ProductNotRecognised():
            ended = _dossier(p, decided=True, published=True)
            return replace(_ruled(ended, on), phase=_back(p, Phase.NOT_RECOGNISED))
        case r.ResultApproved():
            return replace(_dossier(p, decided=True), phase=Phase.RESULT_APPROVED)
        case r.ResultSentBack():
            return replace(_dossier(p, level=fact.to_level, sent_back=True), phase=Phase.SENT_BACK)
        case r.EvaluationReopened():
            fresh = _evaluated_anew(p, fact.level)
            return replace(_certificate(fresh, ruled=False), phase=Phase.IN_BATCH)
        case r.ComplaintFiled():
            return _dossier(p, complaint_open=True)
        case r.ComplaintSettled():
            return _dossier(p, complaint_open=False)
        case r.ResultPublished():
            return _dossier(p, published=True)
        case r.ResultNotified():
            return _dossier(p, notified=True)
        case r.DossierWithdrawn():
            return replace(
                _dossier(p, decided=True, notified=True, published=True, result=None),
                phase=_back(p, Phase.DOSSIER_WITHDRAWN),
                missing=(),
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
        # The certificate's life
        case c.CertificateNoticeDue():
            held = p.certificate.reminded if p.certificate else frozenset()
            return _certificate(p, reminded=held | {fact.days})
        case c.WrittenNoticeGiven():
            return _certificate(p, notified_in_writing=True)
        case c.CertificateExpired():
            return _over(_certificate(p, expired=True), Phase.EXPIRED)
        case c.CertificateExtended():
            ran_out = p.phase is Phase.EXPIRED
            noticed_anew = {"reminded": frozenset[int](), "notified_in_writing": False}
            extended = _certificate(p, extended_to=fact.until, expired=False, **noticed_anew)
            return replace(extended, phase=Phase.RECOGNISED) if ran_out else extended
        case c.CertificateSuspended():
            return _certificate(p, suspended=True)
        case c.SuspensionLifted():
            return _certificate(p, suspended=False)
        case c.CertificateRevoked():
            return _over(_certificate(p, revoked=True), Phase.REVOKED)
        case c.EnteredFromRegister():
            return replace(
                p,
                phase=Phase.REGISTERED,
                name=fact.name,
                commune=fact.commune,
                cycle=on.year,
                opened_on=on,
                group=fact.group,
                holder=fact.holder.name,
            )
        case c.RecognitionRecorded():
            return replace(_recorded(p, fact), recorded=p.recorded | {(fact.decision_number, fact.year)})
        case c.ProducerRegistered():
            producer = f.Producer(registration=fact.registration, name=fact.name, kind=fact.kind, address=fact.address)
            return replace(p, producer=producer, holder=fact.name, group=fact.group)
        # Everywhere
        case f.FactCorrected():
            return p
        case _:
            assert_never(fact)


def _proposed(p: Product, level: str, batch: str, batch_done: date | None) -> Product:
    """Up to the next level, into its batch."""
    moved = _dossier(_evaluated_anew(p, level), batch=batch, batch_done=batch_done)
    return replace(moved, phase=Phase.PROPOSED)


def _evaluated_anew(p: Product, level: str) -> Product:
    """At this level, nothing of an evaluation has happened yet."""
    return _dossier(
        p,
        level=level,
        session=None,
        opened=(),
        sheets={},
        findings=(),
        result=None,
        decided=False,
        notified=False,
        published=False,
    )


def _certificate(p: Product, **changes: object) -> Product:
    if p.certificate is None:
        return p
    return replace(p, certificate=replace(p.certificate, **changes))  # type: ignore[arg-type]


def _ruled(p: Product, on: date) -> Product:
    """A re-evaluation ended without a new certificate: one that ran on until the ruling does so no longer."""
    held = p.certificate
    if held is None or p.dossier is None or p.dossier.kind != "re-evaluation":
        return p
    until = held.extended_to and max(min(held.extended_to, on), held.valid_to or date.min)
    return _certificate(p, extended_to=until, ruled=True)


def _over(p: Product, phase: Phase) -> Product:
    """The certificate ended; a dossier under way goes on."""
    return replace(p, phase=phase) if p.phase in (Phase.RECOGNISED, Phase.EXPIRED) else p


def _recorded(p: Product, fact: c.RecognitionRecorded) -> Product:
    """A recognition of the past: it becomes the certificate only when none is younger."""
    held = p.certificate
    # A year without a day comes before every known day of that year: it never displaces one.
    age = (fact.year, fact.decided_on or date(fact.year, 1, 1))
    if held is not None and age < (held.year, held.issued_on or date(held.year, 1, 1)):
        return p
    certificate = Certificate(
        fact.certificate_number or fact.decision_number,
        fact.stars,
        fact.year,
        fact.decided_on,
        fact.valid_to,
        fact.level,
    )
    free = (Phase.REGISTERED, Phase.RECOGNISED, Phase.EXPIRED, Phase.REVOKED)
    return replace(p, certificate=certificate, phase=Phase.RECOGNISED if p.phase in free else p.phase)


def _back(p: Product, ended: Phase) -> Phase:
    """A certified product keeps its star when an upgrade or re-evaluation ends without a new one."""
    if p.certificate is None or p.certificate.revoked:
        return ended
    return Phase.EXPIRED if p.certificate.expired else Phase.RECOGNISED
