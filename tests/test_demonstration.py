"""The demonstration: what is loaded, that it is honest about it, and that loading it again changes nothing."""

from __future__ import annotations

import hashlib
import io
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_OID, uuid5

import httpx
import psycopg
import pytest
from pydantic_core import to_json
from rich.console import Console

import api.cli
from api.demonstration.accounts import Holder, appoint_everybody, let_in, logins
from api.demonstration.actors import COMMUNES, OVERSEER, PRODUCERS, demonstration_actors
from api.demonstration.loader import Cast, Planned, demonstrated, load, load_demonstration, stories, turns
from application.keys import DatabaseKeys, key_pool
from application.seals import Keeper
from domain.decide import COMMANDS
from domain.law.book import law_book
from domain.law.calendar import is_working_day
from domain.law.scoring import total_of
from domain.product.phases import CLOSED
from domain.product.rating_facts import Choice
from domain.values import Role, without_diacritics
from tests.load import all_facts
from tests.service import MASTER_KEY, Service, keys_of

FOLDER = Path(__file__).parents[1] / "api/demonstration"
SUPERVISOR = "Giám sát chương trình"
NAMED_WITH_PRODUCER = {
    # product → registration of the producer that the plan of 2023 names
    "Măng khô Toàn Sơn": "HKD-TOANSON",
    "Sản phẩm sơ chế": "HTX-DAGIANG",
    "Cao thải độc gan": "HTX-BIGFARM",
    "Chè Shan tuyết Núi Biều": "THT-XOMSUNG",
    "Gà sơ chế": "HTX-TAMCUONG",
}
POTENTIAL = {
    "Du lịch cộng đồng",
    "Thịt lợn bản địa",
    "Cá, tôm hồ Hòa Bình",
    "Mật ong Đà Bắc",
    "Thịt trâu sấy khô",
    "Chè khô",
    "Măng ngâm ớt",
    "Thịt dê",
    "Thịt gà đồi",
    "Muối dổi",
}
TEA = {
    "Chủ tịch hội đồng": 71,
    "Phó chủ tịch hội đồng": 74,
    "Thành viên hội đồng 1": 72,
    "Thành viên hội đồng 2": 75,
    "Thành viên hội đồng 3": 71,
    "Thành viên hội đồng 4": 73,
}
"""The tea's totals, member by member."""
HONEY = {"Thành viên hội đồng 1": 63, "Chủ tịch hội đồng": 64, "Thành viên hội đồng 2": 60}
"""The honey's, so far: nobody who asks the service gets to know them."""
HOUSEHOLD = "312a23327af586c12f738a0fdc556d59294f6dda6fe221ce1b404407ce11e2eb"
"""SHA-256 of the name of the household's head as the plan has it, folded: here too it is not written."""


def quiet() -> Console:
    return Console(file=io.StringIO(), width=200)


def said(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def journal(service: Service) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after, more = 0, True
    while more:
        page = service.get(f"/v1/events?after={after}&limit=1000", OVERSEER).json()
        found += page["events"]
        after, more = page["next"], page["more"]
    return found


def holders(service: Service) -> list[Holder]:
    return [Holder(service.tokens[actor.person], actor) for actor in demonstration_actors()]


@contextmanager
def keeper_of(database: str) -> Iterator[Keeper]:
    with key_pool(keys_of(database)) as pool:
        yield Keeper(bytes.fromhex(MASTER_KEY), DatabaseKeys(pool))


def started(folder: Path, database: str) -> Service:
    """A service whose people are those of the demonstration, appointed and let in as ``ocop serve --demo`` does."""
    running = Service(folder, database, actors=[]).start()
    with keeper_of(database) as keeper:
        appoint_everybody(database, keeper)
    admit(running, database)
    return running


def admit(service: Service, database: str) -> None:
    with keeper_of(database) as keeper:
        service.tokens = {holder.actor.person: holder.token for holder in let_in(database, keeper)}


def shown(service: Service, database: str) -> str:
    """What ``ocop serve --demo`` says and does once the service is ready."""
    console = quiet()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(api.cli, "console", console)
        api.cli.show(database, keys_of(database), bytes.fromhex(MASTER_KEY), service.address)
    return said(console)


@pytest.fixture(scope="module")
def first_words(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    """A service that was started with the demonstration, and what was printed."""
    running = Service(tmp_path_factory.mktemp("service"), database, actors=[]).start()
    words = shown(running, database)
    assert "stopped" not in words, words
    admit(running, database)
    yield running, words
    running.stop()


@pytest.fixture(scope="module")
def loaded(first_words: tuple[Service, str]) -> Service:
    """A service with the demonstration in it."""
    return first_words[0]


@pytest.fixture(scope="module")
def products(loaded: Service) -> dict[str, dict[str, Any]]:
    rows = loaded.get("/v1/products?cycle=2026", SUPERVISOR).json()["products"]
    return {row["name"]: row for row in rows}


class AnyId(dict[str, str]):
    """An id for every slug."""

    def __missing__(self, slug: str) -> str:
        return str(uuid5(NAMESPACE_OID, slug))


def trail(service: Service, row: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = service.get(f"/v1/products/{row['product_id']}/trail", SUPERVISOR).json()["trail"]
    return found


def test_the_plans_fifteen_products_are_there(products: dict[str, dict[str, Any]]) -> None:
    assert products.keys() == NAMED_WITH_PRODUCER.keys() | POTENTIAL
    assert len(products) == 15
    for name, registration in NAMED_WITH_PRODUCER.items():
        assert products[name]["producer"]["name"] == PRODUCERS[registration][0]
    assert {row["commune"]["code"] for row in products.values()} == set(COMMUNES)
    assert {row["province"]["name"] for row in products.values()} == {"Phú Thọ"}


def test_each_shows_its_step_whose_turn_it_is_and_a_deadline(products: dict[str, dict[str, Any]]) -> None:
    assert {row["step"]["number"] for row in products.values()} == {1, 2, 3, 4, 5, 6}
    for name, row in products.items():
        if row["phase"]["code"] in CLOSED:
            assert (row["turn"], row["deadline"]) == ([], None), name
            continue
        assert row["deadline"], name
        if row["phase"]["code"] == "recognised":  # nobody's turn before the certificate can be renewed
            assert row["turn"] or row["tasks"][0]["opens_on"] == "2029-04-23"
        else:
            assert row["turn"], name


def test_they_stand_where_the_cycle_can_be_seen(products: dict[str, dict[str, Any]], loaded: Service) -> None:
    phases = {name: row["phase"]["code"] for name, row in products.items()}

    assert phases == {
        "Thịt dê": "identified",
        "Măng ngâm ớt": "form-handed-over",
        "Du lịch cộng đồng": "idea-returned",
        "Thịt lợn bản địa": "idea-submitted",
        "Cá, tôm hồ Hòa Bình": "idea-endorsed",
        "Muối dổi": "idea-accepted",
        "Thịt gà đồi": "idea-rejected",
        "Sản phẩm sơ chế": "plan-submitted",
        "Thịt trâu sấy khô": "plan-returned",
        "Măng khô Toàn Sơn": "implementing",
        "Gà sơ chế": "implementing",
        "Cao thải độc gan": "implemented",
        "Chè khô": "filed",
        "Mật ong Đà Bắc": "advised",
        "Chè Shan tuyết Núi Biều": "recognised",
    }
    assert products["Gà sơ chế"]["days_late"] > 0
    assert {"milestone:ATTP", "milestone:NHANHIEU"} <= {m["item"] for m in products["Măng khô Toàn Sơn"]["missing"]}


@pytest.mark.parametrize(
    ("words", "name"),
    [("che shan", "Chè Shan tuyết Núi Biều"), ("mat ong", "Mật ong Đà Bắc"), ("xom sung", "Chè Shan tuyết Núi Biều")],
)
def test_search_finds_without_diacritics(loaded: Service, words: str, name: str) -> None:
    found = loaded.get(f"/v1/products?q={words}", SUPERVISOR).json()["products"]

    assert [row["name"] for row in found] == [name]


def test_the_tea_goes_all_the_way(loaded: Service, products: dict[str, dict[str, Any]]) -> None:
    row = products["Chè Shan tuyết Núi Biều"]
    told = [entry["fact"].removeprefix("product.") for entry in trail(loaded, row)]
    concluded = next(e["data"] for e in trail(loaded, row) if e["fact"] == "product.scoring-concluded")

    assert row["certificate"] | {"valid": None} == {
        "number": "0001/2026/GCN-OCOP-25",
        "stars": 4,
        "valid_to": "2029-10-20",
        "valid": None,
    }
    assert dict(concluded["totals"]) == TEA
    assert (concluded["average"], concluded["missed"], concluded["stars"]) == ("218/3", [], 4)
    milestones = ["idea-submitted", "idea-returned", "idea-submitted", "idea-accepted", "plan-accepted"]
    milestones += ["implementation-completed", "dossier-filed", "commune-report-issued", "dossier-forwarded"]
    milestones += ["accepted-for-batch", "advisory-reported", "put-on-agenda", "sheets-opened", "scoring-concluded"]
    milestones += ["recognised", "result-notified", "ecommerce-listed", "fair-attended", "point-of-sale-joined"]
    milestones += ["contract-signed", "revenue-reported"]
    assert [name for name in told if name in milestones] == milestones
    certificates = loaded.get("/v1/certificates?stars=4", SUPERVISOR).json()["certificates"]
    assert [(c["number"], c["decision_number"], c["product_number"]) for c in certificates] == [
        ("0001/2026/GCN-OCOP-25", "1/QĐ-UBND", "25-04876-1-2026")
    ]


def told_of(events: list[dict[str, Any]], stream: str, day: str) -> list[dict[str, Any]]:
    """What is told of the session that was opened by a call of that day."""
    opened = next(e for e in events if e["type"] == f"{stream}.called" and e["effective_on"] == day)
    return [event for event in events if event["stream_id"] == opened["stream_id"]]


def test_the_council_has_sat_once_and_is_scoring_behind_seals(
    loaded: Service, products: dict[str, dict[str, Any]]
) -> None:
    events = journal(loaded)
    done, running = told_of(events, "session", "2026-09-29"), told_of(events, "session", "2026-11-09")
    opened = next(e["data"] for e in events if e["type"] == "product.sheets-opened")
    agenda = running[0]["data"]["agenda"]

    assert [e["type"].removeprefix("session.") for e in done] == [
        "called",
        "conflict-declared",
        "attendance-recorded",
        "scoring-opened",
        *["sheet-sealed"] * 6,
        "scoring-closed",
        "concluded",
    ]
    assert {s["member"]: s["total"] for s in opened["sheets"]} == TEA
    assert (len(opened["voting"]), len(opened["present"]), opened["quorum"]) == (7, 8, 5)  # 75 % of the six not recused
    assert [(c["member"], c["found"]) for c in opened["conflicts"]] == [("Thành viên hội đồng 5", "declared")]
    assert opened["procedure"]["basis"]["notice_working_days"] == "Quy chế hội đồng số 05-MH/QC-HĐ"

    assert [e["type"].removeprefix("session.") for e in running] == [
        "called",
        "attendance-recorded",
        "scoring-opened",
        *["sheet-sealed"] * 3,
    ]
    assert [item["product"] for item in agenda] == [products["Mật ong Đà Bắc"]["product_id"]]
    assert [(c["member"], c["found"]) for c in agenda[0]["conflicts"]] == [("Thành viên hội đồng 3", "detected")]
    shown = loaded.get("/v1/sessions", SUPERVISOR).json()["sessions"]
    assert [(s["number"], s["stage"]["code"]) for s in shown] == [
        ("36-MH/GM-HĐ", "scoring"),
        ("31-MH/GM-HĐ", "concluded"),
    ]
    assert shown[0]["agenda"][0]["handed_in"] == sorted(HONEY)
    for event in [*done, *running]:
        if event["type"] == "session.sheet-sealed":
            assert event["data"].keys() == {"product", "member", "round", "sheet"}
            assert event["data"]["sheet"].keys() == {"subject", "box", "sha256"}


def test_everything_says_that_it_is_illustrative(loaded: Service, products: dict[str, dict[str, Any]]) -> None:
    events = journal(loaded)

    assert all(row["illustrative"] for row in products.values())
    assert {event["source"]["kind"] for event in events} == {"illustrative"}
    assert all(event["source"]["note"] for event in events)
    for row in products.values():
        for entry in trail(loaded, row):
            assert "[minh hoạ]" in entry["vi"]
            assert "[illustrative]" in entry["en"]
    opened = [event for event in events if event["type"] == "product.identified"]
    assert all("Đà Bắc 2023" in event["source"]["note"] for event in opened)
    assert all("Đà Bắc năm 2023" in event["data"]["note"] for event in opened)


def test_accounts_are_told_once_with_a_code_for_those_who_sign(first_words: tuple[Service, str], database: str) -> None:
    service, words = first_words
    signs = law_book().authority.roles

    assert "15 products" in words
    for login, actor in logins().items():
        line = next(line for line in words.splitlines() if actor.person in line)
        assert line.startswith("ocop-" if actor.role is Role.INTEGRATOR else f"{login} "), line
        assert ("code secret" in line) == signs[actor.role].signs, line
    given = next(line.split() for line in words.splitlines() if SUPERVISOR in line)
    body = {"login": given[0], "password": given[1]}
    assert service.client.post("/v1/login", json=body).status_code == 200
    assert shown(service, database) == ""


def test_loading_again_stores_nothing_and_says_nothing(loaded: Service, products: dict[str, dict[str, Any]]) -> None:
    before, console = journal(loaded), quiet()

    began = time.perf_counter()
    load_demonstration(loaded.address, holders(loaded), console)
    seconds = time.perf_counter() - began

    assert said(console) == ""
    assert journal(loaded) == before
    assert len({event["command_id"] for event in before}) == len(turns())
    assert seconds < 2


def test_a_product_carried_on_since_is_left_alone(loaded: Service, products: dict[str, dict[str, Any]]) -> None:
    row = products["Thịt dê"]
    body = {"received_by": "Đại diện nhóm hộ", "form": "new-product", "source": {"kind": "illustrative"}}
    given = loaded.give(row["product_id"], "hand-over-idea-form", "Cán bộ OCOP xã Quy Đức", body)
    assert given.status_code == 200, given.text
    wait = {"X-Min-Position": str(given.json()["position"])}
    assert loaded.get("/v1/products?limit=1", SUPERVISOR, **wait).status_code == 200
    before, console = journal(loaded), quiet()

    load_demonstration(loaded.address, holders(loaded), console)

    assert said(console) == ""
    assert journal(loaded) == before


class Cut(httpx.BaseTransport):
    """Carries commands out, then loses the answer to the last one and all that follows."""

    def __init__(self, after: int) -> None:
        self._real, self._left = httpx.HTTPTransport(), after

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = self._real.handle_request(request)
        if request.method == "POST":
            self._left -= 1
        if self._left < 0:
            answer.close()
            raise httpx.ReadError("cut off")
        return answer


def told(events: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """What the facts say; of sealed sheets only that they are there, for no two boxes and keys are the same."""
    return [(e["stream_id"], e["version"], e["type"], without_chance(e["data"])) for e in events]


def without_chance(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_chance(v) for k, v in value.items() if k not in ("sheet", "key", "sheets")}
    return [without_chance(v) for v in value] if isinstance(value, list) else value


def test_a_load_that_was_cut_off_goes_on_to_the_same_end(
    loaded: Service, own_database: str, tmp_path: Path, products: dict[str, dict[str, Any]]
) -> None:
    service, whole = started(tmp_path, own_database), told(journal(loaded))
    sealed = [n for n, turn in enumerate(turns()) if turn.act.do == "submit-score-sheet"]
    try:
        for after in (40, sealed[2]):  # the second time it gets past what was there already, into the session
            console = quiet()
            with httpx.Client(base_url=service.address, transport=Cut(after)) as client:
                load(client, holders(service), console)
            assert "Demonstration stopped: no answer (ReadError: cut off)" in said(console)
            there = journal(service)
            assert len({e["command_id"] for e in there}) == after + 1  # the lost answer's command was carried out
            assert told(there) == whole[: len(there)]

        load_demonstration(service.address, holders(service), quiet())

        there = journal(service)
        assert len({e["command_id"] for e in there}) == len(turns())
        assert told(there) == whole[: len(there)]
    finally:
        service.stop()


def test_it_is_not_loaded_beside_facts_of_the_offices_own(own_database: str, tmp_path: Path) -> None:
    service = Service(tmp_path, own_database).start()
    try:
        body = {"product_name": "Rượu ngô", "commune": "04876", "origin": "potential", "cycle": 2026}
        assert service.give(None, "identify-product", Role.COMMUNE_OFFICER, body).status_code == 201
        before = len(all_facts(own_database))

        assert "is not loaded beside them" in shown(service, own_database)

        assert len(all_facts(own_database)) == before
        with psycopg.connect(own_database) as connection:
            assert connection.execute("SELECT count(*) FROM access.accounts").fetchone() == (0,)
    finally:
        service.stop()


def test_a_refusal_is_shown_and_ends_the_load() -> None:
    detail = {"title": "Sai trình tự", "detail": "Không được.", "detail_en": "Not possible.", "hint": "Xem [lại]."}
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.method)
        if request.method == "POST":
            return httpx.Response(409, json=detail)
        return httpx.Response(200, json={"events": [], "next": 0, "more": False})

    made = [Holder(token=f"t{n}", actor=actor) for n, actor in enumerate(demonstration_actors())]
    console = quiet()

    with httpx.Client(base_url="http://service", transport=httpx.MockTransport(answer)) as client:
        load(client, made, console)

    assert asked.count("POST") == 1
    assert "plan-phu-tho-2019, act 1 (issue-programme by province-officer): 409" in said(console)
    assert "Sai trình tự – Không được. – Xem [lại]. – Not possible." in said(console)


def test_an_actor_who_is_missing_is_named() -> None:
    console = quiet()
    with httpx.Client(base_url="http://127.0.0.1:9") as client:
        load(client, [], console)
    assert "nobody of the demonstration is Giám sát toàn quốc" in said(console)


def test_the_data_files_are_commands_that_their_actors_may_give() -> None:
    made = [Holder(token=f"t{n}", actor=actor) for n, actor in enumerate(demonstration_actors())]
    cast, last = Cast(made), date(2026, 11, 20)
    for story in stories():
        days = [act.on for act in story.acts]
        assert days == sorted(days), story.slug
        first = date(2019, 1, 1) if isinstance(story, Planned) else date(2026, 1, 1)
        assert first <= days[0] <= days[-1] <= last, story.slug
        for number, act in enumerate(story.acts, 1):
            COMMANDS[act.do].model_validate_json(to_json(story.body(act, AnyId())))
            assert cast.holder(act.by, story)
            assert story.key(number).isascii()
            if act.by != Role.PRODUCER:
                assert is_working_day(act.on), f"{story.slug} {act.on}: an office works on working days"
    assert len({story.slug for story in stories()}) == len(stories())
    assert len({turn.key for turn in turns()}) == len(turns())


def test_score_sheets_are_complete_and_lie_close_together() -> None:
    kinds = {story.slug: act.sheet for story in demonstrated() for act in story.acts if act.do == "file-dossier"}
    found: dict[str, dict[str, int]] = {}
    for turn in turns():
        if turn.act.do == "submit-score-sheet":
            slug = turn.act.product
            choices = [Choice.model_validate(choice) for choice in turn.story.body(turn.act, AnyId())["choices"]]
            found.setdefault(slug, {})[turn.act.by] = total_of(law_book().sheets[kinds[slug]], choices)

    assert found == {"che-shan-tuyet": TEA, "mat-ong": HONEY}


def test_producers_are_those_who_are_appointed_and_no_person_is_named() -> None:
    for product in demonstrated():
        if product.producer is not None:
            assert product.producer.keys() == {"registration", "name", "kind", "address"}
            assert PRODUCERS[product.producer["registration"]] == (product.producer["name"], product.commune)
    for path in [*FOLDER.glob("*.toml"), *FOLDER.glob("*.py"), Path(__file__).parents[1] / "docs/walk.md"]:
        text = path.read_text(encoding="utf-8")
        words = "".join(c if c.isalnum() else " " for c in without_diacritics(text)).split()
        for three in zip(words, words[1:], words[2:], strict=False):
            assert hashlib.sha256(" ".join(three).encode()).hexdigest() != HOUSEHOLD, path
        if path.suffix == ".toml":
            assert tomllib.loads(text)
