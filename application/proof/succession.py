"""The log's keys one after another (các khóa ký nối tiếp): who may sign which checkpoint, and how a key changes.

A change is a fact. The first checkpoint over it is the last that the old key signs, so whoever trusts one key of the
line can follow it to the others.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID, uuid5

import psycopg

from application.appointing import ITSELF
from application.database import service_conninfo
from application.handle import Order
from application.proof.keys import LogKey
from application.proof.memory import Memory
from application.proof.signer import SIGNER_LOCK, LogSigner
from application.recorded import from_bytes
from application.writer import Writer
from domain.log.commands import ChangeLogKey
from domain.log.facts import LOG, KeyChanged
from domain.proof.note import Key

CHANGING = UUID("6f636f70-0000-4000-8000-6368616e6765")
"""Namespace of the ids of these commands. Never change it: a change that broke off would be entered twice."""
CHANGES: LiteralString = (
    "SELECT leaf_index, topic, state FROM ocop.events WHERE originator_id = %s ORDER BY originator_version"
)


class SignerRuns(Exception):
    """A service signs checkpoints of this database now: its key is not changed meanwhile."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the key, and the leaf of the fact."""

    leaf: int
    before: Key
    now: Key


def told(rows: Iterable[tuple[Any, ...]]) -> list[Change]:
    """Changes out of the rows of ``CHANGES``."""
    return [
        Change(leaf, Key.parse(fact.before), Key.parse(fact.now))
        for leaf, topic, state in rows
        if isinstance(fact := from_bytes(topic, state).data, KeyChanged)
    ]


def changes(connection: psycopg.Connection[Any]) -> list[Change]:
    """All changes of the log's key, the oldest first."""
    return told(connection.execute(CHANGES, (LOG,)).fetchall())


class Succession:
    """Whose turn it is to sign, checkpoint by checkpoint.

    ``given``: keys that are trusted. ``known``: these, and all of the line where one of them is of it.
    """

    def __init__(self, line: Sequence[Change], given: Sequence[Key]) -> None:
        keys = [*(change.before for change in line[:1]), *(change.now for change in line)]
        linked = all(change.before == key for change, key in zip(line, keys, strict=False))
        followed = linked and not set(given).isdisjoint(keys)
        self.known: Sequence[Key] = keys if followed else given
        self._ends = [change.leaf for change in line] if followed else []
        self._turn = 0

    def signs(self, size: int, by: Collection[Key]) -> bool:
        """Whether the next checkpoint, in the order of their sizes, is signed by the key whose turn it is."""
        if not self._ends:
            return bool(by)
        signed = self.known[self._turn] in by
        if signed and self._turn < len(self._ends) and size > self._ends[self._turn]:
            self._turn += 1
        return signed


def known_keys(url: str, given: Sequence[Key]) -> Sequence[Key]:
    """The keys given, and those of this database's log that one of them followed on or was followed by."""
    with psycopg.connect(service_conninfo(url), autocommit=True) as connection:
        return Succession(changes(connection), given).known


def change_key(url: str, writer: Writer, old: LogKey, new: LogKey, memory: Memory) -> int:
    """Enter the change and sign the old key's last checkpoint, over it; its size.

    To be given again where it broke off. Raises Refusal, BrokenLog, and SignerRuns while a service signs.
    """
    conninfo = service_conninfo(url, application_name="ocop-log")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (SIGNER_LOCK,)).fetchone()
        if row is None or not row[0]:
            raise SignerRuns
        if (done := _signed_over(connection, new)) is not None:
            return done
        signer = LogSigner(url, old, memory)
        signer.take_up(connection)
        command = ChangeLogKey(before=old.vkey, now=new.vkey)
        command_id = uuid5(CHANGING, f"{old.vkey}\n{new.vkey}")
        for outcome in writer.carry_out([Order(command_id, LOG, command, ITSELF, command_id.bytes)]):
            if isinstance(outcome, BaseException):
                raise outcome
        while (size := _signed_over(connection, new)) is None:
            signer.step(connection)
        return size


def _signed_over(connection: psycopg.Connection[Any], new: LogKey) -> int | None:
    """Size of the first checkpoint over the change to a key; None before there is one."""
    line = changes(connection)
    if not line or line[-1].now.vkey != new.vkey:
        return None
    query = "SELECT min(tree_size) FROM ocop.checkpoints WHERE tree_size > %s"
    row = connection.execute(query, (line[-1].leaf,)).fetchone()
    size: int | None = row[0] if row else None
    return size
