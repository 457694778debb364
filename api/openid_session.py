"""What a proven OpenID login becomes: a session of ours, or a fresh proof for the one there is."""

from datetime import timedelta

from anyio import to_thread
from fastapi import Request
from fastapi.responses import Response

from api.forms import Cookies, address_of
from api.openid import ProvenLogin
from api.problems import Problem
from application.access.accounts import Accounts
from application.access.sessions import STEP_UP, Proof, Sessions
from application.directory import Directory


async def open_session(request: Request, response: Response, login: ProvenLogin) -> None:
    """Open a session and set its cookie; with ``step_up`` renew the session of the same person.

    A login at the provider that is not known to be fresh opens a session that must be proved again for weighty acts.
    """
    await _admit(request, login)
    sessions: Sessions = request.app.state.sessions
    cookies, address = Cookies.of(request), address_of(request)
    former = await sessions.session_of(request.cookies.get(cookies.session, ""))
    if login.step_up and former is not None and former.person == login.person:
        opened = await sessions.reproved(former, Proof.OPENID, address)
        cookies.put(response, cookies.session, opened.token)
        return
    long_ago = request.app.state.clock() - timedelta(seconds=2 * STEP_UP)
    token = await sessions.open_for(
        login.person, proof=Proof.OPENID, proved_at=login.auth_time or long_ago, address=address
    )
    if former is not None:
        await sessions.end(request.cookies.get(cookies.session, ""), address)
    cookies.put(response, cookies.session, token)


STRONG = frozenset({"mfa", "otp", "hwk", "sc"})
"""Means of authentication (amr, RFC 8176) that are a second factor."""


async def _admit(request: Request, login: ProvenLogin) -> None:
    """Refuse a person whose account here was closed, and a signer whose provider says nothing of a second factor."""
    accounts: Accounts = request.app.state.accounts
    directory: Directory = request.app.state.directory
    account = await accounts.of(login.person)
    if account is not None and account.closed_at is not None:
        raise Problem(
            "openid-closed",
            "Tài khoản đã đóng.",
            "The account here was closed.",
            hint_vi="Liên hệ quản trị viên.",
            hint_en="Ask an administrator.",
        )
    if not STRONG & set(login.amr) and await to_thread.run_sync(directory.signs, login.person):
        raise Problem(
            "openid-weak",
            "Người ký quyết định phải đăng nhập bằng hai yếu tố; nhà cung cấp không xác nhận điều đó.",
            "Who signs decisions needs a second factor, and the provider does not tell of one.",
            hint_vi="Bật xác thực hai yếu tố ở nhà cung cấp (amr), hoặc dùng tài khoản tại đây.",
            hint_en="Turn a second factor on at the provider (amr), or use an account here.",
        )
