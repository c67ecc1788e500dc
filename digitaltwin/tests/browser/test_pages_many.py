"""The plant's page with more machines than a screen shows: most of its tiles rest off it."""

import re
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from digitaltwin.tests.browser.chromium import chromium, log_in
from digitaltwin.tests.support.product import Product, running
from sensors.timestamps import format_us, now_us

# Without it the marker skips these tests, with the reason.
if TYPE_CHECKING or find_spec("playwright"):
    from playwright.async_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MACHINES = [f"MNY-{number:03d}" for number in range(120)]
IN_ORDER = """(wanted) => {
  const shown = document.querySelectorAll(".lines .tile:not([hidden])");
  return JSON.stringify([...shown].map((tile) => tile.dataset.tile)) === JSON.stringify(wanted);
}"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A plant whose machines have reported once."""
    with running(tmp_path_factory.mktemp("up"), AUTO_REGISTER_MACHINES="true") as product:
        for machine_id in MACHINES:
            post(product, machine_id, 20.5)
        yield product


@pytest.fixture
async def page(product: Product) -> AsyncIterator["Page"]:
    """All machines in one list, with no hand upon it."""
    async with chromium() as browser:
        page = await browser.new_page()
        await log_in(page, product.facts)
        await page.mouse.move(0, 0)
        await page.goto(f"{product.url}/?order=urgency")
        await expect(page.locator("main[data-feed=live]")).to_be_attached()
        yield page


def post(product: Product, machine_id: str, value: float, quality: str = "good") -> None:
    reading = {
        "machine_id": machine_id,
        "sensor_type": "temperature",
        "value": value,
        "unit": "celsius",
        "timestamp": format_us(now_us()),
        "quality": quality,
    }
    with product.device() as device:
        assert device.post("/api/v1/sensors/readings", json=reading).status_code == 201


async def test_search_shows_those_that_fit_and_all_again(page: "Page") -> None:
    search = page.get_by_label("Search machines")

    await search.fill("mny-07")
    await page.wait_for_function(IN_ORDER, arg=MACHINES[70:80])
    await search.fill("nobody")
    await expect(page.get_by_text("No machines match this filter.")).to_be_visible()
    await search.fill("mny-11")
    await page.wait_for_function(IN_ORDER, arg=MACHINES[110:])
    await search.fill("")

    await page.wait_for_function(IN_ORDER, arg=MACHINES)
    await expect(page.get_by_text("No machines match this filter.")).to_be_hidden()


async def test_who_needs_someone_off_the_screen_comes_first_and_goes_back(
    page: "Page", product: Product
) -> None:
    post(product, "MNY-099", 20.5, "uncertain")
    post(product, "MNY-077", 20.5, "bad")
    others = [one for one in MACHINES if one not in ("MNY-077", "MNY-099")]
    await page.wait_for_function(IN_ORDER, arg=["MNY-077", "MNY-099", *others])
    await page.get_by_role("button", name="Needs attention").click()
    await page.wait_for_function(IN_ORDER, arg=["MNY-077", "MNY-099"])
    await page.get_by_role("button", name="All").click()

    post(product, "MNY-077", 20.5)
    post(product, "MNY-099", 20.5)

    await page.wait_for_function(IN_ORDER, arg=MACHINES)


@pytest.mark.alone
async def test_tile_that_comes_into_sight_is_up_to_date(page: "Page", product: Product) -> None:
    tile = page.locator(f"[data-tile={MACHINES[-1]}]")
    age = tile.locator("[data-part=age]")
    post(product, MACHINES[-1], 31.25)
    await page.wait_for_timeout(3000)
    assert await tile.locator("[data-part=value]").get_attribute("data-value") != "31.25"

    await tile.scroll_into_view_if_needed()

    await expect(tile.locator("[data-part=value]")).to_have_text("31.25", timeout=1000)
    await expect(age).to_have_text(re.compile("^[34] s$"), timeout=1000)
    await expect(age).to_have_text("6 s", timeout=4000)
