"""Two web processes and split readers behind a balancer: what one promises, two keep."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest

from benchmarks.instances import access_token
from benchmarks.split import Split, running
from digitaltwin.tests.acceptance.retrying import (
    DEVICES,
    READINGS,
    Load,
    Watch,
    make_watched_machine,
    rows_of,
    run_all,
)
from digitaltwin.tests.support.servers import LOOPBACK, wait_for
from sensors.timestamps import format_us, now_us

pytestmark = [pytest.mark.slow, pytest.mark.redis, pytest.mark.postgresql]

# After which share of the load which web process is killed and started again.
KILLS = ((0.15, 0), (0.55, 1))


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Split]:
    folder = tmp_path_factory.mktemp("split")
    with running(folder, web=2, AUTO_REGISTER_MACHINES="true") as split:
        yield split


def post(split: Split, port: int, body: dict[str, Any]) -> httpx.Response:
    url = f"http://{LOOPBACK}:{port}/api/v1/sensors/readings"
    key = {"Authorization": f"Bearer {split.device_key}"}
    return httpx.post(url, json=body, headers=key, timeout=10)


def stored(split: Split, machine_id: str) -> list[float]:
    with psycopg.connect(split.settings["DATABASE_URL"]) as connection:
        rows = connection.execute(
            "SELECT value FROM sensors_reading r"
            " JOIN sensors_sensor s ON s.id = r.sensor_id"
            " JOIN sensors_machine m ON m.id = s.machine_id"
            " WHERE m.machine_id = %s ORDER BY measured_at",
            [machine_id],
        )
        return [value for (value,) in rows.fetchall()]


def lag(split: Split) -> int:
    return int(httpx.get(f"{split.url}/api/v1/health").json()["checks"]["log"]["lag_entries"])


def test_reading_sent_through_both_processes_is_stored_once(split: Split) -> None:
    first = {
        "machine_id": "CNC-001",
        "sensor_type": "temperature",
        "value": 1.0,
        "unit": "celsius",
        "timestamp": format_us(now_us()),
    }
    last = first | {"value": 2.0, "timestamp": format_us(now_us())}

    one, other = (post(split, port, first) for port in split.ports)
    conflict = post(split, split.ports[1], first | {"value": 3.0})
    after = post(split, split.port, last)

    assert (one.status_code, one.json()["status"]) == (201, "accepted")
    assert (other.status_code, other.json()["status"]) == (200, "duplicate")
    assert (conflict.status_code, conflict.json()["code"]) == (409, "conflicting-duplicate")
    assert after.json()["status"] == "accepted"
    wait_for(lambda: len(stored(split, "CNC-001")) > 1, what="the last one is stored")
    assert stored(split, "CNC-001") == [1.0, 2.0]


async def kill_in_the_middle(split: Split, load: Load) -> None:
    for share, number in KILLS:
        await load.reached(share)
        await asyncio.to_thread(split.kill_web, split.ports[number])
        await asyncio.to_thread(split.start_web, split.ports[number])


def test_killed_web_process_loses_and_doubles_nothing(split: Split) -> None:
    token = access_token(split.url, split.operator)
    load = Load(split.url, split.device_key)
    key = {"Authorization": f"Bearer {split.device_key}"}
    with httpx.Client(base_url=split.url, headers=key, timeout=10) as device:
        make_watched_machine(device)
    watches = [Watch(split.url, "LOD-000", token) for _ in range(4)]

    asyncio.run(
        run_all(
            lambda: load.run(after=watches),
            lambda: kill_in_the_middle(split, load),
            *(watch.run for watch in watches),
        )
    )

    wait_for(lambda: lag(split) == 0, what="history is done")
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=split.url, headers=headers, timeout=10) as operator:
        rows = {name: rows_of(operator, name) for name in load.accepted}
    assert {name: dict(found) for name, found in rows.items()} == load.accepted
    assert sum(map(len, rows.values())) == DEVICES * READINGS
    assert load.retries > 0
    assert sum(watch.cuts for watch in watches) >= len(KILLS)
    for watch in watches:
        assert watch.seen == [0.5, *map(float, range(READINGS))]
