"""A batch day: every member hands in every sheet over a connection of his own, all at once; the results are right.

OCOP_SOAK=1 runs the whole day of 70 products; its pace is measured by ``python -m bench batch-day``.
"""

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any

import httpx
import pytest

from tests.scenario import Place, Protocol
from tests.service import Service, on_paper

PLACE = Place("25", commune="04876", members=12)
PRODUCTS = 70 if os.environ.get("OCOP_SOAK") else 6
HELD = "2026-10-05"


@pytest.fixture(scope="module")
def service(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    running = Service(tmp_path_factory.mktemp("service"), database, actors=PLACE.everybody()).start()
    yield running
    running.stop()


def points(product: int, member: int) -> int:
    """What a member gives a product: totals that lie within ten points, each product's average another."""
    return 50 + product % 20 + (product * member) % 11


def hands_in(case: Protocol, session: str, member: int, products: list[str]) -> list[int]:
    """All sheets of one member, one after another on his own connection; the status of each answer."""
    person = case.place.person(f"member-{member}@province")
    path = f"/v1/sessions/{session}/commands/submit-score-sheet"
    with httpx.Client(base_url=case.service.address, timeout=60) as client:
        found = []
        for number, product in enumerate(products):
            sheet = case.sheet_worth(points(number, member), product, f"phiếu {number} của {member}")
            key = case.service.headers(person, **{"Idempotency-Key": f"{session}-{number}"})
            found.append(client.post(path, json=on_paper({**sheet, "effective_on": HELD}), headers=key).status_code)
        return found


def test_a_whole_batch_is_scored_at_once_and_every_average_is_exact(service: Service) -> None:
    case = Protocol(service, PLACE, sheet="QD26-11")
    case.council("province", "2026-06-01")
    products = [case.filed(f"Chè số {n}", "2026-08-10") for n in range(PRODUCTS)]
    for product in products:
        case.commune_proposes("2026-08-26", "2026-08-28", product)
        case.taken_in("province", "2026-09-08", product)
    session = case.convened("province", "2026-10-01", HELD, products)
    members = range(1, PLACE.members + 1)

    with ThreadPoolExecutor(PLACE.members) as pool:
        answers = list(pool.map(lambda member: hands_in(case, session, member, products), members))
    case.opened("province", HELD, session)
    case.concluded("province", HELD, session)
    case.decides("2026-10-20", "province-chair", "recognise", *products)

    assert answers == [[200] * PRODUCTS] * PLACE.members
    standing = case.get(f"/v1/sessions/{session}")
    assert standing["stage"]["code"] == "concluded"
    closed = told_of(case, session, "session.scoring-closed")
    assert closed["sheets"] == PRODUCTS * PLACE.members
    for number, product in enumerate(products):
        document = case.explained(product, 1)
        given = {case.place.person(f"member-{m}@province").person: points(number, m) for m in members}
        assert {sheet["member"]: sheet["total"] for sheet in document["sheets"]} == given
        assert {sheet["comment"] for sheet in document["sheets"]} == {f"phiếu {number} của {m}" for m in members}
        assert Fraction(document["result"]["average"]) == Fraction(sum(given.values()), PLACE.members)
    held = [case.certificate(product) for product in products]
    assert [c and c["product_number"] for c in held] == [f"25-04876-{n}-2026" for n in range(1, PRODUCTS + 1)]
    assert [c and c["number"] for c in held] == [f"{n:04d}/2026/GCN-OCOP-25" for n in range(1, PRODUCTS + 1)]
    assert {c and c["decision_number"] for c in held} == {"1/QĐ-UBND"}


def told_of(case: Protocol, session: str, fact: str) -> dict[str, Any]:
    """What a fact of the session says."""
    trail = case.get(f"/v1/sessions/{session}/trail?after={PRODUCTS * PLACE.members}")["facts"]
    found: dict[str, Any] = next(entry["data"] for entry in trail if entry["fact"] == fact)
    return found
