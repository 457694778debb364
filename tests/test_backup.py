"""The restore drill: journal and key store come back from their files, verified, and the service goes on."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from api.examples import EXAMPLES
from application.backup import JOURNAL, KEYS, SPOILT, BadBackup, backup, restore
from application.database import migrate, migrate_keys
from domain.values import Role
from tests.service import MASTER_KEY, Service, keys_of
from tests.story import tea
from tests.test_log import add_facts, until_signed


@pytest.fixture
def empty(server_url: str) -> Iterator[tuple[str, str]]:
    """Two databases with nothing in them, for journal and keys."""
    names = [f"back_{uuid4().hex}", f"back_{uuid4().hex}_keys"]
    with psycopg.connect(server_url, autocommit=True) as connection:
        for name in names:
            connection.execute(f"CREATE DATABASE {name}")
    yield make_conninfo(server_url, dbname=names[0]), make_conninfo(server_url, dbname=names[1])
    with psycopg.connect(server_url, autocommit=True) as connection:
        for name in names:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def ocop(var: Path, url: str, keys_url: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith("OCOP_")}
    env |= {"OCOP_VAR": str(var), "OCOP_DATABASE_URL": url, "OCOP_KEYS_URL": keys_url, "OCOP_MASTER_KEY": MASTER_KEY}
    env |= more
    return subprocess.run(
        [sys.executable, "-m", "api.cli", *words], env=env, capture_output=True, text=True, check=False, timeout=120
    )


def content(url: str, tables: tuple[str, ...]) -> dict[str, list[tuple[object, ...]]]:
    with psycopg.connect(url) as connection:
        return {table: sorted(connection.execute(f"SELECT * FROM {table}").fetchall(), key=str) for table in tables}  # type: ignore[call-overload]


def test_a_service_comes_back_from_its_backups(own_database: str, empty: tuple[str, str], tmp_path: Path) -> None:
    var = tmp_path / "var"
    service = Service(var, own_database).start()
    try:
        product = service.tell(tea())
        trail = service.seen(f"/v1/products/{product}/trail", service.position, Role.INSPECTOR)
        until_signed(service)
        note = service.client.get("/v1/log/checkpoint").text
        files = tmp_path / "journal.backup", tmp_path / "keys.backup"
        made = ocop(
            var, own_database, keys_of(own_database), "backup", "--journal", str(files[0]), "--keys", str(files[1])
        )
        assert made.returncode == 0, made.stderr
        assert all(file.stat().st_mode & 0o077 == 0 for file in files)
        kept = content(own_database, JOURNAL), content(keys_of(own_database), KEYS)
    finally:
        service.stop()

    back = ocop(var, *empty, "restore", "--journal", str(files[0]), "--keys", str(files[1]))

    assert back.returncode == 0, back.stderr
    assert ", 0 faults" in back.stderr
    assert (content(empty[0], JOURNAL), content(empty[1], KEYS)) == kept
    again = Service(var, empty[0])
    again._env["OCOP_KEYS_URL"] = empty[1]
    again.tokens = {}
    again.start()
    try:
        assert again.seen(f"/v1/products/{product}/trail", service.position, Role.INSPECTOR) == trail
        assert again.client.get("/v1/log/checkpoint").text == note
        new = again.give(None, "identify-product", Role.COMMUNE_OFFICER, EXAMPLES["identify-product"])
        assert new.status_code == 201, new.text
        until_signed(again)
    finally:
        again.stop()
    assert ocop(var, *empty, "verify", "--all").returncode == 0


def test_a_backup_older_than_what_was_signed_is_said_to_be(
    own_database: str, empty: tuple[str, str], tmp_path: Path
) -> None:
    var, file = tmp_path / "var", tmp_path / "journal.backup"
    service = Service(var, own_database).start()
    try:
        until_signed(service)
        backup(own_database, JOURNAL, file)
        add_facts(own_database, 20)
        until_signed(service)
    finally:
        service.stop()

    back = ocop(var, *empty, "restore", "--journal", str(file))

    assert back.returncode == 1
    assert "rolled-back" in back.stderr
    assert ocop(var, *empty, "verify").returncode == 1


def test_a_file_that_was_changed_restores_nothing(own_database: str, empty: tuple[str, str], tmp_path: Path) -> None:
    add_facts(own_database, 50)
    file, draw = tmp_path / "journal.backup", random.Random(5)
    backup(own_database, JOURNAL, file)
    migrate(empty[0])
    whole = file.read_bytes()
    spoilt = [b"", b"PK", whole[: len(whole) // 2], *(_changed(whole, draw) for _ in range(60))]
    for number, bad in enumerate(spoilt):
        file.write_bytes(bad)
        with pytest.raises(BadBackup):
            restore(empty[0], JOURNAL, file)
        assert content(empty[0], JOURNAL) == {table: [] for table in JOURNAL}, number


def _changed(whole: bytes, draw: random.Random) -> bytes:
    """One bit of a member's content or of the manifest, not one of the archive's own idle bytes and bits."""
    while _unpacked(changed := _flipped(whole, draw)) == _unpacked(whole):
        pass  # the last bits of a compressed stream may be nobody's
    return changed


def _unpacked(whole: bytes) -> dict[str, bytes] | None:
    try:
        with zipfile.ZipFile(io.BytesIO(whole)) as archive:
            return {name: archive.read(name) for name in archive.namelist()}
    except SPOILT:
        return None


def _flipped(whole: bytes, draw: random.Random) -> bytes:
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        member = draw.choice([info for info in archive.infolist() if info.compress_size > 20])
    header = whole[member.header_offset :][:30]
    start = member.header_offset + 30 + sum(int.from_bytes(header[at : at + 2], "little") for at in (26, 28))
    at = start + draw.randrange(member.compress_size)
    return whole[:at] + bytes([whole[at] ^ (1 << draw.randrange(8))]) + whole[at + 1 :]


def test_nothing_is_restored_over_what_is_there_or_from_another_kind(
    own_database: str, empty: tuple[str, str], tmp_path: Path
) -> None:
    add_facts(own_database, 5)
    file = tmp_path / "journal.backup"
    backup(own_database, JOURNAL, file)
    before = content(own_database, JOURNAL)
    with pytest.raises(BadBackup, match="holds something already"):
        restore(own_database, JOURNAL, file)
    assert content(own_database, JOURNAL) == before
    migrate_keys(empty[1])
    with pytest.raises(BadBackup):
        restore(empty[1], KEYS, file)
