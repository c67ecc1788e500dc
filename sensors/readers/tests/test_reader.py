"""Every registered reader resumes, survives outages and follows a new epoch in the same way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from sensors.history.tests.following import append, raw_entry
from sensors.history.tests.rows import make_reading
from sensors.metrics import READER_LAG_ENTRIES
from sensors.readers.reader import DurableReader, LogReader
from sensors.readers.registry import READERS
from sensors.readers.tests.readers import TALLY, at_work, class_of, mark_of, marked
from sensors.store.store import Store
from sensors.tests.outages import happens, redis_away

pytestmark = pytest.mark.django_db(transaction=True)

Empty = Callable[[], Awaitable[Store]]


@pytest.fixture(params=[*READERS, TALLY.name])
def name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """A registered reader."""
    monkeypatch.setitem(READERS, TALLY.name, TALLY)
    reader: str = request.param
    return reader


def logged(events: list[Any], *names: str) -> list[str]:
    """Return the names of these events, in the order in which they were logged."""
    return [event["event"] for event in events if event["event"] in names]


def test_class_is_as_registered(name: str) -> None:
    reader_class = class_of(name)

    assert issubclass(reader_class, LogReader)
    assert reader_class.name == name
    assert issubclass(reader_class, DurableReader) == READERS[name].is_durable


async def test_reader_handles_the_entries_before_and_after_its_start(
    name: str, store: Store
) -> None:
    handled: list[str] = []
    before = [await append(store, [make_reading(second)]) for second in range(3)]

    async with at_work(name, store, handled):
        await marked(name, store, before[-1])
        after = [await append(store, [make_reading(second)]) for second in range(3, 6)]
        await marked(name, store, after[-1])

    assert handled == [*before, *after]
    assert await mark_of(name, store) == (await store.log.epoch(), after[-1])


async def test_reader_resumes_after_the_last_handled_entry(name: str, store: Store) -> None:
    handled: list[str] = []
    expected = []
    for second in range(3):
        async with at_work(name, store, handled):
            expected.append(await append(store, [make_reading(second)]))
            await happens(lambda: handled == expected)


async def test_reader_ends_at_once_while_it_waits_for_entries(name: str, store: Store) -> None:
    loop = asyncio.get_running_loop()
    async with at_work(name, store, []) as reader:
        await marked(name, store, await append(store, [make_reading(1)]))
        await happens(lambda: reader._wait is not None)
        began = loop.time()

    assert loop.time() - began < 0.5


async def test_entries_of_an_unknown_kind_are_skipped(name: str, store: Store) -> None:
    handled: list[str] = []
    async with at_work(name, store, handled):
        await append(store, [make_reading(1)])
        await raw_entry(b"\xff", kind="of another release")
        await raw_entry(b'{"n": 1}', kind="")
        last = await append(store, [make_reading(2)])
        await marked(name, store, last)

    assert len(handled) == 4


async def test_redis_away_and_back_is_logged_once_and_loses_no_entry(
    name: str, store: Store
) -> None:
    handled: list[str] = []
    with capture_logs() as events:
        async with at_work(name, store, handled):
            expected = [await append(store, [make_reading(1)])]
            await marked(name, store, expected[0])
            async with redis_away():
                await happens(lambda: logged(events, "reader_interrupted"))
                await asyncio.sleep(0.6)  # longer than two retries take
            expected.append(await append(store, [make_reading(2)]))
            await marked(name, store, expected[1])

    assert handled == expected
    assert logged(events, "reader_interrupted", "reader_resumed") == [
        "reader_interrupted",
        "reader_resumed",
    ]
    assert {event["lost"] for event in events if event["event"] == "reader_interrupted"} == {"log"}
    assert {event.get("reader") for event in events if "reader" in event["event"]} == {name}


@pytest.mark.parametrize("is_empty_for_a_while", [False, True])
async def test_log_of_a_new_epoch_is_read_from_its_start(
    name: str, store: Store, fresh_store: Empty, is_empty_for_a_while: bool
) -> None:
    handled: list[str] = []
    with capture_logs() as events:
        async with at_work(name, store, handled) as reader:
            expected = [await append(store, [make_reading(1)])]
            await marked(name, store, expected[0])
            before = await store.log.epoch()
            await fresh_store()
            if is_empty_for_a_while:
                await asyncio.sleep(1.3)  # longer than a read waits
            expected += [await append(store, [make_reading(second)]) for second in (2, 3)]
            await marked(name, store, expected[-1])
            assert (reader.epoch, reader.position) == (await store.log.epoch(), expected[-1])

    assert handled == expected
    [change] = [event for event in events if event["event"] == "epoch_changed"]
    assert (change["reader"], change["before"], change["epoch"]) == (
        name,
        before,
        await store.log.epoch(),
    )


async def test_reader_whose_log_is_lost_while_it_is_away_reads_the_new_log(
    name: str, store: Store, fresh_store: Empty
) -> None:
    handled: list[str] = []
    async with at_work(name, store, handled):
        first = await append(store, [make_reading(1)])
        await marked(name, store, first)
    await fresh_store()
    second = await append(store, [make_reading(2)])

    async with at_work(name, store, handled):
        await marked(name, store, second)

    assert handled == [first, second]


async def test_lag_is_measured_by_the_upkeep_and_cleared_at_the_end(
    name: str, store: Store
) -> None:
    lag = READER_LAG_ENTRIES.labels(name)
    async with at_work(name, store, []):
        lag.set(7)
        await marked(name, store, await append(store, [make_reading(1)]))
        await happens(lambda: lag._value.get() == 0)
        lag.set(7)

    assert lag._value.get() == 0
