"""What decisions need to know of a book: the last number of each kind."""

from dataclasses import dataclass, replace
from typing import assert_never
from uuid import UUID, uuid5

from domain.book.facts import BookFact, DecisionIssued, ProductNumberGiven
from domain.stream import Told

BOOKS = UUID("6f636f70-0000-4000-8000-626f6f6b7300")
"""Namespace of the books' ids. Never change it: numbers would begin again."""


def book_id(level: str, area: str, year: int) -> UUID:
    """The book of an authority, or of a commune, and a year."""
    return uuid5(BOOKS, f"{level}|{area}|{year}")


@dataclass(frozen=True, slots=True)
class Book:
    """Last numbers given: of decisions and certificates by an authority, of products by a commune."""

    version: int = 0
    area: str = ""
    decisions: int = 0
    certificates: int = 0
    products: int = 0


def evolve(book: Book, told: Told) -> Book:
    """The book after one more fact; decisions known from paper take no number."""
    return replace(_apply(book, told.fact), version=told.version)


def _apply(book: Book, fact: BookFact) -> Book:
    match fact:
        case DecisionIssued():
            certificates = max([book.certificates, *(e.certificate for e in fact.entries if e.certificate)])
            decisions = max(book.decisions, fact.number or 0)
            return replace(book, area=fact.area, decisions=decisions, certificates=certificates)
        case ProductNumberGiven():
            return replace(book, area=fact.commune, products=fact.number)
        case _:
            assert_never(fact)
