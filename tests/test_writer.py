"""The writer alone, on a real journal: batches, conflicts, unknown outcomes, a store that is away, claims."""

from __future__ import annotations

import asyncio
import random
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from eventsourcing.persistence import OperationalError
from psycopg.conninfo import conninfo_to_dict
from psycopg_pool import ConnectionPool
from pydantic_core import to_json

from api.examples import EXAMPLES
from application import writer as writing
from application.database import service_conninfo
from application.handle import Order, asked, command_id_of, stored_claim
from application.keys import DatabaseKeys, Key, MemoryKeys, WrappedKey
from application.recorded import Recorded
from application.seals import Keeper
from application.store import Beside, CommandRow, Journal, StoreError
from application.writer import Answer, Writer
from domain import personal
from domain.book.commands import BookCommand
from domain.book.state import book_id
from domain.decide import COMMANDS, new_stream
from domain.law.book import law_book
from domain.product.phases import Phase
from domain.refusals import AlreadyRegistered, Busy, Invalid, KeyReused, NotFound, StaleVersion, WrongOrder
from domain.streams import KINDS
from domain.values import Actor, Role
from tests.appointed import facts_of, recorded
from tests.language import NOW
from tests.load import settled
from tests.story import COMMUNE, Chapter, actor, tea, until

KEEPER = Keeper(b"k" * 32, MemoryKeys())
OFFICER, PRODUCER, CHAIR = Role.COMMUNE_OFFICER, Role.PRODUCER, Role.COMMUNE_CHAIR


class Faulty(Journal):
    """A journal whose next appends fail: before anything is stored, or after all of it is."""

    before = 0
    after = 0
    late: tuple[Sequence[Recorded], Beside] | None = None
    delayed = False
    """Let the next append fail now and be stored later: when the next command is looked up."""

    def append(self, recorded: Sequence[Recorded], beside: Beside) -> list[int]:
        if self.delayed:
            self.delayed, self.late = False, (recorded, beside)
            raise OperationalError("the connection is lost, the server goes on")
        if self.before:
            self.before -= 1
            raise OperationalError("lost on the way there")
        positions = super().append(recorded, beside)
        if self.after:
            self.after -= 1
            raise OperationalError("lost on the way back")
        return positions

    def command(self, command_id: UUID):
        found = super().command(command_id)
        if self.late is not None:
            late, self.late = self.late, None
            super().append(*late)
        return found


def order(
    command: str,
    by: Role | Actor,
    stream: UUID | None = None,
    key: str | None = None,
    expected: int | None = None,
    **body: object,
) -> Order:
    """An order as the HTTP layer makes it; the rest of the body is the example's."""
    parsed = COMMANDS[command].model_validate_json(to_json({**EXAMPLES[command], **body}))
    who = by if isinstance(by, Actor) else actor(by)
    command_id = command_id_of(who.person, key or secrets.token_hex(8))
    digest = KEEPER.digest(asked(str(stream or ""), parsed))
    if isinstance(parsed, BookCommand):
        stream = book_id(parsed.level, who.area, (parsed.effective_on or NOW.date()).year)
    return Order(command_id, stream or new_stream(command_id, parsed.stream), parsed, who, digest, expected)


def writer_on(journal: Journal) -> Writer:
    return Writer(journal, law_book(), KEEPER, lambda: NOW)


@contextmanager
def journal_at(url: str, kind: type[Journal] = Journal) -> Iterator[Journal]:
    journal = kind(url)
    try:
        yield journal
    finally:
        journal.close()


@pytest.fixture
def journal(own_database: str) -> Iterator[Journal]:
    with journal_at(own_database) as opened:
        yield opened


@pytest.fixture
def faulty(own_database: str) -> Iterator[Faulty]:
    with journal_at(own_database, Faulty) as opened:
        assert isinstance(opened, Faulty)
        yield opened


@pytest.fixture
def writer(journal: Journal) -> Writer:
    return writer_on(journal)


@pytest.fixture
def other(own_database: str) -> Iterator[Writer]:
    """The writer of another process: its own connections, its own memory."""
    with journal_at(own_database) as opened:
        yield writer_on(opened)


def done(writer: Writer, *orders: Order) -> list[Answer]:
    """Carry out a batch in which every order must go through."""
    outcomes = writer.carry_out(list(orders))
    for outcome in outcomes:
        assert isinstance(outcome, Answer), repr(outcome)
    return [outcome for outcome in outcomes if isinstance(outcome, Answer)]


def opened(writer: Writer, **body: object) -> UUID:
    return done(writer, order("identify-product", OFFICER, **body))[0].stream_id


def names(journal: Journal, product: UUID) -> list[str]:
    """What is stored of a product, in the order of its versions, which have no holes."""
    facts = journal.streams([product])
    assert [f.originator_version for f in facts] == list(range(1, len(facts) + 1))
    assert sorted(f.position for f in facts) == [f.position for f in facts]
    return [f.fact.stored_name.removeprefix("product.") for f in facts]


def stored(url: str) -> tuple[int, int]:
    """How many commands and facts there are."""
    with psycopg.connect(url) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM ocop.commands), (SELECT count(*) FROM ocop.events)"
        ).fetchone()
    assert row is not None
    return row[0], row[1]


def refused(writer: Writer, kind: type[Exception], *orders: Order) -> None:
    outcomes = writer.carry_out(list(orders))
    assert [type(o) for o in outcomes] == [kind] * len(orders), outcomes


# ── Batches ─────────────────────────────────────────────────────────────────────────────────────


def test_a_later_command_of_a_batch_sees_the_facts_of_earlier_ones(writer: Writer, journal: Journal) -> None:
    first = order("identify-product", OFFICER)
    p = first.stream_id

    answers = done(
        writer,
        first,
        order("hand-over-idea-form", OFFICER, p),
        order("submit-idea", PRODUCER, p),
        order("endorse-idea", OFFICER, p, expected=3),
        order("accept-idea", CHAIR, p),
    )

    assert [a.version for a in answers] == [1, 2, 3, 4, 5]
    assert names(journal, p) == [
        "identified",
        "idea-form-handed-over",
        "idea-submitted",
        "idea-endorsed",
        "idea-accepted",
    ]
    assert [[at for _, _, at in a.facts] for a in answers] == [[f.position] for f in journal.streams([p])]


def test_a_batch_is_one_append(writer: Writer, journal: Journal, monkeypatch: pytest.MonkeyPatch) -> None:
    appends: list[int] = []
    append = journal.append
    monkeypatch.setattr(journal, "append", lambda facts, beside: appends.append(len(facts)) or append(facts, beside))

    done(writer, *(order("identify-product", OFFICER) for _ in range(20)))

    assert appends == [20]


def test_one_bad_order_in_a_batch_harms_no_other(writer: Writer, journal: Journal, own_database: str) -> None:
    p, q = opened(writer), opened(writer)

    outcomes = writer.carry_out(
        [
            order("record-guidance", OFFICER, p),
            order("accept-plan", CHAIR, p),
            order("record-guidance", OFFICER, q),
            order("identify-product", OFFICER, cycle=2090),
            order("record-guidance", OFFICER, UUID(int=1)),
            order("hand-over-idea-form", OFFICER, p),
            order("record-guidance", OFFICER, q, expected=7),
            order("identify-product", OFFICER),
        ]
    )

    kinds = [Answer, WrongOrder, Answer, Invalid, NotFound, Answer, StaleVersion, Answer]
    assert [type(o) for o in outcomes] == kinds
    assert names(journal, p) == ["identified", "guidance-given", "idea-form-handed-over"]
    assert names(journal, q) == ["identified", "guidance-given"]
    assert stored(own_database) == (6, 6)


def test_an_order_that_fails_inside_harms_no_other(
    writer: Writer, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    p, q = opened(writer), opened(writer)
    broken = order("record-guidance", OFFICER, p)
    plain = writing.handle

    def handle(states, given, *rest):
        if given is broken:
            raise ZeroDivisionError
        return plain(states, given, *rest)

    monkeypatch.setattr(writing, "handle", handle)

    outcomes = writer.carry_out([order("record-guidance", OFFICER, q), broken, order("record-guidance", OFFICER, p)])

    assert [type(o) for o in outcomes] == [Answer, ZeroDivisionError, Answer]
    assert names(journal, p) == names(journal, q) == ["identified", "guidance-given"]


def test_the_order_of_a_batch_is_kept_for_each_product(writer: Writer, journal: Journal) -> None:
    """Also behind an order that is settled alone: a refusal, a correction, a command without effect."""
    p = opened(writer)
    titles = [f"Buổi {n}" for n in range(6)]
    guidance = [order("record-guidance", OFFICER, p, title=title) for title in titles]

    outcomes = writer.carry_out(
        [
            guidance[0],
            order("endorse-idea", OFFICER, p),
            guidance[1],
            order("correct-fact", CHAIR, p, version=2, now={"title": "Buổi đầu"}),
            guidance[2],
            order("hand-over-idea-form", OFFICER, p),
            order("hand-over-idea-form", OFFICER, p),
            guidance[3],
            guidance[4],
            guidance[4],
            guidance[5],
        ]
    )

    assert [type(o) for o in outcomes] == [Answer, WrongOrder] + [Answer] * 9
    answers = [o for o in outcomes if isinstance(o, Answer)]
    assert [a.version for a in answers] == sorted(a.version for a in answers)
    assert [f.fact.title for f in journal.streams([p]) if f.fact.stored_name == "product.guidance-given"] == titles
    assert names(journal, p)[2:6] == ["guidance-given", "fact-corrected", "guidance-given", "idea-form-handed-over"]


def test_the_same_key_twice_in_one_batch_is_stored_once(writer: Writer, journal: Journal, own_database: str) -> None:
    p = opened(writer)
    opening, guidance = order("identify-product", OFFICER), order("record-guidance", OFFICER, p)

    answers = done(writer, guidance, opening, guidance, opening, guidance)

    assert [a.repeated for a in answers] == [False, False, True, True, True]
    assert {(a.stream_id, a.version, a.facts) for a in answers} == {
        (a.stream_id, a.version, a.facts) for a in answers[:2]
    }
    assert names(journal, p) == ["identified", "guidance-given"]
    assert stored(own_database) == (3, 3)


def test_a_key_used_again_for_something_else_is_refused(writer: Writer, journal: Journal, own_database: str) -> None:
    p, q = opened(writer), opened(writer)
    first = order("record-guidance", OFFICER, p, key="k")
    elsewhere = order("record-guidance", OFFICER, q, key="k")

    outcomes = writer.carry_out([first, elsewhere])

    assert [type(o) for o in outcomes] == [Answer, KeyReused]
    refused(writer, KeyReused, order("record-guidance", OFFICER, p, key="k", title="Khác"), elsewhere)
    assert names(journal, q) == ["identified"]
    assert stored(own_database) == (3, 3)


def test_a_repeated_key_is_answered_as_before_however_far_the_product_has_come(writer: Writer, other: Writer) -> None:
    first = order("identify-product", OFFICER)
    p = first.stream_id
    idea = order("submit-idea", PRODUCER, p)
    answers = done(writer, first, idea, order("endorse-idea", OFFICER, p))

    for who in (writer, other):
        again = done(who, idea, first)
        assert [(a.stream_id, a.version, a.position, a.facts) for a in again] == [
            (a.stream_id, a.version, a.position, a.facts) for a in (answers[1], answers[0])
        ]
        assert all(a.repeated for a in again)


def test_a_command_without_effect_is_remembered_under_its_key(writer: Writer, own_database: str) -> None:
    p = opened(writer)
    again = order("hand-over-idea-form", OFFICER, p)
    done(writer, order("hand-over-idea-form", OFFICER, p))

    nothing, repeated = done(writer, again)[0], done(writer, again)[0]

    assert nothing.facts == repeated.facts == ()
    assert (nothing.version, nothing.position, repeated.repeated) == (2, repeated.position, True)
    assert stored(own_database) == (3, 2)


# ── Two writers on one journal ──────────────────────────────────────────────────────────────────


def test_the_loser_of_a_conflict_decides_again(writer: Writer, other: Writer, journal: Journal) -> None:
    p, q = opened(writer), opened(writer)
    done(other, order("record-guidance", OFFICER, p))

    answers = done(writer, order("record-guidance", OFFICER, q), order("hand-over-idea-form", OFFICER, p))

    assert [a.version for a in answers] == [2, 3]
    assert names(journal, p) == ["identified", "guidance-given", "idea-form-handed-over"]


def test_an_old_memory_does_not_refuse_what_is_now_right(writer: Writer, other: Writer, journal: Journal) -> None:
    p = opened(writer)
    done(writer, order("submit-idea", PRODUCER, p))
    done(other, order("return-idea", OFFICER, p))

    done(writer, order("submit-idea", PRODUCER, p), order("endorse-idea", OFFICER, p, expected=4))

    assert names(journal, p) == ["identified", "idea-submitted", "idea-returned", "idea-submitted", "idea-endorsed"]


def test_an_old_memory_does_not_accept_what_is_now_wrong(writer: Writer, other: Writer, journal: Journal) -> None:
    p, q = opened(writer), opened(writer)
    for product, name in ((p, "Chè một"), (q, "Chè hai")):
        done(writer, order("submit-idea", PRODUCER, product, product_name=name))
        done(other, order("reject-idea", CHAIR, product, failed=["local-speciality"]))

    refused(writer, WrongOrder, order("endorse-idea", OFFICER, p), order("return-idea", OFFICER, q))

    assert names(journal, p) == ["identified", "idea-submitted", "idea-rejected"]
    assert names(journal, q) == ["identified", "idea-submitted", "idea-rejected"]


def test_an_old_memory_does_not_swallow_a_command_that_now_has_an_effect(
    writer: Writer, other: Writer, journal: Journal
) -> None:
    p = opened(writer)
    done(writer, order("submit-idea", PRODUCER, p), order("endorse-idea", OFFICER, p))
    done(other, order("return-idea", OFFICER, p), order("submit-idea", PRODUCER, p))

    answer = done(writer, order("endorse-idea", OFFICER, p))[0]

    assert (answer.version, len(answer.facts)) == (6, 1)
    assert names(journal, p)[-3:] == ["idea-returned", "idea-submitted", "idea-endorsed"]


def test_if_match_is_judged_on_what_is_stored(writer: Writer, other: Writer, journal: Journal) -> None:
    p = opened(writer)
    done(other, order("record-guidance", OFFICER, p))

    refused(writer, StaleVersion, order("record-guidance", OFFICER, p, expected=1))
    answer = done(writer, order("record-guidance", OFFICER, p, expected=2))[0]

    assert answer.version == 3
    assert len(names(journal, p)) == 3


def test_the_memory_is_mended_by_what_a_refusal_read(writer: Writer, other: Writer, journal: Journal) -> None:
    p = opened(writer)
    done(other, order("record-guidance", OFFICER, p), order("hand-over-idea-form", OFFICER, p))
    refused(writer, WrongOrder, order("accept-idea", CHAIR, p))
    appends: list[int] = []
    append = journal.append
    journal.append = lambda facts, beside: appends.append(len(facts)) or append(facts, beside)  # type: ignore[method-assign]

    done(writer, order("submit-idea", PRODUCER, p), order("endorse-idea", OFFICER, p))

    assert appends == [2]


def test_two_writers_racing_for_one_product_lose_no_update(
    writer: Writer, other: Writer, journal: Journal, own_database: str
) -> None:
    p = opened(writer)
    lots = {who: [order("record-guidance", OFFICER, p) for _ in range(24)] for who in (writer, other)}
    outcomes: list[Answer] = []

    def race(who: Writer, given: list[Order]) -> None:
        for n in range(0, len(given), 4):
            outcomes.extend(done(who, *given[n : n + 4]))

    threads = [threading.Thread(target=race, args=lot) for lot in lots.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(a.version for a in outcomes) == list(range(2, 50))
    assert len(names(journal, p)) == 49
    assert stored(own_database) == (49, 49)


def test_one_key_given_to_two_writers_at_once_is_stored_once(
    faulty: Faulty, other: Writer, own_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other process stores it between this one's look-up and its reading of the product."""
    opening = order("identify-product", OFFICER)
    p = opening.stream_id
    idea = order("submit-idea", PRODUCER, p)
    writer = writer_on(faulty)
    looked_up, streams = faulty.command, faulty.streams
    for step in (opening, idea):
        rivals = [step]

        def overtaken(then, rivals=rivals):
            def call(*given):
                found = then(*given)
                if rivals:
                    done(other, rivals.pop())
                return found

            return call

        monkeypatch.setattr(faulty, "command", overtaken(looked_up))
        monkeypatch.setattr(faulty, "streams", overtaken(streams))
        faulty.before = 1

        answer = done(writer, step)[0]

        assert not rivals
        assert (answer.repeated, len(answer.facts)) == (True, 1)
    assert stored(own_database) == (2, 2)


# ── Unknown outcomes and a store that is away ───────────────────────────────────────────────────


@pytest.mark.parametrize(("before", "after"), [(1, 0), (0, 1), (3, 0), (2, 1)])
def test_an_append_whose_outcome_is_unknown_is_stored_exactly_once(
    faulty: Faulty, own_database: str, before: int, after: int
) -> None:
    writer = writer_on(faulty)
    p = opened(writer)
    opening = order("identify-product", OFFICER)
    batch = [
        order("record-guidance", OFFICER, p),
        order("submit-idea", PRODUCER, p),
        opening,
        order("record-guidance", OFFICER, opening.stream_id),
    ]
    faulty.before, faulty.after = before, after

    answers = done(writer, *batch)

    assert [(a.stream_id, a.version, len(a.facts)) for a in answers] == [
        (p, 2, 1),
        (p, 3, 1),
        (opening.stream_id, 1, 1),
        (opening.stream_id, 2, 1),
    ]
    assert names(faulty, p) == ["identified", "guidance-given", "idea-submitted"]
    assert names(faulty, opening.stream_id) == ["identified", "guidance-given"]
    assert stored(own_database) == (5, 5)
    assert (faulty.before, faulty.after) == (0, 0)


def test_an_append_that_is_stored_after_it_was_given_up_is_stored_once(faulty: Faulty, own_database: str) -> None:
    """The server finishes it between our look-up of the command and our reading of the product."""
    writer = writer_on(faulty)
    opening = order("identify-product", OFFICER)
    p = opening.stream_id
    for step, version in ((opening, 1), (order("submit-idea", PRODUCER, p), 2), (order("endorse-idea", OFFICER, p), 3)):
        faulty.delayed = True

        answer = done(writer, step)[0]

        assert (answer.version, len(answer.facts)) == (version, 1)
    assert names(faulty, p) == ["identified", "idea-submitted", "idea-endorsed"]
    assert stored(own_database) == (3, 3)


def test_a_connection_that_the_server_ends_costs_nothing(writer: Writer, journal: Journal, own_database: str) -> None:
    p = opened(writer)
    for _ in range(3):
        with psycopg.connect(own_database, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        done(writer, order("record-guidance", OFFICER, p))

    assert len(names(journal, p)) == 4
    assert stored(own_database) == (4, 4)


def test_a_store_that_is_away_for_longer_than_our_patience_gives_busy_and_nothing_else(
    journal: Journal, server_url: str, own_database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "PATIENCE", 0.5)
    journal.recorder.datastore.pool.timeout = 0.4
    writer = writer_on(journal)
    p = opened(writer)
    batch = [order("record-guidance", OFFICER, p) for _ in range(20)]
    batch += [order("identify-product", OFFICER), order("accept-plan", CHAIR, p)]
    with away(server_url, own_database):
        began = time.monotonic()
        refused(writer, Busy, *batch)
        took = time.monotonic() - began

    assert took < 4, "each order waited for itself"
    assert stored(own_database) == (1, 1)
    deadline = time.monotonic() + 20
    while isinstance(writer.carry_out(batch[:1])[0], Busy):
        assert time.monotonic() < deadline
    outcomes = writer.carry_out(batch)
    assert [type(o) for o in outcomes] == [Answer] * 21 + [WrongOrder]
    assert stored(own_database) == (22, 22)


@contextmanager
def away(server_url: str, url: str) -> Iterator[None]:
    """The database takes no connection and has ended those it had."""
    name = conninfo_to_dict(url)["dbname"]
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
        yield
        connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


def test_a_store_that_comes_back_within_our_patience_is_waited_for(
    writer: Writer, journal: Journal, server_url: str, own_database: str
) -> None:
    p = opened(writer)
    journal.recorder.datastore.pool.timeout = 0.3
    answers: list[Answer] = []
    batch = [order("record-guidance", OFFICER, p) for _ in range(5)]
    with away(server_url, own_database):
        thread = threading.Thread(target=lambda: answers.extend(done(writer, *batch)))
        thread.start()
        thread.join(0.8)
        assert thread.is_alive()
    thread.join(writing.PATIENCE + 5)

    assert [a.version for a in answers] == [2, 3, 4, 5, 6]
    assert stored(own_database) == (6, 6)


def test_a_store_that_was_away_for_long_is_found_again_at_once(
    writer: Writer, journal: Journal, server_url: str, own_database: str
) -> None:
    """Connections that are tried again more and more rarely would make the outage twice as long."""
    p = opened(writer)
    journal.recorder.datastore.pool.timeout = 0.3
    with away(server_url, own_database):
        end = time.monotonic() + 8
        while time.monotonic() < end:
            began = time.monotonic()
            with pytest.raises(StoreError):
                journal.head()
            assert time.monotonic() - began < 2, "readiness must say so at once"
            time.sleep(0.2)
    journal.recorder.datastore.pool.timeout = 5.0

    began = time.monotonic()
    done(writer, order("record-guidance", OFFICER, p))

    assert time.monotonic() - began < 3


def test_the_thread_goes_on_after_anything_and_finishes_what_it_took(journal: Journal, own_database: str) -> None:
    writer = writer_on(journal)
    calls = iter([ZeroDivisionError()])

    def clock() -> datetime:
        for error in calls:
            raise error
        return NOW

    writer._clock = clock

    async def give() -> list[object]:
        writer.start(asyncio.get_running_loop())
        p = (await writer.run(order("identify-product", OFFICER))).stream_id
        orders = [order("record-guidance", OFFICER, p) for _ in range(150)]
        orders.insert(70, order("accept-plan", CHAIR, p))
        tasks = [asyncio.create_task(writer.run(given)) for given in orders]
        await asyncio.sleep(0)
        stopping = asyncio.to_thread(writer.stop)
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        await stopping
        return list(outcomes)

    outcomes = asyncio.run(give())

    assert [type(o) for o in outcomes] == [Answer] * 70 + [WrongOrder] + [Answer] * 80
    assert [o.version for o in outcomes if isinstance(o, Answer)] == list(range(2, 152))
    assert writer.depth == 0
    assert stored(own_database) == (151, 151)


# ── Commands over several streams ───────────────────────────────────────────────────────────────

SECRETARY, PROVINCE_CHAIR = Role.COUNCIL_SECRETARY, Role.PROVINCE_CHAIR


def several(writer: Writer, chapters: Sequence[Chapter], number: int) -> tuple[list[UUID], dict[str, UUID]]:
    """The story of several products rated in one session of one council; the products, and the other streams."""
    products: list[UUID] = []
    ids: dict[str, UUID] = {}
    members = 0
    for command, role, body in chapters:
        kind = COMMANDS[command].stream
        members += command == "submit-score-sheet"
        who = actor(role, members)
        own: list[dict[str, Any]] = [{}]
        if kind == "product":
            named = "product_name" in body
            own = [{"product_name": f"{body['product_name']} {n}"} if named else {} for n in range(number)]
        elif command == "submit-score-sheet":
            own = [{"product": product} for product in products]
        elif command == "call-session":
            own = [{"council": ids["council"], "products": products}]
        on_products: list[UUID | None] = [*products] if products else [None] * number
        streams = on_products if kind == "product" else [ids.get(kind)] * len(own)
        orders = [order(command, who, at, **{**body, **mine}) for at, mine in zip(streams, own, strict=True)]
        answers = done(writer, *orders)
        if kind == "product":
            products = [answer.stream_id for answer in answers]
        else:
            ids[kind] = answers[0].stream_id
    return products, ids


def concluded(writer: Writer, number: int) -> list[UUID]:
    """Products whose rating is concluded: they await the province's decision."""
    return several(writer, until("conclude-session", tea()), number)[0]


def recognition(*products: UUID, **more: Any) -> Order:
    return order("recognise", PROVINCE_CHAIR, products=products, effective_on="2026-10-20", **more)


def check_numbers(journal: Journal, decisions: int, products: Sequence[UUID]) -> None:
    """The book's numbers are without gap or double, and the products' certificates say the same."""
    book = journal.streams([book_id("province", "25", 2026)])
    entries = [entry for r in book for entry in r.fact.entries]
    assert [r.originator_version for r in book] == list(range(1, decisions + 1))
    assert [r.fact.number for r in book] == list(range(1, decisions + 1))
    assert len({r.fact.decision_number for r in book}) == decisions
    assert [e.certificate for e in entries] == list(range(1, len(products) + 1))
    assert len({e.certificate_number for e in entries}) == len(products)
    numbered = journal.streams([book_id("commune", COMMUNE, 2026)])
    numbers = {r.fact.product: r.fact.product_number for r in numbered}
    assert [r.fact.number for r in numbered] == list(range(1, len(numbered) + 1))
    assert [r.fact.product_number for r in numbered] == [f"25-{COMMUNE}-{r.fact.number}-2026" for r in numbered]
    assert sorted(e.product for e in entries) == sorted(products)
    certified = {
        r.originator_id: (r.fact.decision_number, r.fact.certificate_number, r.fact.product_number)
        for r in journal.streams(products)
        if r.fact.stored_name == "product.recognised"
    }
    assert certified == {
        e.product: (r.fact.decision_number, e.certificate_number, numbers[e.product])
        for r in book
        for e in r.fact.entries
    }


def transactions(url: str, streams: Sequence[UUID]) -> list[tuple[str, int]]:
    """Newest fact of each stream: the transaction that wrote it, and its position."""
    with psycopg.connect(url) as connection:
        return connection.execute(
            "SELECT DISTINCT ON (originator_id) xmin::text, notification_id FROM ocop.events"
            " WHERE originator_id = ANY (%s) ORDER BY originator_id, originator_version DESC",
            (list(streams),),
        ).fetchall()


def test_a_decision_on_three_products_is_one_transaction(writer: Writer, journal: Journal, own_database: str) -> None:
    products = concluded(writer, 3)
    commands, facts = stored(own_database)

    answer = done(writer, recognition(*products))[0]

    assert stored(own_database) == (commands + 1, facts + 4)
    assert (answer.stream_id, answer.version) == (book_id("province", "25", 2026), 1)
    assert answer.facts == (("book.decision-issued", 1, answer.position),)
    written = transactions(own_database, [*products, answer.stream_id])
    assert len({transaction for transaction, _ in written}) == 1
    assert sorted(at for _, at in written) == list(range(answer.position - 3, answer.position + 1))
    check_numbers(journal, 1, products)


@pytest.mark.parametrize("batched", [False, True])
def test_a_decision_on_three_products_is_all_or_nothing(
    writer: Writer, other: Writer, journal: Journal, own_database: str, batched: bool
) -> None:
    """One of them is recognised already, by another process; the other two stay as they were."""
    p, q, r = concluded(writer, 3)
    done(other, recognition(q))
    before = stored(own_database)

    if batched:
        outcomes = writer.carry_out([order("record-guidance", OFFICER, p), recognition(p, q, r), recognition(r)])
        assert [type(o) for o in outcomes] == [Answer, WrongOrder, Answer]
        assert stored(own_database) == (before[0] + 2, before[1] + 3)
    else:
        refused(writer, WrongOrder, recognition(p, q, r), recognition(r, q))
        assert stored(own_database) == before
        done(writer, recognition(p), recognition(r))
        check_numbers(journal, 3, [p, q, r])
    assert "recognised" in names(journal, r)


@pytest.mark.parametrize(("before", "after"), [(1, 0), (0, 1), (2, 1)])
def test_a_decision_whose_outcome_is_unknown_is_stored_exactly_once(
    faulty: Faulty, own_database: str, before: int, after: int
) -> None:
    writer = writer_on(faulty)
    products = concluded(writer, 4)
    commands, facts = stored(own_database)
    faulty.before, faulty.after = before, after

    answers = done(writer, recognition(*products[:3]), recognition(products[3]))

    assert [(a.version, len(a.facts)) for a in answers] == [(1, 1), (2, 1)]
    assert stored(own_database) == (commands + 2, facts + 6)
    check_numbers(faulty, 2, products)


def test_a_repeated_decision_is_answered_as_before_and_stores_nothing(
    writer: Writer, other: Writer, journal: Journal, own_database: str
) -> None:
    *products, last = concluded(writer, 4)
    given = recognition(*products, key="k")
    answer = done(writer, given)[0]
    done(writer, recognition(last), order("notify-result", Role.PROVINCE_OFFICER, products[0]))
    before = stored(own_database)

    for who in (writer, other):
        again = done(who, given, given)
        assert [replace(a, repeated=False) for a in again] == [answer, answer]
        assert all(a.repeated for a in again)
        refused(who, KeyReused, recognition(last, key="k"))

    assert stored(own_database) == before
    check_numbers(journal, 2, [*products, last])


@pytest.mark.parametrize("moment", ["latest", "streams", "command"])
def test_one_decision_given_to_two_writers_at_once_is_stored_once(
    faulty: Faulty, other: Writer, own_database: str, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Whenever the other process stores it, this one repeats the answer: the products were read before the look-up."""
    writer = writer_on(faulty)
    products = concluded(writer, 3)
    given = recognition(*products)
    rivals = [given]
    before = stored(own_database)
    then = getattr(faulty, moment)

    def overtaken(*args: Any) -> Any:
        found = then(*args)
        if rivals:
            done(other, rivals.pop())
        return found

    monkeypatch.setattr(faulty, moment, overtaken)
    faulty.before = 1

    answer = done(writer, given)[0]

    assert not rivals
    assert answer.repeated
    assert stored(own_database) == (before[0] + 1, before[1] + 4)
    check_numbers(faulty, 1, products)


def test_a_needed_product_that_another_process_moved_on_is_found_out(
    writer: Writer, other: Writer, journal: Journal
) -> None:
    """What is kept of it here is old: the decision is taken on what is stored."""
    p, q = concluded(writer, 2)
    mend = {"reason": "Ghi nhầm.", "authority": "BB 01", "version": 6}
    for product, name in ((p, "Chè một"), (q, "Chè hai")):
        done(other, order("correct-fact", CHAIR, product, now={"product_name": name}, **mend))

    done(writer, recognition(p, q))

    check_numbers(journal, 1, [p, q])
    assert names(journal, p)[-2:] == names(journal, q)[-2:] == ["fact-corrected", "recognised"]
    kept = writer._journeys.kept(p)
    assert kept is not None
    assert kept == writer_on(journal)._journeys.load([p])[p]


def test_a_needed_council_that_another_process_dissolved_is_found_out(
    writer: Writer, other: Writer, journal: Journal, own_database: str
) -> None:
    """A session writes nothing to its council: no version of the council's is at stake, and still it must be right."""
    (p,), ids = several(writer, until("set-up-council", tea()), 1)
    done(other, order("dissolve-council", PROVINCE_CHAIR, ids["council"], effective_on="2026-09-28"))
    before = stored(own_database)

    refused(writer, WrongOrder, order("call-session", SECRETARY, council=ids["council"], products=[p]))

    assert stored(own_database) == before


@pytest.mark.parametrize("kept", [True, False])
def test_a_needed_council_that_is_dissolved_during_the_decision_is_found_out(
    writer: Writer, other: Writer, journal: Journal, monkeypatch: pytest.MonkeyPatch, kept: bool
) -> None:
    (p,), ids = several(writer, until("set-up-council", tea()), 1)
    if not kept:  # the decision is then taken on what was read a moment ago
        writer._journeys.forget([p, *ids.values()])
    rivals = [order("dissolve-council", PROVINCE_CHAIR, ids["council"], effective_on="2026-09-28")]
    append = journal.append

    def overtaken(facts: Sequence[Recorded], beside: Beside) -> list[int]:
        if rivals:
            done(other, rivals.pop())
        return append(facts, beside)

    monkeypatch.setattr(journal, "append", overtaken)

    refused(writer, WrongOrder, order("call-session", SECRETARY, council=ids["council"], products=[p]))

    assert not rivals
    assert names(journal, p)[-1] == "advisory-reported"


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_needed_council_that_is_changed_during_the_decision_is_decided_on_again(
    writer: Writer, other: Writer, journal: Journal, monkeypatch: pytest.MonkeyPatch, attempts: int
) -> None:
    """Once in the batch, once more while it is settled alone: the session has the members of the last decision."""
    (p,), ids = several(writer, until("set-up-council", tea()), 1)
    members = EXAMPLES["change-council-members"]["members"]
    changes = [[*members[:2], {**members[2], "person": f"council-member-{n}"}, *members[3:]] for n in (5, 6)][:attempts]
    rivals = [
        order("change-council-members", PROVINCE_CHAIR, ids["council"], members=m, effective_on="2026-09-28")
        for m in reversed(changes)
    ]
    append = journal.append

    def overtaken(facts: Sequence[Recorded], beside: Beside) -> list[int]:
        if rivals:
            done(other, rivals.pop())
        return append(facts, beside)

    monkeypatch.setattr(journal, "append", overtaken)

    called = done(writer, order("call-session", SECRETARY, council=ids["council"], products=[p]))[0]

    fact: Any = journal.streams([called.stream_id])[0].fact
    assert fact.members[2].person == changes[-1][2]["person"]
    assert names(journal, p)[-2:] == ["advisory-reported", "put-on-agenda"]


def test_a_product_kept_from_before_the_session_is_not_left_out_of_it(
    writer: Writer, other: Writer, journal: Journal
) -> None:
    """Called and scored through one process, closed through another that last saw the product before all that."""
    story = until("conclude-session", tea())
    put = next(n for n, (command, _, _) in enumerate(story) if command == "call-session")
    end = next(n for n, (command, _, _) in enumerate(story) if command == "close-scoring")
    (p,), ids = several(writer, story[:put], 1)
    called = done(other, order("call-session", SECRETARY, council=ids["council"], products=[p]))[0]
    members = 0
    for command, role, body in story[put + 1 : end]:
        members += command == "submit-score-sheet"
        more = {"product": p} if members else {}
        done(other, order(command, actor(role, members), called.stream_id, **{**body, **more}))
    kept = writer._journeys.kept(p)
    assert kept is not None
    assert kept.dossier.session is None

    done(writer, *(order(command, role, called.stream_id, **body) for command, role, body in story[end:]))

    assert names(journal, p)[-2:] == ["sheets-opened", "scoring-concluded"]


def test_a_command_of_another_kind_of_stream_finds_nothing(writer: Writer, other: Writer, own_database: str) -> None:
    """The id of a council is not that of a product, whether it is in memory or not."""
    council = done(writer, order("set-up-council", PROVINCE_CHAIR))[0].stream_id
    p = opened(writer)
    before = stored(own_database)

    for who in (writer, other):
        refused(who, NotFound, order("record-guidance", OFFICER, council), order("record-guidance", OFFICER, council))
        refused(who, NotFound, order("dissolve-council", PROVINCE_CHAIR, p))
        refused(who, NotFound, order("call-session", SECRETARY, council=p, products=[p]))
        refused(who, NotFound, order("call-session", SECRETARY, council=council, products=[council]))
        refused(who, NotFound, recognition(council))

    assert stored(own_database) == before


def test_two_writers_at_once_give_each_number_once(
    writer: Writer, other: Writer, journal: Journal, own_database: str
) -> None:
    """The must-show: 200 recognitions of one authority."""
    products = concluded(writer, 200)
    commands, facts = stored(own_database)
    outcomes: list[Answer] = []

    def issue(who: Writer, mine: Sequence[UUID]) -> None:
        waiting = list(mine)
        while waiting:
            batch = [recognition(waiting.pop()) for _ in range(min(len(waiting), random.randint(1, 8)))]
            outcomes.extend(done(who, *batch))

    threads = [threading.Thread(target=issue, args=(w, products[n::2])) for n, w in enumerate((writer, other))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert sorted(a.version for a in outcomes) == list(range(1, 201))
    assert stored(own_database) == (commands + 200, facts + 400)
    check_numbers(journal, 200, products)


class AwayKeys(MemoryKeys):
    """Keys that cannot be reached for a while."""

    away = 0

    def find(self, ids: Sequence[UUID]) -> list[Key]:
        if self.away:
            self.away -= 1
            raise StoreError("away")
        return super().find(ids)


def test_keys_that_are_away_for_a_moment_are_waited_for(journal: Journal, own_database: str) -> None:
    keys = AwayKeys()
    writer = Writer(journal, law_book(), Keeper(b"k" * 32, keys), lambda: NOW)
    (p,), ids = several(writer, until("open-scoring", tea()), 1)
    commands, facts = stored(own_database)
    keys.away = 3
    sheet = next(body for command, _, body in tea() if command == "submit-score-sheet")
    member = actor(Role.COUNCIL_MEMBER, 1)

    outcomes = done(
        writer,
        order("record-guidance", OFFICER, opened(writer)),
        order("submit-score-sheet", member, ids["session"], **{**sheet, "product": p}),
    )

    assert [len(a.facts) for a in outcomes] == [1, 1]
    assert keys.away == 0
    assert stored(own_database) == (commands + 3, facts + 3)


def test_a_batch_is_decided_again_when_a_subjects_key_is_another_processs(journal: Journal, own_database: str) -> None:
    """What is stored always opens: never under a key that the store did not take."""
    keys = MemoryKeys()
    writers = [Writer(journal, law_book(), Keeper(b"k" * 32, keys), lambda: NOW) for _ in range(2)]
    products = [opened(writer) for writer in writers]  # one producer's, so under one key
    for writer, p in zip(writers, products, strict=True):
        before = stored(own_database)
        done(writer, order("hand-over-idea-form", OFFICER, p), order("submit-idea", PRODUCER, p, product_name=str(p)))
        assert stored(own_database) == (before[0] + 2, before[1] + 2)

    facts = [fact for fact in journal.streams(products) if fact.fact.stored_name == "product.idea-submitted"]
    reader = Keeper(b"k" * 32, keys)
    for fact in facts:
        told = personal.readable(
            fact.fact.stored_name, 3, fact.fact.model_dump(mode="json"), fact.originator_id, reader
        )
        assert told["producer"]["address"] == EXAMPLES["submit-idea"]["producer"]["address"]
    assert len({fact.fact.producer.address.key for fact in facts}) == 1


def test_a_database_without_its_keys_is_a_store_that_is_away(server_url: str, own_keys: str) -> None:
    one, two = UUID(int=1), UUID(int=2)
    with ConnectionPool(service_conninfo(own_keys), min_size=1, timeout=0.5, kwargs={"autocommit": True}) as pool:
        keys = DatabaseKeys(pool)
        assert [key.wrapped for key in keys.make([WrappedKey(one, one, "sheets", b"wrapped")])] == [b"wrapped"]
        with away(server_url, own_keys):
            for call in (lambda: keys.find([one]), lambda: keys.make([WrappedKey(two, two, "sheets", b"more")])):
                with pytest.raises(StoreError):
                    call()
        settled(lambda: _found(keys, one) == [b"wrapped"], 20)
        assert keys.find([two]) == []


def _found(keys: DatabaseKeys, key_id: UUID) -> list[bytes | None]:
    with suppress(StoreError):
        return [key.wrapped for key in keys.find([key_id])]
    return []


# ── Claims ──────────────────────────────────────────────────────────────────────────────────────


def idea(product: UUID, name: str = "Chè Shan", cycle_of: Actor | None = None, **body: object) -> Order:
    by = cycle_of or actor(PRODUCER)
    who = {**EXAMPLES["submit-idea"]["producer"], "registration": by.producer}
    return order("submit-idea", by, product, product_name=name, producer=who, **body)


def claims(url: str) -> list[UUID]:
    with psycopg.connect(url) as connection:
        return [row[0] for row in connection.execute("SELECT product_id FROM ocop.claims ORDER BY product_id")]


def test_a_producer_registers_a_name_once_a_cycle_across_products_and_writers(
    writer: Writer, other: Writer, own_database: str
) -> None:
    p, q, r = opened(writer), opened(writer), opened(writer)
    done(writer, idea(p))

    refused(writer, AlreadyRegistered, idea(q), idea(q, "  chè   SHAN "))
    refused(other, AlreadyRegistered, idea(r))

    next_cycle, neighbour = opened(writer, cycle=2027), Actor(**{**dict(actor(PRODUCER)), "producer": "HKD-7"})
    done(writer, idea(next_cycle), idea(q, "Chè khác"), idea(r, cycle_of=neighbour))
    assert claims(own_database) == sorted([p, q, r, next_cycle])


def test_of_two_in_one_batch_the_first_gets_the_name(writer: Writer, journal: Journal, own_database: str) -> None:
    p, q = opened(writer), opened(writer)

    outcomes = writer.carry_out([idea(q), idea(p)])

    assert [type(o) for o in outcomes] == [Answer, AlreadyRegistered]
    assert names(journal, p) == ["identified"]
    assert claims(own_database) == [q]


def test_two_writers_at_once_give_a_name_to_one(writer: Writer, other: Writer, own_database: str) -> None:
    pairs = [(opened(writer), opened(other)) for _ in range(8)]
    kinds: dict[Writer, list[type]] = {}

    def register(who: Writer, mine: int) -> None:
        kinds[who] = [type(who.carry_out([idea(pair[mine], f"Chè {n}")])[0]) for n, pair in enumerate(pairs)]

    threads = [threading.Thread(target=register, args=(who, n)) for n, who in enumerate((writer, other))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    for both in zip(kinds[writer], kinds[other], strict=True):
        assert sorted(kind.__name__ for kind in both) == ["AlreadyRegistered", "Answer"]
    assert len(claims(own_database)) == 8


@pytest.mark.parametrize(
    "ending",
    [
        [("reject-idea", CHAIR, {"failed": ["local-speciality"]})],
        [("withdraw-idea", PRODUCER, {})],
        [("return-idea", OFFICER, {}), ("withdraw-journey", PRODUCER, {})],
    ],
)
@pytest.mark.parametrize("at_once", [False, True])
def test_a_name_is_free_again_after_rejection_or_withdrawal(
    writer: Writer, other: Writer, own_database: str, ending: list, at_once: bool
) -> None:
    p, q = opened(writer), opened(writer)
    steps = [idea(p), *(order(name, by, p, **body) for name, by, body in ending)]
    if at_once:
        done(writer, *steps)
    else:
        for step in steps:
            done(writer, step)

    assert claims(own_database) == []
    done(other, idea(q))
    assert claims(own_database) == [q]


def test_a_name_given_back_and_taken_in_one_batch_changes_hands(writer: Writer, own_database: str) -> None:
    p, q, r = opened(writer), opened(writer), opened(writer)
    done(writer, idea(p))

    done(writer, order("withdraw-idea", PRODUCER, p), idea(q), order("withdraw-idea", PRODUCER, q), idea(r))

    assert claims(own_database) == [r]


def test_a_name_asked_for_before_it_is_given_back_is_refused(writer: Writer, own_database: str) -> None:
    p, q = opened(writer), opened(writer)
    done(writer, idea(p))

    outcomes = writer.carry_out([idea(q), order("withdraw-idea", PRODUCER, p)])

    assert [type(o) for o in outcomes] == [AlreadyRegistered, Answer]
    assert claims(own_database) == []


def test_an_idea_submitted_again_under_another_name_moves_the_claim(writer: Writer, own_database: str) -> None:
    p, q = opened(writer), opened(writer)

    done(
        writer,
        idea(p, "Một"),
        order("return-idea", OFFICER, p),
        idea(p, "Hai"),
        order("return-idea", OFFICER, p),
        idea(p, "Một"),
    )

    refused(writer, AlreadyRegistered, idea(q, "Một"))
    done(writer, idea(q, "Hai"))
    assert claims(own_database) == sorted([p, q])


def test_a_claim_follows_a_corrected_name(writer: Writer, other: Writer, own_database: str) -> None:
    p, q, r = opened(writer), opened(writer), opened(writer)
    done(writer, idea(p, "Chè Sam"), idea(r, "Chè khác"))

    done(other, order("correct-fact", CHAIR, p, version=2, now={"product_name": "Chè Shan"}))

    refused(writer, AlreadyRegistered, idea(q, "Chè Shan"))
    refused(writer, AlreadyRegistered, order("correct-fact", CHAIR, r, version=2, now={"product_name": "chè shan"}))
    done(writer, idea(q, "Chè Sam"))
    done(writer, order("withdraw-idea", PRODUCER, p))
    assert claims(own_database) == sorted([q, r])


def test_corrections_are_folded_into_the_states_kept_in_memory(writer: Writer, journal: Journal) -> None:
    p = opened(writer)
    done(writer, idea(p, "Chè Sam"), order("return-idea", OFFICER, p))
    done(writer, order("correct-fact", CHAIR, p, version=2, now={"product_name": "Chè Shan"}))

    kept = writer._journeys.kept(p)
    assert kept is not None
    assert (kept.name, kept.version, kept.phase) == ("Chè Shan", 4, Phase.IDEA_RETURNED)

    done(writer, order("record-guidance", OFFICER, p))
    again = writer_on(journal)._journeys.load([p])[p]
    assert again == writer._journeys.kept(p)
    assert (again.name, again.version) == ("Chè Shan", 5)


def test_a_writer_ahead_of_a_restored_database_leaves_no_gap(own_database: str) -> None:
    """Facts that the database lost are not built upon: the order is decided again on what is there."""
    journal = Journal(own_database)
    writer = writer_on(journal)
    p = opened(writer)
    for _ in range(3):
        done(writer, order("record-guidance", OFFICER, p))
    with psycopg.connect(own_database) as connection:
        connection.execute("ALTER TABLE ocop.events DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM ocop.events WHERE originator_version > 2")
        connection.execute("ALTER TABLE ocop.events ENABLE TRIGGER ALL")

    answer = done(writer, order("record-guidance", OFFICER, p))[0]

    assert answer.version == 3
    assert [r.originator_version for r in journal.streams([p])] == [1, 2, 3]
    journal.close()


def test_a_revoked_product_gives_its_name_back_and_may_file_again(
    writer: Writer, journal: Journal, own_database: str
) -> None:
    (product,) = concluded(writer, 1)
    done(writer, recognition(product))
    assert claims(own_database) == [product]

    revocation = {"product": str(product), "concluded_on": "2026-10-25", "effective_on": "2026-11-01"}
    done(writer, order("revoke", PROVINCE_CHAIR, **revocation))
    assert claims(own_database) == []

    began = time.monotonic()
    done(writer, order("file-dossier", Role.PRODUCER, product, effective_on="2026-11-02"))
    assert time.monotonic() - began < 5
    assert claims(own_database) == [product]


def test_a_claim_the_product_still_holds_is_not_taken_twice(
    writer: Writer, journal: Journal, own_database: str
) -> None:
    (product,) = concluded(writer, 1)
    done(writer, recognition(product))
    done(writer, order("revoke", PROVINCE_CHAIR, product=str(product), concluded_on="2026-10-25"))
    with psycopg.connect(own_database) as connection:  # as journals had it before books gave claims back
        held = replace(KINDS["product"].fold(r.told for r in journal.streams([product])), phase=Phase.FILED)
        key = stored_claim(held, KEEPER)
        connection.execute("INSERT INTO ocop.claims (key, product_id) VALUES (%s, %s)", (key, product))

    done(writer_on(journal), order("file-dossier", Role.PRODUCER, product, effective_on="2026-11-23"))

    assert claims(own_database) == [product]


@pytest.mark.parametrize(("ahead", "after"), [(10, 5), (700, 5), (100, 200), (300, 900)])
def test_what_was_known_then_is_found_also_where_the_clock_was_ahead_and_set_back(
    own_database: str, ahead: int, after: int
) -> None:
    """Facts of 8:00 and 9:00, many while the clock stood at noon, facts of 10:00: told before or after those."""
    fact = facts_of(actor(Role.COMMUNE_OFFICER))[0]

    def told(count: int, hour: int) -> list[Recorded]:
        at = datetime(2026, 11, 20, hour, tzinfo=UTC)
        found = [recorded(uuid4(), 1, fact) for _ in range(count)]
        return [replace(f, envelope=f.envelope.model_copy(update={"recorded_at": at})) for f in found]

    with journal_at(own_database) as journal:
        for facts in (told(3, 8), told(3, 9), told(ahead, 12), told(after, 10)):
            for first in range(0, len(facts), 200):
                piece = facts[first : first + 200]
                rows = [CommandRow(uuid4(), b"d" * 32, f.originator_id, 0, 1) for f in piece]
                journal.append(piece, Beside(rows))
        head = journal.head()
        known = {hour: journal.known_at(datetime(2026, 11, 20, hour, 30, tzinfo=UTC)) for hour in (7, 8, 9, 10, 12)}

    assert known.pop(10) in (6, head)
    assert known == {7: 0, 8: 3, 9: 6, 12: head}
