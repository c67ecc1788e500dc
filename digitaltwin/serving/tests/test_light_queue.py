"""The queue and the event of a socket."""

import asyncio

import pytest

from digitaltwin.serving.light_queue import LightEvent, LightQueue


async def test_inbox_gives_in_order_and_waits_while_empty() -> None:
    inbox = LightQueue()
    inbox.put_nowait(1)
    inbox.put_nowait(2)

    found = [await inbox.get(), await inbox.get()]
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put_nowait(3)

    assert found == [1, 2]
    assert await waiting == 3
    assert inbox.empty()


async def test_inbox_keeps_what_came_to_a_reader_that_was_cancelled() -> None:
    inbox = LightQueue()
    waiting = asyncio.create_task(inbox.get())
    await asyncio.sleep(0)
    inbox.put_nowait("kept")
    waiting.cancel()

    with pytest.raises(asyncio.CancelledError):
        await waiting

    assert await inbox.get() == "kept"


async def test_gate_holds_all_until_it_opens() -> None:
    gate = LightEvent()
    await gate.wait()
    gate.clear()
    waiting = [asyncio.create_task(gate.wait()) for _ in range(3)]
    await asyncio.sleep(0)

    held = [task.done() for task in waiting]
    gate.set()
    await asyncio.gather(*waiting)

    assert held == [False, False, False]
    assert gate.is_set()


async def test_one_who_gives_up_waiting_takes_nobody_along() -> None:
    gate = LightEvent()
    gate.clear()
    impatient, patient = (asyncio.create_task(gate.wait()) for _ in range(2))
    await asyncio.sleep(0)
    impatient.cancel()
    await asyncio.sleep(0)

    assert not patient.done()
    gate.set()
    await patient
