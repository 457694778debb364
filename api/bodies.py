"""Bodies of requests, read by hand: JSON within a size limit, one strict pass, problems in both languages."""

from typing import Any, TypeVar

from fastapi import Request
from pydantic import ValidationError
from starlette.requests import ClientDisconnect

from api.problems import Problem, field_problem
from domain.values import Value

Body = TypeVar("Body", bound=Value)
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


async def read_value(request: Request, kind: type[Body]) -> Body:
    """A value out of the body; what was typed is never repeated in a problem."""
    try:
        return kind.model_validate_json(await read_body(request) or b"{}")
    except ValidationError as error:
        raise field_problem(error.errors(include_url=False, include_input=False)) from None


def takes(kind: type[Value]) -> dict[str, Any]:
    """The body in the OpenAPI document, for ``openapi_extra``."""
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": kind.model_json_schema()}}}}
