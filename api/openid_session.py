"""What a proven OpenID login becomes: a session of ours, or a fresh proof for the one there is."""

from datetime import timedelta

from fastapi import Request
from fastapi.responses import Response

from api.forms import Cookies, address_of
from api.openid import ProvenLogin
from application.access.sessions import STEP_UP, Proof, Sessions


async def open_session(request: Request, response: Response, login: ProvenLogin) -> None:
    """Open a session and set its cookie; with ``step_up`` renew the session of the same person.

    A login at the provider that is not known to be fresh opens a session that must be proved again for weighty acts.
    """
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
