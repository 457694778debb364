"""Supervisors and dashboards: where does every product stand, who approved what and when, what is late."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

import psycopg
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response
from pydantic import StringConstraints
from pydantic_core import to_json

from api.as_of import Asked
from api.conditional import etag, least_position, unchanged
from api.past import product_then, products_then
from api.personal import Told, shown
from api.problems import Problem
from api.security import Caller
from domain.law.calendar import legal_date
from projections.product_list import BadCursor, Filters
from projections.scope import Scope
from projections.status import find_products, product_status
from projections.trail import trail_of
from projections.worklist import worklist_of

router = APIRouter(prefix="/v1", tags=["supervisors"])

AreaCode = Annotated[str, StringConstraints(pattern=r"^(VN|[0-9]{2}|[0-9]{5})$")]
Text = Annotated[str, StringConstraints(max_length=200, pattern=r"^[^\x00]*$")]
Cursor = Annotated[str, StringConstraints(max_length=1_700)]
"""Long enough for the longest product name and an id, in base64."""


def today(request: Request) -> date:
    """The legal date now."""
    return legal_date(request.app.state.clock())


async def fresh(request: Request, _: Caller) -> None:
    """Wait for X-Min-Position; strangers are turned away first and wait for nothing."""
    await request.app.state.freshness.wait(least_position(request))


def no_such_product() -> Problem:
    """The same answer whether it does not exist or is not the reader's to see."""
    return Problem(
        "not-found",
        "Không có sản phẩm này trong phạm vi của bạn.",
        "There is no such product within your area.",
    )


def turns_with_the_day(row: dict[str, Any], day: date) -> bool:
    """Whether the day alone may have changed the answer: late, a task has opened, a certificate is over."""
    opened = any(task["opens_on"] and task["opens_on"] <= day.isoformat() for task in row["tasks"])
    over = row["certificate"] is not None and not row["certificate"]["valid"]
    return row["days_late"] > 0 or opened or over


@router.get("/products", dependencies=[Depends(fresh)])
async def products(
    request: Request,
    actor: Caller,
    step: Annotated[int | None, Query(ge=1, le=6)] = None,
    area: AreaCode | None = None,
    stars: Annotated[int | None, Query(ge=1, le=5)] = None,
    cycle: Annotated[int | None, Query(ge=2018, le=2100)] = None,
    late: bool | None = None,
    q: Text | None = None,
    cursor: Cursor | None = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    asked: Asked = None,
) -> dict[str, Any]:
    """Products in your area, by name; search needs no diacritics ("mat ong" finds "Mật ong").

    With an instant: as they stood then, under the names they had; the area you read is today's.
    """
    filters = Filters(step, area, stars, cycle, late, q)
    try:
        if asked is not None:
            then, following = await products_then(request, Scope.of(actor), filters, asked, cursor, limit)
            return {"products": then, "next": following, "position": asked.position, "as_of": asked.echo}
        async with request.app.state.pool.connection() as connection:
            rows, more = await find_products(connection, Scope.of(actor), filters, today(request), cursor, limit)
    except (BadCursor, psycopg.DataError):  # of all parameters only the cursor is free bytes
        raise Problem(
            "bad-request",
            "Con trỏ trang không hợp lệ.",
            "The cursor is not one this service gave out.",
            hint_vi="Dùng giá trị next của trang trước.",
            hint_en="Use `next` of the page before.",
            errors=[{"field": "cursor", "detail": "không hợp lệ", "detail_en": "not valid"}],
        ) from None
    return {"products": rows, "next": more, "position": request.app.state.freshness.position}


@router.get("/products/{product_id}", dependencies=[Depends(fresh)])
async def product(request: Request, actor: Caller, product_id: UUID, asked: Asked = None) -> Response:
    """One product: step, what is missing, whose turn, deadline, lateness. ETag is its version, but not as of then."""
    async with request.app.state.pool.connection() as connection:
        row = await product_status(connection, Scope.of(actor), product_id, today(request))
    if row is None:
        raise no_such_product()
    if asked is not None:
        then, _ = await product_then(request, product_id, asked)
        return Response(to_json(then | {"as_of": asked.echo}), 200, None, "application/json")
    headers = {"ETag": etag(row["version"]), "X-Position": str(row["position"])}
    if unchanged(request, row["version"]) and not turns_with_the_day(row, today(request)):
        return Response(None, 304, headers)
    return Response(to_json(row), 200, headers, "application/json")


@router.get("/products/{product_id}/trail", dependencies=[Depends(fresh)])
async def trail(
    request: Request,
    actor: Caller,
    product_id: UUID,
    after: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
    asked: Asked = None,
) -> dict[str, Any]:
    """Everything that happened to a product: one sentence a fact in both languages, with the fact itself."""
    async with request.app.state.pool.connection() as connection:
        row = await product_status(connection, Scope.of(actor), product_id, today(request))
    if row is None:
        raise no_such_product()
    then, versions = row, None
    if asked is not None:
        await request.app.state.freshness.wait(asked.position)
        then, facts_then = await product_then(request, product_id, asked)
        versions = [r.originator_version for r in facts_then]
    async with request.app.state.pool.connection() as connection:
        rows = await trail_of(connection, product_id, after, limit, versions)
    place = row["commune"]["code"]
    facts = [Told(product_id, entry["version"], entry["fact"], entry["data"], place) for entry in rows]
    data = await shown(request, actor, facts, own=row["registered"])
    told = [{**entry, "data": found} for entry, found in zip(rows, data, strict=True)]
    answer = {"product_id": product_id, "name": then["name"], "trail": told}
    return answer if asked is None else answer | {"as_of": asked.echo}


@router.get("/worklist", dependencies=[Depends(fresh)])
async def worklist(request: Request, actor: Caller, limit: Annotated[int, Query(ge=1, le=500)] = 100) -> dict[str, Any]:
    """What awaits you in your office: the nearest due date first."""
    async with request.app.state.pool.connection() as connection:
        rows = await worklist_of(connection, Scope.of(actor), actor, today(request), limit)
    return {
        "office": actor.office,
        "role": actor.role,
        "area": actor.area,
        "today": today(request),
        "tasks": rows,
    }
