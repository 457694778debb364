"""With a million facts stored: all read models rebuilt, and commands as fast as on an empty journal."""

import os
import random
import subprocess
import sys
import time
from typing import Any

import psycopg

from bench.commands import load, ratio, settled
from bench.ground import ACTORS, Ground, Line, answer, console, helper, spread
from bench.journeys import store
from domain.law.book import law_book
from domain.product.phases import CLOSED
from domain.values import Actor, Role
from projections.catalogue import read_models
from tests.service import Service

TARGET_RATIO = 0.9
TARGET_SECONDS = 90.0
READS_A_SECOND = 20
GUIDE = Actor(person="guide", office="everywhere", role=Role.PROVINCE_OFFICER, area="VN")
"""May record guidance for any product of the country."""


def measure(ground: Ground) -> list[Line]:
    """Fill one database and build its read models, then measure; the commands beside an empty one."""
    total = 100_000 if ground.quick else 1_000_000
    full = ground.database()
    began = time.perf_counter()
    products = store(full, total, lambda done, _all: console.print(f"million: {done:,} facts stored", end="\r"))
    console.print(f"million: {total:,} facts of {products:,} products stored in {time.perf_counter() - began:.0f} s")
    first = rebuild(ground, full)
    console.print(f"million: read models built in {first:.0f} s")
    crowded = ground.serve("full", full, actors=[*ACTORS, GUIDE])
    lines = rebuilt_while_read(ground, crowded, full, total)
    with psycopg.connect(full, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
    lines += commands(ground, crowded, full)
    crowded.stop()
    ground.drop(full)
    return lines


def rebuild(ground: Ground, url: str, *, same: bool = False) -> float:
    """``ocop rebuild`` as a process; its seconds. ``same``: the new rows must be the old ones."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("OCOP_")}
    env |= {"OCOP_DATABASE_URL": url, "OCOP_VAR": str(ground.folder / "rebuild"), "OCOP_LOG": "json"}
    began = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "rebuild"], env=env, capture_output=True, text=True, timeout=1200, check=False
    )
    took = time.perf_counter() - began
    if done.returncode or (same and done.stderr.count("the same rows as before") != len(read_models(law_book()))):
        raise RuntimeError(done.stderr[-3000:])
    return took


def rebuilt_while_read(ground: Ground, service: Service, url: str, total: int) -> list[Line]:
    """All read models rebuilt by their command while somebody lists the country's products."""
    settings = {
        "what": "reads",
        "port": service.port,
        "rate": READS_A_SECOND,
        "path": "/v1/products",
        "tokens": {"reader": service.tokens["integrator"]},
    }
    with helper("bench.pace", settings) as process:
        took = rebuild(ground, url, same=True)
        reads = answer(process, 60)
    figure = (
        f"{took:.1f} s for {total:,} facts, {total / took:,.0f}/s; GET /v1/products at {READS_A_SECOND}/s meanwhile:"
        f" p50 {reads['p50']:.0f} ms, p99 {reads['p99']:.0f} ms, {reads['failed']} of {reads['count']:,} failed"
    )
    console.print(f"million: rebuild {figure}")
    if reads["failed"]:
        console.print(f"[red]{reads['first_failure']}[/red]")
    target = TARGET_SECONDS if total >= 1_000_000 else None
    return [
        Line(f"rebuild of all read models, {total:,} facts", figure, took, "s", target, False),
        Line("reads that failed during the rebuild", f"of {reads['count']:,}", reads["failed"], "", 0, False),
    ]


def commands(ground: Ground, crowded: Service, url: str) -> list[Line]:
    """The same commands on both journals in turn; then commands on stored products not yet in memory."""
    rounds, warm, seconds = (3, 0.5, 2.0) if ground.quick else (7, 1.0, 4.0)
    empty = ground.serve("empty", ground.database())
    rates: dict[str, list[float]] = {"full": [], "empty": []}
    for number in range(rounds):
        for name, service in (("full", crowded), ("empty", empty)):
            ground.checkpoint()
            rates[name].append(load(service, warm=warm, seconds=seconds)["rps"])
            settled(service)
        latest = ", ".join(f"{name} {rates[name][-1]:,.0f}/s" for name in rates)
        console.print(f"million, round {number + 1} of {rounds}: {latest}")
    empty.stop()
    cold = load(crowded, warm=0.5, seconds=2.5, products=stored_products(url), people={"officer": GUIDE.person})
    console.print(f"million: {cold['rps']:,.0f} commands/s on stored products")
    return [
        Line(
            "commands with the journal full, against an empty one",
            f"full {spread(rates['full'])}/s; empty {spread(rates['empty'])}/s",
            ratio(rates["full"], rates["empty"]),
            "×",
            TARGET_RATIO,
        ),
        Line(
            "commands on stored products, each read from the journal first",
            f"p50 {cold['p50']:.1f} ms, p99 {cold['p99']:.1f} ms, {cold['failed']} failed",
            cold["rps"],
            "/s",
        ),
    ]


def stored_products(url: str) -> list[str]:
    """Products of the generated journeys whose cycle is open, shuffled."""
    with psycopg.connect(url) as connection:
        rows: list[tuple[Any, ...]] = connection.execute(
            "SELECT product_id::text FROM read.status WHERE phase <> ALL (%s) ORDER BY product_id LIMIT 20000",
            ([str(phase) for phase in CLOSED],),
        ).fetchall()
    ids = [str(row[0]) for row in rows]
    random.Random(1).shuffle(ids)
    return ids
