"""A great many decided products for checking decisions again: under every sheet, by councils of 3 to 7 members.

Facts are built here directly and stars are computed with plain whole numbers, so that what takes the decisions
again is compared with something else than itself. ``bench`` measures on the same journals.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from typing import Any, Literal
from uuid import UUID

from application.recorded import Recorded, envelope
from application.store import Beside, Journal
from domain.law.book import LawBook, law_book
from domain.law.calendar import add_months
from domain.law.models import Level, Regime, Sheet
from domain.product.rating_facts import (
    Choice,
    Gate,
    MemberSheet,
    Procedure,
    ProductNotRecognised,
    ProductRecognised,
    ResultApproved,
    ScoringConcluded,
    SheetsOpened,
)
from domain.stream import Fact
from domain.values import Actor, Role, Source

GateTest = Literal["agreed", "average"]
BATCH = 2_000
"""Products an append."""
DAY = date(2026, 10, 5)
AT = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
COUNCIL, SESSION, BOOK, COMMAND = (UUID(int=n, version=4) for n in (1, 2, 3, 4))
SEAL = "5e" * 32
SECRETARY = Actor(person="Thư ký", office="Chi cục PTNT", role=Role.COUNCIL_SECRETARY, area="25")
CHAIRMAN = Actor(person="Chủ tịch tỉnh", office="UBND tỉnh", role=Role.PROVINCE_CHAIR, area="25")
COMMUNE = "04876"


@dataclass(frozen=True)
class Form:
    """A sheet under a regime at a level, with the choices there are."""

    regime: Regime
    sheet: Sheet
    level: Level
    rules_hash: str

    @cached_property
    def choices(self) -> dict[str, list[tuple[Choice, int]]]:
        """Every choice of every criterion with its points, fewest first."""
        found: dict[str, list[tuple[Choice, int]]] = {}
        for code, criterion in self.sheet.leaves.items():
            options = [(Choice(code=code, option=n), o.points) for n, o in enumerate(criterion.options)]
            if all(points for _, points in options):
                options.append((Choice(code=code, option=None), 0))
            found[code] = sorted(options, key=lambda option: option[1])
        return found

    @cached_property
    def procedure(self) -> Procedure:
        """The regime's own rules of procedure."""
        rules = self.regime.council
        return Procedure(
            quorum_percent=rules.quorum_percent.value,
            chair_present=rules.chair_present.value,
            min_members=rules.min_members.value,
            max_spread=str(rules.max_spread.exact),
            rescoring=rules.rescoring.value,
            shown_digits=rules.shown_digits.value,
            notice_working_days=rules.notice.value,
            gate_test=rules.gate_test.value,
            guidance_is_conflict=rules.guidance_is_conflict.value,
            basis={"max_spread": rules.max_spread.legal_basis},
        )


Picked = list[tuple[Choice, int]]


@dataclass(frozen=True)
class Scored:
    """What a council did: each member's choices in order, and the options it agreed on."""

    members: Sequence[Picked]
    agreed: Picked
    gate_test: GateTest


def forms(law: LawBook | None = None) -> list[Form]:
    """Every sheet under every regime that uses it, at each of the regime's levels."""
    book = law or law_book()
    return [
        Form(regime, sheet, level, book.rules_hash(regime.id, sheet.id))
        for regime in book.regimes.values()
        for sheet in book.sheets_of(regime).values()
        for level in regime.levels
    ]


def scored(form: Form, chance: random.Random) -> Scored:
    """A council's choices at random; how good the product is differs, so that every star comes about."""
    quality, apart = chance.random() ** 0.6, chance.random() * 0.3

    def pick(options: Picked) -> tuple[Choice, int]:
        at = quality + apart * (chance.random() - 0.5)
        return options[min(max(int(at * len(options)), 0), len(options) - 1)]

    members = [[pick(options) for options in form.choices.values()] for _ in range(chance.randint(3, 7))]
    agreed = [pick(form.choices[code]) for code in form.sheet.gates]
    return Scored(members, agreed, chance.choice(("agreed", "average")))


def decided(form: Form, by: Scored) -> list[Fact]:
    """The facts of a product that was scored and decided on; computed with whole numbers over one denominator."""
    count = len(by.members)
    totals = [sum(points for _, points in member) for member in by.members]
    band = max(b.stars for b in form.regime.bands if sum(totals) >= b.min * count)
    if by.gate_test == "agreed":
        found = {choice.code: (points, 1) for choice, points in by.agreed}
    else:
        found = {
            code: (sum(member[place][1] for member in by.members), count)
            for place, code in enumerate(form.sheet.leaves)
            if code in form.sheet.gates
        }
    missed = sorted(
        (
            Gate(code=code, stars=stars, needed=needed, found=lowest_terms(*found[code]))
            for code, by_star in form.sheet.gates.items()
            for stars, needed in by_star.items()
            if stars <= band and found[code][0] < needed * found[code][1]
        ),
        key=lambda gate: gate.stars,
    )
    stars = min([band, *(gate.stars - 1 for gate in missed)])
    names = [f"Ủy viên {number}" for number in range(1, count + 1)]
    sheets = [
        MemberSheet.model_construct(
            member=name,
            capacity="member" if number else "chair",
            choices=tuple(choice for choice, _ in member),
            total=total,
            comment="",
            sealed=SEAL,
        )
        for number, (name, member, total) in enumerate(zip(names, by.members, totals, strict=True))
    ]
    opened = SheetsOpened.model_construct(
        session=SESSION,
        council=COUNCIL,
        council_number="643/QĐ-UBND",
        level=form.level.code,
        form="meeting",
        held_on=DAY,
        round=1,
        voting=tuple(names),
        present=tuple(names),
        quorum=count,
        chair_present=True,
        conflicts=(),
        sheets=tuple(sheets),
        procedure=form.procedure,
    )
    concluded = ScoringConcluded.model_construct(
        level=form.level.code,
        session=SESSION,
        minutes_number="03/BB-HĐ",
        round=1,
        gate_test=by.gate_test,
        totals=tuple(zip(names, totals, strict=True)),
        agreed=tuple(choice for choice, _ in by.agreed),
        average=lowest_terms(sum(totals), count),
        band=band,
        missed=tuple(missed),
        stars=stars,
        regime=form.regime.id,
        sheet=form.sheet.id,
        rules_hash=form.rules_hash,
    )
    return [opened, concluded, *_ruled(form, concluded)]


def lowest_terms(above: int, below: int) -> str:
    """A fraction as stored text."""
    for divisor in range(below, 1, -1):
        if above % divisor == below % divisor == 0:
            above, below = above // divisor, below // divisor
    return str(above) if below == 1 else f"{above}/{below}"


def _ruled(form: Form, result: ScoringConcluded) -> list[Fact]:
    """What the authority made of it, where the level itself decides."""
    level, stars = form.level, result.stars
    rules: dict[str, Any] = {"level": level.code, "regime": form.regime.id, "rules_hash": form.rules_hash}
    if stars < form.regime.rating.certifiable_from_stars:
        basis = form.regime.rating.legal_basis
        return [ProductNotRecognised.model_construct(stars=stars, reasons="Chưa đạt.", legal_basis=basis, **rules)]
    total, _, count = result.average.partition("/")
    goes_up = level.pass_up_from is not None and int(total) >= level.pass_up_from * int(count or 1)
    numbered: dict[str, Any] = {
        "decision_number": "01/QĐ-UBND",
        "signer": "Chủ tịch UBND tỉnh",
        "book": BOOK,
        "warnings": (),
    }
    if goes_up and level.interim_stars is None:
        return [
            ResultApproved.model_construct(**{**numbered, "warnings": result.missed}, average=result.average, **rules)
        ]
    certified = min(stars, level.interim_stars) if goes_up and level.interim_stars else stars
    if certified not in level.certifies:
        return []
    return [
        ProductRecognised.model_construct(
            stars=certified,
            certificate_number="25-2026-000001",
            issued_on=DAY,
            valid_to=add_months(DAY, form.regime.certificate.months),
            authority="25",
            product_number=None,
            **numbered,
            **rules,
        )
    ]


def stream(key: UUID, facts: Sequence[Fact]) -> list[Recorded]:
    """Facts as the stream of one product."""
    return [
        Recorded(
            key,
            version,
            envelope(
                fact,
                recorded_at=AT,
                effective_on=DAY,
                actor=SECRETARY if isinstance(fact, (SheetsOpened, ScoringConcluded)) else CHAIRMAN,
                paper=None,
                source=Source(),
                command_id=COMMAND,
                commune=COMMUNE,
            ),
        )
        for version, fact in enumerate(facts, 1)
    ]


def products(conclusions: int, seed: int = 26) -> Iterator[list[Recorded]]:
    """So many councils' conclusions, each on a product of its own; all sheets in turn."""
    chance, known = random.Random(seed), forms()
    for number in range(conclusions):
        form = known[number % len(known)]
        yield stream(UUID(int=chance.getrandbits(128), version=4), decided(form, scored(form, chance)))


def fill(journal: Journal, conclusions: int, progress: Callable[[int], None] = lambda _done: None) -> int:
    """Append so many products' facts; how many decisions that makes, the council's and the authority's."""
    batch, decisions = list[Recorded](), 0
    for done, facts in enumerate(products(conclusions), 1):
        batch += facts
        decisions += len(facts) - 1
        if len(batch) >= BATCH or done == conclusions:
            journal.append(batch, Beside())
            batch = []
            progress(done)
    return decisions
