"""Readings as a device sends them: what the compiled decoder takes, and what the checks make."""

import msgspec
from msgspec import UNSET, UnsetType

from sensors.enums import Quality
from sensors.exceptions import FieldError
from sensors.messages import Scalar


class ReadingPayload(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One reading as decoded; nothing of it is checked yet but its types."""

    sensor_type: str
    value: float | None
    unit: str
    timestamp: str
    machine_id: str | UnsetType = UNSET
    quality: str | UnsetType = UNSET
    metadata: dict[str, Scalar] | UnsetType = UNSET


class BatchPayload(msgspec.Struct, forbid_unknown_fields=True):
    """Several readings; `machine_id` stands for those without one of their own."""

    readings: list[ReadingPayload]
    machine_id: str | UnsetType = UNSET


class ParsedReading(msgspec.Struct, frozen=True, gc=False):
    """One reading whose fields are right by themselves; its sensor is not looked up yet.

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
    """A request's good readings by their index, and what is wrong with the others."""

    total: int
    readings: dict[int, ParsedReading]
    errors: list[FieldError]
