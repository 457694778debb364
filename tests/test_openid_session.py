"""Who comes in by OpenID: not whose account was closed, and no signer without a second factor."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest
from fastapi.responses import Response

from api.openid import ProvenLogin
from api.openid_session import open_session
from api.problems import Problem
from tests.door import Door


@pytest.fixture(scope="module")
def door(database: str) -> Iterator[Door]:
    door = Door(database)
    yield door
    door.close()


class Signers:
    """A directory that knows only who signs."""

    def __init__(self, door: Door) -> None:
        self._door = door

    def signs(self, person: UUID) -> bool:
        return person in self._door.signing


def request(door: Door) -> Any:
    state = SimpleNamespace(
        sessions=door.sessions,
        accounts=door.accounts,
        directory=Signers(door),
        clock=door.clock,
        public_url="http://127.0.0.1:8000",
    )
    return SimpleNamespace(app=SimpleNamespace(state=state), cookies={}, client=SimpleNamespace(host="127.0.0.1"))


def proven(person: UUID, *amr: str) -> ProvenLogin:
    return ProvenLogin(person, "https://id.example", "s", None, None, amr, step_up=False)


def test_a_closed_account_is_closed_by_this_door_too(door: Door) -> None:
    person, _ = door.somebody()
    door.run(door.accounts.close(person))

    with pytest.raises(Problem) as refused:
        door.run(open_session(request(door), Response(), proven(person, "mfa")))
    assert refused.value.code == "openid-closed"


def test_who_signs_shows_a_second_factor(door: Door) -> None:
    person, _ = door.somebody()
    door.signing.add(person)

    with pytest.raises(Problem) as refused:
        door.run(open_session(request(door), Response(), proven(person, "pwd")))
    assert refused.value.code == "openid-weak"
    response = Response()
    door.run(open_session(request(door), response, proven(person, "pwd", "otp")))
    assert "ocop=" in response.headers["set-cookie"]


def test_a_login_of_unknown_age_is_no_fresh_proof(door: Door) -> None:
    person, _ = door.somebody()
    response = Response()
    door.run(open_session(request(door), response, proven(person)))
    token = response.headers["set-cookie"].partition("=")[2].partition(";")[0]

    session = door.session(token)

    assert session is not None
    assert not session.proved_within(300, door.clock())
