"""Administrators, persons and their powers over HTTP: the real service, from the first administrator on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from api.examples import EXAMPLES
from application.writer import utc_now
from domain.law.calendar import legal_date
from domain.values import Actor, Role
from tests.appointed import assignment_id, person_id
from tests.service import Service
from tests.story import COMMUNE, PRODUCER

ADMIN = Actor(person="Quản trị", office="VPĐP", role=Role.ADMINISTRATOR, area="25")
SECOND = Actor(person="Quản trị hai", office="VPĐP", role=Role.ADMINISTRATOR, area="25")
BELOW = Actor(person="Quản trị xã", office="UBND xã", role=Role.ADMINISTRATOR, area=COMMUNE)
AN = Actor(person="An", office="UBND xã", role=Role.COMMUNE_OFFICER, area=COMMUNE)
CHI = Actor(person="Chi", office="UBND xã", role=Role.COMMUNE_CHAIR, area=COMMUNE)
BINH = Actor(person="Bình", office="UBND xã", role=Role.COMMUNE_OFFICER, area=COMMUNE)
HTX = Actor(person="HTX 1", office="HTX", role=Role.PRODUCER, area=COMMUNE, producer=PRODUCER)
INSPECTOR = Actor(person="Thanh tra", office="Thanh tra", role=Role.INSPECTOR, area="25")
KEPT = {"number": "1/TB", "signed_on": str(legal_date(utc_now()))}
TODAY = str(legal_date(utc_now()))


@pytest.fixture(scope="module")
def office(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    everybody = [ADMIN, SECOND, BELOW, AN, CHI, BINH, HTX, INSPECTOR]
    service = Service(tmp_path_factory.mktemp("office"), database, actors=everybody).start().caught_up()
    yield service
    service.stop()


def done(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    told: dict[str, Any] = answer.json()
    return told


def refused(answer: httpx.Response, status: int, code: str, rule: str = "") -> None:
    assert answer.status_code == status, answer.text
    assert answer.json()["type"] == f"/v1/problems/{code}"
    assert not rule or answer.json()["rule"] == rule
    assert answer.headers["content-type"] == "application/problem+json"


def today(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "effective_on": TODAY}


def endorsed(office: Service, name: str) -> str:
    """An idea of the producer that the officer An has endorsed; it waits for the chair."""
    opening = today({**EXAMPLES["identify-product"], "product_name": name, "cycle": int(TODAY[:4])})
    product = str(done(office.give(None, "identify-product", AN, opening))["product_id"])
    done(office.give(product, "hand-over-idea-form", AN, today(EXAMPLES["hand-over-idea-form"])))
    done(office.give(product, "submit-idea", HTX, today({**EXAMPLES["submit-idea"], "product_name": name})))
    done(office.give(product, "endorse-idea", AN, today({})))
    return product


def test_an_administrator_appoints_an_officer_who_logs_in_and_acts(office: Service) -> None:
    entered = {"title": "UBND xã Cao Sơn", "level": "commune", "area": COMMUNE, "decision_number": "1/QĐ"}
    bureau = done(office.give(None, "establish-office", ADMIN, entered))["office_id"]
    new = {"handle": "Giang", "kind": "official", "area": COMMUNE}
    person = str(done(office.give(None, "register-person", ADMIN, new))["person_id"])
    refused(office.give(None, "register-person", ADMIN, {**new, "handle": " giang"}), 409, "already-registered")
    given = {"role": "commune-officer", "office": bureau, "area": COMMUNE, "term": {"first": TODAY}}
    papers = {"decision_number": "2/QĐ", "signer": "Chủ tịch UBND xã"}
    position = done(office.give(person, "assign-role", ADMIN, {**given, **papers}))["position"]
    fresh = {"X-Min-Position": str(position)}
    headers = office.headers(ADMIN, **fresh)
    opened = office.client.post(f"/v1/persons/{person}/account", json={"login": "giang.cs"}, headers=headers)
    password = done(opened)["password"]
    assert opened.headers["cache-control"] == "no-store"

    login = {"login": "giang.cs", "password": password}
    token = done(office.client.post("/v1/login", json=login))["token"]
    mine = {"Authorization": f"Bearer {token}"}
    opening = today({**EXAMPLES["identify-product"], "product_name": "Của Giang", "cycle": int(TODAY[:4])})
    refused(office.client.post("/v1/products", json=opening, headers=mine), 403, "account-unfinished")
    change = {"old_password": password, "new_password": "nghìn con đường mòn"}
    token = done(office.client.post("/v1/login/password", json=change, headers=mine))["token"]
    mine = {"Authorization": f"Bearer {token}"}
    answer = office.client.post("/v1/products", json=opening, headers=mine)

    assert answer.status_code == 201, answer.text
    assert answer.headers["x-rule"] == "practice-2026/identify-product"
    me = done(office.client.get("/v1/me", headers=mine))
    assert [(p["role"]["code"], p["paper"], p["office"]) for p in me["powers"]] == [
        ("commune-officer", "2/QĐ", "UBND xã Cao Sơn")
    ]


def test_an_administrator_does_nothing_with_himself_or_outside(office: Service) -> None:
    headers = office.headers(ADMIN)
    own = office.client.post(f"/v1/persons/{person_id('Quản trị')}/account/reset", json={}, headers=headers)
    refused(own, 403, "duties-separated", "own-access")
    nobody = office.client.post(f"/v1/persons/{person_id('nobody')}/account", json={"login": "x.y"}, headers=headers)
    refused(nobody, 404, "not-found")
    official = office.client.post(
        f"/v1/persons/{person_id('An')}/clients", json={"scopes": ["events:read"]}, headers=headers
    )
    refused(official, 422, "invalid-content")
    refused(office.get("/v1/products", ADMIN), 403, "role-not-allowed", "default-deny")
    refused(office.give(None, "identify-product", ADMIN, EXAMPLES["identify-product"]), 403, "role-not-allowed")


def test_who_entered_a_signature_does_not_hand_out_access_to_it_nor_an_administrator_below(office: Service) -> None:
    bureau = {"title": "UBND tỉnh", "level": "province", "area": "25", "decision_number": "1/QĐ"}
    where = done(office.give(None, "establish-office", ADMIN, bureau))["office_id"]
    big = done(office.give(None, "register-person", ADMIN, {"handle": "Lớn", "kind": "official", "area": COMMUNE}))
    role = {"role": "province-chair", "office": where, "area": "25", "term": {"first": TODAY}, "signer": "x"}
    done(office.give(big["person_id"], "assign-role", ADMIN, {**role, "decision_number": "5/QĐ"}))
    path = f"/v1/persons/{big['person_id']}/account"

    answer = office.client.post(path, json={"login": "lon"}, headers=office.headers(ADMIN))
    refused(answer, 403, "duties-separated", "access-by-who-granted")
    below = office.client.post(path, json={"login": "lon"}, headers=office.headers(BELOW))
    refused(below, 404, "not-found")
    second = office.client.post(path, json={"login": "lon"}, headers=office.headers(SECOND))
    assert second.status_code == 201, second.text


def test_an_inspector_asks_what_somebody_could_do_on_a_day(office: Service) -> None:
    answer = office.get(f"/v1/persons/{person_id('Chi')}/authority?on=2025-03-03", INSPECTOR)

    told = done(answer)
    (power,) = told["powers"]
    assert (told["on"], power["role"]["code"], power["paper"]) == ("2025-03-03", "commune-chair", "01/QĐ-TEST")
    permits = {p["command"]: p["rule"] for p in power["permits"]}
    assert permits["accept-idea"] == "practice-2026/accept-idea"
    assert "endorse-idea" not in permits
    refused(office.get(f"/v1/persons/{person_id('Chi')}/authority", AN), 403, "role-not-allowed", "default-deny")


def test_a_deputy_accepts_under_a_delegation_and_the_trail_says_for_whom(office: Service) -> None:
    product = endorsed(office, "Chè được ủy quyền")
    chi = str(person_id("Chi"))
    body = {
        "assignment": str(assignment_id(CHI)),
        "delegate": str(person_id("Bình")),
        "commands": ["accept-idea"],
        "term": {"first": TODAY, "last": "2099-12-31"},
        "document": "05/GUQ-UBND",
    }
    refused(office.give(product, "accept-idea", BINH, today({})), 403, "role-not-allowed")
    done(office.give(chi, "delegate", CHI, body))
    time.sleep(2.1)
    powers = done(office.get("/v1/me", BINH))["powers"]
    under = next(p["acting_as"] for p in powers if p["delegator"])
    acting = {"X-Acting-As": under}

    refused(office.give(product, "reject-idea", BINH, today(EXAMPLES["reject-idea"]), **acting), 403, "role-not-held")
    accepted = done(office.give(product, "accept-idea", BINH, today({}), **acting))

    read = {"X-Min-Position": str(accepted["position"])}
    trail = done(office.get(f"/v1/products/{product}/trail", CHI, **read))["trail"]
    assert "Bình (chủ tịch UBND cấp xã, UBND xã) theo ủy quyền của Chi (05/GUQ-UBND)" in trail[-1]["vi"]
    assert "under the delegation of Chi (05/GUQ-UBND)" in trail[-1]["en"]
    refused(office.get("/v1/me", BINH, **{"X-Acting-As": str(assignment_id(CHI))}), 403, "role-not-held")


def test_who_reviewed_is_told_why_he_does_not_approve(office: Service) -> None:
    """An endorses as officer and is deputy of the chair, too."""
    product = endorsed(office, "Chè phân tách")
    body = {
        "assignment": str(assignment_id(CHI)),
        "delegate": str(person_id("An")),
        "term": {"first": TODAY, "last": "2099-12-31"},
        "document": "06/GUQ-UBND",
    }
    done(office.give(str(person_id("Chi")), "delegate", CHI, body))
    time.sleep(2.1)
    under = next(p["acting_as"] for p in done(office.get("/v1/me", AN))["powers"] if p["delegator"])

    answer = office.give(product, "accept-idea", AN, today({}), **{"X-Acting-As": under})

    refused(answer, 403, "duties-separated", "approver-reviewed")
    assert answer.headers["x-rule"] == "approver-reviewed"


def test_powers_taken_away_are_gone_for_commands_at_once_and_for_readers_within_ten_seconds(office: Service) -> None:
    temporary = Actor(person="Tạm", office="UBND xã", role=Role.COMMUNE_OFFICER, area=COMMUNE)
    office.actors.append(temporary)
    tokens = dict(office.tokens)
    office.admit(office._url or "")
    office.tokens = {**office.tokens, **{k: v for k, v in tokens.items() if k != temporary.person}}
    assert done(office.get("/v1/products", temporary)) is not None
    body = {
        "assignment": str(assignment_id(temporary)),
        "ends_on": TODAY,
        "decision_number": "9/QĐ",
        "reason": "Thôi việc.",
    }
    done(office.give(str(person_id("Tạm")), "end-assignment", ADMIN, body))
    began = time.monotonic()

    opening = today({**EXAMPLES["identify-product"], "product_name": "Sau khi thôi việc"})
    answer = office.give(None, "identify-product", temporary, opening)
    assert answer.status_code == 403, answer.text
    while office.get("/v1/products", temporary).status_code == 200:
        assert time.monotonic() - began < 10
        time.sleep(0.1)
    refused(office.get("/v1/products", temporary), 403, "role-not-allowed", "default-deny")


def test_a_weighty_command_asks_for_a_fresh_proof(office: Service, database: str) -> None:
    with psycopg.connect(database) as connection:
        old = "UPDATE access.sessions SET proved_at = now() - interval '6 minutes' WHERE person = %s"
        connection.execute(old, (person_id("Quản trị"),))
    time.sleep(2.1)
    body = {"assignment": str(assignment_id(BINH)), "ends_on": TODAY, "decision_number": "9/QĐ", "reason": "Thôi."}

    refused(office.give(str(person_id("Bình")), "end-assignment", ADMIN, body), 403, "proof-needed")
    with psycopg.connect(database) as connection:
        connection.execute("UPDATE access.sessions SET proved_at = '2099-01-01'")


def test_the_log_tells_who_asked_in_which_role_and_which_rule_decided(office: Service) -> None:
    refused(office.give(None, "identify-product", CHI, EXAMPLES["identify-product"]), 403, "role-not-allowed")
    done(office.get("/v1/products", CHI))
    who = f'"person": "{person_id("Chi")}"'
    lines = office.logged(
        f'"rule": "list-products", "allowed": true, {who}', f'"rule": "default-deny", "allowed": false, {who}'
    ).splitlines()

    told = [line for line in lines if who in line]
    assert all('"role": "commune-chair"' in line for line in told)
    assert not [token for token in office.tokens.values() if token in "".join(lines)]
