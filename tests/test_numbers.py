"""The must-show over HTTP: 200 recognitions at once for one authority, and every number is given once."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
import pytest
from psycopg_pool import ConnectionPool

from application.database import service_conninfo
from application.keys import DatabaseKeys
from application.seals import Keeper
from application.store import Journal
from application.writer import Writer
from domain.law.book import law_book
from domain.values import Role
from tests.load import check_read_models_equal_a_rebuild
from tests.service import MASTER_KEY, Service, on_paper
from tests.story import bare, tea
from tests.test_writer import NOW, check_numbers, concluded, stored

RECOGNITIONS = 200
AGAIN = 3
"""Times each decision is asked for under its key, at once."""


@pytest.fixture
def products(own_database: str, own_keys: str) -> list[UUID]:
    """Rated and awaiting the decision of the province."""
    with ConnectionPool(service_conninfo(own_keys), min_size=1, kwargs={"autocommit": True}) as pool:
        journal = Journal(own_database)
        keeper = Keeper(bytes.fromhex(MASTER_KEY), DatabaseKeys(pool))
        found = concluded(Writer(journal, law_book(), keeper, lambda: NOW), RECOGNITIONS)
        journal.close()
    return found


@pytest.fixture(params=[1, 2], ids=["one process", "two processes"])
def services(
    request: pytest.FixtureRequest, own_database: str, products: list[UUID], tmp_path: Path
) -> Iterator[list[Service]]:
    """Processes of the service on one database, so with the same sessions."""
    with contextlib.ExitStack() as stack:
        running = []
        for number in range(request.param):
            service = Service(tmp_path / str(number), own_database)
            if running:
                service.tokens = running[0].tokens
            stack.callback(service.stop)
            running.append(service.start())
        yield running


def test_two_hundred_recognitions_at_once_have_numbers_without_gap_or_double(
    own_database: str, products: list[UUID], services: list[Service]
) -> None:
    body = on_paper(bare(next(body for command, _, body in tea() if command == "recognise")))
    before = stored(own_database)

    async def recognise(clients: list[httpx.AsyncClient], number: int) -> list[httpx.Response]:
        """One decision, asked for more than once, by any process."""
        headers = services[0].headers(Role.PROVINCE_CHAIR, **{"Idempotency-Key": secrets.token_hex(8)})
        mine = {**body, "products": [str(products[number])]}
        return await asyncio.gather(
            *(
                clients[(number + n) % len(clients)].post("/v1/decisions/recognise", json=mine, headers=headers)
                for n in range(AGAIN)
            )
        )

    async def all_at_once() -> list[list[httpx.Response]]:
        async with contextlib.AsyncExitStack() as stack:
            # A connection idle for as long as the server waits (5 s) is closed just when it is used again.
            limits = httpx.Limits(max_connections=RECOGNITIONS, keepalive_expiry=2)
            clients = [
                await stack.enter_async_context(httpx.AsyncClient(base_url=s.address, timeout=60, limits=limits))
                for s in services
            ]
            return await asyncio.gather(*(recognise(clients, n) for n in range(RECOGNITIONS)))

    answers = asyncio.run(all_at_once())

    assert {answer.status_code for of_one in answers for answer in of_one} == {200}
    told = [[answer.json() for answer in of_one] for of_one in answers]
    assert sorted(of_one[0]["version"] for of_one in told) == list(range(1, RECOGNITIONS + 1))
    for of_one in told:
        assert sorted(one.pop("repeated") for one in of_one) == [False, *[True] * (AGAIN - 1)]
        assert of_one == [of_one[0]] * AGAIN
    assert stored(own_database) == (before[0] + RECOGNITIONS, before[1] + 2 * RECOGNITIONS)
    journal = Journal(own_database)
    check_numbers(journal, RECOGNITIONS, products)
    journal.close()
    check_shown(own_database, services[-1], max(of_one[0]["position"] for of_one in told))


def check_shown(url: str, service: Service, position: int) -> None:
    """The register of certificates shows each number once."""
    answer = service.get("/v1/certificates?limit=500", Role.SUPERVISOR, **{"X-Min-Position": str(position)})
    assert answer.status_code == 200, answer.text
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT number, decision_number, product_number FROM read.certificates").fetchall()
    assert [len(set(column)) for column in zip(*rows, strict=True)] == [RECOGNITIONS] * 3
    check_read_models_equal_a_rebuild(url)
