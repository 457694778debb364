"""Integrators: the ordered feed of facts, and the certificates."""

from typing import Annotated, Any

from anyio import to_thread
from fastapi import APIRouter, Depends, Query, Request
from pydantic import StringConstraints

from api.as_of import Asked
from api.past import certificates_then
from api.personal import Told, shown
from api.problems import Problem
from api.security import Caller
from api.supervisors import fresh, today
from application.store import Journal
from domain.law.areas import covers
from domain.streams import CATALOGUE
from domain.values import Role
from projections.certificates import CertificateStatus, find_certificates
from projections.scope import Scope

router = APIRouter(prefix="/v1", tags=["integrators"])

TypeNames = Annotated[str, StringConstraints(max_length=2_000)]
"""Long enough to name every type."""


@router.get("/events")
async def events(
    request: Request,
    actor: Caller,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    types: TypeNames | None = None,
) -> dict[str, Any]:
    """Facts in the order they became visible, after a position, within your area.

    ``types``: stored names, separated by commas. Ask again with ``next``; positions have holes, no
    fact ever appears before ``next`` later. A page may be empty because nothing on it is yours:
    you have everything once ``more`` is false.
    """
    wanted = [name for name in (types or "").split(",") if name]
    for name in wanted:
        if name not in CATALOGUE:
            raise Problem(
                "bad-request",
                "Không có loại sự kiện này.",
                "There is no such type of fact.",
                hint_vi=f"Loại: {', '.join(CATALOGUE)}.",
                hint_en=f"Types: {', '.join(CATALOGUE)}.",
                errors=[{"field": "types", "detail": "không có loại này", "detail_en": "no such type"}],
            )
    journal: Journal = request.app.state.journal
    page = await to_thread.run_sync(journal.page, after, limit, limiter=request.app.state.feed)
    yours = [
        r
        for r in page
        if (not wanted or r.fact.stored_name in wanted)
        and covers(actor.area, r.envelope.commune)
        and r.fact.stored_name.startswith(_FOR_INTEGRATORS if actor.role is Role.INTEGRATOR else _CASES)
    ]
    facts = [
        Told(
            r.originator_id,
            r.originator_version,
            r.fact.stored_name,
            r.fact.model_dump(mode="json"),
            r.envelope.commune,
        )
        for r in yours
    ]
    data = await shown(request, actor, facts)
    events = [
        {
            "position": r.position,
            "stream": r.fact.stored_name.partition(".")[0],
            "stream_id": r.originator_id,
            "version": r.originator_version,
            "type": r.fact.stored_name,
            **r.envelope.model_dump(mode="json", exclude={"data"}),
            "data": found,
        }
        for r, found in zip(yours, data, strict=True)
    ]
    return {"events": events, "next": page[-1].position if page else after, "more": len(page) == limit}


_CASES = ("product.", "book.", "council.", "session.", "programme.")
"""What is about cases; what is about persons has readers of its own."""
_FOR_INTEGRATORS = ("product.", "book.", "programme.")
"""What councils do among themselves, members' ties above all, stays with the authorities."""


@router.get("/certificates", dependencies=[Depends(fresh)])
async def certificates(
    request: Request,
    actor: Caller,
    stars: Annotated[int | None, Query(ge=3, le=5)] = None,
    valid: bool | None = None,
    status: CertificateStatus | None = None,
    after: Annotated[int, Query(ge=0, le=2**62)] = 0,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
    asked: Asked = None,
) -> dict[str, Any]:
    """Certificates in your area, in the order they came to be known here; status by today's date.

    ``expiring``: within the days in which a re-evaluation may be filed; ``date-missing``: a register gave no day.
    With an instant: as they stood then, status by the effective day. A page then looks at ``limit`` certificates and
    may show fewer: you have everything once ``next`` stays.
    """
    scope, day = Scope.of(actor), today(request)
    if asked is not None:
        rows, following = await certificates_then(request, scope, stars, valid, status, asked, after, limit)
        return {"certificates": rows, "next": following, "as_of": asked.echo}
    async with request.app.state.pool.connection() as connection:
        rows = await find_certificates(connection, scope, stars, valid, status, day, after, limit)
    return {"certificates": rows, "next": rows[-1]["position"] if rows else after}
