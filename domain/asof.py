"""A history as it was known at one instant and stood on one day (thời điểm biết, ngày hiệu lực).

Cutting at what was known is the journal's: facts up to a position. What of those has happened by a day of the law is
decided here, and nowhere else. Two kinds of facts are dated by others. A correction counts from the day of the fact it
corrects: it says what that fact always should have said. And what says who a product is counts from the first
recognition that a paper or register proves: a product taken over in 2026 held its star of 2021 in 2022.
"""

from collections.abc import Sequence
from datetime import date

from domain.product.certificate_facts import EnteredFromRegister, RecognitionRecorded
from domain.product.facts import FactCorrected, ProductIdentified
from domain.product.phases import Phase
from domain.product.state import Product, fold
from domain.stream import Told

IDENTITY = (ProductIdentified, EnteredFromRegister)
"""Facts that say who a product is."""


def days_of(history: Sequence[Told]) -> dict[int, date]:
    """From which day each fact of a product counts, by version."""
    proved = [entry.effective_on for entry in history if isinstance(entry.fact, RecognitionRecorded)]
    days = {
        entry.version: min([entry.effective_on, *proved]) if isinstance(entry.fact, IDENTITY) else entry.effective_on
        for entry in history
    }
    for entry in history:
        if isinstance(entry.fact, FactCorrected):
            days[entry.version] = days[entry.fact.corrected_version]
    return days


def happened(history: Sequence[Told], effective: date) -> list[Told]:
    """The facts of a known history that had happened by a day, corrections beside what they correct."""
    days = days_of(history)
    return [entry for entry in history if days[entry.version] <= effective]


def stood(history: Sequence[Told], effective: date) -> Product | None:
    """The product as it stood on a day, told from a known history; None when there was none yet."""
    product = fold(happened(history, effective))
    return None if product.phase is Phase.NONE else product
