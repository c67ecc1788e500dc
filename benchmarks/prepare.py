"""The plant of the benchmark in a product's database: `python -m benchmarks.prepare MACHINES`.

Run with that product's settings; prints its machines and their device keys, one key a machine, as
JSON.
"""

import os
import sys

import django
import msgspec

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "digitaltwin.settings")
django.setup()

from benchmarks.bodies import machine_id
from sensors.access.device_keys import create_device_key
from sensors.models import Machine, Sensor, SensorType

SENSOR_TYPES = ("temperature", "pressure", "vibration", "humidity", "speed")


def main() -> None:
    names = [machine_id(number) for number in range(int(sys.argv[1]))]
    machines = Machine.objects.bulk_create(Machine(machine_id=name) for name in names)
    types = SensorType.objects.filter(slug__in=SENSOR_TYPES)
    Sensor.objects.bulk_create(
        Sensor(machine=machine, sensor_type=quantity) for machine in machines for quantity in types
    )
    devices = [
        (machine.machine_id, create_device_key(name=machine.machine_id, machines=[machine])[1])
        for machine in machines
    ]
    print(msgspec.json.encode(devices).decode())


if __name__ == "__main__":
    main()
