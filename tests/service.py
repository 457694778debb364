"""The real service as a process of its own, for scenarios over HTTP."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.sql import SQL, Identifier

from api.commands import path_of
from application.database import EmbeddedPostgres, is_current
from domain.decide import COMMANDS
from domain.values import Actor, Role
from tests.appointed import appoint, log_in
from tests.story import Chapter, actor, addressed

TEMPLATES: dict[str, str] = {}
"""By server (host and port): name of the migrated, empty key store that others there are copied from."""
PATIENCE = 60.0
"""Seconds that read models may take on a busy machine."""
SERVE = (sys.executable, "-m", "api.cli", "serve")
MASTER_KEY = "5e" * 32
READERS = (Role.SUPERVISOR, Role.INSPECTOR, Role.INTEGRATOR)


def tea_actors() -> list[Actor]:
    """Everybody in the tea's story, three council members, and a reader of each kind."""
    roles = [r for r in Role if r is not Role.COUNCIL_MEMBER]
    members = [actor(Role.COUNCIL_MEMBER, n) for n in (1, 2, 3)]
    foreign = Actor(person="officer elsewhere", office="elsewhere", role=Role.COMMUNE_OFFICER, area="00070")
    other = Actor(person="another producer", office="another", role=Role.PRODUCER, area="04876", producer="HKD-9999")
    return [*(actor(r) for r in roles), *members, foreign, other]


def server_of(url: str) -> str:
    """Which server a URL leads to."""
    parts = conninfo_to_dict(url)
    return f"{parts.get('host')}:{parts.get('port')}"


def keys_of(url: str) -> str:
    """URL of the key store beside a test's database, on the same server; made where it is missing."""
    name = f"{conninfo_to_dict(url)['dbname']}_keys"
    template = TEMPLATES.get(server_of(url))
    copied = SQL(" TEMPLATE {}").format(Identifier(template)) if template else SQL("")
    with contextlib.suppress(psycopg.errors.DuplicateDatabase), psycopg.connect(url, autocommit=True) as connection:
        connection.execute(SQL("CREATE DATABASE {}{}").format(Identifier(name), copied))
    return make_conninfo(url, dbname=name)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def on_paper(body: Any) -> Any:
    """An act of long ago names its paper, as an office would."""
    if not isinstance(body, dict) or "paper" in body or not isinstance(day := body.get("effective_on"), str):
        return body
    return {**body, "paper": {"number": "01/BB", "signed_on": day}}


class Service:
    """``ocop serve`` on a free port; ``command`` starts another program that serves the same way."""

    def __init__(
        self,
        folder: Path,
        database_url: str | None,
        command: Sequence[str] = SERVE,
        actors: Sequence[Actor] | None = None,
        port: int | None = None,
    ) -> None:
        self.folder, self.port = folder, port or free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        self.actors = list(actors if actors is not None else tea_actors())
        self.tokens: dict[str, str] = {}
        self._url = database_url
        env = {k: v for k, v in os.environ.items() if not k.startswith("OCOP_")}
        env |= {"OCOP_VAR": str(folder), "OCOP_PORT": str(self.port), "OCOP_LOG": "json"}
        env |= {"OCOP_MASTER_KEY": MASTER_KEY}  # processes on one database share it
        if database_url:
            env |= {"OCOP_DATABASE_URL": database_url, "OCOP_KEYS_URL": keys_of(database_url)}
        self._env, self._command = env, list(command)
        self.reached = 0
        self.log = folder / f"service-{self.port}.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.client = httpx.Client(base_url=self.address, timeout=30)

    def start(self, patience: float = 60) -> Service:
        """Until it is ready, its people appointed and logged in."""
        waiting = bool(self.actors) and not self.tokens
        if waiting and self._url is not None and is_current(self._url):
            self.admit(self._url)
            waiting = False
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._command, env=self._env, stdout=log, stderr=log)
        deadline = time.monotonic() + patience
        while True:
            with contextlib.suppress(httpx.TransportError):
                if self.client.get("/health/ready").status_code == 200:
                    break
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(self.log.read_text(encoding="utf-8")[-5000:])
            time.sleep(0.05)
        if waiting:
            self.let_in()
        return self

    def let_in(self) -> None:
        """Admit everybody to a service that runs, on whatever database it made for itself."""
        if self._url is not None:
            self.admit(self._url)
            return
        embedded = EmbeddedPostgres(self.folder)
        self.admit(embedded.start())
        embedded.leave()

    def admit(self, url: str) -> None:
        """Appoint everybody and log them in, past the service's doors."""
        appoint(url, self.actors)
        self.tokens = log_in(url, self.actors)

    def caught_up(self, patience: float = 60) -> Service:
        """Wait until the read models know everything, people included."""
        deadline = time.monotonic() + patience
        while any(model["lag"] for model in self.client.get("/health/ready").json()["read_models"]):
            assert time.monotonic() < deadline, "the read models do not catch up"
            time.sleep(0.05)
        return self

    def stop(self, patience: float = 20) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(patience)
        self.client.close()

    def kill(self) -> None:
        """kill -9 of the service's own process."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def logged(self, *texts: str, patience: float = 10) -> str:
        """The log, once each of these stands in it: a request's line is written after its answer was sent."""
        deadline = time.monotonic() + patience
        while not all(text in (log := self.log.read_text(encoding="utf-8")) for text in texts):
            assert time.monotonic() < deadline, (texts, log[-2000:])
            time.sleep(0.02)
        return log

    def headers(self, who: Role | Actor | str, **more: str) -> dict[str, str]:
        person = who.person if isinstance(who, Actor) else actor(who).person if isinstance(who, Role) else who
        return {"Authorization": f"Bearer {self.tokens[person]}", **more}

    def get(self, path: str, who: Role | Actor | str = Role.SUPERVISOR, **headers: str) -> httpx.Response:
        """Read. A position that was reached is waited for, however busy the machine is; one to come is not."""
        deadline, wanted = time.monotonic() + PATIENCE, headers.get("X-Min-Position", "")
        while True:
            answer = self.client.get(path, headers=self.headers(who, **headers))
            coming = wanted.isdecimal() and int(wanted) <= self.reached and time.monotonic() < deadline
            if answer.status_code != 503 or not coming:
                return answer

    def seen(self, path: str, position: int, who: Role | Actor | str = Role.SUPERVISOR) -> Any:
        """What is read there once the read models have come so far."""
        self.reached = max(self.reached, position)
        answer = self.get(path, who, **{"X-Min-Position": str(position)})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def give(
        self,
        stream: str | None,
        command: str,
        who: Role | Actor | str,
        body: Any,
        key: str | None = None,
        **headers: str,
    ) -> httpx.Response:
        """Give a command with an idempotency key; ``stream`` None where it opens one or goes to a book."""
        path = path_of(COMMANDS[command]) if command in COMMANDS else f"/v1/products/{stream}/commands/{command}"
        if stream is not None:
            path = re.sub(r"\{\w+\}", stream, path)
        more = {"Idempotency-Key": key or secrets.token_hex(8), **headers}
        answer = self.client.post(path, json=on_paper(body), headers=self.headers(who, **more))
        self.reached = max(self.reached, int(answer.headers.get("X-Position", 0)))
        return answer

    def tell(self, chapters: Sequence[Chapter]) -> str:
        """Tell a story over HTTP; every chapter must go through. Returns the product's id, if any; see ``ids``."""
        ids = self.ids = dict[str, str]()
        members = 0
        for command, role, body in chapters:
            members += command == "submit-score-sheet"
            who = actor(role, members) if role is Role.COUNCIL_MEMBER else actor(role)
            kind = COMMANDS[command].stream
            answer = self.give(ids.get(kind), command, who, addressed(command, body, ids))
            assert answer.status_code in (200, 201), f"{command}: {answer.text}"
            ids[kind] = answer.json()[f"{kind}_id"]
            self.position = answer.json()["position"]
        return ids.get("product", "")
