"""Marks and figures: each is what a naive reader of the facts counts, whatever came late or was corrected."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import UUID, uuid5

import psycopg
import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from psycopg import AsyncConnection
from psycopg.sql import Identifier

from api.examples import EXAMPLES as SAMPLES
from application.recorded import Recorded
from domain.law.book import law_book
from domain.product import certificate_facts as c
from domain.product import facts as f
from domain.product import rating_facts as r
from domain.product.state import Product, fold
from domain.programme import facts as g
from domain.programme.measures import Measure, Selection, measures
from domain.programme.state import Programme
from domain.programme.state import evolve as evolve_programme
from domain.values import Role
from projections.catalogue import read_models
from projections.engine import put
from projections.figures import Ground, Span, drill, figure
from projections.marks import COLUMNS, STILL, Book, Mark
from projections.scope import Scope
from tests.golden_stream import todays_stream
from tests.language import PRODUCT
from tests.story import actor, bare
from tests.test_as_of import FIRST, histories
from tests.test_projections import Teller, projector, rows

SOAK = os.environ.get("OCOP_SOAK") == "1"
SEEN_IN_A_REGISTER = SAMPLES["enter-from-register"]
EXAMPLES, PAIRS = (2_000, 20) if SOAK else (150, 12)


def marks_of(told: Sequence[Recorded]) -> list[Mark]:
    """As the read model makes them, all in one page."""
    book = Book()
    for recorded, product in stood(told):
        book.tell(recorded, product)
    return book.new


def stood(told: Sequence[Recorded]) -> list[tuple[Recorded, Product]]:
    """Each fact with its product as decisions knew it then: as last corrected."""
    return [(x, fold(y.told for y in told if y.position <= x.position)) for x in told]


def standing(marks: Sequence[Mark], what: str, known: int) -> list[Mark]:
    return [m for m in marks if m.what == what and m.position <= known < m.replaced]


# ── Certificates: what holds on a day ─────────────────────────────────────────────────────────


@dataclass
class Term:
    begins: date
    ends: date
    stars: int
    at: int
    decision: tuple[str, int]


def holds(known: Sequence[Recorded], day: date) -> set[int]:
    """Stars of the certificates that hold on a day, naively: each recognition has its days, a later one ends it."""
    terms: list[Term] = []
    for x in known:
        if isinstance(x.fact, r.ProductRecognised):
            decision = (x.fact.decision_number, x.fact.issued_on.year)
            recognised(terms, x.fact.issued_on, x.fact.valid_to, x.fact.stars, x.position, decision)
        elif isinstance(x.fact, c.RecognitionRecorded):
            decision = (x.fact.decision_number, x.fact.year)
            recognised(terms, x.fact.decided_on, x.fact.valid_to, x.fact.stars, x.position, decision)
        elif isinstance(x.fact, c.SuspensionLifted):
            held = fold(y.told for y in known if y.position <= x.position).certificate
            if held and held.last_day:
                ends = held.last_day + timedelta(days=1)
                of = max(terms, key=lambda term: (term.begins, term.at)).decision if terms else ("", 0)
                terms.append(Term(x.envelope.effective_on, ends, held.stars, x.position, of))
        elif terms:
            latest = max(terms, key=lambda term: (term.begins, term.at))
            if isinstance(x.fact, c.CertificateExtended):
                latest.ends = max(latest.ends, x.fact.until + timedelta(days=1))
            elif isinstance(x.fact, c.CertificateSuspended | c.CertificateRevoked):
                latest.ends = min(latest.ends, x.envelope.effective_on)
    happened = [term for term in terms if term.begins <= day < term.ends]
    return {term.stars for term in happened}


def recognised(
    terms: list[Term], begins: date | None, last: date | None, stars: int, at: int, decision: tuple[str, int]
) -> None:
    """Entered again, a decision is told as it was entered last."""
    terms[:] = [term for term in terms if term.decision != decision]
    if begins is None or last is None:
        return
    ends = min([last + timedelta(days=1), *(term.begins for term in terms if term.begins > begins)])
    for term in terms:
        if term.begins <= begins:
            term.ends = min(term.ends, begins)
    terms.append(Term(begins, ends, stars, at, decision))


@settings(max_examples=EXAMPLES, derandomize=not SOAK, deadline=None)
@for_all(histories(), st.randoms(use_true_random=False))
def test_what_holds_on_a_day_is_what_the_facts_known_then_say(told: list[Recorded], chance: Random) -> None:
    marks = marks_of(told)
    for _ in range(PAIRS):
        day, known = FIRST + timedelta(days=chance.randint(-900, 1500)), chance.randint(0, len(told))
        found = standing(marks, "certified", 10 * known)

        stars = {m.stars for m in found if m.begins <= day and (m.ends is None or m.ends > day)}

        assert stars == holds(told[:known], day)


@settings(max_examples=EXAMPLES, derandomize=not SOAK, deadline=None)
@for_all(histories(), st.randoms(use_true_random=False))
def test_a_fact_is_marked_once_and_as_it_was_last_corrected(told: list[Recorded], chance: Random) -> None:
    """Recognitions in the order of their days, listings until they are taken down, amounts as corrected."""
    marks = marks_of(told)
    for known in {len(told), chance.randint(0, len(told))}:
        facts = told[:known]
        at = 10 * known

        rated = sorted(standing(marks, "rated", at), key=lambda m: (m.begins, m.version))
        decisions: dict[tuple[str, int], tuple[date, bool, int, int]] = {}
        for x in facts:
            if isinstance(x.fact, r.ProductRecognised):
                key, day, dated = (x.fact.decision_number, x.fact.issued_on.year), x.fact.issued_on, True
            elif isinstance(x.fact, c.RecognitionRecorded):
                day, dated = x.fact.decided_on or date(x.fact.year, 1, 1), x.fact.decided_on is not None
                key = (x.fact.decision_number, x.fact.year)
            else:
                continue
            decisions[key] = (day, dated, x.originator_version, x.fact.stars)
        in_order = sorted(decisions.values())
        assert [(m.begins, m.stars) for m in rated] == [(day, stars) for day, dated, _, stars in in_order if dated]
        before, kinds = 0, []
        for _, dated, _, stars in in_order:
            kinds += ["new" if not before else "upgraded" if stars > before else "renewed"] if dated else []
            before = stars
        assert [m.kind for m in rated] == kinds

        sales = {
            x.originator_version: next(
                (
                    y.fact.now["sales"]
                    for y in reversed(facts)
                    if isinstance(y.fact, f.FactCorrected)
                    and y.fact.corrected_version == x.originator_version
                    and "sales" in y.fact.now
                ),
                x.fact.sales,
            )
            for x in facts
            if isinstance(x.fact, f.FairAttended)
        }
        assert {m.version: m.amount for m in standing(marks, "fair", at)} == sales
        evidence = sum(isinstance(x.fact, f.EvidenceObtained) for x in facts)
        assert len(standing(marks, "evidence", at)) == evidence


@settings(max_examples=EXAMPLES, derandomize=not SOAK, deadline=None)
@for_all(histories(), st.integers(0, 12))
def test_it_does_not_matter_where_a_page_ends(told: list[Recorded], cut: int) -> None:
    """Told in two pages, the second from what the first one stored: the same marks."""
    whole = {(m.position, m.number): m for m in marks_of(told)}
    first, second, states = Book(), Book(), stood(told)
    for recorded, product in states[:cut]:
        first.tell(recorded, product)
    stored = {(m.position, m.number): m for m in first.new}
    kept = [place for place, m in stored.items() if m.replaced == STILL]
    second.stored = {place: stored[place] for place in reversed(kept)}  # a table has no order
    for recorded, product in states[cut:]:
        second.tell(recorded, product)
    for place, at in second.replaced.items():
        stored[place] = replace(stored[place], replaced=at)

    assert stored | {(m.position, m.number): m for m in second.new} == whole


# ── What came to light in a review ────────────────────────────────────────────────────────────


def a_product(*facts: tuple[Any, str]) -> list[Mark]:
    """A product of a register, and these facts on these days."""
    pattern = next(x for x in todays_stream() if isinstance(x.fact, c.EnteredFromRegister))
    told = [pattern]
    for fact, on in facts:
        e = pattern.envelope.model_copy(update={"data": fact, "effective_on": date.fromisoformat(on)})
        told.append(Recorded(PRODUCT, len(told) + 1, e, 10 * len(told) + 10))
    told[0] = replace(pattern, originator_version=1, position=10)
    return marks_of(told)


def recorded_once(**given: Any) -> c.RecognitionRecorded:
    pattern = next(x.fact for x in todays_stream() if isinstance(x.fact, c.RecognitionRecorded))
    return pattern.model_copy(update=given)


def test_a_recognition_of_which_only_the_year_is_known_comes_before_the_next() -> None:
    old = recorded_once(decision_number="1/QĐ", year=2020, decided_on=None, stars=4, valid_to=None)
    new = recorded_once(decision_number="2/QĐ", year=2026, decided_on=date(2026, 5, 1), stars=4)

    marks = a_product((old, "2026-06-01"), (new, "2026-05-01"))

    assert [m.kind for m in standing(marks, "rated", 10**6)] == ["renewed"]


def test_the_same_decision_entered_from_its_paper_is_one_recognition() -> None:
    one = {"decision_number": "1/QĐ", "year": 2026, "valid_to": date(2029, 4, 1)}
    register = recorded_once(**one, decided_on=date(2026, 4, 15), stars=5)
    paper = recorded_once(**one, decided_on=date(2026, 4, 10), stars=4)

    marks = a_product((register, "2026-04-15"), (paper, "2026-04-10"))

    assert [(m.stars, m.kind) for m in standing(marks, "rated", 10**6)] == [(4, "new")]
    assert [m.stars for m in standing(marks, "certified", 10**6)] == [4]


def test_a_certificate_until_the_last_day_there_is_has_no_end() -> None:
    marks = a_product((recorded_once(decided_on=date(2026, 4, 15), year=2026, valid_to=date.max), "2026-04-15"))

    assert [m.ends for m in standing(marks, "certified", 10**6)] == [None]


def corrected(version: int, name: str, **now: Any) -> f.FactCorrected:
    return f.FactCorrected(
        corrected_version=version, corrected_name=name, was=dict.fromkeys(now), now=now, reason="x", authority="x"
    )


def test_a_profit_that_a_correction_tells_is_counted_and_one_it_takes_back_is_not() -> None:
    told = (f.BaselineRecorded(year=2025, revenue=10), "2026-02-01")
    there = (corrected(2, "product.baseline-recorded", profit=4), "2026-03-01")
    gone = (corrected(2, "product.baseline-recorded", profit=None), "2026-04-01")

    assert [m.amount for m in standing(a_product(told, there), "profit-before", 10**6)] == [4]
    assert [m.begins for m in standing(a_product(told, there), "profit-before", 10**6)] == [date(2025, 1, 1)]
    assert standing(a_product(told, there, gone), "profit-before", 10**6) == []
    assert [m.amount for m in standing(a_product(told, there, gone), "revenue-before", 10**6)] == [10]


def test_a_holder_known_by_name_who_is_registered_is_still_one() -> None:
    registered = next(x.fact for x in todays_stream() if isinstance(x.fact, c.ProducerRegistered))

    marks = a_product((registered, "2026-06-01"))

    assert [m.subject for m in standing(marks, "joined", 10**6)] == [registered.registration]
    assert {m.group_code for m in marks if m.replaced == STILL} == {registered.group}


@pytest.mark.parametrize("page", [1, 3, 100])
def test_rebuilt_is_live_also_after_corrections(own_database: str, page: int) -> None:
    teller = Teller(own_database)
    officer = actor(Role.PROVINCE_OFFICER)
    teller.give("enter-from-register", officer, SEEN_IN_A_REGISTER)
    mended = {"version": 1, "now": {"group": "Đồ uống"}, "reason": "Ghi sai", "authority": "Sổ"}
    live = projector(teller, own_database)
    with live.connect() as connection:
        live.ensure_tables(connection)
        while live.step(connection, limit=page):
            pass
        teller.give("correct-fact", officer, mended)
        while live.step(connection, limit=page):
            pass
        teller.give("register-producer", officer, bare(SAMPLES["register-producer"]))
        while live.step(connection, limit=page):
            pass

    assert live.rebuild(["marks"]) == {"marks": True}
    teller.journal.close()


def certificate_marks(*facts: tuple[Any, str]) -> list[Mark]:
    """Of a product taken over from a register, to which things happen on their days."""
    pool = todays_stream()
    entered = next(x for x in pool if isinstance(x.fact, c.EnteredFromRegister))
    told = [Recorded(PRODUCT, 1, entered.envelope, 1)]
    for version, (fact, on) in enumerate(facts, 2):
        e = entered.envelope.model_copy(update={"data": fact, "effective_on": date.fromisoformat(on)})
        told.append(Recorded(PRODUCT, version, e, version))
    return marks_of(told)


def test_a_certificate_that_ends_before_its_time_says_why_and_one_without_a_day_is_known_by_the_end_of_its_year() -> (
    None
):
    facts = todays_stream()
    pattern = next(x.fact for x in facts if isinstance(x.fact, c.RecognitionRecorded))
    (suspended,) = [x.fact for x in facts if isinstance(x.fact, c.CertificateSuspended)][:1]
    (revoked,) = [x.fact for x in facts if isinstance(x.fact, c.CertificateRevoked)][:1]
    days = {"year": 2024, "decided_on": date(2024, 11, 15), "valid_to": date(2027, 11, 14)}
    dated = pattern.model_copy(update=days)
    undated = pattern.model_copy(update={"year": 2023, "decided_on": None, "valid_to": None})

    marks = certificate_marks((undated, "2025-01-02"), (dated, "2025-01-02"), (suspended, "2025-03-01"))
    (one,) = standing(marks, "certified", 4)
    assert (one.begins, one.ends, one.kind, one.subject) == (date(2024, 11, 15), date(2025, 3, 1), "suspended", "2024")
    (other,) = standing(marks, "undated", 3)
    assert (other.begins, other.ends, other.kind, other.subject) == (date(2023, 12, 31), None, None, "2023")

    marks = certificate_marks((undated, "2025-01-02"), (revoked, "2025-03-01"))
    assert [(m.ends, m.kind) for m in standing(marks, "undated", 3)] == [(date(2025, 3, 1), "revoked")]


# ── Activities ────────────────────────────────────────────────────────────────────────────────


def activities(*facts: tuple[g.ProgrammeFact, str]) -> list[Mark]:
    (pattern,) = todays_stream("programme")[:1]
    book, programme = Book(), Programme()
    for version, (fact, on) in enumerate([(pattern.fact, "2026-01-15"), *facts], 1):
        e = pattern.envelope.model_copy(update={"data": fact, "effective_on": date.fromisoformat(on)})
        recorded = Recorded(PRODUCT, version, e, version)
        programme = evolve_programme(programme, recorded.told)
        book.tell(recorded, programme)
    return book.new


def test_a_count_of_officials_holds_until_the_next_of_the_same_area() -> None:
    one, two = g.StaffCounted(area="25", officials=300), g.StaffCounted(area="25", officials=310)

    marks = activities((one, "2026-02-01"), (two, "2026-06-01"), (g.EntryStruck(entry=3, reason="nhầm"), "2026-06-02"))

    assert [(m.amount, m.begins, m.ends) for m in standing(marks, "staff", 2)] == [(300, date(2026, 2, 1), None)]
    assert {(m.amount, m.ends) for m in standing(marks, "staff", 3)} == {(300, date(2026, 6, 1)), (310, None)}
    assert [(m.amount, m.ends) for m in standing(marks, "staff", 4)] == [(300, None)]


def test_a_count_entered_late_finds_its_place_among_the_others() -> None:
    june, february = g.StaffCounted(area="25", officials=310), g.StaffCounted(area="25", officials=300)

    marks = activities((june, "2026-06-01"), (february, "2026-02-01"))

    assert {(m.amount, m.begins, m.ends) for m in standing(marks, "staff", 3)} == {
        (300, date(2026, 2, 1), date(2026, 6, 1)),
        (310, date(2026, 6, 1), None),
    }


def test_what_is_struck_out_counts_no_more() -> None:
    held = g.ClassHeld(title="Lớp", audience="officials", area="04876", attendees=42)

    marks = activities((held, "2026-02-01"), (g.EntryStruck(entry=2, reason="nhầm"), "2026-02-03"))

    assert len(standing(marks, "class", 2)) == 1
    assert standing(marks, "class", 3) == []
    assert marks[0].province == "25"


# ── Figures ───────────────────────────────────────────────────────────────────────────────────

HISTORIES = 1_000
COMMUNES = ("04876", "04849", "00070")


def many(chance: Random) -> list[Mark]:
    """Marks of a thousand products with random histories, their streams interleaved in the order of positions."""
    pool = [x for x in todays_stream() if not isinstance(x.fact, f.FactCorrected)]
    begins = [x for x in pool if isinstance(x.fact, f.ProductIdentified | c.EnteredFromRegister)]
    others = [x for x in pool if x not in begins]
    weighty = [x for x in others if isinstance(x.fact, c.RecognitionRecorded | r.ProductRecognised | f.EcommerceListed)]
    found, position = [], 0
    for number in range(HISTORIES):
        key, told = uuid5(PRODUCT, str(number)), list[Recorded]()
        for x in [chance.choice(begins), *chance.choices(others + weighty * 4, k=chance.randint(1, 12))]:
            position += chance.randint(1, 3)
            day = FIRST + timedelta(days=chance.randint(-400, 700))
            e = x.envelope.model_copy(update={"effective_on": day})
            told.append(Recorded(key, len(told) + 1, e, position))
        area = chance.choice(COMMUNES)
        found += [replace(mark, area=area) for mark in marks_of(told)]
    return found


def counted(  # noqa: C901  # one condition a part of a selection
    marks: Sequence[Mark], measure: Measure, part: str, span: Span, ground: Ground
) -> tuple[int, set[UUID]]:
    """The same figure by walking over all rows; and the products in it."""

    rated = [m for m in marks if m.what in ("rated", "rated-in-year")]

    def told(m: Mark) -> bool:
        return m.position <= ground.position < m.replaced and m.day <= ground.effective

    def first_year(product: UUID) -> int:
        return min((x.begins.year for x in rated if x.product_id == product and told(x)), default=-9)

    def chosen(wanted: Selection) -> list[Mark]:
        first, last = span.first, span.last
        if wanted.when == "before":
            first, last = (day.replace(year=day.year - 1) for day in (first, last))
        kept = []
        for m in marks:
            if m.what not in wanted.what or not told(m):
                continue
            inside = m.begins <= last and (m.ends is None or m.ends > last)
            if not (inside if wanted.when == "day" else first <= m.begins <= last):
                continue
            if ground.communes is not None and m.area not in ground.communes:
                continue
            if (wanted.kinds and m.kind not in wanted.kinds) or (wanted.levels and m.level not in wanted.levels):
                continue
            if wanted.stars_from is not None and (m.stars or 0) < wanted.stars_from:
                continue
            after = wanted.years_after
            if after is not None and m.begins.year != first_year(m.product_id) + after:
                continue
            kept.append(m)
        return kept

    own, other = (measure.of, measure.over) if part == "of" else (measure.over, measure.of)
    assert own is not None
    kept = chosen(own)
    if other is not None and (measure.pair == "both" or (measure.pair == "among" and part == "of")):
        within = {m.product_id for m in chosen(other)}
        kept = [m for m in kept if m.product_id in within]
    by = {
        "product": len({m.product_id for m in kept}),
        "subject": len({m.subject for m in kept if m.subject is not None}),
        "mark": len(kept),
        "amount": sum(m.amount or 0 for m in kept),
    }
    return by[own.each], {m.product_id for m in kept}


async def drilled(
    reading: AsyncConnection[Any], measure: Measure, part: str, span: Span, ground: Ground
) -> list[dict[str, Any]]:
    """All pages, however they are cut."""
    rows_, after = [], (0, -1)
    while True:
        page = await drill(reading, measure, part, span, ground, Scope("VN"), after=after, limit=97)
        assert page.beyond == 0
        rows_ += page.marks
        if len(page.marks) < 97:
            return rows_
        after = (page.marks[-1]["known_from"], page.marks[-1]["number"])


@pytest.mark.anyio
async def test_every_figure_is_the_count_of_its_drill_through(own_database: str) -> None:
    """All measures over a thousand random histories, at random spans, areas and instants."""
    chance = Random(6)
    marks = many(chance)
    live = projector(Teller(own_database), own_database)
    with live.connect() as connection:
        live.ensure_tables(connection)
        with connection.cursor() as cursor:
            table = connection.execute("SELECT table_name FROM read.models WHERE name = 'marks'").fetchone()
            assert table is not None
            stored = [tuple(getattr(m, name) for name in COLUMNS) for m in marks]
            numbered = [(*row[:1], n, *row[2:]) for n, row in enumerate(stored)]
            put(cursor, Identifier("read", table[0]), COLUMNS, numbered)
    last, told = max(m.position for m in marks), 0
    async with await AsyncConnection.connect(own_database, autocommit=True) as reading:
        for measure in measures().values():
            if measure.of.what[0] in ("class", "media", "staff", "apparatus", "organisation", "monitoring", "event"):
                continue  # of programmes: there are none here
            for _ in range(8):
                first = FIRST + timedelta(days=chance.randint(-400, 300))
                communes = frozenset(chance.sample(COMMUNES, chance.randint(1, 3))) if chance.random() < 0.7 else None
                effective = FIRST + timedelta(days=chance.randint(0, 700))
                ground = Ground(communes, None, None, (), effective, chance.randint(last // 2, last))
                span = Span(first, first + timedelta(days=chance.randint(0, 500)))
                found = await figure(reading, measure, span, ground)
                for part in ("of", "over") if measure.over else ("of",):
                    rows_ = await drilled(reading, measure, part, span, ground)
                    each = (measure.of if part == "of" else measure.over or measure.of).each
                    expected, products = counted(marks, measure, part, span, ground)
                    assert (found.of if part == "of" else found.over) == expected
                    assert {row["stream"] for row in rows_} == products
                    if each == "product":
                        assert len(products) == expected
                    if each == "amount":
                        assert sum(row["amount"] or 0 for row in rows_) == expected
                    if each == "mark":
                        assert len(rows_) == expected
                    if each == "subject":
                        assert len({row["subject"] for row in rows_} - {None}) == expected
                    told += expected
    assert told > HISTORIES, "there was something to count"


def test_marks_rebuilt_are_marks_as_they_came(own_database: str) -> None:
    from tests.story import tea  # noqa: PLC0415

    teller = Teller(own_database)
    teller.tell(tea())
    live = projector(teller, own_database)
    with live.connect() as connection:
        live.ensure_tables(connection)
        while live.step(connection, limit=7):
            pass

    before = rows(own_database, "marks")
    assert live.rebuild(["marks", "programmes"]) == {"marks": True, "programmes": True}
    assert rows(own_database, "marks") == before
    whats = {"identified", "registered", "joined", "filed", "rated", "certified", "revenue", "listed"}
    with psycopg.connect(own_database) as connection:
        assert whats <= {row[0] for row in connection.execute("SELECT what FROM read.marks")}
    teller.journal.close()


def test_every_kind_of_mark_a_measure_names_is_made_by_some_fact() -> None:
    wanted = {what for m in measures().values() for part in (m.of, m.over) if part for what in part.what}
    made = {m.what for m in marks_of(todays_stream())}
    book = Book()
    programme = Programme()
    for recorded in todays_stream("programme"):
        programme = evolve_programme(programme, recorded.told)
        book.tell(recorded, programme)
    made |= {m.what for m in book.new}

    assert wanted <= made
    assert any(model.name == "marks" for model in read_models(law_book()))
