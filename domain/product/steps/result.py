"""Step 5 continued: advice, scoring, result (tổ tư vấn, hội đồng, công nhận).

Decision 26/2026 articles 4 and 7.3: the advisory team reports, members score, the council concludes
on the exact average and the star gates; the provincial chair certifies 3 and 4 stars and approves 90
points or more for the ministry. Who signs which star is in the regime's file.
"""

from fractions import Fraction
from typing import Annotated

from pydantic import Field

from domain.law.book import Regime, Rule
from domain.law.calendar import add_months
from domain.law.scoring import exact, outcome, points_of, total_of
from domain.product.command import Command, Context, current_dossier, expect, not_before, rules_of
from domain.product.facts import (
    AdvisoryReported,
    Choice,
    ProductFact,
    ProductNotRecognised,
    ProductRecognised,
    RescoringOrdered,
    ResultApproved,
    ResultNotified,
    ScoreSheetSubmitted,
    ScoringConcluded,
)
from domain.product.phases import Phase
from domain.product.state import Product
from domain.refusals import AgainstCouncilRules, AgainstTheLaw, Invalid, WrongOrder
from domain.values import Line, Paragraph, Reasons, Step

Choices = Annotated[tuple[Choice, ...], Field(max_length=100)]


class ReportAdvice(Command):
    """The advisory team's report (báo cáo tổ tư vấn) with its finding for every gated criterion."""

    name = "report-advice"
    step = Step.RATING
    vi = "Báo cáo của tổ tư vấn"
    en = "Report of the advisory team"

    report_number: Line
    findings: Choices
    site_visited: bool = False
    opinion: Paragraph = ""

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Every criterion that carries a star gate needs a finding."""
        expect(product, ctx, Phase.IN_BATCH)
        _, sheet = rules_of(product, ctx)
        if current_dossier(product).supplement_open:
            raise WrongOrder("Đang chờ chủ thể bổ sung hồ sơ.", "A supplement is still awaited.")
        found = points_of(sheet, self.findings, "findings")
        absent = [code for code in sheet.gates if code not in found]
        if absent:
            raise Invalid(
                f"Thiếu kết quả thẩm định cho tiêu chí: {', '.join(absent)}.",
                f"No finding for: {', '.join(absent)}.",
                field="findings",
                hint_vi="Mỗi tiêu chí có điều kiện sao cần một kết quả.",
                hint_en="Each criterion that carries a star gate needs a finding.",
            )
        fields = {name: getattr(self, name) for name in AdvisoryReported.model_fields}
        return [AdvisoryReported(**fields)]


class SubmitScoreSheet(Command):
    """Hand in a member's score sheet (phiếu đánh giá của thành viên hội đồng)."""

    name = "submit-score-sheet"
    step = Step.RATING
    vi = "Nộp phiếu đánh giá của thành viên hội đồng"
    en = "Hand in a score sheet"

    choices: Choices
    comment: Paragraph = ""

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """One complete sheet a member and round; the total is computed, never typed."""
        expect(product, ctx, Phase.ADVISED)
        _, sheet = rules_of(product, ctx)
        dossier = current_dossier(product)
        if ctx.actor.person in dossier.sheets:
            raise WrongOrder(
                "Thành viên này đã nộp phiếu cho vòng chấm hiện tại.",
                "This member has already handed in a sheet for this round.",
            )
        return [
            ScoreSheetSubmitted(
                member=ctx.actor.person,
                round=dossier.round,
                choices=self.choices,
                total=total_of(sheet, self.choices),
                comment=self.comment,
            )
        ]


def spread_of(totals: list[int]) -> int:
    """Largest minus smallest total, in points; 0 with fewer than two sheets."""
    return max(totals) - min(totals) if len(totals) > 1 else 0


def said(rule: Rule) -> str:
    """Where a rule of procedure comes from, so that nobody takes an office's setting for law."""
    return f"{rule.legal_basis}; {rule.mark}"


class OrderRescoring(Command):
    """Discuss and score again because totals lie too far apart (thảo luận, chấm lại)."""

    name = "order-rescoring"
    step = Step.RATING
    vi = "Thảo luận và chấm lại do chênh lệch điểm"
    en = "Discuss and score again"

    discussion: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Only when the spread exceeds the council's limit; the first round's sheets stay in history."""
        expect(product, ctx, Phase.ADVISED)
        regime, _ = rules_of(product, ctx)
        dossier = current_dossier(product)
        spread, limit = spread_of(list(dossier.sheets.values())), regime.council.max_spread
        if spread <= limit.value:
            raise WrongOrder(
                f"Chênh lệch {spread} điểm không vượt {limit.value} điểm.",
                f"A spread of {spread} points does not exceed {limit.value}.",
            )
        return [RescoringOrdered(discussion=self.discussion, round=dossier.round + 1, spread=spread)]


class ConcludeScoring(Command):
    """Conclude the scoring (kết luận chấm điểm): average, band, gates, stars."""

    name = "conclude-scoring"
    step = Step.RATING
    vi = "Kết luận chấm điểm của hội đồng"
    en = "Conclude the scoring"

    minutes_number: Line
    agreed: Choices = ()

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """``agreed`` replaces the advisory team's finding where the council agreed otherwise."""
        expect(product, ctx, Phase.ADVISED)
        regime, sheet = rules_of(product, ctx)
        dossier = current_dossier(product)
        totals = tuple(sorted(dossier.sheets.items()))
        rules = regime.council
        if len(totals) < rules.min_sheets.value:
            raise AgainstCouncilRules(
                f"Mới có {len(totals)} phiếu, cần ít nhất {rules.min_sheets.value} ({said(rules.min_sheets)}).",
                f"{len(totals)} sheets are in, {rules.min_sheets.value} are needed ({said(rules.min_sheets)}).",
            )
        spread = spread_of([total for _, total in totals])
        if spread > rules.max_spread.value:
            raise AgainstCouncilRules(
                f"Điểm chênh lệch {spread}, vượt {rules.max_spread.value} điểm ({said(rules.max_spread)}).",
                f"Totals differ by {spread}, more than {rules.max_spread.value} points ({said(rules.max_spread)}).",
                hint_vi="Hội đồng thảo luận và chấm lại.",
                hint_en="The council discusses and scores again (order-rescoring).",
            )
        agreed = {c.code: c for c in dossier.findings} | {c.code: c for c in self.agreed}
        points_of(sheet, self.agreed, "agreed")
        found = outcome(regime, sheet, (t for _, t in totals), points_of(sheet, agreed.values()))
        return [
            ScoringConcluded(
                minutes_number=self.minutes_number,
                round=dossier.round,
                totals=totals,
                agreed=tuple(agreed.values()),
                average=exact(found.average),
                band=found.band,
                missed=found.missed,
                stars=found.stars,
                regime=regime.id,
                sheet=sheet.id,
                rules_hash=ctx.law.rules_hash(regime.id, sheet.id),
            )
        ]


def _result(product: Product) -> ScoringConcluded:
    result = current_dossier(product).result
    if result is None:
        raise WrongOrder("Hội đồng chưa kết luận.", "The council has not concluded.")
    return result


def _keeps_better(product: Product, regime: Regime, stars: int) -> bool:
    """Whether an upgrade attempt ended below the star the product holds (inferred: the old one stays)."""
    held = product.certificate
    is_upgrade = current_dossier(product).kind == "upgrade"
    return regime.upgrade.keeps_better_certificate and is_upgrade and held is not None and stars < held.stars


class Recognise(Command):
    """Recognise the product and issue the certificate (công nhận, cấp giấy chứng nhận)."""

    name = "recognise"
    step = Step.RATING
    vi = "Quyết định công nhận và cấp giấy chứng nhận"
    en = "Recognise and certify"

    decision_number: Line
    signer: Line
    certificate_number: Line

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Stars are the council's; results from the pass-up threshold on go to the ministry instead."""
        expect(product, ctx, Phase.CONCLUDED)
        regime, sheet = rules_of(product, ctx)
        result, rating = _result(product), regime.rating
        if Fraction(result.average) >= rating.pass_up_from:
            raise AgainstTheLaw(
                f"Kết quả từ {rating.pass_up_from} điểm phải phê duyệt và trình Bộ ({rating.legal_basis}).",
                f"From {rating.pass_up_from} points the result is approved and sent up ({rating.legal_basis}).",
                hint_vi="Dùng lệnh approve-result.",
                hint_en="Use approve-result.",
            )
        if _keeps_better(product, regime, result.stars):
            raise AgainstTheLaw(
                f"Nâng hạng chỉ đạt {result.stars} sao: giấy chứng nhận hiện có giữ nguyên ({said(regime.upgrade)}).",
                f"The upgrade reached {result.stars} stars: the certificate held stays ({said(regime.upgrade)}).",
                hint_vi="Dùng lệnh decline-recognition.",
                hint_en="Use decline-recognition.",
            )
        if result.stars < rating.certifiable_from_stars:
            raise AgainstTheLaw(
                f"Kết quả {result.stars} sao: không công nhận, không cấp giấy ({rating.legal_basis}).",
                f"{result.stars} stars: no decision, no certificate ({rating.legal_basis}).",
                hint_vi="Dùng lệnh decline-recognition.",
                hint_en="Use decline-recognition.",
            )
        return [
            ProductRecognised(
                stars=result.stars,
                decision_number=self.decision_number,
                signer=self.signer,
                certificate_number=self.certificate_number,
                issued_on=ctx.effective_on,
                valid_to=add_months(ctx.effective_on, regime.certificate.months),
                regime=regime.id,
                rules_hash=ctx.law.rules_hash(regime.id, sheet.id),
            )
        ]


class DeclineRecognition(Command):
    """Close the case without a new certificate: below three stars, or an upgrade that failed (không công nhận)."""

    name = "decline-recognition"
    step = Step.RATING
    vi = "Không công nhận (dưới 3 sao)"
    en = "Decline recognition"

    reasons: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Only for results that cannot be certified."""
        expect(product, ctx, Phase.CONCLUDED)
        regime, sheet = rules_of(product, ctx)
        result, rating = _result(product), regime.rating
        below = result.stars < rating.certifiable_from_stars
        if not below and not _keeps_better(product, regime, result.stars):
            raise AgainstTheLaw(
                f"Kết quả {result.stars} sao đủ điều kiện công nhận ({rating.legal_basis}).",
                f"A result of {result.stars} stars is to be recognised ({rating.legal_basis}).",
            )
        return [
            ProductNotRecognised(
                stars=result.stars,
                reasons=self.reasons,
                legal_basis=rating.legal_basis if below else regime.upgrade.legal_basis,
                regime=regime.id,
                rules_hash=ctx.law.rules_hash(regime.id, sheet.id),
            )
        ]


class ApproveResult(Command):
    """Approve a result of 90 points or more for the ministry (phê duyệt kết quả, trình Bộ)."""

    name = "approve-result"
    step = Step.RATING
    vi = "Phê duyệt kết quả, trình Bộ"
    en = "Approve the result for the ministry"

    decision_number: Line
    signer: Line

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """A missed gate at this level is a warning: the centre judges (inferred)."""
        expect(product, ctx, Phase.CONCLUDED)
        regime, sheet = rules_of(product, ctx)
        result, rating = _result(product), regime.rating
        if Fraction(result.average) < rating.pass_up_from or result.stars < rating.certifiable_from_stars:
            raise AgainstTheLaw(
                f"Chỉ trình Bộ kết quả từ {rating.pass_up_from} điểm, đủ điều kiện 3 sao ({rating.legal_basis}).",
                f"Only results from {rating.pass_up_from} points that hold three stars go up ({rating.legal_basis}).",
            )
        return [
            ResultApproved(
                decision_number=self.decision_number,
                signer=self.signer,
                average=result.average,
                warnings=result.missed,
                regime=regime.id,
                rules_hash=ctx.law.rules_hash(regime.id, sheet.id),
            )
        ]


class NotifyResult(Command):
    """Tell commune and producer the result in writing (thông báo kết quả)."""

    name = "notify-result"
    step = Step.RATING
    vi = "Thông báo kết quả bằng văn bản"
    en = "Notify the result"

    letter_number: Line
    recipients: Annotated[tuple[Line, ...], Field(min_length=1, max_length=20)]

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Once per decided dossier."""
        dossier = current_dossier(product)
        if not dossier.decided or dossier.notified:
            raise WrongOrder(
                "Chưa có kết quả, hoặc kết quả đã được thông báo.",
                "There is no decided result, or it was already notified.",
            )
        not_before(product.since, ctx)
        return [ResultNotified(letter_number=self.letter_number, recipients=self.recipients)]


COMMANDS: tuple[type[Command], ...] = (
    ReportAdvice,
    SubmitScoreSheet,
    OrderRescoring,
    ConcludeScoring,
    Recognise,
    DeclineRecognition,
    ApproveResult,
    NotifyResult,
)
