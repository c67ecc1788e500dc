"""What may be done with a machine as a whole."""

from django.db import transaction
from django.db.models import QuerySet

from sensors.exceptions import SensorsError
from sensors.models import Machine, Reading, Sensor


class HasReadings(SensorsError):
    """What has readings is retired, never deleted."""

    status = 409
    code = "has-readings"
    title = "The machine has readings"


def retire_machine(machine: Machine) -> None:
    """It keeps its history and takes no readings."""
    _set_active(machine, active=False)


def return_machine_to_service(machine: Machine) -> None:
    _set_active(machine, active=True)


def delete_machine(machine: Machine) -> None:
    """The machine with its sensors, made by mistake. Raises HasReadings."""
    with transaction.atomic():
        if has_readings(machine.sensors.all()):
            raise HasReadings(f"{machine} has readings; retire it instead.")
        machine.sensors.all().delete()
        machine.delete()


def has_readings(sensors: QuerySet[Sensor]) -> bool:
    """Whether the history knows any of these sensors."""
    return Reading.objects.filter(sensor__in=sensors).exists()


def _set_active(machine: Machine, *, active: bool) -> None:
    machine.active = active
    machine.save(update_fields=["active", "changed_at"])
