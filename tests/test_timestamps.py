"""Time stamps of the log: an authority on loopback, honest or lying, and the service that asks it once a day."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import random
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from rfc3161_client import HashAlgorithm, TimestampRequestBuilder
from structlog.testing import capture_logs

from application.backup import JOURNAL, backup, restore
from application.proof import timestamps
from application.proof.memory import Memory
from application.proof.timestamps import (
    Authority,
    BadStamp,
    Stamping,
    authorities_of,
    checked,
    roots_of,
    stamps_audited,
)
from application.settings import BadSettings, Settings
from domain.law.calendar import LEGAL_ZONE, legal_date
from domain.proof.note import Key, verify
from tests.conftest import fresh_database
from tests.service import Service, free_port, keys_of
from tests.story import tea
from tests.test_backup import ocop
from tests.test_log import KEY, add_facts, signed, until_signed
from tests.test_package import download, verified
from tests.test_succession import ran
from tests.tsa import Serving, Stamper, der_of, serving

NOTE = "ocop/test\n1\n" + base64.b64encode(b"r" * 32).decode() + "\n\n— ocop/test AAAAAAAA\n"
NOON = datetime(2026, 3, 12, 12, tzinfo=LEGAL_ZONE)
"""Of the day on which the authority is asked for the end of the day before."""
DAY = date(2026, 3, 11)


@pytest.fixture
def authority() -> Iterator[Serving]:
    with serving() as told:
        yield told


def named(authority: Serving, host: str = "127.0.0.1") -> Authority:
    return Authority.parse(authority.url.replace("127.0.0.1", host), signed=False)


def signed_on(url: str, memory: Memory, facts: int, *at: datetime) -> None:
    """So many facts under a checkpoint for each of these instants, as if it had been signed then."""
    for instant in at:
        add_facts(url, facts)
        moved(url, f"tree_size = {signed(url, memory)}", instant)


def moved(url: str, which: str, instant: datetime) -> None:
    """Checkpoints as if signed at another instant, which only an owner of the table can do."""
    with psycopg.connect(url) as connection:
        connection.execute("ALTER TABLE ocop.checkpoints DISABLE TRIGGER ALL")
        connection.execute(f"UPDATE ocop.checkpoints SET signed_at = %s WHERE {which}".encode(), (instant,))
        connection.execute("ALTER TABLE ocop.checkpoints ENABLE TRIGGER ALL")


Kept = tuple[date, str, int, bool]


def kept(url: str) -> list[Kept]:
    with psycopg.connect(url) as connection:
        query = "SELECT day, authority, tree_size, verified FROM ocop.timestamps ORDER BY day, authority"
        return connection.execute(query).fetchall()  # type: ignore[return-value]


def look(url: str, stamping: Stamping) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        stamping.look(connection)


# ── What is stamped, and when ───────────────────────────────────────────────────────────────────


def test_the_last_checkpoint_before_midnight_in_vietnam_is_stamped(
    own_database: str, memory: Memory, authority: Serving
) -> None:
    """Its note, with the log's signature and to the byte; what is signed after midnight is the next day's."""
    midnight = datetime(2026, 3, 12, tzinfo=LEGAL_ZONE)
    before, after = midnight - timedelta(milliseconds=1), midnight
    signed_on(own_database, memory, 10, midnight - timedelta(days=3), before, after, NOON)

    look(own_database, Stamping(own_database, [named(authority)], [authority.root], lambda: NOON))

    assert kept(own_database) == [(DAY, "127.0.0.1", 20, True)]
    with psycopg.connect(own_database) as connection:
        row = connection.execute(
            "SELECT note, response, stated_at FROM ocop.timestamps JOIN ocop.checkpoints USING (tree_size)"
        ).fetchone()
    assert row is not None
    note, response, stated = row
    assert hashlib.sha256(note.encode()).digest() in authority.asked[0]
    assert verify(note, [KEY.key])[1], "what is stamped bears the log's signature"
    assert abs(stated - datetime.now(UTC)) < timedelta(minutes=1)
    assert checked(response, note, [authority.root]).tst_info.gen_time == stated
    assert stamps_audited(own_database, [authority.root]) == (1, [])


def test_a_day_is_stamped_once_by_each_authority(own_database: str, memory: Memory, authority: Serving) -> None:
    """However often it is looked and restarted; a day without new facts is stamped, too, one without service is not."""
    signed_on(own_database, memory, 10, NOON - timedelta(days=1))
    both = [named(authority), named(authority, "localhost")]
    for clock in (NOON, NOON + timedelta(hours=5), NOON + timedelta(days=1), NOON + timedelta(days=6)):
        for _ in range(2):
            stamping = Stamping(own_database, both, [], lambda clock=clock: clock)
            look(own_database, stamping)
            look(own_database, stamping)

    days = (DAY, DAY + timedelta(days=1), DAY + timedelta(days=6))
    assert kept(own_database) == [(day, name, 10, False) for day in days for name in ("127.0.0.1", "localhost")]
    assert len(authority.asked) == 6


def test_before_the_first_night_there_is_nothing_to_stamp(
    own_database: str, memory: Memory, authority: Serving
) -> None:
    stamping = Stamping(own_database, [named(authority)], [], lambda: NOON)
    look(own_database, stamping)
    signed_on(own_database, memory, 10, NOON)
    look(own_database, stamping)

    assert kept(own_database) == authority.asked == []


def test_of_two_that_look_at_once_one_asks(own_database: str, memory: Memory, authority: Serving) -> None:
    signed_on(own_database, memory, 10, NOON - timedelta(days=1))
    authority.waits = 0.5
    both = [
        threading.Thread(target=look, args=(own_database, Stamping(own_database, [named(authority)], [], lambda: NOON)))
        for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(20)

    assert len(kept(own_database)) == len(authority.asked) == 1


# ── Authorities that fail or lie ────────────────────────────────────────────────────────────────

IMPRINT = {"hash_algorithm": {"algorithm": "sha256"}, "hashed_message": b"o" * 32}
LIES: dict[str, tuple[str, Callable[[Serving, bytes], tuple[int, bytes]]]] = {
    "another text": ("of something else", lambda a, asked: (200, a.response(asked, message_imprint=IMPRINT))),
    "another nonce": ("of another request", lambda a, asked: (200, a.response(asked, nonce=12345))),
    "no nonce": ("of another request", lambda a, asked: (200, a.response(asked, nonce=None))),
    "an unknown root": ("not signed by", lambda a, asked: (200, a.response(asked, signed_as=Stamper()))),
    "a refusal": ("not granted: status 2", lambda a, asked: (200, a.response(asked, "rejection"))),
    "a wait": ("not granted: status 3", lambda a, asked: (200, a.response(asked, "waiting"))),
    "something else granted": ("not granted: status 1", lambda a, asked: (200, a.response(asked, "granted_with_mods"))),
    "a page": ("not a time stamp", lambda _, asked: (200, b"<html>" + asked)),
    "nothing": ("not a time stamp", lambda *_: (200, b"")),
    "the request itself": ("not a time stamp", lambda _, asked: (200, asked)),
    "half of it": ("not a time stamp", lambda a, asked: (200, a.response(asked)[:-20])),
    "more than it": ("not a time stamp", lambda a, asked: (200, a.response(asked) + b"\0")),
    "too much": ("too large", lambda *_: (200, b"0" * (timestamps.LARGEST + 1))),
    "an error": ("HTTP 500", lambda a, asked: (500, a.response(asked))),
    "elsewhere": ("HTTP 307", lambda *_: (307, b"")),
}


@pytest.mark.parametrize("what", LIES)
def test_what_is_no_time_stamp_is_not_kept_and_asked_for_again_later(
    own_database: str, memory: Memory, authority: Serving, what: str
) -> None:
    why, authority.answers = LIES[what][0], lambda asked: LIES[what][1](authority, asked)
    signed_on(own_database, memory, 10, NOON - timedelta(days=1))
    stamping = Stamping(own_database, [named(authority)], [authority.root], lambda: NOON)

    with capture_logs() as said:
        look(own_database, stamping)
        look(own_database, stamping)

    assert kept(own_database) == []
    assert len(authority.asked) == 1, "not asked again at once, and a redirect is not followed"
    assert [(line["event"], line["authority"]) for line in said] == [("time-stamp-not-given", "127.0.0.1")]
    assert str(said[0]["why"]).startswith(why)
    authority.answers = authority.honestly
    stamping._not_before = {name: at - timestamps.AGAIN for name, at in stamping._not_before.items()}
    look(own_database, stamping)
    assert kept(own_database) == [(DAY, "127.0.0.1", 10, True)]


def test_any_byte_changed_in_what_was_signed_is_found(authority: Serving) -> None:
    request = TimestampRequestBuilder().data(NOTE.encode()).hash_algorithm(HashAlgorithm.SHA256).build()
    response, draw, good = authority.response(request.as_bytes()), random.Random(11), 0
    stated = checked(response, NOTE, [authority.root], request.nonce).tst_info.gen_time
    for at in range(0, len(response), 3):
        changed = response[:at] + bytes([response[at] ^ 1 << draw.randrange(8)]) + response[at + 1 :]
        with contextlib.suppress(BadStamp):
            assert checked(changed, NOTE, [authority.root], request.nonce).tst_info.gen_time == stated
            good += 1
    assert good < 20, "some bytes around the signature say nothing"


def test_certificates_may_come_in_any_order(own_database: str, memory: Memory, authority: Serving) -> None:
    """Only one of the two orders is DER; the answer is kept as it came."""
    own, between = der_of(authority.own), der_of(authority.between)

    def turned(asked: bytes) -> tuple[int, bytes]:
        made = authority.response(asked)
        assert (own + between in made) != (between + own in made)
        pair, other = (own + between, between + own) if own + between in made else (between + own, own + between)
        given.append(made.replace(pair, other))
        return 200, given[-1]

    given: list[bytes] = []
    authority.answers = turned
    signed_on(own_database, memory, 10, NOON - timedelta(days=1))
    look(own_database, Stamping(own_database, [named(authority)], [authority.root], lambda: NOON))

    with psycopg.connect(own_database) as connection:
        assert connection.execute("SELECT response FROM ocop.timestamps").fetchall() == [(given[0],)]
    assert stamps_audited(own_database, [authority.root]) == (1, [])


def test_without_roots_a_stamp_is_kept_as_not_verified(own_database: str, memory: Memory, authority: Serving) -> None:
    stranger = Stamper()
    authority.answers = lambda asked: (200, authority.response(asked, signed_as=stranger))
    signed_on(own_database, memory, 10, NOON - timedelta(days=1))

    look(own_database, Stamping(own_database, [named(authority)], [], lambda: NOON))

    assert kept(own_database) == [(DAY, "127.0.0.1", 10, False)]
    assert stamps_audited(own_database, []) == (1, [])
    assert stamps_audited(own_database, [stranger.root]) == (1, [])
    ((fault,), code) = (stamps_audited(own_database, [authority.root])[1], "timestamp")
    assert (fault.code, fault.first, fault.last) == (code, 0, 9)
    assert "under the root certificates" in fault.detail


def test_one_that_is_away_slow_or_mute_holds_up_nothing(
    own_database: str, memory: Memory, authority: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither one that hears and never answers, nor one whose answer never ends, keeps the next from being asked."""
    monkeypatch.setattr(timestamps, "PATIENCE", 0.5)
    signed_on(own_database, memory, 10, NOON - timedelta(days=1))
    with socket.socket() as deaf, serving() as dripping:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        dripping.drips = True
        away, mute = (f"http://127.0.0.1:{port}/" for port in (free_port(), deaf.getsockname()[1]))
        asked = [
            Authority(away, "away"),
            Authority(mute, "mute"),
            Authority(dripping.url, "dripping"),
            Authority("http://nowhere.invalid/", "nowhere"),
            named(authority),
        ]
        began = time.monotonic()
        with capture_logs() as said:
            look(own_database, Stamping(own_database, asked, [authority.root], lambda: NOON))
        assert time.monotonic() - began < 10

    assert kept(own_database) == [(DAY, "127.0.0.1", 10, True)]
    assert [line["authority"] for line in said] == ["away", "mute", "dripping", "nowhere", "127.0.0.1"]


def test_a_database_that_is_away_is_waited_for(
    own_database: str, memory: Memory, authority: Serving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timestamps, "EVERY", 0.05)
    signed_on(own_database, memory, 10, NOON - timedelta(days=1))
    stop = threading.Event()
    stamping = Stamping(own_database, [named(authority)], [], lambda: NOON)
    conninfo, stamping._conninfo = stamping._conninfo, f"host=127.0.0.1 port={free_port()}"
    thread = threading.Thread(target=stamping.run, args=(stop,), daemon=True)
    thread.start()
    time.sleep(0.3)
    stamping._conninfo = conninfo
    deadline = time.monotonic() + 20
    while not kept(own_database):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    stop.set()
    thread.join(10)
    assert not thread.is_alive()


# ── Settings ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "http://tsa.example.vn",
        "https://",
        "ftp://tsa.example.vn",
        "https://user:secret@tsa.example.vn",
        "https://tsa.example.vn/?key=secret",
        "https://tsa.example.vn/#a",
        "https://tsa.example.vn/a https://TSA.example.vn/b",
    ],
)
def test_authorities_are_named_by_safe_address(text: str) -> None:
    with pytest.raises(BadSettings, match="OCOP_TSA") as bad:
        authorities_of(Settings.from_environment({"OCOP_TSA": text}))
    assert "secret" not in str(bad.value)


def test_plain_http_is_allowed_where_answers_are_verified_by_signature(tmp_path: Path) -> None:
    pem = tmp_path / "roots.pem"
    pem.write_bytes(Stamper("a").pem + Stamper("b").pem)
    settings = Settings.from_environment(
        {"OCOP_TSA": " http://tsa.example.vn/tsr\nhttps://b.example.vn ", "OCOP_TSA_ROOTS": str(pem)}
    )

    assert [a.name for a in authorities_of(settings)] == ["tsa.example.vn", "b.example.vn"]
    assert len(roots_of(settings)) == 2
    assert authorities_of(Settings.from_environment({})) == roots_of(Settings.from_environment({})) == ()
    for content in (b"", b"no certificate"):
        pem.write_bytes(content)
        with pytest.raises(BadSettings, match="OCOP_TSA_ROOTS"):
            authorities_of(settings)
    pem.unlink()
    with pytest.raises(BadSettings, match="OCOP_TSA_ROOTS"):
        authorities_of(settings)


def test_a_service_with_bad_settings_does_not_start(own_database: str, tmp_path: Path) -> None:
    env = {k: v for k, v in os.environ.items() if not k.startswith("OCOP_")}
    env |= {"OCOP_VAR": str(tmp_path), "OCOP_DATABASE_URL": own_database, "OCOP_TSA": "http://tsa.example.vn"}

    done = subprocess.run(
        [sys.executable, "-m", "api.cli", "serve"], env=env, capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 1
    assert "OCOP_TSA" in done.stderr


# ── The service ─────────────────────────────────────────────────────────────────────────────────


@contextlib.contextmanager
def served(folder: Path, url: str, log_key: Path, tsa: str = "", roots: Path | None = None) -> Iterator[Service]:
    service = Service(folder, url)
    service._env |= {"OCOP_KEYS_URL": keys_of(url), "OCOP_LOG_KEY_FILE": str(log_key), "OCOP_TSA": tsa}
    service._env |= {"OCOP_TSA_ROOTS": str(roots or "")}
    try:
        yield service.start()
    finally:
        service.stop()


def stamped(service: Service, day: date) -> dict[str, Any]:
    deadline = time.monotonic() + 20
    while (answer := httpx.get(f"{service.address}/v1/log/timestamps/{day}")).status_code != 200:
        assert answer.status_code == 404
        assert time.monotonic() < deadline, service.log.read_text(encoding="utf-8")[-2000:]
        time.sleep(0.1)
    found: dict[str, Any] = answer.json()
    return found


def test_a_night_over_the_service(own_database: str, authority: Serving, tmp_path: Path) -> None:
    """A story is told, a night passes, two processes start: one stamp; published, in the package, verified."""
    log_key, roots = tmp_path / "log.key", tmp_path / "roots.pem"
    roots.write_bytes(authority.pem)
    with served(tmp_path / "a", own_database, log_key, authority.url, roots) as service:
        product = service.tell(tea())
        service.seen(f"/v1/products/{product}", service.position)
        until_signed(service)
        assert not [name for name in download(service, product) if name.startswith(("timestamp", "stamped"))]
        told = service.client.get("/v1/log/checkpoint").text
    moved(own_database, "true", datetime.now(UTC) - timedelta(days=1))
    yesterday = legal_date(datetime.now(UTC)) - timedelta(days=1)
    assert authority.asked == []

    with (
        served(tmp_path / "a", own_database, log_key, authority.url, roots) as service,
        served(tmp_path / "b", own_database, log_key, authority.url, roots) as second,
    ):
        answer = stamped(service, yesterday)
        assert stamped(second, yesterday) == answer
        vkey = service.client.get("/v1/log/key").json()["vkey"]
        add_facts(own_database, 5)  # another product's, today
        until_signed(service)
        package = download(service, product)
        assert service.client.get("/v1/log/timestamps/2020-01-01").status_code == 404
        assert service.client.get("/v1/log/timestamps/yesterday").status_code == 422
    with served(tmp_path / "a", own_database, log_key, authority.url, roots) as service:
        assert stamped(service, yesterday) == answer
        time.sleep(1)
    assert len(authority.asked) == len(kept(own_database)) == 1

    command = ("verify", "--all", "--key", vkey)
    good = ocop(tmp_path / "a", own_database, keys_of(own_database), *command, OCOP_TSA_ROOTS=str(roots))
    assert good.returncode == 0, good.stderr
    assert "1 time stamps, 0 faults" in good.stderr
    assert "not verified" not in good.stderr
    roots.write_bytes(Stamper().pem)
    bad = ocop(tmp_path / "a", own_database, keys_of(own_database), *command, OCOP_TSA_ROOTS=str(roots))
    assert bad.returncode == 1
    assert f"127.0.0.1 for {yesterday}" in bad.stderr
    assert "not signed by an authority under the root certificates" in bad.stderr

    (item,) = answer["items"]
    response = base64.b64decode(item["response"])
    assert (answer["day"], item["authority"], item["verified"]) == (str(yesterday), "127.0.0.1", True)
    assert item["note"] == told
    assert verify(told, [Key.parse(vkey)])[0].size == item["tree_size"]
    info = checked(response, item["note"], [authority.root]).tst_info
    assert info.gen_time == datetime.fromisoformat(item["stated_at"])

    assert package["stamped-checkpoint.txt"] == told.encode()
    assert package["timestamp-127.0.0.1.tsr"] == response
    assert package["checkpoint.txt"] != package["stamped-checkpoint.txt"]
    assert b"openssl ts -verify -data stamped-checkpoint.txt" in package["README.txt"]
    facts = json.loads(package["stamped-bundle.json"])["facts"]
    assert len(facts) == len(json.loads(package["facts.json"]))
    folder = tmp_path / "package"
    folder.mkdir()
    folder.joinpath("verifier.py").write_bytes(package["verifier.py"])
    folder.joinpath("bundle.json").write_bytes(package["stamped-bundle.json"])
    code, found = verified(folder, "--key", vkey)
    assert (code, found["faults"], found["facts"]) == (0, [], len(facts))
    assert [str(found["size"]), found["root"]] == told.split("\n")[1:3]


def test_of_a_journey_that_goes_on_the_facts_before_midnight_are_under_the_stamp(
    own_database: str, authority: Serving, tmp_path: Path
) -> None:
    """And named is the key that signed what was stamped, also after it was changed."""
    chapters, log_key = tea(), tmp_path / "log.key"
    with served(tmp_path / "a", own_database, log_key) as service:
        product = service.tell(chapters[:3])
        until_signed(service)
    moved(own_database, "true", datetime.now(UTC) - timedelta(days=1))
    yesterday = legal_date(datetime.now(UTC)) - timedelta(days=1)

    with served(tmp_path / "a", own_database, log_key, authority.url) as service:
        assert [item["verified"] for item in stamped(service, yesterday)["items"]] == [False]
        command, role, body = chapters[3]
        answer = service.give(product, command, role, body)
        assert answer.status_code == 200, answer.text
        service.seen(f"/v1/products/{product}", answer.json()["position"])
        until_signed(service)
        package = download(service, product)

    older, newest = (json.loads(package[f"{name}.json"]) for name in ("stamped-bundle", "bundle"))
    assert 0 < len(older["facts"]) < len(newest["facts"])
    assert older["checkpoint"].encode() == package["stamped-checkpoint.txt"]
    assert older["log"] == newest["log"]

    changed = ran(service, "change-log-key")
    assert changed.returncode == 0, changed.stderr
    with served(tmp_path / "a", own_database, log_key) as service:
        add_facts(own_database, 1)  # the newest checkpoint is the new key's alone
        until_signed(service)
        package = download(service, product)
    assert json.loads(package["stamped-bundle.json"]) == older
    assert json.loads(package["bundle.json"])["log"] == {"vkey": changed.stdout.strip()} != older["log"]


# ── Kept, and verified ──────────────────────────────────────────────────────────────────────────

CHANGED = {
    "the answer": ("response = 'x'", "not a time stamp"),
    "another checkpoint": ("tree_size = 10", "of something else"),
    "the time": ("stated_at = stated_at + interval '1 day'", "another time"),
}


@pytest.mark.parametrize("what", CHANGED)
def test_verifying_everything_finds_and_names_a_stamp_that_was_changed(
    own_database: str, memory: Memory, authority: Serving, tmp_path: Path, what: str
) -> None:
    signed_on(own_database, memory, 10, NOON - timedelta(days=3), NOON - timedelta(days=1))
    look(own_database, Stamping(own_database, [named(authority)], [], lambda: NOON))
    given = ["verify", "--all", "--key", KEY.vkey]
    good = ocop(tmp_path, own_database, keys_of(own_database), *given)
    assert good.returncode == 0, good.stderr
    assert "1 time stamps, 0 faults" in good.stderr
    assert "Signatures of time stamps were not verified" in good.stderr
    with psycopg.connect(own_database) as connection:
        connection.execute("ALTER TABLE ocop.timestamps DISABLE TRIGGER ALL")
        connection.execute(f"UPDATE ocop.timestamps SET {CHANGED[what][0]}".encode())
        connection.execute("ALTER TABLE ocop.timestamps ENABLE TRIGGER ALL")

    found = ocop(tmp_path, own_database, keys_of(own_database), *given)

    assert found.returncode == 1
    assert "1 faults" in found.stderr
    assert f"127.0.0.1 for {DAY}" in found.stderr
    assert CHANGED[what][1] in found.stderr


def test_stamps_are_only_added(own_database: str, memory: Memory, authority: Serving) -> None:
    signed_on(own_database, memory, 10, NOON - timedelta(days=1))
    look(own_database, Stamping(own_database, [named(authority)], [], lambda: NOON))
    for change in (
        "UPDATE ocop.timestamps SET verified = true",
        "DELETE FROM ocop.timestamps",
        "TRUNCATE ocop.timestamps",
    ):
        with psycopg.connect(own_database) as connection, pytest.raises(psycopg.Error, match="append-only"):
            connection.execute(change.encode())


def test_a_backup_carries_them(
    own_database: str, server_url: str, template: str, memory: Memory, authority: Serving, tmp_path: Path
) -> None:
    signed_on(own_database, memory, 10, NOON - timedelta(days=1))
    look(own_database, Stamping(own_database, [named(authority)], [authority.root], lambda: NOON))
    backup(own_database, JOURNAL, tmp_path / "journal.backup")

    with contextlib.contextmanager(fresh_database)(server_url, template) as other:
        restore(other, JOURNAL, tmp_path / "journal.backup")

        assert kept(other) == kept(own_database) == [(DAY, "127.0.0.1", 10, True)]
        assert stamps_audited(other, [authority.root]) == (1, [])
