"""People with powers, products in their hands: the whole of authority without a database."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

from pydantic_core import to_json

from application.handle import Handled, Order, handle
from application.recorded import Recorded
from domain.decide import COMMANDS, new_stream
from domain.law.book import LawBook, law_book
from domain.law.calendar import legal_date
from domain.person.powers import delegators_of, powers_on
from domain.person.state import Person
from domain.streams import KINDS
from domain.values import Actor, Moment, Role
from tests.appointed import SPACE, facts_of, person_id, recorded
from tests.language import keeper

NOW = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
TODAY = date(2026, 11, 23)
COMMUNE, PROVINCE = "04876", "25"
ADMIN = Actor(person="Quản trị viên", office="Văn phòng", role=Role.ADMINISTRATOR, area="VN")
OFFICE = uuid5(SPACE, "office")


@dataclass
class World:
    """States of all streams, every fact of each in order, and the clock."""

    law: LawBook = field(default_factory=law_book)
    states: dict[UUID, Any] = field(default_factory=dict)
    told: dict[UUID, list[Recorded]] = field(default_factory=dict)
    now: datetime = NOW
    seals: Any = field(default_factory=keeper)

    @property
    def today(self) -> date:
        return legal_date(self.now)

    def appointed(self, *actors: Actor) -> World:
        """These persons hold these roles since the programme began; one person may have several."""
        for actor in actors:
            key = person_id(actor.person)
            first, assigned = facts_of(actor)
            for fact in [assigned] if key in self.states else [first, assigned]:
                self.append([recorded(key, self.version(key) + 1, fact, actor.area)])
        return self

    def version(self, stream: UUID) -> int:
        state = self.states.get(stream)
        return state.version if state else 0

    def append(self, facts: Iterable[Recorded]) -> None:
        for r in facts:
            kind = KINDS[r.fact.stored_name.partition(".")[0]]
            before = self.states.get(r.originator_id, kind.empty)
            self.states[r.originator_id] = kind.evolve(before, r.told)
            self.told.setdefault(r.originator_id, []).append(r)

    def person(self, handle: str) -> Person:
        found = self.states[person_id(handle)]
        assert isinstance(found, Person)
        return found

    def powers(self, handle: str) -> list[Actor]:
        """Roles the person could act in today, delegations too, as the service's doors would find them."""
        person = self.person(handle)
        delegators = {key: self.states[key] for key in delegators_of(person)}
        return [power.actor for power in powers_on(person_id(handle), person, delegators, self.today)]

    def order(self, actors: list[Actor], name: str, stream: UUID | None, **body: Any) -> Order:
        command = COMMANDS[name].model_validate_json(to_json(body))
        command_id = uuid4()
        target = stream or new_stream(command_id, command.stream)
        return Order(command_id, target, command, actors[0], b"", also=tuple(actors[1:]))

    def decide(self, order: Order) -> Handled:
        """Decide on the states as they are; nothing is told yet. Raises Refusal."""
        state = self.states.get(order.stream_id, KINDS[order.command.stream].empty)
        moment = Moment(at=self.now, today=self.today)
        needed = {key: self.states[key] for key in order.needs(state, order.day(moment)) if key in self.states}
        return handle({**needed, order.stream_id: state}, order, self.law, self.seals, moment)

    def give(self, who: str | list[Actor], name: str, stream: UUID | None = None, /, **body: Any) -> UUID:
        """Give a command and tell what follows; the stream it was given to. Raises Refusal."""
        actors = self.powers(who) if isinstance(who, str) else who
        if isinstance(who, str):
            actors = [actor for actor in actors if actor.delegator is None]
        order = self.order(actors, name, stream, **body)
        self.append(self.decide(order).recorded)
        return order.stream_id

    def pass_days(self, days: int) -> None:
        self.now += timedelta(days=days)


def officer(name: str, area: str = COMMUNE) -> Actor:
    return Actor(person=name, office="UBND xã", role=Role.COMMUNE_OFFICER, area=area)


def chair(name: str, area: str = COMMUNE) -> Actor:
    return Actor(person=name, office="UBND xã", role=Role.COMMUNE_CHAIR, area=area)


def producer(name: str, registration: str = "HTX-1") -> Actor:
    return Actor(person=name, office=name, role=Role.PRODUCER, area=COMMUNE, producer=registration)


def on_behalf(registration: str = "HTX-1") -> dict[str, Any]:
    """What an officer adds who acts for a producer."""
    paper = {"number": "12/PĐN", "signed_on": "2026-11-20", "signer": "Chủ thể"}
    return {"on_behalf_of": {"role": "producer", "producer": registration, "paper": paper}}
