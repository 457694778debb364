"""Councils, their sessions, books of decisions, and decisions explained: for secretaries, clerks, inspectors."""

from typing import Annotated, Any
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from pydantic_core import to_json

from api.as_of import Asked, AsOf, AsOfEcho
from api.conditional import etag
from api.explanation import ExplainedDecisions, Explanation
from api.past import product_then
from api.personal import explained as explained_to
from api.problems import Problem
from api.security import Caller
from api.supervisors import fresh, no_such_product, today
from application.store import Journal
from domain.law.recompute import digest_of
from projections.books import decisions_in
from projections.councils import council_of, find_councils
from projections.explained import decisions_of, explain
from projections.scope import Scope
from projections.sessions import find_sessions, session_of
from projections.status import product_status
from projections.trail import trail_of

router = APIRouter(prefix="/v1", tags=["councils"])

Limit = Annotated[int, Query(ge=1, le=500)]


def _nothing() -> Problem:
    return Problem("not-found", "Không có trong phạm vi của bạn.", "There is nothing of that id within your area.")


@router.get("/councils", dependencies=[Depends(fresh)])
async def councils(request: Request, actor: Caller, limit: Limit = 100) -> dict[str, Any]:
    """Councils in your area: members, capacity, rules of procedure with where each comes from."""
    async with request.app.state.pool.connection() as connection:
        return {"councils": await find_councils(connection, Scope.of(actor), today(request), limit)}


@router.get("/councils/{council_id}", dependencies=[Depends(fresh)])
async def council(request: Request, actor: Caller, council_id: UUID) -> Response:
    """One council."""
    async with request.app.state.pool.connection() as connection:
        row = await council_of(connection, Scope.of(actor), council_id, today(request))
    return _one(row)


@router.get("/sessions", dependencies=[Depends(fresh)])
async def sessions(request: Request, actor: Caller, limit: Limit = 100) -> dict[str, Any]:
    """Sessions in your area, the latest first. Sheets are counted, never shown."""
    async with request.app.state.pool.connection() as connection:
        return {"sessions": await find_sessions(connection, Scope.of(actor), limit)}


@router.get("/sessions/{session_id}", dependencies=[Depends(fresh)])
async def session(request: Request, actor: Caller, session_id: UUID) -> Response:
    """One session: agenda, attendance, conflicts, who has handed in a sheet for which product."""
    async with request.app.state.pool.connection() as connection:
        row = await session_of(connection, Scope.of(actor), session_id)
    return _one(row)


@router.get("/sessions/{session_id}/trail", dependencies=[Depends(fresh)])
async def session_trail(
    request: Request,
    actor: Caller,
    session_id: UUID,
    after: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> dict[str, Any]:
    """Everything that happened in a session; sealed sheets are boxes until scoring is closed."""
    async with request.app.state.pool.connection() as connection:
        if await session_of(connection, Scope.of(actor), session_id) is None:
            raise _nothing()
        return {"session_id": session_id, "facts": await trail_of(connection, session_id, after, limit)}


@router.get("/decisions", dependencies=[Depends(fresh)])
async def decisions(
    request: Request,
    actor: Caller,
    level: Annotated[str | None, Query(pattern=r"^[a-z-]{1,20}$")] = None,
    year: Annotated[int | None, Query(ge=2018, le=2100)] = None,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Limit = 100,
) -> dict[str, Any]:
    """The books of decisions in your area: numbers without gap or double, by authority and year."""
    async with request.app.state.pool.connection() as connection:
        rows = await decisions_in(connection, Scope.of(actor), level, year, after, limit)
    return {"decisions": rows, "next": rows[-1]["position"] if rows else after}


@router.get("/products/{product_id}/decisions", dependencies=[Depends(fresh)], response_model=ExplainedDecisions)
async def product_decisions(request: Request, actor: Caller, product_id: UUID, asked: Asked = None) -> dict[str, Any]:
    """The decisions on a product in order; each is explained under its number, of the same instant."""
    _, found = await _decided(request, actor, product_id, asked)
    answer = {
        "product_id": product_id,
        "decisions": [
            {
                "number": number,
                "decision": recorded.fact.stored_name,
                "version": recorded.originator_version,
                "effective_on": recorded.envelope.effective_on,
                "stars": getattr(recorded.fact, "stars", None),
            }
            for number, (recorded, _) in enumerate(found, 1)
        ],
    }
    return answer if asked is None else answer | {"as_of": asked.echo}


@router.get("/products/{product_id}/decisions/{number}", dependencies=[Depends(fresh)], response_model=Explanation)
async def explained(
    request: Request,
    actor: Caller,
    product_id: UUID,
    number: Annotated[int, Path(ge=1, le=10**6)],
    asked: Asked = None,
) -> Response:
    """Why this star: rules and hash, every choice of every member, quorum, gates, who signed, in words too."""
    name, found = await _decided(request, actor, product_id, asked)
    if number > len(found):
        raise Problem(
            "not-found",
            f"Sản phẩm có {len(found)} quyết định.",
            f"The product has {len(found)} decisions.",
        )
    recorded, on = found[number - 1]
    document = explained_to(explain(name, number, recorded, on, request.app.state.law), actor)
    if asked is not None:
        document["as_of"] = AsOfEcho(**asked.echo).model_dump(mode="json")
        document["digest"] = digest_of(document)
    return Response(to_json(document), 200, None, "application/json")


async def _decided(request: Request, actor: Caller, product_id: UUID, asked: AsOf | None) -> tuple[str, list[Any]]:
    async with request.app.state.pool.connection() as connection:
        row = await product_status(connection, Scope.of(actor), product_id, today(request))
    if row is None:
        raise no_such_product()
    if asked is not None:
        row, facts = await product_then(request, product_id, asked)
        return row["name"], decisions_of(facts)
    journal: Journal = request.app.state.journal
    stream = await to_thread.run_sync(journal.streams, [product_id], limiter=request.app.state.feed)
    return row["name"], decisions_of(stream)


def _one(row: dict[str, Any] | None) -> Response:
    if row is None:
        raise _nothing()
    return Response(to_json(row), 200, {"ETag": etag(row["version"])}, "application/json")
