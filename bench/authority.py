"""What authority and sealing cost: commands per second beside an earlier state of the project, in turn, in one run.

OCOP_BENCH_BASE names a checkout of that state, from before persons were facts (git worktree add … b9d555b); it runs as
its own service process with its own code, its callers known by a token file as they were then.
"""

import contextlib
import json
import os
import secrets
import subprocess
import sys
import time
from pathlib import Path

import httpx

from bench.commands import load, settled
from bench.ground import ACTORS, Ground, Line, console, median, spread
from tests.service import MASTER_KEY, Service, free_port

TARGET = 0.9
BASE = "OCOP_BENCH_BASE"


class Earlier(Service):
    """The earlier state's service: same load, its own code and token file."""

    def __init__(self, folder: Path, checkout: Path, url: str) -> None:
        self.folder, self.port = folder, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        people = [a.model_dump(mode="json", include={"person", "office", "role", "area", "producer"}) for a in ACTORS]
        self.tokens = {person["person"]: secrets.token_urlsafe(24) for person in people}
        lines = [{"token": self.tokens[person["person"]], "actor": person} for person in people]
        folder.joinpath("tokens.json").write_text(json.dumps(lines), encoding="utf-8")
        env = {k: v for k, v in os.environ.items() if not k.startswith("OCOP_")}
        env |= {"OCOP_VAR": str(folder), "OCOP_PORT": str(self.port), "OCOP_LOG": "json"}
        env |= {"OCOP_MASTER_KEY": MASTER_KEY, "OCOP_DATABASE_URL": url}
        command = [sys.executable, "-m", "api.cli", "serve"]
        self.log = folder / "service.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, env=env, cwd=checkout, stdout=log, stderr=log)
        self.client = httpx.Client(base_url=self.address, timeout=30)
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            with contextlib.suppress(httpx.TransportError):
                if self.client.get("/health/ready").status_code == 200:
                    return
            time.sleep(0.05)
        raise AssertionError(self.log.read_text(encoding="utf-8")[-3000:])


def measure(ground: Ground) -> list[Line]:
    """The two in turn, the order changed each round; nothing where no earlier state is named."""
    if not os.environ.get(BASE):
        console.print(f"authority: {BASE} names no earlier checkout, not measured")
        return []
    rounds, warm, seconds = (3, 0.5, 2.0) if ground.quick else (9, 1.0, 4.0)
    runners = {
        "now": ground.serve("now", ground.database()),
        "before": Earlier(ground.folder / "before", Path(os.environ[BASE]), ground.database(migrated=False)),
    }
    ground.running.append(runners["before"])
    found: dict[str, list[float]] = {name: [] for name in runners}
    order = list(runners)
    for number in range(rounds):
        for name in order:
            ground.checkpoint()
            found[name].append(load(runners[name], warm=warm, seconds=seconds)["rps"])
            settled(runners[name])
        order.reverse()
        console.print(
            f"authority, round {number + 1} of {rounds}: now {found['now'][-1]:,.0f}/s,"
            f" before {found['before'][-1]:,.0f}/s"
        )
    for service in runners.values():
        service.stop()
    ratios = [now / before for now, before in zip(found["now"], found["before"], strict=True)]
    figure = f"{spread(found['now'])}/s; before {spread(found['before'])}/s"
    return [Line("commands with authority and sealing, against before", figure, median(ratios), "×", TARGET)]
