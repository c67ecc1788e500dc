"""Registration of machines and sensors by the readings of devices (AUTO_REGISTER_MACHINES)."""

from collections.abc import Iterable

import structlog
from django.db import transaction

from sensors.models import Machine, Sensor, SensorType

log = structlog.get_logger(__name__)

# A device that invents names must not fill the plant: beyond these numbers a person registers.
MAX_MACHINES = 10_000
MAX_SENSORS = 200


def register_sensors(names: Iterable[tuple[str, str]]) -> None:
    """Create those of these (machine id, sensor name) that do not exist; types must exist."""
    types = {row.slug: row for row in SensorType.objects.all()}
    for machine_id, name in names:
        slug, _, position = name.partition(".")
        with transaction.atomic():
            machine, _ = Machine.objects.get_or_create(machine_id=machine_id)
            _, is_new = Sensor.objects.get_or_create(
                machine=machine, sensor_type=types[slug], position=position
            )
        if is_new:
            log.info("sensor_registered", machine=machine_id, sensor=name)
