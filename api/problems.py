"""Every failure as a problem document (RFC 9457), Vietnamese first, English beside it.

The one table from named refusals to status numbers. ``detail`` says what is wrong, ``hint`` what to
do, ``errors`` which fields are at fault. Never a stack trace.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic_core import ErrorDetails, to_json
from starlette.exceptions import HTTPException
from starlette.routing import Match

from application.access.refusals import Locked
from domain.refusals import Refusal

log = structlog.get_logger(__name__)

PROBLEMS: dict[str, tuple[int, str, str]] = {
    # code: (status, Vietnamese title, English title)
    "wrong-order": (409, "Sai trình tự", "Not possible at this point"),
    "invalid-content": (422, "Nội dung không hợp lệ", "Invalid content"),
    "against-the-law": (409, "Trái quy định", "Against the rules in force"),
    "against-council-rules": (409, "Trái quy chế hội đồng", "Against the council's rules"),
    "no-regime": (409, "Chưa có quy định áp dụng", "No rules govern that day"),
    "role-not-allowed": (403, "Không đúng thẩm quyền", "Not within your role"),
    "case-runs": (409, "Hồ sơ đang giải quyết", "A case runs"),
    "held-elsewhere": (409, "Còn thuộc hồ sơ ngoài địa bàn", "Also held outside your area"),
    "role-not-held": (403, "Không giữ quyền", "Role not held"),
    "duties-separated": (403, "Trái phân tách nhiệm vụ", "Against the separation of duties"),
    "outside-area": (403, "Ngoài địa bàn", "Outside your area"),
    "not-comparable": (409, "Không so sánh được", "Not comparable"),
    "not-found": (404, "Không tìm thấy", "Not found"),
    "stale-version": (412, "Phiên bản đã cũ", "Stale version"),
    "idempotency-key-reused": (422, "Khóa lặp đã dùng", "Idempotency key reused"),
    "already-registered": (409, "Đã đăng ký", "Already registered"),
    "broken-seal": (409, "Không mở được niêm phong", "The seal does not open"),
    "log-rolled-back": (503, "Nhật ký bị lùi", "The log was rolled back"),
    "busy": (503, "Hệ thống đang bận", "Service busy"),
    "not-ready": (503, "Chưa sẵn sàng", "Not ready"),
    "invalid-fields": (422, "Dữ liệu không hợp lệ", "Invalid fields"),
    "malformed-json": (400, "JSON không đọc được", "Malformed JSON"),
    "malformed-header": (400, "Tiêu đề không hợp lệ", "Malformed header"),
    "unauthenticated": (401, "Chưa xác thực", "Not authenticated"),
    "too-large": (413, "Nội dung quá lớn", "Content too large"),
    "unsupported-media-type": (415, "Sai kiểu nội dung", "Unsupported media type"),
    "method-not-allowed": (405, "Phương thức không được phép", "Method not allowed"),
    "unknown-command": (404, "Không có lệnh này", "No such command"),
    "login-refused": (401, "Đăng nhập không thành công", "Login refused"),
    "locked": (429, "Tạm khóa", "Locked for a while"),
    "proof-needed": (403, "Cần xác thực lại", "Fresh proof needed"),
    "password-too-weak": (422, "Mật khẩu quá yếu", "Password too weak"),
    "code-refused": (422, "Mã xác nhận không đúng", "Code refused"),
    "code-held": (409, "Đã có khóa tạo mã", "Code enrolled already"),
    "login-taken": (409, "Đã có tài khoản", "Account exists"),
    "account-unfinished": (403, "Tài khoản chưa hoàn tất", "Account unfinished"),
    "csrf": (403, "Yêu cầu không rõ nguồn", "Request of doubtful origin"),
    "client-refused": (401, "Tài khoản dịch vụ bị từ chối", "Service account refused"),
    "scope-refused": (400, "Phạm vi không được cấp", "Scope not granted"),
    "scope-missing": (403, "Thiếu phạm vi", "Scope missing"),
    "openid-state": (400, "Phiên đăng nhập không còn", "Login no longer known"),
    "openid-other-browser": (403, "Sai trình duyệt", "Another browser"),
    "openid-wrong-issuer": (403, "Sai nhà cung cấp danh tính", "Wrong identity provider"),
    "openid-closed": (403, "Tài khoản đã đóng", "Account closed"),
    "openid-weak": (403, "Thiếu yếu tố thứ hai", "Second factor missing"),
    "openid-denied": (403, "Nhà cung cấp từ chối", "Denied at the identity provider"),
    "openid-code-refused": (403, "Mã đăng nhập bị từ chối", "Login code refused"),
    "openid-token-refused": (403, "Chứng nhận danh tính không hợp lệ", "Proof of identity refused"),
    "openid-not-linked": (403, "Danh tính chưa liên kết", "Identity not linked"),
    "openid-provider-error": (502, "Nhà cung cấp danh tính báo lỗi", "Identity provider reports an error"),
    "openid-provider-unusable": (502, "Nhà cung cấp danh tính không dùng được", "Identity provider unusable"),
    "bad-request": (400, "Yêu cầu không hợp lệ", "Bad request"),
    "internal": (500, "Lỗi hệ thống", "Internal error"),
}


class Problem(Exception):
    """A failure of the HTTP layer itself (the domain raises Refusal)."""

    def __init__(
        self,
        code: str,
        vi: str,
        en: str,
        *,
        hint_vi: str = "",
        hint_en: str = "",
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
        rule: str = "",
    ) -> None:
        super().__init__(en)
        self.rule = rule
        self.code, self.vi, self.en = code, vi, en
        self.hint_vi, self.hint_en = hint_vi, hint_en
        self.errors, self.headers = errors, headers


def problem_response(problem: Problem) -> Response:
    """The document with its status."""
    status, title_vi, title_en = PROBLEMS[problem.code]
    body: dict[str, Any] = {
        "type": f"/v1/problems/{problem.code}",
        "title": title_vi,
        "title_en": title_en,
        "status": status,
        "detail": problem.vi,
        "detail_en": problem.en,
    }
    if problem.hint_vi or problem.hint_en:
        body |= {"hint": problem.hint_vi, "hint_en": problem.hint_en}
    if problem.rule:
        body["rule"] = problem.rule
    if problem.errors:
        body["errors"] = list(problem.errors)
    headers = dict(problem.headers or {})
    if status == 503:
        headers.setdefault("Retry-After", "1")
    if status == 401:
        headers.setdefault("WWW-Authenticate", 'Bearer realm="ocop"')
    return Response(to_json(body), status, headers, "application/problem+json")


def refusal_problem(refusal: Refusal) -> Problem:
    """A named refusal as a problem."""
    errors = [{"field": refusal.field, "detail": refusal.vi, "detail_en": refusal.en}] if refusal.field else []
    return Problem(
        refusal.code,
        refusal.vi,
        refusal.en,
        hint_vi=refusal.hint_vi,
        hint_en=refusal.hint_en,
        errors=errors,
        headers={"Retry-After": str(refusal.seconds)} if isinstance(refusal, Locked) else None,
        rule=refusal.rule,
    )


_FIELD_VI: dict[str, str] = {
    # pydantic's error type → Vietnamese sentence; {…} are pydantic's own context values
    "missing": "thiếu trường bắt buộc",
    "extra_forbidden": "không có trường này",
    "string_type": "phải là chuỗi ký tự",
    "string_too_long": "dài quá {max_length} ký tự",
    "string_too_short": "ngắn hơn {min_length} ký tự",
    "string_pattern_mismatch": "không đúng dạng {pattern}",
    "string_unicode": "chứa ký tự không hợp lệ",
    "int_type": "phải là số nguyên",
    "int_parsing": "phải là số nguyên",
    "int_parsing_size": "số quá lớn",
    "int_from_float": "phải là số nguyên",
    "bool_type": "phải là true hoặc false",
    "date_type": "phải là ngày dạng YYYY-MM-DD",
    "date_parsing": "phải là ngày dạng YYYY-MM-DD",
    "date_from_datetime_parsing": "phải là ngày dạng YYYY-MM-DD",
    "date_from_datetime_inexact": "phải là ngày dạng YYYY-MM-DD",
    "bool_parsing": "phải là true hoặc false",
    "finite_number": "phải là một số hữu hạn",
    "literal_error": "chỉ nhận: {expected}",
    "enum": "chỉ nhận: {expected}",
    "greater_than_equal": "phải từ {ge} trở lên",
    "less_than_equal": "không được quá {le}",
    "greater_than": "phải lớn hơn {gt}",
    "less_than": "phải nhỏ hơn {lt}",
    "too_short": "cần ít nhất {min_length} mục",
    "too_long": "không được quá {max_length} mục",
    "tuple_type": "phải là danh sách",
    "list_type": "phải là danh sách",
    "dict_type": "phải là đối tượng",
    "model_type": "phải là đối tượng",
    "model_attributes_type": "phải là đối tượng",
    "uuid_parsing": "phải là mã UUID",
    "uuid_type": "phải là mã UUID",
    "sealed-content": "không nhận nội dung niêm phong từ bên ngoài",
    "recursion_loop": "lồng nhau quá sâu",
    "control-characters": "chứa ký tự điều khiển không được phép",
    "blank": "không được để trống",
    "scan-missing": "việc nhập từ giấy cần mã SHA-256 của bản quét (scan_sha256)",
    "too-long": "quá dài sau khi chuẩn hóa Unicode (NFC)",
}
_FIELD_EN = {
    "control-characters": "contains control characters that are not allowed",
    "blank": "must not be blank",
    "scan-missing": "an act entered from paper needs the SHA-256 of its scan (scan_sha256)",
    "too-long": "is too long once its Unicode is normalised (NFC)",
    "string_too_long": "String should have at most {max_length} characters",
}


def field_problem(errors: Sequence[ErrorDetails | dict[str, Any]], skip: int = 0) -> Problem:
    """Pydantic's errors as one problem, a line a field. ``skip``: leading parts of the path to drop."""
    if any(e["type"] == "json_invalid" for e in errors):
        reason = str(errors[0].get("ctx", {}).get("error", errors[0]["msg"]))[:200]
        return Problem(
            "malformed-json",
            f"Nội dung gửi lên không phải JSON hợp lệ: {_printable(reason)}.",
            f"The body is not valid JSON: {_printable(reason)}.",
            hint_vi="Gửi một đối tượng JSON mã hóa UTF-8.",
            hint_en="Send one JSON object in UTF-8.",
        )
    lines = [_line(error, skip) for error in errors[:50]]
    return Problem(
        "invalid-fields",
        f"Có {len(errors)} trường chưa hợp lệ: {', '.join(line['field'] for line in lines[:5])}.",
        f"{len(errors)} field(s) are not valid: {', '.join(line['field'] for line in lines[:5])}.",
        hint_vi="Sửa các trường nêu trong errors rồi gửi lại; chưa có gì được ghi nhận.",
        hint_en="Mend the fields named in errors and send again; nothing was stored.",
        errors=lines,
    )


def doubled_field(name: str) -> Problem:
    """A JSON object that gives one field twice."""
    line = {"field": _printable(name)[:60], "detail": "xuất hiện hai lần", "detail_en": "is given twice"}
    return Problem(
        "invalid-fields",
        f"Trường “{line['field']}” xuất hiện hai lần.",
        f"Field “{line['field']}” is given twice.",
        hint_vi="Gửi mỗi trường một lần; chưa có gì được ghi nhận.",
        hint_en="Send each field once; nothing was stored.",
        errors=[{**line, "code": "given-twice"}],
    )


def _line(error: ErrorDetails | dict[str, Any], skip: int) -> dict[str, str]:
    kind, context = str(error["type"]), dict(error.get("ctx") or {})
    if kind == "value_error":
        kind = str(context.get("error", ""))
    if kind == "too_long" and context.get("field_type") == "Value":
        kind = "string_too_long"  # pydantic counts the items of a text
    vi = _filled(_FIELD_VI.get(kind, "không hợp lệ"), context)
    en = _filled(_FIELD_EN[kind], context) if kind in _FIELD_EN else str(error["msg"])
    field = ".".join(_printable(str(part))[:60] for part in list(error["loc"])[skip:]) or "(toàn bộ)"
    return {"field": field, "detail": vi, "detail_en": en, "code": kind}


def _filled(sentence: str, context: Mapping[str, Any]) -> str:
    try:
        return sentence.format(**context)
    except (KeyError, IndexError):
        return sentence


def _printable(text: str) -> str:
    return text.encode("utf-8", "replace").decode().replace("\x00", "�")


def database_away() -> Problem:
    """The database does not answer: nobody's mistake, and over in a moment."""
    return Problem(
        "not-ready",
        "Cơ sở dữ liệu chưa trả lời.",
        "The database does not answer.",
        hint_vi="Thử lại sau giây lát.",
        hint_en="Try again in a moment.",
    )


def _is_database_away(error: BaseException | None) -> bool:
    """Whether a lost connection is behind an error, also where the event store's library wrapped it."""
    while error is not None and not isinstance(error, (psycopg.OperationalError, psycopg.InterfaceError)):
        error = error.__cause__
    return error is not None


def crashed(error: Exception, request_id: str) -> Response:
    """The answer to an error that nobody foresaw; logged with its trace, told without."""
    if _is_database_away(error):
        log.warning("database-away", id=request_id, error=type(error).__name__)
        return problem_response(database_away())
    log.error("request-failed", id=request_id, exc_info=error)
    return problem_response(
        Problem(
            "internal",
            "Có lỗi ngoài dự kiến; lỗi đã được ghi lại.",
            "Something unexpected happened; it has been logged.",
        )
    )


def _allowed(request: Request) -> str:
    """Methods that the path takes; the framework names those of the first route only."""
    routes = request.app.router.routes
    taken = [
        method
        for method in ("GET", "POST")
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    ]
    return ", ".join(taken)


_HTTP_CODES = {404: "not-found", 405: "method-not-allowed", 401: "unauthenticated", 413: "too-large"}


def install(app: FastAPI) -> None:
    """Make every foreseen failure of the app a problem document; ``crashed`` is for the rest."""

    async def on_problem(_: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return problem_response(error)

    async def on_refusal(_: Request, error: Exception) -> Response:
        assert isinstance(error, Refusal)
        return problem_response(refusal_problem(error))

    async def on_invalid(_: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return problem_response(field_problem(list(error.errors()), skip=1))

    async def on_http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        code = _HTTP_CODES.get(error.status_code, "bad-request")
        _status, vi, en = PROBLEMS[code]
        headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
        return problem_response(Problem(code, f"{vi}.", f"{en}.", headers=headers))

    app.add_exception_handler(Problem, on_problem)
    app.add_exception_handler(Refusal, on_refusal)
    app.add_exception_handler(RequestValidationError, on_invalid)
    app.add_exception_handler(HTTPException, on_http)
