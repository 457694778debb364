"""Whatever is wrong with a request: one problem document in both languages, and nothing stored.

Each line of the tables is one bad input: a sentence, the problem it must be answered with, and the request.
"""

from __future__ import annotations

import asyncio
import base64
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from api.app import create_app
from api.commands import path_of
from api.examples import EXAMPLES
from api.problems import PROBLEMS
from domain.decide import COMMANDS
from domain.refusals import Refusal
from domain.values import Actor, Role
from tests.appointed import assignment_id, person_id
from tests.service import Service, on_paper, tea_actors
from tests.story import FILE, Chapter, actor, addressed, bare, choices, on, tea, until, until_first

OFFICER, CHAIR, PRODUCER = Role.COMMUNE_OFFICER, Role.COMMUNE_CHAIR, Role.PRODUCER
PROVINCE, PROVINCE_CHAIR, ADVISERS = Role.PROVINCE_OFFICER, Role.PROVINCE_CHAIR, Role.ADVISORY_TEAM
MEMBER, SECRETARY = Role.COUNCIL_MEMBER, Role.COUNCIL_SECRETARY
SUPERVISOR, INSPECTOR, INTEGRATOR = Role.SUPERVISOR, Role.INSPECTOR, Role.INTEGRATOR
ELSEWHERE, RIVAL = "officer elsewhere", "another producer"
NATIONAL = Actor(person="officer of the nation", office="the ministry", role=PROVINCE, area="VN")
NAMELESS = Actor(person="producer without number", office="none", role=PRODUCER, area="04876")
NOT_A_MEMBER = Actor(person="council-member-9", office="none", role=MEMBER, area="25")
FOREIGN_CHAIR = Actor(person="chair elsewhere", office="another province", role=PROVINCE_CHAIR, area="68")
FOREIGN_SECRETARY = Actor(person="secretary elsewhere", office="another province", role=SECRETARY, area="68")
NEWCOMER = Actor(person="newcomer", office="office", role=OFFICER, area="04876")
"""Somebody who has logged in with a one-time password and not changed it yet."""
MINISTRY, MINISTER = Role.MINISTRY_OFFICER, Role.MINISTER

WRONG_ORDER = (409, "wrong-order")
UNLAWFUL = (409, "against-the-law")
COUNCIL = (409, "against-council-rules")
NO_REGIME = (409, "no-regime")
TAKEN = (409, "already-registered")
CONTENT = (422, "invalid-content")
FIELDS = (422, "invalid-fields")
KEY_REUSED = (422, "idempotency-key-reused")
ROLE = (403, "role-not-allowed")
AREA = (403, "outside-area")
UNFINISHED = (403, "account-unfinished")
HELD = (403, "role-not-held")
DUTIES = (403, "duties-separated")
STALE = (412, "stale-version")
HEADER = (400, "malformed-header")
JSON = (400, "malformed-json")
REQUEST = (400, "bad-request")
STRANGER = (401, "unauthenticated")
NOT_FOUND = (404, "not-found")
NO_COMMAND = (404, "unknown-command")
METHOD = (405, "method-not-allowed")
TOO_LARGE = (413, "too-large")
MEDIA = (415, "unsupported-media-type")


# ── Where a product may stand: each story is told once a module, and no bad input moves it ─────────────


def sheets(*more: int) -> list[Chapter]:
    """A score sheet a member, with so many points on top of 59."""
    return [("submit-score-sheet", MEMBER, on("2026-10-05", {"choices": choices("QD26-11", 4, m)})) for m in more]


def ex(command: str, **more: Any) -> dict[str, Any]:
    """The command's example, about our own streams, with some fields changed."""
    example = EXAMPLES[command] if command == "order-rescoring" else bare(EXAMPLES[command])
    if command == "order-rescoring":
        example = {"products": [{**example["products"][0], "product": "{product}"}]}
    return {**addressed(command, example, OURS), **more}


OURS = {kind: f"{{{kind}}}" for kind in ("product", "council", "session")}
"""Ids that are known only once the story is told."""
ADVISED = until("report-advice", tea())
COUNCIL_SET_UP = next(chapter for chapter in tea() if chapter[0] == "set-up-council")
CALLED = until("call-session", tea())
SCORING = until("open-scoring", tea())
CLOSED = ("close-scoring", SECRETARY, on("2026-10-05"))
CONCLUDED = ("conclude-session", SECRETARY, on("2026-10-06", EXAMPLES["conclude-session"]))
NINETY = [*SCORING, *sheets(40, 40, 40), CLOSED, CONCLUDED]
SIGNED = {"level": "province", "signer": "Chủ tịch UBND tỉnh"}
SHORT_LIVED = ex(
    "record-evidence", sha256="5" * 64, number="99/2026", expires_on="2026-07-31", effective_on="2026-06-01"
)
LEAVING = ("withdraw-journey", OFFICER, on("2026-02-04", EXAMPLES["withdraw-journey"]))
ASKING = ("request-supplement", OFFICER, on("2026-08-11", EXAMPLES["request-supplement"]))
CORRECTING = ("correct-fact", CHAIR, on("2026-02-04", EXAMPLES["correct-fact"]))
PRESENT = EXAMPLES["record-attendance"]["present"]

STAGES: dict[str, list[Chapter]] = {
    "identified": until("identify-product", tea()),
    "guided": until("record-guidance", tea()),
    "corrected": [*until("record-guidance", tea()), CORRECTING],
    "left": [*until("record-guidance", tea()), LEAVING],
    "idea submitted": until("submit-idea", tea()),
    "idea returned": until("return-idea", tea()),
    "idea endorsed": until("endorse-idea", tea()),
    "idea accepted": until("accept-idea", tea()),
    "plan submitted": until("submit-plan", tea()),
    "implementing": until("grant-support", tea()),
    "milestones reached": until("reach-milestone", tea()),
    "implemented": until("complete-implementation", tea()),
    "implemented, a paper expired": [
        *until("grant-support", tea()),
        ("record-evidence", PRODUCER, SHORT_LIVED),
        ("complete-implementation", OFFICER, on("2026-07-20", EXAMPLES["complete-implementation"])),
    ],
    "implemented, of another group": [
        (c, r, {**b, "group": "handicraft"} if c == "submit-idea" else b)
        for c, r, b in until("complete-implementation", tea())
    ],
    "filed": until("file-dossier", tea()),
    "registered": until_first("register-dossier", tea()),
    "supplement awaited": [*until_first("register-dossier", tea()), ASKING],
    "reported": until("issue-commune-report", tea()),
    "proposed": until("forward-dossier", tea()),
    "at the province": until("register-dossier", tea()),
    "in the batch": until("accept-for-batch", tea()),
    "in the batch, a council": [*until("accept-for-batch", tea()), COUNCIL_SET_UP],
    "advised": ADVISED,
    "a council": until("set-up-council", tea()),
    "council dissolved": [
        *until("set-up-council", tea()),
        ("dissolve-council", PROVINCE_CHAIR, on("2026-09-30", EXAMPLES["dissolve-council"])),
    ],
    "called": CALLED,
    "cancelled": [*CALLED, ("cancel-session", SECRETARY, on("2026-10-02", EXAMPLES["cancel-session"]))],
    "attended": until("record-attendance", tea()),
    "two came": [
        *CALLED,
        (
            "record-attendance",
            SECRETARY,
            on("2026-10-05", present=[p for p in PRESENT if p != "council-member-1"], absent=[{"member": PRESENT[0]}]),
        ),
    ],
    "scoring": SCORING,
    "two sheets": [*SCORING, *sheets(0, 0)],
    "three sheets": [*SCORING, *sheets(0, 0, 0)],
    "opened": [*SCORING, *sheets(0, 0, 0), CLOSED],
    "far apart": [*SCORING, *sheets(0, 0, 11), CLOSED],
    "two stars": until("conclude-session", tea(level=2)),
    "three stars": until("conclude-session", tea()),
    "ninety points": NINETY,
    "approved": [*NINETY, ("approve-results", PROVINCE_CHAIR, on("2026-10-20", SIGNED))],
    "recognised": until("recognise", tea()),
    "notified": until("notify-result", tea()),
    "complaint filed": [
        *until("notify-result", tea()),
        ("file-complaint", PRODUCER, on("2026-11-01", EXAMPLES["file-complaint"])),
    ],
    "revoked": [
        *until("notify-result", tea()),
        ("revoke", PROVINCE_CHAIR, on("2026-11-20", bare(EXAMPLES["revoke"]))),
    ],
    "promoted": tea(),
}


@dataclass(frozen=True)
class Bad:
    """One bad input. ``path`` and body may name {product}, {council} and {session}; ``at``: where they stand."""

    what: str
    problem: tuple[int, str]
    field: str | None = None
    at: str | None = None
    method: str = "POST"
    path: str = "/v1/products"
    who: Role | Actor | str | None = OFFICER
    body: Any = None
    content: bytes | Callable[[], Iterator[bytes]] | None = None
    params: dict[str, Any] | None = None
    headers: dict[str, Any] | None = None


def give(
    what: str, problem: tuple[int, str], at: str, command: str, who: Any, body: Any = None, field: str | None = None
) -> Bad:
    """A command where the story stands ``at``; the body is the example unless given."""
    path = path_of(COMMANDS[command]).replace("_id}", "}")
    return Bad(what, problem, field, at, path=path, who=who, body=ex(command) if body is None else body)


def opening(what: str, problem: tuple[int, str], field: str | None = None, who: Any = OFFICER, **changed: Any) -> Bad:
    """The opening of a journey with some fields changed."""
    return Bad(what, problem, field, who=who, body=ex("identify-product", **changed))


def raw(what: str, problem: tuple[int, str], content: Any, field: str | None = None, **headers: Any) -> Bad:
    """Bytes as the body of an opening."""
    sent = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return Bad(what, problem, field, content=content, headers=sent)


def head(
    what: str, problem: tuple[int, str], name: str, value: Any, at: str = "guided", field: str | None = None
) -> Bad:
    """A good command (guidance) with a bad header."""
    path = "/v1/products/{product}/commands/record-guidance"
    body = EXAMPLES["record-guidance"]
    return Bad(what, problem, field or name, at, path=path, body=body, headers={name: value})


def read(
    what: str, problem: tuple[int, str], path: str, field: str | None = None, who: Any = SUPERVISOR, **params: Any
) -> Bad:
    """A reading."""
    return Bad(what, problem, field, "guided", "GET", path, who, params=params)


def replaced(text: str, by: str) -> bytes:
    """The JSON of a good opening with one piece replaced."""
    whole = json.dumps(EXAMPLES["identify-product"], ensure_ascii=False)
    assert text in whole
    return whole.replace(text, by).encode("utf-8", "surrogatepass")


SHEET = choices("QD26-11", 4)
RIVALS = {**EXAMPLES["submit-idea"]["producer"], "registration": "HKD-9999"}
MILESTONE = EXAMPLES["submit-plan"]["milestones"][0]


def sheet(*changed: dict[str, Any], without: str | None = None) -> dict[str, Any]:
    """A score sheet with choices changed, added or left out."""
    new = {c["code"]: c for c in changed}
    kept = [new.pop(c["code"], c) for c in SHEET if c["code"] != without]
    return {"product": "{product}", "choices": [*kept, *new.values()]}


def members(*more: dict[str, Any], without: int = 0) -> list[dict[str, Any]]:
    """A council's members, some added at the end or left out at the front."""
    return [*EXAMPLES["set-up-council"]["members"][without:], *more]


def agreed_on(product: str, *options: dict[str, Any]) -> dict[str, Any]:
    """What a council agreed on otherwise than the advisory team, all who scored being for it."""
    scored = [member["person"] for member in members() if member["capacity"] != "secretary"]
    return {"product": product, "choices": [*options], "reason": "Đã xem lại hồ sơ.", "members": scored}


FROM_PAPER = {
    "source": {"kind": "paper", "scan_sha256": "a" * 64},
    "paper": {"number": "77/QĐ-UBND", "signed_on": "2026-10-20", "signer": "Chủ tịch"},
}
PAST = {**FROM_PAPER, "decision_number": "77/QĐ-UBND"}
GCN_5 = [{"product": "{product}", "number": "GCN-5"}]


def producer(**changed: Any) -> dict[str, Any]:
    return ex("submit-idea", producer={**EXAMPLES["submit-idea"]["producer"], **changed})


def evidence(**changed: Any) -> dict[str, Any]:
    """Another paper than the recorded one, recorded on 2 June 2026."""
    return ex("record-evidence", sha256="b" * 64, effective_on="2026-06-02", **changed)


def cursor(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode()


IN_WRONG_ORDER = [
    give("the idea form after the idea", WRONG_ORDER, "idea submitted", "hand-over-idea-form", OFFICER),
    give("an idea while one is under review", WRONG_ORDER, "idea submitted", "submit-idea", PRODUCER),
    give("acceptance before endorsement", WRONG_ORDER, "idea submitted", "accept-idea", CHAIR),
    give("returning an accepted idea", WRONG_ORDER, "idea accepted", "return-idea", OFFICER),
    give("rejecting an idea nobody submitted", WRONG_ORDER, "guided", "reject-idea", CHAIR),
    give("withdrawing an idea nobody submitted", WRONG_ORDER, "guided", "withdraw-idea", OFFICER),
    give("a plan before the idea is accepted", WRONG_ORDER, "idea endorsed", "submit-plan", PRODUCER),
    give("accepting a plan nobody submitted", WRONG_ORDER, "idea accepted", "accept-plan", CHAIR),
    give("returning a plan that runs", WRONG_ORDER, "implementing", "return-plan", CHAIR),
    give("amending a plan that is not accepted", WRONG_ORDER, "plan submitted", "amend-plan", PRODUCER),
    give("a milestone before the plan is accepted", WRONG_ORDER, "plan submitted", "reach-milestone", OFFICER),
    give("evidence before the idea is accepted", WRONG_ORDER, "idea submitted", "record-evidence", PRODUCER),
    give("completing a plan that is not accepted", WRONG_ORDER, "plan submitted", "complete-implementation", OFFICER),
    give("giving a plan up after the dossier", WRONG_ORDER, "filed", "abandon-plan", PRODUCER),
    give("a dossier while the plan runs", WRONG_ORDER, "implementing", "file-dossier", PRODUCER),
    give("a second dossier beside the first", WRONG_ORDER, "filed", "file-dossier", PRODUCER),
    give(
        "an upgrade of a product without a star",
        WRONG_ORDER,
        "implemented",
        "file-dossier",
        PRODUCER,
        ex("file-dossier", kind="upgrade"),
    ),
    give("the commune's register twice", WRONG_ORDER, "registered", "register-dossier", OFFICER),
    give("the commune's register after the report", WRONG_ORDER, "reported", "register-dossier", OFFICER),
    give("the province's register twice", WRONG_ORDER, "at the province", "register-dossier", PROVINCE),
    give("a report without the register", WRONG_ORDER, "filed", "issue-commune-report", OFFICER),
    give("a report while a supplement is awaited", WRONG_ORDER, "supplement awaited", "issue-commune-report", OFFICER),
    give("a second supplement beside the first", WRONG_ORDER, "supplement awaited", ASKING[0], OFFICER),
    give("a supplement nobody asked for", WRONG_ORDER, "registered", "give-supplement", PRODUCER),
    give("a proposal without the register", WRONG_ORDER, "filed", "forward-dossier", CHAIR),
    give("a proposal before the report", WRONG_ORDER, "registered", "forward-dossier", CHAIR),
    give("the batch without the province's register", WRONG_ORDER, "proposed", "accept-for-batch", PROVINCE),
    give("advice before the batch", WRONG_ORDER, "at the province", "report-advice", ADVISERS),
    give("a session for what has no advice", WRONG_ORDER, "in the batch, a council", "call-session", SECRETARY),
    give("a second session for a product on an agenda", WRONG_ORDER, "called", "call-session", SECRETARY),
    give("a session of a dissolved council", WRONG_ORDER, "council dissolved", "call-session", SECRETARY),
    give("dissolving a council twice", WRONG_ORDER, "council dissolved", "dissolve-council", PROVINCE_CHAIR),
    give(
        "new members of a dissolved council", WRONG_ORDER, "council dissolved", "change-council-members", PROVINCE_CHAIR
    ),
    give("scoring without attendance", WRONG_ORDER, "called", "open-scoring", SECRETARY),
    give("attendance once scoring is open", WRONG_ORDER, "scoring", "record-attendance", SECRETARY),
    give("a score sheet before scoring is open", WRONG_ORDER, "attended", "submit-score-sheet", MEMBER, sheet()),
    give("a second score sheet by the same member", WRONG_ORDER, "two sheets", "submit-score-sheet", MEMBER, sheet()),
    give("a score sheet after scoring was closed", WRONG_ORDER, "opened", "submit-score-sheet", MEMBER, sheet()),
    give("a conflict declared after the sheet", WRONG_ORDER, "two sheets", "declare-conflict", MEMBER),
    give("closing a scoring that is not open", WRONG_ORDER, "attended", "close-scoring", SECRETARY),
    give("concluding before sheets are opened", WRONG_ORDER, "three sheets", "conclude-session", SECRETARY),
    give("scoring again when totals agree", WRONG_ORDER, "opened", "order-rescoring", SECRETARY),
    give("scoring again before sheets are opened", WRONG_ORDER, "three sheets", "order-rescoring", SECRETARY),
    give("cancelling a concluded session", WRONG_ORDER, "three stars", "cancel-session", SECRETARY),
    give("cancelling a session twice", WRONG_ORDER, "cancelled", "cancel-session", SECRETARY),
    give("recognition before the conclusion", WRONG_ORDER, "opened", "recognise", PROVINCE_CHAIR),
    give("recognition twice", WRONG_ORDER, "recognised", "recognise", PROVINCE_CHAIR),
    give("recognition of what was approved for the centre", WRONG_ORDER, "approved", "recognise", PROVINCE_CHAIR),
    give("approval twice", WRONG_ORDER, "approved", "approve-results", PROVINCE_CHAIR),
    give("concluding twice", WRONG_ORDER, "three stars", "conclude-session", SECRETARY),
    give("evaluating again what was not sent back", WRONG_ORDER, "three stars", "reopen-evaluation", PROVINCE_CHAIR),
    give("ordering again what is not decided", WRONG_ORDER, "three stars", "order-reevaluation", MINISTRY),
    give("a complaint about a result not decided", WRONG_ORDER, "three stars", "file-complaint", PRODUCER),
    give("a second complaint beside the first", WRONG_ORDER, "complaint filed", "file-complaint", PRODUCER),
    give("settling a complaint nobody filed", WRONG_ORDER, "notified", "settle-complaint", PROVINCE_CHAIR),
    give("publishing what is not decided", WRONG_ORDER, "three stars", "publish-result", PROVINCE),
    give("revoking what was never certified", WRONG_ORDER, "three stars", "revoke", PROVINCE_CHAIR),
    give("revoking twice", WRONG_ORDER, "revoked", "revoke", PROVINCE_CHAIR),
    give(
        "an upgrade of a revoked star",
        WRONG_ORDER,
        "revoked",
        "file-dossier",
        PRODUCER,
        ex("file-dossier", kind="upgrade", effective_on="2026-11-21"),
    ),
    give("notice of a result not decided", WRONG_ORDER, "three stars", "notify-result", PROVINCE),
    give("notice of a result twice", WRONG_ORDER, "notified", "notify-result", PROVINCE),
    give("withdrawing a dossier that is decided", WRONG_ORDER, "recognised", "withdraw-dossier", PRODUCER),
    give("leaving while the idea is under review", WRONG_ORDER, "idea submitted", "withdraw-journey", PRODUCER),
    give("leaving twice", WRONG_ORDER, "left", "withdraw-journey", OFFICER),
    give("guidance after leaving", WRONG_ORDER, "left", "record-guidance", OFFICER),
    give(
        "revenue of one period and channel twice",
        WRONG_ORDER,
        "promoted",
        "report-revenue",
        PRODUCER,
        on("2026-11-20", ex("report-revenue", amount=1)),
        "period",
    ),
    give(
        "revenue of a quarter of which a month is reported",
        WRONG_ORDER,
        "promoted",
        "report-revenue",
        PRODUCER,
        on("2026-11-20", ex("report-revenue", period="2026-Q4")),
        "period",
    ),
    give(
        "taking down what is not listed",
        WRONG_ORDER,
        "promoted",
        "delist-from-ecommerce",
        PRODUCER,
        ex("delist-from-ecommerce", listing="another listing"),
        "listing",
    ),
]

ON_A_WRONG_DAY = [
    opening("an act of tomorrow", CONTENT, "effective_on", effective_on="2099-01-01"),
    opening("an act older than the programme", CONTENT, "effective_on", effective_on="2017-12-31", **FROM_PAPER),
    opening("a cycle too far ahead", CONTENT, "cycle", cycle=2100),
    *(
        give(what, WRONG_ORDER, at, command, who, on(day, ex(command)), "effective_on")
        for what, at, command, who, day in [
            ("guidance dated before the product was found", "identified", "record-guidance", OFFICER, "2026-01-14"),
            ("a plan dated before the idea's acceptance", "idea accepted", "submit-plan", PRODUCER, "2026-03-19"),
            ("a report dated before the dossier", "registered", "issue-commune-report", OFFICER, "2026-08-09"),
            ("a recognition dated before the conclusion", "three stars", "recognise", PROVINCE_CHAIR, "2026-10-05"),
            (
                "an approval dated before the conclusion",
                "ninety points",
                "approve-results",
                PROVINCE_CHAIR,
                "2026-10-05",
            ),
            ("a notice dated before the decision", "recognised", "notify-result", PROVINCE, "2026-10-19"),
            ("a complaint dated before the decision", "recognised", "file-complaint", PRODUCER, "2026-10-19"),
            ("attendance before the day of the session", "called", "record-attendance", SECRETARY, "2026-10-04"),
            ("a council changed before it was set up", "a council", "dissolve-council", PROVINCE_CHAIR, "2026-05-31"),
            ("leaving dated before the product was found", "identified", "withdraw-journey", OFFICER, "2026-01-14"),
        ]
    ),
    give(
        "evidence issued after the day it is recorded",
        CONTENT,
        "implementing",
        "record-evidence",
        PRODUCER,
        evidence(issued_on="2026-06-03"),
        "issued_on",
    ),
    give(
        "evidence issued in the future",
        CONTENT,
        "implementing",
        "record-evidence",
        PRODUCER,
        ex("record-evidence", sha256="b" * 64, issued_on="2099-01-01"),
        "issued_on",
    ),
    give(
        "evidence that has expired",
        CONTENT,
        "implementing",
        "record-evidence",
        PRODUCER,
        evidence(expires_on="2026-06-01"),
        "expires_on",
    ),
    give(
        "evidence that expired before it was issued",
        CONTENT,
        "implementing",
        "record-evidence",
        PRODUCER,
        evidence(issued_on="2026-05-20", expires_on="2026-05-19"),
        "expires_on",
    ),
    give(
        "a supplement due before it is asked for",
        CONTENT,
        "registered",
        "request-supplement",
        OFFICER,
        on("2026-08-11", EXAMPLES["request-supplement"], due="2026-08-10"),
        "due",
    ),
    give(
        "a revocation before the conclusion it rests on",
        CONTENT,
        "recognised",
        "revoke",
        PROVINCE_CHAIR,
        ex("revoke", effective_on="2026-11-09"),
        "concluded_on",
    ),
    give(
        "a council's period that ends before it begins",
        CONTENT,
        "guided",
        "set-up-council",
        PROVINCE_CHAIR,
        ex("set-up-council", period_to="2026-05-31"),
        "period_to",
    ),
    give(
        "a session in a hundred years",
        CONTENT,
        "a council",
        "call-session",
        SECRETARY,
        ex("call-session", effective_on="2126-01-01"),
        "effective_on",
    ),
    give(
        "a milestone due in a hundred years",
        CONTENT,
        "idea accepted",
        "submit-plan",
        PRODUCER,
        ex("submit-plan", milestones=[{**MILESTONE, "due": "2126-01-01"}]),
        "milestones",
    ),
    give(
        "a contract that ends before it begins",
        CONTENT,
        "recognised",
        "sign-contract",
        PRODUCER,
        on("2026-11-02", EXAMPLES["sign-contract"], runs_to="2026-11-01"),
        "runs_to",
    ),
    give(
        "revenue of a period to come",
        CONTENT,
        "recognised",
        "report-revenue",
        PRODUCER,
        on("2026-11-02", EXAMPLES["report-revenue"], period="2026-12"),
        "period",
    ),
    give(
        "revenue of a quarter to come",
        CONTENT,
        "recognised",
        "report-revenue",
        PRODUCER,
        on("2026-11-02", EXAMPLES["report-revenue"], period="2027-Q1"),
        "period",
    ),
    give(
        "an idea accepted before the day it was endorsed",
        WRONG_ORDER,
        "idea endorsed",
        "accept-idea",
        CHAIR,
        ex("accept-idea", effective_on="2026-03-04"),
        "effective_on",
    ),
    give(
        "a plan completed before its last milestone was reached",
        WRONG_ORDER,
        "milestones reached",
        "complete-implementation",
        OFFICER,
        ex("complete-implementation", effective_on="2026-06-27"),
        "effective_on",
    ),
    give(
        "a correction dated before what it corrects",
        WRONG_ORDER,
        "guided",
        "correct-fact",
        CHAIR,
        ex("correct-fact", effective_on="2026-02-02"),
        "effective_on",
    ),
    give(
        "a correction that makes evidence expire before it was issued",
        CONTENT,
        "implementing",
        "correct-fact",
        CHAIR,
        ex("correct-fact", version=12, now={"expires_on": "2026-05-19"}),
        "expires_on",
    ),
]

WRONG_IN_ITSELF = [
    opening("a commune that does not exist", CONTENT, "commune", NATIONAL, commune="99999"),
    give(
        "a returned idea by another producer",
        CONTENT,
        "idea returned",
        "submit-idea",
        OFFICER,
        producer(registration="HKD-9999")
        | {"on_behalf_of": {"role": "producer", "producer": "THT-0012", "paper": {"number": "1/PĐN"}}},
        "on_behalf_of",
    ),
    give("an officer gives a producer's will", CONTENT, "guided", "submit-idea", OFFICER, field="on_behalf_of"),
    give(
        "an officer gives the will of another producer",
        CONTENT,
        "idea returned",
        "submit-idea",
        OFFICER,
        ex("submit-idea", on_behalf_of={"role": "producer", "producer": "HKD-9999", "paper": {"number": "3/GĐN"}}),
        "on_behalf_of",
    ),
    give(
        "an idea test that does not exist",
        CONTENT,
        "idea endorsed",
        "reject-idea",
        CHAIR,
        ex("reject-idea", failed=["local-speciality", "taste"]),
        "failed",
    ),
    give(
        "two milestones of one code",
        CONTENT,
        "idea accepted",
        "submit-plan",
        PRODUCER,
        ex("submit-plan", milestones=[MILESTONE, MILESTONE]),
        "milestones",
    ),
    give(
        "funds that do not add up to the cost",
        CONTENT,
        "idea accepted",
        "submit-plan",
        PRODUCER,
        ex("submit-plan", loans=0),
        "cost",
    ),
    give(
        "an amendment that drops a reached milestone",
        CONTENT,
        "implementing",
        "amend-plan",
        PRODUCER,
        field="milestones",
    ),
    give(
        "a milestone the plan does not have",
        CONTENT,
        "implementing",
        "reach-milestone",
        OFFICER,
        {"code": "NHANHIEU"},
        "code",
    ),
    give(
        "one file under another number",
        CONTENT,
        "implementing",
        "record-evidence",
        PRODUCER,
        evidence() | {"sha256": FILE, "number": "46/2026/ATTP"},
        "sha256",
    ),
    give(
        "a dossier with evidence nobody recorded",
        CONTENT,
        "implemented",
        "file-dossier",
        PRODUCER,
        ex("file-dossier", evidence=[FILE, "c" * 64]),
        "evidence",
    ),
    give(
        "a dossier with evidence that has expired since",
        CONTENT,
        "implemented, a paper expired",
        "file-dossier",
        PRODUCER,
        ex("file-dossier", evidence=[FILE, "5" * 64]),
        "evidence",
    ),
    give(
        "a sheet that is not loaded",
        CONTENT,
        "implemented",
        "file-dossier",
        PRODUCER,
        ex("file-dossier", sheet="QD26-99"),
        "sheet",
    ),
    give(
        "a sheet of another product group",
        CONTENT,
        "implemented, of another group",
        "file-dossier",
        PRODUCER,
        field="sheet",
    ),
    give(
        "a ground of rejection the rules do not name",
        CONTENT,
        "at the province",
        "reject-dossier",
        PROVINCE,
        ex("reject-dossier", ground="dislike"),
        "ground",
    ),
    give(
        "advice that leaves out a star gate",
        CONTENT,
        "in the batch",
        "report-advice",
        ADVISERS,
        ex("report-advice", findings=[{"code": "1.1", "option": 1}]),
        "findings",
    ),
    give(
        "advice on a criterion that does not exist",
        CONTENT,
        "in the batch",
        "report-advice",
        ADVISERS,
        ex("report-advice", findings=[{"code": "99", "option": 1}]),
    ),
    *(
        give(what, CONTENT, "scoring", "submit-score-sheet", MEMBER, body, "choices")
        for what, body in [
            ("a score sheet with a criterion that does not exist", sheet({"code": "99", "option": 0})),
            ("a score sheet that answers one criterion twice", {**sheet(), "choices": [*SHEET, SHEET[0]]}),
            ("a score sheet that leaves a criterion out", sheet(without="11")),
            ("a score sheet without any choice", {**sheet(), "choices": []}),
            ("a score sheet with an option out of range", sheet({"code": "1.1", "option": 3})),
            ("a score sheet without an option where zero points is one", sheet({"code": "1.2", "option": None})),
        ]
    ),
    give(
        "a score sheet for what is not on the agenda",
        CONTENT,
        "scoring",
        "submit-score-sheet",
        MEMBER,
        {**sheet(), "product": str(UUID(int=7))},
        "product",
    ),
    *(
        give(what, CONTENT, "opened", "conclude-session", SECRETARY, ex("conclude-session", agreed=agreed), "agreed")
        for what, agreed in [
            (
                "a council that agrees on a criterion that does not exist",
                [agreed_on("{product}", {"code": "99", "option": 0})],
            ),
            ("a council that agrees on another product", [agreed_on(str(UUID(int=7)))]),
            ("a council that agrees on one product twice", [agreed_on("{product}")] * 2),
        ]
    ),
    *(
        give(what, CONTENT, "guided", "set-up-council", who, ex("set-up-council", **changed), at_fault)
        for what, who, changed, at_fault in [
            (
                "a council with two chairs",
                PROVINCE_CHAIR,
                {"members": members(members()[0] | {"person": "x"})},
                "members",
            ),
            ("a council without a chair", PROVINCE_CHAIR, {"members": members(without=1)}, "members"),
            ("a council with one member twice", PROVINCE_CHAIR, {"members": members(members()[2])}, "members"),
            ("a council of a level that does not exist", PROVINCE_CHAIR, {"level": "district"}, "level"),
            ("a council under rules nobody knows", PROVINCE_CHAIR, {"regime": "QD99-2030"}, "regime"),
            ("a council of no area", MINISTER, {"level": "centre", "area": "99"}, "area"),
            (
                "own rules without the paper they stand in",
                PROVINCE_CHAIR,
                {"rules": {"quorum_percent": 80}},
                "rules_basis",
            ),
        ]
    ),
    give(
        "a session about one product twice",
        CONTENT,
        "a council",
        "call-session",
        SECRETARY,
        ex("call-session", products=["{product}", "{product}"]),
        "products",
    ),
    *(
        give(what, CONTENT, "called", "record-attendance", SECRETARY, on("2026-10-05", changed), "present")
        for what, changed in [
            ("attendance that leaves a member out", {"present": PRESENT[1:]}),
            ("attendance of somebody who is no member", {"present": [*PRESENT, "a passer-by"]}),
            ("attendance of one member twice", {"present": [*PRESENT, PRESENT[0]]}),
            ("attendance of a member present and absent", {"present": PRESENT, "absent": [{"member": PRESENT[0]}]}),
        ]
    ),
    give(
        "the conflict of somebody who is no member",
        CONTENT,
        "called",
        "declare-conflict",
        SECRETARY,
        ex("declare-conflict", member="a passer-by"),
        "member",
    ),
    give(
        "a conflict with what is not on the agenda",
        CONTENT,
        "called",
        "declare-conflict",
        MEMBER,
        ex("declare-conflict", product=str(UUID(int=7))),
        "product",
    ),
    *(
        give(what, CONTENT, at, command, PROVINCE_CHAIR, ex(command, **changed), at_fault)
        for what, at, command, changed, at_fault in [
            (
                "a typed number of a new decision",
                "three stars",
                "recognise",
                {"decision_number": "5"},
                "decision_number",
            ),
            ("a typed number of a new approval", "ninety points", "approve-results", {"decision_number": "5"}, None),
            ("a typed number of a new revocation", "recognised", "revoke", {"decision_number": "5"}, "decision_number"),
            (
                "a decision known from paper without its number",
                "three stars",
                "recognise",
                {**FROM_PAPER, "certificates": GCN_5},
                "decision_number",
            ),
            ("a paper's decision without the certificate's number", "three stars", "recognise", PAST, "certificates"),
            (
                "a typed number of a new certificate",
                "three stars",
                "recognise",
                {"certificates": GCN_5},
                "certificates",
            ),
            ("one product recognised twice", "three stars", "recognise", {"products": ["{product}"] * 2}, "products"),
            (
                "one result approved twice",
                "ninety points",
                "approve-results",
                {"products": ["{product}"] * 2},
                "products",
            ),
            ("a ground of revocation the law does not name", "recognised", "revoke", {"ground": "z"}, "ground"),
            (
                "a rejected complaint with a new evaluation",
                "complaint filed",
                "settle-complaint",
                {"evaluate_again": True},
                "evaluate_again",
            ),
        ]
    ),
    *(
        give(what, CONTENT, at, "correct-fact", CHAIR, ex("correct-fact", **changed), at_fault)
        for what, at, changed, at_fault in [
            ("correcting a fact that does not exist", "guided", {"version": 999}, "version"),
            ("correcting a correction", "corrected", {"version": 3}, "version"),
            (
                "correcting a field that is decided, not told",
                "guided",
                {"version": 1, "now": {"cycle": 2025}},
                "now.cycle",
            ),
            ("correcting a field the fact does not have", "guided", {"now": {"stars": 5}}, "now.stars"),
            ("correcting with a negative count", "guided", {"now": {"attendees": -1}}, "now.attendees"),
            ("correcting with a text for a count", "guided", {"now": {"attendees": "many"}}, "now.attendees"),
            ("correcting with a blank text", "guided", {"now": {"title": " "}}, "now.title"),
            ("correcting with a number as a text", "guided", {"now": {"attendees": "35"}}, "now.attendees"),
            ("correcting with true for a count", "guided", {"now": {"attendees": True}}, "now.attendees"),
            ("correcting with a fraction", "guided", {"now": {"attendees": 35.5}}, "now.attendees"),
            ("correcting with a number beyond belief", "guided", {"now": {"attendees": 10**400}}, "now.attendees"),
            ("correcting the name on a certificate", "recognised", {"version": 1, "now": {"name": "Chè"}}, "now.name"),
            ("correcting with a NUL", "guided", {"now": {"title": "a\x00b"}}, "now.title"),
            ("correcting with a list for a text", "guided", {"now": {"title": ["a"]}}, "now.title"),
            (
                "correcting one right and one wrong field",
                "guided",
                {"now": {"title": "a", "attendees": -1}},
                "now.attendees",
            ),
        ]
    ),
]

AGAINST_THE_LAW = [
    give(
        "a large enterprise",
        UNLAWFUL,
        "guided",
        "submit-idea",
        PRODUCER,
        producer(kind="large-enterprise"),
        "producer.kind",
    ),
    give(
        "an association outside tourism",
        UNLAWFUL,
        "guided",
        "submit-idea",
        PRODUCER,
        producer(kind="association"),
        "producer.kind",
    ),
    give(
        "a dossier of a day that no rules govern",
        NO_REGIME,
        "implemented",
        "file-dossier",
        PRODUCER,
        ex("file-dossier", effective_on="2018-06-01"),
        "effective_on",
    ),
    give(
        "one sample too few",
        UNLAWFUL,
        "at the province",
        "accept-for-batch",
        PROVINCE,
        {"samples_received": 4},
        "samples_received",
    ),
    give("closing the scoring while a sheet is owed", COUNCIL, "two sheets", "close-scoring", SECRETARY),
    give("a conclusion on totals too far apart", COUNCIL, "far apart", "conclude-session", SECRETARY),
    give("scoring without quorum", COUNCIL, "two came", "open-scoring", SECRETARY),
    give("a score sheet of somebody who is no member", COUNCIL, "scoring", "submit-score-sheet", NOT_A_MEMBER, sheet()),
    give(
        "a council of two who score",
        COUNCIL,
        "guided",
        "set-up-council",
        PROVINCE_CHAIR,
        ex("set-up-council", members=[m for m in members() if m["capacity"] != "member"]),
        "members",
    ),
    give(
        "a session on the day it is called",
        COUNCIL,
        "a council",
        "call-session",
        SECRETARY,
        ex("call-session", held_on="2026-10-01"),
        "held_on",
    ),
    give(
        "written opinions on a first dossier",
        UNLAWFUL,
        "a council",
        "call-session",
        SECRETARY,
        ex("call-session", form="written"),
        "form",
    ),
    give("recognition of two stars", UNLAWFUL, "two stars", "recognise", PROVINCE_CHAIR, field="products"),
    give("recognition by the province of ninety points", UNLAWFUL, "ninety points", "recognise", PROVINCE_CHAIR),
    give("declining three stars", UNLAWFUL, "three stars", "decline-recognition", PROVINCE_CHAIR),
    give("approving fifty-nine points for the centre", UNLAWFUL, "three stars", "approve-results", PROVINCE_CHAIR),
    give(
        "revoking three stars at the centre",
        UNLAWFUL,
        "recognised",
        "revoke",
        MINISTER,
        ex("revoke", level="centre"),
        "level",
    ),
    give("promotion without a certificate", UNLAWFUL, "implemented", "list-on-ecommerce", PRODUCER),
    give(
        "revenue of a month before the certificate",
        UNLAWFUL,
        "recognised",
        "report-revenue",
        PRODUCER,
        on("2026-11-02", EXAMPLES["report-revenue"], period="2026-09"),
        "period",
    ),
    give(
        "promotion dated before the certificate",
        UNLAWFUL,
        "recognised",
        "attend-fair",
        PRODUCER,
        on("2026-10-19", EXAMPLES["attend-fair"]),
        "effective_on",
    ),
    give(
        "a re-evaluation outside its window",
        UNLAWFUL,
        "recognised",
        "file-dossier",
        PRODUCER,
        ex("file-dossier", kind="re-evaluation", effective_on="2026-11-02"),
        "effective_on",
    ),
    give(
        "the same producer, product and cycle a second time",
        TAKEN,
        "guided",
        "submit-idea",
        PRODUCER,
        ex("submit-idea", product_name="  CHÈ promoted "),
        "product_name",
    ),
]

WITHOUT_AUTHORITY = [
    opening("an act of the days before one was assigned", HELD, effective_on="2018-01-15"),
    head("an assignment that is not one's own", HELD, "X-Acting-As", str(assignment_id(actor(CHAIR)))),
    head("an assignment that is none", HELD, "X-Acting-As", "chair"),
    Bad(
        "reading in a role that is not one's own",
        HELD,
        "X-Acting-As",
        "guided",
        "GET",
        who=SUPERVISOR,
        headers={"X-Acting-As": str(assignment_id(actor(INSPECTOR)))},
    ),
    opening("an act before the one-time password is changed", UNFINISHED, who=NEWCOMER),
    read("reading before the one-time password is changed", UNFINISHED, "/v1/products", who=NEWCOMER),
    give("who reviewed a dossier declines its recognition", DUTIES, "three stars", "decline-recognition", PROVINCE),
    Bad(
        "an administrator opens an account of his own",
        DUTIES,
        path=f"/v1/persons/{person_id(actor(Role.ADMINISTRATOR).person)}/account",
        who=Role.ADMINISTRATOR,
        body={"login": "second"},
    ),
    *(
        give(f"{who.value} gives {command}", ROLE, at, command, who)
        for at, command, who in [
            ("guided", "record-guidance", SUPERVISOR),
            ("guided", "hand-over-idea-form", PROVINCE),
            ("guided", "submit-idea", CHAIR),
            ("idea submitted", "endorse-idea", PRODUCER),
            ("idea endorsed", "accept-idea", OFFICER),
            ("idea endorsed", "reject-idea", PRODUCER),
            ("plan submitted", "accept-plan", PRODUCER),
            ("implementing", "make-commitment", OFFICER),
            ("implementing", "grant-support", PRODUCER),
            ("filed", "register-dossier", PROVINCE),
            ("reported", "forward-dossier", PRODUCER),
            ("proposed", "register-dossier", OFFICER),
            ("at the province", "reject-dossier", CHAIR),
            ("in the batch", "report-advice", MEMBER),
            ("advised", "set-up-council", SECRETARY),
            ("a council", "call-session", MEMBER),
            ("a council", "dissolve-council", PROVINCE),
            ("called", "record-attendance", MEMBER),
            ("called", "declare-conflict", PRODUCER),
            ("attended", "open-scoring", PROVINCE_CHAIR),
            ("scoring", "submit-score-sheet", SECRETARY),
            ("scoring", "submit-score-sheet", ADVISERS),
            ("three sheets", "close-scoring", MEMBER),
            ("opened", "conclude-session", MEMBER),
            ("far apart", "order-rescoring", MEMBER),
            ("called", "cancel-session", PROVINCE_CHAIR),
            ("three stars", "recognise", PROVINCE),
            ("three stars", "recognise", CHAIR),
            ("three stars", "recognise", MINISTER),
            ("three stars", "send-back-result", PROVINCE),
            ("ninety points", "approve-results", SECRETARY),
            ("recognised", "revoke", PROVINCE),
            ("recognised", "publish-result", PRODUCER),
            ("recognised", "order-reevaluation", PROVINCE_CHAIR),
            ("complaint filed", "settle-complaint", PROVINCE),
            ("recognised", "report-revenue", INTEGRATOR),
            ("guided", "correct-fact", OFFICER),
            ("guided", "correct-fact", INSPECTOR),
            ("guided", "withdraw-journey", INTEGRATOR),
        ]
    ),
    give("rejecting a dossier that lies at the commune", ROLE, "registered", "reject-dossier", PROVINCE),
    give("notice without a dossier", ROLE, "guided", "notify-result", PROVINCE),
    *(
        give(what, ROLE, "three stars", "recognise", PROVINCE_CHAIR, ex("recognise", level=level))
        for what, level in [
            ("the province decides for the centre", "centre"),
            ("the province decides for a level that does not exist", "moon"),
            ("the province decides for the commune", "commune"),
        ]
    ),
    give(
        "a member declares for another",
        ROLE,
        "called",
        "declare-conflict",
        MEMBER,
        ex("declare-conflict", member="council-member-2"),
        "member",
    ),
    # Outside one's area: as if it did not exist, except for what opens a stream and names the area itself.
    give("the chair of another province recognises", NOT_FOUND, "three stars", "recognise", FOREIGN_CHAIR),
    give("the chair of another province revokes", NOT_FOUND, "recognised", "revoke", FOREIGN_CHAIR),
    give("the chair of another province sets a council up", AREA, "guided", "set-up-council", FOREIGN_CHAIR),
    give(
        "the secretary of another province calls a session", NOT_FOUND, "a council", "call-session", FOREIGN_SECRETARY
    ),
    give(
        "the secretary of another province takes attendance",
        NOT_FOUND,
        "called",
        "record-attendance",
        FOREIGN_SECRETARY,
    ),
    read("a producer reads the councils", ROLE, "/v1/councils", who=PRODUCER),
    read("an integrator reads the sessions", ROLE, "/v1/sessions", who=INTEGRATOR),
    opening("a producer opens a journey", ROLE, who=PRODUCER),
    opening("an inspector opens a journey", ROLE, who=INSPECTOR),
    opening("an officer opens a journey in another commune", AREA, who=OFFICER, commune="04831"),
    opening("the province opens a journey in another province", AREA, who=PROVINCE, commune="00070"),
    give("an officer of another commune guides", NOT_FOUND, "guided", "record-guidance", ELSEWHERE),
    give("an officer of another commune leaves", NOT_FOUND, "guided", "withdraw-journey", ELSEWHERE),
    give("another producer submits the plan", NOT_FOUND, "idea accepted", "submit-plan", RIVAL),
    give("another producer withdraws the dossier", NOT_FOUND, "filed", "withdraw-dossier", RIVAL),
    give("a producer submits another's idea", NOT_FOUND, "guided", "submit-idea", RIVAL),
    give(
        "a producer takes a returned idea over",
        NOT_FOUND,
        "idea returned",
        "submit-idea",
        RIVAL,
        ex("submit-idea", producer=RIVALS),
    ),
    give("a producer without a number submits an idea", NOT_FOUND, "guided", "submit-idea", NAMELESS),
    give("a producer leaves before anything is his", NOT_FOUND, "guided", "withdraw-journey", PRODUCER),
    read("a commune officer reads the feed", ROLE, "/v1/events", who=OFFICER),
    read("a producer reads the feed", ROLE, "/v1/events", who=PRODUCER),
]

BY_NOBODY = [
    Bad("no token", STRANGER, who=None, body=EXAMPLES["identify-product"]),
    *(
        Bad(what, STRANGER, who=None, body=EXAMPLES["identify-product"], headers={"Authorization": value})
        for what, value in [
            ("an empty Authorization", ""),
            ("a scheme without a token", "Bearer"),
            ("a forged token", "Bearer " + "A" * 32),
            ("a garbled token", "Bearer Ô n g Ấ m".encode()),
            ("a token of raw bytes", b"Bearer \xff\xfe"),
            ("a token in another scheme", "Basic b2ZmaWNlcjpwYXNz"),
            ("a very long token", "Bearer " + "x" * 8_000),
        ]
    ),
    read("reading a list without a token", STRANGER, "/v1/products", who=None),
    read("reading a product without a token", STRANGER, "/v1/products/{product}", who=None),
    read("reading the trail without a token", STRANGER, "/v1/products/{product}/trail", who=None),
    read("reading the worklist without a token", STRANGER, "/v1/worklist", who=None),
    read("reading the feed without a token", STRANGER, "/v1/events", who=None),
    read("reading the certificates without a token", STRANGER, "/v1/certificates", who=None),
    read("reading a session without a token", STRANGER, f"/v1/sessions/{UUID(int=7)}", who=None),
    Bad("a decision without a token", STRANGER, path="/v1/decisions/recognise", who=None, body=EXAMPLES["recognise"]),
    Bad("a council without a token", STRANGER, path="/v1/councils", who=None, body=EXAMPLES["set-up-council"]),
    Bad(
        "waiting for a far position without a token",
        STRANGER,
        method="GET",
        path="/v1/worklist",
        who=None,
        headers={"X-Min-Position": "999999"},
    ),
]

WITH_WRONG_HEADERS = [
    head("an If-Match of an older version", STALE, "If-Match", '"1"'),
    head("an If-Match of a version to come", STALE, "If-Match", '"3"'),
    head("an If-Match of version zero", STALE, "If-Match", '"0"'),
    Bad(
        "an If-Match of an older version of a session",
        STALE,
        "If-Match",
        "attended",
        path="/v1/sessions/{session}/commands/open-scoring",
        who=SECRETARY,
        body={},
        headers={"If-Match": '"1"'},
    ),
    Bad(
        "an If-Match of an older version of a book",
        STALE,
        "If-Match",
        "three stars",
        path="/v1/decisions/recognise",
        who=PROVINCE_CHAIR,
        body=ex("recognise"),
        headers={"If-Match": '"0"'},
    ),
    Bad(
        "a session called on a version that is not there",
        STALE,
        "If-Match",
        "a council",
        path="/v1/sessions",
        who=SECRETARY,
        body=ex("call-session"),
        headers={"If-Match": '"1"'},
    ),
    Bad(
        "an If-Match on what does not exist yet",
        STALE,
        "If-Match",
        body=ex("identify-product"),
        headers={"If-Match": '"1"'},
    ),
    *(
        head(what, HEADER, "If-Match", value)
        for what, value in [
            ("an If-Match of letters", '"abc"'),
            ("an If-Match of an empty tag", '""'),
            ("an empty If-Match", ""),
            ("an If-Match with one quote", '"2'),
            ("an If-Match of two tags", '"2", "3"'),
            ("an If-Match below zero", '"-2"'),
            ("an If-Match of sixteen digits", '"9999999999999999"'),
            ("an If-Match in other digits", '"２"'.encode()),
        ]
    ),
    *(
        head(what, HEADER, "Idempotency-Key", value)
        for what, value in [
            ("an empty Idempotency-Key", ""),
            ("an Idempotency-Key with a blank", "a b"),
            ("an Idempotency-Key of 201 characters", "k" * 201),
            ("an Idempotency-Key with diacritics", "khóa".encode()),
        ]
    ),
    head("a used Idempotency-Key for another command and product", KEY_REUSED, "Idempotency-Key", "used"),
    Bad(
        "a used Idempotency-Key for another opening",
        KEY_REUSED,
        "Idempotency-Key",
        body=ex("identify-product", note="another"),
        headers={"Idempotency-Key": "used"},
    ),
    Bad(
        "a used Idempotency-Key for another body",
        KEY_REUSED,
        "Idempotency-Key",
        "guided",
        path="/v1/products/{opened}/commands/record-guidance",
        body=ex("record-guidance", attendees=33),
        headers={"Idempotency-Key": "used-too"},
    ),
    Bad(
        "a used Idempotency-Key for another command",
        KEY_REUSED,
        "Idempotency-Key",
        "guided",
        path="/v1/products/{opened}/commands/hand-over-idea-form",
        body=EXAMPLES["hand-over-idea-form"],
        headers={"Idempotency-Key": "used-too"},
    ),
    head("a used Idempotency-Key for another product", KEY_REUSED, "Idempotency-Key", "used-too"),
    *(
        Bad(what, HEADER, "X-Min-Position", method="GET", path="/v1/worklist", headers={"X-Min-Position": value})
        for what, value in [
            ("a negative X-Min-Position", "-1"),
            ("a fractional X-Min-Position", "1.5"),
            ("an empty X-Min-Position", ""),
            ("an X-Min-Position of words", "latest"),
            ("an X-Min-Position of nineteen digits", "9" * 19),
            ("an X-Min-Position in other digits", "١".encode()),
        ]
    ),
    *(
        raw(what, MEDIA, json.dumps(EXAMPLES["identify-product"]).encode(), Content_Type=value)
        for what, value in [
            ("a body declared as text", "text/plain"),
            ("a body declared as a form", "application/x-www-form-urlencoded"),
            ("a body declared as XML", "application/xml"),
            ("a body declared as a problem", "application/problem+json"),
            ("a body declared as multipart", "multipart/form-data; boundary=x"),
        ]
    ),
]

AT_A_WRONG_ADDRESS = [
    Bad(
        "a command that does not exist",
        NO_COMMAND,
        None,
        "guided",
        path="/v1/products/{product}/commands/award-five-stars",
    ),
    Bad("a command in capitals", NO_COMMAND, None, "guided", path="/v1/products/{product}/commands/RECOGNISE"),
    Bad(
        "the opening given to an open product",
        NO_COMMAND,
        None,
        "guided",
        path="/v1/products/{product}/commands/identify-product",
        body=EXAMPLES["identify-product"],
    ),
    *(
        Bad(what, NOT_FOUND, path=f"/v1/products/{key}/commands/record-guidance", body=EXAMPLES["record-guidance"])
        for what, key in [
            ("a product that does not exist", uuid4()),
            ("the product of zeros", "00000000-0000-0000-0000-000000000000"),
            ("a product id that is a number", "1"),
            ("a product id one digit short", str(uuid4())[:-1]),
            ("a product id with a NUL", f"{uuid4()}%00"),
            ("a product id in Vietnamese", "chè"),
        ]
    ),
    *(
        Bad(what, NO_COMMAND, None, "called", path=path, who=who, body={})
        for what, path, who in [
            ("a decision given to a product", "/v1/products/{product}/commands/recognise", PROVINCE_CHAIR),
            ("a session's command given to a product", "/v1/products/{product}/commands/open-scoring", SECRETARY),
            ("a product's command given to a session", "/v1/sessions/{session}/commands/record-guidance", OFFICER),
            ("a council's command given to a session", "/v1/sessions/{session}/commands/dissolve-council", SECRETARY),
            ("the opening given to an open council", "/v1/councils/{council}/commands/set-up-council", PROVINCE_CHAIR),
            ("the opening given to an open session", "/v1/sessions/{session}/commands/call-session", SECRETARY),
            ("a decision that does not exist", "/v1/decisions/award", PROVINCE_CHAIR),
            ("a product's command as a decision", "/v1/decisions/record-guidance", OFFICER),
            ("a command given to a book", f"/v1/books/{UUID(int=7)}/commands/recognise", PROVINCE_CHAIR),
            ("a command given to what is no kind of thing", f"/v1/moons/{UUID(int=7)}/commands/recognise", OFFICER),
        ]
    ),
    *(
        Bad(what, NOT_FOUND, None, "called", path=path, who=who, body=body)
        for what, path, who, body in [
            ("a session that does not exist", f"/v1/sessions/{uuid4()}/commands/open-scoring", SECRETARY, {}),
            ("a session id that is a word", "/v1/sessions/today/commands/open-scoring", SECRETARY, {}),
            ("a product's id as a session's", "/v1/sessions/{product}/commands/open-scoring", SECRETARY, {}),
            ("a council's id as a session's", "/v1/sessions/{council}/commands/open-scoring", SECRETARY, {}),
            (
                "a session's id as a council's",
                "/v1/councils/{session}/commands/dissolve-council",
                PROVINCE_CHAIR,
                EXAMPLES["dissolve-council"],
            ),
            (
                "a council's id as a product's",
                "/v1/products/{council}/commands/record-guidance",
                OFFICER,
                EXAMPLES["record-guidance"],
            ),
        ]
    ),
    *(
        # No field is named: what lies outside one's area is answered with the same words.
        give(what, NOT_FOUND, at, command, who, ex(command, **changed))
        for what, at, command, who, changed in [
            (
                "a session of no council",
                "a council",
                "call-session",
                SECRETARY,
                {"council": str(UUID(int=7))},
            ),
            (
                "a session of a product as council",
                "a council",
                "call-session",
                SECRETARY,
                {"council": "{product}"},
            ),
            (
                "a session about no product",
                "a council",
                "call-session",
                SECRETARY,
                {"products": [str(UUID(int=7))]},
            ),
            (
                "a session about a council",
                "a council",
                "call-session",
                SECRETARY,
                {"products": ["{product}", "{council}"]},
            ),
            (
                "recognition of one product and one that is not there",
                "three stars",
                "recognise",
                PROVINCE_CHAIR,
                {"products": ["{product}", str(UUID(int=7))]},
            ),
            (
                "recognition of a session",
                "three stars",
                "recognise",
                PROVINCE_CHAIR,
                {"products": ["{session}"]},
            ),
            ("revocation of a council", "recognised", "revoke", PROVINCE_CHAIR, {"product": "{council}"}),
        ]
    ),
    read("reading a session that does not exist", NOT_FOUND, f"/v1/sessions/{UUID(int=7)}"),
    read("reading the trail of a session that does not exist", NOT_FOUND, f"/v1/sessions/{UUID(int=7)}/trail"),
    read("reading a council that does not exist", NOT_FOUND, f"/v1/councils/{UUID(int=7)}"),
    read("reading a session id that is not one", FIELDS, "/v1/sessions/tea", "session_id"),
    read("reading the decisions on a product that does not exist", NOT_FOUND, f"/v1/products/{uuid4()}/decisions"),
    read("reading the first decision on an undecided product", NOT_FOUND, "/v1/products/{product}/decisions/1"),
    read("reading the zeroth decision", FIELDS, "/v1/products/{product}/decisions/0", "number"),
    read("reading a product that does not exist", NOT_FOUND, f"/v1/products/{uuid4()}"),
    read("reading the trail of a product that does not exist", NOT_FOUND, f"/v1/products/{uuid4()}/trail"),
    read("reading a product of another commune", NOT_FOUND, "/v1/products/{product}", who=ELSEWHERE),
    Bad("reading another's product", NOT_FOUND, None, "idea accepted", "GET", "/v1/products/{product}", RIVAL),
    Bad("reading another's trail", NOT_FOUND, None, "idea accepted", "GET", "/v1/products/{product}/trail", RIVAL),
    read("reading a product id that is not one", FIELDS, "/v1/products/tea", "product_id"),
    read("reading the trail of an id that is not one", FIELDS, "/v1/products/tea/trail", "product_id"),
    read("an address that does not exist", NOT_FOUND, "/v2/products"),
    read("an address with a slash too many", NOT_FOUND, "/v1/products/"),
    read("a problem type that does not exist", NOT_FOUND, "/v1/problems/bad-luck"),
    Bad("deleting the products", METHOD, method="DELETE"),
    Bad("putting a product", METHOD, None, "guided", "PUT", "/v1/products/{product}", body={}),
    Bad("patching a product", METHOD, None, "guided", "PATCH", "/v1/products/{product}", body={"stars": 5}),
    Bad("reading a decision's command", METHOD, None, "guided", "GET", "/v1/decisions/recognise"),
    Bad("deleting a council", METHOD, None, "a council", "DELETE", "/v1/councils/{council}", PROVINCE_CHAIR),
    Bad("reading a command", METHOD, None, "guided", "GET", "/v1/products/{product}/commands/recognise"),
    Bad("posting to the feed", METHOD, None, "guided", "POST", "/v1/events", body={}),
    Bad("posting to the health", METHOD, None, "guided", "POST", "/health/ready", who=None, body={}),
]

UNREADABLE = [
    raw("truncated JSON", JSON, replaced("}", "")),
    raw("JSON with more behind it", JSON, replaced("}", "} {}")),
    raw("single quotes", JSON, b"{'cycle': 2026}"),
    raw("a comment in JSON", JSON, b'{"cycle": 2026 /* now */}'),
    raw("a form instead of JSON", JSON, b"cycle=2026&commune=04876"),
    raw("only blanks", JSON, b"   "),
    raw("invalid UTF-8", JSON, replaced("Chè", "Ch@").replace(b"@", b"\xff\xfe")),
    raw("overlong UTF-8", JSON, replaced("Chè", "@").replace(b"@", b"\xc0\xaf")),
    raw("Vietnamese in its old code page", JSON, replaced("Chè", "Ch@").replace(b"@", "è".encode("cp1258"))),
    raw("UTF-16", JSON, json.dumps(EXAMPLES["identify-product"]).encode("utf-16")),
    raw("a byte order mark", JSON, b"\xef\xbb\xbf" + replaced("Chè", "Chè")),
    raw("a raw NUL in a text", JSON, replaced("Chè", "\x00")),
    raw("a raw line feed in a text", JSON, replaced("Chè", "\n")),
    raw("an escaped lone surrogate", JSON, replaced("Chè", "\\ud800")),
    raw("an escaped low surrogate", JSON, replaced("Chè", "\\udc00")),
    raw("a surrogate as bytes", JSON, replaced("Chè", "\ud800")),
    raw("a hundred thousand brackets", JSON, b"[" * 100_000),
    raw("a hundred thousand nested objects", JSON, b'{"note":' * 100_000),
    raw("a closed nest of fifty thousand", JSON, replaced('"existing"', "[" * 50_000 + "]" * 50_000)),
    raw("a number of five thousand digits", JSON, replaced("2026,", "1" * 5_000 + ",")),
    raw("a number with a leading zero", JSON, replaced("2026,", "02026,")),
    raw("two megabytes", TOO_LARGE, replaced("Chè", "x" * 2_000_000)),
    raw("two megabytes in pieces without a length", TOO_LARGE, lambda: (b"x" * 50_000 for _ in range(40))),
    raw("one byte too many", TOO_LARGE, b" " * 1_000_001),
]

MISSHAPEN = [
    raw("an empty body", FIELDS, b"", "product_name"),
    raw("an empty object", FIELDS, b"{}", "commune"),
    raw("an array instead of an object", FIELDS, b"[]", "(toàn bộ)"),
    raw("null instead of an object", FIELDS, b"null", "(toàn bộ)"),
    raw("a text instead of an object", FIELDS, b'"tea"', "(toàn bộ)"),
    raw("a number instead of an object", FIELDS, b"2026", "(toàn bộ)"),
    raw("a field given twice", FIELDS, replaced('"origin"', '"cycle": 2025, "origin"'), "cycle"),
    raw("a field given twice, once escaped", FIELDS, replaced('"origin"', '"cycl\\u0065": 2025, "origin"'), "cycle"),
    raw("a field inside given twice", FIELDS, replaced("{", '{"paper": {"number": "1", "number": "2"}, '), "number"),
    raw("a field nobody knows", FIELDS, replaced('"origin"', '"stars": 5, "origin"'), "stars"),
    raw("a field without a name", FIELDS, replaced('"origin"', '"": 5, "origin"'), "(toàn bộ)"),
    raw("a missing field", FIELDS, replaced('"cycle": 2026, ', ""), "cycle"),
    raw("a field in capitals", FIELDS, replaced('"cycle"', '"Cycle"'), "cycle"),
    raw("null for a required field", FIELDS, replaced("2026,", "null,"), "cycle"),
    raw("a number as a text", FIELDS, replaced("2026,", '"2026",'), "cycle"),
    raw("a fraction for a whole number", FIELDS, replaced("2026,", "2026.0,"), "cycle"),
    raw("an exponent for a whole number", FIELDS, replaced("2026,", "2.026e3,"), "cycle"),
    raw("true for a number", FIELDS, replaced("2026,", "true,"), "cycle"),
    raw("NaN", FIELDS, replaced("2026,", "NaN,"), "cycle"),
    raw("Infinity", FIELDS, replaced("2026,", "Infinity,"), "cycle"),
    raw("ten to the four hundredth", FIELDS, replaced("2026,", f"{10**400},"), "cycle"),
    raw("1e400", FIELDS, replaced("2026,", "1e400,"), "cycle"),
    raw("a negative year", FIELDS, replaced("2026,", "-2026,"), "cycle"),
    opening("a text as a number", FIELDS, "product_name", product_name=7),
    opening("an object as a text", FIELDS, "product_name", product_name={"vi": "Chè"}),
    opening("an array as a text", FIELDS, "product_name", product_name=["Chè"]),
    opening("a choice nobody offered", FIELDS, "origin", origin="stolen"),
    opening("a choice in capitals", FIELDS, "origin", origin="EXISTING"),
    opening("a commune of four digits", FIELDS, "commune", commune="4876"),
    opening("a commune as a number", FIELDS, "commune", commune=4876),
    opening("a commune in other digits", FIELDS, "commune", commune="٠٤٨٧٦"),
    opening("a commune with a line feed", FIELDS, "commune", commune="04876\n"),
    opening("a date the Vietnamese way", FIELDS, "effective_on", effective_on="15/01/2026"),
    opening("a day that does not exist", FIELDS, "effective_on", effective_on="2026-02-30"),
    opening("an instant for a date", FIELDS, "effective_on", effective_on="2026-01-15T08:00:00Z"),
    opening("a date as a number", FIELDS, "effective_on", effective_on=20260115),
    opening("a date in the year ten thousand", FIELDS, "effective_on", effective_on="10000-01-01"),
    opening("a blank name", FIELDS, "product_name", product_name=""),
    opening("a name of spaces", FIELDS, "product_name", product_name="  \t "),
    opening("a name of no-break spaces", FIELDS, "product_name", product_name="\u00a0\u3000"),
    opening("a name too long", FIELDS, "product_name", product_name="x" * 301),
    opening("a name too long once normalised", FIELDS, "product_name", product_name="\u0958" * 151),
    opening("a note too long", FIELDS, "note", note="x" * 8_001),
    opening("a note too long once normalised", FIELDS, "note", note="\u0958" * 4_001),
    opening("a NUL in a text", FIELDS, "product_name", product_name="Chè\x00"),
    opening("an escape in a text", FIELDS, "product_name", product_name="\x1b[31mChè"),
    opening("a name of two lines", FIELDS, "product_name", product_name="Chè\nShan"),
    opening("a tab in a name", FIELDS, "product_name", product_name="Chè\tShan"),
    opening("an invisible character in a name", FIELDS, "product_name", product_name="Chè\u200bShan"),
    opening("a text that turns the writing direction", FIELDS, "note", note="\u202eèhC"),
    opening("a DEL in a text", FIELDS, "product_name", product_name="Chè\x7f"),
    opening("a C1 control character in a text", FIELDS, "product_name", product_name="Chè\x9b31m"),
    opening("a carriage return in a note", FIELDS, "note", note="a\r\nb"),
    opening("a noncharacter in a text", FIELDS, "product_name", product_name="Chè\uffff"),
    opening("a paper without a number", FIELDS, "paper.number", paper={"signed_on": "2026-01-15"}),
    opening("a paper with a field nobody knows", FIELDS, "paper.stamp", paper={"number": "1", "stamp": True}),
    opening("a paper with a number too long once normalised", FIELDS, "paper.number", paper={"number": "\u0958" * 300}),
    opening("an act from paper without its scan", FIELDS, "source", source={"kind": "paper"}),
    opening("a source nobody knows", FIELDS, "source.kind", source={"kind": "hearsay"}),
    opening(
        "a source with half a hash", FIELDS, "source.scan_sha256", source={"kind": "paper", "scan_sha256": "a" * 63}
    ),
    *(
        give(what, FIELDS, at, command, who, ex(command, **changed), at_fault)
        for what, at, command, who, changed, at_fault in [
            ("reasons too long", "guided", "withdraw-journey", OFFICER, {"reason": "x" * 8_001}, "reason"),
            ("no reasons", "guided", "withdraw-journey", OFFICER, {"reason": " \n "}, "reason"),
            ("a negative count", "guided", "record-guidance", OFFICER, {"attendees": -1}, "attendees"),
            ("a count beyond belief", "guided", "record-guidance", OFFICER, {"attendees": 10**8}, "attendees"),
            ("a percentage over a hundred", "guided", "submit-idea", PRODUCER, {"local_material_percent": 101}, None),
            ("a group that is not one of the six", "guided", "submit-idea", PRODUCER, {"group": "software"}, "group"),
            (
                "a returned idea that misses nothing",
                "idea submitted",
                "return-idea",
                OFFICER,
                {"missing": []},
                "missing",
            ),
            ("fifty-one missing items", "idea submitted", "return-idea", OFFICER, {"missing": ["a"] * 51}, "missing"),
            ("a blank missing item", "idea submitted", "return-idea", OFFICER, {"missing": ["a", " "]}, "missing.1"),
            ("a plan without milestones", "idea accepted", "submit-plan", PRODUCER, {"milestones": []}, "milestones"),
            ("a plan for two stars", "idea accepted", "submit-plan", PRODUCER, {"target_stars": 2}, "target_stars"),
            ("a negative cost", "idea accepted", "submit-plan", PRODUCER, {"cost": -1}, "cost"),
            ("a cost in fractions of a dong", "idea accepted", "submit-plan", PRODUCER, {"cost": 0.5}, "cost"),
            ("a cost beyond belief", "idea accepted", "submit-plan", PRODUCER, {"cost": 10**400}, "cost"),
            ("a hash in capitals", "implementing", "record-evidence", PRODUCER, {"sha256": "A" * 64}, "sha256"),
            (
                "evidence of a kind nobody knows",
                "implementing",
                "record-evidence",
                PRODUCER,
                {"kind": "rumour"},
                "kind",
            ),
            ("a self-score of 101", "implemented", "file-dossier", PRODUCER, {"self_score": 101}, "self_score"),
            ("negative samples", "implemented", "file-dossier", PRODUCER, {"samples": -1}, "samples"),
            (
                "three hundred and one papers",
                "implemented",
                "file-dossier",
                PRODUCER,
                {"evidence": ["a" * 64] * 301},
                None,
            ),
            (
                "a yes that is a text",
                "registered",
                "issue-commune-report",
                OFFICER,
                {"meeting_held": "yes"},
                "meeting_held",
            ),
            ("a notice to nobody", "recognised", "notify-result", PROVINCE, {"recipients": []}, "recipients"),
            ("a thirteenth month", "recognised", "report-revenue", PRODUCER, {"period": "2026-13"}, "period"),
            ("a fifth quarter", "recognised", "report-revenue", PRODUCER, {"period": "2026-Q5"}, "period"),
            ("negative revenue", "recognised", "report-revenue", PRODUCER, {"amount": -1}, "amount"),
            ("correcting nothing", "guided", "correct-fact", CHAIR, {"now": {}}, "now"),
            ("correcting fact zero", "guided", "correct-fact", CHAIR, {"version": 0}, "version"),
            ("correcting with a list of changes", "guided", "correct-fact", CHAIR, {"now": ["attendees"]}, "now"),
        ]
    ),
    give(
        "a score sheet with a total",
        FIELDS,
        "scoring",
        "submit-score-sheet",
        MEMBER,
        {**sheet(), "total": 100},
        "total",
    ),
    give(
        "a score sheet with a negative option",
        FIELDS,
        "scoring",
        "submit-score-sheet",
        MEMBER,
        {"product": "{product}", "choices": [{"code": "1.1", "option": -1}]},
        "choices.0.option",
    ),
    *(
        give(what, FIELDS, at, command, who, ex(command, **changed), at_fault)
        for what, at, command, who, changed, at_fault in [
            ("a council of nobody", "guided", "set-up-council", PROVINCE_CHAIR, {"members": []}, "members"),
            (
                "a council of sixty-one",
                "guided",
                "set-up-council",
                PROVINCE_CHAIR,
                {"members": [{"person": f"{n}", "office": "x", "capacity": "member"} for n in range(61)]},
                "members",
            ),
            (
                "a member of a capacity nobody knows",
                "guided",
                "set-up-council",
                PROVINCE_CHAIR,
                {"members": [{"person": "x", "office": "x", "capacity": "guest"}]},
                "members.0.capacity",
            ),
            (
                "a council of an area by its name",
                "guided",
                "set-up-council",
                PROVINCE_CHAIR,
                {"area": "Phú Thọ"},
                "area",
            ),
            ("a level in capitals", "guided", "set-up-council", PROVINCE_CHAIR, {"level": "PROVINCE"}, "level"),
            *(
                (
                    what,
                    "guided",
                    "set-up-council",
                    PROVINCE_CHAIR,
                    {"rules": {field: value}, "rules_basis": "1"},
                    f"rules.{field}",
                )
                for what, field, value in [
                    ("a quorum of nobody", "quorum_percent", 0),
                    ("a quorum of a hundred and one percent", "quorum_percent", 101),
                    ("a spread as a fraction of a number", "max_spread", 9.5),
                    ("a spread below zero", "max_spread", "-1"),
                    ("a spread divided by zero", "max_spread", "1/0"),
                    ("a spread with a comma", "max_spread", "9,5"),
                    ("a rule nobody knows", "coffee", True),
                ]
            ),
            ("a session about nothing", "a council", "call-session", SECRETARY, {"products": []}, "products"),
            ("a session of a form nobody knows", "a council", "call-session", SECRETARY, {"form": "seance"}, "form"),
            (
                "a session about what is no id",
                "a council",
                "call-session",
                SECRETARY,
                {"products": ["tea"]},
                "products.0",
            ),
            ("a conflict on a ground nobody knows", "called", "declare-conflict", MEMBER, {"ground": "envy"}, "ground"),
            ("minutes that say nothing", "opened", "conclude-session", SECRETARY, {"minutes": " "}, "minutes"),
            ("scoring again without a word", "far apart", "order-rescoring", SECRETARY, {"products": []}, "products"),
            ("a decision on nothing", "three stars", "recognise", PROVINCE_CHAIR, {"products": []}, "products"),
            (
                "a decision on five hundred and one products",
                "three stars",
                "recognise",
                PROVINCE_CHAIR,
                {"products": [str(UUID(int=n)) for n in range(501)]},
                "products",
            ),
            ("a decision nobody signs", "three stars", "recognise", PROVINCE_CHAIR, {"signer": None}, "signer"),
            ("a decision with the stars in it", "three stars", "recognise", PROVINCE_CHAIR, {"stars": 5}, "stars"),
            ("a decision of a level of digits", "three stars", "recognise", PROVINCE_CHAIR, {"level": "1"}, "level"),
            (
                "a decision from paper without its scan",
                "three stars",
                "recognise",
                PROVINCE_CHAIR,
                {"source": {"kind": "paper"}, "decision_number": "5"},
                "source",
            ),
            ("a revocation of no day", "recognised", "revoke", PROVINCE_CHAIR, {"concluded_on": None}, "concluded_on"),
            ("a revocation without reasons", "recognised", "revoke", PROVINCE_CHAIR, {"reasons": ""}, "reasons"),
            (
                "a complaint upheld by a word",
                "complaint filed",
                "settle-complaint",
                PROVINCE_CHAIR,
                {"upheld": "yes"},
                "upheld",
            ),
        ]
    ),
]

ASKED_WRONGLY = [
    *(
        read(what, REQUEST, "/v1/products", "cursor", cursor=value)
        for what, value in [
            ("a cursor that is not base64", "x"),
            ("a cursor of words", "next page please"),
            ("a cursor without an id", cursor(b"tea")),
            ("a cursor with an id that is not one", cursor(b"tea\x1ftea")),
            ("a cursor of bytes that are no text", cursor(b"\xff\xff\x1f")),
            ("a cursor with a NUL in its name", cursor(f"te\x00a\x1f{uuid4()}".encode())),
        ]
    ),
    read("a cursor too long", FIELDS, "/v1/products", "cursor", cursor="x" * 2_000),
    read("a page of none", FIELDS, "/v1/products", "limit", limit=0),
    read("a page too long", FIELDS, "/v1/products", "limit", limit=201),
    read("a page below zero", FIELDS, "/v1/products", "limit", limit=-1),
    read("a page of ten in words", FIELDS, "/v1/products", "limit", limit="ten"),
    read("a seventh step", FIELDS, "/v1/products", "step", step=7),
    read("a sixth star", FIELDS, "/v1/products", "stars", stars=6),
    read("a cycle before the programme", FIELDS, "/v1/products", "cycle", cycle=2017),
    read("an area of three digits", FIELDS, "/v1/products", "area", area="048"),
    read("an area by its name", FIELDS, "/v1/products", "area", area="Phú Thọ"),
    read("an area that is SQL", FIELDS, "/v1/products", "area", area="25' OR '1'='1"),
    read("late, perhaps", FIELDS, "/v1/products", "late", late="perhaps"),
    read("a NUL in the search", FIELDS, "/v1/products", "q", q="che\x00"),
    read("a very long search", FIELDS, "/v1/products", "q", q="che " * 5_000),
    read("the trail after a negative version", FIELDS, "/v1/products/{product}/trail", "after", after=-1),
    read("the trail after a version beyond belief", FIELDS, "/v1/products/{product}/trail", "after", after=10**30),
    read("a worklist of none", FIELDS, "/v1/worklist", "limit", limit=0),
    read("a radar that looks for what there is no rule for", FIELDS, "/v1/radar", "code", code="bribery"),
    read("a radar after a position alone", FIELDS, "/v1/radar", "after", after=7),
    read("a radar of a country elsewhere", FIELDS, "/v1/radar", "area", area="LA"),
    read("the feed from a negative position", FIELDS, "/v1/events", "after", after=-1),
    read("the feed from beyond the last position", FIELDS, "/v1/events", "after", after=2**63),
    read("the feed by the ten thousand", FIELDS, "/v1/events", "limit", limit=10_000),
    read("the feed of a type nobody knows", REQUEST, "/v1/events", "types", types="product.identified,product.lost"),
    read("the feed of a type with a NUL", REQUEST, "/v1/events", "types", types="\x00"),
    read("certificates of two stars", FIELDS, "/v1/certificates", "stars", stars=2),
    read("certificates of no page", FIELDS, "/v1/certificates", "limit", limit=0),
    read("councils of no page", FIELDS, "/v1/councils", "limit", limit=0),
    read("sessions beyond belief", FIELDS, "/v1/sessions", "limit", limit=501),
    read("decisions of a level in capitals", FIELDS, "/v1/decisions", "level", level="PROVINCE"),
    read("decisions before the programme", FIELDS, "/v1/decisions", "year", year=2017),
    read("decisions after a negative position", FIELDS, "/v1/decisions", "after", after=-1),
]

AT_THE_DOORS = [
    Path(__file__).with_name(f"test_{name}.py").read_text(encoding="utf-8")
    for name in (
        "accounts",
        "clients",
        "login_pages",
        "openid",
        "openid_session",
        "sessions",
        "sealed",
        "erasure_bounds",
        "as_of_http",
    )
]
"""Tests of logging in, whose problems have no place in the tables here."""

TABLES = [
    IN_WRONG_ORDER,
    ON_A_WRONG_DAY,
    WRONG_IN_ITSELF,
    AGAINST_THE_LAW,
    WITHOUT_AUTHORITY,
    BY_NOBODY,
    WITH_WRONG_HEADERS,
    AT_A_WRONG_ADDRESS,
    UNREADABLE,
    MISSHAPEN,
    ASKED_WRONGLY,
]
ALL = [bad for table in TABLES for bad in table]


class World:
    """The service, the products told so far, and what its journal holds."""

    def __init__(self, service: Service, database: psycopg.Connection[Any]) -> None:
        self.service, self._database = service, database
        self._told: dict[str, dict[str, str]] = {}
        self.at("promoted")
        opened = service.give(None, "identify-product", OFFICER, EXAMPLES["identify-product"], key="used")
        self.opened = opened.json()["product_id"]
        guided = service.give(self.opened, "record-guidance", OFFICER, EXAMPLES["record-guidance"], key="used-too")
        assert (opened.status_code, guided.status_code) == (201, 200)

    def at(self, stage: str) -> dict[str, str]:
        """Ids of a product that stands there, and of its council and session where it has them.

        One registration a producer, name and cycle, so each product has its own name.
        """
        if stage not in self._told:
            named = [
                (c, r, {**b, "product_name": f"Chè {stage}"} if "product_name" in b else b) for c, r, b in STAGES[stage]
            ]
            self.service.tell(named)
            self._told[stage] = self.service.ids
            self._wait(self.service.position)
        return self._told[stage]

    def _wait(self, position: int) -> None:
        """Until the read models show it: else every foreign reading would find nothing anyway."""
        deadline = time.monotonic() + 60
        while self.service.get("/v1/worklist", **{"X-Min-Position": str(position)}).status_code != 200:
            assert time.monotonic() < deadline, "the projector does not follow"

    def stored(self) -> tuple[Any, ...]:
        """How many facts, commands and claims there are, and how far positions have come."""
        row = self._database.execute(
            "SELECT (SELECT count(*) FROM ocop.events), (SELECT count(*) FROM ocop.commands),"
            " (SELECT count(*) FROM ocop.claims), (SELECT coalesce(max(notification_id), 0) FROM ocop.events)"
        ).fetchone()
        assert row is not None
        return row

    def send(self, bad: Bad, ids: dict[str, str]) -> httpx.Response:
        def named(text: str) -> str:
            for kind, key in {**ids, "opened": self.opened}.items():
                text = text.replace(f"{{{kind}}}", key)
            return text

        path = named(bad.path)
        headers: dict[str, Any] = {"Idempotency-Key": uuid4().hex} if bad.method == "POST" else {}
        if bad.who is not None:
            headers |= self.service.headers(bad.who)
        headers |= bad.headers or {}
        content = bad.content() if callable(bad.content) else bad.content
        if content is None and bad.body is not None:
            content = named(json.dumps(on_paper(bad.body))).encode()
            headers.setdefault("Content-Type", "application/json")
        return self.service.client.request(
            bad.method, path, headers=headers, content=content, params=bad.params or None
        )


@pytest.fixture(scope="module")
def service(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real service, with an officer of the whole nation and a producer whose token names no producer."""
    folder = tmp_path_factory.mktemp("service")
    others = [NATIONAL, NAMELESS, NOT_A_MEMBER, FOREIGN_CHAIR, FOREIGN_SECRETARY, NEWCOMER]
    running = Service(folder, database, actors=[*tea_actors(), *others]).start()
    with psycopg.connect(database) as connection:
        connection.execute(
            "UPDATE access.sessions SET first_password = true WHERE person = %s", (person_id(NEWCOMER.person),)
        )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def world(service: Service, database: str) -> Iterator[World]:
    with psycopg.connect(database, autocommit=True) as connection:
        yield World(service, connection)


INSIDES = re.compile(
    r"traceback|file \"|\.py\b|psycopg|pydantic|postgres|uvicorn|\bselect\b.*\bfrom\b|\binsert into\b|sqlstate|0x0",
    re.I,
)
"""What only the inside of a program says."""


def assert_problem(answer: httpx.Response, problem: tuple[int, str], at_fault: str | None) -> None:
    status, code = problem
    assert answer.status_code == status, answer.text[:600]
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"]
    told = answer.json()
    assert told["type"] == f"/v1/problems/{code}", answer.text[:600]
    assert told["status"] == status == PROBLEMS[code][0]
    texts = [told[name] for name in ("title", "title_en", "detail", "detail_en")]
    texts += [told[name] for name in ("hint", "hint_en") if name in told]
    assert ("hint" in told) == ("hint_en" in told)
    for line in told.get("errors", []):
        texts += [line["detail"], line["detail_en"]]
    assert all(text.strip() for text in texts), told
    assert not re.fullmatch(r"[\x00-\x7f]*", told["title"] + told["detail"]), "Vietnamese has diacritics"
    assert told["detail"] != told["detail_en"]
    assert not INSIDES.search(answer.text), answer.text
    assert len(answer.content) < 20_000
    if at_fault is not None:
        assert at_fault in [line["field"] for line in told["errors"]], told["errors"]


@pytest.mark.parametrize("bad", ALL, ids=lambda bad: bad.what)
def test_bad_input_is_a_problem_and_stores_nothing(world: World, bad: Bad) -> None:
    ids = world.at(bad.at or "promoted")
    before = world.stored()

    answer = world.send(bad, ids)

    assert_problem(answer, bad.problem, bad.field)
    assert world.stored() == before


def test_no_sentence_stands_twice_and_there_are_many() -> None:
    sentences = [bad.what for bad in ALL]

    assert len(set(sentences)) == len(sentences) > 80


def test_every_problem_of_a_caller_is_met() -> None:
    """What is left needs a service or a journal in trouble, not a bad input, or is met at the doors."""
    left = set(PROBLEMS) - {bad.problem[1] for bad in ALL}
    by_trouble = {"busy", "not-ready", "internal", "broken-seal", "log-rolled-back"}
    assert by_trouble <= left
    class_of = {kind.code: kind.__name__ for kind in Refusal.__subclasses__()}
    for code in left - by_trouble:
        assert any(code in text or class_of.get(code, code) in text for text in AT_THE_DOORS), code


@pytest.mark.parametrize("bad", BY_NOBODY[:2], ids=lambda bad: bad.what)
def test_strangers_are_told_which_scheme_to_use(world: World, bad: Bad) -> None:
    assert world.send(bad, {}).headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/v1/products", "GET, POST"),
        ("POST", "/v1/worklist", "GET"),
        ("GET", "/v1/products/{product}/commands/recognise", "POST"),
    ],
)
def test_a_wrong_method_is_told_the_right_ones(world: World, method: str, path: str, allowed: str) -> None:
    answer = world.send(Bad("", METHOD, method=method, path=path), world.at("guided"))

    assert answer.headers["allow"] == allowed


def test_all_wrong_fields_are_named_at_once(world: World) -> None:
    wrong = ex("identify-product", cycle="x", commune="1", origin="y", product_name=" ", colour="green")

    told = world.send(Bad("", FIELDS, body=wrong), {}).json()

    assert {line["field"] for line in told["errors"]} == {"cycle", "commune", "origin", "product_name", "colour"}


def test_a_thousand_wrong_fields_make_a_short_answer(world: World) -> None:
    answer = world.send(Bad("", FIELDS, body={f"{'n' * 500}{n}": n for n in range(1_000)}), {})

    assert_problem(answer, FIELDS, None)
    assert len(answer.json()["errors"]) == 50


def test_half_a_body_is_nothing(world: World) -> None:
    """The connection breaks in the middle of a command."""
    before = world.stored()
    lines = ["POST /v1/products HTTP/1.1", "Host: ocop", "Content-Type: application/json", "Content-Length: 5000"]
    lines += [f"{name}: {value}" for name, value in world.service.headers(OFFICER).items()]
    with socket.create_connection(("127.0.0.1", world.service.port)) as connection:
        connection.sendall("\r\n".join([*lines, "", '{"product_name": "Chè']).encode())
        time.sleep(0.1)

    log = told_by_the_log(world, '"status": 400')
    assert "request-failed" not in log
    assert world.stored() == before


def told_by_the_log(world: World, text: str) -> str:
    """The log, once its last line says so."""
    deadline = time.monotonic() + 10
    while text not in (log := world.service.log.read_text(encoding="utf-8")).splitlines()[-1]:
        assert time.monotonic() < deadline, log[-500:]
        time.sleep(0.02)
    return log


def test_the_service_goes_on_as_if_nothing_had_been(world: World) -> None:
    """After all of the above: no crash in the log, no read model in trouble, the next command is taken."""
    log = world.service.log.read_text(encoding="utf-8")
    assert "Traceback" not in log
    assert not re.search(r"request-failed|command-failed|batch-failed|fact-parked|projector-failed", log)

    given = world.service.give(
        world.at("guided")["product"], "hand-over-idea-form", actor(OFFICER), EXAMPLES["hand-over-idea-form"]
    )

    assert given.status_code == 200, given.text
    seen = world.service.get(
        f"/v1/products/{world.at('guided')['product']}", **{"X-Min-Position": given.headers["x-position"]}
    )
    assert seen.json()["phase"]["code"] == "form-handed-over"
    assert world.service.get("/health/ready").json()["status"] == "ready"


# ── When the service itself is in trouble ──────────────────────────────────────────────────────────────


def test_a_crash_is_a_problem_too_and_tells_nothing_of_the_inside() -> None:
    """An app that was never started up has no database pool, no journal, nothing."""

    async def ask() -> httpx.Response:
        app = create_app("", bytes(32))
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ocop") as client:
            return await client.get("/v1/events", headers={"Authorization": "Bearer t"})

    assert_problem(asyncio.run(ask()), (500, "internal"), None)


@pytest.mark.parametrize("path", ["/v1/products", "/v1/events", "/v1/certificates", "/v1/worklist", "/health/ready"])
def test_a_database_that_went_away_is_said_so_and_comes_back(world: World, database: str, path: str) -> None:
    """Every connection is cut; readers are told to try again, and soon are right to."""
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name LIKE 'ocop%'"
        )

    deadline = time.monotonic() + 30
    while (answer := world.service.get(path)).status_code != 200:
        assert_problem(answer, (503, "not-ready"), None)
        assert answer.headers["retry-after"] == "1"
        assert time.monotonic() < deadline
