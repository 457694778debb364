"""From score sheets to stars (từ phiếu điểm đến hạng sao): exact numbers only, no rounding anywhere.

A total alone does not give a star: each star also needs the gated options of its own and every lower level.
Bands and gates come from the regime's and the sheet's files.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from domain.law.models import Regime, Sheet
from domain.product.rating_facts import Choice
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


def _check_variants(sheet: Sheet, choices: Sequence[Choice]) -> None:
    """A product is of one variant (loại hình): its sheet does not mix the options of several."""
    chosen = [(c.code, sheet.leaves[c.code].options[c.option].variant) for c in choices if c.option is not None]
    variants = {variant: code for code, variant in chosen if variant is not None}
    if len(variants) > 1:
        named = ", ".join(f"{code} ({variant})" for variant, code in sorted(variants.items()))
        raise Invalid(
            f"Phiếu chọn lẫn lộn hai loại hình: {named}.",
            f"The sheet mixes variants: {named}.",
            field="choices",
            hint_vi="Chọn một loại hình (a hoặc b) cho cả phiếu.",
            hint_en="Choose one variant (a or b) for the whole sheet.",
        )


def total_of(sheet: Sheet, choices: Sequence[Choice]) -> int:
    """Total of a complete sheet; refuses one with a criterion left out."""
    points = points_of(sheet, choices)
    _check_variants(sheet, choices)
    absent = [code for code in sheet.leaves if code not in points]
    if absent:
        raise Invalid(
            f"Phiếu còn thiếu tiêu chí: {', '.join(absent)}.",
            f"The sheet leaves out: {', '.join(absent)}.",
            field="choices",
        )
    return sum(points.values())


@dataclass(frozen=True, slots=True)
class GateCheck:
    """A star gate (điều kiện tối thiểu) held against the points found for its criterion."""

    code: str
    stars: int
    needed: int
    found: Fraction

    @property
    def met(self) -> bool:
        """Whether the points suffice."""
        return self.found >= self.needed


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a scoring: exact average, its band, the gates missed up to that band, the stars."""

    average: Fraction
    band: int
    missed: tuple[GateCheck, ...]
    stars: int


def outcome(regime: Regime, sheet: Sheet, totals: Iterable[int], found: Mapping[str, Fraction | int]) -> Outcome:
    """Average of the members' totals → band → stars.

    ``found``: points per gated criterion, as the council agreed or as ``average_points`` says, whichever the
    council's rules test. A missed gate of star s holds the product below s; bands below the certifiable star
    have no gates.
    """
    values = list(totals)
    average = Fraction(sum(values), len(values))
    band = band_of(regime, average)
    missed = tuple(gate for gate in checklist(sheet, found) if gate.stars <= band and not gate.met)
    lowest_missed = min((gate.stars for gate in missed), default=band + 1)
    return Outcome(average, band, missed, min(band, lowest_missed - 1))


def band_of(regime: Regime, average: Fraction) -> int:
    """Stars of the band in which the exact average lies."""
    return max(band.stars for band in regime.bands if average >= band.min)


def checklist(sheet: Sheet, found: Mapping[str, Fraction | int]) -> tuple[GateCheck, ...]:
    """Every gate of the sheet, star by star; a criterion nothing was found for counts 0."""
    gates = [
        GateCheck(code, stars, needed, Fraction(found.get(code, 0)))
        for code, by_star in sheet.gates.items()
        for stars, needed in by_star.items()
    ]
    return tuple(sorted(gates, key=lambda gate: gate.stars))


def average_points(members: Sequence[Mapping[str, int]]) -> dict[str, Fraction]:
    """Exact average of the members' points by criterion; each has answered the same criteria."""
    return {code: Fraction(sum(points[code] for points in members), len(members)) for code in members[0]}


def spread(totals: Iterable[Fraction | int]) -> Fraction:
    """Largest minus smallest total (chênh lệch điểm); 0 with fewer than two."""
    values = [Fraction(total) for total in totals]
    return max(values) - min(values) if values else Fraction(0)


def exceeds(totals: Iterable[Fraction | int], limit: Fraction) -> bool:
    """Whether the totals lie further apart than the council's limit; exactly the limit does not."""
    return spread(totals) > limit


def exact(value: Fraction) -> str:
    """A fraction as stored text: "73" or "221/3"."""
    return str(value)
