"""Who sees what: lists, filters, search without diacritics, paging, worklists, the trail, the feed."""

from typing import Any

import pytest

from api.examples import EXAMPLES
from domain.decide import COMMANDS
from domain.values import Role
from tests.language import given
from tests.service import Service
from tests.story import actor, addressed, on, tea, until, until_first

HONEY = "Mật ong hoa rừng Đà Bắc"
STORY = tea()
FACTS = len(given(STORY).history)
"""What the story tells of the product itself; the rest is its council's, its session's, the book's."""


def renamed(chapters: list[Any], name: str) -> list[Any]:
    return [(c, r, {**b, "product_name": name} if "product_name" in b else b) for c, r, b in chapters]


@pytest.fixture(scope="module")
def products(service: Service) -> dict[str, str]:
    """Three products: a certified tea, a honey at the idea, a tea that waits at the commune."""
    told = {
        "tea": service.tell(STORY),
        "honey": service.tell(renamed(until("hand-over-idea-form", STORY), HONEY)),
        "filed": service.tell(renamed(until_first("register-dossier", STORY), "Chè xanh bản Sưng")),
    }
    service.seen("/v1/products", service.position)
    return told


def names(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [p["name"] for p in answer.json()["products"]]


@pytest.mark.parametrize("q", ["mat ong", "Mật ong", "MAT ONG HOA", "ong mat", "da bac mật"])
def test_search_needs_no_diacritics_and_no_order(service: Service, products: dict[str, str], q: str) -> None:
    assert names(service.get(f"/v1/products?q={q}")) == [HONEY]


def test_search_finds_by_producer_and_commune(service: Service, products: dict[str, str]) -> None:
    assert len(names(service.get("/v1/products?q=xom sung"))) == 2
    assert len(names(service.get("/v1/products?q=cao son"))) == 3
    assert names(service.get("/v1/products?q=khong co san pham nay")) == []


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("step=1", {"honey"}),
        ("step=5", {"filed"}),
        ("step=6", {"tea"}),
        ("stars=3", {"tea"}),
        ("stars=4", set()),
        ("cycle=2026", {"tea", "honey", "filed"}),
        ("cycle=2025", set()),
        ("area=25", {"tea", "honey", "filed"}),
        ("area=04876", {"tea", "honey", "filed"}),
        ("area=04831", set()),
        ("area=01", set()),
        ("area=VN", {"tea", "honey", "filed"}),
        ("late=true", {"honey", "filed"}),
        ("late=false", {"tea"}),
        ("step=5&late=true&q=che", {"filed"}),
    ],
)
def test_filters_narrow_the_list(service: Service, products: dict[str, str], query: str, found: set[str]) -> None:
    answer = service.get(f"/v1/products?{query}").json()

    assert {p["product_id"] for p in answer["products"]} == {products[name] for name in found}


def test_pages_follow_one_another_without_loss_or_repeat(service: Service, products: dict[str, str]) -> None:
    seen: list[str] = []
    cursor = ""
    while True:
        answer = service.get(f"/v1/products?limit=1{cursor}").json()
        seen += [p["product_id"] for p in answer["products"]]
        if answer["next"] is None:
            break
        cursor = f"&cursor={answer['next']}"

    assert sorted(seen) == sorted(products.values())
    assert len(seen) == len(set(seen))


def test_a_product_shows_where_it_stands_and_whose_turn_it_is(service: Service, products: dict[str, str]) -> None:
    filed = service.get(f"/v1/products/{products['filed']}").json()

    assert filed["step"] == {"number": 5, "vi": "Đánh giá, phân hạng", "en": "Evaluation and star rating"}
    assert filed["phase"]["code"] == "filed"
    assert filed["turn"] == ["commune-officer", "commune-chair"]
    assert filed["deadline"] == "2026-08-28"
    assert filed["days_late"] > 0
    assert filed["tasks"][0]["command"] == "issue-commune-report"
    assert filed["tasks"][0]["legal_basis"] == "QĐ 26/2026/QĐ-TTg Đ7.2"
    assert filed["tasks"][0]["mark"] == "fact"


def test_what_is_missing_is_listed(service: Service) -> None:
    running = service.tell(renamed(until("record-evidence", STORY), "Chè đang làm"))

    shown = service.get(f"/v1/products/{running}", **{"X-Min-Position": str(service.position)}).json()

    items = [m["item"] for m in shown["missing"]]
    assert "evidence:food-safety-certificate" not in items
    assert {"evidence:trademark", "commitment:environment", "milestone:ATTP"} <= set(items)
    assert {"item": "evidence:trademark", "vi": "giấy tờ nhãn hiệu", "en": "trademark papers"} in shown["missing"]
    assert shown["deadline"] == "2026-05-31"


def test_a_commune_sees_its_own_and_a_stranger_nothing(service: Service, products: dict[str, str]) -> None:
    assert len(names(service.get("/v1/products?cycle=2026", Role.COMMUNE_OFFICER))) >= 3
    assert names(service.get("/v1/products", "officer elsewhere")) == []
    for path in (f"/v1/products/{products['tea']}", f"/v1/products/{products['tea']}/trail"):
        answer = service.get(path, "officer elsewhere")
        assert answer.status_code == 404
        assert answer.json()["type"] == "/v1/problems/not-found"


def test_a_producer_sees_its_own_products_and_those_nobody_has_registered(
    service: Service, products: dict[str, str]
) -> None:
    mine = {p["product_id"] for p in service.get("/v1/products", Role.PRODUCER).json()["products"]}
    others = {p["product_id"] for p in service.get("/v1/products", "another producer").json()["products"]}

    assert set(products.values()) <= mine
    assert others == {products["honey"]}
    assert service.get(f"/v1/products/{products['tea']}", "another producer").status_code == 404


def test_an_office_finds_its_work_the_most_pressing_first(service: Service, products: dict[str, str]) -> None:
    mine = service.get("/v1/worklist", Role.COMMUNE_OFFICER).json()

    tasks = {(t["product_id"], t["command"]) for t in mine["tasks"]}
    assert (products["filed"], "issue-commune-report") in tasks
    due = [t["due"] for t in mine["tasks"] if t["due"]]
    assert due == sorted(due)
    assert all("commune-officer" in t["roles"] for t in mine["tasks"])
    assert service.get("/v1/worklist", "officer elsewhere").json()["tasks"] == []
    assert service.get("/v1/worklist", Role.INSPECTOR).json()["tasks"] == []


def test_the_renewal_is_not_work_before_its_window_opens(service: Service, products: dict[str, str]) -> None:
    mine = service.get("/v1/worklist", Role.PRODUCER).json()

    assert mine["today"] < "2029-04-23"
    assert (products["tea"], "file-dossier") not in {(t["product_id"], t["command"]) for t in mine["tasks"]}
    assert service.get(f"/v1/products/{products['tea']}").json()["deadline"] == "2029-06-22"


def test_the_trail_tells_everything_in_both_languages(service: Service, products: dict[str, str]) -> None:
    told = service.get(f"/v1/products/{products['tea']}/trail").json()["trail"]

    assert [t["version"] for t in told] == list(range(1, FACTS + 1))
    recognised = next(t for t in told if t["fact"] == "product.recognised")
    assert recognised["vi"] == (
        "Ngày 20/10/2026, province-chair (chủ tịch UBND cấp tỉnh, office of province-chair) công nhận 3 sao theo quyết "
        "định 1/QĐ-UBND, cấp giấy chứng nhận 0001/2026/GCN-OCOP-25, hiệu lực đến 20/10/2029, theo văn bản 01/BB."
    )
    assert recognised["en"].startswith("On 2026-10-20, province-chair (provincial chair,")
    assert recognised["data"]["rules_hash"]
    accepted = next(t for t in told if t["fact"] == "product.idea-accepted")
    assert accepted["paper"] == "12/TB-UBND"
    page = service.get(f"/v1/products/{products['tea']}/trail?after=10&limit=5").json()["trail"]
    assert [t["version"] for t in page] == [11, 12, 13, 14, 15]


def test_a_correction_stands_beside_the_fact_it_corrects(service: Service, products: dict[str, str]) -> None:
    body = {
        "version": 2,
        "now": {"attendees": 40},
        "reason": "Ghi nhầm số người.",
        "authority": "Danh sách điểm danh",
    }
    given = service.give(products["honey"], "correct-fact", Role.COMMUNE_CHAIR, body)
    assert given.status_code == 200, given.text

    told = service.get(
        f"/v1/products/{products['honey']}/trail", **{"X-Min-Position": given.headers["X-Position"]}
    ).json()["trail"]

    assert told[1]["corrected_by"] == [4]
    assert told[1]["data"]["attendees"] == 32
    assert "“32” → “40”" in told[3]["vi"]


def test_certificates_are_listed_with_their_status(service: Service, products: dict[str, str]) -> None:
    found = service.get("/v1/certificates?valid=true", Role.INTEGRATOR).json()["certificates"]

    assert [c["number"] for c in found] == ["0001/2026/GCN-OCOP-25"]
    assert found[0]["status"] == "valid"
    assert found[0]["product"]["product_id"] == products["tea"]
    assert service.get("/v1/certificates?valid=false").json()["certificates"] == []
    assert service.get("/v1/certificates?stars=4").json()["certificates"] == []
    assert service.get("/v1/certificates", "officer elsewhere").json()["certificates"] == []


def test_the_feed_gives_every_fact_in_order_and_by_type(service: Service, products: dict[str, str]) -> None:
    seen: list[dict[str, Any]] = []
    after = 0
    while True:
        page = service.get(f"/v1/events?after={after}&limit=7", Role.INTEGRATOR).json()
        seen += page["events"]
        after = page["next"]
        if not page["more"]:
            break

    assert [e["position"] for e in seen] == sorted({e["position"] for e in seen})
    mine = [e for e in seen if e["stream_id"] == products["tea"]]
    assert len(mine) == FACTS
    assert {e["stream"] for e in mine} == {"product"}
    assert {e["stream"] for e in seen} == {"product", "book"}  # councils' work is the authorities'
    typed = service.get("/v1/events?types=product.recognised,product.fair-attended", Role.INTEGRATOR).json()
    assert {e["type"] for e in typed["events"]} == {"product.recognised", "product.fair-attended"}
    assert typed["events"][0]["actor"]["role"] == "province-chair"
    assert service.get("/v1/events", Role.COMMUNE_OFFICER).status_code == 403


def test_operators_see_health_lag_and_metrics(service: Service, products: dict[str, str]) -> None:
    assert service.client.get("/health/live").json() == {"status": "alive"}
    ready = service.client.get("/health/ready").json()
    assert ready["status"] == "ready"
    assert {m["name"] for m in ready["read_models"]} >= {"certificates", "status", "trail", "worklist"}
    metrics = service.client.get("/metrics").text
    assert 'ocop_read_model_lag_positions{model="trail"}' in metrics
    assert 'ocop_commands_total{outcome="stored"}' in metrics


UPGRADING = {
    "file-dossier": ("2026-10-26", {"kind": "upgrade"}),
    "report-advice": ("2026-11-02", {}),
    "call-session": ("2026-11-03", {"held_on": "2026-11-09"}),
    "record-attendance": ("2026-11-09", {}),
    "recognise": ("2026-11-16", {}),
}
"""Command → the day from which the upgrade's chapters are dated, and what is different in it."""


def test_an_upgrade_replaces_the_certificate_only_when_it_is_recognised(service: Service) -> None:
    product = service.tell(renamed(until("notify-result", STORY), "Chè nâng hạng"))
    held = service.get(f"/v1/products/{product}", **{"X-Min-Position": str(service.position)}).json()["certificate"]
    rating = until("recognise", STORY)[[c for c, _, _ in STORY].index("file-dossier") :]
    members, ids, position, now = 0, service.ids, str(service.position), ""
    for command, role, body in rating:
        if command == "set-up-council":
            continue  # the council of the first time scores again
        members += command == "submit-score-sheet"
        who = actor(role, members) if role is Role.COUNCIL_MEMBER else actor(role)
        now, more = UPGRADING.get(command, (now, {}))
        if command == "recognise":
            shown = service.get(f"/v1/products/{product}", **{"X-Min-Position": position}).json()
            assert (shown["phase"]["code"], shown["certificate"]["number"]) == ("concluded", held["number"])
        kind = COMMANDS[command].stream
        stream = None if COMMANDS[command].opens else ids[kind]
        answer = service.give(stream, command, who, addressed(command, on(now, body, **more), ids))
        assert answer.status_code in (200, 201), f"{command}: {answer.text}"
        ids[kind], position = answer.json()[f"{kind}_id"], answer.headers["X-Position"]

    found = service.get("/v1/certificates", Role.INTEGRATOR, **{"X-Min-Position": position}).json()["certificates"]
    mine = [(c["number"], c["status"], c["replaced_on"]) for c in found if c["product"]["product_id"] == product]
    following = f"{int(held['number'][:4]) + 1:04}{held['number'][4:]}"
    assert mine == [(held["number"], "replaced", "2026-11-16"), (following, "valid", None)]


def test_the_feed_names_a_complainant_to_the_authorities_only(service: Service) -> None:
    product = service.tell(renamed(until("notify-result", STORY), "Chè bị khiếu nại"))
    complaint = on("2026-11-02", EXAMPLES["file-complaint"])
    filed = service.give(product, "file-complaint", Role.PRODUCER, complaint)
    assert filed.status_code == 200, filed.text

    def told(who: Role) -> dict[str, Any]:
        page = service.get(f"/v1/events?after={filed.json()['position'] - 1}&limit=1", who).json()["events"]
        return page[0]["data"]

    assert told(Role.INSPECTOR) == {name: complaint[name] for name in ("number", "complainant", "grounds")}
    assert "complainant" not in told(Role.INTEGRATOR)
