"""The catalogue: everything that can happen to a product; here the facts of steps 1 to 4 and 6.

Step 5 is in ``rating_facts.py``, a certificate's life in ``certificate_facts.py``. A fact is past tense and
frozen. ``stored_name`` is written by hand and never changes; a change of shape raises ``fact_version`` and adds an
upcast. The envelope around a fact, and the upcasts, (who, when recorded, effective date, paper, source) are in
``application/recorded.py``. ``correctable`` lists the fields a later correction may mend: never points, stars or
regimes, since a decision is not corrected but taken again.
"""

from typing import Annotated, Literal, get_args

from pydantic import Field, JsonValue

from domain.product import certificate_facts as c
from domain.product import rating_facts as r
from domain.sealing import Sealable
from domain.stream import Fact
from domain.values import (
    CommuneCode,
    Count,
    Day,
    Dong,
    Line,
    Paragraph,
    Percent,
    Sha256,
    Step,
    Value,
)

ProductGroup = Literal["food", "drinks", "medicinal", "handicraft", "ornamental", "tourism"]
"""Six groups (ngành hàng) of Decision 26/2026, annex I."""

EntityKind = Literal[
    "cooperative",  # hợp tác xã
    "cooperative-group",  # tổ hợp tác
    "small-medium-enterprise",  # doanh nghiệp nhỏ và vừa
    "farm",  # trang trại
    "household",  # hộ sản xuất có đăng ký kinh doanh
    "association",  # hội; this and the next three for tourism only
    "federation",  # liên hiệp hội
    "operating-centre",  # trung tâm điều hành
    "equivalent-body",  # tổ chức tương đương
    "large-enterprise",  # doanh nghiệp lớn: not in the list of Article 2, so refused
]
Channel = Literal["direct", "agents", "retail-chain", "e-commerce", "export", "tourism"]


class Producer(Value):
    """The OCOP entity (chủ thể OCOP). ``registration`` is its business or tax number."""

    registration: Line
    name: Line
    kind: EntityKind
    address: Sealable[Line]
    representative: Sealable[Line | None] = None
    representative_is_woman: Sealable[bool | None] = None
    representative_ethnic_group: Sealable[Line | None] = None
    phone: Sealable[Line | None] = None
    email: Sealable[Line | None] = None


class Milestone(Value):
    """A milestone (mốc) of the business plan; ``code`` is unique within the plan."""

    code: Annotated[Line, Field(max_length=30)]
    title: Line
    due: Day


# ── Step 1: information and guidance (tuyên truyền, hướng dẫn) ────────────────────────────────


class ProductIdentified(Fact):
    """A potential or existing product was identified in a commune (phát hiện sản phẩm)."""

    stored_name = "product.identified"
    step = Step.OUTREACH
    correctable = frozenset({"name", "origin", "note"})
    name: Line
    commune: CommuneCode
    origin: Literal["potential", "existing"]
    cycle: Annotated[int, Field(ge=2018, le=2100)]
    note: Paragraph = ""


class GuidanceGiven(Fact):
    """Guidance was given (hướng dẫn, tập huấn) in a campaign, a class, a meeting or on site."""

    stored_name = "product.guidance-given"
    step = Step.OUTREACH
    correctable = frozenset({"title", "attendees", "given_by"})
    form: Literal["campaign", "class", "meeting", "on-site"]
    title: Line
    given_by: Line
    attendees: Count | None = None


class IdeaFormHandedOver(Fact):
    """The idea form was handed over (giao phiếu đăng ký ý tưởng)."""

    stored_name = "product.idea-form-handed-over"
    fact_version = 2
    step = Step.OUTREACH
    correctable = frozenset({"received_by", "form"})
    received_by: Sealable[Line]
    form: Literal["new-product", "existing-product"]


# ── Step 2: idea registration (đăng ký ý tưởng) ───────────────────────────────────────────────


class IdeaSubmitted(Fact):
    """The idea form was submitted (nộp phiếu đăng ký ý tưởng)."""

    stored_name = "product.idea-submitted"
    hand = "idea/submit"
    fact_version = 2
    step = Step.IDEA
    correctable = frozenset({"description", "market", "support_wanted", "present_state", "product_name"})
    producer: Producer
    product_name: Line
    group: ProductGroup
    description: Paragraph
    local_material: Paragraph
    local_material_percent: Percent | None = None
    local_labour: Count | None = None
    local_identity: Paragraph = ""
    market: Paragraph = ""
    present_state: Paragraph = ""
    support_wanted: Paragraph = ""


class IdeaReturned(Fact):
    """The idea was returned for completion (trả lại để bổ sung)."""

    stored_name = "product.idea-returned"
    hand = "idea/review"
    step = Step.IDEA
    reasons: Paragraph
    missing: tuple[Line, ...]


class IdeaEndorsed(Fact):
    """The commune put the idea into its plan (xã xác nhận, đưa vào kế hoạch)."""

    stored_name = "product.idea-endorsed"
    hand = "idea/review"
    step = Step.IDEA
    correctable = frozenset({"opinion"})
    opinion: Paragraph


class IdeaAccepted(Fact):
    """The idea was accepted (chấp thuận ý tưởng)."""

    stored_name = "product.idea-accepted"
    step = Step.IDEA
    opinion: Paragraph = ""


class IdeaRejected(Fact):
    """The idea was rejected (không chấp thuận), naming the tests it fails."""

    stored_name = "product.idea-rejected"
    step = Step.IDEA
    failed: tuple[Line, ...]
    reasons: Paragraph


class IdeaWithdrawn(Fact):
    """The producer withdrew the idea (rút ý tưởng)."""

    stored_name = "product.idea-withdrawn"
    step = Step.IDEA
    reason: Paragraph


# ── Step 3: business plan (phương án, dự án sản xuất kinh doanh) ──────────────────────────────


class PlanSubmitted(Fact):
    """The business plan was submitted (nộp phương án sản xuất kinh doanh). Money in VND."""

    stored_name = "product.plan-submitted"
    hand = "plan/submit"
    step = Step.PLAN
    correctable = frozenset({"aims", "technology", "packaging", "market"})
    aims: Paragraph
    material_area: Paragraph = ""
    technology: Paragraph = ""
    quality_papers: Paragraph = ""
    packaging: Paragraph = ""
    market: Paragraph = ""
    cost: Dong | None = None
    own_funds: Dong | None = None
    loans: Dong | None = None
    state_support: Dong | None = None
    turnover_forecast: Dong | None = None
    profit_forecast: Dong | None = None
    labour: Count | None = None
    target_stars: Annotated[int, Field(ge=3, le=5)] | None = None
    milestones: Annotated[tuple[Milestone, ...], Field(min_length=1, max_length=60)]


class PlanReturned(Fact):
    """The plan was returned for completion (trả lại phương án)."""

    stored_name = "product.plan-returned"
    hand = "plan/review"
    step = Step.PLAN
    reasons: Paragraph
    missing: tuple[Line, ...]


class PlanAccepted(Fact):
    """The plan was accepted (chấp thuận phương án); implementation may begin."""

    stored_name = "product.plan-accepted"
    step = Step.PLAN
    opinion: Paragraph = ""


class PlanAmended(Fact):
    """The running plan was amended (điều chỉnh phương án): its milestones from now on."""

    stored_name = "product.plan-amended"
    step = Step.PLAN
    reason: Paragraph
    milestones: Annotated[tuple[Milestone, ...], Field(min_length=1, max_length=60)]


# ── Step 4: implementation (triển khai) ───────────────────────────────────────────────────────


class MilestoneReached(Fact):
    """A milestone of the plan was reached (đạt mốc)."""

    stored_name = "product.milestone-reached"
    step = Step.IMPLEMENTATION
    correctable = frozenset({"note"})
    code: Line
    note: Paragraph = ""


EvidenceKind = Literal[
    "business-registration",  # đăng ký kinh doanh
    "production-licence",  # giấy phép sản xuất
    "food-safety-certificate",  # giấy chứng nhận đủ điều kiện an toàn thực phẩm
    "quality-declaration",  # công bố chất lượng
    "test-report",  # phiếu kiểm nghiệm
    "environment-papers",  # hồ sơ môi trường
    "material-origin",  # nguồn gốc nguyên liệu
    "linkage-contract",  # hợp đồng liên kết
    "sales-contract",  # hợp đồng tiêu thụ
    "labour-list",  # danh sách lao động
    "financial-statement",  # báo cáo tài chính
    "trademark",  # nhãn hiệu
    "design-or-patent",  # kiểu dáng, sáng chế
    "management-certificate",  # chứng nhận hệ thống quản lý (ISO, HACCP…)
    "area-certificate",  # chứng nhận vùng nguyên liệu
    "barcode-traceability",  # mã số mã vạch, truy xuất nguồn gốc
    "product-story",  # câu chuyện sản phẩm
    "publicity",  # quảng bá
    "award",  # giải thưởng
    "other",
]


class EvidenceObtained(Fact):
    """An evidence document was obtained (có tài liệu minh chứng). The file stays with its owner."""

    stored_name = "product.evidence-obtained"
    step = Step.IMPLEMENTATION
    correctable = frozenset({"number", "issuer", "issued_on", "expires_on"})
    kind: EvidenceKind
    number: Line
    issuer: Line
    issued_on: Day
    expires_on: Day | None = None
    sha256: Sha256


class CommitmentMade(Fact):
    """The producer committed itself (cam kết) on food safety or the environment."""

    stored_name = "product.commitment-made"
    step = Step.IMPLEMENTATION
    correctable = frozenset({"document"})
    about: Literal["food-safety", "environment"]
    document: Line


class BaselineRecorded(Fact):
    """What the product earned in a year before it took part (doanh thu, lợi nhuận trước khi tham gia), in VND."""

    stored_name = "product.baseline-recorded"
    step = Step.IMPLEMENTATION
    correctable = frozenset({"revenue", "profit"})
    year: Annotated[int, Field(ge=2000, le=2100)]
    revenue: Dong
    profit: Dong | None = None


class DifficultyReported(Fact):
    """A difficulty was reported (báo cáo khó khăn, vướng mắc)."""

    stored_name = "product.difficulty-reported"
    step = Step.IMPLEMENTATION
    correctable = frozenset({"description"})
    area: Literal["material", "credit", "technology", "labour", "market", "papers", "other"]
    description: Paragraph


class SupportGranted(Fact):
    """Support was granted (hỗ trợ). ``amount`` in VND where it has one."""

    stored_name = "product.support-granted"
    step = Step.IMPLEMENTATION
    correctable = frozenset({"description"})
    kind: Literal["training", "credit", "equipment", "packaging", "testing", "trademark", "advice", "other"]
    description: Paragraph
    granted_by: Line
    amount: Dong | None = None


class SiteVisited(Fact):
    """Officials visited the site (kiểm tra thực địa)."""

    stored_name = "product.site-visited"
    step = Step.IMPLEMENTATION
    correctable = frozenset({"findings"})
    findings: Paragraph


class ImplementationCompleted(Fact):
    """The plan was carried out (hoàn thành phương án)."""

    stored_name = "product.implementation-completed"
    step = Step.IMPLEMENTATION
    summary: Paragraph
    open_milestones: tuple[Line, ...]


class PlanAbandoned(Fact):
    """The plan was given up (dừng phương án)."""

    stored_name = "product.plan-abandoned"
    step = Step.IMPLEMENTATION
    reason: Paragraph


# ── Step 6: trade promotion (xúc tiến thương mại) ─────────────────────────────────────────────


class EcommerceListed(Fact):
    """The product was listed on an e-commerce platform (đưa lên sàn thương mại điện tử)."""

    stored_name = "product.ecommerce-listed"
    step = Step.PROMOTION
    platform: Line
    listing: Line


class EcommerceDelisted(Fact):
    """The listing was taken down (gỡ khỏi sàn)."""

    stored_name = "product.ecommerce-delisted"
    step = Step.PROMOTION
    platform: Line
    listing: Line
    reason: Paragraph


class FairAttended(Fact):
    """The product was shown at a fair (tham gia hội chợ)."""

    stored_name = "product.fair-attended"
    step = Step.PROMOTION
    correctable = frozenset({"fair", "place", "sales"})
    fair: Line
    place: Line
    sales: Dong | None = None


class PointOfSaleJoined(Fact):
    """The product entered a point of sale (điểm giới thiệu và bán sản phẩm OCOP)."""

    stored_name = "product.point-of-sale-joined"
    step = Step.PROMOTION
    correctable = frozenset({"point_of_sale", "address"})
    point_of_sale: Line
    address: Line


class RetailChainJoined(Fact):
    """A retail chain took the product up (vào chuỗi bán lẻ)."""

    stored_name = "product.retail-chain-joined"
    step = Step.PROMOTION
    correctable = frozenset({"chain", "stores"})
    chain: Line
    stores: Count


class ContractSigned(Fact):
    """A sales contract was signed (ký hợp đồng tiêu thụ). ``value`` in VND."""

    stored_name = "product.contract-signed"
    step = Step.PROMOTION
    correctable = frozenset({"number", "partner", "value"})
    number: Line
    partner: Line
    value: Dong | None = None
    runs_to: Day | None = None


class RevenueReported(Fact):
    """Revenue of a period and channel was reported (báo cáo doanh thu), in VND; ``profit``: lợi nhuận, where known."""

    stored_name = "product.revenue-reported"
    step = Step.PROMOTION
    correctable = frozenset({"amount", "profit"})
    period: Annotated[str, Field(pattern=r"^20[0-9]{2}(-(Q[1-4]|0[1-9]|1[0-2]))?$")]
    channel: Channel
    amount: Dong
    profit: Annotated[Dong | None, Field(exclude_if=lambda value: value is None)] = None


# ── Everywhere ────────────────────────────────────────────────────────────────────────────────


class JourneyWithdrawn(Fact):
    """The producer left the programme for this cycle (rút khỏi chương trình)."""

    stored_name = "product.journey-withdrawn"
    step = None
    reason: Paragraph


class FactCorrected(Fact):
    """An earlier fact was corrected (đính chính): the wrong one stays, this one names it.

    Personal fields in ``was`` and ``now`` are sealed as in the corrected fact, bound to their place in that one.
    """

    stored_name = "product.fact-corrected"
    fact_version = 2
    step = None
    corrected_version: Annotated[int, Field(ge=1)]
    corrected_name: Line
    was: dict[str, JsonValue]
    now: dict[str, JsonValue]
    reason: Paragraph
    authority: Line


ProductFact = (
    ProductIdentified
    | GuidanceGiven
    | IdeaFormHandedOver
    | IdeaSubmitted
    | IdeaReturned
    | IdeaEndorsed
    | IdeaAccepted
    | IdeaRejected
    | IdeaWithdrawn
    | PlanSubmitted
    | PlanReturned
    | PlanAccepted
    | PlanAmended
    | MilestoneReached
    | EvidenceObtained
    | CommitmentMade
    | BaselineRecorded
    | DifficultyReported
    | SupportGranted
    | SiteVisited
    | ImplementationCompleted
    | PlanAbandoned
    | r.DossierFiled
    | r.DossierRegistered
    | r.ProductNumbered
    | r.SupplementRequested
    | r.SupplementGiven
    | r.CommuneReportIssued
    | r.DossierForwarded
    | r.ProposedToProvince
    | r.AcceptedForBatch
    | r.DossierRejected
    | r.AdvisoryReported
    | r.PutOnAgenda
    | r.TakenOffAgenda
    | r.SheetsOpened
    | r.ScoreSheetSubmitted
    | r.RescoringOrdered
    | r.ScoringConcluded
    | r.ProductRecognised
    | r.ProductNotRecognised
    | r.ResultApproved
    | r.ResultSentBack
    | r.EvaluationReopened
    | r.ComplaintFiled
    | r.ComplaintSettled
    | r.ResultPublished
    | r.ResultNotified
    | r.DossierWithdrawn
    | EcommerceListed
    | EcommerceDelisted
    | FairAttended
    | PointOfSaleJoined
    | RetailChainJoined
    | ContractSigned
    | RevenueReported
    | c.CertificateNoticeDue
    | c.WrittenNoticeGiven
    | c.CertificateExpired
    | c.CertificateExtended
    | c.CertificateSuspended
    | c.SuspensionLifted
    | c.CertificateRevoked
    | c.EnteredFromRegister
    | c.RecognitionRecorded
    | c.ProducerRegistered
    | JourneyWithdrawn
    | FactCorrected
)

CATALOGUE: dict[str, type[ProductFact]] = {fact.stored_name: fact for fact in get_args(ProductFact)}
"""Stored name → fact class. What is not here cannot be stored or read."""
