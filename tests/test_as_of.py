"""Two instants: every answer equals a naive replay of what was known then and had happened by then."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from psycopg.rows import dict_row
from pydantic_core import to_json

from api.examples import EXAMPLES
from application.recorded import Recorded
from domain.asof import stood
from domain.law.book import law_book
from domain.product import facts as f
from domain.product.certificate_facts import EnteredFromRegister, RecognitionRecorded
from domain.product.outlook import outlook
from domain.product.phases import Phase
from domain.product.rating_facts import DossierFiled, ScoringConcluded
from domain.product.state import Product, evolve
from domain.sealing import STORED
from domain.values import Role
from projections.moments import STILL, Moments
from projections.product_list import found_by
from tests.golden_stream import todays_stream
from tests.language import PRODUCT, given
from tests.story import actor, on, tea, until
from tests.test_certificate_life import certified, noon
from tests.test_projections import Teller, projector

SOAK = os.environ.get("OCOP_SOAK") == "1"
HISTORIES, PAIRS = (4_000, 25) if SOAK else (40, 25)
FIRST = date(2025, 1, 1)
MENDED: dict[type[Any], Any] = {str: "Đã đính chính", int: 7}


# ── The model ─────────────────────────────────────────────────────────────────────────────────


@cache
def pool() -> tuple[list[Recorded], list[Recorded]]:
    """What a product can begin with, and everything that can happen to it, decisions of the past more often."""
    facts = [r for r in todays_stream() if not isinstance(r.fact, f.FactCorrected)]
    begins = [r for r in facts if isinstance(r.fact, f.ProductIdentified | EnteredFromRegister)]
    past = [r for r in facts if isinstance(r.fact, RecognitionRecorded)]
    return begins, [r for r in facts if r not in begins] + past * 8


@st.composite
def histories(draw: st.DrawFn) -> list[Recorded]:
    """A product's facts in the order they came to be known: days in any order, corrections in between."""
    begins, others = pool()
    told: list[Recorded] = []

    def add(fact: Any, of: Recorded, day: date) -> None:
        e = of.envelope.model_copy(update={"data": fact, "effective_on": day})
        told.append(Recorded(PRODUCT, len(told) + 1, e, 10 * len(told) + 10))

    first = draw(st.sampled_from(begins))
    add(first.fact, first, FIRST + timedelta(days=draw(st.integers(0, 40))))
    for _ in range(draw(st.integers(2, 11))):
        mendable = [r for r in told if _mendable(r.fact)]
        if mendable and draw(st.integers(0, 3)) == 0:
            wrong = draw(st.sampled_from(mendable))
            name = draw(st.sampled_from(_mendable(wrong.fact)))
            was = wrong.fact.model_dump(mode="json")[name]
            now = f"{MENDED[str]} {len(told)}" if isinstance(was, str) else MENDED[int]
            mended = f.FactCorrected(
                corrected_version=wrong.originator_version,
                corrected_name=wrong.fact.stored_name,
                was={name: was},
                now={name: now},
                reason="Ghi sai",
                authority="UBND xã",
            )
            add(mended, wrong, wrong.envelope.effective_on + timedelta(days=draw(st.integers(0, 50))))
        else:
            happened = draw(st.sampled_from(others))
            add(happened.fact, happened, FIRST + timedelta(days=draw(st.integers(-20, 40))))
    return told


def _mendable(fact: Any) -> list[str]:
    """Fields of a fact that a word or a number mends, whatever their bounds."""
    data = fact.model_dump(mode="json")
    plain = ("title", "note", "description", "product_name", "name", "market", "number", "letter_number", "sales")
    return [name for name in sorted(type(fact).correctable & set(plain)) if type(data[name]) in MENDED]


def replayed(known: Sequence[Recorded], effective: date) -> Product | None:
    """The same question answered naively: fact by fact, each read as last corrected, none twice, none too early."""
    told, last = Product(), 0
    for r in known:
        fact, day = r.fact, r.envelope.effective_on
        if isinstance(fact, f.FactCorrected):
            wrong = next(x for x in known if x.originator_version == fact.corrected_version)
            fact, day = None, wrong.envelope.effective_on
            if isinstance(wrong.fact, f.ProductIdentified | EnteredFromRegister):
                day = _first_proof(known, day)
            if day <= effective:
                told = evolve(told, r.told)
                last = r.originator_version
            continue
        if isinstance(fact, f.ProductIdentified | EnteredFromRegister):
            day = _first_proof(known, day)
        if day > effective:
            continue
        data = fact.model_dump(mode="json")
        for x in known:
            if isinstance(x.fact, f.FactCorrected) and x.fact.corrected_version == r.originator_version:
                for name, value in x.fact.now.items():
                    data[name] = value
        read = type(fact).model_validate_json(to_json(data), context=STORED)
        told = evolve(told, replace(r.told, fact=read))
        last = r.originator_version
    assert told.version == last
    return None if told.phase is Phase.NONE else told


def _first_proof(known: Sequence[Recorded], day: date) -> date:
    for r in known:
        if isinstance(r.fact, RecognitionRecorded) and r.envelope.effective_on < day:
            day = r.envelope.effective_on
    return day


def listed(rows: Sequence[dict[str, Any]], effective: date, position: int) -> dict[str, Any] | None:
    """The row that the list's query finds."""
    known = [r for r in rows if r["known_from"] <= position < r["known_to"] and r["day"] <= effective]
    return max(known, key=lambda r: (r["day"], r["known_from"]), default=None)


@settings(max_examples=HISTORIES, derandomize=not SOAK)
@for_all(histories(), st.randoms(use_true_random=False))
def test_every_pair_of_instants_equals_a_naive_replay(told: list[Recorded], chance: Random) -> None:
    """One product, its row in the list, and what it waits for, at any two instants."""
    law = law_book()
    rows = Moments(law).told_anew(told)
    for _ in range(PAIRS):
        effective, known = FIRST + timedelta(days=chance.randint(-25, 95)), chance.randint(0, len(told))
        expected = replayed(told[:known], effective)

        assert stood([r.told for r in told[:known]], effective) == expected
        row = listed(rows, effective, 10 * known + chance.randint(0, 9))
        assert (row is None) == (expected is None)
        if expected is not None and row is not None:
            columns = found_by(expected, outlook(expected, law))
            assert {name: row[name] for name in columns} == columns


def test_a_dossier_that_was_sent_nowhere_by_then_waits_for_nobody() -> None:
    """Acts entered with days in another order leave gaps as of a day in between: shown as they are, never refused."""
    law = law_book()
    opening, filed, concluded = (
        next(r for r in todays_stream() if isinstance(r.fact, kind))
        for kind in (f.ProductIdentified, DossierFiled, ScoringConcluded)
    )
    gap = stood([r.told for r in (opening, filed, concluded)], date(2026, 12, 31))

    assert gap is not None
    assert gap.phase is Phase.CONCLUDED
    assert outlook(gap, law).tasks == ()


def test_a_correction_counts_from_the_day_of_what_it_corrects() -> None:
    """Known, it mends its fact on every day; not known yet, the fact reads as it was entered."""
    history = given(tea()[:2]).history
    mended = given(tea()[:2]).when(
        "correct-fact",
        Role.PROVINCE_OFFICER,
        effective_on="2026-06-01",
        version=1,
        now={"name": "Chè Shan"},
        reason="Ghi sai tên",
        authority="UBND xã",
        paper={"number": "01/BB", "signed_on": "2026-06-01"},
    )
    assert mended.refusal is None

    before, after = (stood(told, date(2026, 1, 15)) for told in (history, mended.history))
    assert before is not None
    assert after is not None
    assert (before.name, after.name) == ("Chè Shan tuyết Núi Biều", "Chè Shan")


def test_a_product_taken_over_from_a_register_stood_with_its_recognition() -> None:
    """Entered in 2022, recognised in 2021: with what is known since, it held its star in between."""
    told = certified("2021-05-10", noon("2022-06-01")).history

    assert stood(told, date(2021, 5, 9)) is None
    then = stood(told, date(2021, 5, 10))
    assert then is not None
    assert then.certificate is not None
    assert then.name == "Mật ong Đà Bắc"


@pytest.fixture
def teller(own_database: str) -> Iterator[Teller]:
    found = Teller(own_database)
    yield found
    found.journal.close()


def test_the_list_is_the_same_however_its_rows_came_about(own_database: str, teller: Teller) -> None:
    """Fact by fact as they come, or told from the start: late entries, a correction and a register among them."""
    teller.tell(until("submit-plan", tea()), "Chè muộn")
    teller.give("record-guidance", actor(Role.COMMUNE_OFFICER), on("2026-03-30", EXAMPLES["record-guidance"]))
    mended = {"version": 2, "now": {"title": "Tập huấn"}, "reason": "Ghi sai", "authority": "Biên bản"}
    teller.give("correct-fact", actor(Role.PROVINCE_OFFICER), mended)
    late = UUID(teller.ids["product"])
    teller.ids = {}
    teller.give("enter-from-register", actor(Role.PROVINCE_OFFICER), EXAMPLES["enter-from-register"])
    live = projector(teller, own_database)
    with live.connect() as connection:
        live.ensure_tables(connection)
        while live.step(connection, limit=1):
            pass

    with psycopg.connect(own_database, row_factory=dict_row) as connection:
        stored = connection.execute("SELECT * FROM read.moments ORDER BY product_id, known_from, day").fetchall()
    expected = [
        row
        for product in sorted({late, UUID(teller.ids["product"])})
        for row in Moments(law_book()).told_anew(teller.journal.streams([product]))
    ]
    assert stored == sorted(expected, key=lambda row: (row["product_id"], row["known_from"], row["day"]))
    assert {row["known_to"] for row in stored} != {STILL}
    assert live.rebuild(["moments"]) == {"moments": True}
