"""What a caller may do: the powers a person holds today, and the decision table's word on every route.

``api/identity.py`` says who calls. A person with several roles names one in the header X-Acting-As (the id of an
assignment or a delegation), on a page by its choice there; without one the first that the route or the command is for
is taken, never a delegation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends, Request
from fastapi.routing import APIRoute

from api.identity import Identity, demand_fresh_proof, demand_scope, identify
from api.problems import Problem
from application.directory import Directory
from domain.command import Command
from domain.law.authority import DEFAULT_DENY, EVERYBODY, RouteEntry
from domain.law.book import LawBook
from domain.law.calendar import legal_date
from domain.person.powers import Power
from domain.values import ROLE_NAMES, Actor

ACTING_AS = "x-acting-as"


@dataclass(frozen=True, slots=True)
class Standing:
    """A caller with what it holds today, in the order it would be tried; ``actors``: the roles it may act in."""

    identity: Identity
    powers: Sequence[Power]
    actors: Sequence[Actor]


async def standing_of(request: Request) -> Standing:
    """Who calls and what it holds; raises the 401 problem, and 403 for a role named that is not held."""
    identity = await identify(request)
    directory: Directory = request.app.state.directory
    held = await directory.powers(identity.person, legal_date(request.app.state.clock()))
    named = request.headers.get(ACTING_AS, getattr(request.state, "acting_as", None))
    if named is None:
        powers = [power for power in held if power.actor.delegator is None]
    else:
        powers = [power for power in held if named in _names(power)] or [_refuse_unheld()]
    return Standing(identity, powers, [power.actor for power in powers])


def _names(power: Power) -> set[str]:
    actor = power.actor
    return {str(actor.delegator.delegation if actor.delegator else actor.assignment)}


def _refuse_unheld() -> Power:
    raise Problem(
        "role-not-held",
        "Bạn không giữ phân công hoặc ủy quyền nêu trong X-Acting-As.",
        "You hold no assignment or delegation of the id in X-Acting-As today.",
        hint_vi="Xem GET /v1/me.",
        hint_en="See GET /v1/me.",
        errors=[{"field": "X-Acting-As", "detail": "không giữ", "detail_en": "not held"}],
    )


def route_of(request: Request) -> tuple[str, RouteEntry]:
    """The table's row for the route that is answering; a route without one is nobody's."""
    route: APIRoute = request.scope["route"]
    path = f"{request.method if request.method != 'HEAD' else 'GET'} {route.path}"
    law: LawBook = request.app.state.law
    entry = law.authority.routes.get(path)
    if entry is None:
        raise _no_role("", path)
    return path, entry


async def caller(request: Request) -> Actor:
    """The reader of a route in the role that the table permits it to; raises 401 and 403 problems."""
    standing = await standing_of(request)
    _, entry = route_of(request)
    law: LawBook = request.app.state.law
    if entry.scope is not None:
        demand_scope(standing.identity, entry.scope)
    elif standing.identity.client is not None:
        raise _no_role(entry.id, "service account")
    if entry.step_up:
        demand_fresh_proof(request, standing.identity)
    for actor in standing.actors:
        if law.authority.may_read(entry, actor.role):
            noted(request, entry.id, actor, allowed=True)
            return actor
    noted(request, DEFAULT_DENY, next(iter(standing.actors), None), allowed=False)
    raise _no_role(entry.id, ", ".join(ROLE_NAMES[a.role][0] for a in standing.actors))


Caller = Annotated[Actor, Depends(caller)]


async def oneself(request: Request) -> Standing:
    """Whoever is logged in, with or without a role, for routes about oneself."""
    standing = await standing_of(request)
    _, entry = route_of(request)
    if entry.roles != EVERYBODY:
        raise _no_role(entry.id, "")
    noted(request, entry.id, next(iter(standing.actors), None), allowed=True)
    return standing


Oneself = Annotated[Standing, Depends(oneself)]


async def giver(request: Request, kind: type[Command]) -> tuple[Actor, ...]:
    """The roles in which the caller could give a command anywhere; raises 403 before anything is looked at.

    What is refused here is refused whatever the case is, so the answer tells nothing of it.
    """
    standing = await standing_of(request)
    law: LawBook = request.app.state.law
    competent = law.competent_ever.get(kind.name, frozenset())
    could = tuple(
        actor
        for actor in standing.actors
        if actor.role in competent or not competent.isdisjoint(law.authority.roles[actor.role].serves)
    )
    if standing.identity.client is not None or not could:
        noted(request, DEFAULT_DENY, next(iter(standing.actors), None), allowed=False)
        raise Problem(
            "role-not-allowed",
            "Vai trò của bạn không có thẩm quyền thực hiện việc này.",
            "None of your roles may do this.",
            hint_vi=f"Thẩm quyền: {', '.join(ROLE_NAMES[r][0] for r in sorted(competent)) or 'không ai'}.",
            hint_en=f"It is for: {', '.join(ROLE_NAMES[r][1] for r in sorted(competent)) or 'nobody'}.",
            rule=DEFAULT_DENY,
        )
    if law.authority.command(kind.name).step_up:
        demand_fresh_proof(request, standing.identity)
    return could


def noted(request: Request, rule: str, actor: Actor | None, *, allowed: bool, told_as: str = "") -> None:
    """Put the ruling on the request's canonical log line and answer: who, in which role, by which rule.

    ``told_as``: what the answer says instead of the rule, where the rule itself would tell of what lies elsewhere.
    """
    told: dict[str, Any] = {"rule": rule, "allowed": allowed}
    request.scope.setdefault("state", {})["rule"] = told_as or rule
    if actor is not None:
        told |= {"person": str(actor.id), "role": actor.role.value, "area": actor.area}
        if actor.delegator is not None:
            told["delegator"] = str(actor.delegator.id)
    request.scope.setdefault("state", {})["ruling"] = told


def _no_role(rule: str, held: str) -> Problem:
    return Problem(
        "role-not-allowed",
        f"Vai trò của bạn không xem được nội dung này ({held or 'chưa được phân công'}).",
        f"None of your roles may read this ({rule}).",
        hint_vi="Xem vai trò của bạn tại GET /v1/me.",
        hint_en="Your roles stand at GET /v1/me.",
        rule=DEFAULT_DENY,
    )
