"""Service accounts: ten-minute tokens for a secret, within their scopes; two secrets live during a rotation."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from api.identity import Identity, demand_scope
from api.problems import Problem
from application.access import throttle
from application.access.clients import OVERLAP, SCOPES
from application.access.refusals import ClientRefused, Locked, ScopeRefused
from domain.refusals import NotFound
from tests.door import ELSEWHERE, HERE, Door, in_the_database
from tests.service import Service


@pytest.fixture(scope="module")
def shared(database: str) -> Iterator[Door]:
    door = Door(database)
    yield door
    door.close()


@pytest.fixture
def door(shared: Door) -> Door:
    """A new day: failures of earlier tests are forgotten."""
    shared.clock.move(days=2)
    return shared


def issued(door: Door, client: str, secret: str, scopes: list[str] | None = None) -> str:
    return door.run(door.clients.token(client, secret, scopes, HERE)).token


def works(door: Door, client: str, secret: str) -> bool:
    try:
        issued(door, client, secret)
    except ClientRefused:
        return False
    return True


def test_a_token_speaks_for_the_person_within_its_scopes_for_ten_minutes(door: Door) -> None:
    person = uuid4()
    client, secret = door.run(door.clients.register(person, ["products:read", "events:read"]))

    told = door.run(door.clients.token(client, secret, None, HERE))

    assert told.seconds == 600
    assert told.scopes == ("events:read", "products:read")
    found = door.run(door.clients.bearer(told.token))
    assert found is not None
    assert (found.person, found.client, found.scopes) == (person, client, {"events:read", "products:read"})
    door.clock.move(seconds=599)
    assert door.run(door.clients.bearer(told.token)) is not None
    door.clock.move(seconds=1)
    assert door.run(door.clients.bearer(told.token)) is None


def test_fewer_scopes_may_be_asked_for_and_no_others(door: Door) -> None:
    client, secret = door.run(door.clients.register(uuid4(), ["events:read", "products:read"]))

    found = door.run(door.clients.bearer(issued(door, client, secret, ["events:read"])))

    assert found is not None
    assert found.scopes == {"events:read"}
    for wrong in (["certificates:read"], ["events:read", "certificates:read"], ["events:write"], [""], []):
        with pytest.raises(ScopeRefused):
            issued(door, client, secret, wrong)


@pytest.mark.parametrize("scopes", [[], ["events:write"], ["events:read", "*"], ["EVENTS:READ"]])
def test_nobody_is_registered_with_scopes_that_do_not_exist(door: Door, scopes: list[str]) -> None:
    with pytest.raises(ScopeRefused):
        door.run(door.clients.register(uuid4(), scopes))


def test_a_read_demands_its_scope_of_service_accounts_and_none_of_persons() -> None:
    reader = Identity(uuid4(), client="ocop-1", scopes=frozenset({"events:read"}))

    demand_scope(reader, "events:read")
    demand_scope(Identity(uuid4()), "events:read")
    for scope in set(SCOPES) - {"events:read"}:
        with pytest.raises(Problem) as refused:
            demand_scope(reader, scope)
        assert refused.value.code == "scope-missing"


def test_during_a_rotation_two_secrets_live_and_never_three(door: Door) -> None:
    client, first = door.run(door.clients.register(uuid4(), ["events:read"]))
    door.clock.move(minutes=1)
    second = door.run(door.clients.rotate(client))
    assert [works(door, client, s) for s in (first, second)] == [True, True]
    assert [c.secrets for c in door.run(door.clients.listed()) if c.client == client] == [2]

    door.clock.move(hours=1)
    third = door.run(door.clients.rotate(client))

    assert [works(door, client, s) for s in (first, second, third)] == [False, True, True]
    door.clock.move(seconds=OVERLAP.total_seconds() - 1)
    assert [works(door, client, s) for s in (second, third)] == [True, True]
    door.clock.move(seconds=1)
    assert [works(door, client, s) for s in (first, second, third)] == [False, False, True]


def test_rotations_at_once_leave_two_secrets(door: Door) -> None:
    client, first = door.run(door.clients.register(uuid4(), ["events:read"]))

    made = door.together(door.clients.rotate(client) for _ in range(6))

    assert [works(door, client, s) for s in [first, *made]].count(True) == 2


def test_a_leaked_secret_is_rotated_without_overlap(door: Door) -> None:
    client, leaked = door.run(door.clients.register(uuid4(), ["events:read"]))

    fresh = door.run(door.clients.rotate(client, timedelta(0)))

    assert [works(door, client, s) for s in (leaked, fresh)] == [False, True]


def test_a_revoked_token_is_dead_and_its_siblings_live(door: Door) -> None:
    client, secret = door.run(door.clients.register(uuid4(), ["events:read"]))
    one, other = issued(door, client, secret), issued(door, client, secret)
    assert door.run(door.clients.bearer(one)) is not None

    door.run(door.clients.revoke(one, client, secret, HERE))

    assert door.run(door.clients.bearer(one)) is None
    assert door.run(door.clients.bearer(other)) is not None


def test_nobody_revokes_anothers_token(door: Door) -> None:
    client, secret = door.run(door.clients.register(uuid4(), ["events:read"]))
    stranger, strange = door.run(door.clients.register(uuid4(), ["events:read"]))
    token = issued(door, client, secret)

    door.run(door.clients.revoke(token, stranger, strange, HERE))
    with pytest.raises(ClientRefused):
        door.run(door.clients.revoke(token, client, strange, HERE))

    door.clock.move(seconds=3)
    assert door.run(door.clients.bearer(token)) is not None


def test_a_closed_service_account_is_out_at_once_here_and_within_two_seconds_elsewhere(door: Door) -> None:
    client, secret = door.run(door.clients.register(uuid4(), ["events:read"]))
    token = issued(door, client, secret)
    other = Door(door.url, door.clock, door.keys)
    assert other.run(other.clients.bearer(token)) is not None

    door.run(door.clients.close(client))

    assert door.run(door.clients.bearer(token)) is None
    door.clock.move(seconds=2.5)
    assert other.run(other.clients.bearer(token)) is None
    other.close()
    assert not works(door, client, secret)
    for again in (door.clients.close(client), door.clients.rotate(client)):
        with pytest.raises(NotFound):
            door.run(again)


@pytest.mark.parametrize("forge", ["oct." + "x" * 43, "oct.", "", "x" * 43, "oct." + "é" * 43, "oct.\x00"])
def test_a_forged_token_is_nobodys(door: Door, forge: str) -> None:
    assert door.run(door.clients.bearer(forge)) is None


def test_a_token_of_a_session_and_one_of_a_client_are_not_taken_for_each_other(door: Door) -> None:
    client, secret = door.run(door.clients.register(uuid4(), ["events:read"]))

    assert door.session(issued(door, client, secret)) is None
    assert door.run(door.clients.bearer(door.run(door.sessions.open_for(uuid4())))) is None


@pytest.mark.parametrize("client", ["", "ocop-", "ocop-000000000000", "\x00", "' OR true --", "\ud800"])
def test_an_unknown_client_is_refused_like_a_wrong_secret(door: Door, client: str) -> None:
    known, _ = door.run(door.clients.register(uuid4(), ["events:read"]))
    told = set()
    for name in (client, known):
        with pytest.raises(ClientRefused) as refused:
            issued(door, name, "ocs.wrong")
        told.add(refused.value.en)

    assert len(told) == 1


def test_an_address_that_guesses_secrets_is_slowed_and_people_there_are_not(door: Door) -> None:
    client, secret = door.run(door.clients.register(uuid4(), ["events:read"]))
    _, login = door.somebody()

    told = door.together(
        door.clients.token(client, f"ocs.guess-{n}", None, HERE) for n in range(throttle.ADDRESS_LOCK_AT)
    )

    assert [type(o) for o in told].count(ClientRefused) == throttle.ADDRESS_SLOW_FROM
    with pytest.raises(Locked):
        issued(door, client, secret)
    assert door.run(door.clients.token(client, secret, None, ELSEWHERE))
    assert door.outcome(login) == ("in",)


def test_the_log_tells_the_life_of_a_service_account(door: Door) -> None:
    person = uuid4()
    client, secret = door.run(door.clients.register(person, ["events:read"]))
    token = issued(door, client, secret)
    assert not works(door, client, "ocs.wrong")
    door.run(door.clients.revoke(token, client, secret, HERE))
    door.run(door.clients.rotate(client))
    door.run(door.clients.close(client))

    assert door.logged(person) == [
        "client-registered",
        "client-token-issued",
        "client-token-refused",
        "client-token-revoked",
        "secret-rotated",
        "client-closed",
    ]


def test_no_secret_or_token_stands_in_the_database(door: Door) -> None:
    door.somebody()
    client, first = door.run(door.clients.register(uuid4(), ["events:read"]))
    second = door.run(door.clients.rotate(client))
    told = door.run(door.clients.token(client, second, None, HERE))

    assert in_the_database(door.url, [first, second, told.token]) == set()
    assert in_the_database(door.url, [client]) == {client}
    assert told.token not in repr(told)


# ── Over HTTP ──────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def person() -> UUID:
    return uuid4()


@pytest.fixture(scope="module")
def known(service: Service, database: str, person: UUID) -> Iterator[tuple[str, str]]:
    """Client id and secret of a service account that may read events, by the real clock."""
    door = Door(database)
    door.clock.now = _now(database)
    yield door.run(door.clients.register(person, ["events:read", "certificates:read"]))
    door.close()


def _now(database: str) -> Any:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT now()").fetchone()
    assert row is not None
    return row[0]


def basic(client: str, secret: str) -> dict[str, str]:
    told = f"{quote(client, safe='')}:{quote(secret, safe='')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(told).decode()}"}


def ask(service: Service, data: dict[str, str], path: str = "/oauth/token", **headers: str) -> httpx.Response:
    answer = service.client.post(path, data=data, headers=headers)
    assert answer.headers["cache-control"] == "no-store"
    return answer


GRANT = {"grant_type": "client_credentials"}


def test_a_token_by_basic_or_by_form(service: Service, known: tuple[str, str], person: UUID) -> None:
    client, secret = known
    in_form = {"client_id": client, "client_secret": secret}
    for answer in (ask(service, GRANT, **basic(client, secret)), ask(service, GRANT | in_form)):
        assert answer.status_code == 200
        told = answer.json()
        assert told.keys() == {"access_token", "token_type", "expires_in", "scope"}
        assert (told["token_type"], told["expires_in"]) == ("Bearer", 600)
        assert told["scope"] == "events:read certificates:read"
        me = service.client.get("/v1/login/session", headers={"Authorization": f"Bearer {told['access_token']}"}).json()
        assert (me["person"], me["kind"], me["client"]) == (str(person), "client", client)
        assert me["scopes"] == ["certificates:read", "events:read"]


@pytest.mark.parametrize(
    ("data", "status", "error"),
    [
        ({"scope": "events:read"}, 400, "invalid_request"),
        ({"grant_type": "password", "username": "a", "password": "b"}, 400, "unsupported_grant_type"),
        (GRANT | {"scope": "products:read"}, 400, "invalid_scope"),
        (GRANT | {"scope": "events:read nonsense"}, 400, "invalid_scope"),
        (GRANT | {"client_secret": "also-here"}, 400, "invalid_request"),
    ],
)
def test_failures_are_told_as_the_rfc_says(
    service: Service, known: tuple[str, str], data: dict[str, str], status: int, error: str
) -> None:
    answer = ask(service, data, **basic(*known))

    assert answer.status_code == status
    assert answer.json()["error"] == error
    assert answer.json()["error_description"].isascii()
    assert answer.headers["content-type"] == "application/json"


def test_who_does_not_prove_to_be_the_client_gets_401(service: Service, known: tuple[str, str]) -> None:
    client, secret = known
    for headers in ({}, basic(client, "ocs.wrong"), basic("ocop-000000000000", secret), basic("\x00", "\x00")):
        answer = ask(service, GRANT, **headers)
        assert answer.status_code == 401, headers
        assert answer.json()["error"] == "invalid_client"
        assert answer.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    "header", ["Basic", "Basic !!!", "Basic " + base64.b64encode(b"no colon").decode(), "Basic /w=="]
)
def test_an_unreadable_header_is_an_invalid_request(service: Service, header: str) -> None:
    answer = ask(service, GRANT, Authorization=header)

    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


def test_bodies_that_are_no_form_are_invalid_requests(service: Service, known: tuple[str, str]) -> None:
    for content, kind in (
        (b'{"grant_type": "client_credentials"}', "application/json"),
        (b"grant_type=client_credentials&grant_type=client_credentials", "application/x-www-form-urlencoded"),
        (b"grant_type=%ff%fe", "application/x-www-form-urlencoded"),
        (b"\xff\xfe", "application/x-www-form-urlencoded"),
        (b"a=1&" * 50, "application/x-www-form-urlencoded"),
        (b"x" * 30_000, "application/x-www-form-urlencoded"),
    ):
        headers = {**basic(*known), "Content-Type": kind}
        answer = service.client.post("/oauth/token", content=content, headers=headers)
        assert answer.status_code in (400, 413, 415), content[:20]
        assert answer.json()["error"] == "invalid_request"


def test_a_revoked_token_is_nobodys(service: Service, known: tuple[str, str]) -> None:
    token = ask(service, GRANT, **basic(*known)).json()["access_token"]
    bearer = {"Authorization": f"Bearer {token}"}
    assert service.client.get("/v1/login/session", headers=bearer).status_code == 200

    for _ in range(2):  # a second time is no failure: RFC 7009
        assert ask(service, {"token": token}, "/oauth/revoke", **basic(*known)).status_code == 200
    assert ask(service, {"token": "unknown"}, "/oauth/revoke", **basic(*known)).status_code == 200
    assert ask(service, {"token": token}, "/oauth/revoke").status_code == 401
    assert ask(service, {"hint": "x"}, "/oauth/revoke", **basic(*known)).status_code == 400

    assert service.client.get("/v1/login/session", headers=bearer).status_code == 401


def test_a_service_account_has_no_pages_and_no_password(service: Service, known: tuple[str, str]) -> None:
    bearer = {"Authorization": f"Bearer {ask(service, GRANT, **basic(*known)).json()['access_token']}"}

    for path in ("/v1/login/password", "/v1/login/totp", "/v1/login/prove", "/v1/logout"):
        assert service.client.post(path, json={}, headers=bearer).status_code == 401, path
    answer = service.client.get("/account", headers=bearer)
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=/account")


def test_neither_secret_nor_token_is_in_the_services_log(service: Service, known: tuple[str, str]) -> None:
    token = ask(service, GRANT, **basic(*known)).json()["access_token"]

    log = service.logged("/oauth/token")

    assert known[1] not in log
    assert token not in log
    assert "Traceback" not in log
