"""What changed in a product between two instants: fields, facts, and facts that were corrected.

For whoever holds a cited answer and wants to know why today's is another.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from application.recorded import Recorded
from domain.product.facts import FactCorrected

OF_THE_DAY = frozenset({"product_id", "version", "position", "tasks", "days_late"})
"""What differs between any two instants, or is told by the fields beside it."""


def differing(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """Fields of a product that read otherwise; all of them where there was none yet."""
    one, other = before or {}, after or {}
    return [
        {"field": name, "before": one.get(name), "after": other.get(name)}
        for name in (other or one)
        if name not in OF_THE_DAY and one.get(name) != other.get(name)
    ]


def between(before: Sequence[Recorded], after: Sequence[Recorded]) -> tuple[list[int], list[int]]:
    """Versions that came in between, and those that are not told any more (the second instant is the earlier)."""
    one, other = ({r.originator_version for r in facts} for facts in (before, after))
    return sorted(other - one), sorted(one - other)


def corrections(facts: Sequence[Recorded], versions: Sequence[int]) -> list[Recorded]:
    """The corrections among some versions."""
    return [r for r in facts if r.originator_version in versions and isinstance(r.fact, FactCorrected)]
