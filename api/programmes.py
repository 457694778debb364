"""Plans against reality (kế hoạch và kết quả): programmes, their targets, each figure with the facts behind it."""

import re
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import Response
from psycopg import AsyncConnection
from pydantic_core import to_json

from api.as_of import Asked, AsOf, instants
from api.conditional import etag
from api.councils import Limit
from api.problems import Problem
from api.security import Caller
from api.supervisors import fresh, today
from domain.law.maps import name_on
from domain.programme.measures import Measure, measures
from projections.figures import Drilled, Figure, Span, drill
from projections.plans import TargetVersion, plan_of
from projections.programme_sentences import wanted
from projections.programmes import find_programmes, programme_of
from projections.progress import Programme, Told, ground_of, progress_of
from projections.scope import Scope
from projections.trail import trail_of

router = APIRouter(prefix="/v1", tags=["programmes"])

Code = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,60}$")]
_AFTER = re.compile(r"^([0-9]{1,18})\.([0-9]{1,6})$")


def no_such_programme() -> Problem:
    """The same answer whether it does not exist or is not the reader's to see."""
    return Problem(
        "not-found", "Không có kế hoạch này trong phạm vi của bạn.", "There is no such programme within your reach."
    )


@router.get("/measures")
async def list_measures() -> dict[str, Any]:
    """Every measure (chỉ số) that a target may name: definition and unit in both languages, what it counts."""
    return {"measures": [{"id": code, **entry.model_dump(mode="json")} for code, entry in measures().items()]}


@router.get("/programmes", dependencies=[Depends(fresh)])
async def list_programmes(request: Request, actor: Caller, limit: Limit = 100, asked: Asked = None) -> dict[str, Any]:
    """Plans of your area, of areas within it, and of those it lies in; the latest first."""
    effective, position = (asked.effective, asked.position) if asked else (today(request), 2**62)
    async with request.app.state.pool.connection() as connection:
        found = await find_programmes(connection, Scope.of(actor), effective, position, limit)
    return {"programmes": [_named(row) for row in found], **({"as_of": asked.echo} if asked else {})}


@dataclass(frozen=True, slots=True)
class _Read:
    """A programme as it was asked for, and the instants."""

    row: dict[str, Any]
    programme: Programme
    at: AsOf


async def _now(request: Request, asked: Asked = None) -> AsOf:
    """The instants asked for, or now; found before a connection is taken, since a checkpoint may be waited for."""
    return asked or await instants(request, None, None)


At = Annotated[AsOf, Depends(_now)]


async def _read(actor: Any, connection: AsyncConnection[Any], id_: UUID, at: AsOf) -> _Read:
    row = await programme_of(connection, Scope.of(actor), id_, at.effective, at.position)
    if row is None:
        raise no_such_programme()
    return _Read(row, Programme(row["id"], row["area"], row["first"], row["last"]), at)


@router.get("/programmes/{programme_id}", dependencies=[Depends(fresh)])
async def one_programme(request: Request, actor: Caller, programme_id: UUID, at: At, asked: Asked = None) -> Response:
    """One plan: number, days, legal bases; targets with every version, deadlines, priorities, tasks."""
    async with request.app.state.pool.connection() as connection:
        read = await _read(actor, connection, programme_id, at)
        plan = await plan_of(connection, programme_id, read.at.effective, read.at.position)
    document = {
        **_named(read.row),
        "targets": {code: [_version(version) for version in versions] for code, versions in plan.targets.items()},
        "deadlines": plan.deadlines,
        "priorities": plan.priorities,
        "tasks": plan.tasks,
        **({"as_of": asked.echo} if asked else {}),
    }
    return Response(to_json(document), headers={"ETag": etag(read.row["version"])}, media_type="application/json")


@router.get("/programmes/{programme_id}/progress", dependencies=[Depends(fresh)])
async def progress(request: Request, actor: Caller, programme_id: UUID, at: At) -> dict[str, Any]:
    """Each target against what the facts say. Amended targets are told in every version; ``current`` is the last.

    ``lag``: facts that the figures do not have yet.
    """
    async with request.app.state.pool.connection() as connection:
        read = await _read(actor, connection, programme_id, at)
        plan = await plan_of(connection, programme_id, read.at.effective, read.at.position)
        told = await progress_of(connection, read.programme, plan, read.at.effective, read.at.position)
        lag = await _lag(connection, read.at.position)
    latest = {code: versions[-1].version for code, versions in plan.targets.items()}
    return {
        **_named(read.row),
        "targets": [_progress(entry, entry.version.version == latest[entry.code]) for entry in told],
        "deadlines": [
            {"code": code, **deadline, "days_left": (date.fromisoformat(deadline["due"]) - read.at.effective).days}
            for code, deadline in plan.deadlines.items()
        ],
        "lag": lag,
        "as_of": read.at.echo,
    }


@router.get("/programmes/{programme_id}/targets/{code}/marks", dependencies=[Depends(fresh)])
async def target_marks(
    request: Request,
    actor: Caller,
    programme_id: UUID,
    code: Code,
    at: At,
    part: Literal["of", "over"] = "of",
    version: Annotated[int | None, Query(ge=1, le=10**9, description="of the target; without it the last")] = None,
    year: Annotated[int | None, Query(ge=2018, le=2100, description="of a target asked of each year")] = None,
    after: Annotated[str | None, Query(max_length=30)] = None,
    limit: Limit = 100,
) -> dict[str, Any]:
    """The marks behind a figure: what was counted (``of``), what it is a share of (``over``).

    Each with stream and version of the fact it is a mark of, and the position from which it is known so.
    ``beyond``: how many more are counted that lie outside your area.
    """
    place = _AFTER.match(after or "0.0")
    if place is None:
        raise _bad_cursor()
    async with request.app.state.pool.connection() as connection:
        read = await _read(actor, connection, programme_id, at)
        plan = await plan_of(connection, programme_id, read.at.effective, read.at.position)
        versions = [v for v in plan.targets.get(code, []) if version in (None, v.version)]
        if not versions:
            raise _no_such_figure()
        target = versions[-1].target
        measure = measures()[target.measure]
        spans = [s for s in target.spans(read.programme.first) if year in (None, s[0].year)]
        if not spans or (part == "over" and measure.over is None):
            raise _no_such_figure()
        first, last = spans[-1] if target.every is None or year else _running(spans, read.at.effective)
        span, ground = (
            Span(first, min(last, at.effective)),
            ground_of(read.programme, target, at.effective, at.position),
        )
        scope, since = Scope.of(actor), (int(place[1]), int(place[2]))
        begun = span.first <= span.last
        found = (
            await drill(connection, measure, part, span, ground, scope, after=since, limit=limit)
            if begun
            else Drilled([], 0)
        )
    newest = found.marks[-1] if len(found.marks) == limit else None
    return {
        "code": code,
        "title": target.title,
        "measure": target.measure,
        "part": part,
        "first": first,
        "last": last,
        "marks": [{**row, "area_name": name_on(row["area"], read.programme.first)} for row in found.marks],
        "beyond": found.beyond,
        "next": f"{newest['known_from']}.{newest['number']}" if newest else None,
        "as_of": read.at.echo,
    }


@router.get("/programmes/{programme_id}/trail", dependencies=[Depends(fresh)])
async def programme_trail(
    request: Request,
    actor: Caller,
    programme_id: UUID,
    after: Annotated[int, Query(ge=0, le=10**9)] = 0,
    limit: Annotated[int, Query(ge=1, le=1000)] = 1000,
) -> dict[str, Any]:
    """Everything that happened in a programme: who set or amended what, by which paper, what was recorded."""
    async with request.app.state.pool.connection() as connection:
        if await programme_of(connection, Scope.of(actor), programme_id, today(request), 2**62) is None:
            raise no_such_programme()
        return {"programme_id": programme_id, "facts": await trail_of(connection, programme_id, after, limit)}


def _running(spans: list[tuple[date, date]], day: date) -> tuple[date, date]:
    """The year that runs on a day, or the last one that has begun."""
    return [span for span in spans if span[0] <= day][-1] if spans[0][0] <= day else spans[0]


async def _lag(connection: AsyncConnection[Any], position: int) -> int:
    row = await (
        await connection.execute("SELECT position FROM read.models WHERE name = 'marks' AND active")
    ).fetchone()
    return max(position - (row[0] if row else 0), 0)


def _named(row: dict[str, Any]) -> dict[str, Any]:
    return {**row, "area_name": name_on(row["area"], row["first"])}


def _version(version: TargetVersion) -> dict[str, Any]:
    vi, en = wanted(version.target)
    return {
        "version": version.version,
        "position": version.position,
        "since": version.since,
        "decision_number": version.decision,
        "reason": version.reason,
        "wanted": vi,
        "wanted_en": en,
        **version.target.model_dump(mode="json"),
    }


def _progress(told: Told, current: bool) -> dict[str, Any]:
    version = told.version
    vi, en = wanted(version.target)
    return {
        "code": told.code,
        "title": version.target.title,
        "version": version.version,
        "since": version.since,
        "current": current,
        "decision_number": version.decision,
        "measure": version.target.measure,
        "unit": told.measure.unit_vi,
        "unit_en": told.measure.unit_en,
        "wanted": vi,
        "wanted_en": en,
        "compare": version.target.compare,
        "amount": version.target.amount,
        "most": version.target.most,
        "first": told.span.first,
        "due": told.span.last,
        "standing": told.standing,
        "origin": version.target.origin.model_dump() if version.target.origin else None,
        **_figure(told.figure, told.measure),
        **(
            {
                "units": [
                    {"area": unit.area, "name": unit.name, "of": unit.of, "reached": unit.reached}
                    for unit in told.units
                ],
                "units_reached": sum(unit.reached for unit in told.units),
                "units_wanted": told.wanted_units,
            }
            if version.target.each
            else {}
        ),
    }


def _figure(found: Figure | None, measure: Measure) -> dict[str, Any]:
    """The value rounded to two places for people, and exact; what is missing is said."""
    if found is None:
        return {"value": None, "exact": None, "of": None, "over": None, "missing": None, "illustrative": 0}
    missing = None
    if found.value is None:
        missing = {
            "vi": "chưa có số để chia: chưa sự kiện nào cho mẫu số",
            "en": "nothing to divide by: no fact gives the denominator",
        }
    return {
        "value": rounded(found.value),
        "exact": str(found.value) if found.value is not None else None,
        "of": found.of,
        "over": found.over if measure.over else None,
        "missing": missing,
        "illustrative": found.illustrative,
    }


def rounded(value: Fraction | None) -> str | None:
    """At most two places, halves away from zero: "66.67", "20"."""
    if value is None:
        return None
    hundredths = int(abs(value) * 100 + Fraction(1, 2))
    text = f"{hundredths // 100}.{hundredths % 100:02d}".rstrip("0").rstrip(".")
    return f"-{text}" if value < 0 and hundredths else text


def _no_such_figure() -> Problem:
    return Problem(
        "not-found",
        "Kế hoạch không có số liệu này: sai mã chỉ tiêu, phiên bản, năm hoặc phần.",
        "The programme has no such figure: another target, version, year or part.",
        hint_vi="Xem các chỉ tiêu tại GET /v1/programmes/{id}/progress.",
        hint_en="See its targets at GET /v1/programmes/{id}/progress.",
    )


def _bad_cursor() -> Problem:
    return Problem(
        "invalid-fields",
        "Con trỏ trang không hợp lệ.",
        "The cursor is not one of ours.",
        hint_vi="Dùng giá trị next của trang trước.",
        hint_en="Use next of the page before.",
        errors=[{"field": "after", "detail": "không hợp lệ", "detail_en": "malformed"}],
    )
