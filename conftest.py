"""Fixtures for the tests of all rooms; digitaltwin/tests/support/backends.py sets up backends."""

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
    """Make every test that commits restore the rows that migrations made.

    Without it Django numbers the content types in another order after such a test, and tests
    that do restore the rows collide with them.
    """
    restored = pytest.mark.django_db(transaction=True, serialized_rollback=True)
    for item in items:
        marker = item.get_closest_marker("django_db")
        commits = marker is not None and marker.kwargs.get("transaction")
        if commits or "transactional_db" in getattr(item, "fixturenames", ()):
            item.add_marker(restored, append=False)
        if isinstance(item, pytest.Function) and (group := _group(item)):
            item.add_marker(pytest.mark.xdist_group(group))


def _group(item: pytest.Function) -> str:
    """Name the tests that share a module's fixtures; `--dist loadgroup` keeps them together.

    Each worker would start servers of its own for them; other tests may run on any worker. A
    parameter of such a fixture, as one of two servers, makes a group of its own.
    """
    definitions = item._fixtureinfo.name2fixturedefs
    shared = sorted(name for name, defs in definitions.items() if defs[-1].scope == "module")
    if not shared:
        return ""
    parameters = item.callspec.params if hasattr(item, "callspec") else {}
    own = [str(parameters[name]) for name in shared if name in parameters]
    return "-".join([item.module.__name__, *own])


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None) -> Iterator[None]:
    """Close the connections of the ORM's async thread, or PostgreSQL cannot drop the database."""
    yield
    asyncio.run(sync_to_async(connections.close_all)())


@pytest.fixture(autouse=True)
async def catalogue_ends() -> AsyncIterator[None]:
    """Close the catalogue of this test's loop after the test: it holds a database connection."""
    yield
    if catalogue := get_catalogue.forget():
        await catalogue.aclose()


@pytest.fixture
def empty_log() -> None:
    """Empty Redis before the test."""
    with make_sync_client(settings.REDIS_URL) as client:
        client.flushall()


@pytest.fixture
async def store(empty_log: None) -> AsyncIterator[Store]:
    """Provide the store of this test's loop, on an empty Redis."""
    store = get_store()
    yield store
    get_store.forget()
    await store.aclose()
    await get_channel_layer().flush()


@pytest.fixture
async def broadcast(store: Store) -> AsyncIterator[None]:
    """Run the broadcast reader during the test."""
    stop = asyncio.Event()
    task = asyncio.create_task(run_reader("broadcast", stop))
    yield
    stop.set()
    await task


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[str]:
    """Start a private Redis with AOF and provide its address; mark the test `redis`."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with servers.private_redis(folder) as url:
        yield url


@pytest.fixture
def postgres() -> Iterator[str]:
    """Start a private PostgreSQL cluster and provide its DATABASE_URL; mark it `postgresql`."""
    with servers.private_postgres() as url:
        yield url
