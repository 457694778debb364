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
from application.proof.succession import Change, SignerRuns, Succession, change_key, changes, known_keys, told
from application.recorded import to_bytes
from application.store import Journal
from application.writer import Writer
from domain.log.commands import ChangeLogKey
from domain.log.facts import LOG, KeyChanged
from domain.proof.leaf import leaf_data
from domain.proof.merkle import leaf_hash, root_of, verify_inclusion
from domain.proof.note import Checkpoint, Key, parse, sign, verify, with_signatures
from domain.refusals import Invalid, NotAllowed, WrongOrder
from domain.values import Role
from tests.appointed import recorded
from tests.language import given
from tests.service import Service
from tests.story import actor
from tests.test_log import add_facts, checkpoints, leaves, signed, until_signed
from tests.test_writer import writer_on


def key(seed: str) -> LogKey:
    return LogKey(Ed25519PrivateKey.from_private_bytes(seed.encode() * 32), "ocop/test")


FIRST, SECOND, THIRD = key("1"), key("2"), key("3")


@pytest.fixture
def writer(own_database: str) -> Iterator[Writer]:
    journal = Journal(own_database)
    yield writer_on(journal)
    journal.close()


def line_of(url: str) -> list[Change]:
    with psycopg.connect(url) as connection:
        return changes(connection)


def faults(url: str, *keys: LogKey) -> list[Fault]:
    return audited(url, [one.key for one in keys], []).faults


def test_both_keys_sign_over_the_change_and_each_alone_before_and_after(
    own_database: str, writer: Writer, memory: Memory
) -> None:
    add_facts(own_database, 300)
    assert signed(own_database, memory, FIRST) == 300
    add_facts(own_database, 10)

    size = change_key(own_database, writer, FIRST, SECOND, memory)

    assert size == 311
    assert line_of(own_database) == [Change(FIRST.key, SECOND.key, 311)]
    assert signers(own_database, 300) == {FIRST.key}
    assert signers(own_database, 311) == {FIRST.key, SECOND.key}, "what is given out before the next fact holds too"
    add_facts(own_database, 10)
    for other, said in ((FIRST, "is being changed"), (THIRD, "another key")):
        with pytest.raises(BrokenLog, match=said):
            signed(own_database, memory, other)
    assert signed(own_database, memory, SECOND) == 321
    assert signers(own_database, 321) == {SECOND.key}
    assert change_key(own_database, writer, SECOND, THIRD, memory) == 322
    add_facts(own_database, 1)
    assert signed(own_database, memory, THIRD) == 323
    for trusted in (FIRST, SECOND, THIRD):
        assert faults(own_database, trusted) == [], "who trusts one of the line can follow it"
        assert set(known_keys(own_database, [trusted.key])) == {FIRST.key, SECOND.key, THIRD.key}
    assert {fault.code for fault in faults(own_database, key("4"))} == {"signature"}


@pytest.mark.parametrize("dies", ["before it is signed", "before the files change"])
def test_a_change_that_broke_off_goes_on_when_it_is_given_again(
    own_database: str, writer: Writer, memory: Memory, monkeypatch: pytest.MonkeyPatch, dies: str
) -> None:
    add_facts(own_database, 5)
    signed(own_database, memory, FIRST)
    if dies == "before it is signed":
        with monkeypatch.context() as patched:
            patched.setattr(LogSigner, "step", powerless)
            with pytest.raises(KeyboardInterrupt):
                change_key(own_database, writer, FIRST, SECOND, memory)
        assert line_of(own_database) == [Change(FIRST.key, SECOND.key, None)]
    else:
        change_key(own_database, writer, FIRST, SECOND, memory)
    # A service that starts in between has the old key alone: it signs up to the change and not over it.
    add_facts(own_database, 5)
    with pytest.raises(BrokenLog, match="is being changed"):
        signed(own_database, memory, FIRST)
    if dies == "before it is signed":
        with pytest.raises(BrokenLog, match="another key"):
            signed(own_database, memory, SECOND)

    for _ in range(2):
        assert change_key(own_database, writer, FIRST, SECOND, memory) == (11 if dies == "before it is signed" else 6)

    assert len(line_of(own_database)) == 1
    add_facts(own_database, 5)
    assert signed(own_database, memory, SECOND) == 16
    assert faults(own_database, FIRST) == faults(own_database, SECOND) == []


def powerless(*_: object) -> int:
    raise KeyboardInterrupt


def test_a_checkpoint_of_a_key_whose_turn_is_over_is_a_fault(own_database: str, writer: Writer, memory: Memory) -> None:
    add_facts(own_database, 20)
    signed(own_database, memory, FIRST)
    change_key(own_database, writer, FIRST, SECOND, memory)
    add_facts(own_database, 20)
    newest = signed(own_database, memory, SECOND)

    resigned(own_database, FIRST, newest)

    found = faults(own_database, SECOND)
    assert [fault.code for fault in found] == ["signature"]
    assert f"checkpoint over {newest}" in found[0].detail


def test_nobody_who_holds_one_key_links_another_to_it(own_database: str, writer: Writer, memory: Memory) -> None:
    """A superuser with a key of his own, or a stolen old one, signs everything anew and names the true key after it."""
    add_facts(own_database, 20)
    signed(own_database, memory, THIRD)
    change_key(own_database, writer, THIRD, SECOND, memory)
    assert faults(own_database, SECOND) == []

    for size in checkpoints(own_database):
        resigned(own_database, THIRD, size)

    assert known_keys(own_database, [SECOND.key]) == [SECOND.key]
    assert {fault.code for fault in faults(own_database, SECOND)} == {"signature"}
    with pytest.raises(BrokenLog, match="another key"):
        signed(own_database, memory, SECOND)


def test_a_change_that_cannot_be_read_links_nothing_and_stops_no_audit(
    own_database: str, writer: Writer, memory: Memory
) -> None:
    add_facts(own_database, 20)
    signed(own_database, memory, FIRST)
    change_key(own_database, writer, FIRST, SECOND, memory)

    for spoilt in (b"\x00", b"{}", b'{"data": 1}'):
        with psycopg.connect(own_database) as connection:
            connection.execute("SET session_replication_role = replica")
            connection.execute("UPDATE ocop.events SET state = %s WHERE originator_id = %s", (spoilt, LOG))
        assert known_keys(own_database, [SECOND.key]) == [SECOND.key]
        found = {(fault.code, fault.first) for fault in faults(own_database, SECOND)}
        assert ("signature", 0) in found
        assert any(code in ("altered", "checkpoint") for code, _ in found)


def signers(url: str, size: int) -> set[Key]:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT note FROM ocop.checkpoints WHERE tree_size = %s", (size,)).fetchone()
    assert row is not None
    return {one.key for one in verify(row[0], [FIRST.key, SECOND.key, THIRD.key])[1]}


def resigned(url: str, log_key: LogKey, size: int) -> None:
    """As whoever holds the database and this key can."""
    note = sign(Checkpoint("ocop/test", size, root_of(leaves(url)[:size])), "ocop/test", log_key.private)
    with psycopg.connect(url) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE ocop.checkpoints SET note = %s WHERE tree_size = %s", (note, size))


def test_no_key_changes_while_a_service_signs(own_database: str, writer: Writer, memory: Memory) -> None:
    with psycopg.connect(own_database, autocommit=True) as signs:
        signs.execute("SELECT pg_advisory_lock(%s)", (SIGNER_LOCK,))
        with pytest.raises(SignerRuns):
            change_key(own_database, writer, FIRST, SECOND, memory)
    assert line_of(own_database) == []


def test_a_change_slipped_in_under_the_same_handover_links_no_key() -> None:
    """Whoever changes the database before the handover is signed, and adds a signature of his own to it after."""
    stored = []
    for version, (before, now) in enumerate([(FIRST, SECOND), (SECOND, THIRD)], 1):
        fact = KeyChanged(before=before.vkey, now=now.vkey)
        stored.append(to_bytes(recorded(LOG, version, fact)))
    checkpoint = Checkpoint("ocop/test", 12, b"r" * 32)

    def signed_by(one: LogKey, other: LogKey) -> str:
        return with_signatures(one.sign(checkpoint), [s.line for s in parse(other.sign(checkpoint)).signatures])

    notes = [signed_by(FIRST, SECOND), signed_by(SECOND, THIRD)]
    rows = [(*fact, 12, note, leaf) for leaf, (fact, note) in enumerate(zip(stored, notes, strict=True), 10)]
    assert told([rows[1]])[0].size == 12, "by itself it would link"

    line = told(rows)

    assert [change.size for change in line] == [12, None]
    assert THIRD.key not in Succession(line, [FIRST.key]).known


def test_whose_turn_it_is_follows_from_what_both_signed() -> None:
    line = [Change(FIRST.key, SECOND.key, 4), Change(SECOND.key, THIRD.key, 9)]
    for trusted in (FIRST, SECOND, THIRD):
        turns = Succession(line, [trusted.key])
        assert set(turns.known) == {FIRST.key, SECOND.key, THIRD.key}
        right = {3: {FIRST}, 4: {FIRST, SECOND}, 5: {SECOND}, 9: {SECOND, THIRD}, 10: {THIRD}}
        for size, keys in right.items():
            for by in ({FIRST}, {SECOND}, {THIRD}, {FIRST, SECOND}, {SECOND, THIRD}, {FIRST, SECOND, THIRD}):
                assert turns.signed(size, {one.key for one in by}) == (keys <= by), (size, by)
    unlinked = Succession([Change(FIRST.key, SECOND.key, None)], [SECOND.key])
    assert unlinked.known == [SECOND.key]
    assert unlinked.signed(4, {SECOND.key})
    assert not unlinked.signed(4, set())


def test_the_change_is_the_systems_own_and_of_one_log() -> None:
    change = {"before": FIRST.vkey, "now": SECOND.vkey}
    other = Key("ocop/other", 1, SECOND.key.public).vkey
    scene = given().when("change-log-key", Role.SYSTEM, **change).then("log.key-changed")

    assert scene.when("change-log-key", Role.SYSTEM, **change).facts == []
    scene.when("change-log-key", Role.SYSTEM, before=FIRST.vkey, now=THIRD.vkey).refused(WrongOrder, "before")
    scene.when("change-log-key", Role.SYSTEM, before=SECOND.vkey, now=FIRST.vkey).refused(Invalid, "now")
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
        assert service.client.get("/v1/log/key").json() == before
        service.stop()

        changed = ran(service, "change-log-key")

        assert changed.returncode == 0, changed.stderr
        service = Service(tmp_path / "service", own_database).start()
        told = service.client.get("/v1/log/key").json()
        both = verify(
            service.client.get("/v1/log/checkpoint").text, [Key.parse(before["vkey"]), Key.parse(told["vkey"])]
        )
        assert len(both[1]) == 2, "no fact is needed before the new key holds"
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
    assert not (tmp_path / "service" / "log.key.next").exists()
    assert (tmp_path / "service" / "log.key").stat().st_mode & 0o777 == 0o600


def test_a_key_given_in_the_environment_is_changed_there(own_database: str, tmp_path: Path) -> None:
    """Twice: the file that still holds the key in use is not taken for the next one."""
    service = Service(tmp_path / "service", own_database)
    service._env["OCOP_LOG_KEY"] = "11" * 32
    (tmp_path / "service").mkdir(exist_ok=True)

    first = ran(service, "change-log-key")
    assert first.returncode == 0, first.stderr
    assert "OCOP_LOG_ORIGIN=ocop/" in first.stderr
    file = tmp_path / "service" / "log.key.next"
    service._env["OCOP_LOG_KEY"] = file.read_text(encoding="ascii")
    refused = ran(service, "change-log-key")
    assert refused.returncode == 1
    assert "remove it first" in refused.stderr
    file.unlink()
    second = ran(service, "change-log-key")

    assert second.returncode == 0, second.stderr
    assert second.stdout != first.stdout
    assert len(line_of(own_database)) == 2
    assert [change.size for change in line_of(own_database)] == [1, 2]


def test_a_change_that_cannot_be_read_stops_no_command(own_database: str, tmp_path: Path) -> None:
    service = Service(tmp_path / "service", own_database)
    assert ran(service, "change-log-key").returncode == 0
    with psycopg.connect(own_database) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("UPDATE ocop.events SET state = '{}' WHERE originator_id = %s", (LOG,))

    found = ran(service, "verify", "--all")

    assert found.returncode == 1
    assert "leaf 0" in found.stderr or "leaves 0" in found.stderr, found.stderr
    assert "Traceback" not in found.stderr


def _followed(service: Service, trusted: str, told: dict[str, object]) -> None:
    """From the old key to the new one with what is served to everybody, as somebody elsewhere would."""
    (change,) = told["changes"]  # type: ignore[misc]
    checkpoint, by = verify(change["checkpoint"], [Key.parse(trusted)])
    assert by
    leaf, size = change["leaf_index"], checkpoint.size
    proof = service.client.get("/v1/log/proof/inclusion", params={"leaf": leaf, "size": size}).json()
    state = base64.b64decode(change["state"])
    data = leaf_data(leaf, change["position"], UUID(change["stream"]), change["version"], change["name"], state)
    hashes = [base64.b64decode(hash_) for hash_ in proof["hashes"]]
    assert verify_inclusion(leaf, size, leaf_hash(data), hashes, checkpoint.root)
    assert (change["before"], change["now"]) == (trusted, told["vkey"])
    assert told["vkey"].encode() in state  # type: ignore[attr-defined]
