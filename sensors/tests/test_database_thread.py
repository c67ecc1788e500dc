"""A database thread keeps its connection until an error, and closes in time."""

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest
from django.db import DatabaseError, connection

from sensors import database_thread
from sensors.database_thread import DatabaseThread

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def thread() -> AsyncIterator[DatabaseThread]:
    thread = DatabaseThread("tester")
    yield thread
    await thread.aclose()


def ask(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def session() -> tuple[str, object]:
    """Return the thread and its database session."""
    ask("SELECT 1")
    return threading.current_thread().name, connection.connection


async def test_calls_share_one_thread_and_one_connection(thread: DatabaseThread) -> None:
    first, second = [await thread.run(session) for _ in range(2)]

    assert first == second
    assert first[0].startswith("tester")


async def test_error_is_raised_and_closes_the_connection(thread: DatabaseThread) -> None:
    await thread.run(session)

    with pytest.raises(DatabaseError):
        await thread.run(lambda: ask("SELECT FROM nowhere"))

    assert await thread.run(lambda: connection.connection) is None
    await thread.run(session)


async def test_close_does_not_wait_for_a_statement_that_hangs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database_thread, "CLOSE_SECONDS", 0.05)
    thread, released = DatabaseThread("tester"), threading.Event()

    def hang() -> None:
        session()
        released.wait(10)

    hanging = asyncio.create_task(thread.run(hang))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await thread.aclose()
        assert not hanging.done()
        released.set()
        await hanging
