"""Paced load: so many requests a second whatever the answers take.

``commands``: each answered command is looked for at once by a GET of its product with X-Min-Position;
how long until the GET shows it. ``reads``: GETs of lists until standard input is closed; how long each
takes. Settings come as a line of JSON on standard input, figures go to standard output.
"""

import asyncio
import contextlib
import gc
import itertools
import json
import secrets
import sys
import time
from collections.abc import Callable
from typing import Any

import uvloop

from bench.ground import percentile
from bench.load import MIX, first_number, template
from bench.wire import Wire, connect, get, header


class Caller:
    """Requests over a pool of connections, each awaited."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Wire] = []
        self._waiting: dict[Wire, asyncio.Future[tuple[int, bytes, bytes]]] = {}

    async def ask(self, request: bytes) -> tuple[int, bytes, bytes]:
        """Status, head and body of the answer."""
        wire = self._idle.pop() if self._idle else await connect(self._port, self._answered)
        future: asyncio.Future[tuple[int, bytes, bytes]] = asyncio.get_running_loop().create_future()
        self._waiting[wire] = future
        wire.send(request)
        return await future

    def _answered(self, wire: Wire, status: int, head: bytes, body: bytes) -> None:
        future = self._waiting.pop(wire, None)
        if future is not None and not future.done():
            future.set_result((status, head, body))
        if status:
            self._idle.append(wire)
        elif wire in self._idle:
            self._idle.remove(wire)


async def paced(rate: float, until: Callable[[], bool], act: Callable[[int], Any]) -> None:
    """Begin ``act`` ``rate`` times a second; wait for all of them at the end."""
    tasks: set[asyncio.Task[None]] = set()
    began = time.perf_counter()
    for number in itertools.count():
        await asyncio.sleep(max(began + number / rate - time.perf_counter(), 0))
        if until():
            break
        task = asyncio.create_task(act(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
    if tasks:
        await asyncio.wait(tasks, timeout=30)


async def commands(settings: dict[str, Any]) -> dict[str, Any]:
    """Paced commands, each followed by a GET that waits for it."""
    caller, tokens, run = Caller(settings["port"]), settings["tokens"], secrets.token_hex(6)
    requests = [template(c, tokens["producer" if c == "submit-idea" else "officer"], run) for c in MIX]
    took: list[float] = []
    failures: list[str] = []
    first = first_number()
    begins_to_count = time.perf_counter() + settings["warm"]
    ends = begins_to_count + settings["seconds"]

    async def journey(number: int) -> None:
        """One product: a command, a look, and so on; its five commands are spread over time."""
        words: dict[bytes, Any] = {b"n": first + number, b"product": b""}
        for place, request in enumerate(requests):
            if place:
                await asyncio.sleep(0.05)
            status, head, body = await caller.ask(request % words)
            answered = time.perf_counter()
            if not 200 <= status < 300:
                failures.append(f"{status} {body[:300]!r}")
                return
            found = json.loads(body)
            words[b"product"] = found["product_id"].encode()
            position = (header(head, b"x-position") or b"0").decode()
            look = get(f"/v1/products/{found['product_id']}", tokens["reader"], **{"X-Min-Position": position})
            status, _, shown = await caller.ask(look)
            if status != 200 or json.loads(shown)["version"] < found["version"]:
                failures.append(f"GET {status} {shown[:300]!r}")
            elif begins_to_count <= answered < ends:
                took.append(time.perf_counter() - answered)

    await paced(settings["rate"] / len(MIX), lambda: time.perf_counter() > ends, journey)
    return report(took, failures)


async def reads(settings: dict[str, Any]) -> dict[str, Any]:
    """Paced GETs until standard input is closed."""
    caller, token = Caller(settings["port"]), settings["tokens"]["reader"]
    request = get(settings["path"], token)
    took: list[float] = []
    failures: list[str] = []
    over = asyncio.Event()
    reading = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    reading.add_done_callback(lambda _: over.set())

    async def read(_number: int) -> None:
        began = time.perf_counter()
        status, _, body = await caller.ask(request)
        took.append(time.perf_counter() - began)
        if status != 200:
            failures.append(f"{status} {body[:300]!r}")

    await paced(settings["rate"], over.is_set, read)
    return report(took, failures)


def report(took: list[float], failures: list[str]) -> dict[str, Any]:
    """Milliseconds and failures."""
    return {
        "count": len(took),
        "p50": percentile(took, 0.5) * 1000,
        "p99": percentile(took, 0.99) * 1000,
        "max": max(took, default=float("nan")) * 1000,
        "failed": len(failures),
        "first_failure": failures[0] if failures else None,
    }


def main() -> None:
    """Run with the settings of the first line of standard input."""
    gc.disable()
    settings = json.loads(sys.stdin.readline())
    with contextlib.suppress(KeyboardInterrupt):
        print(json.dumps(uvloop.run({"commands": commands, "reads": reads}[settings["what"]](settings))))


if __name__ == "__main__":
    main()
