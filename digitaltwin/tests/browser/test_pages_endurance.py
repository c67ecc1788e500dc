"""Two weeks on a wall, in a minute and a half: the heap of a page stays as it is."""

import logging
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from importlib.util import find_spec
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

from digitaltwin.tests.browser.chromium import chromium, log_in
from digitaltwin.tests.browser.twin_page import TwinPage
from digitaltwin.tests.support.product import Product, running
from digitaltwin.tests.support.relay import Relay

# Without it the marker skips these tests, with the reason.
if TYPE_CHECKING or find_spec("playwright"):
    from playwright.async_api import CDPSession, Page

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.browser, pytest.mark.slow]

HOURS = 14 * 24
READINGS_AN_HOUR = 30
LOOK_EVERY_HOURS = 8
# As many as a chart holds at most: it is full from the beginning.
FULL = 5000
# What is compiled and cached in the first hours is no leak.
WARM_UP = 6
MAX_GROWTH = 1.1
HOUR_MS = int(timedelta(hours=1).total_seconds() * 1000)
# Long enough for paints, ages and watchers; the rest of the hour is skipped.
LIVED_MS = 2000


@pytest.fixture
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A plant at work."""
    settings = {"AUTO_REGISTER_MACHINES": "true", "HEARTBEAT_SECONDS": "1"}
    with running(tmp_path_factory.mktemp("up"), "--demo", **settings) as product:
        yield product


@pytest.fixture
async def page(product: Product, relay: Relay) -> AsyncIterator["Page"]:
    async with chromium() as browser:
        # Tall, so that no tile of the plant rests off the screen.
        context = await browser.new_context(viewport={"width": 1280, "height": 2500})
        page = await context.new_page()
        await log_in(page, product.facts | {"url": relay.url})
        yield page


class Looker:
    """What a page holds after everything that can go is gone."""

    def __init__(self, name: str, browser: "CDPSession") -> None:
        self.name = name
        self._browser = browser
        self.found: dict[str, list[int]] = {"bytes": [], "nodes": [], "listeners": []}

    async def look(self) -> None:
        # Twice: what finalizers let go is collected by the second.
        for _ in range(2):
            await self._browser.send("HeapProfiler.collectGarbage")
        heap: dict[str, Any] = await self._browser.send("Runtime.getHeapUsage")
        counters: dict[str, Any] = await self._browser.send("Memory.getDOMCounters")
        self.found["bytes"].append(int(heap["usedSize"]))
        self.found["nodes"].append(counters["nodes"])
        self.found["listeners"].append(counters["jsEventListeners"])

    def growth(self) -> dict[str, float]:
        """The median of the last third over that of the first, when it was warm."""
        grown = {}
        for what, figures in self.found.items():
            warm = figures[WARM_UP:]
            third = len(warm) // 3
            grown[what] = round(median(warm[-third:]) / median(warm[:third]), 4)
        return grown


async def look_at(name: str, page: "Page") -> Looker:
    return Looker(name, await page.context.new_cdp_session(page))


async def test_two_weeks_leave_the_heap_flat(page: "Page", product: Product, relay: Relay) -> None:
    await page.context.clock.install()
    twin, plant = TwinPage(page, product, relay.url), await page.context.new_page()
    for _ in range(FULL // 1000):
        twin.post(1000)
    await twin.open()
    await plant.goto(relay.url)
    lookers = [await look_at("machine", page), await look_at("plant", plant)]
    before = relay.accepted

    for hour in range(HOURS):
        relay.drop()
        await page.context.clock.fast_forward(HOUR_MS - LIVED_MS)
        twin.post(READINGS_AN_HOUR)
        await page.context.clock.run_for(LIVED_MS)
        await shown(twin, plant)
        if hour % LOOK_EVERY_HOURS == 0:
            for looker in lookers:
                await looker.look()

    for looker in lookers:
        log.info("%s: %s %s", looker.name, looker.growth(), looker.found)
    # Both sockets came back every hour, and no page was loaded anew.
    assert relay.accepted - before >= 2 * HOURS
    assert await page.evaluate("window.isTheSame === true")
    for looker in lookers:
        grown = looker.growth()
        assert max(grown.values()) < MAX_GROWTH, (looker.name, grown, looker.found)


async def shown(twin: TwinPage, plant: "Page") -> None:
    """The newest value is on both pages."""
    newest = f"[data-value='{twin.newest}']"
    for page in (twin.page, plant):
        value = page.locator(f"[data-machine={twin.machine}]{newest}").first
        await value.wait_for(state="attached", timeout=20_000)
