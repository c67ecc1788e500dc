"""Readings as a device sends them: payloads of the compiled decoder, and parsed readings."""

import msgspec
from msgspec import UNSET, UnsetType

from sensors.enums import Quality
from sensors.exceptions import FieldError
from sensors.messages import Scalar


class ReadingPayload(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A reading as decoded: only the types are checked."""

    sensor_type: str
    value: float | None
    unit: str
    timestamp: str
    machine_id: str | UnsetType = UNSET
    quality: str | UnsetType = UNSET
    metadata: dict[str, Scalar] | UnsetType = UNSET


class BatchPayload(msgspec.Struct, forbid_unknown_fields=True):
    """A batch as decoded; `machine_id` applies to readings that name no machine."""

    readings: list[ReadingPayload]
    machine_id: str | UnsetType = UNSET


class ParsedReading(msgspec.Struct, frozen=True, gc=False):
    """A reading whose fields are valid by themselves; its sensor is not resolved yet.

    `value` is in `unit`, as sent; `measured_at` is microseconds since 1970 UTC.
    """

    machine_id: str
    sensor_type: str
    value: float | None
    unit: str
    measured_at: int
    quality: Quality
    quality_word: str
    metadata: dict[str, Scalar]


class ParsedRequest(msgspec.Struct, frozen=True):
    """The valid readings of a request by index, and the errors of the others."""

    total: int
    readings: dict[int, ParsedReading]
    errors: list[FieldError]
