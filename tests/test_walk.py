"""docs/walk.md is true: its shell blocks run as they stand, and what it shows is what comes out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.demonstration.actors import demonstration_actors
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
    "product.commune-report-issued",
    "product.proposed-to-province",
    "product.dossier-registered",
    "product.accepted-for-batch",
    "product.advisory-reported",
    "product.score-sheet-submitted",
    "product.score-sheet-submitted",
    "product.score-sheet-submitted",
    "product.scoring-concluded",
    "product.recognised",
    "product.result-notified",
    "product.ecommerce-listed",
    "product.fair-attended",
    "product.revenue-reported",
]


def blocks(language: str) -> list[str]:
    """The document's fenced blocks in a language."""
    text = (ROOT / "docs/walk.md").read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def folder_with_shim(folder: Path) -> Path:
    """A folder for PATH with a program ``curl`` that is the shim."""
    folder.mkdir()
    program = folder / "curl"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{SHIM}" "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return folder


def walk(service: Service, first_on_path: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run the blocks one after another in one bash that stops at the first failure."""
    path = [str(Path(sys.executable).parent), os.environ["PATH"]]
    env = {
        **os.environ,
        "PATH": os.pathsep.join([str(first_on_path), *path] if first_on_path else path),
        "BASE": service.address,
        "TOKENS": service.tokens_file.read_text(encoding="utf-8"),
    }
    command = ["bash", "-euo", "pipefail", "-c", "\n".join(blocks("sh"))]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, encoding="utf-8", timeout=120, check=False)


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
    running = Service(tmp_path_factory.mktemp("service"), database, actors=demonstration_actors()).start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def walked(walked_service: Service, shim: Path) -> list[str]:
    """What the walk prints, line by line."""
    done = walk(walked_service, None if shutil.which("curl") else shim)
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
    given = "\n".join(blocks("sh"))

    assert given.count('"effective_on"') == len(EXPECTED) + 1  # and the one that is refused
    assert len(answers(walked)) == len(EXPECTED)
    assert not any(answer["repeated"] for answer in answers(walked))


def test_the_lines_the_walk_shows_are_the_real_ones(walked: list[str], trail: list[dict[str, Any]]) -> None:
    shown = [line for block in blocks("text") for line in block.splitlines()]
    sentences = blocks("text")[-1].splitlines()

    assert set(shown) <= set(walked)
    assert sentences == [entry["vi"] for entry in trail[-len(sentences) :]]
    assert len(sentences) == 10


def test_the_answer_the_walk_shows_is_the_real_one(walked: list[str]) -> None:
    real = [without_positions(answer) for answer in answers(walked)]

    assert blocks("json")
    for block in blocks("json"):
        assert without_positions(json.loads(block)) in real


def test_walking_again_doubles_nothing_and_needs_no_curl(
    walked_service: Service, walked: list[str], trail: list[dict[str, Any]], shim: Path
) -> None:
    before = walked_service.get("/v1/events?limit=1000", SUPERVISOR).json()

    again = walk(walked_service, shim)

    assert again.returncode == 0, again.stderr
    assert all(answer["repeated"] for answer in answers(again.stdout.splitlines()))
    assert again.stdout.splitlines()[-len(trail) :] == walked[-len(trail) :]
    assert walked_service.get("/v1/events?limit=1000", SUPERVISOR).json() == before


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
