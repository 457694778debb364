"""The witness over HTTP (C2SP tlog-witness), and to its readers what it cosigned last and what it refused."""

import asyncio
import sqlite3
import time
from dataclasses import asdict
from functools import partial

import structlog
from anyio import to_thread
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from application.witness import (
    LARGEST_REQUEST,
    NotConsistent,
    NotSigned,
    OtherSize,
    Submission,
    UnknownLog,
    Witness,
    WitnessRefusal,
)
from domain.proof.note import BadNote

log = structlog.get_logger(__name__)

PATIENCE = 10.0
"""Seconds in which a request's body must have come."""
STATUS: dict[type[WitnessRefusal], int] = {UnknownLog: 404, NotSigned: 403, OtherSize: 409, NotConsistent: 422}


def create_witness(witness: Witness) -> Starlette:
    """The application that serves a witness."""

    async def add_checkpoint(request: Request) -> Response:
        """Cosign a checkpoint that only grew."""
        try:
            async with asyncio.timeout(PATIENCE):
                body = await _body(request)
        except TimeoutError:
            return PlainTextResponse("the body did not come in time\n", 408)
        if body is None:
            return PlainTextResponse("the body is too large\n", 413)
        sender = request.client.host if request.client else ""
        try:
            asked = Submission.parse(body)
            line = await to_thread.run_sync(partial(witness.take, asked, sender, int(time.time())))
        except BadNote as error:
            return PlainTextResponse(f"{error}\n", 400)
        except WitnessRefusal as refusal:
            return _refused(refusal, asked, sender)
        log.info("cosigned", origin=asked.note.checkpoint.origin, size=asked.note.checkpoint.size)
        return PlainTextResponse(line)

    async def checkpoint(request: Request) -> Response:
        """The note cosigned last of an origin."""
        note = await to_thread.run_sync(witness.newest, request.path_params["origin"])
        if note is None:
            return PlainTextResponse("nothing of this origin was cosigned\n", 404)
        return PlainTextResponse(note, headers={"Cache-Control": "no-store"})

    async def evidence(request: Request) -> Response:
        """A page of what was refused, after the number given."""
        after = request.query_params.get("after", "0")
        if not (after.isascii() and after.isdecimal() and len(after) < 19):
            return PlainTextResponse("after is a number of evidence\n", 400)
        found = await to_thread.run_sync(witness.evidence, int(after))
        return JSONResponse({"items": [asdict(one) for one in found]})

    async def no_storage(_: Request, error: Exception) -> Response:
        log.error("witness-storage-fails", exc_info=error)
        return PlainTextResponse("the witness cannot store\n", 503)

    routes = [
        Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
        Route("/checkpoint/{origin:path}", checkpoint),
        Route("/evidence", evidence),
    ]
    return Starlette(routes=routes, exception_handlers={sqlite3.Error: no_storage, OSError: no_storage})


async def _body(request: Request) -> bytes | None:
    """The body; None of one that is too large."""
    taken = bytearray()
    try:
        async for piece in request.stream():
            taken += piece
            if len(taken) > LARGEST_REQUEST:
                return None
    except ClientDisconnect:
        return b""
    return bytes(taken)


def _refused(refusal: WitnessRefusal, asked: Submission, sender: str) -> Response:
    name = type(refusal).__name__
    origin, size = asked.note.checkpoint.origin, asked.note.checkpoint.size
    log.warning("refused", why=name, origin=origin, size=size, old=asked.old, sender=sender)
    if isinstance(refusal, OtherSize):
        return Response(f"{refusal.size}\n", 409, {"Content-Type": "text/x.tlog.size"})
    return PlainTextResponse(f"{name}\n", STATUS[type(refusal)])
