"""Versions over HTTP: ETag, If-Match, If-None-Match, Idempotency-Key, X-Min-Position, Location, cursors."""

from __future__ import annotations

import json
import secrets
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from api.examples import EXAMPLES
from domain.decide import COMMANDS
from domain.values import Role
from tests.service import Service, on_paper
from tests.story import Chapter, addressed, bare, on, tea, until

OFFICER, CHAIR, PRODUCER, PROVINCE = Role.COMMUNE_OFFICER, Role.COMMUNE_CHAIR, Role.PRODUCER, Role.PROVINCE_OFFICER
PROVINCE_CHAIR, SECRETARY = Role.PROVINCE_CHAIR, Role.COUNCIL_SECRETARY
GUIDANCE = on("2026-02-03", EXAMPLES["record-guidance"])
OPENING = EXAMPLES["identify-product"]
SAID = ("etag", "x-position", "location", "content-type")
"""Headers that belong to an answer."""


def told(service: Service, chapters: list[Chapter]) -> str:
    """A product of its own name, visible to readers."""
    name = f"Chè {secrets.token_hex(4)}"
    product = service.tell([(c, r, {**b, "product_name": name} if "product_name" in b else b) for c, r, b in chapters])
    seen(service, service.position)
    return product


def seen(service: Service, position: int) -> None:
    """Wait until readers see it; the projector takes its time only when the service has just begun."""
    deadline = time.monotonic() + 60
    while service.get("/v1/worklist", **{"X-Min-Position": str(position)}).status_code != 200:
        assert time.monotonic() < deadline


def guide(service: Service, product: str, key: str | None = None, **headers: str) -> httpx.Response:
    return service.give(product, "record-guidance", OFFICER, GUIDANCE, key, **headers)


def stored(database: str) -> tuple[int, int]:
    """Facts and commands in the journal."""
    with psycopg.connect(database, autocommit=True) as connection:
        row = connection.execute(
            "SELECT (SELECT count(*) FROM ocop.events), (SELECT count(*) FROM ocop.commands)"
        ).fetchone()
    assert row is not None
    return row


def assert_repeated(first: httpx.Response, again: httpx.Response) -> None:
    """The same answer byte for byte, but for the word that says so."""
    assert first.status_code == again.status_code
    assert first.json()["repeated"] is False
    assert again.content == first.content.replace(b'"repeated":false', b'"repeated":true')
    assert {h: again.headers.get(h) for h in SAID} == {h: first.headers.get(h) for h in SAID}


# ── ETag and If-None-Match ─────────────────────────────────────────────────────────────────────────────


def test_the_etag_is_the_version_and_both_sides_tell_the_same(service: Service) -> None:
    product = told(service, until("identify-product", tea()))

    written = guide(service, product)
    seen(service, written.json()["position"])
    reading = service.get(f"/v1/products/{product}")

    assert written.headers["etag"] == reading.headers["etag"] == '"2"'
    assert written.headers["x-position"] == reading.headers["x-position"] == str(written.json()["position"])
    assert written.json()["version"] == reading.json()["version"] == 2


@pytest.mark.parametrize("tag", ['"32"', 'W/"32"', '"1", "32"', "*", '"1" ,W/"32", "7"'])
def test_nothing_is_sent_again_to_whom_holds_it(service: Service, certified: str, tag: str) -> None:
    answer = service.get(f"/v1/products/{certified}", **{"If-None-Match": tag})

    assert answer.status_code == 304
    assert answer.content == b""
    assert answer.headers["etag"] == '"32"'


@pytest.mark.parametrize("tag", ['"31"', '"33"', '"3"', '"310"', "", '"x"', '""', 'W/"31", "0"'])
def test_all_of_it_is_sent_to_whom_holds_something_else(service: Service, certified: str, tag: str) -> None:
    answer = service.get(f"/v1/products/{certified}", **{"If-None-Match": tag})

    assert answer.status_code == 200
    assert answer.json()["version"] == 32


def test_the_next_fact_ends_the_304(service: Service) -> None:
    product = told(service, tea())
    held = service.get(f"/v1/products/{product}").headers["etag"]
    assert service.get(f"/v1/products/{product}", **{"If-None-Match": held}).status_code == 304

    fair = service.give(product, "attend-fair", PRODUCER, on("2026-11-09", EXAMPLES["attend-fair"]))

    headers = {"If-None-Match": held, "X-Min-Position": fair.headers["x-position"]}
    again = service.get(f"/v1/products/{product}", **headers)
    assert again.status_code == 200
    assert again.headers["etag"] == fair.headers["etag"] == '"33"'


def test_what_grows_later_by_the_day_is_always_sent(service: Service) -> None:
    """A product that waits since January: the version stays, the days of delay do not."""
    product = told(service, until("identify-product", tea()))

    answer = service.get(f"/v1/products/{product}", **{"If-None-Match": '"1"'})

    assert answer.status_code == 200
    assert answer.json()["days_late"] > 0


@pytest.fixture(scope="module")
def certified(service: Service) -> str:
    """A product with nothing due for years: its answer changes with its version only."""
    return told(service, tea())


# ── If-Match ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("tag", ['"1"', 'W/"1"', "1", "*"])
def test_a_decision_on_the_newest_version_is_taken(service: Service, tag: str) -> None:
    product = told(service, until("identify-product", tea()))

    assert guide(service, product, **{"If-Match": tag}).status_code == 200


def test_a_decision_on_an_older_version_is_not(service: Service, database: str) -> None:
    product = told(service, until("identify-product", tea()))
    assert guide(service, product, **{"If-Match": '"1"'}).headers["etag"] == '"2"'
    before = stored(database)

    late = guide(service, product, **{"If-Match": '"1"'})

    assert late.status_code == 412
    assert late.json()["type"] == "/v1/problems/stale-version"
    assert stored(database) == before
    assert guide(service, product, **{"If-Match": '"2"'}).headers["etag"] == '"3"'


def test_of_two_who_decide_on_one_version_one_is_told(service: Service) -> None:
    product = told(service, until("identify-product", tea()))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: guide(service, product, **{"If-Match": '"1"'}), range(8)))

    assert sorted(a.status_code for a in answers) == [200, *[412] * 7]


def test_an_opening_expects_nothing(service: Service) -> None:
    assert service.give(None, "identify-product", OFFICER, OPENING, **{"If-Match": '"0"'}).status_code == 201
    assert service.give(None, "identify-product", OFFICER, OPENING, **{"If-Match": '"1"'}).status_code == 412


def test_a_session_and_a_book_have_versions_too(service: Service) -> None:
    told(service, until("call-session", tea()))
    session, attendance = service.ids["session"], on("2026-10-05", EXAMPLES["record-attendance"])

    first = service.give(session, "record-attendance", SECRETARY, attendance, **{"If-Match": '"1"'})
    stale = service.give(session, "record-attendance", SECRETARY, attendance, **{"If-Match": '"1"'})
    assert (first.status_code, first.headers["etag"], stale.status_code) == (200, '"2"', 412)

    told(service, until("conclude-session", tea()))
    signed = on("2026-10-20", addressed("recognise", bare(EXAMPLES["recognise"]), service.ids))
    ahead = service.give(None, "recognise", PROVINCE_CHAIR, signed, **{"If-Match": '"99999"'})
    assert ahead.status_code == 412
    assert service.give(None, "recognise", PROVINCE_CHAIR, signed).status_code == 200


def test_without_the_header_every_version_will_do(service: Service) -> None:
    product = told(service, until("identify-product", tea()))

    assert [guide(service, product).headers["etag"] for _ in range(3)] == ['"2"', '"3"', '"4"']


# ── Idempotency-Key ────────────────────────────────────────────────────────────────────────────────────


def test_an_opening_sent_again_is_the_same_answer(service: Service, database: str) -> None:
    first = service.give(None, "identify-product", OFFICER, OPENING, "opening-again")
    before = stored(database)

    assert_repeated(first, service.give(None, "identify-product", OFFICER, OPENING, "opening-again"))
    assert stored(database) == before


def test_a_command_sent_again_is_the_same_answer(service: Service, database: str) -> None:
    product = told(service, until("identify-product", tea()))
    first = guide(service, product, "guidance-again")
    before = stored(database)

    for _ in range(3):
        assert_repeated(first, guide(service, product, "guidance-again"))
    assert stored(database) == before


def test_the_answer_stays_the_same_when_the_product_went_on(service: Service) -> None:
    opened = service.give(None, "identify-product", OFFICER, OPENING, "went-on")
    product = opened.json()["product_id"]
    first = guide(service, product, "went-on-too", **{"If-Match": '"1"'})
    form = service.give(product, "hand-over-idea-form", OFFICER, EXAMPLES["hand-over-idea-form"])
    assert form.headers["etag"] == '"3"'

    assert_repeated(opened, service.give(None, "identify-product", OFFICER, OPENING, "went-on"))
    assert_repeated(first, guide(service, product, "went-on-too", **{"If-Match": '"1"'}))


def test_a_command_that_changed_nothing_is_answered_the_same_too(service: Service, database: str) -> None:
    product = told(service, until("endorse-idea", tea()))
    first = service.give(product, "endorse-idea", OFFICER, EXAMPLES["endorse-idea"], "nothing-new")
    before = stored(database)

    again = service.give(product, "endorse-idea", OFFICER, EXAMPLES["endorse-idea"], "nothing-new")

    assert first.json()["facts"] == []
    assert first.headers["etag"] == '"7"'
    assert_repeated(first, again)
    assert stored(database) == before


def test_a_decision_sent_again_takes_no_second_number(service: Service, database: str) -> None:
    told(service, until("conclude-session", tea()))
    signed = on("2026-10-20", addressed("recognise", bare(EXAMPLES["recognise"]), service.ids))
    first = service.give(None, "recognise", PROVINCE_CHAIR, signed, "decision-again")
    assert first.status_code == 200, first.text
    before = stored(database)

    assert_repeated(first, service.give(None, "recognise", PROVINCE_CHAIR, signed, "decision-again"))
    again = service.give(None, "recognise", PROVINCE_CHAIR, signed, "another-key")

    assert again.status_code == 409
    assert stored(database) == before


def test_a_sealed_sheet_sent_again_is_the_same_sheet(service: Service, database: str) -> None:
    """Sealing is never twice the same; a retry is answered, not sealed again."""
    told(service, until("open-scoring", tea()))
    sheet = next(body for command, _, body in tea() if command == "submit-score-sheet")
    sheet = addressed("submit-score-sheet", sheet, service.ids)
    first = service.give(service.ids["session"], "submit-score-sheet", Role.COUNCIL_MEMBER, sheet, "sheet-again")
    assert first.status_code == 200, first.text
    before = stored(database)

    again = service.give(service.ids["session"], "submit-score-sheet", Role.COUNCIL_MEMBER, sheet, "sheet-again")

    assert_repeated(first, again)
    assert stored(database) == before


def test_one_body_may_be_written_in_two_ways(service: Service) -> None:
    """What counts is what was said: the order of fields, blanks and escapes do not."""
    headers = service.headers(OFFICER, **{"Idempotency-Key": "two-ways", "Content-Type": "application/json"})
    body = on_paper(OPENING)
    first = service.client.post("/v1/products", json=body, headers=headers)
    turned = dict(reversed(body.items()))

    again = service.client.post("/v1/products", content=dumped(turned), headers=headers)

    assert_repeated(first, again)


def dumped(body: dict[str, Any]) -> bytes:
    """JSON as another program would write it."""
    return json.dumps(body, indent=3, ensure_ascii=True).encode()


@pytest.mark.parametrize("key", ["k", "k" * 200, "!~", '"quoted"', "a,b", "8e03978e-40d5-43dd-bc93-6894a57f9324"])
def test_a_key_is_any_visible_ascii(service: Service, key: str) -> None:
    assert_repeated(
        service.give(None, "identify-product", OFFICER, OPENING, key),
        service.give(None, "identify-product", OFFICER, OPENING, key),
    )


def test_the_key_of_one_is_not_the_key_of_another(service: Service) -> None:
    answers = [service.give(None, "identify-product", who, OPENING, "the-same-key") for who in (OFFICER, PROVINCE)]

    assert [a.status_code for a in answers] == [201, 201]
    assert [a.json()["repeated"] for a in answers] == [False, False]
    assert answers[0].json()["product_id"] != answers[1].json()["product_id"]


def test_without_a_key_every_request_is_a_new_one(service: Service) -> None:
    headers, body = service.headers(OFFICER), on_paper(OPENING)

    opened = [service.client.post("/v1/products", json=body, headers=headers).json()["product_id"] for _ in range(3)]

    assert len(set(opened)) == 3


def test_a_refusal_does_not_use_the_key_up(service: Service) -> None:
    product = told(service, until("submit-idea", tea()))
    too_early = service.give(product, "accept-idea", CHAIR, EXAMPLES["accept-idea"], "first-refused")
    assert too_early.status_code == 409
    assert service.give(product, "endorse-idea", OFFICER, EXAMPLES["endorse-idea"]).status_code == 200

    now = service.give(product, "accept-idea", CHAIR, EXAMPLES["accept-idea"], "first-refused")

    assert now.status_code == 200
    assert now.json()["repeated"] is False


def test_one_key_sent_ten_times_at_once_is_carried_out_once(service: Service, database: str) -> None:
    before = stored(database)
    with ThreadPoolExecutor(10) as pool:
        answers = list(
            pool.map(lambda _: service.give(None, "identify-product", OFFICER, OPENING, "ten-at-once"), range(10))
        )

    assert {a.status_code for a in answers} == {201}
    assert len({a.json()["product_id"] for a in answers}) == 1
    assert sorted(a.json()["repeated"] for a in answers) == [False, *[True] * 9]
    facts, commands = stored(database)
    assert (facts, commands) == (before[0] + 1, before[1] + 1)


# ── X-Min-Position ─────────────────────────────────────────────────────────────────────────────────────


def test_whoever_names_his_position_sees_his_own_writing(service: Service) -> None:
    product = told(service, until("identify-product", tea()))
    for version in range(2, 22):
        written = guide(service, product)
        waited = service.get(f"/v1/products/{product}", **{"X-Min-Position": written.headers["x-position"]})
        assert waited.json()["version"] == version


@pytest.mark.parametrize("path", ["/v1/councils", "/v1/councils/{council}", "/v1/sessions", "/v1/sessions/{session}"])
def test_readings_of_councils_wait_too(service: Service, path: str) -> None:
    told(service, until("report-advice", tea()))
    opening: dict[str, Any] = {}
    for command, who in (("set-up-council", PROVINCE_CHAIR), ("call-session", SECRETARY)):
        ids = {**service.ids, **opening}
        opened = service.give(None, command, who, addressed(command, bare(EXAMPLES[command]), ids))
        kind = COMMANDS[command].stream
        opening[kind] = opened.json()[f"{kind}_id"]

    answer = service.get(
        path.format(**opening) + ("?limit=500" if path.endswith("s") else ""),
        SECRETARY,
        **{"X-Min-Position": opened.headers["x-position"]},
    )

    assert answer.status_code == 200, answer.text
    assert opening["council" if "councils" in path else "session"] in answer.text


@pytest.mark.parametrize("path", ["/v1/products", "/v1/products/{}", "/v1/products/{}/trail", "/v1/worklist"])
def test_every_reading_for_people_waits(service: Service, path: str) -> None:
    name = f"Chè {secrets.token_hex(4)}"
    opened = service.give(None, "identify-product", OFFICER, {**OPENING, "product_name": name})
    product = opened.json()["product_id"]

    answer = service.get(
        path.format(product) + ("?limit=200" if path.endswith(("products", "worklist")) else ""),
        OFFICER,
        **{"X-Min-Position": opened.headers["x-position"]},
    )

    assert answer.status_code == 200
    assert name in answer.text


def test_position_zero_is_always_there(service: Service) -> None:
    assert service.get("/v1/worklist", **{"X-Min-Position": "0"}).status_code == 200


def test_a_position_that_never_comes_is_not_waited_for_long(service: Service) -> None:
    began = time.monotonic()
    answer = service.get("/v1/worklist", **{"X-Min-Position": "9" * 18})

    assert 4 < time.monotonic() - began < 15
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["type"] == "/v1/problems/not-ready"
    assert "9" * 18 in answer.json()["detail"]
    assert "9" * 18 in answer.json()["detail_en"]


# ── Location and cursors: what is given out is taken back ──────────────────────────────────────────────


def test_the_location_of_an_opening_leads_to_the_product(service: Service) -> None:
    opened = service.give(None, "identify-product", OFFICER, OPENING)

    location = opened.headers["location"]
    found = service.get(location, **{"X-Min-Position": opened.headers["x-position"]})

    assert location == f"/v1/products/{opened.json()['product_id']}"
    assert found.status_code == 200
    assert found.json()["product_id"] == opened.json()["product_id"]


def test_the_location_of_a_council_and_of_a_session_leads_there(service: Service) -> None:
    told(service, until("report-advice", tea()))
    council = service.give(None, "set-up-council", PROVINCE_CHAIR, EXAMPLES["set-up-council"])
    called = addressed(
        "call-session", bare(EXAMPLES["call-session"]), {**service.ids, "council": council.json()["council_id"]}
    )
    session = service.give(None, "call-session", SECRETARY, called)

    for opened, kind in ((council, "council"), (session, "session")):
        assert opened.status_code == 201, opened.text
        location = opened.headers["location"]
        assert location == f"/v1/{kind}s/{opened.json()[f'{kind}_id']}"
        found = service.get(location, **{"X-Min-Position": session.headers["x-position"]})
        assert found.status_code == 200
        assert found.headers["etag"] == opened.headers["etag"] == '"1"'


def test_a_decision_opens_no_page_of_its_own(service: Service) -> None:
    told(service, until("recognise", tea()))

    revoked = service.give(
        None, "revoke", PROVINCE_CHAIR, on("2026-11-20", addressed("revoke", bare(EXAMPLES["revoke"]), service.ids))
    )

    assert revoked.status_code == 200, revoked.text
    assert "location" not in revoked.headers


def test_only_openings_have_a_location(service: Service) -> None:
    assert "location" not in guide(service, told(service, until("identify-product", tea()))).headers


def test_a_cursor_is_taken_back_however_long_the_name(service: Service) -> None:
    longest = "\U0001d518" * 300
    opened = [
        service.give(None, "identify-product", OFFICER, {**OPENING, "product_name": longest, "cycle": 2021})
        for _ in range(2)
    ]
    seen(service, opened[-1].json()["position"])

    first = service.get("/v1/products?cycle=2021&limit=1").json()
    second = service.client.get(
        "/v1/products", params={"cycle": 2021, "limit": 1, "cursor": first["next"]}, headers=service.headers(OFFICER)
    )

    assert second.status_code == 200, second.text
    pages = [*first["products"], *second.json()["products"]]
    assert {p["product_id"] for p in pages} == {o.json()["product_id"] for o in opened}
    assert second.json()["next"] is None


# ── After a crash ──────────────────────────────────────────────────────────────────────────────────────


def test_a_key_is_remembered_by_a_service_that_was_killed(service: Service) -> None:
    first = service.give(None, "identify-product", OFFICER, OPENING, "before-the-crash")
    service.kill()
    service.start()

    assert_repeated(first, service.give(None, "identify-product", OFFICER, OPENING, "before-the-crash"))
