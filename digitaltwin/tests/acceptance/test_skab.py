"""Real input: a water circuit's eight sensors as SKAB recorded them, into a fresh instance.

SKAB is under the GPL and not part of this repository; SHARED_DATA names the folder it lies in.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from digitaltwin.tests.support.product import Product, running
from digitaltwin.tests.support.recordings import SHARED_DATA, cells, replay, stored
from digitaltwin.tests.support.servers import wait_for

FILES = [SHARED_DATA / "skab" / "valve1" / f"{number}.csv" for number in range(3)]
MACHINE = "SKB-001"
SENSORS = {
    "Accelerometer1RMS": "acceleration.1",
    "Accelerometer2RMS": "acceleration.2",
    "Current": "current",
    "Pressure": "pressure",
    "Temperature": "temperature.engine",
    "Thermocouple": "temperature.fluid",
    "Voltage": "voltage",
    "Volume Flow RateRMS": "flow",
}
# The gauge shows a little less than nothing at times; the shipped range begins at 0 bar.
OWN_RANGES = {"pressure": (-5, 500)}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not all(file.exists() for file in FILES),
        reason=f"no SKAB in {SHARED_DATA}/skab (GPL, not part of this repository)",
    ),
]


def token_in(page: httpx.Response) -> str:
    """The CSRF token of a page's form."""
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)
    assert found, page.text
    return found[1]


def submit(client: httpx.Client, path: str, **fields: str) -> httpx.Response:
    """Open the form at `path`, fill it in and send it, as a browser would."""
    fields["csrfmiddlewaretoken"] = token_in(client.get(path))
    # A browser names where it comes from.
    answer = client.post(path, data=fields, headers={"Referer": f"{client.base_url}{path}"})
    assert answer.status_code == 302, answer.text
    return answer


def sensor_fields(page: str) -> Iterator[tuple[str, str]]:
    """The machine form's fields for all eight sensors; `page` offers the registered types."""
    yield from {"sensors-TOTAL_FORMS": "8", "sensors-INITIAL_FORMS": "0"}.items()
    for number, name in enumerate(SENSORS.values()):
        slug, _, position = name.partition(".")
        option = re.search(rf'<option value="(\d+)">{slug}</option>', page)
        assert option, page
        yield f"sensors-{number}-sensor_type", option[1]
        yield f"sensors-{number}-position", position
        for bound, limit in zip(("minimum", "maximum"), OWN_RANGES.get(name, ()), strict=False):
            yield f"sensors-{number}-{bound}", str(limit)


def make_machine(product: Product) -> None:
    """The machine with its sensors, made in the admin; wait until devices may post to it."""
    with httpx.Client(base_url=product.url, timeout=10) as client:
        submit(client, "/login/", **product.facts["operator"])
        path = "/admin/sensors/machine/add/"
        fields = dict(sensor_fields(client.get(path).text))
        submit(client, path, machine_id=MACHINE, name="Circuit", active="on", **fields)
    wait_for(lambda: is_known(product), what="the web process knows the machine")


def is_known(product: Product) -> bool:
    """Check that a reading is refused for its missing fields, not for its machine."""
    reading = {"machine_id": MACHINE, "sensor_type": "none", "value": 0, "unit": "Cel"}
    reading["timestamp"] = "2020-01-01T00:00:00Z"
    with product.device() as device:
        answer = device.post("/api/v1/sensors/readings", json=reading)
    return bool(answer.json()["code"] == "unknown-sensor")


def recorded(rows: list[dict[str, str]], column: str) -> list[tuple[str, float]]:
    """(time, value) of a column, as the read API would write the time."""
    return [(f"{row['datetime'].replace(' ', 'T')}.000000Z", float(row[column])) for row in rows]


def by_sensor(readings: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    found = defaultdict[str, list[dict[str, Any]]](list)
    for reading in readings:
        found[reading["sensor_type"]].append(reading)
    return found


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    with running(tmp_path / "data") as product:
        yield product


def test_skab_is_stored_as_recorded_in_every_sensor(product: Product) -> None:
    make_machine(product)
    options = [f"--map={column}={name}" for column, name in SENSORS.items()]
    options += ["--delimiter", ";", "--speed", "0", "--keep-time"]

    for file in FILES:
        said = replay(product, file, MACHINE, *options)

        readings = f"{len(cells(file, delimiter=';')) * len(SENSORS):,}"
        assert said == (
            f"Replayed {readings} readings as {MACHINE}: {readings} accepted, 0 late, "
            "0 duplicate, 0 conflicting, 0 refused.\n"
        )

    rows = [row for file in FILES for row in cells(file, delimiter=";")]
    found = by_sensor(stored(product, MACHINE))
    assert set(found) == set(SENSORS.values())
    for column, name in SENSORS.items():
        assert [(row["timestamp"], row["value"]) for row in found[name]] == recorded(rows, column)
        assert {(row["quality"], row["late"]) for row in found[name]} == {("good", False)}
