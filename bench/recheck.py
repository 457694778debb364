"""Every decision taken again: over 100,000 councils' conclusions, beside a loop that only reads the same facts."""

import time

from application.recheck import Rechecked, recheck
from application.store import Journal
from bench.ground import Ground, Line, console
from domain.law.book import law_book
from tests.decided import fill

TARGET_SECONDS = 120.0
TARGET_RATIO = 2.0
PAGE = 500


def reading(journal: Journal) -> float:
    """Seconds to read every fact with pydantic, page by page, and do nothing with it."""
    began, position = time.perf_counter(), 0
    while page := journal.page(position, PAGE):
        position = page[-1].position
    return time.perf_counter() - began


def rechecking(journal: Journal) -> tuple[float, Rechecked]:
    """Seconds to take every decision again, and what came of it."""
    began = time.perf_counter()
    found = recheck(journal, law_book())
    return time.perf_counter() - began, found


def measure(ground: Ground) -> list[Line]:
    """Fill a journal, take its decisions again, then read it once the plain way."""
    conclusions = 4_000 if ground.quick else 100_000
    url = ground.database()
    journal = Journal(url, pool_size=1)
    began = time.perf_counter()
    decisions = fill(journal, conclusions, lambda done: console.print(f"recheck: {done:,} products", end="\r"))
    console.print(f"recheck: {conclusions:,} products scored and decided on in {time.perf_counter() - began:.0f} s")
    ground.checkpoint()
    took, found = rechecking(journal)
    console.print(f"recheck: {found.decisions:,} decisions in {took:.1f} s, {found.decisions / took:,.0f}/s")
    plain = reading(journal)
    console.print(f"recheck: the same facts only read in {plain:.1f} s")
    journal.close()
    ground.drop(url)
    if found.decisions != decisions:
        raise RuntimeError(f"{decisions:,} decisions were stored, {found.decisions:,} taken again")
    figure = f"{found.decisions / took:,.0f}/s; only reading the same facts {decisions / plain:,.0f}/s"
    return [
        Line("decisions taken again, against only reading them", figure, plain / took, "×", TARGET_RATIO),
        Line(
            f"all decisions of {conclusions:,} councils' conclusions taken again",
            f"{found.decisions:,} decisions, {found.identical:,} identical",
            took,
            "s",
            None if ground.quick else TARGET_SECONDS,
            False,
        ),
        Line("decisions that came out otherwise", f"of {found.decisions:,}", len(found.deviations), "", 0, False),
    ]
