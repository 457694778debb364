"""The use case: one function carries every command of every stream.

Given the states as known and an order, it authorises, checks the version, decides and wraps the facts in
their envelopes. It touches no database: the writer loads before and appends after.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4, uuid5

from application.recorded import Recorded, envelope
from domain import personal
from domain.authority import check_held
from domain.command import Command, Context
from domain.decide import Permitted, authorise, take
from domain.law.authority import DEFAULT_DENY
from domain.law.book import LawBook
from domain.refusals import NotFound, NotHeld, OutsideArea, Refusal
from domain.sealing import Seals
from domain.stream import For, Told, hands_of
from domain.streams import KINDS, claim_of, kind_of
from domain.values import Actor, Moment

KEYS = UUID("6f636f70-0000-4000-8000-6b6579000000")
"""Namespace of command ids made from idempotency keys. Never change it: retries would be doubled."""


@dataclass(frozen=True, slots=True)
class Order:
    """A command as it arrived: for which stream, by whom, under which id.

    ``digest``: keyed digest of what was asked; the same id with another digest is a reused key.
    ``expected_version``: from If-Match, or None. ``actor``: who asks, in the role he would act in; ``also``: other
    roles of the same person, tried in turn where that one does not carry the command. ``subject``: whose personal data
    a request to erase concerns; ``cases``: products with sealed facts of that subject, found by a read model. The
    decision is taken on their states as they are stored.
    """

    command_id: UUID
    stream_id: UUID
    command: Command
    actor: Actor
    digest: bytes
    expected_version: int | None = None
    also: tuple[Actor, ...] = ()
    subject: UUID | None = None
    cases: frozenset[UUID] = frozenset()

    @property
    def persons(self) -> frozenset[UUID]:
        """Streams of the person and of whoever delegated to him: the decision is taken on what they hold now."""
        actors = (self.actor, *self.also)
        return frozenset(
            key for a in actors for key in (a.id, a.delegator.id if a.delegator else None) if key is not None
        )

    def needs(self, state: Any, day: date) -> frozenset[UUID]:
        """Every other stream the decision looks at."""
        return frozenset(self.command.needs(state, day)) | self.persons | self.cases

    def day(self, moment: Moment) -> date:
        """Date of the act."""
        return self.command.effective_on or moment.today


@dataclass(frozen=True, slots=True)
class Handled:
    """What follows from an order: the facts to append, and the streams it was decided on and changed.

    ``actor``: in which role it was done, ``rule``: by which rule. ``recorded`` ends with the facts of the order's own
    stream. ``acquired`` and ``released``: the claims that the
    products it changed hold from now on (with the product), and hold no more.
    """

    recorded: tuple[Recorded, ...]
    before: int
    after: int
    states: Mapping[UUID, Any]
    acquired: tuple[tuple[bytes, UUID], ...]
    released: tuple[bytes, ...]
    actor: Actor
    rule: str


def command_id_of(person: str, key: str | None) -> UUID:
    """Id of a command: the same for the same person (by handle) and key, a new one without a key."""
    return uuid5(KEYS, f"{person}\n{key}") if key else uuid4()


def asked(stream: str, command: Command) -> str:
    """What was asked, as text, so that a reused key is noticed. ``stream``: its id, or "" when one is opened."""
    return f"{stream}\n{command.name}\n{command.model_dump_json(exclude_unset=True)}"


def handle(
    states: Mapping[UUID, Any],
    order: Order,
    law: LawBook,
    seals: Seals,
    moment: Moment,
    history: tuple[Told, ...] = (),
) -> Handled:
    """Authorise, check the version, decide. Raises Refusal; stores nothing.

    ``states``: the order's own stream and those its command needs. ``history``: of the own stream, for commands
    that need it.
    """
    command, state = order.command, states[order.stream_id]
    if not KINDS[command.stream].holds(state):
        raise NotFound("Mã này là của hồ sơ loại khác.", f"This id is not of a {command.stream}.")
    effective_on = order.day(moment)
    ctx = Context(
        law,
        order.actor,
        moment,
        effective_on,
        seals,
        order.stream_id,
        history,
        order.expected_version,
        states,
        command.source,
        order.subject,
        order.cases,
    )
    ctx, permitted = _authorised(state, order, ctx)
    actor = ctx.actor
    decided = take(state, command, ctx, permitted)
    changed: dict[UUID, Any] = {}
    recorded: list[Recorded] = []
    told = list(history)
    own = [For(order.stream_id, entry) for entry in decided if not isinstance(entry, For)]
    for entry in [*(e for e in decided if isinstance(e, For)), *own]:
        kind = kind_of(entry.fact)
        before = changed.get(entry.stream_id) or states.get(entry.stream_id) or kind.empty
        day = entry.fact.dated(effective_on)
        hands = hands_of(actor, command.paper, command.source)
        # From here on nobody sees personal data: neither states nor what is stored, projected or logged.
        fact = personal.sealed(entry.fact, entry.stream_id, before.version + 1, before, seals)
        telling = Told(before.version + 1, fact, day, command.source, actor.person, hands)
        after = kind.evolve(before, telling)
        changed[entry.stream_id] = after
        if entry.stream_id == order.stream_id:
            told.append(telling)
        wrapped = envelope(
            fact,
            recorded_at=moment.at,
            effective_on=day,
            actor=actor,
            paper=command.paper,
            source=command.source,
            command_id=order.command_id,
            commune=place_of(after, actor),
            on_behalf_of=command.on_behalf_of,
            rule=permitted.rule,
        )
        recorded.append(Recorded(entry.stream_id, telling.version, wrapped))
    if history and own:
        whole = KINDS[command.stream].fold(told)
        changed[order.stream_id] = replace(whole, version=changed[order.stream_id].version)
    after = changed.get(order.stream_id, state)
    claims = [
        (key, _keyed(held, seals), _keyed(wanted, seals))
        for key, now in changed.items()
        if (held := claim_of(states.get(key))) != (wanted := claim_of(now))
    ]
    return Handled(
        tuple(recorded),
        state.version,
        after.version,
        changed,
        tuple((wanted, key) for key, _, wanted in claims if wanted is not None),
        tuple(held for _, held, _ in claims if held is not None),
        actor,
        permitted.rule,
    )


def stored_claim(state: Any, seals: Seals) -> bytes | None:
    """What a state claims, as it is stored: keyed, so that a household's number is not found by trying."""
    return _keyed(claim_of(state), seals)


def _keyed(claim: bytes | None, seals: Seals) -> bytes | None:
    return None if claim is None else seals.digest(f"claim\n{claim.hex()}")


def _authorised(state: Any, order: Order, ctx: Context) -> tuple[Context, Permitted]:
    """The context with the role that carries the command, and by which rule; the first role's refusal else."""
    refusals: list[Refusal] = []
    for actor in (order.actor, *order.also):
        asked_as = ctx if actor is ctx.actor else replace(ctx, actor=actor)
        try:
            # The area first: what is refused about a case that is not the caller's to see would tell of it.
            permitted = authorise(state, order.command, asked_as)
            check_held(state, order.command, asked_as)
        except Refusal as refusal:
            refusal.actor = actor
            refusals.append(refusal)
        else:
            return asked_as, permitted
    # Of several roles, one that a rule denies says more than one that no rule permits; one outside its area, least.
    raise min(refusals, key=_weight)


def _weight(refusal: Refusal) -> int:
    if isinstance(refusal, OutsideArea | NotHeld):
        return 2
    return 1 if refusal.rule == DEFAULT_DENY else 0


def place_of(state: Any, actor: Actor) -> str:
    """Where a fact happened: the product's commune, else the area of the council, the office or the authority."""
    return str(getattr(state, "commune", "") or getattr(state, "area", "") or actor.area)
