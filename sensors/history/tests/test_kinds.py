"""The history reader passes over entries that hold no readings: nothing lost, nothing doubled."""

import random

import pytest

from sensors.history.tests.following import append, reading, stored
from sensors.history.tests.rows import kept, make_reading, saved, sent
from sensors.messages import LiveReading
from sensors.models import DeadLetter
from sensors.store.store import Store
from sensors.tests.outages import in_database

pytestmark = pytest.mark.django_db(transaction=True)
MACHINE = "CNC-001"
UNKNOWN = "of_a_newer_version"


async def test_reader_stores_the_readings_among_entries_of_other_kinds(store: Store) -> None:
    rng = random.Random(1)
    logged: list[LiveReading] = []
    last = ""
    async with reading(store):
        for moment in range(60):
            if rng.random() < 0.5:
                logged.append(make_reading(moment))
                last = await append(store, logged[-1:])
            else:
                last = await store.log.append_entry(MACHINE, UNKNOWN, b"\x00 no JSON")
            if rng.random() < 0.1:
                await stored(store, last)
        await stored(store, last)

    assert await in_database(kept) == sent(logged)
    assert await in_database(saved) == (await store.log.epoch(), last)
    assert await in_database(DeadLetter.objects.count) == 0


async def test_reader_moves_past_a_log_without_any_reading(store: Store) -> None:
    for _ in range(5):
        last = await store.log.append_entry(MACHINE, UNKNOWN, b"[]")

    async with reading(store):
        await stored(store, last)

    assert await in_database(saved) == (await store.log.epoch(), last)
    assert await in_database(kept) == sent([])


async def test_reader_that_stopped_at_another_kind_goes_on_after_it(store: Store) -> None:
    first = make_reading(1)
    await append(store, [first])
    unknown = await store.log.append_entry(MACHINE, UNKNOWN, b"[]")
    async with reading(store):
        await stored(store, unknown)
    second = make_reading(2)
    last = await append(store, [second])

    async with reading(store):
        await stored(store, last)

    assert await in_database(kept) == sent([first, second])
    assert await in_database(saved) == (await store.log.epoch(), last)
