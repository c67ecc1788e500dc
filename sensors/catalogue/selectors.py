"""Machines, sensors, types and device keys out of the database, as descriptions.

A person's reads take a scope, which the database applies; `EVERYTHING` stands for the product's
own reads.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from sys import intern
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q, QuerySet

from sensors.catalogue.descriptions import (
    CatalogueSnapshot,
    KeyDescription,
    MachineDescription,
    SensorDescription,
    TypeDescription,
)
from sensors.models import DeviceKey, Machine, Sensor, SensorType, sensor_name
from sensors.scopes import EVERYTHING, Scope
from sensors.timestamps import from_datetime

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

# Read as rows, not as instances: instances fetched together refer to each other in circles, and
# memory that only the garbage collector frees stays long: 10 MB of 1,000 machines, each time.
_MACHINE = ("pk", "machine_id", "name", "kind", "site", "area", "line", "active")
_SENSOR = (
    *("pk", "machine_id", "position", "minimum", "maximum", "stale_seconds"),
    *(f"sensor_type__{name}" for name in ("slug", "name", "unit", "minimum", "maximum")),
)
_KEY = ("pk", "prefix", "secret_hash", "all_machines", "expires_at")


def catalogue_snapshot() -> CatalogueSnapshot:
    """Read everything that the device path looks up."""
    return CatalogueSnapshot(
        machine_descriptions(EVERYTHING), type_descriptions(), key_descriptions()
    )


def catalogue_fingerprint() -> list[tuple[int, str | None]]:
    """Read (count, newest change) of each table of the snapshot; cheap enough for every second."""
    with connection.cursor() as cursor:
        cursor.execute(_FINGERPRINT)
        return [(count, newest) for count, newest in cursor.fetchall()]


def type_descriptions() -> dict[str, TypeDescription]:
    """Read the registered types by slug."""
    return {
        row.slug: TypeDescription(row.slug, row.name, row.unit, row.minimum, row.maximum)
        for row in SensorType.objects.order_by("slug")
    }


def key_descriptions() -> dict[str, KeyDescription]:
    """Read the keys that are not revoked, by prefix."""
    machines: defaultdict[int, list[str]] = defaultdict(list)
    pairs = DeviceKey.machines.through.objects.filter(devicekey__revoked_at=None)
    for key_id, machine_id in pairs.values_list("devicekey_id", "machine__machine_id"):
        machines[key_id].append(intern(machine_id))
    keys = DeviceKey.objects.filter(revoked_at=None).values_list(*_KEY, named=True)
    return {
        key.prefix: KeyDescription(
            id=key.pk,
            prefix=key.prefix,
            secret_hash=key.secret_hash,
            all_machines=key.all_machines,
            machine_ids=frozenset(machines[key.pk]),
            expires_at=from_datetime(key.expires_at) if key.expires_at else None,
        )
        for key in keys
    }


def machine_descriptions(
    scope: Scope, machine_id: str | None = None
) -> dict[str, MachineDescription]:
    """Read the machines of the scope with their sensors, in the order of their ids; or one.

    Retired machines too. Two queries, also for a machine that is unknown or out of scope.
    """
    machines = machines_in(scope).order_by("machine_id")
    sensors = sensors_in(scope)
    if machine_id is not None:
        machines = machines.filter(machine_id=machine_id)
        sensors = sensors.filter(machine__machine_id=machine_id)
    described = _described(_rows(machines), sensors)
    return {machine.machine_id: machine for machine in described}


def machines_after(scope: Scope, machine_id: str, *, limit: int) -> list[MachineDescription]:
    """Read the first machines of the scope whose ids come after this one, in that order."""
    after = machines_in(scope).order_by("machine_id").filter(machine_id__gt=machine_id)
    rows = _rows(after[:limit])
    return _described(rows, Sensor.objects.filter(machine__in=[row.pk for row in rows]))


def machines_in(scope: Scope) -> QuerySet[Machine]:
    """Return the machines of the scope; the same as those that `scope.sees`."""
    return Machine.objects.filter(_placed_in(scope))


def sensors_in(scope: Scope) -> QuerySet[Sensor]:
    """Return the sensors of the scope's machines."""
    return Sensor.objects.filter(_placed_in(scope, "machine__"))


def _placed_in(scope: Scope, path: str = "") -> Q:
    """Return the condition that a machine, reached by this path, is in the scope.

    Grouped by what stands above the lowest level: SQLite takes 1,000 alternatives.
    """
    if scope.places is None:
        return Q()
    sites: list[str] = []
    areas: defaultdict[str, list[str]] = defaultdict(list)
    lines: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for site, area, line in sorted(scope.places):
        if line:
            lines[site, area].append(line)
        elif area:
            areas[site].append(area)
        else:
            sites.append(site)
    condition = Q(**{f"{path}site__in": sites})
    for site, names in areas.items():
        condition |= Q(**{f"{path}site": site, f"{path}area__in": names})
    for (site, area), names in lines.items():
        condition |= Q(**{f"{path}site": site, f"{path}area": area, f"{path}line__in": names})
    return condition


def _rows(machines: QuerySet[Machine]) -> list[Any]:
    return list(machines.values_list(*_MACHINE, named=True))


def _described(rows: Iterable[Any], sensors: QuerySet[Sensor]) -> list[MachineDescription]:
    """Describe the machines of these rows with their sensors, sorted by name."""
    machines = {row.pk: _machine(row) for row in rows}
    described = sorted(_sensors(sensors, machines), key=lambda pair: pair[1].name)
    for machine_pk, sensor in described:
        machines[machine_pk].sensors[sensor.name] = sensor
    return list(machines.values())


def _machine(row: Any) -> MachineDescription:
    """Describe a machine without sensors; words that many machines share are kept once."""
    return MachineDescription(
        pk=row.pk,
        machine_id=intern(row.machine_id),
        name=row.name,
        kind=intern(row.kind),
        site=intern(row.site),
        area=intern(row.area),
        line=intern(row.line),
        active=row.active,
        sensors={},
    )


def _sensors(
    sensors: QuerySet[Sensor], machines: Mapping[int, MachineDescription]
) -> Iterator[tuple[int, SensorDescription]]:
    """(machine, sensor) of each row; texts and numbers of a type are kept once."""
    types: dict[str, TypeDescription] = {}
    for row in sensors.order_by().values_list(*_SENSOR, named=True):
        quantity = types.setdefault(row.sensor_type__slug, _type(row))
        machine = machines.get(row.machine_id)
        if machine is not None:  # else made since the machines were read
            yield machine.pk, _sensor(row, machine.machine_id, quantity)


def _type(row: Any) -> TypeDescription:
    return TypeDescription(
        slug=row.sensor_type__slug,
        name=row.sensor_type__name,
        unit=row.sensor_type__unit,
        minimum=row.sensor_type__minimum,
        maximum=row.sensor_type__maximum,
    )


def _sensor(row: Any, machine_id: str, quantity: TypeDescription) -> SensorDescription:
    return SensorDescription(
        id=row.pk,
        machine_id=machine_id,
        name=intern(sensor_name(quantity.slug, row.position)),
        type_slug=quantity.slug,
        type_name=quantity.name,
        unit=quantity.unit,
        minimum=quantity.minimum if row.minimum is None else row.minimum,
        maximum=quantity.maximum if row.maximum is None else row.maximum,
        stale_seconds=row.stale_seconds or settings.DEFAULT_STALE_SECONDS,
    )
