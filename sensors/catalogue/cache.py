"""Machines, sensors, types and device keys in memory, so that no device waits for a database.

Read again when (count, newest change) of a table changes, which is checked every second.
"""

import asyncio
from collections.abc import Iterable

import structlog
from django.db import Error as DatabaseError
from django.utils import timezone

from sensors.catalogue.descriptions import CatalogueSnapshot
from sensors.catalogue.registration import register_sensors
from sensors.catalogue.selectors import catalogue_fingerprint, catalogue_snapshot
from sensors.database_thread import DatabaseThread
from sensors.event_loop import PerLoop
from sensors.models import DeviceKey

log = structlog.get_logger(__name__)

LOOK_SECONDS = 1.0
# Looks between two reloads in any case: a change within the clock's resolution of the one before
# leaves the fingerprint as it is.
RELOAD_LOOKS = 30
# Looks between two writes of `last_used_at`.
USE_LOOKS = 60


class Catalogue:
    """The catalogue of an event loop (`get_catalogue`); queries run in a thread of its own."""

    def __init__(self) -> None:
        self._thread = DatabaseThread("catalogue")
        # The newest snapshot, None before the first use: for the device path, without a coroutine.
        self.snapshot: CatalogueSnapshot | None = None
        self._fingerprint: object = None
        self._loading = asyncio.Lock()
        self._watching: asyncio.Task[None] | None = None
        self._used: set[int] = set()
        self._is_away = False

    async def current(self) -> CatalogueSnapshot:
        """Return the newest snapshot, a second old at most while the database answers.

        Raises DatabaseError at the first use only; later the last snapshot is kept.
        """
        if self.snapshot is not None:
            return self.snapshot
        async with self._loading:
            return self.snapshot or await self._load()

    async def register(self, names: Iterable[tuple[str, str]]) -> CatalogueSnapshot:
        """Make these (machine id, sensor name) and reload at once. Raises DatabaseError."""
        missing = sorted(set(names))
        async with self._loading:
            await self._thread.run(lambda: register_sensors(missing))
            return await self._load()

    def note_use(self, key_id: int) -> None:
        """Remember that the key was used; saved about once a minute."""
        self._used.add(key_id)

    async def aclose(self) -> None:
        """End the watching and the thread of the database."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._thread.aclose()

    async def _load(self) -> CatalogueSnapshot:
        # The fingerprint first: a change during the read is found by the next look.
        self._fingerprint, loaded = await self._thread.run(
            lambda: (catalogue_fingerprint(), catalogue_snapshot())
        )
        self.snapshot = loaded
        if self._watching is None:
            self._watching = asyncio.create_task(self._watch())
        return loaded

    async def _watch(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            looks += 1
            try:
                await self._look(reload=looks % RELOAD_LOOKS == 0)
                if looks % USE_LOOKS == 0:
                    await self._write_uses()
                self._is_away = False
            except DatabaseError as exc:
                if not self._is_away:
                    log.warning("catalogue_not_refreshed", error=str(exc).strip())
                self._is_away = True

    async def _look(self, *, reload: bool) -> None:
        if not reload and await self._thread.run(catalogue_fingerprint) == self._fingerprint:
            return
        async with self._loading:
            await self._load()

    async def _write_uses(self) -> None:
        used, self._used = self._used, set()
        if used:
            moment = timezone.now()
            await self._thread.run(
                lambda: DeviceKey.objects.filter(pk__in=used).update(last_used_at=moment)
            )


get_catalogue: PerLoop[Catalogue] = PerLoop(Catalogue)
