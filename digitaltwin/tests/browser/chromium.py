"""Debian's Chromium, driven by playwright; and the operator who logs in with it."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from digitaltwin.tests.support import backends

# Without it the marker skips the tests that come here, with the reason.
if TYPE_CHECKING or find_spec("playwright"):
    from playwright.async_api import Browser, Page, async_playwright, expect

    # Twice playwright's own: other tests run beside, and a failing test may wait longer.
    expect.set_options(timeout=10_000)

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@asynccontextmanager
async def chromium() -> AsyncIterator["Browser"]:
    program = next(filter(None, map(shutil.which, backends.CHROMIUM)))
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        await browser.close()


# The session of each user who logged in, by password: a login takes a second of CPU.
_sessions: dict[str, str] = {}


async def log_in(page: "Page", facts: dict[str, Any]) -> None:
    """Log in as the first user of `up.json`; ends on the plant's page.

    After the first login of a user, further pages get the cookie of that session.
    """
    url, operator = facts["url"].rstrip("/"), facts["operator"]
    if session := _sessions.get(operator["password"]):
        await page.context.add_cookies([{"name": "sessionid", "value": session, "url": url}])
        await page.goto(f"{url}/")
        return
    await page.goto(f"{url}/login/")
    await page.get_by_label("User name").fill(operator["username"])
    await page.get_by_label("Password").fill(operator["password"])
    await page.locator("main button").click()
    await page.wait_for_url(f"{url}/")
    cookies = {cookie["name"]: cookie["value"] for cookie in await page.context.cookies()}
    _sessions[operator["password"]] = cookies["sessionid"]
