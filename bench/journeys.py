"""A great many stored facts, quickly: whole journeys told once by the domain, then copied with other names.

Each template is one product's journey with the council, the session and the book of its rating, decided by
``handle`` like any command and turned into the stored bytes. A copy puts other words in a few places (streams,
product, producer, commune, command ids), so every row is a valid fact of streams of its own. Journeys run side
by side: a new product is identified while thousands of others are under way.
"""

import hashlib
import heapq
import itertools
import os
import random
import re
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
from pydantic_core import to_json

from api.examples import EXAMPLES
from application.handle import Order, handle
from application.keys import MemoryKeys
from application.recorded import to_bytes
from application.seals import Keeper
from domain.decide import COMMANDS
from domain.law.areas import areas
from domain.law.book import law_book
from domain.product.claims import open_claim
from domain.product.state import Product
from domain.session.command import round_key
from domain.stream import Told
from domain.streams import KINDS
from domain.values import Moment, Role
from tests.story import COMMUNE, PRODUCER, Chapter, actor, addressed, on, tea, until

SIDE_BY_SIDE = 5_000
"""Products under way at any time."""
CHUNK = 50_000
"""Facts a COPY."""

RECORDED = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
"""When the journeys are entered: a day on which the rules they need are in force."""

NAME: str = EXAMPLES["submit-idea"]["product_name"]
PRODUCER_NAME: str = EXAMPLES["submit-idea"]["producer"]["name"]
PROVINCE = "25"
CERTIFICATE = "0001/2026/GCN-OCOP"
PRODUCT_NUMBER = f"{PROVINCE}-{COMMUNE}-1-2026"
GOODS = ("Chè Shan tuyết", "Mật ong rừng", "Cam Cao Phong", "Gạo nếp nương", "Thịt chua", "Miến dong", "Rượu cần")


@dataclass(frozen=True, slots=True)
class Step:
    """One stored fact of a template: ``state`` with places for a journey's own words.

    ``stream``: which of the journey's streams it belongs to, the product being the first. ``begins``: what is
    remembered of its command (stream, versions from and to), where it is the first fact of one, else None.
    """

    name: bytes
    state: bytes
    day: int
    stream: int
    version: int
    command: int
    begins: tuple[int, int, int] | None
    claims: bool


@dataclass(frozen=True, slots=True)
class Template:
    """A journey to copy. ``last``: the product at its end where that holds a claim, else None.

    ``streams``: their kinds, the product's first; ``commands``: how many there were.
    """

    steps: tuple[Step, ...]
    streams: tuple[str, ...]
    commands: int
    last: Product | None


# ── Telling ─────────────────────────────────────────────────────────────────────────────────────


def _evidence(kind: str, number: int) -> dict[str, Any]:
    return {
        **EXAMPLES["record-evidence"],
        "kind": kind,
        "number": f"{number}/2026",
        "sha256": hashlib.sha256(kind.encode()).hexdigest(),
    }


def _more() -> list[Chapter]:
    """What the tea's story leaves out: more guidance, papers, difficulties, visits and sales."""
    e, officer, producer = EXAMPLES, Role.COMMUNE_OFFICER, Role.PRODUCER
    return [
        (
            "record-guidance",
            officer,
            on("2026-02-26", e["record-guidance"], form="on-site", title="Hướng dẫn tại xưởng"),
        ),
        ("make-commitment", producer, on("2026-04-13", e["make-commitment"], about="environment")),
        ("report-difficulty", producer, on("2026-05-06", e["report-difficulty"])),
        ("record-evidence", producer, on("2026-05-23", _evidence("test-report", 11))),
        ("record-evidence", producer, on("2026-05-24", _evidence("trademark", 12))),
        ("record-evidence", producer, on("2026-05-29", _evidence("product-story", 13))),
        ("visit-site", officer, on("2026-06-10", e["visit-site"])),
        ("request-supplement", officer, on("2026-08-14", e["request-supplement"])),
        ("give-supplement", producer, on("2026-08-18", {"answer": "Đã bổ sung phiếu kiểm nghiệm.", "evidence": []})),
        ("join-point-of-sale", producer, on("2026-11-03", e["join-point-of-sale"])),
        ("join-retail-chain", producer, on("2026-11-05", e["join-retail-chain"])),
        ("sign-contract", producer, on("2026-11-06", e["sign-contract"])),
        ("report-revenue", producer, on("2026-11-12", e["report-revenue"], period="2026-10")),
        ("report-revenue", producer, on("2026-11-12", e["report-revenue"], period="2026-10", channel="direct")),
        ("attend-fair", producer, on("2026-11-15", e["attend-fair"], fair="Tuần hàng OCOP", place="Hà Nội")),
    ]


def _whole(level: int) -> list[Chapter]:
    """The tea's story with all that is left out; equal days keep the order of the story."""
    return sorted([*tea(level), *_more()], key=lambda chapter: str(chapter[2]["effective_on"]))


def _stories() -> list[list[Chapter]]:
    """The journeys that are copied, in equal numbers."""
    full = _whole(4)
    correction = ("correct-fact", Role.COMMUNE_CHAIR, on("2026-02-27", EXAMPLES["correct-fact"]))
    declined = ("decline-recognition", Role.PROVINCE_CHAIR, on("2026-10-20", EXAMPLES["decline-recognition"]))
    rejected = until("endorse-idea", tea())
    abandoned = until("grant-support", full)
    return [
        *[full] * 8,
        *[tea(4)] * 4,
        [*until("conclude-session", _whole(3)), declined],
        sorted([*full, correction], key=lambda chapter: str(chapter[2]["effective_on"])),
        [*rejected, ("reject-idea", Role.COMMUNE_CHAIR, on("2026-03-20", EXAMPLES["reject-idea"]))],
        [*abandoned, ("abandon-plan", Role.PRODUCER, on("2026-06-30", EXAMPLES["abandon-plan"]))],
    ]


def _tell(chapters: list[Chapter]) -> Template:
    """Decide every chapter on the states before it; each must go through."""
    law, seals = law_book(), Keeper(bytes(32), MemoryKeys())
    ids: dict[str, UUID] = {}
    states: dict[UUID, Any] = {}
    histories: dict[UUID, list[Told]] = {}
    steps: list[Step] = []
    commands: list[UUID] = []
    opened = date.fromisoformat(chapters[0][2]["effective_on"])
    members = 0
    for name, role, body in chapters:
        members += name == "submit-score-sheet"
        who = actor(role, members) if role is Role.COUNCIL_MEMBER else actor(role)
        named = addressed(name, body, {kind: str(key) for kind, key in ids.items()})
        command = COMMANDS[name].model_validate_json(to_json(named))
        stream = ids.setdefault(command.stream, uuid4())
        states.setdefault(stream, KINDS[command.stream].empty)
        day = date.fromisoformat(body["effective_on"])
        moment = Moment(at=RECORDED + timedelta(minutes=len(commands)), today=RECORDED.date())
        commands.append(uuid4())
        order = Order(commands[-1], stream, command, who, b"")
        history = tuple(histories[stream]) if command.needs_history else ()
        done = handle(states, order, law, seals, moment, history)
        assert done.recorded, name
        states.update(done.states)
        for recorded in done.recorded:
            if recorded.originator_id not in ids.values():
                ids["numbers"] = recorded.originator_id  # the commune's book of product numbers
        place, numbers = len(commands) - 1, {key: number for number, key in enumerate(ids.values())}
        begins: tuple[int, int, int] | None = (numbers[stream], done.before, done.after)
        for recorded in done.recorded:
            histories.setdefault(recorded.originator_id, []).append(recorded.told)
            stored_name, state = to_bytes(recorded)
            text = _places(state.decode(), ids, str(commands[-1]), place)
            at = numbers[recorded.originator_id]
            claims = name == "submit-idea"
            days = (day - opened).days
            version = recorded.originator_version
            steps.append(Step(stored_name.encode(), text, days, at, version, place, begins, claims))
            begins = None
    product = states[ids["product"]]
    return Template(tuple(steps), tuple(ids), len(commands), product if open_claim(product) else None)


def _places(state: str, ids: dict[str, UUID], command: str, place: int) -> bytes:
    words = {
        NAME: "%(product)s",
        PRODUCER_NAME: "%(producer_name)s",
        PRODUCER: "%(producer)s",
        COMMUNE: "%(commune)s",
        CERTIFICATE: "%(certificate)s",
        PRODUCT_NUMBER: "%(product_number)s",
        **{f'"{field}":"{PROVINCE}"': f'"{field}":"%(province)s"' for field in ("area", "authority", "commune")},
        **{str(key): f"%({kind}_id)s" for kind, key in ids.items()},
        command: f"%(command{place})s",
        f'"recorded_at":"{RECORDED:%Y-%m-%dT%H}': f'"recorded_at":"{RECORDED:%Y-%m-%d}T%(hour)s',
    }
    if "session" in ids:
        words[str(round_key(ids["session"], ids["product"], 1))] = "%(round)s"
    pattern = "|".join(map(re.escape, sorted(words, key=len, reverse=True)))
    return re.sub(pattern, lambda found: words[found[0]], state.replace("%", "%%")).encode()


# ── Copying ─────────────────────────────────────────────────────────────────────────────────────


class Journey:
    """One copy of a template, as far as it has come."""

    def __init__(self, template: Template, number: int, chance: random.Random, communes: list[tuple[str, str]]) -> None:
        self.template = template
        streams = {kind: UUID(int=chance.getrandbits(128), version=4) for kind in template.streams}
        self.streams = [key.bytes for key in streams.values()]
        code, province = communes[chance.randrange(len(communes))]
        self.name = f"{GOODS[number % len(GOODS)]} số {number}"
        self.producer = f"HTX-{number // 2:06d}"
        self.commands = [UUID(int=chance.getrandbits(128), version=4) for _ in range(template.commands)]
        self.words = {
            b"hour": f"{number % 24:02d}".encode(),  # no authority decides on a thousand products in one minute
            b"product": self.name.encode(),
            b"producer_name": f"Hợp tác xã số {number // 2}".encode(),
            b"producer": self.producer.encode(),
            b"commune": code.encode(),
            b"province": province.encode(),
            b"certificate": f"{province}-2026-{number:06d}".encode(),
            b"product_number": f"{province}-{code}-{number + 1}-2026".encode(),
            **{f"{kind}_id".encode(): str(key).encode() for kind, key in streams.items()},
            **{f"command{i}".encode(): str(c).encode() for i, c in enumerate(self.commands)},
        }
        if "session" in streams:
            self.words[b"round"] = str(round_key(streams["session"], streams["product"], 1)).encode()
        self.told = 0

    @property
    def claim(self) -> bytes | None:
        """The claim it holds at the end of its story."""
        last = self.template.last
        if last is None or last.producer is None:
            return None
        producer = last.producer.model_copy(update={"registration": self.producer})
        return open_claim(replace(last, name=self.name, producer=producer))


def side_by_side(total: int, seed: int = 2026) -> Iterator[tuple[Journey, int]]:
    """``total`` facts as (journey, index of its step), in the order they are stored."""
    chance = random.Random(seed)
    templates = [_tell(chapters) for chapters in _stories()]
    longest = max(template.steps[-1].day for template in templates)
    communes = [(a.code, a.province) for a in areas().values() if len(a.code) == 5]
    parallel = min(SIDE_BY_SIDE, max(total // 100, 1))
    under_way: list[tuple[float, int, int, Journey]] = []
    opened = itertools.count()

    def open_one() -> None:
        number = next(opened)
        journey = Journey(templates[chance.randrange(len(templates))], number, chance, communes)
        heapq.heappush(under_way, (float(number), number, 0, journey))

    open_one()
    newest = 0.0
    for _ in range(total):
        when, number, step, journey = heapq.heappop(under_way)
        if when >= newest:  # it is the turn of the product opened last: open the next one
            newest += 1
            open_one()
        yield journey, step
        steps = journey.template.steps
        if step + 1 < len(steps):
            days = max(steps[step + 1].day - steps[step].day, 0)
            later = when + days * parallel / longest * chance.uniform(0.5, 1.5)
            heapq.heappush(under_way, (later, number, step + 1, journey))


_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack("!ii", 0, 0)
_END = struct.pack("!h", -1)


def _row(*fields: bytes) -> bytes:
    return struct.pack("!h", len(fields)) + b"".join(struct.pack("!i", len(f)) + f for f in fields)


def _bigint(number: int) -> bytes:
    return struct.pack("!q", number)


def store(
    owner_url: str, total: int, progress: Callable[[int, int], None] = lambda _done, _all: None, seed: int = 2026
) -> int:
    """Load ``total`` facts with their command rows and claims into an empty journal; number of products.

    Done as the owner of the tables and by COPY: the service itself can only append through its function.
    """
    products = 0
    with psycopg.connect(owner_url, autocommit=True) as connection:
        facts = side_by_side(total, seed)
        done = 0
        while chunk := list(itertools.islice(facts, CHUNK)):
            events, commands, claims = [_SIGNATURE], [_SIGNATURE], [_SIGNATURE]
            for journey, index in chunk:
                step = journey.template.steps[index]
                state = step.state % journey.words
                place = journey.streams[step.stream], _bigint(step.version)
                events.append(_row(*place, step.name, state, _bigint(done + len(events) - 1)))
                products += index == 0
                if step.begins is not None:
                    stream, before, after = step.begins
                    command, digest = journey.commands[step.command].bytes, os.urandom(32)
                    commands.append(_row(command, digest, journey.streams[stream], _bigint(before), _bigint(after)))
                if step.claims and index + 1 > journey.told:
                    journey.told = len(journey.template.steps)  # an idea handed in again claims nothing new
                    if (claim := journey.claim) is not None:
                        claims.append(_row(claim, journey.streams[0]))
            for table, rows in (
                ("events (originator_id, originator_version, topic, state, leaf_index)", events),
                ("commands (command_id, digest, product_id, from_version, to_version)", commands),
                ("claims (key, product_id)", claims),
            ):
                with connection.cursor().copy(f"COPY ocop.{table} FROM STDIN (FORMAT BINARY)") as copy:
                    copy.write(b"".join(rows) + _END)
            done += len(chunk)
            progress(done, total)
        # What the server would do in the background during the measurement is done before it.
        connection.execute("VACUUM (ANALYZE) ocop.events, ocop.commands, ocop.claims")
        connection.execute("CHECKPOINT")
    return products
