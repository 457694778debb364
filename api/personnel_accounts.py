"""Administrators and accounts: open, reset and close them for the persons of their area; service accounts.

What is shown here is shown once. An administrator gives access, never powers: those are assignments.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field
from pydantic_core import to_json

from api.bodies import read_value, takes
from api.personnel import seen
from api.problems import Problem
from api.security import Caller
from application.access.accounts import Accounts
from application.access.clients import Clients
from domain.values import Actor, Line, Value

router = APIRouter(prefix="/v1/persons/{person_id}", tags=["personnel"])

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class NewAccount(Value):
    """Login of the account to open."""

    login: Line


class LostPhone(Value):
    """``lost_phone``: the code's secret goes too, and is enrolled anew at the next login."""

    lost_phone: bool = False


class NewClient(Value):
    """Scopes of the service account to register."""

    scopes: Annotated[tuple[Line, ...], Field(min_length=1, max_length=20)]


async def _administered(request: Request, actor: Actor, person_id: UUID) -> dict[str, Any]:
    """The person, if it is another one of the administrator's area."""
    if actor.id == person_id:
        raise Problem(
            "duties-separated",
            "Quản trị viên không quản trị tài khoản của chính mình.",
            "An administrator does not administer his own account.",
            rule="granted-by-the-grantee",
        )
    return await seen(request, actor, person_id)


def _once(status: int, **told: Any) -> Response:
    return Response(to_json(told), status, NO_STORE, "application/json")


@router.post("/account", status_code=201, openapi_extra=takes(NewAccount))
async def open_account(request: Request, actor: Caller, person_id: UUID) -> Response:
    """Open the person's account (mở tài khoản): a one-time password, shown once, changed at the first login."""
    await _administered(request, actor, person_id)
    body = await read_value(request, NewAccount)
    accounts: Accounts = request.app.state.accounts
    return _once(201, login=body.login, password=await accounts.open(person_id, body.login))


@router.post("/account/reset", openapi_extra=takes(LostPhone))
async def reset_account(request: Request, actor: Caller, person_id: UUID) -> Response:
    """Give another one-time password (cấp lại mật khẩu); the person's sessions end."""
    await _administered(request, actor, person_id)
    body = await read_value(request, LostPhone)
    accounts: Accounts = request.app.state.accounts
    return _once(200, password=await accounts.reset(person_id, drop_totp=body.lost_phone))


@router.post("/account/close", status_code=204, response_class=Response)
async def close_account(request: Request, actor: Caller, person_id: UUID) -> Response:
    """Close the account (đóng tài khoản) and end its sessions; what the person did keeps its name."""
    await _administered(request, actor, person_id)
    accounts: Accounts = request.app.state.accounts
    await accounts.close(person_id)
    return Response(status_code=204, headers=NO_STORE)


@router.post("/clients", status_code=201, openapi_extra=takes(NewClient))
async def register_client(request: Request, actor: Caller, person_id: UUID) -> Response:
    """Register a service account for an integrator (tài khoản dịch vụ): client id and secret, shown once."""
    person = await _administered(request, actor, person_id)
    body = await read_value(request, NewClient)
    if person["kind"] != "service":
        raise Problem(
            "invalid-content",
            "Tài khoản dịch vụ chỉ dành cho hệ thống kết nối.",
            "Service accounts are for persons of kind “service”.",
            errors=[{"field": "person_id", "detail": "không phải hệ thống", "detail_en": "not a service"}],
        )
    clients: Clients = request.app.state.clients
    client, secret = await clients.register(person_id, body.scopes)
    return _once(201, client_id=client, client_secret=secret, scopes=body.scopes)
