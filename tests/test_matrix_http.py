"""The matrix over HTTP: every route × role × area relation × case state as declared; nothing of elsewhere leaks.

Whom the table permits is told by the snapshot of the table, not by the code that is asked. A command is given with an
If-Match that cannot be right: who may give it learns that (412), and nothing is ever changed.
"""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from api.commands import path_of
from api.examples import EXAMPLES
from application.journeys import Journeys
from application.store import Journal
from application.writer import utc_now
from domain.command import Context
from domain.decide import COMMANDS
from domain.law.areas import province_of_area
from domain.law.book import law_book
from domain.law.calendar import legal_date
from domain.log.facts import LOG
from domain.product.state import Product
from domain.streams import KINDS
from domain.values import Actor, Moment, Role
from tests import scenario
from tests.appointed import person_id
from tests.language import keeper
from tests.scenario import Protocol
from tests.service import Service, tea_actors
from tests.story import COMMUNE, PRODUCER, addressed, bare, tea, until, until_first

DECLARED = json.loads((Path(__file__).parent / "snapshots" / "authority.json").read_text(encoding="utf-8"))
STATIONS = {
    "identified": until("identify-product", tea()),
    "idea submitted": until("submit-idea", tea()),
    "filed": until_first("file-dossier", tea()),
    "in the batch": until("accept-for-batch", tea()),
    "concluded": until("conclude-session", tea()),
    "recognised": until("recognise", tea()),
}
NATIONAL = {Role.MINISTRY_OFFICER, Role.MINISTER}
COMMUNAL = {Role.PRODUCER, Role.COMMUNE_OFFICER, Role.COMMUNE_CHAIR}
SERVED = {
    "role": "producer",
    "producer": PRODUCER,
    "paper": {"number": "3/PĐN", "signed_on": "2026-11-20", "signer": "Chủ thể"},
}
AT_ONCE = 8


def people() -> list[Actor]:
    """Each role within the case's area and, where there is such a place, outside it; a producer that is another's."""
    found = []
    for role in Role:
        if role is Role.SYSTEM:
            continue
        places = {"within": COMMUNE if role in COMMUNAL else "25", "outside": "00070" if role in COMMUNAL else "01"}
        for relation, area in {"within": "VN"}.items() if role in NATIONAL else places.items():
            registration = {"within": PRODUCER, "outside": "HKD-9"}[relation] if role is Role.PRODUCER else None
            found.append(Actor(person=f"{role} {relation}", office="x", role=role, area=area, producer=registration))
    other = Actor(person="producer another", office="x", role=Role.PRODUCER, area=COMMUNE, producer="HKD-8")
    return [*found, other]


@dataclass(frozen=True)
class Place:
    """Where a case stands, with the ids of its streams."""

    station: str
    ids: dict[str, str]


@dataclass(frozen=True)
class Case:
    """Everything the calls are about: the service, the places, and the states as the journal tells them."""

    service: Service
    places: list[Place]
    elsewhere: Place
    states: dict[UUID, Any]


@pytest.fixture(scope="module")
def case(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Case]:
    service = Service(tmp_path_factory.mktemp("matrix"), database, actors=[*tea_actors(), *people(), *far_away()])
    try:
        yield told_everywhere(service.start(), database)
    finally:
        service.stop()


def told_everywhere(service: Service, url: str) -> Case:
    places = []
    for number, (station, chapters) in enumerate(STATIONS.items()):
        named = [(c, r, {**b, "product_name": f"Trà {number}"} if "product_name" in b else b) for c, r, b in chapters]
        service.tell(named)
        places.append(Place(station, {**service.ids, "programme": planned(service, "25")}))
    elsewhere = Place("elsewhere", told_elsewhere(service))
    journal = Journal(url, pool_size=1)
    streams = {UUID(key) for place in places for key in place.ids.values()}
    states = Journeys(journal).load(streams)
    journal.close()
    service.caught_up()
    return Case(service, places, elsewhere, states)


def planned(service: Service, area: str, who: Actor | Role = Role.PROVINCE_OFFICER) -> str:
    """A programme of a province with a target."""
    answer = service.give(None, "issue-programme", who, {**EXAMPLES["issue-programme"], "area": area})
    programme = str(answer.json()["programme_id"])
    answer = service.give(programme, "set-target", who, EXAMPLES["set-target"])
    service.position = answer.json()["position"]
    return programme


FAR = scenario.Place("01", "00070")
FAR_ADMIN = Actor(person="administrator far away", office="VP", role=Role.ADMINISTRATOR, area="01")


def far_away() -> list[Actor]:
    """Who tells a story in another province."""
    return [*FAR.everybody(), FAR_ADMIN]


def told_elsewhere(service: Service) -> dict[str, str]:
    """A product before a council in session, an office, a person and a request about data, of another province."""
    story = Protocol(service, FAR, "QD26-11")
    product = story.filed("Ở nơi khác", "2026-08-10")
    story.commune_proposes("2026-08-20", "2026-08-28", product)
    story.taken_in("province", "2026-09-03", product)
    council = story.council("province", "2026-09-01")
    session = story.convened("province", "2026-10-01", "2026-10-05", [product])
    entered = {"title": "Sở", "level": "province", "area": "01", "decision_number": "1/QĐ"}
    office = service.give(None, "establish-office", FAR_ADMIN, entered).json()["office_id"]
    service.caught_up()
    asked = {"product": product, "asked_on": "2026-11-20", "channel": "in-person"}
    answer = service.give(None, "request-erasure", FAR.person("province-officer"), asked)
    assert answer.is_success, answer.text
    service.position = answer.json()["position"]
    far = {"product": product, "council": council, "session": session, "office": office}
    far["programme"] = planned(service, "01", FAR.person("province-officer"))
    return {**far, "subject": answer.json()["subject_id"], "person": str(person_id(FAR.person("commune-chair").person))}


# ── What the table says ───────────────────────────────────────────────────────────────────────


def covers(area: str, other: str) -> bool:
    """Written out once more: a nation, a province and its communes, a commune."""
    return area in ("VN", other) or (len(area) == 2 and province_of_area(other) == area)


def roles_ever(command: str) -> set[str]:
    return {role for levels in DECLARED["competences"][command].values() for roles in levels.values() for role in roles}


def roles_at(command: str, regime: str | None, level: str | None) -> list[str]:
    told = DECLARED["competences"][command]
    levels = told.get(regime or "-") or told["-"]
    return list(levels.get(level or "-") or levels.get("-") or [])


def expected(name: str, who: Actor, body: dict[str, Any], state: Any, case: Case) -> int:
    """Status by the declared table: the role at all, the area, the role at the level; 412 where it is permitted."""
    command = COMMANDS[name].model_validate_json(json.dumps(body))
    serves = set(DECLARED["roles"][who.role][4])
    if who.role not in roles_ever(name) and not serves & roles_ever(name):
        return 403
    moment = Moment(at=utc_now(), today=legal_date(utc_now()))
    ctx = Context(law_book(), who, moment, moment.today, keeper(), UUID(int=1), others=case.states)
    at = command.standing(state, ctx)
    named_place = command.opens and bool({"commune", "area"} & set(type(command).model_fields))
    if at.area and not covers(who.area, at.area):
        return 403 if named_place else 404
    names_itself = name == "submit-idea" and body["producer"]["registration"] == who.producer and state.producer is None
    if who.role is Role.PRODUCER and not own(state, who) and not names_itself:
        return 404
    acted_in = "producer" if command.on_behalf_of else who.role
    if command.on_behalf_of and "producer" not in serves:
        return 403
    regime = None if "-" in DECLARED["competences"][name] else at.regime.id if at.regime else None
    return 412 if acted_in in roles_at(name, regime, at.level) else 403


def own(state: Any, who: Actor) -> bool:
    return isinstance(state, Product) and state.producer is not None and state.producer.registration == who.producer


# ── The calls ─────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Call:
    what: str
    who: Actor
    method: str
    path: str
    body: Any = None
    status: int | None = None


def command_calls(case: Case) -> Iterator[Call]:
    for place in case.places:
        for name, kind in COMMANDS.items():
            stream = {"log": str(LOG), **place.ids}.get(kind.stream)
            opened = kind.opens or kind.stream == "book"
            if kind.stream in ("person", "office", "subject") or (stream is None and not opened):
                continue
            if opened and place is not case.places[-1]:
                continue
            if ("council" in kind.model_fields or "product" in kind.model_fields) and "council" not in place.ids:
                continue  # there is none yet at this station
            for who in people():
                body = addressed(name, example(name, place), place.ids)
                if name in DECLARED["producer's will"] and who.role is not Role.PRODUCER:
                    body = {**body, "on_behalf_of": SERVED}
                day = body.get("effective_on", "2026-11-20")
                body.setdefault("paper", {"number": "1", "signed_on": day, "signer": "Chủ tịch UBND tỉnh"})
                state = KINDS[kind.stream].empty if opened else case.states[UUID(stream or "")]
                if kind.stream == "product" and own_will_of_nobody(name, state, who):
                    continue
                path = re.sub(r"\{\w+\}", stream or "", path_of(kind))
                status = expected(name, who, body, state, case)
                yield Call(f"{name} at “{place.station}” by {who.person}", who, "POST", path, body, status)


def example(name: str, place: Place) -> dict[str, Any]:
    if name != "order-rescoring":
        return bare(EXAMPLES[name])
    (entry,) = EXAMPLES[name]["products"]
    return {"products": [{**entry, "product": place.ids["product"]}]}


def own_will_of_nobody(name: str, state: Product, who: Actor) -> bool:
    """Before a producer has registered there is nobody to act for."""
    return name in DECLARED["producer's will"] and who.role is not Role.PRODUCER and state.producer is None


def read_calls(case: Case) -> Iterator[Call]:
    for path, (readers, area, _scope, _proof) in DECLARED["routes"].items():
        method, template = path.split(" ")
        if method != "GET" or not template.startswith("/v1/") or readers in (["anybody"], ["everybody"]):
            continue
        for place in case.places if "{" in template else case.places[-1:]:
            filled = filled_in(template, place)
            if filled is None:
                continue
            for who in people():
                status = read_status(template, readers, area, who, place, case)
                yield Call(f"{path} at “{place.station}” by {who.person}", who, "GET", filled, None, status)


def filled_in(template: str, place: Place) -> str | None:
    ids = {**place.ids, "person": str(person_id("commune-officer within"))}
    if "{subject_id}" in template or "/personal-data/subject" in template:
        return None  # these have tests of their own: they name no case
    for name in re.findall(r"\{(\w+)\}", template):
        key = {"number": "1", "code": "new-products", "name": "funnel"}.get(name) or ids.get(name.removesuffix("_id"))
        if key is None:
            return None
        template = template.replace(f"{{{name}}}", key)
    return template + next((query for end, query in ASKED.items() if template.endswith(end)), "")


ASKED = {
    "/compare": "?from_effective=2026-01-01",
    "/what-if": "?regime=QD26-2026",
    "/funnel/marks": "?part=identified",
    "/expiring/marks": "?part=beyond",
}
"""What these routes cannot be asked without."""


def read_status(template: str, readers: list[str], area: str, who: Actor, place: Place, case: Case) -> int:
    if who.role not in readers:
        return 403
    if "{" not in template or "/dashboards/" in template:
        return 200
    if "{person_id}" in template:
        return 200 if covers(who.area, COMMUNE) else 404
    if "{product_id}" in template:
        product = case.states[UUID(place.ids["product"])]
        if who.role is Role.PRODUCER:
            free = product.producer is None and covers(who.area, product.commune)
            seen = free or own(product, who)
        else:
            seen = covers(who.area, product.commune)
        decided = place.station == "recognised"
        if template.endswith("/what-if") and seen:
            return 200 if product.dossier is not None and product.dossier.result is not None else 409
        return 200 if seen and ("{number}" not in template or decided) else 404
    if "{programme_id}" in template:  # a plan is for those it is made for, too
        return 200 if covers(who.area, "25") or covers("25", who.area) else 404
    return 200 if covers(who.area, "25") else 404


def called(case: Case, calls: Iterable[Call]) -> Iterator[tuple[Call, httpx.Response]]:
    def one(call: Call) -> tuple[Call, httpx.Response]:
        headers = case.service.headers(call.who)
        if call.method == "POST":
            headers |= {"If-Match": '"999"', "Idempotency-Key": secrets.token_hex(8)}
        return call, case.service.client.request(call.method, call.path, json=call.body, headers=headers)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield from pool.map(one, calls)


def stored(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT count(*) FROM ocop.events").fetchone()
    assert row is not None
    return int(row[0])


def test_every_call_is_answered_as_declared(case: Case, database: str, capsys: pytest.CaptureFixture[str]) -> None:
    before, wrong, statuses = stored(database), [], Counter[int]()
    for call, answer in called(case, [*command_calls(case), *read_calls(case)]):
        statuses[answer.status_code] += 1
        if answer.status_code != call.status:
            wrong.append(f"{call.what}: {answer.status_code}, declared {call.status}: {answer.text[:200]}")
        if answer.status_code in (403, 200, 412) and call.method == "GET":
            assert answer.headers["x-rule"], call.what

    with capsys.disabled():
        print(f"\nmatrix over HTTP: {sum(statuses.values())} calls, {dict(sorted(statuses.items()))}")
    assert wrong == [], f"{len(wrong)} of {sum(statuses.values())}: " + "\n".join(wrong[:20])
    assert sum(statuses.values()) > 5_000
    assert stored(database) == before


# ── Elsewhere there is nothing ────────────────────────────────────────────────────────────────


def foreign_calls(case: Case, ids: dict[str, str]) -> Iterator[Call]:
    """Every route that takes an id, by everybody of this province, with these ids."""
    here = [who for who in people() if who.area.startswith(("25", "048"))]
    for path in DECLARED["routes"]:
        method, template = path.split(" ")
        names = re.findall(r"\{(\w+)\}", template)
        if template.startswith("/v1/") and any(name.removesuffix("_id") in ids for name in names):
            filled = template.replace("{number}", "1")
            for name in set(names) - {"number"}:
                filled = filled.replace(f"{{{name}}}", ids.get(name.removesuffix("_id"), "1"))
            yield from (
                Call(f"{path} by {w.person}", w, method, filled, {} if method == "POST" else None) for w in here
            )
    for name in COMMANDS:
        given = with_ids(name, ids)
        if given is not None:
            yield from (Call(f"{name} by {who.person}", who, "POST", *given) for who in here)


def with_ids(name: str, ids: dict[str, str]) -> tuple[str, dict[str, Any]] | None:
    """Path and body of a command that names these ids; None where it names none of them."""
    kind, body = COMMANDS[name], dict(EXAMPLES[name])
    named = {"product": ids["product"], "products": [ids["product"]], "council": ids["council"]}
    named |= {"office": ids["office"], "delegate": ids["person"]}
    found = {field: value for field, value in named.items() if field in kind.model_fields}
    if name == "order-rescoring":
        found = {"products": [{**entry, "product": ids["product"]} for entry in body["products"]]}
    if kind.opens and not found:
        return None
    if name == "request-erasure":
        body.pop("registration")
    return re.sub(r"\{\w+\}", ids.get(kind.stream, ""), path_of(kind)), {**body, **found}


def told(answer: httpx.Response, ids: dict[str, str]) -> tuple[int, str, frozenset[str]]:
    """An answer without what differs by nature: its request id and the ids asked for."""
    text = answer.text
    for kind, key in ids.items():
        text = text.replace(key, f"<{kind}>")
    headers = frozenset(f"{k}: {v}" for k, v in answer.headers.items() if k not in ("date", "x-request-id"))
    return answer.status_code, text, headers


def test_what_lies_elsewhere_is_answered_like_what_is_not_there(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    far = case.elsewhere.ids
    none = {kind: str(uuid4()) for kind in far}
    there = {call.what: (call, told(answer, far)) for call, answer in called(case, foreign_calls(case, far))}
    nowhere = {call.what: (call, told(answer, none)) for call, answer in called(case, foreign_calls(case, none))}

    with capsys.disabled():
        found = Counter(answer[0] for _, answer in there.values())
        print(f"\nforeign ids: {len(there)} calls each way, {dict(sorted(found.items()))}")
    assert there.keys() == nowhere.keys()
    leaks = [f"{what}: {there[what][1]} / {nowhere[what][1]}" for what in there if there[what][1] != nowhere[what][1]]
    assert leaks == [], "\n".join(leaks[:10])
    assert not [what for what, (_, answer) in there.items() if answer[0] < 400 or answer[0] >= 500]


def test_lists_and_counts_know_nothing_of_elsewhere(case: Case) -> None:
    far = [*case.elsewhere.ids.values(), "Ở nơi khác"]
    position = {"X-Min-Position": str(case.service.position)}
    for path, (readers, _area, _scope, _proof) in DECLARED["routes"].items():
        method, template = path.replace("/dashboards/{name}", "/dashboards/expiring").split(" ")
        template += next((query for end, query in ASKED.items() if template.endswith(end)), "")
        if method != "GET" or "{" in template or not template.startswith("/v1/") or template.endswith("/subject"):
            continue
        for who in people():
            if who.role in readers and who.area.startswith(("25", "048")):
                answer = case.service.client.get(template, headers=case.service.headers(who) | position)
                assert answer.status_code == 200, f"{template} {who.person} {answer.text}"
                assert not [key for key in far if key in answer.text], f"{template} by {who.person}"


def test_a_refusal_by_time_tells_nothing(case: Case) -> None:
    """Not found is not answered before its time, whether there is something elsewhere or nothing."""
    officer = next(who for who in people() if who.person == "commune-officer within")
    for product in (case.elsewhere.ids["product"], str(uuid4())):
        call = Call("", officer, "POST", f"/v1/products/{product}/commands/endorse-idea", {})
        ((_, answer),) = called(case, [replace(call)])
        assert answer.status_code == 404
        assert answer.elapsed.total_seconds() >= 0.05
