"""Who calls: a session, from a cookie or a bearer token, or a service account's token. Rights are not decided here.

A request that is known by its cookie and changes something must show that it comes from a page of ours: a browser
sends cookies along with whatever a foreign page makes it send. A bearer token is sent by nobody's accident.
"""

from dataclasses import dataclass
from uuid import UUID

from fastapi import Request

from api.forms import Cookies, csrf_problem, form_of, is_form, refuse_foreign, same
from api.problems import Problem
from application.access.clients import TOKEN_PREFIX, Clients
from application.access.refusals import ProofNeeded
from application.access.sessions import STEP_UP, Session, Sessions

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})


@dataclass(frozen=True, slots=True)
class Identity:
    """Who calls. ``session``: of a person; ``client`` and ``scopes``: of a service account."""

    person: UUID
    session: Session | None = None
    client: str | None = None
    scopes: frozenset[str] = frozenset()


async def identify(request: Request) -> Identity:
    """Who calls; raises the 401 problem, the csrf problem, or ``account-unfinished`` for a limited session."""
    identity = await identify_limited(request)
    if identity.session is not None and identity.session.limited:
        raise unfinished(identity.session)
    return identity


async def identify_limited(request: Request) -> Identity:
    """Who calls, limited sessions too: for the pages and routes that lift the limits."""
    token = bearer_token(request)
    if token is not None:
        return await _by_bearer(request, token)
    sessions: Sessions = request.app.state.sessions
    session = await sessions.session_of(request.cookies.get(Cookies.of(request).session, ""))
    if session is None:
        raise unauthenticated()
    if request.method not in SAFE_METHODS:
        await _from_our_page(request, session)
    return Identity(session.person, session)


def bearer_token(request: Request) -> str | None:
    """The token of an Authorization header, if it has one."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def demand_scope(identity: Identity, scope: str) -> None:
    """Refuse a service account without a scope; persons have none and are judged by their assignments."""
    if identity.client is not None and scope not in identity.scopes:
        raise Problem(
            "scope-missing",
            f"Mã truy cập không có phạm vi “{scope}”.",
            f"The token does not have the scope “{scope}”.",
            hint_vi="Xin mã với phạm vi này tại POST /oauth/token, nếu tài khoản dịch vụ được cấp.",
            hint_en="Ask for a token with this scope at POST /oauth/token, if the service account was given it.",
        )


def demand_fresh_proof(request: Request, identity: Identity, seconds: float = STEP_UP) -> None:
    """Refuse a weighty act unless the person was fully authenticated just now; raises ProofNeeded."""
    session = identity.session
    if session is None or not session.proved_within(seconds, request.app.state.clock()):
        raise ProofNeeded


async def _by_bearer(request: Request, token: str) -> Identity:
    if token.startswith(TOKEN_PREFIX):
        clients: Clients = request.app.state.clients
        found = await clients.bearer(token)
        if found is not None:
            return Identity(found.person, None, found.client, found.scopes)
    else:
        sessions: Sessions = request.app.state.sessions
        session = await sessions.session_of(token)
        if session is not None:
            return Identity(session.person, session)
    raise unauthenticated()


async def _from_our_page(request: Request, session: Session) -> None:
    refuse_foreign(request)
    given = request.headers.get("x-csrf-token")
    if given is None and is_form(request):
        given = (await form_of(request)).get("csrf")
    if not same(given or "", session.csrf):
        raise csrf_problem()


def unauthenticated() -> Problem:
    """Nobody that is known."""
    return Problem(
        "unauthenticated",
        "Cần đăng nhập, hoặc mã truy cập còn hiệu lực trong tiêu đề Authorization.",
        "Log in, or send a token that still holds in the Authorization header.",
        hint_vi="Lấy mã tại POST /v1/login (người) hoặc POST /oauth/token (tài khoản dịch vụ).",
        hint_en="Get one at POST /v1/login (persons) or POST /oauth/token (service accounts).",
    )


def unfinished(session: Session) -> Problem:
    """What a limited session must do first."""
    if session.first_password:
        vi, en, path = "Đổi mật khẩu được cấp trước đã.", "Change the one-time password first.", "password"
    else:
        vi, en, path = "Đăng ký mã xác thực (TOTP) trước đã.", "Enrol an authenticator code (TOTP) first.", "totp"
    return Problem(
        "account-unfinished",
        vi,
        en,
        hint_vi=f"Tại /account/{path}, hoặc POST /v1/login/{path}.",
        hint_en=f"At /account/{path}, or by POST /v1/login/{path}.",
    )
