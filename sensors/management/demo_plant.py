"""Registration of the simulated plant: machines with names, kinds and places."""

from django.db import transaction

from sensors.devices.simulation.kinds import SimulatedMachine
from sensors.devices.simulation.plant import Plant
from sensors.models import Machine, Sensor, SensorType


def register(plant: Plant) -> None:
    """Register the machines and sensors of the plant; existing ones stay unchanged."""
    types = {quantity.slug: quantity for quantity in SensorType.objects.all()}
    with transaction.atomic():
        for machine in plant.machines:
            _register_machine(machine, types)


def _register_machine(simulated: SimulatedMachine, types: dict[str, SensorType]) -> None:
    machine, _ = Machine.objects.get_or_create(
        machine_id=simulated.machine_id,
        defaults={
            "name": simulated.name,
            "kind": simulated.kind,
            "site": simulated.site,
            "area": simulated.area,
            "line": simulated.line,
        },
    )
    for sensor in simulated.sensors:
        _, _, position = sensor.sensor_type.partition(".")
        Sensor.objects.get_or_create(
            machine=machine, sensor_type=types[sensor.quantity], position=position
        )
