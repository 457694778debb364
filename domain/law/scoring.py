"""From score sheets to stars (từ phiếu điểm đến hạng sao): exact numbers only, no rounding anywhere.

Source: Decision 26/2026/QĐ-TTg article 4 and annex II. A total alone does not give a star: each star
also needs the gated options of its own and every lower level.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from domain.law.book import Regime, Sheet
from domain.product.facts import Choice, Gate
from domain.refusals import Invalid


def points_of(sheet: Sheet, choices: Iterable[Choice], field: str = "choices") -> dict[str, int]:
    """Points by criterion code; refuses unknown codes, doubles and options that do not exist.

    ``field``: the command's field that a refusal names.
    """
    found: dict[str, int] = {}
    for choice in choices:
        criterion = sheet.leaves.get(choice.code)
        if criterion is None:
            raise Invalid(
                f"Tiêu chí {choice.code} không có trong phiếu {sheet.id}.",
                f"Sheet {sheet.id} has no criterion {choice.code}.",
                field=field,
            )
        if choice.code in found:
            raise Invalid(
                f"Tiêu chí {choice.code} được chọn hai lần.",
                f"Criterion {choice.code} is answered twice.",
                field=field,
            )
        if choice.option is None:
            if any(o.points == 0 for o in criterion.options):
                raise Invalid(
                    f"Tiêu chí {choice.code} có mức 0 điểm: hãy chọn mức đó.",
                    f"Criterion {choice.code} has an option of 0 points: choose it.",
                    field=field,
                )
            found[choice.code] = 0
        elif choice.option >= len(criterion.options):
            raise Invalid(
                f"Tiêu chí {choice.code} không có mức {choice.option}.",
                f"Criterion {choice.code} has no option {choice.option}.",
                field=field,
            )
        else:
            found[choice.code] = criterion.options[choice.option].points
    return found


def total_of(sheet: Sheet, choices: Iterable[Choice]) -> int:
    """Total of a complete sheet; refuses one with a criterion left out."""
    points = points_of(sheet, choices)
    absent = [code for code in sheet.leaves if code not in points]
    if absent:
        raise Invalid(
            f"Phiếu còn thiếu tiêu chí: {', '.join(absent)}.",
            f"The sheet leaves out: {', '.join(absent)}.",
            field="choices",
        )
    return sum(points.values())


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a scoring: exact average, its band, the gates missed up to that band, the stars."""

    average: Fraction
    band: int
    missed: tuple[Gate, ...]
    stars: int


def outcome(regime: Regime, sheet: Sheet, totals: Iterable[int], agreed: Mapping[str, int]) -> Outcome:
    """Average of the members' totals → band → stars.

    ``agreed``: points per gated criterion as the council agreed with the advisory team's finding.
    A missed gate of star s holds the product below s; bands below the certifiable star have no gates.
    """
    values = list(totals)
    average = Fraction(sum(values), len(values))
    band = next(b.stars for b in sorted(regime.bands, key=lambda b: -b.stars) if average >= b.min)
    lowest = regime.rating.certifiable_from_stars
    missed: list[Gate] = []
    stars = min(band, lowest - 1)
    for level in range(lowest, band + 1):
        failed = [
            Gate(code=code, stars=level, needed=gates[level], found=agreed.get(code, 0))
            for code, gates in sheet.gates.items()
            if level in gates and agreed.get(code, 0) < gates[level]
        ]
        missed.extend(failed)
        if not missed:
            stars = level
    return Outcome(average, band, tuple(missed), stars)


def exact(value: Fraction) -> str:
    """A fraction as stored text: "73" or "221/3"."""
    return str(value)
