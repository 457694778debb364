"""docs/walk.md is true: its shell blocks run as they stand, and what it shows is what comes out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from application.seals import open_box
from domain.sealing import Sealed
from domain.session.command import about
from tests.service import Service

ROOT = Path(__file__).parents[1]
SHIM = Path(__file__).with_name("curl_shim.py")
SUPERVISOR = "Giám sát chương trình"
EXPECTED = [
    "product.identified",
    "product.guidance-given",
    "product.idea-form-handed-over",
    "product.idea-submitted",
    "product.idea-endorsed",
    "product.idea-accepted",
    "product.plan-submitted",
    "product.plan-accepted",
    "product.commitment-made",
    "product.evidence-obtained",
    "product.evidence-obtained",
    "product.milestone-reached",
    "product.implementation-completed",
    "product.dossier-filed",
    "product.dossier-registered",
    "product.numbered",
    "product.commune-report-issued",
    "product.dossier-forwarded",
    "product.dossier-registered",
    "product.accepted-for-batch",
    "product.advisory-reported",
    "product.put-on-agenda",
    "product.sheets-opened",
    "product.scoring-concluded",
    "product.recognised",
    "product.result-notified",
    "product.ecommerce-listed",
    "product.fair-attended",
    "product.revenue-reported",
]

OF_THE_SESSION = [
    "session.called",
    "session.attendance-recorded",
    "session.scoring-opened",
    *["session.sheet-sealed"] * 6,
    "session.scoring-closed",
    "session.concluded",
]
ELSEWHERE = [*OF_THE_SESSION, "book.decision-issued", "person.delegation-given", "product.result-published"]
WRITTEN_ONCE = 3
"""Sheets that a loop hands in beside the one it is written for."""
REFUSED = 3
TRAIL = -5
"""Which of the shown texts is the end of the honey's trail."""
TOLD_BESIDE = ["put-on-agenda", "sheets-opened", "scoring-concluded", "recognised", "numbered"]
"""Facts of the product that follow from a command to the session or the book, or beside another fact."""


def blocks(language: str, document: str = "docs/walk.md") -> list[str]:
    """A document's fenced blocks in a language."""
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def folder_with_shim(folder: Path) -> Path:
    """A folder for PATH with a program ``curl`` that is the shim."""
    folder.mkdir()
    program = folder / "curl"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{SHIM}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return folder


def printed_accounts(service: Service, patience: float = 120) -> str:
    """What ``ocop serve --demo`` prints of its accounts, as a person would copy it from the terminal."""
    deadline = time.monotonic() + patience
    while (found := PRINTED.search(service.log.read_text(encoding="utf-8"))) is None:
        assert time.monotonic() < deadline, service.log.read_text(encoding="utf-8")[-3000:]
        time.sleep(0.1)
    return found[1]


PRINTED = re.compile(r"accounts, printed once:\n(.*?)^Mã xác thực ", re.MULTILINE | re.DOTALL)


def walk(
    service: Service, accounts: str, first_on_path: Path | None = None, document: str = "docs/walk.md"
) -> subprocess.CompletedProcess[str]:
    """Run the blocks one after another in one bash that stops at the first failure."""
    env = {
        **os.environ,
        "BASE": service.address,
        "OCOP": f"{sys.executable} -m api.cli",
        "PYTHON": sys.executable,
        "ACCOUNTS": accounts,
    }
    if first_on_path:
        env["PATH"] = f"{first_on_path}{os.pathsep}{env['PATH']}"
    command = ["bash", "-euo", "pipefail", "-c", "\n".join(blocks("sh", document))]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, encoding="utf-8", timeout=240, check=False)


def test_an_inspector_takes_the_tea_home_and_finds_the_forgery(
    walked_service: Service, accounts: str, shim: Path, tmp_path: Path
) -> None:
    """docs/inspector.md as it stands: known when, why four stars, the package verified, one character changed."""
    done = walk(walked_service, accounts, None if shutil.which("curl") else shim, "docs/inspector.md")

    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    now, then, cited, number, _, *said = done.stdout.splitlines()
    assert now != then
    assert "'checkpoint': {'size': " in cited
    assert number == "1"
    # The blocks themselves end in an error where the package does not verify, or the forged one does.
    assert sum("leaf" in line for line in said) > 0


def without_positions(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_positions(v) for k, v in value.items() if k != "position"}
    return [without_positions(v) for v in value] if isinstance(value, list) else value


def answers(lines: list[str]) -> list[Any]:
    return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_with_shim(tmp_path_factory.mktemp("walk") / "bin")


@pytest.fixture(scope="module")
def walked_service(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """As ``make run`` starts it."""
    command = (sys.executable, "-m", "api.cli", "serve", "--demo")
    running = Service(tmp_path_factory.mktemp("service"), database, command, actors=()).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def accounts(walked_service: Service) -> str:
    """The printed accounts; the supervisor's opens a session for the tests themselves."""
    printed = printed_accounts(walked_service)
    password = next(line.split()[1] for line in printed.splitlines() if line.startswith("supervisor.25 "))
    told = walked_service.client.post("/v1/login", json={"login": "supervisor.25", "password": password}).json()
    walked_service.tokens[SUPERVISOR] = told["token"]
    return printed


@pytest.fixture(scope="module")
def walked(walked_service: Service, accounts: str, shim: Path) -> list[str]:
    """What the walk prints, line by line."""
    done = walk(walked_service, accounts, None if shutil.which("curl") else shim)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout.splitlines()


@pytest.fixture(scope="module")
def trail(walked_service: Service, walked: list[str]) -> list[dict[str, Any]]:
    product = answers(walked)[0]["product_id"]
    found: list[dict[str, Any]] = walked_service.get(f"/v1/products/{product}/trail", SUPERVISOR).json()["trail"]
    return found


def test_the_walk_goes_from_outreach_to_promotion(trail: list[dict[str, Any]]) -> None:
    assert [entry["fact"] for entry in trail] == EXPECTED
    assert [entry["step"] for entry in trail] == sorted(entry["step"] for entry in trail)
    assert {entry["step"] for entry in trail} == {1, 2, 3, 4, 5, 6}
    assert all(entry["source"] == "illustrative" for entry in trail)


def test_every_command_of_the_walk_has_its_json(walked: list[str]) -> None:
    given, commands = "\n".join(blocks("sh")), len(EXPECTED) - len(TOLD_BESIDE) + len(ELSEWHERE)

    undated = len(["publish-result", "delegate"])  # today, as powers begin on the day they are given
    assert given.count('"effective_on"') == commands - undated - WRITTEN_ONCE + REFUSED
    assert len(answers(walked)) == commands
    assert not any(answer["repeated"] for answer in answers(walked))


def test_what_the_walk_does_elsewhere_stands_in_streams_of_their_own(
    walked_service: Service, walked: list[str]
) -> None:
    given = {f["fact"]: answer for answer in answers(walked) for f in answer["facts"]}
    person, session = given["person.delegation-given"]["person_id"], given["session.called"]["session_id"]
    book = given["book.decision-issued"]["book_id"]
    events = walked_service.get("/v1/events?limit=1000", SUPERVISOR).json()["events"]

    facts = walked_service.get(f"/v1/persons/{person}/trail", SUPERVISOR).json()["facts"]

    assert [e["type"] for e in events if e["stream_id"] == session] == OF_THE_SESSION
    assert facts[-1]["fact"] == "person.delegation-given"
    assert [e["data"]["number"] for e in events if e["stream_id"] == book] == [1, 2]


def test_the_published_key_opens_the_boxes_and_they_hold_what_was_opened(
    walked_service: Service, walked: list[str]
) -> None:
    session = next(a["session_id"] for a in answers(walked) if "session_id" in a)
    events = walked_service.get("/v1/events?limit=1000", SUPERVISOR).json()["events"]
    told = [(e["type"], e["data"]) for e in events if e["stream_id"] == session]
    key = bytes.fromhex(next(data["products"][0]["key"] for name, data in told if name == "session.scoring-closed"))
    sealed = {data["member"]: data for name, data in told if name == "session.sheet-sealed"}
    opened = next(
        e["data"]["sheets"] for e in events if e["type"] == "product.sheets-opened" and e["data"]["session"] == session
    )

    assert {sheet["member"] for sheet in opened} == sealed.keys()
    for sheet in opened:
        data = sealed[sheet["member"]]
        place = about(UUID(session), UUID(data["product"]), sheet["member"], 1)
        content = json.loads(open_box(Sealed.model_validate_json(json.dumps(data["sheet"])), place, key))
        assert content["choices"] == sheet["choices"]
        assert data["sheet"]["sha256"] == sheet["sealed"]


def test_the_lines_the_walk_shows_are_the_real_ones(walked: list[str], trail: list[dict[str, Any]]) -> None:
    sentences = blocks("text")[TRAIL].splitlines()

    for block in blocks("text"):
        assert block in "\n".join(walked) + "\n"
    assert sentences == [entry["vi"] for entry in trail[-len(sentences) :]]
    assert len(sentences) == 6


def test_the_answer_the_walk_shows_is_the_real_one(walked: list[str]) -> None:
    real = [without_positions(answer) for answer in answers(walked)]

    assert blocks("json")
    for block in blocks("json"):
        assert without_positions(json.loads(block)) in real


def test_walking_again_doubles_nothing_and_needs_no_curl(
    walked_service: Service, walked: list[str], accounts: str, database: str, shim: Path
) -> None:
    before = walked_service.get("/v1/events?limit=1000", SUPERVISOR).json()
    with psycopg.connect(database) as connection:  # as if half a minute had passed: a code counts once
        connection.execute("UPDATE access.accounts SET totp_step = NULL")

    again = walk(walked_service, accounts, shim)

    assert again.returncode == 0, again.stderr
    assert all(answer["repeated"] for answer in answers(again.stdout.splitlines()))
    assert _told(again.stdout.splitlines()) == _told(walked)
    assert walked_service.get("/v1/events?limit=1000", SUPERVISOR).json() == before


def _told(lines: list[str]) -> list[str]:
    """What was printed for people from the trail on; the answers to commands say whether they are repeated."""
    begin = next(n for n, line in enumerate(lines) if line.startswith("Ngày "))
    return [line for line in lines[begin:] if not line.startswith("{")]


def test_a_failing_command_ends_the_walk(walked_service: Service, shim: Path) -> None:
    """With an unknown token: the shim and the blocks report it by their exit status."""
    script = 'curl -sS --fail-with-body "$1/v1/worklist" -H "Authorization: Bearer nobody"'
    env = {**os.environ, "PATH": f"{shim}{os.pathsep}{os.environ['PATH']}"}

    done = subprocess.run(
        ["bash", "-c", script, "bash", walked_service.address],
        env=env,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert done.returncode == 22
    assert json.loads(done.stdout)["status"] == 401
