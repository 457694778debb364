"""Where a product can stand in the cycle, in the words people use."""

from enum import StrEnum

from domain.values import Step


class Phase(StrEnum):
    """Where the product stands in the cycle."""

    NONE = "none"
    IDENTIFIED = "identified"
    FORM_HANDED_OVER = "form-handed-over"
    IDEA_SUBMITTED = "idea-submitted"
    IDEA_RETURNED = "idea-returned"
    IDEA_ENDORSED = "idea-endorsed"
    IDEA_ACCEPTED = "idea-accepted"
    IDEA_REJECTED = "idea-rejected"
    PLAN_SUBMITTED = "plan-submitted"
    PLAN_RETURNED = "plan-returned"
    IMPLEMENTING = "implementing"
    IMPLEMENTED = "implemented"
    PLAN_ABANDONED = "plan-abandoned"
    FILED = "filed"
    REPORTED = "reported"
    PROPOSED = "proposed"
    IN_BATCH = "in-batch"
    ADVISED = "advised"
    CONCLUDED = "concluded"
    DOSSIER_REJECTED = "dossier-rejected"
    DOSSIER_WITHDRAWN = "dossier-withdrawn"
    RECOGNISED = "recognised"
    NOT_RECOGNISED = "not-recognised"
    RESULT_APPROVED = "result-approved"
    SENT_BACK = "sent-back"
    REGISTERED = "registered"
    EXPIRED = "expired"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"


STEP_OF_PHASE: dict[Phase, Step] = {
    Phase.NONE: Step.OUTREACH,
    Phase.IDENTIFIED: Step.OUTREACH,
    Phase.FORM_HANDED_OVER: Step.OUTREACH,
    Phase.IDEA_SUBMITTED: Step.IDEA,
    Phase.IDEA_RETURNED: Step.IDEA,
    Phase.IDEA_ENDORSED: Step.IDEA,
    Phase.IDEA_ACCEPTED: Step.IDEA,
    Phase.IDEA_REJECTED: Step.IDEA,
    Phase.PLAN_SUBMITTED: Step.PLAN,
    Phase.PLAN_RETURNED: Step.PLAN,
    Phase.IMPLEMENTING: Step.IMPLEMENTATION,
    Phase.IMPLEMENTED: Step.IMPLEMENTATION,
    Phase.PLAN_ABANDONED: Step.IMPLEMENTATION,
    Phase.FILED: Step.RATING,
    Phase.REPORTED: Step.RATING,
    Phase.PROPOSED: Step.RATING,
    Phase.IN_BATCH: Step.RATING,
    Phase.ADVISED: Step.RATING,
    Phase.CONCLUDED: Step.RATING,
    Phase.DOSSIER_REJECTED: Step.RATING,
    Phase.DOSSIER_WITHDRAWN: Step.RATING,
    Phase.NOT_RECOGNISED: Step.RATING,
    Phase.RESULT_APPROVED: Step.RATING,
    Phase.SENT_BACK: Step.RATING,
    Phase.REGISTERED: Step.PROMOTION,
    Phase.EXPIRED: Step.PROMOTION,
    Phase.REVOKED: Step.PROMOTION,
    Phase.RECOGNISED: Step.PROMOTION,
    Phase.WITHDRAWN: Step.OUTREACH,
}

CLOSED = frozenset(
    {
        Phase.IDEA_REJECTED,
        Phase.PLAN_ABANDONED,
        Phase.DOSSIER_REJECTED,
        Phase.NOT_RECOGNISED,
        Phase.REVOKED,
        Phase.WITHDRAWN,
    }
)
"""Phases in which this cycle's registration is over without a star: the name is free again."""

PHASE_NAMES: dict[Phase, tuple[str, str]] = {
    Phase.NONE: ("chưa mở", "not opened"),
    Phase.IDENTIFIED: ("đã phát hiện", "identified"),
    Phase.FORM_HANDED_OVER: ("đã giao phiếu ý tưởng", "idea form handed over"),
    Phase.IDEA_SUBMITTED: ("đã nộp ý tưởng", "idea submitted"),
    Phase.IDEA_RETURNED: ("ý tưởng bị trả lại để bổ sung", "idea returned for completion"),
    Phase.IDEA_ENDORSED: ("ý tưởng đã được xã xác nhận", "idea endorsed"),
    Phase.IDEA_ACCEPTED: ("ý tưởng được chấp thuận", "idea accepted"),
    Phase.IDEA_REJECTED: ("ý tưởng không được chấp thuận", "idea rejected"),
    Phase.PLAN_SUBMITTED: ("đã nộp phương án", "plan submitted"),
    Phase.PLAN_RETURNED: ("phương án bị trả lại", "plan returned"),
    Phase.IMPLEMENTING: ("đang triển khai phương án", "plan being carried out"),
    Phase.IMPLEMENTED: ("đã hoàn thành phương án", "plan carried out"),
    Phase.PLAN_ABANDONED: ("đã dừng phương án", "plan abandoned"),
    Phase.FILED: ("hồ sơ đang ở xã", "dossier at the commune"),
    Phase.REPORTED: ("xã đã có báo cáo", "commune has reported"),
    Phase.PROPOSED: ("đã chuyển lên cấp đánh giá", "proposed for evaluation"),
    Phase.IN_BATCH: ("đã vào đợt đánh giá", "accepted for a batch"),
    Phase.ADVISED: ("tổ tư vấn đã báo cáo, hội đồng đang chấm", "advisory team has reported, council scoring"),
    Phase.CONCLUDED: ("hội đồng đã kết luận", "council has concluded"),
    Phase.DOSSIER_REJECTED: ("hồ sơ bị loại", "dossier rejected"),
    Phase.DOSSIER_WITHDRAWN: ("đã rút hồ sơ", "dossier withdrawn"),
    Phase.RECOGNISED: ("đã được công nhận", "recognised"),
    Phase.NOT_RECOGNISED: ("không được công nhận", "not recognised"),
    Phase.RESULT_APPROVED: ("đã phê duyệt kết quả, trình cấp trên", "result approved, on its way to the level above"),
    Phase.SENT_BACK: ("cấp trên trả kết quả về", "sent back by the level above"),
    Phase.REGISTERED: ("đã nhập từ sổ theo dõi", "entered from a register"),
    Phase.EXPIRED: ("giấy chứng nhận hết hiệu lực", "certificate expired"),
    Phase.REVOKED: ("giấy chứng nhận bị thu hồi", "certificate revoked"),
    Phase.WITHDRAWN: ("đã rút khỏi chương trình", "withdrawn"),
}
"""Vietnamese and English name of each phase."""
