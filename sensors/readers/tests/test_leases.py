"""One process at a time does a reader's work, on whatever Redis the suite runs against."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from structlog.testing import capture_logs

from sensors.exceptions import LeaseLost
from sensors.readers.leases import is_set_within, run_under_lease
from sensors.store.store import Store
from sensors.tests.outages import happens, redis_away

QUICK: dict[str, Any] = {
    "seconds": 0.4,
    "renew_every": 0.05,
    "try_every": 0.02,
    "pauses": (0.02, 0.08),
    "grace": 0.2,
}
OTHER = "another process"


class Diary:
    """Work that notes when it begins and ends; `then` is what it does besides."""

    def __init__(self, name: str, notes: list[str], then: Callable[[], Any] | None = None) -> None:
        self.name, self.notes, self.then = name, notes, then

    async def work(self, ended: asyncio.Event) -> None:
        self.notes.append(f"{self.name} begins")
        if self.then is not None:
            await self.then()
        await ended.wait()
        self.notes.append(f"{self.name} ends")


@asynccontextmanager
async def running(
    store: Store, work: Callable[[asyncio.Event], Any], **times: Any
) -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    task = asyncio.create_task(run_under_lease(store, "history", work, stop, **(QUICK | times)))
    try:
        yield stop
    finally:
        stop.set()
        await asyncio.wait_for(task, timeout=5)


async def lease_is_free(store: Store) -> bool:
    taken = await store.leases.acquire("history", OTHER, seconds=10)
    if taken:
        await store.leases.release("history", OTHER)
    return taken


async def test_work_runs_under_the_lease_until_stop(store: Store) -> None:
    notes: list[str] = []
    async with running(store, Diary("a", notes).work):
        await happens(lambda: notes)
        # Longer than the lease: it is renewed.
        await is_set_within(asyncio.Event(), 3 * QUICK["seconds"])
        assert not await lease_is_free(store)
        assert notes == ["a begins"]

    assert notes == ["a begins", "a ends"]
    assert await lease_is_free(store)


async def test_second_process_stands_by_and_takes_over(store: Store) -> None:
    notes: list[str] = []
    async with running(store, Diary("a", notes).work) as first:
        await happens(lambda: notes)
        async with running(store, Diary("b", notes).work):
            first.set()
            await happens(lambda: len(notes) == 3)

    assert notes == ["a begins", "a ends", "b begins", "b ends"]


async def test_lost_lease_ends_the_work_until_it_is_free_again(store: Store) -> None:
    notes: list[str] = []
    async with running(store, Diary("a", notes).work, seconds=30):
        await happens(lambda: notes)
        await _steal(store)
        await happens(lambda: len(notes) == 2)
        await store.leases.release("history", OTHER)
        await happens(lambda: len(notes) == 3)

    assert notes == ["a begins", "a ends"] * 2


async def _steal(store: Store) -> None:
    """As if our lease had run out while this process was paused."""
    await store._client.delete("lease:{0}:history")
    assert await store.leases.acquire("history", OTHER, seconds=30)


async def test_redis_away_for_longer_than_the_lease_ends_the_work(store: Store) -> None:
    notes: list[str] = []
    with capture_logs() as events:
        async with running(store, Diary("a", notes).work):
            await happens(lambda: notes)
            async with redis_away():
                await happens(lambda: len(notes) == 2)
                await is_set_within(asyncio.Event(), 5 * QUICK["try_every"])
            await happens(lambda: len(notes) == 3)

    assert notes == ["a begins", "a ends"] * 2
    said = [event["event"] for event in events if event.get("waits_for") != "lease"]
    assert said[:2] == ["lease_taken", "lease_lost"]
    assert said.count("lease_taken") == 2
    assert said.count("reader_stood_by") <= 1


async def test_redis_away_for_less_than_the_lease_changes_nothing(store: Store) -> None:
    notes: list[str] = []
    async with running(store, Diary("a", notes).work, seconds=30):
        await happens(lambda: notes)
        async with redis_away():
            await is_set_within(asyncio.Event(), 4 * QUICK["renew_every"])
        await is_set_within(asyncio.Event(), 2 * QUICK["renew_every"])

        assert notes == ["a begins"]


async def test_work_that_fails_is_tried_again_with_the_lease_free_meanwhile(store: Store) -> None:
    times: list[float] = []

    async def fail(ended: asyncio.Event) -> None:
        times.append(asyncio.get_running_loop().time())
        raise RuntimeError("broken")

    with capture_logs() as events:
        async with running(store, fail, pauses=(0.05, 0.2)):
            await happens(lambda: len(times) == 5)
            await happens(lambda: events[-1]["event"] == "reader_failed")
            assert await lease_is_free(store)

    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert all(
        pause >= least for pause, least in zip(pauses, [0.045, 0.095, 0.195, 0.195], strict=True)
    )
    assert [event["event"] for event in events].count("reader_failed") == 5


async def test_work_that_lost_the_lease_is_no_failure(store: Store) -> None:
    notes: list[str] = []

    async def lose() -> None:
        if len(notes) == 1:
            raise LeaseLost("the saved position moved")

    with capture_logs() as events:
        async with running(store, Diary("a", notes, lose).work):
            await happens(lambda: len(notes) == 2)

    assert "reader_failed" not in {event["event"] for event in events}
    assert notes == ["a begins", "a begins", "a ends"]


async def test_work_that_does_not_end_is_cancelled(store: Store) -> None:
    notes: list[str] = []

    async def deaf(ended: asyncio.Event) -> None:
        try:
            notes.append("begins")
            await asyncio.Event().wait()
        finally:
            notes.append("cancelled")

    async with running(store, deaf):
        await happens(lambda: notes)

    assert notes == ["begins", "cancelled"]
    assert await lease_is_free(store)


async def test_cancelled_runner_ends_its_work_and_gives_the_lease_back(store: Store) -> None:
    notes: list[str] = []
    runner = partial(run_under_lease, store, "history", Diary("a", notes).work, asyncio.Event())
    task = asyncio.create_task(runner(**QUICK))
    await happens(lambda: notes)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert notes == ["a begins", "a ends"]
    assert await lease_is_free(store)
