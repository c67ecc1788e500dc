"""The twin's live side in Redis: the log, the latest values, and the readers' bookkeeping."""

from django.conf import settings

from sensors.event_loop import PerLoop
from sensors.store.appender import Appender
from sensors.store.audience import AudienceRegistry
from sensors.store.client import (
    CALL_SECONDS,
    is_memory,
    make_client,
    translate_errors,
    volatile_because,
)
from sensors.store.connection import ReaderConnections, SerialConnection
from sensors.store.latest import LatestValues
from sensors.store.log import BLOCK_SECONDS, Log
from sensors.store.progress import Counters, Leases, ReaderProgress


class Store:
    """The store of an event loop (`get_store`); safe to share among its tasks.

    Methods of its parts raise LogUnavailable when Redis does not answer within its deadline.
    """

    def __init__(self, url: str) -> None:
        self._client = make_client(url, pool_size=settings.REDIS_POOL_SIZE)
        self._appender = Appender(SerialConnection(url, seconds=CALL_SECONDS))
        self._connections = ReaderConnections(url, seconds=BLOCK_SECONDS + CALL_SECONDS)
        self.in_memory = is_memory(url)
        self.log = Log(self._client, self._appender, self._connections)
        self.latest = LatestValues(self._client)
        self.progress = ReaderProgress(self._client, self._connections)
        self.audience = AudienceRegistry(self._client)
        self.leases = Leases(self._client)
        self.counters = Counters(self._client)

    async def aclose(self) -> None:
        """Finish the flush in flight and disconnect."""
        await self._appender.close()
        await self._connections.aclose()
        await self._client.aclose()

    async def volatile_because(self) -> str | None:
        """Return why this Redis may lose data; None when it does not.

        By INFO: managed Redis forbids CONFIG.
        """
        if self.in_memory:
            return "it is in the memory of this process"
        with translate_errors():
            persistence = await self._client.info("persistence")
            memory = await self._client.info("memory")
        return volatile_because({**persistence, **memory})


get_store: PerLoop[Store] = PerLoop(lambda: Store(settings.REDIS_URL))
