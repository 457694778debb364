"""Events per second into the read models: our projector, and the library's runner with the same read models."""

import threading
import time
from typing import Any

from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.utils import EnvType
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import tuple_row
from psycopg.sql import Identifier

from application.journeys import Journeys
from application.store import Journal
from bench.commands import ratio
from bench.ground import Ground, Line, console, spread
from bench.journeys import store
from domain.law.book import law_book
from projections.catalogue import read_models
from projections.engine import Page, Projector

TARGET = 25.0


class Events(Journal):
    """Our journal, constructed the way the library's runner constructs an application."""

    def __init__(self, env: EnvType | None = None) -> None:
        super().__init__((env or {})["DATABASE_URL"])


class View(PostgresTrackingRecorder):
    """The library's own: its tracking table stands beside our read models."""


def one_by_one(journeys: Journeys, last: int, done: threading.Event) -> type[Projection[View]]:
    """The read models as a projection of the library; ``done`` is set after the event at ``last``."""
    tables = [(model, Identifier("read", f"{model.name}_v{model.version}_1")) for model in read_models(law_book())]

    class OneByOne(Projection[View]):
        """Each event, its rows and its tracking in one transaction, as the library has it."""

        name = "one_by_one"

        def process_event(self, domain_event: Any, tracking: Tracking) -> None:
            """Apply one event to every read model."""
            steps: dict[int, Any] = {}
            page = Page([domain_event], journeys.follow([domain_event], tracking.notification_id, steps), steps)
            with self.view.datastore.transaction(commit=True) as cursor:
                rows: Any = cursor
                theirs, rows.row_factory = rows.row_factory, tuple_row  # read models take rows as tuples
                for model, table in tables:
                    model.apply(rows, table, page)
                rows.row_factory = theirs
                self.view._insert_tracking(cursor, tracking)
            if tracking.notification_id >= last:
                done.set()

    return OneByOne


def theirs(url: str) -> float:
    """Events per second of the library's runner over a database that nobody has projected yet."""
    journal = Journal(url)
    projector = Projector(url, journal, read_models(law_book()))
    with projector.connect() as connection:
        projector.ensure_tables(connection)
    last, parts, done = journal.head(), conninfo_to_dict(url), threading.Event()
    env = {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "DATABASE_URL": url,
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts["host"]),
        "POSTGRES_PORT": str(parts.get("port") or "5432"),
        "POSTGRES_USER": str(parts["user"]),
        "POSTGRES_PASSWORD": str(parts.get("password") or ""),
        "POSTGRES_SCHEMA": "read",
    }
    began = time.perf_counter()
    with ProjectionRunner(
        application_class=Events,
        projection_class=one_by_one(Journeys(journal, size=50_000), last, done),
        view_class=View,
        env=env,
    ) as runner:
        deadline = began + 120
        while not done.wait(0.5):
            runner.run_forever(timeout=0.001)  # raises what stopped it
            if time.perf_counter() > deadline:
                raise TimeoutError("the library's runner does not come to the end")
        took = time.perf_counter() - began
        runner.view.datastore.close()
    journal.close()
    return last / took


def ours(url: str) -> float:
    """Events per second of our projector over a database that nobody has projected yet."""
    journal = Journal(url)
    projector = Projector(url, journal, read_models(law_book()))
    with projector.connect() as connection:
        projector.ensure_tables(connection)
    began = time.perf_counter()
    projector.catch_up()
    took = time.perf_counter() - began
    assert all(s.position == journal.head() and not s.parked for s in projector.standings())
    head = journal.head()
    journal.close()
    return head / took


def measure(ground: Ground) -> list[Line]:
    """In turn, each on a fresh copy of a stored journal; both journals hold whole journeys."""
    many, few, rounds = (20_000, 1_000, 3) if ground.quick else (50_000, 2_000, 5)
    large, small = ground.database(), ground.database()
    store(large, many)
    store(small, few)
    rates: dict[str, list[float]] = {"ours": [], "theirs": []}
    for number in range(rounds):
        for name, run, stored in (("ours", ours, large), ("theirs", theirs, small)):
            copy = ground.database(template=stored)
            ground.checkpoint()
            rates[name].append(run(copy))
            ground.drop(copy)
        console.print(
            f"projector, round {number + 1} of {rounds}: ours {rates['ours'][-1]:,.0f}/s,"
            f" the library's runner {rates['theirs'][-1]:,.0f}/s"
        )
    for url in (large, small):
        ground.drop(url)
    return [
        Line(
            "events into all read models, against the library's runner",
            f"{spread(rates['ours'])}/s; runner {spread(rates['theirs'])}/s",
            ratio(rates["ours"], rates["theirs"]),
            "×",
            TARGET,
        )
    ]
