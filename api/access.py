"""Pages for persons: log in, change the password, enrol a code, prove again, see one's sessions, log out.

A refusal is shown on the page it belongs to, under its own status; a page that needs a login leads to it.
"""

import io
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any
from urllib.parse import quote

import segno
from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup

from api.forms import Cookies, address_of, csrf_problem, form_of, local_path, refuse_foreign, same
from api.identity import identify_limited, unauthenticated
from api.problems import PROBLEMS, Problem, refusal_problem
from api.web import SAFE_HEADERS, page, static
from application.access.accounts import Accounts, Enrolment
from application.access.sessions import Opened, Proof, Session, Sessions
from domain.refusals import Refusal

router = APIRouter()

Handler = Callable[[Request], Awaitable[Response]]
PROOFS = {
    Proof.PASSWORD: "mật khẩu / password",
    Proof.TOTP: "mật khẩu và mã / password and code",
    Proof.OPENID: "nhà cung cấp danh tính / identity provider",
}
_BEFORE = re.compile(r"[A-Za-z0-9_-]{43}")


def shown(handler: Handler) -> Handler:
    """A page whose refusals are pages too; who is not logged in is led to the login and back."""

    @wraps(handler)
    async def answered(request: Request) -> Response:
        try:
            return await handler(request)
        except (Problem, Refusal) as error:
            return problem_page(request, as_problem(error))

    return answered


def problem_page(request: Request, problem: Problem) -> Response:
    """A problem as a page; who is not logged in is led to the login and back to what he asked for."""
    if problem.code == "unauthenticated":
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        wanted = asked if request.method in ("GET", "HEAD") else "/account"
        return onward(f"/login?next={quote(wanted)}")
    status, vi, en = PROBLEMS[problem.code]
    return page("problem.html", status, problem.headers, problem=problem, heading_vi=vi, heading_en=en)


def as_problem(error: Problem | Refusal) -> Problem:
    """A refusal as a problem; a problem is one."""
    return refusal_problem(error) if isinstance(error, Refusal) else error


def onward(path: str) -> RedirectResponse:
    """See other: the browser asks for ``path`` next, whatever it did before."""
    return RedirectResponse(path, 303, SAFE_HEADERS)


def first_step(session: Session) -> str | None:
    """The page that a limited session must go through first."""
    if session.first_password:
        return "/account/password"
    return "/account/totp" if session.must_enrol_totp else None


def entered(request: Request, opened: Opened, path: str) -> Response:
    """Give the browser its new token and lead it on; what a limited session must do comes first."""
    response, cookies = onward(first_step(opened.session) or path), Cookies.of(request)
    cookies.put(response, cookies.session, opened.token)
    cookies.drop(response, cookies.before)
    return response


def _failed(name: str, error: Problem | Refusal, **values: Any) -> Response:
    """A form once more, with what was wrong above it."""
    problem = as_problem(error)
    return page(name, PROBLEMS[problem.code][0], problem.headers, problem=problem, **values)


async def _session(request: Request) -> Session:
    """The person's session, limited or not; service accounts have no pages."""
    identity = await identify_limited(request)
    if identity.session is None:
        raise unauthenticated()
    return identity.session


def _accounts(request: Request) -> Accounts:
    accounts: Accounts = request.app.state.accounts
    return accounts


def _sessions(request: Request) -> Sessions:
    sessions: Sessions = request.app.state.sessions
    return sessions


def _ways(request: Request) -> Any:
    """Other ways to log in, each with ``href``, ``vi`` and ``en``."""
    return getattr(request.app.state, "login_ways", ())


# ── Log in ─────────────────────────────────────────────────────────────────────────────────────────────


async def login_form(request: Request) -> Response:
    """The login form, with a cookie that the form repeats: a foreign page cannot log somebody in as another."""
    cookies = Cookies.of(request)
    before = request.cookies.get(cookies.before, "")
    if not _BEFORE.fullmatch(before):
        before = secrets.token_urlsafe(32)
    onto = local_path(request.query_params.get("next", ""))
    response = page("login.html", problem=None, csrf=before, next=onto, login="", ways=_ways(request))
    cookies.put(response, cookies.before, before)
    return response


async def log_in(request: Request) -> Response:
    """Take login, password and code; a new token whatever cookie there was, and the former session ends."""
    refuse_foreign(request)
    form, cookies = await form_of(request), Cookies.of(request)
    before, onto = request.cookies.get(cookies.before, ""), local_path(form.get("next", ""))
    if not same(form.get("csrf", ""), before):
        raise csrf_problem()
    login = form.get("login", "").strip()
    try:
        opened = await _accounts(request).log_in(
            login, form.get("password", ""), form.get("code", ""), address_of(request)
        )
    except Refusal as refusal:
        values = {"csrf": before, "next": onto, "login": login[:64], "ways": _ways(request)}
        return _failed("login.html", refusal, **values)
    former = request.cookies.get(cookies.session)
    if former:
        await _sessions(request).end(former, address_of(request))
    return entered(request, opened, onto)


async def log_out(request: Request) -> Response:
    """End this session, or all of the person's; the cookie goes in any case."""
    response, cookies = onward("/login"), Cookies.of(request)
    try:
        session = await _session(request)
    except Problem as problem:
        if problem.code != "unauthenticated":
            raise
    else:
        if (await form_of(request)).get("everywhere"):
            await _sessions(request).end_all(session.person, address_of(request))
        else:
            await _sessions(request).end(request.cookies.get(cookies.session, ""), address_of(request))
    cookies.drop(response, cookies.session)
    return response


# ── The account ────────────────────────────────────────────────────────────────────────────────────────


async def account(request: Request) -> Response:
    """Who am I, proved how, logged in where."""
    session = await _session(request)
    if step := first_step(session):
        return onward(step)
    found = await _accounts(request).of(session.person)
    return page(
        "account.html",
        account=found if found and found.closed_at is None else None,
        session=session,
        sessions=await _sessions(request).of_person(session.person),
        proofs=PROOFS,
    )


async def password_form(request: Request) -> Response:
    """The form to change the password."""
    session = await _session(request)
    return page("password.html", problem=None, csrf=session.csrf, first=session.first_password)


async def change_password(request: Request) -> Response:
    """Change the password: all sessions end, this one goes on under a new token."""
    session = await _session(request)
    form = await form_of(request)
    try:
        new = _given_twice(form)
        opened = await _accounts(request).change_password(
            session, form.get("old_password", ""), new, address_of(request)
        )
    except (Problem, Refusal) as error:
        return _failed("password.html", error, csrf=session.csrf, first=session.first_password)
    return entered(request, opened, "/account")


def _given_twice(form: Mapping[str, str]) -> str:
    """The new password, when it was given twice alike."""
    new = form.get("new_password", "")
    if new != form.get("again"):
        raise Problem(
            "invalid-fields",
            "Hai lần nhập mật khẩu mới không giống nhau.",
            "The new password was not given twice alike.",
        )
    return new


async def totp_form(request: Request) -> Response:
    """Where the person stands with the authenticator app. Making a secret is a POST: reading changes nothing."""
    session = await _session(request)
    return await _totp_page(request, session, None)


async def enrol_totp(request: Request) -> Response:
    """Make a secret and show it once (``step=begin``), or take its first code (``step=confirm``)."""
    session = await _session(request)
    form = await form_of(request)
    if session.first_password:
        return onward("/account/password")
    if form.get("step") != "confirm":
        return await _totp_page(request, session, await _accounts(request).begin_totp(session))
    try:
        opened = await _accounts(request).confirm_totp(session, form.get("code", ""), address_of(request))
    except Refusal as refusal:
        values = {"csrf": session.csrf, "must": session.must_enrol_totp, "enrolled": False, "pending": True}
        return _failed("totp.html", refusal, enrolment=None, picture="", **values)
    return entered(request, opened, "/account")


async def _totp_page(request: Request, session: Session, enrolment: Enrolment | None) -> Response:
    found = await _accounts(request).of(session.person)
    return page(
        "totp.html",
        problem=None,
        csrf=session.csrf,
        must=session.must_enrol_totp,
        enrolled=found is not None and found.totp,
        pending=False,
        enrolment=enrolment,
        picture=_picture(enrolment.uri) if enrolment else "",
    )


def _picture(uri: str) -> Markup:
    """The address as a QR code, drawn in the page itself: no picture of a secret is fetched or kept."""
    drawn = io.BytesIO()
    segno.make(uri, error="m", micro=False).save(
        drawn, kind="svg", xmldecl=False, svgns=False, scale=5, svgclass=None, lineclass=None
    )
    return Markup(drawn.getvalue().decode())  # noqa: S704 drawn by us, it holds no text


async def prove_form(request: Request) -> Response:
    """The form to prove again who is there."""
    session = await _session(request)
    found = await _accounts(request).of(session.person)
    onto = local_path(request.query_params.get("next", ""))
    return page(
        "prove.html",
        problem=None,
        csrf=session.csrf,
        next=onto,
        enrolled=found is not None and found.totp,
        ways=_ways(request),
    )


async def prove(request: Request) -> Response:
    """Take password and code once more: a new token, and the clock of weighty acts begins anew."""
    session = await _session(request)
    form = await form_of(request)
    onto = local_path(form.get("next", ""))
    try:
        opened = await _accounts(request).reauthenticate(
            session, form.get("password", ""), form.get("code", ""), address_of(request)
        )
    except Refusal as refusal:
        found = await _accounts(request).of(session.person)
        values = {"csrf": session.csrf, "next": onto, "enrolled": found is not None and found.totp}
        return _failed("prove.html", refusal, ways=_ways(request), **values)
    return entered(request, opened, onto)


_KEPT = {"Cache-Control": "max-age=300", "X-Content-Type-Options": "nosniff"}


async def pages_css(_: Request) -> Response:
    """The style sheet of the pages."""
    return Response(static("pages.css"), 200, _KEPT, "text/css")


async def icon(_: Request) -> Response:
    """The sign of the pages in a browser's tab."""
    return Response(static("icon.svg"), 200, _KEPT, "image/svg+xml")


for _path, _handler, _method in (
    ("/login", login_form, "GET"),
    ("/login", log_in, "POST"),
    ("/logout", log_out, "POST"),
    ("/account", account, "GET"),
    ("/account/password", password_form, "GET"),
    ("/account/password", change_password, "POST"),
    ("/account/totp", totp_form, "GET"),
    ("/account/totp", enrol_totp, "POST"),
    ("/account/prove", prove_form, "GET"),
    ("/account/prove", prove, "POST"),
):
    router.add_route(_path, shown(_handler), methods=[_method], include_in_schema=False)
router.add_route("/web/pages.css", pages_css, methods=["GET"], include_in_schema=False)
router.add_route("/web/icon.svg", icon, methods=["GET"], include_in_schema=False)
