"""Screenshots of failures: server away, session ended, no machine, not found, forbidden."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from digitaltwin.tests.browser.chromium import log_in
from digitaltwin.tests.support.product import Product, running
from digitaltwin.tests.support.relay import relayed
from digitaltwin.tests.support.servers import ROOT, environment

MACHINE = "/machines/CNC-001/"
VISITOR = {"username": "visitor", "password": "nobody-gave-me-a-role-4711"}
MAKE_VISITOR = """
from django.contrib.auth import get_user_model
get_user_model().objects.create_user(**{!r})
"""
NOTICED_MS = 20_000


async def take_failures(browser: Browser, product: Product, into: Path) -> None:
    """Save `failure-*.png` of a running plant, and of a plant without machines."""
    await _server_away(browser, product, into)
    await _not_there_or_not_allowed(browser, product, into)
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as empty:
        page = await _page(browser, empty.facts)
        await _save(page, into, "failure-no-machine-yet")


async def _server_away(browser: Browser, product: Product, into: Path) -> None:
    async with relayed(product.url) as relay:
        page = await _page(browser, product.facts | {"url": relay.url})
        await page.goto(f"{relay.url}{MACHINE}")
        await page.wait_for_selector("[data-live][data-feed=live]")
        await page.evaluate("() => navigator.serviceWorker.ready")
        relay.refuse()
        await page.wait_for_selector("[data-live][data-feed=lost]", timeout=NOTICED_MS)
        await _save(page, into, "failure-feed-lost")
        await page.reload()
        await page.wait_for_selector("main.error")
        await _save(page, into, "failure-server-away")
        await relay.mend()
        await page.wait_for_selector("[data-live][data-feed=live]", timeout=2 * NOTICED_MS)
        # An open page notices the end of its session and leads to the login.
        await page.context.clear_cookies(name="sessionid")
        relay.drop()
        await page.wait_for_url("**/login/?next=*", timeout=2 * NOTICED_MS)
        await _save(page, into, "failure-session-ended")


async def _not_there_or_not_allowed(browser: Browser, product: Product, into: Path) -> None:
    page = await _page(browser, product.facts)
    await page.goto(f"{product.url}/machines/ZZZ-999/")
    await _save(page, into, "failure-not-there")
    _make_visitor(product)
    page = await browser.new_page()
    await page.goto(f"{product.url}/login/")
    await page.get_by_label("User name").fill(VISITOR["username"])
    await page.get_by_label("Password").fill(VISITOR["password"])
    await page.locator("main button").click()
    await page.wait_for_selector("main.error")
    await _save(page, into, "failure-not-allowed")


def _make_visitor(product: Product) -> None:
    """Create a user without a role."""
    code = MAKE_VISITOR.format(VISITOR)
    command = [sys.executable, os.fspath(ROOT / "manage.py"), "shell", "-v0", "-c", code]
    subprocess.run(command, env=environment(DATA_DIR=str(product.data)), check=True)


async def _page(browser: Browser, facts: dict[str, Any]) -> Page:
    page = await browser.new_page(viewport={"width": 1280, "height": 800})
    await log_in(page, facts)
    return page


async def _save(page: Page, into: Path, name: str) -> None:
    await page.screenshot(path=into / f"{name}.png")
