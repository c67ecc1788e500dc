"""The pages within a scope: its machines alone, all others look unknown."""

import re

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext

from sensors.history.tests.rows import make_reading, write_at
from sensors.readers import positions
from sensors.tests.outages import redis_away
from sensors.tests.people import HIDDEN, SEEN, client_of, make_machine, make_restricted
from sensors.timestamps import SECOND_US, now_us

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_log")]


@pytest.fixture
def restricted() -> Client:
    return client_of("restricted")


def make_machines() -> None:
    make_machine("CNC-001", **SEEN._asdict())
    make_machine("CNC-002", **HIDDEN._asdict(), name="Hidden lathe")
    make_machine("CNC-003", name="Placeless pump")


def machines_on(page: str) -> set[str]:
    """The ids of all machines that stand anywhere in the page."""
    return set(re.findall(r"CNC-\d{3}", page))


def looks(content: bytes) -> str:
    """The page without its own address and its forms' tokens, which differ each time."""
    return re.sub(r"CNC-\d{3}|(?<=csrfmiddlewaretoken\" value=\")\w+", "...", content.decode())


def test_plant_shows_the_scope_alone(restricted: Client) -> None:
    make_machines()

    page = restricted.get("/").content.decode()

    assert machines_on(page) == {"CNC-001"}
    assert "Line B" not in page
    assert machines_on(client_of("viewer").get("/").content.decode()) == {
        *("CNC-001", "CNC-002", "CNC-003")
    }


def test_search_finds_nothing_out_of_scope(restricted: Client) -> None:
    make_machines()

    assert machines_on(restricted.get("/?q=lathe").content.decode()) == {"CNC-001"}


@pytest.mark.django_db(transaction=True)
async def test_plant_shows_the_scope_alone_while_redis_is_away(async_client: AsyncClient) -> None:
    await sync_to_async(make_machines)()
    await async_client.aforce_login(await sync_to_async(make_restricted)())

    async with redis_away():
        pages = [await async_client.get(path) for path in ("/", "/machines/CNC-002/")]

    assert machines_on(pages[0].content.decode()) == {"CNC-001"}
    assert [page.status_code for page in pages] == [200, 404]


@pytest.mark.parametrize(
    "path", ["/machines/MACHINE/", "/machines/MACHINE/summary?sensor=temperature&minutes=60"]
)
def test_machine_out_of_scope_looks_unknown(restricted: Client, path: str) -> None:
    make_machines()

    seen, hidden, unknown = (
        restricted.get(path.replace("MACHINE", machine_id))
        for machine_id in ("CNC-001", "CNC-002", "CNC-009")
    )

    assert (seen.status_code, hidden.status_code, unknown.status_code) == (200, 404, 404)
    assert looks(hidden.content) == looks(unknown.content)


def test_machine_out_of_scope_costs_the_queries_of_an_unknown_one(restricted: Client) -> None:
    make_machines()

    counts = []
    for machine_id in ("CNC-002", "CNC-009"):
        with CaptureQueriesContext(connection) as queries:
            restricted.get(f"/machines/{machine_id}/")
        counts.append(len(queries))

    assert counts[0] == counts[1]


def test_sparks_of_the_scope_alone(restricted: Client) -> None:
    make_machines()
    positions.resume("history", "log")
    query = "/sparks?row=CNC-001/temperature&row=CNC-002/temperature&row=CNC-009/temperature"

    rows = restricted.get(query).json()["rows"]

    assert list(rows) == ["CNC-001/temperature"]
    assert list(client_of("viewer").get(query).json()["rows"]) == [
        *("CNC-001/temperature", "CNC-002/temperature")
    ]


def test_chart_of_a_machine_in_the_scope(restricted: Client) -> None:
    sensor = make_machine("CNC-001", **SEEN._asdict()).sensors.get()
    positions.resume("history", "log")
    measured_at = now_us() - 60 * SECOND_US
    write_at(1, [make_reading(sensor_id=sensor.pk, measured_at=measured_at)])

    chart = restricted.get("/machines/CNC-001/summary?sensor=temperature&minutes=60").json()

    assert [step["low"] for step in chart["steps"]] == [20.0]


@pytest.mark.parametrize("path", ["/", "/machines/CNC-001/"])
def test_queries_do_not_grow_with_machines(restricted: Client, path: str) -> None:
    counts = []
    for number in range(1, 4):
        make_machine(f"CNC-00{number}", **SEEN._asdict())
        restricted.get(path)
        with CaptureQueriesContext(connection) as queries:
            restricted.get(path)
        counts.append(len(queries))

    assert counts[0] == counts[1] == counts[2]
