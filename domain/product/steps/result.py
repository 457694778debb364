"""Step 5 continued: the advisory team's report, and what becomes of a result besides a decision in the book.

Sheets, spread and stars are the session's (``domain/session``); recognising, approving and revoking take a
number in the authority's book (``domain/book``).
"""

from datetime import date
from typing import Annotated

from pydantic import Field

from domain.command import Command, Context
from domain.law.models import MARK_NAMES, Level, Regime, Rule
from domain.law.scoring import points_of
from domain.product.command import ProductCommand, current_dossier, not_before, rules_of
from domain.product.facts import ProductFact
from domain.product.phases import Phase
from domain.product.rating_facts import (
    AdvisoryReported,
    Choice,
    ComplaintFiled,
    ComplaintSettled,
    EvaluationReopened,
    ProductNotRecognised,
    ResultNotified,
    ResultPublished,
    ResultSentBack,
    ScoringConcluded,
)
from domain.product.state import Product
from domain.product.steps.rating import passes_up
from domain.refusals import AgainstTheLaw, Invalid, WrongOrder
from domain.values import Line, Paragraph, Reasons, Step

Choices = Annotated[tuple[Choice, ...], Field(max_length=100)]


def said(rule: Rule) -> tuple[str, str]:
    """Where a rule comes from, in Vietnamese and English: nobody is to take an office's setting for law."""
    vi, en = MARK_NAMES[rule.mark]
    return f"{rule.legal_basis}; {vi}", f"{rule.legal_basis}; {en}"


def result_of(product: Product) -> ScoringConcluded:
    """The council's result; refuses when there is none."""
    result = current_dossier(product).result
    if result is None:
        raise WrongOrder("Hội đồng chưa kết luận.", "The council has not concluded.")
    return result


def keeps_better(product: Product, regime: Regime, stars: int, on: date | None = None) -> bool:
    """Whether an upgrade attempt ended below the star the product holds (inferred: the old one stays).

    Only a certificate that holds on the day of the decision stays; without a day, one that was not ended yet.
    """
    held = product.certificate
    if held is None or current_dossier(product).kind != "upgrade" or stars >= held.stars:
        return False
    holds = held.valid_on(on) if on else not (held.expired or held.revoked or held.suspended)
    return regime.upgrade.keeps_better_certificate and holds


def lost_meanwhile(product: Product) -> bool:
    """Whether the certificate that the dossier renews or upgrades was revoked while it was under way."""
    held, dossier = product.certificate, current_dossier(product)
    if held is None or not held.revoked or dossier.kind == "first-time":
        return False
    # One issued on this very dossier, revoked before it is evaluated again, takes nothing from it.
    return held.issued_on is None or held.issued_on <= dossier.filed_on


def check_not_lost(product: Product, ctx: Context) -> None:
    """Refuse to certify on a dossier that stands on a revoked certificate."""
    if lost_meanwhile(product):
        basis = ctx.law.regime_on(ctx.effective_on).revocation.legal_basis
        raise AgainstTheLaw(
            f"Giấy chứng nhận đã bị thu hồi trong khi hồ sơ đang được đánh giá ({basis}).",
            f"The certificate was revoked while its dossier was under way ({basis}).",
            field="products",
            hint_vi="Dùng lệnh decline-recognition; chủ thể nộp hồ sơ lần đầu.",
            hint_en="Use decline-recognition; the producer files a first-time dossier.",
        )


def goes_up(product: Product, regime: Regime, level: Level) -> bool:
    """Whether the result is approved here and decided by the level above."""
    stars = result_of(product).stars
    if product.phase is Phase.SENT_BACK or regime.level_above(level.code) is None:
        return False
    return passes_up(level, current_dossier(product)) and stars >= regime.rating.certifiable_from_stars


class ReportAdvice(ProductCommand):
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


class DeclineRecognition(ProductCommand):
    """Close the case without a new certificate: below three stars, an upgrade that failed, or revoked meanwhile."""

    name = "decline-recognition"
    step = Step.RATING
    vi = "Không công nhận (dưới 3 sao, hoặc nâng hạng không đạt)"
    en = "Decline recognition"

    reasons: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Only for results that cannot be certified."""
        regime, sheet = rules_of(product, ctx)
        result, rating = result_of(product), regime.rating
        below, lost = result.stars < rating.certifiable_from_stars, lost_meanwhile(product)
        if not below and not lost and not keeps_better(product, regime, result.stars, ctx.effective_on):
            raise AgainstTheLaw(
                f"Kết quả {result.stars} sao đủ điều kiện công nhận ({rating.legal_basis}).",
                f"A result of {result.stars} stars is to be recognised ({rating.legal_basis}).",
            )
        return [
            ProductNotRecognised(
                level=current_dossier(product).level,
                stars=result.stars,
                reasons=self.reasons,
                legal_basis=_basis(regime, below=below, lost=lost),
                regime=regime.id,
                rules_hash=ctx.law.rules_hash(regime.id, sheet.id),
            )
        ]


def _basis(regime: Regime, *, below: bool, lost: bool) -> str:
    rule: Rule = regime.rating if below else regime.revocation if lost else regime.upgrade
    return rule.legal_basis


class SendBackResult(ProductCommand):
    """Send a result that this level does not certify back to the one below, which settles it (trả kết quả về)."""

    name = "send-back-result"
    step = Step.RATING
    vi = "Trả kết quả về cấp dưới xử lý"
    en = "Send the result back to the level below"

    letter_number: Line

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Only where the regime's level sends back, and only results it cannot certify, its own or sent back to it."""
        regime, sheet = rules_of(product, ctx)
        result, level = result_of(product), regime.level(current_dossier(product).level)
        below = regime.level_below(level.code)
        if not level.sends_back or below is None or result.stars in level.certifies:
            raise AgainstTheLaw(
                f"Kết quả {result.stars} sao do cấp này quyết định ({level.legal_basis}).",
                f"A result of {result.stars} stars is this level's to decide ({level.legal_basis}).",
            )
        return [
            ResultSentBack(
                from_level=level.code,
                to_level=below.code,
                letter_number=self.letter_number,
                average=result.average,
                stars=result.stars,
                regime=regime.id,
                rules_hash=ctx.law.rules_hash(regime.id, sheet.id),
            )
        ]


class ReopenEvaluation(ProductCommand):
    """Evaluate again at the own level instead of deciding on the result sent back (cấp dưới tự đánh giá lại)."""

    name = "reopen-evaluation"
    step = Step.RATING
    vi = "Tổ chức đánh giá lại ở cấp mình"
    en = "Evaluate again at the own level"

    document: Line
    reasons: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """After a result was sent back."""
        level = current_dossier(product).level
        return [EvaluationReopened(level=level, because="own-evaluation", document=self.document, reasons=self.reasons)]


class OrderReevaluation(ProductCommand):
    """Order the evaluation to be done again (yêu cầu đánh giá lại): the top level's supervision."""

    name = "order-reevaluation"
    step = Step.RATING
    vi = "Yêu cầu đánh giá lại"
    en = "Order the evaluation to be done again"

    document: Line
    reasons: Reasons

    def acts_at(self, state: Product, regime: Regime | None) -> str | None:
        """The top level's act, wherever the dossier lies."""
        return regime.levels[-1].code if regime else None

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """After a decision on a council's result; a certificate stays until it is revoked or replaced."""
        result_of(product)  # a dossier withdrawn earlier has none to evaluate again
        dossier = current_dossier(product)
        return [
            EvaluationReopened(level=dossier.level, because="ordered", document=self.document, reasons=self.reasons)
        ]


class FileComplaint(ProductCommand):
    """File a complaint against a result (khiếu nại). The programme's rules set no term (general law applies)."""

    name = "file-complaint"
    step = Step.RATING
    vi = "Khiếu nại kết quả đánh giá"
    en = "File a complaint"

    number: Line
    complainant: Line
    grounds: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """After a result was decided; one at a time."""
        dossier = current_dossier(product)
        if not dossier.decided or dossier.result is None:
            raise WrongOrder("Chưa có kết quả để khiếu nại.", "There is no decided result to complain of.")
        if dossier.complaint_open:
            raise WrongOrder("Đang có một khiếu nại chưa giải quyết.", "Another complaint is not settled yet.")
        not_before(product.since, ctx)
        return [ComplaintFiled(number=self.number, complainant=self.complainant, grounds=self.grounds)]


class SettleComplaint(ProductCommand):
    """Settle the complaint (giải quyết khiếu nại); upheld with a new evaluation where that is decided."""

    name = "settle-complaint"
    step = Step.RATING
    vi = "Giải quyết khiếu nại"
    en = "Settle the complaint"

    number: Line
    upheld: bool
    evaluate_again: bool = False
    reasons: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """A new evaluation only where the complaint is upheld."""
        dossier = current_dossier(product)
        if not dossier.complaint_open:
            raise WrongOrder("Không có khiếu nại nào đang chờ.", "No complaint is waiting.")
        if self.evaluate_again and not self.upheld:
            raise Invalid(
                "Khiếu nại không được chấp nhận thì không đánh giá lại.",
                "A rejected complaint leads to no new evaluation.",
                field="evaluate_again",
            )
        if self.evaluate_again and not dossier.decided:
            raise WrongOrder(
                "Hồ sơ đã được chuyển lên cấp trên hoặc đang được đánh giá lại.",
                "The dossier went up meanwhile, or is being evaluated again already.",
                field="evaluate_again",
                hint_vi="Giải quyết khiếu nại mà không đánh giá lại ở bước này.",
                hint_en="Settle the complaint without a new evaluation here.",
            )
        not_before(product.since, ctx)
        settled = ComplaintSettled(
            number=self.number, outcome="upheld" if self.upheld else "rejected", reasons=self.reasons
        )
        facts: list[ProductFact] = [settled]
        if self.evaluate_again:
            facts.append(
                EvaluationReopened(level=dossier.level, because="complaint", document=self.number, reasons=self.reasons)
            )
        return facts


class PublishResult(ProductCommand):
    """Make the recognition public (công bố kết quả trên phương tiện thông tin)."""

    name = "publish-result"
    step = Step.RATING
    vi = "Công bố kết quả công nhận"
    en = "Make the recognition public"

    medium: Line
    address: Line

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Once per recognition; a dossier that ended without one has nothing to make public."""
        if current_dossier(product).published:
            raise WrongOrder(
                "Không có kết quả công nhận nào chưa công bố.", "There is no recognition left to make public."
            )
        return [ResultPublished(medium=self.medium, address=self.address)]


class NotifyResult(ProductCommand):
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
    DeclineRecognition,
    SendBackResult,
    ReopenEvaluation,
    OrderReevaluation,
    FileComplaint,
    SettleComplaint,
    PublishResult,
    NotifyResult,
)
