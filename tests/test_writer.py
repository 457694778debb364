"""The writer alone, on a real journal: batches, conflicts, unknown outcomes, a store that is away, claims."""

from __future__ import annotations

import asyncio
import json
import secrets
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import psycopg
import pytest
from eventsourcing.persistence import OperationalError
from psycopg.conninfo import conninfo_to_dict
from pydantic_core import to_json

from api.examples import EXAMPLES
from application import writer as writing
from application.handle import Order, command_id_of, digest_of
from application.recorded import Recorded
from application.store import Beside, Journal, StoreError
from application.writer import Answer, Writer
from domain.law.book import law_book
from domain.product.decide import COMMANDS, product_id
from domain.product.phases import Phase
from domain.refusals import AlreadyRegistered, Busy, Invalid, KeyReused, NotFound, StaleVersion, WrongOrder
from domain.values import Actor, Role
from tests.language import NOW
from tests.story import actor

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
    product: UUID | None = None,
    key: str | None = None,
    expected: int | None = None,
    **body: object,
) -> Order:
    """An order as the HTTP layer makes it; the rest of the body is the example's."""
    parsed = COMMANDS[command].model_validate_json(to_json({**EXAMPLES[command], **body}))
    who = by if isinstance(by, Actor) else actor(by)
    command_id = command_id_of(who, key or secrets.token_hex(8))
    asked = digest_of(str(product or ""), parsed)
    return Order(command_id, product or product_id(command_id), parsed, who, asked, expected)


def writer_on(journal: Journal) -> Writer:
    return Writer(journal, law_book(), lambda: NOW)


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
    return done(writer, order("identify-product", OFFICER, **body))[0].product_id


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
    p = first.product_id

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

    def handle(product, given, *rest):
        if given is broken:
            raise ZeroDivisionError
        return plain(product, given, *rest)

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
    assert {(a.product_id, a.version, a.facts) for a in answers} == {
        (a.product_id, a.version, a.facts) for a in answers[:2]
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
    p = first.product_id
    idea = order("submit-idea", PRODUCER, p)
    answers = done(writer, first, idea, order("endorse-idea", OFFICER, p))

    for who in (writer, other):
        again = done(who, idea, first)
        assert [(a.product_id, a.version, a.position, a.facts) for a in again] == [
            (a.product_id, a.version, a.position, a.facts) for a in (answers[1], answers[0])
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
    p = opening.product_id
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
        order("record-guidance", OFFICER, opening.product_id),
    ]
    faulty.before, faulty.after = before, after

    answers = done(writer, *batch)

    assert [(a.product_id, a.version, len(a.facts)) for a in answers] == [
        (p, 2, 1),
        (p, 3, 1),
        (opening.product_id, 1, 1),
        (opening.product_id, 2, 1),
    ]
    assert names(faulty, p) == ["identified", "guidance-given", "idea-submitted"]
    assert names(faulty, opening.product_id) == ["identified", "guidance-given"]
    assert stored(own_database) == (5, 5)
    assert (faulty.before, faulty.after) == (0, 0)


def test_an_append_that_is_stored_after_it_was_given_up_is_stored_once(faulty: Faulty, own_database: str) -> None:
    """The server finishes it between our look-up of the command and our reading of the product."""
    writer = writer_on(faulty)
    opening = order("identify-product", OFFICER)
    p = opening.product_id
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
        p = (await writer.run(order("identify-product", OFFICER))).product_id
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
    writer = Writer(journal, law_book())
    officer = actor(Role.COMMUNE_OFFICER)

    def give(command: str, product: UUID | None, **body: Any) -> Answer:
        parsed = COMMANDS[command].model_validate_json(json.dumps(body))
        command_id = command_id_of(officer, None)
        key = product or product_id(command_id)
        answer = writer.carry_out([Order(command_id, key, parsed, officer, digest_of(str(key), parsed))])[0]
        assert isinstance(answer, Answer), answer
        return answer

    product = give("identify-product", None, product_name="Chè", commune="04876", origin="existing", cycle=2026)
    for _ in range(3):
        give("record-guidance", product.product_id, form="class", title="Lớp", given_by="Xã")
    with psycopg.connect(own_database) as connection:
        connection.execute("ALTER TABLE ocop.events DISABLE TRIGGER ALL")
        connection.execute("DELETE FROM ocop.events WHERE originator_version > 2")
        connection.execute("ALTER TABLE ocop.events ENABLE TRIGGER ALL")

    answer = give("record-guidance", product.product_id, form="class", title="Lớp", given_by="Xã")

    assert answer.version == 3
    assert [r.originator_version for r in journal.streams([product.product_id])] == [1, 2, 3]
    journal.close()
