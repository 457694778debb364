"""Inspectors and supervisors: what to look at first, why, and where the facts of it are read."""

from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from api.security import Caller
from api.supervisors import AreaCode, fresh
from domain.radar import Code
from projections.radar import find_radar
from projections.scope import Scope

router = APIRouter(prefix="/v1", tags=["radar"])

Place = Annotated[
    str, StringConstraints(pattern=r"^[0-9]{1,18}\.[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")
]
"""A finding's place in the list: position and id."""

TOLD_AT = {
    "product": "/v1/products/{id}/trail?after={before}&limit=1",
    "session": "/v1/sessions/{id}/trail?after={before}&limit=1",
    "person": "/v1/persons/{id}/trail",
    "council": "/v1/councils/{id}",
}
"""Kind of stream → where its facts, or it, are read; the others' are read in the feed alone."""


class Part(BaseModel):
    """Base of its parts."""

    model_config = ConfigDict(extra="forbid")


class FindingArea(Part):
    """An area in words."""

    code: str
    name: str


class FindingFact(Part):
    """A fact a finding rests on; ``href``: where it is told, for those who may read there."""

    stream: str
    stream_id: UUID
    version: int
    position: int
    fact: str
    effective_on: date
    href: str


class RadarFinding(Part):
    """Something to look at, no verdict: the reason with its figures, and the facts."""

    finding_id: UUID
    code: Code
    title: str = Field(description="Vietnamese")
    title_en: str
    vi: str
    en: str
    on: date = Field(description="day of the act that made it a finding")
    recorded_at: datetime
    position: int
    area: FindingArea
    product_id: UUID | None
    product: str | None = Field(description="where the product is read")
    session_id: UUID | None
    person: str | None = Field(description="the official concerned, as the records name him")
    facts: list[FindingFact]


class RadarPage(Part):
    """Findings in order; ``next`` goes into ``after``, null where the list is empty and was read from its beginning."""

    findings: list[RadarFinding]
    next: str | None


@router.get("/radar", dependencies=[Depends(fresh)], response_model=RadarPage)
async def radar(
    request: Request,
    actor: Caller,
    code: Code | None = None,
    area: AreaCode | None = None,
    after: Place | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> dict[str, Any]:
    """What an auditor would look at in your area, oldest first: each with its reason and the facts it rests on."""
    start = _place(after) if after else None
    async with request.app.state.pool.connection() as connection:
        rows = await find_radar(connection, Scope.of(actor), code, area, start, limit)
    last = f"{rows[-1]['position']}.{rows[-1]['finding_id']}" if rows else after
    return {"findings": [_linked(row) for row in rows], "next": last}


def _place(after: str) -> tuple[int, UUID]:
    position, _, finding = after.partition(".")
    return int(position), UUID(finding)


def _linked(row: dict[str, Any]) -> dict[str, Any]:
    facts = [
        {**fact, "href": _told_at(fact["stream"], fact["stream_id"], fact["version"], fact["position"])}
        for fact in row["facts"]
    ]
    return {**row, "product": f"/v1/products/{row['product_id']}" if row["product_id"] else None, "facts": facts}


def _told_at(kind: str, stream: str, version: int, position: int) -> str:
    in_feed = "/v1/events?after={position}&limit=1"
    return TOLD_AT.get(kind, in_feed).format(id=stream, before=version - 1, position=position - 1)
