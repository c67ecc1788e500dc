"""A connection of its own for calls that follow one another, as those of the hot path do.

With redis-py's pool and its timer for each answer the readers took a quarter more at ten readings
a second (`python -m benchmarks --only fanout`).
"""

import asyncio
from collections.abc import Sequence
from hashlib import sha1
from math import inf
from typing import Any

from redis.exceptions import NoScriptError

from sensors.store.client import ResponseError, make_client

Command = Sequence[bytes | str | int]


class SerialConnection:
    """Asks Redis one call at a time, and connects anew when the connection broke."""

    def __init__(self, url: str, *, seconds: float) -> None:
        """`seconds` is the deadline of a call, whatever it has to do."""
        self._pool: Any = make_client(url, pool_size=1, read_seconds=None).connection_pool
        self._connection: Any = None
        self._seconds = seconds
        self._turn = asyncio.Lock()

    async def ask(self, *commands: Command) -> list[Any]:
        """The answers as Redis gives them; raises the first that is an error (ResponseError).

        Raises another RedisError, OSError or TimeoutError when an answer is missing.
        """
        answers = await self.ask_each(*commands)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def ask_each(self, *commands: Command) -> list[Any]:
        """As `ask`, but an answer that is an error is an exception in its place."""
        async with self._turn:
            try:
                async with asyncio.timeout(self._seconds):
                    connection = await self._connected()
                    await connection.send_packed_command(connection.pack_commands(commands))
                    return [await _answer(connection) for _ in commands]
            except BaseException:
                # An answer that is still on its way would be taken for that to the next call.
                await self.aclose()
                raise

    async def aclose(self) -> None:
        if self._connection is not None:
            await self._connection.disconnect(nowait=True)

    async def _connected(self) -> Any:
        if self._connection is None:
            self._connection = self._pool.make_connection()
        connection = self._connection
        if connection.is_connected and await connection.can_read():
            await connection.disconnect(nowait=True)  # Redis closed it meanwhile
        await connection.connect()
        return connection


class Script:
    """A Lua script, sent by its digest."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._digest = sha1(source.encode(), usedforsecurity=False).hexdigest()

    async def __call__(
        self, line: SerialConnection, *, keys: Sequence[str] = (), args: Command = ()
    ) -> Any:
        """Its answer. Raises what `SerialConnection.ask` does."""
        try:
            [answer] = await line.ask(("EVALSHA", self._digest, len(keys), *keys, *args))
        except NoScriptError:
            [answer] = await line.ask(("EVAL", self._source, len(keys), *keys, *args))
        return answer


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response(timeout=inf)
    except ResponseError as exc:
        return exc
