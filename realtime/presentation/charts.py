"""Spans of the charts, and the histories that charts and sparks load, in buckets by sensor."""

from collections.abc import Sequence
from typing import Any

import msgspec

from realtime.presentation import texts
from sensors.catalogue.descriptions import SensorDescription
from sensors.catalogue.selectors import machine_descriptions
from sensors.history.queries.buckets import Bucket, reading_summary
from sensors.timestamps import SECOND_US, format_us

Shown = dict[str, Any]


class Span(msgspec.Struct, frozen=True):
    """A length of time that charts can show: in buckets, or reading by reading."""

    minutes: int
    bucket_seconds: int | None = None

    @property
    def seconds(self) -> int:
        return self.minutes * 60


# Live charts and the plant's sparks show the first; a bucket is half a pixel on a large screen.
LIVE_SPAN = Span(15)
SPANS = (LIVE_SPAN, Span(60, bucket_seconds=10), Span(480, bucket_seconds=60))
SPARK_BUCKETS = 60
SPARK_BUCKET_SECONDS = LIVE_SPAN.seconds // SPARK_BUCKETS
# As many tiles as a large screen shows; a page asks again for those that come into view.
MAX_SPARKS = 60
SPARK_ROWS = 5000


def span_choices(minutes: str) -> list[Shown]:
    """Return the spans for their buttons; the first is chosen unless `minutes` names another."""
    chosen = _span(minutes) or LIVE_SPAN
    return [
        {
            "minutes": span.minutes,
            "bucket_seconds": span.bucket_seconds or "",
            "word": texts.age_text(span.seconds),
            "is_chosen": span is chosen,
        }
        for span in SPANS
    ]


def _span(minutes: str) -> Span | None:
    return next((span for span in SPANS if str(span.minutes) == minutes), None)


def sparks(rows: Sequence[str], now_us: int) -> Shown:
    """`{"start", "step_seconds", "rows": {"CNC-001/temperature": [[step, low, high], ...]}}`."""
    step_us = SPARK_BUCKET_SECONDS * SECOND_US
    # Steps begin at round times, so that a reading falls into the same step at every look.
    start = (now_us // step_us - SPARK_BUCKETS + 1) * step_us
    asked = dict.fromkeys(rows[:MAX_SPARKS])
    machines = machine_descriptions()
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


def chart(machine_id: str, sensor: str, minutes: str, now_us: int) -> Shown | None:
    """`{"step_seconds", "steps": [...]}`; None for a sensor or a span that there is not."""
    machine = machine_descriptions(machine_id).get(machine_id)
    described = machine.sensors.get(sensor) if machine else None
    span = _span(minutes)
    if described is None or span is None or span.bucket_seconds is None:
        return None
    step_us = span.bucket_seconds * SECOND_US
    start = (now_us - span.seconds * SECOND_US) // step_us * step_us
    # A stamp may be ahead of us by as much as the door lets through; the chart shows it.
    found = reading_summary([described.id], start=start, end=2**62, step_us=step_us)
    steps = [_step(step) for step in found[described.id]]
    return {"step_seconds": span.bucket_seconds, "steps": steps}


def _step(step: Bucket) -> Shown:
    return {
        "first": format_us(step.first_at),
        "last": format_us(step.last_at),
        "low": step.low,
        "high": step.high,
        "quality": step.worst.word,
    }
