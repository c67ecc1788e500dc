"""Fixtures of every room's tests; the backends come from digitaltwin/tests/support/backends.py."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.conf import settings
from django.db import connections

from digitaltwin.tests.support import servers
from sensors.catalogue.cache import get_catalogue
from sensors.readers.running import run_reader
from sensors.store.client import make_sync_client
from sensors.store.store import Store, get_store


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """After each test that commits, the database has what the migrations put there.

    Mixed with tests that do not restore it, Django numbers the content types in another order,
    and those that do restore it collide with them.
    """
    restored = pytest.mark.django_db(transaction=True, serialized_rollback=True)
    for item in items:
        marker = item.get_closest_marker("django_db")
        commits = marker is not None and marker.kwargs.get("transaction")
        if commits or "transactional_db" in getattr(item, "fixturenames", ()):
            item.add_marker(restored, append=False)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """As pytest-django's; PostgreSQL drops no database that the ORM's async thread is in."""
    yield
    asyncio.run(sync_to_async(connections.close_all)())


@pytest.fixture(autouse=True)
async def catalogue_ends() -> AsyncIterator[None]:
    """Close the catalogue of this test's loop: its thread holds a database connection."""
    yield
    if catalogue := get_catalogue.forget():
        await catalogue.aclose()


@pytest.fixture
def empty_log() -> None:
    """An empty Redis."""
    with make_sync_client(settings.REDIS_URL) as client:
        client.flushall()


@pytest.fixture
async def store(empty_log: None) -> AsyncIterator[Store]:
    """The store of this test's loop, on an empty Redis."""
    store = get_store()
    yield store
    get_store.forget()
    await store.aclose()
    await get_channel_layer().flush()


@pytest.fixture
async def broadcast(store: Store) -> AsyncIterator[None]:
    """The broadcast reader at work."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_reader("broadcast", stop))
    yield
    stop.set()
    await task


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[str]:
    """The address of a Redis of this test's own, with AOF on; mark the test `redis`."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with servers.private_redis(folder) as url:
        yield url


@pytest.fixture
def postgres() -> Iterator[str]:
    """The DATABASE_URL of a PostgreSQL cluster of this test's own; mark it `postgresql`."""
    with servers.private_postgres() as url:
        yield url
