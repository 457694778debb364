"""Officials, council members and producers: "do this step".

The happy path only; every failure is a problem made in ``problems.py``. Bodies are read and validated
here by hand, not by the framework: one pass over the bytes, strict, with a size limit.
"""

import json
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import StringConstraints, ValidationError
from pydantic_core import to_json
from starlette.requests import ClientDisconnect

from api.conditional import etag, expected_version, idempotency_key
from api.examples import EXAMPLES
from api.problems import Problem, doubled_field, field_problem
from api.security import caller
from application.handle import Order, command_id_of, digest_of
from application.writer import Answer, Writer
from domain.law.book import LawBook
from domain.law.calendar import legal_date
from domain.product.command import Command
from domain.product.decide import COMMANDS, product_id
from domain.values import ROLE_NAMES, STEP_NAMES

router = APIRouter(prefix="/v1", tags=["commands"])

MAX_BODY = 1_000_000
"""Largest body in bytes."""


async def read_body(request: Request) -> bytes:
    """The body, refused when it is too large or not declared as JSON."""
    kind = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Problem(
            "unsupported-media-type",
            "Nội dung phải là application/json.",
            "The content must be application/json.",
            hint_vi="Gửi tiêu đề Content-Type: application/json.",
            hint_en="Send Content-Type: application/json.",
        )
    declared = request.headers.get("content-length", "0")
    parts, size = [], 0
    if not declared.isdigit() or int(declared) <= MAX_BODY:
        try:
            async for part in request.stream():
                size += len(part)
                if size > MAX_BODY:
                    break
                parts.append(part)
            else:
                return b"".join(parts)
        except ClientDisconnect:
            raise Problem(
                "bad-request", "Kết nối đóng trước khi gửi xong.", "The connection closed before all of it was sent."
            ) from None
    raise Problem(
        "too-large",
        f"Nội dung vượt {MAX_BODY:,} byte.".replace(",", "."),
        f"The content exceeds {MAX_BODY:,} bytes.",
        hint_vi="Chỉ gửi mã SHA-256 của tệp, không gửi tệp.",
        hint_en="Send the SHA-256 of files, not the files.",
    )


def parse(kind: type[Command], body: bytes) -> Command:
    """A command out of JSON bytes."""
    try:
        command = kind.model_validate_json(body or b"{}")
    except ValidationError as error:
        raise field_problem(error.errors(include_url=False)) from None
    if body:
        json.loads(body, object_pairs_hook=_each_once, parse_int=str, parse_float=str)
    return command


def _each_once(pairs: list[tuple[str, Any]]) -> None:
    """Refuse a field given twice: the validator silently takes the last, a person may have meant the first."""
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise doubled_field(next(name for name in names if names.count(name) > 1))


async def carry_out(request: Request, product: UUID | None, kind: type[Command]) -> Response:
    """Authenticate, read, hand to the writer, answer."""
    actor = caller(request)
    key, expected = idempotency_key(request), expected_version(request)
    command = parse(kind, await read_body(request))
    command_id = command_id_of(actor, key)
    writer: Writer = request.app.state.writer
    answer = await writer.run(
        Order(
            command_id,
            product or product_id(command_id),
            command,
            actor,
            digest_of(str(product or ""), command),
            expected,
        )
    )
    return answered(answer, opened=product is None)


def answered(answer: Answer, *, opened: bool) -> Response:
    """201 for an opened journey, 200 else; the version as ETag, the position to wait for."""
    body = {
        "product_id": answer.product_id,
        "version": answer.version,
        "position": answer.position,
        "facts": [{"fact": name, "version": version, "position": at} for name, version, at in answer.facts],
        "repeated": answer.repeated,
    }
    headers = {"ETag": etag(answer.version), "X-Position": str(answer.position)}
    if opened:
        headers["Location"] = f"/v1/products/{answer.product_id}"
    return Response(to_json(body), 201 if opened else 200, headers, "application/json")


OPENING = COMMANDS["identify-product"]


async def open_journey(request: Request) -> Response:
    """Open a product's journey (ghi nhận sản phẩm)."""
    return await carry_out(request, None, OPENING)


async def give_command(request: Request) -> Response:
    """Give a command to a product."""
    name, given = request.path_params["command"], request.path_params["product_id"]
    kind = COMMANDS.get(name)
    if kind is None or kind is OPENING:
        raise Problem(
            "unknown-command",
            "Không có lệnh này.",
            "There is no such command.",
            hint_vi="Xem danh sách tại GET /v1/commands.",
            hint_en="See GET /v1/commands.",
        )
    try:
        product = UUID(given)
    except ValueError:
        raise Problem("not-found", "Mã sản phẩm không hợp lệ.", "The product id is not a UUID.") from None
    return await carry_out(request, product, kind)


@router.get("/commands")
async def commands(
    request: Request, province: Annotated[str, StringConstraints(pattern=r"^[0-9]{2}$")] = ""
) -> dict[str, Any]:
    """Every command: its step, who may give it and by which rule, a sentence in both languages, its JSON Schema."""
    law: LawBook = request.app.state.law
    regime = law.regime_on(legal_date(request.app.state.clock()))
    listed = []
    for name, kind in COMMANDS.items():
        competence = law.competence(name, province, regime)
        assert competence is not None
        listed.append(
            {
                "command": name,
                "path": "/v1/products" if kind is OPENING else f"/v1/products/{{product_id}}/commands/{name}",
                "step": {"number": int(kind.step), "vi": STEP_NAMES[kind.step][0], "en": STEP_NAMES[kind.step][1]}
                if kind.step
                else None,
                "vi": kind.vi,
                "en": kind.en,
                "who": [
                    {"role": role, "vi": ROLE_NAMES[role][0], "en": ROLE_NAMES[role][1]} for role in competence.roles
                ],
                "legal_basis": competence.legal_basis,
                "mark": competence.mark,
                "schema": kind.model_json_schema(),
                "example": EXAMPLES[name],
            }
        )
    return {"regime": regime.id, "commands": listed}
