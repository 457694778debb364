"""Random requests against the real service: never a crash, every refusal a problem, whatever is taken is readable.

The same requests on every run. ``OCOP_SOAK=1`` makes many more of them, and others each time.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.config import SchemathesisConfig

from api.app import create_app
from api.commands import path_of
from api.examples import EXAMPLES
from api.problems import PROBLEMS
from application.proof.signer import UNFINISHED
from application.writer import utc_now
from domain.decide import COMMANDS
from domain.law.book import law_book
from domain.law.calendar import legal_date
from domain.log.facts import LOG
from domain.values import Actor, Role
from tests.appointed import appoint, assignment_id, log_in, person_id
from tests.load import all_facts
from tests.service import Service
from tests.story import Chapter, actor, addressed, bare, choices, on, tea, until, until_first

SOAK = bool(os.environ.get("OCOP_SOAK"))
OFFICER, CHAIR, PRODUCER, PROVINCE = Role.COMMUNE_OFFICER, Role.COMMUNE_CHAIR, Role.PRODUCER, Role.PROVINCE_OFFICER
SECRETARY, MEMBER, ADMINISTRATOR = Role.COUNCIL_SECRETARY, Role.COUNCIL_MEMBER, Role.ADMINISTRATOR

bounded = settings(
    deadline=None,
    derandomize=not SOAK,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


def examples(few: int, many: int, **more: Any) -> settings:
    return settings(bounded, max_examples=many if SOAK else few, **more)


# ── Where each command is possible ─────────────────────────────────────────────────────────────────────


def aside(command: str, role: Role, day: str, **more: Any) -> Chapter:
    """An act that the tea's story does without."""
    return (command, role, on(day, bare(EXAMPLES[command]), **more))


def sheets(more: int, *others: int) -> list[Chapter]:
    return [
        ("submit-score-sheet", MEMBER, on("2026-10-05", {"choices": choices("QD26-11", 4, m)})) for m in (more, *others)
    ]


REQUEST = aside("request-supplement", OFFICER, "2026-08-11")
SCORING = until("open-scoring", tea())
CLOSED: Chapter = ("close-scoring", SECRETARY, on("2026-10-05"))
CONCLUSION = aside("conclude-session", SECRETARY, "2026-10-06")
CERTIFIED = until("notify-result", tea())
COMPLAINT = aside("file-complaint", PRODUCER, "2026-11-01")
ENTERED: Chapter = ("enter-from-register", PROVINCE, EXAMPLES["enter-from-register"])
ESTABLISHED: Chapter = ("establish-office", ADMINISTRATOR, EXAMPLES["establish-office"])
ISSUED: list[Chapter] = [("issue-programme", PROVINCE, EXAMPLES["issue-programme"])]
TARGETED: list[Chapter] = [*ISSUED, aside("set-target", PROVINCE, "2026-02-01")]
HELD: list[Chapter] = [*TARGETED, aside("record-class", PROVINCE, "2026-03-01")]
ASIDE: dict[str, list[Chapter]] = {
    "reject-idea": until("submit-idea", tea()),
    "withdraw-idea": until("submit-idea", tea()),
    "return-plan": until("submit-plan", tea()),
    "amend-plan": until("accept-plan", tea()),
    "report-difficulty": until("accept-plan", tea()),
    "visit-site": until("accept-plan", tea()),
    "abandon-plan": until("accept-plan", tea()),
    "request-supplement": until_first("register-dossier", tea()),
    "give-supplement": [*until_first("register-dossier", tea()), REQUEST],
    "reject-dossier": until("forward-dossier", tea()),
    "withdraw-dossier": until("file-dossier", tea()),
    "change-council-members": until("set-up-council", tea()),
    "change-council-procedure": until("set-up-council", tea()),
    "dissolve-council": until("set-up-council", tea()),
    "declare-conflict": until("call-session", tea()),
    "cancel-session": until("call-session", tea()),
    "order-rescoring": [*SCORING, *sheets(0, 0, 11), CLOSED],
    "decline-recognition": until("conclude-session", tea(level=2)),
    "approve-results": [*SCORING, *sheets(40, 40, 40), CLOSED, CONCLUSION],
    "send-back-result": until("conclude-session", tea()),  # never possible here: the tea stays in its province
    "reopen-evaluation": until("conclude-session", tea()),
    "revoke": CERTIFIED,
    "order-reevaluation": CERTIFIED,
    "publish-result": CERTIFIED,
    "file-complaint": CERTIFIED,
    "settle-complaint": [*CERTIFIED, COMPLAINT],
    "delist-from-ecommerce": until("list-on-ecommerce", tea()),
    "join-point-of-sale": CERTIFIED,
    "join-retail-chain": CERTIFIED,
    "sign-contract": CERTIFIED,
    "give-written-notice": CERTIFIED,
    "record-certificate-notice": CERTIFIED,
    "record-certificate-expiry": CERTIFIED,
    "extend-certificate": CERTIFIED,
    "suspend-certificate": CERTIFIED,
    "lift-suspension": CERTIFIED,
    "record-recognition": CERTIFIED,
    "register-producer": [ENTERED],
    "withdraw-journey": until("record-guidance", tea()),
    "correct-fact": until("record-guidance", tea()),
    "rename-office": [ESTABLISHED],
    "close-office": [ESTABLISHED],
    "assign-role": [ESTABLISHED, ("register-person", ADMINISTRATOR, EXAMPLES["register-person"])],
    "end-assignment": [],
    "delegate": [],
    "end-delegation": [],
    "request-erasure": until("submit-idea", tea()),
    "decide-erasure": until("submit-idea", tea()),
    "record-keys-destroyed": until("submit-idea", tea()),
    "change-log-key": [],
    "record-baseline": until("accept-plan", tea()),
    **dict.fromkeys(("set-target", "set-deadline", "set-priority", "assign-task"), ISSUED),
    **dict.fromkeys(("record-class", "record-media", "count-staff", "record-apparatus"), ISSUED),
    **dict.fromkeys(("record-organisation", "record-monitoring", "record-event", "open-point-of-sale"), ISSUED),
    "amend-target": TARGETED,
    "strike-entry": HELD,
    "close-point-of-sale": [*ISSUED, aside("open-point-of-sale", PROVINCE, "2026-03-01")],
}


def story_before(command: str) -> list[Chapter]:
    """The story up to where the command becomes possible; nothing comes before an opening that needs no other."""
    if command in ASIDE:
        return ASIDE[command]
    if command in ("identify-product", "enter-from-register", "establish-office", "register-person", "issue-programme"):
        return []
    return until_first(command, tea())[:-1]


def competent(command: str) -> Role:
    """Somebody who may give the command, at the lowest level where it is given."""
    law = law_book()
    regime = next(iter(law.regimes.values()))
    levels = (None, "commune", *(level.code for level in regime.levels))
    return next(found.roles[0] for level in levels if (found := law.competence(command, "25", regime, level)))


def named(chapters: list[Chapter], name: str) -> list[Chapter]:
    """The story of something of another name: one registration a producer, name and cycle; one person a handle."""
    own = {"register-person": "handle", "establish-office": "title", "issue-programme": "title"}
    called = [own.get(command, "product_name") for command, _, _ in chapters]
    return [(c, r, {**b, by: name} if by in b else b) for by, (c, r, b) in zip(called, chapters, strict=True)]


# ── The service, its products and its journal ──────────────────────────────────────────────────────────


IN_EXAMPLES = {
    "product": "00000000-0000-4000-8000-000000000002",
    "council": "00000000-0000-4000-8000-000000000001",
    "office": "00000000-0000-4000-8000-000000000005",
    "assignment": "00000000-0000-4000-8000-000000000006",
    "delegate": "00000000-0000-4000-8000-000000000007",
    "delegation": "00000000-0000-4000-8000-000000000008",
}
"""Ids of other streams as the examples name them."""


def ids_of(who: Actor) -> dict[str, str]:
    return {"person": str(person_id(who.person)), "assignment": str(assignment_id(who))}


ABOUT_A_PERSON = ("account", "reset", "close", "clients")
"""Last parts of the paths of accounts."""
DELEGATE = {"delegate": str(person_id(actor(CHAIR).person))}


class World:
    def __init__(self, service: Service, database: psycopg.Connection[Any], url: str) -> None:
        self.service, self.session, self._database, self.url = service, requests.Session(), database, url
        self._told: dict[str, dict[str, str]] = {}

    def ids_for(self, command: str) -> dict[str, str]:
        """Streams that stood where the command is possible; earlier requests may have moved them on."""
        if command not in COMMANDS and command not in ABOUT_A_PERSON:
            command = "read"  # which moves nothing on: one story will do for all
        if command not in self._told:
            chapters = story_before(command) if command in COMMANDS else tea() if command == "read" else []
            if chapters:
                self.service.tell(named(chapters, f"Chè {command} {uuid4().hex}"))
            self._told[command] = (self.service.ids if chapters else {}) | self._more_for(command)
        return self._told[command]

    def _more_for(self, command: str) -> dict[str, str]:
        """Streams that a story does not open: persons with an assignment of their own, a request to erase."""
        if command in ("delegate", "end-delegation"):
            return self._delegated() if command == "end-delegation" else ids_of(actor(OFFICER)) | DELEGATE
        if command == "end-assignment" or command in ABOUT_A_PERSON:
            somebody = actor(OFFICER).model_copy(update={"person": f"somebody {uuid4().hex}"})
            appoint(self.url, [somebody])
            return ids_of(somebody)
        if command == "change-log-key":
            return {"log": str(LOG)}
        if command in ("decide-erasure", "record-keys-destroyed"):
            self.service.seen("/v1/worklist", self.service.position)
            # Of the product, whose subject is its own: of the producer, a request may wait already.
            body = {k: v for k, v in EXAMPLES["request-erasure"].items() if k != "registration"}
            body["product"] = self.service.ids["product"]
            asked = self.service.give(None, "request-erasure", PRODUCER, body)
            assert asked.status_code == 201, asked.text
            return {"subject": asked.json()["subject_id"]}
        return {}

    def _delegated(self) -> dict[str, str]:
        ids = ids_of(actor(OFFICER)) | DELEGATE
        today = legal_date(utc_now()).isoformat()
        body = {"assignment": ids["assignment"], "delegate": ids["delegate"], "document": "1/GUQ"}
        given = self.service.give(ids["person"], "delegate", OFFICER, {**body, "term": {"first": today, "last": today}})
        assert given.status_code == 200, given.text
        told = self.service.seen(f"/v1/persons/{ids['person']}/trail", given.json()["position"])["facts"]
        return ids | {"delegation": told[-1]["data"]["delegation"]}

    def token_of_its_own(self, who: Role) -> dict[str, str]:
        """Headers of a session that may be ended or locked."""
        token = log_in(self.url, [actor(who)])[actor(who).person]
        return {"Authorization": f"Bearer {token}"}

    def stored(self) -> tuple[Any, ...]:
        """Facts, commands and claims."""
        row = self._database.execute(
            "SELECT (SELECT count(*) FROM ocop.events), (SELECT count(*) FROM ocop.commands),"
            " (SELECT count(*) FROM ocop.claims)"
        ).fetchone()
        assert row is not None
        return row

    def send(self, command: str, content: bytes) -> httpx.Response:
        """Bytes as the body of a command, by somebody competent."""
        ids = self.ids_for(command)
        path = re.sub(r"\{(\w+)_id\}", lambda kind: ids[kind[1]], path_of(COMMANDS[command]))
        for kind, example in IN_EXAMPLES.items():
            content = content.replace(example.encode(), ids.get(kind, example).encode())
        headers = self.service.headers(competent(command), **{"Content-Type": "application/json"})
        return self.service.client.post(path, content=content, headers=headers)


@pytest.fixture(scope="module")
def world(service: Service, database: str) -> Iterator[World]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield World(service, connection, database)


def assert_no_crash_and_proper_problems(answer: Any, method: str = "POST") -> None:
    """Not a server error; a refusal is a problem document in both languages under its own status."""
    assert answer.status_code < 500, answer.text
    if answer.status_code < 400 or method == "HEAD":
        return
    assert "application/problem+json" in answer.headers["content-type"]  # one value, or a list of one
    told = answer.json()
    code = told["type"].removeprefix("/v1/problems/")
    assert PROBLEMS[code][0] == told["status"] == answer.status_code
    assert all(told[name].strip() for name in ("title", "title_en", "detail", "detail_en"))
    assert all(line["field"] and line["detail"] and line["detail_en"] for line in told.get("errors", []))
    assert "Traceback" not in answer.text


# ── By the OpenAPI document ────────────────────────────────────────────────────────────────────────────


def described(*, thorough: bool) -> Any:
    """The document as a source of requests; ``thorough``: every limit of every field, besides random values."""
    config = {
        "seed": secrets.randbits(32) if SOAK else 1,
        "generation": {
            "deterministic": not SOAK,
            "database": "none",
            "allow-extra-parameters": False,  # unknown parameters of a query are not looked at
            "with-security-parameters": False,  # tokens have a table of their own: test_bad_input.py
        },
        "phases": {"coverage": {"enabled": thorough}, "examples": {"enabled": thorough}},
    }
    document = create_app("", bytes(32)).openapi()
    return schemathesis.openapi.from_dict(document, config=SchemathesisConfig.from_dict(config))


load_all_checks()
PROMISES = CHECKS.get_by_names(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "negative_data_rejection",
        "unsupported_method",
        "allow_header_conformance",
    ]
)
"""What the document promises about every answer."""
thorough, brief = described(thorough=True), described(thorough=False)


def ask(world: World, case: Any, who: Role) -> None:
    """Send one generated request, with streams of ours where it names any, and hold the answer to the document."""
    path, headers = case.path_parameters or {}, case.headers or {}
    ids = world.ids_for(case.operation.path.rpartition("/")[2])
    for kind, key in ids.items():
        if is_uuid(path.get(f"{kind}_id")):
            path[f"{kind}_id"] = key
    case.body = ours(case.body, ids)
    if re.fullmatch("[0-9]{1,18}", str(headers.get("X-Min-Position", ""))):
        headers["X-Min-Position"] = "0"  # waiting has a test of its own: test_conditional.py
    at_the_door = case.operation.path.startswith(("/v1/login", "/v1/logout"))
    mine = world.token_of_its_own(who) if at_the_door else world.service.headers(who)
    answer = case.call(base_url=world.service.address, session=world.session, headers=mine)

    assert_no_crash_and_proper_problems(answer, case.method)
    case.validate_response(answer, checks=PROMISES)


def ours(body: Any, ids: dict[str, str]) -> Any:
    """The body with our streams in place of those of the examples."""
    if isinstance(body, dict):
        return {name: ours(value, ids) for name, value in body.items()}
    if isinstance(body, list):
        return [ours(value, ids) for value in body]
    kind = next((kind for kind, example in IN_EXAMPLES.items() if body == example), None)
    return ids.get(kind, body) if kind else body


def is_uuid(text: Any) -> bool:
    try:
        return bool(UUID(str(text)))
    except ValueError:
        return False


@thorough.parametrize()
@examples(3, 300)
def test_every_operation_keeps_what_its_document_promises(case: Any, world: World) -> None:
    """Commands by somebody competent, everything else by a supervisor."""
    name = case.operation.definition.raw.get("operationId", "")
    accounts = case.operation.path.startswith("/v1/persons/{person_id}/") and case.operation.method == "post"
    ask(world, case, competent(name) if name in COMMANDS else ADMINISTRATOR if accounts else Role.SUPERVISOR)


STRANGERS = [Role.INTEGRATOR, Role.PRODUCER, Role.INSPECTOR, Role.COUNCIL_MEMBER]


@brief.parametrize()
@examples(2, 60)
def test_and_so_whoever_asks(case: Any, world: World) -> None:
    """Mostly people who may not."""
    who = STRANGERS[len(case.operation.label) % len(STRANGERS)]
    ask(world, case, actor(who).role)


# ── Bodies of no shape, and of almost the right one ────────────────────────────────────────────────────

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from([10**400, -1, "2026-01-15"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
ROUTES = st.sampled_from(
    [
        "identify-product",
        "submit-plan",
        "file-dossier",
        "submit-score-sheet",
        "correct-fact",
        "set-up-council",
        "call-session",
        "conclude-session",
        "recognise",
        "revoke",
        "enter-from-register",
    ]
)


def assert_stored_only_if_taken(world: World, command: str, content: bytes) -> None:
    world.ids_for(command)
    before = world.stored()

    answer = world.send(command, content)

    assert_no_crash_and_proper_problems(answer)
    if answer.status_code >= 400:
        assert world.stored() == before


@given(command=ROUTES, value=ANYTHING)
@examples(150, 5_000)
def test_any_json_is_taken_or_refused(world: World, command: str, value: Any) -> None:
    assert_stored_only_if_taken(world, command, json.dumps(value).encode())


@given(command=ROUTES, content=st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
@examples(150, 5_000)
def test_any_bytes_are_taken_or_refused(world: World, command: str, content: bytes) -> None:
    assert_stored_only_if_taken(world, command, content)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every value inside a body."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else []
    return [path, *(place for key, child in inner for place in places(child, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], change: Callable[[Any], Any]) -> Any:
    """The body with one value changed."""
    if not path:
        return change(value)
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(copy[path[0]], path[1:], change)
    return copy


@st.composite
def almost_right(draw: st.DrawFn) -> tuple[str, bytes]:
    """A command's example with one value replaced, one character of its JSON lost, or one byte turned."""
    command = draw(st.sampled_from(sorted(COMMANDS)))
    body = EXAMPLES[command]
    kind = draw(st.sampled_from(["value", "value", "lost", "turned"]))
    if kind == "value":
        by = draw(ANYTHING)
        return command, json.dumps(changed(body, draw(st.sampled_from(places(body))), lambda _: by)).encode()
    text = bytearray(json.dumps(body, ensure_ascii=False).encode())
    at = draw(st.integers(0, len(text) - 1))
    if kind == "lost":
        del text[at]
    else:
        text[at] ^= draw(st.integers(1, 255))
    return command, bytes(text)


@given(request=almost_right())
@examples(300, 10_000)
def test_an_almost_right_body_is_taken_or_refused(world: World, request: tuple[str, bytes]) -> None:
    assert_stored_only_if_taken(world, *request)


# ── Whatever words are taken can be read again ─────────────────────────────────────────────────────────

CODES = frozenset(
    {"commune", "origin", "effective_on", "form", "registration", "kind", "group", "sheet", "failed", "code", "about"}
    | {"due", "issued_on", "expires_on", "signed_on", "runs_to", "sha256", "evidence", "ground", "period", "channel"}
    | {"area", "level", "person", "capacity", "present", "held_on", "period_from", "concluded_on", "received_on"}
    | {"council", "product", "products", "proof_sha256"}
)
"""Fields whose values are not free words."""
STUBBORN = [
    "\u0958",  # becomes two letters when normalised
    "\U0001d160",  # becomes three
    "\u0344",
    "e\u0301",
    "\u1ee9\u0323",
    "\u202e",
    "\u2028",
    "\ufeff",
    "\U0001f9d1\u200d\U0001f33e",
    "\U0010fffd",
    "ß",
    "İ",
    "%s",
    "{0}",
    "'; DROP TABLE ocop.events; --",
    "<script>",
    "\\",
    '"',
    "\n",
    "\t",
]
WORDS = (
    st.text(min_size=1, max_size=40)
    | st.lists(st.sampled_from(STUBBORN), min_size=1, max_size=8).map("".join)
    | st.builds(lambda piece, times: (piece * times)[:300], st.sampled_from(STUBBORN), st.integers(1, 300))
)


def with_everything_aside(product_name: str) -> list[Chapter]:
    """The tea's story with every act beside it that does not end it."""
    after: dict[str, list[Chapter]] = {
        "record-guidance": [aside("correct-fact", CHAIR, "2026-02-04", now={"title": "Lớp học", "attendees": 35})],
        "accept-plan": [
            aside("report-difficulty", PRODUCER, "2026-04-11"),
            aside("visit-site", OFFICER, "2026-04-11"),
            ("amend-plan", PRODUCER, on("2026-04-11", EXAMPLES["submit-plan"])),
        ],
        "set-up-council": [
            aside("change-council-procedure", Role.PROVINCE_CHAIR, "2026-06-02", rules={"quorum_percent": 80}),
        ],
        "call-session": [
            aside("cancel-session", SECRETARY, "2026-10-01"),
            aside("call-session", SECRETARY, "2026-10-01"),
        ],
        "notify-result": [
            COMPLAINT,
            aside("settle-complaint", Role.PROVINCE_CHAIR, "2026-11-01"),
            aside("give-written-notice", PROVINCE, "2026-11-01", received_on="2026-11-01"),
            aside("join-point-of-sale", PRODUCER, "2026-11-01"),
            aside("join-retail-chain", PRODUCER, "2026-11-01"),
            aside("sign-contract", PRODUCER, "2026-11-01"),
        ],
        "report-revenue": [
            aside("delist-from-ecommerce", PRODUCER, "2026-11-21"),
            aside("revoke", Role.PROVINCE_CHAIR, "2026-11-22"),
        ],
    }
    amended = {"reason": "Điều chỉnh.", "milestones": EXAMPLES["submit-plan"]["milestones"]}
    whole = [c for chapter in tea() for c in (chapter, *after.get(chapter[0], []))]
    first = [command for command, _, _ in whole].index("register-dossier")
    whole[first + 1 : first + 1] = [REQUEST, aside("give-supplement", PRODUCER, "2026-08-12")]
    whole = [(c, r, on("2026-04-11", amended) if c == "amend-plan" else b) for c, r, b in whole]
    return named(whole, product_name)


def in_words(body: Any, words: Callable[[str], str], name: str = "") -> Any:
    """The body with every free text replaced; one field name has one text throughout a story."""
    if isinstance(body, dict):
        return {k: in_words(v, words, k) for k, v in body.items()}
    if isinstance(body, list):
        return [in_words(v, words, name) for v in body]
    return words(name) if isinstance(body, str) and name not in CODES else body


@given(data=st.data())
@examples(12, 400, phases=[Phase.generate])  # a whole story an example: too long to look for the shortest
def test_whatever_words_are_taken_are_read_again(world: World, data: st.DataObject) -> None:
    """Each chapter is told in strange words first, and in its own when those are refused."""
    drawn: dict[str, str] = {}

    def words(name: str) -> str:
        if name not in drawn:
            drawn[name] = data.draw(WORDS, label=name)
        return drawn[name]

    service, ids, members, position = world.service, dict[str, str](), 0, 0
    for command, role, example in with_everything_aside(f"Chè {uuid4()}"):
        members += command == "submit-score-sheet"
        who = actor(role, members) if role is MEMBER else actor(role)
        kind = COMMANDS[command].stream
        stream = None if COMMANDS[command].opens else ids[kind]
        body = addressed(command, example, ids)
        before = world.stored()
        answer = service.give(stream, command, who, in_words({**body, "paper": {"number": "1"}}, words))
        assert_no_crash_and_proper_problems(answer)
        if answer.status_code >= 400:
            assert world.stored() == before
            answer = service.give(stream, command, who, body)
        if answer.status_code == 409 and command in ("list-on-ecommerce", "delist-from-ecommerce"):
            continue
        assert answer.status_code in (200, 201), f"{command}: {answer.text}"
        ids[kind], position = answer.json()[f"{kind}_id"], answer.json()["position"]

    product = ids["product"]
    trail = read_when_it_is_there(service, f"/v1/products/{product}/trail", position)["trail"]
    assert [row["version"] for row in trail] == list(range(1, len(trail) + 1))
    assert service.get(f"/v1/products/{product}").json()["version"] == len(trail)
    assert read_when_it_is_there(service, f"/v1/sessions/{ids['session']}/trail", position)["facts"]
    assert read_when_it_is_there(service, f"/v1/councils/{ids['council']}", position)["council_id"] == ids["council"]


def read_when_it_is_there(service: Service, path: str, position: int) -> Any:
    deadline = time.monotonic() + 30
    while (answer := service.get(path, **{"X-Min-Position": str(position)})).status_code == 503:
        assert time.monotonic() < deadline, answer.text
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_after_all_that_everything_stored_is_readable(world: World) -> None:
    """The feed reads every case, the journal everything, each read model has taken all; nothing crashed."""
    service, after, facts = world.service, 0, 0
    while True:
        page = service.get(f"/v1/events?after={after}&limit=1000").json()
        after, facts = page["next"], facts + len(page["events"])
        if not page["more"]:
            break
    told = all_facts(world.url)
    public = ("product.", "book.", "council.", "session.", "programme.")
    cases = [fact for fact in told if fact.fact.stored_name.startswith(public)]
    assert facts == len(cases) > 0  # what is about persons has readers of its own
    assert len(told) == world.stored()[0]
    read_when_it_is_there(service, "/v1/worklist", after)

    standing = service.get("/health/ready").json()
    assert standing["status"] == "ready"
    assert {model["parked"] for model in standing["read_models"]} == {0}
    # A key that begins to change and is not changed to the end stops the signer, which says so: nothing crashed.
    lines = service.log.read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if "Traceback" in line and UNFINISHED not in line] == []
