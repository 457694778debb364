"""A witness of other bodies' logs (bên chứng kiến): cosigns what only grew, keeps evidence of what did not.

Nothing of the service is in it: a folder with a database file of its own, its key, and beside them what it cosigned
last, so that an older copy of the database is found out. The rules are those of C2SP tlog-witness.
"""

import base64
import binascii
import contextlib
import fcntl
import hashlib
import os
import re
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.proof.memory import Forgotten, Memory
from application.seals import secret_of
from domain.proof.merkle import EMPTY_ROOT, HASH_BYTES, verify_consistency
from domain.proof.note import (
    COSIGNATURE,
    ED25519,
    LARGEST_NOTE,
    BadNote,
    Checkpoint,
    Key,
    SignedNote,
    cosign,
    parse,
    verify,
    with_signatures,
)

MOST_HASHES = 63
"""Hashes of a consistency proof, as the protocol bounds them."""
LARGEST_REQUEST = LARGEST_NOTE + 4096
EVIDENCE_PAGE = 100
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")

SCHEMA = """
CREATE TABLE IF NOT EXISTS witness (name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS logs (vkey TEXT PRIMARY KEY, origin TEXT NOT NULL);
-- Every checkpoint cosigned, with the newest cosignature under it.
CREATE TABLE IF NOT EXISTS cosigned (
    origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL, line TEXT NOT NULL,
    PRIMARY KEY (origin, size)
);
-- Checkpoints that the log signed and that were refused; once each, so that nobody fills the disk with one.
CREATE TABLE IF NOT EXISTS refused (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    origin TEXT NOT NULL, size INTEGER NOT NULL, root BLOB NOT NULL, note TEXT NOT NULL, against TEXT NOT NULL,
    old_size INTEGER NOT NULL, proof TEXT NOT NULL, sender TEXT NOT NULL, received_at INTEGER NOT NULL,
    UNIQUE (origin, size, root)
);
CREATE TRIGGER IF NOT EXISTS cosigned_for_ever BEFORE DELETE ON cosigned
    BEGIN SELECT raise(ABORT, 'what was cosigned stays'); END;
CREATE TRIGGER IF NOT EXISTS cosigned_as_it_was BEFORE UPDATE OF origin, size, root, note ON cosigned
    BEGIN SELECT raise(ABORT, 'what was cosigned stays'); END;
CREATE TRIGGER IF NOT EXISTS refused_for_ever BEFORE DELETE ON refused
    BEGIN SELECT raise(ABORT, 'evidence stays'); END;
CREATE TRIGGER IF NOT EXISTS refused_as_it_was BEFORE UPDATE ON refused
    BEGIN SELECT raise(ABORT, 'evidence stays'); END;
"""
LAST = "SELECT size, root, note FROM cosigned WHERE origin = ? ORDER BY size DESC LIMIT 1"
KEEP = (
    "INSERT INTO cosigned (origin, size, root, note, line) VALUES (?, ?, ?, ?, ?)"
    " ON CONFLICT (origin, size) DO UPDATE SET line = excluded.line"
)
ACCUSE = (
    "INSERT INTO refused (origin, size, root, note, against, old_size, proof, sender, received_at)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
)
EVIDENCE = """
WITH seen AS (SELECT origin, size, root, note FROM cosigned UNION ALL SELECT origin, size, root, note FROM refused)
SELECT r.*,
    (SELECT s.note FROM seen AS s WHERE s.origin = r.origin AND s.size = r.size AND s.root <> r.root LIMIT 1) AS other,
    EXISTS (SELECT 1 FROM cosigned AS c WHERE c.origin = r.origin AND c.size = r.size AND c.root = r.root) AS grown
FROM refused AS r WHERE r.number > ? ORDER BY r.number LIMIT ?
"""


class WitnessRefusal(Exception):
    """The checkpoint is not cosigned."""


class UnknownLog(WitnessRefusal):
    """No key is trusted for this origin."""


class NotSigned(WitnessRefusal):
    """No trusted key of the log validly signed it."""


class OtherSize(WitnessRefusal):
    """The proof does not begin at the size cosigned last, or a log of that size had another root.

    ``size``: that size; begin there.
    """

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size


class NotConsistent(WitnessRefusal):
    """The proof does not show the log to have only grown."""


class Unfit(Exception):
    """The witness must not run on this folder: the message says why, in both languages."""


@dataclass(frozen=True, slots=True)
class Submission:
    """A checkpoint, and the proof that the tree of ``old`` leaves is its beginning."""

    old: int
    hashes: tuple[bytes, ...]
    note: SignedNote

    @classmethod
    def parse(cls, body: bytes) -> "Submission":
        """What was sent; raises BadNote."""
        try:
            text = body.decode()
        except UnicodeDecodeError as error:
            raise BadNote("not UTF-8") from error
        head, divided, note = text.partition("\n\n")
        first, *lines = head.split("\n")
        old = _OLD.fullmatch(first)
        if not divided or old is None or len(lines) > MOST_HASHES:
            raise BadNote("first “old <size>”, then the hashes of the proof, an empty line, the note")
        found = cls(int(old[1]), tuple(map(_hash, lines)), parse(note))
        if found.old > found.note.checkpoint.size:
            raise BadNote("the old size is larger than the checkpoint's")
        return found


def _hash(line: str) -> bytes:
    try:
        found = base64.b64decode(line, validate=True)
    except (binascii.Error, ValueError) as error:
        raise BadNote("a line of the proof is not base64") from error
    if len(found) != HASH_BYTES or base64.b64encode(found).decode() != line:
        raise BadNote("a line of the proof is not a hash")
    return found


@dataclass(frozen=True, slots=True)
class Evidence:
    """A checkpoint that its log signed and that was refused, with what stands against it.

    ``verdict``: "two-roots", two signed notes of one size that exclude each other, which proves a split view to
    anybody; "not-shown", nobody has shown that it grew out of what was cosigned; "grown-since", it was shown later.
    """

    number: int
    verdict: str
    origin: str
    note: str
    against: str
    old_size: int
    proof: tuple[str, ...]
    sender: str
    received_at: int


def _refusal(asked: Submission, last: Checkpoint) -> WitnessRefusal | None:
    new = asked.note.checkpoint
    if asked.old != last.size or (new.size == last.size and new.root != last.root):
        return OtherSize(last.size)
    if not verify_consistency(last.size, new.size, asked.hashes, last.root, new.root):
        return NotConsistent()
    return None


class Witness:
    """The witness in a folder, made at first use under the name given, or one made from its key."""

    def __init__(self, folder: Path, name: str | None = None) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        folder.chmod(0o700)
        self._folder, self._memories, self._lock = folder, folder / "newest", threading.Lock()
        database, key = folder / "witness.sqlite", folder / "witness.key"
        if key.exists() and not database.exists():
            raise Unfit(_OLDER)
        os.close(os.open(database, os.O_RDWR | os.O_CREAT, 0o600))
        self._memories.mkdir(exist_ok=True, mode=0o700)
        self._db = sqlite3.connect(database, timeout=10, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        self._db.execute("PRAGMA synchronous = EXTRA")
        self._db.executescript(SCHEMA)
        self._private = Ed25519PrivateKey.from_private_bytes(secret_of(None, key))
        self.key = Key.of(self._named(name), self._private, COSIGNATURE)

    def _named(self, name: str | None) -> str:
        """The name it has for ever since its first use."""
        public = self._private.public_key().public_bytes_raw()
        with self._transaction() as db:
            if (row := db.execute("SELECT name FROM witness").fetchone()) is None:
                row = [Key(name or f"witness/{hashlib.sha256(public).hexdigest()[:16]}", COSIGNATURE, public).name]
                db.execute("INSERT INTO witness (name) VALUES (?)", row)
        if name not in (None, row[0]):
            raise Unfit(f"Bên chứng kiến này tên là {row[0]}. This witness is called {row[0]}.")
        return str(row[0])

    def _knows_all(self) -> bool:
        """Whether the database holds whatever is remembered beside it."""
        query = "SELECT 1 FROM cosigned WHERE origin = ? AND size = ? AND root = ?"
        try:
            kept = [Memory(path).last() for path in self._memories.glob("*.checkpoint")]
        except Forgotten:
            return False
        return all(c and self._db.execute(query, (c.origin, c.size, c.root)).fetchone() for c in kept)

    def _memory(self, origin: str) -> Memory:
        return Memory(self._memories / f"{hashlib.sha256(origin.encode()).hexdigest()[:32]}.checkpoint")

    def close(self) -> None:
        """Let the database go."""
        self._db.close()

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """As the only process that serves this folder; raises Unfit where another does, or the database is too old."""
        if not self._knows_all():
            raise Unfit(_OLDER)
        with (self._folder / "serving").open("w", encoding="ascii") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Unfit("Đã có tiến trình phục vụ thư mục này. Another process serves this folder.") from None
            yield

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield self._db
            self._db.execute("COMMIT")
        finally:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")

    def trust(self, vkey: str) -> Key:
        """Take checkpoints of the log with this key from now on; raises BadNote."""
        key = Key.parse(vkey)
        if key.algorithm != ED25519:
            raise BadNote("not a log's key")
        with self._lock:
            self._db.execute("INSERT INTO logs (vkey, origin) VALUES (?, ?) ON CONFLICT DO NOTHING", (vkey, key.name))
        return key

    def distrust(self, vkey: str) -> bool:
        """Take no checkpoint that only this key signed any more; whether it was trusted."""
        with self._lock:
            return self._db.execute("DELETE FROM logs WHERE vkey = ?", (vkey,)).rowcount > 0

    def take(self, asked: Submission, sender: str, at: int) -> str:
        """The cosignature's line under a checkpoint that only grew; raises WitnessRefusal.

        What was cosigned last is read, compared and replaced in one transaction, and remembered beside the database
        before the line is given out.
        """
        checkpoint = asked.note.checkpoint
        with self._lock:
            with self._transaction() as db:
                note = self._signed(db, asked.note)
                row = db.execute(LAST, (checkpoint.origin,)).fetchone()
                last = Checkpoint(checkpoint.origin, *row[:2]) if row else Checkpoint(checkpoint.origin, 0, EMPTY_ROOT)
                refusal = _refusal(asked, last)
                line = cosign(checkpoint, self.key.name, self._private, at)
                if refusal is None:
                    db.execute(KEEP, (checkpoint.origin, checkpoint.size, checkpoint.root, note, line))
                elif self._accuses(db, checkpoint, refusal):
                    proof = "\n".join(base64.b64encode(hash_).decode() for hash_ in asked.hashes)
                    what = (checkpoint.origin, checkpoint.size, checkpoint.root, note, row["note"] if row else "")
                    db.execute(ACCUSE, (*what, asked.old, proof, sender, at))
            if refusal is not None:
                raise refusal
            self._memory(checkpoint.origin).keep(note)
        return line

    def _signed(self, db: sqlite3.Connection, note: SignedNote) -> str:
        """The note with the log's own signatures alone; raises UnknownLog, NotSigned."""
        rows = db.execute("SELECT vkey FROM logs WHERE origin = ?", (note.checkpoint.origin,)).fetchall()
        if not rows:
            raise UnknownLog
        try:
            _, signed = verify(note.text, [Key.parse(vkey) for (vkey,) in rows])
        except BadNote as error:
            raise NotSigned from error
        if not signed:
            raise NotSigned
        known = {(one.key.name, one.key.id) for one in signed}
        return SignedNote(note.checkpoint, tuple(s for s in note.signatures if (s.name, s.key_id) in known)).text

    def _accuses(self, db: sqlite3.Connection, new: Checkpoint, refusal: WitnessRefusal) -> bool:
        """Whether it is to be kept: another root was cosigned for that size, or it was not shown to have grown."""
        query = "SELECT root FROM cosigned WHERE origin = ? AND size = ?"
        row = db.execute(query, (new.origin, new.size)).fetchone() or ([EMPTY_ROOT] if new.size == 0 else None)
        return isinstance(refusal, NotConsistent) if row is None else row[0] != new.root

    def newest(self, origin: str) -> str | None:
        """The note cosigned last, with the cosignature."""
        query = "SELECT note, line FROM cosigned WHERE origin = ? ORDER BY size DESC LIMIT 1"
        with self._lock:
            row = self._db.execute(query, (origin,)).fetchone()
        return with_signatures(row["note"], [row["line"]]) if row else None

    def evidence(self, after: int = 0) -> list[Evidence]:
        """What was refused though its log signed it, oldest first, a page after that number."""
        with self._lock:
            return [_evidence(row) for row in self._db.execute(EVIDENCE, (after, EVIDENCE_PAGE))]


def _evidence(row: Any) -> Evidence:
    verdict = "two-roots" if row["other"] else "grown-since" if row["grown"] else "not-shown"
    return Evidence(
        number=row["number"],
        verdict=verdict,
        origin=row["origin"],
        note=row["note"],
        against=row["other"] or row["against"],
        old_size=row["old_size"],
        proof=tuple(row["proof"].split()),
        sender=row["sender"],
        received_at=row["received_at"],
    )


_OLDER = (
    "Thư mục chứng kiến biết ít hơn những gì đã ký bằng khóa này: đừng dùng lại khóa, lập bên chứng kiến mới.\n"
    "The witness's folder knows less than was cosigned with this key: retire the key, set up a new witness."
)
