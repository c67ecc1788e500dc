"""What a device is told about its readings (contract 3.1)."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sensors.enums import Outcome
from sensors.exceptions import FieldError
from sensors.ingest.payloads import ParsedReading
from sensors.messages import LiveReading, Receipt, Scalar
from sensors.timestamps import format_us, now_us

_ENCODER = msgspec.json.Encoder()


class ReadingResult(msgspec.Struct, gc=False, omit_defaults=True):
    """The reading as sent (value and unit are the device's own), and what became of it."""

    machine_id: str
    sensor_type: str
    value: float | None
    unit: str
    timestamp: str
    quality: str
    metadata: dict[str, Scalar]
    id: str
    received_at: str
    processed_at: str
    status: str
    stored: bool | msgspec.UnsetType = msgspec.UNSET


class RefusedReading(msgspec.Struct, gc=False):
    """A refused row among others that were taken (`?partial=true`)."""

    index: int
    status: str
    errors: list[dict[str, Any]]


def answers(
    sent: Sequence[ParsedReading],
    readings: Sequence[LiveReading],
    receipt: Receipt,
    *,
    stored: bool,
) -> list[ReadingResult]:
    """One per reading, in order; `stored` False says that the database does not have it yet."""
    processed_at = format_us(now_us())
    received_at = format_us(readings[0].received_at) if readings else processed_at
    not_stored = msgspec.UNSET if stored else False
    return [
        ReadingResult(
            one.machine_id,
            one.sensor_type,
            one.value,
            one.unit,
            format_us(one.measured_at),
            one.quality_word,
            one.metadata,
            f"{one.machine_id}_{one.sensor_type}_{one.measured_at}",
            received_at,
            processed_at,
            outcome._value_,  # `value` of an enum is looked up anew each time
            not_stored,
        )
        for one, outcome in zip(sent, receipt.outcomes, strict=True)
    ]


def refusal(index: int, errors: Sequence[FieldError]) -> RefusedReading:
    listed = [
        {"field": error.field, "code": error.code, "detail": error.detail} for error in errors
    ]
    return RefusedReading(index, Outcome.REFUSED.value, listed)


def status_of(outcomes: Sequence[Outcome], *, stored: bool) -> int:
    """201 when something was taken, 200 when all was taken before; 202 while it is not stored."""
    if all(outcome is Outcome.DUPLICATE for outcome in outcomes):
        return 200
    return 201 if stored else 202


def encode(
    data: ReadingResult | Sequence[ReadingResult | RefusedReading] | Mapping[str, Any],
) -> bytes:
    return _ENCODER.encode(data)
