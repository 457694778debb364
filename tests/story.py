"""The tea's story, told once and used at three heights: decisions, HTTP, read models.

Each chapter is (command, role, body). ``until`` names the last chapter wanted; a fixture is thus named
for where the story stands.
"""

from typing import Any

from api.examples import EXAMPLES
from domain.decide import COMMANDS
from domain.law.book import law_book
from domain.values import Actor, Role

COMMUNE = "04876"
PRODUCER = "THT-0012"
FILE = EXAMPLES["record-evidence"]["sha256"]

Chapter = tuple[str, Role, dict[str, Any]]


def choices(sheet_id: str, level: int, more: int = 0) -> list[dict[str, Any]]:
    """A complete sheet that meets the gates up to ``level``, else the second option; ``more`` points on top."""
    sheet, found, left = law_book().sheets[sheet_id], [], more
    for code, criterion in sheet.leaves.items():
        points = [o.points for o in criterion.options]
        needed = max((p for star, p in sheet.gates.get(code, {}).items() if star <= level), default=None)
        option = points.index(needed) if needed is not None else min(1, len(points) - 1)
        while left > 0 and option + 1 < len(points) and points[option + 1] - points[option] <= left:
            left -= points[option + 1] - points[option]
            option += 1
        found.append({"code": code, "option": option})
    assert left == 0
    return found


def findings(sheet_id: str, level: int) -> list[dict[str, Any]]:
    """The advisory team's findings: the gates up to ``level`` are met."""
    gates = law_book().sheets[sheet_id].gates
    return [c for c in choices(sheet_id, level) if c["code"] in gates]


def on(day: str, body: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    """A body dated ``day``."""
    return {**(body or {}), **more, "effective_on": day}


def bare(body: dict[str, Any]) -> dict[str, Any]:
    """An example without the ids of other streams, which are the story's own."""
    return {name: value for name, value in body.items() if name not in ("council", "product", "products")}


def tea(level: int = 4, sheet: str = "QD26-11") -> list[Chapter]:
    """From outreach to revenue; ``level``: the gates that are met, and so the stars reached."""
    e = {name: bare(body) for name, body in EXAMPLES.items()}
    officer, chair, producer = Role.COMMUNE_OFFICER, Role.COMMUNE_CHAIR, Role.PRODUCER
    province, member = Role.PROVINCE_OFFICER, Role.COUNCIL_MEMBER
    secretary = Role.COUNCIL_SECRETARY
    sheet_body = {"choices": choices(sheet, level)}
    return [
        ("identify-product", officer, on("2026-01-15", e["identify-product"])),
        ("record-guidance", officer, on("2026-02-03", e["record-guidance"])),
        ("hand-over-idea-form", officer, on("2026-02-03", e["hand-over-idea-form"])),
        ("submit-idea", producer, on("2026-02-20", e["submit-idea"])),
        ("return-idea", officer, on("2026-02-25", e["return-idea"])),
        ("submit-idea", producer, on("2026-03-02", e["submit-idea"], market="Hà Nội và các thành phố")),
        ("endorse-idea", officer, on("2026-03-05", e["endorse-idea"])),
        ("accept-idea", chair, on("2026-03-20", e["accept-idea"])),
        ("submit-plan", producer, on("2026-04-01", e["submit-plan"])),
        ("accept-plan", chair, on("2026-04-10", e["accept-plan"])),
        ("make-commitment", producer, on("2026-04-12", e["make-commitment"])),
        ("record-evidence", producer, on("2026-05-22", e["record-evidence"])),
        ("reach-milestone", officer, on("2026-05-25", {"code": "ATTP"})),
        ("grant-support", officer, on("2026-06-02", e["grant-support"])),
        ("reach-milestone", officer, on("2026-06-28", {"code": "BAOBI"})),
        ("complete-implementation", officer, on("2026-07-20", e["complete-implementation"])),
        ("file-dossier", producer, on("2026-08-10", e["file-dossier"], sheet=sheet)),
        ("register-dossier", officer, on("2026-08-10", e["register-dossier"])),
        ("issue-commune-report", officer, on("2026-08-26", e["issue-commune-report"])),
        ("forward-dossier", chair, on("2026-08-28", e["forward-dossier"])),
        ("register-dossier", province, on("2026-09-01", e["register-dossier"])),
        ("accept-for-batch", province, on("2026-09-08", e["accept-for-batch"])),
        ("report-advice", Role.ADVISORY_TEAM, on("2026-09-25", e["report-advice"], findings=findings(sheet, level))),
        ("set-up-council", Role.PROVINCE_CHAIR, e["set-up-council"]),
        ("call-session", secretary, e["call-session"]),
        ("record-attendance", secretary, on("2026-10-05", e["record-attendance"])),
        ("open-scoring", secretary, on("2026-10-05")),
        ("submit-score-sheet", member, on("2026-10-05", sheet_body)),
        ("submit-score-sheet", member, on("2026-10-05", sheet_body)),
        ("submit-score-sheet", member, on("2026-10-05", sheet_body)),
        ("close-scoring", secretary, on("2026-10-05")),
        ("conclude-session", secretary, on("2026-10-06", e["conclude-session"])),
        ("recognise", Role.PROVINCE_CHAIR, on("2026-10-20", e["recognise"])),
        ("notify-result", province, on("2026-10-22", e["notify-result"])),
        ("list-on-ecommerce", producer, on("2026-11-02", e["list-on-ecommerce"])),
        ("attend-fair", producer, on("2026-11-08", e["attend-fair"])),
        ("report-revenue", producer, on("2026-11-20", e["report-revenue"])),
    ]


def addressed(command: str, body: dict[str, Any], ids: dict[str, str]) -> dict[str, Any]:
    """The body with the ids of what the story has opened so far, where it names none itself."""
    fields = COMMANDS[command].model_fields
    named: dict[str, Any] = {}
    if "council" in fields:
        named["council"] = ids["council"]
    if "products" in fields and command != "order-rescoring":
        named["products"] = [ids["product"]]
    if "product" in fields and command != "request-erasure":
        named["product"] = ids["product"]
    return {**named, **body}


def until(command: str, chapters: list[Chapter]) -> list[Chapter]:
    """The story up to and with the last chapter of this command."""
    last = max(i for i, chapter in enumerate(chapters) if chapter[0] == command)
    return chapters[: last + 1]


def until_first(command: str, chapters: list[Chapter]) -> list[Chapter]:
    """The story up to and with the first chapter of this command."""
    return chapters[: [name for name, _, _ in chapters].index(command) + 1]


def actor(role: Role, member: int = 1) -> Actor:
    """Somebody in the right office for the tea; ``member`` tells council members apart."""
    area = {
        Role.PRODUCER: COMMUNE,
        Role.COMMUNE_OFFICER: COMMUNE,
        Role.COMMUNE_CHAIR: COMMUNE,
        Role.INTEGRATOR: "VN",
        Role.MINISTRY_OFFICER: "VN",
        Role.MINISTER: "VN",
        Role.SYSTEM: "VN",
    }.get(role, "25")
    person = f"{role.value}-{member}" if role is Role.COUNCIL_MEMBER else role.value
    producer = PRODUCER if role is Role.PRODUCER else None
    return Actor(person=person, office=f"office of {role.value}", role=role, area=area, producer=producer)
