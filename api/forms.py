"""What comes from browsers: urlencoded forms, the path to go on to, cookies, where a request comes from."""

import secrets
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

from fastapi import Request
from fastapi.responses import Response
from starlette.requests import ClientDisconnect

from api.problems import Problem
from application.access.addresses import is_local_path

MAX_FORM = 20_000
"""Largest form in bytes: a login, two passwords and a path."""
MAX_FIELDS = 20
"""Most fields of a form."""
FORM = "application/x-www-form-urlencoded"


def is_form(request: Request) -> bool:
    """Whether the body is declared as a form."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower() == FORM


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a form, read once; raises a problem when it is too large, broken, or names a field twice."""
    known: dict[str, str] | None = getattr(request.state, "form", None)
    if known is not None:
        return known
    if not is_form(request):
        raise Problem(
            "unsupported-media-type",
            f"Nội dung phải là {FORM}.",
            f"The content must be {FORM}.",
            hint_vi="Gửi biểu mẫu của trang.",
            hint_en="Send the page's form.",
        )
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > MAX_FORM:
                raise Problem("too-large", f"Biểu mẫu vượt {MAX_FORM} byte.", f"The form exceeds {MAX_FORM} bytes.")
    except ClientDisconnect:
        raise Problem(
            "bad-request", "Kết nối đóng trước khi gửi xong.", "The connection closed before all of it was sent."
        ) from None
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:  # not ASCII, not UTF-8 behind the escapes, or too many fields
        raise Problem("bad-request", "Không đọc được biểu mẫu.", "The form cannot be read.") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise Problem("bad-request", "Một trường xuất hiện hai lần.", "A field is given twice.")
    request.state.form = fields
    return fields


def local_path(given: str, otherwise: str = "/home") -> str:
    """The path to go on to, if it is one of this service; anything that might lead elsewhere is not."""
    return given if is_local_path(given) else otherwise


def address_of(request: Request) -> str:
    """The address a request comes from; behind a proxy on the same machine, what the proxy says."""
    return request.client.host if request.client else "unknown"


@dataclass(frozen=True, slots=True)
class Cookies:
    """Names and flags of our cookies. Over https they are bound to this very host (``__Host-``) and to https."""

    secure: bool

    @classmethod
    def of(cls, request: Request) -> "Cookies":
        """As the service's public address demands."""
        return cls(secure=str(request.app.state.public_url).startswith("https://"))

    @property
    def session(self) -> str:
        """The session's token."""
        return "__Host-ocop" if self.secure else "ocop"

    @property
    def before(self) -> str:
        """What the login form must repeat, before there is a session."""
        return f"{self.session}-login"

    @property
    def language(self) -> str:
        """The language that pages are read in."""
        return f"{self.session}-language"

    @property
    def role(self) -> str:
        """The assignment or delegation that pages are read in."""
        return f"{self.session}-role"

    def put(self, response: Response, name: str, value: str) -> None:
        """Set a cookie that no script reads and no foreign page sends along with a form."""
        response.set_cookie(name, value, path="/", secure=self.secure, httponly=True, samesite="lax")

    def drop(self, response: Response, name: str) -> None:
        """Remove a cookie."""
        response.delete_cookie(name, path="/", secure=self.secure, httponly=True, samesite="lax")


def refuse_foreign(request: Request) -> None:
    """Refuse what a browser sends from another site's page, as far as it says so; raises the csrf problem."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in ("same-origin", "none"):
        raise csrf_problem()
    origin = request.headers.get("origin")
    if origin is None:
        return
    host = request.headers.get("host", "")
    if origin != origin_of(str(request.app.state.public_url)) and (not host or urlsplit(origin).netloc != host):
        raise csrf_problem()


def origin_of(url: str) -> str:
    """Scheme, host and port of an address, as browsers write them in ``Origin``."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def same(given: str, wanted: str) -> bool:
    """Whether two secrets are equal, in time that does not tell where they differ."""
    return bool(wanted) and secrets.compare_digest(given.encode("utf-8", "replace"), wanted.encode("utf-8", "replace"))


def csrf_problem() -> Problem:
    """The request did not come from a page of ours."""
    return Problem(
        "csrf",
        "Yêu cầu không đến từ trang của hệ thống, hoặc trang đã cũ.",
        "The request does not come from a page of this service, or the page is old.",
        hint_vi="Tải lại trang rồi gửi lại; chưa có gì được ghi nhận.",
        hint_en="Load the page again and send again; nothing was stored.",
    )
