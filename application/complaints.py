"""Complaints of a product by their numbers: who complained is known by the fact, its number may be corrected."""

from uuid import UUID

from application.store import Journal
from domain.product.facts import FactCorrected
from domain.product.rating_facts import ComplaintFiled
from domain.values import one_spelling


class Ambiguous(Exception):
    """Several complaints of the product bear the number."""


def complaint_named(journal: Journal, product: UUID, number: str) -> int | None:
    """Version of the fact of the complaint that bears a number now, else of the one that bore it at first.

    None when there is none; raises Ambiguous.
    """
    first: dict[int, str] = {}
    now: dict[int, str] = {}
    for r in journal.streams([product]):
        if isinstance(r.fact, ComplaintFiled):
            first[r.originator_version] = now[r.originator_version] = one_spelling(r.fact.number)
        elif isinstance(r.fact, FactCorrected) and r.fact.corrected_version in first and "number" in r.fact.now:
            now[r.fact.corrected_version] = one_spelling(str(r.fact.now["number"]))
    wanted = one_spelling(number)
    for numbers in (now, first):
        found = [version for version, borne in numbers.items() if borne == wanted]
        if len(found) > 1:
            raise Ambiguous
        if found:
            return found[0]
    return None
