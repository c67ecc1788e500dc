"""How far the readers have come, and how one who waits for a row makes the history reader hurry.

It gathers rows for as long as nobody waits for one.
"""

import asyncio

from sensors.messages import position_key
from sensors.store import keys
from sensors.store.client import Redis
from sensors.store.connection import SerialConnection
from sensors.store.decoding import marked

KEPT_SECONDS = 30 * 86_400
STORED_POLL_SECONDS = 0.005
_HASTE_SECONDS = 5


async def mark(client: Redis, key: str, epoch: str, position: str) -> None:
    """Say under `key` that a reader has done all up to the position; publish how far it is."""
    value = f"{epoch} {position}"
    async with client.pipeline(transaction=False) as pipe:
        pipe.set(key, value, ex=KEPT_SECONDS)
        # A quiet log is still this log: its epoch does not expire while a reader lives.
        pipe.expire(keys.EPOCH, KEPT_SECONDS)
        if key == keys.STORED:
            pipe.publish(key, value)
        await pipe.execute()


async def wait_stored(client: Redis, position: str, *, seconds: float) -> bool:
    """Whether the database has the entry at this position within so many seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    has_asked = False
    while loop.time() < deadline:
        _, stored = marked(await client.get(keys.STORED))
        if position_key(stored) >= position_key(position):
            return True
        if not has_asked:
            await _ask_for_haste(client)
            has_asked = True
        await asyncio.sleep(STORED_POLL_SECONDS)
    return False


async def haste_within(line: SerialConnection, seconds: float) -> bool:
    """Whether somebody waits for a row, as soon as one does and within so many seconds."""
    [asked] = await line.ask(("BLPOP", keys.HASTE, str(seconds)))
    return asked is not None


async def _ask_for_haste(client: Redis) -> None:
    """For the pause that the history reader makes, or its next one."""
    async with client.pipeline(transaction=False) as pipe:
        pipe.lpush(keys.HASTE, 1)
        pipe.ltrim(keys.HASTE, 0, 0)
        pipe.expire(keys.HASTE, _HASTE_SECONDS)
        await pipe.execute()
