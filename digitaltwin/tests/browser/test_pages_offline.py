"""Opening a page while the server is away: our own words, no values, and back by itself."""

from collections.abc import AsyncIterator, Callable, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from digitaltwin.tests.browser.chromium import chromium, log_in
from digitaltwin.tests.browser.twin_page import TwinPage
from digitaltwin.tests.support.product import Product, running
from digitaltwin.tests.support.relay import Relay

# Without it the marker skips these tests, with the reason.
if TYPE_CHECKING or find_spec("playwright"):
    from playwright.async_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

AWAY = "The server cannot be reached"
# Waits for the service worker; only its caches keep anything.
KEPT = """async () => {
  await navigator.serviceWorker.ready;
  const names = await caches.keys();
  const found = await Promise.all(names.map(async (name) => (await caches.open(name)).keys()));
  return found.flat().map(({ url }) => new URL(url).pathname);
}"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(tmp_path_factory.mktemp("up"), AUTO_REGISTER_MACHINES="true") as product:
        yield product


@pytest.fixture
async def page(product: Product, relay: Relay) -> AsyncIterator["Page"]:
    async with chromium() as browser:
        page = await browser.new_page()
        await log_in(page, product.facts | {"url": relay.url})
        yield page


@pytest.mark.parametrize("fail", [Relay.refuse, Relay.answer_502, Relay.stall])
async def test_reload_without_a_server_says_so_and_comes_back(
    page: "Page", product: Product, relay: Relay, fail: Callable[[Relay], None]
) -> None:
    twin = TwinPage(page, product, relay.url)
    twin.post(1)
    await twin.open()
    await page.keyboard.press("2")
    await page.wait_for_url("**/?minutes=60")
    asked = page.url
    await page.evaluate(KEPT)

    fail(relay)
    await page.reload(timeout=60_000)
    await expect(page.get_by_role("heading", name=AWAY)).to_be_visible()
    assert await page.locator("[data-value]").count() == 0
    await expect(page.locator("[data-part=attempts]")).to_have_text("1", timeout=10_000)
    width = "() => getComputedStyle(document.querySelector('main')).maxWidth"
    assert await page.evaluate(width) == "640px"
    twin.post(1)
    await relay.mend()

    await twin.feed("live", seconds=30)
    assert page.url == asked
    await expect(twin.value).to_have_text("1")


async def test_nothing_but_the_page_is_kept(page: "Page", relay: Relay) -> None:
    kept = await page.evaluate(KEPT)

    await page.goto(f"{relay.url}/admin/")
    await page.goto(relay.url)

    static = [path for path in kept if path != "/offline/"]
    assert all(path.startswith("/static/") for path in static)
    assert len(static) == 7
    assert await page.evaluate(KEPT) == kept
