"""Redis pub/sub in bulk: one call sends many messages, one read decodes all that have arrived."""

from collections.abc import Sequence
from typing import Any

from hiredis import PushNotification, Reader
from redis._parsers.hiredis import NOT_ENOUGH_DATA
from redis.asyncio.client import PubSub

from sensors.store.connection import Script, SerialConnection

_PUBLISH = Script(
    "publish_many", "for i = 1, #ARGV, 2 do redis.call('PUBLISH', ARGV[i], ARGV[i + 1]) end"
)


async def publish_many(connection: SerialConnection, messages: Sequence[tuple[str, bytes]]) -> None:
    """Publish (channel, message) pairs in their order, in one round trip.

    By a script, which has one answer; many commands have one each to read. Raises what `ask`
    raises.
    """
    if messages:
        await _PUBLISH(connection, args=[part for pair in messages for part in pair])


class Subscription(PubSub):
    """redis-py's subscription, without a timer and a loop iteration for each message of a burst."""

    async def get_message(
        self,
        ignore_subscribe_messages: bool = False,
        timeout: float | None = 0.0,  # noqa: ASYNC109 - the signature is redis-py's
    ) -> Any:
        """Return the next message, as redis-py does, but wait without limit if `timeout` is set."""
        while (response := self._read_buffered()) is not None:
            if response[0] == b"message":
                return {"type": "message", "channel": response[1], "data": response[2]}
            if message := await self._handle(response, ignore_subscribe_messages):
                return message
        return await super().get_message(ignore_subscribe_messages, timeout and None)

    def _read_buffered(self) -> Any:
        """Return a message that arrived with an earlier one; fakeredis never buffers any."""
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
