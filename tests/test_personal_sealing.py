"""Personal data is sealed before it is stored: nobody finds it in any byte, who may see it reads it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given as for_all
from hypothesis import settings
from hypothesis import strategies as st
from psycopg_pool import ConnectionPool

from api.examples import EXAMPLES
from application import database as schema
from application.database import EmbeddedPostgres, migrate, migrate_keys, service_conninfo
from application.keys import DatabaseKeys, Key, MemoryKeys, WrappedKey, as_lines, from_lines, migrate_with_keys
from application.recorded import Recorded, envelope, from_bytes, to_bytes
from application.seals import KEPT_SECONDS, Keeper
from domain import personal
from domain.personal import Spot, readable, visited
from domain.product import certificate_facts as c
from domain.product import facts as f
from domain.product import rating_facts as r
from domain.refusals import BrokenSeal, Invalid
from domain.sealing import KeyDestroyed, SealedField, sealed_field
from domain.values import Role, Source
from tests.language import NOW, given, keeper
from tests.privacy import ALL, OF_COMPLAINANT, Case, everything_stored, in_files, running, secrets_of, shown_in, tell
from tests.service import keys_of
from tests.story import PRODUCER, actor, tea, until

STREAM = UUID(int=5)
LETTERS = st.characters(exclude_categories=("Cs", "Cc", "Cf", "Zl", "Zp", "Co", "Cn"))
LINE = st.text(LETTERS, min_size=1, max_size=60).filter(lambda text: text.strip() == text)


def facts_with_persons() -> st.SearchStrategy[Any]:
    maybe = st.none() | LINE
    producers = st.builds(
        f.Producer,
        registration=st.just("HKD-0001"),
        name=st.just("Hộ"),
        kind=st.just("household"),
        address=LINE,
        representative=maybe,
        representative_is_woman=st.none() | st.booleans(),
        representative_ethnic_group=maybe,
        phone=maybe,
        email=maybe,
    )
    ideas = st.builds(
        f.IdeaSubmitted,
        producer=producers,
        product_name=st.just("p"),
        group=st.just("food"),
        description=st.just(""),
        local_material=st.just(""),
    )
    rows = st.builds(
        c.RegisterRow, file_sha256=st.just("a" * 64), row=st.just(1), cells=st.dictionaries(LINE, LINE, max_size=3)
    )
    entered = st.builds(
        c.EnteredFromRegister,
        name=st.just("p"),
        commune=st.just("04876"),
        commune_as_given=st.just("x"),
        old_unit=st.none(),
        group=st.none(),
        holder=st.builds(c.RegisterEntity, name=st.just("n"), address=LINE, representative=maybe, phone=maybe),
        register_row=rows,
    )
    forms = st.builds(f.IdeaFormHandedOver, received_by=LINE, form=st.just("new-product"))
    complaints = st.builds(r.ComplaintFiled, number=st.just("1"), complainant=LINE, grounds=st.just("g"))
    corrections = st.builds(
        lambda was, now: f.FactCorrected(
            corrected_version=3,
            corrected_name="product.idea-form-handed-over",
            was={"received_by": was},
            now={"received_by": now},
            reason="r",
            authority="a",
        ),
        LINE,
        LINE,
    )
    return st.one_of(ideas, entered, forms, complaints, corrections)


def values_of(fact: Any, version: int = 1) -> dict[str, Any]:
    found: dict[str, Any] = {}

    def note(spot: Spot, value: Any) -> Any:
        found[spot.field] = value
        return value

    visited(fact.stored_name, version, fact.model_dump(mode="json"), note)
    return found


def texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, held in value.items():
            yield from (name, held)


def bytes_of(fact: Any) -> bytes:
    wrapped = envelope(
        fact,
        recorded_at=NOW,
        effective_on=NOW.date(),
        actor=actor(Role.PRODUCER),
        paper=None,
        source=Source(),
        command_id=uuid4(),
        commune="04876",
    )
    return to_bytes(Recorded(STREAM, 1, wrapped))[1]


NAMES = " ".join(field for kind in personal.all_types().values() for field in kind.model_fields)
"""Names of fields stand in what is stored: a text that happens to be one proves nothing."""


@settings(max_examples=300, deadline=None)
@for_all(facts_with_persons())
def test_whatever_was_sealed_is_not_in_the_bytes_and_opens_equal(fact: Any) -> None:
    seals = keeper()

    sealed = personal.sealed(fact, STREAM, 1, None, seals)

    plain, stored = bytes_of(fact), bytes_of(sealed)
    for text in (t for value in values_of(fact).values() for t in texts_in(value)):
        # What else the envelope says may happen to hold the same few letters.
        without = bytes_of(fact.model_copy()).replace(json.dumps(text, ensure_ascii=False).encode(), b"")
        if len(text) >= 4 and text.encode() not in without and text not in NAMES:
            assert json.dumps(text, ensure_ascii=False)[1:-1].encode() in plain
            assert json.dumps(text, ensure_ascii=False)[1:-1].encode() not in stored
    assert all(sealed_field(value) for value in values_of(sealed).values())
    loaded = from_bytes(fact.stored_name, stored).data
    assert loaded == sealed

    def open_it(spot: Spot, value: Any) -> Any:
        return personal.opened(value, spot, STREAM, seals)

    data = loaded.model_dump(mode="json")
    assert visited(fact.stored_name, 1, data, open_it) == fact.model_dump(mode="json")


def test_a_box_opens_where_it_stands_and_nowhere_else() -> None:
    seals = keeper()
    fact = f.IdeaFormHandedOver(received_by="Người nhận", form="new-product")
    box = personal.sealed(fact, STREAM, 3, None, seals).received_by  # type: ignore[attr-defined]
    place = f"{STREAM}/3/product.idea-form-handed-over/received_by"

    assert seals.open_field(box, place) == "Người nhận"
    for other in (place.replace("/3/", "/4/"), place.replace(str(STREAM), str(UUID(int=6))), place + "x"):
        with pytest.raises(BrokenSeal):
            seals.open_field(box, other)
    with pytest.raises(BrokenSeal):
        seals.open_field(SealedField(uuid4(), box.box), place)
    altered = box.box[:-8] + ("A" if box.box[-8] != "A" else "B") + box.box[-7:]
    with pytest.raises(BrokenSeal):
        seals.open_field(SealedField(box.key, altered), place)


def test_a_boxs_length_does_not_tell_true_from_false_nor_one_name_from_another() -> None:
    seals = keeper()

    boxes = [seals.seal_field(STREAM, "consent", "p", value).box for value in (True, False, "Kinh", "Mường", None)]

    assert len({len(box) for box in boxes}) == 1
    assert len(set(boxes)) == 5


def test_sealing_a_fact_is_cheap(capsys: pytest.CaptureFixture[str]) -> None:
    """Below 100 µs a fact with one personal field; the form with six of them is told beside it."""
    seals = keeper()
    form = f.IdeaFormHandedOver(received_by="Người nhận", form="new-product")
    who = f.Producer(
        registration="1",
        name="n",
        kind="household",
        address="a",
        representative="r",
        phone="1",
        email="e",
        representative_is_woman=True,
        representative_ethnic_group="g",
    )
    idea = f.IdeaSubmitted(producer=who, product_name="p", group="food", description="", local_material="")

    def best(fact: Any) -> float:
        taken = []
        for _ in range(5):
            began = time.process_time()
            for version in range(400):
                personal.sealed(fact, STREAM, version, None, seals)
            taken.append((time.process_time() - began) / 400 * 1e6)
        return min(taken)

    one, six = best(form), best(idea)

    with capsys.disabled():
        print(f"\n{one:.0f} µs to seal a fact with one personal field, {six:.0f} µs with six")
    assert one < 100
    assert six < 200


# ── Corrections ───────────────────────────────────────────────────────────────────────────────


def corrected(now: dict[str, Any], version: int = 3) -> Any:
    scene = given(until("hand-over-idea-form", tea()))
    return scene.when("correct-fact", Role.PROVINCE_OFFICER, version=version, now=now, reason="r", authority="a")


def test_a_correction_holds_boxes_that_open_in_the_place_of_what_is_corrected() -> None:
    scene = corrected({"received_by": "Bà Tư"}).then("product.fact-corrected")
    stream = scene.ids["product"]

    was, now = scene.fact.was["received_by"], scene.fact.now["received_by"]
    place = f"{stream}/3/product.idea-form-handed-over/received_by"
    assert scene.seals.open_field(sealed_field(was), place) == "Đại diện tổ hợp tác"
    assert scene.seals.open_field(sealed_field(now), place) == "Bà Tư"
    again = scene.when(
        "correct-fact", Role.PROVINCE_OFFICER, version=3, now={"received_by": "Bà Tư"}, reason="r", authority="a"
    )
    assert again.refusal is None
    assert again.facts == [], "the same value once more changes nothing"
    more = {"now": {"received_by": "Bà Năm"}, "version": 3, "reason": "r", "authority": "a"}
    third = scene.when("correct-fact", Role.PROVINCE_OFFICER, **more).then("product.fact-corrected")
    assert third.fact.was["received_by"] == now


def test_a_correction_that_changes_nothing_is_noticed_and_a_box_from_outside_refused() -> None:
    assert corrected({"received_by": "Đại diện tổ hợp tác"}).facts == []
    box = {"key": str(uuid4()), "box": "AAAA"}
    corrected({"received_by": box}).refused(Invalid, "now.received_by")


def test_what_was_erased_can_be_corrected_under_a_new_key() -> None:
    scene = given(until("hand-over-idea-form", tea()))
    stream = scene.ids["product"]
    subject = personal.product(stream, scene.seals)
    scene.seals.destroy(subject, ["process"], "request:1")

    body = {"version": 3, "now": {"received_by": "Bà Tư"}, "reason": "r", "authority": "a"}
    done = scene.when("correct-fact", Role.PROVINCE_OFFICER, **body).then("product.fact-corrected")

    place = f"{stream}/3/product.idea-form-handed-over/received_by"
    assert done.seals.open_field(sealed_field(done.fact.now["received_by"]), place) == "Bà Tư"
    with pytest.raises(KeyDestroyed):
        done.seals.open_field(sealed_field(done.fact.was["received_by"]), place)
    assert [key.generation for key in done.seals.keys_of([subject])] == [1, 2]
    data = {"received_by": done.fact.was["received_by"]}
    assert readable("product.idea-form-handed-over", 3, data, stream, done.seals) == data


# ── The key store ─────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def keys(own_keys: str) -> Iterator[DatabaseKeys]:
    with ConnectionPool(service_conninfo(own_keys), min_size=1, kwargs={"autocommit": True}) as pool:
        yield DatabaseKeys(pool)


def made(keys: DatabaseKeys | MemoryKeys, subject: UUID, purpose: str = "process", wrapped: bytes = b"w") -> Key:
    (living,) = keys.make([WrappedKey(uuid4(), subject, purpose, wrapped)])
    return keys.find([living.key_id])[0]


@pytest.mark.parametrize("kind", ["memory", "database"])
def test_a_key_is_made_once_destroyed_once_and_never_made_again(keys: DatabaseKeys, kind: str) -> None:
    store = keys if kind == "database" else MemoryKeys()
    one, other = uuid4(), uuid4()
    first = made(store, one)

    assert made(store, one, wrapped=b"another") == first, "whoever comes second is given the one that is kept"
    consent = made(store, one, "consent")
    beside = made(store, other)
    gone = store.destroy(one, ["process"], "request:2")
    assert [(k.key_id, k.wrapped, k.why) for k in gone] == [(first.key_id, None, "request:2")]
    back = made(store, one)
    assert (back.generation, back.wrapped) == (2, b"w")
    assert store.destroy(one, ["process"], "request:2") == gone, "asked again, no new key is destroyed"
    assert store.current(one, "process") == back
    assert store.current(one, "consent") == consent
    assert store.current(other, "process") == beside
    assert [k.key_id for k in store.destroyed()] == [first.key_id]
    assert {k.key_id for k in store.of_subjects([one, other])} == {
        first.key_id,
        back.key_id,
        consent.key_id,
        beside.key_id,
    }


@pytest.mark.parametrize("kind", ["memory", "database"])
def test_several_keys_are_made_in_one_question_and_none_twice(keys: DatabaseKeys, kind: str) -> None:
    store = keys if kind == "database" else MemoryKeys()
    one, other = uuid4(), uuid4()
    first = made(store, one)
    wanted = [WrappedKey(uuid4(), *place, b"n") for place in ((one, "process"), (other, "process"), (one, "consent"))]
    twice = WrappedKey(uuid4(), other, "process", b"again")

    living = {(key.subject, key.purpose): (key.key_id, key.wrapped) for key in store.make([*wanted, twice])}

    assert living == {
        (one, "process"): (first.key_id, b"w"),
        (other, "process"): (wanted[1].key_id, b"n"),
        (one, "consent"): (wanted[2].key_id, b"n"),
    }
    assert {key.generation for key in store.of_subjects([one, other])} == {1}
    assert store.make([]) == []


class CountedKeys(MemoryKeys):
    """Counts how often it was asked."""

    asked = 0

    def make(self, wanted: Sequence[WrappedKey]) -> list[WrappedKey]:
        self.asked += 1
        return super().make(wanted)


def test_a_batch_asks_for_all_its_keys_at_once_and_only_for_those_not_heard_of_lately() -> None:
    keys, now = CountedKeys(), 0.0
    seals = Keeper(b"m" * 32, keys, lambda: now)
    subjects = [uuid4() for _ in range(5)]

    batch = seals.batch()
    boxes = [batch.seal_field(s, "process", f"place {n}", n) for s in subjects for n in range(3)]
    assert keys.asked == 0, "nothing is asked before all is decided"
    assert keys.of_subjects(subjects) == []
    assert batch.keep()
    assert keys.asked == 1
    assert [seals.open_field(box, f"place {n % 3}") for n, box in enumerate(boxes)] == [n % 3 for n in range(15)]
    batch = seals.batch()
    again = batch.seal_field(subjects[0], "process", "p", "x")
    assert (batch.keep(), keys.asked, again.key) == (True, 1, boxes[0].key)

    now = 6.0
    batch = seals.batch()
    again = batch.seal_field(subjects[0], "process", "p", "x")
    assert (batch.keep(), keys.asked, again.key) == (True, 2, boxes[0].key)


def test_a_batch_is_not_kept_where_a_subject_has_a_key_that_was_not_known_here() -> None:
    """Made by another process, or destroyed and made again by it: both are learnt, and the next batch is right."""
    keys, now, subject = MemoryKeys(), 0.0, uuid4()
    here, elsewhere = Keeper(b"m" * 32, keys, lambda: now), Keeper(b"m" * 32, keys)
    theirs = elsewhere.seal_field(subject, "process", "p", "x")

    def tried() -> tuple[bool, UUID]:
        batch = here.batch()
        box = batch.seal_field(subject, "process", "p", "x")
        return batch.keep(), box.key

    assert tried()[0] is False
    assert tried() == (True, theirs.key)
    now = 6.0
    elsewhere.destroy(subject, ["process"], "request:1")
    newer = elsewhere.seal_field(subject, "process", "p", "x")
    assert tried() == (False, theirs.key)
    assert tried() == (True, newer.key)
    now = 12.0
    elsewhere.destroy(subject, ["process"], "request:2")
    assert tried() == (False, newer.key)
    found, key = tried()
    assert (found, keys.find([key])[0].generation) == (True, 3)


def test_a_batch_is_not_kept_when_one_of_its_keys_was_destroyed_meanwhile() -> None:
    """By this process itself, whose keys count as known for some seconds."""
    keys, subject = MemoryKeys(), uuid4()
    seals = Keeper(b"m" * 32, keys, lambda: 0.0)
    seals.seal_field(subject, "process", "p", "x")
    batch = seals.batch()
    batch.seal_field(subject, "process", "p", "x")
    seals.destroy(subject, ["process"], "request:1")
    batch.seal_field(subject, "process", "q", "y")
    assert not batch.keep()


def test_the_list_of_destroyed_keys_is_applied_to_a_restored_store(keys: DatabaseKeys) -> None:
    """As after a restore: the backup knows the first key as alive, and the second not at all."""
    subject = uuid4()
    first = made(keys, subject)
    destroyed = keys.destroy(subject, ["process"], "request:2")
    made(keys, subject)
    destroyed += keys.destroy(subject, ["process"], "request:5")
    lines = json.loads(json.dumps(as_lines(destroyed), default=str))
    restored = MemoryKeys()
    restored.make([WrappedKey(first.key_id, subject, "process", b"w")])

    for store in (restored, keys):
        changed = store.bury(from_lines(lines))
        assert changed == (2 if store is restored else 0)
        assert store.current(subject, "process") is None
        assert made(store, subject).generation == 3
        assert store.bury(from_lines(lines)) == 0


def test_the_service_may_make_and_destroy_keys_and_nothing_else(own_keys: str, keys: DatabaseKeys) -> None:
    made(keys, uuid4())
    with psycopg.connect(service_conninfo(own_keys), autocommit=True) as service:
        for statement in (
            "INSERT INTO keys.keys SELECT * FROM keys.keys",
            "UPDATE keys.keys SET wrapped = 'x'",
            "DELETE FROM keys.keys",
            "TRUNCATE keys.keys",
            "DROP TABLE keys.keys",
            "ALTER TABLE keys.keys DISABLE TRIGGER ALL",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                service.execute(statement)
    with psycopg.connect(own_keys, autocommit=True) as owner:
        owner.execute("UPDATE keys.keys SET wrapped = NULL, destroyed_at = now(), why = 'x'")
        for statement in (
            "UPDATE keys.keys SET wrapped = 'x', destroyed_at = NULL, why = NULL",  # no key rises again
            "DELETE FROM keys.keys",
            "TRUNCATE keys.keys",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                owner.execute(statement)


def test_a_key_destroyed_by_another_process_is_forgotten_within_ten_seconds() -> None:
    store, now = MemoryKeys(), [0.0]
    here, there = (Keeper(b"k" * 32, store, lambda: now[0]) for _ in range(2))
    box = here.seal_field(STREAM, "process", "p", "v")
    assert here.open_field(box, "p") == "v"

    there.destroy(STREAM, ["process"], "request:1")

    with pytest.raises(KeyDestroyed):
        there.open_field(box, "p")
    now[0] = KEPT_SECONDS + 0.1
    assert now[0] < 10
    with pytest.raises(KeyDestroyed):
        here.open_field(box, "p")
    assert here.seal_field(STREAM, "process", "p", "v").key != box.key


def test_what_was_read_of_a_key_just_before_it_was_destroyed_is_not_kept() -> None:
    """One thread asks the store, another destroys the key meanwhile: what the first still holds is good once."""

    class Slow(MemoryKeys):
        def find(self, ids: Sequence[UUID]) -> list[Key]:
            found = super().find(ids)
            if not self.destroyed():
                seals.destroy(STREAM, ["process"], "request:1")
            return found

    seals = Keeper(b"k" * 32, Slow(), lambda: 0.0)
    box = seals.seal_field(STREAM, "process", "p", "v")

    for _ in range(2):
        with pytest.raises(KeyDestroyed):
            seals.open_field(box, "p")


def test_nothing_is_sealed_under_a_key_that_was_destroyed_while_the_store_named_it() -> None:
    class Slow(MemoryKeys):
        def make(self, wanted: Sequence[WrappedKey]) -> list[WrappedKey]:
            living = super().make(wanted)
            if not self.destroyed():
                seals.destroy(STREAM, ["process"], "request:1")
            return living

    seals = Keeper(b"k" * 32, Slow(), lambda: 0.0)

    box = seals.seal_field(STREAM, "process", "p", "v")

    assert seals.open_field(box, "p") == "v"


def test_keys_that_lie_in_the_journals_database_move_out(
    own_database: str, server_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = psycopg.conninfo.make_conninfo(
        server_url, dbname=f"{psycopg.conninfo.conninfo_to_dict(own_database)['dbname']}_old"
    )
    name = psycopg.conninfo.conninfo_to_dict(old)["dbname"]
    with psycopg.connect(server_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        scripts = schema._scripts
        with monkeypatch.context() as patch:
            patch.setattr(schema, "_scripts", lambda of: [s for s in scripts(of) if s.name < "0006"])
            migrate(old)
        subject, content = uuid4(), b"a sheet"
        memory = MemoryKeys()
        sealed = Keeper(b"k" * 32, memory).seal(subject, "place", content)
        with psycopg.connect(service_conninfo(old), autocommit=True) as connection:
            wrapped = memory.find([subject])[0].wrapped
            connection.execute("SELECT ocop.add_key(%s, %s)", (subject, wrapped))
        with pytest.raises(psycopg.errors.RaiseException, match="OCOP_KEYS_URL"):
            migrate(old)
        keys_url = keys_of(own_database)
        migrate_keys(keys_url)

        assert migrate_with_keys(old, keys_url)[-1] >= "0006"

        with ConnectionPool(service_conninfo(keys_url), min_size=1, kwargs={"autocommit": True}) as pool:
            assert Keeper(b"k" * 32, DatabaseKeys(pool)).unseal(sealed, "place") == content
        with psycopg.connect(old) as connection:
            assert connection.execute("SELECT to_regclass('ocop.keys')").fetchone() == (None,)
    finally:
        with psycopg.connect(server_url, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.parametrize("keys_url", ["", "same"])
def test_the_service_does_not_start_without_a_key_store_apart(own_database: str, keys_url: str, tmp_path: Path) -> None:
    env = {"OCOP_DATABASE_URL": own_database, "OCOP_VAR": str(tmp_path), "PATH": ""}
    env |= {"OCOP_KEYS_URL": own_database} if keys_url else {}

    done = subprocess.run([sys.executable, "-m", "api.cli", "serve"], env=env, capture_output=True, check=False)

    assert done.returncode == 1
    assert b"OCOP_KEYS_URL" in done.stderr
    assert b"Traceback" not in done.stderr


# ── A whole case, in a real service ───────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def case() -> Iterator[Case]:
    with (
        tempfile.TemporaryDirectory(prefix="ocop-test-", ignore_cleanup_errors=True) as folder,
        running(Path(folder)) as service,
    ):
        yield tell(service)


def test_who_may_see_it_reads_every_planted_value(case: Case) -> None:
    """The control of all searches: without it they could not fail."""
    found = shown_in(case.trails(Role.SUPERVISOR))
    assert found == ALL.keys() - {"file representative", "file phone"}
    feed = case.service.get("/v1/events?limit=1000", Role.PROVINCE_OFFICER).text
    assert shown_in(feed) == ALL.keys()
    own = shown_in(case.trails(Role.PRODUCER))
    assert own == shown_in(case.service.get(f"/v1/products/{case.product}/trail").text) - OF_COMPLAINANT.keys()


def test_nothing_planted_is_in_any_table_of_any_schema(case: Case) -> None:
    secrets = secrets_of(ALL)
    case.get("/v1/products")
    embedded = EmbeddedPostgres(case.service.folder)
    try:
        stored = everything_stored(embedded.start())
    finally:
        embedded.leave()

    assert {where: found for where, content in stored.items() if (found := secrets.found_in(content))} == {}
    assert stored["states"].count(b'"box"') > 15


def test_nothing_planted_is_in_what_others_are_answered(case: Case) -> None:
    paths = ["/v1/products", "/v1/certificates", "/v1/worklist", "/v1/commands", f"/v1/products/{case.product}"]
    paths += [f"/v1/products/{p}/{what}" for p in (case.product, case.entered) for what in ("trail", "decisions")]
    paths += ["/v1/events?limit=1000", "/metrics", "/health/ready", f"/v1/products/{case.product}/decisions/1"]
    answers = {
        f"{path} {who}": case.service.get(path, who, **{"X-Min-Position": str(case.position)}).text
        for path in paths
        for who in (Role.INTEGRATOR, "another producer")
    }
    may = {
        path: case.service.get(path, Role.SUPERVISOR).text
        for path in paths
        if "trail" not in path and "events" not in path
    }

    assert {where: found for where, text in (answers | may).items() if (found := shown_in(text))} == {}
    assert sum('"đã xoá"' in text for text in answers.values()) == 0


def test_sentences_of_the_trail_name_nobody(case: Case) -> None:
    for product in (case.product, case.entered):
        for row in case.get(f"/v1/products/{product}/trail")["trail"]:
            assert not shown_in(row["vi"] + row["en"]), row["vi"]


def test_nothing_planted_is_logged(case: Case) -> None:
    refused = case.service.give(
        case.product, "hand-over-idea-form", Role.COMMUNE_OFFICER, {"received_by": ALL["form"], "form": "none"}
    )

    assert refused.status_code == 422
    assert not shown_in(case.service.log.read_bytes())


def test_a_client_that_sends_a_box_gets_a_problem(case: Case) -> None:
    box = {"key": str(uuid4()), "box": "AAAA"}

    producer = {**EXAMPLES["submit-idea"]["producer"], "phone": box}
    refused = case.service.give(
        case.product, "submit-idea", Role.PRODUCER, {**EXAMPLES["submit-idea"], "producer": producer}
    )

    assert refused.status_code == 422
    (error,) = refused.json()["errors"]
    assert (error["field"], error["code"]) == ("producer.phone", "sealed-content")
    assert error["detail"].startswith("không nhận")


def test_every_opening_is_written_down_and_told_to_supervisors_in_their_area(case: Case) -> None:
    before = case.get(f"/v1/personal-data/reads?product={case.product}&limit=500")["reads"]
    case.get(f"/v1/products/{case.product}/trail", Role.COMMUNE_OFFICER)
    case.get(f"/v1/products/{case.product}/trail", Role.INTEGRATOR)
    case.get("/v1/products", Role.COMMUNE_OFFICER)

    after = case.get(f"/v1/personal-data/reads?product={case.product}&limit=500")["reads"]

    (new,) = after[len(before) :]
    assert (new["person"], new["role"]) == ("commune-officer", "commune-officer")
    assert new["route"] == "/v1/products/{product_id}/trail"
    assert new["product_id"] == case.product
    assert {"producer.phone", "received_by", "complainant", "now.received_by"} <= set(new["fields"])
    assert new["count"] >= len(new["fields"])
    assert not shown_in(json.dumps(after, ensure_ascii=False))
    assert case.get("/v1/personal-data/reads", "reader inspector")["reads"]
    for who in (Role.PROVINCE_OFFICER, Role.PRODUCER, Role.INTEGRATOR):
        assert case.service.get("/v1/personal-data/reads", who).status_code == 403


def test_a_subject_reads_what_is_held_of_it_and_nobody_elses(case: Case) -> None:
    mine = case.get(f"/v1/personal-data/subject?registration={PRODUCER}", Role.PRODUCER)

    assert {key["purpose"] for key in mine["keys"]} == {"process", "consent"}
    fields = {name: value for held in mine["held"] for name, value in held["fields"].items()}
    assert fields["producer.phone"] == ALL["phone"]
    assert fields["producer.representative_is_woman"] is True
    assert fields["now.received_by"] == ALL["notice corrected"]
    assert case.product in mine["products"]
    office = case.get(f"/v1/personal-data/subject?registration={PRODUCER}", Role.PROVINCE_OFFICER)
    assert office["held"] == mine["held"]
    of_product = case.get(f"/v1/personal-data/subject?product={case.product}", Role.PRODUCER)
    assert ALL["form corrected"] in json.dumps(of_product, ensure_ascii=False)
    assert ALL["complainant"] not in json.dumps([of_product, mine], ensure_ascii=False)
    number = "complaint=01/ĐKN"
    for path, who, status in (
        (f"registration={PRODUCER}", "another producer", 403),
        (f"product={case.product}&{number}", Role.PRODUCER, 403),
        (f"registration={PRODUCER}", Role.SUPERVISOR, 403),
        ("registration=NOBODY-1", Role.PROVINCE_OFFICER, 404),
        (f"registration={PRODUCER}&product={case.product}", Role.PROVINCE_OFFICER, 400),
        (number, Role.PROVINCE_OFFICER, 400),
    ):
        assert case.service.get(f"/v1/personal-data/subject?{path}", who).status_code == status, path
    named = case.get(f"/v1/personal-data/subject?product={case.product}&{number}", Role.PROVINCE_OFFICER)
    assert ALL["complainant"] in json.dumps(named, ensure_ascii=False)


def test_nothing_planted_is_in_the_files_of_both_servers_once_they_are_stopped(case: Case) -> None:
    """It stands last: it stops the service, which stops its servers; the write-ahead logs are among the files."""
    case.service.stop()
    folder = case.service.folder

    assert in_files(folder) == {}
    assert list((folder / "postgres" / "pg_wal").glob("0*"))
    assert list((folder / "keys" / "postgres" / "pg_wal").glob("0*"))
    (folder / "control").write_bytes(b"x" + ALL["phone"].encode())
    assert in_files(folder) == {"control": {"phone"}}
