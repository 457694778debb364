"""What a person is told when a login with the OpenID provider fails: a problem, or a page in a browser."""

import html
import re

import structlog
from fastapi import Request
from fastapi.responses import HTMLResponse, Response

from api.openid_provider import CodeRefused, ProviderUnusable
from api.problems import PROBLEMS, Problem, problem_response
from application.access.id_token import IDTokenRefused
from application.access.openid_logins import LoginLost

log = structlog.get_logger(__name__)

_AGAIN_VI = "Đăng nhập lại từ đầu; chưa có phiên làm việc nào được mở."
_AGAIN_EN = "Log in again from the beginning; no session was opened."
_OPERATOR_VI = "Báo người vận hành: kiểm tra cấu hình OCOP_OPENID_* và nhà cung cấp danh tính."
_OPERATOR_EN = "Tell the operator: check the OCOP_OPENID_* settings and the identity provider."

_LOST: dict[str, tuple[str, str, str]] = {
    # reason: (problem code, Vietnamese, English)
    "unknown": ("openid-state", "Không có lần đăng nhập nào như vậy.", "There is no such login."),
    "used": ("openid-state", "Lần đăng nhập này đã dùng rồi.", "This login has been used already."),
    "expired": ("openid-state", "Lần đăng nhập này đã quá 10 phút.", "This login is older than 10 minutes."),
    "other-browser": (
        "openid-other-browser",
        "Lần đăng nhập này bắt đầu ở trình duyệt khác.",
        "This login was begun in another browser.",
    ),
}
_TOKEN: dict[str, tuple[str, str]] = {
    "malformed": ("không đọc được", "cannot be read"),
    "type": ("không phải loại ID token", "is not of the type of an ID token"),
    "critical": ("đòi phần mở rộng không được hỗ trợ", "demands an extension that is not supported"),
    "algorithm": ("ký bằng thuật toán không được chấp nhận", "is signed by an algorithm that is not accepted"),
    "unknown-key": ("ký bằng khóa không rõ", "is signed with an unknown key"),
    "signature": ("chữ ký sai", "has a wrong signature"),
    "issuer": ("do nơi khác cấp", "was issued by another party"),
    "audience": ("cấp cho hệ thống khác", "was issued for another service"),
    "authorized-party": ("không nêu rõ hệ thống được cấp (azp)", "does not name this service as its party (azp)"),
    "expired": ("đã hết hạn", "has expired"),
    "not-yet-valid": ("chưa có hiệu lực", "is not valid yet"),
    "issued-ahead": ("có thời điểm cấp ở tương lai", "was issued in the future"),
    "nonce": ("không thuộc lần đăng nhập này", "does not belong to this login"),
    "at-hash": ("không khớp với mã truy cập đi kèm", "does not fit the access token beside it"),
    "auth-time": ("không chứng tỏ vừa xác thực lại trong 5 phút", "does not show an authentication within 5 minutes"),
}
_UNUSABLE: dict[str, tuple[str, str]] = {
    "away": ("không trả lời kịp", "does not answer in time"),
    "redirect": ("chuyển hướng sang địa chỉ khác", "redirects elsewhere"),
    "too-large": ("trả lời quá lớn", "sends too large an answer"),
    "status": ("trả lời bằng mã lỗi", "answers with an error status"),
    "malformed": ("trả lời không đúng dạng", "sends a malformed answer"),
    "issuer": ("tự xưng bằng địa chỉ khác", "names itself by another address"),
    "insecure": ("nêu địa chỉ không an toàn", "names an insecure address"),
    "no-basic-auth": ("không nhận client_secret_basic", "does not take client_secret_basic"),
}
_MISTAKE_OF_OURS = {"invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"}
_ERROR_CODE = re.compile(r"[a-z_]{1,60}")

Failure = LoginLost | IDTokenRefused | ProviderUnusable | CodeRefused


def refused(failure: Failure) -> Problem:
    """A failure of the login as the problem that tells it; logged by its reason alone."""
    match failure:
        case LoginLost(reason=reason):
            code, vi, en = _LOST[reason]
            problem = Problem(
                code, vi, en, hint_vi=_AGAIN_VI, hint_en=_AGAIN_EN, errors=[_line("state", reason, vi, en)]
            )
        case IDTokenRefused(reason=reason):
            vi, en = _TOKEN[reason]
            problem = Problem(
                "openid-token-refused",
                f"Chứng nhận danh tính (ID token) bị từ chối: {vi}.",
                f"The proof of identity (ID token) is refused: it {en}.",
                hint_vi=f"{_AGAIN_VI} Nếu vẫn lỗi, báo người vận hành.",
                hint_en=f"{_AGAIN_EN} If it fails again, tell the operator.",
                errors=[_line("id_token", reason, vi, en)],
            )
        case ProviderUnusable(reason=reason):
            problem = _of_provider("openid-provider-unusable", reason, *_UNUSABLE[reason])
        case CodeRefused(error=reason) if reason in _MISTAKE_OF_OURS:
            problem = _of_provider(
                "openid-provider-error", reason, f"không nhận hệ thống này ({reason})", f"does not take us ({reason})"
            )
        case CodeRefused(error=reason):
            vi, en = "Nhà cung cấp không nhận mã đăng nhập.", "The provider does not take the login code."
            problem = Problem(
                "openid-code-refused",
                vi,
                en,
                hint_vi=_AGAIN_VI,
                hint_en=_AGAIN_EN,
                errors=[_line("code", reason, vi, en)],
            )
    log.warning("openid-login-refused", problem=problem.code, reason=reason)
    return problem


def provider_said(error: str) -> Problem:
    """The provider sent the browser back with an error; of its words only a code is repeated."""
    code = error if _ERROR_CODE.fullmatch(error) else "unknown"
    log.warning("openid-login-refused", problem="provider", reason=code)
    if code == "access_denied":
        return Problem(
            "openid-denied",
            "Đăng nhập bị hủy hoặc bị từ chối tại nhà cung cấp danh tính.",
            "The login was cancelled or denied at the identity provider.",
            hint_vi=_AGAIN_VI,
            hint_en=_AGAIN_EN,
            errors=[_line("error", code, "bị từ chối", "denied")],
        )
    return _of_provider("openid-provider-error", code, f"báo lỗi ({code})", f"reports an error ({code})")


def wrong_issuer() -> Problem:
    """The answer does not come from the provider that was asked (RFC 9207)."""
    log.warning("openid-login-refused", problem="openid-wrong-issuer", reason="iss")
    vi, en = (
        "Câu trả lời không đến từ nhà cung cấp đã hỏi.",
        "The answer does not come from the provider that was asked.",
    )
    return Problem(
        "openid-wrong-issuer", vi, en, hint_vi=_AGAIN_VI, hint_en=_AGAIN_EN, errors=[_line("iss", "issuer", vi, en)]
    )


def not_linked(issuer: str, subject: str) -> Problem:
    """Nobody here is this identity yet; says who links it and how. The person sees their own subject only."""
    log.warning("openid-login-refused", problem="openid-not-linked", reason="not-linked")
    command = f"ocop identity link <person> --issuer '{issuer}' --subject '{subject}'"
    return Problem(
        "openid-not-linked",
        f"Danh tính này chưa liên kết với ai trong hệ thống: {subject} tại {issuer}. Không có gì được lưu.",
        f"This identity is not linked to anybody here: {subject} at {issuer}. Nothing was stored.",
        hint_vi=f"Gửi dòng này cho người quản trị hệ thống, người sẽ liên kết sau khi kiểm tra bạn là ai: {command}",
        hint_en=f"Send this line to the system's administrator, who links it after checking who you are: {command}",
    )


def malformed_answer(field: str, vi: str, en: str) -> Problem:
    """The browser came back without something, or with it twice."""
    return Problem(
        "bad-request",
        f"Địa chỉ quay về không hợp lệ: {field} {vi}.",
        f"The return address is not valid: {field} {en}.",
        hint_vi=_AGAIN_VI,
        hint_en=_AGAIN_EN,
        errors=[_line(field, "invalid", vi, en)],
    )


def told(request: Request, problem: Problem) -> Response:
    """The problem as a page where a browser asked, else as a document."""
    if "text/html" not in request.headers.get("accept", ""):
        return problem_response(problem)
    status, vi, en = PROBLEMS[problem.code]
    vietnamese = _part("h1", vi, problem.vi, problem.hint_vi)
    english = _part("h2", en, problem.en, problem.hint_en)
    page = (
        f'<!doctype html><html lang="vi"><meta charset="utf-8"><title>{html.escape(vi)}</title>'
        f'{vietnamese}<hr><div lang="en">{english}</div></html>'
    )
    return HTMLResponse(page, status, {"Content-Security-Policy": "default-src 'none'"})


def _part(heading: str, title: str, *paragraphs: str) -> str:
    told = "".join(f"<p>{html.escape(text)}</p>" for text in paragraphs if text)
    return f"<{heading}>{html.escape(title)}</{heading}>{told}"


def _of_provider(code: str, reason: str, vi: str, en: str) -> Problem:
    return Problem(
        code,
        f"Nhà cung cấp danh tính {vi}.",
        f"The identity provider {en}.",
        hint_vi=f"Thử lại sau giây lát. {_OPERATOR_VI}",
        hint_en=f"Try again in a moment. {_OPERATOR_EN}",
        errors=[_line("provider", reason, vi, en)],
    )


def _line(field: str, code: str, vi: str, en: str) -> dict[str, str]:
    return {"field": field, "code": code, "detail": vi.rstrip("."), "detail_en": en.rstrip(".")}
