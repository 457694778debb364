"""Conflicts of interest (xung đột lợi ích) that show in the records: ties to the producer, guidance given."""

from collections.abc import Iterable

from domain.council.facts import Member
from domain.product.rating_facts import Conflict
from domain.product.state import Product
from domain.values import one_spelling


def detected(product: Product, members: Iterable[Member], *, guidance: bool) -> tuple[Conflict, ...]:
    """Conflicts of these members with a product; ``guidance``: whether having guided it is one.

    Registrations and names are compared in one spelling: a space or a small letter hides no tie.
    """
    registration = one_spelling(product.producer.registration) if product.producer else None
    helpers = {one_spelling(person) for person in product.helpers}
    found: list[Conflict] = []
    for member in members:
        grounds = {tie.kind: None for tie in member.ties if one_spelling(tie.registration) == registration}
        found.extend(Conflict(member=member.person, ground=ground, found="detected") for ground in grounds)
        if guidance and one_spelling(member.person) in helpers:
            found.append(Conflict(member=member.person, ground="guidance", found="detected"))
    return tuple(found)
