"""Rules of HTTP about versions: ETag, If-Match, If-None-Match, X-Position, X-Min-Position."""

import re

from fastapi import Request

from api.problems import Problem

_ETAG = re.compile(r'^(?:W/)?("?)([0-9]{1,15})\1$')  # proxies weaken tags, people forget the quotes
_KEY = re.compile(r"^[\x21-\x7e]{1,200}$")


def etag(version: int) -> str:
    """Version as an entity tag."""
    return f'"{version}"'


def expected_version(request: Request) -> int | None:
    """Version named in If-Match, or None when the header is absent or "*"."""
    value = request.headers.get("if-match")
    if value is None or value.strip() == "*":
        return None
    found = _ETAG.match(value.strip())
    if found is None:
        raise Problem(
            "malformed-header",
            'If-Match phải là ETag của sản phẩm, ví dụ "12".',
            'If-Match must be the product\'s ETag, such as "12".',
            errors=[{"field": "If-Match", "detail": "không phải ETag", "detail_en": "not an ETag"}],
        )
    return int(found[2])


def unchanged(request: Request, version: int) -> bool:
    """Whether If-None-Match already names this version ("*": any)."""
    tags = [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]
    return "*" in tags or any((found := _ETAG.match(tag)) and int(found[2]) == version for tag in tags)


def idempotency_key(request: Request) -> str | None:
    """The Idempotency-Key: 1 to 200 visible ASCII characters."""
    key = request.headers.get("idempotency-key")
    if key is not None and not _KEY.match(key):
        raise Problem(
            "malformed-header",
            "Idempotency-Key phải gồm 1 đến 200 ký tự ASCII nhìn thấy được.",
            "Idempotency-Key must be 1 to 200 visible ASCII characters.",
            errors=[{"field": "Idempotency-Key", "detail": "sai dạng", "detail_en": "malformed"}],
        )
    return key


def least_position(request: Request) -> int | None:
    """X-Min-Position: the reader wants to see at least this much."""
    value = request.headers.get("x-min-position")
    if value is None:
        return None
    if not re.fullmatch(r"[0-9]{1,18}", value):
        raise Problem(
            "malformed-header",
            "X-Min-Position phải là một số nguyên không âm.",
            "X-Min-Position must be a non-negative whole number.",
            errors=[{"field": "X-Min-Position", "detail": "sai dạng", "detail_en": "malformed"}],
        )
    return int(value)
