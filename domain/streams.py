"""The kinds of streams there are, and how each is told from its facts."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from domain.book import facts as book_facts
from domain.book import state as book
from domain.council import facts as council_facts
from domain.council import state as council
from domain.log import facts as log_facts
from domain.log import state as log
from domain.office import facts as office_facts
from domain.office import state as office
from domain.person import facts as person_facts
from domain.person import state as person
from domain.person.claims import handle_claim
from domain.product import facts as product_facts
from domain.product import state as product
from domain.product.claims import open_claim
from domain.programme import facts as programme_facts
from domain.programme import state as programme
from domain.session import facts as session_facts
from domain.session import state as session
from domain.stream import Fact, Told
from domain.subject import facts as subject_facts
from domain.subject import state as subject


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of stream: its facts, its state before the first one, and how a fact changes it.

    ``claim``: what a state holds that no other stream may hold at the same time, as a digest; None for nothing.
    """

    name: str
    catalogue: Mapping[str, type[Fact]]
    empty: Any
    evolve: Callable[[Any, Told], Any]
    fold: Callable[[Iterable[Told]], Any]
    claim: Callable[[Any], bytes | None] = lambda _state: None

    def holds(self, state: Any) -> bool:
        """Whether a state is of this kind: an id may be one of another kind of stream."""
        return isinstance(state, type(self.empty))


def _plain(
    name: str,
    catalogue: Mapping[str, type[Fact]],
    empty: Any,
    evolve: Callable[[Any, Told], Any],
    claim: Callable[[Any], bytes | None] = lambda _state: None,
) -> Kind:
    return Kind(name, catalogue, empty, evolve, lambda history: reduce(evolve, history, empty), claim)


KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("product", product_facts.CATALOGUE, product.Product(), product.evolve, product.fold, open_claim),
        _plain("council", council_facts.CATALOGUE, council.Council(), council.evolve),
        _plain("session", session_facts.CATALOGUE, session.Session(), session.evolve),
        _plain("book", book_facts.CATALOGUE, book.Book(), book.evolve),
        _plain("office", office_facts.CATALOGUE, office.Office(), office.evolve),
        _plain("person", person_facts.CATALOGUE, person.Person(), person.evolve, handle_claim),
        _plain("subject", subject_facts.CATALOGUE, subject.Subject(), subject.evolve),
        _plain("log", log_facts.CATALOGUE, log.Log(), log.evolve),
        _plain("programme", programme_facts.CATALOGUE, programme.Programme(), programme.evolve),
    )
}
"""Kind of stream by name: the first word of the stored names of its facts."""

CATALOGUE: dict[str, type[Fact]] = {stored: fact for kind in KINDS.values() for stored, fact in kind.catalogue.items()}
"""Stored name → fact class, of all streams. What is not here cannot be stored or read."""


_BY_STATE = {type(kind.empty): kind for kind in KINDS.values()}


def claim_of(state: Any) -> bytes | None:
    """What a state of whatever kind claims."""
    kind = _BY_STATE.get(type(state))
    return kind.claim(state) if kind else None


def kind_of(fact: Fact) -> Kind:
    """The kind of stream a fact belongs to."""
    return KINDS[fact.stored_name.partition(".")[0]]
