"""The event store: the eventsourcing library's Application over PostgreSQL, with our stored names.

Everything the library is used for is here and in ``writer.py``. The recorder appends
through one database function, so facts, idempotency rows and claims are one transaction and one
round trip; see ``migrations/0001_journal.sql``.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, cast
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import DomainEventProtocol
from eventsourcing.persistence import (
    ApplicationRecorder,
    InfrastructureFactory,
    IntegrityError,
    JSONTranscoder,
    Mapper,
    Notification,
    PersistenceError,
    StoredEvent,
    Transcoder,
)
from eventsourcing.postgres import PostgresApplicationRecorder, PostgresFactory
from eventsourcing.utils import Environment, EnvType
from psycopg.conninfo import conninfo_to_dict

from application.arrays import Bigints, Byteas, PackedArray, Texts, Uuids
from application.database import service_conninfo
from application.recorded import Recorded, from_bytes, recorded_at, to_bytes

APPEND = "SELECT ocop.append(%b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b, %b)"
APPEND_SEEING = APPEND.replace("ocop.append(", "ocop.append_seeing(%b, %b, ")
SELECT_STREAMS = (
    "SELECT originator_id, originator_version, topic, state, notification_id FROM ocop.events"
    " WHERE originator_id = ANY(%b) AND notification_id <= %b ORDER BY originator_id, originator_version"
)
SELECT_PAGE = (
    "SELECT originator_id, originator_version, topic, state, notification_id FROM ocop.events"
    " WHERE notification_id > %b AND notification_id <= %b ORDER BY notification_id LIMIT %b"
)
SELECT_SPAN_OF = (
    "SELECT originator_id, originator_version, topic, state, notification_id FROM ocop.events"
    " WHERE originator_id BETWEEN %b AND %b AND topic = ANY(%b) ORDER BY originator_id, originator_version"
)
SELECT_NAMED = (
    "SELECT originator_id, originator_version, topic, state, notification_id FROM ocop.events"
    " WHERE topic = %b ORDER BY notification_id"
)
SELECT_FACT = (
    "SELECT originator_id, originator_version, topic, state, notification_id FROM ocop.events"
    " WHERE originator_id = %b AND originator_version = %b"
)
SELECT_LATEST = (
    "SELECT originator_version, notification_id FROM ocop.events WHERE originator_id = %s"
    " ORDER BY originator_version DESC LIMIT 1"
)
SELECT_NEXT = (
    "SELECT originator_id, originator_version, topic, state, notification_id FROM ocop.events"
    " WHERE notification_id >= %b ORDER BY notification_id LIMIT 1"
)
SELECT_LAST = (
    "SELECT originator_id, originator_version, topic, state, notification_id FROM ocop.events"
    " WHERE notification_id <= %b ORDER BY notification_id DESC LIMIT %b"
)
SELECT_SIGNED = (
    "SELECT tree_size, root FROM ocop.checkpoints"
    " WHERE tree_size > (SELECT leaf_index FROM ocop.events WHERE notification_id = %s) ORDER BY tree_size LIMIT 1"
)
SELECT_COMMAND = "SELECT digest, product_id, from_version, to_version FROM ocop.commands WHERE command_id = %s"
LATEST = 2**62
SIDE_BY_SIDE = 256
"""Facts at most that processes record between one's instant and its append."""
StoreError = PersistenceError
"""What a journal raises when the database does not answer."""


class FactMapper(Mapper[UUID]):
    """Between recorded facts and stored rows; stored names and versions are our own."""

    def to_stored_event(self, domain_event: DomainEventProtocol[UUID]) -> StoredEvent:
        """Row of a recorded fact."""
        recorded = cast("Recorded", domain_event)
        name, state = to_bytes(recorded)
        return StoredEvent(recorded.originator_id, recorded.originator_version, name, state)

    def to_domain_event(self, stored_event: StoredEvent) -> DomainEventProtocol[UUID]:
        """Recorded fact of a row, with its position where the row has one."""
        position = stored_event.id if isinstance(stored_event, Notification) else 0
        return Recorded(
            cast("UUID", stored_event.originator_id),
            stored_event.originator_version,
            from_bytes(stored_event.topic, stored_event.state),
            position,
        )


@dataclass(frozen=True, slots=True)
class CommandRow:
    """What is remembered of a command under its id: the answer to every retry."""

    command_id: UUID
    digest: bytes
    stream_id: UUID
    from_version: int
    to_version: int


@dataclass(slots=True)
class Beside:
    """What is written in the same transaction as the facts.

    ``seen``: streams that were decided on and not changed, with their versions: they must not have moved on.
    """

    commands: list[CommandRow] = field(default_factory=list)
    claims: list[tuple[bytes, UUID]] = field(default_factory=list)
    released: list[bytes] = field(default_factory=list)
    seen: dict[UUID, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stored:
    """A row of the journal as it is, not read yet."""

    stream: UUID
    version: int
    position: int
    name: str
    state: bytes


class Conflict(Exception):
    """The append was refused as a whole, nothing was stored. ``what``: "version", "command" or "claim"."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


_CONSTRAINTS = {"events_pkey": "version", "commands_pkey": "command", "claims_pkey": "claim"}


class FactRecorder(PostgresApplicationRecorder):
    """The library's recorder with our append.

    Its own table lock, retries and NOTIFY are not used: the function serialises, and the writer resolves
    unknown outcomes by the command's key.
    """

    def insert_events(
        self, stored_events: Sequence[StoredEvent], *, beside: Beside | None = None, **_: Any
    ) -> Sequence[int]:
        """Append rows with their commands and claims; positions in the given order."""
        b = beside or Beside()
        params: tuple[PackedArray, ...] = (
            Uuids(cast("UUID", e.originator_id) for e in stored_events),
            Bigints(e.originator_version for e in stored_events),
            Texts(e.topic for e in stored_events),
            Byteas(e.state for e in stored_events),
            Uuids(c.command_id for c in b.commands),
            Byteas(c.digest for c in b.commands),
            Uuids(c.stream_id for c in b.commands),
            Bigints(c.from_version for c in b.commands),
            Bigints(c.to_version for c in b.commands),
            Byteas(key for key, _product in b.claims),
            Uuids(product for _key, product in b.claims),
            Byteas(b.released),
        )
        query, name = APPEND, "append"
        if b.seen:
            query, name = APPEND_SEEING, "append_seeing"
            params = (Uuids(b.seen), Bigints(b.seen.values()), *params)
        with self.datastore.get_connection() as connection:
            rows = connection.execute(query, params, prepare=True).fetchall()
        return [row[name] for row in rows]


class FactFactory(PostgresFactory):
    """Builds recorder and mapper for one database URL, on tables made by our migrations."""

    application_recorder_class = FactRecorder

    def __init__(self, env: Environment) -> None:
        super().__init__(env)
        pool = self.datastore.pool
        wanted = conninfo_to_dict(service_conninfo(env["DATABASE_URL"]))
        pool.kwargs = {**cast("dict[str, Any]", pool.kwargs), **wanted}
        # The pool tries again after 1, 2, 4 … seconds: kept short, or a long outage is followed by another.
        pool.reconnect_timeout = 5.0

    def application_recorder(self) -> ApplicationRecorder:
        """The recorder of ocop.events; the table exists already."""
        return FactRecorder(self.datastore, events_table_name="events")

    def mapper(self, **_: Any) -> Mapper[UUID]:  # type: ignore[override]
        """Our mapper; the library's transcoder, compressor and cipher are not used."""
        return FactMapper(JSONTranscoder())


class Journal(Application[UUID]):
    """All streams: append, read a stream, read everything in order."""

    name = "ocop"

    def __init__(self, url: str, *, pool_size: int = 2) -> None:
        parts = conninfo_to_dict(url)
        super().__init__(
            {
                "DATABASE_URL": url,
                "POSTGRES_DBNAME": str(parts.get("dbname") or ""),
                "POSTGRES_HOST": str(parts.get("host") or ""),
                "POSTGRES_PORT": str(parts.get("port") or "5432"),
                "POSTGRES_USER": str(parts.get("user") or ""),
                "POSTGRES_PASSWORD": str(parts.get("password") or ""),
                "POSTGRES_SCHEMA": "ocop",
                "POSTGRES_POOL_SIZE": str(pool_size),
                "POSTGRES_MAX_OVERFLOW": "0",
                "POSTGRES_CONNECT_TIMEOUT": "5",
                "POSTGRES_PRE_PING": "n",
                "CREATE_TABLE": "n",
            }
        )

    def construct_env(self, name: str, env: EnvType | None = None) -> Environment:
        """Only what we pass counts: a stray variable of the shell must not choose another store."""
        return Environment(name, dict(env or {}))

    def construct_factory(self, env: Environment) -> InfrastructureFactory[Any]:
        """Our factory, not one named in the environment."""
        return FactFactory(env)

    def construct_transcoder(self) -> Transcoder:
        """Unused by our mapper, wanted by the library's constructor."""
        return JSONTranscoder()

    def append(self, recorded: Sequence[Recorded], beside: Beside) -> list[int]:
        """Store facts, commands and claims in one transaction; positions of the facts.

        Raises Conflict when a version, command or claim exists already (nothing is stored), and the
        library's OperationalError or InterfaceError when the outcome is unknown.
        """
        stored = [self.mapper.to_stored_event(cast("DomainEventProtocol[UUID]", r)) for r in recorded]
        try:
            positions = self.recorder.insert_events(stored, beside=beside)
        except IntegrityError as error:
            cause = error.__cause__
            constraint = cause.diag.constraint_name if isinstance(cause, psycopg.Error) else None
            raise Conflict(_CONSTRAINTS.get(constraint or "", "version")) from error
        return list(positions or [])

    def streams(self, streams: Iterable[UUID], up_to: int = LATEST) -> list[Recorded]:
        """All facts of some streams, by stream and version, not beyond a position."""
        with self._connection() as connection:
            rows = connection.execute(SELECT_STREAMS, (list(streams), up_to), prepare=True, binary=True).fetchall()
        return [_recorded(row) for row in rows]

    def page(self, after: int, limit: int, up_to: int = LATEST) -> list[Recorded]:
        """The next facts in order, after a position and not beyond another."""
        with self._connection() as connection:
            rows = connection.execute(SELECT_PAGE, (after, up_to, limit), prepare=True, binary=True).fetchall()
        return [_recorded(row) for row in rows]

    def span_of(self, names: Sequence[str], first: UUID, last: UUID) -> list[Stored]:
        """Facts of some stored names in the streams from one id to another, by stream and version, as stored."""
        with self._connection() as connection:
            rows = connection.execute(SELECT_SPAN_OF, (first, last, list(names)), prepare=True, binary=True).fetchall()
        return [
            Stored(r["originator_id"], r["originator_version"], r["notification_id"], r["topic"], bytes(r["state"]))
            for r in rows
        ]

    def named(self, name: str) -> list[Recorded]:
        """All facts of a stored name, in order. It looks at every row: for what is done once at start."""
        with self._connection() as connection:
            rows = connection.execute(SELECT_NAMED, (name,), binary=True).fetchall()
        return [_recorded(row) for row in rows]

    def head(self) -> int:
        """Position of the newest fact; 0 when there is none."""
        with self._connection() as connection:
            return self._head(connection)

    def _head(self, connection: Any) -> int:
        row = connection.execute("SELECT max(notification_id) FROM ocop.events").fetchone()
        return (row and row["max"]) or 0

    def last_before(self, position: int) -> int:
        """Position of the newest fact that is not beyond a position; 0 when there is none."""
        with self._connection() as connection:
            row = connection.execute(SELECT_LAST, (position, 1), prepare=True, binary=True).fetchone()
        return row["notification_id"] if row else 0

    def known_at(self, instant: datetime) -> int:
        """Position of the newest fact known at an instant.

        None up to it was recorded later, unless a machine's clock was ahead and set back: facts that look so for long
        are passed over, back to the last that does not. Found by halving. Processes that write side by side may order
        their instants otherwise than their facts, by less than a batch: the last of those found are looked at one by
        one.
        """
        with self._connection() as connection:

            def at(position: int) -> tuple[int, datetime] | None:
                row = connection.execute(SELECT_NEXT, (position,), prepare=True, binary=True).fetchone()
                return (row["notification_id"], recorded_at(bytes(row["state"]))) if row else None

            low, high = 0, self._head(connection)
            while low < high:
                middle = (low + high + 1) // 2
                found = at(middle)
                if found is not None and found[1] <= instant:
                    low = max(found[0], middle)
                else:
                    high = middle - 1
            rows = connection.execute(SELECT_LAST, (low, SIDE_BY_SIDE), prepare=True, binary=True).fetchall()
            while rows and recorded_at(bytes(rows[-1]["state"])) > instant:
                before = rows[-1]["notification_id"] - 1
                rows = connection.execute(SELECT_LAST, (before, SIDE_BY_SIDE), prepare=True, binary=True).fetchall()
        known = 0
        for row in reversed(rows):
            if recorded_at(bytes(row["state"])) > instant:
                break
            known = row["notification_id"]
        return known

    def signed_over(self, position: int) -> tuple[int, bytes] | None:
        """Size and root of the first signed checkpoint over the facts up to one; None while there is none."""
        with self._connection() as connection:
            row = connection.execute(SELECT_SIGNED, (position,), prepare=True).fetchone()
        return (row["tree_size"], bytes(row["root"])) if row else None

    def latest(self, stream: UUID) -> tuple[int, int]:
        """Version and position of a stream's newest fact; (0, 0) when it has none."""
        with self._connection() as connection:
            row = connection.execute(SELECT_LATEST, (stream,), prepare=True).fetchone()
        return (row["originator_version"], row["notification_id"]) if row else (0, 0)

    def fact_at(self, stream: UUID, version: int) -> Recorded | None:
        """One fact of a stream, if it has come that far."""
        with self._connection() as connection:
            row = connection.execute(SELECT_FACT, (stream, version), prepare=True, binary=True).fetchone()
        return _recorded(row) if row else None

    def command(self, command_id: UUID) -> CommandRow | None:
        """What a command id was used for, if it was."""
        with self._connection() as connection:
            row = connection.execute(SELECT_COMMAND, (command_id,)).fetchone()
        if row is None:
            return None
        return CommandRow(command_id, bytes(row["digest"]), row["product_id"], row["from_version"], row["to_version"])

    def claimed_by(self, key: bytes) -> UUID | None:
        """The product that holds a claim, if one does."""
        with self._connection() as connection:
            row = connection.execute("SELECT product_id FROM ocop.claims WHERE key = %s", (key,)).fetchone()
        return row["product_id"] if row else None

    def _connection(self) -> Any:
        return cast("FactRecorder", self.recorder).datastore.get_connection()


def _recorded(row: dict[str, Any]) -> Recorded:
    return Recorded(
        row["originator_id"],
        row["originator_version"],
        from_bytes(row["topic"], bytes(row["state"])),
        row["notification_id"],
    )
