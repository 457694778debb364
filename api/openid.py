"""Login with an OpenID provider: to the provider and back (authorization code, PKCE).

What the provider proves is who somebody is. Opening the session, and what the person may do, is the business of
whoever hands in the ``Opening``.
"""

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Protocol
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response

from api.openid_provider import CALLBACK, STEP_UP_AGE, CodeRefused, Provider, ProviderUnusable
from api.openid_refusals import malformed_answer, not_linked, provider_said, refused, told, wrong_issuer
from api.problems import Problem
from application.access.addresses import is_local_path
from application.access.id_token import IDTokenRefused
from application.access.identities import Identities
from application.access.openid_logins import LIFE, LoginLost, OpenIDLogins, Taken
from application.settings import OpenIDSettings

LOGIN = "/login/openid"
LONGEST_PARAMETER = 4096
_BROWSER = re.compile(r"[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class ProvenLogin:
    """A person proven by a provider.

    ``auth_time`` (UTC), ``acr``, ``amr``: when, how strongly and by which means the person authenticated there, as
    far as the provider says; ``step_up``: a fresh authentication was asked for, and ``auth_time`` shows it.
    """

    person: UUID
    issuer: str
    subject: str
    auth_time: datetime | None
    acr: str | None
    amr: tuple[str, ...]
    step_up: bool


class Opening(Protocol):
    """Opens a session for a proven person."""

    async def __call__(self, request: Request, response: Response, login: ProvenLogin) -> None:
        """Open the session and set its cookie on ``response``; raises Problem when the person may not come in.

        ``request`` shows the session there may be already: with ``step_up`` it should be the same person's.
        """


class OpenIDDoor:
    """The login with one provider, as the app holds it in ``app.state.openid``."""

    def __init__(self, settings: OpenIDSettings, opening: Opening, clock: Callable[[], datetime]) -> None:
        self.settings, self.opening = settings, opening
        self.provider = Provider(settings, clock)
        self.secure = settings.public_url.startswith("https:")
        # Without https (this machine only) browsers take neither the prefix nor the attribute.
        self.cookie = "__Host-ocop-openid" if self.secure else "ocop-openid"

    def browser_of(self, request: Request) -> str | None:
        """The browser's secret, if it has one of ours."""
        found = request.cookies.get(self.cookie, "")
        return found if _BROWSER.fullmatch(found) else None

    def bind(self, response: Response, browser: str) -> None:
        """Let the browser keep its secret as long as a login may take."""
        self._set(response, browser, int(LIFE.total_seconds()))

    def release(self, response: Response) -> None:
        """Let the browser forget it."""
        self._set(response, "", 0)

    def _set(self, response: Response, value: str, seconds: int) -> None:
        # Lax, not strict: the browser comes back from the provider's site.
        response.set_cookie(
            self.cookie, value, max_age=seconds, path="/", secure=self.secure, httponly=True, samesite="lax"
        )


def door(request: Request) -> OpenIDDoor:
    """The login of this service; raises a 404 problem where none is set up."""
    found: OpenIDDoor | None = getattr(request.app.state, "openid", None)
    if found is None:
        raise Problem("not-found", "Không có đăng nhập OpenID ở đây.", "There is no OpenID login here.")
    return found


# Doors for browsers, not part of the API: they stand in no OpenAPI document.
router = APIRouter(tags=["login"], include_in_schema=False)
Door = Annotated[OpenIDDoor, Depends(door)]


@router.get(LOGIN)
async def begin(
    request: Request,
    at: Door,
    next_path: Annotated[str, Query(alias="next", max_length=500)] = "/home",
    step_up: Annotated[bool, Query()] = False,
) -> Response:
    """Send the browser to the provider; ``next``: our path to come back to; ``step_up``: authenticate afresh."""
    if not is_local_path(next_path):
        return _private(told(request, _not_ours()))
    browser = at.browser_of(request) or secrets.token_urlsafe(32)
    max_age = STEP_UP_AGE if step_up else None
    logins = OpenIDLogins(request.app.state.pool, request.app.state.clock)
    try:
        await at.provider.ready()  # before anything is stored
        login = await logins.begin(browser, next_path=next_path, max_age=max_age)
        url = await at.provider.authorization_url(
            state=login.state, nonce=login.nonce, verifier=login.verifier, max_age=max_age
        )
    except ProviderUnusable as failure:
        return _private(told(request, refused(failure)))
    response = RedirectResponse(url, 302)
    at.bind(response, browser)
    return _private(response)


@router.get(CALLBACK)
async def callback(request: Request, at: Door) -> Response:
    """Back from the provider: prove who it is, open the session, go on to where the person wanted."""
    try:
        answer = _answer(request)
        logins = OpenIDLogins(request.app.state.pool, request.app.state.clock)
        taken = await logins.take(answer["state"], at.browser_of(request))
        login = await _proven(request, at, answer, taken)
        response = RedirectResponse(taken.next_path if is_local_path(taken.next_path) else "/home", 303)
        await at.opening(request, response, login)
    except Problem as problem:
        return _private(told(request, problem))
    except (LoginLost, IDTokenRefused, CodeRefused, ProviderUnusable) as failure:
        return _private(told(request, refused(failure)))
    at.release(response)
    return _private(response)


async def _proven(request: Request, at: OpenIDDoor, answer: dict[str, str], taken: Taken) -> ProvenLogin:
    """Who the answer proves the person to be; raises Problem and the failures of the provider and its token."""
    if not await at.provider.is_issuer(answer.get("iss")):
        raise wrong_issuer()
    if "error" in answer:
        raise provider_said(answer["error"])
    if not answer.get("code"):
        raise malformed_answer("code", "bị thiếu", "is missing")
    tokens = await at.provider.redeem(answer["code"], taken.verifier)
    claims = await at.provider.claims(tokens, nonce=taken.nonce, max_age=taken.max_age)
    identities = Identities(request.app.state.pool, request.app.state.clock)
    person = await identities.person_of(claims.issuer, claims.subject)
    if person is None:
        raise not_linked(claims.issuer, claims.subject)
    return ProvenLogin(
        person=person,
        issuer=claims.issuer,
        subject=claims.subject,
        auth_time=claims.auth_time,
        acr=claims.acr,
        amr=claims.amr,
        step_up=taken.max_age is not None,
    )


def _answer(request: Request) -> dict[str, str]:
    """The parameters of an authorization response, each once; raises Problem."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name not in ("state", "code", "iss", "error"):
            continue
        if name in found:
            raise malformed_answer(name, "có hai lần", "is given twice")
        if len(value) > LONGEST_PARAMETER:
            raise malformed_answer(name, "quá dài", "is too long")
        found[name] = value
    if "state" not in found:
        raise malformed_answer("state", "bị thiếu", "is missing")
    return found


def _not_ours() -> Problem:
    line = {
        "field": "next",
        "detail": "phải là đường dẫn của hệ thống này",
        "detail_en": "must be a path of this service",
    }
    return Problem(
        "invalid-fields",
        "Trường next phải là đường dẫn của hệ thống này.",
        "Field next must be a path of this service.",
        hint_vi="Ví dụ: next=/docs.",
        hint_en="For example: next=/docs.",
        errors=[{**line, "code": "not-local"}],
    )


def _private(response: Response) -> Response:
    """Kept by nobody on the way, and the code in the address told to nobody after."""
    response.headers["Cache-Control"] = "no-store"
    response.headers["Referrer-Policy"] = "no-referrer"
    return response
