"""A store on a Redis that a property test empties again and again."""

from collections.abc import Awaitable, Callable

import pytest
from django.conf import settings

from sensors.store.client import make_sync_client
from sensors.store.store import Store


@pytest.fixture
async def fresh_store(store: Store) -> Callable[[], Awaitable[Store]]:
    """Empty Redis again for each example of a property test."""

    async def fresh() -> Store:
        with make_sync_client(settings.REDIS_URL) as client:
            client.flushall()
        return store

    return fresh
