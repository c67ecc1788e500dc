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
# Code compiled and values cached in the first hours are no leak.
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


class HeapProbe:
    """Heap figures of a page, each measured after garbage collection."""

    def __init__(self, name: str, browser: "CDPSession") -> None:
        self.name = name
        self._browser = browser
        self.figures: dict[str, list[int]] = {"bytes": [], "nodes": [], "listeners": []}

    async def measure(self) -> None:
        # Twice: the second collection frees objects that finalizers released.
        for _ in range(2):
            await self._browser.send("HeapProfiler.collectGarbage")
        heap: dict[str, Any] = await self._browser.send("Runtime.getHeapUsage")
        counters: dict[str, Any] = await self._browser.send("Memory.getDOMCounters")
        self.figures["bytes"].append(int(heap["usedSize"]))
        self.figures["nodes"].append(counters["nodes"])
        self.figures["listeners"].append(counters["jsEventListeners"])

    def growth(self) -> dict[str, float]:
        """Divide the median of the last third by that of the first third after the warm-up."""
        grown = {}
        for name, figures in self.figures.items():
            warm = figures[WARM_UP:]
            third = len(warm) // 3
            grown[name] = round(median(warm[-third:]) / median(warm[:third]), 4)
        return grown


async def probe_of(name: str, page: "Page") -> HeapProbe:
    return HeapProbe(name, await page.context.new_cdp_session(page))


async def test_two_weeks_leave_the_heap_flat(page: "Page", product: Product, relay: Relay) -> None:
    await page.context.clock.install()
    twin, plant = TwinPage(page, product, relay.url), await page.context.new_page()
    for _ in range(FULL // 1000):
        twin.post(1000)
    await twin.open()
    await plant.goto(relay.url)
    probes = [await probe_of("machine", page), await probe_of("plant", plant)]
    before = relay.accepted

    for hour in range(HOURS):
        relay.drop()
        await page.context.clock.fast_forward(HOUR_MS - LIVED_MS)
        twin.post(READINGS_AN_HOUR)
        await page.context.clock.run_for(LIVED_MS)
        await shown(twin, plant)
        if hour % LOOK_EVERY_HOURS == 0:
            for probe in probes:
                await probe.measure()

    for probe in probes:
        log.info("%s: %s %s", probe.name, probe.growth(), probe.figures)
    # Both sockets came back every hour, and no page was loaded anew.
    assert relay.accepted - before >= 2 * HOURS
    assert await page.evaluate("window.isTheSame === true")
    for probe in probes:
        grown = probe.growth()
        assert max(grown.values()) < MAX_GROWTH, (probe.name, grown, probe.figures)


async def shown(twin: TwinPage, plant: "Page") -> None:
    """The newest value is on both pages."""
    newest = f"[data-value='{twin.newest}']"
    for page in (twin.page, plant):
        value = page.locator(f"[data-machine={twin.machine}]{newest}").first
        await value.wait_for(state="attached", timeout=20_000)
