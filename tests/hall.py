"""A council, its sessions and products, at the height of decisions: commands in, facts or one refusal out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import cache
from typing import Any
from uuid import UUID, uuid5

from pydantic_core import to_json

from application.keys import MemoryKeys
from application.seals import Keeper
from domain.command import Context
from domain.decide import COMMANDS, decide
from domain.law.book import law_book
from domain.product.facts import Producer
from domain.product.phases import Phase
from domain.product.rating_facts import Choice
from domain.product.state import Dossier, Product
from domain.session.state import Session
from domain.stream import Fact, For, Told
from domain.streams import KINDS, kind_of
from domain.values import Actor, Moment, Role, Source

LAW = law_book()
MOMENT = Moment(at=datetime(2026, 11, 23, 3, 0, tzinfo=UTC), today=date(2026, 11, 23))
SPACE = UUID(int=26)
COUNCIL, SESSION = uuid5(SPACE, "council"), uuid5(SPACE, "session")
REGIME, SHEET, PROVINCE, COMMUNE = "QD26-2026", "QD26-11", "25", "04876"
CHAIRMAN = Actor(person="Chủ tịch tỉnh", office="UBND tỉnh", role=Role.PROVINCE_CHAIR, area=PROVINCE)
SECRETARY = Actor(person="Thư ký", office="Chi cục PTNT", role=Role.COUNCIL_SECRETARY, area=PROVINCE)
VOTING = ("Chủ tịch HĐ", "Phó chủ tịch HĐ", "Ủy viên 1", "Ủy viên 2")


def members(voting: Sequence[str] = VOTING, **ties: list[dict[str, str]]) -> list[dict[str, Any]]:
    """A chair, a vice-chair, members, and a secretary who does not score; ``ties`` by number: ``m2=[…]``."""
    capacities = ["chair", "vice-chair", *["member"] * (len(voting) - 2)]
    scoring = [
        {"person": person, "office": "Sở", "capacity": capacity, "ties": ties.get(f"m{number}", [])}
        for number, (person, capacity) in enumerate(zip(voting, capacities, strict=True))
    ]
    return [*scoring, {"person": "Thư ký", "office": "Sở", "capacity": "secretary", "voting": False}]


def product_id(number: int) -> UUID:
    return uuid5(SPACE, f"product {number}")


def advised(number: int = 1, gates: int = 4, **changes: Any) -> Product:
    """A product whose advisory team found the gates up to ``gates`` stars met; ``changes`` of its dossier."""
    dossier = Dossier("first-time", REGIME, SHEET, LAW.rules_hash(REGIME, SHEET), date(2026, 8, 10), date(2026, 8, 31))
    registration = f"HTX-{number}"
    producer = Producer(registration=registration, name=f"HTX {number}", kind="cooperative", address="Đà Bắc")
    return Product(
        version=20,
        phase=Phase.ADVISED,
        since=date(2026, 9, 25),
        latest_act=date(2026, 9, 25),
        name=f"Trà {number}",
        commune=COMMUNE,
        producer=producer,
        holder=producer.name,
        dossier=replace(dossier, **{"level": "province", "findings": findings(gates), **changes}),
    )


def findings(stars: int, sheet: str = SHEET) -> tuple[Choice, ...]:
    """For each gated criterion the option that meets its gates up to ``stars``, else the poorest."""
    found = []
    for code, gates in LAW.sheets[sheet].gates.items():
        points = [o.points for o in LAW.sheets[sheet].leaves[code].options]
        needed = max((p for star, p in gates.items() if star <= stars), default=min(points))
        found.append(Choice(code=code, option=points.index(needed)))
    return tuple(found)


@cache
def worth(total: int, sheet: str = SHEET) -> tuple[Choice, ...]:
    """A complete sheet of exactly this total."""
    reached: dict[int, tuple[Choice, ...]] = {0: ()}
    for code, criterion in LAW.sheets[sheet].leaves.items():
        options: list[tuple[int | None, int]] = [(n, o.points) for n, o in enumerate(criterion.options)]
        if all(points for _, points in options):
            options.append((None, 0))
        further: dict[int, tuple[Choice, ...]] = {}
        for so_far, chosen in reached.items():
            for option, points in options:
                if so_far + points <= total:
                    further.setdefault(so_far + points, (*chosen, Choice(code=code, option=option)))
        reached = further
    return reached[total]


def member(person: str) -> Actor:
    return Actor(person=person, office="Sở", role=Role.COUNCIL_MEMBER, area=PROVINCE)


def agreement(choices: Iterable[dict[str, Any]], *who: str, number: int = 1) -> list[dict[str, Any]]:
    """What ``conclude`` takes as ``agreed``: options, why, and who agreed, everybody who scores unless named."""
    entry = {"product": product_id(number), "choices": list(choices), "reason": "Đã xem lại hồ sơ."}
    return [{**entry, "members": who or VOTING}]


class Hall:
    """All streams of one test, and every fact of each in order."""

    def __init__(self, *products: Product) -> None:
        self.seals = Keeper(b"k" * 32, MemoryKeys())
        self.states: dict[UUID, Any] = {product_id(n): p for n, p in enumerate(products, 1)}
        self.products = list(self.states)
        self.told: dict[UUID, list[Fact]] = {}

    @property
    def session(self) -> Session:
        found: Session = self.states[SESSION]
        return found

    def product(self, number: int = 1) -> Product:
        found: Product = self.states[product_id(number)]
        return found

    def dossier(self, number: int = 1) -> Dossier:
        found = self.product(number).dossier
        assert found is not None
        return found

    def give(self, name: str, by: Actor, stream: UUID, day: str, /, **body: Any) -> list[Fact]:
        """Give a command and tell what follows to every stream; the facts of the command's own stream."""
        command = COMMANDS[name].model_validate_json(to_json(body))
        state = self.states.get(stream, KINDS[command.stream].empty)
        on = date.fromisoformat(day)
        needed = {key: self.states[key] for key in command.needs(state, on) if key in self.states}
        ctx = Context(LAW, by, MOMENT, on, self.seals, stream, others=needed)
        decided = decide(state, command, ctx)
        for entry in decided:
            target, fact = (entry.stream_id, entry.fact) if isinstance(entry, For) else (stream, entry)
            kind = kind_of(fact)
            before = self.states.get(target, kind.empty)
            self.states[target] = kind.evolve(before, Told(before.version + 1, fact, on, Source(), by.person))
            self.told.setdefault(target, []).append(fact)
        return [entry for entry in decided if isinstance(entry, Fact)]

    def set_up(self, **changes: Any) -> Hall:
        body = {
            "number": "01/QĐ-UBND",
            "signer": "Nguyễn Văn A",
            "level": "province",
            "area": PROVINCE,
            "period_from": "2026-09-01",
            "period_to": "2026-12-31",
            "members": members(),
        }
        self.give("set-up-council", CHAIRMAN, COUNCIL, "2026-08-28", **{**body, **changes})
        return self

    def ruled(self, **rules: Any) -> Hall:
        """Set up with rules of its own."""
        return self.set_up(rules=rules, rules_basis="02/QĐ-UBND")

    def call(self, day: str = "2026-10-01", stream: UUID = SESSION, **changes: Any) -> Hall:
        body = {
            "council": COUNCIL,
            "number": "10/GM",
            "form": "meeting",
            "held_on": "2026-10-05",
            "place": "Hội trường",
            "products": self.products,
        }
        self.give("call-session", SECRETARY, stream, day, **{**body, **changes})
        return self

    def attend(self, *absent: str) -> Hall:
        everybody = [m.person for m in self.session.members]
        present = [person for person in everybody if person not in absent]
        missing = [{"member": person, "reason": "Đi công tác"} for person in absent]
        self.give("record-attendance", SECRETARY, SESSION, "2026-10-05", present=present, absent=missing)
        return self

    def declare(self, person: str, number: int = 1, by: Actor | None = None, **more: Any) -> Hall:
        body = {"product": product_id(number), "ground": "other", "member": person, **more}
        self.give("declare-conflict", by or SECRETARY, SESSION, "2026-10-05", **body)
        return self

    def open(self, day: str = "2026-10-05") -> Hall:
        self.give("open-scoring", SECRETARY, SESSION, day)
        return self

    def score(self, person: str, choices: Iterable[Choice] | int = 75, number: int = 1, **more: Any) -> Hall:
        """Hand in a sheet: its options, or a sheet worth so many points."""
        chosen = worth(choices) if isinstance(choices, int) else tuple(choices)
        body = {"product": product_id(number), "choices": [c.model_dump() for c in chosen], **more}
        self.give("submit-score-sheet", member(person), SESSION, "2026-10-05", **body)
        return self

    def score_all(self, *totals: int, number: int = 1) -> Hall:
        """One sheet by each voting member, in the council's order."""
        for person, total in zip(VOTING, totals, strict=False):
            self.score(person, total, number)
        return self

    def close(self, day: str = "2026-10-05") -> Hall:
        self.give("close-scoring", SECRETARY, SESSION, day)
        return self

    def again(self, number: int = 1) -> Hall:
        body = [{"product": product_id(number), "discussion": "Đã thảo luận tiêu chí bao bì."}]
        self.give("order-rescoring", SECRETARY, SESSION, "2026-10-05", products=body)
        return self

    def conclude(self, **more: Any) -> Hall:
        body = {"minutes_number": "11/BB", "minutes": "Hội đồng thống nhất kết quả.", **more}
        self.give("conclude-session", SECRETARY, SESSION, "2026-10-06", **body)
        return self

    def cancel(self, document: str | None = None) -> Hall:
        self.give("cancel-session", SECRETARY, SESSION, "2026-10-06", reason="Bão số 5", document=document)
        return self

    def scoring(self, *absent: str) -> Hall:
        """Everything up to and with the opening of the scoring."""
        return self.set_up().call().attend(*absent).open()

    def facts(self, name: str, stream: UUID = SESSION) -> list[Any]:
        return [fact for fact in self.told.get(stream, []) if fact.stored_name == name]
