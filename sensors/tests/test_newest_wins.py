"""The rule of the latest value, by the cases that the append script and the pages hold too."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from sensors.enums import Outcome, Quality
from sensors.messages import LiveReading
from sensors.store import keys
from sensors.store.client import make_sync_client
from sensors.store.store import Store
from sensors.timestamps import parse_rfc3339

Row = dict[str, Any]
CASES = json.loads((Path(__file__).parent / "data/newest_wins.json").read_text(encoding="utf-8"))[
    "cases"
]
each_case = pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
at_once = pytest.mark.parametrize(
    "case",
    [case for case in CASES if not any("forgotten" in row for row in case["readings"])],
    ids=lambda case: case["name"],
)


def reading(row: Row) -> LiveReading:
    return LiveReading(
        machine_id="CNC-001",
        sensor_id=1,
        sensor_type="temperature",
        unit="Cel",
        measured_at=parse_rfc3339(row["timestamp"]),
        received_at=parse_rfc3339(row["received_at"]),
        value=1.0,
        quality=Quality.GOOD,
        metadata={},
    )


def forget() -> None:
    """Remove what is remembered of readings taken, as its time to live does."""
    with make_sync_client(settings.REDIS_URL) as client:
        client.delete(*client.keys(f"{keys.SEEN_PREFIX}*"))


def kept_effective_time() -> int:
    """The effective time as the script keeps it in front of the latest value."""
    with make_sync_client(settings.REDIS_URL) as client:
        return int(client.hget(keys.latest("CNC-001"), "temperature")[:16])


@each_case
def test_effective_time_of_a_reading(case: Row) -> None:
    effective = [reading(row).effective_at for row in case["readings"]]

    assert effective == [parse_rfc3339(row["effective_at"]) for row in case["readings"]]


@each_case
def test_latest_is_the_accepted_reading_with_the_newest_effective_time(case: Row) -> None:
    accepted = [
        (reading(row).effective_at, position)
        for position, row in enumerate(case["readings"])
        if row["outcome"] == "accepted"
    ]

    assert max(accepted)[1] == case["latest"]


@each_case
async def test_append_script_keeps_the_newest(store: Store, case: Row) -> None:
    outcomes: list[Outcome] = []
    for row in case["readings"]:
        if row.get("forgotten"):
            forget()
        outcomes += (await store.log.append([reading(row)])).outcomes

    [snapshot] = await store.latest.snapshots(["CNC-001"])
    newest = reading(case["readings"][case["latest"]])
    assert outcomes == [row["outcome"] for row in case["readings"]]
    assert snapshot.readings == (newest,)
    assert kept_effective_time() == newest.effective_at


@at_once
async def test_append_script_keeps_the_newest_of_one_request(store: Store, case: Row) -> None:
    receipt = await store.log.append([reading(row) for row in case["readings"]])

    [snapshot] = await store.latest.snapshots(["CNC-001"])
    assert list(receipt.outcomes) == [row["outcome"] for row in case["readings"]]
    assert snapshot.readings == (reading(case["readings"][case["latest"]]),)
