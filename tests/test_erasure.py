"""Erasure of personal data: asked for, decided, carried out by destroying keys, and never undone by a restore."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg_pool import AsyncConnectionPool

from api.examples import EXAMPLES
from application.database import EmbeddedPostgres, service_conninfo
from application.handle import Order
from application.keys import MemoryKeys
from application.seals import Keeper
from application.shredder import RETRY_FIRST, RETRY_LONGEST, Shredder
from application.store import Journal
from application.writer import Answer, Writer
from domain import personal
from domain.law.book import law_book
from domain.law.recompute import digest_of
from domain.refusals import Invalid, NotAllowed, OutsideArea, WrongOrder
from domain.values import Role
from projections.catalogue import read_models
from projections.erasures import granted_in
from projections.personal import cases_in
from tests.conftest import projector_for
from tests.language import NOW, Scene, given
from tests.privacy import (
    ALL,
    BIN,
    OF_COMPLAINANT,
    OF_PRODUCER,
    OF_PRODUCT,
    OF_REGISTER,
    Case,
    everything_stored,
    in_files,
    running,
    secrets_of,
    shown_in,
    tell,
)
from tests.service import Service
from tests.story import PRODUCER, actor, tea, until
from tests.test_writer import order

CHAIR, OFFICER = Role.PROVINCE_CHAIR, Role.COMMUNE_OFFICER
ASK = {"asked_on": "2026-11-20", "channel": "in-person"}
GROUNDS = {"legal_basis": "Luật Lưu trữ 33/2024/QH15", "reasons": "Hồ sơ đang giải quyết."}
ERASED = "đã xoá"


# ── Decisions ─────────────────────────────────────────────────────────────────────────────────


def asked(scope: str = "both", by: Role = OFFICER, scene: Scene | None = None, **body: Any) -> Scene:
    named = body or {"registration": PRODUCER}
    return (scene or given()).when("request-erasure", by, **ASK, scope=scope, **named)


def test_a_request_is_recorded_without_saying_whose_it_is() -> None:
    scene = asked(by=Role.PRODUCER).then("subject.erasure-requested")

    assert PRODUCER not in scene.fact.model_dump_json()
    assert (scene.fact.area, scene.fact.capacity, scene.fact.scope) == ("04876", "self", "both")


@pytest.mark.parametrize(
    ("body", "refusal", "field"),
    [
        ({"registration": "HKD-1"}, OutsideArea, None),
        ({"registration": PRODUCER, "product": str(UUID(int=10))}, Invalid, "registration"),
        ({"registration": PRODUCER, "complaint": "1"}, Invalid, "registration"),
        ({"registration": PRODUCER, "asked_on": "2026-11-24"}, Invalid, "asked_on"),
    ],
)
def test_a_request_that_names_nobody_or_another_is_refused(body: dict[str, Any], refusal: Any, field: str) -> None:
    given().when("request-erasure", Role.PRODUCER, **{**ASK, **body}).refused(refusal, field)


def test_another_producers_product_is_not_for_a_producer_to_name() -> None:
    scene = given(until("submit-idea", tea()))
    own = {"product": str(scene.ids["product"])}

    asked(by=Role.PRODUCER, scene=scene, **own).then("subject.erasure-requested")
    stranger = actor(Role.PRODUCER).model_copy(update={"producer": "HKD-1"})
    scene.when("request-erasure", stranger, **ASK, **own).refused(OutsideArea)
    early = given(until("hand-over-idea-form", tea()))
    asked(by=Role.PRODUCER, scene=early, product=str(early.ids["product"])).refused(OutsideArea)


def test_one_request_waits_at_a_time() -> None:
    asked(scene=asked()).refused(WrongOrder)


@pytest.mark.parametrize("role", [Role.SUPERVISOR, Role.COMMUNE_CHAIR, Role.SYSTEM, CHAIR])
def test_who_may_not_ask(role: Role) -> None:
    asked(by=role).refused(NotAllowed)


@pytest.mark.parametrize("role", [OFFICER, Role.PROVINCE_OFFICER, Role.PRODUCER, Role.SYSTEM])
def test_who_may_not_decide(role: Role) -> None:
    assert isinstance(asked().when("decide-erasure", role, outcome="granted").refusal, NotAllowed | OutsideArea)


@pytest.mark.parametrize(
    ("scope", "decision", "purposes"),
    [
        ("both", {"outcome": "granted"}, ("process", "consent")),
        ("consent", {"outcome": "granted"}, ("consent",)),
        ("both", {"outcome": "partly", "purposes": ["consent"], **GROUNDS}, ("consent",)),
        ("both", {"outcome": "refused", **GROUNDS}, ()),
    ],
)
def test_a_request_is_decided(scope: str, decision: dict[str, Any], purposes: tuple[str, ...]) -> None:
    scene = asked(scope).when("decide-erasure", CHAIR, **decision).then("subject.erasure-decided")

    assert scene.fact.purposes == purposes
    (request,) = scene.states[scene.ids["subject"]].requests
    assert request.to_carry_out == bool(purposes)
    scene.when("decide-erasure", CHAIR, **decision).refused(WrongOrder)


@pytest.mark.parametrize(
    ("scope", "decision", "field"),
    [
        ("both", {"outcome": "refused", "reasons": "r"}, "legal_basis"),
        ("both", {"outcome": "refused", "legal_basis": "b"}, "reasons"),
        ("both", {"outcome": "partly", "purposes": ["consent"]}, "legal_basis"),
        ("both", {"outcome": "partly", **GROUNDS}, "purposes"),
        ("both", {"outcome": "partly", "purposes": ["process", "consent"], **GROUNDS}, "purposes"),
        ("consent", {"outcome": "partly", "purposes": ["consent"], **GROUNDS}, "purposes"),
        ("both", {"outcome": "refused", "purposes": ["consent"], **GROUNDS}, "purposes"),
        ("consent", {"outcome": "granted", "purposes": ["process"]}, "purposes"),
    ],
)
def test_a_decision_without_grounds_or_beside_the_request_is_refused(
    scope: str, decision: dict[str, Any], field: str
) -> None:
    asked(scope).when("decide-erasure", CHAIR, **decision).refused(Invalid, field)


def test_what_is_carried_out_was_decided_and_is_carried_out_once() -> None:
    scene = asked().when("decide-erasure", CHAIR, outcome="granted")
    done = {"ground": "request", "decision": 2, "purposes": ["process", "consent"]}

    carried = scene.when("record-keys-destroyed", Role.SYSTEM, **done).then("subject.keys-destroyed")
    assert carried.when("record-keys-destroyed", Role.SYSTEM, **done).facts == []
    for other in ({"decision": 1}, {"decision": None}, {"purposes": ["consent"]}):
        scene.when("record-keys-destroyed", Role.SYSTEM, **{**done, **other}).refused(WrongOrder)
    scene.when("record-keys-destroyed", Role.SYSTEM, ground="retention", purposes=["process"]).refused(Invalid)
    scene.when("record-keys-destroyed", CHAIR, **done).refused(NotAllowed)
    asked(scene=carried).then("subject.erasure-requested")


# ── The shredder, on a database of its own ────────────────────────────────────────────────────


@dataclass
class Office:
    """Writer, keeper and shredder as the service has them, in this process."""

    url: str
    keeper: Keeper
    journal: Journal
    writer: Writer
    shredder: Shredder
    interrupted: bool = False
    now: datetime = NOW
    refused: frozenset[UUID] = frozenset()
    """Streams whose facts are refused, whatever they are."""

    def tell(self, *orders: Order) -> list[Answer]:
        answers = self.writer.carry_out(list(orders))
        assert all(isinstance(a, Answer) for a in answers), answers
        projector_for(self.url).catch_up()
        return answers  # type: ignore[return-value]

    def facts(self) -> list[Any]:
        return [r.fact for r in self.journal.page(0, 1000) if r.fact.stored_name == "subject.keys-destroyed"]


@contextlib.asynccontextmanager
async def office(url: str, keys: MemoryKeys) -> AsyncIterator[Office]:
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(service_conninfo(url), min_size=1, open=False)
    await pool.open()
    journal, seals = Journal(url), Keeper(b"k" * 32, keys)
    writer = Writer(journal, law_book(), seals, lambda: NOW)

    async def run(one: Order) -> Answer:
        if here.interrupted:
            raise ConnectionError("killed between the keys and the fact")
        if one.stream_id in here.refused:
            raise WrongOrder("Không.", "No.")
        (answer,) = await asyncio.to_thread(writer.carry_out, [one])
        assert isinstance(answer, Answer), answer
        return answer

    shredder = Shredder(run, journal.command, seals, granted_in(pool), cases_in(pool), law_book(), lambda: here.now)
    here = Office(url, seals, journal, writer, shredder)
    try:
        yield here
    finally:
        await pool.close()
        journal.close()


def handed_over(here: Office, registration: str = PRODUCER, name: str = "Chè", **more: Any) -> UUID:
    """A product whose form was handed over, and whose idea a producer submitted."""
    first, *rest = until("submit-idea", tea())
    (opened,) = here.tell(order(first[0], OFFICER, None, **first[2]))
    for command, role, body in rest:
        who = actor(role)
        told = dict(body)
        if command == "submit-idea":
            told |= {"product_name": name}
            told["producer"] = {**body["producer"], "registration": registration, "phone": "0912", **more}
            who = who.model_copy(update={"producer": registration})
        here.tell(order(command, who, opened.stream_id, **told))
    return opened.stream_id


def test_a_shredder_killed_between_the_keys_and_the_fact_does_no_more_and_no_less(own_database: str) -> None:
    async def story() -> None:
        keys = MemoryKeys()
        async with office(own_database, keys) as here:
            handed_over(here)
            subject = personal.producer(PRODUCER, here.keeper)
            here.tell(order("request-erasure", OFFICER, subject, **ASK, registration=PRODUCER))
            here.tell(order("decide-erasure", CHAIR, subject, outcome="granted", purposes=[]))
            here.interrupted = True
            assert await here.shredder.tick() == 0
            assert [k.wrapped for k in keys.of_subjects([subject])] == [None]
            assert here.facts() == []
            handed_over(here, name="Chè khác")  # the subject comes back before the fact is written
            here.interrupted = False

            here.now += RETRY_FIRST
            assert await here.shredder.tick() == 1
            assert await here.shredder.tick() == 0  # the read model has not seen the fact yet, the journal has
            projector_for(own_database).catch_up()
            assert await here.shredder.tick() == 0

            (fact,) = here.facts()
            gone, alive = keys.of_subjects([subject])
            assert [k.key for k in fact.keys] == [gone.key_id]
            assert (alive.generation, alive.wrapped is not None) == (2, True)

    asyncio.run(story())


def test_a_retention_time_is_over_when_the_last_case_of_the_subject_has_ended_long_enough_ago(
    own_database: str,
) -> None:
    async def story() -> None:
        keys = MemoryKeys()
        async with office(own_database, keys) as here:
            ended, runs = handed_over(here), handed_over(here, name="Chè khác")
            alone = handed_over(here, "HKD-2")
            subjects = {n: personal.producer(n, here.keeper) for n in (PRODUCER, "HKD-2")}
            of_form = {p: personal.product(p, here.keeper) for p in (ended, runs, alone)}
            for product, by in ((ended, actor(Role.PRODUCER)), (alone, None)):
                who = by or actor(Role.PRODUCER).model_copy(update={"producer": "HKD-2"})
                here.tell(order("withdraw-idea", who, product, reason="Thôi.", effective_on="2026-11-23"))

            def alive() -> set[UUID]:
                found = keys.of_subjects([*subjects.values(), *of_form.values()])
                return {k.subject for k in found if k.wrapped is not None}

            assert await here.shredder.retain(date(2028, 11, 22)) == 0  # a day too early
            assert alive() == {*subjects.values(), *of_form.values()}
            here.interrupted = True
            assert await here.shredder.retain(date(2028, 11, 23)) == 0
            here.interrupted = False
            here.now += RETRY_LONGEST
            written = 0
            while more := await here.shredder.retain(date(2028, 11, 24)):
                written += more
                projector_for(own_database).catch_up()
            assert written == 3, "the one that was cut off too, and none twice"

            # What runs keeps its own, and keeps its producer's for all of them.
            assert alive() == {subjects[PRODUCER], of_form[runs]}
            facts = here.facts()
            assert {f.ground for f in facts} == {"retention"}
            assert len(facts) == 3
            assert await here.shredder.retain(date(2028, 11, 25)) == 0
            here.tell(order("withdraw-idea", Role.PRODUCER, runs, reason="Thôi.", effective_on="2026-11-23"))
            assert await here.shredder.retain(date(2028, 11, 26)) == 2
            assert alive() == set()

    asyncio.run(story())


def test_consent_ends_before_the_rest(own_database: str) -> None:
    async def story() -> None:
        keys = MemoryKeys()
        async with office(own_database, keys) as here:
            product = handed_over(here, representative_is_woman=True)
            here.tell(order("withdraw-idea", Role.PRODUCER, product, reason="Thôi.", effective_on="2026-11-23"))

            assert await here.shredder.retain(date(2027, 11, 23)) == 1

            found = keys.of_subjects([personal.producer(PRODUCER, here.keeper)])
            assert {k.purpose: k.wrapped is None for k in found} == {"consent": True, "process": False}

    asyncio.run(story())


def test_nothing_is_destroyed_while_the_read_models_lag(own_database: str) -> None:
    async def story() -> None:
        async with office(own_database, MemoryKeys()) as here:
            product = handed_over(here)
            here.tell(order("withdraw-idea", Role.PRODUCER, product, reason="Thôi.", effective_on="2026-11-23"))
            behind = order(until("submit-idea", tea())[0][0], OFFICER, None, **tea()[0][2])
            here.writer.carry_out([behind])

            assert await here.shredder.retain(date(2030, 1, 1)) == 0
            projector_for(own_database).catch_up()
            assert await here.shredder.retain(date(2030, 1, 1)) == 2

    asyncio.run(story())


# ── A whole case in a real service, step by step ──────────────────────────────────────────────


@dataclass
class Backups:
    """What was saved before anything was erased."""

    journal: Path
    keys: Path


@pytest.fixture(scope="module")
def case() -> Iterator[Case]:
    with (
        tempfile.TemporaryDirectory(prefix="ocop-test-", ignore_cleanup_errors=True) as folder,
        running(Path(folder)) as service,
    ):
        yield tell(service)


@contextlib.contextmanager
def servers(case: Case) -> Iterator[tuple[str, str]]:
    """URLs of the service's two embedded servers."""
    both = [EmbeddedPostgres(case.service.folder), EmbeddedPostgres(case.service.folder / "keys")]
    try:
        yield both[0].start(), both[1].start()
    finally:
        for one in both:
            one.leave()


@pytest.fixture(scope="module")
def backups(case: Case) -> Backups:
    case.get("/v1/products")
    saved = Backups(case.service.folder / "outside" / "journal.dump", case.service.folder / "outside" / "keys.dump")
    with servers(case) as (url, keys_url):
        for at, file in ((url, saved.journal), (keys_url, saved.keys)):
            subprocess.run([BIN / "pg_dump", "-Fc", "-f", file, "--dbname", at], check=True, capture_output=True)
    return saved


@pytest.fixture(scope="module")
def erased(case: Case, backups: Backups) -> dict[str, Any]:
    """The producer's, the product's and the complainant's data is erased, each on its own request."""
    case.give(case.product, "settle-complaint", CHAIR, number="7/QĐ", upheld=False, reasons="Đã chấm đúng.")
    began = time.monotonic()
    found = {"producer": case.erased(Role.PRODUCER, registration=PRODUCER)}
    found["seconds"] = {"took": time.monotonic() - began}
    found["product"] = case.erased(Role.COMMUNE_OFFICER, product=case.product)
    found["complainant"] = case.erased(Role.PROVINCE_OFFICER, product=case.product, complaint="01/ĐKN")
    return found


GONE = {**OF_PRODUCER, **OF_PRODUCT, **OF_COMPLAINANT}


def test_a_granted_request_is_carried_out_within_a_minute(erased: dict[str, Any]) -> None:
    request = erased["producer"]

    assert (request["outcome"], request["purposes"]) == ("granted", ["process", "consent"])
    assert request["carried_out_on"]
    assert erased["seconds"]["took"] < 60
    assert len({erased[name]["subject_id"] for name in ("producer", "product", "complainant")}) == 3


def test_the_dossier_of_a_request_tells_what_was_done_and_names_nobody(case: Case, erased: dict[str, Any]) -> None:
    subject = erased["producer"]["subject_id"]
    for who in (Role.PROVINCE_CHAIR, Role.PRODUCER, Role.SUPERVISOR):
        dossier = case.get(f"/v1/subjects/{subject}", who)
        assert [fact["fact"] for fact in dossier["facts"]] == [
            "subject.erasure-requested",
            "subject.erasure-decided",
            "subject.keys-destroyed",
        ]
        assert dossier["facts"][2]["data"]["ground"] == "request"
        assert {key["purpose"] for key in dossier["facts"][2]["data"]["keys"]} == {"process", "consent"}
        assert dossier["facts"][0]["vi"].startswith("Ngày ")
    for who, status in (("another producer", 404), ("officer elsewhere", 404), (Role.INTEGRATOR, 403)):
        assert case.service.get(f"/v1/subjects/{subject}", who).status_code == status
    assert case.service.get("/v1/personal-data/requests", Role.INTEGRATOR).status_code == 403
    assert case.service.get("/v1/personal-data/requests", "officer elsewhere").json()["requests"] == []


def test_what_is_erased_reads_so_and_everything_else_reads_on(case: Case, erased: dict[str, Any]) -> None:
    trail = case.get(f"/v1/products/{case.product}/trail")["trail"]
    by_name = {row["fact"]: row["data"] for row in trail}

    assert shown_in(case.trails()) == {n for n in OF_REGISTER if not n.startswith("file")}
    idea = by_name["product.idea-submitted"]["producer"]
    assert {idea[name] for name in ("representative", "phone", "email", "address")} == {ERASED}
    assert idea["representative_is_woman"] == ERASED, "also where no text stood"
    assert (idea["registration"], idea["name"]) == (PRODUCER, "Tổ hợp tác xóm Sưng")
    assert by_name["product.idea-form-handed-over"]["received_by"] == ERASED
    assert by_name["product.complaint-filed"]["complainant"] == ERASED
    corrected = [row["data"] for row in trail if row["fact"] == "product.fact-corrected"]
    assert [(c["was"], c["now"]) for c in corrected] == [({"received_by": ERASED}, {"received_by": ERASED})] * 2
    assert by_name["product.dossier-registered"]["received_by"] == "Bộ phận một cửa"
    held = case.get(f"/v1/personal-data/subject?registration={PRODUCER}", Role.PRODUCER)
    assert held["held"] == []
    assert all(key["destroyed_at"] and key["why"] == "request" for key in held["keys"])


def test_decisions_explanations_and_certificates_read_as_before(case: Case, erased: dict[str, Any]) -> None:
    document = case.get(f"/v1/products/{case.product}/decisions/1")

    assert document["digest"] == digest_of({k: v for k, v in document.items() if k != "digest"})
    assert case.get(f"/v1/products/{case.product}")["certificate"]["valid"] is True
    (certificate,) = [
        c
        for c in case.get("/v1/certificates")["certificates"]
        if c["product"]["product_id"] == case.product and c["status"] == "valid"
    ]
    assert certificate["written_notice"]["letter_number"] == "31/TB"
    assert case.get("/v1/events?limit=1000")["events"]


def command_line(case: Case, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api.cli", *arguments],
        env={**case.service._env, **env},
        capture_output=True,
        text=True,
        check=False,
    )


def test_read_models_rebuilt_are_the_live_ones(case: Case, erased: dict[str, Any]) -> None:
    case.get("/v1/products")
    rebuilt = command_line(case, "rebuild")

    assert rebuilt.returncode == 0, rebuilt.stderr
    lines = [line for line in rebuilt.stderr.splitlines() if ": " in line and "rows" in line]
    assert len(lines) == len(read_models(law_book()))
    assert all("the same rows as before" in line for line in lines), rebuilt.stderr


def test_nothing_planted_is_stored_anywhere_after_erasure_either(case: Case, erased: dict[str, Any]) -> None:
    secrets = secrets_of(ALL)
    with servers(case) as (url, _):
        stored = everything_stored(url)

    assert {where: found for where, content in stored.items() if (found := secrets.found_in(content))} == {}


def restored(url: str, file: Path, name: str) -> str:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    at = make_conninfo(url, dbname=name)
    subprocess.run([BIN / "pg_restore", "--dbname", at, file], check=True, capture_output=True)
    return at


@contextlib.contextmanager
def served(case: Case, url: str, keys_url: str, name: str) -> Iterator[Service]:
    """Another service on some databases, with the same sessions and master key."""
    other = Service(case.service.folder.parent / f"{case.service.folder.name}-{name}", None)
    other.tokens = case.service.tokens
    other._env |= {"OCOP_DATABASE_URL": url, "OCOP_KEYS_URL": keys_url}
    try:
        yield other.start()
    finally:
        other.stop()


def trail_in(service: Service, case: Case) -> str:
    answer = service.get(f"/v1/products/{case.product}/trail")
    assert answer.status_code == 200, answer.text
    return answer.text


def test_a_restore_of_last_weeks_journal_revives_nobody(case: Case, backups: Backups, erased: dict[str, Any]) -> None:
    with servers(case) as (url, keys_url):
        old = restored(url, backups.journal, "last_week")
        with psycopg.connect(old) as connection:
            known = connection.execute("SELECT count(*) FROM ocop.events WHERE topic LIKE 'subject.%'").fetchone()
        assert known == (0,), "the backup is older than the requests"
        with served(case, old, keys_url, "restored") as service:
            told = trail_in(service, case)

    assert ERASED in told
    assert not shown_in(told)


def test_a_restore_of_the_key_store_alone_revives_nobody_either(
    case: Case, backups: Backups, erased: dict[str, Any]
) -> None:
    with servers(case) as (url, keys_url):
        old_keys = restored(keys_url, backups.keys, "yesterday_keys")
        with psycopg.connect(old_keys) as connection:
            assert connection.execute("SELECT count(*) FROM keys.keys WHERE wrapped IS NULL").fetchone() == (0,)
        with served(case, url, old_keys, "started") as service:
            told = trail_in(service, case)
        again = restored(keys_url, backups.keys, "migrated_keys")
        migrated = command_line(case, "migrate", OCOP_DATABASE_URL=url, OCOP_KEYS_URL=again)
        with psycopg.connect(again) as connection:
            buried = connection.execute("SELECT why FROM keys.keys WHERE wrapped IS NULL").fetchall()

    assert ERASED in told
    assert not shown_in(told)
    assert migrated.returncode == 0, migrated.stderr
    assert len(buried) == 4
    assert all(why.startswith("request:") for (why,) in buried)


def test_a_restore_of_journal_and_key_store_needs_the_list_of_destroyed_keys(
    case: Case, backups: Backups, erased: dict[str, Any]
) -> None:
    file = case.service.folder / "outside" / "destroyed.jsonl"
    exported = command_line(case, "keys", "destroyed", "--export", str(file))
    assert exported.returncode == 0, exported.stderr
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert len(lines) == 4
    assert not {"wrapped"} & lines[0].keys()
    with servers(case) as (url, keys_url):
        old_keys = restored(keys_url, backups.keys, "last_week_keys")
        old = restored(url, backups.journal, "journal_of_before")
        with served(case, old, old_keys, "revived") as service:
            assert shown_in(trail_in(service, case)) == GONE.keys(), "the control: this is what the list is for"

        env = {"OCOP_DATABASE_URL": old, "OCOP_KEYS_URL": old_keys}
        applied = command_line(case, "keys", "destroyed", "--apply", str(file), **env)
        assert applied.returncode == 0, applied.stderr
        assert applied.stderr.startswith("4 ")
        with served(case, old, old_keys, "buried") as service:
            told = trail_in(service, case)
    assert ERASED in told
    assert not shown_in(told)
    wrong = case.service.folder / "outside" / "wrong.jsonl"
    wrong.write_text("{}\n", encoding="utf-8")
    refused = command_line(case, "keys", "destroyed", "--apply", str(wrong))
    assert refused.returncode == 1
    assert "Traceback" not in refused.stderr
    wrong.unlink()


def test_a_server_killed_and_replaying_its_log_brings_nothing_back(case: Case, erased: dict[str, Any]) -> None:
    before = case.get(f"/v1/products/{case.product}")["version"]
    case.give(case.product, "record-evidence", Role.PRODUCER, **_evidence())
    pid = int((case.service.folder / "postgres" / "postmaster.pid").read_text(encoding="utf-8").splitlines()[0])
    os.kill(pid, signal.SIGKILL)

    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        answer = case.service.get(f"/v1/products/{case.product}/trail")
        if answer.status_code == 200 and len(answer.json()["trail"]) == before + 1:
            break
        time.sleep(0.5)

    assert answer.status_code == 200
    assert ERASED in answer.text
    assert not shown_in(answer.text)
    assert in_files(case.service.folder) == {}


def _evidence() -> dict[str, Any]:
    return {**EXAMPLES["record-evidence"], "sha256": "c" * 64, "effective_on": "2026-11-20"}


def test_a_subject_that_comes_back_gets_a_new_key_and_is_readable(case: Case, erased: dict[str, Any]) -> None:
    opening, *rest = until("submit-idea", tea())
    body = {**opening[2], "product_name": "Chè Shan hộp quà"}
    again = case.give(None, opening[0], opening[1], **body)["product_id"]
    for command, role, more in rest:
        if command == "submit-idea":
            producer = {**more["producer"], "phone": "0900000001"}
            more = {**more, "product_name": "Chè Shan hộp quà", "producer": producer}  # noqa: PLW2901
        case.give(again, command, role, **more)

    trail = case.get(f"/v1/products/{again}/trail")["trail"]

    idea = next(row["data"] for row in trail if row["fact"] == "product.idea-submitted")
    assert idea["producer"]["phone"] == "0900000001"
    held = case.get(f"/v1/personal-data/subject?registration={PRODUCER}", Role.PRODUCER)
    process = [(k["generation"], k["destroyed_at"] is None) for k in held["keys"] if k["purpose"] == "process"]
    assert process == [(1, False), (2, True)]
    assert not shown_in(case.service.get(f"/v1/products/{case.product}/trail").text)


def test_a_refusal_leaves_everything_and_a_part_is_a_part(case: Case, erased: dict[str, Any]) -> None:
    named = {"product": case.entered}
    refused = case.erased(Role.PROVINCE_OFFICER, outcome="refused", **named)
    assert (refused["outcome"], refused["purposes"], refused["carried_out_on"]) == ("refused", [], None)
    assert refused["reasons"]
    assert shown_in(case.service.get(f"/v1/products/{case.entered}/trail").text)


def test_a_decision_names_its_grounds_or_gets_a_problem(case: Case, erased: dict[str, Any]) -> None:
    subject = case.give(None, "request-erasure", Role.COMMUNE_OFFICER, **ASK, registration=PRODUCER)["subject_id"]
    assert subject == erased["producer"]["subject_id"], "the same person, the same dossier"

    answer = case.service.give(subject, "decide-erasure", CHAIR, {"outcome": "refused"})

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "legal_basis"
    for named, status in (
        ({"registration": "NOBODY-1"}, 404),
        ({}, 422),
        ({"registration": PRODUCER, "product": case.product}, 422),
        ({"product": "00000000-0000-4000-8000-0000000000ff"}, 404),
    ):
        given_ = case.service.give(None, "request-erasure", Role.PROVINCE_OFFICER, {**ASK, **named})
        assert given_.status_code == status, given_.text
    elsewhere = case.service.give(None, "request-erasure", "officer elsewhere", {**ASK, "registration": PRODUCER})
    assert elsewhere.status_code == 404
