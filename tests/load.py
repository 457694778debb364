"""Writers that never give up, and the account of what they were told against what is stored.

Each command is given again under its key until it is answered; an answer is believed only when the
journal says the same in the end.
"""

from __future__ import annotations

import contextlib
import itertools
import random
import secrets
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import httpx
import psycopg

from application.handle import command_id_of
from application.recorded import Recorded
from application.store import Journal
from domain.values import Role
from tests.appointed import person_id
from tests.conftest import projector_for
from tests.service import Service, on_paper
from tests.story import actor, tea, until

PATIENCE = 60.0
"""Seconds within which every command must be answered, whatever is killed."""
Fact = tuple[str, int, int]
CHAPTERS = until("accept-idea", tea())


@dataclass(frozen=True)
class Acknowledged:
    """One command as its giver knows it. ``tries``: how often it was given until it was answered."""

    command_id: UUID
    product: UUID
    version: int
    facts: tuple[Fact, ...]
    repeated: bool
    tries: int
    expected: int | None


@dataclass
class Load:
    """Some writers, each with products of its own; every second command goes to a shared product.

    ``conditional``: share of the commands on shared products that name a version in If-Match.
    """

    services: Sequence[Service]
    writers: int = 8
    shared: int = 6
    conditional: float = 0.0
    acknowledged: list[Acknowledged] = field(default_factory=list)
    stale: list[UUID] = field(default_factory=list)
    """Ids of commands answered 412."""
    unanswered: int = 0
    troubles: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stopping = threading.Event()
        self._versions: dict[str, int] = {}
        self._count = threading.Lock()
        self._mark = secrets.token_hex(3)  # names of its own: a second load on the same database claims other products
        self._threads = [threading.Thread(target=self._write, args=(n,)) for n in range(self.writers)]

    def __enter__(self) -> Load:
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(httpx.Client(base_url=s.address, timeout=30)) for s in self.services]
            for n in range(self.shared):
                opening = CHAPTERS[0][2] | {"product_name": f"Chung {self._mark} {n}"}
                product = self._give(clients[0], 0, "/v1/products", Role.COMMUNE_OFFICER, opening)
                assert product is not None
                self._versions[str(product.product)] = product.version
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Every writer ends with an answer to the command it has in hand."""
        self._stopping.set()
        for thread in self._threads:
            thread.join(PATIENCE + 10)
        assert not any(thread.is_alive() for thread in self._threads)

    def wait_for(self, more: int) -> None:
        """Until so many more commands are acknowledged."""
        wanted = len(self.acknowledged) + more
        settled(lambda: len(self.acknowledged) >= wanted or bool(self.troubles))
        assert not self.troubles, self.troubles

    def _write(self, number: int) -> None:
        try:
            with contextlib.ExitStack() as stack:
                clients = [stack.enter_context(httpx.Client(base_url=s.address, timeout=30)) for s in self.services]
                turns = itertools.count(number)
                for round_ in itertools.count():
                    for _ in self._journey(f"Riêng {self._mark} {number}.{round_}", clients, turns):
                        if self._stopping.is_set():
                            return
        except Exception as trouble:
            self.troubles.append(repr(trouble))
            raise

    def _journey(self, name: str, clients: Sequence[httpx.Client], turns: Iterator[int]) -> Iterator[None]:
        product = None
        for command, role, body in CHAPTERS:
            mine = body | {"product_name": name} if "product_name" in body else body
            path = f"/v1/products/{product}/commands/{command}" if product else "/v1/products"
            turn = next(turns) % len(clients)
            answer = self._give(clients[turn], turn, path, role, mine)
            assert answer is not None
            product = answer.product
            yield
            self._share(clients, next(turns) % len(clients))
            yield

    def _share(self, clients: Sequence[httpx.Client], turn: int) -> None:
        shared = random.choice(list(self._versions))
        expected = self._versions[shared] if random.random() < self.conditional else None
        path = f"/v1/products/{shared}/commands/record-guidance"
        answer = self._give(clients[turn], turn, path, Role.COMMUNE_OFFICER, CHAPTERS[1][2], expected)
        if answer is not None:
            self._versions[shared] = max(self._versions[shared], answer.version)

    def _give(
        self, client: httpx.Client, turn: int, path: str, role: Role, body: Any, expected: int | None = None
    ) -> Acknowledged | None:
        key = secrets.token_hex(12)
        headers = self.services[turn].headers(role, **{"Idempotency-Key": key})
        if expected is not None:
            headers["If-Match"] = f'"{expected}"'
        command_id = command_id_of(actor(role).person, key)
        deadline = time.monotonic() + PATIENCE
        tries = 1
        while (answer := _posted(client, path, body, headers)) is None:
            assert time.monotonic() < deadline, f"{path} was never answered"
            tries += 1
            with self._count:
                self.unanswered += 1
            time.sleep(0.1)
        if answer.status_code == 412:
            assert expected is not None
            self.stale.append(command_id)
            return None
        assert answer.status_code in (200, 201), f"{path}: {answer.status_code} {answer.text}"
        told = answer.json()
        facts = tuple((f["fact"], f["version"], f["position"]) for f in told["facts"])
        given = Acknowledged(
            command_id, UUID(told["product_id"]), told["version"], facts, told["repeated"], tries, expected
        )
        self.acknowledged.append(given)
        return given


def _posted(client: httpx.Client, path: str, body: Any, headers: dict[str, str]) -> httpx.Response | None:
    """The answer; None when there is none, or when it says no more than "again, please"."""
    try:
        answer = client.post(path, json=on_paper(body), headers=headers)
    except httpx.TransportError:
        return None
    return None if answer.status_code == 503 else answer


def settled(reached: Callable[[], bool], patience: float = PATIENCE) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + patience
    while not reached():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def all_facts(url: str) -> list[Recorded]:
    """The whole journal in its order."""
    journal = Journal(url)
    found: list[Recorded] = []
    while page := journal.page(found[-1].position if found else 0, 5_000):
        found += page
    journal.close()
    return found


def told_of_products(url: str, services: Sequence[Service]) -> list[Recorded]:
    """The journal without what made the services' people hold their roles."""
    appointed = {person_id(a.person) for service in services for a in service.actors}
    return [fact for fact in all_facts(url) if fact.originator_id not in appointed]


def check_stored_as_acknowledged(url: str, load: Load) -> None:
    """Every acknowledged command is stored once, as it was answered; nothing else is stored since the appointments."""
    assert not load.troubles, load.troubles
    by_command: dict[UUID, list[Fact]] = defaultdict(list)
    by_product: dict[UUID, list[int]] = defaultdict(list)
    for fact in told_of_products(url, load.services):
        version = fact.originator_version
        by_command[fact.envelope.command_id].append((fact.fact.stored_name, version, fact.position))
        by_product[fact.originator_id].append(version)
    with psycopg.connect(url) as connection:
        rows = {
            row[0]: row[1:]
            for row in connection.execute("SELECT command_id, product_id, from_version, to_version FROM ocop.commands")
        }

    for product, versions in by_product.items():
        assert versions == list(range(1, len(versions) + 1)), f"the versions of {product}"
    told = {a.command_id: a for a in load.acknowledged}
    assert len(told) == len(load.acknowledged)
    assert rows.keys() == told.keys() == by_command.keys()
    for command_id, answer in told.items():
        assert tuple(by_command[command_id]) == answer.facts
        assert rows[command_id] == (answer.product, answer.version - len(answer.facts), answer.version)
        assert answer.expected is None or rows[command_id][1] == answer.expected
    assert not told.keys() & set(load.stale)


def check_read_models_equal_a_rebuild(url: str) -> None:
    """What the projector made on its way is what it makes from the start."""
    projector = projector_for(url)
    projector.catch_up()
    standings = projector.standings()
    assert [s.parked for s in standings] == [0] * len(standings)
    same = projector.rebuild([s.name for s in standings])
    assert same == dict.fromkeys(same, True), [name for name, is_same in same.items() if not is_same]
    assert len(same) == len(standings) > 0


def account(load: Load) -> str:
    """One line of figures for the run's output."""
    a = load.acknowledged
    facts, again = sum(len(x.facts) for x in a), sum(x.tries > 1 for x in a)
    return (
        f"{len(a)} commands acknowledged, {facts} facts; {load.unanswered} tries unanswered, {again} commands given"
        f" again, {sum(x.repeated for x in a)} of them were stored already; {len(load.stale)} losers of If-Match"
    )
