"""What the tests of the OpenID login stand on: the service with the login, providers, what a refusal leaves."""

from __future__ import annotations

import contextlib
import subprocess
import sys
import time
from collections.abc import Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg

from tests.openid_hostile import CLIENT, SECRET
from tests.service import Service

SESSION, BINDING = "ocop-session", "ocop-openid"


class Started:
    """A process on loopback that answers at ``address``."""

    def __init__(self, folder: Path, command: Sequence[str], address: str, probe: str) -> None:
        self.address, self.log = address, folder / f"{command[0].replace('.', '-')}.log"
        with self.log.open("ab") as log:
            self.process = subprocess.Popen([sys.executable, "-m", *command], stdout=log, stderr=log)
        deadline = time.monotonic() + 60
        while True:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(address + probe).status_code == 200:
                    return
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(self.log.read_text(encoding="utf-8")[-5000:])
            time.sleep(0.05)

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)


class OpenIDService(Service):
    """The service with the login on."""

    def __init__(self, folder: Path, database: str, issuer: str, port: int) -> None:
        command = (sys.executable, "-m", "tests.openid_service")
        super().__init__(folder, database, command=command, port=port)
        secret = folder / "client-secret"
        secret.write_text(f"{SECRET}\n", encoding="utf-8")
        self._env |= {
            "OCOP_PUBLIC_URL": self.address,
            "OCOP_OPENID_ISSUER": issuer,
            "OCOP_OPENID_CLIENT_ID": CLIENT,
            "OCOP_OPENID_CLIENT_SECRET_FILE": str(secret),
        }
        self.database = database

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.database) as connection:
            return connection.execute(query).fetchall()

    def link(self, issuer: str, subject: str, person: UUID) -> None:
        command = [sys.executable, "-m", "api.cli", "identity", "link", str(person)]
        options = ["--issuer", issuer, "--subject", subject]
        subprocess.run([*command, *options], env=self._env, check=True, capture_output=True, timeout=60)

    def anew(self) -> None:
        self.ahead(0)
        assert self.client.post("/test/door").status_code == 200

    def ahead(self, seconds: int) -> None:
        assert self.client.post("/test/clock", params={"seconds": seconds}).status_code == 200


class Form(HTMLParser):
    """The first form of a page that is not a search: its fields as they stand."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "input" and found.get("name"):
            self.fields[str(found["name"])] = found.get("value") or ""


class Hostility:
    """A service and the provider that lies to it."""

    def __init__(self, service: OpenIDService, issuer: str) -> None:
        self.service, self.issuer = service, issuer

    def lies(self, lie: dict[str, Any], *, anew: bool = True) -> None:
        lie = {k: v.replace("ISSUER", self.issuer) if isinstance(v, str) else v for k, v in lie.items()}
        assert httpx.post(f"{self.issuer}/lie", json=lie).status_code == 200
        if anew:
            self.service.anew()

    def seen(self) -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{self.issuer}/seen").json()
        return found

    def stored(self) -> tuple[Any, ...]:
        """Sessions and identities: what a refused login must leave as it is."""
        query = "SELECT (SELECT count(*) FROM read.test_sessions), (SELECT count(*) FROM access.identities)"
        return self.service.rows(query)[0]

    def callback(self, browser: httpx.Client, **query: str) -> str:
        """Begin a login and go to the provider and back, up to the address of the callback."""
        left = browser.get(f"{self.service.address}/login/openid", params={"next": "/test/me", **query})
        assert left.status_code == 302, left.text
        back = browser.get(left.headers["location"])
        assert back.status_code == 302, back.text
        return back.headers["location"]

    def refused(self, answer: httpx.Response, code: str, reason: str | None, before: tuple[Any, ...]) -> None:
        """It was refused for this reason, as a problem in two languages, and left nothing behind."""
        problem = answer.json()
        assert problem["type"] == f"/v1/problems/{code}", problem
        assert problem["status"] == answer.status_code
        assert 400 <= answer.status_code < 600
        assert answer.status_code != 500
        assert problem["detail"] != problem["detail_en"]
        assert problem["hint"]
        if reason:
            assert [line["code"] for line in problem["errors"]] == [reason]
        assert answer.headers["cache-control"] == "no-store"
        assert SESSION not in answer.headers.get("set-cookie", "")
        assert self.stored() == before
