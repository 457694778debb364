"""From sheets to stars: bands on exact fractions, gates, and what a sheet may hold."""

from fractions import Fraction

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.law.book import law_book
from domain.law.scoring import outcome, points_of, total_of
from domain.product.facts import Choice
from domain.refusals import Invalid
from tests.story import choices

LAW = law_book()
REGIME = LAW.regimes["QD26-2026"]
TEA = LAW.sheets["QD26-11"]
ALL_GATES = {code: max(gates.values()) for code, gates in TEA.gates.items()}


def stars(totals: list[int], agreed: dict[str, int] = ALL_GATES) -> int:
    return outcome(REGIME, TEA, totals, agreed).stars


@pytest.mark.parametrize(
    ("totals", "average", "reached"),
    [
        ([49, 50, 50], Fraction(149, 3), 2),
        ([50, 50, 50], Fraction(50), 3),
        ([69, 70, 70], Fraction(209, 3), 3),
        ([70, 70, 70], Fraction(70), 4),
        ([89, 90, 90], Fraction(269, 3), 4),
        ([90, 90, 90], Fraction(90), 5),
        ([70, 70, 70, 70, 70, 70, 69], Fraction(489, 7), 3),
        ([70, 70, 70, 70, 70, 70, 71], Fraction(491, 7), 4),
        ([29, 30, 30], Fraction(89, 3), 1),
        ([30, 30, 30], Fraction(30), 2),
    ],
)
def test_the_band_is_taken_from_the_exact_average(totals: list[int], average: Fraction, reached: int) -> None:
    found = outcome(REGIME, TEA, totals, ALL_GATES)

    assert found.average == average
    assert found.stars == reached
    assert found.missed == ()


@pytest.mark.parametrize("code", [c for c, gates in TEA.gates.items() if 3 in gates])
def test_a_missed_three_star_gate_leaves_two_stars_whatever_the_total(code: str) -> None:
    found = outcome(REGIME, TEA, [85, 85, 85], ALL_GATES | {code: TEA.gates[code][3] - 1})

    assert found.band == 4
    assert found.stars == 2
    assert code in {gate.code for gate in found.missed}


@pytest.mark.parametrize("code", [c for c, gates in TEA.gates.items() if 4 in gates and 3 not in gates])
def test_a_missed_four_star_gate_leaves_three_stars(code: str) -> None:
    found = outcome(REGIME, TEA, [85, 85, 85], ALL_GATES | {code: TEA.gates[code][4] - 1})

    assert found.stars == 3
    assert [gate.code for gate in found.missed] == [code]


def test_gates_are_cumulative() -> None:
    missed = ALL_GATES | {"2.2": 0}

    assert stars([95, 95, 95], missed) == 2


def test_a_criterion_nobody_agreed_on_counts_nothing() -> None:
    assert stars([85, 85, 85], {}) == 2


@for_all(
    st.lists(st.integers(0, 100), min_size=1, max_size=15),
    st.dictionaries(st.sampled_from(sorted(TEA.gates)), st.integers(0, 5)),
)
def test_stars_never_exceed_the_band_and_need_their_gates(totals: list[int], agreed: dict[str, int]) -> None:
    found = outcome(REGIME, TEA, totals, agreed)

    assert found.stars <= max(found.band, 2)
    assert found.average == Fraction(sum(totals), len(totals))
    for code, gates in TEA.gates.items():
        for level, needed in gates.items():
            if level <= found.stars:
                assert agreed.get(code, 0) >= needed


@for_all(st.data())
def test_any_complete_sheet_totals_the_points_of_its_options(data: st.DataObject) -> None:
    picked = [Choice(code=code, option=data.draw(st.integers(0, len(c.options) - 1))) for code, c in TEA.leaves.items()]

    total = total_of(TEA, picked)

    assert total == sum(TEA.leaves[c.code].options[c.option or 0].points for c in picked)
    assert 0 <= total <= 100


def parsed(body: list[dict[str, object]]) -> list[Choice]:
    return [Choice.model_validate(c) for c in body]


def test_a_sheet_with_a_criterion_left_out_is_refused() -> None:
    with pytest.raises(Invalid, match=r"1\.1"):
        total_of(TEA, parsed(choices("QD26-11", 4))[1:])


def test_a_criterion_answered_twice_is_refused() -> None:
    sheet = parsed(choices("QD26-11", 4))
    with pytest.raises(Invalid, match="twice"):
        points_of(TEA, [*sheet, sheet[0]])


def test_a_criterion_of_another_sheet_is_refused() -> None:
    with pytest.raises(Invalid, match="no criterion"):
        points_of(TEA, [Choice(code="99.1", option=0)])


def test_an_option_that_does_not_exist_is_refused() -> None:
    with pytest.raises(Invalid, match="no option"):
        points_of(TEA, [Choice(code="1.1", option=9)])


def test_none_met_counts_zero_only_where_the_sheet_has_no_zero() -> None:
    without_zero = next(c for c, k in TEA.leaves.items() if all(o.points for o in k.options))
    with_zero = next(c for c, k in TEA.leaves.items() if any(o.points == 0 for o in k.options))

    assert points_of(TEA, [Choice(code=without_zero, option=None)]) == {without_zero: 0}
    with pytest.raises(Invalid, match="0 points"):
        points_of(TEA, [Choice(code=with_zero, option=None)])
