"""Redis pub/sub for many messages: one call sends them, one read takes what has come in."""

from collections.abc import Sequence
from typing import Any

from hiredis import PushNotification, Reader
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio.client import PubSub

from sensors.store.connection import Script, SerialConnection

_PUBLISH = Script("for at = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[at], ARGV[at + 1]) end")


async def publish_many(line: SerialConnection, messages: Sequence[tuple[str, bytes]]) -> None:
    """Publish (channel, message) pairs in their order, in one round trip; raises what that raises.

    By a script: every answer of many commands would have to be read.
    """
    if messages:
        await _PUBLISH(line, args=[part for pair in messages for part in pair])


class Subscription(PubSub):
    """redis-py's, without a timer and a turn of its own for each message of a burst."""

    async def get_message(
        self,
        ignore_subscribe_messages: bool = False,
        timeout: float | None = 0.0,  # noqa: ASYNC109 - the signature is redis-py's
    ) -> Any:
        """As redis-py's, but with a timeout it waits for as long as it takes."""
        while (response := self._read_already()) is not None:
            if response[0] == b"message":
                return {"type": "message", "channel": response[1], "data": response[2]}
            if message := await self._handle(response, ignore_subscribe_messages):
                return message
        return await super().get_message(ignore_subscribe_messages, timeout and None)

    def _read_already(self) -> Any:
        """A message that came in with another one; fakeredis has no reader that holds any."""
        reader = getattr(getattr(self.connection, "_parser", None), "_reader", None)
        response = reader.gets() if isinstance(reader, Reader) else NOT_ENOUGH_DATA
        if isinstance(response, Exception):
            raise response
        return None if response is NOT_ENOUGH_DATA else response

    async def _handle(self, response: Any, ignore_subscribe_messages: bool) -> Any:
        connection: Any = self.connection
        if isinstance(response, PushNotification):
            response = await connection._parser.handle_push_response(response)
        handle: Any = self.handle_message
        return await handle(response, ignore_subscribe_messages)
