"""A line to Redis: every call gets its own answers, whatever became of the calls before."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from django.conf import settings

from sensors.store.client import ResponseError, make_client
from sensors.store.connection import Script, SerialConnection


@pytest.fixture
async def line() -> AsyncIterator[SerialConnection]:
    line = SerialConnection(settings.REDIS_URL, seconds=1.0)
    yield line
    await line.aclose()


async def test_answers_come_in_the_order_asked(line: SerialConnection) -> None:
    assert await line.ask(("SET", "a", "1"), ("GET", "a"), ("INCRBY", "a", 41), ("GET", "a")) == [
        b"OK",
        b"1",
        42,
        b"42",
    ]


async def test_error_takes_the_place_of_its_answer(line: SerialConnection) -> None:
    await line.ask(("SET", "a", "word"))

    before, error, after = await line.ask_each(("GET", "a"), ("INCR", "a"), ("GET", "a"))
    with pytest.raises(ResponseError):
        await line.ask(("GET", "a"), ("INCR", "a"), ("GET", "a"))

    assert (before, after) == (b"word", b"word")
    assert isinstance(error, ResponseError)
    assert await line.ask(("GET", "a")) == [b"word"]


async def test_callers_at_once_get_their_own_answers(line: SerialConnection) -> None:
    answers = await asyncio.gather(*(line.ask(("ECHO", str(n))) for n in range(20)))

    assert answers == [[str(n).encode()] for n in range(20)]


async def test_call_over_its_deadline_leaves_no_answer_behind() -> None:
    line = SerialConnection(settings.REDIS_URL, seconds=0.1)

    with pytest.raises(TimeoutError):
        await line.ask(("BLPOP", "never", "5"))

    assert await line.ask(("ECHO", "mine")) == [b"mine"]
    await line.aclose()


async def test_call_that_was_cancelled_leaves_no_answer_behind(line: SerialConnection) -> None:
    waiting = asyncio.create_task(line.ask(("BLPOP", "later", "1")))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    client = make_client(settings.REDIS_URL)
    await client.rpush("later", "not yours")
    await client.aclose()

    assert await line.ask(("ECHO", "mine")) == [b"mine"]


@pytest.mark.redis
async def test_connection_that_redis_closed_is_made_anew(redis_server: str) -> None:
    line, other = (SerialConnection(redis_server, seconds=1.0) for _ in range(2))
    [before] = await line.ask(("CLIENT", "ID"))
    await other.ask(("CLIENT", "KILL", "ID", before))
    await asyncio.sleep(0.05)

    [after] = await line.ask(("CLIENT", "ID"))

    assert after != before
    await line.aclose()
    await other.aclose()


async def test_script_is_sent_whole_to_a_redis_that_does_not_know_it(
    line: SerialConnection,
) -> None:
    double = Script("return {KEYS[1], tonumber(ARGV[1]) * 2}")

    first = await double(line, keys=["a"], args=[21])
    await line.ask(("SCRIPT", "FLUSH"))

    assert first == await double(line, keys=["a"], args=[21]) == [b"a", 42]


async def test_script_that_fails_says_so(line: SerialConnection) -> None:
    with pytest.raises(ResponseError, match="broken"):
        await Script("return redis.error_reply('broken')")(line)
