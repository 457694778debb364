"""The use case: one function carries every command of every step.

Given the product as known and an order, it authorises, checks the version, decides and wraps the
facts in their envelopes. It touches no database: the writer loads before and appends after.
"""

import hashlib
from dataclasses import dataclass, replace
from uuid import UUID, uuid4, uuid5

from application.recorded import Recorded, envelope
from domain.law.book import LawBook
from domain.product.command import Command, Context
from domain.product.decide import decide, open_claim
from domain.product.state import Product, Told, evolve, fold
from domain.values import Actor, Moment

KEYS = UUID("6f636f70-0000-4000-8000-6b6579000000")
"""Namespace of command ids made from idempotency keys. Never change it: retries would be doubled."""


@dataclass(frozen=True, slots=True)
class Order:
    """A command as it arrived: for which product, by whom, under which id.

    ``digest``: SHA-256 of what was asked; the same id with another digest is a reused key.
    ``expected_version``: from If-Match, or None.
    """

    command_id: UUID
    product_id: UUID
    command: Command
    actor: Actor
    digest: bytes
    expected_version: int | None = None


@dataclass(frozen=True, slots=True)
class Handled:
    """What follows from an order: the facts to append and the product after them."""

    recorded: tuple[Recorded, ...]
    before: Product
    after: Product
    acquired: bytes | None
    released: bytes | None


def command_id_of(actor: Actor, key: str | None) -> UUID:
    """Id of a command: the same for the same actor and key, a new one without a key."""
    return uuid5(KEYS, f"{actor.model_dump_json()}\n{key}") if key else uuid4()


def digest_of(product: str, command: Command) -> bytes:
    """What was asked, so that a reused key is noticed. ``product``: its id, or "" when one is opened."""
    text = f"{product}\n{command.name}\n{command.model_dump_json(exclude_unset=True)}"
    return hashlib.sha256(text.encode()).digest()


def handle(product: Product, order: Order, law: LawBook, moment: Moment, history: tuple[Told, ...] = ()) -> Handled:
    """Authorise, check the version, decide. Raises Refusal; stores nothing."""
    command = order.command
    effective_on = command.effective_on or moment.today
    ctx = Context(law, order.actor, moment, effective_on, history, order.expected_version)
    facts = decide(product, command, ctx)
    after, recorded, told = product, [], list(history)
    for version, fact in enumerate(facts, product.version + 1):
        entry = Told(version, fact, effective_on, command.source)
        told.append(entry)
        after = evolve(after, entry)
        wrapped = envelope(
            fact,
            recorded_at=moment.at,
            effective_on=effective_on,
            actor=order.actor,
            paper=command.paper,
            source=command.source,
            command_id=order.command_id,
            commune=after.commune,
        )
        recorded.append(Recorded(order.product_id, version, wrapped))
    if history and facts:
        after = replace(fold(told), version=after.version)
    held, wanted = open_claim(product), open_claim(after)
    moved = held != wanted
    return Handled(tuple(recorded), product, after, wanted if moved else None, held if moved else None)
