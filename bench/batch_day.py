"""A batch day: 70 products, 12 members, every sheet through the API; then scoring closed, session concluded, decided.

Sheets a second beside plain commands (guidance for the same products) over the same twelve connections, in turn.
As a module it is the load generator: it sends each connection's requests one after another and times the whole.
Settings come as a line of JSON on standard input, figures go to standard output.
"""

import asyncio
import gc
import json
import secrets
import sys
import time
from typing import Any

import uvloop

from api.examples import EXAMPLES
from bench.commands import ratio, settled
from bench.ground import Ground, Line, answer, console, helper, median, spread
from bench.wire import Wire, connect, post
from tests.scenario import Place, Protocol
from tests.service import Service, on_paper

MEMBERS = 12
PRODUCTS = 70
TARGET_RATIO = 0.5
CALLED, HELD, DECIDED = "2026-10-01", "2026-10-05", "2026-10-20"
SHEET = "QD26-11"

Requests = list[list[tuple[str, str, str]]]
"""For each connection: (path, token, body) in order."""


def measure(ground: Ground) -> list[Line]:
    """Batch days one after another, each with its own products and session."""
    rounds, products = (1, 20) if ground.quick else (5, PRODUCTS)
    place = Place("25", commune="04876", members=MEMBERS)
    service = ground.serve("batch-day", ground.database(), actors=place.everybody())
    case = Protocol(service, place, SHEET)
    case.council("province", "2026-06-01")
    found: dict[str, list[float]] = {
        "sheets": [],
        "plain": [],
        "close-scoring": [],
        "conclude-session": [],
        "recognise": [],
    }
    for number in range(rounds):
        judged = [ready(case, f"{number}-{n}") for n in range(products)]
        session = case.convened("province", CALLED, HELD, judged)
        batches = {"plain": guidance(service, place, judged), "sheets": score_sheets(case, session, judged)}
        settled(service)
        for name in sorted(batches, reverse=bool(number % 2)):
            ground.checkpoint()
            found[name].append(rate(service, batches[name]))
            settled(service)
        for name, act in (("close-scoring", case.opened), ("conclude-session", case.concluded)):
            began = time.perf_counter()
            act("province", HELD, session)
            found[name].append(time.perf_counter() - began)
        began = time.perf_counter()
        case.decides(DECIDED, "province-chair", "recognise", *judged)
        found["recognise"].append(time.perf_counter() - began)
        settled(service)
        console.print(
            f"batch day {number + 1} of {rounds}:"
            f" {found['sheets'][-1]:,.0f} sheets/s, plain {found['plain'][-1]:,.0f}/s;"
            f" closed in {found['close-scoring'][-1]:.2f} s, concluded in {found['conclude-session'][-1]:.2f} s,"
            f" decided in {found['recognise'][-1]:.2f} s"
        )
    service.stop()
    what = f"{products} products × {MEMBERS} members"
    lines = [
        Line(
            f"batch day, {what}: sealed sheets against plain commands, {MEMBERS} connections",
            f"{spread(found['sheets'])} sheets/s; plain {spread(found['plain'])}/s",
            ratio(found["sheets"], found["plain"]),
            "×",
            TARGET_RATIO,
        )
    ]
    for name, target in (("close-scoring", 1.0), ("conclude-session", 1.0), ("recognise", None)):
        took, worst = found[name], max(found[name])
        figure = f"{median(took):.2f} s ({min(took):.2f}–{worst:.2f})"
        lines.append(Line(f"batch day, {what}: {name}", figure, worst, "s", target, at_least=False))
    return lines


def ready(case: Protocol, name: str) -> str:
    """A product whose advisory team has reported."""
    product = case.filed(f"Chè {name}", "2026-08-10")
    case.commune_proposes("2026-08-26", "2026-08-28", product)
    case.taken_in("province", "2026-09-08", product)
    return product


def score_sheets(case: Protocol, session: str, products: list[str]) -> Requests:
    """Each member's sheets on a connection of the member's own."""
    path, found = f"/v1/sessions/{session}/commands/submit-score-sheet", []
    for number in range(1, MEMBERS + 1):
        token = case.service.tokens[case.place.person(f"member-{number}@province").person]
        bodies = [{**case.sheet_worth(70 + (n + number) % 10, p), "effective_on": HELD} for n, p in enumerate(products)]
        found.append([(path, token, json.dumps(on_paper(body), ensure_ascii=False)) for body in bodies])
    return found


def guidance(service: Service, place: Place, products: list[str]) -> Requests:
    """A plain command for the same products, as many times."""
    token = service.tokens[place.person("commune-officer").person]
    body = json.dumps(on_paper({**EXAMPLES["record-guidance"], "effective_on": HELD}), ensure_ascii=False)
    paths = [f"/v1/products/{product}/commands/record-guidance" for product in products]
    return [[(path, token, body) for path in paths] for _ in range(MEMBERS)]


def rate(service: Service, requests: Requests) -> float:
    """Commands a second from the first request to the last answer; every one must be stored."""
    with helper("bench.batch_day", {"port": service.port, "requests": requests}) as process:
        told = answer(process, 120)
    assert not told["failed"], told["first_failure"]
    return float(told["rps"])


class Day:
    """All connections, each through its own requests."""

    def __init__(self, settings: dict[str, Any]) -> None:
        run = secrets.token_hex(6)
        self._port: int = settings["port"]
        self._queues = [
            [
                post(path, token, body.encode(), f"{run}-{connection}-{number}")
                for number, (path, token, body) in enumerate(requests)
            ]
            for connection, requests in enumerate(settings["requests"])
        ]
        self._left: dict[Wire, list[bytes]] = {}
        self._failures: list[str] = []
        self._over = asyncio.Event()

    async def run(self) -> dict[str, Any]:
        """Send everything; hang up."""
        wires = [await connect(self._port, self._answered) for _ in self._queues]
        count = sum(map(len, self._queues))
        self._left = {wire: queue[::-1] for wire, queue in zip(wires, self._queues, strict=True)}
        began = time.perf_counter()
        for wire in wires:
            wire.send(self._left[wire].pop())
        await self._over.wait()
        took = time.perf_counter() - began
        for wire in wires:
            wire.close()
        return {
            "rps": count / took,
            "failed": len(self._failures),
            "first_failure": self._failures[0] if self._failures else None,
        }

    def _answered(self, wire: Wire, status: int, _head: bytes, body: bytes) -> None:
        if not 200 <= status < 300:
            self._failures.append(f"{status} {body[:300]!r}")
        if status and self._left[wire]:
            wire.send(self._left[wire].pop())
            return
        del self._left[wire]
        if not self._left:
            self._over.set()


def main() -> None:
    """Run with the settings of the first line of standard input."""
    gc.disable()
    print(json.dumps(uvloop.run(Day(json.loads(sys.stdin.readline())).run())))


if __name__ == "__main__":
    main()
