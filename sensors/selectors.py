"""Reads of the database."""

from collections.abc import Iterable

from django.conf import settings
from django.db import connection
from django.db.models import Prefetch, QuerySet

from sensors.descriptions import (
    KeyDescription,
    Known,
    MachineDescription,
    SensorDescription,
    TypeDescription,
)
from sensors.instants import from_datetime
from sensors.models import DeviceKey, Machine, Sensor, SensorType

_FINGERPRINT = " UNION ALL ".join(
    f"SELECT COUNT(*), CAST(MAX({column}) AS text) FROM {table}"  # noqa: S608 - our own names
    for table, column in (
        ("sensors_machine", "changed_at"),
        ("sensors_sensor", "changed_at"),
        ("sensors_sensortype", "changed_at"),
        ("sensors_devicekey", "changed_at"),
        ("sensors_devicekey_machines", "id"),
    )
)


def known() -> Known:
    """All that the device path looks up."""
    return Known(machine_descriptions(), type_descriptions(), key_descriptions())


def known_fingerprint() -> list[tuple[int, str | None]]:
    """(count, newest change) of each table that `known` reads; cheap enough for every second."""
    with connection.cursor() as cursor:
        cursor.execute(_FINGERPRINT)
        return [(count, newest) for count, newest in cursor.fetchall()]


def type_descriptions() -> dict[str, TypeDescription]:
    return {
        row.slug: TypeDescription(row.slug, row.name, row.unit, row.minimum, row.maximum)
        for row in SensorType.objects.order_by("slug")
    }


def key_descriptions() -> dict[str, KeyDescription]:
    """The keys that are not revoked, by prefix."""
    keys = DeviceKey.objects.filter(revoked_at=None).prefetch_related("machines")
    return {
        key.prefix: KeyDescription(
            id=key.pk,
            prefix=key.prefix,
            secret_hash=key.secret_hash,
            all_machines=key.all_machines,
            machine_ids=frozenset(machine.machine_id for machine in key.machines.all()),
            expires_at=from_datetime(key.expires_at) if key.expires_at else None,
        )
        for key in keys
    }


def machine_descriptions(machine_id: str | None = None) -> dict[str, MachineDescription]:
    """All machines, retired ones too, with their sensors, in the order of their ids; or one."""
    machines = _machines() if machine_id is None else _machines().filter(machine_id=machine_id)
    return {machine.machine_id: _machine(machine) for machine in machines}


def machines_after(machine_id: str, *, limit: int) -> list[MachineDescription]:
    """The first machines whose ids come after this one, in the order of their ids."""
    return [_machine(one) for one in _machines().filter(machine_id__gt=machine_id)[:limit]]


def _machines() -> QuerySet[Machine]:
    sensors = Sensor.objects.select_related("sensor_type").order_by("id")
    return Machine.objects.order_by("machine_id").prefetch_related(Prefetch("sensors", sensors))


def _machine(machine: Machine) -> MachineDescription:
    return MachineDescription(
        pk=machine.pk,
        machine_id=machine.machine_id,
        name=machine.name,
        kind=machine.kind,
        site=machine.site,
        area=machine.area,
        line=machine.line,
        active=machine.active,
        sensors=_sensors(machine.machine_id, machine.sensors.all()),
    )


def _sensors(machine_id: str, sensors: Iterable[Sensor]) -> dict[str, SensorDescription]:
    described = (_sensor(machine_id, sensor) for sensor in sensors)
    return {one.name: one for one in sorted(described, key=lambda one: one.name)}


def _sensor(machine_id: str, sensor: Sensor) -> SensorDescription:
    quantity = sensor.sensor_type
    return SensorDescription(
        id=sensor.pk,
        machine_id=machine_id,
        name=sensor.name,
        type_slug=quantity.slug,
        type_name=quantity.name,
        unit=quantity.unit,
        minimum=quantity.minimum if sensor.minimum is None else sensor.minimum,
        maximum=quantity.maximum if sensor.maximum is None else sensor.maximum,
        stale_seconds=sensor.stale_seconds or settings.DEFAULT_STALE_SECONDS,
    )
