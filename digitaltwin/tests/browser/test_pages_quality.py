"""Every page in every theme: accessible, light, quick and still, as a browser measures it."""

import gzip
import logging
import os
from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from django.test import RequestFactory
from django.views.defaults import server_error

from digitaltwin.tests.browser.chromium import chromium, log_in
from digitaltwin.tests.support.product import Product, running

if TYPE_CHECKING or find_spec("playwright"):
    from axe_playwright_python.async_playwright import Axe
    from playwright.async_api import Browser, Page, Route

log = logging.getLogger(__name__)
pytestmark = [pytest.mark.browser, pytest.mark.slow]

PAGES = (
    "/",
    "/?order=urgency",
    "/machines/CNC-001/",
    "/machines/ZZZ-999/",
    "/account/",
    "/password/",
    "/admin/",
)
OPEN_PAGES = ("/login/", "/offline/", "/broken/")
THEMES = ("light", "dark", "contrast")
MAX_BYTES = 150_000
FIRST_PAINT_MS = 500
MAX_SHIFT = 0.01
# The best of some loads counts: other work of the machine delays a paint, and a reading that turns
# bad during a load adds a line.
LOOKS = 4
# Time for the changes after the first paint: the greeting, the charts, the sparks.
SETTLE_MS = 1500
SHIFTS = """() => new Promise((resolve) => {
  const seen = [];
  const observer = new PerformanceObserver((list) => seen.push(...list.getEntries()));
  observer.observe({ type: "layout-shift", buffered: true });
  setTimeout(() => resolve(seen.map(({ value }) => value)), 200);
})"""
LOADED = """() => [location.href, ...performance.getEntriesByType("resource")
  .map(({ name }) => name).filter((name) => name.startsWith(location.origin))]"""
# Waits: a page is loaded before it is painted.
PAINT = """() => new Promise((resolve) => {
  const observer = new PerformanceObserver((list) => {
    const first = list.getEntriesByName("first-contentful-paint")[0];
    if (first) resolve(first.startTime);
  });
  observer.observe({ type: "paint", buffered: true });
})"""


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """A plant at work."""
    with running(tmp_path_factory.mktemp("up"), "--demo") as product:
        yield product


@pytest.fixture
def developers_product(tmp_path: Path) -> Iterator[Product]:
    """Run a product with DEBUG, which has the style page."""
    with running(tmp_path / "up", "--demo", DEBUG="true") as product:
        yield product


@pytest.fixture
async def browser() -> AsyncIterator["Browser"]:
    async with chromium() as browser:
        yield browser


@pytest.fixture
async def page(browser: "Browser", product: Product) -> "Page":
    page = await browser.new_page()
    await log_in(page, product.facts)
    return page


@pytest.mark.parametrize("theme", THEMES)
async def test_pages_have_no_accessibility_violations(
    page: "Page", product: Product, theme: str
) -> None:
    await choose(page, theme, product.url)

    found = [await violations(page, f"{product.url}{path}") for path in PAGES]

    assert list(chain(*found)) == []


async def choose(page: "Page", theme: str, url: str) -> None:
    await page.context.add_cookies([{"name": "theme", "value": theme, "url": url}])


async def violations(page: "Page", url: str) -> list[str]:
    await page.goto(url)
    await page.wait_for_timeout(SETTLE_MS)
    answer = await Axe().run(page)
    return [
        f"{url} {one['id']}: {node['html'][:120]} {[why['message'] for why in node['any']]}"
        for one in answer.response["violations"]
        for node in one["nodes"]
    ]


async def test_every_state_of_every_component_is_accessible(
    browser: "Browser", developers_product: Product
) -> None:
    page = await browser.new_page()
    await log_in(page, developers_product.facts)
    found = []
    for theme in THEMES:
        await choose(page, theme, developers_product.url)
        found += await violations(page, f"{developers_product.url}/style/")

    assert found == []


@pytest.mark.parametrize("theme", THEMES)
async def test_pages_without_a_login_have_no_accessibility_violations(
    browser: "Browser", product: Product, theme: str
) -> None:
    # Requests of a service worker would bypass the routes.
    context = await browser.new_context(service_workers="block")
    page = await context.new_page()
    await choose(page, theme, product.url)
    # The page of an error has no cookie to choose by.
    await page.emulate_media(color_scheme="dark" if theme == "dark" else "light")
    await context.route("**/broken/", broken)
    # The offline page leaves as soon as the server answers.
    await context.route("**/health/live", lambda route: route.abort())

    found = [await violations(page, f"{product.url}{path}") for path in OPEN_PAGES]

    assert list(chain(*found)) == []


async def broken(route: "Route") -> None:
    """Return the page that Django answers when a view fails."""
    answer = server_error(RequestFactory().get("/broken/"))
    await route.fulfill(status=500, content_type="text/html", body=answer.content)


async def test_refusal_has_no_accessibility_violations(browser: "Browser", page: "Page") -> None:
    stranger = {"username": "stranger", "password": "nobody knows this one"}
    url = page.url.rstrip("/")
    await page.goto(f"{url}/admin/auth/user/add/")
    await page.get_by_label("Username").fill(stranger["username"])
    await page.get_by_label("Password:").fill(stranger["password"])
    await page.get_by_label("Password confirmation").fill(stranger["password"])
    await page.get_by_role("button", name="Save", exact=True).click()
    refused = await browser.new_page()
    await log_in(refused, {"url": url, "operator": stranger})
    found = []

    for theme in THEMES:
        await choose(refused, theme, url)
        found += await violations(refused, f"{url}/")

    assert await refused.locator(".error__code").text_content() == "403"
    assert found == []


@pytest.mark.alone
@pytest.mark.parametrize("path", ["/", "/machines/CNC-001/"])
async def test_page_is_light_quick_and_still(page: "Page", product: Product, path: str) -> None:
    looks = [await look(page, f"{product.url}{path}") for _ in range(LOOKS)]
    sizes = [await compressed(page, url) for url in await page.evaluate(LOADED)]

    paints, shifts = zip(*looks, strict=True)
    found = {"bytes": sum(sizes), "paint_ms": paints, "shift": shifts}
    log.info("%s: %s", path, found)
    assert sum(sizes) < MAX_BYTES, found
    assert min(paints) < FIRST_PAINT_MS * crowding(), found
    assert min(shifts) < MAX_SHIFT, found


def crowding() -> float:
    """Return the load of each core, at least 1: on a busy machine the page paints later."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))


async def look(page: "Page", url: str) -> tuple[float, float]:
    """Measure the first paint in ms, and the layout shift until the page has settled."""
    await page.goto(url)
    paint = float(await page.evaluate(PAINT))
    await page.wait_for_timeout(SETTLE_MS)
    return paint, sum(await page.evaluate(SHIFTS))


async def compressed(page: "Page", url: str) -> int:
    """Sum the compressed bytes of the files that the page loaded from this server."""
    answer = await page.context.request.get(url)
    return len(gzip.compress(await answer.body()))
