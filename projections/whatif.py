"""What if: a product's last rating taken again under another regime, on a copy, with nothing stored.

For those who prepare or judge a change of the rules. Only what the rule files themselves say is compared: a sheet whose
criteria and options are not those of the other regime has no conversion in any decision, and none is made up here.
"""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

from application.recorded import Recorded
from domain.law.book import LawBook
from domain.law.models import Regime, Sheet
from domain.law.scoring import Outcome, average_points, exact, outcome, points_of
from domain.product.rating_facts import ScoringConcluded
from domain.refusals import Refusal
from projections.explained import last_scoring, members_of


class NotComparable(Exception):
    """Why a rating cannot be taken again under the other regime, in both languages."""

    def __init__(self, vi: str, en: str) -> None:
        super().__init__(en)
        self.vi, self.en = vi, en


def what_if(stream: Iterable[Recorded], other: Regime, law: LawBook) -> dict[str, Any]:
    """The rating as it was and as the other regime would have it, with what differs; raises NotComparable."""
    scored = last_scoring(stream)
    if scored is None or scored.concluded is None or not scored.rounds:
        raise NotComparable("Sản phẩm chưa có kết quả chấm điểm", "The product has not been scored")
    concluded = scored.concluded.fact
    assert isinstance(concluded, ScoringConcluded)
    own, sheet = law.regimes.get(concluded.regime), law.sheets.get(concluded.sheet)
    if own is None or sheet is None:
        missing = f"{concluded.regime} {concluded.sheet}"
        raise NotComparable(f"Chưa nạp quy định {missing}", f"The rules {missing} are not loaded")
    members = members_of(scored.rounds[-1])
    then = _rated(own, sheet, concluded, members)
    now = _rated(other, _like(sheet, other, own, law), concluded, members)
    differing = [
        {"field": name, "as_rated": then[name], "what_if": now[name]} for name in then if then[name] != now[name]
    ]
    return {
        "version": scored.concluded.originator_version,
        "as_rated": then,
        "what_if": now,
        "differences": differing,
        "vi": f"Hồ sơ được tính lại theo {other.decision}: {_stars(then, now, 'sao')}. Không lưu gì.",
        "en": f"The dossier taken again under {other.decision}: {_stars(then, now, 'stars')}. Nothing was stored.",
    }


def _stars(then: Mapping[str, Any], now: Mapping[str, Any], word: str) -> str:
    return f"{then['stars']} → {now['stars']} {word}"


def _like(sheet: Sheet, other: Regime, own: Regime, law: LawBook) -> Sheet:
    """The other regime's sheet with the same criteria and the same options worth the same points."""
    known = law.sheets_of(other)
    found = [known[sheet.id]] if sheet.id in known else [s for s in known.values() if _shape(s) == _shape(sheet)]
    if len(found) != 1:
        raise NotComparable(
            f"Phiếu {sheet.id} của {own.decision} và các phiếu của {other.decision} không cùng tiêu chí, mức điểm;"
            " không văn bản nào quy định cách quy đổi",
            f"Sheet {sheet.id} of {own.decision} and the sheets of {other.decision} have other criteria and options;"
            " no decision says how one is converted into the other",
        )
    return found[0]


def _shape(sheet: Sheet) -> dict[str, list[tuple[int, str | None]]]:
    return {code: [(o.points, o.variant) for o in criterion.options] for code, criterion in sheet.leaves.items()}


def _rated(regime: Regime, sheet: Sheet, concluded: ScoringConcluded, members: Sequence[Any]) -> dict[str, Any]:
    """By the functions that decided, on the sheets as they were opened; the council's way of testing gates is kept."""
    try:
        points = [points_of(sheet, member.choices) for member in members]
        tested: Mapping[str, Fraction | int] = (
            points_of(sheet, concluded.agreed) if concluded.gate_test == "agreed" else average_points(points)
        )
    except (Refusal, KeyError) as refused:
        why = refused if isinstance(refused, Refusal) else None
        raise NotComparable(
            why.vi if why else f"Phiếu không chấm cùng tiêu chí ({refused})",
            why.en if why else f"The sheets do not answer the same criteria ({refused})",
        ) from refused
    totals = [sum(found.values()) for found in points]
    reached = outcome(regime, sheet, totals, tested)
    return {
        "regime": regime.id,
        "decision": regime.decision,
        "sheet": sheet.id,
        "sheet_complete": sheet.complete,
        "totals": totals,
        "average": exact(reached.average),
        "band": reached.band,
        "missed": [
            {"code": g.code, "stars": g.stars, "needed": g.needed, "found": exact(g.found)} for g in reached.missed
        ],
        "stars": reached.stars,
        "signs": _signs(regime, reached),
    }


def _signs(regime: Regime, reached: Outcome) -> dict[str, Any] | None:
    """Whose signature these stars take; None where nobody certifies them."""
    level = regime.certifier(reached.stars)
    if level is None:
        return None
    return {
        "level": level.code,
        "vi": level.authority_vi,
        "en": level.authority_en,
        "legal_basis": level.legal_basis,
        "mark": level.mark,
    }
