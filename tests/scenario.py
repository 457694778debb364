"""A small language for scenarios over HTTP: the steps of a case as a protocol tells them, one line each.

Persons are named by their office ("district-chair"); where every level has such a person, by office and level
("council-secretary@province"). Each act names its day. Everything told is illustrative and says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from itertools import count
from typing import Any

from api.examples import EXAMPLES
from domain.law.book import law_book
from domain.law.recompute import differences
from domain.values import Actor, Role
from tests.hall import worth
from tests.service import Service
from tests.story import bare, findings

SIGNERS = {
    "district": "Chủ tịch UBND huyện",
    "province": "Chủ tịch UBND tỉnh",
    "centre": "Bộ trưởng",
}
ILLUSTRATIVE = {"kind": "illustrative", "note": "Kịch bản kiểm thử, không phải hồ sơ thật"}
EVIDENCE = EXAMPLES["record-evidence"]["sha256"]

OF_ONE_LEVEL = {
    Role.PRODUCER: "commune",
    Role.COMMUNE_OFFICER: "commune",
    Role.COMMUNE_CHAIR: "commune",
    Role.DISTRICT_OFFICER: "district",
    Role.DISTRICT_CHAIR: "district",
    Role.PROVINCE_OFFICER: "province",
    Role.PROVINCE_CHAIR: "province",
    Role.MINISTRY_OFFICER: "centre",
    Role.MINISTER: "centre",
    Role.SUPERVISOR: "centre",
}
OF_EVERY_LEVEL = (Role.ADVISORY_TEAM, Role.COUNCIL_SECRETARY)
OFFICE = {"commune": "commune-officer", "district": "district-officer", "province": "province-officer"}
OFFICE |= {"centre": "ministry-officer"}
CHAIR = {"district": "district-chair", "province": "province-chair", "centre": "minister"}


class Place:
    """A commune with the authorities above it; ``district``: the office that was between it and the province.

    ``members``: how many score in each of its councils.
    """

    def __init__(self, province: str, commune: str, district: str | None = None, members: int = 3) -> None:
        self.members = members
        self.areas = {"commune": commune, "province": province, "centre": "VN"}
        if district:
            self.areas["district"] = district

    @property
    def registration(self) -> str:
        return f"HTX-{self.areas['commune']}"

    def person(self, who: str) -> Actor:
        """ "district-chair", "advisory-team@province", "member-2@centre"."""
        name, _, level = who.partition("@")
        role = Role.COUNCIL_MEMBER if name.startswith("member-") else Role(name)
        level = level or OF_ONE_LEVEL[role]
        area = self.areas[level]
        producer = self.registration if role is Role.PRODUCER else None
        return Actor(person=f"{who} {area}", office=f"{name} {area}", role=role, area=area, producer=producer)

    def everybody(self) -> list[Actor]:
        """All persons of the place, down to the members of its councils."""
        offices = [role.value for role, level in OF_ONE_LEVEL.items() if level in self.areas]
        levels = [level for level in self.areas if level != "commune"]
        offices += [f"{role.value}@{level}" for role in OF_EVERY_LEVEL for level in levels]
        offices += [f"member-{n}@{level}" for level in levels for n in range(1, self.members + 1)]
        return [self.person(who) for who in offices]


def everybody(*places: Place) -> list[Actor]:
    """The persons of several places; those of the centre once."""
    return list({actor.person: actor for place in places for actor in place.everybody()}.values())


class Protocol:
    """What happens to the products of one place under one regime; every step that is not refused must succeed."""

    numbers = count(1)

    def __init__(self, service: Service, place: Place, sheet: str) -> None:
        self.service, self.place, self.sheet = service, place, sheet
        self._councils: dict[str, str] = {}

    # ── Acts ────────────────────────────────────────────────────────────────────────────────

    def act(self, day: str, who: str, command: str, stream: str | None, /, **body: Any) -> dict[str, Any]:
        """An act of that day by that person."""
        answer = self._give(day, who, command, stream, body)
        assert answer.status_code in (200, 201), f"{day}, {who}, {command}: {answer.text}"
        told: dict[str, Any] = answer.json()
        self.position = told["position"]
        return told

    def refused(
        self, day: str, who: str, command: str, stream: str | None, /, *, code: str, says: str = "", **body: Any
    ) -> None:
        """That person may not do this: the refusal's kind, and words of its reason or of its hint."""
        answer = self._give(day, who, command, stream, body)
        assert answer.status_code >= 400, f"{day}, {who}, {command} went through: {answer.text}"
        assert answer.json()["type"] == f"/v1/problems/{code}", answer.text
        assert says in answer.text, f"“{says}” is not said in {answer.text}"

    def _give(self, day: str, who: str, command: str, stream: str | None, body: dict[str, Any]) -> Any:
        whole = {**body, "effective_on": day, "source": ILLUSTRATIVE}
        return self.service.give(stream, command, self.place.person(who), whole)

    def filed(self, name: str, day: str, kind: str = "first-time") -> str:
        """A product's way to its dossier, shortened, and the dossier filed at the commune that day."""
        product = self.ready(name, day)
        self.files(day, product, kind)
        return product

    def ready(self, name: str, day: str) -> str:
        """A product that may file its dossier from that day on: idea, plan and its carrying out, shortened."""
        sheet, start = law_book().sheets[self.sheet], date.fromisoformat(day) - timedelta(days=90)
        producer = {"registration": self.place.registration, "name": f"HTX {name}", "kind": "cooperative"}
        group = sheet.group or "food"
        idea = {**EXAMPLES["submit-idea"], "product_name": name, "group": group}
        opening = {"product_name": name, "commune": self.place.areas["commune"], "origin": "existing"}
        begun = self.act(str(start), "commune-officer", "identify-product", None, **{**opening, "cycle": start.year})
        product = str(begun["product_id"])
        paper = {**EXAMPLES["record-evidence"], "issued_on": str(start), "expires_on": None}
        plan = {**EXAMPLES["submit-plan"], "milestones": [{"code": "ATTP", "title": "An toàn", "due": day}]}
        for after, who, command, body in (
            (2, "commune-officer", "hand-over-idea-form", EXAMPLES["hand-over-idea-form"]),
            (10, "producer", "submit-idea", {**idea, "producer": {**idea["producer"], **producer}}),
            (15, "commune-officer", "endorse-idea", EXAMPLES["endorse-idea"]),
            (20, "commune-chair", "accept-idea", {}),
            (30, "producer", "submit-plan", plan),
            (40, "commune-chair", "accept-plan", EXAMPLES["accept-plan"]),
            (50, "producer", "record-evidence", paper),
            (60, "commune-officer", "reach-milestone", {"code": "ATTP"}),
            (80, "commune-officer", "complete-implementation", EXAMPLES["complete-implementation"]),
        ):
            self.act(str(start + timedelta(days=after)), who, command, product, **without_day(body))
        return product

    def files(self, day: str, product: str, kind: str = "first-time") -> None:
        """The producer files the dossier at the commune (nộp hồ sơ)."""
        self.act(day, "producer", "file-dossier", product, **self.dossier(kind))

    def dossier(self, kind: str) -> dict[str, Any]:
        """What is filed: registration and self-report (Biểu mẫu 01, 02), scored on this protocol's sheet."""
        return without_day({**EXAMPLES["file-dossier"], "sheet": self.sheet, "kind": kind})

    def commune_proposes(self, report: str, letter: str, product: str) -> None:
        """The commune enters the dossier, reports on the four local matters, and sends it up (báo cáo, tờ trình)."""
        self.act(report, "commune-officer", "register-dossier", product, **EXAMPLES["register-dossier"])
        self.act(report, "commune-officer", "issue-commune-report", product, **EXAMPLES["issue-commune-report"])
        self.act(letter, "commune-chair", "forward-dossier", product, letter_number="88/TTr-UBND")

    def taken_in(self, level: str, day: str, product: str, *, gates: int = 5) -> None:
        """A level's office takes the dossier in and its advisory team reports (tiếp nhận, tổ tư vấn báo cáo)."""
        self.act(day, OFFICE[level], "register-dossier", product, **EXAMPLES["register-dossier"])
        self.act(day, OFFICE[level], "accept-for-batch", product, samples_received=5)
        body = {"report_number": "07/BC-TTV", "findings": findings(self.sheet, gates)}
        self.act(day, f"advisory-team@{level}", "report-advice", product, **body)

    def council(self, level: str, day: str, *, number: str = "643/QĐ-UBND", by: str = "") -> str:
        """The level's chair sets up its council (thành lập hội đồng)."""
        body = self.council_body(level, day, number)
        self._councils[level] = str(self.act(day, by or CHAIR[level], "set-up-council", None, **body)["council_id"])
        return self._councils[level]

    def council_body(self, level: str, day: str, number: str = "643/QĐ-UBND") -> dict[str, Any]:
        capacities = ["chair", *["member"] * (self.place.members - 1)]
        members: list[dict[str, Any]] = [
            {"person": self._member(n, level), "office": f"Cơ quan {n}", "capacity": capacity}
            for n, capacity in enumerate(capacities, 1)
        ]
        secretary = {"person": self._secretary(level), "office": "Cơ quan tham mưu", "capacity": "secretary"}
        members.append({**secretary, "voting": False})
        return {
            "number": number,
            "signer": SIGNERS[level],
            "level": level,
            "area": self.place.areas[level],
            "period_from": day,
            "members": members,
        }

    def _member(self, number: int, level: str) -> str:
        return self.place.person(f"member-{number}@{level}").person

    def _secretary(self, level: str) -> str:
        return self.place.person(f"council-secretary@{level}").person

    def judged(self, level: str, called: str, held: str, totals: Mapping[str, Sequence[int]]) -> str:
        """The council meets: called, attended, scored under seal, opened, concluded on the same day."""
        session = self.convened(level, called, held, list(totals))
        for product, points in totals.items():
            for n, total in enumerate(points, 1):
                body = self.sheet_worth(total, product)
                self.act(held, f"member-{n}@{level}", "submit-score-sheet", session, **body)
        self.opened(level, held, session)
        self.concluded(level, held, session)
        return session

    def convened(self, level: str, called: str, held: str, products: Sequence[str]) -> str:
        """A session with all members present, its scoring open."""
        secretary = f"council-secretary@{level}"
        body = {"number": f"{next(self.numbers)}/GM-HĐ", "form": "meeting", "held_on": held, "place": "Trụ sở UBND"}
        called_on = {**body, "council": self._councils[level], "products": list(products)}
        session = str(self.act(called, secretary, "call-session", None, **called_on)["session_id"])
        everyone = [self._member(n, level) for n in range(1, self.place.members + 1)]
        everyone.append(self._secretary(level))
        self.act(held, secretary, "record-attendance", session, present=everyone)
        self.act(held, secretary, "open-scoring", session)
        return session

    def sheet_worth(self, total: int, product: str, comment: str = "") -> dict[str, Any]:
        """A member's complete sheet of that total."""
        choices = [choice.model_dump() for choice in worth(total, self.sheet)]
        return {"product": product, "choices": choices, "comment": comment}

    def opened(self, level: str, day: str, session: str) -> None:
        """Scoring is closed, every sheet opened at once."""
        self.act(day, f"council-secretary@{level}", "close-scoring", session)

    def concluded(self, level: str, day: str, session: str) -> None:
        """The session is concluded with its minutes."""
        minutes = {"minutes_number": f"{next(self.numbers)}/BB-HĐ", "minutes": "Hội đồng thống nhất kết quả chấm điểm."}
        self.act(day, f"council-secretary@{level}", "conclude-session", session, **minutes)

    def decides(self, day: str, who: str, command: str, *products: str, level: str = "") -> None:
        """An authority's decision in its book: "recognise" or "approve-results"."""
        self.act(day, who, command, None, **self.decision(who, *products, level=level))

    def may_not(
        self, day: str, who: str, command: str, *products: str, code: str, level: str = "", says: str = ""
    ) -> None:
        """That person may not take this decision."""
        self.refused(day, who, command, None, code=code, says=says, **self.decision(who, *products, level=level))

    def decision(self, who: str, *products: str, level: str = "") -> dict[str, Any]:
        """The body of a decision, at the person's own level unless another is named."""
        level = level or OF_ONE_LEVEL[Role(who)]
        return {"level": level, "signer": SIGNERS[level], "products": list(products)}

    # ── What is seen afterwards ─────────────────────────────────────────────────────────────

    def get(self, path: str) -> dict[str, Any]:
        """As a supervisor of the nation reads it, everything told so far included."""
        answer = self.service.get(path, self.place.person("supervisor"), **{"X-Min-Position": str(self.position)})
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def standing(self, product: str) -> str:
        """The product's phase."""
        return str(self.get(f"/v1/products/{product}")["phase"]["code"])

    def told_of(self, product: str, fact: str) -> dict[str, Any]:
        """What the newest fact of that name in the product's trail says."""
        trail = self.get(f"/v1/products/{product}/trail")["trail"]
        found: dict[str, Any] = [entry["data"] for entry in trail if entry["fact"] == fact][-1]
        return found

    def certificate(self, product: str) -> dict[str, Any] | None:
        """The product's current certificate in the public register, None when it has none."""
        after, found = 0, list[dict[str, Any]]()
        while True:
            page = self.get(f"/v1/certificates?after={after}&limit=500")
            found += page["certificates"]
            if len(page["certificates"]) < 500:
                break
            after = page["next"]
        own = [c for c in found if c["product"]["product_id"] == product and c["status"] not in ("replaced", "renewed")]
        assert len(own) <= 1, own
        return own[0] if own else None

    def decisions(self, product: str) -> list[str]:
        """What was decided on the product, in order."""
        listed = self.get(f"/v1/products/{product}/decisions")["decisions"]
        return [entry["decision"] for entry in listed]

    def explained(self, product: str, number: int) -> dict[str, Any]:
        """The document of a decision; whoever computes it again from its own inputs gets the same star."""
        document = self.get(f"/v1/products/{product}/decisions/{number}")
        assert differences(document) == []
        assert document["rules"]["unchanged"], "the rules are those that were loaded when it was decided"
        return document


def without_day(body: Mapping[str, Any]) -> dict[str, Any]:
    """An example's body without its own day and other streams."""
    return {name: value for name, value in bare(dict(body)).items() if name != "effective_on"}
