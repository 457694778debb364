"""Step 4, carrying the plan out (triển khai phương án, dự án).

The product is made ready and its evidence gathered: milestones, documents with their expiry,
commitments, difficulties, support. Files stay with their owner; the fact keeps the file's hash.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from domain.command import Command, Context
from domain.product.command import ProductCommand, expect_open
from domain.product.facts import (
    BaselineRecorded,
    CommitmentMade,
    DifficultyReported,
    EvidenceKind,
    EvidenceObtained,
    ImplementationCompleted,
    MilestoneReached,
    PlanAbandoned,
    ProductFact,
    SiteVisited,
    SupportGranted,
)
from domain.product.phases import Phase
from domain.product.state import Product
from domain.refusals import Invalid, WrongOrder
from domain.values import Day, Dong, Line, Paragraph, Reasons, Sha256, Step


class ReachMilestone(ProductCommand):
    """Record that a milestone was reached (đạt mốc)."""

    name = "reach-milestone"
    step = Step.IMPLEMENTATION
    vi = "Ghi nhận đạt mốc của phương án"
    en = "Record a milestone reached"

    code: Line
    note: Paragraph = ""

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """The milestone must be in the plan, also one left open when the plan was completed; twice changes nothing."""
        if self.code not in product.milestones:
            raise Invalid(
                f"Phương án không có mốc “{self.code}”.",
                f"The plan has no milestone “{self.code}”.",
                field="code",
                hint_vi=f"Các mốc: {', '.join(product.milestones)}.",
                hint_en=f"Milestones: {', '.join(product.milestones)}.",
            )
        if self.code in product.reached:
            return []
        return [MilestoneReached(code=self.code, note=self.note)]


class RecordEvidence(ProductCommand):
    """Record an evidence document (tài liệu minh chứng)."""

    name = "record-evidence"
    step = Step.IMPLEMENTATION
    vi = "Ghi nhận tài liệu minh chứng"
    en = "Record an evidence document"

    kind: EvidenceKind
    number: Line
    issuer: Line
    issued_on: Day
    expires_on: Day | None = None
    sha256: Sha256

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Refuses expired or post-dated documents; the same file twice changes nothing."""
        expect_open(product, ctx, from_phase=Phase.IDEA_ACCEPTED)
        check_validity(self.issued_on, self.expires_on, ctx.effective_on)
        known = product.evidence.get(self.sha256)
        if known is not None:
            if (known.kind, known.number) == (self.kind, self.number):
                return []
            raise Invalid(
                f"Tệp này đã được ghi nhận là {known.kind} số {known.number}.",
                f"This file is already recorded as {known.kind} number {known.number}.",
                field="sha256",
            )
        fields = {name: getattr(self, name) for name in EvidenceObtained.model_fields}
        return [EvidenceObtained(**fields)]


def check_validity(issued_on: date, expires_on: date | None, day: date) -> None:
    """Refuse a document that is issued after, or expired before, the day it is recorded."""
    if issued_on > day:
        raise Invalid("Ngày cấp ở sau ngày ghi nhận.", "Issued after the day it is recorded.", field="issued_on")
    if expires_on is not None and expires_on < max(issued_on, day):
        raise Invalid(
            f"Tài liệu đã hết hạn ngày {expires_on:%d/%m/%Y}.",
            f"The document expired on {expires_on.isoformat()}.",
            field="expires_on",
            hint_vi="Nộp tài liệu còn hiệu lực.",
            hint_en="Bring a document that is still valid.",
        )


class MakeCommitment(ProductCommand):
    """Commit to food safety or the environment (cam kết)."""

    name = "make-commitment"
    step = Step.IMPLEMENTATION
    vi = "Cam kết an toàn thực phẩm, bảo vệ môi trường"
    en = "Make a commitment"

    about: Literal["food-safety", "environment"]
    document: Line

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """The same commitment twice changes nothing."""
        expect_open(product, ctx, from_phase=Phase.IDEA_ACCEPTED)
        if self.about in product.commitments:
            return []
        return [CommitmentMade(about=self.about, document=self.document)]


class RecordBaseline(ProductCommand):
    """Record what the product earned in a year before it took part (doanh thu trước khi tham gia), in whole VND.

    Plans promise a multiple of it. Where it is not recorded, such figures say that it is missing.
    """

    name = "record-baseline"
    step = Step.IMPLEMENTATION
    vi = "Ghi doanh thu, lợi nhuận trước khi tham gia"
    en = "Record what it earned before taking part"

    year: Annotated[int, Field(ge=2000, le=2100)]
    revenue: Dong
    profit: Dong | None = None

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Once: a wrong amount is corrected. Of a year that is over."""
        expect_open(product, ctx, from_phase=Phase.IDEA_SUBMITTED)
        if self.year >= ctx.effective_on.year:
            raise Invalid(f"Năm {self.year} chưa kết thúc.", f"The year {self.year} is not over.", field="year")
        if product.baseline:
            raise WrongOrder(
                "Doanh thu trước khi tham gia đã được ghi.",
                "What it earned before taking part is recorded already.",
                hint_vi="Nếu số liệu sai thì đính chính.",
                hint_en="If the amount is wrong, correct that fact.",
            )
        return [BaselineRecorded(year=self.year, revenue=self.revenue, profit=self.profit)]


class ReportDifficulty(ProductCommand):
    """Report a difficulty (khó khăn, vướng mắc)."""

    name = "report-difficulty"
    step = Step.IMPLEMENTATION
    vi = "Báo cáo khó khăn, vướng mắc"
    en = "Report a difficulty"

    area: Literal["material", "credit", "technology", "labour", "market", "papers", "other"]
    description: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """At any time from the accepted idea on."""
        expect_open(product, ctx, from_phase=Phase.IDEA_ACCEPTED)
        return [DifficultyReported(area=self.area, description=self.description)]


class GrantSupport(ProductCommand):
    """Record support granted (hỗ trợ), in VND where it has an amount."""

    name = "grant-support"
    step = Step.IMPLEMENTATION
    vi = "Ghi nhận hỗ trợ"
    en = "Record support granted"

    kind: Literal["training", "credit", "equipment", "packaging", "testing", "trademark", "advice", "other"]
    description: Reasons
    granted_by: Line
    amount: Dong | None = None

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """At any time from the accepted idea on."""
        expect_open(product, ctx, from_phase=Phase.IDEA_ACCEPTED)
        fields = {name: getattr(self, name) for name in SupportGranted.model_fields}
        return [SupportGranted(**fields)]


class VisitSite(ProductCommand):
    """Record a site visit (kiểm tra thực địa)."""

    name = "visit-site"
    step = Step.IMPLEMENTATION
    vi = "Ghi nhận kiểm tra thực địa"
    en = "Record a site visit"

    findings: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """At any time from the accepted idea on."""
        expect_open(product, ctx, from_phase=Phase.IDEA_ACCEPTED)
        return [SiteVisited(findings=self.findings)]


class CompleteImplementation(ProductCommand):
    """Declare the plan carried out (hoàn thành phương án)."""

    name = "complete-implementation"
    step = Step.IMPLEMENTATION
    vi = "Hoàn thành phương án"
    en = "Complete the plan"

    summary: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Milestones still open are named in the fact, not hidden."""
        if product.phase is Phase.IMPLEMENTED:
            return []
        left = tuple(code for code in product.milestones if code not in product.reached)
        return [ImplementationCompleted(summary=self.summary, open_milestones=left)]


class AbandonPlan(ProductCommand):
    """Give the plan up (dừng phương án)."""

    name = "abandon-plan"
    step = Step.IMPLEMENTATION
    vi = "Dừng phương án"
    en = "Abandon the plan"

    reason: Reasons

    def decide(self, product: Product, ctx: Context) -> list[ProductFact]:
        """Possible from the submitted plan until a dossier is filed."""
        return [PlanAbandoned(reason=self.reason)]


COMMANDS: tuple[type[Command], ...] = (
    ReachMilestone,
    RecordEvidence,
    MakeCommitment,
    RecordBaseline,
    ReportDifficulty,
    GrantSupport,
    VisitSite,
    CompleteImplementation,
    AbandonPlan,
)
