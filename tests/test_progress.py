"""Plans against reality over HTTP: the plan of Quảng Nam for 2022 entered, its year told, each figure drilled."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from api.examples import EXAMPLES
from domain.law.maps import old_units_of
from domain.programme.plans import plans
from domain.values import Actor, Role
from tests.service import Service

PROVINCE = Actor(person="officer of Đà Nẵng", office="VPĐP", role=Role.PROVINCE_OFFICER, area="48")
COMMUNE = Actor(person="officer of Hội An", office="UBND phường", role=Role.COMMUNE_OFFICER, area="20413")
NEIGHBOUR = Actor(person="officer of Tam Kỳ", office="UBND phường", role=Role.COMMUNE_OFFICER, area="20335")
READER = Actor(person="supervisor of Đà Nẵng", office="Thanh tra", role=Role.SUPERVISOR, area="48")
STRANGER = Actor(person="supervisor elsewhere", office="Thanh tra", role=Role.SUPERVISOR, area="25")
PLAN = plans()["quang-nam-2022"]


@pytest.fixture(scope="module")
def service(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    found = Service(
        tmp_path_factory.mktemp("progress"), database, actors=[PROVINCE, COMMUNE, NEIGHBOUR, READER, STRANGER]
    )
    try:
        yield found.start()
    finally:
        found.stop()


def give(service: Service, stream: str | None, command: str, body: dict[str, Any], who: Actor = PROVINCE) -> Any:
    answer = service.give(stream, command, who, body)
    assert answer.is_success, f"{command}: {answer.text}"
    service.position = answer.json()["position"]
    return answer.json()


@pytest.fixture(scope="module")
def programme(service: Service) -> str:
    issued, commands = PLAN.commands()
    body = issued.model_dump(mode="json", exclude_defaults=True)
    made = str(give(service, None, "issue-programme", body)["programme_id"])
    for command in commands:
        give(service, made, command.name, command.model_dump(mode="json", exclude_defaults=True))
    return made


def read(service: Service, path: str, who: Actor = READER) -> Any:
    return service.seen(f"/v1/programmes{path}", service.position, who)


def progress(service: Service, programme: str, query: str = "") -> dict[str, dict[str, Any]]:
    told = read(service, f"/{programme}/progress{query}")
    return {entry["code"]: entry for entry in told["targets"] if entry["current"]}


def act(service: Service, programme: str, command: str, day: str, **body: Any) -> int:
    give(service, programme, command, {**body, "effective_on": day, "source": {"kind": "illustrative"}})
    return service.position


def test_the_plan_reads_as_it_was_decided(service: Service, programme: str) -> None:
    told = read(service, f"/{programme}")

    assert told["decision_number"] == "2134/KH-UBND"
    assert told["area_name"] == "Tỉnh Quảng Nam"
    assert len(told["legal_bases"]) == 3
    assert told["targets"].keys() == PLAN.targets.keys()
    assert told["targets"]["reached-three-stars"][0]["wanted"] == "từ 70 %"
    assert told["targets"]["points-of-sale"][0]["units"] == 18
    assert told["tasks"].keys() == PLAN.tasks.keys()
    listed = read(service, "")["programmes"]
    assert [entry["id"] for entry in listed] == [programme]


def test_nothing_done_is_told_as_nothing_and_what_cannot_be_told_as_that(service: Service, programme: str) -> None:
    told = progress(service, programme)

    assert told["fairs"] | {"origin": None} == told["fairs"] | {
        "origin": None,
        "value": "0",
        "of": 0,
        "standing": "not-reached",
        "illustrative": 0,
    }
    assert told["reached-three-stars"]["value"] is None
    assert told["reached-three-stars"]["standing"] == "cannot-be-told"
    assert told["reached-three-stars"]["missing"]["vi"]
    assert told["points-of-sale"]["units_reached"] == 0
    assert len(told["points-of-sale"]["units"]) == 18


def test_each_unit_of_the_map_of_2022_wants_a_point_of_sale(service: Service, programme: str) -> None:
    units = [unit.code for unit in old_units_of("49", PLAN.commands()[0].first)]
    for number, unit in enumerate(units[:-1]):
        act(
            service,
            programme,
            "open-point-of-sale",
            "2022-09-01",
            code=f"p{number}",
            title="Điểm bán",
            address="Chợ",
            area=unit,
        )
    almost = progress(service, programme)["points-of-sale"]
    before = service.position
    (last,) = [unit["area"] for unit in almost["units"] if not unit["reached"]]
    act(service, programme, "open-point-of-sale", "2022-11-01", code="last", title="Điểm bán", address="Chợ", area=last)

    assert (almost["units_reached"], almost["units_wanted"], almost["standing"]) == (17, 18, "not-reached")
    told = progress(service, programme)["points-of-sale"]
    assert (told["units_reached"], told["standing"], told["illustrative"]) == (18, "reached", 18)
    then = progress(service, programme, f"?known=position:{before}")["points-of-sale"]
    assert (then["units_reached"], then["of"]) == (17, 17)
    on_the_day = progress(service, programme, "?effective=2022-10-31")["points-of-sale"]
    assert (on_the_day["units_reached"], on_the_day["standing"]) == (17, "running")


def test_an_amended_target_is_told_in_both_versions(service: Service, programme: str) -> None:
    changed = {**PLAN.targets["fairs"].model_dump(mode="json", exclude_defaults=True), "amount": "3"}
    for number in range(2):
        act(
            service,
            programme,
            "record-event",
            f"2022-05-0{number + 1}",
            kind="thematic-fair",
            title="Hội chợ",
            place="Tam Kỳ",
        )
    before = service.position
    amended = {"code": "fairs", "target": changed, "decision_number": "1500/QĐ-UBND", "reason": "Thêm một hội chợ."}
    give(service, programme, "amend-target", {**amended, "effective_on": "2022-07-01"})

    both = [entry for entry in read(service, f"/{programme}/progress")["targets"] if entry["code"] == "fairs"]
    assert [(entry["wanted"], entry["current"], entry["standing"]) for entry in both] == [
        ("từ 2 cuộc", False, "reached"),
        ("từ 3 cuộc", True, "not-reached"),
    ]
    assert both[1]["decision_number"] == "1500/QĐ-UBND"
    for query in (f"?known=position:{before}", "?effective=2022-06-30"):
        assert progress(service, programme, query)["fairs"]["wanted"] == "từ 2 cuộc"


def test_a_share_is_of_what_was_registered_and_each_mark_names_its_fact(service: Service, programme: str) -> None:
    for number in range(3):
        body = {**EXAMPLES["identify-product"], "product_name": f"Bánh {number}", "commune": "20413", "cycle": 2022}
        product = str(
            give(service, None, "identify-product", {**body, "effective_on": "2022-02-01"}, COMMUNE)["product_id"]
        )
        producer = {**EXAMPLES["submit-idea"]["producer"], "registration": f"HKD-{number}"}
        idea = {**EXAMPLES["submit-idea"], "producer": producer, "product_name": f"Bánh {number}"}
        served = {
            "role": "producer",
            "producer": f"HKD-{number}",
            "paper": {"number": "1", "signed_on": "2022-02-02", "signer": "Chủ thể"},
        }
        give(service, product, "submit-idea", {**idea, "effective_on": "2022-02-02", "on_behalf_of": served}, COMMUNE)
        if number:
            guided = {"form": "class", "title": "Tập huấn", "given_by": "Chi cục", "effective_on": "2022-03-01"}
            give(service, product, "record-guidance", guided, COMMUNE)

    told = progress(service, programme)["new-producers-trained"]

    assert (told["of"], told["over"], told["value"], told["exact"]) == (2, 3, "66.67", "200/3")
    for part, count in (("of", 2), ("over", 3)):
        page = read(service, f"/{programme}/targets/new-producers-trained/marks?part={part}")
        assert len({mark["stream"] for mark in page["marks"]}) == count
        mark = page["marks"][0]
        trail = service.get(f"/v1/products/{mark['stream']}/trail", READER).json()["trail"]
        assert trail[mark["version"] - 1]["position"] == mark["known_from"]
        assert mark["area_name"] == "Phường Hội An Đông"
    first = read(service, f"/{programme}/targets/new-producers-trained/marks?part=over&limit=2")
    rest = read(service, f"/{programme}/targets/new-producers-trained/marks?part=over&limit=2&after={first['next']}")
    assert (len(first["marks"]), len(rest["marks"]), rest["next"]) == (2, 1, None)


def test_an_entry_struck_out_is_in_the_trail_and_in_no_figure(service: Service, programme: str) -> None:
    act(service, programme, "record-event", "2022-08-01", kind="workshop", title="Hội thảo", place="Tam Kỳ")
    entry = read(service, f"/{programme}/trail")["facts"][-1]["version"]
    assert progress(service, programme)["workshop"]["standing"] == "reached"

    act(service, programme, "strike-entry", "2022-08-02", entry=entry, reason="Ghi nhầm")

    assert progress(service, programme)["workshop"]["of"] == 0
    trail = read(service, f"/{programme}/trail")["facts"]
    assert "hủy ghi nhận" in trail[-1]["vi"]
    assert trail[entry - 1]["fact"] == "programme.event-held"


def test_a_plan_is_read_in_its_province_and_nowhere_else(service: Service, programme: str) -> None:
    for path in ("", "/progress", "/trail", "/targets/fairs/marks"):
        assert service.get(f"/v1/programmes/{programme}{path}", STRANGER).status_code == 404
    assert service.get(f"/v1/programmes/{programme}", COMMUNE).status_code == 200
    assert service.get("/v1/programmes", STRANGER).json()["programmes"] == []
    assert service.get(f"/v1/programmes/{programme}/targets/nothing/marks", READER).status_code == 404
    bad = service.get(f"/v1/programmes/{programme}/targets/fairs/marks?after=x", READER)
    assert (bad.status_code, bad.json()["errors"][0]["field"]) == (422, "after")


def test_what_lies_elsewhere_is_counted_and_not_told(service: Service, programme: str) -> None:
    """A commune reads its province's plan, and of the products behind a figure only its own."""
    page = f"/v1/programmes/{programme}/targets/new-producers-trained/marks?part=over"
    whole, foreign = service.get(page, READER).json(), service.get(page, NEIGHBOUR).json()

    assert service.get(f"/v1/programmes/{programme}/progress", NEIGHBOUR).status_code == 200
    assert (len(whole["marks"]), whole["beyond"]) == (3, 0)
    assert (foreign["marks"], foreign["beyond"]) == ([], 3)


def test_a_target_of_a_part_of_the_area_counts_what_was_done_there(service: Service, programme: str) -> None:
    target = {"title": "Lớp ở Tam Kỳ", "measure": "classes", "amount": "1", "due": "2022-12-31", "area": "49-502"}
    give(service, programme, "set-target", {"code": "there", "target": target, "effective_on": "2022-04-08"})

    act(service, programme, "record-class", "2022-06-01", title="Lớp", audience="public", area="49-503", attendees=9)
    assert progress(service, programme)["there"]["of"] == 0
    act(service, programme, "record-class", "2022-06-02", title="Lớp", audience="public", area="20335", attendees=9)
    assert progress(service, programme)["there"]["of"] == 1


def test_the_same_question_of_the_past_has_the_same_answer(service: Service, programme: str) -> None:
    position = service.position
    path = f"/v1/programmes/{programme}/progress?known=position:{position}&effective=2022-12-31"
    first = service.get(path, READER)
    act(service, programme, "record-class", "2022-07-01", title="Lớp", audience="public", area="49", attendees=9)
    read(service, f"/{programme}")

    assert service.get(path, READER).content == first.content
    assert service.get(f"/v1/programmes/{programme}?effective=2022-04-07", READER).status_code == 404


def test_who_recorded_an_activity_takes_it_back(service: Service, programme: str) -> None:
    held = {
        "title": "Lớp ở phường",
        "audience": "public",
        "area": "20413",
        "attendees": 20,
        "effective_on": "2022-06-05",
    }
    version = give(service, programme, "record-class", held, COMMUNE)["version"]

    assert service.give(programme, "strike-entry", NEIGHBOUR, {"entry": version, "reason": "x"}).status_code == 404
    give(service, programme, "strike-entry", {"entry": version, "reason": "Nhầm"}, COMMUNE)


def test_measures_are_open_to_everybody(service: Service) -> None:
    told = service.client.get("/v1/measures").json()["measures"]

    assert {entry["id"] for entry in told} >= {target.measure for target in PLAN.targets.values()}
    assert all(entry["definition_vi"] and entry["definition_en"] for entry in told)
