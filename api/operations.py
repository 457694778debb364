"""Operators: is it alive, is it ready, how far behind; and what each problem type means."""

from typing import Any, LiteralString

import psycopg
from fastapi import APIRouter, Request
from fastapi.responses import Response
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest

from api.problems import PROBLEMS, Problem, database_away
from api.web import page
from projections.engine import health_of

router = APIRouter(tags=["operations"])

SIGNED: LiteralString = """
SELECT c.size, (SELECT coalesce(max(leaf_index), -1) + 1 FROM ocop.events) - c.size,
       (SELECT note FROM ocop.checkpoints WHERE tree_size = c.size)
FROM (SELECT coalesce(max(tree_size), 0) AS size FROM ocop.checkpoints) AS c
"""

LAG = Gauge("ocop_read_model_lag_positions", "Positions a read model is behind the journal", ["model"])
PARKED = Gauge("ocop_read_model_parked_facts", "Facts a read model could not take", ["model"])
UNSIGNED = Gauge("ocop_log_unsigned_facts", "Facts that no signed checkpoint covers yet")
WAITING = Gauge("ocop_commands_waiting", "Commands waiting for the writer")


@router.get("/", response_model=dict[str, str])
async def doors(request: Request) -> Any:
    """Where to go from here; a browser gets a page."""
    if "text/html" in request.headers.get("accept", ""):
        return page("doors.html", headers={"Vary": "Accept"}, problem=None)
    return {
        "service": "ocop",
        "pages": "/home",
        "api": "/docs",
        "openapi": "/openapi.json",
        "commands": "/v1/commands",
        "products": "/v1/products",
        "events": "/v1/events",
        "health": "/health/ready",
    }


@router.get("/health/live")
async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "alive"}


@router.get("/health/ready")
async def ready(request: Request) -> dict[str, Any]:
    """The database answers; how far each read model has come; facts that are parked."""
    try:
        async with request.app.state.pool.connection() as connection:
            head, models = await health_of(connection, request.app.state.read_models)
            signed = await (await connection.execute(SIGNED)).fetchone()
    except (psycopg.Error, OSError) as error:
        raise database_away() from error
    state = request.app.state
    foreign = bool(signed and signed[2] and state.log_key and not state.log_key.signed(signed[2]))
    return {
        "status": "degraded" if state.missing or foreign or any(m.parked for m in models) else "ready",
        "position": head,
        "log": {
            "signed": signed[0] if signed else 0,
            "lag": signed[1] if signed else 0,
            "rolled_back": state.missing is not None,
            "of_another_key": foreign,
        },
        "read_models": [
            {"name": m.name, "position": m.position, "lag": max(head - m.position, 0), "parked": m.parked}
            for m in models
        ],
    }


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Prometheus text."""
    standing = await ready(request)
    for model in standing["read_models"]:
        LAG.labels(model["name"]).set(model["lag"])
        PARKED.labels(model["name"]).set(model["parked"])
    UNSIGNED.set(standing["log"]["lag"])
    WAITING.set(request.app.state.writer.depth)
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@router.get("/v1/problems/{code}")
async def problem_type(code: str) -> dict[str, Any]:
    """What a problem type means (the address in a problem's `type`)."""
    if code not in PROBLEMS:
        raise Problem("not-found", "Không có loại lỗi này.", "There is no such problem type.")
    status, vi, en = PROBLEMS[code]
    return {"type": f"/v1/problems/{code}", "status": status, "title": vi, "title_en": en}
