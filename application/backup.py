"""Backup and restore (sao lưu, phục hồi): one file, consistent in itself, held against its sums when it comes back.

The key store has a file of its own: keys must not come back with the journal, or nothing that was erased stays erased.
Read models are in neither; they are told again. Nor are sessions and tokens: whoever was logged in logs in again.
"""

import hashlib
import json
import os
import struct
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from application.files import keep_folder

JOURNAL = (
    "ocop.events",
    "ocop.commands",
    "ocop.claims",
    "ocop.tiles",
    "ocop.checkpoints",
    "ocop.cosignatures",
    "ocop.timestamps",
    "ocop.personal_reads",
    "access.accounts",
    "access.clients",
    "access.client_secrets",
    "access.identities",
    "access.log",
)
KEYS = ("keys.keys",)
COUNTED = {"ocop.events": "notification_id", "ocop.personal_reads": "read_id", "access.log": "id"}
"""Tables whose rows the database numbers: it goes on after the highest number restored."""
FORMAT = "ocop-backup/1"
MANIFEST = "manifest.json"
PIECE = 1 << 20
SPOILT = (zipfile.BadZipFile, zlib.error, struct.error, KeyError, ValueError, OSError, EOFError, RuntimeError)
"""What the archive's reader raises on a file that is none, or was altered."""
MIGRATIONS = "SELECT name FROM ocop_meta.migrations ORDER BY name"
Connection = psycopg.Connection[tuple[Any, ...]]


class BadBackup(Exception):
    """The file is no backup that this version restores, or was altered; or the database holds something already."""


@dataclass(frozen=True, slots=True)
class Backup:
    """What a backup file holds: rows by table."""

    path: Path
    rows: dict[str, int]


def backup(owner_url: str, tables: Sequence[str], path: Path) -> Backup:
    """Write the tables as they are at one moment, while the service goes on; the file appears whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    rows: dict[str, int] = {}
    sums: dict[str, str] = {}
    descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w+b") as file, psycopg.connect(owner_url) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=3) as archive:
                for table in tables:
                    rows[table], sums[table] = _copy_out(connection, table, archive)
                migrations = [name for (name,) in connection.execute(MIGRATIONS)]
                told = {"format": FORMAT, "migrations": migrations, "rows": rows, "sha256": sums}
                archive.writestr(MANIFEST, json.dumps(told, indent=1))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        keep_folder(path.parent)
    finally:
        draft.unlink(missing_ok=True)
    return Backup(path, rows)


def _copy_out(connection: Connection, table: str, archive: zipfile.ZipFile) -> tuple[int, str]:
    digest = hashlib.sha256()
    query = SQL("COPY {} TO STDOUT (FORMAT BINARY)").format(_named(table))
    with (
        archive.open(table, "w", force_zip64=True) as member,
        connection.cursor() as cursor,
    ):
        with cursor.copy(query) as copy:
            for piece in copy:
                digest.update(piece)
                member.write(piece)
        return max(cursor.rowcount, 0), digest.hexdigest()


def restore(owner_url: str, tables: Sequence[str], path: Path) -> Backup:
    """Put a backup into a database that was just migrated and holds nothing: all of it, or nothing.

    Raises BadBackup. Whether it is the newest state is not for the file to say: see ``application/proof/``.
    """
    try:
        with zipfile.ZipFile(path) as archive, psycopg.connect(owner_url) as connection:
            told = _manifest(archive, tables, [name for (name,) in connection.execute(MIGRATIONS)])
            for table in tables:
                row = connection.execute(SQL("SELECT EXISTS (SELECT FROM {})").format(_named(table))).fetchone()
                if row and row[0]:
                    raise BadBackup(f"{table} holds something already: restore into a new database")
            for table in tables:
                _copy_in(connection, table, archive, told)
            for table, column in COUNTED.items():
                if table in tables:
                    connection.execute(
                        SQL(
                            "SELECT setval(pg_get_serial_sequence({table_name}, {column_name}), max({column}))"
                            " FROM {table} HAVING max({column}) IS NOT NULL"
                        ).format(table_name=table, column_name=column, column=Identifier(column), table=_named(table))
                    )
    except (*SPOILT, psycopg.DataError, psycopg.IntegrityError) as error:
        raise BadBackup(f"{path.name}: {type(error).__name__}") from error
    return Backup(path, told["rows"])


def _manifest(archive: zipfile.ZipFile, tables: Sequence[str], migrations: list[str]) -> dict[str, Any]:
    try:
        told = json.loads(archive.read(MANIFEST))
        known = {"format": told["format"], "tables": set(told["rows"]), "sums": set(told["sha256"])}
    except (ValueError, TypeError) as error:
        raise BadBackup(f"{MANIFEST} cannot be read") from error
    if known != {"format": FORMAT, "tables": set(tables), "sums": set(tables)}:
        raise BadBackup("it is not a backup of these tables in a form that this version knows")
    if told["migrations"] != migrations:
        raise BadBackup(f"it was made at {told['migrations'][-1]}, this database is at {migrations[-1]}")
    found: dict[str, Any] = told
    return found


def _copy_in(connection: Connection, table: str, archive: zipfile.ZipFile, told: dict[str, Any]) -> None:
    digest = hashlib.sha256()
    query = SQL("COPY {} FROM STDIN (FORMAT BINARY)").format(_named(table))
    with archive.open(table) as member, connection.cursor() as cursor:
        with cursor.copy(query) as copy:
            while piece := member.read(PIECE):
                digest.update(piece)
                copy.write(piece)
        if (cursor.rowcount, digest.hexdigest()) != (told["rows"][table], told["sha256"][table]):
            raise BadBackup(f"{table} is not what was written")


def _named(table: str) -> Identifier:
    return Identifier(*table.split("."))
