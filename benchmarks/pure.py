"""The pure functions of a reading's path, each ready to be called.

`python -m benchmarks.pure NAME` calls all once, then this one many times: `instructions` counts.
"""

import sys
from collections.abc import Callable, Mapping

from django.apps import apps

from digitaltwin.conf.start import set_up

if not apps.ready:
    set_up()

from benchmarks.bodies import Bodies
from realtime.protocol import update_text
from sensors.catalogue.descriptions import CatalogueSnapshot, MachineDescription, SensorDescription
from sensors.enums import Outcome
from sensors.ingest.payloads import ParsedReading
from sensors.ingest.receipts import IngestReceipt, encode, reading_results
from sensors.ingest.resolution import resolve
from sensors.ingest.serializers import parse_batch, parse_single
from sensors.messages import READINGS, LiveReading, Receipt
from sensors.store.append_arguments import arguments_of
from sensors.timestamps import now_us

TIMES = 200
REFERENCE = "a loop of 1,000 turns"
_MACHINE = "CNC-001"


def functions() -> dict[str, Callable[[], object]]:
    """Return the functions by name; a hundred readings of five sensors of one machine."""
    now = now_us()
    bodies = Bodies()
    single, batch = bodies.single(_MACHINE), bodies.batch(_MACHINE, 100)
    checked = parse_batch(batch, now_us=now)
    known = _known(checked.readings)
    parsed = list(checked.readings.values())
    readings = list(resolve(checked.readings, known, received_at=now).readings.values())
    appended = Receipt((Outcome.ACCEPTED,) * 100, "1-1")
    receipt = IngestReceipt(list(range(100)), parsed, readings, {}, appended, stored=True)
    return {
        REFERENCE: lambda: sum(number * number for number in range(1000)),
        "check 100 single readings": lambda: [parse_single(single, now_us=now) for _ in range(100)],
        "check a batch of 100": lambda: parse_batch(batch, now_us=now),
        "find 100 readings' sensors": lambda: resolve(checked.readings, known, received_at=now),
        "lay out 100 readings for the log": lambda: arguments_of(readings),
        "answer 100 readings": lambda: encode(reading_results(receipt)),
        "20 frames of 5 readings": lambda: [
            _frame(readings[at : at + 5]) for at in range(0, 100, 5)
        ],
    }


def _frame(readings: list[LiveReading]) -> str:
    return update_text(READINGS, readings, machine_id=_MACHINE, cursor="epoch.1-1")


def _known(sent: Mapping[int, ParsedReading]) -> CatalogueSnapshot:
    sensors = {
        one.sensor_type: SensorDescription(
            id=1,
            machine_id=one.machine_id,
            name=one.sensor_type,
            type_slug=one.sensor_type,
            type_name=one.sensor_type,
            unit=one.unit,
            minimum=-1e6,
            maximum=1e6,
            stale_seconds=10,
        )
        for one in sent.values()
    }
    machine = MachineDescription(
        pk=1,
        machine_id=_MACHINE,
        name="",
        kind="mill",
        site="",
        area="",
        line="",
        active=True,
        sensors=sensors,
    )
    return CatalogueSnapshot(machines={_MACHINE: machine}, types={}, keys={})


def run(name: str) -> None:
    made = functions()
    for call in made.values():
        call()
    for _ in range(TIMES if name else 0):
        made[name]()


if __name__ == "__main__":
    run(sys.argv[1])
