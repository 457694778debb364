"""The log over the stored bytes: leaves, tiles, checkpoints and proofs are those of a naive tree, whatever happens."""

from __future__ import annotations

import base64
import random
import threading
import time
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

import application.database as schema
from api.examples import EXAMPLES
from application.database import migrate
from application.proof import signer as signing
from application.proof.keys import LogKey
from application.proof.memory import Forgotten, Memory, holds, missing
from application.proof.signer import BrokenLog, LogSigner
from application.recorded import to_bytes
from domain.proof.leaf import leaf_data
from domain.proof.merkle import leaf_hash, root_of, verify_consistency, verify_inclusion
from domain.proof.note import Checkpoint, Key, sign, verify
from domain.values import Role
from tests.appointed import facts_of, recorded
from tests.service import Service
from tests.story import actor

KEY = LogKey(Ed25519PrivateKey.from_private_bytes(b"k" * 32), "ocop/test")
ALL = (
    "SELECT leaf_index, notification_id, originator_id, originator_version, topic, state FROM ocop.events"
    " ORDER BY notification_id"
)


def leaves(url: str) -> list[bytes]:
    """Leaf hashes made naively, of all facts in the order of their positions."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(ALL).fetchall()
    assert [row[0] for row in rows] == list(range(len(rows))), "leaf indexes have no gaps"
    return [leaf_hash(leaf_data(*row)) for row in rows]


def checkpoints(url: str) -> dict[int, bytes]:
    with psycopg.connect(url) as connection:
        return dict(connection.execute("SELECT tree_size, root FROM ocop.checkpoints ORDER BY tree_size").fetchall())


ADD = """
SELECT count(*) FROM ocop.append(
    (SELECT array_agg(gen_random_uuid()) FROM generate_series(1, %(count)s)), array_fill(1::bigint, ARRAY[%(count)s]),
    array_fill(%(name)s::text, ARRAY[%(count)s]), array_fill(%(state)s::bytea, ARRAY[%(count)s]),
    '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}'
)
"""


def add_facts(url: str, count: int) -> None:
    """So many facts of streams of their own, in one append."""
    name, state = to_bytes(recorded(uuid4(), 1, facts_of(actor(Role.COMMUNE_OFFICER))[0]))
    with psycopg.connect(url) as connection:
        connection.execute(ADD, {"count": count, "name": name, "state": state})


def signed(url: str, memory: Memory, key: LogKey = KEY) -> int:
    """Sign all there is; the size signed."""
    signer = LogSigner(url, key, memory)
    with psycopg.connect(url, autocommit=True) as connection:
        signer.take_up(connection)
        while signer.step(connection):
            pass
    return max(checkpoints(url), default=0)


# ── The tree ────────────────────────────────────────────────────────────────────────────────────


def test_whatever_the_pages_and_restarts_the_tree_is_the_naive_one(
    own_database: str, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than 65,536 facts, so that there are tiles of two levels, and an open one above them."""
    draw, total = random.Random(7), 0
    for count in (1, 254, 1, 1, 700, 64_700, 256):
        add_facts(own_database, count)
        total += count
        monkeypatch.setattr(signing, "PAGE", draw.choice([100, 256, 1_000, 20_000]))
        assert signed(own_database, memory) == total

    hashes, known = leaves(own_database), checkpoints(own_database)
    assert total == len(hashes) == max(known)
    for size in draw.sample(sorted(known), 12):
        assert known[size] == root_of(hashes[:size])
    with psycopg.connect(own_database) as connection:
        tiles = connection.execute("SELECT level, tile_index, hashes, root FROM ocop.tiles").fetchall()
    bottom = {index: bytes(found) for level, index, found, _ in tiles if level == 0}
    assert bottom == {n: b"".join(hashes[256 * n : 256 * (n + 1)]) for n in range(total // 256)}
    roots = {(level, index): bytes(root) for level, index, _, root in tiles}
    assert all(roots[0, n] == root_of(hashes[256 * n : 256 * (n + 1)]) for n in range(total // 256))
    assert {at for at in roots if at[0]} == {(1, 0)}
    assert roots[1, 0] == root_of(hashes[:65_536])
    last = memory.last()
    assert last is not None
    assert (last.size, last.root) == (total, known[total])
    assert holds(own_database, last)


def test_a_journal_from_before_the_log_gets_its_leaves(
    server_url: str, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"old_{uuid4().hex}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    old, scripts = psycopg.conninfo.make_conninfo(server_url, dbname=name), schema._scripts
    try:
        with monkeypatch.context() as patch:
            patch.setattr(schema, "_scripts", lambda of: [s for s in scripts(of) if s.name < "0007"])
            migrate(old)
        add_facts(old, 400)
        every = "SELECT * FROM ocop.events ORDER BY notification_id"
        with psycopg.connect(old) as connection:
            before = connection.execute(every).fetchall()

        migrate(old)

        add_facts(old, 3)
        hashes = leaves(old)
        assert len(hashes) == 403
        assert signed(old, memory) == 403
        assert checkpoints(old)[403] == root_of(hashes)
        with psycopg.connect(old) as connection:
            after = connection.execute(every).fetchall()
        assert [row[:5] for row in after[:400]] == before
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


# ── Nobody changes it quietly ───────────────────────────────────────────────────────────────────

TAMPERED = {
    "a byte": "UPDATE ocop.events SET state = set_byte(state, 100, get_byte(state, 100) # 1) WHERE leaf_index = 280",
    "a name": "UPDATE ocop.events SET topic = 'product.recognised' WHERE leaf_index = 280",
    "a stream": "UPDATE ocop.events SET originator_id = gen_random_uuid() WHERE leaf_index = 280",
    "a version": "UPDATE ocop.events SET originator_version = 2 WHERE leaf_index = 280",
    "a row gone": "DELETE FROM ocop.events WHERE leaf_index = 280",
    "a row gone and the rest moved up": "DELETE FROM ocop.events WHERE leaf_index = 280;"
    " UPDATE ocop.events SET leaf_index = leaf_index - 1000000 WHERE leaf_index > 280;"
    " UPDATE ocop.events SET leaf_index = leaf_index + 999999 WHERE leaf_index < 0",
    "two swapped": "UPDATE ocop.events SET leaf_index = 1000000 WHERE leaf_index = 280;"
    " UPDATE ocop.events SET leaf_index = 280 WHERE leaf_index = 299;"
    " UPDATE ocop.events SET leaf_index = 299 WHERE leaf_index = 1000000",
    "the root": "UPDATE ocop.checkpoints SET root = sha256('x') WHERE tree_size = 300",
    "the tile": "UPDATE ocop.tiles SET root = sha256('x')",
    "the checkpoint gone": "DELETE FROM ocop.checkpoints; DELETE FROM ocop.events WHERE leaf_index > 200",
}
"""What an owner of the tables might do who first switches their triggers off."""


@pytest.mark.parametrize("what", TAMPERED)
def test_nothing_more_is_signed_over_what_was_changed(own_database: str, memory: Memory, what: str) -> None:
    """The last, unfinished tile is told again at every start; whole tiles are for who verifies everything."""
    add_facts(own_database, 300)
    assert signed(own_database, memory) == 300
    with psycopg.connect(own_database) as connection:
        for table in ("events", "checkpoints", "tiles"):
            connection.execute(f"ALTER TABLE ocop.{table} DISABLE TRIGGER ALL")
        connection.execute(TAMPERED[what].encode())
        for table in ("events", "checkpoints", "tiles"):
            connection.execute(f"ALTER TABLE ocop.{table} ENABLE TRIGGER ALL")
    add_facts(own_database, 5)

    with pytest.raises(BrokenLog):
        signed(own_database, memory)


def test_a_hole_in_the_numbers_is_not_signed(own_database: str, memory: Memory) -> None:
    add_facts(own_database, 10)
    signer = LogSigner(own_database, KEY, memory)
    with psycopg.connect(own_database, autocommit=True) as connection:
        signer.take_up(connection)
        connection.execute("ALTER TABLE ocop.events DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM ocop.events WHERE leaf_index = 4")
        with pytest.raises(BrokenLog, match="no leaf 4"):
            signer.step(connection)
    assert checkpoints(own_database) == {}


# ── Over HTTP ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def log(service: Service, database: str) -> Service:
    """A service with some hundred facts, all under a checkpoint."""
    add_facts(database, 600)
    until_signed(service)
    return service


def until_signed(service: Service) -> None:
    deadline = time.monotonic() + 20
    while service.client.get("/health/ready").json()["log"]["lag"]:
        assert time.monotonic() < deadline, "nothing is signed"
        time.sleep(0.05)


def newest(service: Service) -> Checkpoint:
    key = Key.parse(service.client.get("/v1/log/key").json()["vkey"])
    checkpoint, by = verify(service.client.get("/v1/log/checkpoint").text, [key])
    assert [one.key for one in by] == [key]
    return checkpoint


def bytes_of(texts: list[str]) -> list[bytes]:
    return [base64.b64decode(text) for text in texts]


def test_a_command_is_soon_under_a_signed_checkpoint(log: Service, database: str) -> None:
    """Within two seconds where the machine has nothing else to do: see docs/performance.md."""
    answer = log.give(None, "identify-product", Role.COMMUNE_OFFICER, EXAMPLES["identify-product"])
    until_signed(log)

    assert answer.status_code == 201
    checkpoint, hashes = newest(log), leaves(database)
    assert (checkpoint.size, checkpoint.root) == (len(hashes), root_of(hashes))


def test_every_proof_leads_to_the_signed_root(log: Service, database: str) -> None:
    checkpoint, hashes, draw = newest(log), leaves(database), random.Random(3)
    sizes = [1, 2, 255, 256, 257, 512, checkpoint.size, *draw.sample(range(1, checkpoint.size), 12)]
    for size in sizes:
        root = root_of(hashes[:size])
        for leaf in {0, size - 1, size // 2, draw.randrange(size)}:
            told = log.client.get("/v1/log/proof/inclusion", params={"leaf": leaf, "size": size}).json()
            assert (told["leaf_index"], told["tree_size"]) == (leaf, size)
            assert bytes_of([told["leaf_hash"], told["root_hash"]]) == [hashes[leaf], root]
            assert verify_inclusion(leaf, size, hashes[leaf], bytes_of(told["hashes"]), root)
        told = log.client.get("/v1/log/proof/consistency", params={"first": size, "second": checkpoint.size}).json()
        assert (told["first"], told["second"]) == (size, checkpoint.size)
        assert verify_consistency(size, checkpoint.size, bytes_of(told["hashes"]), root, checkpoint.root)


def test_tiles_are_the_hashes_and_never_change(log: Service, database: str) -> None:
    hashes = leaves(database)
    whole = log.client.get("/v1/log/tile/0/001")
    assert whole.content == b"".join(hashes[256:512])
    assert "immutable" in whole.headers["cache-control"]
    assert log.client.get("/v1/log/tile/0/001.p/3").content == b"".join(hashes[256:259])
    assert log.client.get("/v1/log/tile/0/002.p/80").content == b"".join(hashes[512:592])
    above = log.client.get("/v1/log/tile/1/000.p/2").content
    assert above == root_of(hashes[:256]) + root_of(hashes[256:512])


BAD = [
    "/v1/log/tile/0/002",
    "/v1/log/tile/0/999",
    "/v1/log/tile/0/x001/000",
    "/v1/log/tile/0/1",
    "/v1/log/tile/0/001.p/0",
    "/v1/log/tile/0/001.p/999",
    "/v1/log/tile/0/%2e%2e/key",
    "/v1/log/tile/0/" + "x001/" * 1_000 + "001",
    "/v1/log/tile/9/000",
    "/v1/log/tile/-1/000",
    "/v1/log/tile/x/000",
    "/v1/log/tile/0/%00",
    "/v1/log/proof/inclusion",
    "/v1/log/proof/inclusion?leaf=0&size=0",
    "/v1/log/proof/inclusion?leaf=5&size=5",
    "/v1/log/proof/inclusion?leaf=-1&size=5",
    "/v1/log/proof/inclusion?leaf=x&size=5",
    "/v1/log/proof/inclusion?leaf=1&size=1000000",
    f"/v1/log/proof/inclusion?leaf=1&size={2**64}",
    "/v1/log/proof/consistency?first=6&second=5",
    "/v1/log/proof/consistency?first=0&second=1000000",
    "/v1/log/proof/consistency?first=1.5&second=2",
]


@pytest.mark.parametrize("path", BAD)
def test_what_the_log_does_not_have_is_a_problem(log: Service, path: str) -> None:
    answer = httpx.get(f"{log.address}{path}")

    assert answer.status_code in (404, 422)
    assert answer.headers["content-type"] == "application/problem+json"
    assert {"detail", "detail_en"} <= answer.json().keys()


def test_the_log_is_for_everybody(log: Service) -> None:
    for path in ("/v1/log/checkpoint", "/v1/log/key", "/v1/log/tile/0/000", "/v1/log/proof/inclusion?leaf=0&size=1"):
        assert httpx.get(f"{log.address}{path}").status_code == 200, path


# ── An older state ──────────────────────────────────────────────────────────────────────────────


def test_a_journal_older_than_what_was_signed_takes_nothing_more(own_database: str, tmp_path: Path) -> None:
    """As after a restore of an old backup: it is said at the start, reads go on, nothing is added or signed."""
    memory, running = Memory(tmp_path / "log.checkpoint"), Service(tmp_path, own_database)
    running.admit(own_database)
    add_facts(own_database, 30)
    hashes = leaves(own_database)
    for lost in (Checkpoint(KEY.origin, len(hashes) + 1, root_of(hashes)), Checkpoint(KEY.origin, 20, root_of(hashes))):
        memory.keep(sign(lost, KEY.origin, KEY.private))
        assert missing(own_database, memory) == lost
        with pytest.raises(BrokenLog):
            signed(own_database, memory)

    running.start()
    try:
        refused = running.give(None, "identify-product", Role.COMMUNE_OFFICER, EXAMPLES["identify-product"])
        assert (refused.status_code, refused.json()["type"]) == (503, "/v1/problems/log-rolled-back")
        assert running.get("/v1/products").status_code == 200
        health = running.client.get("/health/ready").json()
        assert (health["status"], health["log"]["rolled_back"], health["log"]["signed"]) == ("degraded", True, 0)
        assert "a signed checkpoint over 20 facts" in running.logged("is missing")
    finally:
        running.stop()


def test_what_is_remembered_is_no_hindrance_while_the_journal_holds_it(own_database: str, memory: Memory) -> None:
    assert missing(own_database, memory) is None
    assert signed(own_database, memory) == 0
    add_facts(own_database, 300)
    assert signed(own_database, memory) == 300
    add_facts(own_database, 300)
    assert missing(own_database, memory) is None


def test_facts_are_held_whether_or_not_their_tiles_are_stored_yet(
    own_database: str, memory: Memory, tmp_path: Path
) -> None:
    """A backup may hold facts that were signed only after it was made: nothing is missing in it."""
    add_facts(own_database, 700)
    hashes = leaves(own_database)
    for size in (1, 255, 256, 257, 511, 512, 600, 700):
        memory.keep(sign(Checkpoint(KEY.origin, size, root_of(hashes[:size])), KEY.origin, KEY.private))
        assert missing(own_database, memory) is None, size
    add_facts(own_database, 1)
    assert signed(own_database, Memory(tmp_path / "fresh")) == 701
    for size in (256, 600, 700, 701):
        memory.keep(sign(Checkpoint(KEY.origin, size, root_of(leaves(own_database)[:size])), KEY.origin, KEY.private))
        assert missing(own_database, memory) is None, size


def test_another_key_does_not_take_the_log_over(own_database: str, memory: Memory, tmp_path: Path) -> None:
    add_facts(own_database, 5)
    signed(own_database, memory)
    add_facts(own_database, 5)
    other = LogKey(Ed25519PrivateKey.generate(), KEY.origin)
    with (
        psycopg.connect(own_database, autocommit=True) as connection,
        pytest.raises(BrokenLog, match="another key"),
    ):
        LogSigner(own_database, other, Memory(tmp_path / "other")).take_up(connection)
    assert signed(own_database, memory) == 10


def test_a_service_with_another_key_says_that_the_log_is_not_its_own(
    own_database: str, memory: Memory, tmp_path: Path
) -> None:
    add_facts(own_database, 5)
    signed(own_database, memory)

    running = Service(tmp_path / "service", own_database, actors=[]).start()
    try:
        health = running.client.get("/health/ready").json()
        assert (health["status"], health["log"]["of_another_key"]) == ("degraded", True)
    finally:
        running.stop()


def test_a_memory_that_cannot_be_read_is_not_taken_for_none(own_database: str, tmp_path: Path) -> None:
    file = tmp_path / "log.checkpoint"
    for content in (b"", b"\xff\xfe", b"half of a no"):
        file.write_bytes(content)
        with pytest.raises(Forgotten):
            missing(own_database, Memory(file))


def test_a_signer_whose_disk_is_full_for_a_moment_goes_on(own_database: str, tmp_path: Path) -> None:
    class Full(Memory):
        tried = 0

        def keep(self, note: str) -> None:
            self.tried += 1
            if self.tried == 1:
                raise OSError("no space left")
            super().keep(note)

    stop = threading.Event()
    thread = threading.Thread(
        target=LogSigner(own_database, KEY, Full(tmp_path / "log.checkpoint")).run, args=(stop,), daemon=True
    )
    thread.start()
    try:
        for size in (10, 20):
            add_facts(own_database, 10)
            deadline = time.monotonic() + 20
            while max(checkpoints(own_database), default=0) < size:
                assert time.monotonic() < deadline
                time.sleep(0.05)
    finally:
        stop.set()
        thread.join(10)


def test_one_process_signs_at_a_time_and_another_takes_over(own_database: str, memory: Memory) -> None:
    stops = [threading.Event() for _ in range(2)]
    threads = [
        threading.Thread(target=LogSigner(own_database, KEY, memory).run, args=(stop,), daemon=True) for stop in stops
    ]
    for thread in threads:
        thread.start()
    try:
        for size in (20, 40):
            add_facts(own_database, 20)
            deadline = time.monotonic() + 15
            while max(checkpoints(own_database), default=0) < size:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            stops[0].set()
            threads[0].join(10)
    finally:
        for stop, thread in zip(stops, threads, strict=True):
            stop.set()
            thread.join(10)
    assert checkpoints(own_database)[40] == root_of(leaves(own_database))
