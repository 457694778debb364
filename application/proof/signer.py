"""The signer: hashes new facts into the tree and signs a checkpoint, within a second where the machine keeps up.

One process at a time. Whatever it keeps in memory follows from the last checkpoint and the tiles stored with it, in
one transaction; after a crash it begins from there again.
"""

import threading
from collections.abc import Sequence
from typing import Any

import psycopg
import structlog

from application.database import service_conninfo
from application.proof.keys import LogKey
from application.proof.memory import Memory, missing
from application.proof.tiles import HEIGHT, LEAVES, WIDTH, Tile, Tree, hashes_in, hashes_of, unfinished, width_of
from application.recorded import from_bytes
from domain.log.facts import LOG, KeyChanged
from domain.proof.leaf import leaf_data
from domain.proof.merkle import Frontier, leaf_hash
from domain.proof.note import Checkpoint, parse, with_signatures

log = structlog.get_logger(__name__)

SIGNER_LOCK = 7229630
PAGE = 20_000
PAUSE = 0.5
"""Seconds in which facts come together under one checkpoint. Notices of single facts would wake it for nothing."""

CHANGED = (
    "SELECT topic, state FROM ocop.events WHERE originator_id = %s AND leaf_index < %s"
    " ORDER BY originator_version DESC LIMIT 1"
)
UNFINISHED = "its key is being changed to another one: give `ocop change-log-key` again, it goes on where it was"
LAST = "SELECT tree_size, root, note FROM ocop.checkpoints ORDER BY tree_size DESC LIMIT 1"
ADD_TILE = "INSERT INTO ocop.tiles (level, tile_index, hashes, root) VALUES (%s, %s, %s, %s)"
ADD_CHECKPOINT = "INSERT INTO ocop.checkpoints (tree_size, root, note) VALUES (%s, %s, %s)"


class BrokenLog(Exception):
    """What is stored is not what was signed, or has a gap: nothing more is signed over it. The message says where."""


class LogSigner:
    """Extends the tree and signs checkpoints for one database.

    ``memory``: where what was signed is remembered; nothing is signed that does not follow on it. ``heir``: the key
    that follows on this one; only with it at hand does it sign over the fact of the change, and both sign there.
    """

    def __init__(self, url: str, key: LogKey, memory: Memory, heir: LogKey | None = None) -> None:
        self._conninfo = service_conninfo(url, application_name="ocop-log")
        self._url, self._key, self._memory, self._heir = url, key, memory, heir
        self._tree = Frontier()
        self._open: list[list[bytes]] = []
        """Of each level, the hashes of the tile that is not complete yet."""

    def run(self, stop: threading.Event) -> None:
        """Follow the journal until told to stop; begin again after any failure."""
        while not stop.is_set():
            try:
                with psycopg.connect(self._conninfo, autocommit=True) as connection:
                    if self._alone(connection, stop):
                        self.take_up(connection)
                        self._follow(connection, stop)
            except psycopg.Error as error:
                log.warning("log-signer-restarts", error=type(error).__name__)
                stop.wait(0.5)
            except BrokenLog as broken:
                log.exception("log-broken", where=str(broken))
                stop.wait(30)
            except Exception:
                log.exception("log-signer-failed")
                stop.wait(2)

    def _alone(self, connection: psycopg.Connection[Any], stop: threading.Event) -> bool:
        while not stop.is_set():
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (SIGNER_LOCK,)).fetchone()
            if row and row[0]:
                return True
            stop.wait(0.5)
        return False

    def _follow(self, connection: psycopg.Connection[Any], stop: threading.Event) -> None:
        while not stop.is_set():
            if self.step(connection) < PAGE:
                stop.wait(PAUSE)

    def take_up(self, connection: psycopg.Connection[Any]) -> None:
        """Where the last checkpoint stands; raises BrokenLog where the facts or what is remembered say otherwise."""
        if (lost := missing(self._url, self._memory)) is not None:
            raise BrokenLog(f"the checkpoint over {lost.size} facts that was signed last is not of this database")
        row = connection.execute(LAST).fetchone()
        size, root, note = row or (0, Frontier().root(), None)
        if self._is_followed(connection, size):
            raise BrokenLog(UNFINISHED)
        if note is not None and not self._key.signed(note):
            raise BrokenLog(f"the checkpoint over {size} facts is signed by another key than this service's")
        self._open = []
        edge: dict[Tile, bytes] = {}
        for level in range((size.bit_length() + HEIGHT - 1) // HEIGHT):
            tile = Tile(level, size >> HEIGHT * (level + 1))
            query = unfinished(tile, width_of(tile, size))
            edge[tile] = hashes_of(tile, connection.execute(query.text, query.params))
            self._open.append(hashes_in(edge[tile]))
            if len(self._open[-1]) != width_of(tile, size):
                raise BrokenLog(f"tile {level}/{tile.number} of the checkpoint over {size} facts is not whole")
        self._tree = Frontier.stored(size, Tree(edge).node)
        if self._tree.root() != bytes(root):
            raise BrokenLog(f"the facts up to leaf {size - 1} are not those of the checkpoint over {size} facts")

    def _is_followed(self, connection: psycopg.Connection[Any], size: int) -> bool:
        """Whether the last change of the key under the first ``size`` facts was from this one to another."""
        row = connection.execute(CHANGED, (LOG, size)).fetchone()
        fact = from_bytes(*row).data if row else None
        return isinstance(fact, KeyChanged) and fact.before == self._key.vkey

    def step(self, connection: psycopg.Connection[Any]) -> int:
        """Take the next facts into the tree and sign a checkpoint over it; how many facts there were."""
        span = {"first": self._tree.size, "end": self._tree.size + PAGE}
        rows = connection.execute(LEAVES, span, prepare=True, binary=True).fetchall()
        if not rows:
            return 0
        if self._heir is None and (change := self._first_change(rows)) is not None:
            rows = rows[:change]
            if not rows:
                raise BrokenLog(UNFINISHED)
        complete: list[tuple[int, int, bytes, bytes]] = []
        for row in rows:
            if row[0] != self._tree.size:
                raise BrokenLog(f"there is no leaf {self._tree.size}")
            self._add(leaf_hash(leaf_data(*row)), complete)
        checkpoint = Checkpoint(self._key.origin, self._tree.size, self._tree.root())
        note = self._key.sign(checkpoint)
        if self._heir is not None:
            note = with_signatures(note, [s.line for s in parse(self._heir.sign(checkpoint)).signatures])
        with connection.transaction(), connection.cursor() as cursor:
            cursor.executemany(ADD_TILE, complete)
            cursor.execute(ADD_CHECKPOINT, (checkpoint.size, checkpoint.root, note))
            cursor.execute("SELECT pg_notify('ocop_log', %s)", (str(checkpoint.size),))
        self._memory.keep(note)
        return len(rows)

    @staticmethod
    def _first_change(rows: Sequence[tuple[Any, ...]]) -> int | None:
        return next((n for n, row in enumerate(rows) if row[4] == KeyChanged.stored_name), None)

    def _add(self, leaf: bytes, complete: list[tuple[int, int, bytes, bytes]]) -> None:
        made = self._tree.append(leaf)
        for level, height in enumerate(range(0, len(made), HEIGHT)):
            if level == len(self._open):
                self._open.append([])
            self._open[level].append(made[height])
            if len(self._open[level]) == WIDTH:
                place = (self._tree.size >> HEIGHT * (level + 1)) - 1
                complete.append((level, place, b"".join(self._open[level]), made[height + HEIGHT]))
                self._open[level] = []
