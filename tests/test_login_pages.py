"""The door over HTTP, on the real service: pages with cookies, JSON with bearer tokens; what attackers try."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest
from typer.testing import CliRunner

from api.cli import cli
from api.forms import local_path
from application.access import totp
from domain.values import Actor, Role
from tests.appointed import appoint, person_id
from tests.door import PHRASE, Door, in_the_database
from tests.service import MASTER_KEY, SERVE, Service, keys_of


@pytest.fixture(scope="module")
def said() -> set[str]:
    """Every password, token, secret and code that was used in this module."""
    return set()


class Person:
    """Somebody with an account on the service's database, opened with the application's own classes.

    Who signs has been appointed chair of a province; the others hold no role.
    """

    def __init__(self, door: Door, said: set[str], *, signs: bool = False, first: bool = False) -> None:
        door.clock.now = datetime.now(UTC)
        handle = f"somebody {uuid4().hex}"
        self.person = person_id(handle)
        if signs:
            appoint(door.url, [Actor(person=handle, office="office", role=Role.PROVINCE_CHAIR, area="25")])
        self.login = f"can-bo.{self.person.hex[:12]}"
        self.password = door.run(door.accounts.open(self.person, self.login))
        self.secret = ""
        said.add(self.password)
        if not first:
            session = door.log_in(self.login, self.password).session
            door.run(door.accounts.change_password(session, self.password, PHRASE, "192.0.2.1"))
            door.run(door.sessions.end_all(self.person))
            self.password = PHRASE
            said.add(PHRASE)


@pytest.fixture(scope="module")
def door(database: str) -> Iterator[Door]:
    door = Door(database)
    yield door
    door.close()


@pytest.fixture
def anew(database: str, service: Service) -> None:
    """Nobody has failed yet from this machine's address."""
    with psycopg.connect(database) as connection:
        connection.execute("DELETE FROM access.attempts")


@pytest.fixture
def official(door: Door, said: set[str], anew: None) -> Person:
    return Person(door, said)


@pytest.fixture
def chair(door: Door, said: set[str], anew: None) -> Person:
    """Somebody who signs."""
    return Person(door, said, signs=True)


class Page(HTMLParser):
    """What a page holds: fields of its forms, labels, headings."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.answer, self.text = answer, answer.text
        self.fields: dict[str, str] = {}
        self.inputs: list[dict[str, str]] = []
        self.labels: set[str] = set()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.feed(answer.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.tags.append((tag, given))
        if tag == "input":
            self.inputs.append(given)
            self.fields[given["name"]] = given.get("value", "")
        if tag == "label":
            self.labels.add(given["for"])


class Browser:
    """A browser of its own on the service: keeps cookies, follows nothing by itself."""

    def __init__(self, service: Service) -> None:
        self.client = httpx.Client(base_url=service.address, timeout=30)

    def page(self, path: str) -> Page:
        return Page(self.client.get(path))

    def send(self, path: str, data: dict[str, str], **headers: str) -> httpx.Response:
        return self.client.post(path, data=data, headers=headers)

    def log_in(self, who: Person, onto: str = "", code: str = "") -> httpx.Response:
        form = self.page(f"/login?next={onto}").fields
        return self.send("/login", form | {"login": who.login, "password": who.password, "code": code})

    @property
    def token(self) -> str:
        return self.client.cookies.get("ocop", "")


@pytest.fixture
def browser(service: Service, said: set[str]) -> Iterator[Browser]:
    browser = Browser(service)
    yield browser
    said.add(browser.token)
    browser.client.close()


def onto(answer: httpx.Response) -> str:
    assert answer.status_code == 303, answer.text
    return answer.headers["location"]


def verified(service: Service) -> float:
    found = re.search(r"^ocop_password_verifications_total (\S+)$", service.client.get("/metrics").text, re.M)
    assert found is not None
    return float(found[1])


# ── The way in ─────────────────────────────────────────────────────────────────────────────────────────


def test_an_official_logs_in_sees_himself_and_logs_out(browser: Browser, official: Person) -> None:
    assert onto(browser.client.get("/account")) == "/login?next=/account"

    assert onto(browser.log_in(official)) == "/home"

    shown = browser.page("/account")
    assert official.login in shown.text
    assert str(official.person) in shown.text
    token = browser.token
    assert onto(browser.send("/logout", {"csrf": shown.fields["csrf"]})) == "/login"
    assert browser.token == ""
    browser.client.cookies.set("ocop", token, domain="127.0.0.1", path="/")
    assert onto(browser.client.get("/account")) == "/login?next=/account"


def test_a_one_time_password_leads_to_its_change_before_anything_else(
    browser: Browser, door: Door, said: set[str], anew: None
) -> None:
    who = Person(door, said, first=True)

    assert onto(browser.log_in(who, onto="/v1/worklist")) == "/account/password"
    assert onto(browser.client.get("/account")) == "/account/password"
    assert onto(browser.client.get("/home")) == "/account"
    form = browser.page("/account/password").fields
    assert onto(browser.send("/account/totp", {"csrf": form["csrf"], "step": "begin"})) == "/account/password"
    before = browser.token
    filled = form | {"old_password": who.password, "new_password": PHRASE, "again": PHRASE}
    assert onto(browser.send("/account/password", filled)) == "/account"

    assert browser.token != before
    assert browser.page("/account").answer.status_code == 200


def test_who_signs_enrols_an_app_by_picture_or_by_hand(browser: Browser, chair: Person, said: set[str]) -> None:
    assert onto(browser.log_in(chair)) == "/account/totp"
    assert onto(browser.client.get("/account")) == "/account/totp"
    form = browser.page("/account/totp").fields
    shown = Page(browser.send("/account/totp", form | {"step": "begin"}))
    secret = re.search(r'<code class="secret">([A-Z2-7]{32})</code>', shown.text)
    assert secret is not None
    said.add(secret[1])
    assert f"otpauth://totp/OCOP:{chair.login}?secret={secret[1]}&issuer=OCOP" in unescape(shown.text)
    assert any(tag == "svg" for tag, _ in shown.tags)
    assert any(tag == "path" and "stroke" in attrs for tag, attrs in shown.tags)

    wrong = browser.send("/account/totp", shown.fields | {"code": "000000"})
    assert (wrong.status_code, secret[1] in wrong.text) == (422, False)
    code = totp.code_at(secret[1], datetime.now(UTC))
    assert onto(browser.send("/account/totp", Page(wrong).fields | {"step": "confirm", "code": code})) == "/account"

    assert "mật khẩu và mã" in browser.page("/account").text
    assert browser.log_in(chair, code=code).status_code == 401  # the code was taken when it was confirmed


def test_programs_of_persons_do_all_that_by_json(service: Service, door: Door, said: set[str], anew: None) -> None:
    who, call = Person(door, said, signs=True, first=True), service.client.post
    told = call("/v1/login", json={"login": who.login, "password": who.password})
    assert told.status_code == 200
    assert told.headers["cache-control"] == "no-store"
    assert "set-cookie" not in told.headers
    assert (told.json()["must_change_password"], told.json()["must_enrol_totp"]) == (True, True)

    def bearer(answer: httpx.Response) -> dict[str, str]:
        assert answer.status_code == 200, answer.text
        said.add(answer.json()["token"])
        return {"Authorization": f"Bearer {answer.json()['token']}"}

    first = bearer(told)
    changed = call("/v1/login/password", json={"old_password": who.password, "new_password": PHRASE}, headers=first)
    second = bearer(changed)
    assert (changed.json()["must_change_password"], changed.json()["must_enrol_totp"]) == (False, True)
    assert call("/v1/logout", headers=first).status_code == 401
    fresh = call("/v1/login/totp", headers=second).json()
    said.add(fresh["secret"])
    code = totp.code_at(fresh["secret"], datetime.now(UTC))
    third = bearer(call("/v1/login/totp/confirm", json={"code": code}, headers=second))
    me = service.client.get("/v1/login/session", headers=third).json()
    assert (me["person"], me["login"], me["proof"]) == (str(who.person), who.login, "totp")
    assert not me["must_change_password"]
    assert not me["must_enrol_totp"]
    replayed = call("/v1/login/prove", json={"password": PHRASE, "code": code}, headers=third)
    assert (replayed.status_code, replayed.json()["type"]) == (401, "/v1/problems/login-refused")
    next_code = totp.code_at(fresh["secret"], datetime.fromtimestamp(datetime.now(UTC).timestamp() + 30, UTC))
    fourth = bearer(call("/v1/login/prove", json={"password": PHRASE, "code": next_code}, headers=third))
    assert service.client.get("/v1/login/session", headers=third).status_code == 401

    assert call("/v1/logout", headers=fourth).status_code == 204
    assert service.client.get("/v1/login/session", headers=fourth).status_code == 401


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "login"),
        ({"login": "a"}, "password"),
        ({"login": "a", "password": 7}, "password"),
        ({"login": "a\x00b", "password": "x"}, "login"),
        ({"login": "a", "password": "x", "more": 1}, "more"),
        ({"login": "a", "password": "x" * 1001}, "password"),
    ],
)
def test_a_wrong_body_is_told_by_field_and_never_repeated(service: Service, body: dict[str, Any], field: str) -> None:
    answer = service.client.post("/v1/login", json=body)

    assert answer.status_code == 422
    assert field in {line["field"] for line in answer.json()["errors"]}
    assert "xxx" not in answer.text


# ── Guessing ───────────────────────────────────────────────────────────────────────────────────────────


def test_wrong_password_and_unknown_login_answer_and_cost_alike(
    service: Service, browser: Browser, official: Person
) -> None:
    answers, pages, worked = [], [], []
    for login in (official.login, f"nobody.{uuid4().hex[:8]}"):
        before = verified(service)
        answers.append(service.client.post("/v1/login", json={"login": login, "password": "wrong password !"}))
        form = browser.page("/login").fields
        shown = browser.send("/login", form | {"login": login, "password": "wrong password !"})
        assert shown.status_code == 401
        pages.append(shown.text.replace(login, "…"))
        worked.append(verified(service) - before)

    assert [a.status_code for a in answers] == [401, 401]
    assert answers[0].text == answers[1].text
    assert answers[0].json()["type"] == "/v1/problems/login-refused"
    assert pages[0] == pages[1]
    assert worked == [2, 2]


def test_guessing_is_slowed_for_known_and_unknown_logins_alike(
    service: Service, door: Door, said: set[str], database: str
) -> None:
    def told(login: str, password: str) -> tuple[int, str]:
        answer = service.client.post("/v1/login", json={"login": login, "password": password})
        assert answer.status_code == 401 or answer.json()["type"] == "/v1/problems/locked"
        return answer.status_code, answer.headers.get("retry-after", "")

    def guess(login: str, right: str) -> list[tuple[int, str]] | None:
        """None where the machine was too busy: the second to wait was over before the next guesses came."""
        answers = [told(login, f"guess {n}") for n in range(3)]
        began = time.monotonic()
        answers += [told(login, f"guess {n}") for n in range(2)] + [told(login, right)]
        return answers if time.monotonic() - began < 0.9 else None

    for _ in range(30):
        known = guess(Person(door, said).login, PHRASE)
        unknown = guess(f"nobody.{uuid4().hex[:8]}", PHRASE)
        with psycopg.connect(database) as connection:
            connection.execute("DELETE FROM access.attempts")
        if known and unknown:
            break

    assert known == unknown == [(401, "")] * 3 + [(429, "1")] * 3


def test_the_page_says_how_long_to_wait(browser: Browser, official: Person) -> None:
    for _ in range(8):  # on a busy machine a second is over soon; the waits grow
        form = browser.page("/login").fields
        answer = browser.send("/login", form | {"login": official.login, "password": "wrong password !"})
        if answer.status_code == 429:
            break

    assert answer.status_code == 429
    assert answer.headers["retry-after"] in ("1", "2", "4", "8")
    assert f"thử lại sau {answer.headers['retry-after']} giây" in answer.text
    assert "wrong password" not in answer.text


# ── Fixation, cookies, where one goes on to ────────────────────────────────────────────────────────────


def test_a_token_from_before_the_login_is_not_the_session_after(
    service: Service, browser: Browser, official: Person, door: Door
) -> None:
    door.clock.now = datetime.now(UTC)
    planted = door.run(door.sessions.open_for(uuid4()))
    for cookie in (planted, "made-up"):
        browser.client.cookies.clear()
        browser.client.cookies.set("ocop", cookie, domain="127.0.0.1", path="/")
        form = browser.page("/login").fields
        data = form | {"login": official.login, "password": official.password}
        answer = browser.client.post("/login", data=data)
        assert onto(answer) == "/home"
        fresh = re.search(r"ocop=([\w-]{43});", answer.headers["set-cookie"])
        assert fresh is not None
        assert fresh[1] != cookie

    door.clock.now = datetime.now(UTC)
    door.clock.move(seconds=3)
    assert door.session(planted) is None  # and the session that was there before has ended
    answer = service.client.get("/account", headers={"Cookie": f"ocop={planted}"})
    assert onto(answer) == "/login?next=/account"


def test_cookies_are_for_the_server_only(browser: Browser, official: Person) -> None:
    form = browser.client.get("/login")
    answer = browser.log_in(official)

    for told in (*form.headers.get_list("set-cookie"), *answer.headers.get_list("set-cookie")):
        flags = {part.strip().lower() for part in told.split(";")[1:]}
        assert {"httponly", "samesite=lax", "path=/"} <= flags
        assert "secure" not in flags  # this service is reached by http
        assert not any(flag.startswith("domain") for flag in flags)


def test_over_https_cookies_are_bound_to_the_host(
    database: str, tmp_path: Path, door: Door, said: set[str], anew: None
) -> None:
    who, running = Person(door, said), Service(tmp_path, database, command=(*SERVE, "--no-projector"))
    running._env["OCOP_PUBLIC_URL"] = "https://ocop.example.vn/"
    running.start()
    try:
        form = running.client.get("/login")
        (before,) = form.headers.get_list("set-cookie")
        csrf = Page(form).fields["csrf"]
        assert before.startswith(f"__Host-ocop-login={csrf}; ")
        answer = running.client.post(
            "/login",
            data={"login": who.login, "password": who.password, "csrf": csrf},
            headers={"Cookie": before.partition(";")[0], "Origin": "https://ocop.example.vn"},
        )
        told = answer.headers.get_list("set-cookie")
        session = next(line for line in told if line.startswith("__Host-ocop="))
        for line in (before, session):
            flags = {part.strip().lower() for part in line.split(";")[1:]}
            assert {"secure", "httponly", "samesite=lax", "path=/"} <= flags
        cookie = session.partition(";")[0]
        assert running.client.get("/account", headers={"Cookie": cookie}).status_code == 200
        unbound = cookie.removeprefix("__Host-")
        assert running.client.get("/account", headers={"Cookie": unbound}).status_code == 303
    finally:
        running.stop()


FOREIGN = [
    "https://evil.example/",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "http:evil.example",
    "javascript:alert(1)",
    "evil.example",
    "",
    "/" + "a" * 600,
    "/%0d%0aSet-Cookie: a=b" + "\r\nSet-Cookie: a=b",
    "/đi-đâu",
]


@pytest.mark.parametrize("path", FOREIGN)
def test_a_foreign_path_is_not_gone_on_to(path: str) -> None:
    assert local_path(path) == "/home"


def test_nor_by_the_pages(browser: Browser, official: Person) -> None:
    for path in ("https://evil.example/", "//evil.example", "/\\evil.example"):
        form = Page(browser.client.get("/login", params={"next": path})).fields
        assert form["next"] == "/home"
        data = form | {"login": official.login, "password": official.password, "next": path}
        assert onto(browser.send("/login", data)) == "/home"
        shown = Page(browser.client.get("/account/prove", params={"next": path})).fields
        data = shown | {"password": official.password, "next": path}
        assert onto(browser.send("/account/prove", data)) == "/home"


def test_a_path_of_ours_is_gone_on_to(browser: Browser, official: Person) -> None:
    assert onto(browser.log_in(official, onto="/v1/products?q=che")) == "/v1/products?q=che"
    before = browser.token
    form = browser.page("/account/prove?next=/v1/worklist").fields
    assert onto(browser.send("/account/prove", form | {"password": official.password})) == "/v1/worklist"
    assert browser.token != before


# ── Requests that a foreign page makes a browser send ──────────────────────────────────────────────────


def sessions_of(database: str, person: UUID) -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute("SELECT count(*) FROM access.sessions WHERE person = %s", (person,)).fetchone()
    assert row is not None
    return int(row[0])


FORGED: list[tuple[str, dict[str, str]]] = [
    ("no token", {}),
    ("a wrong token", {"csrf": "0" * 64}),
    ("the login form's token", {"csrf": "before"}),
]
HEADERS: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]
POSTS = ["/logout", "/account/password", "/account/totp", "/account/prove"]


@pytest.mark.parametrize("path", POSTS)
def test_a_forged_form_changes_nothing(browser: Browser, official: Person, database: str, path: str) -> None:
    before = browser.page("/login").fields["csrf"]
    browser.log_in(official)
    csrf = browser.page("/account").fields["csrf"]
    new = "một mật khẩu của kẻ khác"
    filled = {"old_password": PHRASE, "new_password": new, "again": new, "password": PHRASE, "step": "begin"}
    token = browser.token

    tries = [browser.send(path, filled | data) for _, data in FORGED if data != {"csrf": "before"}]
    tries += [browser.send(path, filled | {"csrf": before})]
    tries += [browser.send(path, filled | {"csrf": csrf}, **headers) for headers in HEADERS]
    tries += [browser.client.post(path, content=b"csrf=" + csrf.encode(), headers={"Content-Type": "text/plain"})]

    assert [answer.status_code for answer in tries] == [403] * len(tries)
    assert browser.token == token
    assert browser.page("/account").answer.status_code == 200
    assert sessions_of(database, official.person) == 1
    with psycopg.connect(database) as connection:
        row = connection.execute(
            "SELECT totp_pending FROM access.accounts WHERE person = %s", (official.person,)
        ).fetchone()
    assert row == (None,)


def test_the_same_form_from_our_own_page_is_taken(browser: Browser, official: Person, service: Service) -> None:
    browser.log_in(official)
    csrf = browser.page("/account").fields["csrf"]

    for headers in (
        {"Origin": service.address, "Sec-Fetch-Site": "same-origin"},
        {"Origin": service.address.replace("127.0.0.1", "localhost"), "Host": f"localhost:{service.port}"},
        {},
    ):
        answer = browser.send("/account/totp", {"csrf": csrf, "step": "begin"}, **headers)
        assert answer.status_code == 200, headers
    header_alone = browser.client.post(
        "/logout", content=b"", headers={"X-CSRF-Token": csrf, "Content-Type": "application/x-www-form-urlencoded"}
    )
    assert onto(header_alone) == "/login"


def test_nobody_is_logged_in_as_somebody_else_by_a_foreign_page(browser: Browser, official: Person) -> None:
    fields = {"login": official.login, "password": official.password}
    form = browser.page("/login").fields | fields
    tries = [browser.send("/login", fields), browser.send("/login", form | {"csrf": "guessed"})]
    tries += [browser.send("/login", form, **headers) for headers in HEADERS]
    browser.client.cookies.clear()  # a foreign page's form has no cookie of ours
    tries += [browser.send("/login", form), browser.send("/login", form | {"csrf": ""})]

    assert [answer.status_code for answer in tries] == [403] * len(tries)
    assert browser.token == ""


def test_a_cookie_is_no_bearer_and_json_needs_one(browser: Browser, official: Person) -> None:
    browser.log_in(official)

    for path in ("/v1/logout", "/v1/login/password", "/v1/login/totp", "/v1/login/totp/confirm", "/v1/login/prove"):
        assert browser.client.post(path, json={}).status_code == 401, path
    assert browser.page("/account").answer.status_code == 200


def test_a_bearer_token_needs_no_form_token(service: Service, official: Person, said: set[str]) -> None:
    told = service.client.post("/v1/login", json={"login": official.login, "password": official.password}).json()
    said.add(told["token"])

    answer = service.client.post(
        "/v1/logout", headers={"Authorization": f"Bearer {told['token']}", "Origin": "https://elsewhere.example"}
    )

    assert answer.status_code == 204


# ── Sessions over HTTP ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("column", "age"), [("seen_at", "30 minutes"), ("ends_at", "0 seconds")], ids=["idle", "at its end"]
)
def test_an_expired_session_is_led_to_the_login(
    browser: Browser, official: Person, database: str, column: str, age: str
) -> None:
    browser.log_in(official)
    with psycopg.connect(database) as connection:
        connection.execute(
            f"UPDATE access.sessions SET {column} = now() - %s::interval WHERE person = %s", (age, official.person)
        )

    began = time.monotonic()
    while (page := browser.client.get("/account")).status_code == 200:
        assert time.monotonic() - began < 10  # the process believes what it read for two seconds
        time.sleep(0.1)
    assert onto(page) == "/login?next=/account"
    answer = browser.client.post("/v1/logout", headers={"Authorization": f"Bearer {browser.token}"})
    assert (answer.status_code, answer.json()["type"]) == (401, "/v1/problems/unauthenticated")


def test_logging_out_everywhere_ends_the_other_browser_too(
    service: Service, browser: Browser, official: Person
) -> None:
    other = Browser(service)
    other.log_in(official)
    browser.log_in(official)
    shown = browser.page("/account")
    assert shown.text.count("<tr>") == 3  # the heading and two sessions

    browser.send("/logout", {"csrf": shown.fields["csrf"], "everywhere": "1"})

    assert onto(other.client.get("/account")) == "/login?next=/account"
    other.client.close()


def test_enrolling_needs_a_fresh_proof(browser: Browser, official: Person, database: str) -> None:
    browser.log_in(official)
    csrf = browser.page("/account").fields["csrf"]
    with psycopg.connect(database) as connection:
        connection.execute(
            "UPDATE access.sessions SET proved_at = now() - interval '301 seconds' WHERE person = %s",
            (official.person,),
        )
    bearer, began = {"Authorization": f"Bearer {browser.token}"}, time.monotonic()
    while (answer := browser.client.post("/v1/login/totp", headers=bearer)).status_code == 200:
        assert time.monotonic() - began < 10  # the process believes what it read for two seconds
        time.sleep(0.1)
    assert (answer.status_code, answer.json()["type"]) == (403, "/v1/problems/proof-needed")
    page = browser.send("/account/totp", {"csrf": csrf, "step": "begin"})
    assert page.status_code == 403
    assert "/account/prove" in page.text


# ── What pages look like ───────────────────────────────────────────────────────────────────────────────


def pages(browser: Browser, official: Person) -> list[Page]:
    shown = [browser.page("/login")]
    browser.log_in(official)
    shown += [browser.page(path) for path in ("/account", "/account/password", "/account/totp", "/account/prove")]
    csrf = shown[1].fields["csrf"]
    shown.append(Page(browser.send("/account/totp", {"csrf": csrf, "step": "begin"})))
    shown.append(Page(browser.send("/account/password", {"csrf": csrf, "new_password": "a", "again": "b"})))
    shown.append(Page(browser.send("/account/prove", {"csrf": csrf, "password": "wrong password !"})))
    shown.append(Page(browser.send("/logout", {"csrf": "wrong"})))
    assert [page.answer.status_code for page in shown] == [200, 200, 200, 200, 200, 200, 422, 401, 403]
    return shown


def test_pages_keep_to_themselves(browser: Browser, official: Person) -> None:
    for page in pages(browser, official):
        headers = page.answer.headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert headers["cache-control"] == "no-store"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        for tag, attrs in page.tags:
            assert tag not in ("script", "style", "iframe")
            assert not [name for name in attrs if name == "style" or name.startswith("on")], (tag, attrs)
            for name in ("src", "href", "action"):
                assert attrs.get(name, "/").startswith(("/", "#", "otpauth:")), (tag, attrs)
                assert not attrs.get(name, "/").startswith("//"), (tag, attrs)


def test_pages_speak_to_keyboards_and_readers(browser: Browser, official: Person) -> None:
    for page in pages(browser, official):
        assert page.tags[0][0] == "html"
        assert page.tags[0][1]["lang"] == "vi"
        assert [tag for tag, _ in page.tags].count("h1") == 1
        assert any(attrs.get("lang") == "en" for _, attrs in page.tags)
        assert ("main", {"id": "main"}) in page.tags
        ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
        assert len(ids) == len(set(ids))
        for field in page.inputs:
            if field.get("type") == "hidden":
                continue
            assert field["id"] in page.labels, field
            assert field["autocomplete"]
            for described in field.get("aria-describedby", "").split():
                assert described in ids, field
        if page.answer.status_code >= 400:
            assert any(attrs.get("role") == "alert" for _, attrs in page.tags)
            assert "<title>Lỗi: " in page.text


def test_what_was_typed_is_shown_as_text_and_passwords_not_at_all(browser: Browser, anew: None) -> None:
    form = browser.page("/login").fields
    evil = '"><script>alert(1)</script>'

    answer = browser.send("/login", form | {"login": evil, "password": "my secret phrase", "next": evil})

    assert answer.status_code == 401
    assert "<script" not in answer.text
    assert "&#34;&gt;&lt;script&gt;" in answer.text
    assert "my secret phrase" not in answer.text


@pytest.mark.parametrize("path", ["/login", *POSTS])
@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"\xff\xfe\x00", "application/x-www-form-urlencoded", (400, 403)),
        (b"login=%00&password=%00&csrf=%00", "application/x-www-form-urlencoded", (403,)),
        (b"a=1&a=2", "application/x-www-form-urlencoded", (400, 403)),
        (b"a" * 50_000, "application/x-www-form-urlencoded", (413, 403)),
        (b"{}", "application/json", (415, 403)),
        (b"", "", (415, 403)),
    ],
)
def test_strange_bodies_are_refused_on_a_page(
    service: Service, door: Door, path: str, content: bytes, kind: str, status: tuple[int, ...]
) -> None:
    door.clock.now = datetime.now(UTC)
    cookie = door.run(door.sessions.open_for(UUID(int=2)))

    headers = {"Content-Type": kind, "Cookie": f"ocop={cookie}"}
    answer = service.client.post(path, content=content, headers=headers)

    assert answer.status_code in status
    assert 'role="alert"' in answer.text


def test_the_style_sheet_is_served(service: Service) -> None:
    answer = service.client.get("/web/pages.css")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/css")


# ── The command line ───────────────────────────────────────────────────────────────────────────────────


class Terminal:
    """``ocop`` on the service's database."""

    def __init__(self, database: str, folder: Path) -> None:
        self.env = {"OCOP_DATABASE_URL": database, "OCOP_VAR": str(folder), "OCOP_MASTER_KEY": MASTER_KEY}
        self.env |= {"OCOP_KEYS_URL": keys_of(database), "COLUMNS": "200"}

    def __call__(self, *words: str) -> tuple[int, str]:
        """Exit code and standard output."""
        done = CliRunner(env=self.env).invoke(cli, words)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return done.exit_code, done.stdout


@pytest.fixture
def ocop(database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Terminal:
    monkeypatch.setattr("api.cli_access.configure_logs", lambda _: None)
    return Terminal(database, tmp_path)


def test_an_operator_resets_lists_and_closes_accounts(
    service: Service, ocop: Terminal, official: Person, said: set[str]
) -> None:
    status, told = ocop("account", "reset", official.login)
    assert status == 0
    official.password = told.strip()
    said.add(official.password)
    opened = service.client.post("/v1/login", json={"login": official.login, "password": official.password}).json()
    said.add(opened["token"])
    assert opened["must_change_password"]
    listed = ocop("account", "list")[1]
    assert official.login in listed
    assert official.password not in listed

    assert ocop("account", "close", official.login)[0] == 0

    refused = service.client.post("/v1/login", json={"login": official.login, "password": official.password})
    assert refused.status_code == 401
    assert ocop("account", "reset", official.login) == (1, "")
    assert ocop("account", "reset", "nobody.at.all") == (1, "")


def test_an_operator_registers_rotates_and_closes_service_accounts(
    service: Service, ocop: Terminal, said: set[str]
) -> None:
    client, secret = ocop("client", "register", str(uuid4()), "--scope", "events:read")[1].split()
    fresh = ocop("client", "rotate", client)[1].strip()
    said |= {secret, fresh}

    def status(secret: str) -> int:
        data = {"grant_type": "client_credentials", "client_id": client, "client_secret": secret}
        return service.client.post("/oauth/token", data=data).status_code

    assert [status(secret), status(fresh), status("ocs.wrong")] == [200, 200, 401]
    assert client in ocop("client", "list")[1]
    assert ocop("client", "close", client)[0] == 0
    assert [status(secret), status(fresh)] == [401, 401]
    assert ocop("client", "rotate", client)[0] == 1
    assert ocop("client", "register", str(uuid4()), "--scope", "all")[0] == 1


def test_a_code_is_made_from_a_secret_on_standard_input(tmp_path: Path) -> None:
    """In a process of its own, as people run it; the secret is no argument, which others on the machine could see."""
    secret, before = totp.fresh_secret(), datetime.now(UTC)
    command = [sys.executable, "-m", "api.cli", "account", "code"]

    made = subprocess.run(command, input=f"{secret}\n", capture_output=True, text=True, timeout=60, check=True)

    assert made.stdout.strip() in {totp.code_at(secret, before), totp.code_at(secret, datetime.now(UTC))}
    assert CliRunner().invoke(cli, ["account", "code"], input="no secret 1!\n").exit_code == 2
    assert CliRunner().invoke(cli, ["account", "code", secret]).exit_code == 2


# ── After all that ─────────────────────────────────────────────────────────────────────────────────────


def test_after_all_that_no_secret_is_in_the_database_or_in_the_services_log(
    service: Service, database: str, said: set[str]
) -> None:
    secrets = said - {""}
    log = service.log.read_text(encoding="utf-8")

    assert len(secrets) > 20
    assert in_the_database(database, secrets) == set()
    assert "/login" in log
    assert {text for text in secrets if text in log} == set()
    assert "Traceback" not in log, log[-3000:]
