"""The device's door for content: a compiled fast path, and DRF's fields where something is wrong.

Both apply the rules of fields.py; a property test holds them equal.
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
from sensors.ingest.payloads import Checked, SentReading, WireBatch, WireReading
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

_SINGLE = msgspec.json.Decoder(WireReading)
_BATCH = msgspec.json.Decoder(WireBatch)
# Keys and texts of a reading that has all that is required and nothing else.
_REQUIRED_TEXTS = 7


class ReadingSerializer(StrictSerializer):
    """One value of one sensor at one moment."""

    machine_id = MachineIdField()
    sensor_type = SensorNameField()
    value = ValueField(allow_null=True)
    unit = UnitField()
    timestamp = TimestampField()
    quality = QualityField(default=Quality.GOOD)
    metadata = MetadataField(default=dict)

    def validate(self, attrs: dict[str, Any]) -> SentReading:
        word = self.initial_data.get("quality", "good")
        if attrs["value"] is None and word != "bad":
            raise serializers.ValidationError(
                {"value": wrong_type("a number (null only with quality bad)", None)}
            )
        return SentReading(
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
    """Several readings; the outer `machine_id` stands for those without one of their own."""

    machine_id = MachineIdField(required=False)
    readings = ReadingSerializer(many=True)


def check_single(body: bytes, *, now_us: int) -> Checked:
    """Raises MalformedBody."""
    bounds = field_rules.bounds(now_us)
    fast = _fast_single(body, bounds)
    if fast is not None:
        return Checked(1, {0: fast}, [])
    sent, errors = _slow_reading(parse_json(body), bounds)
    return Checked(1, {} if sent is None else {0: sent}, errors)


def check_batch(body: bytes, *, now_us: int) -> Checked:
    """Raises MalformedBody, and InvalidReadings for what is wrong with the batch itself."""
    bounds = field_rules.bounds(now_us)
    return _fast_batch(body, bounds) or _slow_batch(parse_json(body), bounds)


def _fast_single(body: bytes, bounds: field_rules.Bounds) -> SentReading | None:
    try:
        wire = _SINGLE.decode(body)
        if _may_hide_a_key(body, _texts([wire])):
            return None
        return _sent(wire, UNSET, bounds)
    except (msgspec.MsgspecError, UnicodeDecodeError, field_rules.FieldRefused):
        return None


def _fast_batch(body: bytes, bounds: field_rules.Bounds) -> Checked | None:
    try:
        batch = _BATCH.decode(body)
        wires, outer = batch.readings, batch.machine_id
        texts = 1 + (0 if outer is UNSET else 2) + _texts(wires)
        if not 0 < len(wires) <= settings.MAX_BATCH or _may_hide_a_key(body, texts):
            return None
        if outer is not UNSET:
            field_rules.machine_id_of(outer, bounds.machine_id)
        readings = [_sent(wire, outer, bounds) for wire in wires]
    except (msgspec.MsgspecError, UnicodeDecodeError, field_rules.FieldRefused):
        return None
    return Checked(len(readings), dict(enumerate(readings)), [])


def _sent(
    wire: WireReading, outer: str | msgspec.UnsetType, bounds: field_rules.Bounds
) -> SentReading:
    machine_id = wire.machine_id
    if machine_id is UNSET:
        machine_id = outer
    elif outer is not UNSET and machine_id != outer:
        raise field_rules.FieldRefused("machine-mismatch", "")
    quality = "good" if wire.quality is UNSET else wire.quality
    if machine_id is UNSET or (wire.value is None and quality != "bad"):
        raise field_rules.FieldRefused("required", "")
    return SentReading(
        field_rules.machine_id_of(machine_id, bounds.machine_id),
        field_rules.sensor_name_of(wire.sensor_type),
        None if wire.value is None else field_rules.value_of(wire.value),
        field_rules.unit_of(wire.unit),
        field_rules.measured_at_of(wire.timestamp, bounds),
        field_rules.quality_of(quality),
        quality,
        {} if wire.metadata is UNSET else field_rules.metadata_of(wire.metadata),
    )


def _may_hide_a_key(body: bytes, texts: int) -> bool:
    """Whether a key may stand twice: the decoder keeps the last and says nothing.

    Without an escape every text has two quotes, so one text more than the data has was a key.
    """
    return b"\\" in body or body.count(b'"') != 2 * texts


def _texts(wires: Sequence[WireReading]) -> int:
    """How many keys and texts the readings have."""
    texts = _REQUIRED_TEXTS * len(wires)
    for wire in wires:
        if wire.machine_id is not UNSET:
            texts += 2
        if wire.quality is not UNSET:
            texts += 2
        if wire.metadata is not UNSET:
            texts += 1 + len(wire.metadata)
            for value in wire.metadata.values():
                texts += type(value) is str
    return texts


def _slow_batch(data: Any, bounds: field_rules.Bounds) -> Checked:
    if not isinstance(data, dict):
        raise _wrong_structure(data)
    outer = _outer(data, bounds)
    rows = data["readings"]
    readings: dict[int, SentReading] = {}
    errors: list[FieldError] = []
    for index, row in enumerate(rows):
        sent, wrong = _slow_row(row, outer, bounds)
        errors += [msgspec.structs.replace(error, index=index) for error in wrong]
        if sent is not None:
            readings[index] = sent
    return Checked(len(rows), readings, errors)


def _outer(data: dict[str, Any], bounds: field_rules.Bounds) -> str | None:
    """The batch's own machine; raises InvalidReadings for what is wrong with the batch itself."""
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
) -> tuple[SentReading | None, list[FieldError]]:
    if not isinstance(row, dict):
        return None, [FieldError("readings", "wrong-type", str(wrong_type("an object", row)))]
    if outer is not None:
        row = {"machine_id": outer} | row
    sent, errors = _slow_reading(row, bounds)
    if sent is not None and outer is not None and sent.machine_id != outer:
        detail = f"Expected {outer}, as of the batch, got {sent.machine_id}."
        return None, [FieldError("machine_id", "machine-mismatch", detail)]
    return sent, errors


def _slow_reading(
    data: Any, bounds: field_rules.Bounds
) -> tuple[SentReading | None, list[FieldError]]:
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
