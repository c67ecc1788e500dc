"""The pages in a real browser, against the whole product as its users start it."""

import re
import time
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from digitaltwin.tests.browser.chromium import chromium, log_in
from digitaltwin.tests.support.product import Product, running
from sensors.timestamps import format_us, now_us

# Without it the marker skips these tests, with the reason.
if TYPE_CHECKING or find_spec("playwright"):
    from playwright.async_api import Page, WebSocketRoute, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

URL = "/api/v1/sensors/readings"
MACHINE = "TST-001"


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A plant at work."""
    with running(tmp_path_factory.mktemp("up"), "--demo") as product:
        yield product


@pytest.fixture
async def page(product: Product) -> AsyncIterator["Page"]:
    """The plant page of the operator; afterwards nothing went wrong in it."""
    troubles: list[str] = []
    async with chromium() as browser:
        page = await browser.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: _note(said, troubles))
        await log_in(page, product.facts)
        await expect(page.locator("main[data-feed=live]")).to_be_attached()
        yield page
    assert troubles == []


def _note(said: Any, troubles: list[str]) -> None:
    # Some tests cut the connection on purpose.
    if said.type == "error" and "WebSocket connection" not in said.text:
        troubles.append(said.text)


def post(device: httpx.Client, value: float, *, quality: str = "good") -> None:
    reading = {
        "machine_id": MACHINE,
        "sensor_type": "temperature",
        "value": value,
        "unit": "celsius",
        "timestamp": format_us(now_us()),
        "quality": quality,
    }
    assert device.post(URL, json=reading).status_code == 201


async def open_twin(page: "Page", product: Product) -> None:
    await page.goto(f"{product.url}/machines/{MACHINE}/")
    await expect(page.locator("main[data-feed=live]")).to_be_attached()


async def test_plant_is_live(page: "Page") -> None:
    value = page.locator("[data-part=value]").first
    before = await value.get_attribute("data-timestamp")

    await page.wait_for_function(
        "before => document.querySelector('[data-part=value]').dataset.timestamp !== before",
        arg=before,
        timeout=5000,
    )

    assert await page.locator(".tile").count() > 1
    assert await page.locator("[data-part=banner]").is_hidden()


@pytest.mark.alone
async def test_reading_is_on_the_page_within_a_second(page: "Page", product: Product) -> None:
    value = page.locator(f"[data-machine={MACHINE}][data-sensor=temperature]")
    with product.device() as device:
        post(device, 20.5)
        await open_twin(page, product)
        await expect(value).to_have_text("20.5")

        started = time.monotonic()
        post(device, 21.25)
        await expect(value).to_have_attribute("data-value", "21.25", timeout=1000)

    assert time.monotonic() - started < 1
    await expect(value).to_have_text("21.25")


async def test_quality_is_named_on_the_page_while_it_is_not_good(
    page: "Page", product: Product
) -> None:
    note = page.locator(".machine__quality dd")
    with product.device() as device:
        post(device, 20.5)
        await open_twin(page, product)
        await expect(note).to_be_hidden()

        post(device, 20.75, quality="bad")
        await expect(note).to_have_text("bad (Temperature)")
        post(device, 21.0)

    await expect(note).to_be_hidden()


async def test_session_that_ended_leads_to_the_login(page: "Page", product: Product) -> None:
    with product.device() as device:
        post(device, 20.5)
    await open_twin(page, product)

    await page.context.clear_cookies()
    product.kill("web")

    await page.wait_for_url(f"{product.url}/login/?next=%2Fmachines%2F{MACHINE}%2F", timeout=20_000)


async def test_final_close_code_of_a_newer_server_ends_the_feed_with_a_sentence(
    page: "Page", product: Product
) -> None:
    opened = 0

    async def refuse(socket: "WebSocketRoute") -> None:
        nonlocal opened
        opened += 1
        await socket.close(code=4410)

    await page.route_web_socket("**/ws/dashboard", refuse)
    await page.goto(product.url)

    banner = page.locator("[data-part=banner]")
    await expect(banner).to_contain_text("Live updates have stopped (code 4410).")
    await page.wait_for_timeout(3000)
    assert opened == 1
    await expect(page.locator("main[data-feed=stopped]")).to_be_attached()


async def test_hours_come_in_steps_and_stay_chosen(page: "Page", product: Product) -> None:
    await page.goto(f"{product.url}/machines/CNC-001/")
    chart = page.locator("[data-chart=temperature]")
    await expect(chart).to_have_attribute("data-points", re.compile("[1-9]"))

    await page.keyboard.press("2")
    await page.reload()

    await expect(page.get_by_role("button", name="1 h")).to_have_attribute("aria-pressed", "true")
    await expect(chart).to_have_attribute("data-points", re.compile("[1-9]"))


async def test_search_and_state_survive_a_reload(page: "Page") -> None:
    await page.keyboard.press("/")
    await page.keyboard.type("lathe")
    await expect(page.locator(".lines .tile:visible")).to_have_count(2)

    await page.reload()

    await expect(page.get_by_label("Search machines")).to_have_value("lathe")
    await expect(page.locator(".lines .tile:visible")).to_have_count(2)
    await page.get_by_role("button", name="Needs attention").click()
    await expect(page.get_by_text("No machines match this filter.")).to_be_visible()


async def test_keys_are_listed_and_work(page: "Page") -> None:
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    await page.keyboard.press("Escape")

    await page.keyboard.press("j")
    await page.keyboard.press("Enter")

    await page.wait_for_url("**/machines/*/")


async def test_theme_changes_at_once_and_stays(page: "Page") -> None:
    await page.get_by_label("Theme").select_option("contrast")
    colour = "() => getComputedStyle(document.body).backgroundColor"
    assert await page.evaluate(colour) == "rgb(0, 0, 0)"

    await page.reload()

    assert await page.evaluate(colour) == "rgb(0, 0, 0)"


async def test_values_are_there_without_scripts(page: "Page", product: Product) -> None:
    context = await page.context.browser.new_context(  # type: ignore[union-attr]
        java_script_enabled=False, storage_state=await page.context.storage_state()
    )
    plain = await context.new_page()

    await plain.goto(product.url)

    assert await plain.locator("[data-part=value]").first.text_content() not in {"", "–"}
    await expect(plain.get_by_text("Live updates need JavaScript.")).to_be_visible()
    assert await page.locator("[data-part=plain]").is_hidden()
