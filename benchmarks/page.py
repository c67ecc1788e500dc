"""Smoothness of the plant page in a browser while its machines report.

    python -m benchmarks.page [--machines 500] [--rate 1000] [--minutes 10] [--path /]
    python -m benchmarks.page --peer node-red ...

starts the product as it is shipped, or a peer, and a simulated plant, opens the page in Chromium,
uses it all the while as an operator does (types into the search, moves by Tab, scrolls), and
prints one JSON object. The browser, the server and the plant share the machine.
"""

import argparse
import asyncio
import json
import logging
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.async_api import CDPSession, Page

from benchmarks.node_red import node_red
from digitaltwin.tests.browser.chromium import chromium, log_in
from digitaltwin.tests.support.product import Product, running
from digitaltwin.tests.support.servers import ROOT, environment, stop

log = logging.getLogger(__name__)

# Long tasks are those over 50 ms (W3C Long Tasks); an event's duration runs to its next paint and
# comes in steps of 8 ms (W3C Event Timing).
OBSERVE = """() => {
  globalThis.seen = { tasks: [], inputs: [], frames: [], last: 0 };
  const durations = (entries) => entries.map((one) => one.duration);
  new PerformanceObserver((list) => seen.tasks.push(...durations(list.getEntries())))
    .observe({ type: "longtask" });
  const inputs = ["keydown", "keyup", "input"];
  const counted = (name) => performance.eventCounts.get(name) ?? 0;
  const count = () => inputs.map(counted).reduce((a, b) => a + b);
  const before = count();
  seen.count = () => count() - before;
  new PerformanceObserver((list) => {
    seen.inputs.push(...durations(list.getEntries().filter(({ name }) => inputs.includes(name))));
  }).observe({ type: "event", durationThreshold: 16 });
  const frame = (now) => {
    if (seen.last) seen.frames.push(now - seen.last);
    seen.last = now;
    requestAnimationFrame(frame);
  };
  requestAnimationFrame(frame);
}"""
REGISTER = """
from sensors.devices.simulation.plant import Plant
from sensors.management.demo_plant import register
register(Plant(machines={}, seed=1))
"""
# Until every machine has reported.
WARM_SECONDS = 10
FRAME_MS = 1000 / 60
SETTLE_SECONDS = 10
READY_MS = 120_000
SEARCHES = ("cnc", "mill", "line 2", "")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--machines", type=int, default=500, help="default: 500")
    parser.add_argument("--rate", type=float, default=1000, help="readings a second in total")
    parser.add_argument("--minutes", type=float, default=10, help="how long it is watched")
    parser.add_argument("--path", default="/", help="the page, / by default")
    parser.add_argument("--peer", choices=["node-red"], help="look at a peer's page instead")
    options = parser.parse_args()
    logging.basicConfig(format="%(message)s")
    log.setLevel(logging.INFO)
    seconds = options.minutes * 60
    if options.peer:
        with node_red(options.machines, options.rate) as url:
            found = asyncio.run(watch(url, "text=temperature", seconds=seconds))
    else:
        with plant(options.machines, options.rate) as product:
            url, ready = f"{product.url}{options.path}", "[data-live][data-feed=live]"
            found = asyncio.run(watch(url, ready, seconds=seconds, facts=product.facts))
    print(json.dumps(found | vars(options), indent=2))


@contextmanager
def plant(machines: int, rate: float) -> Iterator[Product]:
    """Run a product whose simulated `machines` report `rate` readings a second."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as product:
        settings = environment(DATA_DIR=str(product.data), DEVICE_KEY=product.facts["device_key"])
        manage = [sys.executable, str(ROOT / "manage.py")]
        register = REGISTER.format(machines)
        subprocess.run([*manage, "shell", "-v0", "-c", register], env=settings, check=True)
        options = ["--machines", str(machines), "--rate", str(rate), "--url", product.url]
        process = subprocess.Popen(
            [*manage, "simulate", *options],
            env=settings,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield product
        finally:
            stop(process)


async def watch(
    url: str, ready: str, *, seconds: float, facts: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Use the page for this long; return the figures of main thread, frames and memory.

    It is live when an element fits `ready`; `facts` are those of a product to log in to.
    """
    async with chromium() as browser:
        await asyncio.sleep(WARM_SECONDS)
        page = await browser.new_page(viewport={"width": 1280, "height": 800})
        if facts:
            await log_in(page, facts)
        started = time.monotonic()
        await page.goto(url)
        loaded = time.monotonic() - started
        await page.wait_for_selector(ready, timeout=READY_MS)
        await asyncio.sleep(SETTLE_SECONDS)
        cdp = await page.context.new_cdp_session(page)
        await cdp.send("Performance.enable")
        first = await readings(cdp)
        await page.evaluate(OBSERVE)
        await use(page, time.monotonic() + seconds)
        last = await readings(cdp)
        seen = await page.evaluate("() => ({ ...seen, count: seen.count() })")
    return {"load_seconds": round(loaded, 2)} | summed(seen, first, last)


async def use(page: Page, until: float) -> None:
    """Search, walk by the keyboard and scroll, a stroke twice a second."""
    search = page.locator("input[type=search]")
    while time.monotonic() < until:
        for text in SEARCHES:
            if await search.count():
                await search.fill("")
                await search.press_sequentially(text, delay=150)
            for key in ("Tab", "Tab", "PageDown", "PageUp"):
                await page.keyboard.press(key)
                await asyncio.sleep(0.5)
        log.info("%d s to go", until - time.monotonic())


async def readings(cdp: CDPSession) -> dict[str, float]:
    """Return Chromium's counters after a garbage collection."""
    await cdp.send("HeapProfiler.collectGarbage")
    answer = await cdp.send("Performance.getMetrics")
    return {one["name"]: one["value"] for one in answer["metrics"]}


def summed(seen: Any, first: dict[str, float], last: dict[str, float]) -> dict[str, Any]:
    span = last["Timestamp"] - first["Timestamp"]
    busy = {
        name: round((last[counter] - first[counter]) / span, 4)
        for name, counter in {
            "busy": "TaskDuration",
            "script": "ScriptDuration",
            "style": "RecalcStyleDuration",
            "layout": "LayoutDuration",
        }.items()
    }
    due = sum(seen["frames"]) / FRAME_MS
    # The browser tells only of those over 16 ms, and how many there were.
    quick = max(0, seen["count"] - len(seen["inputs"]))
    inputs = [16.0] * quick + sorted(seen["inputs"])
    return {
        "seconds": round(span, 1),
        "main_thread": busy,
        "long_tasks": len(seen["tasks"]),
        "longest_task_ms": max(seen["tasks"], default=0),
        "frames_dropped": round(1 - len(seen["frames"]) / due, 4) if due else None,
        "longest_frame_ms": round(max(seen["frames"], default=0), 1),
        "inputs": len(inputs),
        "inputs_over_16_ms": len(seen["inputs"]),
        "input_p50_ms": statistics.median(inputs) if inputs else None,
        "input_p95_ms": inputs[int(len(inputs) * 0.95)] if inputs else None,
        "heap_mb": [round(one["JSHeapUsedSize"] / 1e6, 1) for one in (first, last)],
        "nodes": [round(one["Nodes"]) for one in (first, last)],
        "load": round(os.getloadavg()[0], 1),
    }


if __name__ == "__main__":
    main()
