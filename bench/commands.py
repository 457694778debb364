"""Commands per second over HTTP: ours, the naive way, and the ceiling, in turn."""

import time
from typing import Any

from bench.ground import Ground, Line, answer, console, helper, median, spread
from tests.service import Service

CONNECTIONS = 16
TARGET_NAIVE = 3.5
TARGET_CEILING = 0.7


def load(service: Service, *, warm: float, seconds: float, **more: Any) -> dict[str, Any]:
    """One round of commands against a running service; what the load generator measured."""
    people = {"officer": "commune-officer", "producer": "producer"} | more.pop("people", {})
    settings = {
        "port": service.port,
        "connections": CONNECTIONS,
        "warm": warm,
        "seconds": seconds,
        "tokens": {use: service.tokens[person] for use, person in people.items()},
        **more,
    }
    with helper("bench.load", settings) as process:
        found = answer(process, warm + seconds + 60)
    if found["failed"]:
        console.print(f"[red]{found['failed']} failed, the first: {found['first_failure']}[/red]")
    return found


def settled(service: Service, patience: float = 300) -> None:
    """Wait until the read models have caught up, so that one round does not weigh on the next."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        standing = service.client.get("/health/ready").json()
        if all(model["lag"] == 0 for model in standing["read_models"]):
            return
        time.sleep(0.1)
    raise TimeoutError("the read models do not catch up")


def measure(ground: Ground) -> list[Line]:
    """The three in turn, the order moved on by one each round."""
    rounds, warm, seconds = (3, 0.5, 2.0) if ground.quick else (7, 1.0, 4.0)
    ours = ground.serve("ours", ground.database())
    runners = {
        "ours": ours,
        "naive": ground.serve("naive", ground.database(migrated=False), "bench.naive"),
        "ceiling": ground.serve("ceiling", ground.database(migrated=False), "bench.ceiling"),
    }
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in runners}
    order = list(runners)
    for number in range(rounds):
        for name in order:
            ground.checkpoint()
            found[name].append(load(runners[name], warm=warm, seconds=seconds))
            if name == "ours":
                settled(ours)
        order.append(order.pop(0))
        latest = ", ".join(f"{name} {found[name][-1]['rps']:,.0f}/s" for name in runners)
        console.print(f"commands, round {number + 1} of {rounds}: {latest}")
    for service in runners.values():
        service.stop()
    rates = {name: [one["rps"] for one in all_rounds] for name, all_rounds in found.items()}
    described = {
        name: f"{spread(rates[name])}/s, p50 {median([f['p50'] for f in found[name]]):.1f} ms,"
        f" p99 {median([f['p99'] for f in found[name]]):.1f} ms"
        for name in runners
    }
    return [
        Line(
            "commands over HTTP, 16 connections, against the naive way",
            f"{described['ours']}; naive {described['naive']}",
            ratio(rates["ours"], rates["naive"]),
            "×",
            TARGET_NAIVE,
        ),
        Line(
            "commands over HTTP, 16 connections, against the ceiling",
            f"ceiling {described['ceiling']}",
            ratio(rates["ours"], rates["ceiling"]),
            "×",
            TARGET_CEILING,
        ),
    ]


def ratio(ours: list[float], others: list[float]) -> float:
    """Median of the ratios round by round, so that a slow minute of the machine weighs on both."""
    return median([a / b for a, b in zip(ours, others, strict=True)])
