"""The key store: keys of sealed content, each wrapped by the master key, in a database apart from the journal's.

A key belongs to a subject and a purpose. Destroying it leaves a tombstone, so that the same key is never made again;
a subject that comes back gets the next generation. Backups of this store live 30 days at most; after one was
restored, ``bury`` puts the destroyed keys back into their graves.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, LiteralString, Protocol, TypeVar
from uuid import UUID

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool

from application.arrays import Byteas, Texts, Uuids
from application.database import CannotMigrate, migrate, migrate_keys, service_conninfo
from application.store import StoreError

SHEETS = "sheets"
"""Purpose of the keys of score sheets: a key a session, round and product, known by the subject's own id."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept; ``wrapped`` None: destroyed. Instants in UTC."""

    key_id: UUID
    subject: UUID
    purpose: str
    generation: int
    wrapped: bytes | None
    made_at: datetime
    destroyed_at: datetime | None = None
    why: str | None = None


@dataclass(frozen=True, slots=True)
class WrappedKey:
    """A living key, or one that is to become one, sealed with the master key."""

    key_id: UUID
    subject: UUID
    purpose: str
    wrapped: bytes


class KeyStore(Protocol):
    """Where wrapped keys are kept. Raises StoreError when it does not answer."""

    def make(self, wanted: Sequence[WrappedKey]) -> list[WrappedKey]:
        """Keep each key whose subject has no living one for its purpose; the living ones, in whatever order.

        One may be missing: the key that was in the way was destroyed in that very moment.
        """

    def current(self, subject: UUID, purpose: str) -> Key | None:
        """The subject's living key for a purpose."""

    def find(self, ids: Sequence[UUID]) -> list[Key]:
        """Keys by their ids, the destroyed ones too."""

    def of_subjects(self, subjects: Sequence[UUID]) -> list[Key]:
        """All keys of some subjects, by purpose and generation, the destroyed ones too."""

    def destroy(self, subject: UUID, purposes: Sequence[str], why: str) -> list[Key]:
        """Destroy the subject's living keys for some purposes; asked again for the same reason, the same keys."""

    def destroyed(self) -> list[Key]:
        """Every destroyed key, the oldest first."""

    def bury(self, keys: Sequence[Key]) -> int:
        """Destroy these keys, and remember those that are not known; how many that changed."""


class MemoryKeys:
    """Keys of one process: for tests and benches."""

    def __init__(self) -> None:
        self._kept: dict[UUID, Key] = {}

    def make(self, wanted: Sequence[WrappedKey]) -> list[WrappedKey]:
        """Keep each key whose subject has no living one for its purpose; the living ones, in whatever order."""
        for new in wanted:
            if new.key_id not in self._kept and self.current(new.subject, new.purpose) is None:
                before = [k for k in self._kept.values() if (k.subject, k.purpose) == (new.subject, new.purpose)]
                made = Key(new.key_id, new.subject, new.purpose, len(before) + 1, new.wrapped, datetime.now(UTC))
                self._kept[new.key_id] = made
        living = [self.current(new.subject, new.purpose) for new in wanted]
        return [WrappedKey(k.key_id, k.subject, k.purpose, k.wrapped) for k in living if k and k.wrapped]

    def current(self, subject: UUID, purpose: str) -> Key | None:
        """The subject's living key for a purpose."""
        return next(
            (k for k in self._kept.values() if (k.subject, k.purpose) == (subject, purpose) and k.wrapped is not None),
            None,
        )

    def find(self, ids: Sequence[UUID]) -> list[Key]:
        """Keys by their ids, the destroyed ones too."""
        return [self._kept[key_id] for key_id in ids if key_id in self._kept]

    def of_subjects(self, subjects: Sequence[UUID]) -> list[Key]:
        """All keys of some subjects, by purpose and generation, the destroyed ones too."""
        found = [k for k in self._kept.values() if k.subject in set(subjects)]
        return sorted(found, key=lambda k: (k.subject, k.purpose, k.generation))

    def destroy(self, subject: UUID, purposes: Sequence[str], why: str) -> list[Key]:
        """Destroy the subject's living keys for some purposes; asked again for the same reason, the same keys."""
        of_subject = self.of_subjects([subject])
        if not any(k.why == why for k in of_subject):
            for k in of_subject:
                if k.purpose in purposes and k.wrapped is not None:
                    self._kept[k.key_id] = replace(k, wrapped=None, destroyed_at=datetime.now(UTC), why=why)
        return [k for k in self.of_subjects([subject]) if k.why == why]

    def destroyed(self) -> list[Key]:
        """Every destroyed key, the oldest first."""
        return [k for k in self._kept.values() if k.wrapped is None]

    def bury(self, keys: Sequence[Key]) -> int:
        """Destroy these keys, and remember those that are not known; how many that changed."""
        fresh = [k for k in keys if k.key_id not in self._kept or self._kept[k.key_id].wrapped is not None]
        self._kept |= {k.key_id: k for k in fresh}
        return len(fresh)


Row = TypeVar("Row")

_COLUMNS: LiteralString = "key_id, subject, purpose, generation, wrapped, made_at, destroyed_at, why"


class DatabaseKeys:
    """Keys in ``keys.keys``, made and destroyed through functions of the database and in no other way."""

    def __init__(self, pool: "ConnectionPool[Any]") -> None:
        self._pool = pool

    def make(self, wanted: Sequence[WrappedKey]) -> list[WrappedKey]:
        """Keep each key whose subject has no living one for its purpose; the living ones, in whatever order."""
        return self._rows(
            WrappedKey,
            "SELECT key_id, subject, purpose, wrapped FROM keys.make(%b, %b, %b, %b)",
            Uuids(new.key_id for new in wanted),
            Uuids(new.subject for new in wanted),
            Texts(new.purpose for new in wanted),
            Byteas(new.wrapped for new in wanted),
        )

    def current(self, subject: UUID, purpose: str) -> Key | None:
        """The subject's living key for a purpose."""
        query: LiteralString = (
            f"SELECT {_COLUMNS} FROM keys.keys WHERE subject = %s AND purpose = %s AND destroyed_at IS NULL"
        )
        found = self._keys(query, subject, purpose)
        return found[0] if found else None

    def find(self, ids: Sequence[UUID]) -> list[Key]:
        """Keys by their ids, the destroyed ones too."""
        return self._keys(f"SELECT {_COLUMNS} FROM keys.keys WHERE key_id = ANY(%s)", list(ids)) if ids else []

    def of_subjects(self, subjects: Sequence[UUID]) -> list[Key]:
        """All keys of some subjects, by purpose and generation, the destroyed ones too."""
        query: LiteralString = (
            f"SELECT {_COLUMNS} FROM keys.keys WHERE subject = ANY(%s) ORDER BY subject, purpose, generation"
        )
        return self._keys(query, list(subjects)) if subjects else []

    def destroy(self, subject: UUID, purposes: Sequence[str], why: str) -> list[Key]:
        """Destroy the subject's living keys for some purposes; asked again for the same reason, the same keys."""
        return self._keys(f"SELECT {_COLUMNS} FROM keys.destroy(%s, %s, %s)", subject, list(purposes), why)

    def destroyed(self) -> list[Key]:
        """Every destroyed key, the oldest first."""
        query: LiteralString = (
            f"SELECT {_COLUMNS} FROM keys.keys WHERE destroyed_at IS NOT NULL ORDER BY destroyed_at, key_id"
        )
        return self._keys(query)

    def bury(self, keys: Sequence[Key]) -> int:
        """Destroy these keys, and remember those that are not known; how many that changed."""
        columns = ("key_id", "subject", "purpose", "generation", "made_at", "destroyed_at", "why")
        with self._pool.connection() as connection:
            row = connection.execute(
                "SELECT keys.bury(%s::uuid[], %s::uuid[], %s::text[], %s::int[],"
                " %s::timestamptz[], %s::timestamptz[], %s::text[])",
                [[getattr(key, name) for key in keys] for name in columns],
            ).fetchone()
        return int(row[0]) if row else 0

    def _keys(self, query: LiteralString, *values: Any) -> list[Key]:
        return self._rows(Key, query, *values)

    def _rows(self, kind: type[Row], query: LiteralString, *values: Any) -> list[Row]:
        try:
            with self._pool.connection() as connection:
                return [kind(*row) for row in connection.execute(query, values, prepare=True, binary=True)]
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            # To the writer it is the store that is away: it waits and decides again.
            raise StoreError(str(error)) from error


# ── Moving in, and being apart ────────────────────────────────────────────────────────────────


def key_pool(keys_url: str) -> "ConnectionPool[Any]":
    """Connections to the key store, for the keeper."""
    return ConnectionPool(
        service_conninfo(keys_url, application_name="ocop-keys"),
        min_size=1,
        max_size=4,
        timeout=5,
        kwargs={"autocommit": True},
        open=True,
    )


def same_database(url: str, keys_url: str) -> bool:
    """Whether both name one database: then every backup of the journal would bring destroyed keys back."""

    def place(given: str) -> tuple[str, ...]:
        parts = conninfo_to_dict(given)
        return tuple(str(parts.get(name) or "") for name in ("host", "port", "dbname"))

    return place(url) == place(keys_url)


def prepare_key_store(owner_url: str) -> list[str]:
    """Bring the key store to its schema; the names of the migrations applied."""
    return migrate_keys(owner_url)


def migrate_with_keys(owner_url: str, keys_owner_url: str) -> list[str]:
    """Bring the journal's database up to date; keys that still lie in it move to the key store, which is ready."""

    def move(connection: psycopg.Connection[Any]) -> None:
        rows = connection.execute("SELECT subject, wrapped, added_at FROM ocop.keys").fetchall()
        try:
            with psycopg.connect(keys_owner_url) as keys, keys.cursor() as cursor:
                cursor.executemany(
                    "INSERT INTO keys.keys (key_id, subject, purpose, generation, wrapped, made_at)"
                    f" VALUES (%s, %s, '{SHEETS}', 1, %s, %s) ON CONFLICT DO NOTHING",
                    [(subject, subject, wrapped, added_at) for subject, wrapped, added_at in rows],
                )
        except psycopg.Error as error:
            raise CannotMigrate(f"keys could not be moved to the key store: {type(error).__name__}") from error
        connection.execute("SET LOCAL ocop.keys_moved = 'yes'")

    return migrate(owner_url, {"0006_personal.sql": move})


def as_lines(keys: Iterable[Key]) -> list[dict[str, Any]]:
    """Destroyed keys for a file: ids, purposes and days; nothing that says whose they were."""
    return [{name: value for name, value in asdict(key).items() if name != "wrapped"} for key in keys]


def from_lines(lines: Iterable[dict[str, Any]]) -> list[Key]:
    """Destroyed keys out of such a file; raises ValueError, KeyError or TypeError when it is not one."""
    return [
        Key(
            UUID(line["key_id"]),
            UUID(line["subject"]),
            str(line["purpose"]),
            int(line["generation"]),
            None,
            datetime.fromisoformat(line["made_at"]),
            datetime.fromisoformat(line["destroyed_at"]),
            str(line["why"]),
        )
        for line in lines
    ]
