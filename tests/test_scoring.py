"""From sheets to stars: bands on exact fractions, gates, and what a sheet may hold."""

from fractions import Fraction

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st

from domain.law.book import law_book
from domain.law.models import Regime, Sheet
from domain.law.scoring import (
    average_points,
    band_of,
    checklist,
    exact,
    exceeds,
    outcome,
    points_of,
    spread,
    total_of,
)
from domain.product.rating_facts import Choice
from domain.refusals import Invalid

LAW = law_book()
REGIME = LAW.regimes["QD26-2026"]
TEA = LAW.sheets["QD26-11"]
ALL_GATES = {code: max(gates.values()) for code, gates in TEA.gates.items()}


def stars(totals: list[int], agreed: dict[str, int] = ALL_GATES) -> int:
    return outcome(REGIME, TEA, totals, agreed).stars


HUNDREDTHS = [
    (Fraction(4999, 100), 2),
    (Fraction(50), 3),
    (Fraction(6999, 100), 3),
    (Fraction(70), 4),
    (Fraction(8999, 100), 4),
    (Fraction(90), 5),
    (Fraction(0), 1),
    (Fraction(2999, 100), 1),
    (Fraction(30), 2),
    (Fraction(100), 5),
]


@pytest.mark.parametrize("regime", LAW.regimes.values(), ids=lambda r: r.id)
@pytest.mark.parametrize(("average", "stars"), HUNDREDTHS, ids=str)
def test_a_band_begins_exactly_at_its_points(regime: Regime, average: Fraction, stars: int) -> None:
    assert band_of(regime, average) == stars


@pytest.mark.parametrize(("edge", "below", "at"), [(30, 1, 2), (50, 2, 3), (70, 3, 4), (90, 4, 5)])
@pytest.mark.parametrize("members", [3, 7])
def test_the_nearest_average_below_an_edge_stays_below(edge: int, below: int, at: int, members: int) -> None:
    """Given totals that lie together one point under the edge, when averaged, then no rounding lifts them."""
    short = outcome(REGIME, TEA, [edge - 1, *[edge] * (members - 1)], ALL_GATES)
    full = outcome(REGIME, TEA, [edge] * members, ALL_GATES)
    more = outcome(REGIME, TEA, [edge + 1, *[edge] * (members - 1)], ALL_GATES)

    assert (short.average, short.stars) == (edge - Fraction(1, members), below)
    assert (full.average, full.stars) == (Fraction(edge), at)
    assert (more.average, more.stars) == (edge + Fraction(1, members), at)
    assert short.missed == full.missed == more.missed == ()


@pytest.mark.parametrize("code", [c for c, gates in TEA.gates.items() if 3 in gates])
def test_a_missed_three_star_gate_leaves_two_stars_whatever_the_total(code: str) -> None:
    """Given every gate of four and five stars met, when one of three is missed, then the product has two."""
    found = outcome(REGIME, TEA, [95, 95, 95], ALL_GATES | {code: TEA.gates[code][3] - 1})

    assert (found.band, found.stars) == (5, 2)
    assert {gate.code for gate in found.missed} == {code}


@pytest.mark.parametrize("code", [c for c, gates in TEA.gates.items() if 4 in gates])
def test_a_missed_four_star_gate_leaves_three_stars(code: str) -> None:
    needed = TEA.gates[code]
    found = outcome(REGIME, TEA, [85, 85, 85], ALL_GATES | {code: needed[4] - 1})

    assert found.stars == (3 if needed.get(3, 0) < needed[4] else 2)
    assert (code, 4) in [(gate.code, gate.stars) for gate in found.missed]
    assert not any(gate.met for gate in found.missed)


@pytest.mark.parametrize("code", [c for c, gates in TEA.gates.items() if 5 in gates])
def test_a_missed_five_star_gate_leaves_four_stars(code: str) -> None:
    found = outcome(REGIME, TEA, [95, 95, 95], ALL_GATES | {code: TEA.gates[code][5] - 1})

    assert found.stars == 4
    assert [(gate.code, gate.stars) for gate in found.missed] == [(code, 5)]
    assert outcome(REGIME, TEA, [85, 85, 85], ALL_GATES | {code: TEA.gates[code][5] - 1}).missed == ()


def test_gates_are_cumulative() -> None:
    assert stars([95, 95, 95], ALL_GATES | {"2.2": 0}) == 2


def test_a_criterion_nothing_was_found_for_counts_nothing() -> None:
    assert stars([85, 85, 85], {}) == 2


def test_a_sheet_without_gates_follows_its_band() -> None:
    plain = next(s for s in LAW.sheets.values() if s.complete and not s.gates)

    assert outcome(LAW.regimes[plain.regime], plain, [91, 89, 90], {}).stars == 5
    assert checklist(plain, {}) == ()


def test_gates_may_be_tested_on_the_exact_average_of_the_members_points() -> None:
    """Given members who differ on one gated criterion, when its average falls short by a third, then it is missed."""
    code = "2.2"
    needed = TEA.gates[code][3]
    members = [ALL_GATES | {code: needed} for _ in range(3)]
    assert outcome(REGIME, TEA, [85, 85, 85], average_points(members)).stars == 4

    members[0] = {**members[0], code: needed - 1}
    averages = average_points(members)
    found = outcome(REGIME, TEA, [85, 85, 85], averages)

    assert averages[code] == needed - Fraction(1, 3)
    assert found.stars == 2
    assert {(gate.code, gate.found) for gate in found.missed if gate.stars == 3} == {(code, needed - Fraction(1, 3))}


def test_the_checklist_holds_every_gate_of_every_star() -> None:
    rows = checklist(TEA, ALL_GATES | {"2.2": 0})

    assert len(rows) == sum(len(gates) for gates in TEA.gates.values())
    assert [row.stars for row in rows] == sorted(row.stars for row in rows)
    assert {row.code for row in rows if not row.met} == {"2.2"}


@pytest.mark.parametrize(
    ("totals", "limit", "apart", "too_far"),
    [
        ([80, 85, 90], Fraction(10), Fraction(10), False),
        ([80, 85, 91], Fraction(10), Fraction(11), True),
        ([Fraction(80), Fraction(9001, 100)], Fraction(10), Fraction(1001, 100), True),
        ([Fraction(80), Fraction(90)], Fraction(10), Fraction(10), False),
        ([80, 90], Fraction("9.5"), Fraction(10), True),
        ([80], Fraction(10), Fraction(0), False),
        ([], Fraction(10), Fraction(0), False),
    ],
)
def test_totals_may_lie_as_far_apart_as_the_limit_and_no_further(
    totals: list[Fraction | int], limit: Fraction, apart: Fraction, too_far: bool
) -> None:
    assert spread(totals) == apart
    assert exceeds(totals, limit) is too_far


def test_a_fraction_is_stored_as_text() -> None:
    assert [exact(Fraction(221, 3)), exact(Fraction(73))] == ["221/3", "73"]


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


def first_options(sheet: Sheet) -> list[Choice]:
    return [Choice(code=code, option=0) for code in sheet.leaves]


def test_a_sheet_with_a_criterion_left_out_is_refused() -> None:
    with pytest.raises(Invalid, match=r"1\.1"):
        total_of(TEA, first_options(TEA)[1:])


def test_a_criterion_answered_twice_is_refused() -> None:
    sheet = first_options(TEA)
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


def test_one_option_of_one_variant_answers_a_criterion() -> None:
    """Items 8, 9 and 15 of the tourism sheet have options for two ways of running it: one option is chosen."""
    tourism = LAW.sheets["QD26-26"]
    code, varied = next((c, k) for c, k in tourism.leaves.items() if any(o.variant for o in k.options))

    assert {o.variant for o in varied.options} == {"a", "b"}
    assert [points_of(tourism, [Choice(code=code, option=n)])[code] for n in range(len(varied.options))] == [
        o.points for o in varied.options
    ]


def test_free_points_are_options_too() -> None:
    parts = LAW.sheets["QD148"]

    assert total_of(parts, [Choice(code=c, option=n) for c, n in (("A", 31), ("B", 20), ("C", 22))]) == 73
    with pytest.raises(Invalid, match="no option 41"):
        points_of(parts, [Choice(code="A", option=41)])


def test_a_sheet_is_of_one_variant() -> None:
    sheet = LAW.sheets["QD26-26"]
    varied = {code: c for code, c in sheet.leaves.items() if any(o.variant for o in c.options)}
    assert sorted(varied) == ["15", "8", "9"]

    def of(*variants: str) -> list[Choice]:
        wanted = dict(zip(sorted(varied), variants, strict=True))
        return [
            Choice(code=code, option=next((i for i, o in enumerate(c.options) if o.variant == wanted[code]), 0))
            if code in varied
            else Choice(code=code, option=0)
            for code, c in sheet.leaves.items()
        ]

    assert total_of(sheet, of("a", "a", "a")) == total_of(sheet, of("b", "b", "b"))
    with pytest.raises(Invalid, match="mixes variants"):
        total_of(sheet, of("a", "b", "a"))
