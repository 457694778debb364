"""Officials, council members and producers: "do this step".

The happy path only; every failure is a problem made in ``problems.py``. Bodies are read and validated
here by hand, not by the framework: one pass over the bytes, strict, with a size limit.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from anyio import to_thread
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import StringConstraints, ValidationError
from pydantic_core import to_json
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from api.bodies import read_body
from api.conditional import etag, expected_version, idempotency_key
from api.examples import EXAMPLES
from api.personal_data import cases_of, subject_named
from api.problems import Problem, doubled_field, field_problem
from api.security import giver, noted
from application.handle import Order, asked, command_id_of
from application.store import Journal
from application.writer import Answer, Writer
from domain.book.commands import BookCommand
from domain.book.state import book_id
from domain.command import Command
from domain.decide import COMMANDS, new_stream
from domain.law.areas import province_of_area
from domain.law.book import LawBook
from domain.law.calendar import legal_date
from domain.refusals import NoRegime, NotFound, OutsideArea, Refusal
from domain.subject.commands import DecideErasure, RequestErasure
from domain.values import ROLE_NAMES, STEP_NAMES, Actor

router = APIRouter(prefix="/v1", tags=["commands"])

NOT_FOUND_AFTER = 0.05
"""Seconds before which no command is answered "not found": so the time tells nothing of what exists elsewhere."""


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    """Refuse a field given twice: the validator silently takes the last, a person may have meant the first."""
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise doubled_field(next(name for name in names if names.count(name) > 1))


_DOUBLES = json.JSONDecoder(object_pairs_hook=_each_once, parse_int=str, parse_float=str)


def parse(kind: type[Command], body: bytes) -> Command:
    """A command out of JSON bytes."""
    try:
        command = kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise field_problem(error.errors(include_url=False)) from None
    if body:
        _DOUBLES.decode(body.decode())
    return command


OPENING: dict[str, str] = {
    "identify-product": "/v1/products",
    "enter-from-register": "/v1/register-entries",
    "set-up-council": "/v1/councils",
    "call-session": "/v1/sessions",
    "establish-office": "/v1/offices",
    "register-person": "/v1/persons",
    "request-erasure": "/v1/personal-data/requests",
    "issue-programme": "/v1/programmes",
}
"""Command that opens a stream → its path."""
PLURAL = {
    kind: f"{kind}s" for kind in ("product", "council", "session", "office", "person", "subject", "log", "programme")
}


def path_of(kind: type[Command]) -> str:
    """Where a command is given."""
    if issubclass(kind, BookCommand):
        return f"/v1/decisions/{kind.name}"
    return OPENING.get(kind.name) or f"/v1/{PLURAL[kind.stream]}/{{{kind.stream}_id}}/commands/{kind.name}"


async def carry_out(request: Request, stream: UUID | None, kind: type[Command]) -> Response:
    """Authenticate, read, hand to the writer, answer."""
    began = time.monotonic()
    state, (actor, *also) = request.app.state, await giver(request, kind)
    key, expected = idempotency_key(request), expected_version(request)
    command = parse(kind, await read_body(request))
    command_id = command_id_of(actor.person, key)
    named, subject, cases = stream, None, frozenset[UUID]()
    if isinstance(command, BookCommand):
        year = (command.effective_on or legal_date(state.clock())).year
        actor, also = _competent(state.law, command, [actor, *also], state.clock()), []
        named = book_id(command.level, actor.area, year)
    elif isinstance(command, RequestErasure):
        named, subject = await subject_named(request, actor, command)
        also = [other for other in also if other.area == actor.area]  # the dossier is that area's
    elif isinstance(command, DecideErasure) and stream is not None:
        cases = await cases_of(request, stream, command)
    digest = state.keeper.digest(asked(str(stream or ""), command))
    writer: Writer = state.writer
    target = named or new_stream(command_id, kind.stream)
    try:
        order = Order(command_id, target, command, actor, digest, expected, tuple(also), subject, cases)
        answer = await writer.run(order)
    except Refusal as refusal:
        hidden = isinstance(refusal, NotFound) or (isinstance(refusal, OutsideArea) and not names_its_place(kind))
        told_as = "not-found" if hidden else ""
        noted(request, refusal.rule or refusal.code, refusal.actor or actor, allowed=False, told_as=told_as)
        if hidden:
            await asyncio.sleep(max(0.0, began + NOT_FOUND_AFTER - time.monotonic()))
            raise nothing_here() from None
        raise
    noted(request, answer.rule, answer.actor or actor, allowed=True)
    more: dict[str, Any] = {}
    if isinstance(command, BookCommand):
        more["decision"] = await to_thread.run_sync(_decision, state.journal, answer, limiter=state.feed)
    return answered(answer, kind.stream, opened=kind.name in OPENING, more=more)


def _competent(law: LawBook, command: BookCommand, actors: Sequence[Actor], now: datetime) -> Actor:
    """The first role that signs at the command's level: whose book it is depends on it."""
    day = command.effective_on or legal_date(now)
    for actor in actors:
        with suppress(NoRegime):
            found = law.competence(command.name, province_of_area(actor.area), law.regime_on(day), command.level)
            if found is not None and actor.role in found.roles:
                return actor
    return actors[0]


def names_its_place(kind: type[Command]) -> bool:
    """Whether a command opens something at a place named in its body: that it lies elsewhere tells nothing then."""
    return kind.opens and bool({"commune", "area"} & set(kind.model_fields))


def nothing_here() -> Problem:
    """The one answer for what does not exist and for what is not the caller's to see."""
    return Problem(
        "not-found",
        "Không có hồ sơ này trong phạm vi của bạn.",
        "There is nothing under this id within your reach.",
        hint_vi="Kiểm tra mã, địa bàn và vai trò đang dùng (GET /v1/me).",
        hint_en="Check the id, your area and the role you act in (GET /v1/me).",
    )


def _decision(journal: Journal, answer: Answer) -> dict[str, Any] | None:
    """The decision as entered in the book: its numbers are what the caller waits for."""
    entered = journal.fact_at(answer.stream_id, answer.version)
    return entered.fact.model_dump(mode="json") if entered else None


def answered(answer: Answer, kind: str, *, opened: bool, more: Mapping[str, Any]) -> Response:
    """201 for an opened stream, 200 else; the version as ETag, the position to wait for."""
    body = {
        f"{kind}_id": answer.stream_id,
        "version": answer.version,
        "position": answer.position,
        "facts": [{"fact": name, "version": version, "position": at} for name, version, at in answer.facts],
        "repeated": answer.repeated,
        **more,
    }
    headers = {"ETag": etag(answer.version), "X-Position": str(answer.position)}
    if opened:
        headers["Location"] = f"/v1/{PLURAL[kind]}/{answer.stream_id}"
    return Response(to_json(body), 201 if opened else 200, headers, "application/json")


async def open_stream(request: Request) -> Response:
    """Open a product's journey, a council or a session (ghi nhận sản phẩm, thành lập hội đồng, triệu tập phiên họp)."""
    name = next(name for name, path in OPENING.items() if path == request.url.path)
    return await carry_out(request, None, COMMANDS[name])


async def issue_decision(request: Request) -> Response:
    """Issue a decision in the book of the caller's authority (ban hành quyết định)."""
    kind = COMMANDS.get(request.path_params["command"])
    if kind is None or not issubclass(kind, BookCommand):
        raise _unknown()
    return await carry_out(request, None, kind)


async def give_command(request: Request) -> Response:
    """Give a command to a product, a council or a session."""
    name, given = request.path_params["command"], request.path_params["stream_id"]
    kind = COMMANDS.get(name)
    if kind is None or name in OPENING or PLURAL.get(kind.stream) != request.path_params["kind"]:
        raise _unknown()
    try:
        stream = UUID(given)
    except ValueError:
        raise Problem("not-found", "Mã hồ sơ không hợp lệ.", "The id is not a UUID.") from None
    return await carry_out(request, stream, kind)


def _unknown() -> Problem:
    return Problem(
        "unknown-command",
        "Không có lệnh này.",
        "There is no such command.",
        hint_vi="Xem danh sách tại GET /v1/commands.",
        hint_en="See GET /v1/commands.",
    )


class Endpoint:
    """A function from a request to its answer as an application of its own, with no layer of the framework between."""

    def __init__(self, answer: Callable[[Request], Awaitable[Response]]) -> None:
        self._answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what it raises becomes a problem further out."""
        response = await self._answer(Request(scope, receive, send))
        await response(scope, receive, send)


ROUTES = [
    Route("/v1/{kind:str}/{stream_id}/commands/{command}", Endpoint(give_command), methods=["POST"]),
    Route("/v1/decisions/{command}", Endpoint(issue_decision), methods=["POST"]),
    *(Route(path, Endpoint(open_stream), methods=["POST"]) for path in OPENING.values()),
]
"""The writing routes. They stand first and outside the framework's own body handling."""


@router.get("/commands")
async def commands(
    request: Request, province: Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")] = ""
) -> dict[str, Any]:
    """Every command: its step, who may give it and by which rule, a sentence in both languages, its JSON Schema."""
    law: LawBook = request.app.state.law
    regime = law.regime_on(legal_date(request.app.state.clock()))
    listed = []
    for name, kind in COMMANDS.items():
        who = {
            level: found
            for level in (None, "commune", *(x.code for x in regime.levels))
            if (found := law.competence(name, province, regime, level))
        }
        listed.append(
            {
                "command": name,
                "path": path_of(kind),
                "step": {"number": int(kind.step), "vi": STEP_NAMES[kind.step][0], "en": STEP_NAMES[kind.step][1]}
                if kind.step
                else None,
                "vi": kind.vi,
                "en": kind.en,
                "who": [
                    {
                        "level": level,
                        "roles": [{"role": r, "vi": ROLE_NAMES[r][0], "en": ROLE_NAMES[r][1]} for r in found.roles],
                        "legal_basis": found.legal_basis,
                        "mark": found.mark,
                    }
                    for level, found in who.items()
                    if level is None or found != who.get(None)
                ],
                "schema": kind.model_json_schema(),
                "example": EXAMPLES[name],
            }
        )
    return {"regime": regime.id, "commands": listed}
