"""Two services on one database, under load: no update is lost, and a reader of the feed misses nothing.

Each run of load takes 8 seconds by default and a minute with OCOP_SOAK=1.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from application.database import EmbeddedPostgres, migrate
from application.recorded import to_bytes
from application.store import Journal
from application.writer import Answer
from domain.values import Role
from tests.appointed import facts_of, recorded
from tests.load import (
    Acknowledged,
    Load,
    account,
    check_read_models_equal_a_rebuild,
    check_stored_as_acknowledged,
    settled,
    told_of_products,
)
from tests.service import Service, tea_actors
from tests.story import Chapter, actor, tea, until
from tests.test_log import ADD, add_facts
from tests.test_writer import journal_at, order, writer_on

SECONDS = 60 if os.environ.get("OCOP_SOAK") else 8

BULK = 300
"""Commands in one append of the third writer."""

Page = Callable[[int], tuple[list[int], int]]
"""From a position to the positions that follow it, and where to ask next."""


@dataclass
class Reader:
    """Somebody who follows the feed to its end and beyond, page by page, by ``next``."""

    name: str
    page: Page
    seen: list[int] = field(default_factory=list)
    pages: int = 0

    def follow(self, written: threading.Event) -> None:
        after, last = 0, False
        while True:
            positions, after = self.page(after)
            self.seen += positions
            self.pages += 1
            if last and not positions:
                return
            last = written.is_set()
            if not positions:
                time.sleep(0.001)


@contextlib.contextmanager
def reader_of(service: Service) -> Iterator[Reader]:
    """An integrator who reads the feed of one service."""
    with httpx.Client(base_url=service.address, headers=service.headers(Role.INTEGRATOR), timeout=30) as client:

        def page(after: int) -> tuple[list[int], int]:
            answer = client.get("/v1/events", params={"after": after, "limit": 1000})
            assert answer.status_code == 200, answer.text
            told = answer.json()
            return [event["position"] for event in told["events"]], told["next"]

        yield Reader(f"port {service.port}", page)


@contextlib.contextmanager
def reader_at(url: str) -> Iterator[Reader]:
    """The same page as the feed's, asked of the database itself: hardly a moment between two pages."""
    journal = Journal(url)

    def page(after: int) -> tuple[list[int], int]:
        facts = journal.page(after, 1000)
        ours = [fact.position for fact in facts if fact.fact.stored_name.startswith("product.")]
        return ours, facts[-1].position if facts else after

    yield Reader("database", page)
    journal.close()


def bring_in(url: str, load: Load, enough: threading.Event) -> int:
    """A third writer, with hundreds of commands in one append: long appends beside short ones. How many appends."""
    journal = Journal(url)
    writer = writer_on(journal)
    appends = 0
    while not enough.is_set():
        orders = [order("identify-product", Role.COMMUNE_OFFICER) for _ in range(BULK)]
        for given, outcome in zip(orders, writer.carry_out(orders), strict=True):
            assert isinstance(outcome, Answer), repr(outcome)
            load.acknowledged.append(
                Acknowledged(given.command_id, outcome.stream_id, outcome.version, outcome.facts, False, 1, None)
            )
        appends += 1
        enough.wait(0.2)
    journal.close()
    return appends


@dataclass
class Run:
    """What came of a time of load: the writers' account, and what each reader missed."""

    load: Load
    appends: int
    stored: list[int]
    readers: list[Reader]

    @property
    def missed(self) -> dict[str, int]:
        return {reader.name: len(set(self.stored) - set(reader.seen)) for reader in self.readers}

    def __str__(self) -> str:
        pages = ", ".join(f"{reader.name}: {reader.pages} pages" for reader in self.readers)
        long = f"{self.appends * BULK} of the commands in {self.appends} long appends"
        return f"{SECONDS} s: {account(self.load)}; {long}; {pages}; missed {self.missed}"


def under_load(url: str, folder: Path) -> Run:
    """Two services on one database; eight writers who use both, a third process's; three readers who follow."""
    services = [Service(folder / str(n), url) for n in (1, 2)]
    services[0].admit(url)
    services[1].tokens = services[0].tokens
    enough, written = threading.Event(), threading.Event()
    with contextlib.ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor())
        for service in services:
            stack.callback(service.stop)
        list(pool.map(Service.start, services))
        readers = [
            stack.enter_context(reader_of(services[0])),
            stack.enter_context(reader_of(services[1])),
            stack.enter_context(reader_at(url)),
        ]
        stack.callback(written.set)
        following = [pool.submit(reader.follow, written) for reader in readers]
        with Load(services, conditional=0.5) as load:
            stack.callback(enough.set)
            importing = pool.submit(bring_in, url, load, enough)
            time.sleep(SECONDS)
        enough.set()
        appends = importing.result(30)
        written.set()
        for done in following:
            done.result(30)
    return Run(load, appends, [fact.position for fact in told_of_products(url, services)], readers)


WAITING = (
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def append_one(connection: psycopg.Connection[Any]) -> None:
    """One fact in the connection's transaction, which goes on."""
    name, state = to_bytes(recorded(uuid4(), 1, facts_of(actor(Role.COMMUNE_OFFICER))[0]))
    connection.execute(ADD, {"count": 1, "name": name, "state": state})


def without_the_guard(url: str) -> None:
    """Replace ocop.append by itself without the line that takes the lock."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT pg_get_functiondef('ocop.append'::regproc)").fetchone()
        assert row is not None
        lines = row[0].splitlines(keepends=True)
        kept = [line for line in lines if "pg_advisory_xact_lock" not in line]
        assert len(kept) == len(lines) - 1
        connection.execute("".join(kept))
        # The number of a leaf would stop what the lock is there for.
        connection.execute("DROP INDEX ocop.events_leaf")


def test_two_services_lose_no_update_and_a_reader_misses_no_fact(own_database: str, tmp_path: Path) -> None:
    run = under_load(own_database, tmp_path)
    print(f"\nwith the guard, {run}")

    assert run.missed == dict.fromkeys(run.missed, 0)
    for reader in run.readers:
        assert reader.seen == run.stored, reader.name
    assert run.load.unanswered == 0
    check_stored_as_acknowledged(own_database, run.load)
    check_read_models_equal_a_rebuild(own_database)
    winners = [a for a in run.load.acknowledged if a.expected is not None]
    assert winners
    assert run.load.stale
    assert len({(a.product, a.expected) for a in winners}) == len(winners)


def followed(journal: Journal, after: int) -> list[int]:
    return [fact.position for fact in journal.page(after, 100)]


def test_without_the_guard_a_reader_misses_facts(own_database: str) -> None:
    """Two appends that end in the other order than they began: whoever follows has gone past the first by then."""
    without_the_guard(own_database)

    with journal_at(own_database) as journal, psycopg.connect(own_database) as slow:
        append_one(slow)
        with psycopg.connect(own_database) as quick:
            append_one(quick)
        seen = followed(journal, 0)
        slow.commit()
        seen += followed(journal, seen[-1])

        assert followed(journal, 0) == [1, 2]
    assert seen == [2]


def test_with_the_guard_the_second_append_waits_for_the_first(own_database: str) -> None:
    with journal_at(own_database) as journal, psycopg.connect(own_database) as slow:
        append_one(slow)
        quick = threading.Thread(target=add_facts, args=(own_database, 1))
        quick.start()
        with psycopg.connect(own_database, autocommit=True) as connection:
            settled(lambda: connection.execute(WAITING).fetchone() == (1,), 20)
        seen = followed(journal, 0)
        assert seen == []
        slow.commit()
        quick.join(20)
        seen += followed(journal, 0)

    assert seen == [1, 2]


# ── Starting together ───────────────────────────────────────────────────────────────────────────


@pytest.fixture
def new_database(server_url: str) -> Iterator[str]:
    """An empty database in which nothing was migrated."""
    name = f"ocop_test_{secrets.token_hex(6)}"
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    yield make_conninfo(server_url, dbname=name)
    with psycopg.connect(server_url, autocommit=True) as connection:
        for database in (name, f"{name}_keys"):
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")


def migrated(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM ocop_meta.migrations").fetchone()
    return row[0] if row else 0


def test_four_processes_may_migrate_a_new_database_at_once(new_database: str, tmp_path: Path) -> None:
    settings = Service(tmp_path, new_database)
    command = [sys.executable, "-m", "api.cli", "migrate"]
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(
                subprocess.Popen(command, env=settings._env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
            )
            for _ in range(4)
        ]
        said = [process.communicate(timeout=60)[0].decode() for process in started]
    settings.stop()

    assert [process.returncode for process in started] == [0] * 4, said
    assert migrated(new_database) == len(list(files("application.migrations").glob("*.sql")))  # type: ignore[attr-defined]


def work_together(folder: Path, url: str | None) -> None:
    """Three start at once; then people are appointed, and what is told to one is read at each."""
    services = [Service(folder, url, actors=[]) for _ in range(3)]
    with contextlib.ExitStack() as stack:
        for service in services:
            stack.callback(service.stop)
        with ThreadPoolExecutor() as pool:
            list(pool.map(Service.start, services))
        services[0].actors = tea_actors()
        services[0].let_in()
        for service in services:
            service.tokens = services[0].tokens
        for teller in services:
            product = teller.tell(until("endorse-idea", story_of(teller)))
            for reader in services:
                shown = reader.seen(f"/v1/products/{product}", teller.position)
                assert shown["version"] == 7


def story_of(service: Service) -> list[Chapter]:
    """The tea's story under a name of this service's own."""
    name = {"product_name": f"Chè {service.port}"}
    return [(command, role, body | name if "product_name" in body else body) for command, role, body in tea()]


def test_three_services_may_start_at_once_on_a_new_database(new_database: str, tmp_path: Path) -> None:
    work_together(tmp_path, new_database)

    check_read_models_equal_a_rebuild(new_database)


def test_three_services_may_start_at_once_on_a_postgresql_of_their_own() -> None:
    """In a new folder: one makes the server, all use it, the last to leave stops it."""
    with tempfile.TemporaryDirectory(prefix="ocop-test-", ignore_cleanup_errors=True) as folder:
        work_together(Path(folder), None)

        for server in ("postgres", "keys/postgres"):
            assert not (Path(folder) / server / "postmaster.pid").exists()


def test_databases_of_a_new_server_may_be_migrated_at_once() -> None:
    """Databases are many, the service's role is one for all of them."""
    with tempfile.TemporaryDirectory(prefix="ocop-test-", ignore_cleanup_errors=True) as folder:
        embedded = EmbeddedPostgres(Path(folder))
        url = embedded.start()
        for round_ in range(3):
            urls = [make_conninfo(url, dbname=f"db_{round_}_{n}") for n in range(6)]
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("DROP ROLE IF EXISTS ocop_service")
                for n in range(6):
                    connection.execute(f"CREATE DATABASE db_{round_}_{n}")
                together = threading.Barrier(len(urls))
                with ThreadPoolExecutor(len(urls)) as pool:
                    list(pool.map(lambda one: together.wait(10) >= 0 and migrate(one), urls))  # noqa: B023
                assert all(migrated(one) for one in urls)
                for n in range(6):
                    connection.execute(f"DROP DATABASE db_{round_}_{n} WITH (FORCE)")
        embedded.stop()
