"""The same contract for every read model: every fact met, twice = once, rebuilt = live, nothing skipped."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, ClassVar, LiteralString
from uuid import UUID, uuid5

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import given as for_all
from hypothesis import strategies as st
from psycopg.sql import Identifier

from api.examples import EXAMPLES
from application.handle import Order, command_id_of, digest_of
from application.store import Journal
from application.writer import Answer, Writer
from domain.law.book import Competence, LawBook, law_book
from domain.product.command import Command
from domain.product.decide import COMMANDS, product_id
from domain.values import Actor, Role
from projections.catalogue import read_models
from projections.engine import Cursor, Page, Projector, ReadModel
from projections.trail import Trail
from tests.language import _json
from tests.story import Chapter, actor, on, tea, until

NAMES = ["certificates", "status", "trail", "worklist"]


class Teller:
    """Tells stories straight through the writer."""

    def __init__(self, url: str) -> None:
        self.journal = Journal(url)
        self.writer = Writer(self.journal, law_book())

    def order(self, product: UUID | None, command: str, who: Actor, body: dict[str, Any], key: str | None) -> Order:
        parsed: Command = COMMANDS[command].model_validate_json(_json(body))
        command_id = command_id_of(who, key)
        return Order(command_id, product or product_id(command_id), parsed, who, digest_of(str(product or ""), parsed))

    def tell(self, chapters: Sequence[Chapter], name: str = "Chè Shan tuyết Núi Biều") -> UUID:
        product, members = None, 0
        for command, role, body in chapters:
            members += command == "submit-score-sheet"
            who = actor(role, members) if role is Role.COUNCIL_MEMBER else actor(role)
            named = {**body, "product_name": name} if "product_name" in body else body
            answer = self.writer.carry_out([self.order(product, command, who, named, None)])[0]
            assert isinstance(answer, Answer), f"{command}: {answer}"
            product = answer.product_id
        assert product is not None
        return product


@pytest.fixture
def teller(own_database: str) -> Iterator[Teller]:
    found = Teller(own_database)
    yield found
    found.journal.close()


def projector(teller: Teller, url: str, models: list[ReadModel] | None = None) -> Projector:
    return Projector(url, teller.journal, models or read_models(law_book()))


@contextmanager
def following(live: Projector) -> Iterator[None]:
    """The projector follows in a thread of its own until the block is left."""
    stop = threading.Event()
    thread = threading.Thread(target=live.run, args=(stop,))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(10)


def rows(url: str, name: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as connection:
        return connection.execute(f"SELECT t::text FROM read.{name} t ORDER BY 1").fetchall()  # type: ignore[arg-type]


def test_rebuilt_equals_live_at_every_station_of_the_story(own_database: str, teller: Teller) -> None:
    live = projector(teller, own_database)
    story = tea()
    teller.tell(until("submit-plan", story), "Chè một")
    live.catch_up()
    teller.tell(until("propose-to-province", story), "Chè hai")
    live.catch_up()
    teller.tell(story, "Chè ba")
    live.catch_up()

    assert live.rebuild(NAMES) == dict.fromkeys(NAMES, True)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@for_all(st.lists(st.integers(1, 32), min_size=1, max_size=4), st.integers(1, 40))
def test_the_page_size_never_shows(own_database: str, lengths: list[int], page: int) -> None:
    teller = Teller(own_database)
    try:
        for length in lengths:
            teller.tell(tea()[:length], f"Chè {uuid5(UUID(int=0), str(time.time_ns()))}")
        live = projector(teller, own_database)
        with live.connect() as connection:
            live.ensure_tables(connection)
            while live.step(connection, limit=page):
                pass

        assert live.rebuild(NAMES) == dict.fromkeys(NAMES, True)
    finally:
        teller.journal.close()


def test_a_second_projector_changes_nothing(own_database: str, teller: Teller) -> None:
    teller.tell(tea())
    projector(teller, own_database).catch_up()
    before = {name: rows(own_database, name) for name in NAMES}

    projector(teller, own_database).catch_up()

    assert {name: rows(own_database, name) for name in NAMES} == before
    assert before["trail"]


def test_every_fact_is_in_the_trail_once_and_in_order(own_database: str, teller: Teller) -> None:
    product = teller.tell(tea())
    projector(teller, own_database).catch_up()

    with psycopg.connect(own_database) as connection:
        found = connection.execute(
            "SELECT version, fact FROM read.trail WHERE product_id = %s ORDER BY position", (product,)
        ).fetchall()

    stored = [(r.originator_version, r.fact.stored_name) for r in teller.journal.streams([product])]
    assert found == stored


def test_positions_move_over_facts_of_no_interest(own_database: str, teller: Teller) -> None:
    teller.tell(until("hand-over-idea-form", tea()))
    live = projector(teller, own_database)
    live.catch_up()

    assert {s.position for s in live.standings()} == {teller.journal.head()}


def test_a_correction_reaches_every_read_model(own_database: str, teller: Teller) -> None:
    product = teller.tell(until("conclude-scoring", tea()))
    live = projector(teller, own_database)
    live.catch_up()
    mend = {
        "version": 6,
        "now": {"product_name": "Chè Shan Núi Biều"},
        "reason": "Tên trên giấy đăng ký.",
        "authority": "Biên bản 01",
    }
    for command, who, body in (
        ("correct-fact", actor(Role.COMMUNE_CHAIR), mend),
        ("recognise", actor(Role.PROVINCE_CHAIR), EXAMPLES["recognise"]),
    ):
        assert isinstance(teller.writer.carry_out([teller.order(product, command, who, body, None)])[0], Answer)
    live.catch_up()

    with psycopg.connect(own_database) as connection:
        names = connection.execute(
            "SELECT s.name, c.product_name FROM read.status s JOIN read.certificates c USING (product_id)"
        ).fetchall()
    assert names == [("Chè Shan Núi Biều", "Chè Shan Núi Biều")]
    assert live.rebuild(NAMES) == dict.fromkeys(NAMES, True)


class Squeamish(Trail):
    """A trail that cannot take guidance."""

    ill: ClassVar[bool] = True

    def apply(self, cursor: Cursor, table: Identifier, page: Page) -> None:
        if self.ill and any(r.fact.stored_name == "product.guidance-given" for r in page.facts):
            raise ValueError("cannot take this fact")
        super().apply(cursor, table, page)


def test_a_fact_that_cannot_be_taken_is_parked_and_taken_later(
    own_database: str, teller: Teller, monkeypatch: pytest.MonkeyPatch
) -> None:
    teller.tell(tea())
    live = projector(teller, own_database, [Squeamish()])
    live.catch_up()

    assert [(s.name, s.position, s.parked) for s in live.standings()] == [("trail", teller.journal.head(), 1)]
    assert len(rows(own_database, "trail")) == len(tea()) - 1

    monkeypatch.setattr(Squeamish, "ill", False)
    assert live.retry_parked() == (1, 0)
    assert len(rows(own_database, "trail")) == len(tea())


class NewerTrail(Trail):
    """The trail of a next version."""

    version: ClassVar[int] = 2
    ddl: ClassVar[LiteralString] = Trail.ddl


def test_a_newer_version_is_built_beside_and_switched(own_database: str, teller: Teller) -> None:
    teller.tell(tea())
    projector(teller, own_database, [Trail()]).catch_up()
    before = rows(own_database, "trail")
    newer = projector(teller, own_database, [NewerTrail()])
    with following(newer):
        deadline = time.monotonic() + 20
        while [s.version for s in newer.standings()] != [2] and time.monotonic() < deadline:
            assert rows(own_database, "trail") == before  # readers never see it empty
            time.sleep(0.02)

    assert [(s.version, s.position) for s in newer.standings()] == [(2, teller.journal.head())]
    assert rows(own_database, "trail") == before
    with psycopg.connect(own_database) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'trail%'").fetchall()
    assert [table.rsplit("_", 1)[0] for (table,) in tables] == ["trail_v2"]


def test_what_a_cut_off_rebuild_left_is_swept(own_database: str, teller: Teller) -> None:
    teller.tell(tea())
    live = projector(teller, own_database)
    live.catch_up()

    def cut(_done: int, _all: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        live.rebuild(["trail"], cut)

    assert live.rebuild(["trail"]) == {"trail": True}
    with psycopg.connect(own_database) as connection:
        tables = connection.execute("SELECT count(*) FROM pg_tables WHERE tablename LIKE 'trail%'").fetchone()
    assert tables == (1,)


def test_a_rebuild_beside_a_live_projector_loses_nothing(own_database: str, teller: Teller) -> None:
    for n in range(3):
        teller.tell(tea(), f"Chè {n}")
    live = projector(teller, own_database)
    live.catch_up()
    with following(live):
        builder = projector(teller, own_database)
        for n in range(3, 6):
            teller.tell(until("endorse-idea", tea()), f"Chè {n}")
            builder.rebuild(NAMES)
            teller.tell([("identify-product", Role.COMMUNE_OFFICER, on("2026-01-15", tea()[0][2]))], f"Chè mới {n}")
        deadline = time.monotonic() + 20
        while {s.position for s in live.standings()} != {teller.journal.head()}:
            assert time.monotonic() < deadline
            time.sleep(0.02)

    assert live.rebuild(NAMES) == dict.fromkeys(NAMES, True)
    assert len(rows(own_database, "trail")) == len(teller.journal.page(0, 10_000))


def test_a_model_this_version_does_not_know_stops_nothing(own_database: str, teller: Teller) -> None:
    """After a release is rolled back, the newer read model stays where it is and the others go on."""
    live = projector(teller, own_database)
    live.catch_up()
    with psycopg.connect(own_database) as connection:
        connection.execute(
            "INSERT INTO read.models (table_name, name, version, active) VALUES ('later_v1_1', 'later', 1, true)"
        )
    teller.tell(until("submit-plan", tea()))
    with following(live):
        deadline = time.monotonic() + 20
        while {s.position for s in live.standings()} != {teller.journal.head()}:
            assert time.monotonic() < deadline
            time.sleep(0.02)


class Sick:
    """Makes one read model fail on a kind of fact."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, fact: str) -> None:
        self.ill = True
        kind = type(next(m for m in read_models(law_book()) if m.name == name))
        healthy = kind.apply

        def apply(model: ReadModel, cursor: Cursor, table: Identifier, page: Page) -> None:
            if self.ill and any(r.fact.stored_name == fact for r in page.facts):
                raise ValueError("cannot take this fact")
            healthy(model, cursor, table, page)

        monkeypatch.setattr(kind, "apply", apply)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("fact", ["product.idea-endorsed", "product.recognised"])
def test_a_parked_fact_taken_later_never_sets_a_read_model_back(
    own_database: str, teller: Teller, monkeypatch: pytest.MonkeyPatch, name: str, fact: str
) -> None:
    sick = Sick(monkeypatch, name, fact)
    teller.tell(tea())
    live = projector(teller, own_database)
    live.catch_up()
    assert [s.parked for s in live.standings() if s.name == name] == [1]

    sick.ill = False

    assert live.retry_parked() == (1, 0)
    assert live.rebuild(NAMES) == dict.fromkeys(NAMES, True)


def test_rows_that_depend_on_rules_are_built_anew_when_the_rules_change(own_database: str, teller: Teller) -> None:
    teller.tell(until("endorse-idea", tea()))
    projector(teller, own_database).catch_up()
    law = law_book()
    practice = law.practice.model_copy(
        update={
            "competences": {
                **law.practice.competences,
                "accept-idea": Competence(roles=(Role.PROVINCE_OFFICER,), legal_basis="QĐ tỉnh", mark="local"),
            }
        }
    )
    other = LawBook(law.regimes, law.sheets, practice, {**law._hashes, "practice": "another hash"})
    live = projector(teller, own_database, read_models(other))
    with following(live):
        deadline = time.monotonic() + 20
        while not any("province-officer" in row[0] for row in rows(own_database, "worklist")):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    assert not any("commune-chair" in row[0] for row in rows(own_database, "worklist"))
