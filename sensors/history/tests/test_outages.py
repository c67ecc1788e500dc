"""The database or Redis away for a while: history waits, loses nothing, and says so once."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import partial

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections
from structlog.testing import capture_logs

from sensors.history.tests.following import append, reading, stored
from sensors.history.tests.rows import kept, make_reading, sent
from sensors.metrics import READER_LAG_ENTRIES
from sensors.store.store import Store
from sensors.tests.outages import happens, in_database, redis_away

pytestmark = pytest.mark.django_db(transaction=True)


def _rename(name: str, into: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {name} RENAME TO {into}")


@asynccontextmanager
async def table_away() -> AsyncIterator[None]:
    await in_database(partial(_rename, "sensors_reading", "away"))
    try:
        yield
    finally:
        await in_database(partial(_rename, "away", "sensors_reading"))


async def test_database_that_refuses_for_a_while_loses_nothing_and_is_logged_once(
    store: Store,
) -> None:
    readings = [make_reading(i) for i in range(40)]
    lag = READER_LAG_ENTRIES.labels("history")._value
    with capture_logs() as events:
        async with reading(store):
            await stored(store, await append(store, readings[:10]))
            async with table_away():
                for at in range(10, 40, 10):
                    last = await append(store, readings[at : at + 10])
                await happens(lambda: "reader_interrupted" in {each["event"] for each in events})
                assert not await store.progress.wait_stored(last, seconds=0.2)
                await happens(lambda: lag.get() > 0)
            await stored(store, last)

    assert await in_database(kept) == sent(readings)
    said = [event["event"] for event in events if event["event"].startswith("reader_")]
    assert said == ["reader_interrupted", "reader_resumed"]
    assert lag.get() == 0


def _let_connect(allowed: bool) -> None:
    """PostgreSQL's own way to be away: kills the sessions and takes no new ones."""
    name = connection.settings_dict["NAME"]
    server = connection.copy()
    server.settings_dict |= {"NAME": "postgres", "OPTIONS": {}}
    with server.cursor() as cursor:
        cursor.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}")
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
        )
    server.close()


@asynccontextmanager
async def postgresql_away() -> AsyncIterator[None]:
    await in_database(partial(_let_connect, False))
    try:
        yield
    finally:
        await in_database(partial(_let_connect, True))


@pytest.fixture
async def no_connection_there() -> None:
    """Nor has the thread of the ORM's async methods, which lives on through the tests."""
    await sync_to_async(connections.close_all)()


@pytest.fixture
def no_connection_here(transactional_db: None, no_connection_there: None) -> Iterator[None]:
    """This thread has no connection that PostgreSQL could cut."""
    connections.close_all()
    yield
    connections.close_all()


@pytest.mark.on_postgresql
async def test_postgresql_away_and_back_loses_nothing(
    no_connection_here: None, store: Store
) -> None:
    readings = [make_reading(i) for i in range(300)]
    with capture_logs() as events:
        async with reading(store):
            await stored(store, await append(store, readings[:100]))
            async with postgresql_away():
                for at in range(100, 300, 20):
                    last = await append(store, readings[at : at + 20])
                await happens(lambda: "reader_interrupted" in {each["event"] for each in events})
            await stored(store, last)

    assert await in_database(kept) == sent(readings)


async def test_redis_away_and_back_loses_nothing(store: Store) -> None:
    readings = [make_reading(i) for i in range(20)]
    with capture_logs() as events:
        async with reading(store):
            await stored(store, await append(store, readings[:10]))
            async with redis_away():
                await happens(lambda: "reader_interrupted" in {each["event"] for each in events})
            last = await append(store, readings[10:])
            await stored(store, last)

    assert await in_database(kept) == sent(readings)
