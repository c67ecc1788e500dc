"""Resolution of parsed readings to sensors and their units: the last step that can refuse.

Machines are checked for the whole request (403, 404, 409); sensors, units and ranges per reading.
"""

from collections.abc import Mapping

import msgspec
from django.conf import settings

from sensors.catalogue.descriptions import (
    CatalogueSnapshot,
    KeyDescription,
    MachineDescription,
    SensorDescription,
    TypeDescription,
)
from sensors.catalogue.registration import MAX_MACHINES, MAX_SENSORS
from sensors.exceptions import FieldError, SensorsError
from sensors.ingest.payloads import ParsedReading
from sensors.messages import LiveReading
from sensors.units import are_convertible, convert

NO_SENSORS: dict[str, SensorDescription] = {}


class Resolved(msgspec.Struct, frozen=True):
    """Readings by index, the errors of the others, and the sensors that are not registered yet."""

    readings: dict[int, LiveReading]
    errors: list[FieldError]
    unregistered: set[tuple[str, str]]


def check_machines(
    parsed: Mapping[int, ParsedReading], snapshot: CatalogueSnapshot, key: KeyDescription
) -> dict[int, SensorsError]:
    """Return why a machine is refused to this key, by the index of each of its readings."""
    refused: dict[int, SensorsError] = {}
    checked: dict[str, SensorsError | None] = {}
    for index, reading in parsed.items():
        machine_id = reading.machine_id
        if machine_id not in checked:
            checked[machine_id] = _refusal(machine_id, snapshot, key)
        error = checked[machine_id]
        if error is not None:
            refused[index] = error
    return refused


def _refusal(
    machine_id: str, snapshot: CatalogueSnapshot, key: KeyDescription
) -> SensorsError | None:
    machine = snapshot.machines.get(machine_id)
    # Checked first, so that a key cannot probe for other machines.
    if not key.speaks_for(machine_id):
        return SensorsError(
            f"The device key is not valid for {machine_id}.",
            code="machine-not-allowed",
            status=403,
        )
    if machine is None and not _may_register(snapshot):
        return SensorsError(
            f"There is no machine {machine_id}.", code="unknown-machine", status=404
        )
    if machine is not None and not machine.active:
        return SensorsError(
            f"The machine {machine_id} is retired.", code="machine-retired", status=409
        )
    return None


def resolve(
    parsed: Mapping[int, ParsedReading], snapshot: CatalogueSnapshot, *, received_at: int
) -> Resolved:
    """Resolve the sensor of each reading, convert the value, check the range."""
    readings: dict[int, LiveReading] = {}
    errors: list[FieldError] = []
    unregistered: set[tuple[str, str]] = set()
    for index, reading in parsed.items():
        machine = snapshot.machines.get(reading.machine_id)
        sensor = machine.sensors.get(reading.sensor_type) if machine else None
        if sensor is None:
            sensor = _sensor_to_register(reading, machine, snapshot)
            unregistered.add((reading.machine_id, reading.sensor_type))
        resolved = _reading(reading, sensor, received_at)
        if isinstance(resolved, LiveReading):
            readings[index] = resolved
        else:
            errors.append(msgspec.structs.replace(resolved, index=index))
    return Resolved(readings, errors, unregistered)


def _reading(
    reading: ParsedReading, sensor: SensorDescription | None, received_at: int
) -> LiveReading | FieldError:
    """Return the reading in the unit of its sensor, or the error."""
    if sensor is None:
        detail = f"The machine {reading.machine_id} has no sensor {reading.sensor_type}."
        return FieldError("sensor_type", "unknown-sensor", detail)
    value, unit = reading.value, sensor.unit
    if reading.unit != unit:
        if not are_convertible(reading.unit, unit):
            detail = f"Expected a unit that converts to {unit}, got {reading.unit!a}."
            return FieldError("unit", "unit-mismatch", detail)
        value = None if value is None else convert(value, reading.unit, unit)
    if value is not None and not sensor.minimum <= value <= sensor.maximum:
        detail = (
            f"{sensor.type_name} must be between {sensor.minimum:.15g} and {sensor.maximum:.15g}"
            f" {unit}, got {value:.15g}"
        )
        return FieldError("value", "out-of-range", detail)
    return LiveReading(
        reading.machine_id,
        sensor.id,
        reading.sensor_type,
        unit,
        reading.measured_at,
        received_at,
        value,
        reading.quality,
        reading.metadata,
    )


def _may_register(snapshot: CatalogueSnapshot) -> bool:
    return bool(settings.AUTO_REGISTER_MACHINES) and len(snapshot.machines) < MAX_MACHINES


def _sensor_to_register(
    reading: ParsedReading, machine: MachineDescription | None, snapshot: CatalogueSnapshot
) -> SensorDescription | None:
    """Return the sensor to register (id 0 until then); None when registering is not allowed."""
    quantity = snapshot.types.get(reading.sensor_type.partition(".")[0])
    sensors = machine.sensors if machine else NO_SENSORS
    if quantity is None or not settings.AUTO_REGISTER_MACHINES or len(sensors) >= MAX_SENSORS:
        return None
    return _described(reading, quantity)


def _described(reading: ParsedReading, quantity: TypeDescription) -> SensorDescription:
    return SensorDescription(
        id=0,
        machine_id=reading.machine_id,
        name=reading.sensor_type,
        type_slug=quantity.slug,
        type_name=quantity.name,
        unit=quantity.unit,
        minimum=quantity.minimum,
        maximum=quantity.maximum,
        stale_seconds=settings.DEFAULT_STALE_SECONDS,
    )
