"""Named refusals: a caller's mistake, answered in both languages and never stored in a stream.

A negative result the law cares about (idea rejected, score too low) is a fact, not a refusal.
"""

from typing import Any, ClassVar, Self


class Refusal(Exception):
    """Base: ``code`` names the kind, ``vi`` and ``en`` say what is wrong, ``hint_*`` what to do."""

    code: ClassVar[str] = "refused"

    def __init__(self, vi: str, en: str, *, field: str | None = None, hint_vi: str = "", hint_en: str = "") -> None:
        super().__init__(en)
        self.vi, self.en, self.field = vi, en, field
        self.hint_vi, self.hint_en = hint_vi, hint_en
        self.rule = ""
        """Id of the rule that denies, where one does."""
        self.actor: Any = None
        """In which of several roles it was refused."""

    def by(self, rule: str) -> Self:
        """The same, naming the rule that denies."""
        self.rule = rule
        return self


class WrongOrder(Refusal):
    """The product does not stand where this command is possible (sai trình tự)."""

    code = "wrong-order"


class Invalid(Refusal):
    """A field contradicts the case, the calendar or the register (nội dung không hợp lệ)."""

    code = "invalid-content"


class AgainstTheLaw(Refusal):
    """The rules in force forbid it; the message names the article (trái quy định)."""

    code = "against-the-law"


class AgainstCouncilRules(Refusal):
    """The council's rules of procedure, as set for it, forbid it (trái quy chế hội đồng)."""

    code = "against-council-rules"


class NoRegime(Refusal):
    """No loaded set of rules governs that day (không có quy định áp dụng)."""

    code = "no-regime"


class NotAllowed(Refusal):
    """The caller's role does not carry this command (không đúng thẩm quyền)."""

    code = "role-not-allowed"


class DutiesSeparated(Refusal):
    """The person, or who delegated to him, had another hand in the same matter (vi phạm phân tách nhiệm vụ)."""

    code = "duties-separated"


class NotHeld(Refusal):
    """The role was not held on the day of the act, or is held no more (không giữ quyền vào ngày đó)."""

    code = "role-not-held"


class OutsideArea(Refusal):
    """The case lies outside the caller's area, or belongs to another producer (ngoài địa bàn)."""

    code = "outside-area"


class NotFound(Refusal):
    """No such product (không tìm thấy sản phẩm)."""

    code = "not-found"


class CaseRuns(Refusal):
    """Personal data is still needed: a case of the subject runs (hồ sơ của chủ thể đang được giải quyết)."""

    code = "case-runs"


class HeldElsewhere(Refusal):
    """The same key seals what lies outside the decider's area (dữ liệu còn phục vụ hồ sơ ngoài địa bàn)."""

    code = "held-elsewhere"


class StaleVersion(Refusal):
    """If-Match names an older version: somebody acted in between (phiên bản đã cũ)."""

    code = "stale-version"


class KeyReused(Refusal):
    """The idempotency key was used for another request (khóa lặp đã dùng cho yêu cầu khác)."""

    code = "idempotency-key-reused"


class AlreadyRegistered(Refusal):
    """An open registration exists for this producer, product name and cycle (đã đăng ký)."""

    code = "already-registered"


class BrokenSeal(Refusal):
    """Sealed content does not open: altered, moved, or its key is gone (không mở được niêm phong)."""

    code = "broken-seal"


class RolledBack(Refusal):
    """The log holds less than was signed before: an older state was restored (nhật ký bị lùi). Nothing is added."""

    code = "log-rolled-back"


class Busy(Refusal):
    """The store cannot take the command now; nothing was stored, try again (hệ thống bận)."""

    code = "busy"
