"""What decisions need to know of a book: the last number of each kind."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import assert_never
from uuid import UUID, uuid5

from domain.book.facts import BookFact, DecisionIssued, ProductNumberGiven
from domain.changing import replace
from domain.stream import Told

BOOKS = UUID("6f636f70-0000-4000-8000-626f6f6b7300")
"""Namespace of the books' ids. Never change it: numbers would begin again."""


def book_id(level: str, area: str, year: int) -> UUID:
    """The book of an authority, or of a commune, and a year."""
    return uuid5(BOOKS, f"{level}|{area}|{year}")


@dataclass(frozen=True, slots=True)
class Book:
    """Last numbers given: of decisions and certificates by an authority, of products by a commune.

    ``written``: numbers known from papers, which are not given again.
    """

    version: int = 0
    area: str = ""
    written: frozenset[str] = frozenset()
    decisions: int = 0
    certificates: int = 0
    products: int = 0


def next_number(book: Book, last: int, form: Callable[[int], str]) -> tuple[int, str]:
    """The number after ``last`` and how it is written; one that a paper carries already is passed over."""
    return next((n, written) for n in count(last + 1) if (written := form(n)) not in book.written)


def evolve(book: Book, told: Told) -> Book:
    """The book after one more fact; decisions known from paper take no number."""
    return replace(_apply(book, told), version=told.version)


def _apply(book: Book, told: Told) -> Book:
    fact: BookFact = told.fact
    match fact:
        case DecisionIssued(number=None):
            written = {fact.decision_number, *(e.certificate_number for e in fact.entries if e.certificate_number)}
            return replace(book, area=fact.area, written=book.written | written)
        case DecisionIssued():
            certificates = max([book.certificates, *(e.certificate for e in fact.entries if e.certificate)])
            return replace(
                book,
                area=fact.area,
                decisions=max(book.decisions, fact.number or 0),
                certificates=certificates,
            )
        case ProductNumberGiven(number=None):
            return replace(book, area=fact.commune, written=book.written | {fact.product_number})
        case ProductNumberGiven():
            return replace(book, area=fact.commune, products=max(book.products, fact.number or 0))
        case _:
            assert_never(fact)
