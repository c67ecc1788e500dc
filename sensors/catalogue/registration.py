"""Machines and sensors made from what devices send (AUTO_REGISTER_MACHINES)."""

from collections.abc import Iterable

import structlog
from django.db import transaction

from sensors.models import Machine, Sensor, SensorType

log = structlog.get_logger(__name__)

# A device that invents names must not fill the plant: beyond these a person registers.
MAX_MACHINES = 10_000
MAX_SENSORS = 200


def register_sensors(names: Iterable[tuple[str, str]]) -> None:
    """Make what is missing of these (machine id, sensor name); types must be registered."""
    types = {row.slug: row for row in SensorType.objects.all()}
    for machine_id, name in names:
        slug, _, position = name.partition(".")
        with transaction.atomic():
            machine, _ = Machine.objects.get_or_create(machine_id=machine_id)
            _, made = Sensor.objects.get_or_create(
                machine=machine, sensor_type=types[slug], position=position
            )
        if made:
            log.info("sensor_registered", machine=machine_id, sensor=name)
