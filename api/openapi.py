"""The OpenAPI document: each command with its own path, schema and example; problems everywhere."""

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from api import (
    councils,
    dashboards,
    history,
    integrators,
    package,
    personal_data,
    personnel,
    programmes,
    radar,
    supervisors,
)
from api.commands import OPENING, path_of
from api.examples import EXAMPLES
from api.problems import PROBLEMS
from application.access.clients import SCOPES
from application.access.sessions import STEP_UP
from domain.decide import COMMANDS
from domain.law.authority import ANYBODY, EVERYBODY, RouteEntry
from domain.law.book import law_book
from domain.values import STEP_NAMES

LOGIN = ("/v1/login", "/v1/logout")
PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string", "description": "Vietnamese"},
        "title_en": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "Vietnamese"},
        "detail_en": {"type": "string"},
        "hint": {"type": "string"},
        "hint_en": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string"},
                    "detail": {"type": "string"},
                    "detail_en": {"type": "string"},
                    "code": {"type": "string"},
                },
            },
        },
    },
}
ANSWER_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["version", "position", "facts", "repeated"],
    "properties": {
        "product_id": {
            "type": "string",
            "format": "uuid",
            "description": "or council_id, session_id, book_id, office_id, person_id, subject_id",
        },
        "version": {"type": "integer"},
        "position": {"type": "integer"},
        "facts": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "fact": {"type": "string"},
                    "version": {"type": "integer"},
                    "position": {"type": "integer"},
                },
            },
        },
        "repeated": {"type": "boolean"},
        "decision": {"type": "object", "description": "Of decisions: the entry in the book with its numbers"},
    },
}
PROBLEM_RESPONSE: dict[str, Any] = {
    "description": "Problem document (RFC 9457); what each type means stands at /v1/problems/{code}",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
ABOUT = """Chu trình OCOP sáu bước dưới dạng chuỗi sự kiện. The six steps of the OCOP cycle as an event stream.

Mỗi lệnh ghi nhận một việc đã làm; thẩm quyền và căn cứ của từng lệnh xem tại `GET /v1/commands`. Each command
records one act; who may give it and by which rule stands at `GET /v1/commands`. Every failure is a problem
document in Vietnamese and English, and nothing was stored."""


def _problems(*statuses: int) -> dict[str, Any]:
    return {str(s): {"$ref": "#/components/responses/Problem"} for s in statuses}


def _forbidden(*codes: str, step_up: bool) -> dict[str, Any]:
    """The 403 response with the problem types that it may be of."""
    met = [*codes, *(("proof-needed",) if step_up else ())]
    told = "; ".join(f"{code}: {PROBLEMS[code][1]} / {PROBLEMS[code][2]}" for code in met)
    return {"403": {"$ref": "#/components/responses/Problem", "description": told}}


_HELD = ("account-unfinished", "role-not-held", "role-not-allowed")
"""What stops a caller who is known: a first password or code is due; a role is not his, or is not for this."""
_WRITING = ("csrf", "duties-separated")
"""What stops a caller who changes something, besides."""
_PROVE = f"Needs a proof of identity not older than {STEP_UP // 60} minutes: POST /v1/login/prove."
_ACTING_AS = {
    "name": "X-Acting-As",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "format": "uuid"},
    "description": "Id of the assignment or delegation to act in, as in GET /v1/me; 403 role-not-held when it is not"
    " yours today. Without it: the first of your own roles that may, never a delegation.",
}


_HEADERS = [
    {
        "name": "Idempotency-Key",
        "in": "header",
        "schema": {"type": "string", "maxLength": 200, "pattern": "^[!-~]+$"},
        "description": "Repeat with the same key to get the first answer again.",
    },
    {
        "name": "If-Match",
        "in": "header",
        "schema": {"type": "string", "pattern": r'^(\*|(W/)?("[0-9]{1,15}"|[0-9]{1,15}))$'},
        "description": "ETag of what you decided on; 412 when somebody acted since.",
    },
]


_MIN_POSITION = {
    "name": "X-Min-Position",
    "in": "header",
    "required": False,
    "schema": {"type": "string", "pattern": "^[0-9]{1,18}$"},
    "description": "X-Position of your own writing: wait for the read models to show it, 503 when they lag too far.",
}
_IF_NONE_MATCH = {
    "name": "If-None-Match",
    "in": "header",
    "required": False,
    "schema": {"type": "string"},
    "description": "ETag of the answer you hold; 304 when neither an act nor the day has changed it.",
}
_VERSION_HEADERS = {"ETag": {"schema": {"type": "string"}}, "X-Position": {"schema": {"type": "integer"}}}
_WAITING = frozenset(
    route.path
    for part in (
        supervisors,
        history,
        radar,
        councils,
        programmes,
        dashboards,
        integrators,
        package,
        personal_data,
        personnel,
    )
    for route in part.router.routes
    if isinstance(route, APIRoute) and any(d.dependency is supervisors.fresh for d in route.dependencies)
)
"""Reads that heed X-Min-Position."""


NOT_JSON = {
    "/metrics": "text/plain",
    "/v1/log/checkpoint": "text/plain",
    "/v1/log/tile/{level}/{place}": "application/octet-stream",
    "/v1/products/{product_id}/package": "application/zip",
}
"""Routes that answer with something else than JSON."""
DASHBOARDS = ("/v1/dashboards/{name}", "/v1/dashboards/{name}/marks")
"""Routes that answer with JSON or a table."""
_CONVERTER = re.compile(r":\w+}")
"""How a route says that a parameter may hold slashes; OpenAPI does not say it."""


def describe(app: FastAPI) -> None:
    """Make the app serve our document."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _document(app)
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]


def _document(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, routes=app.routes, description=ABOUT)
    schemas = found.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):  # the framework's own, not what this service answers
        schemas.pop(unused, None)
    schemas |= {"Problem": PROBLEM_SCHEMA, "Answer": ANSWER_SCHEMA}
    found["components"]["responses"] = {"Problem": PROBLEM_RESPONSE}
    found["components"]["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "Persons: POST /v1/login"},
        "client": {
            "type": "http",
            "scheme": "bearer",
            "description": "Service accounts: POST /oauth/token (client credentials, RFC 6749), POST /oauth/revoke;"
            f" scopes {', '.join(SCOPES)}",
        },
    }
    table = {_CONVERTER.sub("}", path): entry for path, entry in law_book().authority.routes.items()}
    for path, operations in found["paths"].items():
        for method, operation in operations.items():
            _route(method, path, operation, table[f"{method.upper()} {path}"])
    for path in ("/v1/products/{product_id}", *DASHBOARDS):
        one = found["paths"][path]["get"]
        one["parameters"].append(_IF_NONE_MATCH)
        one["responses"]["200"]["headers"] = _VERSION_HEADERS
        one["responses"]["304"] = {"description": "Unchanged", "headers": _VERSION_HEADERS}
    for path in DASHBOARDS:
        content = found["paths"][path]["get"]["responses"]["200"]["content"]
        content |= {kind: {"schema": {"type": "string"}} for kind in dashboards.TYPES.values() if kind not in content}
    found["paths"]["/v1/products/{product_id}/what-if"]["get"]["responses"] |= _problems(409)
    for path, kind in NOT_JSON.items():
        schema = {"type": "string"} if kind.startswith("text/") else {"type": "string", "format": "binary"}
        found["paths"][path]["get"]["responses"]["200"]["content"] = {kind: {"schema": schema}}
    for name in COMMANDS:
        found["paths"].setdefault(path_of(COMMANDS[name]), {})["post"] = _operation(name, schemas)
    return found


def _route(method: str, path: str, operation: dict[str, Any], entry: RouteEntry) -> None:
    """What the decision table says of a route, and the problems that follow from it."""
    responses, login, public = operation["responses"], path.startswith(LOGIN), entry.roles == ANYBODY
    responses.pop("422", None)
    responses |= _problems(*((404, 422, 503) if public and not login else (400, 401, 403, 404, 422, 503)))
    if login:
        responses |= _problems(400, 401, 413, 415, 429)
    elif "requestBody" in operation:
        responses |= _problems(409, 413, 415)
    if not public:
        operation["security"] = [{"token": []}]
        if entry.scope is not None or (entry.roles == EVERYBODY and method == "get"):
            operation["security"].append({"client": [entry.scope] if entry.scope else []})
    if not public and not login:
        more = ("scope-missing",) if entry.scope else _WRITING if method == "post" else ()
        responses |= _forbidden(*_HELD, *more, step_up=entry.step_up)
        operation.setdefault("parameters", []).append(_ACTING_AS)
    if entry.step_up:
        operation["description"] += f"\n\n{_PROVE}"
    if path in _WAITING:
        operation.setdefault("parameters", []).append(_MIN_POSITION)


def _operation(name: str, schemas: dict[str, Any]) -> dict[str, Any]:
    kind = COMMANDS[name]
    schema = kind.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= schema.pop("$defs", {})
    schemas[kind.__name__] = schema
    opening, step_up = name in OPENING, law_book().authority.command(name).step_up
    in_path = f"{{{kind.stream}_id}}" in path_of(kind)
    answer = {
        "description": "Stored (or nothing changed)",
        "headers": _VERSION_HEADERS
        | ({"Location": {"schema": {"type": "string"}, "description": "What was opened"}} if opening else {}),
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Answer"}}},
    }
    stream = {
        "name": f"{kind.stream}_id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "format": "uuid"},
    }
    return {
        "tags": [f"{int(kind.step)} {STEP_NAMES[kind.step][1]}" if kind.step else "anywhere"],
        "operationId": name,
        "summary": f"{kind.vi} / {kind.en}",
        "description": (kind.__doc__ or "") + (f"\n\n{_PROVE}" if step_up else ""),
        "security": [{"token": []}],
        "parameters": [*([stream] if in_path else []), *_HEADERS, _ACTING_AS],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {"$ref": f"#/components/schemas/{kind.__name__}"},
                    "example": EXAMPLES[name],
                }
            },
        },
        "responses": {
            "201" if opening else "200": answer,
            **_problems(400, 401, 403, 404, 409, 412, 413, 415, 422, 503),
            **_forbidden(*_HELD, *_WRITING, *(("outside-area",) if opening else ()), step_up=step_up),
        },
    }
