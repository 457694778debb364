"""Step 5, evaluation and star rating (đánh giá, phân hạng): from the filed dossier into a batch.

The producer files at the commune; the commune checks, reports and proposes; a level that evaluates takes the
dossier into a batch or rejects it. Which levels there are, how long each may take and who signs is in the
regime's file; the regime is pinned when the dossier is filed. Scoring is a session's (``domain/session``), the
result in ``result.py`` and in the authority's book of decisions (``domain/book``).
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from fractions import Fraction
from typing import Annotated
from uuid import UUID

from pydantic import Field

from domain.book.facts import ProductNumberGiven
from domain.book.state import Book, book_id, next_number
from domain.command import Command, Context, Standing
from domain.law.calendar import working_days_late
from domain.law.models import Level, Regime, Sheet
from domain.product.command import ProductCommand, current_dossier, expect, not_before, province_of, rules_of
from domain.product.eligibility import check_entity
from domain.product.facts import ProductFact
from domain.product.phases import Phase
from domain.product.rating_facts import (
    AcceptedForBatch,
    CommuneReportIssued,
    DossierFiled,
    DossierForwarded,
    DossierKind,
    DossierRegistered,
    DossierRejected,
    DossierWithdrawn,
    LocalMatter,
    ProductNumbered,
    SupplementGiven,
    SupplementRequested,
)
from domain.product.state import Certificate, Dossier, Product
from domain.refusals import AgainstTheLaw, Invalid, WrongOrder
from domain.stream import For
from domain.values import Day, Line, Points, Reasons, Sha256, Step

COMMUNE = "commune"
NO_BATCH = "-"
"""Batch of a dossier whose level knows none in its rules."""
AT_A_LEVEL = (
    Phase.PROPOSED,
    Phase.IN_BATCH,
    Phase.ADVISED,
    Phase.CONCLUDED,
    Phase.RESULT_APPROVED,
    Phase.SENT_BACK,
)
"""Where a dossier may stand that lies, undecided, at a level that evaluates."""

Evidence = Annotated[tuple[Sha256, ...], Field(max_length=300)]


class FileDossier(ProductCommand):
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
        if product.dossier is not None and product.dossier.complaint_open:
            raise WrongOrder(
                "Còn khiếu nại chưa giải quyết về hồ sơ trước.",
                "A complaint about the dossier before is not settled yet.",
            )
        self._check_kind(product, ctx)
        regime = ctx.law.regime_for(self.kind, ctx.effective_on)
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
                report_due=_review_end(regime, ctx.effective_on),
            )
        ]

    def _check_kind(self, product: Product, ctx: Context) -> None:
        """First-time only where no certificate runs, suspended or not; the others on one valid that day.

        A certificate of which no last day is known bars nothing (inferred: it proves no star, and could be neither
        renewed nor upgraded); ``record-recognition`` with the decision's paper makes its days known.
        """
        certificate, day = product.certificate, ctx.effective_on
        if self.kind == "first-time":
            ready = [
                Phase.IMPLEMENTED,
                Phase.DOSSIER_WITHDRAWN,
                Phase.DOSSIER_REJECTED,
                Phase.NOT_RECOGNISED,
                Phase.EXPIRED,
                Phase.REVOKED,
            ]
            if not ctx.law.practice.setting("dossier_needs_implementation", province_of(product)):
                ready += [Phase.IDEA_ACCEPTED, Phase.IMPLEMENTING]
            if certificate is not None and certificate.over_on(day):
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
            self._check_window(certificate, ctx)

    def _check_window(self, certificate: Certificate, ctx: Context) -> None:
        """An extension is granted because the window could not be met: then there is none to keep."""
        window, end = ctx.law.regime_for(self.kind, ctx.effective_on).renewal, certificate.valid_to
        if end is None or window.earliest_days is None or window.latest_days is None or certificate.extended_to:
            return
        first, last = end - timedelta(days=window.earliest_days), end - timedelta(days=window.latest_days)
        if not first <= ctx.effective_on <= last:
            raise AgainstTheLaw(
                f"Hồ sơ đánh giá lại nộp từ {first:%d/%m/%Y} đến {last:%d/%m/%Y} ({window.legal_basis}).",
                f"Re-evaluation is filed from {first.isoformat()} to {last.isoformat()} ({window.legal_basis}).",
                field="effective_on",
            )

    def _sheet(self, regime: Regime, product: Product, ctx: Context) -> Sheet:
        loaded = ctx.law.sheets_of(regime)
        sheet = loaded.get(self.sheet)
        if sheet is None:
            known = ", ".join(loaded)
            raise Invalid(
                f"Chưa nạp bộ tiêu chí “{self.sheet}” của {regime.id}.",
                f"Sheet “{self.sheet}” of {regime.id} is not loaded.",
                field="sheet",
                hint_vi=f"Đã nạp: {known}.",
                hint_en=f"Loaded: {known}.",
            )
        if sheet.group not in (None, product.group):
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


def _review_end(regime: Regime, day: date) -> date | None:
    """Last day of the commune's review; None where the rules set none."""
    review = regime.deadlines.get("commune_review")
    return review.end(day) if review else None


class RegisterDossier(ProductCommand):
    """Enter the dossier in the intake register of the level it lies at (vào sổ tiếp nhận hồ sơ)."""

    name = "register-dossier"
    step = Step.RATING
    vi = "Vào sổ tiếp nhận hồ sơ"
    en = "Enter the dossier in the intake register"

    slip_number: Line
    received_by: Line
    product_number: Line | None = None

    def needs(self, state: Product, day: date) -> Sequence[UUID]:
        """At the commune, its book of product numbers of the year."""
        at_commune = state.dossier is not None and state.dossier.level == COMMUNE
        return (book_id(COMMUNE, state.commune, day.year),) if at_commune else ()

    def decide(self, product: Product, ctx: Context) -> list[ProductFact | For]:
        """Once a level: at the commune after filing, higher up after the dossier was forwarded.

        The commune gives the product its number of the year; one known from paper is named instead.
        """
        dossier = current_dossier(product)
        if dossier.level in dossier.registered:
            raise WrongOrder(
                "Hồ sơ đã vào sổ tiếp nhận ở cấp này.",
                "The dossier is already in this level's register.",
                hint_vi="Nếu số phiếu ghi sai thì đính chính.",
                hint_en="If the slip number is wrong, correct that fact.",
            )
        registered = DossierRegistered(level=dossier.level, slip_number=self.slip_number, received_by=self.received_by)
        return [registered, *self._numbered(product, dossier, ctx)]

    def _numbered(self, product: Product, dossier: Dossier, ctx: Context) -> list[ProductFact | For]:
        past = self.product_number is not None
        if past and (ctx.source.kind != "paper" or dossier.level != COMMUNE):
            raise Invalid(
                "Mã số sản phẩm do hệ thống cấp khi xã vào sổ; chỉ ghi mã đã có trên giấy.",
                "The service gives the product number at the commune; only one known from paper is named.",
                field="product_number",
                hint_vi="Bỏ product_number, hoặc ghi source.kind = paper kèm mã băm bản quét.",
                hint_en="Leave product_number out, or give source.kind = paper with the scan's hash.",
            )
        form = ctx.law.regimes[dossier.regime].product_number
        if dossier.level != COMMUNE or (form is None and self.product_number is None):
            return []
        commune, year, number, written = product.commune, ctx.effective_on.year, None, self.product_number
        book = book_id(COMMUNE, commune, year)
        if written is None and form is not None:
            kept, province = ctx.others.get(book), province_of(product)
            last = kept if isinstance(kept, Book) else Book()
            number, written = next_number(
                last,
                last.products,
                lambda n: form.format.format(province=province, commune=commune, n=n, year=year),
            )
        assert written is not None
        given = ProductNumberGiven(
            commune=commune, year=year, number=number, product_number=written, product=ctx.stream_id
        )
        return [For(book, given), ProductNumbered(product_number=written, book=book)]


class RequestSupplement(ProductCommand):
    """Ask for a supplement where the dossier lies (yêu cầu bổ sung hồ sơ)."""

    name = "request-supplement"
    step = Step.RATING
    vi = "Yêu cầu bổ sung hồ sơ"
    en = "Ask for a supplement"

    items: Annotated[tuple[Line, ...], Field(min_length=1, max_length=50)]
    due: Day | None = None

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """While the commune checks, the level's office checks, or its advisory team reviews; one at a time."""
        dossier = current_dossier(product)
        if dossier.supplement_open:
            raise WrongOrder("Đang chờ một lần bổ sung khác.", "Another supplement is still awaited.")
        if self.due is not None and self.due < ctx.effective_on:
            raise Invalid("Hạn bổ sung ở trước ngày yêu cầu.", "Due before the day of the request.", field="due")
        return [SupplementRequested(level=dossier.level, items=self.items, due=self.due)]


class GiveSupplement(ProductCommand):
    """Give the supplement that was asked for (bổ sung hồ sơ)."""

    name = "give-supplement"
    step = Step.RATING
    vi = "Bổ sung hồ sơ"
    en = "Give the supplement"

    answer: Reasons
    evidence: Evidence = ()

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """At the commune the 15 working days begin again with the complete dossier (inferred)."""
        regime, _ = rules_of(product, ctx)
        asked_by = current_dossier(product).supplement_open
        if asked_by is None:
            raise WrongOrder("Không có yêu cầu bổ sung nào đang chờ.", "No supplement is awaited.")
        check_evidence(self.evidence, product, ctx)
        due = _review_end(regime, ctx.effective_on) if asked_by == COMMUNE else None
        return [SupplementGiven(answer=self.answer, evidence=self.evidence, report_due=due)]


class IssueCommuneReport(ProductCommand):
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
        dossier = current_dossier(product)
        if COMMUNE not in dossier.registered:
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
                late_days=working_days_late(dossier.report_due, ctx.effective_on) if dossier.report_due else 0,
            )
        ]


class ForwardDossier(ProductCommand):
    """Send the dossier to the level above with a letter (đề nghị, trình cấp trên). The letter's date decides the batch.

    The commune proposes it to the first level that evaluates; a level that approved a result sends it on. A renewal
    that the level above rules on goes up with the advisers' report, without a council. What lies at a level that an
    amendment did away with is sent on by the commune, under the amended rules.
    """

    name = "forward-dossier"
    step = Step.RATING
    vi = "Đề nghị cấp trên đánh giá, chuyển hồ sơ"
    en = "Send the dossier to the level above"

    letter_number: Line

    def standing(self, state: Product, ctx: Context) -> Standing:
        """Where the dossier lies; at the commune where that level is gone."""
        found = super().standing(state, ctx)
        if state.dossier is None:
            return found
        regime, level = _goes_on_under(state.dossier, ctx), state.dossier.level
        return replace(found, regime=regime, level=level if regime.knows(level) else COMMUNE)

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Where the law says *before* the cut-off, a letter of that very day waits for the next batch."""
        dossier = current_dossier(product)
        regime = _goes_on_under(dossier, ctx)
        above = self._above(product, dossier, regime, ctx)
        batch, cut_off, done = self._batch(dossier.kind, regime, above, ctx.effective_on)
        return [
            DossierForwarded(
                from_level=dossier.level,
                to_level=above.code,
                letter_number=self.letter_number,
                batch=batch,
                batch_cut_off=cut_off,
                batch_done=done,
                regime=regime.id,
                rules_hash=ctx.law.rules_hash(regime.id, dossier.sheet),
            )
        ]

    @staticmethod
    def _above(product: Product, dossier: Dossier, regime: Regime, ctx: Context) -> Level:
        if dossier.level == COMMUNE:
            optional = () if regime.commune_report.required else (Phase.FILED,)
            expect(product, ctx, Phase.REPORTED, *optional)
            return regime.first_level
        if not regime.knows(dossier.level):
            expect(product, ctx, *AT_A_LEVEL)
            return regime.first_level
        level, above = regime.level(dossier.level), regime.level_above(dossier.level)
        if above is not None and renewed_above(product, regime):
            expect(product, ctx, Phase.ADVISED, Phase.RESULT_APPROVED)
            return above
        # A level that certifies before it passes up sends on what it has recognised.
        expect(product, ctx, Phase.RECOGNISED if level.interim_stars else Phase.RESULT_APPROVED)
        if above is None or (level.interim_stars and not passes_up(level, dossier)):
            raise WrongOrder(
                "Kết quả này không thuộc diện trình cấp trên.", "This result is not one that goes to a level above."
            )
        return above

    @staticmethod
    def _batch(kind: DossierKind, regime: Regime, to: Level, day: date) -> tuple[str, date | None, date | None]:
        within = regime.renewal.decide_within_days
        if kind == "re-evaluation" and within is not None:
            # Its own clock: at most so many days, so done before the day after.
            return "renewal", None, day + timedelta(days=within + 1)
        return regime.batch_for(to.code, day) or (NO_BATCH, None, None)


def _goes_on_under(dossier: Dossier, ctx: Context) -> Regime:
    """The rules by which a dossier goes to its next level: the amended ones, once its own level is not in them."""
    pinned = ctx.law.regimes[dossier.regime]
    amended = ctx.law.succeeding(pinned, ctx.effective_on)
    return pinned if amended.knows(dossier.level) else amended


def renewed_above(product: Product, regime: Regime) -> bool:
    """Whether the dossier renews a star that a level above rules on, where renewals have a procedure of their own.

    Then it goes up with the advisers' report alone. A result sent back is the lower level's, as is its own
    evaluation after that; a certificate revoked meanwhile has nothing to renew.
    """
    dossier, held = product.dossier, product.certificate
    if dossier is None or held is None or not regime.knows(dossier.level):
        return False
    if dossier.kind != "re-evaluation" or dossier.sent_back or held.revoked or not regime.renewal.written_opinions:
        return False
    order, certifier = [level.code for level in regime.levels], regime.certifier(held.stars)
    return certifier is not None and order.index(certifier.code) > order.index(dossier.level)


def passes_up(level: Level, dossier: Dossier) -> bool:
    """Whether the level's result is high enough for the level above."""
    result = dossier.result
    return result is not None and level.pass_up_from is not None and Fraction(result.average) >= level.pass_up_from


class AcceptForBatch(ProductCommand):
    """Take the dossier into its batch (tiếp nhận hồ sơ đủ điều kiện vào đợt đánh giá)."""

    name = "accept-for-batch"
    step = Step.RATING
    vi = "Tiếp nhận hồ sơ vào đợt đánh giá"
    en = "Accept the dossier for its batch"

    samples_received: Annotated[int, Field(ge=0, le=50)]

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Needs the level's register, no open supplement and the samples the sheet asks for."""
        _, sheet = rules_of(product, ctx)
        dossier = current_dossier(product)
        if dossier.level not in dossier.registered:
            raise WrongOrder("Hồ sơ chưa vào sổ tiếp nhận ở cấp này.", "The dossier is not in this level's register.")
        if dossier.supplement_open:
            raise WrongOrder("Đang chờ chủ thể bổ sung hồ sơ.", "A supplement is still awaited.")
        needed = 0 if product.group in sheet.without_samples else sheet.samples
        if self.samples_received < needed:
            raise AgainstTheLaw(
                f"Cần {needed} mẫu sản phẩm ({sheet.legal_basis}), mới có {self.samples_received}.",
                f"{needed} samples are needed ({sheet.legal_basis}), {self.samples_received} are there.",
                field="samples_received",
            )
        return [AcceptedForBatch(batch=dossier.batch or "", samples_received=self.samples_received)]


class RejectDossier(ProductCommand):
    """Reject the dossier before scoring (hồ sơ bị loại) on a ground that the rules name."""

    name = "reject-dossier"
    step = Step.RATING
    vi = "Loại hồ sơ trước khi chấm điểm"
    en = "Reject the dossier before scoring"

    ground: Line
    details: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Grounds: the regime's, the sheet's, or "disqualifier:CODE" for a criterion that stops it."""
        regime, sheet = rules_of(product, ctx)
        if current_dossier(product).session and not self.ground.startswith("disqualifier:"):
            raise WrongOrder(
                "Hồ sơ đã vào phiên họp hội đồng: chỉ còn loại theo điều kiện của tiêu chí.",
                "The dossier is before the council: only a disqualifying criterion still rejects it.",
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


class WithdrawDossier(ProductCommand):
    """Withdraw the dossier before a decision (rút hồ sơ)."""

    name = "withdraw-dossier"
    step = Step.RATING
    vi = "Rút hồ sơ"
    en = "Withdraw the dossier"

    reason: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Until the result is decided (inferred); a certified product keeps its star."""
        not_before(current_dossier(product).filed_on, ctx)
        return [DossierWithdrawn(reason=self.reason)]


COMMANDS: tuple[type[Command], ...] = (
    FileDossier,
    RegisterDossier,
    RequestSupplement,
    GiveSupplement,
    IssueCommuneReport,
    ForwardDossier,
    AcceptForBatch,
    RejectDossier,
    WithdrawDossier,
)
