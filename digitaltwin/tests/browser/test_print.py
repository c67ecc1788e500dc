"""A machine on paper: the print version of its page."""

from collections.abc import AsyncIterator, Iterator
from importlib.util import find_spec
from typing import TYPE_CHECKING

import pytest

from digitaltwin.tests.browser.chromium import chromium, log_in
from digitaltwin.tests.browser.test_pages_quality import THEMES, choose
from digitaltwin.tests.support.product import Product, running

if TYPE_CHECKING or find_spec("playwright"):
    from playwright.async_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow]

MACHINE = "/machines/CNC-001/"
CHROME = (".topbar", ".foot", ".machine__tools .choice", ".machine__head .button", ".sensor a")
COLOURS = """() => [...document.querySelectorAll("body, h1, .value__number, .age, .state__quality")]
  .map((node) => getComputedStyle(node).color).filter((colour) => colour !== "rgb(0, 0, 0)")"""
PAPER = "() => getComputedStyle(document.body).backgroundColor"
# The lightest full point of a chart: the control room's lines are white, as paper is.
LIGHTEST = """() => {
  const canvas = document.querySelector("[data-chart] canvas");
  const points = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  let lightest = 0;
  for (let at = 0; at < points.length; at += 4) {
    if (points[at + 3] === 255) lightest = Math.max(lightest, points[at]);
  }
  return lightest;
}"""
COUNT_PRINTS = "window.printed = 0; window.print = () => { window.printed += 1; };"


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    with running(tmp_path_factory.mktemp("up"), "--demo") as product:
        yield product


@pytest.fixture
async def page(plant: Product) -> AsyncIterator["Page"]:
    async with chromium() as browser:
        page = await browser.new_page()
        await log_in(page, plant.facts)
        await page.add_init_script(COUNT_PRINTS)
        yield page


async def open_machine(page: "Page", plant: Product) -> None:
    await page.goto(plant.url + MACHINE)
    await expect(page.locator("main[data-feed=live]")).to_be_attached()


@pytest.mark.parametrize("theme", THEMES)
async def test_paper_has_the_values_and_no_chrome_in_every_theme(
    page: "Page", plant: Product, theme: str
) -> None:
    await choose(page, theme, plant.url)
    await open_machine(page, plant)

    await page.emulate_media(media="print")

    for part in CHROME:
        assert await page.locator(f"{part}:visible").count() == 0, part
    for part in ("h1", ".machine__state", ".value__number", ".value__unit", ".age", "canvas"):
        await expect(page.locator(part).first).to_be_visible()
    await expect(page.get_by_text("Printed")).to_be_visible()
    await expect(page.locator(".feedbar__clock")).to_contain_text("UTC")
    assert await page.evaluate(COLOURS) == []
    assert await page.evaluate(PAPER) == "rgb(255, 255, 255)"


async def test_charts_are_dark_on_paper_and_light_again_on_screen(
    page: "Page", plant: Product
) -> None:
    await choose(page, "contrast", plant.url)
    await open_machine(page, plant)
    await expect(page.locator("[data-chart]").first).not_to_have_attribute("data-points", "0")
    await page.wait_for_timeout(1500)
    on_screen = await page.evaluate(LIGHTEST)

    await page.evaluate("() => dispatchEvent(new Event('beforeprint'))")
    on_paper = await page.evaluate(LIGHTEST)
    await page.evaluate("() => dispatchEvent(new Event('afterprint'))")

    assert on_paper < 240 < on_screen
    assert await page.evaluate(LIGHTEST) == on_screen
    await expect(page.locator("body")).to_have_class("theme-contrast")


async def test_button_and_key_print(page: "Page", plant: Product) -> None:
    await open_machine(page, plant)

    await page.get_by_role("button", name="Print").click()
    await page.keyboard.press("d")

    assert await page.evaluate("() => window.printed") == 2


async def test_screen_shows_no_word_of_the_paper(page: "Page", plant: Product) -> None:
    await open_machine(page, plant)

    await expect(page.get_by_text("Printed")).not_to_be_visible()
    await expect(page.get_by_text("Server time")).to_be_visible()
