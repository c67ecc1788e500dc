"""A page on the wall: alone for weeks, and right all the time."""

import re
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from digitaltwin.tests.browser.chromium import chromium, log_in
from digitaltwin.tests.browser.test_pages_quality import THEMES, choose, violations
from digitaltwin.tests.support.product import Product, running, start
from digitaltwin.tests.support.servers import free_port

if TYPE_CHECKING or find_spec("playwright"):
    from playwright.async_api import Browser, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

PLANT, MACHINE = "/?kiosk=1", "/machines/CNC-001/?kiosk=1"
HEARTBEAT = {"HEARTBEAT_SECONDS": "1"}
# Marks this document; a document after a reload has no mark.
MARK = "() => { window.isMarked = true; }"
IS_MARKED = "() => window.isMarked === true"
ASK = "() => dispatchEvent(new Event('online'))"
WATCH_WAKE_LOCK = """
const request = navigator.wakeLock.request;
navigator.wakeLock.request = (kind) => {
  window.awake = kind;
  return request.call(navigator.wakeLock, kind);
};
"""


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(tmp_path_factory.mktemp("up"), "--demo", **HEARTBEAT) as product:
        yield product


@pytest.fixture
async def browser() -> AsyncIterator["Browser"]:
    async with chromium() as browser:
        yield browser


async def on_the_wall(browser: "Browser", product: Product, path: str) -> "Page":
    """A large screen with this page, live."""
    page = await browser.new_page(viewport={"width": 1920, "height": 1080})
    await log_in(page, product.facts)
    await page.goto(product.url + path)
    await expect(page.locator("main[data-feed=live]")).to_be_attached()
    return page


@pytest.mark.parametrize("path", [PLANT, MACHINE])
async def test_page_on_the_wall_is_live_large_and_without_chrome(
    browser: "Browser", plant: Product, path: str
) -> None:
    page = await on_the_wall(browser, plant, path)

    await expect(page.locator("[data-part=value]").first).to_have_css("font-weight", "600")
    await expect(page.locator("[data-part=clock]")).to_be_visible()
    for part in (".topbar", ".foot", ".filter", "[data-part=keys]", "[data-part=spans]"):
        await expect(page.locator(part)).not_to_be_visible()
    size = (
        "() => parseFloat(getComputedStyle(document.querySelector('[data-part=clock]')).fontSize)"
    )
    assert await page.evaluate(size) >= 24


async def test_links_lead_from_wall_to_wall(browser: "Browser", plant: Product) -> None:
    page = await on_the_wall(browser, plant, PLANT)

    await page.get_by_role("link", name="CNC-001").click()
    await page.wait_for_url(plant.url + MACHINE)
    await page.get_by_role("link", name="Plant").click()

    await page.wait_for_url(plant.url + PLANT)


async def test_hours_on_the_wall_keep_the_wall(browser: "Browser", plant: Product) -> None:
    page = await on_the_wall(browser, plant, f"{MACHINE}&minutes=60")

    await expect(page.locator("[data-chart=temperature]")).not_to_have_attribute("data-points", "0")
    assert page.url == f"{plant.url}{MACHINE}&minutes=60"


async def test_screen_is_kept_awake(browser: "Browser", plant: Product) -> None:
    page = await browser.new_page()
    await log_in(page, plant.facts)
    await page.add_init_script(WATCH_WAKE_LOCK)

    await page.goto(plant.url + PLANT)

    await page.wait_for_function("() => window.awake === 'screen'")


async def test_same_release_leaves_the_page_alone(browser: "Browser", plant: Product) -> None:
    page = await on_the_wall(browser, plant, PLANT)
    await page.evaluate(MARK)

    async with page.expect_response("**/release"):
        await page.evaluate(ASK)
    await page.wait_for_timeout(500)

    assert await page.evaluate(IS_MARKED)


async def test_page_renews_itself_after_an_update_and_never_onto_an_error(
    browser: "Browser", tmp_path: Path
) -> None:
    port = ("--port", str(free_port()))
    before = start(tmp_path / "up", "--demo", *port, **HEARTBEAT)
    page = await on_the_wall(browser, before, PLANT)
    # As if the page came from another release than the one that starts now.
    await page.evaluate("() => { document.body.dataset.release = 'older'; }")
    await page.evaluate(MARK)

    assert before.end() == 0
    await expect(page.locator("[data-part=banner]")).to_contain_text("No connection to the server")
    await page.evaluate(ASK)
    await page.wait_for_timeout(1000)
    stayed = await page.evaluate(IS_MARKED)
    with running(tmp_path / "up", "--demo", *port, **HEARTBEAT):
        await page.wait_for_function("() => window.isMarked !== true", timeout=30_000)
        await expect(page.locator("main[data-feed=live]")).to_be_attached()

    assert stayed
    assert page.url == before.url + PLANT
    assert await page.evaluate("() => document.body.dataset.release") != "older"


async def test_session_that_ended_is_said_on_screen_until_someone_logs_in(
    browser: "Browser", plant: Product
) -> None:
    page = await on_the_wall(browser, plant, PLANT)
    cookies = await page.context.cookies()

    await page.context.clear_cookies()
    plant.kill("web")

    banner = page.locator("[data-part=banner]")
    logged_out = re.compile(
        r"^You have been logged out\. Values below are from (?:\S+ )?\d\d:\d\d:\d\d\.$"
    )
    await expect(banner).to_have_text(logged_out, timeout=20_000)
    await expect(page.get_by_role("link", name="Log in")).to_be_visible()
    assert page.url == plant.url + PLANT
    assert await page.locator(".value").first.evaluate("n => getComputedStyle(n).filter") != "none"
    await page.context.add_cookies(cookies)  # type: ignore[arg-type]
    await page.evaluate(ASK)
    await expect(page.locator("main[data-feed=live]")).to_be_attached(timeout=15_000)


@pytest.mark.parametrize("theme", THEMES)
async def test_wall_has_no_accessibility_violations(
    browser: "Browser", plant: Product, theme: str
) -> None:
    page = await on_the_wall(browser, plant, PLANT)
    await choose(page, theme, plant.url)

    found = [await violations(page, plant.url + path) for path in (PLANT, MACHINE)]

    assert list(chain(*found)) == []
