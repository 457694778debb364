"""The witness: the real process on loopback, logs that grow, fork and forget, and the service that asks it."""

from __future__ import annotations

import base64
import contextlib
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import quote

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from structlog.testing import capture_logs
from typer.testing import CliRunner

from api.cli import cli
from api.cli_witness import witness as commands
from application import witness as witnessing
from application.proof import witnesses
from application.proof.keys import LogKey
from application.proof.memory import Memory, missing
from application.proof.signer import LogSigner
from application.proof.witnesses import BadAnswer, Cosigning, Witness, witnessed, witnesses_of
from application.settings import BadSettings, Settings
from domain.proof.merkle import EMPTY_ROOT, consistency_proof, leaf_hash, root_of
from domain.proof.note import COSIGNATURE, Checkpoint, Key, cosign, sign, verify
from domain.values import Actor, Role
from tests.appointed import appoint
from tests.service import Service, free_port, keys_of
from tests.story import tea

NAMES = iter(range(1, 10**6))


class Process:
    """``ocop witness serve`` as a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = folder.with_suffix(".log")

    def run(self) -> subprocess.Popen[bytes]:
        code = "from api.cli_witness import witness; witness()"
        options = ["serve", "--folder", str(self.folder), "--port", str(self.port)]
        env = {name: value for name, value in os.environ.items() if not name.startswith("OCOP_")}
        with self.log.open("wb") as log:
            return subprocess.Popen([sys.executable, "-c", code, *options], stdout=log, stderr=log, env=env)

    def start(self) -> Process:
        self.process = self.run()
        self.client = httpx.Client(base_url=self.url, timeout=10, trust_env=False)
        deadline = time.monotonic() + 20
        while True:
            with contextlib.suppress(httpx.TransportError):
                if self.client.get("/evidence").status_code == 200:
                    return self
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    def stop(self) -> None:
        self.client.close()
        self.process.terminate()
        self.process.wait(20)

    def kill(self) -> None:
        self.client.close()
        self.process.kill()
        self.process.wait(20)

    def refuses_to_start(self) -> str:
        process = self.run()
        try:
            assert process.wait(20) == 1
        finally:
            process.kill()
        return self.log.read_text(encoding="utf-8")

    def command(self, *words: str) -> str:
        result = CliRunner().invoke(commands, [words[0], "--folder", str(self.folder), *words[1:]])
        assert result.exit_code == 0, result.output
        return result.stdout

    @property
    def key(self) -> Key:
        return Key.parse(self.command("key").strip())

    def submit(self, body: str | bytes) -> httpx.Response:
        return self.client.post("/add-checkpoint", content=body)

    def newest(self, origin: str) -> str:
        answer = self.client.get(f"/checkpoint/{quote(origin, safe='')}")
        return answer.text if answer.status_code == 200 else ""

    def evidence(self, origin: str) -> list[dict[str, object]]:
        found, after = [], 0
        while items := self.client.get("/evidence", params={"after": after}).json()["items"]:
            after = items[-1]["number"]
            found += [item for item in items if item["origin"] == origin]
        return found


class Log:
    """A log in memory; a view of it has the same key and, from some leaf on, other facts."""

    def __init__(self, like: Log | None = None, common: int = 0) -> None:
        self.private = like.private if like else Ed25519PrivateKey.generate()
        self.origin = like.origin if like else f"log/{next(NAMES)}"
        self.leaves = like.leaves[:common] if like else []

    def grown(self, size: int, word: str = "a") -> Log:
        self.leaves += [leaf_hash(f"{word} {n}".encode()) for n in range(len(self.leaves), size)]
        return self

    @property
    def key(self) -> Key:
        return Key.of(self.origin, self.private)

    def note(self, size: int) -> str:
        return sign(Checkpoint(self.origin, size, root_of(self.leaves[:size])), self.origin, self.private)

    def proof(self, old: int, size: int) -> list[str]:
        hashes = consistency_proof(old, size, lambda level, i: root_of(self.leaves[i << level : (i + 1) << level]))
        return [base64.b64encode(hash_).decode() for hash_ in hashes]

    def body(self, old: int, size: int) -> str:
        return request(old, self.proof(old, size), self.note(size))


def request(old: object, proof: list[str], note: str) -> str:
    return "".join(f"{line}\n" for line in (f"old {old}", *proof, "")) + note


@pytest.fixture(scope="module")
def process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One witness for the module; every test has logs of its own."""
    running = Process(tmp_path_factory.mktemp("witnesses") / "one").start()
    yield running
    running.stop()


@pytest.fixture
def log(process: Process) -> Log:
    """A log of twenty facts that the witness trusts."""
    made = Log().grown(20)
    process.command("trust", made.key.vkey)
    return made


def test_a_log_that_grows_is_cosigned(process: Process, log: Log) -> None:
    log.grown(300)
    sizes = [0, 1, 2, 3, 7, 8, 255, 300]

    for old, size in zip([0, *sizes], sizes, strict=False):
        began = int(time.time())
        answer = process.submit(log.body(old, size))
        assert answer.status_code == 200, answer.text
        checkpoint, signed = verify(log.note(size) + answer.text, [log.key, process.key])
        assert (checkpoint.size, [one.key for one in signed]) == (size, [log.key, process.key])
        assert began <= (signed[1].at or 0) <= time.time()
        assert process.newest(log.origin) == log.note(size) + answer.text

    assert process.submit(log.body(300, 300)).status_code == 200
    assert process.evidence(log.origin) == []


def test_who_does_not_know_the_size_is_told(process: Process, log: Log) -> None:
    process.submit(log.body(0, 7))

    for old, size in ((0, 9), (3, 9), (8, 9), (0, 7), (3, 5)):
        answer = process.submit(log.body(old, size))
        assert (answer.status_code, answer.text) == (409, "7\n")
        assert answer.headers["content-type"] == "text/x.tlog.size"

    assert process.evidence(log.origin) == []


def test_only_trusted_logs_under_their_own_signature_are_cosigned(process: Process, log: Log) -> None:
    stranger, forger = Log().grown(5), Log().grown(5)
    forger.origin = log.origin
    false = log.note(5)[:-20] + "AAAA" + log.note(5)[-16:]

    assert process.submit(stranger.body(0, 5)).status_code == 404
    assert process.submit(forger.body(0, 5)).status_code == 403
    assert process.submit(request(0, [], false)).status_code == 403
    assert process.submit(request(0, [], log.note(5) + forger.note(5).split("\n\n")[1])).status_code == 200
    assert process.newest(log.origin).startswith(log.note(5))
    assert forger.key.id.hex() not in process.newest(log.origin)
    assert process.newest(stranger.origin) == ""
    assert process.evidence(log.origin) == process.evidence(stranger.origin) == []


def test_a_key_that_its_log_has_changed_is_trusted_no_more(process: Process, log: Log) -> None:
    assert process.submit(log.body(0, 5)).status_code == 200
    before = log.key.vkey
    log.private = Ed25519PrivateKey.generate()
    assert process.submit(log.body(5, 9)).status_code == 403
    process.command("trust", log.key.vkey)

    process.command("distrust", before)

    assert process.submit(log.body(5, 9)).status_code == 200
    assert CliRunner().invoke(commands, ["distrust", before, "--folder", str(process.folder)]).exit_code == 1
    log.private = Ed25519PrivateKey.generate()
    assert process.submit(log.body(9, 12)).status_code == 403


GOOD = base64.b64encode(b"h" * 32).decode()
MALFORMED = {
    "nothing": lambda log: "",
    "no UTF-8": lambda log: b"\xff\xfe" + log.body(0, 5).encode(),
    "no note": lambda log: "old 0\n\n",
    "no empty line": lambda log: "old 0\n" + log.note(5),
    "no old line": lambda log: "\n" + log.note(5),
    "old without size": lambda log: log.body(0, 5).replace("old 0", "old "),
    "old in capitals": lambda log: log.body(0, 5).replace("old", "OLD"),
    "old twice": lambda log: "old 0\n" + log.body(0, 5),
    "old negative": lambda log: log.body(0, 5).replace("old 0", "old -1"),
    "old with a zero": lambda log: log.body(0, 5).replace("old 0", "old 00"),
    "old with a plus": lambda log: log.body(0, 5).replace("old 0", "old +0"),
    "old in other digits": lambda log: log.body(0, 5).replace("old 0", "old ٣"),
    "old beyond all": lambda log: log.body(0, 5).replace("old 0", "old " + "9" * 40),
    "old larger": lambda log: log.body(0, 5).replace("old 0", "old 6"),
    "carriage returns": lambda log: log.body(0, 5).replace("\n", "\r\n"),
    "proof not base64": lambda log: request(0, ["!" * 44], log.note(5)),
    "proof of 31 bytes": lambda log: request(0, [base64.b64encode(b"h" * 31).decode()], log.note(5)),
    "proof not canonical": lambda log: request(0, [GOOD[:-2] + "h="], log.note(5)),
    "proof with a space": lambda log: request(0, [GOOD + " "], log.note(5)),
    "proof too long": lambda log: request(0, [GOOD] * 64, log.note(5)),
    "note without signature": lambda log: "old 0\n\n" + log.note(5).split("\n\n")[0] + "\n\n",
    "note cut": lambda log: log.body(0, 5)[:-1],
    "note with an extension": lambda log: log.body(0, 5).replace("\n\n—", "\nmore\n\n—"),
    "size with a zero": lambda log: log.body(0, 5).replace("\n5\n", "\n05\n"),
    "size beyond all": lambda log: log.body(0, 5).replace("\n5\n", f"\n{2**63}\n"),
    "root of 31 bytes": lambda log: f"old 0\n\n{log.origin}\n5\n{'A' * 42}==\n\n— a AAAAAAAA\n",
    "signature of a byte": lambda log: f"old 0\n\n{log.origin}\n5\n{GOOD}\n\n— a AA==\n",
    "too many signatures": lambda log: log.body(0, 5) + "".join(f"— a{n} AAAAAAAA\n" for n in range(64)),
    "zero bytes": lambda log: "\x00" * 100,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_what_is_malformed_is_said_to_be(process: Process, log: Log, name: str) -> None:
    answer = process.submit(MALFORMED[name](log))

    assert answer.status_code == 400, answer.text
    assert process.newest(log.origin) == ""


def test_what_is_no_request_of_the_protocol_is_refused(process: Process, log: Log) -> None:
    assert process.submit(b"old 0\n" * 100_000).status_code == 413
    assert process.client.get("/add-checkpoint").status_code == 405
    assert process.client.post("/evidence").status_code == 405
    for path in ("/", "/checkpoint/", "/checkpoint/%00", "/checkpoint/%ff%fe", "/checkpoint/" + "a" * 5000):
        assert process.client.get(path).status_code == 404, path
    for after in ("-1", "x", "9" * 30, "٣", ""):
        assert process.client.get("/evidence", params={"after": after}).status_code == 400, after
    with socket.create_connection(("127.0.0.1", process.port)) as raw:
        raw.sendall(b"POST /add-checkpoint HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nold 0")
    assert process.submit(log.body(0, 5)).status_code == 200


def test_no_changed_byte_of_a_request_is_cosigned(process: Process, log: Log) -> None:
    process.submit(log.body(0, 7))
    body, chance = log.body(7, 12).encode(), random.Random(5)

    for _ in range(250):
        at = chance.randrange(len(body))
        changed = body[:at] + bytes([body[at] ^ 1 << chance.randrange(8)]) + body[at + 1 :]
        assert process.submit(changed).status_code in (400, 403, 404, 409, 422), changed

    assert process.newest(log.origin).startswith(log.note(7))
    assert process.submit(body).status_code == 200


def test_a_split_view_is_refused_and_kept_as_evidence_for_ever(process: Process, log: Log) -> None:
    other = Log(log, common=4).grown(20, "b")
    for old, size in ((0, 6), (6, 10)):
        assert process.submit(log.body(old, size)).status_code == 200

    # Another root of the size cosigned last; of one cosigned long ago; a larger one that did not grow out of ours.
    for body, status in ((other.body(10, 10), 409), (other.body(0, 6), 409), (other.body(10, 15), 422)):
        for _ in range(2):
            assert process.submit(body).status_code == status
    # Nor does a proof of the log's own that leads nowhere, which anybody can send, accuse for ever.
    assert process.submit(request(10, [GOOD], log.note(12))).status_code == 422
    assert process.newest(log.origin).startswith(log.note(10))

    found = process.evidence(log.origin)
    assert [(one["verdict"], one["note"]) for one in found] == [
        ("two-roots", other.note(10)),
        ("two-roots", other.note(6)),
        ("not-shown", other.note(15)),
        ("not-shown", log.note(12)),
    ]
    assert [one["against"] for one in found] == [log.note(10), log.note(6), log.note(10), log.note(10)]
    assert found[2]["proof"] == other.proof(10, 15)
    assert {one["sender"] for one in found} == {"127.0.0.1"}
    assert all(abs(int(str(one["received_at"])) - time.time()) < 60 for one in found)

    process.kill()
    process.start()
    assert process.evidence(log.origin) == found
    for old, size in ((10, 12), (12, 15)):
        assert process.submit(log.body(old, size)).status_code == 200
    assert [one["verdict"] for one in process.evidence(log.origin)] == ["two-roots"] * 3 + ["grown-since"]
    printed = process.command("evidence")
    assert all(other.note(size) in printed and log.note(size) in printed for size in (6, 10, 15))
    with contextlib.closing(sqlite3.connect(process.folder / "witness.sqlite")) as database:
        for change in ("DELETE FROM refused", "UPDATE refused SET note = ''", "DELETE FROM cosigned"):
            with pytest.raises(sqlite3.IntegrityError):
                database.execute(change)


def test_two_views_that_nobody_could_tell_apart_prove_it_together(process: Process, log: Log) -> None:
    views = [Log(log, common=4).grown(12, word) for word in "bc"]
    process.submit(log.body(0, 8))

    for view in views:
        assert process.submit(view.body(8, 12)).status_code == 422

    found = process.evidence(log.origin)
    assert [(one["verdict"], one["note"], one["against"]) for one in found] == [
        ("two-roots", views[0].note(12), views[1].note(12)),
        ("two-roots", views[1].note(12), views[0].note(12)),
    ]


def test_an_empty_log_has_one_root(process: Process, log: Log) -> None:
    assert root_of([]) == EMPTY_ROOT
    false = sign(Checkpoint(log.origin, 0, b"x" * 32), log.origin, log.private)

    assert process.submit(request(0, [], false)).status_code == 409

    assert [one["note"] for one in process.evidence(log.origin)] == [false]


def test_of_views_that_come_at_once_one_is_cosigned(process: Process, log: Log) -> None:
    size = 3
    process.submit(log.body(0, size))
    with ThreadPoolExecutor(8) as together:
        for round_ in range(8):
            views = [Log(log, common=size).grown(size + 2, f"{round_} {n}") for n in range(8)]
            bodies = [view.body(size, size + 2) for view in views]
            answers = list(together.map(process.submit, bodies))
            cosigned = [view for view, answer in zip(views, answers, strict=True) if answer.status_code == 200]
            assert len(cosigned) == 1
            assert {answer.status_code for answer in answers} == {200, 409}
            (log,) = cosigned
            size += 2
            assert process.newest(log.origin).startswith(log.note(size))

    found = process.evidence(log.origin)
    assert len(found) == 8 * 7
    assert {one["verdict"] for one in found} == {"two-roots"}


def test_a_witness_restored_from_an_older_state_does_not_start(tmp_path: Path) -> None:
    process = Process(tmp_path / "witness")
    log = Log().grown(20)
    process.command("trust", log.key.vkey)
    database = process.folder / "witness.sqlite"
    opened = witnessing.Witness(process.folder)
    opened.take(witnessing.Submission.parse(log.body(0, 5).encode()), "here", 1)
    shutil.copy(database, tmp_path / "older")
    opened.take(witnessing.Submission.parse(log.body(5, 9).encode()), "here", 2)
    opened.close()
    newest = database.read_bytes()

    shutil.copy(tmp_path / "older", database)
    assert "retire the key" in process.refuses_to_start()

    database.unlink()
    with pytest.raises(witnessing.Unfit, match="retire the key"):
        witnessing.Witness(process.folder)

    database.write_bytes(newest)
    with contextlib.closing(witnessing.Witness(process.folder)) as whole, whole.serving():
        assert "Another process" in process.refuses_to_start()
        whole.take(witnessing.Submission.parse(log.body(9, 12).encode()), "here", 3)


def test_its_folder_is_its_own_and_its_name_is_for_ever(tmp_path: Path) -> None:
    process = Process(tmp_path / "witness")

    vkey = process.command("key", "--name", "thanh-tra.example.vn")

    assert Key.parse(vkey.strip()).name == "thanh-tra.example.vn"
    assert CliRunner().invoke(cli, ["witness", "key", "--folder", str(process.folder)]).stdout == vkey
    for path, mode in ((".", 0o700), ("witness.key", 0o600), ("witness.sqlite", 0o600), ("newest", 0o700)):
        assert (process.folder / path).stat().st_mode & 0o777 == mode, path
    for words in (["key", "--name", "another"], ["trust", "nonsense"], ["trust", vkey.strip()]):
        result = CliRunner().invoke(commands, [words[0], "--folder", str(process.folder), *words[1:]])
        assert result.exit_code == 1, words
    nameless = CliRunner().invoke(commands, ["key", "--folder", str(tmp_path / "b"), "--name", "with space"])
    assert nameless.exit_code == 1
    (process.folder / "witness.sqlite").write_bytes(b"no database" * 100)
    assert CliRunner().invoke(commands, ["evidence", "--folder", str(process.folder)]).exit_code == 1


# The service's side


def newcomer() -> Actor:
    """Somebody who is not known yet: two facts."""
    return Actor(person=f"newcomer {next(NAMES)}", office="office", role=Role.SUPERVISOR, area="VN")


class Signing:
    """The log of a database, signed when told."""

    def __init__(self, url: str, folder: Path) -> None:
        settings = Settings.from_environment({"OCOP_VAR": str(folder)})
        self.url, self.key = url, LogKey.of(settings)
        self.signer = LogSigner(url, self.key, Memory(settings.log_memory))
        self.connection = psycopg.connect(url, autocommit=True)
        self.signer.take_up(self.connection)

    def grow(self, people: int = 1) -> None:
        appoint(self.url, [newcomer() for _ in range(people)])
        assert self.signer.step(self.connection) == 2 * people

    def cosigned(self) -> list[tuple[int, str, str]]:
        query = "SELECT tree_size, note, line FROM ocop.cosignatures JOIN ocop.checkpoints USING (tree_size) ORDER BY 1"
        return self.connection.execute(query).fetchall()


@pytest.fixture
def signing(own_database: str, tmp_path: Path) -> Iterator[Signing]:
    made = Signing(own_database, tmp_path)
    yield made
    made.connection.close()


def test_the_log_is_cosigned_as_it_grows(process: Process, signing: Signing) -> None:
    process.command("trust", signing.key.vkey)
    witness = Witness(process.url, process.key)
    with witness.client() as client:
        first, second = Cosigning(signing.url, witness), Cosigning(signing.url, witness)
        first.step(client, signing.connection)
        assert signing.cosigned() == []
        for who, people in ((first, 1), (first, 2), (second, 150), (first, 3), (second, 1)):
            signing.grow(people)
            who.step(client, signing.connection)
            who.step(client, signing.connection)

    found = signing.cosigned()
    assert [size for size, _, _ in found] == [2, 6, 306, 312, 314]
    for _, note, line in found:
        assert len(verify(f"{note}{line}\n", [Key.parse(signing.key.vkey), process.key])[1]) == 2
    assert witnessed((witness,), signing.key.origin, [signing.key.key]) == [f"{found[-1][1]}{found[-1][2]}\n"]


def test_what_a_witness_has_and_the_database_has_not_is_remembered(signing: Signing, tmp_path: Path) -> None:
    memory = Memory(tmp_path / "new" / "log.checkpoint")
    signing.grow()
    (note,) = signing.connection.execute("SELECT note FROM ocop.checkpoints").fetchone() or ("",)
    more = signing.key.sign(Checkpoint(signing.key.origin, 3, b"m" * 32))
    other = signing.key.sign(Checkpoint(signing.key.origin, 1, b"o" * 32))

    assert missing(signing.url, memory, [note]) is None
    assert memory.last() is None
    for told, size in (([note, more], 3), ([], 3), ([other], 3)):
        found = missing(signing.url, memory, told)
        assert found is not None
        assert found.size == size
    assert (missing(signing.url, Memory(tmp_path / "another"), [other]) or verify(note, [])[0]).size == 1


class Liar(BaseHTTPRequestHandler):
    """A witness that answers as it is told to."""

    answer = (200, "text/plain", b"")
    hangs = False

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self) -> None:
        status, kind, content = self.answer
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Location", "/elsewhere")
        self.end_headers()
        with contextlib.suppress(OSError):
            while self.hangs:
                self.wfile.write(b"x")
                time.sleep(0.1)
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def liar() -> Iterator[tuple[type[Liar], Witness]]:
    told = type("Told", (Liar,), {})
    server = ThreadingHTTPServer(("127.0.0.1", 0), told)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    key = Key.of("liar", Ed25519PrivateKey.from_private_bytes(b"l" * 32), COSIGNATURE)
    yield told, Witness(f"http://127.0.0.1:{server.server_address[1]}", key)
    told.hangs = False
    server.shutdown()
    server.server_close()


def lies(note: str, checkpoint: Checkpoint) -> dict[str, tuple[int, str, bytes]]:
    """Answers that are none."""
    own, foreign = Ed25519PrivateKey.from_private_bytes(b"l" * 32), Ed25519PrivateKey.from_private_bytes(b"f" * 32)
    other = Checkpoint(checkpoint.origin, checkpoint.size, b"o" * 32)
    texts = {
        "nothing": "",
        "a page": "<html>",
        "the note": note,
        "a forged note": sign(Checkpoint(checkpoint.origin, 99, b"o" * 32), checkpoint.origin, foreign),
        "another's": cosign(checkpoint, "liar", foreign, 1),
        "of another root": cosign(other, "liar", own, 1),
        "under another name": cosign(checkpoint, "other", own, 1),
        "many": "— a AAAAAAAA\n" * 2000,
    }
    found = {name: (200, "text/plain", text.encode()) for name, text in texts.items()}
    return found | {
        "huge": (200, "text/plain", b"x" * 1_000_000),
        "no UTF-8": (200, "text/plain", b"\xff" * 10),
        "an error": (500, "text/plain", b""),
        "elsewhere": (307, "text/plain", b""),
        "unknown": (404, "text/plain", b""),
        "no size": (409, "text/x.tlog.size", b"many\n"),
        "negative": (409, "text/x.tlog.size", b"-5\n"),
        "beyond": (409, "text/x.tlog.size", b"9" * 40 + b"\n"),
    }


def test_what_a_lying_witness_answers_is_not_kept(liar: tuple[type[Liar], Witness], signing: Signing) -> None:
    told, witness = liar
    signing.grow()
    (note,) = signing.connection.execute("SELECT note FROM ocop.checkpoints").fetchone() or ("",)
    checkpoint = verify(note, [])[0]
    cosigning = Cosigning(signing.url, witness)
    with witness.client() as client, capture_logs() as said:
        for name, told.answer in lies(note, checkpoint).items():
            with pytest.raises((BadAnswer, httpx.HTTPError)):
                cosigning.step(client, signing.connection)
            assert signing.cosigned() == [], name
            assert witnessed((witness,), signing.key.origin, [signing.key.key]) == (
                [note] if name == "the note" else []
            ), name
        # Sizes and refusals out of nothing are an alarm, and no more than that.
        for told.answer in ((409, "text/x.tlog.size", b"99\n"), (422, "", b""), (409, "text/x.tlog.size", b"0\n")):
            cosigning.step(client, signing.connection)
            assert signing.cosigned() == []
        alarms = [(line["event"], line["log_level"], line["witnessed"]) for line in said[-2:]]
        assert alarms == [("log-rolled-back-says-witness", "error", size) for size in (99, 0)]
        # Once it does as it should, its word is taken among whatever stands around it.
        line = cosign(checkpoint, "liar", Ed25519PrivateKey.from_private_bytes(b"l" * 32), 1)
        told.answer = (200, "text/plain", ("nonsense\n— a AAAAAAAA\n" + line).encode())
        cosigning.step(client, signing.connection)
    assert signing.cosigned() == [(2, note, line.removesuffix("\n"))]


def test_nobody_waits_long_for_a_witness(
    liar: tuple[type[Liar], Witness], signing: Signing, monkeypatch: pytest.MonkeyPatch
) -> None:
    told, witness = liar
    told.hangs = True
    monkeypatch.setattr(witnesses, "PATIENCE", 0.5)
    monkeypatch.setattr(witnesses, "ASK_SECONDS", 1.0)
    signing.grow()
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        silent = Witness(f"http://127.0.0.1:{deaf.getsockname()[1]}", Key("deaf", COSIGNATURE, b"d" * 32))
        away = Witness(f"http://127.0.0.1:{free_port()}", Key("away", COSIGNATURE, b"a" * 32))
        began = time.monotonic()
        assert witnessed((witness, silent, away), signing.key.origin, [signing.key.key]) == []
        for one in (witness, silent, away):
            with one.client() as client, pytest.raises((BadAnswer, httpx.HTTPError)):
                Cosigning(signing.url, one).step(client, signing.connection)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "{vkey}",
        "{vkey}@",
        "{vkey}@http://witness.example.vn",
        "{vkey}@https://user@witness.example.vn",
        "{vkey}@https://witness.example.vn/?a=b",
        "{vkey}@ftp://127.0.0.1",
        "{log}@https://witness.example.vn",
        "{vkey}@https://a.example.vn {vkey}@https://b.example.vn",
        "https://witness.example.vn@{vkey}",
    ],
)
def test_witnesses_are_named_by_key_and_safe_address(text: str) -> None:
    vkey = Key("witness", COSIGNATURE, b"w" * 32).vkey
    written = text.format(vkey=vkey, log=Log().key.vkey)

    with pytest.raises(BadSettings, match="OCOP_WITNESSES"):
        witnesses_of(Settings.from_environment({"OCOP_WITNESSES": written}))

    good = Settings.from_environment({"OCOP_WITNESSES": f" {vkey}@https://a.example.vn/w/\n"})
    assert [(w.url, w.key.vkey) for w in witnesses_of(good)] == [("https://a.example.vn/w", vkey)]


@contextlib.contextmanager
def served(folder: Path, url: str, keys_url: str, log_key: Path, *named: str) -> Iterator[Service]:
    """The service with these witnesses; its log's key is the same wherever it runs."""
    service = Service(folder, url)
    service._env |= {"OCOP_KEYS_URL": keys_url, "OCOP_LOG_KEY_FILE": str(log_key)}
    service._env |= {"OCOP_WITNESSES": " ".join(named)}
    try:
        yield service.start()
    finally:
        service.stop()


def published(service: Service, keys: list[Key], size: int) -> Checkpoint:
    """The published checkpoint over so many facts at least, once all these keys have signed it."""
    deadline = time.monotonic() + 20
    while True:
        checkpoint, signed = verify(service.client.get("/v1/log/checkpoint").text, keys)
        if checkpoint.size >= size and len(signed) == len(keys):
            return checkpoint
        assert time.monotonic() < deadline, checkpoint
        time.sleep(0.05)


@contextlib.contextmanager
def copied(server_url: str, url: str) -> Iterator[str]:
    """A copy of the database as it is now."""
    name = str(conninfo_to_dict(url)["dbname"])
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}_older TEMPLATE {name}")
        yield make_conninfo(url, dbname=f"{name}_older")
        connection.execute(f"DROP DATABASE {name}_older WITH (FORCE)")


def test_a_log_rolled_back_is_found_out_by_its_witness(
    process: Process, own_database: str, server_url: str, tmp_path: Path
) -> None:
    keys_url, signing = keys_of(own_database), Signing(own_database, tmp_path / "a")
    log_key, witness = Key.parse(signing.key.vkey), Witness(process.url, process.key)
    process.command("trust", log_key.vkey)
    signing.grow(5)
    with witness.client() as client:
        Cosigning(own_database, witness).step(client, signing.connection)
    before = signing.cosigned()
    assert [size for size, _, _ in before] == [10]
    signing.connection.close()
    named, both = f"{witness.key.vkey}@{witness.url}", [log_key, witness.key]

    with copied(server_url, own_database) as older, socket.socket() as deaf:
        # The service goes on, and its witness with it; another one hears and never answers.
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        mute = f"{Key('deaf', COSIGNATURE, b'd' * 32).vkey}@http://127.0.0.1:{deaf.getsockname()[1]}"
        key_file = tmp_path / "a" / "log.key"
        with served(tmp_path / "a", own_database, keys_url, key_file, named, mute) as service:
            service.tell(tea()[:2])
            size = published(service, [log_key], 11).size
            appoint(own_database, [newcomer()])
            began = time.monotonic()
            published(service, [log_key], size + 2)
            assert time.monotonic() - began < witnesses.PATIENCE, "signing waits for a mute witness"
            newest = published(service, both, size + 2)

        # Its older copy, on a machine that remembers nothing.
        with served(tmp_path / "b", older, keys_url, key_file, named) as restored:
            refused = restored.give(None, "identify-product", Role.COMMUNE_OFFICER, tea()[0][2])
            assert (refused.status_code, refused.json()["type"]) == (503, "/v1/problems/log-rolled-back")
            assert f"over {newest.size} facts" in refused.json()["detail_en"]
            assert restored.get("/v1/products").status_code == 200
            assert published(restored, both, 10).size == 10
            restored.logged("The data is an older state", "log-broken")

        # Who forgets it all and signs other facts gets no cosignature, and has signed evidence against himself.
        shutil.copytree(tmp_path / "a", tmp_path / "c", ignore=lambda *_: ["log.checkpoint"])
        forked = Signing(older, tmp_path / "c")
        forked.signer.step(forked.connection)
        with witness.client() as client, contextlib.closing(forked.connection), capture_logs() as said:
            cosigning = Cosigning(older, witness)
            while forked.signer._tree.size < newest.size:
                forked.grow()
                cosigning.step(client, forked.connection)
            forked.grow()
            cosigning.step(client, forked.connection)
            assert forked.cosigned() == before
        assert {"log-rolled-back-says-witness"} == {line["event"] for line in said}

    kept = process.evidence(log_key.name)
    assert kept
    for one in kept:
        assert verify(str(one["note"]), [log_key])[1]
        assert verify(str(one["against"]), [log_key])[1]
    assert verify(process.newest(log_key.name), both)[0] == newest
