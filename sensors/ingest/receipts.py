"""Receipts of a request, and the rows of the answer that a device gets."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from sensors.enums import Outcome
from sensors.exceptions import FieldError
from sensors.ingest.payloads import ParsedReading
from sensors.messages import LiveReading, Receipt, Scalar
from sensors.timestamps import format_us, now_us

_ENCODER = msgspec.json.Encoder()


class IngestReceipt(msgspec.Struct, frozen=True):
    """The readings of one request that are in the log, with their outcomes in `appended`.

    `indices`, `parsed` and `readings` run in step with the outcomes; `refused` are the errors of
    the refused rows by index (only with `partial`). `stored` is False while the database does not
    have the readings although the device asked to wait for it.
    """

    indices: list[int]
    parsed: list[ParsedReading]
    readings: list[LiveReading]
    refused: dict[int, list[FieldError]]
    appended: Receipt
    stored: bool


class ReadingResult(msgspec.Struct, gc=False, omit_defaults=True):
    """A reading as sent (value and unit are the device's own) with its outcome."""

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
    """A refused row among accepted ones (`?partial=true`)."""

    index: int
    status: str
    errors: list[dict[str, Any]]


def reading_results(receipt: IngestReceipt) -> list[ReadingResult]:
    """Return the rows of the readings that were not refused, in order."""
    processed_at = format_us(now_us())
    readings = receipt.readings
    received_at = format_us(readings[0].received_at) if readings else processed_at
    stored = msgspec.UNSET if receipt.stored else False
    return [
        ReadingResult(
            reading.machine_id,
            reading.sensor_type,
            reading.value,
            reading.unit,
            format_us(reading.measured_at),
            reading.quality_word,
            reading.metadata,
            f"{reading.machine_id}_{reading.sensor_type}_{reading.measured_at}",
            received_at,
            processed_at,
            outcome._value_,  # `value` of an enum is looked up at each access
            stored,
        )
        for reading, outcome in zip(receipt.parsed, receipt.appended.outcomes, strict=True)
    ]


def refused_reading(index: int, errors: Sequence[FieldError]) -> RefusedReading:
    """Return the row of a refused reading."""
    listed = [
        {"field": error.field, "code": error.code, "detail": error.detail} for error in errors
    ]
    return RefusedReading(index, Outcome.REFUSED.value, listed)


def http_status(receipt: IngestReceipt) -> int:
    """Return 201 if a reading was accepted, 200 if all were duplicates, 202 while not stored."""
    if all(outcome is Outcome.DUPLICATE for outcome in receipt.appended.outcomes):
        return 200
    return 201 if receipt.stored else 202


def encode(
    data: ReadingResult | Sequence[ReadingResult | RefusedReading] | Mapping[str, Any],
) -> bytes:
    """Encode the body of an answer."""
    return _ENCODER.encode(data)
