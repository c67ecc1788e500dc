"""Screenshots of every page in every theme, for review and for the documents.

    python -m digitaltwin.tests.support.screenshots [--data DIR] [--into DIR] [--only PAGE] ...

takes them from a running `up` (its data folder), or from a plant that it starts and ends.
Without a page, theme or size it makes those of docs/screenshots: every page in every theme, some
pages in a phone's size, and each failure. `--every` makes every page in every theme and size.
"""

import argparse
import asyncio
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, BrowserContext

from digitaltwin.tests.browser.chromium import chromium, log_in
from digitaltwin.tests.support.product import Product, running
from digitaltwin.tests.support.screenshots_of_failures import take_failures
from digitaltwin.tests.support.servers import wait_for

PAGES = {
    "plant": "/",
    "urgency": "/?order=urgency",
    "machine": "/machines/CNC-001/",
    "wall": "/?kiosk=1&order=urgency",
    "style": "/style/",
    "account": "/account/",
    "password": "/password/",
    "login": "/login/",
    "admin": "/admin/",
}
THEMES = ("light", "dark", "contrast")
SIZES = {"wide": (1280, 800), "phone": (390, 844)}
# The files of docs/screenshots, apart from the failures.
DOCUMENTED = {
    **{
        f"{name}-{theme}": (name, theme, "wide")
        for name in PAGES
        if name != "style"
        for theme in THEMES
    },
    "plant-phone": ("plant", "light", "phone"),
    "machine-phone": ("machine", "dark", "phone"),
}
# Time for the first live values and charts.
SETTLE_MS = 2500
WARM_READINGS = 40


class Photographer:
    """Browser session of the operator that saves screenshots of pages."""

    def __init__(self, browser: Browser, facts: dict[str, Any], into: Path) -> None:
        self._browser = browser
        self._facts = facts
        self._into = into

    async def take(self, file: str, picture: tuple[str, str, str]) -> None:
        """Save `file`.png of a page in a theme and a size."""
        name, theme, size = picture
        context = await self._context(theme, size)
        page = await context.new_page()
        if name != "login":
            await log_in(page, self._facts)
        await page.goto(f"{self._url}{PAGES[name]}")
        await page.wait_for_timeout(SETTLE_MS)
        path = self._into / f"{file}.png"
        await page.screenshot(
            path=path, full_page=name in {"style"} or (name != "plant" and size == "phone")
        )
        await context.close()

    @property
    def _url(self) -> str:
        return str(self._facts["url"]).rstrip("/")

    async def _context(self, theme: str, size: str) -> BrowserContext:
        width, height = SIZES[size]
        context = await self._browser.new_context(viewport={"width": width, "height": height})
        await context.add_cookies([{"name": "theme", "value": theme, "url": self._url}])
        return context


@contextmanager
def plant() -> Iterator[Product]:
    """Run a simulated plant with some history."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder), "--demo") as started:
        _warm_up(started)
        yield started


def _warm_up(started: Product) -> None:
    """Wait until the charts have readings to show."""
    rows = {"machine_id": "CNC-001", "sensor_type": "temperature", "limit": "1000"}
    with started.operator() as operator:
        wait_for(
            lambda: (
                len(operator.get("/api/v1/sensors/readings", params=rows).json()["results"])
                >= WARM_READINGS
            ),
            what="the plant has some history",
            seconds=300,
        )


async def photograph(
    arguments: argparse.Namespace, facts: dict[str, Any], own: Product | None = None
) -> None:
    """Save the requested screenshots; failures only of a plant that this program started."""
    into = Path(arguments.into)
    async with chromium() as browser:
        photographer = Photographer(browser, facts, into)
        pictures = wanted(arguments)
        for file, picture in pictures.items():
            await photographer.take(file, picture)
        if own and pictures is DOCUMENTED:
            await take_failures(browser, own, into)


def wanted(arguments: argparse.Namespace) -> dict[str, tuple[str, str, str]]:
    """Map each file to its page, theme and size."""
    if not (arguments.every or arguments.only or arguments.theme or arguments.size):
        return DOCUMENTED
    chosen = product(arguments.only or PAGES, arguments.theme or THEMES, arguments.size or SIZES)
    return {"-".join(picture): picture for picture in chosen}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", help="the data folder of a running `up`")
    parser.add_argument("--into", default="docs/screenshots")
    parser.add_argument("--only", action="append", choices=PAGES)
    parser.add_argument("--theme", action="append", choices=THEMES)
    parser.add_argument("--size", action="append", choices=SIZES)
    parser.add_argument("--every", action="store_true")
    arguments = parser.parse_args()
    Path(arguments.into).mkdir(parents=True, exist_ok=True)
    if arguments.data:
        facts = json.loads((Path(arguments.data) / "up.json").read_text())
        asyncio.run(photograph(arguments, facts))
        return
    with plant() as own:
        asyncio.run(photograph(arguments, own.facts, own))


if __name__ == "__main__":
    main()
