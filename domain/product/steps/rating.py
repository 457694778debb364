"""Step 5, evaluation and star rating (đánh giá, phân hạng): from the filed dossier to the batch.

Decision 26/2026 article 7: the producer files at the commune; the commune checks, reports (Form 03)
and proposes; the province takes the dossier into a batch or rejects it. Scoring and the result are
in ``result.py``. The regime is pinned when the dossier is filed.
"""

from datetime import date, timedelta
from typing import Annotated, ClassVar

from pydantic import Field

from domain.law.book import Regime, Sheet
from domain.law.calendar import working_days_late
from domain.product.command import Command, Context, current_dossier, expect, not_before, province_of, rules_of
from domain.product.eligibility import check_entity
from domain.product.facts import (
    AcceptedForBatch,
    CommuneReportIssued,
    DossierFiled,
    DossierKind,
    DossierRegistered,
    DossierRejected,
    DossierWithdrawn,
    Level,
    LocalMatter,
    ProductFact,
    ProposedToProvince,
    SupplementGiven,
    SupplementRequested,
)
from domain.product.phases import Phase
from domain.product.state import Product
from domain.refusals import AgainstTheLaw, Invalid, WrongOrder
from domain.values import Day, Line, Points, Reasons, Sha256, Step

Evidence = Annotated[tuple[Sha256, ...], Field(max_length=300)]


class FileDossier(Command):
    """File the dossier at the commune (nộp hồ sơ, Biểu mẫu 01 và 02)."""

    name = "file-dossier"
    step = Step.RATING
    vi = "Nộp hồ sơ đánh giá, phân hạng"
    en = "File the dossier"

    kind: DossierKind
    sheet: Line
    self_report: Reasons
    self_score: Points
    samples: Annotated[int, Field(ge=0, le=50)]
    evidence: Evidence

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Pins the regime of the filing date and the hash of its rule files."""
        self._check_kind(product, ctx)
        regime = ctx.law.regime_on(ctx.effective_on)
        if product.producer is None:
            raise WrongOrder("Chưa có chủ thể đăng ký.", "No producer has registered yet.")
        check_entity(regime, product.producer.kind, product.group or "")
        sheet = self._sheet(regime, product, ctx)
        check_evidence(self.evidence, product, ctx)
        return [
            DossierFiled(
                kind=self.kind,
                sheet=sheet.id,
                self_report=self.self_report,
                self_score=self.self_score,
                samples=self.samples,
                evidence=self.evidence,
                regime=regime.id,
                rules_hash=ctx.law.rules_hash(regime.id, sheet.id),
                report_due=regime.deadlines["commune_review"].end(ctx.effective_on),
            )
        ]

    def _check_kind(self, product: Product, ctx: Context) -> None:
        certificate, day = product.certificate, ctx.effective_on
        if self.kind == "first-time":
            ready = [Phase.IMPLEMENTED, Phase.DOSSIER_WITHDRAWN, Phase.DOSSIER_REJECTED, Phase.NOT_RECOGNISED]
            if not ctx.law.practice.setting("dossier_needs_implementation", province_of(product)):
                ready += [Phase.IDEA_ACCEPTED, Phase.IMPLEMENTING]
            if certificate is not None and not certificate.valid_on(day):
                ready.append(Phase.RECOGNISED)  # the star has run out: the product starts again
            expect(product, ctx, *ready)
            return
        expect(product, ctx, Phase.RECOGNISED)
        if certificate is None or not certificate.valid_on(day):
            raise AgainstTheLaw(
                "Sản phẩm không có giấy chứng nhận còn hiệu lực vào ngày nộp.",
                "The product has no valid certificate on the filing date.",
                field="kind",
            )
        if self.kind == "re-evaluation":
            window = ctx.law.regime_on(day).renewal
            first = certificate.valid_to - timedelta(days=window.earliest_days)
            last = certificate.valid_to - timedelta(days=window.latest_days)
            if not first <= day <= last:
                raise AgainstTheLaw(
                    f"Hồ sơ đánh giá lại nộp từ {first:%d/%m/%Y} đến {last:%d/%m/%Y} ({window.legal_basis}).",
                    f"Re-evaluation is filed from {first.isoformat()} to {last.isoformat()} ({window.legal_basis}).",
                    field="effective_on",
                )

    def _sheet(self, regime: Regime, product: Product, ctx: Context) -> Sheet:
        sheet = ctx.law.sheets.get(self.sheet)
        if sheet is None or sheet.regime != regime.id:
            known = ", ".join(s.id for s in ctx.law.sheets.values() if s.regime == regime.id)
            raise Invalid(
                f"Chưa nạp bộ tiêu chí “{self.sheet}” của {regime.id}.",
                f"Sheet “{self.sheet}” of {regime.id} is not loaded.",
                field="sheet",
                hint_vi=f"Đã nạp: {known}.",
                hint_en=f"Loaded: {known}.",
            )
        if sheet.group != product.group:
            raise Invalid(
                f"Bộ tiêu chí {sheet.id} không thuộc nhóm sản phẩm đã đăng ký.",
                f"Sheet {sheet.id} is not of the registered product group.",
                field="sheet",
            )
        return sheet


def check_evidence(evidence: tuple[str, ...], product: Product, ctx: Context) -> None:
    """Refuse documents that were never recorded or have expired."""
    for sha256 in evidence:
        paper = product.evidence.get(sha256)
        if paper is None:
            raise Invalid(
                f"Tài liệu {sha256[:12]}… chưa được ghi nhận.",
                f"Document {sha256[:12]}… was never recorded.",
                field="evidence",
                hint_vi="Ghi nhận tài liệu minh chứng trước.",
                hint_en="Record the evidence document first.",
            )
        if paper.issued_on > ctx.effective_on:
            raise Invalid(
                f"Tài liệu số {paper.number} cấp ngày {paper.issued_on:%d/%m/%Y}, sau ngày nộp.",
                f"Document {paper.number} was issued on {paper.issued_on.isoformat()}, after this act.",
                field="evidence",
            )
        if paper.expires_on is not None and paper.expires_on < ctx.effective_on:
            raise Invalid(
                f"Tài liệu số {paper.number} đã hết hạn ngày {paper.expires_on:%d/%m/%Y}.",
                f"Document {paper.number} expired on {paper.expires_on.isoformat()}.",
                field="evidence",
            )


class _RegisterDossier(Command):
    step = Step.RATING
    level: ClassVar[Level]

    slip_number: Line
    received_by: Line

    def _register(self, product: Product, ctx: Context, phase: Phase) -> list[ProductFact]:
        expect(product, ctx, phase)
        if self.level in current_dossier(product).registered:
            raise WrongOrder(
                "Hồ sơ đã vào sổ tiếp nhận ở cấp này.",
                "The dossier is already in this level's register.",
                hint_vi="Nếu số phiếu ghi sai thì đính chính.",
                hint_en="If the slip number is wrong, correct that fact.",
            )
        return [DossierRegistered(level=self.level, slip_number=self.slip_number, received_by=self.received_by)]


class RegisterDossierAtCommune(_RegisterDossier):
    """Enter the dossier in the commune's intake register (vào sổ tiếp nhận cấp xã)."""

    name = "register-dossier-at-commune"
    level = "commune"
    vi = "Vào sổ tiếp nhận hồ sơ cấp xã"
    en = "Enter the dossier in the commune's register"

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Once per dossier, while it lies at the commune."""
        return self._register(product, ctx, Phase.FILED)


class RegisterDossierAtProvince(_RegisterDossier):
    """Enter the dossier in the province's intake register (vào sổ tiếp nhận cấp tỉnh)."""

    name = "register-dossier-at-province"
    level = "province"
    vi = "Vào sổ tiếp nhận hồ sơ cấp tỉnh"
    en = "Enter the dossier in the province's register"

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Once per dossier, after the commune proposed it."""
        return self._register(product, ctx, Phase.PROPOSED)


class _RequestSupplement(Command):
    step = Step.RATING
    level: ClassVar[Level]

    items: Annotated[tuple[Line, ...], Field(min_length=1, max_length=50)]
    due: Day | None = None

    def _request(self, product: Product, ctx: Context, *phases: Phase) -> list[ProductFact]:
        expect(product, ctx, *phases)
        if current_dossier(product).supplement_open:
            raise WrongOrder("Đang chờ một lần bổ sung khác.", "Another supplement is still awaited.")
        if self.due is not None and self.due < ctx.effective_on:
            raise Invalid("Hạn bổ sung ở trước ngày yêu cầu.", "Due before the day of the request.", field="due")
        return [SupplementRequested(level=self.level, items=self.items, due=self.due)]


class RequestSupplementAtCommune(_RequestSupplement):
    """Ask for a supplement while the dossier lies at the commune (xã yêu cầu bổ sung)."""

    name = "request-supplement-at-commune"
    level = "commune"
    vi = "Cấp xã yêu cầu bổ sung hồ sơ"
    en = "Ask for a supplement (commune)"

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """One supplement at a time."""
        return self._request(product, ctx, Phase.FILED)


class RequestSupplementAtProvince(_RequestSupplement):
    """Ask for a supplement while the province checks or the advisory team reviews (tỉnh yêu cầu bổ sung)."""

    name = "request-supplement-at-province"
    level = "province"
    vi = "Cấp tỉnh yêu cầu bổ sung hồ sơ"
    en = "Ask for a supplement (province)"

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """One supplement at a time."""
        return self._request(product, ctx, Phase.PROPOSED, Phase.IN_BATCH)


class GiveSupplement(Command):
    """Give the supplement that was asked for (bổ sung hồ sơ)."""

    name = "give-supplement"
    step = Step.RATING
    vi = "Bổ sung hồ sơ"
    en = "Give the supplement"

    answer: Reasons
    evidence: Evidence = ()

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """At the commune the 15 working days begin again with the complete dossier (inferred)."""
        expect(product, ctx, Phase.FILED, Phase.PROPOSED, Phase.IN_BATCH)
        regime, _ = rules_of(product, ctx)
        asked_by = current_dossier(product).supplement_open
        if asked_by is None:
            raise WrongOrder("Không có yêu cầu bổ sung nào đang chờ.", "No supplement is awaited.")
        check_evidence(self.evidence, product, ctx)
        due = regime.deadlines["commune_review"].end(ctx.effective_on) if asked_by == "commune" else None
        return [SupplementGiven(answer=self.answer, evidence=self.evidence, report_due=due)]


class IssueCommuneReport(Command):
    """Issue the commune's report on the four local matters (báo cáo của UBND cấp xã, Biểu mẫu 03)."""

    name = "issue-commune-report"
    step = Step.RATING
    vi = "Báo cáo của cấp xã (Biểu mẫu 03)"
    en = "Issue the commune's report (Form 03)"

    number: Line
    local_material: LocalMatter
    local_labour: LocalMatter
    origin_of_idea: Reasons
    local_identity: Reasons
    meeting_held: bool = False

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """A late report is still a report: the fact says by how many working days."""
        expect(product, ctx, Phase.FILED)
        dossier = current_dossier(product)
        if "commune" not in dossier.registered:
            raise WrongOrder("Hồ sơ chưa vào sổ tiếp nhận cấp xã.", "The dossier is not in the commune's register.")
        if dossier.supplement_open:
            raise WrongOrder("Đang chờ chủ thể bổ sung hồ sơ.", "A supplement is still awaited.")
        return [
            CommuneReportIssued(
                number=self.number,
                local_material=self.local_material,
                local_labour=self.local_labour,
                origin_of_idea=self.origin_of_idea,
                local_identity=self.local_identity,
                meeting_held=self.meeting_held,
                late_days=working_days_late(dossier.report_due, ctx.effective_on),
            )
        ]


class ProposeToProvince(Command):
    """Ask the province to evaluate (công văn đề nghị cấp tỉnh). The letter's date decides the batch."""

    name = "propose-to-province"
    step = Step.RATING
    vi = "Đề nghị cấp tỉnh đánh giá, phân hạng"
    en = "Propose to the province"

    letter_number: Line

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """The law says *before* the cut-off: a proposal on that very day waits for the next batch.

        A re-evaluation has its own time limit instead (45 days, article 7.6).
        """
        expect(product, ctx, Phase.REPORTED)
        regime, _ = rules_of(product, ctx)
        dossier = current_dossier(product)
        batch, cut_off, done = self._batch(dossier.kind, regime, ctx.effective_on)
        return [
            ProposedToProvince(
                letter_number=self.letter_number,
                batch=batch,
                batch_cut_off=cut_off,
                batch_done=done,
                regime=regime.id,
                rules_hash=ctx.law.rules_hash(regime.id, dossier.sheet),
            )
        ]

    @staticmethod
    def _batch(kind: DossierKind, regime: Regime, day: date) -> tuple[str, date | None, date]:
        if kind == "re-evaluation":  # its own clock: at most so many days, so done before the day after
            return "renewal", None, day + timedelta(days=regime.renewal.decide_within_days + 1)
        return regime.batch_for(day)


class AcceptForBatch(Command):
    """Take the dossier into its batch (tiếp nhận hồ sơ đủ điều kiện vào đợt đánh giá)."""

    name = "accept-for-batch"
    step = Step.RATING
    vi = "Tiếp nhận hồ sơ vào đợt đánh giá"
    en = "Accept the dossier for its batch"

    samples_received: Annotated[int, Field(ge=0, le=50)]

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Needs the province's register, no open supplement and the samples the sheet asks for."""
        expect(product, ctx, Phase.PROPOSED)
        _, sheet = rules_of(product, ctx)
        dossier = current_dossier(product)
        if "province" not in dossier.registered:
            raise WrongOrder("Hồ sơ chưa vào sổ tiếp nhận cấp tỉnh.", "The dossier is not in the province's register.")
        if dossier.supplement_open:
            raise WrongOrder("Đang chờ chủ thể bổ sung hồ sơ.", "A supplement is still awaited.")
        if self.samples_received < sheet.samples:
            raise AgainstTheLaw(
                f"Cần {sheet.samples} mẫu sản phẩm (Đ6.2), mới có {self.samples_received}.",
                f"{sheet.samples} samples are needed (article 6.2), {self.samples_received} are there.",
                field="samples_received",
            )
        return [AcceptedForBatch(batch=dossier.batch or "", samples_received=self.samples_received)]


class RejectDossier(Command):
    """Reject the dossier before scoring (hồ sơ bị loại) on a ground that the rules name."""

    name = "reject-dossier"
    step = Step.RATING
    vi = "Loại hồ sơ trước khi chấm điểm"
    en = "Reject the dossier before scoring"

    ground: Line
    details: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Grounds: the regime's, the sheet's, or "disqualifier:CODE" for a criterion that stops it."""
        expect(product, ctx, Phase.PROPOSED, Phase.IN_BATCH, Phase.ADVISED)
        regime, sheet = rules_of(product, ctx)
        if current_dossier(product).sheets and not self.ground.startswith("disqualifier:"):
            raise WrongOrder(
                "Hội đồng đã chấm điểm: chỉ còn loại theo điều kiện của tiêu chí.",
                "The council has begun to score: only a disqualifying criterion still rejects the dossier.",
                field="ground",
            )
        grounds = {g.code: g.legal_basis or sheet.legal_basis for g in regime.rejections + sheet.dossier_rejections}
        for code, criterion in sheet.leaves.items():
            if criterion.disqualifier_vi:
                grounds[f"disqualifier:{code}"] = f"{sheet.legal_basis}, tiêu chí {code}"
        if self.ground not in grounds:
            raise Invalid(
                f"Không có căn cứ loại hồ sơ “{self.ground}”.",
                f"There is no ground of rejection “{self.ground}”.",
                field="ground",
                hint_vi=f"Căn cứ: {', '.join(grounds)}.",
                hint_en=f"Grounds: {', '.join(grounds)}.",
            )
        return [
            DossierRejected(
                ground=self.ground,
                legal_basis=grounds[self.ground],
                details=self.details,
                regime=regime.id,
                rules_hash=ctx.law.rules_hash(regime.id, sheet.id),
            )
        ]


class WithdrawDossier(Command):
    """Withdraw the dossier before a decision (rút hồ sơ)."""

    name = "withdraw-dossier"
    step = Step.RATING
    vi = "Rút hồ sơ"
    en = "Withdraw the dossier"

    reason: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Until the result is decided (inferred); a certified product keeps its star."""
        expect(
            product,
            ctx,
            Phase.FILED,
            Phase.REPORTED,
            Phase.PROPOSED,
            Phase.IN_BATCH,
            Phase.ADVISED,
            Phase.CONCLUDED,
        )
        not_before(current_dossier(product).filed_on, ctx)
        return [DossierWithdrawn(reason=self.reason)]


COMMANDS: tuple[type[Command], ...] = (
    FileDossier,
    RegisterDossierAtCommune,
    RequestSupplementAtCommune,
    GiveSupplement,
    IssueCommuneReport,
    ProposeToProvince,
    RegisterDossierAtProvince,
    RequestSupplementAtProvince,
    AcceptForBatch,
    RejectDossier,
    WithdrawDossier,
)
