"""The read API within a scope: lists hold its machines alone, all others look unknown."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from sensors.history.tests.rows import make_reading, write_at
from sensors.readers import positions
from sensors.tests.people import (
    HIDDEN,
    SEEN,
    client_of,
    log_readings,
    make_machine,
    make_restricted,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_log")]

API = "/api/v1"
READINGS = f"{API}/sensors/readings"


@pytest.fixture
def restricted() -> Client:
    return client_of("restricted")


@pytest.fixture
def machines() -> None:
    """Five machines with a reading each, every second one of them in the scope."""
    positions.resume("history", "log")
    for number in range(1, 6):
        place = SEEN if number % 2 else HIDDEN
        machine = make_machine(f"CNC-00{number}", **place._asdict())
        reading = make_reading(
            number,
            machine_id=machine.machine_id,
            sensor_id=machine.sensors.get().pk,
            sensor_type="temperature",
        )
        log_readings(reading)
        write_at(number, [reading])


def listed(client: Client, address: str, **query: Any) -> list[list[str]]:
    """The ids of the machines on each page of the list, to its end."""
    pages = []
    while True:
        body = client.get(address, query).json()
        pages.append([one["machine_id"] for one in body["results"]])
        if body["next"] is None:
            return pages
        query = dict(parse_qsl(urlsplit(body["next"]).query))


@pytest.mark.usefixtures("machines")
def test_machines_of_the_scope_in_full_pages(restricted: Client) -> None:
    assert listed(restricted, f"{API}/machines") == [["CNC-001", "CNC-003", "CNC-005"]]
    assert listed(restricted, f"{API}/machines", limit=2) == [["CNC-001", "CNC-003"], ["CNC-005"]]
    assert listed(restricted, f"{API}/machines", limit=3) == [["CNC-001", "CNC-003", "CNC-005"]]
    assert listed(client_of("viewer"), f"{API}/machines", limit=3) == [
        *(["CNC-001", "CNC-002", "CNC-003"], ["CNC-004", "CNC-005"])
    ]


@pytest.mark.usefixtures("machines")
def test_page_begins_after_a_machine_out_of_scope(restricted: Client) -> None:
    viewer = client_of("viewer")
    following = viewer.get(f"{API}/machines", {"limit": 2}).json()["next"]

    body = restricted.get(following).json()

    assert [one["machine_id"] for one in body["results"]] == ["CNC-003", "CNC-005"]


@pytest.mark.usefixtures("machines")
def test_readings_of_the_scope_in_full_pages(restricted: Client) -> None:
    assert listed(restricted, READINGS, limit=2) == [["CNC-005", "CNC-003"], ["CNC-001"]]
    assert listed(restricted, READINGS, sensor_type="temperature") == [
        ["CNC-005", "CNC-003", "CNC-001"]
    ]
    assert listed(restricted, READINGS, machine_id="CNC-003") == [["CNC-003"]]
    assert listed(client_of("viewer"), READINGS) == [
        ["CNC-005", "CNC-004", "CNC-003", "CNC-002", "CNC-001"]
    ]


@pytest.mark.usefixtures("machines")
@pytest.mark.parametrize(
    "address",
    [
        f"{API}/machines/MACHINE",
        f"{API}/machines/MACHINE/latest",
        f"{API}/machines/MACHINE/status",
        f"{READINGS}?machine_id=MACHINE",
        f"{READINGS}?machine_id=MACHINE&sensor_type=temperature",
    ],
)
def test_machine_out_of_scope_looks_unknown(restricted: Client, address: str) -> None:
    seen, hidden, unknown = (
        restricted.get(address.replace("MACHINE", machine_id))
        for machine_id in ("CNC-001", "CNC-002", "CNC-009")
    )

    assert seen.status_code == 200
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.json()["code"] == "unknown-machine"
    assert hidden.content == unknown.content
    assert hidden.headers.keys() == unknown.headers.keys()


@pytest.mark.usefixtures("machines")
def test_machine_out_of_scope_costs_the_queries_of_an_unknown_one(restricted: Client) -> None:
    counts = []
    for machine_id in ("CNC-002", "CNC-009"):
        with CaptureQueriesContext(connection) as queries:
            restricted.get(f"{API}/machines/{machine_id}/latest")
        counts.append(len(queries))

    assert counts[0] == counts[1]


@pytest.mark.parametrize("address", [f"{API}/machines", READINGS])
def test_lists_of_a_scope_same_queries_for_one_and_three(restricted: Client, address: str) -> None:
    positions.resume("history", "log")
    counts = []
    for number in range(1, 4):
        make_machine(f"MIL-00{number}", **HIDDEN._asdict())
        machine = make_machine(f"CNC-00{number}", **SEEN._asdict())
        write_at(number, [make_reading(number, sensor_id=machine.sensors.get().pk)])
        with CaptureQueriesContext(connection) as queries:
            assert len(restricted.get(address).json()["results"]) == number
        counts.append(len(queries))

    assert counts[0] == counts[1] == counts[2]


def test_user_token_has_the_scope_of_its_user() -> None:
    make_machine("CNC-001", **SEEN._asdict())
    make_machine("CNC-002", **HIDDEN._asdict())
    user, client = make_restricted(), Client()
    sent = {"username": user.username, "password": "correct horse battery staple"}
    answer = client.post(f"{API}/auth/token", sent, content_type="application/json")
    bearer = {"Authorization": f"Bearer {answer.json()['access']}"}

    body = client.get(f"{API}/machines", headers=bearer).json()

    assert [one["machine_id"] for one in body["results"]] == ["CNC-001"]
