"""Facts of step 5, evaluation and star rating (đánh giá, phân hạng), at every level a regime knows.

Names and rules of ``facts.py`` hold. A level is named by its code in the regime's file; the commune's code
is "commune". Two facts are only read, from journals written before councils had sessions: they say so.
"""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from domain.sealing import Sealable
from domain.stream import Fact
from domain.values import (
    AreaCode,
    Count,
    Day,
    ExactPoints,
    Line,
    Paragraph,
    Points,
    Sha256,
    Stars,
    Step,
    Value,
)

SessionForm = Literal["meeting", "written"]  # họp; lấy ý kiến bằng văn bản
ConflictGround = Literal[
    "own-product",  # sản phẩm của chính mình
    "employer",  # của nơi mình làm việc
    "relative",  # của người thân
    "guidance",  # đã tư vấn, hướng dẫn sản phẩm
    "other",
]
DossierKind = Literal["first-time", "upgrade", "re-evaluation"]  # lần đầu, nâng hạng, đánh giá lại
LevelCode = Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,20}$")]
"""A level's code as the regime's file has it, or "commune"."""


class LocalMatter(Value):
    """One of the four local matters of Form 03: the entity's own account and the commune's finding."""

    account: Paragraph
    finding: Paragraph


class Choice(Value):
    """One option chosen on a sheet: ``option`` counts from 0 in the sheet's order.

    None means that no option is met: 0 points, where the sheet has no option of 0 points.
    """

    code: Annotated[Line, Field(max_length=20)]
    option: Annotated[int, Field(ge=0, le=100)] | None


class DossierFiled(Fact):
    """The dossier was filed at the commune (nộp hồ sơ): the regime is pinned here.

    ``regime`` and ``rules_hash`` name the rule files in force on the filing date; ``report_due`` is
    the last day of the commune's review, None where those rules set none.
    """

    stored_name = "product.dossier-filed"
    hand = "dossier/submit"
    step = Step.RATING
    kind: DossierKind
    sheet: Line
    self_report: Paragraph
    self_score: Points
    samples: Annotated[int, Field(ge=0, le=50)]
    evidence: tuple[Sha256, ...]
    regime: Line
    rules_hash: Sha256
    report_due: Day | None


class DossierRegistered(Fact):
    """The dossier was entered in an intake register (vào sổ tiếp nhận) of the commune or the province."""

    stored_name = "product.dossier-registered"
    hand = "dossier/review"
    step = Step.RATING
    correctable = frozenset({"slip_number", "received_by"})
    level: LevelCode
    slip_number: Line
    received_by: Line


class ProductNumbered(Fact):
    """The product got its number (mã số sản phẩm) for this evaluation, out of the commune's book of the year."""

    stored_name = "product.numbered"
    step = Step.RATING
    product_number: Line
    book: UUID | None


class SupplementRequested(Fact):
    """A supplement was asked for (yêu cầu bổ sung hồ sơ)."""

    stored_name = "product.supplement-requested"
    hand = "dossier/review"
    step = Step.RATING
    level: LevelCode
    items: Annotated[tuple[Line, ...], Field(min_length=1, max_length=50)]
    due: Day | None = None


class SupplementGiven(Fact):
    """The supplement was given (bổ sung hồ sơ); ``report_due`` is the review's new last day, if any."""

    stored_name = "product.supplement-given"
    hand = "dossier/submit"
    step = Step.RATING
    answer: Paragraph
    evidence: tuple[Sha256, ...] = ()
    report_due: Day | None = None


class CommuneReportIssued(Fact):
    """The commune issued its report (báo cáo, Biểu mẫu 03): four local matters, no points."""

    stored_name = "product.commune-report-issued"
    hand = "dossier/review"
    step = Step.RATING
    correctable = frozenset({"number"})
    number: Line
    local_material: LocalMatter
    local_labour: LocalMatter
    origin_of_idea: Paragraph
    local_identity: Paragraph
    meeting_held: bool = False
    late_days: Count = 0


class DossierForwarded(Fact):
    """The dossier went up to the next level (chuyển, trình hồ sơ lên cấp trên) with a letter.

    The letter's own date decides the batch; ``batch_done``: the batch is done before that day. A
    re-evaluation has its own time limit instead of a batch ("renewal"); a level without batches in its
    rules has neither ("-").
    """

    stored_name = "product.dossier-forwarded"
    step = Step.RATING
    correctable = frozenset({"letter_number"})
    from_level: LevelCode
    to_level: LevelCode
    letter_number: Line
    batch: Line
    batch_cut_off: Day | None
    batch_done: Day | None
    regime: Line
    rules_hash: Sha256


class ProposedToProvince(Fact):
    """Read only: the commune's proposal to the province, as written before ``DossierForwarded``."""

    stored_name = "product.proposed-to-province"
    step = Step.RATING
    correctable = frozenset({"letter_number"})
    letter_number: Line
    batch: Line
    batch_cut_off: Day | None
    batch_done: Day
    regime: Line
    rules_hash: Sha256


class AcceptedForBatch(Fact):
    """The province accepted the dossier for a batch (tiếp nhận đủ điều kiện đánh giá)."""

    stored_name = "product.accepted-for-batch"
    hand = "dossier/review"
    step = Step.RATING
    batch: Line
    samples_received: Annotated[int, Field(ge=0, le=50)]


class DossierRejected(Fact):
    """The dossier was rejected before scoring (hồ sơ bị loại) on a legal ground."""

    stored_name = "product.dossier-rejected"
    hand = "dossier/review"
    step = Step.RATING
    ground: Line
    legal_basis: Line
    details: Paragraph
    regime: Line
    rules_hash: Sha256


class AdvisoryReported(Fact):
    """The advisory team reported (báo cáo của tổ tư vấn) with its finding per gated criterion."""

    stored_name = "product.advisory-reported"
    hand = "dossier/review"
    step = Step.RATING
    correctable = frozenset({"report_number"})
    report_number: Line
    findings: tuple[Choice, ...]
    site_visited: bool = False
    opinion: Paragraph = ""


class PutOnAgenda(Fact):
    """The dossier was put on the agenda of a council's session (đưa vào chương trình phiên họp hội đồng)."""

    stored_name = "product.put-on-agenda"
    step = Step.RATING
    session: UUID
    council: UUID
    level: LevelCode
    form: SessionForm
    held_on: Day


class TakenOffAgenda(Fact):
    """The session was cancelled: the dossier waits for another one (đưa ra khỏi chương trình phiên họp)."""

    stored_name = "product.taken-off-agenda"
    step = Step.RATING
    session: UUID
    reason: Paragraph


class Conflict(Value):
    """A member's conflict of interest with a product (xung đột lợi ích): this member did not score it."""

    member: Line
    ground: ConflictGround
    found: Literal["declared", "detected"]
    note: Paragraph = ""


class MemberSheet(Value):
    """A member's opened score sheet (phiếu đánh giá): one option per criterion, the total computed.

    ``sealed``: SHA-256 of the sealed sheet this one was opened from.
    """

    member: Line
    capacity: Line
    choices: tuple[Choice, ...]
    total: Points
    comment: Paragraph = ""
    sealed: Sha256


class Procedure(Value):
    """The council's rules of procedure in force for a scoring (quy chế hội đồng).

    ``max_spread`` in points, exact. ``gate_test``: gates are tested on the options the council agreed on,
    or on the exact average of the members' points. ``basis``: where each value comes from.
    """

    quorum_percent: Annotated[int, Field(ge=1, le=100)]
    chair_present: bool
    min_members: Annotated[int, Field(ge=1, le=100)]
    max_spread: ExactPoints
    rescoring: bool
    shown_digits: Annotated[int, Field(ge=0, le=6)]
    notice_working_days: Annotated[int, Field(ge=0, le=60)]
    gate_test: Literal["agreed", "average"]
    guidance_is_conflict: bool
    basis: dict[str, Line]


class SheetsOpened(Fact):
    """The round's sealed sheets were opened, all at once (mở niêm phong phiếu đánh giá).

    Carries all that the round's result rests on: attendance, quorum, conflicts, every choice of every
    member, and the rules of procedure.
    """

    stored_name = "product.sheets-opened"
    step = Step.RATING
    session: UUID
    council: UUID
    council_number: Line
    level: LevelCode
    form: SessionForm
    held_on: Day
    round: Annotated[int, Field(ge=1)]
    voting: tuple[Line, ...]
    present: tuple[Line, ...]
    quorum: Annotated[int, Field(ge=1)]
    chair_present: bool
    conflicts: tuple[Conflict, ...]
    sheets: tuple[MemberSheet, ...]
    procedure: Procedure


class ScoreSheetSubmitted(Fact):
    """Read only: a score sheet in the open, as written before councils had sessions with sealed sheets."""

    stored_name = "product.score-sheet-submitted"
    step = Step.RATING
    member: Line
    round: Annotated[int, Field(ge=1)]
    choices: tuple[Choice, ...]
    total: Points
    comment: Paragraph = ""


class RescoringOrdered(Fact):
    """Totals lay too far apart; the council discussed and scores again (thảo luận, chấm lại)."""

    stored_name = "product.rescoring-ordered"
    step = Step.RATING
    discussion: Paragraph
    round: Annotated[int, Field(ge=2)]
    spread: Points


class Gate(Value):
    """A star gate (điều kiện tối thiểu) tested on one criterion: points needed and found."""

    code: Line
    stars: Stars
    needed: Points
    found: ExactPoints


class ScoringConcluded(Fact):
    """The council concluded (kết luận chấm điểm): exact average, band, gates, and the star reached.

    Carries every input of the computation, so that it can be done again: members' totals, the options
    agreed for gated criteria, the regime and the hash of its rule files. ``session`` is None for results
    written before councils had sessions.
    """

    stored_name = "product.scoring-concluded"
    fact_version = 2
    step = Step.RATING
    correctable = frozenset({"minutes_number"})
    level: LevelCode
    session: UUID | None
    minutes_number: Line
    round: Annotated[int, Field(ge=1)]
    gate_test: Literal["agreed", "average"]
    totals: tuple[tuple[Line, Points], ...]
    agreed: tuple[Choice, ...]
    average: ExactPoints
    band: Stars
    missed: tuple[Gate, ...]
    stars: Stars
    regime: Line
    sheet: Line
    rules_hash: Sha256


class DataWarning(Value):
    """Something about a date or an authority that a jurist should look at (cảnh báo dữ liệu)."""

    code: Line
    vi: Line
    en: Line


class ProductRecognised(Fact):
    """The product was recognised (công nhận) and certified (cấp giấy chứng nhận).

    ``authority``: area of the authority that signed, "" in journals that did not say it. ``book``: the
    authority's book of decisions of the year. ``product_number``: mã số sản phẩm.
    """

    stored_name = "product.recognised"
    fact_version = 2
    step = Step.RATING
    stars: Annotated[int, Field(ge=3, le=5)]
    decision_number: Line
    signer: Line
    certificate_number: Line
    issued_on: Day
    valid_to: Day
    regime: Line
    rules_hash: Sha256
    level: LevelCode
    authority: AreaCode | Literal[""]
    book: UUID | None
    product_number: Line | None
    warnings: tuple[DataWarning, ...]


class ProductNotRecognised(Fact):
    """No new decision, no certificate (không công nhận): below three stars, or an upgrade that failed."""

    stored_name = "product.not-recognised"
    fact_version = 2
    step = Step.RATING
    level: LevelCode
    stars: Stars
    reasons: Paragraph
    legal_basis: Line
    regime: Line
    rules_hash: Sha256


class ResultApproved(Fact):
    """The province approved a result that goes up to the ministry (phê duyệt kết quả, trình Bộ)."""

    stored_name = "product.result-approved"
    fact_version = 2
    step = Step.RATING
    level: LevelCode
    book: UUID | None
    decision_number: Line
    signer: Line
    average: ExactPoints
    warnings: tuple[Gate, ...]
    regime: Line
    rules_hash: Sha256


class ResultSentBack(Fact):
    """The level above did not certify the result; the level below settles it (trả kết quả để cấp dưới xử lý)."""

    stored_name = "product.result-sent-back"
    hand = "dossier/review"
    step = Step.RATING
    correctable = frozenset({"letter_number"})
    from_level: LevelCode
    to_level: LevelCode
    letter_number: Line
    average: ExactPoints
    stars: Stars
    regime: Line
    rules_hash: Sha256


class EvaluationReopened(Fact):
    """The dossier is evaluated again (đánh giá lại từ đầu ở một cấp): own evaluation, order, or complaint."""

    stored_name = "product.evaluation-reopened"
    step = Step.RATING
    level: LevelCode
    because: Literal["own-evaluation", "ordered", "complaint"]
    document: Line
    reasons: Paragraph


class ComplaintFiled(Fact):
    """A complaint against a result was filed (khiếu nại). No deadline is in the rules of the programme."""

    stored_name = "product.complaint-filed"
    fact_version = 2
    step = Step.RATING
    correctable = frozenset({"number"})
    number: Line
    complainant: Sealable[Line]
    grounds: Paragraph


class ComplaintSettled(Fact):
    """The complaint was settled (giải quyết khiếu nại)."""

    stored_name = "product.complaint-settled"
    step = Step.RATING
    correctable = frozenset({"number"})
    number: Line
    outcome: Literal["upheld", "rejected"]
    reasons: Paragraph


class ResultPublished(Fact):
    """The recognition was made public (công bố kết quả): where, and under which address."""

    stored_name = "product.result-published"
    step = Step.RATING
    correctable = frozenset({"medium", "address"})
    medium: Line
    address: Line


class ResultNotified(Fact):
    """Commune and producer were told the result in writing (thông báo kết quả)."""

    stored_name = "product.result-notified"
    step = Step.RATING
    correctable = frozenset({"letter_number"})
    letter_number: Line
    recipients: Annotated[tuple[Line, ...], Field(min_length=1, max_length=20)]


class DossierWithdrawn(Fact):
    """The producer withdrew the dossier before a decision (rút hồ sơ)."""

    stored_name = "product.dossier-withdrawn"
    step = Step.RATING
    reason: Paragraph
