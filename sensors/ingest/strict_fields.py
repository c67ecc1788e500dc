"""DRF's fields without its leniencies: no trimming, no text as a number, no unknown names."""

from abc import ABC, abstractmethod
from typing import Any

from rest_framework import serializers

from sensors.enums import Quality
from sensors.ingest import field_rules
from sensors.messages import Scalar

_KINDS = {dict: "an object", list: "a list", str: "a string", bool: "a boolean", type(None): "null"}


def wrong_type(expected: str, got: Any) -> serializers.ErrorDetail:
    kind = _KINDS.get(type(got), "a number")
    return serializers.ErrorDetail(f"Expected {expected}, got {kind}.", code="wrong-type")


class StrictField(serializers.Field[Any, Any, Any, Any], ABC):
    """A field that takes one JSON type and applies a rule of field_rules.py."""

    kind: type | tuple[type, ...] = str
    expected = "a string"

    def run_validation(self, data: Any = serializers.empty) -> Any:
        if data is None and not self.allow_null:
            raise serializers.ValidationError([wrong_type(self.expected, None)])
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, self.kind) or isinstance(data, bool):
            raise serializers.ValidationError([wrong_type(self.expected, data)])
        try:
            return self.rule(data)
        except field_rules.FieldRefused as exc:
            raise serializers.ValidationError(exc.detail, code=exc.code) from exc

    def to_representation(self, value: Any) -> Any:
        return value

    @abstractmethod
    def rule(self, data: Any) -> Any:
        """Apply the field's rule. Raises FieldRefused."""


class MachineIdField(StrictField):
    def rule(self, data: str) -> str:
        return field_rules.machine_id_of(data, self.context["bounds"].machine_id)


class SensorNameField(StrictField):
    def rule(self, data: str) -> str:
        return field_rules.sensor_name_of(data)


class UnitField(StrictField):
    def rule(self, data: str) -> str:
        return field_rules.unit_of(data)


class ValueField(StrictField):
    kind = (int, float)
    expected = "a number"

    def rule(self, data: float) -> float:
        return field_rules.value_of(data)


class TimestampField(StrictField):
    expected = "a string with an RFC 3339 time"

    def rule(self, data: str) -> int:
        return field_rules.measured_at_of(data, self.context["bounds"])


class QualityField(StrictField):
    def rule(self, data: str) -> Quality:
        return field_rules.quality_of(data)


class MetadataField(StrictField):
    kind = dict
    expected = "an object"

    def rule(self, data: dict[str, Any]) -> dict[str, Scalar]:
        return field_rules.metadata_of(data)


class StrictSerializer(serializers.Serializer[Any]):
    """A serializer that refuses unknown names, and reports them with the other errors."""

    def to_internal_value(self, data: Any) -> Any:
        errors: dict[str, Any] = {
            name[:64]: [
                serializers.ErrorDetail(
                    f"{name[:64]!a} is not a known field.", code="unknown-field"
                )
            ]
            for name in data
            if name not in self.fields
        }
        try:
            known = super().to_internal_value(data)
        except serializers.ValidationError as exc:
            errors = {**exc.detail, **errors}  # type: ignore[dict-item]
        if errors:
            raise serializers.ValidationError(errors)
        return known
