"""The history reader follows the log into the database: nothing lost, nothing doubled."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from structlog.testing import capture_logs

from sensors.exceptions import LeaseLost
from sensors.history.reader import MAX_ROWS, HistoryReader
from sensors.history.tests.following import PATIENCE, append, raw_entry, reading, stored
from sensors.history.tests.rows import conflicts, kept, make_reading, make_sensor, saved, sent
from sensors.history.writer import write
from sensors.messages import START, pack
from sensors.metrics import ROWS_STORED
from sensors.models import DeadLetter, Reading
from sensors.readers import positions
from sensors.readers.running import run_reader
from sensors.store.store import Store
from sensors.tests.outages import in_database

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def counted_rows() -> Iterator[list[float]]:
    before = ROWS_STORED._value.get()
    change: list[float] = []
    yield change
    change.append(ROWS_STORED._value.get() - before)


async def test_reader_stores_what_was_logged_before_and_what_comes(store: Store) -> None:
    first = [make_reading(i, 20.0 + i, metadata={"i": i}) for i in range(700)]
    second = [make_reading(i, sensor_id=2, machine_id="MIL-002") for i in range(3)]
    await append(store, first)

    with counted_rows() as rows:
        async with reading(store):
            await stored(store, await store.log.last_position())
            last = await append(store, second)
            await stored(store, last)

    assert await in_database(kept) == sent([*first, *second])
    assert await in_database(saved) == (await store.log.epoch(), last)
    assert rows == [703]


async def test_rows_are_gathered_until_somebody_waits_for_one(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    if store.in_memory:
        pytest.skip("every answer waits for its row")
    monkeypatch.setattr("sensors.history.reader.GATHER_SECONDS", PATIENCE)
    async with reading(store):
        await stored(store, await append(store, [make_reading(0)]))
        # It pauses now, or after the next: who asked may have done so in vain.
        await stored(store, await append(store, [make_reading(1)]))
        last = [await append(store, [make_reading(i)]) for i in range(2, 6)][-1]
        seen = await in_database(Reading.objects.count)

        began = asyncio.get_running_loop().time()
        await stored(store, last)
        seconds = asyncio.get_running_loop().time() - began

    assert seen < 6
    assert seconds < PATIENCE / 4
    assert await in_database(Reading.objects.count) == 6


async def test_reader_starts_where_the_database_is_and_marks_it_at_once(store: Store) -> None:
    last = await append(store, [make_reading(1)])
    async with reading(store):
        await stored(store, last)
    await store.progress.mark("history", "", START)

    async with reading(store):
        await stored(store, last)

    assert await in_database(Reading.objects.count) == 1


async def test_reader_stores_an_earlier_reading_and_keeps_it_late(store: Store) -> None:
    await append(store, [make_reading(5)])
    last = await append(store, [make_reading(3)])

    async with reading(store):
        await stored(store, last)

    flags = await in_database(
        lambda: list(Reading.objects.order_by("measured_at").values_list("late"))
    )
    assert flags == [(True,), (False,)]


async def test_reader_of_an_emptied_log_goes_on_with_its_new_epoch(
    store: Store, fresh_store: Any
) -> None:
    old, new = [make_reading(1), make_reading(2)], [make_reading(2), make_reading(3)]
    last = await append(store, old)
    with capture_logs() as events:
        async with reading(store):
            await stored(store, last)
            before = await store.log.epoch()
            await fresh_store()
            last = await append(store, new)
            await stored(store, last)

    epoch = await store.log.epoch()
    assert epoch != before
    assert await in_database(kept) == sent(old + new)
    assert await in_database(saved) == (epoch, last)
    changes = [event for event in events if event["event"] == "epoch_changed"]
    assert [(event["before"], event["epoch"]) for event in changes] == [(before, epoch)]


async def test_two_readers_at_once_store_everything_once_and_one_gives_up(store: Store) -> None:
    readings = [make_reading(i) for i in range(60)]
    ended = asyncio.Event()
    tasks = [asyncio.create_task(HistoryReader(store).run(ended)) for _ in range(2)]
    for at in range(0, 60, 3):
        await append(store, readings[at : at + 3])
        await asyncio.sleep(0)
    await stored(store, await store.log.last_position())
    for at in range(60, 120):
        if any(task.done() for task in tasks):
            break
        readings.append(make_reading(at))
        await stored(store, await append(store, readings[-1:]))
    ended.set()

    outcomes = await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes if outcome is not None] == [LeaseLost]
    assert await in_database(kept) == sent(readings)
    assert await in_database(conflicts) == []


async def test_reader_that_slept_through_its_lease_stores_nothing(store: Store) -> None:
    """Paused with an entry in hand while another took over and went further."""
    first = await append(store, [make_reading(1)])
    ended = asyncio.Event()
    paused = HistoryReader(store)
    await paused._resume()
    async with reading(store):
        await stored(store, first)

    with pytest.raises(LeaseLost):
        await paused._follow(ended)

    await paused._close()
    assert await in_database(Reading.objects.count) == 1


async def test_poisonous_entries_become_dead_letters_and_all_else_is_stored(store: Store) -> None:
    good = [make_reading(i) for i in range(12)]
    await append(store, good[:4])
    await raw_entry(b"no JSON")
    await append(store, [good[4], make_reading(measured_at=2**63, machine_id="CNC-001"), good[5]])
    await raw_entry(b"[" + pack(good[6]) + b',["CNC-001",1],' + pack(good[7]) + b"]")
    await append(store, good[8:10])
    await raw_entry(b"[[]]\xff\0", machine=b"\xff\0" * 80, n="many")
    last = await append(store, good[10:])

    async with reading(store):
        await stored(store, last)

    assert await in_database(kept) == sent(good)
    letters = await in_database(lambda: list(DeadLetter.objects.order_by("id")))
    assert sorted(letter.payload[:13] for letter in letters) == [
        '["CNC-001",1,',
        '["CNC-001",1]',
        "[[]]\\xff\\x00",
        "no JSON",
    ]
    assert all(letter.reason and letter.epoch for letter in letters)
    assert (await in_database(saved))[1] == last


async def test_entry_of_another_kind_is_passed_over(store: Store) -> None:
    await append(store, [make_reading(1)])
    last = await raw_entry(b"{}", kind="alarm")

    async with reading(store):
        await stored(store, last)

    assert await in_database(Reading.objects.count) == 1
    assert await in_database(DeadLetter.objects.count) == 0


async def test_conflicts_beyond_the_window_are_kept_beside_the_first(
    store: Store, fresh_store: Any
) -> None:
    await in_database(make_sensor)
    hour = [make_reading(300 * i, 80.0) for i in range(12)]
    again = [make_reading(300 * i, 90.0) for i in range(12)]
    async with reading(store):
        await stored(store, await append(store, hour))
        await fresh_store()
        await stored(store, await append(store, again))

    assert await in_database(kept) == sent(hour)
    assert await in_database(conflicts) == [(row.measured_at, 90.0, 80.0) for row in again]


async def test_reader_hands_over_to_the_process_that_stands_by(store: Store) -> None:
    readings = [make_reading(i) for i in range(2)]
    stops = [asyncio.Event(), asyncio.Event()]
    first = asyncio.create_task(run_reader("history", stops[0]))
    await stored(store, await append(store, readings[:1]))
    second = asyncio.create_task(run_reader("history", stops[1]))

    stops[0].set()
    await asyncio.wait_for(first, timeout=PATIENCE)
    await stored(store, await append(store, readings[1:]))

    stops[1].set()
    await asyncio.wait_for(second, timeout=PATIENCE)
    assert await in_database(kept) == sent(readings)


async def test_reader_trims_what_is_stored_and_old(store: Store, settings: Any) -> None:
    settings.RECENT_SECONDS = 0
    for second in range(3):
        await append(store, [make_reading(second)])
    async with reading(store), asyncio.timeout(PATIENCE):
        while await store.log.length() > 1:  # noqa: ASYNC110 - trimming tells nobody
            await asyncio.sleep(0.01)

    assert await in_database(Reading.objects.count) == 3


async def test_batches_are_whole_entries_up_to_the_rows_of_a_transaction(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(MAX_ROWS, connection.vendor, 3)
    for number, size in enumerate((2, 1, 1, 5)):
        await append(store, [make_reading(10 * number + row) for row in range(size)])
    entries = await store.log.read(START, count=10)

    batches = HistoryReader(store).batches(entries)

    assert [[entry.count for entry in batch] for batch in batches] == [[2, 1], [1], [5]]


def test_resume_by_two_at_once_lets_one_begin_the_new_log() -> None:
    positions.resume("history", "first")
    positions.move("history", start=("first", START), end=("second", START))

    with pytest.raises(LeaseLost):
        positions.move("history", start=("first", START), end=("second", START))


def test_resume_of_another_log_begins_at_its_start() -> None:
    assert positions.resume("history", "") == ("", START)
    assert positions.resume("history", "first") == ("first", START)
    write([make_reading(1)], epoch="first", start=START, end="7-1")

    assert positions.resume("history", "first") == ("first", "7-1")
    assert positions.resume("history", "") == ("first", "7-1")
    assert positions.resume("history", "second") == ("second", START)
