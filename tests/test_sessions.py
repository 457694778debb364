"""Sessions: opaque, hashed, renewed at every proof, ended by idleness, by the working day and by anybody's wish."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import timedelta
from types import SimpleNamespace
from uuid import uuid4

import psycopg
import pytest
from fastapi import Request

from api.identity import Identity, demand_fresh_proof, identify, identify_limited
from api.problems import Problem
from application.access.housekeeping import sweep_once
from application.access.refusals import LoginRefused, ProofNeeded
from application.access.sessions import ABSOLUTE, IDLE, STEP_UP, Proof
from application.access.tokens import KEPT
from tests.door import HERE, PHRASE, Door


@pytest.fixture(scope="module")
def door(database: str) -> Iterator[Door]:
    door = Door(database)
    yield door
    door.close()


@pytest.fixture(scope="module")
def elsewhere(door: Door) -> Iterator[Door]:
    """Another process of the service on the same database, at the same time of day."""
    other = Door(door.url, door.clock, door.keys)
    yield other
    other.close()


def test_an_unused_session_ends_after_half_an_hour(door: Door) -> None:
    token = door.run(door.sessions.open_for(uuid4()))

    door.clock.move(seconds=IDLE.total_seconds() - 1)
    assert door.session(token) is not None
    door.clock.move(seconds=IDLE.total_seconds() - 1)  # it was used in between
    assert door.session(token) is not None
    door.clock.move(seconds=IDLE.total_seconds())
    assert door.session(token) is None


def test_a_used_session_ends_after_eight_hours(door: Door) -> None:
    token, opened = door.run(door.sessions.open_for(uuid4())), door.clock()

    while door.clock() - opened < ABSOLUTE - timedelta(minutes=20):
        door.clock.move(minutes=20)
        assert door.session(token) is not None, door.clock() - opened

    door.clock.move(minutes=20)
    assert door.session(token) is None


def test_use_is_written_at_most_once_a_minute(door: Door) -> None:
    token = door.run(door.sessions.open_for(uuid4()))
    written = set()
    for _ in range(60):
        door.clock.move(seconds=3)
        assert door.session(token) is not None
        with psycopg.connect(door.url) as connection:
            row = connection.execute(
                "SELECT seen_at FROM access.sessions WHERE key = %s", (hashlib.sha256(token.encode()).digest(),)
            ).fetchone()
        assert row is not None
        written.add(row[0])
        assert door.clock() - row[0] < timedelta(seconds=61)

    assert len(written) == 3 + 1  # three minutes, and the beginning


def test_an_ended_session_is_dead_here_at_once_and_elsewhere_within_two_seconds(door: Door, elsewhere: Door) -> None:
    token = door.run(door.sessions.open_for(uuid4()))
    assert elsewhere.session(token) is not None

    door.run(door.sessions.end(token))

    assert door.session(token) is None
    door.clock.move(seconds=KEPT.total_seconds() + 0.1)
    assert elsewhere.session(token) is None


def test_all_sessions_of_a_person_end_and_nobody_elses(door: Door, elsewhere: Door) -> None:
    person, other = uuid4(), uuid4()
    tokens = [door.run(door.sessions.open_for(person)) for _ in range(3)]
    kept = door.run(door.sessions.open_for(other))
    assert all(elsewhere.session(t) for t in tokens)

    assert elsewhere.run(elsewhere.sessions.end_all(person)) == 3

    assert elsewhere.run(elsewhere.sessions.of_person(person)) == []
    door.clock.move(seconds=3)
    assert [door.session(t) for t in tokens] == [None] * 3
    assert door.session(kept) is not None


def test_a_closed_account_is_out_everywhere_within_ten_seconds(door: Door, elsewhere: Door) -> None:
    person, login = door.somebody()
    token = door.log_in(login).token
    assert elsewhere.session(token) is not None

    door.run(door.accounts.close(person))
    door.clock.move(seconds=2.5)

    assert elsewhere.session(token) is None


def test_every_session_has_a_token_and_csrf_of_its_own_and_only_hashes_are_stored(door: Door) -> None:
    person = uuid4()
    tokens = [door.run(door.sessions.open_for(person)) for _ in range(50)]
    sessions = [door.session(token) for token in tokens]

    assert len(set(tokens)) == len({s.csrf for s in sessions if s}) == 50
    assert all(len(token) == 43 for token in tokens)
    with psycopg.connect(door.url) as connection:
        rows = connection.execute("SELECT key FROM access.sessions WHERE person = %s", (person,)).fetchall()
    assert {bytes(row[0]) for row in rows} == {hashlib.sha256(token.encode()).digest() for token in tokens}
    assert not {s.csrf for s in sessions if s} & set(tokens)


def test_proving_again_gives_a_new_token_in_the_old_ones_place(door: Door) -> None:
    _, login, secret = door.with_totp()
    opened = door.log_in(login, code=door.code(secret))
    door.clock.move(seconds=STEP_UP)
    assert opened.session.proved_within(STEP_UP, door.clock())
    door.clock.move(seconds=1)
    assert not opened.session.proved_within(STEP_UP, door.clock())

    proved = door.run(door.accounts.reauthenticate(opened.session, PHRASE, door.code(secret), HERE))

    assert proved.session.proved_within(0, door.clock())
    assert proved.token != opened.token
    assert proved.session.csrf != opened.session.csrf
    assert door.session(opened.token) is None
    assert door.session(proved.token) == proved.session
    assert proved.session.ends_at == opened.session.ends_at  # a day does not grow by proving
    with pytest.raises(LoginRefused):  # the old one is no way back
        door.run(door.accounts.reauthenticate(opened.session, PHRASE, door.code(secret, seconds=30), HERE))


def test_proving_again_takes_the_password_and_a_new_code(door: Door) -> None:
    _, login, secret = door.with_totp()
    used = door.code(secret)
    opened = door.log_in(login, code=used)
    door.clock.move(minutes=10)
    for password, code in ((PHRASE, ""), (PHRASE, used), ("wrong password !", door.code(secret))):
        with pytest.raises(LoginRefused):
            door.run(door.accounts.reauthenticate(opened.session, password, code, HERE))
        door.clock.move(seconds=30)

    assert door.session(opened.token) is not None


def test_a_session_by_openid_is_proved_again_there_and_needs_no_code_here(door: Door) -> None:
    person = uuid4()
    door.signing.add(person)
    token = door.run(door.sessions.open_for(person, proof="openid", address=HERE))
    session = door.session(token)
    assert session is not None
    assert not session.limited
    door.clock.move(minutes=10)

    proved = door.run(door.sessions.reproved(session, "openid", HERE))

    assert door.session(token) is None
    assert proved.session.proof is Proof.OPENID
    assert proved.session.proved_within(0, door.clock())
    assert door.logged(person) == ["login-succeeded", "re-authenticated"]


def test_an_unknown_proof_is_a_mistake_of_the_caller(door: Door) -> None:
    with pytest.raises(ValueError, match="nonsense"):
        door.run(door.sessions.open_for(uuid4(), proof="nonsense"))


@pytest.mark.parametrize("token", ["", " ", "x", "x" * 43, "x" * 100_000, "\x00", "\ud800", "ế" * 43, "' OR true --"])
def test_what_is_no_token_is_nobodys(door: Door, token: str) -> None:
    assert door.session(token) is None


def test_the_hash_of_a_token_is_no_token(door: Door) -> None:
    token = door.run(door.sessions.open_for(uuid4()))

    assert door.session(hashlib.sha256(token.encode()).hexdigest()) is None


def test_the_list_of_sessions_tells_those_that_live(door: Door) -> None:
    person = uuid4()
    door.run(door.sessions.open_for(person))
    door.clock.move(minutes=31)
    second = door.run(door.sessions.open_for(person, proof="totp"))
    listed = door.run(door.sessions.of_person(person))

    assert [s.proof for s in listed] == [Proof.TOTP]
    assert [s.key for s in listed] == [hashlib.sha256(second.encode()).digest()]
    assert [s.csrf for s in listed] == [""]


def asking(door: Door, token: str) -> Request:
    """A request with a bearer token, as a route gets it."""
    state = SimpleNamespace(sessions=door.sessions, clients=door.clients, clock=door.clock, public_url="http://ocop")
    headers = [(b"authorization", f"Bearer {token}".encode())]
    app = SimpleNamespace(state=state)
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers, "app": app})


def test_a_route_knows_who_calls_by_either_kind_of_token(door: Door) -> None:
    person = uuid4()
    client, secret = door.run(door.clients.register(person, ["events:read"]))
    token = door.run(door.sessions.open_for(person, proof="totp"))
    bearer = door.run(door.clients.token(client, secret, None, HERE)).token

    by_session, by_client = door.run(identify(asking(door, token))), door.run(identify(asking(door, bearer)))

    assert by_session == Identity(person, door.session(token))
    assert by_client == Identity(person, None, client, frozenset({"events:read"}))
    for nobody in ("", "made-up", "oct.made-up"):
        with pytest.raises(Problem) as refused:
            door.run(identify(asking(door, nobody)))
        assert refused.value.code == "unauthenticated"


def test_a_limited_session_is_nobody_to_a_route_that_does_not_mend_it(door: Door) -> None:
    person, login = door.somebody()
    once = door.run(door.accounts.reset(person))
    signing, signer = door.somebody(signs=True)
    for token, path in ((door.log_in(login, once).token, "password"), (door.log_in(signer).token, "totp")):
        with pytest.raises(Problem) as refused:
            door.run(identify(asking(door, token)))
        assert refused.value.code == "account-unfinished"
        assert f"/account/{path}" in refused.value.hint_en
        assert door.run(identify_limited(asking(door, token))).person in (person, signing)


def test_a_weighty_act_wants_a_person_proved_within_five_minutes(door: Door) -> None:
    request = asking(door, door.run(door.sessions.open_for(uuid4(), proof="totp")))
    identity = door.run(identify(request))

    demand_fresh_proof(request, identity)
    door.clock.move(seconds=STEP_UP + 1)
    for whoever in (identity, Identity(uuid4(), client="ocop-1")):
        with pytest.raises(ProofNeeded):
            demand_fresh_proof(request, whoever)


def test_what_has_ended_is_swept_and_what_lives_stays(door: Door) -> None:
    person = uuid4()
    door.run(door.sessions.open_for(person))
    client, secret = door.run(door.clients.register(person, ["events:read"]))
    old = door.run(door.clients.token(client, secret, None, HERE)).token
    door.run(door.clients.rotate(client, timedelta(minutes=5)))
    door.outcome("nobody.at.all")
    door.clock.move(minutes=31)
    living = door.run(door.sessions.open_for(person))
    logged = len(door.logged())

    assert door.run(sweep_once(door.pool, door.clock())) >= 3

    door.clock.move(seconds=3)
    assert door.session(living) is not None
    assert door.run(door.clients.bearer(old)) is None
    with psycopg.connect(door.url) as connection:
        sessions = connection.execute("SELECT person FROM access.sessions").fetchall()
        tokens = connection.execute("SELECT count(*) FROM access.client_tokens").fetchall()
        secrets = connection.execute(
            "SELECT count(*) FROM access.client_secrets WHERE client = %s", (client,)
        ).fetchall()
    assert (sessions, tokens, secrets) == ([(person,)], [(0,)], [(1,)])
    assert len(door.logged()) == logged
    door.clock.move(days=2)
    door.run(sweep_once(door.pool, door.clock()))
    with psycopg.connect(door.url) as connection:
        assert connection.execute("SELECT count(*) FROM access.attempts").fetchone() == (0,)
