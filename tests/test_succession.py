"""The log's key changes by a fact: the old key signs over it and no more, the new one from there on, all verifies."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from application.proof.audit import Fault
from application.proof.keys import LogKey
from application.proof.memory import Memory
from application.proof.signer import SIGNER_LOCK, BrokenLog, LogSigner
from application.proof.stored import audited
from application.proof.succession import Change, SignerRuns, Succession, change_key, changes, known_keys
from application.store import Journal
from application.writer import Writer
from domain.log.commands import ChangeLogKey
from domain.log.facts import LOG
from domain.proof.leaf import leaf_data
from domain.proof.merkle import leaf_hash, root_of, verify_inclusion
from domain.proof.note import Checkpoint, Key, sign, verify
from domain.refusals import Invalid, NotAllowed, WrongOrder
from domain.values import Role
from tests.language import given
from tests.service import Service
from tests.story import actor
from tests.test_log import add_facts, checkpoints, leaves, until_signed
from tests.test_writer import writer_on


def key(seed: str) -> LogKey:
    return LogKey(Ed25519PrivateKey.from_private_bytes(seed.encode() * 32), "ocop/test")


FIRST, SECOND, THIRD = key("1"), key("2"), key("3")


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "log.checkpoint")


@pytest.fixture
def writer(own_database: str) -> Iterator[Writer]:
    journal = Journal(own_database)
    yield writer_on(journal)
    journal.close()


def signed_by(url: str, log_key: LogKey, memory: Memory) -> int:
    signer = LogSigner(url, log_key, memory)
    with psycopg.connect(url, autocommit=True) as connection:
        signer.take_up(connection)
        while signer.step(connection):
            pass
    return max(checkpoints(url))


def line_of(url: str) -> list[Change]:
    with psycopg.connect(url) as connection:
        return changes(connection)


def faults(url: str, *keys: LogKey) -> list[Fault]:
    return audited(url, [one.key for one in keys], []).faults


def test_the_old_key_signs_over_the_change_and_no_more(own_database: str, writer: Writer, memory: Memory) -> None:
    add_facts(own_database, 300)
    assert signed_by(own_database, FIRST, memory) == 300
    add_facts(own_database, 10)

    size = change_key(own_database, writer, FIRST, SECOND, memory)
    add_facts(own_database, 10)

    assert line_of(own_database) == [Change(310, FIRST.key, SECOND.key)]
    assert size == 311
    with pytest.raises(BrokenLog, match="changed to another"):
        signed_by(own_database, FIRST, memory)
    with pytest.raises(BrokenLog, match="another key"):
        signed_by(own_database, THIRD, memory)
    assert signed_by(own_database, SECOND, memory) == 321
    assert change_key(own_database, writer, SECOND, THIRD, memory) == 322
    add_facts(own_database, 1)
    assert signed_by(own_database, THIRD, memory) == 323
    for trusted in (FIRST, SECOND, THIRD):
        assert faults(own_database, trusted) == [], "who trusts one of the line can follow it"
        assert known_keys(own_database, [trusted.key]) == [FIRST.key, SECOND.key, THIRD.key]
    assert {fault.code for fault in faults(own_database, key("4"))} == {"signature"}


def test_a_change_that_broke_off_is_finished_by_giving_it_again(
    own_database: str, writer: Writer, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_facts(own_database, 5)
    signed_by(own_database, FIRST, memory)

    def powerless(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(LogSigner, "step", powerless)
        with pytest.raises(KeyboardInterrupt):
            change_key(own_database, writer, FIRST, SECOND, memory)
    assert len(line_of(own_database)) == 1
    assert max(checkpoints(own_database)) == 5
    # A service that starts in between signs over the change with the key it has, and then no more.
    add_facts(own_database, 5)
    assert signed_by(own_database, FIRST, memory) == 11
    add_facts(own_database, 5)
    with pytest.raises(BrokenLog, match="changed to another"):
        signed_by(own_database, FIRST, memory)

    assert change_key(own_database, writer, FIRST, SECOND, memory) == 11
    assert change_key(own_database, writer, FIRST, SECOND, memory) == 11

    assert len(line_of(own_database)) == 1
    assert signed_by(own_database, SECOND, memory) == 16
    assert faults(own_database, FIRST) == []


def test_a_checkpoint_of_a_key_whose_turn_is_over_is_a_fault(own_database: str, writer: Writer, memory: Memory) -> None:
    add_facts(own_database, 20)
    signed_by(own_database, FIRST, memory)
    size = change_key(own_database, writer, FIRST, SECOND, memory)
    add_facts(own_database, 20)
    newest = signed_by(own_database, SECOND, memory)
    thief = sign(Checkpoint("ocop/test", newest, root_of(leaves(own_database))), "ocop/test", FIRST.private)

    with psycopg.connect(own_database) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE ocop.checkpoints SET note = %s WHERE tree_size = %s", (thief, newest))

    found = faults(own_database, SECOND)
    assert [fault.code for fault in found] == ["signature"]
    assert f"checkpoint over {newest}" in found[0].detail
    assert size < newest


def test_a_change_altered_in_the_database_links_nothing(own_database: str, writer: Writer, memory: Memory) -> None:
    add_facts(own_database, 20)
    signed_by(own_database, FIRST, memory)
    change_key(own_database, writer, FIRST, SECOND, memory)
    add_facts(own_database, 20)
    signed_by(own_database, SECOND, memory)

    with psycopg.connect(own_database) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute(
            "UPDATE ocop.events SET state = convert_to(replace(convert_from(state, 'UTF8'), %s, %s), 'UTF8')"
            " WHERE originator_id = %s",
            (FIRST.vkey, THIRD.vkey, LOG),
        )

    assert {fault.code for fault in faults(own_database, SECOND)} >= {"signature"}
    assert {fault.code for fault in faults(own_database, FIRST)} >= {"signature"}


def test_no_key_changes_while_a_service_signs(own_database: str, writer: Writer, memory: Memory) -> None:
    with psycopg.connect(own_database, autocommit=True) as signs:
        signs.execute("SELECT pg_advisory_lock(%s)", (SIGNER_LOCK,))
        with pytest.raises(SignerRuns):
            change_key(own_database, writer, FIRST, SECOND, memory)
    assert line_of(own_database) == []


def test_keys_that_do_not_follow_on_one_another_are_no_line() -> None:
    broken = [Change(3, FIRST.key, SECOND.key), Change(9, THIRD.key, FIRST.key)]
    assert Succession(broken, [SECOND.key]).known == [SECOND.key]
    assert Succession([], [SECOND.key]).signs(4, {SECOND.key})
    assert not Succession([], [SECOND.key]).signs(4, set())
    line = Succession(broken[:1], [SECOND.key])
    tried = ((3, FIRST), (3, SECOND), (4, FIRST), (5, FIRST), (6, SECOND))
    assert [line.signs(size, {by.key}) for size, by in tried] == [True, False, True, False, True]


def test_the_change_is_the_systems_own_and_of_one_log() -> None:
    change = {"before": FIRST.vkey, "now": SECOND.vkey}
    other = Key("ocop/other", 1, SECOND.key.public).vkey
    scene = given().when("change-log-key", Role.SYSTEM, **change).then("log.key-changed")

    assert scene.when("change-log-key", Role.SYSTEM, **change).facts == []
    scene.when("change-log-key", Role.SYSTEM, before=FIRST.vkey, now=THIRD.vkey).refused(WrongOrder, "before")
    for now in (SECOND.vkey, other):
        given().when("change-log-key", Role.SYSTEM, before=SECOND.vkey, now=now).refused(Invalid, "now")
    everywhere = actor(Role.ADMINISTRATOR).model_copy(update={"area": "VN"})
    scene.when("change-log-key", everywhere, before=SECOND.vkey, now=THIRD.vkey).refused(NotAllowed)
    with pytest.raises(ValueError, match="verifier key"):
        ChangeLogKey(before=FIRST.vkey, now="ocop/test+00000000+AAAA")


# ── With the command line and over HTTP ─────────────────────────────────────────────────────────


def ran(service: Service, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "api.cli", *arguments]
    return subprocess.run(command, env=service._env, capture_output=True, text=True, timeout=120, check=False)


def test_the_command_line_changes_the_key_and_everybody_can_follow(own_database: str, tmp_path: Path) -> None:
    service = Service(tmp_path / "service", own_database).start()
    try:
        until_signed(service)
        before = service.client.get("/v1/log/key").json()
        assert before["changes"] == []
        refused = ran(service, "change-log-key")
        assert refused.returncode == 1
        assert "stop it first" in refused.stderr
        service.stop()

        changed = ran(service, "change-log-key")

        assert changed.returncode == 0, changed.stderr
        service = Service(tmp_path / "service", own_database).start()
        add_facts(own_database, 3)
        until_signed(service)
        told = service.client.get("/v1/log/key").json()
        assert told["origin"] == before["origin"]
        assert changed.stdout.strip() == told["vkey"] != before["vkey"]
        newest, by = verify(service.client.get("/v1/log/checkpoint").text, [Key.parse(told["vkey"])])
        assert by
        assert newest.root == root_of(leaves(own_database))
        _followed(service, before["vkey"], told)
        for trusted in (before["vkey"], told["vkey"]):
            whole = ran(service, "verify", "--all", "--key", trusted)
            assert whole.returncode == 0, whole.stderr
    finally:
        service.stop()
    assert not (tmp_path / "service" / "log.next").exists()


def _followed(service: Service, trusted: str, told: dict[str, object]) -> None:
    """From the old key to the new one with what is served to everybody, as somebody elsewhere would."""
    (change,) = told["changes"]  # type: ignore[misc]
    checkpoint, by = verify(change["last_checkpoint"], [Key.parse(trusted)])
    assert by
    leaf, size = change["leaf_index"], checkpoint.size
    proof = service.client.get("/v1/log/proof/inclusion", params={"leaf": leaf, "size": size}).json()
    state = base64.b64decode(change["state"])
    data = leaf_data(leaf, change["position"], UUID(change["stream"]), change["version"], change["name"], state)
    hashes = [base64.b64decode(hash_) for hash_ in proof["hashes"]]
    assert verify_inclusion(leaf, size, leaf_hash(data), hashes, checkpoint.root)
    assert (change["before"], change["now"]) == (trusted, told["vkey"])
    assert told["vkey"].encode() in state  # type: ignore[attr-defined]
