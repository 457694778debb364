"""For persons' programs: log in by JSON and hold the token; change the password, enrol a code, prove again.

The token goes into ``Authorization: Bearer``; no cookie is set or taken here, so no page can make a browser do it.
"""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, StringConstraints
from pydantic_core import to_json

from api.bodies import read_value, takes
from api.forms import address_of
from api.identity import bearer_token, identify_limited, unauthenticated
from application.access.accounts import Accounts
from application.access.sessions import Opened, Proof, Session, Sessions
from domain.values import Line, Value

router = APIRouter(prefix="/v1", tags=["login"])

Secret = Annotated[str, StringConstraints(max_length=1_000)]
"""A password or code as typed; never repeated in an answer."""
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class LogIn(Value):
    """Login and password, and the app's code once one is enrolled."""

    login: Line
    password: Secret
    code: Secret = ""


class ChangePassword(Value):
    """The password as it is and as it shall be."""

    old_password: Secret
    new_password: Secret


class ConfirmTotp(Value):
    """The first code of a new TOTP secret."""

    code: Secret


class Prove(Value):
    """The password, and the app's code once one is enrolled."""

    password: Secret
    code: Secret = ""


class LoggedIn(BaseModel):
    """The token to send as ``Authorization: Bearer`` from now on, and what must be done before anything else."""

    token: str
    ends_at: datetime
    must_change_password: bool
    must_enrol_totp: bool


class NewTotp(BaseModel):
    """A TOTP secret that waits for its first code; shown this once."""

    secret: str
    uri: str


class Whoami(BaseModel):
    """Whom a token speaks for. ``session`` or ``client``: a person's login, or a service account with its scopes."""

    person: UUID
    kind: Literal["session", "client"]
    login: str | None = None
    proof: Proof | None = None
    proved_at: datetime | None = None
    ends_at: datetime | None = None
    must_change_password: bool = False
    must_enrol_totp: bool = False
    client: str | None = None
    scopes: list[str] = []


def _told(opened: Opened) -> Response:
    session = opened.session
    told = LoggedIn(
        token=opened.token,
        ends_at=session.ends_at,
        must_change_password=session.first_password,
        must_enrol_totp=session.must_enrol_totp,
    )
    return Response(to_json(told), 200, NO_STORE, "application/json")


async def _session(request: Request) -> Session:
    if bearer_token(request) is None:
        raise unauthenticated()
    identity = await identify_limited(request)
    if identity.session is None:
        raise unauthenticated()
    return identity.session


def _accounts(request: Request) -> Accounts:
    accounts: Accounts = request.app.state.accounts
    return accounts


@router.post("/login", response_model=LoggedIn, openapi_extra=takes(LogIn))
async def log_in_by_json(request: Request) -> Response:
    """Log in (đăng nhập): a token for login, password and code."""
    body = await read_value(request, LogIn)
    return _told(await _accounts(request).log_in(body.login, body.password, body.code, address_of(request)))


@router.get("/login/session", response_model=Whoami)
async def whoami(request: Request) -> Response:
    """Whom the token speaks for (ai đang gọi), limited sessions too."""
    identity = await identify_limited(request)
    if identity.session is None:
        told = Whoami(person=identity.person, kind="client", client=identity.client, scopes=sorted(identity.scopes))
    else:
        session, found = identity.session, await _accounts(request).of(identity.person)
        told = Whoami(
            person=identity.person,
            kind="session",
            login=found.login if found else None,
            proof=session.proof,
            proved_at=session.proved_at,
            ends_at=session.ends_at,
            must_change_password=session.first_password,
            must_enrol_totp=session.must_enrol_totp,
        )
    return Response(to_json(told), 200, NO_STORE, "application/json")


@router.post("/login/password", response_model=LoggedIn, openapi_extra=takes(ChangePassword))
async def change_password_by_json(request: Request) -> Response:
    """Change the password (đổi mật khẩu): all the person's tokens end, a new one is answered."""
    session = await _session(request)
    body = await read_value(request, ChangePassword)
    return _told(
        await _accounts(request).change_password(session, body.old_password, body.new_password, address_of(request))
    )


@router.post("/login/totp", response_model=NewTotp)
async def begin_totp_by_json(request: Request) -> Response:
    """Begin to enrol an authenticator app (lấy khóa tạo mã): a secret, in use once confirmed."""
    enrolment = await _accounts(request).begin_totp(await _session(request))
    told = {"secret": enrolment.secret, "uri": enrolment.uri}
    return Response(to_json(told), 200, NO_STORE, "application/json")


@router.post("/login/totp/confirm", response_model=LoggedIn, openapi_extra=takes(ConfirmTotp))
async def confirm_totp_by_json(request: Request) -> Response:
    """Confirm the new secret by a code of it (xác nhận khóa tạo mã): a new token is answered."""
    session = await _session(request)
    body = await read_value(request, ConfirmTotp)
    return _told(await _accounts(request).confirm_totp(session, body.code, address_of(request)))


@router.post("/login/prove", response_model=LoggedIn, openapi_extra=takes(Prove))
async def prove_by_json(request: Request) -> Response:
    """Prove again who is there (xác thực lại): a new token in the old one's place, fresh for five minutes."""
    session = await _session(request)
    body = await read_value(request, Prove)
    return _told(await _accounts(request).reauthenticate(session, body.password, body.code, address_of(request)))


@router.post("/logout", status_code=204, response_class=Response)
async def log_out_by_json(request: Request) -> Response:
    """Log out (đăng xuất): the token is dead."""
    await _session(request)
    sessions: Sessions = request.app.state.sessions
    await sessions.end(bearer_token(request) or "", address_of(request))
    return Response(status_code=204, headers=NO_STORE)
