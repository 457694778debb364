"""What the log costs: appends with and without it, from a fact to the checkpoint over it, everything verified."""

import random
import threading
import time
from unittest.mock import patch
from uuid import uuid4

import psycopg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import application.database as schema
from application.proof.keys import LogKey
from application.proof.memory import Memory
from application.proof.signer import LogSigner
from application.proof.stored import audited
from application.recorded import Recorded
from application.store import Beside, CommandRow, Journal
from bench.ground import Ground, Line, console, median, percentile, spread
from domain.proof.note import Key
from domain.values import Role
from tests.appointed import facts_of, recorded
from tests.story import actor
from tests.test_log import add_facts

SCRIPTS = schema._scripts
BATCH = 8
"""Facts an append, as under the load of the commands' part."""
APPEND, CHECKPOINT, VERIFY = 0.95, 2.0, 60.0


def measure(ground: Ground) -> list[Line]:
    """All three; the log is kept by its signer in a thread of this process."""
    key = LogKey(Ed25519PrivateKey.generate(), "ocop/bench")
    return [_appends(ground, key), _checkpoints(ground, key), _verified(ground, key)]


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


def _appends(ground: Ground, key: LogKey) -> Line:
    """Appends straight into the journal, the signer following the one with the log; in turn, the order changed."""
    rounds, seconds = (5, 1.0) if ground.quick else (15, 2.0)
    urls = {"on": ground.database(), "off": _without_the_log(ground)}
    journals = {name: Journal(url, pool_size=1) for name, url in urls.items()}
    stop = threading.Event()
    signer = LogSigner(urls["on"], key, Memory(ground.folder / "log.appends"))
    signing = threading.Thread(target=signer.run, args=(stop,), daemon=True)
    signing.start()
    found: dict[str, list[float]] = {"on": [], "off": []}
    for number in range(rounds):
        for name in ("on", "off") if number % 2 else ("off", "on"):
            count, began = 0, time.perf_counter()
            while time.perf_counter() < began + seconds:
                journals[name].append(*_batch())
                count += BATCH
            found[name].append(count / (time.perf_counter() - began))
    stop.set()
    signing.join()
    for journal in journals.values():
        journal.close()
    figure = f"{spread(found['on'])} facts/s; without {spread(found['off'])} facts/s"
    console.print(f"log, appends: {figure}")
    ratio = median([on / off for on, off in zip(found["on"], found["off"], strict=True)])
    return Line("appends of eight facts with the log, against without", figure, ratio, "×", APPEND)


def _checkpoints(ground: Ground, key: LogKey) -> Line:
    """Single facts at uneven moments; when the checkpoint over each is there."""
    url, took, stop = ground.database(), list[float](), threading.Event()
    signing = threading.Thread(
        target=LogSigner(url, key, Memory(ground.folder / "log.pace")).run, args=(stop,), daemon=True
    )
    signing.start()
    journal, draw = Journal(url, pool_size=1), random.Random(1)
    with psycopg.connect(url, autocommit=True) as connection:
        for number in range(1, (60 if ground.quick else 300) + 1):
            time.sleep(draw.random() * 0.3)
            facts, beside = _batch()
            journal.append(facts[:1], Beside(beside.commands[:1]))
            stored = time.perf_counter()
            query = "SELECT EXISTS (SELECT FROM ocop.checkpoints WHERE tree_size >= %s)"
            while connection.execute(query, (number,)).fetchone() != (True,):
                time.sleep(0.005)
            took.append(time.perf_counter() - stored)
    stop.set()
    signing.join()
    journal.close()
    figure = f"p50 {percentile(took, 0.5):.2f} s, p99 {percentile(took, 0.99):.2f} s of {len(took)} facts"
    console.print(f"log, checkpoints: {figure}")
    return Line(
        "from a fact to the signed checkpoint over it, p99", figure, percentile(took, 0.99), "s", CHECKPOINT, False
    )


def _verified(ground: Ground, key: LogKey) -> Line:
    """Everything verified, on a journal of so many facts with their tiles and checkpoints."""
    count, url = (100_000 if ground.quick else 1_000_000), ground.database()
    memory = Memory(ground.folder / "log.verified")
    with psycopg.connect(url, autocommit=True) as connection:
        signer = LogSigner(url, key, memory)
        signer.take_up(connection)
        for _ in range(count // 20_000):
            add_facts(url, 20_000)
            while signer.step(connection):
                pass
    began = time.perf_counter()
    report = audited(url, [Key.parse(key.vkey)], [])
    took = time.perf_counter() - began
    assert (report.size, report.faults) == (count, [])
    figure = f"{took:.1f} s for {count:,} facts and {report.points} checkpoints, {count / took:,.0f}/s"
    console.print(f"log, verified: {figure}")
    return Line("everything verified", figure, took, "s", VERIFY, False)
