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
from pydantic_core import to_json

from api.examples import EXAMPLES
from application.handle import Order, asked, command_id_of
from application.store import Journal
from application.writer import Answer, Writer
from domain.book.commands import BookCommand
from domain.book.state import book_id
from domain.decide import COMMANDS, new_stream
from domain.law.book import LawBook, law_book
from domain.law.models import Competence
from domain.streams import KINDS
from domain.values import Actor, Role
from projections.catalogue import read_models
from projections.engine import Cursor, Page, Projector, ReadModel
from projections.trail import Trail
from tests.language import NOW, keeper
from tests.story import Chapter, actor, addressed, bare, on, tea, until

NAMES = sorted(model.name for model in read_models(law_book()))


class Teller:
    """Tells stories straight through the writer. ``ids``: the streams of the story told last."""

    def __init__(self, url: str) -> None:
        self.journal, self.seals = Journal(url), keeper()
        self.writer = Writer(self.journal, law_book(), self.seals, lambda: NOW)
        self.ids: dict[str, str] = {}

    def give(self, command: str, who: Actor, body: dict[str, Any]) -> None:
        """One command to the streams of the story; it must go through."""
        parsed = COMMANDS[command].model_validate_json(to_json(addressed(command, body, self.ids)))
        command_id, kind = command_id_of(who.person, None), parsed.stream
        if isinstance(parsed, BookCommand):
            stream = book_id(parsed.level, who.area, (parsed.effective_on or NOW.date()).year)
        else:
            stream = UUID(self.ids[kind]) if kind in self.ids else new_stream(command_id, kind)
        digest = self.seals.digest(asked(str(stream), parsed))
        answer = self.writer.carry_out([Order(command_id, stream, parsed, who, digest)])[0]
        assert isinstance(answer, Answer), f"{command}: {answer}"
        self.ids[kind] = str(answer.stream_id)

    def tell(self, chapters: Sequence[Chapter], name: str = "Chè Shan tuyết Núi Biều") -> UUID:
        self.ids, members = {}, 0
        for command, role, body in chapters:
            members += command == "submit-score-sheet"
            who = actor(role, members) if role is Role.COUNCIL_MEMBER else actor(role)
            self.give(command, who, {**body, "product_name": name} if "product_name" in body else body)
        return UUID(self.ids["product"])


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
    teller.tell(until("forward-dossier", story), "Chè hai")
    live.catch_up()
    teller.tell(story, "Chè ba")
    live.catch_up()

    assert live.rebuild(NAMES) == dict.fromkeys(NAMES, True)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@for_all(st.lists(st.integers(1, len(tea())), min_size=1, max_size=4), st.integers(1, 45))
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
    teller.tell(tea())
    projector(teller, own_database).catch_up()

    with psycopg.connect(own_database) as connection:
        found = connection.execute("SELECT product_id, version, fact FROM read.trail ORDER BY position").fetchall()

    stored = [(r.originator_id, r.originator_version, r.fact.stored_name) for r in teller.journal.page(0, 1000)]
    assert found == stored
    commune_book = str(book_id("commune", "04876", 2026))
    assert {str(stream) for stream, _, _ in found} == {*teller.ids.values(), commune_book}
    others = {"office", "person", "subject", "log", "programme"}  # which the tea's story opens none of
    assert teller.ids.keys() == KINDS.keys() - others


def test_positions_move_over_facts_of_no_interest(own_database: str, teller: Teller) -> None:
    teller.tell(until("hand-over-idea-form", tea()))
    live = projector(teller, own_database)
    live.catch_up()

    assert {s.position for s in live.standings()} == {teller.journal.head()}


def test_a_correction_reaches_every_read_model(own_database: str, teller: Teller) -> None:
    teller.tell(until("conclude-session", tea()))
    live = projector(teller, own_database)
    live.catch_up()
    mend = {
        "version": 6,
        "now": {"product_name": "Chè Shan Núi Biều"},
        "reason": "Tên trên giấy đăng ký.",
        "authority": "Biên bản 01",
    }
    teller.give("correct-fact", actor(Role.COMMUNE_CHAIR), mend)
    teller.give("recognise", actor(Role.PROVINCE_CHAIR), bare(EXAMPLES["recognise"]))
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
    stored = len(teller.journal.page(0, 1000))
    assert len(rows(own_database, "trail")) == stored - 1

    monkeypatch.setattr(Squeamish, "ill", False)
    assert live.retry_parked() == (1, 0)
    assert len(rows(own_database, "trail")) == stored


class NewerTrail(Trail):
    """The trail of a next version."""

    version: ClassVar[int] = Trail.version + 1
    ddl: ClassVar[LiteralString] = Trail.ddl


def test_a_newer_version_is_built_beside_and_switched(own_database: str, teller: Teller) -> None:
    teller.tell(tea())
    projector(teller, own_database, [Trail()]).catch_up()
    before = rows(own_database, "trail")
    newer = projector(teller, own_database, [NewerTrail()])
    with following(newer):
        deadline = time.monotonic() + 60
        while [s.version for s in newer.standings()] != [NewerTrail.version] and time.monotonic() < deadline:
            assert rows(own_database, "trail") == before  # readers never see it empty
            time.sleep(0.02)

    assert [(s.version, s.position) for s in newer.standings()] == [(NewerTrail.version, teller.journal.head())]
    assert rows(own_database, "trail") == before
    with psycopg.connect(own_database) as connection:
        tables = connection.execute("SELECT tablename FROM pg_tables WHERE tablename LIKE 'trail%'").fetchall()
    assert [table.rsplit("_", 1)[0] for (table,) in tables] == [f"trail_v{NewerTrail.version}"]


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
        deadline = time.monotonic() + 60
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
        deadline = time.monotonic() + 60
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
    other = LawBook(law.regimes, law.sheets, practice, law.authority, {**law._hashes, "practice": "another hash"})
    live = projector(teller, own_database, read_models(other))
    with following(live):
        deadline = time.monotonic() + 60
        while not any("province-officer" in row[0] for row in rows(own_database, "worklist")):
            assert time.monotonic() < deadline
            time.sleep(0.02)

    assert not any("commune-chair" in row[0] for row in rows(own_database, "worklist"))
