"""Pages people work with: over HTTP what they hold and withhold, in a real browser how they are to use."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from datetime import date
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect

from api.examples import EXAMPLES
from api.pages import days_left, written
from application.store import Beside, Journal
from domain.law.maps import old_units_of
from domain.programme.plans import plans
from domain.values import Actor, Role
from projections.words import day
from tests.appointed import assignment_id, facts_of, person_id, recorded
from tests.browser import chromium
from tests.service import Service
from tests.test_walk import printed_accounts

SCREENS = Path(__file__).parents[1] / "docs" / "screens"
OFFICER = Actor(person="officer of Phú Thọ", office="VPĐP Phú Thọ", role=Role.PROVINCE_OFFICER, area="25")
CLERK = Actor(person="officer of Cao Sơn", office="UBND xã Cao Sơn", role=Role.COMMUNE_OFFICER, area="04876")
ALSO = CLERK.model_copy(update={"role": Role.SUPERVISOR, "area": "48", "office": "Thanh tra"})
PLANNER = Actor(person="officer of Đà Nẵng", office="VPĐP Đà Nẵng", role=Role.PROVINCE_OFFICER, area="48")
COMMUNE = Actor(person="officer of Hội An", office="UBND phường", role=Role.COMMUNE_OFFICER, area="20413")
NEIGHBOUR = Actor(person="officer of a neighbour", office="UBND", role=Role.COMMUNE_OFFICER, area="20197")
PRODUCER = Actor(person="producer", office="HTX", role=Role.PRODUCER, area="20413", producer="HKD-1")
ADMINISTRATOR = Actor(person="administrator", office="VPĐP", role=Role.ADMINISTRATOR, area="25")
PLAN = plans()["quang-nam-2022"]
HOSTILE = "<b>x</b>"
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.fixture(scope="module")
def service(database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """The demonstration, and people of two provinces beside it; one of them holds a role in each."""
    command = (sys.executable, "-m", "api.cli", "serve", "--demo")
    running = Service(tmp_path_factory.mktemp("pages"), database, command, actors=()).start()
    try:
        printed_accounts(running)
        running.actors = [OFFICER, CLERK, PLANNER, COMMUNE, NEIGHBOUR, PRODUCER, ADMINISTRATOR]
        running.let_in()
        journal = Journal(database, pool_size=1)
        journal.append([recorded(person_id(ALSO.person), 3, facts_of(ALSO)[1], ALSO.area)], Beside())
        journal.close()
        yield running.caught_up()
    finally:
        running.stop()


def give(service: Service, stream: str | None, command: str, body: dict[str, Any], who: Actor = PLANNER) -> Any:
    answer = service.give(stream, command, who, body)
    assert answer.is_success, f"{command}: {answer.text}"
    service.position = answer.json()["position"]
    return answer.json()


@pytest.fixture(scope="module")
def programme(service: Service) -> str:
    """The plan of Quảng Nam for 2022, some of its year told for illustration, one target amended."""
    issued, commands = PLAN.commands()
    made = str(
        give(service, None, "issue-programme", issued.model_dump(mode="json", exclude_defaults=True))["programme_id"]
    )
    for command in commands:
        give(service, made, command.name, command.model_dump(mode="json", exclude_defaults=True))
    illustrative = {"source": {"kind": "illustrative"}}
    for number in (1, 2):
        fair = {"kind": "thematic-fair", "title": f"Hội chợ {number}", "place": "Tam Kỳ"}
        give(service, made, "record-event", {**fair, "effective_on": f"2022-05-0{number}", **illustrative})
    workshop = {"kind": "workshop", "title": "Hội thảo kết nối", "place": "Tam Kỳ"}
    give(service, made, "record-event", {**workshop, "effective_on": "2022-08-01", **illustrative})
    for number, unit in enumerate(old_units_of("49", issued.first)[:11]):
        point = {"code": f"p{number}", "title": "Điểm bán", "address": "Chợ", "area": unit.code}
        give(service, made, "open-point-of-sale", {**point, "effective_on": "2022-09-01", **illustrative})
    changed = {**PLAN.targets["fairs"].model_dump(mode="json", exclude_defaults=True), "amount": "3"}
    amended = {"code": "fairs", "target": changed, "decision_number": "1500/QĐ-UBND", "reason": "Thêm một hội chợ."}
    give(service, made, "amend-target", {**amended, "effective_on": "2022-07-01"})
    return made


@pytest.fixture(scope="module")
def product(service: Service, programme: str) -> str:
    """A product of Hội An with a hostile name, registered and guided, so that the plan counts it."""
    body = {**EXAMPLES["identify-product"], "product_name": HOSTILE, "commune": "20413", "cycle": 2022}
    made = str(give(service, None, "identify-product", {**body, "effective_on": "2022-02-01"}, COMMUNE)["product_id"])
    producer = {**EXAMPLES["submit-idea"]["producer"], "registration": "HKD-1"}
    idea = {**EXAMPLES["submit-idea"], "producer": producer, "product_name": HOSTILE, "effective_on": "2022-02-02"}
    paper = {"number": "1", "signed_on": "2022-02-02", "signer": "Chủ thể"}
    served = {"role": "producer", "producer": "HKD-1", "paper": paper}
    give(service, made, "submit-idea", {**idea, "on_behalf_of": served}, COMMUNE)
    guided = {"form": "class", "title": "Tập huấn", "given_by": "Chi cục", "effective_on": "2022-03-01"}
    give(service, made, "record-guidance", guided, COMMUNE)
    service.caught_up()
    return made


def client(service: Service, who: Actor | None) -> httpx.Client:
    """A browser that is logged in, without following anything by itself."""
    cookies = {"ocop": service.tokens[who.person]} if who else {}
    return httpx.Client(base_url=service.address, cookies=cookies, timeout=30)


def shown(service: Service, path: str, who: Actor, status: int = 200, **query: str) -> str:
    with client(service, who) as browser:
        answer = browser.get(path, params=query or None)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-security-policy"] == POLICY
    assert answer.headers["cache-control"] == "no-store"
    assert "style=" not in answer.text
    assert "<script" not in answer.text
    return answer.text


def tea(service: Service) -> str:
    found = service.get("/v1/products?q=che+shan", OFFICER).json()["products"]
    return str(found[0]["product_id"])


# ── Over HTTP ──────────────────────────────────────────────────────────────────────────────────────────


def test_who_is_not_logged_in_is_led_to_the_login_and_back(service: Service, programme: str) -> None:
    with client(service, None) as stranger:
        for path in ("/home", "/plans", f"/plans/{programme}", f"/products/{uuid4()}", "/search"):
            answer = stranger.get(path)
            assert (answer.status_code, answer.headers["location"]) == (303, f"/login?next={path}")
        answer = stranger.get("/search?q=mat+ong&step=3")
        assert answer.headers["location"] == "/login?next=/search%3Fq%3Dmat%2Bong%26step%3D3"
        assert 'value="/search?q=mat+ong&amp;step=3"' in stranger.get(answer.headers["location"]).text


def test_home_tells_what_the_worklist_tells(service: Service) -> None:
    tasks = service.get("/v1/worklist", CLERK).json()["tasks"]

    told = unescape(shown(service, "/home", CLERK))

    assert len(tasks) > 2
    for task in tasks:
        assert f'<a href="/products/{task["product_id"]}">{task["name"]}</a>' in told
        assert task["vi"] in told
        assert day(date.fromisoformat(task["due"])) in told
    assert told.count('<span class="left">trễ') == sum(task["days_late"] > 0 for task in tasks) > 0


def test_a_role_is_chosen_and_kept_until_it_is_held_no_more(service: Service, programme: str) -> None:
    with client(service, CLERK) as browser:
        assert "Quảng Nam" not in browser.get("/plans").text
        chosen = browser.get("/home", params={"as": str(assignment_id(ALSO))})
        assert chosen.status_code == 200
        assert PLAN.programme["title"] in unescape(browser.get("/plans").text)

        refused = browser.get("/plans", params={"as": str(uuid4())})
        assert refused.status_code == 403
        assert "ocop-role" not in browser.cookies
        assert browser.get("/home").status_code == 200
    # What a page was told to act in is no business of the JSON routes.
    token = {"Cookie": f"ocop={service.tokens[CLERK.person]}; ocop-role={assignment_id(ALSO)}"}
    assert service.client.get("/v1/worklist", headers=token).json()["area"] == "04876"


def test_who_reads_no_cases_has_a_home_and_nothing_else(service: Service, product: str) -> None:
    assert "không xem hồ sơ" in shown(service, "/home", ADMINISTRATOR)
    for path in ("/plans", "/search", f"/products/{product}"):
        assert "<h1>" in shown(service, path, ADMINISTRATOR, 403)


def test_a_service_account_or_nobody_has_no_home(service: Service) -> None:
    assert service.client.get("/home", headers={"Authorization": "Bearer nobody"}).status_code == 303


def test_a_plan_tells_its_figures_as_they_are_written_here(service: Service, programme: str, product: str) -> None:
    told = unescape(shown(service, f"/plans/{programme}", PLANNER))

    assert "2134/KH-UBND" in told
    assert all(target.title in told for target in PLAN.targets.values())
    assert "minh hoạ" in told
    assert "Điều chỉnh theo 1500/QĐ-UBND" in told
    assert "Chỉ tiêu trước khi điều chỉnh" in told
    assert "Chưa đạt" in told
    assert "11/18 đơn vị đạt" in told
    assert "<summary>Chưa đạt: 7</summary>" in told
    assert f"/plans/{programme}/targets/fairs?version=" in told
    then = unescape(shown(service, f"/plans/{programme}", PLANNER, effective="2022-06-30", known=""))
    assert 'value="2022-06-30"' in then
    assert "Số liệu đến ngày 30/06/2022" in then
    assert "1500/QĐ-UBND" not in then
    assert "targets/fairs?version=" in then
    assert "effective=2022-06-30" in then


def test_a_figure_leads_to_its_marks_and_they_to_their_products(service: Service, programme: str, product: str) -> None:
    told = shown(service, f"/plans/{programme}/targets/new-producers-trained", PLANNER, part="over")

    assert f'<a href="/products/{product}">&lt;b&gt;x&lt;/b&gt;</a>' in told
    fairs = unescape(shown(service, f"/plans/{programme}/targets/fairs", PLANNER))
    assert fairs.count("Hoạt động của kế hoạch") == 2
    assert "Hội chợ 1" in fairs
    # A neighbour sees that something was counted, as by the API, and neither what it is called nor what was done.
    elsewhere = shown(service, f"/plans/{programme}/targets/new-producers-trained", NEIGHBOUR, part="over")
    assert "Còn được tính, ngoài địa bàn của bạn: 1" in unescape(elsewhere)
    assert "&lt;b&gt;x" not in elsewhere
    assert product not in elsewhere
    # A producer reads the plan and not the facts behind it.
    assert f"/plans/{programme}/targets/" not in shown(service, f"/plans/{programme}", PRODUCER)
    shown(service, f"/plans/{programme}/targets/fairs", PRODUCER, 403)


def test_a_product_has_six_steps_and_stands_in_one(service: Service) -> None:
    key = tea(service)
    told = unescape(shown(service, f"/products/{key}", OFFICER))
    trail = service.get(f"/v1/products/{key}/trail", OFFICER).json()["trail"]

    assert told.count('aria-current="step"') == 1
    assert len(re.findall(r'<li class="(?:behind|now|ahead)"', told)) == 6
    assert all(entry["vi"] in told for entry in trail)
    assert "★★★★" in told
    english = unescape(shown(service, f"/products/{key}", OFFICER, lang="en"))
    assert all(entry["en"] in english for entry in trail)


def test_what_somebody_wrote_is_text(service: Service, product: str) -> None:
    for path in (f"/products/{product}", "/search?q=x", "/home"):
        told = shown(service, path, COMMUNE)
        assert HOSTILE not in told
    assert '<span class="left alarm">trễ' in shown(service, f"/products/{product}", COMMUNE)
    assert '<h1 lang="vi">&lt;b&gt;x&lt;/b&gt;</h1>' in shown(service, f"/products/{product}", COMMUNE)
    assert 'value="&#34;&gt;&lt;i&gt;"' in shown(service, "/search", COMMUNE, q='"><i>')


def test_what_lies_elsewhere_is_answered_like_what_is_not_there(service: Service, programme: str, product: str) -> None:
    for path in ("/products/{}", "/plans/{}", "/plans/{}/targets/fairs"):
        there = shown(service, path.format(product if "products" in path else programme), OFFICER, 404)
        assert there == shown(service, path.format(uuid4()), OFFICER, 404)
    assert "<h1>" in shown(service, "/products/none", OFFICER, 422)
    assert shown(service, f"/plans/{programme}", PLANNER, 422, known="x")


def test_search_needs_no_diacritics_and_is_paged(service: Service) -> None:
    assert "Mật ong" in unescape(shown(service, "/search", OFFICER, q="mat ong", step="", stars=""))
    assert "Không có sản phẩm nào" in unescape(shown(service, "/search", OFFICER, q="không đâu có"))
    assert tea(service) in shown(service, "/search", OFFICER, stars="4", step="6")
    late = shown(service, "/search", OFFICER, late="true")
    assert "Gà sơ chế" in late
    assert tea(service) not in late
    shown(service, "/search", OFFICER, 422, step="9")
    assert shown(service, "/search", OFFICER, 400, cursor="x")


def test_a_language_is_chosen_and_kept(service: Service) -> None:
    with client(service, OFFICER) as browser:
        assert '<html lang="vi">' in browser.get("/home").text
        assert '<html lang="en">' in browser.get("/home?lang=en").text
        assert "My work" in browser.get("/home").text
        assert '<html lang="en">' in browser.get("/home?lang=xx").text
        assert 'href="/search?q=a&amp;lang=vi"' in browser.get("/search?q=a").text
        assert "Việc của tôi" in browser.get("/home?lang=vi").text


def test_the_door_is_a_page_for_browsers_and_json_for_programs(service: Service) -> None:
    page = service.client.get("/", headers={"Accept": "text/html,*/*;q=0.8"})
    assert all(f'href="{path}"' in page.text for path in ("/home", "/plans", "/search"))
    assert service.client.get("/").json()["pages"] == "/home"


@pytest.mark.parametrize(
    ("value", "vi", "en"),
    [("1234567.8", "1.234.567,8", "1,234,567.8"), ("66.67", "66,67", "66.67"), (0, "0", "0"), (None, "–", "–")],
)
def test_numbers_are_written_as_the_language_does(value: str | int | None, vi: str, en: str) -> None:
    assert (written(value, "vi"), written(value, "en")) == (vi, en)


@pytest.mark.parametrize(
    ("due", "vi", "en"),
    [
        ("2026-03-06", "còn 5 ngày", "5 days left"),
        ("2026-03-01", "hôm nay", "today"),
        ("2026-02-28", "trễ 1 ngày", "1 day late"),
    ],
)
def test_days_are_told_in_words(due: str, vi: str, en: str) -> None:
    assert (days_left(due, date(2026, 3, 1), "vi"), days_left(due, date(2026, 3, 1), "en")) == (vi, en)


# ── In a browser ───────────────────────────────────────────────────────────────────────────────────────

WIDE, NARROW = (1280, 900), (360, 740)
MOST_BYTES = 150_000
TALLEST = 1600
"""Pixels of a page that are kept as a picture."""
SHIFTS = """
window.shifts = 0;
new PerformanceObserver((list) => { for (const one of list.getEntries()) window.shifts += one.value; })
    .observe({ type: "layout-shift", buffered: true });
"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def screens(service: Service, programme: str, product: str) -> dict[str, tuple[Actor, str]]:
    """Name of a page → who reads it and where it is."""
    return {
        "home": (CLERK, "/home"),
        "plans": (PLANNER, "/plans"),
        "plan": (PLANNER, f"/plans/{programme}"),
        "target": (PLANNER, f"/plans/{programme}/targets/fairs"),
        "product": (OFFICER, f"/products/{tea(service)}"),
        "search": (OFFICER, "/search"),
    }


def opened(browser: Browser, service: Service, who: Actor, size: tuple[int, int]) -> BrowserContext:
    context = browser.new_context(viewport={"width": size[0], "height": size[1]}, locale="vi-VN")
    context.add_cookies([{"name": "ocop", "value": service.tokens[who.person], "url": service.address}])
    return context


SHOWN = ("home", "plan", "product", "search")


@pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
@pytest.mark.parametrize("name", ["home", "plans", "plan", "target", "product", "search"])
def test_a_page_is_light_still_and_open_to_everybody(
    browser: Browser, service: Service, screens: dict[str, tuple[Actor, str]], name: str, size: tuple[int, int]
) -> None:
    who, path = screens[name]
    context = opened(browser, service, who, size)
    page, told, bytes_read = context.new_page(), list[str](), list[int]()
    page.add_init_script(SHIFTS)
    page.on("console", lambda message: told.append(message.text))
    page.on("pageerror", lambda error: told.append(str(error)))
    page.on("response", lambda answer: bytes_read.append(len(answer.body())))
    page.goto(service.address + path, wait_until="networkidle")

    assert page.evaluate("window.shifts") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
    assert 0 < sum(bytes_read) < MOST_BYTES
    assert told == []
    if os.environ.get("OCOP_UPDATE_SNAPSHOTS") and name in SHOWN:
        height = min(page.evaluate("document.documentElement.scrollHeight"), TALLEST)
        clip = {"x": 0, "y": 0, "width": size[0], "height": height}
        page.screenshot(path=SCREENS / f"{name}-{size[0]}.png", full_page=True, clip=clip)
    found = Axe().run(page)
    weighty = [one for one in found.response["violations"] if one["impact"] in ("serious", "critical")]
    assert weighty == [], found.generate_report()
    assert page.locator("h1").count() == 1
    assert page.locator("table:not(:has(> caption))").count() == 0
    context.close()


def test_the_first_task_is_a_few_keys_away(browser: Browser, service: Service) -> None:
    context = opened(browser, service, CLERK, WIDE)
    page = context.new_page()
    page.goto(f"{service.address}/home")
    first = page.locator("table.tasks a").first

    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outline == "3px"
    for _ in range(6):
        page.keyboard.press("Tab")
    expect(first).to_be_focused()
    # By the skip link it is the very next.
    page.reload()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(first).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url("**/products/*")
    context.close()


def test_the_way_from_a_task_to_a_product_and_from_a_plan_to_its_facts(
    browser: Browser, service: Service, programme: str, product: str
) -> None:
    context = opened(browser, service, PLANNER, NARROW)
    page: Page = context.new_page()
    page.goto(f"{service.address}/plans")
    # The demonstration has the same plan: this one is told more of.
    page.locator(f'main a[href="/plans/{programme}"]').click()
    page.get_by_role("link", name=re.compile(re.escape(PLAN.targets["new-producers-trained"].title))).first.click()
    page.get_by_role("link", name=HOSTILE).first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text(HOSTILE)
    page.get_by_role("link", name="English").click()
    expect(page.get_by_role("heading", name="The six steps")).to_be_visible()
    assert UUID(page.url.split("?")[0].rsplit("/", 1)[1]) == UUID(product)
    context.close()
