"""Personnel: who am I, who may do what, on which day and by which paper. For everybody, supervisors, inspectors."""

from dataclasses import replace
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic_core import to_json

from api.as_of import Known, instants
from api.conditional import etag
from api.past import not_yet
from api.problems import Problem
from api.security import Caller, Oneself
from api.supervisors import Text, fresh, today
from application.directory import Directory
from domain.law.areas import area_name
from domain.law.book import LawBook
from domain.person.powers import Power, permits_on
from domain.values import ROLE_NAMES, Role
from projections.persons import find_offices, find_persons, person_of
from projections.scope import Scope
from projections.trail import trail_of

router = APIRouter(prefix="/v1", tags=["personnel"])

Limit = Annotated[int, Query(ge=1, le=500)]


def _power(power: Power) -> dict[str, Any]:
    actor = power.actor
    vi, en = ROLE_NAMES[actor.role]
    by = actor.delegator
    return {
        "acting_as": by.delegation if by else actor.assignment,
        "role": {"code": actor.role, "vi": vi, "en": en},
        "office": actor.office,
        "area": {"code": actor.area, "name": area_name(actor.area)},
        "producer": actor.producer,
        "first": power.term.first,
        "last": power.term.last,
        "paper": power.paper,
        "signer": power.signer,
        "entered_on": power.entered_on,
        "delegator": {"person": by.person, "person_id": by.id} if by else None,
        "commands": power.commands,
    }


@router.get("/me")
async def me(request: Request, standing: Oneself) -> dict[str, Any]:
    """Who you are and what you hold today; name one under X-Acting-As to act in it."""
    directory: Directory = request.app.state.directory
    identity = standing.identity
    person = await directory.person(identity.person)
    held = await directory.powers(identity.person, today(request))
    return {
        "person_id": identity.person,
        "handle": person.handle if person else None,
        "today": today(request),
        "scopes": sorted(identity.scopes),
        "powers": [_power(power) for power in held],
    }


@router.get("/offices", dependencies=[Depends(fresh)])
async def offices(request: Request, actor: Caller, after: Text = "", limit: Limit = 100) -> dict[str, Any]:
    """Offices in your area, by name."""
    async with request.app.state.pool.connection() as connection:
        rows = await find_offices(connection, Scope.of(actor), after, limit)
    return {"offices": rows, "next": rows[-1]["name"] if len(rows) == limit else None}


@router.get("/persons", dependencies=[Depends(fresh)])
async def persons(
    request: Request, actor: Caller, role: Role | None = None, after: Text = "", limit: Limit = 100
) -> dict[str, Any]:
    """Persons entered for your area, by handle, with what they were ever assigned."""
    async with request.app.state.pool.connection() as connection:
        rows = await find_persons(connection, Scope.of(actor), role, after, today(request), limit)
    return {"persons": rows, "next": rows[-1]["handle"] if len(rows) == limit else None}


@router.get("/persons/{person_id}", dependencies=[Depends(fresh)])
async def person(request: Request, actor: Caller, person_id: UUID) -> Response:
    """One person. ETag is the version that If-Match names."""
    row = await seen(request, actor, person_id)
    return Response(to_json(row), 200, {"ETag": etag(row["version"])}, "application/json")


@router.get("/persons/{person_id}/trail", dependencies=[Depends(fresh)])
async def person_trail(request: Request, actor: Caller, person_id: UUID) -> dict[str, Any]:
    """Everything that was decided about a person's powers, by whom and on which paper."""
    await seen(request, actor, person_id)
    async with request.app.state.pool.connection() as connection:
        return {"person_id": person_id, "facts": await trail_of(connection, person_id, 0, 1000)}


@router.get("/persons/{person_id}/authority", dependencies=[Depends(fresh)])
async def authority(
    request: Request, actor: Caller, person_id: UUID, on: date | None = None, known: Known = None
) -> dict[str, Any]:
    """What could this person do on that day, by which rule and by which paper?

    ``on``: the effective day, also one to come; ``known``: as the papers entered by then have it.
    """
    row = await seen(request, actor, person_id)
    day, law = on or today(request), request.app.state.law
    directory: Directory = request.app.state.directory
    asked = None if known is None else replace(await instants(request, None, known), effective=day)
    if asked is None:
        held = await directory.powers(person_id, day)
    elif (then := await directory.powers_known(person_id, day, asked.position)) is None:
        raise not_yet()
    else:
        held = then
    roles = frozenset(power.actor.role for power in held if power.actor.delegator is None)
    answer = {
        "person_id": person_id,
        "handle": row["handle"],
        "on": day,
        "powers": [{**_power(power), "permits": _permits(law, power, day, roles)} for power in held],
    }
    return answer if asked is None else answer | {"as_of": asked.echo}


def _permits(law: LawBook, power: Power, day: date, roles: frozenset[Role]) -> list[dict[str, Any]]:
    return [
        {"command": p.command, "level": p.level, "rule": p.rule, "legal_basis": p.legal_basis}
        for p in permits_on(law, power, day, roles)
    ]


async def seen(request: Request, actor: Caller, person_id: UUID) -> dict[str, Any]:
    """The person, if it is one of the reader's area; raises the 404 problem."""
    async with request.app.state.pool.connection() as connection:
        row = await person_of(connection, Scope.of(actor), person_id, today(request))
    if row is None:
        raise no_such_person()
    return row


def no_such_person() -> Problem:
    """The same answer whether there is nobody or he is not the caller's to see."""
    return Problem(
        "not-found", "Không có người này trong phạm vi của bạn.", "There is no such person within your area."
    )
