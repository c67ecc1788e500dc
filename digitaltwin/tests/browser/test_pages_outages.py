"""Pages during outages of network, server, Redis or their own tab, and how they catch up."""

import os
import re
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from digitaltwin.tests.browser.chromium import chromium, log_in
from digitaltwin.tests.browser.twin_page import TwinPage
from digitaltwin.tests.support.product import Product, running
from digitaltwin.tests.support.relay import Relay
from sensors.timestamps import now_us

# Without it the marker skips these tests, with the reason.
if TYPE_CHECKING or find_spec("playwright"):
    from playwright.async_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

HEARTBEAT_SECONDS = 1
# Two heartbeats of silence; the page checks twice a second, and a busy machine delays it.
NOTICED_SECONDS = 2 * HEARTBEAT_SECONDS + 1.5
SUSPENDED = timedelta(minutes=10)
WRONG = timedelta(hours=3)
# With a date where midnight lies between.
MOMENT = r"(?:\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d"
LOST = re.compile(rf"^No connection to the server since {MOMENT}\. Reconnecting …$")
DOWN = re.compile(rf"^Live data unavailable\. Values below are from {MOMENT}\.$")
Outage = Callable[[Product, Relay], AbstractAsyncContextManager[None]]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A plant whose machines appear with their first reading, and whose heartbeats are quick."""
    settings = {"AUTO_REGISTER_MACHINES": "true", "HEARTBEAT_SECONDS": str(HEARTBEAT_SECONDS)}
    with running(tmp_path_factory.mktemp("up"), TIME_ZONE="UTC", **settings) as product:
        yield product


@pytest.fixture
async def page(product: Product, relay: Relay) -> AsyncIterator["Page"]:
    """The operator's page behind the network that fails; no script of it ever failed."""
    errors: list[str] = []
    async with chromium() as browser:
        page = await browser.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        await log_in(page, product.facts | {"url": relay.url})
        yield page
    assert errors == []


@pytest.fixture
def twin(page: "Page", product: Product, relay: Relay) -> TwinPage:
    return TwinPage(page, product, relay.url)


# Outages


@asynccontextmanager
async def cable_is_pulled(product: Product, relay: Relay) -> AsyncIterator[None]:
    relay.stall()
    yield
    await relay.mend()


@asynccontextmanager
async def connections_are_refused(product: Product, relay: Relay) -> AsyncIterator[None]:
    relay.refuse()
    yield
    await relay.mend()


@asynccontextmanager
async def server_hangs(product: Product, relay: Relay) -> AsyncIterator[None]:
    with stopped(product.pids("web")[-1]):
        yield


@asynccontextmanager
async def server_is_killed(product: Product, relay: Relay) -> AsyncIterator[None]:
    """kill -9, and `up` starts it again; who asks meanwhile waits at its listening socket."""
    # It would be back before anybody noticed.
    with stopped(product.facts["pid"]):
        product.kill("web")
        yield
    product.wait()


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


@pytest.mark.alone
@pytest.mark.parametrize(
    "outage", [cable_is_pulled, connections_are_refused, server_hangs, server_is_killed]
)
async def test_outage_is_shown_and_made_good(
    twin: TwinPage, product: Product, relay: Relay, outage: Outage
) -> None:
    twin.post(3)
    await twin.open()
    await twin.has_all()

    async with outage(product, relay):
        began, now = time.monotonic(), datetime.now(UTC)
        await expect(twin.banner).to_have_text(LOST, timeout=10_000)
        noticed = time.monotonic() - began
        assert await twin.banner_is_from(now, within=2 * HEARTBEAT_SECONDS)
        assert await twin.greyed()
        if outage in {cable_is_pulled, connections_are_refused}:
            twin.post(40)
            assert await twin.value.text_content() == "2"
    twin.post(2)

    await twin.feed("live", seconds=20)
    await twin.has_all()
    assert noticed < NOTICED_SECONDS
    assert not await twin.greyed()
    await expect(twin.banner).to_be_hidden()


# A tab or a machine that slept: ten minutes pass at once, and the network is not back yet


async def tab_is_frozen(page: "Page") -> None:
    """A tab in the background that the browser stopped: its clocks went on."""
    browser = await page.context.new_cdp_session(page)
    await browser.send("Page.setWebLifecycleState", {"state": "frozen"})
    await page.wait_for_timeout(500)
    await browser.send("Page.setWebLifecycleState", {"state": "active"})
    await page.clock.fast_forward(SUSPENDED.seconds * 1000)


async def computer_sleeps(page: "Page") -> None:
    """A closed laptop: the wall clock went on, the one that counts from the start did not."""
    await page.clock.set_system_time(datetime.now(UTC) + SUSPENDED)


@pytest.mark.alone
@pytest.mark.parametrize("sleep", [tab_is_frozen, computer_sleeps])
async def test_ten_minutes_asleep_are_noticed_at_once_and_made_good(
    twin: TwinPage, page: "Page", relay: Relay, sleep: Callable[["Page"], Awaitable[None]]
) -> None:
    await page.clock.install()
    before = now_us() - int(SUSPENDED.total_seconds() * 1e6)
    twin.post(2, until_us=before)
    await twin.open()
    await twin.has_all()

    relay.stall()
    twin.post(590, seconds_apart=1)
    await sleep(page)
    began = time.monotonic()
    await expect(twin.banner).to_have_text(LOST, timeout=10_000)
    noticed = time.monotonic() - began
    assert await twin.greyed()
    assert await twin.value.text_content() == "1"
    relay.drop()
    await relay.mend()

    await twin.feed("live", seconds=20)
    await twin.has_all()
    assert noticed < NOTICED_SECONDS - 2 * HEARTBEAT_SECONDS
    assert await twin.age() < 60


@pytest.mark.parametrize("wrong", [WRONG, -WRONG])
async def test_ages_are_right_where_the_clock_of_the_browser_is_wrong(
    twin: TwinPage, page: "Page", relay: Relay, wrong: timedelta
) -> None:
    await page.clock.install(time=datetime.now(UTC) + wrong)
    twin.post(1, until_us=now_us() - 100_000_000)
    twin.post(1, until_us=now_us() - 20_000_000)
    await twin.open()
    assert 20 <= await twin.age() < 40
    await twin.has_all()

    relay.drop()
    twin.post(1)

    await twin.has_all()
    assert await twin.age() < 15
    shown = await page.locator("[data-part=clock]").text_content()
    assert abs(datetime.fromisoformat(f"{shown}+00:00") - datetime.now(UTC)) < timedelta(seconds=5)


@pytest.mark.redis
async def test_outage_of_redis_is_shown_and_made_good(twin: TwinPage, product: Product) -> None:
    twin.post(1)
    await twin.open()

    with stopped(int((product.data / "redis" / "redis.pid").read_text())):
        now = datetime.now(UTC)
        await expect(twin.banner).to_have_text(DOWN, timeout=5000)
        assert await twin.banner_is_from(now, within=3 * HEARTBEAT_SECONDS)
        assert await twin.greyed()
    await expect(twin.banner).to_be_hidden(timeout=15_000)
    twin.post(1)

    await twin.has_all()
