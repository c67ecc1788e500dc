"""Connections for calls that follow one another, and Lua scripts.

With redis-py's pool and its timer for each answer the readers took a quarter more at ten readings
a second (`python -m benchmarks --only fanout`).
"""

import asyncio
from collections.abc import Sequence
from hashlib import sha1
from math import inf
from pathlib import Path
from typing import Any

import structlog
from redis.exceptions import NoScriptError

from sensors.exceptions import ScriptFailed
from sensors.metrics import SCRIPT_ERRORS
from sensors.store.client import Redis, ResponseError, is_outage, make_client

log = structlog.get_logger(__name__)

Command = Sequence[bytes | str | int]
_SCRIPTS = Path(__file__).parent / "scripts"


class SerialConnection:
    """A Redis connection that makes one call at a time and reconnects after a failure."""

    def __init__(self, url: str, *, seconds: float) -> None:
        """Set the deadline of every call to `seconds`."""
        self._pool: Any = make_client(url, pool_size=1, read_seconds=None).connection_pool
        self._connection: Any = None
        self._seconds = seconds
        self._lock = asyncio.Lock()

    async def ask(self, *commands: Command) -> list[Any]:
        """Return the answers in order; raise the first that is an error (ResponseError).

        Raises another RedisError, OSError or TimeoutError when an answer is missing.
        """
        answers = await self.ask_each(*commands)
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        return answers

    async def ask_each(self, *commands: Command) -> list[Any]:
        """Return the answers in order; an answer that is an error is a ResponseError among them."""
        async with self._lock:
            try:
                async with asyncio.timeout(self._seconds):
                    connection = await self._connected()
                    await connection.send_packed_command(connection.pack_commands(commands))
                    return [await _answer(connection) for _ in commands]
            except BaseException:
                # The next call would read the answers that are still on their way as its own.
                await self.aclose()
                raise

    async def aclose(self) -> None:
        """Disconnect; the next call connects again."""
        if self._connection is not None:
            await self._connection.disconnect(nowait=True)

    async def _connected(self) -> Any:
        if self._connection is None:
            self._connection = self._pool.make_connection()
        connection = self._connection
        if connection.is_connected and await connection.can_read():
            await connection.disconnect(nowait=True)  # closed by Redis since the last call
        await connection.connect()
        return connection


class ReaderConnections:
    """A connection for each reader of the log, whose reads block until an entry comes."""

    def __init__(self, url: str, *, seconds: float) -> None:
        self._url = url
        self._seconds = seconds
        self._connections: dict[str, SerialConnection] = {}

    def of(self, reader: str) -> SerialConnection:
        """Return the connection of this reader, made at the first call."""
        if reader not in self._connections:
            self._connections[reader] = SerialConnection(self._url, seconds=self._seconds)
        return self._connections[reader]

    async def aclose(self) -> None:
        """Disconnect the connections of all readers."""
        for connection in self._connections.values():
            await connection.aclose()


class Script:
    """A Lua script, sent by its digest. `name` is its label in logs and metrics."""

    def __init__(self, name: str, source: str) -> None:
        self.name = name
        self._source = source
        self._digest = sha1(source.encode(), usedforsecurity=False).hexdigest()
        SCRIPT_ERRORS.labels(name)

    async def __call__(
        self, caller: SerialConnection | Redis, *, keys: Sequence[str] = (), args: Command = ()
    ) -> Any:
        """Return the script's answer.

        Raises ScriptFailed for an error of the script or its data, else what `ask` raises.
        """
        try:
            try:
                return await _call(caller, ("EVALSHA", self._digest, len(keys), *keys, *args))
            except NoScriptError:
                return await _call(caller, ("EVAL", self._source, len(keys), *keys, *args))
        except ResponseError as exc:
            if is_outage(exc):
                raise
            SCRIPT_ERRORS.labels(self.name).inc()
            log.error("redis_script_failed", script=self.name, error=str(exc))
            raise ScriptFailed(self.name, str(exc)) from exc


def load_script(name: str) -> Script:
    """Return the script in `scripts/<name>.lua`."""
    return Script(name, (_SCRIPTS / f"{name}.lua").read_text(encoding="utf-8"))


async def _call(caller: SerialConnection | Redis, command: Command) -> Any:
    if isinstance(caller, SerialConnection):
        [answer] = await caller.ask(command)
        return answer
    execute: Any = caller.execute_command
    return await execute(*command)


async def _answer(connection: Any) -> Any:
    try:
        return await connection.read_response(timeout=inf)
    except ResponseError as exc:
        return exc
