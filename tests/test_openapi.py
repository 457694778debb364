"""The OpenAPI document: valid, complete, honest, and unchanged unless somebody means it.

A changed document fails the snapshot; ``OCOP_UPDATE_SNAPSHOTS=1 pytest tests/test_openapi.py`` writes it anew.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import jsonschema_rs
import pytest
import schemathesis
from pydantic import ValidationError

from api.app import create_app
from api.examples import EXAMPLES
from api.problems import PROBLEMS
from domain.decide import COMMANDS
from domain.law.book import law_book
from domain.refusals import Refusal
from domain.values import ROLE_NAMES, STEP_NAMES, Role
from tests.service import Service
from tests.snapshot import matches_snapshot

Document = dict[str, Any]
PUBLIC = (
    "/",
    "/health/live",
    "/health/ready",
    "/metrics",
    "/v1/log/checkpoint",
    "/v1/log/key",
    "/v1/log/tile/{level}/{place}",
    "/v1/log/proof/inclusion",
    "/v1/log/proof/consistency",
    "/v1/log/timestamps/{day}",
    "/v1/problems/{code}",
    "/v1/commands",
    "/v1/measures",
    "/v1/regimes",
    "/v1/regimes/{regime_id}",
    "/v1/regimes/{regime_id}/sheets",
    "/v1/regimes/{regime_id}/sheets/{sheet_id}",
)
LOGIN = (
    "/v1/login",
    "/v1/login/session",
    "/v1/login/password",
    "/v1/login/totp",
    "/v1/login/totp/confirm",
    "/v1/login/prove",
    "/v1/logout",
)
READS = (
    "/v1/products",
    "/v1/products/{product_id}",
    "/v1/products/{product_id}/trail",
    "/v1/products/{product_id}/decisions",
    "/v1/products/{product_id}/decisions/{number}",
    "/v1/products/{product_id}/compare",
    "/v1/products/{product_id}/what-if",
    "/v1/products/{product_id}/package",
    "/v1/worklist",
    "/v1/radar",
    "/v1/councils",
    "/v1/councils/{council_id}",
    "/v1/sessions",
    "/v1/sessions/{session_id}",
    "/v1/sessions/{session_id}/trail",
    "/v1/decisions",
    "/v1/programmes",
    "/v1/programmes/{programme_id}",
    "/v1/programmes/{programme_id}/progress",
    "/v1/programmes/{programme_id}/targets/{code}/marks",
    "/v1/programmes/{programme_id}/trail",
    "/v1/dashboards/{name}",
    "/v1/dashboards/{name}/marks",
    "/v1/events",
    "/v1/certificates",
    "/v1/me",
    "/v1/offices",
    "/v1/persons",
    "/v1/persons/{person_id}",
    "/v1/persons/{person_id}/trail",
    "/v1/persons/{person_id}/authority",
    "/v1/personal-data/requests",
    "/v1/personal-data/reads",
    "/v1/personal-data/subject",
    "/v1/subjects/{subject_id}",
)
ACCOUNTS = (
    "/v1/persons/{person_id}/account",
    "/v1/persons/{person_id}/account/reset",
    "/v1/persons/{person_id}/account/close",
    "/v1/persons/{person_id}/clients",
    "/v1/persons/{person_id}/clients/{client}/rotate",
    "/v1/persons/{person_id}/clients/{client}/close",
)
SCOPED = {
    "/v1/products": "products:read",
    "/v1/products/{product_id}": "products:read",
    "/v1/products/{product_id}/trail": "products:read",
    "/v1/products/{product_id}/decisions": "products:read",
    "/v1/products/{product_id}/decisions/{number}": "products:read",
    "/v1/products/{product_id}/compare": "products:read",
    "/v1/products/{product_id}/what-if": "products:read",
    "/v1/programmes": "products:read",
    "/v1/programmes/{programme_id}": "products:read",
    "/v1/programmes/{programme_id}/progress": "products:read",
    "/v1/dashboards/{name}": "products:read",
    "/v1/events": "events:read",
    "/v1/certificates": "certificates:read",
}
"""What service accounts may read, and the scope it takes."""
OPENINGS = {
    "identify-product": "/v1/products",
    "enter-from-register": "/v1/register-entries",
    "set-up-council": "/v1/councils",
    "call-session": "/v1/sessions",
    "establish-office": "/v1/offices",
    "register-person": "/v1/persons",
    "request-erasure": "/v1/personal-data/requests",
    "issue-programme": "/v1/programmes",
}
DECISIONS = ("recognise", "approve-results", "revoke")


@pytest.fixture(scope="module")
def document(service: Service) -> Document:
    """As the service serves it, to anybody."""
    answer = service.client.get("/openapi.json")
    assert answer.status_code == 200
    return answer.json()


def path_of(command: str) -> str:
    if command in OPENINGS:
        return OPENINGS[command]
    if command in DECISIONS:
        return f"/v1/decisions/{command}"
    stream = COMMANDS[command].stream
    return f"/v1/{stream}s/{{{stream}_id}}/commands/{command}"


def somewhere(path: str) -> str:
    """The path with a value for everything it leaves open."""
    values = {"code": "not-found", "number": "1", "regime_id": "QD26-2026", "sheet_id": "QD26-11"}
    return re.sub(r"\{(\w+)\}", lambda name: values.get(name[1], "00000000-0000-0000-0000-000000000000"), path)


def operation_of(document: Document, command: str) -> Document:
    return document["paths"][path_of(command)]["post"]


def operations(document: Document) -> Iterator[tuple[str, str, Document]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def schema_of(document: Document, command: str) -> Document:
    """The command's schema, standing on its own."""
    content = operation_of(document, command)["requestBody"]["content"]["application/json"]
    return {**content["schema"], "components": document["components"]}


# ── The document as such ───────────────────────────────────────────────────────────────────────────────


def test_the_document_is_valid_openapi(document: Document) -> None:
    assert document["openapi"].startswith("3.1")

    schemathesis.openapi.from_dict(document).validate()


def test_every_schema_in_it_is_valid_json_schema(document: Document) -> None:
    for schema in document["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})


def test_every_reference_leads_somewhere_and_nothing_lies_about(document: Document) -> None:
    used = set(re.findall(r'"\$ref": "([^"]+)"', json.dumps(document)))
    parts = document["components"]

    there = {f"#/components/{kind}/{name}" for kind in ("schemas", "responses") for name in parts[kind]}

    assert used == there


def test_every_operation_has_its_own_name_and_says_what_it_is_for(document: Document) -> None:
    names = [operation["operationId"] for _, _, operation in operations(document)]

    assert len(names) == len(set(names))
    for path, _, operation in operations(document):
        assert operation["summary"], path
        assert operation["description"], path


def test_the_document_is_the_one_we_know(document: Document) -> None:
    matches_snapshot("openapi.json", json.dumps(document, indent=1, ensure_ascii=False, sort_keys=True))


def test_the_document_is_the_same_without_a_database(document: Document) -> None:
    assert json.loads(json.dumps(create_app("", bytes(32)).openapi())) == document


def test_nothing_is_served_that_the_document_does_not_name(document: Document) -> None:
    assert document["paths"].keys() == {
        *(*PUBLIC, *LOGIN, *READS, *ACCOUNTS),
        *(path_of(command) for command in COMMANDS),
    }


def test_the_page_for_people_is_served(service: Service) -> None:
    answer = service.client.get("/docs")

    assert answer.status_code == 200
    assert "/openapi.json" in answer.text


# ── Commands ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_stands_in_the_document_with_schema_example_and_words(document: Document, command: str) -> None:
    kind, operation = COMMANDS[command], operation_of(document, command)

    assert operation["operationId"] == command
    assert operation["summary"] == f"{kind.vi} / {kind.en}"
    assert operation["security"] == [{"token": []}]
    body = operation["requestBody"]
    assert body["content"]["application/json"]["example"] == EXAMPLES[command]
    referred = body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
    fields = document["components"]["schemas"][referred]["properties"]
    assert fields.keys() == kind.model_fields.keys()
    assert {"Idempotency-Key", "If-Match", "X-Acting-As"} <= {p["name"] for p in operation["parameters"]}


@pytest.mark.parametrize("command", COMMANDS)
def test_an_example_is_valid_for_the_service_and_for_its_schema(document: Document, command: str) -> None:
    COMMANDS[command].model_validate_json(json.dumps(EXAMPLES[command]))

    jsonschema_rs.validator_for(schema_of(document, command), validate_formats=True).validate(EXAMPLES[command])


@pytest.mark.parametrize("command", COMMANDS)
def test_what_the_schema_requires_the_service_requires(document: Document, command: str) -> None:
    """Each field of the example left out in turn, and one added that nobody knows."""
    by_schema = jsonschema_rs.validator_for(schema_of(document, command))
    bodies = [{k: v for k, v in EXAMPLES[command].items() if k != left_out} for left_out in EXAMPLES[command]]
    bodies += [{**EXAMPLES[command], "unknown": 1}]

    for body in bodies:
        assert by_schema.is_valid(body) == is_taken(command, body), body
    assert not by_schema.is_valid(bodies[-1])


def is_taken(command: str, body: Document) -> bool:
    try:
        COMMANDS[command].model_validate_json(json.dumps(body))
    except ValidationError:
        return False
    return True


def test_there_is_one_example_a_command() -> None:
    assert EXAMPLES.keys() == COMMANDS.keys()


def test_an_opening_is_created_and_everything_else_is_done(document: Document) -> None:
    for command in COMMANDS:
        wanted = "201" if command in OPENINGS else "200"
        responses = operation_of(document, command)["responses"]
        assert [status for status in responses if status.startswith("2")] == [wanted]
        assert responses[wanted]["headers"].keys() >= {"ETag", "X-Position"}
        assert ("Location" in responses[wanted]["headers"]) == (command in OPENINGS)


def test_a_path_names_its_stream_and_nothing_else(document: Document) -> None:
    for command, kind in COMMANDS.items():
        named = [p["name"] for p in operation_of(document, command)["parameters"] if p["in"] == "path"]
        assert named == ([] if command in OPENINGS or command in DECISIONS else [f"{kind.stream}_id"])


def test_the_list_of_commands_says_who_may_give_each_and_by_which_rule(service: Service, document: Document) -> None:
    told = service.client.get("/v1/commands").json()
    law = law_book()
    regime = law.regimes[told["regime"]]

    assert [c["command"] for c in told["commands"]] == list(COMMANDS)
    for line in told["commands"]:
        kind = COMMANDS[line["command"]]
        assert line["path"] == path_of(line["command"])
        assert line["path"] in document["paths"]
        assert (line["vi"], line["en"]) == (kind.vi, kind.en)
        assert line["schema"] == json.loads(json.dumps(kind.model_json_schema()))
        told_of = {who["level"]: who for who in line["who"]}
        assert told_of, line["command"]
        for level in (None, "commune", *(x.code for x in regime.levels)):
            allowed = law.competence(line["command"], "", regime, level)
            who = told_of.get(level) or (told_of.get(None) if allowed else None)
            assert (who is None) == (allowed is None)
            if who is None or allowed is None:
                continue
            assert [r["role"] for r in who["roles"]] == list(allowed.roles)
            assert [(r["vi"], r["en"]) for r in who["roles"]] == [ROLE_NAMES[Role(r["role"])] for r in who["roles"]]
            assert (who["legal_basis"], who["mark"]) == (allowed.legal_basis, allowed.mark)
        assert line["step"] == (
            {"number": int(kind.step), "vi": STEP_NAMES[kind.step][0], "en": STEP_NAMES[kind.step][1]}
            if kind.step
            else None
        )


# ── Problems ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("code", PROBLEMS)
def test_a_problem_type_is_explained_at_its_address(service: Service, code: str) -> None:
    status, vi, en = PROBLEMS[code]

    answer = service.client.get(f"/v1/problems/{code}")

    assert answer.status_code == 200
    assert answer.json() == {"type": f"/v1/problems/{code}", "status": status, "title": vi, "title_en": en}


def test_every_refusal_of_the_domain_has_a_status() -> None:
    assert {kind.code for kind in Refusal.__subclasses__()} <= PROBLEMS.keys()


def test_titles_are_told_in_both_languages_and_differ() -> None:
    titles = [(vi, en) for _, vi, en in PROBLEMS.values()]

    assert len({vi for vi, _ in titles}) == len({en for _, en in titles}) == len(PROBLEMS)
    assert all(vi != en for vi, en in titles)


def test_every_failure_in_the_document_is_a_problem_document(document: Document) -> None:
    for path, method, operation in operations(document):
        failures = {s: r for s, r in operation["responses"].items() if int(s) >= 400}
        assert failures, path
        for status, response in failures.items():
            assert response.get("$ref") == "#/components/responses/Problem", (path, method, status)
            assert response.keys() <= ({"$ref", "description"} if status == "403" else {"$ref"}), (path, method, status)
    content = document["components"]["responses"]["Problem"]["content"]
    assert content == {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}


def test_commands_name_every_status_a_caller_may_meet(document: Document) -> None:
    """405 belongs to other methods, 429 and 502 to logging in, 500 to nobody's contract."""
    met = {str(status) for status, _, _ in PROBLEMS.values()} - {"405", "429", "500", "502"}

    for command in COMMANDS:
        assert operation_of(document, command)["responses"].keys() >= met


def test_a_real_problem_fits_its_schema(service: Service, document: Document) -> None:
    schema = {"$ref": "#/components/schemas/Problem", "components": document["components"]}

    answer = service.client.post("/v1/products", json={}, headers=service.headers(Role.COMMUNE_OFFICER))

    assert answer.status_code == 422
    jsonschema_rs.validate(schema, answer.json())


def test_a_real_answer_fits_its_schema(service: Service, document: Document) -> None:
    schema = {"$ref": "#/components/schemas/Answer", "components": document["components"]}

    answer = service.give(None, "identify-product", Role.COMMUNE_OFFICER, EXAMPLES["identify-product"])

    assert answer.status_code == 201
    jsonschema_rs.validate(schema, answer.json())


# ── Who must say who he is, and what reads may wait for ────────────────────────────────────────────────


def test_a_token_is_asked_for_exactly_where_the_document_says(service: Service, document: Document) -> None:
    for path, method, operation in operations(document):
        answer = service.client.request(method, somewhere(path), json={} if method == "post" else None)
        secured = {"token": []} in operation.get("security", [])
        assert secured == (path not in (*PUBLIC, "/v1/login")), path
        assert (answer.status_code == 401) == secured, f"{method} {path}: {answer.status_code}"


def refusals_of(operation: Document) -> set[str]:
    """The problem types that the document names for 403."""
    told = operation["responses"]["403"].get("description", "")
    return {line.partition(":")[0] for line in told.split("; ") if line}


def test_roles_are_named_by_a_header_wherever_they_count(document: Document) -> None:
    for path, method, operation in operations(document):
        named = "X-Acting-As" in [p["name"] for p in operation.get("parameters", [])]
        assert named == (path not in (*PUBLIC, *LOGIN)), (method, path)
        if named:
            assert {"role-not-held", "role-not-allowed", "account-unfinished"} <= refusals_of(operation), path
            assert all(PROBLEMS[code][0] == 403 for code in refusals_of(operation)), path


def test_a_role_that_is_not_held_is_refused_wherever_the_header_is_named(service: Service, document: Document) -> None:
    for path, method, operation in operations(document):
        if "X-Acting-As" in [p["name"] for p in operation.get("parameters", [])]:
            headers = service.headers(Role.SUPERVISOR, **{"X-Acting-As": str(UUID(int=7))})
            sent = {} if method == "post" else None
            answer = service.client.request(method, somewhere(path), headers=headers, json=sent)
            assert answer.json()["type"] == "/v1/problems/role-not-held", (method, path, answer.text)


def test_service_accounts_have_scopes_where_the_document_says(document: Document) -> None:
    for path, method, operation in operations(document):
        scopes = [way["client"] for way in operation.get("security", []) if "client" in way]
        if path in ("/v1/me", "/v1/login/session"):
            assert scopes == [[]], path
        else:
            assert scopes == ([[SCOPED[path]]] if path in SCOPED and method == "get" else []), (method, path)
        if path not in PUBLIC:
            assert ("scope-missing" in refusals_of(operation)) == (path in SCOPED and method == "get"), (method, path)


def test_weighty_acts_say_that_they_ask_for_a_fresh_proof(document: Document) -> None:
    table = law_book().authority
    routes = {route.replace(":path}", "}"): entry for route, entry in table.routes.items()}
    for path, method, operation in operations(document):
        name = operation["operationId"]
        entry = table.command(name) if name in COMMANDS else routes[f"{method.upper()} {path}"]
        assert ("proof of identity" in operation["description"]) == entry.step_up, path
        if path not in (*PUBLIC, *LOGIN):
            assert ("proof-needed" in refusals_of(operation)) == entry.step_up, path
            separates = name in COMMANDS or path in ACCOUNTS
            assert ("duties-separated" in refusals_of(operation)) == separates, path


def reader_of(path: str) -> Role:
    """Somebody whom the table lets read it."""
    table = law_book().authority
    return table.groups[table.routes[f"GET {path}"].roles][0]


def test_reads_that_wait_say_so_and_wait(service: Service, document: Document) -> None:
    for path, method, operation in operations(document):
        heeds = "X-Min-Position" in [p["name"] for p in operation.get("parameters", [])]
        assert heeds == (path in READS and path not in ("/v1/events", "/v1/me") and method == "get"), path
        if heeds:
            answer = service.get(somewhere(path), reader_of(path), **{"X-Min-Position": "soon"})
            assert answer.status_code == 400
            assert answer.json()["errors"][0]["field"] == "X-Min-Position"


@pytest.mark.parametrize(
    ("pattern_of", "good", "bad"),
    [
        ("If-Match", ['"12"', 'W/"12"', "12", "*"], ['"12', "abc", '""', '"-1"']),
        ("Idempotency-Key", ["a", "!~", "x" * 200], ["", "a b", "khóa"]),
    ],
)
def test_patterns_of_headers_are_those_of_the_service(
    service: Service, document: Document, pattern_of: str, good: list[str], bad: list[str]
) -> None:
    """What the document lets through is not malformed; what it does not is."""
    parameters = operation_of(document, "record-guidance")["parameters"]
    schema = next(p["schema"] for p in parameters if p["name"] == pattern_of)
    path = "/v1/products/00000000-0000-0000-0000-000000000000/commands/record-guidance"
    for value in [*good, *bad]:
        sent = service.headers(Role.COMMUNE_OFFICER) | {pattern_of: value.encode()}  # type: ignore[dict-item]
        answer = service.client.post(path, json=EXAMPLES["record-guidance"], headers=sent)
        assert jsonschema_rs.is_valid(schema, value) == (value in good), value
        assert answer.status_code == (404 if value in good else 400), value
