"""Swagger UI and ReDoc in a real browser, under their policy and without the internet."""

from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx
import pytest

from digitaltwin.site.middleware import OPENAPI_POLICY
from digitaltwin.tests.browser.chromium import chromium
from digitaltwin.tests.support.product import Product, running

# Without it the marker skips these tests, with the reason.
if TYPE_CHECKING or find_spec("playwright"):
    from playwright.async_api import ConsoleMessage, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(tmp_path_factory.mktemp("up"), API_DOCS="true") as product:
        yield product


def complaints(said: "ConsoleMessage") -> list[str]:
    """Collect the browser's messages about refused addresses and violations of the policy."""
    return [f"{said.text} {said.location}"] if said.type in ("error", "warning") else []


@pytest.fixture
async def page(product: Product) -> AsyncIterator["Page"]:
    """A page of nobody; afterwards nothing went wrong in it and nobody else was asked."""
    troubles: list[str] = []
    asked: set[str] = set()
    async with chromium() as browser:
        page = await browser.new_page()
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda said: troubles.extend(complaints(said)))
        page.on("request", lambda request: asked.add(request.url))
        yield page
    hosts = {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:"))}
    assert troubles == []
    assert hosts == {urlsplit(product.url).netloc}


async def test_swagger_tries_an_operation_out(page: "Page", product: Product) -> None:
    await page.goto(f"{product.url}/docs")
    await page.get_by_role("button", name="Authorize").first.click()
    key = page.locator("#auth-bearer-value").first
    await key.fill(product.facts["device_key"])
    await page.locator(".modal-ux .auth-btn-wrapper .authorize").first.click()
    await expect(page.get_by_role("heading", name="Authorized").first).to_be_visible()
    await page.locator(".modal-ux .btn-done").first.click()

    health = page.locator("#operations-Health-get_health")
    await health.locator(".opblock-summary-control").click()
    await health.get_by_role("button", name="Try it out").click()
    await health.get_by_role("button", name="Execute").click()

    status = health.locator(".live-responses-table .response .response-col_status")
    await expect(status).to_contain_text("200")
    await expect(health.locator(".live-responses-table")).to_contain_text('"healthy"')


async def test_redoc_shows_and_searches(page: "Page", product: Product) -> None:
    await page.goto(f"{product.url}/redoc")
    await expect(page.get_by_role("heading", name="Send one reading")).to_be_visible(timeout=20_000)

    await page.get_by_placeholder("Search...").fill("batch")

    found = page.locator("[data-role='search:results']")
    await expect(found).to_contain_text("Send many readings")


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_documents_have_their_policy(product: Product, path: str) -> None:
    answer = httpx.get(f"{product.url}{path}")

    assert answer.status_code == 200
    assert answer.headers["content-security-policy"] == OPENAPI_POLICY
