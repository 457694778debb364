"""A certificate's life: notices, expiry exactly once, extension, suspension, and recognitions of the past."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import psycopg
import pytest
from psycopg_pool import AsyncConnectionPool

from application.calendar_clock import ACTOR, CalendarClock, Ending, order_for
from application.database import service_conninfo
from application.handle import Order
from application.keys import MemoryKeys
from application.recorded import Recorded, envelope
from application.seals import Keeper
from application.store import Beside, Journal
from application.writer import Answer, Writer
from domain.decide import COMMANDS
from domain.law.book import LawBook, law_book
from domain.law.models import Overrides, Setting
from domain.product.phases import Phase
from domain.product.rating_facts import DossierFiled, DossierKind, ProductNotRecognised
from domain.product.steps.certificate import notice_due
from domain.refusals import AgainstTheLaw, Invalid, NotAllowed, OutsideArea, WrongOrder
from domain.stream import Told
from domain.values import Actor, Role, Source
from projections.certificates import endings_in, find_certificates
from projections.scope import Scope
from projections.sentences import sentence
from tests.conftest import projector_for
from tests.language import PRODUCT, Scene, day
from tests.service import Service
from tests.story import FILE, actor

OFFICER, CHAIR = Role.PROVINCE_OFFICER, Role.PROVINCE_CHAIR
ROW = {"file_sha256": FILE, "row": 12, "cells": {"B12": "Mật ong Đà Bắc"}}
MARKS = (180, 90, 60, 30)


def noon(text: str) -> datetime:
    """Midday in Vietnam."""
    return datetime.combine(day(text), datetime.min.time(), UTC) + timedelta(hours=5)


def past(decided_on: str | None, **more: Any) -> dict[str, Any]:
    """A recognition as a register states it."""
    year = int(decided_on[:4]) if decided_on else 2022
    found = {"stars": 4, "decision_number": f"12/QĐ-UBND {decided_on}", "year": year, "decided_on": decided_on}
    return {**found, "level": "province", **more}


def entered(clock: datetime, *recognitions: dict[str, Any], **more: Any) -> Scene:
    """A product known from a register."""
    body = {
        "product_name": "Mật ong Đà Bắc",
        "commune": "04876",
        "commune_as_given": "Xã Cao Sơn",
        "holder": {"name": "HTX nuôi ong"},
        "register_row": ROW,
        "recognitions": recognitions,
        **more,
    }
    return Scene().when("enter-from-register", OFFICER, clock, **body)


def certified(decided_on: str, clock: datetime, **more: Any) -> Scene:
    """A product with one certificate of that day."""
    scene = entered(clock, past(decided_on, **more))
    return scene.then("product.entered-from-register", "product.recognition-recorded")


def number(scene: Scene) -> str:
    assert scene.product.certificate is not None
    return scene.product.certificate.number


def expire(scene: Scene, clock: datetime, effective_on: str) -> Scene:
    named = {"certificate_number": number(scene), "effective_on": effective_on}
    return scene.when("record-certificate-expiry", ACTOR, clock, **named)


def notify(scene: Scene, clock: datetime, days: int) -> Scene:
    return scene.when("record-certificate-notice", ACTOR, clock, certificate_number=number(scene), days=days)


# ── Running out ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("decided_on", "last_day"),
    [("2028-02-29", "2031-02-28"), ("2025-02-28", "2028-02-28"), ("2025-03-01", "2028-03-01")],
)
def test_a_certificate_holds_36_months_to_the_end_of_its_last_day(decided_on: str, last_day: str) -> None:
    last = day(last_day)
    scene = certified(decided_on, noon(decided_on))
    after = (last + timedelta(days=1)).isoformat()
    last_instant = datetime(last.year, last.month, last.day, 16, 59, 59, tzinfo=UTC)

    assert scene.product.certificate is not None
    assert scene.product.certificate.last_day == last
    expire(scene, last_instant, last_day).refused(WrongOrder)
    over = expire(scene, last_instant + timedelta(seconds=1), after).then("product.certificate-expired")
    assert over.fact.last_day == last
    assert over.product.phase is Phase.EXPIRED
    assert over.history[-1].effective_on == day(after)


def test_expiry_is_written_once_on_its_own_day_and_by_the_service_only() -> None:
    scene, later = certified("2022-05-10", noon("2022-06-01")), noon("2026-11-23")

    expire(scene, later, "2026-11-23").refused(Invalid, "effective_on")
    scene.when("record-certificate-expiry", OFFICER, later, certificate_number=number(scene)).refused(NotAllowed)
    other = {"certificate_number": "another", "effective_on": "2025-05-11"}
    scene.when("record-certificate-expiry", ACTOR, later, **other).refused(WrongOrder, "certificate_number")
    once = expire(scene, later, "2025-05-11").then("product.certificate-expired")
    assert expire(once, later, "2025-05-11").facts == []


def test_expiry_keeps_its_own_day_whatever_was_done_since() -> None:
    scene = certified("2022-05-10", noon("2022-06-01"))
    letter = {"letter_number": "1/TB", "received_by": "A", "received_on": "2026-01-05", "proof_sha256": FILE}
    told = scene.when("give-written-notice", OFFICER, noon("2026-02-01"), **letter)

    expire(told.then("product.written-notice-given"), noon("2026-02-02"), "2025-05-11").then(
        "product.certificate-expired"
    )


# ── Notices ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("days_left", "mark"),
    [(181, None), (180, 180), (91, 180), (90, 90), (61, 90), (60, 60), (30, 30), (1, 30), (0, 30), (-1, None)],
)
def test_only_the_nearest_mark_reached_is_due(days_left: int, mark: int | None) -> None:
    today = date(2026, 11, 23)

    assert notice_due(today + timedelta(days=days_left), MARKS, today) == mark


def test_a_notice_is_written_once_a_mark() -> None:
    scene = certified("2025-01-10", noon("2025-02-01"))
    last = date(2028, 1, 10)
    at = noon((last - timedelta(days=90)).isoformat())

    notify(scene, at - timedelta(days=1), 90).refused(WrongOrder, "days")
    notify(scene, at, 180).refused(WrongOrder, "days")
    told = notify(scene, at, 90).then("product.certificate-notice-due")
    assert (told.fact.days, told.fact.valid_to) == (90, last)
    assert notify(told, at, 90).facts == []
    notify(told, at + timedelta(days=30), 60).then("product.certificate-notice-due")
    over = expire(told, noon("2028-01-11"), "2028-01-11")
    assert notify(over, noon("2028-01-11"), 30).facts == []


@pytest.mark.parametrize(("received_on", "before"), [("2027-12-11", 30), ("2028-01-10", 0), ("2028-01-20", -10)])
def test_a_written_notice_says_how_many_days_before(received_on: str, before: int) -> None:
    scene = certified("2025-01-10", noon("2025-02-01"))
    letter = {"letter_number": "1/TB", "received_by": "A", "received_on": received_on, "proof_sha256": FILE}

    told = scene.when("give-written-notice", OFFICER, noon("2028-02-01"), **letter)

    assert told.fact.days_before == before
    assert told.product.certificate is not None
    assert told.product.certificate.notified_in_writing
    scene.when("give-written-notice", OFFICER, noon("2027-12-01"), **letter).refused(Invalid, "received_on")
    scene.when("give-written-notice", CHAIR, noon("2028-02-01"), **letter).refused(NotAllowed)


@pytest.mark.parametrize(
    ("level", "stars", "by"), [("centre", 5, Role.MINISTRY_OFFICER), ("district", 3, OFFICER), (None, 4, OFFICER)]
)
def test_the_issuing_level_gives_the_notice_or_who_issues_today(level: str | None, stars: int, by: Role) -> None:
    scene = certified("2024-06-10", noon("2024-07-01"), level=level, stars=stars)
    letter = {"letter_number": "1/TB", "received_by": "A", "received_on": "2027-05-01", "proof_sha256": FILE}

    scene.when("give-written-notice", by, noon("2027-05-02"), **letter).then("product.written-notice-given")


def test_a_certificate_without_days_has_no_notices() -> None:
    scene = entered(noon("2026-01-05"), past(None))
    letter = {"letter_number": "1/TB", "received_by": "A", "received_on": "2026-01-05", "proof_sha256": FILE}

    scene.when("give-written-notice", OFFICER, noon("2026-06-05"), **letter).refused(WrongOrder)
    notify(scene, noon("2026-06-05"), 30).refused(WrongOrder)


# ── Extension ─────────────────────────────────────────────────────────────────────────────────


def ending(valid_to: str) -> Scene:
    return certified("2023-07-01", noon("2024-01-01"), valid_to=valid_to)


def extend(scene: Scene, on: str, until: str) -> Scene:
    body = {"reason": "Chưa kịp nộp hồ sơ đánh giá lại", "until": until}
    return scene.when("extend-certificate", CHAIR, noon(on), **body)


@pytest.mark.parametrize(
    ("valid_to", "allowed"),
    [("2026-05-21", False), ("2026-05-22", True), ("2026-09-18", True), ("2026-09-19", False)],
)
def test_only_who_could_not_file_in_time_is_extended(valid_to: str, allowed: bool) -> None:
    scene = extend(ending(valid_to), "2026-06-01", "2026-10-01")

    if allowed:
        assert scene.fact.legal_basis.endswith("Đ12.3")
        assert scene.product.certificate is not None
        assert scene.product.certificate.valid_on(date(2026, 10, 1))
    else:
        scene.refused(AgainstTheLaw)


@pytest.mark.parametrize(("until", "allowed"), [("2026-06-30", False), ("2026-12-27", True), ("2026-12-28", False)])
def test_an_extension_has_its_limit(until: str, allowed: bool) -> None:
    scene = extend(ending("2026-06-30"), "2026-06-20", until)

    if allowed:
        extend(scene, "2026-06-21", until).refused(AgainstTheLaw, "until")
    else:
        scene.refused(AgainstTheLaw, "until")


def test_no_rule_of_an_earlier_day_extends() -> None:
    extend(ending("2026-06-30"), "2026-05-21", "2026-08-01").refused(AgainstTheLaw)


def test_an_extended_certificate_comes_alive_again_and_runs_out_once_more() -> None:
    over = expire(ending("2026-06-30"), noon("2026-07-01"), "2026-07-01")
    alive = extend(over, "2026-07-10", "2026-08-01").then("product.certificate-extended")

    assert over.product.phase is Phase.EXPIRED
    assert alive.product.phase is Phase.RECOGNISED
    expire(alive, noon("2026-08-01"), "2026-08-01").refused(WrongOrder)
    assert expire(alive, noon("2026-08-02"), "2026-08-02").fact.last_day == date(2026, 8, 1)


def test_what_was_said_of_the_first_end_is_said_again_of_the_later_one() -> None:
    letter = {"letter_number": "1/TB", "received_by": "A", "received_on": "2026-06-01", "proof_sha256": FILE}
    told = notify(ending("2026-06-30"), noon("2026-06-01"), 30)
    told = told.when("give-written-notice", OFFICER, noon("2026-06-02"), **letter).then("product.written-notice-given")

    extended = extend(told, "2026-06-20", "2026-12-20").then("product.certificate-extended")

    assert extended.product.certificate is not None
    assert extended.product.certificate.reminded == frozenset()
    assert not extended.product.certificate.notified_in_writing
    again = notify(extended, noon("2026-11-20"), 30).then("product.certificate-notice-due")
    assert again.fact.valid_to == date(2026, 12, 20)


# ── Suspension ────────────────────────────────────────────────────────────────────────────────


def law_that_knows_suspension() -> LawBook:
    law = law_book()
    local = Setting(value=True, legal_basis="QĐ 12/2026/QĐ-UBND", mark="local")
    provinces = {"25": Overrides(settings={"suspension_known": local})}
    practice = law.practice.model_copy(update={"provinces": provinces})
    return LawBook(law.regimes, law.sheets, practice, law.authority, law._hashes)


def test_a_suspension_needs_a_rule_of_the_province(monkeypatch: pytest.MonkeyPatch) -> None:
    scene, body = certified("2025-01-10", noon("2025-02-01")), {"reason": "Chờ kết quả kiểm nghiệm"}

    scene.when("suspend-certificate", CHAIR, noon("2026-06-01"), **body).refused(AgainstTheLaw)
    scene.when("lift-suspension", CHAIR, noon("2026-06-01"), **body).refused(AgainstTheLaw)
    monkeypatch.setattr("tests.language.law_book", law_that_knows_suspension)
    suspended = scene.when("suspend-certificate", CHAIR, noon("2026-06-01"), **body)
    assert suspended.fact.legal_basis == "QĐ 12/2026/QĐ-UBND"
    assert suspended.product.certificate is not None
    assert not suspended.product.certificate.valid_on(date(2026, 6, 2))
    assert suspended.when("suspend-certificate", CHAIR, noon("2026-06-02"), **body).facts == []
    lifted = suspended.when("lift-suspension", CHAIR, noon("2026-06-03"), **body).then("product.suspension-lifted")
    assert lifted.when("lift-suspension", CHAIR, noon("2026-06-03"), **body).facts == []
    scene.when("suspend-certificate", CHAIR, noon("2028-06-01"), **body).refused(WrongOrder, "effective_on")


# ── Recognitions of the past ──────────────────────────────────────────────────────────────────


def record(scene: Scene, clock: datetime, recognition: dict[str, Any], effective_on: str, **more: Any) -> Scene:
    body = {"recognition": recognition, "register_row": ROW, "effective_on": effective_on, **more}
    return scene.when("record-recognition", OFFICER, clock, **body)


def test_an_old_round_added_later_does_not_lower_the_star() -> None:
    scene, clock = certified("2024-05-10", noon("2024-06-01")), noon("2026-11-23")

    older = record(scene, clock, past("2021-05-10", stars=3), "2021-05-10").then("product.recognition-recorded")
    newer = record(older, clock, past("2026-05-10", stars=5), "2026-05-10")

    assert older.product.certificate == scene.product.certificate
    assert newer.product.certificate is not None
    assert newer.product.certificate.stars == 5


def test_a_round_decided_before_the_last_one_ran_out_is_recorded_after_it() -> None:
    over = expire(certified("2022-05-10", noon("2022-06-01")), noon("2025-06-01"), "2025-05-11")

    renewed = record(over, noon("2026-11-23"), past("2025-04-20"), "2025-04-20")

    assert renewed.product.phase is Phase.RECOGNISED
    assert renewed.product.certificate is not None
    assert not renewed.product.certificate.expired


def test_the_same_decision_twice_changes_nothing() -> None:
    scene = certified("2024-05-10", noon("2024-06-01"))

    assert record(scene, noon("2026-11-23"), past("2024-05-10"), "2024-05-10").facts == []


@pytest.mark.parametrize("year", [2022, 2026])
def test_a_year_without_a_day_stays_so(year: int) -> None:
    scene = entered(noon("2026-11-23"), past(None, year=year))
    fact = scene.facts[1] if scene.facts else None

    assert fact is not None
    assert (fact.year, fact.decided_on, fact.valid_to, fact.regime) == (year, None, None, None)  # type: ignore[attr-defined]
    assert scene.product.certificate is not None
    assert not scene.product.certificate.valid_on(day("2026-11-23"))
    assert [told.effective_on for told in scene.history] == [day("2026-11-23")] * 2  # no day is invented
    entered(noon("2026-11-23"), past(None, year=year), effective_on="2022-06-01").refused(Invalid, "effective_on")


def test_a_decision_entered_today_is_effective_then_and_known_now() -> None:
    scene = entered(noon("2026-11-23"), past("2024-05-10"), past("2019-05-10"))
    later = record(scene, noon("2026-11-25"), past("2021-06-15"), "2026-11-25")

    days = [str(told.effective_on) for told in later.history]
    assert days == ["2026-11-23", "2019-05-10", "2024-05-10", "2021-06-15"]
    assert (later.product.opened_on, later.product.since) == (day("2026-11-23"), day("2026-11-23"))
    record(scene, noon("2026-11-25"), past("2021-06-15"), "2022-01-01").refused(Invalid, "effective_on")


def test_the_scanned_decision_mends_what_a_register_said() -> None:
    scene, clock = certified("2024-05-10", noon("2024-06-01")), noon("2026-11-23")
    paper = {"register_row": None, "source": {"kind": "paper", "scan_sha256": FILE}}
    right = past("2024-05-10", stars=3, certificate_number="7/GCN")

    assert record(scene, clock, right, "2024-05-10").facts == []  # another register mends nothing
    mended = record(scene, clock, right, "2024-05-10", **paper).then("product.recognition-recorded")
    assert mended.product.certificate is not None
    assert (mended.product.certificate.stars, mended.product.certificate.number) == (3, "7/GCN")
    assert record(mended, clock, right, "2024-05-10", **paper).facts == []


def test_stars_the_level_did_not_certify_are_recorded_with_a_warning() -> None:
    found = []
    for decided_on, level, stars in [
        ("2021-05-10", "district", 3),  # until 2023 districts only evaluated
        ("2024-05-10", "district", 3),
        ("2024-05-10", "district", 4),
        ("2024-05-10", "province", 5),
        ("2024-05-10", None, 5),
    ]:
        fact: Any = certified(decided_on, noon("2026-11-23"), level=level, stars=stars).history[-1].fact
        found.append([warning.code for warning in fact.warnings])

    doubt = ["level-does-not-certify"]
    assert found == [doubt, [], doubt, doubt, []]


def test_entering_and_what_was_known_before_are_told_apart() -> None:
    scene = entered(noon("2026-11-23"), past("2024-06-15", authority="UBND huyện Đà Bắc"), past(None, year=2022))
    told = [
        sentence(
            Recorded(
                STREAMS,
                told.version,
                envelope(
                    told.fact,
                    recorded_at=noon("2026-11-23"),
                    effective_on=told.effective_on,
                    actor=actor(OFFICER),
                    paper=None,
                    source=Source(kind="register"),
                    command_id=STREAMS,
                    commune="04876",
                ),
            )
        )[0]
        for told in scene.history
    ]

    assert all(line.startswith("Ngày 23/11/2026, ") for line in told)
    assert "ghi nhận kết quả đã có: cơ quan không rõ công nhận 4 sao" in told[1]
    assert "(năm 2022)" in told[1]
    assert "UBND huyện Đà Bắc công nhận 4 sao, quyết định 12/QĐ-UBND 2024-06-15 (15/06/2024)" in told[2]


@pytest.mark.parametrize(
    ("decided_on", "level", "codes"),
    [
        ("2025-06-30", "district", []),
        ("2025-07-01", "district", ["after-districts", "gap-july-2025"]),
        ("2025-07-01", "province", ["gap-july-2025"]),
        ("2025-07-01", None, ["gap-july-2025"]),
        ("2025-07-06", "district", ["after-districts"]),
        ("2025-07-06", "province", []),
    ],
)
def test_doubtful_days_are_recorded_with_a_warning(decided_on: str, level: str | None, codes: list[str]) -> None:
    scene = certified(decided_on, noon("2025-08-01"), level=level, stars=3)
    fact: Any = scene.facts[1] if scene.facts else None

    assert [warning.code for warning in fact.warnings] == codes


def test_validity_is_the_papers_or_that_of_the_law_of_its_day() -> None:
    clock = noon("2026-11-23")
    facts: list[Any] = [
        (entered(clock, past(decided_on, **more)).facts or [])[1]
        for decided_on, more in [
            ("2020-05-10", {}),
            ("2020-05-10", {"valid_to": "2023-06-01"}),
            ("2018-09-01", {}),
        ]
    ]

    assert [(f.valid_to, f.valid_to_given) for f in facts] == [
        (date(2023, 5, 10), False),
        (date(2023, 6, 1), True),
        (None, False),
    ]
    assert [f.regime and law_book().regimes[f.regime].in_force_on(f.decided_on) for f in facts] == [True, True, None]
    assert facts[0].rules_hash == law_book().regime_hash(facts[0].regime)


@pytest.mark.parametrize(
    ("recognition", "field"),
    [
        (past("2026-11-24"), "recognition.decided_on"),
        (past(None, year=2027), "recognition.decided_on"),
        (past("2024-05-10", year=2023), "recognition.year"),
        (past("2024-05-10", valid_to="2024-05-09"), "recognition.valid_to"),
        (past("2024-05-10", level="moon"), "recognition.level"),
    ],
)
def test_a_past_recognition_must_fit_the_calendar_and_the_law(recognition: dict[str, Any], field: str) -> None:
    scene = certified("2022-05-10", noon("2022-06-01"))

    record(scene, noon("2026-11-23"), recognition, "2024-05-10").refused(Invalid, field)


def test_a_past_recognition_needs_a_paper_or_a_register() -> None:
    scene, clock = certified("2022-05-10", noon("2022-06-01")), noon("2026-11-23")
    paper = {"kind": "paper", "scan_sha256": FILE}

    record(scene, clock, past("2025-05-10"), "2025-05-10", register_row=None).refused(Invalid, "source")
    record(scene, clock, past("2025-05-10"), "2025-05-10", register_row=None, source=paper).then(
        "product.recognition-recorded"
    )


def test_a_product_is_entered_with_its_rounds_oldest_first_and_only_once() -> None:
    clock = noon("2026-11-23")
    rounds = [past("2024-05-10", stars=4), past("2021-05-10", stars=3), past("2019-05-10", stars=3)]
    scene = entered(clock, *rounds)

    assert [getattr(f, "year", None) for f in scene.facts or ()] == [None, 2019, 2021, 2024]
    assert scene.product.certificate is not None
    assert scene.product.certificate.stars == 4
    entered(clock, rounds[0], rounds[0]).refused(Invalid, "recognitions")
    body = {"product_name": "B", "commune": "04876", "commune_as_given": "x", "holder": {"name": "A"}}
    scene.when("enter-from-register", OFFICER, clock, **body, register_row=ROW).refused(WrongOrder)
    elsewhere = Actor(person="x", office="y", role=OFFICER, area="01")
    Scene().when("enter-from-register", elsewhere, clock, **body, register_row=ROW).refused(OutsideArea)


def test_the_producer_of_a_register_is_registered_once() -> None:
    scene, clock = certified("2024-05-10", noon("2024-06-01")), noon("2026-11-23")
    body = {"registration": "HTX-1", "producer_name": "HTX nuôi ong", "kind": "cooperative"}
    body |= {"address": "Xã Cao Sơn", "group": "food"}

    known = scene.when("register-producer", Role.COMMUNE_OFFICER, clock, **body).then("product.producer-registered")
    assert known.when("register-producer", OFFICER, clock, **body).facts == []
    known.when("register-producer", OFFICER, clock, **{**body, "registration": "HTX-2"}).refused(
        WrongOrder, "registration"
    )


# ── The clock ─────────────────────────────────────────────────────────────────────────────────


STREAMS = UUID("00000000-0000-4000-8000-00000000c10c")
TODAY = date(2026, 11, 23)


class Town:
    """A database with products from a register, and clocks of several processes over it."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.projector = projector_for(url)

    def enter(self, ends: Sequence[date]) -> list[UUID]:
        """One product a last day, decided a year ago."""
        journal = Journal(self.url)
        writer = Writer(journal, law_book(), Keeper(b"k" * 32, MemoryKeys()), lambda: noon("2025-11-24"))
        orders = [self._order(index, last_day) for index, last_day in enumerate(ends)]
        for start in range(0, len(orders), 64):
            for answer in writer.carry_out(orders[start : start + 64]):
                assert isinstance(answer, Answer), answer
        journal.close()
        self.projector.catch_up()
        return [order.stream_id for order in orders]

    def _order(self, index: int, last_day: date) -> Order:
        command = COMMANDS["enter-from-register"].model_validate(
            {
                "product_name": f"Mật ong {index}",
                "commune": "04876",
                "commune_as_given": "Cao Sơn",
                "holder": {"name": "HTX"},
                "register_row": ROW,
                "recognitions": (
                    {
                        "stars": 4,
                        "decision_number": f"{index}/QĐ",
                        "year": 2022,
                        "decided_on": "2022-01-01",
                        "valid_to": last_day,
                    },
                ),
            }
        )
        stream = uuid5(STREAMS, str(index))
        return Order(uuid5(stream, "enter"), stream, command, actor(OFFICER), b"")

    @asynccontextmanager
    async def clock(self, today: date = TODAY) -> AsyncIterator[CalendarClock]:
        """A process's clock, with a writer of its own."""
        now = noon(today.isoformat())
        journal = Journal(self.url)
        writer = Writer(journal, law_book(), Keeper(b"k" * 32, MemoryKeys()), lambda: now)
        writer.start(asyncio.get_running_loop())
        async with AsyncConnectionPool(
            service_conninfo(self.url), min_size=1, open=False, kwargs={"autocommit": True}
        ) as pool:
            yield CalendarClock(writer.run, endings_in(pool), law_book(), lambda: now)
        await asyncio.to_thread(writer.stop)
        journal.close()

    def facts(self) -> Counter[str]:
        with psycopg.connect(self.url) as connection:
            return Counter(
                dict(connection.execute("SELECT topic, count(*) FROM ocop.events GROUP BY topic").fetchall())
            )

    def certificates(self, today: date = TODAY, **filters: Any) -> list[dict[str, Any]]:
        async def read() -> list[dict[str, Any]]:
            asked = {"stars": None, "valid": None, "status": None, **filters}
            async with await psycopg.AsyncConnection.connect(self.url) as connection:
                return await find_certificates(connection, Scope("VN"), **asked, today=today, after=0, limit=500)

        return asyncio.run(read())


@pytest.fixture
def town(own_database: str) -> Town:
    return Town(own_database)


def left(days: int) -> date:
    return TODAY + timedelta(days=days)


def test_what_a_day_brings_is_written_once_by_all_clocks_together(town: Town) -> None:
    """Two processes at once, each tick twice, then again after a restart: one fact each."""
    products = town.enter([left(-1000), left(-1), left(0), left(30), left(31), left(180), left(181)] * 100)

    async def at_once() -> int:
        async with town.clock() as one, town.clock() as other:
            written = await asyncio.gather(one.tick(TODAY), other.tick(TODAY), one.tick(TODAY))
            return sum(written)

    async def restarted() -> int:
        async with town.clock() as again:
            return await again.tick(TODAY)

    written = asyncio.run(at_once())
    before_the_projector = asyncio.run(restarted())
    town.projector.catch_up()
    after_it = asyncio.run(restarted())

    assert (written, before_the_projector, after_it) == (600, 0, 0)
    expected = {"product.entered-from-register": 700, "product.recognition-recorded": 700}
    assert town.facts() == {**expected, "product.certificate-expired": 200, "product.certificate-notice-due": 400}
    assert len(products) == 700
    shown = Counter((c["status"], tuple(n["days"] for n in c["notices"])) for c in town.certificates())
    assert sum(shown.values()) == 500
    assert set(shown) == {
        ("expired", ()),
        ("expiring", (30,)),
        ("expiring", (60,)),
        ("expiring", (180,)),
        ("valid", ()),
    }


def test_each_mark_and_the_end_come_in_their_turn(town: Town) -> None:
    town.enter([date(2026, 12, 31)])
    days = [date(2026, 7, 3), date(2026, 7, 4), date(2026, 10, 1), date(2026, 10, 2), date(2026, 11, 1)]
    days += [date(2026, 12, 1), date(2026, 12, 31), date(2027, 1, 1), date(2027, 1, 2)]

    async def tick(today: date) -> int:
        async with town.clock(today) as clock:
            return await clock.tick(today)

    written = []
    for today in days:
        written.append(asyncio.run(tick(today)))
        town.projector.catch_up()

    assert written == [0, 1, 0, 1, 1, 1, 0, 1, 0]
    (certificate,) = town.certificates(date(2027, 1, 2))
    assert [notice["days"] for notice in certificate["notices"]] == [180, 90, 60, 30]
    assert [notice["written_on"] for notice in certificate["notices"]] == [
        *("2026-07-04", "2026-10-02", "2026-11-01", "2026-12-01")
    ]
    assert (certificate["status"], certificate["expired_on"]) == ("expired", date(2027, 1, 1))


def test_a_clock_that_runs_ahead_of_the_writer_spoils_nothing(town: Town) -> None:
    """It is refused, and what is refused is not remembered: the right day still writes it."""
    (product,) = town.enter([TODAY])
    early = order_for(Ending(1, product, "0/QĐ", TODAY), MARKS, left(1))
    assert early is not None

    async def tick(today: date) -> int:
        async with town.clock(TODAY) as clock:
            return await clock.tick(today)

    assert asyncio.run(tick(left(1))) == 0

    async def next_day() -> int:
        async with town.clock(left(1)) as clock:
            return await clock.tick(left(1))

    assert asyncio.run(next_day()) == 1


def test_the_clock_waits_for_a_database_that_is_away() -> None:
    looked: list[date] = []

    async def away(today: date, marks: tuple[int, ...], after: int, limit: int) -> list[Ending]:
        looked.append(today)
        if len(looked) == 1:
            raise psycopg.OperationalError("away")
        if len(looked) == 2:
            raise RuntimeError("broken")
        return []

    async def nothing(_order: Order) -> Answer:
        raise AssertionError

    async def run() -> None:
        clock = CalendarClock(nothing, away, law_book(), lambda: noon("2026-11-23"))
        task = asyncio.create_task(clock.run(0.01))
        while len(looked) < 4:
            await asyncio.sleep(0.01)
        task.cancel()

    asyncio.run(asyncio.wait_for(run(), 10))


def test_the_service_itself_writes_what_ran_out(town: Town, tmp_path: Path) -> None:
    """At its start, once, and not again after a restart; integrators read it in the feed."""
    ran_out = date(2025, 12, 31)
    (product,) = town.enter([ran_out])
    for folder in ("first", "second"):
        service = Service(tmp_path / folder, town.url).start()
        for _ in range(200):
            (certificate,) = service.get("/v1/certificates?status=expired").json()["certificates"]
            if certificate["expired_on"]:
                break
            time.sleep(0.05)
        feed = service.get("/v1/events?types=product.certificate-expired", Role.INTEGRATOR).json()["events"]
        asked = [service.get(f"/v1/certificates?status={word}").status_code for word in ("valid", "gone")]
        service.stop()

        assert certificate["expired_on"] == "2026-01-01"
        assert asked == [200, 422]
        assert [(e["stream_id"], e["effective_on"], e["actor"]["role"]) for e in feed] == [
            (str(product), "2026-01-01", "system")
        ]


# ── The read model ────────────────────────────────────────────────────────────────────────────


def tell(town: Town, scene: Scene, name: str = "product") -> None:
    """Store a scene's product as it was told."""
    journal, stream = Journal(town.url), uuid5(STREAMS, name)
    recorded = [
        Recorded(
            stream,
            told.version,
            envelope(
                told.fact,
                recorded_at=noon("2026-11-23"),
                effective_on=told.effective_on,
                actor=ACTOR,
                paper=None,
                source=Source(),
                command_id=stream,
                commune="04876",
            ),
        )
        for told in scene.history
    ]
    journal.append(recorded, Beside())
    journal.close()
    town.projector.catch_up()


def test_rounds_follow_each_other_whenever_they_are_recorded(town: Town) -> None:
    clock = noon("2026-11-23")
    scene = certified("2024-05-10", noon("2024-06-01"))
    for decided_on in ("2019-05-10", "2021-05-10", "2023-12-01"):
        scene = record(scene, clock, past(decided_on), decided_on)
    scene = record(scene, clock, past(None, year=2018), "2026-11-23")

    tell(town, scene)

    found = {(c["year"], c["issued_on"] and c["issued_on"].month): c for c in town.certificates()}
    assert {key: (c["status"], c["replaced_on"]) for key, c in found.items()} == {
        (2024, 5): ("expiring", None),
        (2023, 12): ("replaced", date(2024, 5, 10)),
        (2021, 5): ("renewed", date(2023, 12, 1)),
        (2019, 5): ("replaced", date(2021, 5, 10)),
        (2018, None): ("replaced", date(2019, 5, 10)),
    }


RULES = {"regime": "QD26-2026", "rules_hash": "0" * 64}


def ruled(scene: Scene, kind: DossierKind, on: str) -> Scene:
    """The scene with a dossier of this kind that ended that day without a new certificate."""
    filed = DossierFiled(
        kind=kind, sheet="QD26-11", self_report="", self_score=40, samples=5, evidence=(), report_due=None, **RULES
    )
    ended = ProductNotRecognised(level="province", stars=2, reasons="Không đạt.", legal_basis="Đ4.1a", **RULES)
    more = [
        Told(len(scene.history) + n, fact, day(when), Source())
        for n, (fact, when) in enumerate([(filed, "2026-06-25"), (ended, on)], 1)
    ]
    return replace(scene, histories={**scene.histories, PRODUCT: [*scene.history, *more]})


def test_an_extension_ends_with_the_ruling_in_the_register_too(town: Town) -> None:
    reminded = notify(ending("2026-06-30"), noon("2026-06-01"), 30)
    extended = extend(reminded, "2026-06-20", "2026-12-20")
    scenes = [
        ruled(extended, "re-evaluation", "2026-09-01"),
        ruled(extended, "re-evaluation", "2026-06-26"),
        ruled(extended, "upgrade", "2026-09-01"),
        ruled(ending("2026-12-30"), "re-evaluation", "2026-09-01"),
        extended,
    ]
    for index, scene in enumerate(scenes):
        tell(town, scene, f"ruled {index}")

    shown = [(c["extended_to"], c["last_day"]) for c in town.certificates()]

    ruled_on, ended_already, ends = date(2026, 9, 1), date(2026, 6, 30), date(2026, 12, 20)
    assert shown == [
        (ruled_on, ruled_on),
        (ended_already, ended_already),
        (ends, ends),
        (None, date(2026, 12, 30)),
        (ends, ends),
    ]
    held = [scene.product.certificate for scene in scenes]
    assert shown == [(c.extended_to, c.last_day) for c in held if c is not None]
    with psycopg.connect(service_conninfo(town.url)) as connection:
        assert connection.execute("SELECT DISTINCT noticed FROM read.certificates").fetchall() == [([],)]


def test_every_status_is_shown_and_asked_for(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.language.law_book", law_that_knows_suspension)
    suspended = certified("2025-01-10", noon("2025-02-01")).when(
        "suspend-certificate", CHAIR, noon("2026-06-01"), reason="Chờ kết quả kiểm nghiệm"
    )
    extended = extend(ending("2026-06-30"), "2026-06-20", "2026-12-20")
    undated = entered(noon("2026-01-05"), past(None))
    lifted = suspended.when("lift-suspension", CHAIR, noon("2026-06-02"), reason="Đạt")
    letter = {"letter_number": "1/TB", "received_by": "Nguyễn Văn A", "received_on": "2026-06-01"}
    noticed = certified("2024-01-10", noon("2024-02-01")).when(
        "give-written-notice", OFFICER, noon("2026-06-02"), **letter, proof_sha256=FILE
    )
    for index, scene in enumerate((suspended, extended, undated, lifted, noticed)):
        assert scene.refusal is None
        tell(town, scene, f"status {index}")

    assert [c["status"] for c in town.certificates()] == ["suspended", "extended", "date-missing", "valid", "expiring"]
    for status in ("suspended", "extended", "date-missing", "valid", "expiring"):
        assert [c["status"] for c in town.certificates(status=status)] == [status]
    assert town.certificates(status="revoked") == []
    assert [c["status"] for c in town.certificates(valid=True)] == ["extended", "valid", "expiring"]
    assert [c["status"] for c in town.certificates(valid=False)] == ["suspended", "date-missing"]
    (shown,) = town.certificates(status="expiring")
    assert shown["written_notice"]["letter_number"] == "1/TB"
    assert "Nguyễn Văn A" not in str(shown)
