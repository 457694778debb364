"""The log's keys one after another (các khóa ký nối tiếp): who may sign which checkpoint, and how a key changes.

A change is a fact. The first checkpoint over it is signed by both keys, the last of the old one and the first of the
new: so whoever trusts either can follow to the other, and nobody who holds only one can make the link.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, LiteralString
from uuid import UUID, uuid5

import psycopg

from application.appointing import ITSELF
from application.database import service_conninfo
from application.handle import Order
from application.proof.keys import LogKey
from application.proof.memory import Memory
from application.proof.signer import SIGNER_LOCK, BrokenLog, LogSigner
from application.recorded import from_bytes
from application.writer import Writer
from domain.log.commands import ChangeLogKey
from domain.log.facts import LOG, KeyChanged
from domain.proof.note import Key, verify

CHANGING = UUID("6f636f70-0000-4000-8000-6368616e6765")
"""Namespace of the ids of these commands. Never change it: a change that broke off would be entered twice."""
CHANGES: LiteralString = (
    "SELECT e.topic, e.state, c.tree_size, c.note, e.leaf_index, e.notification_id, e.originator_id,"
    "  e.originator_version"
    " FROM ocop.events AS e LEFT JOIN LATERAL (SELECT tree_size, note FROM ocop.checkpoints"
    "  WHERE tree_size > e.leaf_index ORDER BY tree_size LIMIT 1) AS c ON true"
    " WHERE e.originator_id = %s ORDER BY e.originator_version"
)
"""Changes of the key, each with the first checkpoint over it, if there is one."""


class SignerRuns(Exception):
    """A service signs checkpoints of this database now: its key is not changed meanwhile."""


@dataclass(frozen=True, slots=True)
class Change:
    """A change of the key. ``size``: of the checkpoint that both keys signed; None where there is none (yet)."""

    before: Key
    now: Key
    size: int | None


def told(rows: Iterable[tuple[Any, ...]]) -> list[Change]:
    """Changes out of the rows of ``CHANGES``; none where what is stored of one cannot be read."""
    line, signed = list[Change](), 0
    try:
        for row in rows:
            change = _change(*row[:4])
            # A change that lies under the handover before it is linked by nobody: one key would sign in both places.
            line.append(change if row[4] >= signed else replace(change, size=None))
            signed = line[-1].size or signed
    except Exception:  # whatever spoils it; what is spoilt is for the audit to find and to name
        return []
    return line


def _change(topic: str, state: bytes, size: int | None, note: str | None) -> Change:
    fact = from_bytes(topic, bytes(state)).data
    assert isinstance(fact, KeyChanged), "the stream has no other facts"
    before, now = Key.parse(fact.before), Key.parse(fact.now)
    both = note is not None and [one.key for one in verify(note, [before, now])[1]] == [before, now]
    return Change(before, now, size if both else None)


def changes(connection: psycopg.Connection[Any]) -> list[Change]:
    """All changes of the log's key, the oldest first."""
    try:
        return told(connection.execute(CHANGES, (LOG,)).fetchall())
    except psycopg.DataError:  # a page of the database that cannot be read
        return []


class Succession:
    """Whose turn it is to sign: of checkpoints up to the one that both signed the old key, from it on the new one.

    ``given``: keys that are trusted. ``known``: these, and those of the line that one of them is linked to.
    """

    def __init__(self, line: Sequence[Change], given: Sequence[Key]) -> None:
        self._line = line
        found = set(given)
        for change in [*line, *reversed(line)]:  # forwards, then backwards
            if change.size is not None and found & {change.before, change.now}:
                found |= {change.before, change.now}
        self.known: Sequence[Key] = [*given, *(found - set(given))]

    def signed(self, size: int, by: Collection[Key]) -> bool:
        """Whether a checkpoint is signed by the key whose turn it was."""
        turn: set[Key] = set()
        for change in self._line:
            if change.size is None:
                continue
            if size <= change.size:
                turn = {change.before, change.now} if size == change.size else {change.before}
                break
            turn = {change.now}
        return turn <= set(by) if turn & set(self.known) else bool(by)


def known_keys(url: str, given: Sequence[Key]) -> Sequence[Key]:
    """The keys given, and those of this database's log that they are linked to."""
    with psycopg.connect(service_conninfo(url), autocommit=True) as connection:
        return Succession(changes(connection), given).known


def change_key(url: str, writer: Writer, old: LogKey, new: LogKey, memory: Memory) -> int:
    """Enter the change and sign the checkpoint over it with both keys; its size.

    To be given again where it broke off. Raises Refusal, BrokenLog, and SignerRuns while a service signs.
    """
    conninfo = service_conninfo(url, application_name="ocop-log")
    with psycopg.connect(conninfo, autocommit=True) as connection:
        row = connection.execute("SELECT pg_try_advisory_lock(%s)", (SIGNER_LOCK,)).fetchone()
        if row is None or not row[0]:
            raise SignerRuns
        if (done := _done(connection, old, new)) is not None:
            return done
        signer = LogSigner(url, old, memory, new)
        signer.take_up(connection)
        command = ChangeLogKey(before=old.vkey, now=new.vkey)
        command_id = uuid5(CHANGING, f"{old.vkey}\n{new.vkey}")
        for outcome in writer.carry_out([Order(command_id, LOG, command, ITSELF, command_id.bytes)]):
            if isinstance(outcome, BaseException):
                raise outcome
        while signer.step(connection):
            if (done := _done(connection, old, new)) is not None:
                return done
        raise BrokenLog("the change of the key is not where it was entered")


def _done(connection: psycopg.Connection[Any], old: LogKey, new: LogKey) -> int | None:
    """Size of the checkpoint that both signed; None before there is one."""
    line = changes(connection)
    return line[-1].size if line and (line[-1].before, line[-1].now) == (old.key, new.key) else None
