"""The pipeline as a door that is not HTTP calls it: bytes in, a receipt or a refusal out."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from sensors.access.device_keys import create_device_key
from sensors.enums import Outcome
from sensors.exceptions import Busy, ConflictingDuplicate, InvalidReadings, SensorsError
from sensors.history.tests.following import reading as history_at_work
from sensors.ingest import refusals
from sensors.ingest.pipeline import IngestOptions, take_readings
from sensors.ingest.receipts import IngestReceipt
from sensors.store.store import Store
from sensors.tests.people import make_machine
from sensors.timestamps import format_us, now_us

pytestmark = pytest.mark.django_db(transaction=True)
PARTIAL = IngestOptions(partial=True)
Door = Callable[..., Awaitable[IngestReceipt]]


@pytest.fixture(autouse=True)
def no_refusals_yet() -> None:
    refusals._kinds.clear()


@pytest.fixture
async def authorization() -> str:
    """The credential of a key for CNC-001, the only machine."""
    machine = await sync_to_async(make_machine)("CNC-001")
    key = sync_to_async(create_device_key)
    return f"Bearer {(await key(name='gateway', machines=[machine]))[1]}"


@pytest.fixture
async def door(store: Store, authorization: str) -> AsyncIterator[Door]:
    """A door that posts readings of the temperature of CNC-001, one or a batch."""

    async def post(*rows: dict[str, Any], options: IngestOptions | None = None) -> IngestReceipt:
        content = rows[0] if len(rows) == 1 else {"readings": rows}

        async def read_content() -> tuple[bytes, IngestOptions]:
            return json.dumps(content).encode(), options or IngestOptions()

        return await take_readings(authorization, read_content, is_batch=len(rows) > 1)

    async with history_at_work(store):
        yield post


def row(value: float = 20.0, **changes: Any) -> dict[str, Any]:
    good = {
        "machine_id": "CNC-001",
        "sensor_type": "temperature",
        "value": value,
        "unit": "celsius",
        "timestamp": format_us(now_us()),
    }
    return good | changes


def counted(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def refused_and_conflicting() -> tuple[float, float]:
    name = "digitaltwin_readings_total"
    return counted(name, outcome="refused"), counted(name, outcome="conflict")


async def test_single_reading_is_logged_and_stored(door: Door, store: Store) -> None:
    receipt = await door(row())

    assert receipt.appended.outcomes == (Outcome.ACCEPTED,)
    assert receipt.stored
    assert [entry.count for entry in await store.log.read("0-0", count=10)] == [1]


async def test_partial_batch_keeps_good_rows_and_names_the_others(door: Door) -> None:
    first = row()
    await door(first)
    before = refused_and_conflicting()

    receipt = await door(row(), row(999.0), first | {"value": 21.0}, options=PARTIAL)

    assert receipt.indices == [0, 2]
    assert {index: errors[0].code for index, errors in receipt.refused.items()} == {
        1: "out-of-range",
        2: "conflicting-duplicate",
    }
    refused, conflicting = refused_and_conflicting()
    assert (refused - before[0], conflicting - before[1]) == (1, 1)


async def test_partial_batch_without_a_good_row_counts_each_row_once(door: Door) -> None:
    first = row()
    await door(first)
    before = refused_and_conflicting()

    with pytest.raises(InvalidReadings) as refusal:
        await door(first | {"value": 21.0}, row(999.0), options=PARTIAL)

    assert [error.index for error in refusal.value.errors] == [0, 1]
    refused, conflicting = refused_and_conflicting()
    assert (refused - before[0], conflicting - before[1]) == (1, 1)


async def test_errors_of_a_single_reading_have_no_index(door: Door) -> None:
    first = row()
    await door(first)

    with pytest.raises(ConflictingDuplicate) as refusal:
        await door(first | {"value": 21.0})

    assert [error.index for error in refusal.value.errors] == [None]


async def test_refusals_are_counted_each_and_logged_once(door: Door) -> None:
    before = counted("digitaltwin_refusals_total", code="out-of-range")

    with capture_logs() as lines:
        for _ in range(3):
            with pytest.raises(InvalidReadings):
                await door(row(999.0))

    assert counted("digitaltwin_refusals_total", code="out-of-range") - before == 3
    assert [(line["event"], line["code"]) for line in lines] == [
        ("readings_refused", "out-of-range")
    ]


async def test_content_is_read_only_for_a_valid_key(store: Store, authorization: str) -> None:
    async def read_content() -> tuple[bytes, IngestOptions]:
        raise AssertionError("the content was read")

    with pytest.raises(SensorsError) as refusal:
        await take_readings(f"{authorization}x", read_content, is_batch=False)

    assert refusal.value.code == "unauthenticated"


async def test_request_beyond_the_limit_is_busy(
    store: Store, authorization: str, settings: Any
) -> None:
    settings.MAX_IN_FLIGHT = 1

    async def read_content() -> tuple[bytes, IngestOptions]:
        return json.dumps(row()).encode(), IngestOptions()

    async with history_at_work(store):
        results = await asyncio.gather(
            *(take_readings(authorization, read_content, is_batch=False) for _ in range(3)),
            return_exceptions=True,
        )

    assert sum(isinstance(result, IngestReceipt) for result in results) == 1
    assert sum(isinstance(result, Busy) for result in results) == 2


async def test_unforeseen_error_of_a_door_is_counted_and_raised(
    store: Store, authorization: str
) -> None:
    before = counted("digitaltwin_refusals_total", code="internal-error")

    async def read_content() -> tuple[bytes, IngestOptions]:
        raise RuntimeError("a bug of the door")

    with pytest.raises(RuntimeError):
        await take_readings(authorization, read_content, is_batch=False)

    assert counted("digitaltwin_refusals_total", code="internal-error") - before == 1
