"""From what a device sent to readings of known sensors in their units; the last to refuse.

Machines are judged for the whole request (403, 404, 409); sensors, units and ranges per reading.
"""

from collections.abc import Mapping

import msgspec
from django.conf import settings

from sensors.catalogue.descriptions import (
    KeyDescription,
    Known,
    MachineDescription,
    SensorDescription,
    TypeDescription,
)
from sensors.catalogue.registration import MOST_MACHINES, MOST_SENSORS
from sensors.exceptions import FieldError, SensorsError
from sensors.ingest.payloads import SentReading
from sensors.messages import LiveReading
from sensors.units import are_convertible, convert

NO_SENSORS: dict[str, SensorDescription] = {}


class Resolved(msgspec.Struct, frozen=True):
    """Readings by their index, what is wrong with the others, and sensors yet to be made."""

    readings: dict[int, LiveReading]
    errors: list[FieldError]
    unregistered: set[tuple[str, str]]


def check_machines(
    sent: Mapping[int, SentReading], known: Known, key: KeyDescription
) -> dict[int, SensorsError]:
    """Why the machine of a reading takes nothing from this key, by the reading's index."""
    refused: dict[int, SensorsError] = {}
    judged: dict[str, SensorsError | None] = {}
    for index, one in sent.items():
        machine_id = one.machine_id
        if machine_id not in judged:
            judged[machine_id] = _refusal(machine_id, known, key)
        error = judged[machine_id]
        if error is not None:
            refused[index] = error
    return refused


def _refusal(machine_id: str, known: Known, key: KeyDescription) -> SensorsError | None:
    machine = known.machines.get(machine_id)
    # First, so that a key cannot find out which other machines there are.
    if not key.speaks_for(machine_id):
        return SensorsError(
            f"The device key is not valid for {machine_id}.",
            code="machine-not-allowed",
            status=403,
        )
    if machine is None and not _may_register(known):
        return SensorsError(
            f"There is no machine {machine_id}.", code="unknown-machine", status=404
        )
    if machine is not None and not machine.active:
        return SensorsError(
            f"The machine {machine_id} is retired.", code="machine-retired", status=409
        )
    return None


def resolve(sent: Mapping[int, SentReading], known: Known, *, received_at: int) -> Resolved:
    """Find each reading's sensor, convert its value, check its range."""
    readings: dict[int, LiveReading] = {}
    errors: list[FieldError] = []
    unregistered: set[tuple[str, str]] = set()
    for index, one in sent.items():
        machine = known.machines.get(one.machine_id)
        sensor = machine.sensors.get(one.sensor_type) if machine else None
        if sensor is None:
            sensor = _sensor_to_make(one, machine, known)
            unregistered.add((one.machine_id, one.sensor_type))
        found = _reading(one, sensor, received_at)
        if isinstance(found, LiveReading):
            readings[index] = found
        else:
            errors.append(msgspec.structs.replace(found, index=index))
    return Resolved(readings, errors, unregistered)


def _reading(
    one: SentReading, sensor: SensorDescription | None, received_at: int
) -> LiveReading | FieldError:
    """The reading in its sensor's unit, or why there is none."""
    if sensor is None:
        detail = f"The machine {one.machine_id} has no sensor {one.sensor_type}."
        return FieldError("sensor_type", "unknown-sensor", detail)
    value, unit = one.value, sensor.unit
    if one.unit != unit:
        if not are_convertible(one.unit, unit):
            detail = f"Expected a unit that converts to {unit}, got {one.unit!a}."
            return FieldError("unit", "unit-mismatch", detail)
        value = None if value is None else convert(value, one.unit, unit)
    if value is not None and not sensor.minimum <= value <= sensor.maximum:
        detail = (
            f"{sensor.type_name} must be between {sensor.minimum:.15g} and {sensor.maximum:.15g}"
            f" {unit}, got {value:.15g}"
        )
        return FieldError("value", "out-of-range", detail)
    return LiveReading(
        one.machine_id,
        sensor.id,
        one.sensor_type,
        unit,
        one.measured_at,
        received_at,
        value,
        one.quality,
        one.metadata,
    )


def _may_register(known: Known) -> bool:
    return bool(settings.AUTO_REGISTER_MACHINES) and len(known.machines) < MOST_MACHINES


def _sensor_to_make(
    one: SentReading, machine: MachineDescription | None, known: Known
) -> SensorDescription | None:
    """The sensor as it will be once registered (id 0 until then); None when it may not be made."""
    quantity = known.types.get(one.sensor_type.partition(".")[0])
    sensors = machine.sensors if machine else NO_SENSORS
    if quantity is None or not settings.AUTO_REGISTER_MACHINES or len(sensors) >= MOST_SENSORS:
        return None
    return _described(one, quantity)


def _described(one: SentReading, quantity: TypeDescription) -> SensorDescription:
    return SensorDescription(
        id=0,
        machine_id=one.machine_id,
        name=one.sensor_type,
        type_slug=quantity.slug,
        type_name=quantity.name,
        unit=quantity.unit,
        minimum=quantity.minimum,
        maximum=quantity.maximum,
        stale_seconds=settings.DEFAULT_STALE_SECONDS,
    )
