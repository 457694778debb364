"""The load generator of commands: a closed loop on a few connections, as lean as Python allows.

Each connection opens a product and gives it four more commands (guidance, the idea form, the idea, its
endorsement), then goes on to the next. With ``products`` in the settings it gives guidance to those
stored products instead, each once. Only answers of 2xx count. Settings come as a line of JSON on standard
input, figures go to standard output.
"""

import asyncio
import gc
import itertools
import json
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import uvloop

from api.examples import EXAMPLES
from bench.ground import percentile
from bench.wire import Wire, connect, post

MIX = ("identify-product", "record-guidance", "hand-over-idea-form", "submit-idea", "endorse-idea")
NUMBER = "@" * 10
PRODUCT = "{product}"


def body_of(command: str) -> bytes:
    """The command's body, dated today; a product's name has a place for its number."""
    body = {k: v for k, v in EXAMPLES[command].items() if k != "effective_on"}
    if "product_name" in body:
        body["product_name"] = f"{body['product_name']} {NUMBER}"
    return json.dumps(body, ensure_ascii=False).encode()


def template(command: str, token: str, run: str) -> bytes:
    """The request of a command, to be filled with ``%`` (n: the product's number, product: its id)."""
    path = "/v1/products" if command == "identify-product" else f"/v1/products/{PRODUCT}/commands/{command}"
    whole = post(path, token, body_of(command), f"{run}-{NUMBER}-{command}")
    places = whole.replace(b"%", b"%%").replace(NUMBER.encode(), b"%(n)010d")
    return places.replace(PRODUCT.encode(), b"%(product)b")


def first_number() -> int:
    """Where a run begins to count products, so that no two runs open a product of the same name."""
    return int(time.time()) % 100_000 * 100_000


@dataclass(slots=True)
class Turn:
    """What a connection is doing: which command of the mix, for which product, since when."""

    place: int
    words: dict[bytes, Any]
    began: float = 0.0


class Load:
    """All connections of one run."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self._port: int = settings["port"]
        self._connections: int = settings["connections"]
        self._warm: float = settings["warm"]
        self._seconds: float = settings["seconds"]
        self._stored: Iterator[str] | None = itertools.cycle(settings["products"]) if "products" in settings else None
        run, tokens = secrets.token_hex(6), settings["tokens"]
        mix = ("record-guidance",) if self._stored else MIX
        self._requests = [template(c, tokens["producer" if c == "submit-idea" else "officer"], run) for c in mix]
        self._opened = first_number()
        self._turns: dict[Wire, Turn] = {}
        self._took: list[float] = []
        self._failures: list[str] = []
        self._from = self._until = 0.0

    async def run(self) -> dict[str, Any]:
        """Warm up, measure, hang up."""
        wires = [await connect(self._port, self._answered) for _ in range(self._connections)]
        self._from = time.perf_counter() + self._warm
        self._until = self._from + self._seconds
        for wire in wires:
            self._next_product(wire)
        await asyncio.sleep(self._warm + self._seconds)
        for wire in wires:
            wire.close()
        return {
            "rps": len(self._took) / self._seconds,
            "p50": percentile(self._took, 0.5) * 1000,
            "p99": percentile(self._took, 0.99) * 1000,
            "failed": len(self._failures),
            "first_failure": self._failures[0] if self._failures else None,
        }

    def _next_product(self, wire: Wire) -> None:
        self._opened += 1
        stored = next(self._stored).encode() if self._stored else b""
        self._turns[wire] = Turn(0, {b"n": self._opened, b"product": stored})
        self._send(wire)

    def _send(self, wire: Wire) -> None:
        turn = self._turns[wire]
        turn.began = time.perf_counter()
        wire.send(self._requests[turn.place] % turn.words)

    def _answered(self, wire: Wire, status: int, _head: bytes, body: bytes) -> None:
        now, turn = time.perf_counter(), self._turns[wire]
        if not 200 <= status < 300:
            self._failures.append(f"{status} {body[:300]!r}")
            if status:
                self._next_product(wire)
            return
        if self._from <= now < self._until:
            self._took.append(now - turn.began)
        if turn.place == 0 and self._stored is None:
            start = body.index(b'"product_id":"') + 14
            turn.words[b"product"] = body[start : start + 36]
        turn.place += 1
        if turn.place < len(self._requests):
            self._send(wire)
        else:
            self._next_product(wire)


def main() -> None:
    """Run with the settings of the first line of standard input."""
    gc.disable()
    print(json.dumps(uvloop.run(Load(json.loads(sys.stdin.readline())).run())))


if __name__ == "__main__":
    main()
