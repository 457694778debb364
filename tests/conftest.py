"""One PostgreSQL server for each worker (embedded, or OCOP_TEST_DATABASE_URL); a fresh database per module."""

import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from hypothesis import settings
from psycopg.conninfo import make_conninfo

from application.database import EmbeddedPostgres, migrate, migrate_keys
from application.proof.memory import Memory
from application.store import Journal
from domain.law.book import law_book
from projections.catalogue import read_models
from projections.engine import Projector
from tests.service import TEMPLATES, Service, keys_of, server_of

# How long an example takes says something about the machine's other work, nothing about the example.
settings.register_profile("ocop", deadline=None)
settings.load_profile("ocop")


# Not with everything that was at hand where an error was raised, which takes seconds to write out.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.dev.ConsoleRenderer(colors=False),
    ]
)


LONGEST = ("crash", "two_processes", "walk", "erasure", "numbers", "register_loading", "fuzz", "matrix_http", "openid")
"""Files that take longest: they begin first, so that no worker has one left when the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others as they were; and each test under a name of its own.

    Generated tests of one function come with one id between them: workers take those for one test and run the first.
    """
    order = {f"test_{name}": number for number, name in enumerate(LONGEST)}
    items.sort(key=lambda item: order.get(item.path.stem, len(order)))
    for item in items:
        if not item.nodeid.endswith(item.name) and item.parent is not None:
            item._id = item.parent.id.child(item.name)
    assert len({item.nodeid for item in items}) == len(items)


@pytest.fixture(scope="session")
def server_url() -> Iterator[str]:
    given = os.environ.get("OCOP_TEST_DATABASE_URL")
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory(prefix="ocop-test-", ignore_cleanup_errors=True) as folder:
        embedded = EmbeddedPostgres(Path(folder))
        url = embedded.start()
        with psycopg.connect(url, autocommit=True) as connection:
            for setting in ("fsync", "full_page_writes"):  # nobody needs these databases after a power cut
                connection.execute(f"ALTER SYSTEM SET {setting} = off")
            connection.execute("SELECT pg_reload_conf()")
        yield url
        embedded.stop()


@pytest.fixture(scope="session")
def template(server_url: str) -> Iterator[str]:
    """Name of a migrated, empty database that others are copied from; its key store is ``TEMPLATES``'s."""
    name = f"ocop_template_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        for database in (name, f"{name}_keys"):
            connection.execute(f"CREATE DATABASE {database}")
        migrate(make_conninfo(server_url, dbname=name))
        migrate_keys(make_conninfo(server_url, dbname=f"{name}_keys"))
        TEMPLATES[server_of(server_url)] = f"{name}_keys"
        yield name
        TEMPLATES.clear()
        for database in (name, f"{name}_keys"):
            connection.execute(f"DROP DATABASE {database} WITH (FORCE)")


def fresh_database(server_url: str, template: str) -> Iterator[str]:
    name = f"ocop_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
    yield make_conninfo(server_url, dbname=name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        for database in (name, f"{name}_keys"):
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


@pytest.fixture(scope="module")
def database(server_url: str, template: str) -> Iterator[str]:
    """A migrated, empty database for the module."""
    yield from fresh_database(server_url, template)


@pytest.fixture
def own_database(server_url: str, template: str) -> Iterator[str]:
    """A migrated, empty database for one test."""
    yield from fresh_database(server_url, template)


@pytest.fixture
def own_keys(own_database: str) -> str:
    """The key store beside the test's database, migrated and empty; it goes with the database."""
    return keys_of(own_database)


@pytest.fixture(scope="module")
def service(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The real service as a process, on the module's database."""
    running = Service(tmp_path_factory.mktemp("service"), database).start()
    yield running
    running.stop()


def projector_for(url: str) -> Projector:
    return Projector(url, Journal(url), read_models(law_book()))


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    """Where a test's log is remembered outside its database."""
    return Memory(tmp_path / "log.checkpoint")
