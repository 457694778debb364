"""What the log costs: appends with and without it, from a fact to the checkpoint over it, everything verified."""

import multiprocessing
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.synchronize import Event
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import application.database as schema
from application.proof.keys import LogKey
from application.proof.memory import Memory
from application.proof.signer import SIGNER_LOCK, LogSigner
from application.proof.stored import audited
from application.recorded import Recorded
from application.store import Beside, CommandRow, Journal
from bench.ground import Ground, Line, console, median, percentile, spread
from domain.values import Role
from tests.appointed import facts_of, recorded
from tests.story import actor
from tests.test_log import add_facts

SCRIPTS = schema._scripts
BATCH = 8
"""Facts an append, as under the load of the commands' part."""
KEY = LogKey(Ed25519PrivateKey.from_private_bytes(b"b" * 32), "ocop/bench")
APPEND, CHECKPOINT, VERIFY = 0.95, 2.0, 60.0


def measure(ground: Ground) -> list[Line]:
    """All three; the log is kept by its signer in a process of its own, as in the service."""
    return [_appends(ground), _checkpoints(ground), _verified(ground)]


def _sign(url: str, memory: Path, stop: Event) -> None:
    LogSigner(url, KEY, Memory(memory)).run(stop)  # type: ignore[arg-type]  # an event between processes


@contextmanager
def _signing(url: str, memory: Path) -> Iterator[None]:
    spawned = multiprocessing.get_context("spawn")
    stop = spawned.Event()
    signer = spawned.Process(target=_sign, args=(url, memory, stop))
    signer.start()
    try:
        _wait_for_signer(url)
        yield
    finally:
        stop.set()
        signer.join()


def _wait_for_signer(url: str) -> None:
    """Until it holds its lock: how long a process takes to start is not what is measured."""
    held = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted AND objid = %s"
    with psycopg.connect(url, autocommit=True) as connection:
        deadline = time.monotonic() + 30
        while connection.execute(held, (SIGNER_LOCK,)).fetchone() == (0,):
            if time.monotonic() > deadline:
                raise TimeoutError("the signer does not start")
            time.sleep(0.05)


def _without_the_log(ground: Ground) -> str:
    """A database as it was before the log."""
    url = ground.database(migrated=False)
    with patch.object(schema, "_scripts", lambda of: [s for s in SCRIPTS(of) if s.name < "0007"]):
        schema.migrate(url)
    return url


def _batch() -> tuple[list[Recorded], Beside]:
    fact = facts_of(actor(Role.COMMUNE_OFFICER))[0]
    facts = [recorded(uuid4(), 1, fact) for _ in range(BATCH)]
    return facts, Beside([CommandRow(uuid4(), b"d" * 32, f.originator_id, 0, 1) for f in facts])


def _appends(ground: Ground) -> Line:
    """Appends straight into the journal, the signer following the one with the log; in turn, the order changed."""
    rounds, seconds = (5, 1.0) if ground.quick else (15, 2.0)
    urls = {"on": ground.database(), "off": _without_the_log(ground)}
    journals = {name: Journal(url, pool_size=1) for name, url in urls.items()}
    found: dict[str, list[float]] = {"on": [], "off": []}
    with _signing(urls["on"], ground.folder / "log.appends"):
        for number in range(rounds):
            for name in ("on", "off") if number % 2 else ("off", "on"):
                count, began = 0, time.perf_counter()
                while time.perf_counter() < began + seconds:
                    journals[name].append(*_batch())
                    count += BATCH
                found[name].append(count / (time.perf_counter() - began))
    for journal in journals.values():
        journal.close()
    figure = f"{spread(found['on'])} facts/s; without {spread(found['off'])} facts/s"
    console.print(f"log, appends: {figure}")
    ratio = median([on / off for on, off in zip(found["on"], found["off"], strict=True)])
    return Line("appends of eight facts with the log, against without", figure, ratio, "×", APPEND)


def _checkpoints(ground: Ground) -> Line:
    """Single facts at uneven moments; when the checkpoint over each is there."""
    url, took = ground.database(), list[float]()
    journal, draw = Journal(url, pool_size=1), random.Random(1)
    with _signing(url, ground.folder / "log.pace"), psycopg.connect(url, autocommit=True) as connection:
        for number in range(1, (60 if ground.quick else 300) + 1):
            time.sleep(draw.random() * 0.3)
            facts, beside = _batch()
            journal.append(facts[:1], Beside(beside.commands[:1]))
            stored = time.perf_counter()
            query = "SELECT EXISTS (SELECT FROM ocop.checkpoints WHERE tree_size >= %s)"
            while connection.execute(query, (number,)).fetchone() != (True,):
                time.sleep(0.005)
            took.append(time.perf_counter() - stored)
    journal.close()
    figure = f"p50 {percentile(took, 0.5):.2f} s, p99 {percentile(took, 0.99):.2f} s of {len(took)} facts"
    console.print(f"log, checkpoints: {figure}")
    return Line(
        "from a fact to the signed checkpoint over it, p99", figure, percentile(took, 0.99), "s", CHECKPOINT, False
    )


def _verified(ground: Ground) -> Line:
    """Everything verified, on a journal of so many facts with their tiles and checkpoints."""
    count, url = (100_000 if ground.quick else 1_000_000), ground.database()
    memory = Memory(ground.folder / "log.verified")
    with psycopg.connect(url, autocommit=True) as connection:
        signer = LogSigner(url, KEY, memory)
        signer.take_up(connection)
        for _ in range(count // 20_000):
            add_facts(url, 20_000)
            while signer.step(connection):
                pass
    began = time.perf_counter()
    report = audited(url, [KEY.key], [])
    took = time.perf_counter() - began
    assert (report.size, report.faults) == (count, [])
    figure = f"{took:.1f} s for {count:,} facts and {report.points} checkpoints, {count / took:,.0f}/s"
    console.print(f"log, verified: {figure}")
    return Line("everything verified", figure, took, "s", VERIFY, False)
