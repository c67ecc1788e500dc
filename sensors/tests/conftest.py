"""A store of one's own, on an empty Redis."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from django.conf import settings

from sensors.store.client import make_client
from sensors.store.store import Store, get_store


async def _empty() -> None:
    client = make_client(settings.REDIS_URL)
    await client.flushall()
    await client.aclose()


@pytest.fixture
async def store() -> AsyncIterator[Store]:
    """The store of this test's loop, on an empty Redis."""
    await _empty()
    store = get_store()
    yield store
    get_store.forget()
    await store.aclose()


@pytest.fixture
async def fresh_store(store: Store) -> Callable[[], Awaitable[Store]]:
    """Empties Redis again for each example of a property test."""

    async def fresh() -> Store:
        await _empty()
        return store

    return fresh
