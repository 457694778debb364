"""Administrators and accounts: open, reset and close them for the persons of their area; service accounts.

What is shown here is shown once. An administrator gives access, never powers: those are assignments.
"""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import Field, StringConstraints
from pydantic_core import to_json

from api.bodies import read_value, takes
from api.personnel import no_such_person
from api.problems import Problem
from api.security import Caller, noted, route_of
from api.supervisors import today
from application.access.accounts import Accounts
from application.access.clients import Clients
from application.directory import Directory
from domain.law.areas import covers
from domain.law.book import LawBook
from domain.person.state import Person
from domain.values import Actor, Line, Value

router = APIRouter(prefix="/v1/persons/{person_id}", tags=["personnel"])

ClientId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
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


async def _administered(request: Request, actor: Actor, person_id: UUID) -> Person:
    """The person, if it is another one and all its powers lie within the administrator's area.

    Who entered a signature does not hand out access to it: that takes a second administrator.
    """
    directory: Directory = request.app.state.directory
    law: LawBook = request.app.state.law
    person, day = await directory.person(person_id), today(request)
    held = [] if person is None else [a for a in person.assignments.values() if a.ended_on is None or day < a.ended_on]
    delegated = await directory.powers(person_id, day)
    areas = {a.area for a in held} | {power.actor.area for power in delegated} | ({person.area} if person else set())
    if person is None or not all(covers(actor.area, area) for area in areas):
        raise no_such_person()
    giving = {a.given_by for a in held if law.authority.roles[a.role].signs}
    hands = {"grant": frozenset(giving), "receive": frozenset({person.handle})}
    _, entry = route_of(request)
    if (deny := law.authority.separated(entry, {actor.person}, hands)) is not None:
        noted(request, deny.id, actor, allowed=False)
        raise Problem("duties-separated", f"{deny.vi}.", f"{deny.en}.", rule=deny.id)
    return person


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
    if person.kind != "service":
        raise Problem(
            "invalid-content",
            "Tài khoản dịch vụ chỉ dành cho hệ thống kết nối.",
            "Service accounts are for persons of kind “service”.",
            errors=[{"field": "person_id", "detail": "không phải hệ thống", "detail_en": "not a service"}],
        )
    clients: Clients = request.app.state.clients
    client, secret = await clients.register(person_id, body.scopes)
    return _once(201, client_id=client, client_secret=secret, scopes=body.scopes)


@router.post("/clients/{client}/rotate")
async def rotate_client(request: Request, actor: Caller, person_id: UUID, client: ClientId) -> Response:
    """Give the service account another secret (đổi khóa), shown once; the old one lives on for a day."""
    clients = await _own_client(request, actor, person_id, client)
    return _once(200, client_id=client, client_secret=await clients.rotate(client))


@router.post("/clients/{client}/close", status_code=204, response_class=Response)
async def close_client(request: Request, actor: Caller, person_id: UUID, client: ClientId) -> Response:
    """Close the service account (đóng tài khoản dịch vụ): its secrets and tokens are dead."""
    clients = await _own_client(request, actor, person_id, client)
    await clients.close(client)
    return Response(status_code=204, headers=NO_STORE)


async def _own_client(request: Request, actor: Actor, person_id: UUID, client: str) -> Clients:
    await _administered(request, actor, person_id)
    clients: Clients = request.app.state.clients
    if not any(c.client == client and c.person == person_id for c in await clients.listed()):
        raise Problem("not-found", "Không có tài khoản dịch vụ này.", "There is no such service account.")
    return clients
