"""A machine's page as an operator watches it, and its content after an outage."""

import re
from datetime import UTC, datetime, time
from itertools import count
from typing import TYPE_CHECKING

from digitaltwin.tests.support.product import Product
from sensors.timestamps import format_us, now_us

if TYPE_CHECKING:
    from playwright.async_api import Page

BATCH = "/api/v1/sensors/readings/batch"
SENSOR, UNIT = "speed", "rpm"
# All charts of a page are joined under one key, so that they share the crosshair.
CHARTED = """async (sensor) => {
  const { default: uPlot } = await import("/static/vendor/uplot-1.6.32/uPlot.esm.js");
  const charts = uPlot.sync("twin").plots;
  const plot = charts.find((one) => one.root.closest("[data-chart]").dataset.chart === sensor);
  return plot.data[1].filter((value) => value !== null);
}"""
# The values of so many readings differ; the range of speeds ends there.
MOST = 1000
_machines = count(1)


class TwinPage:
    """A machine of its own, of which readings 0, 1, 2 … are posted, and its page."""

    def __init__(self, page: "Page", product: Product, url: str) -> None:
        self.page = page
        self.machine = f"OUT-{next(_machines):03d}"
        self.posted = 0
        self._product = product
        self._url = url
        self.banner = page.locator("[data-part=banner]")
        self.value = page.locator(f"[data-machine={self.machine}][data-sensor={SENSOR}]")

    def post(self, number: int, *, seconds_apart: float = 0, until_us: int | None = None) -> None:
        """So many readings past the network that fails; the newest measured at `until_us` (now)."""
        last, apart = until_us or now_us(), int(seconds_apart * 1e6) or 1
        rows = [
            {
                "sensor_type": SENSOR,
                "value": (self.posted + at) % MOST,
                "unit": UNIT,
                "timestamp": format_us(last - (number - 1 - at) * apart),
            }
            for at in range(number)
        ]
        with self._product.device() as device:
            answer = device.post(BATCH, json={"machine_id": self.machine, "readings": rows})
        assert answer.status_code == 201, answer.text[:300]
        self.posted += number

    @property
    def newest(self) -> int:
        return (self.posted - 1) % MOST

    async def open(self) -> None:
        """Watched live; a mark in the window is gone after any reload."""
        await self.page.goto(f"{self._url}/machines/{self.machine}/")
        await self.feed("live")
        await self.page.evaluate("window.isTheSame = true")

    async def feed(self, state: str, *, seconds: float = 5) -> None:
        main = self.page.locator(f"main[data-feed={state}]")
        await main.wait_for(state="attached", timeout=seconds * 1000)

    async def greyed(self) -> bool:
        style = "node => getComputedStyle(node.closest('.value')).filter"
        return bool(await self.value.evaluate(style) == "grayscale(1)")

    async def banner_is_from(self, now: datetime, *, within: float) -> bool:
        """Whether the time in the banner is at most so many seconds before or after `now` (UTC)."""
        text = await self.banner.inner_text()
        shown = next(map(time.fromisoformat, re.findall(r"\d\d:\d\d:\d\d", text)))
        moment = datetime.combine(now, shown, UTC)
        away = abs((moment - now).total_seconds())
        return min(away, abs(away - 86_400)) <= within + 1

    async def age(self) -> int:
        """Read the age of the newest reading in seconds, from a text such as `7 s` or `1 min`."""
        row = self.page.locator(f"[data-row='{self.machine}/{SENSOR}'] [data-part=age]")
        number, unit = (await row.inner_text()).split()[:2]
        return int(number) * {"s": 1, "min": 60, "h": 3600}[unit]

    async def has_all(self, *, seconds: float = 20) -> None:
        """Until every reading is charted; then: each once, in order, without a reload."""
        await self.page.wait_for_function(
            "([sensor, number]) => Number(document.querySelector"
            "(`[data-chart=${sensor}]`).dataset.points) >= number",
            arg=[SENSOR, self.posted],
            timeout=seconds * 1000,
        )
        assert await self.page.evaluate(CHARTED, SENSOR) == list(range(self.posted))
        assert await self.value.text_content() == str(self.newest)
        assert await self.page.evaluate("window.isTheSame === true")
