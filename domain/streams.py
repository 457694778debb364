"""The kinds of streams there are, and how each is told from its facts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from domain.book import facts as book_facts
from domain.book import state as book
from domain.council import facts as council_facts
from domain.council import state as council
from domain.product import facts as product_facts
from domain.product import state as product
from domain.session import facts as session_facts
from domain.session import state as session
from domain.stream import Fact, Told
from domain.subject import facts as subject_facts
from domain.subject import state as subject


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of stream: its facts, its state before the first one, and how a fact changes it."""

    name: str
    catalogue: Mapping[str, type[Fact]]
    empty: Any
    evolve: Callable[[Any, Told], Any]
    fold: Callable[[Iterable[Told]], Any]

    def holds(self, state: Any) -> bool:
        """Whether a state is of this kind: an id may be one of another kind of stream."""
        return isinstance(state, type(self.empty))


def _plain(name: str, catalogue: Mapping[str, type[Fact]], empty: Any, evolve: Callable[[Any, Told], Any]) -> Kind:
    return Kind(name, catalogue, empty, evolve, lambda history: reduce(evolve, history, empty))


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("product", product_facts.CATALOGUE, product.Product(), product.evolve, product.fold),
        _plain("council", council_facts.CATALOGUE, council.Council(), council.evolve),
        _plain("session", session_facts.CATALOGUE, session.Session(), session.evolve),
        _plain("book", book_facts.CATALOGUE, book.Book(), book.evolve),
        _plain("subject", subject_facts.CATALOGUE, subject.Subject(), subject.evolve),
    )
}
"""Kind of stream by name: the first word of the stored names of its facts."""

CATALOGUE: dict[str, type[Fact]] = {stored: fact for kind in KINDS.values() for stored, fact in kind.catalogue.items()}
"""Stored name → fact class, of all streams. What is not here cannot be stored or read."""


def kind_of(fact: Fact) -> Kind:
    """The kind of stream a fact belongs to."""
    return KINDS[fact.stored_name.partition(".")[0]]
