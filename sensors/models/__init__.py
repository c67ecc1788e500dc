"""The tables of the app `sensors`."""

from sensors.models.device_keys import DeviceKey
from sensors.models.machines import Machine, Sensor, SensorType, sensor_name
from sensors.models.readings import ConflictingReading, DeadLetter, ReaderPosition, Reading
from sensors.models.scopes import ScopeRestriction
from sensors.models.tokens import TokenVersion

__all__ = [
    "ConflictingReading",
    "DeadLetter",
    "DeviceKey",
    "Machine",
    "ReaderPosition",
    "Reading",
    "ScopeRestriction",
    "Sensor",
    "SensorType",
    "TokenVersion",
    "sensor_name",
]
