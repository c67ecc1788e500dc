"""The read API: members, pages, parameters and errors."""

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from sensors.history.tests.rows import NOON, make_reading, write_at
from sensors.readers import positions
from sensors.store.sync import SyncStore
from sensors.tests.people import STATES, client_of, log_readings, make_machine
from sensors.timestamps import format_us, now_us

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("empty_log")]

API = "/api/v1"
READINGS = f"{API}/sensors/readings"
ADDRESSES = (
    f"{API}/machines",
    f"{API}/machines/CNC-001",
    f"{API}/machines/CNC-001/latest",
    f"{API}/machines/CNC-001/status",
    READINGS,
)
NOWHERE = "unix:///nonexistent/redis.sock"


@pytest.fixture
def viewer() -> Client:
    return client_of("viewer")


def answer(client: Client, address: str, **query: Any) -> tuple[int, Any]:
    response = client.get(address, query)
    return response.status_code, response.json()


def gone(*query: Any) -> Any:
    """What the driver says of each query while the database is away."""
    raise OperationalError("server closed the connection unexpectedly")


def keep(*seconds: float) -> None:
    """Readings of CNC-001's temperature in the database."""
    sensor = make_machine().sensors.get()
    positions.resume("history", "log")
    write_at(1, [make_reading(second, second, sensor_id=sensor.pk) for second in seconds])


@pytest.mark.parametrize("who", STATES)
@pytest.mark.parametrize("address", ADDRESSES)
def test_reads_only_for_who_may_see(who: str, address: str) -> None:
    make_machine()

    response = client_of(who).get(address)

    expected = {"superuser": 200, "viewer": 200, "stranger": 403, "anonymous": 401}[who]
    assert response.status_code == expected
    if expected != 200:
        assert response["Content-Type"] == "application/problem+json"


def test_stranger_learns_nothing_of_which_machines_there_are() -> None:
    make_machine()
    client = client_of("stranger")

    known = answer(client, f"{API}/machines/CNC-001")
    unknown = answer(client, f"{API}/machines/CNC-009")

    assert known == unknown


def test_machine_with_its_sensors(viewer: Client) -> None:
    sensor = make_machine("CNC-001", "temperature", name="Mill", line="L1").sensors.get()
    now = now_us()
    log_readings(
        make_reading(
            measured_at=now, received_at=now, sensor_id=sensor.pk, sensor_type="temperature"
        )
    )

    status, machine = answer(viewer, f"{API}/machines/CNC-001")

    [shown] = machine.pop("sensors")
    latest = shown.pop("latest")
    assert status == 200
    assert shown == {"sensor_type": "temperature", "unit": "Cel", "stale_seconds": 300}
    assert machine == {
        "machine_id": "CNC-001",
        "name": "Mill",
        "kind": "",
        "site": "",
        "area": "",
        "line": "L1",
        "active": True,
        "connectivity": "online",
        "last_seen_at": format_us(now),
        "alarms": [],
    }
    assert latest.pop("age_seconds") < 60
    assert latest == {
        "id": f"CNC-001_temperature_{now}",
        "machine_id": "CNC-001",
        "sensor_type": "temperature",
        "value": 20.0,
        "unit": "Cel",
        "timestamp": format_us(now),
        "quality": "good",
        "metadata": {},
        "received_at": format_us(now),
        "late": False,
        "stale": False,
    }


def test_latest_of_a_quiet_machine_is_stale(viewer: Client) -> None:
    make_machine()
    log_readings(make_reading(sensor_type="temperature"))

    _, body = answer(viewer, f"{API}/machines/CNC-001/latest")

    assert sorted(body) == ["machine_id", "readings", "server_time"]
    assert [(one["value"], one["stale"]) for one in body["readings"]] == [(20.0, True)]


def test_status_is_the_machine_without_its_sensors(viewer: Client) -> None:
    make_machine()

    _, machine = answer(viewer, f"{API}/machines/CNC-001")
    _, status = answer(viewer, f"{API}/machines/CNC-001/status")

    machine.pop("sensors")
    assert status == machine
    assert status["connectivity"] == "never_seen"


@pytest.mark.parametrize("machine_id", ["CNC-009", "cnc-001", "%00", "a%2Fb", "é", "x" * 65])
def test_unknown_machine_is_not_found(viewer: Client, machine_id: str) -> None:
    make_machine()

    for address in ("", "/latest", "/status"):
        response = viewer.get(f"{API}/machines/{machine_id}{address}")
        assert response.status_code == 404
        assert response["Content-Type"] == "application/problem+json"


def test_machines_in_pages(viewer: Client) -> None:
    for number in range(1, 6):
        make_machine(f"CNC-00{number}")

    _, first = answer(viewer, f"{API}/machines", limit=2)
    _, second = answer(viewer, first["next"])
    _, last = answer(viewer, second["next"])

    pages = [[one["machine_id"] for one in page["results"]] for page in (first, second, last)]
    assert pages == [["CNC-001", "CNC-002"], ["CNC-003", "CNC-004"], ["CNC-005"]]
    assert last["next"] is None


def test_next_is_the_address_that_was_asked_with_its_query(viewer: Client) -> None:
    keep(1, 2)
    query = {"machine_id": "CNC-001", "start": "2020-01-01T00:00:00+01:00", "limit": "1"}

    response = viewer.get(READINGS, query, secure=True, headers={"host": "localhost:8443"})

    following = urlsplit(response.json()["next"])
    assert (following.scheme, following.netloc) == ("https", "localhost:8443")
    assert following.path == READINGS
    asked = dict(parse_qsl(following.query))
    assert asked.pop("cursor")
    assert asked == query


@pytest.mark.parametrize("query", ["limit=", "cursor=", "cursor=nonsense"])
def test_machines_parameter_refused(viewer: Client, query: str) -> None:
    response = viewer.get(f"{API}/machines?{query}")

    assert (response.status_code, response.json()["code"]) == (400, "invalid-parameter")


def test_machines_same_queries_for_one_and_three(viewer: Client) -> None:
    counts = []
    for number in range(1, 4):
        make_machine(f"CNC-00{number}")
        with CaptureQueriesContext(connection) as queries:
            answer(viewer, f"{API}/machines")
        counts.append(len(queries))

    assert counts[0] == counts[2]


def test_readings_in_pages(viewer: Client) -> None:
    keep(1, 2, 3)

    _, first = answer(viewer, READINGS, machine_id="CNC-001", limit=2)
    _, last = answer(viewer, first["next"])

    assert [one["value"] for one in first["results"] + last["results"]] == [3.0, 2.0, 1.0]
    assert last["next"] is None


def test_readings_from_start_until_before_end(viewer: Client) -> None:
    keep(1, 2, 3)
    start, end = format_us(NOON + 1_000_000), format_us(NOON + 3_000_000)

    _, page = answer(viewer, READINGS, sensor_type="sensor_1", start=start, end=end)
    _, named = answer(viewer, READINGS, sensor_type="temperature", start=start, end=end)

    assert page["results"] == []
    assert [one["timestamp"] for one in named["results"]] == [
        format_us(NOON + 2_000_000),
        start,
    ]


def test_readings_of_an_unknown_machine(viewer: Client) -> None:
    status, problem = answer(viewer, READINGS, machine_id="CNC-009")

    assert (status, problem["code"]) == (404, "unknown-machine")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("limit=0", "limit"),
        ("limit=-1", "limit"),
        ("limit=1001", "limit"),
        ("limit=1e9", "limit"),
        ("limit=abc", "limit"),
        ("limit=%D9%A1", "limit"),
        ("limit=1&limit=2", "limit"),
        ("ordering=password", "ordering"),
        ("start=yesterday", "start"),
        ("end=2026-01-01T00:00:00", "end"),
        ("cursor=nonsense", "cursor"),
        ("cursor=%00", "cursor"),
        ("machine_id=a%00b", "machine_id"),
        ("sensor_type=Temp", "sensor_type"),
        ("limit=", "limit"),
        ("start=", "start"),
        ("end=", "end"),
        ("cursor=", "cursor"),
        ("machine_id=", "machine_id"),
        ("sensor_type=", "sensor_type"),
    ],
)
def test_readings_parameter_refused(viewer: Client, query: str, field: str) -> None:
    response = viewer.get(f"{READINGS}?{query}")

    problem = response.json()
    assert (response.status_code, problem["code"]) == (400, "invalid-parameter")
    assert [error["field"] for error in problem["errors"]] == [field]


def test_readings_range_refused(viewer: Client) -> None:
    status, problem = answer(
        viewer, READINGS, start="2026-01-02T00:00:00Z", end="2026-01-01T00:00:00Z"
    )

    assert (status, problem["code"]) == (400, "invalid-range")


@pytest.mark.parametrize("address", ADDRESSES)
def test_reads_take_no_other_parameter(viewer: Client, address: str) -> None:
    make_machine()

    status, problem = answer(viewer, address, nonsense="1")

    assert (status, problem["code"]) == (400, "invalid-parameter")


@pytest.mark.parametrize("address", ADDRESSES)
def test_head_is_told_what_get_is(viewer: Client, address: str) -> None:
    make_machine()

    response = viewer.head(address)

    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
    assert response["Content-Length"] != "0"


@pytest.mark.parametrize("address", ADDRESSES)
def test_reads_without_database_are_unavailable(viewer: Client, address: str) -> None:
    make_machine()

    with connection.execute_wrapper(gone):
        response = viewer.get(address)

    assert (response.status_code, response.json()["code"]) == (503, "database-unavailable")
    assert response["Retry-After"] == "1"


@pytest.mark.parametrize("address", ADDRESSES)
def test_reads_are_json_only(viewer: Client, address: str) -> None:
    make_machine()

    assert answer(viewer, address, format="xml")[0] == 406


@pytest.mark.parametrize("address", ADDRESSES[:4])
def test_live_values_without_redis_are_unavailable(
    viewer: Client, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_machine()
    monkeypatch.setattr("sensors.twins.selectors.get_sync_store", lambda: SyncStore(NOWHERE))

    response = viewer.get(address)

    assert (response.status_code, response.json()["code"]) == (503, "log-unavailable")
    assert response["Retry-After"] == "1"


def test_history_without_redis_is_there(viewer: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(1)
    monkeypatch.setattr("sensors.twins.selectors.get_sync_store", lambda: SyncStore(NOWHERE))

    _, page = answer(viewer, READINGS)

    assert [one["value"] for one in page["results"]] == [1.0]
