"""What every measurement stands on: one embedded server, fresh databases, processes, figures."""

import json
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier
from rich.console import Console

from application.database import EmbeddedPostgres, migrate
from domain.values import Actor, Role
from tests.service import Service
from tests.story import actor

console = Console(stderr=True)

NO_TOKEN = "0" * 43
ACTORS = [actor(r) for r in (Role.COMMUNE_OFFICER, Role.PRODUCER, Role.SUPERVISOR, Role.INTEGRATOR)]


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table. ``target`` None: shown for information only."""

    name: str
    figure: str
    value: float
    unit: str
    target: float | None = None
    at_least: bool = True

    @property
    def met(self) -> bool:
        """Whether the target is reached; a line without a target always is."""
        if self.target is None:
            return True
        return self.value >= self.target if self.at_least else self.value <= self.target

    @property
    def cells(self) -> tuple[str, str, str, str]:
        """Name, figure, value, target."""
        if self.target is None:
            return self.name, self.figure, _number(self.value, self.unit), "–"
        wanted = f"{'≥' if self.at_least else '≤'} {_number(self.target, self.unit)}"
        return self.name, self.figure, _number(self.value, self.unit), wanted


def _number(value: float, unit: str) -> str:
    digits = 0 if float(value).is_integer() or value >= 1000 else 1 if value >= 20 else 2
    return f"{value:,.{digits}f} {unit}".strip()


@dataclass(frozen=True, slots=True)
class Ground:
    """A running server of our own in a temporary folder. ``quick``: short rounds, small numbers."""

    url: str
    folder: Path
    quick: bool
    running: list[Service] = field(default_factory=list)

    def database(self, *, migrated: bool = True, template: str | None = None) -> str:
        """URL of a new database: migrated, empty, or a copy of another one."""
        name = f"bench_{secrets.token_hex(4)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            source = SQL(" TEMPLATE {}").format(Identifier(database_name(template))) if template else SQL("")
            connection.execute(SQL("CREATE DATABASE {}{}").format(Identifier(name), source))
        url = make_conninfo(self.url, dbname=name)
        if migrated and not template:
            migrate(url)
        return url

    def drop(self, url: str) -> None:
        """Drop a database."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            for name in (database_name(url), f"{database_name(url)}_keys"):
                connection.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(Identifier(name)))

    def checkpoint(self) -> None:
        """Write what is to be written before the next round, not during it."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("CHECKPOINT")

    def serve(self, name: str, url: str, module: str | None = None, actors: Sequence[Actor] = tuple(ACTORS)) -> Service:
        """A service as a process: ours, or another module that serves the same way."""
        if module:
            # What asks for no token gets one of the same length; nobody can be appointed in its database.
            service = Service(self.folder / name, url, (sys.executable, "-m", module), actors=[])
            service.tokens = {actor.person: NO_TOKEN for actor in actors}
        else:
            service = Service(self.folder / name, url, actors=actors)
        service.start()
        self.running.append(service)
        return service


def database_name(url: str) -> str:
    """Name of a database out of its URL."""
    return str(conninfo_to_dict(url)["dbname"])


@contextmanager
def ground(*, quick: bool) -> Iterator[Ground]:
    """The server for one run; all of it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="ocop-bench-", ignore_cleanup_errors=True) as folder:
        embedded = EmbeddedPostgres(Path(folder) / "server")
        made = Ground(embedded.start(), Path(folder), quick)
        try:
            yield made
        finally:
            for service in made.running:
                service.stop()
            embedded.stop()


@contextmanager
def helper(module: str, settings: dict[str, Any]) -> Iterator[subprocess.Popen[str]]:
    """A module as a process that reads its settings from the first line of its input; ended with the block."""
    process = subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={k: v for k, v in os.environ.items() if not k.startswith("OCOP_")},
    )
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(settings) + "\n")
        process.stdin.flush()
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def answer(process: subprocess.Popen[str], patience: float) -> dict[str, Any]:
    """What a helper printed, its standard input closed first; raises when it failed or took too long."""
    out, _ = process.communicate(timeout=patience)
    if process.returncode:
        raise RuntimeError(f"the load generator ended with {process.returncode}")
    found: dict[str, Any] = json.loads(out)
    return found


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return float(statistics.median(values))


def spread(values: Sequence[float]) -> str:
    """The middle one and the extremes."""
    return f"{median(values):,.0f} ({min(values):,.0f}–{max(values):,.0f})"


def percentile(values: Sequence[float], share: float) -> float:
    """The value below which a share of the values lies."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else float("nan")
