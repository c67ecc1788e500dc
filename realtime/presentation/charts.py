"""Spans of the charts, and the histories that charts and sparks load, in buckets by sensor."""

from collections.abc import Sequence
from typing import Any

import msgspec

from realtime.presentation import texts
from realtime.presentation.view_models import SpanChoice
from sensors.catalogue.descriptions import MachineDescription, SensorDescription
from sensors.catalogue.selectors import machine_descriptions
from sensors.history.queries.buckets import Bucket, reading_buckets
from sensors.history.queries.readings import END_US
from sensors.scopes import Scope
from sensors.timestamps import SECOND_US, format_us


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


def span_choices(minutes: str) -> tuple[SpanChoice, ...]:
    """Return the spans for their buttons; the first is chosen unless `minutes` names another."""
    chosen = _span(minutes) or LIVE_SPAN
    return tuple(
        SpanChoice(
            minutes=span.minutes,
            bucket_seconds=span.bucket_seconds,
            word=texts.age_text(span.seconds),
            is_chosen=span is chosen,
        )
        for span in SPANS
    )


def _span(minutes: str) -> Span | None:
    return next((span for span in SPANS if str(span.minutes) == minutes), None)


def sparks(scope: Scope, rows: Sequence[str], now_us: int) -> dict[str, Any]:
    """Return the sparks of those rows (`CNC-001/temperature`) that are in the scope.

    `{"start", "step_seconds", "rows": {"CNC-001/temperature": [[bucket, low, high], ...]}}`.
    """
    bucket_us = SPARK_BUCKET_SECONDS * SECOND_US
    # Buckets begin at round times, so that a reading falls into the same bucket every time.
    start = (now_us // bucket_us - SPARK_BUCKETS + 1) * bucket_us
    machines = machine_descriptions(scope)
    names = dict.fromkeys(rows[:MAX_SPARKS])
    sensors = {row: sensor for row in names if (sensor := _sensor(machines, row))}
    buckets = reading_buckets(
        [sensor.id for sensor in sensors.values()],
        start=start,
        end=now_us,
        bucket_us=bucket_us,
        max_rows=SPARK_ROWS,
    )
    return {
        "start": format_us(start),
        "step_seconds": SPARK_BUCKET_SECONDS,
        "rows": {
            row: [[bucket.number, bucket.low, bucket.high] for bucket in buckets[sensor.id]]
            for row, sensor in sensors.items()
        },
    }


def _sensor(machines: dict[str, MachineDescription], row: str) -> SensorDescription | None:
    machine_id, _slash, name = row.partition("/")
    machine = machines.get(machine_id)
    return machine.sensors.get(name) if machine else None


def chart(
    scope: Scope, machine_id: str, sensor_type: str, minutes: str, now_us: int
) -> dict[str, Any] | None:
    """Return a sensor's history in buckets; None for an unknown sensor or span.

    `{"step_seconds", "steps": [{"first", "last", "low", "high", "quality"}, ...]}`.
    """
    machine = machine_descriptions(scope, machine_id).get(machine_id)
    sensor = machine.sensors.get(sensor_type) if machine else None
    span = _span(minutes)
    if sensor is None or span is None or span.bucket_seconds is None:
        return None
    bucket_us = span.bucket_seconds * SECOND_US
    start = (now_us - span.seconds * SECOND_US) // bucket_us * bucket_us
    # A device's stamp may be ahead of the server's clock; the chart shows it all the same.
    buckets = reading_buckets([sensor.id], start=start, end=END_US, bucket_us=bucket_us)
    return {
        "step_seconds": span.bucket_seconds,
        "steps": [_bucket_json(bucket) for bucket in buckets[sensor.id]],
    }


def _bucket_json(bucket: Bucket) -> dict[str, Any]:
    return {
        "first": format_us(bucket.first_at),
        "last": format_us(bucket.last_at),
        "low": bucket.low,
        "high": bucket.high,
        "quality": bucket.worst.word,
    }
