"""Serializers of readings: a compiled fast path, and DRF fields where a body has an error.

Both apply the rules of field_rules.py; a property test holds them equal.
"""

from collections.abc import Sequence
from typing import Any

import msgspec
from django.conf import settings
from msgspec import UNSET
from rest_framework import serializers

from sensors.enums import Quality
from sensors.exceptions import FieldError, InvalidReadings, MalformedBody
from sensors.ingest import field_rules
from sensors.ingest.json_body import parse_json
from sensors.ingest.payloads import BatchPayload, ParsedReading, ParsedRequest, ReadingPayload
from sensors.ingest.strict_fields import (
    MachineIdField,
    MetadataField,
    QualityField,
    SensorNameField,
    StrictSerializer,
    TimestampField,
    UnitField,
    ValueField,
    wrong_type,
)

_SINGLE = msgspec.json.Decoder(ReadingPayload)
_BATCH = msgspec.json.Decoder(BatchPayload)
# Keys and texts of a reading with only the required fields.
_REQUIRED_TEXTS = 7


class ReadingSerializer(StrictSerializer):
    """A reading: one value of one sensor at one moment."""

    machine_id = MachineIdField()
    sensor_type = SensorNameField()
    value = ValueField(allow_null=True)
    unit = UnitField()
    timestamp = TimestampField()
    quality = QualityField(default=Quality.GOOD)
    metadata = MetadataField(default=dict)

    def validate(self, attrs: dict[str, Any]) -> ParsedReading:
        word = self.initial_data.get("quality", "good")
        if attrs["value"] is None and word != "bad":
            raise serializers.ValidationError(
                {"value": wrong_type("a number (null only with quality bad)", None)}
            )
        return ParsedReading(
            machine_id=attrs["machine_id"],
            sensor_type=attrs["sensor_type"],
            value=attrs["value"],
            unit=attrs["unit"],
            measured_at=attrs["timestamp"],
            quality=attrs["quality"],
            quality_word=word,
            metadata=attrs["metadata"],
        )


class BatchSerializer(StrictSerializer):
    """A batch of readings; `machine_id` applies to readings that name no machine."""

    machine_id = MachineIdField(required=False)
    readings = ReadingSerializer(many=True)


def parse_single(body: bytes, *, now_us: int) -> ParsedRequest:
    """Parse the body of a single reading. Raises MalformedBody."""
    bounds = field_rules.bounds(now_us)
    fast = _fast_single(body, bounds)
    if fast is not None:
        return ParsedRequest(1, {0: fast}, [])
    sent, errors = _slow_reading(parse_json(body), bounds)
    return ParsedRequest(1, {} if sent is None else {0: sent}, errors)


def parse_batch(body: bytes, *, now_us: int) -> ParsedRequest:
    """Parse the body of a batch. Raises MalformedBody, or InvalidReadings for the batch itself."""
    bounds = field_rules.bounds(now_us)
    return _fast_batch(body, bounds) or _slow_batch(parse_json(body), bounds)


def _fast_single(body: bytes, bounds: field_rules.Bounds) -> ParsedReading | None:
    try:
        payload = _SINGLE.decode(body)
        if _may_hide_a_key(body, _texts([payload])):
            return None
        return _parsed(payload, UNSET, bounds)
    except (msgspec.MsgspecError, UnicodeDecodeError, field_rules.FieldRefused):
        return None


def _fast_batch(body: bytes, bounds: field_rules.Bounds) -> ParsedRequest | None:
    try:
        batch = _BATCH.decode(body)
        payloads, outer = batch.readings, batch.machine_id
        texts = 1 + (0 if outer is UNSET else 2) + _texts(payloads)
        if not 0 < len(payloads) <= settings.MAX_BATCH or _may_hide_a_key(body, texts):
            return None
        if outer is not UNSET:
            field_rules.machine_id_of(outer, bounds.machine_id)
        readings = [_parsed(payload, outer, bounds) for payload in payloads]
    except (msgspec.MsgspecError, UnicodeDecodeError, field_rules.FieldRefused):
        return None
    return ParsedRequest(len(readings), dict(enumerate(readings)), [])


def _parsed(
    payload: ReadingPayload, outer: str | msgspec.UnsetType, bounds: field_rules.Bounds
) -> ParsedReading:
    machine_id = payload.machine_id
    if machine_id is UNSET:
        machine_id = outer
    elif outer is not UNSET and machine_id != outer:
        raise field_rules.FieldRefused("machine-mismatch", "")
    quality = "good" if payload.quality is UNSET else payload.quality
    if machine_id is UNSET or (payload.value is None and quality != "bad"):
        raise field_rules.FieldRefused("required", "")
    return ParsedReading(
        field_rules.machine_id_of(machine_id, bounds.machine_id),
        field_rules.sensor_name_of(payload.sensor_type),
        None if payload.value is None else field_rules.value_of(payload.value),
        field_rules.unit_of(payload.unit),
        field_rules.measured_at_of(payload.timestamp, bounds),
        field_rules.quality_of(quality),
        quality,
        {} if payload.metadata is UNSET else field_rules.metadata_of(payload.metadata),
    )


def _may_hide_a_key(body: bytes, texts: int) -> bool:
    """Return whether a key may be repeated: the decoder silently keeps the last.

    Without an escape every text has two quotes, so a surplus text was a repeated key.
    """
    return b"\\" in body or body.count(b'"') != 2 * texts


def _texts(payloads: Sequence[ReadingPayload]) -> int:
    """Count the keys and texts of the readings."""
    texts = _REQUIRED_TEXTS * len(payloads)
    for payload in payloads:
        if payload.machine_id is not UNSET:
            texts += 2
        if payload.quality is not UNSET:
            texts += 2
        if payload.metadata is not UNSET:
            texts += 1 + len(payload.metadata)
            for value in payload.metadata.values():
                texts += type(value) is str
    return texts


def _slow_batch(data: Any, bounds: field_rules.Bounds) -> ParsedRequest:
    if not isinstance(data, dict):
        raise _wrong_structure(data)
    outer = _outer(data, bounds)
    rows = data["readings"]
    readings: dict[int, ParsedReading] = {}
    errors: list[FieldError] = []
    for index, row in enumerate(rows):
        parsed, row_errors = _slow_row(row, outer, bounds)
        errors += [msgspec.structs.replace(error, index=index) for error in row_errors]
        if parsed is not None:
            readings[index] = parsed
    return ParsedRequest(len(rows), readings, errors)


def _outer(data: dict[str, Any], bounds: field_rules.Bounds) -> str | None:
    """Return the machine of the batch. Raises InvalidReadings for errors of the batch itself."""
    envelope = {name: value for name, value in data.items() if name != "readings"}
    serializer = BatchSerializer(data=envelope, partial=True, context={"bounds": bounds})
    errors = [] if serializer.is_valid() else _flat(serializer.errors)
    rows = data.get("readings")
    if "readings" not in data:
        errors.append(FieldError("readings", "required", "Expected a list of readings."))
    elif not isinstance(rows, list):
        error = wrong_type("a list", rows)
        errors.append(FieldError("readings", "wrong-type", str(error)))
    elif not rows:
        errors.append(FieldError("readings", "empty-batch", "Expected at least one reading."))
    elif len(rows) > settings.MAX_BATCH:
        detail = f"Expected at most {settings.MAX_BATCH} readings, got {len(rows)}."
        raise InvalidReadings([FieldError("readings", "batch-too-large", detail)], status=413)
    if errors:
        raise InvalidReadings(errors)
    return data.get("machine_id")


def _slow_row(
    row: Any, outer: str | None, bounds: field_rules.Bounds
) -> tuple[ParsedReading | None, list[FieldError]]:
    if not isinstance(row, dict):
        return None, [FieldError("readings", "wrong-type", str(wrong_type("an object", row)))]
    if outer is not None:
        row = {"machine_id": outer} | row
    parsed, errors = _slow_reading(row, bounds)
    if parsed is not None and outer is not None and parsed.machine_id != outer:
        detail = f"Expected {outer}, as of the batch, got {parsed.machine_id}."
        return None, [FieldError("machine_id", "machine-mismatch", detail)]
    return parsed, errors


def _slow_reading(
    data: Any, bounds: field_rules.Bounds
) -> tuple[ParsedReading | None, list[FieldError]]:
    if not isinstance(data, dict):
        raise _wrong_structure(data)
    serializer = ReadingSerializer(data=data, context={"bounds": bounds})
    if serializer.is_valid():
        return serializer.validated_data, []
    return None, _flat(serializer.errors)


def _flat(errors: dict[str, Sequence[Any]]) -> list[FieldError]:
    return [
        FieldError(name, detail.code or "invalid", str(detail))
        for name, details in errors.items()
        for detail in details
    ]


def _wrong_structure(data: Any) -> MalformedBody:
    return MalformedBody(str(wrong_type("a JSON object", data)), code="invalid-structure")
