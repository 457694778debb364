"""The page that verifies, in a real browser without network: what a person sees, and that its WebCrypto agrees."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from api.proof import verifier
from tests.browser import chromium
from tests.bundles import FOLLOWED, LOG_VKEY, SMALL, THIRD_VKEY, WITNESS_VKEY, Json, b64, encoded, fact
from tests.spoilt_bundles import BY_HAND
from tests.test_verifier import result_of

PAGE = Path(verifier.__file__).with_name("verifier.html")
ANOTHER_KEY = "ocop/vi-du+d498152a+AXbO1fHUEMcY12UlH3jnmLR2NBBQh7NDnDha5NXYB8V9"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as running:
        yield running


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    made = browser.new_context(offline=True, locale="vi-VN")
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """Opened from the disk, as out of a case package; what it asks for or complains of fails the test."""
    opened, told, asked = context.new_page(), [], []
    opened.on("console", lambda message: told.append(message.text))
    opened.on("pageerror", lambda error: told.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(PAGE.as_uri())
    yield opened
    assert told == []
    assert asked == [PAGE.as_uri()], "nothing leaves the page"


def give(page: Page, bundle: Json) -> None:
    page.get_by_label("Chọn hoặc thả tệp hồ sơ vào đây").set_input_files(
        {"name": "bundle.json", "mimeType": "application/json", "buffer": encoded(bundle)}
    )


def test_a_true_bundle_is_said_to_hold_and_an_altered_one_where_it_does_not(page: Page) -> None:
    page.get_by_label("Khóa của nhật ký").fill(LOG_VKEY)
    page.get_by_label("Khóa của người làm chứng").fill(WITNESS_VKEY)
    verdict = page.locator("#verdict")

    give(page, SMALL)
    expect(verdict).to_have_class("good")
    expect(page.get_by_role("status")).to_contain_text(LOG_VKEY)
    expect(page.get_by_role("status").get_by_role("listitem")).to_have_count(0)

    state = b64(b'{"changed": true}')
    give(page, {**SMALL, "facts": [{**SMALL["facts"][0], "state": state}, *SMALL["facts"][1:]]})
    expect(verdict).to_have_class("bad")
    expect(page.get_by_role("listitem").first).to_contain_text("[proof-false]")


def test_another_key_is_noticed_as_soon_as_it_is_typed(page: Page) -> None:
    page.get_by_label("Khóa của nhật ký").fill(LOG_VKEY)
    give(page, SMALL)
    expect(page.locator("#verdict")).to_have_class("good")

    page.get_by_label("Khóa của nhật ký").fill(ANOTHER_KEY)
    page.keyboard.press("Tab")

    expect(page.locator("#verdict")).to_have_class("bad")
    expect(page.get_by_role("listitem").first).to_contain_text("[key-differs]")


def test_a_key_from_before_is_followed_and_it_says_so(page: Page) -> None:
    page.get_by_label("Khóa của nhật ký").fill(LOG_VKEY)
    give(page, FOLLOWED)

    expect(page.locator("#verdict")).to_have_class("good")
    expect(page.get_by_role("status")).to_contain_text(verifier.WARNINGS["key-followed"][0])
    expect(page.get_by_role("status")).to_contain_text(THIRD_VKEY)


def test_it_is_worked_by_keyboard_and_read_on_a_phone(page: Page) -> None:
    reached = []
    for _ in range(3):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id"))
    assert reached == ["key", "witnesses", "file"]

    page.set_viewport_size({"width": 360, "height": 740})
    give(page, SMALL)
    expect(page.locator("#verdict")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_in_the_browser_it_says_what_the_other_verifier_says(page: Page) -> None:
    """The same code runs in Node on all vectors; here on those made by hand, with the browser's own WebCrypto."""
    vectors = [v for v in BY_HAND if len(v.data) < 1_000_000]
    told = [{"data": b64(v.data), "key": v.key, "witnesses": list(v.witnesses)} for v in vectors]

    results = page.evaluate(
        """async (vectors) => {
            const found = [];
            for (const { data, key, witnesses } of vectors) {
                const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
                found.push(await verifyBundle(bytes, key, witnesses));
            }
            return found;
        }""",
        told,
    )

    assert len(results) > 100
    for vector, theirs in zip(vectors, results, strict=True):
        assert result_of(vector) == theirs, vector.name


def test_a_fact_with_markup_in_it_is_text(page: Page) -> None:
    hostile = '<img src=x onerror="document.title=1">'
    give(page, {**SMALL, "facts": [{**fact(0), "name": hostile, "proof": []}]})

    expect(page.locator("#verdict")).to_have_class("bad")
    assert page.locator("#result img").count() == 0
    assert page.title() == "Kiểm chứng hồ sơ OCOP"
