"""The channel layer in bursts: no message is lost or out of order beside other commands."""

import asyncio
from typing import Any

from channels.layers import get_channel_layer

from sensors.store.store import Store

BURST = 300


async def member_of(*groups: str) -> str:
    """Return a new channel, subscribed to these groups."""
    layer = get_channel_layer()
    channel: str = await layer.new_channel()
    for group in groups:
        await layer.group_add(group, channel)
    # A subscription takes effect in order: messages sent after it arrive after it.
    await layer.send(channel, {"type": "ready"})
    await layer.receive(channel)
    return channel


async def received(channel: str, count: int) -> list[Any]:
    async with asyncio.timeout(5):
        return [(await get_channel_layer().receive(channel))["n"] for _ in range(count)]


async def test_messages_sent_together_arrive_in_their_order(store: Store) -> None:
    channel, other = await member_of("one", "two"), await member_of("two")
    messages = [(("one", "two")[n % 2], {"type": "numbered", "n": n}) for n in range(BURST)]

    await get_channel_layer().group_send_many(messages)

    assert await received(channel, BURST) == list(range(BURST))
    assert await received(other, BURST // 2) == list(range(1, BURST, 2))


async def test_single_message_sent_together_arrives(store: Store) -> None:
    channel = await member_of("one")

    await get_channel_layer().group_send_many([("one", {"type": "numbered", "n": 1})])

    assert await received(channel, 1) == [1]


async def test_nothing_sent_together_is_nothing(store: Store) -> None:
    channel = await member_of("one")

    await get_channel_layer().group_send_many([])
    await get_channel_layer().group_send("one", {"type": "numbered", "n": 1})

    assert await received(channel, 1) == [1]


async def test_groups_joined_and_left_in_a_burst_cost_no_message(store: Store) -> None:
    layer = get_channel_layer()
    channel = await member_of("one", "old")
    burst = [("one", {"type": "numbered", "n": n}) for n in range(BURST)]

    sending = asyncio.create_task(layer.group_send_many(burst))
    await layer.group_discard("old", channel)
    await layer.group_add("new", channel)
    await sending
    await layer.send(channel, {"type": "numbered", "n": "ready"})
    found = await received(channel, BURST + 1)
    await layer.group_send_many(
        [(name, {"type": "numbered", "n": name}) for name in ("old", "new")]
    )

    assert [n for n in found if n != "ready"] == list(range(BURST))
    assert await received(channel, 1) == ["new"]
