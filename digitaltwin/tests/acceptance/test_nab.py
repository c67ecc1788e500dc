"""Real input: a machine's temperature as NAB recorded it, through HTTP into a fresh instance.

The file gives twelve time stamps twice (an hour that its clock was put back) with other values.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from digitaltwin.tests.support.product import Product, running
from digitaltwin.tests.support.recordings import NAB, cells, replay, stored
from sensors.timestamps import SECOND_US, format_us, from_datetime, now_us, parse_rfc3339

BATCH = 1000
MACHINE = "NAB-001"

pytestmark = pytest.mark.slow


def recorded() -> list[tuple[int, float]]:
    """(microseconds since 1970 UTC, degrees Fahrenheit) of each row of the file."""
    return [
        (
            from_datetime(datetime.fromisoformat(row["timestamp"]).replace(tzinfo=UTC)),
            float(row["value"]),
        )
        for row in cells(NAB)
    ]


def first_of_each(rows: list[tuple[int, float]]) -> dict[int, float]:
    """Time -> degrees Celsius of the rows that stay, oldest first."""
    kept: dict[int, float] = {}
    for at, fahrenheit in rows:
        kept.setdefault(at, (fahrenheit - 32) * 5 / 9)
    return dict(sorted(kept.items()))


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    with running(tmp_path / "data", AUTO_REGISTER_MACHINES="true") as product:
        yield product


def test_nab_is_stored_as_recorded_but_for_twelve_conflicts(product: Product) -> None:
    recording = first_of_each(recorded())

    begun = now_us()
    said = replay(product, NAB, MACHINE, "--map", "value=temperature:fahrenheit", "--speed", "0")

    assert said == (
        "Replayed 22,695 readings as NAB-001: 22,683 accepted, 0 late, 0 duplicate, "
        "12 conflicting, 0 refused.\n"
    )
    ended = now_us()
    rows = stored(product, MACHINE)
    assert len(rows) == 22_683
    times = [parse_rfc3339(row["timestamp"]) for row in rows]
    assert begun <= times[-1] <= ended
    shift = times[-1] - max(recording)
    assert times == [at + shift for at in recording]
    assert [row["value"] for row in rows] == pytest.approx(list(recording.values()), rel=1e-12)


def shifted() -> list[dict[str, Any]]:
    """The file's rows as a device sends them, the last one measured a second ago."""
    rows = recorded()
    shift = now_us() - SECOND_US - rows[-1][0]
    return [
        {
            "sensor_type": "temperature",
            "value": value,
            "unit": "fahrenheit",
            "timestamp": format_us(at + shift),
        }
        for at, value in rows
    ]


def post(product: Product, rows: list[dict[str, Any]]) -> None:
    with product.device() as device:
        for at in range(0, len(rows), BATCH):
            answer = device.post(
                "/api/v1/sensors/readings/batch?partial=true",
                json={"machine_id": MACHINE, "readings": rows[at : at + BATCH]},
            )
            assert answer.status_code in (201, 207), answer.text


@contextmanager
def browser_page() -> Iterator[Any]:
    """A page of headless Chromium."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"),
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        try:
            yield browser.new_page()
        finally:
            browser.close()


@pytest.mark.browser
def test_nab_is_followed_by_the_machine_page_to_its_last_value(product: Product) -> None:
    rows = shifted()
    post(product, rows[:BATCH])
    with browser_page() as page:
        page.goto(f"{product.url}/machines/{MACHINE}/")
        page.fill("input[name=username]", product.facts["operator"]["username"])
        page.fill("input[name=password]", product.facts["operator"]["password"])
        page.click("form[method=post] button.button--main")
        page.wait_for_selector(f"[data-timestamp='{rows[BATCH - 1]['timestamp']}']")

        post(product, rows[BATCH:])

        page.wait_for_selector(f"[data-timestamp='{rows[-1]['timestamp']}']", timeout=15_000)
        shown = page.locator(f"[data-timestamp='{rows[-1]['timestamp']}']").first
        last = float(shown.get_attribute("data-value"))
    assert last == pytest.approx((96.90386085 - 32) * 5 / 9, rel=1e-12)
