"""Bounds of an erasure: running cases, other provinces' data, complaints by number, failures, idle cases."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from api.examples import EXAMPLES
from application.burying import bury_recorded
from application.keys import MemoryKeys, WrappedKey
from application.shredder import FAILED, RETRY_FIRST
from domain import personal
from domain.law.areas import covers
from domain.law.book import law_book
from domain.product.phases import Phase
from domain.refusals import CaseRuns, HeldElsewhere, NotAllowed, OutsideArea
from domain.values import Actor, Role
from tests.conftest import projector_for
from tests.language import Scene, given
from tests.scenario import ILLUSTRATIVE
from tests.service import Service, tea_actors
from tests.story import PRODUCER, actor, on, tea, until
from tests.test_erasure import ASK, CHAIR, GROUNDS, OFFICER, handed_over, office
from tests.test_writer import order

HANOI = "00070"
"""A commune of another province."""


def at(role: Role, area: str, **more: Any) -> Actor:
    return Actor(person=f"{role} of {area}", office=area, role=role, area=area, **more)


FAR_OFFICER, FAR_PROVINCE, FAR_CHAIR = (
    at(Role.COMMUNE_OFFICER, HANOI),
    at(Role.PROVINCE_OFFICER, "01"),
    at(Role.PROVINCE_CHAIR, "01"),
)
FAR_PRODUCER = at(Role.PRODUCER, HANOI, producer=PRODUCER)


# ── Running cases ─────────────────────────────────────────────────────────────────────────────


def asked_of(scene: Scene, by: Actor | Role = OFFICER, scope: str = "both") -> Scene:
    return scene.when("request-erasure", by, **ASK, scope=scope, registration=PRODUCER).then(
        "subject.erasure-requested"
    )


CONSENT = {"outcome": "partly", "purposes": ["consent"], **GROUNDS}
PROCESS = {"outcome": "partly", "purposes": ["process"], **GROUNDS}


@pytest.mark.parametrize("last", ["submit-idea", "file-dossier", "open-scoring", "conclude-session"])
def test_what_a_running_case_needs_is_not_erased(last: str) -> None:
    scene = asked_of(given(until(last, tea())))

    scene.when("decide-erasure", CHAIR, outcome="granted").refused(CaseRuns, "purposes")
    refused = scene.when("decide-erasure", CHAIR, **PROCESS).refused(CaseRuns, "purposes")
    assert "consent" in refused.refusal.hint_en  # type: ignore[union-attr]
    scene.when("decide-erasure", CHAIR, **CONSENT).then("subject.erasure-decided")
    scene.when("decide-erasure", CHAIR, outcome="refused", **GROUNDS).then("subject.erasure-decided")
    only = asked_of(given(until(last, tea())), scope="consent")
    only.when("decide-erasure", CHAIR, outcome="granted").then("subject.erasure-decided")


def test_once_the_case_has_ended_it_is() -> None:
    ended = given([*until("submit-idea", tea()), ("withdraw-idea", Role.PRODUCER, {"reason": "Thôi."})])

    asked_of(ended).when("decide-erasure", CHAIR, outcome="granted").then("subject.erasure-decided")


def test_a_complaint_that_waits_is_a_running_case_whatever_the_phase() -> None:
    recognised = given(until("recognise", tea()))
    asked_of(recognised).when("decide-erasure", CHAIR, outcome="granted").then("subject.erasure-decided")
    filed = recognised.when("file-complaint", Role.PRODUCER, **EXAMPLES["file-complaint"])

    asked_of(filed).when("decide-erasure", CHAIR, outcome="granted").refused(CaseRuns)
    settled = filed.when("settle-complaint", CHAIR, **EXAMPLES["settle-complaint"])
    asked_of(settled).when("decide-erasure", CHAIR, outcome="granted").then("subject.erasure-decided")


def test_one_province_does_not_decide_over_anothers_cases_and_the_minister_does() -> None:
    ended = given([*until("submit-idea", tea()), ("withdraw-idea", Role.PRODUCER, {"reason": "Thôi."})])
    far = asked_of(ended, FAR_OFFICER)

    refused = far.when("decide-erasure", FAR_CHAIR, outcome="granted").refused(HeldElsewhere, "purposes").refusal
    assert refused is not None
    told = " ".join((refused.vi, refused.en, refused.hint_vi, refused.hint_en))
    assert not any(word in told for word in ("25", "04876", "Phú Thọ", "1 "))
    far.when("decide-erasure", FAR_CHAIR, **CONSENT).then("subject.erasure-decided")
    far.when("decide-erasure", Role.MINISTER, outcome="granted").then("subject.erasure-decided")
    far.when("decide-erasure", Role.MINISTRY_OFFICER, outcome="granted").refused(NotAllowed)
    runs = asked_of(given(until("submit-idea", tea())), FAR_OFFICER)
    runs.when("decide-erasure", Role.MINISTER, outcome="granted").refused(CaseRuns)


def test_the_decision_is_taken_on_the_cases_as_they_are_stored() -> None:
    case = UUID(int=7)
    decision = order("decide-erasure", CHAIR, UUID(int=8), outcome="granted")

    assert case not in decision.needs(None, date(2026, 11, 23))
    told = type(decision)(
        decision.command_id, decision.stream_id, decision.command, decision.actor, b"", cases=frozenset({case})
    )
    assert case in told.needs(None, date(2026, 11, 23)), "the append is refused when the case has moved on"


def test_phases_at_rest_are_phases_and_leave_what_runs() -> None:
    listed = law_book().practice.setting("erasure_case_at_rest", "25")

    assert isinstance(listed, tuple)
    assert set(listed) < {str(phase) for phase in Phase}
    assert not {Phase.IDEA_SUBMITTED, Phase.FILED, Phase.IN_BATCH, Phase.SENT_BACK} & set(listed)


def test_a_dossier_is_one_authoritys_and_its_area_does_not_move() -> None:
    scene = asked_of(given(until("submit-idea", tea())))
    subject = scene.ids["subject"]

    scene.when("request-erasure", FAR_OFFICER, **ASK, registration=PRODUCER).refused(OutsideArea)
    assert scene.states[subject].area == "04876"
    keeper = scene.seals
    of = personal.producer(PRODUCER, keeper)
    assert len({of, personal.dossier(of, "04876", keeper), personal.dossier(of, HANOI, keeper)}) == 3


# ── The shredder ──────────────────────────────────────────────────────────────────────────────


def failures() -> float:
    return FAILED.labels("request")._value.get()


def test_a_request_that_fails_stops_no_other_and_is_not_tried_again_at_once(own_database: str) -> None:
    async def story() -> None:
        keys = MemoryKeys()
        async with office(own_database, keys) as here:
            subjects = []
            for number in ("HKD-1", "HKD-2", "HKD-3"):
                handed_over(here, number, f"Chè {number}")
                subjects.append(personal.producer(number, here.keeper))
                here.tell(order("request-erasure", OFFICER, subjects[-1], **ASK, registration=number))
                here.tell(order("decide-erasure", CHAIR, subjects[-1], outcome="granted", purposes=[]))
            first = min(subjects)  # on the same day, dossiers are carried out in the order of their ids
            here.refused, before, tried = frozenset({first}), failures(), []
            destroy = here.keeper.destroy
            here.keeper.destroy = lambda s, *rest: tried.append(s) or destroy(s, *rest)  # type: ignore[method-assign, func-returns-value]

            assert await here.shredder.tick() == 2
            projector_for(own_database).catch_up()
            assert await here.shredder.tick() == 0
            assert failures() == before + 1, "it waits"
            here.now += RETRY_FIRST
            assert await here.shredder.tick() == 0
            here.now += RETRY_FIRST
            assert await here.shredder.tick() == 0
            assert failures() == before + 2, "longer each time"
            here.refused = frozenset()
            here.now += 2 * RETRY_FIRST
            assert await here.shredder.tick() == 1
            assert tried == [*sorted(subjects), first, first]
            projector_for(own_database).catch_up()
            assert await here.shredder.tick() == 0
            assert len(here.facts()) == 3

    asyncio.run(story())


def test_two_dossiers_of_one_subject_each_destroy_what_there_is(own_database: str) -> None:
    async def story() -> None:
        keys = MemoryKeys()
        async with office(own_database, keys) as here:
            subject = personal.producer(PRODUCER, here.keeper)
            for area, name in (("04876", "Chè"), ("25", "Chè khác")):
                handed_over(here, name=name)
                dossier = personal.dossier(subject, area, here.keeper)
                asks = order("request-erasure", OFFICER, dossier, **ASK, registration=PRODUCER)
                here.tell(type(asks)(asks.command_id, dossier, asks.command, asks.actor, b"", subject=subject))
                here.tell(order("decide-erasure", CHAIR, dossier, outcome="granted", purposes=[]))
                assert await here.shredder.tick() == 1
                projector_for(own_database).catch_up()

            assert [k.wrapped for k in keys.of_subjects([subject]) if k.purpose == "process"] == [None, None]
            assert len({f.keys for f in here.facts()}) == 2

            # A key store of before, which knows one key as living and the other not at all.
            old = MemoryKeys()
            lives = keys.of_subjects([subject])[0]
            old.make([WrappedKey(lives.key_id, subject, lives.purpose, b"wrapped")])
            recorded = {k.key for f in here.facts() for k in f.keys}
            assert bury_recorded(here.journal, old) == len(recorded)
            assert {k.key_id for k in old.destroyed()} == recorded
            assert bury_recorded(here.journal, old) == 0

    asyncio.run(story())


def test_a_case_that_nobody_ended_counts_from_its_last_fact_once_it_was_idle_long_enough(own_database: str) -> None:
    async def story() -> None:
        keys = MemoryKeys()
        async with office(own_database, keys) as here:
            product = handed_over(here)  # everything was recorded on 23 November 2026, whenever it happened
            here.tell(order("return-idea", OFFICER, product, effective_on="2026-11-23"))
            other = handed_over(here, name="Chè khác")
            subject = personal.producer(PRODUCER, here.keeper)

            def alive() -> set[str]:
                return {k.purpose for k in keys.of_subjects([subject]) if k.wrapped is not None}

            held = alive()
            assert await here.shredder.retain(date(2029, 11, 22)) == 0
            assert alive() == held
            here.now = datetime(2028, 5, 5, 3, tzinfo=UTC)
            late = order("withdraw-idea", Role.PRODUCER, other, reason="Thôi.", effective_on="2028-05-05")
            here.writer._clock = lambda: here.now
            here.tell(late)
            # The other one has ended, and its own time is not over: the subject's last case counts.
            assert await here.shredder.retain(date(2030, 1, 1)) == 1
            assert alive() == held
            projector_for(own_database).catch_up()
            while await here.shredder.retain(date(2030, 5, 5)):
                projector_for(own_database).catch_up()
            assert alive() == set()

    asyncio.run(story())


# ── Two provinces over HTTP ───────────────────────────────────────────────────────────────────


class Two:
    """A producer with a product in each of two provinces."""

    def __init__(self, service: Service) -> None:
        self.service = service
        near, far = (
            {role: actor(role) for role in (Role.COMMUNE_OFFICER, Role.PRODUCER)},
            {Role.COMMUNE_OFFICER: FAR_OFFICER, Role.PRODUCER: FAR_PRODUCER},
        )
        self.near = self.submitted(near, "04876", "Chè")
        self.far = self.submitted(far, HANOI, "Chè ở xa")

    def submitted(self, who: dict[Role, Actor], commune: str, name: str) -> str:
        product = None
        for command, role, body in until("submit-idea", tea()):
            if role not in who or command == "return-idea":
                continue
            if command == "submit-idea" and product and body.get("market"):
                continue
            more = {"commune": commune} if command == "identify-product" else {}
            more |= {"product_name": name} if command == "submit-idea" else {}
            told = self.ok(product, command, who[role], **{**body, **more})
            product = told["product_id"]
        assert product is not None
        return str(product)

    def ok(self, stream: str | None, command: str, who: Role | Actor, **body: Any) -> dict[str, Any]:
        answer = self.give(stream, command, who, **body)
        assert answer.is_success, f"{command}: {answer.text}"
        told: dict[str, Any] = answer.json()
        return told

    def give(self, stream: str | None, command: str, who: Role | Actor, **body: Any) -> Any:
        return self.service.caught_up().give(stream, command, who, {"source": ILLUSTRATIVE, **body})

    def held(self, query: str, who: Role | Actor) -> Any:
        return self.service.caught_up().get(f"/v1/personal-data/subject?{query}", who)


@pytest.fixture(scope="module")
def two(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Two]:
    people = [*tea_actors(), FAR_OFFICER, FAR_PROVINCE, FAR_CHAIR, FAR_PRODUCER]
    service = Service(Path(tmp_path_factory.mktemp("two")), database, actors=people).start()
    try:
        yield Two(service)
    finally:
        service.stop()


def test_a_reader_is_told_of_his_area_alone(two: Two) -> None:
    mine = two.held(f"registration={PRODUCER}", FAR_PROVINCE).json()

    assert {held["product_id"] for held in mine["held"]} == {two.far}
    assert mine["products"] == [two.far]
    assert "elsewhere" not in mine
    own = two.held(f"registration={PRODUCER}", Role.PRODUCER).json()
    assert {held["product_id"] for held in own["held"]} == {two.near, two.far}


def test_keys_of_other_provinces_alone_are_not_told(two: Two) -> None:
    lonely = two.submitted(
        {Role.COMMUNE_OFFICER: actor(OFFICER), Role.PRODUCER: actor(Role.PRODUCER)}, "04876", "Chè một nơi"
    )
    keys = two.held(f"product={lonely}", Role.PROVINCE_OFFICER).json()["keys"]

    assert {key["purpose"] for key in keys} == {"process"}
    assert two.held(f"product={lonely}", FAR_PROVINCE).status_code == 404


def test_requests_in_two_provinces_do_not_know_of_each_other(two: Two) -> None:
    near = two.ok(None, "request-erasure", OFFICER, **ASK, registration=PRODUCER)
    far = two.ok(None, "request-erasure", FAR_OFFICER, **ASK, registration=PRODUCER)

    assert near["subject_id"] != far["subject_id"]
    assert (near["version"], far["version"]) == (1, 1)
    again = two.give(None, "request-erasure", OFFICER, **ASK, registration=PRODUCER)
    assert (again.status_code, again.json()["type"].rpartition("/")[2]) == (409, "wrong-order")
    for who, mine in ((Role.PROVINCE_OFFICER, near), (FAR_PROVINCE, far)):
        told = two.held(f"registration={PRODUCER}", who).json()["requests"]
        area = "25" if mine is near else "01"
        assert {r["subject_id"] for r in told} == {mine["subject_id"]}
        assert all(covers(area, r["area"]["code"]) for r in told)
    assert len(two.held(f"registration={PRODUCER}", Role.PRODUCER).json()["requests"]) == 2
    for dossier, area in ((near, "04876"), (far, HANOI)):
        feed = two.service.get(f"/v1/subjects/{dossier['subject_id']}", Role.PRODUCER).json()
        assert [r["area"]["code"] for r in feed["requests"]] == [area]
    assert two.service.get(f"/v1/subjects/{far['subject_id']}", CHAIR).status_code == 404


def test_a_decision_sees_the_cases_wherever_they_are(two: Two) -> None:
    requests = two.service.caught_up().get("/v1/personal-data/requests", Role.MINISTER).json()["requests"]
    (near,) = [r["subject_id"] for r in requests if r["area"]["code"] == "04876"]

    def decide(who: Role | Actor, **body: Any) -> tuple[int, str]:
        answer = two.give(near, "decide-erasure", who, **{"outcome": "granted", **body})
        return answer.status_code, answer.json().get("type", "").rpartition("/")[2]

    assert decide(CHAIR) == (409, "held-elsewhere")
    assert decide(Role.MINISTER) == (409, "case-runs")
    for product, who in ((two.far, FAR_PRODUCER), (two.near, Role.PRODUCER)):
        two.ok(product, "withdraw-idea", who, reason="Thôi.")
    for row in two.held(f"registration={PRODUCER}", Role.PRODUCER).json()["products"]:
        if row not in (two.far, two.near):
            two.ok(row, "withdraw-idea", Role.PRODUCER, reason="Thôi.")
    assert decide(CHAIR) == (409, "held-elsewhere")
    assert decide(Role.MINISTER)[0] == 200


# ── Complaints by their numbers ───────────────────────────────────────────────────────────────


def test_a_complaint_is_found_by_its_first_or_its_mended_number_and_by_no_other(service: Service) -> None:
    product = service.tell(until("recognise", tea()))

    def give(stream: str | None, command: str, who: Role, **body: Any) -> Any:
        return service.caught_up().give(stream, command, who, body)

    first = on("2026-10-27", EXAMPLES["file-complaint"], number="01/ĐKN")
    filed = give(product, "file-complaint", Role.PRODUCER, **first)
    assert filed.status_code == 200, filed.text
    version = filed.json()["version"]
    mend = {"version": version, "now": {"number": "10/ĐKN"}, "reason": "Ghi nhầm.", "authority": "Biên bản"}
    assert give(product, "correct-fact", Role.PROVINCE_OFFICER, **mend).status_code == 200

    def ask(number: str) -> Any:
        return give(None, "request-erasure", Role.PROVINCE_OFFICER, **ASK, product=product, complaint=number)

    def held(number: str) -> Any:
        path = "/v1/personal-data/subject"
        service.caught_up()
        return service.client.get(
            path, params={"product": product, "complaint": number}, headers=service.headers(Role.PROVINCE_OFFICER)
        )

    for number in ("99/ĐKN", "01", "."):
        assert ask(number).status_code == 404
        assert held(number).status_code == 404
    complainant = EXAMPLES["file-complaint"]["complainant"]
    by_first, by_mended = held("01/ĐKN").json(), held("10/ĐKN").json()
    assert by_first == by_mended
    assert [h["fields"] for h in by_first["held"]] == [{"complainant": complainant}]
    asked = ask("10/ĐKN").json()["subject_id"]
    assert ask("01/ĐKN").status_code == 409, "the same complaint, so the same dossier"
    refused = give(asked, "decide-erasure", CHAIR, outcome="granted", purposes=[])
    assert refused.json()["type"].endswith("case-runs"), refused.text

    settled = give(product, "settle-complaint", CHAIR, **EXAMPLES["settle-complaint"])
    assert settled.status_code == 200, settled.text
    again = give(product, "file-complaint", Role.PRODUCER, **{**EXAMPLES["file-complaint"], "number": "10/ĐKN"})
    assert again.status_code == 200, again.text
    unclear = held("10/ĐKN")
    assert (unclear.status_code, unclear.json()["errors"][0]["field"]) == (422, "complaint")
    assert held("01/ĐKN").json()["subject_id"] == by_first["subject_id"]
