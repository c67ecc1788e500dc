"""Services of a machine as a whole: retire, return to service, delete."""

from django.db import transaction
from django.db.models import QuerySet

from sensors.exceptions import SensorsError
from sensors.models import Machine, Reading, Sensor


class HasReadings(SensorsError):
    """A machine or sensor with readings, which is retired and never deleted."""

    status = 409
    code = "has-readings"
    title = "The machine has readings"


def retire_machine(machine: Machine) -> None:
    """Refuse readings of the machine from now on; its history stays."""
    _set_active(machine, active=False)


def return_machine_to_service(machine: Machine) -> None:
    """Accept readings of a retired machine again."""
    _set_active(machine, active=True)


def delete_machine(machine: Machine) -> None:
    """Delete a machine without readings, with its sensors. Raises HasReadings."""
    with transaction.atomic():
        if has_readings(machine.sensors.all()):
            raise HasReadings(f"{machine} has readings; retire it instead.")
        machine.sensors.all().delete()
        machine.delete()


def has_readings(sensors: QuerySet[Sensor]) -> bool:
    """Return whether the history has a reading of any of these sensors."""
    return Reading.objects.filter(sensor__in=sensors).exists()


def _set_active(machine: Machine, *, active: bool) -> None:
    machine.active = active
    machine.save(update_fields=["active", "changed_at"])
