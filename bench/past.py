"""What was known then and had happened by then, over HTTP: one product, and lists, with a million facts stored."""

import random
import time
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx
import psycopg
from psycopg.sql import SQL, Identifier

from bench.ground import Ground, Line, console, percentile
from bench.journeys import store
from bench.million import rebuild
from domain.values import Role
from tests.service import Service

PRODUCTS = 100_000
"""Products in the lists' tables: rows of the generated ones are doubled until there are so many."""
ONE, LIST = 50.0, 2.0
LISTS = ("", "stars=4", "area=25", "late=true", "q=che", "step=5")
"""What lists are asked for: nothing, and one filter each."""


def measure(ground: Ground) -> list[Line]:
    """Both on one service over one database."""
    total, products = (100_000, 10_000) if ground.quick else (1_000_000, PRODUCTS)
    url = ground.database()
    stored = store(url, total, lambda done, _all: console.print(f"past: {done:,} facts stored", end="\r"))
    rebuild(ground, url)
    more(url, products)
    service = ground.serve("past", url)
    signed(service)
    lines = [one(ground, service, url, total, stored), lists(ground, service, url, products)]
    service.stop()
    ground.drop(url)
    return lines


def more(url: str, products: int) -> None:
    """Rows of products without facts, under names that come last: for the look at every product, never shown."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE read.real AS SELECT product_id FROM read.status")
        row = connection.execute("SELECT count(*) FROM read.real").fetchone()
        stored = row[0] if row else 0
        for number in range(1, -(-products // stored)):
            for name in ("status", "moments"):
                columns = connection.execute(
                    "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0", (f"read.{name}",)
                ).fetchall()
                given = {
                    "product_id": SQL("md5(product_id::text || {})::uuid").format(number),
                    "name": SQL("'ỹ' || name"),
                }
                told = SQL(", ").join([given.get(column) or Identifier(column) for (column,) in columns])
                connection.execute(
                    SQL(
                        "INSERT INTO {table} ({columns}) SELECT {told} FROM {table} WHERE product_id IN"
                        " (SELECT product_id FROM read.real ORDER BY product_id LIMIT {most})"
                    ).format(
                        table=Identifier("read", name),
                        columns=SQL(", ").join(Identifier(column) for (column,) in columns),
                        told=told,
                        most=products - number * stored,
                    )
                )
        row = connection.execute("SELECT count(*) FROM read.status").fetchone()
        assert row == (max(products, stored),)
        connection.execute("VACUUM (ANALYZE)")


def signed(service: Service) -> None:
    """Until a checkpoint is over every fact, as in a service that has run for years."""
    while service.client.get("/health/ready").json()["log"]["lag"]:
        time.sleep(0.2)


def asked(service: Service, path: str) -> float:
    """Seconds until the answer, to somebody who reads the whole country."""
    began = time.perf_counter()
    answer: httpx.Response = service.get(path, Role.INTEGRATOR)
    answer.raise_for_status()
    return time.perf_counter() - began


def one(ground: Ground, service: Service, url: str, total: int, stored: int) -> Line:
    """Products drawn by lot, each at a day and a position drawn by lot."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "SELECT product_id, max(day), max(known_from) FROM read.moments WHERE name NOT LIKE 'ỹ%%'"
            " GROUP BY product_id ORDER BY product_id LIMIT 5000"
        ).fetchall()
    draw, took = random.Random(3), list[float]()
    products: list[tuple[UUID, Any, int]] = draw.choices(rows, k=100 if ground.quick else 1_000)
    for key, day, position in products:
        at = draw.choice([position, total])
        took.append(asked(service, f"/v1/products/{key}?effective={day}&known={quote(f'position:{at}')}") * 1000)
    middle, slow = percentile(took, 0.5), percentile(took, 0.99)
    figure = f"p50 {middle:.1f} ms, p99 {slow:.1f} ms of {len(took):,} of {stored:,} products"
    console.print(f"past, one product: {figure}")
    return Line(f"a product as of, {total:,} facts stored, p99", figure, slow, "ms", ONE, False)


def lists(ground: Ground, service: Service, url: str, products: int) -> Line:
    """The first page of each list, as known at half and at all of the facts."""
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT max(notification_id) FROM ocop.events").fetchone()
    head = row[0] if row else 0
    took: dict[str, list[float]] = {}
    for _ in range(2 if ground.quick else 4):
        for asked_for in LISTS:
            for at in (head // 2, head):
                path = f"/v1/products?{asked_for}&effective=2026-06-30&known={quote(f'position:{at}')}"
                took.setdefault(asked_for or "all", []).append(asked(service, path))
    figure = ", ".join(f"{name} {percentile(times, 0.5):.2f} s" for name, times in took.items())
    slowest = max(percentile(times, 0.5) for times in took.values())
    console.print(f"past, lists: {figure}")
    return Line(
        f"a list as of, over {products:,} products, the slowest of its kinds", figure, slowest, "s", LIST, False
    )
