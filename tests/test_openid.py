"""Login with an OpenID provider: the real service, a real provider, and one that lies, each a process of its own."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlsplit
from uuid import UUID, uuid4

import httpx
import pytest

from tests.openid_ground import BINDING, SESSION, Form, Hostility, OpenIDService, Started
from tests.openid_hostile import CLIENT, SECRET, SUBJECT
from tests.service import Service, free_port

USER, PASSWORD = "hanh", "correct-horse-battery-staple"
PERSON = UUID("6f6f51a4-1c0f-4c3e-9a2e-4f3d5b7a9c01")


@pytest.fixture(scope="module")
def honest(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenIDService]:
    """The service beside Canaille, a real provider with a login form."""
    folder, port, at = tmp_path_factory.mktemp("honest"), free_port(), free_port()
    issuer, redirect = f"http://127.0.0.1:{at}", f"http://127.0.0.1:{port}/login/openid/callback"
    command = ("tests.openid_canaille", str(at), redirect, CLIENT, SECRET, USER, PASSWORD)
    provider = Started(folder, command, issuer, "/.well-known/openid-configuration")
    service = OpenIDService(folder, database, issuer, port)
    try:
        yield service.start()
    finally:
        service.stop()
        provider.stop()


def log_in(browser: httpx.Client, service: OpenIDService, **query: str) -> httpx.Response:
    """From our door through the provider's own forms, as far as it goes."""
    page = browser.get(f"{service.address}/login/openid", params=query)
    for name, value in (("login", USER), ("password", PASSWORD)):
        form = Form(page.text).fields
        if name in form:
            page = browser.post(page.url, data=form | {name: value})
    return page


def test_a_person_logs_in_at_a_real_provider(honest: OpenIDService) -> None:
    service = honest
    issuer = service._env["OCOP_OPENID_ISSUER"]
    with httpx.Client(follow_redirects=True, headers={"Accept": "application/json"}) as browser:
        stranger = log_in(browser, service, next="/test/me")

        assert stranger.status_code == 403
        assert stranger.json()["type"] == "/v1/problems/openid-not-linked"
        assert f"ocop identity link <person> --issuer '{issuer}' --subject '{USER}'" in stranger.json()["hint"]
        assert SESSION not in browser.cookies
        assert service.rows("SELECT count(*) FROM access.identities")[0][0] == 0

    service.link(issuer, USER, PERSON)
    with httpx.Client(follow_redirects=True) as browser:
        arrived = log_in(browser, service, next="/test/me?from=openid")

        assert [r.status_code for r in arrived.history][-1] == 303
        assert str(arrived.url) == f"{service.address}/test/me?from=openid"
        me = arrived.json()
        assert (me["person"], me["amr"], me["step_up"]) == (str(PERSON), ["pwd"], False)
        assert me["auth_time"]
        assert BINDING not in browser.cookies

        # The provider's own session lives on: no form this time. At a step-up there is one.
        again = browser.get(f"{service.address}/login/openid", params={"next": "/test/me"})
        assert again.json()["person"] == str(PERSON)
        asked = browser.get(f"{service.address}/login/openid", params={"next": "/test/me", "step_up": "true"})
        assert "password" in Form(asked.text).fields
        stepped = browser.post(asked.url, data=Form(asked.text).fields | {"password": PASSWORD})
        assert stepped.json()["step_up"] is True
        assert stepped.json()["auth_time"] > me["auth_time"]

    log = service.logged("/login/openid/callback")
    for secret in (SECRET, "code=", "state=", USER):
        assert secret not in log


@pytest.fixture(scope="module")
def hostile(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hostility]:
    """The service beside a provider that lies; the subject is linked."""
    folder, at = tmp_path_factory.mktemp("hostile"), free_port()
    issuer = f"http://127.0.0.1:{at}"
    provider = Started(folder, ("tests.openid_hostile", str(at)), issuer, "/seen")
    service = OpenIDService(folder, database, issuer, free_port())
    try:
        service.start().link(issuer, SUBJECT, uuid4())
        yield Hostility(service, issuer)
    finally:
        service.stop()
        provider.stop()


@pytest.fixture
def browser() -> Iterator[httpx.Client]:
    with httpx.Client(headers={"Accept": "application/json"}, timeout=30) as client:
        yield client


@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA", "Ed25519"])
def test_an_honest_answer_opens_a_session(hostile: Hostility, browser: httpx.Client, algorithm: str) -> None:
    hostile.lies({"alg": algorithm, "iss": "ISSUER"})

    answer = browser.get(hostile.callback(browser))

    assert answer.status_code == 303, answer.text
    assert answer.headers["location"] == "/test/me"
    me = browser.get(f"{hostile.service.address}/test/me").json()
    assert (me["acr"], me["amr"], me["step_up"]) == ("urn:level:2", ["pwd", "otp"], False)
    seen = hostile.seen()
    asked = seen["asked"]
    assert asked["redirect_uri"] == f"{hostile.service.address}/login/openid/callback"
    expected = {"response_type": "code", "scope": "openid", "client_id": CLIENT, "code_challenge_method": "S256"}
    assert expected.items() <= asked.items()
    assert not {"prompt", "max_age"} & asked.keys()
    scheme, _, credentials = seen["tokens"][-1]["authorization"].partition(" ")
    told = [unquote_plus(part) for part in base64.b64decode(credentials).decode().split(":")]
    assert (scheme, told) == ("Basic", [CLIENT, SECRET])
    assert "client_secret" not in seen["tokens"][-1]["form"]


WRONG_TOKENS: dict[str, tuple[dict[str, Any], str]] = {
    "expired": ({"shift": {"exp": -61, "iat": -400}}, "expired"),
    "never ending": ({"claims": {"exp": None}}, "malformed"),
    "not yet valid": ({"shift": {"nbf": 90}}, "not-yet-valid"),
    "issued in the future": ({"shift": {"iat": 90}}, "issued-ahead"),
    "forged signature": ({"forged": True}, "signature"),
    "foreign key": ({"key": "foreign"}, "signature"),
    "wrong audience": ({"claims": {"aud": "another-service"}}, "audience"),
    "several audiences without azp": ({"claims": {"aud": [CLIENT, "another-service"]}}, "authorized-party"),
    "another's azp": ({"claims": {"aud": [CLIENT, "other"], "azp": "other"}}, "authorized-party"),
    "wrong issuer": ({"claims": {"iss": "https://elsewhere.example"}}, "issuer"),
    "algorithm none": ({"alg": "none"}, "algorithm"),
    "HS256 with the public key": ({"alg": "HS256"}, "algorithm"),
    "no nonce": ({"claims": {"nonce": None}}, "nonce"),
    "another nonce": ({"claims": {"nonce": "of-another-login"}}, "nonce"),
    "wrong at_hash": ({"claims": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}}, "at-hash"),
    "type of an access token": ({"header": {"typ": "at+jwt"}}, "type"),
    "critical extension": ({"header": {"crit": ["exp"], "exp": 1}}, "critical"),
    "no subject": ({"claims": {"sub": None}}, "malformed"),
    "control characters in the subject": ({"claims": {"sub": "officer\x007"}}, "malformed"),
    "authenticated in the future": ({"shift": {"auth_time": 3600}}, "auth-time"),
}


@pytest.mark.parametrize("name", WRONG_TOKENS)
def test_a_wrong_id_token_opens_nothing(hostile: Hostility, browser: httpx.Client, name: str) -> None:
    lie, reason = WRONG_TOKENS[name]
    hostile.lies(lie)
    before = hostile.stored()

    answer = browser.get(hostile.callback(browser))

    hostile.refused(answer, "openid-token-refused", reason, before)


def test_a_step_up_wants_a_fresh_authentication(hostile: Hostility, browser: httpx.Client) -> None:
    for lie in ({"shift": {"auth_time": -301}}, {"claims": {"auth_time": None}}):
        hostile.lies(lie)
        before = hostile.stored()
        hostile.refused(
            browser.get(hostile.callback(browser, step_up="true")), "openid-token-refused", "auth-time", before
        )
        assert {"prompt": "login", "max_age": "300"}.items() <= hostile.seen()["asked"].items()

    hostile.lies({"shift": {"auth_time": -290}})
    assert browser.get(hostile.callback(browser, step_up="true")).status_code == 303
    assert browser.get(f"{hostile.service.address}/test/me").json()["step_up"] is True


def test_a_callback_counts_once(hostile: Hostility, browser: httpx.Client) -> None:
    hostile.lies({})
    address = hostile.callback(browser)
    kept = dict(browser.cookies)
    assert browser.get(address).status_code == 303
    before, codes = hostile.stored(), len(hostile.seen()["tokens"])

    browser.cookies.update({BINDING: kept[BINDING]})  # as if the browser had not let go of it
    hostile.refused(browser.get(address), "openid-state", "used", before)
    assert len(hostile.seen()["tokens"]) == codes


def test_a_callback_belongs_to_the_browser_that_began(hostile: Hostility, browser: httpx.Client) -> None:
    hostile.lies({})
    address, before = hostile.callback(browser), hostile.stored()
    codes = len(hostile.seen()["tokens"])

    with httpx.Client(headers={"Accept": "application/json"}) as other:
        hostile.refused(other.get(address), "openid-other-browser", "other-browser", before)
        hostile.callback(other)
        hostile.refused(other.get(address), "openid-other-browser", "other-browser", before)
    assert len(hostile.seen()["tokens"]) == codes

    assert browser.get(address).status_code == 303  # its own browser may still finish


def test_two_tabs_of_a_browser_may_log_in_side_by_side(hostile: Hostility, browser: httpx.Client) -> None:
    hostile.lies({})
    first, second = hostile.callback(browser), hostile.callback(browser)

    assert first != second
    assert browser.get(second).status_code == 303


def test_a_login_ends_after_ten_minutes(hostile: Hostility, browser: httpx.Client) -> None:
    hostile.lies({})
    late, soon = hostile.callback(browser), hostile.callback(browser)
    before = hostile.stored()

    hostile.service.ahead(601)
    hostile.refused(browser.get(late), "openid-state", "expired", before)
    hostile.service.ahead(0)
    assert browser.get(soon).status_code == 303


def test_a_code_of_another_login_is_not_taken(hostile: Hostility, browser: httpx.Client) -> None:
    hostile.lies({})
    stolen = parse_qs(urlsplit(hostile.callback(browser)).query)["code"][0]
    before = hostile.stored()
    with httpx.Client(headers={"Accept": "application/json"}) as thief:
        own = parse_qs(urlsplit(hostile.callback(thief)).query)["state"][0]
        answer = thief.get(f"{hostile.service.address}/login/openid/callback", params={"state": own, "code": stolen})

    hostile.refused(answer, "openid-code-refused", "invalid_grant", before)


def test_an_id_token_of_another_login_is_not_taken(hostile: Hostility, browser: httpx.Client) -> None:
    hostile.lies({})
    assert browser.get(hostile.callback(browser)).status_code == 303
    hostile.lies({"replay": True})
    before = hostile.stored()

    hostile.refused(browser.get(hostile.callback(browser)), "openid-token-refused", "nonce", before)


@pytest.mark.parametrize(
    ("lie", "code", "reason"),
    [
        ({"error": "access_denied"}, "openid-denied", "access_denied"),
        ({"error": "server_error"}, "openid-provider-error", "server_error"),
        ({"error": "<script>"}, "openid-provider-error", "unknown"),
        ({"token": "invalid_grant"}, "openid-code-refused", "invalid_grant"),
        ({"token": "invalid_client"}, "openid-provider-error", "invalid_client"),
        ({"token": "Words and <b>more</b>"}, "openid-provider-unusable", "malformed"),
        ({"iss": "https://elsewhere.example"}, "openid-wrong-issuer", "issuer"),
        ({"metadata": {"authorization_response_iss_parameter_supported": True}}, "openid-wrong-issuer", "issuer"),
        ({"keys": "redirect"}, "openid-provider-unusable", "redirect"),
        ({"keys": "page"}, "openid-provider-unusable", "malformed"),
    ],
)
def test_a_provider_that_fails_opens_nothing(
    hostile: Hostility, browser: httpx.Client, lie: dict[str, Any], code: str, reason: str
) -> None:
    hostile.lies(lie)
    before = hostile.stored()

    answer = browser.get(hostile.callback(browser))

    hostile.refused(answer, code, reason, before)
    assert "<" not in answer.text
    assert hostile.seen()["elsewhere"] == 0


@pytest.mark.parametrize(
    ("lie", "reason"),
    [
        ({"discovery": "huge"}, "too-large"),
        ({"discovery": "hanging"}, "away"),
        ({"discovery": "redirect"}, "redirect"),
        ({"discovery": "page"}, "malformed"),
        ({"metadata": {"issuer": "https://elsewhere.example"}}, "issuer"),
        ({"metadata": {"token_endpoint": "http://elsewhere.example/token"}}, "insecure"),
        ({"metadata": {"token_endpoint": None}}, "malformed"),
        ({"metadata": {"token_endpoint_auth_methods_supported": ["private_key_jwt"]}}, "no-basic-auth"),
    ],
)
def test_a_bad_discovery_begins_no_login(
    hostile: Hostility, browser: httpx.Client, lie: dict[str, Any], reason: str
) -> None:
    hostile.lies(lie)
    before, count = hostile.stored(), "SELECT count(*) FROM access.openid_logins"
    logins, began = hostile.service.rows(count), time.monotonic()

    answer = browser.get(f"{hostile.service.address}/login/openid")

    hostile.refused(answer, "openid-provider-unusable", reason, before)
    assert time.monotonic() - began < 8
    assert hostile.service.rows(count) == logins
    assert BINDING not in browser.cookies
    # For some seconds nobody asks again: a provider in trouble is not stormed, and nobody waits.
    began = time.monotonic()
    hostile.refused(browser.get(f"{hostile.service.address}/login/openid"), "openid-provider-unusable", reason, before)
    assert time.monotonic() - began < 1
    assert hostile.seen()["discovery"] == 1


def test_keys_are_read_again_for_an_unknown_one_but_not_at_once(hostile: Hostility, browser: httpx.Client) -> None:
    hostile.lies({})
    assert browser.get(hostile.callback(browser)).status_code == 303
    hostile.lies({"kid": "rotated"}, anew=False)
    before = hostile.stored()

    # Read a moment ago: the new key's name must wait for the floor.
    hostile.refused(browser.get(hostile.callback(browser)), "openid-token-refused", "unknown-key", before)
    assert hostile.seen()["keys"] == 0

    hostile.service.ahead(31)
    hostile.lies({"kid": "rotated"}, anew=False)
    answer = browser.get(hostile.callback(browser))
    hostile.service.ahead(0)
    assert answer.status_code == 303, answer.text
    assert hostile.seen()["keys"] == 1


def test_where_a_login_leads_is_ours(hostile: Hostility, browser: httpx.Client) -> None:
    hostile.lies({})
    for path in ("//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "/a\r\nX: 1", "x", ""):
        answer = browser.get(f"{hostile.service.address}/login/openid", params={"next": path})
        assert answer.status_code == 422, path
        assert answer.json()["errors"][0]["field"] == "next"


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", "bad-request"),
        ("code=x", "bad-request"),
        ("state=a&state=b&code=x", "bad-request"),
        (f"state={'s' * 5000}&code=x", "bad-request"),
        ("state=never-begun&code=x", "openid-state"),
        ("state=%00&code=%00", "openid-state"),
        ("state=never-begun&error=access_denied", "openid-state"),
    ],
)
def test_a_callback_that_nobody_began(hostile: Hostility, browser: httpx.Client, query: str, code: str) -> None:
    hostile.lies({})
    answer = browser.get(f"{hostile.service.address}/login/openid/callback?{query}")

    hostile.refused(answer, code, None, hostile.stored())


def test_a_browser_is_told_on_a_page(hostile: Hostility, browser: httpx.Client) -> None:
    hostile.lies({"error": "access_denied"})
    answer = browser.get(hostile.callback(browser), headers={"Accept": "text/html,*/*"})

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == "default-src 'none'"
    assert "<h1>Nhà cung cấp từ chối</h1>" in answer.text
    assert "<h2>Denied at the identity provider</h2>" in answer.text
    assert "script" not in answer.text


def test_cookies_and_addresses_tell_nobody(hostile: Hostility, browser: httpx.Client) -> None:
    hostile.lies({})
    left = browser.get(f"{hostile.service.address}/login/openid")
    binding = left.headers["set-cookie"]

    assert re.fullmatch(rf"{BINDING}=[\w-]{{43}}; HttpOnly; Max-Age=600; Path=/; SameSite=lax", binding)
    assert (left.headers["cache-control"], left.headers["referrer-policy"]) == ("no-store", "no-referrer")


def test_no_secret_of_a_login_is_logged_or_stored(hostile: Hostility, browser: httpx.Client) -> None:
    for lie in ({}, {"token": "invalid_client"}, {"claims": {"nonce": "other"}}, {"claims": {"sub": "nobody-we-know"}}):
        hostile.lies(lie)
        address = hostile.callback(browser)
        held = browser.cookies[BINDING]
        browser.get(address)
        log = hostile.service.log.read_text(encoding="utf-8")
        secrets = [*hostile.seen()["secrets"], held, SECRET, base64.b64encode(SECRET.encode()).decode()]
        assert len(secrets) > 6
        for secret in [*secrets, SUBJECT, "nobody-we-know"]:
            assert secret not in log
    assert "openid-login-refused" in log
    rows = str(hostile.service.rows("SELECT * FROM access.openid_logins"))
    # Of a login the nonce alone is stored as it is: by itself it opens nothing.
    nonces = {row[0] for row in hostile.service.rows("SELECT nonce FROM access.openid_logins")}
    assert not [s for s in {*hostile.seen()["secrets"], held} - nonces if s in rows]


def test_without_settings_there_is_no_such_login(service: Service) -> None:
    for path in ("/login/openid", "/login/openid/callback?state=x&code=y", "/login/openid?step_up=perhaps"):
        answer = service.client.get(path)

        assert answer.status_code == 404
        assert answer.json()["type"] == "/v1/problems/not-found"
