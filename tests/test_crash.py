"""kill -9 of the service and of PostgreSQL under eight writers: nothing is lost, nothing is doubled.

By default 20 kills of the service, then 20 of PostgreSQL, the service or both; with OCOP_SOAK=1 100 of each.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import httpx
import psutil
import psycopg
import pytest

from application.database import EmbeddedPostgres
from application.store import Journal, StoreError
from tests.conftest import projector_for
from tests.load import Load, account, check_read_models_equal_a_rebuild, check_stored_as_acknowledged, settled
from tests.service import Service
from tests.test_writer import opened, writer_on

KILLS = 100 if os.environ.get("OCOP_SOAK") else 20
BETWEEN = 25
"""Commands acknowledged between two kills, at least."""
PROJECTOR_ENDS = 8.0
"""Seconds within which a projector ends after its service was killed."""


def children(service: Service) -> list[psutil.Process]:
    assert service.process is not None
    return psutil.Process(service.process.pid).children(recursive=True)


def ended(orphans: list[psutil.Process]) -> None:
    settled(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in orphans), PROJECTOR_ENDS)


def kill_service(service: Service) -> None:
    """kill -9 and start again; the projector that was its child ends by itself."""
    orphans = children(service)
    assert len(orphans) == 1
    service.kill()
    service.start()
    ended(orphans)


@pytest.fixture
def killable(own_database: str, tmp_path: Path) -> Iterator[Service]:
    running = Service(tmp_path / "service", own_database).start()
    yield running
    running.stop()


def test_killing_the_service_loses_nothing_and_doubles_nothing(own_database: str, killable: Service) -> None:
    service = killable
    began = time.monotonic()
    with Load([service]) as load:
        for _ in range(KILLS):
            load.wait_for(BETWEEN)
            time.sleep(random.uniform(0, 0.3))
            kill_service(service)
        load.wait_for(BETWEEN)
    print(f"\n{KILLS} kills of the service in {time.monotonic() - began:.0f} s: {account(load)}")
    service.stop()

    check_stored_as_acknowledged(own_database, load)
    check_read_models_equal_a_rebuild(own_database)
    assert any(a.repeated for a in load.acknowledged), "no kill fell between storing and answering"


@pytest.fixture
def self_contained() -> Iterator[Service]:
    """A service with a PostgreSQL of its own under its folder."""
    with tempfile.TemporaryDirectory(prefix="ocop-test-", ignore_cleanup_errors=True) as folder:
        service = Service(Path(folder), None).start()
        embedded = EmbeddedPostgres(Path(folder))
        try:
            yield service
        finally:
            service.stop()
            embedded.start()
            embedded.stop()


def postmaster(folder: Path) -> psutil.Process:
    found = psutil.Process(int((folder / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0]))
    assert found.name() == "postgres"
    return found


def projected(service: Service, position: int) -> bool:
    """Whether the service answers and its read models have come so far."""
    try:
        answer = service.client.get("/health/ready", timeout=5)
    except httpx.TransportError:
        return False
    return answer.status_code == 200 and all(m["position"] >= position for m in answer.json()["read_models"])


def test_killing_postgresql_and_the_service_loses_nothing_and_doubles_nothing(self_contained: Service) -> None:
    service = self_contained
    blows = ["postgresql", "postgresql", "service", "both"] * (KILLS // 4)
    random.shuffle(blows)
    began = time.monotonic()
    with Load([service]) as load:
        load.wait_for(BETWEEN)
        for blow in blows:
            time.sleep(random.uniform(0, 0.3))
            if blow != "service":
                postmaster(service.folder).kill()
            if blow != "postgresql":
                kill_service(service)
            load.wait_for(BETWEEN)
            reached = load.acknowledged[-1].facts[-1][2]
            settled(lambda: projected(service, reached), 20)  # noqa: B023
    counts = ", ".join(f"{blows.count(blow)} of {blow}" for blow in ("postgresql", "service", "both"))
    print(f"\n{len(blows)} kills ({counts}) in {time.monotonic() - began:.0f} s: {account(load)}")

    url = EmbeddedPostgres(service.folder).start()
    service.stop()
    check_stored_as_acknowledged(url, load)
    check_read_models_equal_a_rebuild(url)


def test_a_projector_ends_also_when_its_service_is_killed_while_it_starts(killable: Service) -> None:
    killable.kill()
    for pause in (0.0, 0.3):
        with killable.log.open("ab") as log:
            killable.process = psutil.Popen(killable._command, env=killable._env, stdout=log, stderr=log)
        settled(lambda: bool(children(killable)), 20)
        time.sleep(pause)
        orphans = children(killable)
        killable.kill()
        ended(orphans)


def test_the_last_service_to_leave_stops_its_postgresql_also_after_a_crash(self_contained: Service) -> None:
    server = postmaster(self_contained.folder)
    kill_service(self_contained)
    assert server.is_running()

    self_contained.stop()

    psutil.wait_procs([server], timeout=5)
    assert not (self_contained.folder / "postgres" / "postmaster.pid").exists()


def test_postgresql_comes_back_whatever_a_killed_one_left_behind() -> None:
    """Its number may belong to a stranger by now, or its lock file may be half written."""
    stranger = str(os.getpid())
    with tempfile.TemporaryDirectory(prefix="ocop-test-", ignore_cleanup_errors=True) as folder:
        embedded = EmbeddedPostgres(Path(folder))
        pid_file = Path(folder) / "postgres" / "postmaster.pid"
        url = embedded.start()
        for left_behind in (
            lambda lines: lines,
            lambda lines: [stranger, *lines[1:]],
            lambda lines: lines[:5],
            lambda lines: [stranger, *lines[1:3]],
        ):
            lines = pid_file.read_text().splitlines()
            postmaster(Path(folder)).kill()
            pid_file.write_text("\n".join(left_behind(lines)) + "\n")

            assert embedded.start() == url

            psycopg.connect(url).close()
            assert postmaster(Path(folder)).pid not in (os.getpid(), int(lines[0]))
        embedded.stop()


def test_a_projector_parks_no_fact_because_the_store_is_away(
    own_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(own_database)
    opened(writer_on(journal))
    projector = projector_for(own_database)
    projector.catch_up()
    away = Mock(side_effect=StoreError("away"))
    monkeypatch.setattr(projector._journeys, "load", away)

    with projector.connect() as connection:
        for standing in projector.standings():
            with pytest.raises(StoreError):
                projector.apply_one(connection, standing.table, journal.page(0, 1)[0])

    assert away.called
    assert {standing.parked for standing in projector.standings()} == {0}
    journal.close()
