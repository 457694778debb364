"""What if another regime applied: computed where its sheet has the same criteria, said where it has not."""

from typing import Any
from uuid import UUID

import pytest

from application.recorded import Recorded
from domain.law.book import law_book
from domain.product import rating_facts as r
from projections.whatif import NotComparable, what_if
from tests.golden_stream import todays_stream

PRODUCT = UUID(int=7)


def rated(regime: str, sheet: str, *totals: int) -> list[Recorded]:
    """A council's sheets and its conclusion, by totals of the parts, told as if of that regime."""
    law = law_book()
    facts = [x for x in todays_stream() if isinstance(x.fact, r.SheetsOpened | r.ScoringConcluded)][:2]
    opened, concluded = (x.fact for x in facts)
    assert isinstance(opened, r.SheetsOpened)
    leaves = law.sheets[sheet].leaves

    def choices(total: int) -> list[r.Choice]:
        found, left = [], total
        for code, criterion in leaves.items():
            points = [o.points for o in criterion.options]
            best = max(p for p in points if p <= left)
            found.append(r.Choice(code=code, option=points.index(best)))
            left -= best
        assert left == 0
        return found

    sheets = tuple(
        member.model_copy(update={"choices": tuple(choices(total)), "total": total})
        for member, total in zip(opened.sheets, totals, strict=True)
    )
    changes: list[dict[str, Any]] = [
        {"sheets": sheets},
        {"regime": regime, "sheet": sheet, "gate_test": "average", "agreed": ()},
    ]
    return [
        Recorded(PRODUCT, n, x.envelope.model_copy(update={"data": fact.model_copy(update=more)}), n)
        for n, (x, fact, more) in enumerate(zip(facts, (opened, concluded), changes, strict=True), 1)
    ]


def test_an_amendment_with_the_same_sheet_is_compared() -> None:
    """Three stars were the district's to sign under QĐ 148, and are the province's as amended in 2025."""
    law = law_book()
    found = what_if(rated("QD148-2023", "QD148", 65, 66, 65), law.regimes["QD1489-2025"], law)

    assert found["as_rated"]["average"] == found["what_if"]["average"] == "196/3"
    assert (found["as_rated"]["stars"], found["what_if"]["stars"]) == (3, 3)
    assert (found["as_rated"]["signs"]["level"], found["what_if"]["signs"]["level"]) == ("district", "province")
    assert {d["field"] for d in found["differences"]} == {"regime", "decision", "signs"}


def test_under_its_own_rules_nothing_differs() -> None:
    law = law_book()

    assert what_if(rated("QD148-2023", "QD148", 80, 80, 80), law.regimes["QD148-2023"], law)["differences"] == []


def test_stars_that_nobody_certifies_are_nobodys_to_sign() -> None:
    law = law_book()
    found = what_if(rated("QD148-2023", "QD148", 40, 41, 40), law.regimes["QD1489-2025"], law)

    assert found["what_if"]["stars"] == 2
    assert found["what_if"]["signs"] is None


@pytest.mark.parametrize("other", ["QD26-2026", "QD1048-2019"])
def test_sheets_that_no_decision_converts_are_not_compared(other: str) -> None:
    """Not by totals either: the same number of points on another sheet is another statement."""
    law = law_book()

    with pytest.raises(NotComparable) as why:
        what_if(rated("QD148-2023", "QD148", 80, 80, 80), law.regimes[other], law)
    assert why.value.vi
    assert law.regimes[other].decision in why.value.en


def test_without_a_scoring_there_is_nothing_to_compare() -> None:
    law = law_book()

    with pytest.raises(NotComparable, match="not been scored"):
        what_if([], law.regimes["QD26-2026"], law)
