"""What the charts load: a history in steps, by sensor."""

from collections.abc import Sequence
from typing import Any

from sensors.catalogue.descriptions import SensorDescription
from sensors.catalogue.selectors import machine_descriptions
from sensors.history.queries.buckets import Bucket, reading_summary
from sensors.scopes import Scope
from sensors.timestamps import SECOND_US, format_us

Shown = dict[str, Any]
SPARK_SECONDS, SPARK_STEPS = 900, 60
# As many tiles as a large screen shows; a page asks again for those that come into view.
MAX_SPARKS = 60
SPARK_ROWS = 5000
# Minutes -> seconds of a step: half a pixel on a large screen.
SPANS = {"60": 10, "480": 60}


def sparks(scope: Scope, rows: Sequence[str], now_us: int) -> Shown:
    """`{"start", "step_seconds", "rows": {"CNC-001/temperature": [[step, low, high], ...]}}`."""
    step_us = SPARK_SECONDS // SPARK_STEPS * SECOND_US
    # Steps begin at round times, so that a reading falls into the same step at every look.
    start = (now_us // step_us - SPARK_STEPS + 1) * step_us
    asked = dict.fromkeys(rows[:MAX_SPARKS])
    machines = machine_descriptions(scope)
    sensors = {row: sensor for row in asked if (sensor := _sensor(machines, row))}
    ids = [one.id for one in sensors.values()]
    steps = reading_summary(ids, start=start, end=now_us, step_us=step_us, most_rows=SPARK_ROWS)
    return {
        "start": format_us(start),
        "step_seconds": step_us // SECOND_US,
        "rows": {
            row: [[step.number, step.low, step.high] for step in steps[sensor.id]]
            for row, sensor in sensors.items()
        },
    }


def _sensor(machines: dict[str, Any], row: str) -> SensorDescription | None:
    machine_id, _slash, name = row.partition("/")
    machine = machines.get(machine_id)
    return machine.sensors.get(name) if machine else None


def chart(scope: Scope, machine_id: str, sensor: str, minutes: str, now_us: int) -> Shown | None:
    """`{"step_seconds", "steps": [...]}`; None for a sensor or a span that there is not."""
    machine = machine_descriptions(scope, machine_id).get(machine_id)
    described = machine.sensors.get(sensor) if machine else None
    if described is None or minutes not in SPANS:
        return None
    step_us = SPANS[minutes] * SECOND_US
    start = (now_us - int(minutes) * 60 * SECOND_US) // step_us * step_us
    # A stamp may be ahead of us by as much as the door lets through; the chart shows it.
    found = reading_summary([described.id], start=start, end=2**62, step_us=step_us)
    steps = [_step(step) for step in found[described.id]]
    return {"step_seconds": SPANS[minutes], "steps": steps}


def _step(step: Bucket) -> Shown:
    return {
        "first": format_us(step.first_at),
        "last": format_us(step.last_at),
        "low": step.low,
        "high": step.high,
        "quality": step.worst.word,
    }
