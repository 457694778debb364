"""The projector: follows the journal in pages and brings every read model up to date.

Rows and position move in one transaction. A read model lives in a table named for its version and
build, behind a view of its plain name; readers use the views only. A fact that a read model cannot
take is parked with an alarm, never skipped silently. A rebuild fills a new table beside the old one,
compares, switches the view and drops the old.
"""

import gc
import hashlib
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, LiteralString
from uuid import UUID

import psycopg
import structlog
from psycopg.rows import tuple_row
from psycopg.sql import SQL, Identifier

from application.database import advisory_lock, service_conninfo
from application.journeys import Journeys
from application.recorded import Recorded
from application.store import Journal, StoreError
from domain.product.state import Product
from domain.streams import kind_of

log = structlog.get_logger(__name__)

Cursor = psycopg.Cursor[tuple[Any, ...]]
Connection = psycopg.Connection[tuple[Any, ...]]

PAGE = 5_000
KEPT_PRODUCTS = 50_000
STATES_AT_ONCE = 20_000
POLL_SECONDS = 1.0
BREATH_SECONDS = (0.02, 0.1)
"""Between small pages, at least and at most: commands that come close together share one, at a fraction of the work."""
BREATH_RATIO = 2
"""How many times as long as its last page took the projector rests: under load the processor is the commands'."""
PROJECTOR_LOCK = 7229614
TABLES_LOCK = 7229615
REBUILD_LOCK = 7229616

TABLES = """
CREATE TABLE IF NOT EXISTS read.models (
    table_name text    PRIMARY KEY,
    name       text    NOT NULL,
    version    int     NOT NULL,
    position   bigint  NOT NULL DEFAULT 0,
    active     boolean NOT NULL,
    rules      text    NOT NULL DEFAULT '',
    built_at   timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX IF NOT EXISTS models_active ON read.models (name) WHERE active;
CREATE TABLE IF NOT EXISTS read.parked (
    table_name text   NOT NULL REFERENCES read.models ON DELETE CASCADE,
    position   bigint NOT NULL,
    product_id uuid   NOT NULL,
    error      text   NOT NULL,
    parked_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (table_name, position)
);
"""


STANDINGS: LiteralString = """
SELECT m.name, m.table_name, m.version, m.position,
       (SELECT count(*) FROM read.parked p WHERE p.table_name = m.table_name), m.rules
FROM read.models m WHERE m.active AND m.name = ANY(%s) ORDER BY m.name
"""


@dataclass(frozen=True)
class Page:
    """Facts in order, and the streams they touch as they stand after the page.

    ``steps``: by position, how its stream stood after that fact, where it was told on and not from the start.
    ``histories``: all facts of some streams up to the end of the page.
    """

    facts: Sequence[Recorded]
    states: dict[UUID, Any]
    steps: Mapping[int, Any] = field(default_factory=dict)
    histories: Callable[[Sequence[UUID]], Sequence[Recorded]] = lambda _streams: ()

    @cached_property
    def products(self) -> dict[UUID, Product]:
        """The products among the streams."""
        return {key: state for key, state in self.states.items() if isinstance(state, Product)}


class ReadModel(ABC):
    """One read model.

    ``version`` rises whenever the code would write other rows, ``rules`` is the hash of the rule files the
    rows depend on ("" when on none): when either changes, the read model is rebuilt.
    """

    rules: str = ""

    name: ClassVar[str]
    version: ClassVar[int]
    of_state: ClassVar[bool] = False
    """Whether its rows follow from the streams' latest states alone: a rebuild then writes them once."""
    ddl: ClassVar[LiteralString]
    """Body of CREATE TABLE and its indexes; ``{table}`` stands for the table."""

    @abstractmethod
    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        """Write what a page changes."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A read model's table and how far it has come."""

    name: str
    table: str
    version: int
    position: int
    parked: int
    rules: str


async def health_of(connection: psycopg.AsyncConnection[Any], names: list[str]) -> tuple[int, list[Standing]]:
    """Position of the newest fact, and where the named read models stand."""
    head = await (await connection.execute("SELECT coalesce(max(notification_id), 0) FROM ocop.events")).fetchone()
    rows = await (await connection.execute(STANDINGS, (names,))).fetchall()
    return (head[0] if head else 0), [Standing(*row) for row in rows]


class Projector:
    """Follows the journal for all read models of one database."""

    def __init__(self, url: str, journal: Journal, models: Sequence[ReadModel]) -> None:
        self._url = url
        self._conninfo = service_conninfo(url, application_name="ocop-projector")
        self._journal = journal
        self._models = {model.name: model for model in models}
        self._journeys = Journeys(journal, size=KEPT_PRODUCTS)

    def connect(self) -> Connection:
        """A connection of the projector's own."""
        return psycopg.connect(self._conninfo, autocommit=True, row_factory=tuple_row)

    # ── Following ───────────────────────────────────────────────────────────────────────────────

    def run(self, stop: threading.Event) -> None:
        """Follow until told to stop; one process at a time, started again after any failure."""
        while not stop.is_set():
            try:
                with self.connect() as connection, self._alone(connection, stop):
                    self.ensure_tables(connection)
                    self._rebuild_outdated()
                    self._follow(connection, stop)
            except (psycopg.Error, StoreError) as error:
                log.warning("projector-restarts", error=type(error).__name__)
                stop.wait(0.5)
            except Exception:
                log.exception("projector-failed")
                stop.wait(2.0)

    @contextmanager
    def _alone(self, connection: Connection, stop: threading.Event) -> Iterator[None]:
        held = False
        while not held and not stop.is_set():
            row = connection.execute("SELECT pg_try_advisory_lock(%s)", (PROJECTOR_LOCK,)).fetchone()
            held = bool(row and row[0]) or stop.wait(0.5)
        yield

    def _follow(self, connection: Connection, stop: threading.Event) -> None:
        connection.execute("LISTEN ocop_events")
        while not stop.is_set():
            with _collector_at_rest():
                began = time.perf_counter()
                while not stop.is_set() and (taken := self.step(connection)):
                    if taken < PAGE:
                        least, most = BREATH_SECONDS
                        stop.wait(min(max(least, BREATH_RATIO * (time.perf_counter() - began)), most))
                    began = time.perf_counter()
            for _ in connection.notifies(timeout=POLL_SECONDS, stop_after=1):
                pass

    def step(self, connection: Connection, limit: int = PAGE) -> int:
        """Apply the next page to the read models that lag most; how many facts it had."""
        with connection.transaction():
            standings = self._standings(connection, lock=True)
            if not standings:
                return 0
            position = min(standings.values())
            ahead = [p for p in standings.values() if p > position]
            facts = self._journal.page(position, limit, *([min(ahead)] if ahead else []))
            if not facts:
                if ahead:  # a hole between positions: nothing to apply, move on
                    self._move(connection, [t for t, p in standings.items() if p == position], min(ahead))
                return 0
            reached = facts[-1].position
            tables = [table for table, at in standings.items() if at == position]
            self._apply(connection, tables, facts)
            self._move(connection, tables, reached)
            connection.execute("SELECT pg_notify('ocop_read', %s)", (str(min([reached, *ahead])),))
            return len(facts)

    def _apply(self, connection: Connection, tables: Sequence[str], facts: Sequence[Recorded]) -> None:
        steps: dict[int, Any] = {}
        states = self._journeys.follow(facts, facts[-1].position, steps)
        page = Page(facts, states, steps, self._histories(facts[-1].position))
        try:
            # Mostly all goes well: one savepoint for all read models, not one for each.
            with connection.transaction(), connection.cursor() as cursor:
                for table in tables:
                    self._model_of(table).apply(cursor, Identifier("read", table), page)
        except (psycopg.OperationalError, StoreError):
            raise
        except Exception as error:
            log.warning("page-applied-table-by-table", error=type(error).__name__, position=facts[-1].position)
            for table in tables:
                self._apply_to(connection, table, page)

    def _histories(self, up_to: int) -> Callable[[Sequence[UUID]], Sequence[Recorded]]:
        return lambda streams: self._journal.streams(streams, up_to)

    def _apply_to(self, connection: Connection, table: str, page: Page) -> None:
        """Apply a page to one read model, fact by fact where the page as a whole does not go in."""
        try:
            with connection.transaction(), connection.cursor() as cursor:
                self._model_of(table).apply(cursor, Identifier("read", table), page)
        except (psycopg.OperationalError, StoreError):
            raise
        except Exception:
            log.exception("page-applied-one-by-one", table=table, position=page.facts[-1].position)
            for recorded in page.facts:
                self.apply_one(connection, table, recorded)

    def apply_one(self, connection: Connection, table: str, recorded: Recorded) -> bool:
        """Apply one fact to one read model, or park it with an alarm; whether it was applied."""
        product_id = recorded.originator_id
        try:
            states = self._journeys.load([product_id], recorded.position)
            with connection.transaction(), connection.cursor() as cursor:
                page = Page([recorded], states, {}, self._histories(recorded.position))
                self._model_of(table).apply(cursor, Identifier("read", table), page)
        except (psycopg.OperationalError, StoreError):
            raise
        except Exception as error:
            log.exception("fact-parked", table=table, position=recorded.position, product=str(product_id))
            connection.execute(
                "INSERT INTO read.parked (table_name, position, product_id, error) VALUES (%s, %s, %s, %s)"
                " ON CONFLICT (table_name, position) DO UPDATE SET error = excluded.error",
                (table, recorded.position, product_id, f"{type(error).__name__}: {error}"[:2000]),
            )
            return False
        return True

    def retry_parked(self) -> tuple[int, int]:
        """Tell the products of parked facts again; (facts taken, facts still parked)."""
        with self.connect() as connection:
            before = self._parked(connection)
            for table, product_id in sorted({(table, key) for table, key, _ in before}, key=str):
                try:
                    with connection.transaction():
                        self._retell(connection, table, product_id)
                except (psycopg.OperationalError, StoreError):
                    raise
                except Exception:
                    log.exception("fact-still-parked", table=table, product=str(product_id))
            left = len(self._parked(connection))
        return len(before) - left, left

    def _parked(self, connection: Connection) -> list[tuple[str, UUID, int]]:
        rows = connection.execute("SELECT table_name, product_id, position FROM read.parked").fetchall()
        return [(table, key, at) for table, key, at in rows if self._knows(table)]

    def _retell(self, connection: Connection, table: str, product_id: UUID) -> None:
        """Write one product's rows anew, from all its facts up to where the read model stands."""
        row = connection.execute(
            "SELECT position FROM read.models WHERE table_name = %s FOR UPDATE", (table,)
        ).fetchone()
        facts = self._journal.streams([product_id], row[0] if row else 0)
        states = {product_id: kind_of(facts[0].fact).fold(r.told for r in facts)} if facts else {}
        page = Page(facts, states, {}, lambda _streams: facts)
        name = Identifier("read", table)
        with connection.cursor() as cursor:
            cursor.execute(SQL("DELETE FROM {} WHERE product_id = %s").format(name), (product_id,))
            self._model_of(table).apply(cursor, name, page)
        connection.execute("DELETE FROM read.parked WHERE table_name = %s AND product_id = %s", (table, product_id))

    # ── Tables ──────────────────────────────────────────────────────────────────────────────────

    def ensure_tables(self, connection: Connection) -> None:
        """Create what is missing, so that readers find every view from the first start on."""
        with connection.transaction():
            connection.execute("SELECT pg_advisory_xact_lock(%s)", (TABLES_LOCK,))
            connection.execute(TABLES)
            known = {row[0] for row in connection.execute("SELECT name FROM read.models WHERE active")}
            for name, model in self._models.items():
                if name not in known:
                    table = self._create(connection, model, active=True)
                    self._switch_view(connection, name, table)

    def _create(self, connection: Connection, model: ReadModel, *, active: bool) -> str:
        row = connection.execute("SELECT count(*) FROM read.models WHERE name = %s", (model.name,)).fetchone()
        taken = {r[0] for r in connection.execute("SELECT table_name FROM read.models")}
        build = (row[0] if row else 0) + 1
        while (table := f"{model.name}_v{model.version}_{build}") in taken:
            build += 1
        connection.execute(SQL(model.ddl).format(table=Identifier("read", table), **_index_names(model, table)))
        connection.execute(
            "INSERT INTO read.models (table_name, name, version, active, rules) VALUES (%s, %s, %s, %s, %s)",
            (table, model.name, model.version, active, model.rules),
        )
        return table

    def _switch_view(self, connection: Connection, name: str, table: str) -> None:
        view = Identifier("read", name)
        connection.execute(SQL("DROP VIEW IF EXISTS {}").format(view))
        connection.execute(SQL("CREATE VIEW {} AS SELECT * FROM {}").format(view, Identifier("read", table)))

    def _standings(self, connection: Connection, *, lock: bool) -> dict[str, int]:
        """Position of each active table that this version of the code fills."""
        query = "SELECT table_name, position FROM read.models WHERE active ORDER BY table_name"
        rows = connection.execute(query + (" FOR UPDATE" if lock else "")).fetchall()
        return {table: at for table, at in rows if self._knows(table)}

    def _knows(self, table: str) -> bool:
        name, _, build = table.rpartition("_v")
        return name in self._models and build.partition("_")[0] == str(self._models[name].version)

    def _move(self, connection: Connection, tables: Sequence[str], position: int) -> None:
        connection.execute("UPDATE read.models SET position = %s WHERE table_name = ANY(%s)", (position, list(tables)))

    def _model_of(self, table: str) -> ReadModel:
        return self._models[table.rsplit("_v", 1)[0]]

    def standings(self) -> list[Standing]:
        """All active read models of the catalogue."""
        with self.connect() as connection:
            rows = connection.execute(STANDINGS, (list(self._models),)).fetchall()
        return [Standing(*row) for row in rows]

    # ── Rebuilding ──────────────────────────────────────────────────────────────────────────────

    def _rebuild_outdated(self) -> None:
        """Rebuild read models of an older version or under other rules, beside the following."""
        outdated = [
            s.name
            for s in self.standings()
            if s.version < self._models[s.name].version
            or (s.version == self._models[s.name].version and s.rules != self._models[s.name].rules)
        ]
        if outdated:
            log.info("read-models-outdated", names=outdated)
            beside = Projector(self._url, self._journal, list(self._models.values()))
            threading.Thread(target=beside.rebuild, args=(outdated,), name="rebuild", daemon=True).start()

    def rebuild(
        self, names: Sequence[str], progress: Callable[[int, int], None] = lambda _done, _all: None
    ) -> dict[str, bool]:
        """Fill new tables beside the old ones, compare, switch, drop; readers go on meanwhile.

        ``progress`` is told (position reached, head). Returns name → whether the new rows equal the
        old ones at the same position (always worth a look when the code did not change).
        """
        with self.connect() as connection, advisory_lock(connection, REBUILD_LOCK):
            with connection.transaction():
                self._sweep(connection)
                fresh = {name: self._create(connection, self._models[name], active=False) for name in names}
            self._journeys = Journeys(self._journal, size=KEPT_PRODUCTS)  # those kept so far are further on
            with _collector_at_rest():
                position = self._fill(connection, fresh, progress)
                return self._switch(connection, fresh, position)

    def _fill(self, connection: Connection, fresh: dict[str, str], progress: Callable[[int, int], None]) -> int:
        of_state = [table for name, table in fresh.items() if self._models[name].of_state]
        others = [table for table in fresh.values() if table not in of_state]
        latest: dict[UUID, Recorded] = {}
        position, head = 0, self._journal.head()
        while position < head:
            facts = self._journal.page(position, PAGE, head)
            position = facts[-1].position
            latest.update((recorded.originator_id, recorded) for recorded in facts)
            with connection.transaction():
                self._apply(connection, others, facts)
                if len(latest) >= STATES_AT_ONCE or position >= head:
                    self._apply(connection, of_state, sorted(latest.values(), key=lambda r: r.position))
                    latest.clear()
                self._move(connection, list(fresh.values()), position)
            progress(position, head)
        for table in fresh.values():
            connection.execute(SQL("ANALYZE {}").format(Identifier("read", table)))
        return position

    def _sweep(self, connection: Connection) -> None:
        """Drop what a rebuild that was cut off left behind."""
        for (table,) in connection.execute("DELETE FROM read.models WHERE NOT active RETURNING table_name").fetchall():
            connection.execute(SQL("DROP TABLE IF EXISTS {}").format(Identifier("read", table)))

    def _switch(self, connection: Connection, fresh: dict[str, str], position: int) -> dict[str, bool]:
        with self.connect() as holder, self.connect() as reader:
            with holder.transaction():
                rows = self._hold(holder, fresh)
                with connection.transaction():
                    position = self._level(connection, fresh, position, rows)
                # Old and new stand level now: compare them as of this moment, while the live projector goes on.
                reader.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
                reader.execute("SELECT 1")
            same = {
                name: at == position and self._digest(reader, old) == self._digest(reader, fresh[name])
                for name, old, at in rows
            }
        with connection.transaction():
            rows = self._hold(connection, fresh)
            self._level(connection, fresh, position, rows)
            for name, old, _ in rows:
                connection.execute("UPDATE read.models SET active = false WHERE table_name = %s", (old,))
                connection.execute("UPDATE read.models SET active = true WHERE table_name = %s", (fresh[name],))
                self._switch_view(connection, name, fresh[name])
                connection.execute(SQL("DROP TABLE {}").format(Identifier("read", old)))
                connection.execute("DELETE FROM read.models WHERE table_name = %s", (old,))
        return same

    def _hold(self, connection: Connection, fresh: dict[str, str]) -> list[tuple[Any, ...]]:
        """Lock the active rows, which stops the live projector until the transaction ends."""
        return connection.execute(
            "SELECT name, table_name, position FROM read.models WHERE active AND name = ANY(%s) FOR UPDATE",
            (list(fresh),),
        ).fetchall()

    def _level(
        self, connection: Connection, fresh: dict[str, str], position: int, rows: Sequence[tuple[Any, ...]]
    ) -> int:
        """Bring the new tables as far as the furthest of the old; where they stand then."""
        target = max((at for _, _, at in rows), default=position)
        while facts := self._journal.page(position, PAGE, target):
            self._apply(connection, list(fresh.values()), facts)
            position = facts[-1].position
        position = max(position, target)
        self._move(connection, list(fresh.values()), position)
        return position

    def _digest(self, connection: Connection, table: str) -> tuple[int, int]:
        query = SQL("SELECT count(*), coalesce(sum(hashtextextended(t::text, 0)), 0)::numeric FROM {} t")
        row = connection.execute(query.format(Identifier("read", table))).fetchone()
        return (row[0], int(row[1])) if row else (0, 0)

    def catch_up(self) -> None:
        """Follow until nothing is left (for commands and tests)."""
        with self.connect() as connection, _collector_at_rest():
            self.ensure_tables(connection)
            while self.step(connection) or self._behind(connection):
                pass

    def _behind(self, connection: Connection) -> bool:
        standings = self._standings(connection, lock=False)
        return bool(standings) and min(standings.values()) < max(standings.values())


def _index_names(model: ReadModel, table: str) -> dict[str, Identifier]:
    short = hashlib.sha256(table.encode()).hexdigest()[:8]
    return {f"i{n}": Identifier(f"{model.name}_{short}_{n}") for n in range(1, 9)}


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """No search for cyclic garbage while pages are worked on: there is none, and the search outweighs the work."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def put(cursor: Cursor, table: Identifier, types: dict[str, LiteralString], rows: Iterable[tuple[Any, ...]]) -> None:
    """Add rows by COPY, many times cheaper than an INSERT; ``types``: column name → PostgreSQL type."""
    names = SQL(", ").join([Identifier(name) for name in types])
    with cursor.copy(SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(table, names)) as copy:
        copy.set_types(list(types.values()))
        for row in rows:
            copy.write_row(row)
