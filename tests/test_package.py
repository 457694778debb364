"""The case package: downloaded by an inspector, it verifies on a machine that has nothing of the service."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from psycopg_pool import ConnectionPool

from application.database import service_conninfo
from application.keys import DatabaseKeys
from application.seals import Keeper
from domain import personal
from domain.values import Role
from tests.bundles import Vector
from tests.service import MASTER_KEY, Service, keys_of
from tests.story import tea
from tests.test_log import add_facts, until_signed
from tests.test_succession import ran
from tests.test_verifier import page


@pytest.fixture(scope="module")
def told(service: Service) -> tuple[Service, str]:
    """The tea's whole story, under a signed checkpoint."""
    product = service.tell(tea())
    service.seen(f"/v1/products/{product}", service.position)
    until_signed(service)
    return service, product


def download(service: Service, product: str, who: Role = Role.INSPECTOR) -> dict[str, bytes]:
    answer = service.get(f"/v1/products/{product}/package", who)
    assert answer.status_code == 200, answer.text
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture
def package(told: tuple[Service, str], tmp_path: Path) -> Path:
    for name, content in download(*told).items():
        tmp_path.joinpath(name).write_bytes(content)
    return tmp_path


def verified(folder: Path, *options: str) -> tuple[int, dict[str, Any]]:
    """By the program of the package itself, in its folder, with nothing of the service's in reach."""
    done = subprocess.run(
        [sys.executable, "-I", "verifier.py", "bundle.json", "--json", *options],
        cwd=folder,
        env={"PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, json.loads(done.stdout)


def test_it_verifies_with_nothing_of_the_service(told: tuple[Service, str], package: Path) -> None:
    vkey = told[0].client.get("/v1/log/key").json()["vkey"]

    code, found = verified(package, "--key", vkey)

    facts = json.loads(package.joinpath("facts.json").read_bytes())
    assert (code, found["ok"], found["faults"]) == (0, True, [])
    assert found["facts"] == len(facts) > 25
    assert [fact["version"] for fact in facts] == list(range(1, len(facts) + 1))


def test_one_byte_changed_and_it_fails_and_says_where(package: Path) -> None:
    bundle = json.loads(package.joinpath("bundle.json").read_bytes())
    changed = bundle["facts"][7]
    changed["state"] = changed["state"][:40] + ("A" if changed["state"][40] != "A" else "B") + changed["state"][41:]
    package.joinpath("bundle.json").write_text(json.dumps(bundle), encoding="utf-8")

    code, found = verified(package)

    assert (code, found["ok"]) == (1, False)
    assert {(f["leaf_index"], f["version"]) for f in found["faults"]} == {(changed["leaf_index"], changed["version"])}


def test_another_logs_key_is_not_believed(package: Path) -> None:
    other = "ocop/other+5a8f2d7e+AQ" + "A" * 42
    assert verified(package, "--key", other)[0] != 0


def test_who_has_a_key_from_before_follows_it_to_the_one_that_signs(own_database: str, tmp_path: Path) -> None:
    """The key is changed by its command, twice, with facts before, between and after; each key of the line will do."""
    folder, keys = tmp_path / "service", []
    service = Service(folder, own_database).start()
    try:
        product = service.tell(tea())
        told_at = service.position
        for _ in range(2):
            add_facts(own_database, 300)
            until_signed(service)
            keys.append(service.client.get("/v1/log/key").json()["vkey"])
            service.stop()
            changed = ran(service, "change-log-key")
            assert changed.returncode == 0, changed.stderr
            service = Service(folder, own_database).start()
        keys.append(changed.stdout.strip())
        service.seen(f"/v1/products/{product}", told_at)
        at_the_change = json.loads(download(service, product)["bundle.json"])
        add_facts(own_database, 300)
        until_signed(service)
        parts = download(service, product)
    finally:
        service.stop()
    for name, content in parts.items():
        tmp_path.joinpath(name).write_bytes(content)
    unrelated = "ocop/vi-du+d498152a+AXbO1fHUEMcY12UlH3jnmLR2NBBQh7NDnDha5NXYB8V9"
    bundle = json.loads(parts["bundle.json"])
    assert len(bundle["changes"]) == 2
    assert at_the_change["changes"][1]["hashes"] == [], "its checkpoint is the one that both signed"

    for told in (at_the_change, bundle):
        tmp_path.joinpath("bundle.json").write_text(json.dumps(told), encoding="utf-8")
        found = [verified(tmp_path, "--key", key) for key in (*keys, unrelated)]
        assert [code for code, _ in found] == [0, 0, 0, 1], found
        assert ["key-followed" in one["warnings"] for _, one in found] == [True, True, False, False]
        assert [one["signed_by"][0]["vkey"] for _, one in found[:3]] == [keys[2]] * 3
        assert {fault["code"] for fault in found[3][1]["faults"]} == {
            "key-differs",
            "checkpoint-other-log",
            "checkpoint-unsigned",
        }
        vectors = [Vector("", json.dumps(told).encode(), key, ()) for key in (*keys, unrelated)]
        assert page(vectors)["results"] == [one for _, one in found]


def test_it_can_be_read_and_names_the_evidence(told: tuple[Service, str], package: Path) -> None:
    service, product = told
    page = package.joinpath("chronicle.html").read_text(encoding="utf-8")
    trail = service.get(f"/v1/products/{product}/trail", Role.INSPECTOR).json()["trail"]
    assert all(entry["vi"].split("“")[0].split("&")[0] in page for entry in trail[:5])
    assert "<script" not in page
    evidence = json.loads(package.joinpath("evidence.json").read_bytes())
    assert {e["sha256"] for e in evidence if e["fact"] == "product.evidence-obtained"} == {
        entry["data"]["sha256"] for entry in trail if entry["fact"] == "product.evidence-obtained"
    }
    assert evidence
    assert "verifier.py bundle.json" in package.joinpath("README.txt").read_text(encoding="utf-8")


def test_personal_data_stays_sealed_and_its_erasure_changes_no_proof(
    told: tuple[Service, str], database: str, package: Path
) -> None:
    service, product = told
    before = json.loads(package.joinpath("bundle.json").read_bytes())
    opened = service.get(f"/v1/products/{product}/trail", Role.INSPECTOR).json()["trail"]
    address = next(entry["data"]["producer"]["address"] for entry in opened if "producer" in entry["data"])
    assert len(address) > 5
    for name in ("facts.json", "bundle.json", "chronicle.html"):
        assert address not in package.joinpath(name).read_text(encoding="utf-8")
    with ConnectionPool(service_conninfo(keys_of(database)), min_size=1, kwargs={"autocommit": True}) as pool:
        keeper = Keeper(bytes.fromhex(MASTER_KEY), DatabaseKeys(pool))
        registration = next(
            entry["data"]["producer"]["registration"] for entry in opened if "producer" in entry["data"]
        )
        for subject in (personal.producer(registration, keeper),):
            assert keeper.destroy(subject, personal.PURPOSES, "request:1")

    after = json.loads(download(service, product)["bundle.json"])

    assert [fact["state"] for fact in after["facts"]] == [fact["state"] for fact in before["facts"]]
    assert verified(package)[0] == 0
    package.joinpath("bundle.json").write_text(json.dumps(after), encoding="utf-8")
    assert verified(package)[0] == 0


@pytest.mark.parametrize("who", [r for r in Role if r not in (Role.SUPERVISOR, Role.INSPECTOR, Role.SYSTEM)])
def test_it_is_for_who_supervises(told: tuple[Service, str], who: Role) -> None:
    service, product = told
    assert service.get(f"/v1/products/{product}/package", who).status_code == 403
