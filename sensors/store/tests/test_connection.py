"""A connection to Redis: every call gets its own answers, whatever became of the calls before."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from django.conf import settings
from redis.exceptions import NoPermissionError, NoScriptError, ReadOnlyError
from structlog.testing import capture_logs

from sensors.exceptions import ScriptFailed
from sensors.metrics import SCRIPT_ERRORS
from sensors.store.client import ResponseError, is_outage, make_client
from sensors.store.connection import Script, SerialConnection


@pytest.fixture
async def connection() -> AsyncIterator[SerialConnection]:
    connection = SerialConnection(settings.REDIS_URL, seconds=1.0)
    yield connection
    await connection.aclose()


async def test_answers_come_in_the_order_asked(connection: SerialConnection) -> None:
    assert await connection.ask(
        ("SET", "a", "1"), ("GET", "a"), ("INCRBY", "a", 41), ("GET", "a")
    ) == [
        b"OK",
        b"1",
        42,
        b"42",
    ]


async def test_error_takes_the_place_of_its_answer(connection: SerialConnection) -> None:
    await connection.ask(("SET", "a", "word"))

    before, error, after = await connection.ask_each(("GET", "a"), ("INCR", "a"), ("GET", "a"))
    with pytest.raises(ResponseError):
        await connection.ask(("GET", "a"), ("INCR", "a"), ("GET", "a"))

    assert (before, after) == (b"word", b"word")
    assert isinstance(error, ResponseError)
    assert await connection.ask(("GET", "a")) == [b"word"]


async def test_callers_at_once_get_their_own_answers(connection: SerialConnection) -> None:
    answers = await asyncio.gather(*(connection.ask(("ECHO", str(n))) for n in range(20)))

    assert answers == [[str(n).encode()] for n in range(20)]


async def test_call_over_its_deadline_leaves_no_answer_behind() -> None:
    connection = SerialConnection(settings.REDIS_URL, seconds=0.1)

    with pytest.raises(TimeoutError):
        await connection.ask(("BLPOP", "never", "5"))

    assert await connection.ask(("ECHO", "mine")) == [b"mine"]
    await connection.aclose()


async def test_call_that_was_cancelled_leaves_no_answer_behind(
    connection: SerialConnection,
) -> None:
    waiting = asyncio.create_task(connection.ask(("BLPOP", "later", "1")))
    await asyncio.sleep(0.05)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    client = make_client(settings.REDIS_URL)
    await client.rpush("later", "not yours")
    await client.aclose()

    assert await connection.ask(("ECHO", "mine")) == [b"mine"]


@pytest.mark.redis
async def test_connection_that_redis_closed_is_made_anew(redis_server: str) -> None:
    connection, other = (SerialConnection(redis_server, seconds=1.0) for _ in range(2))
    [before] = await connection.ask(("CLIENT", "ID"))
    await other.ask(("CLIENT", "KILL", "ID", before))
    await asyncio.sleep(0.05)

    [after] = await connection.ask(("CLIENT", "ID"))

    assert after != before
    await connection.aclose()
    await other.aclose()


async def test_script_is_sent_whole_to_a_redis_that_does_not_know_it(
    connection: SerialConnection,
) -> None:
    double = Script("double", "return {KEYS[1], tonumber(ARGV[1]) * 2}")

    first = await double(connection, keys=["a"], args=[21])
    await connection.ask(("SCRIPT", "FLUSH"))

    assert first == await double(connection, keys=["a"], args=[21]) == [b"a", 42]


@pytest.mark.parametrize(
    "source",
    [
        "return redis.error_reply('broken')",
        "return redis.call('HGET', KEYS[1], 'field')",
        "return redis.call('XRANGE', KEYS[2], 'x', 'y')",
        "return nil + 1",
    ],
)
async def test_script_that_fails_is_told_apart_from_an_outage(
    connection: SerialConnection, source: str
) -> None:
    failures = SCRIPT_ERRORS.labels("test_script")._value
    before = failures.get()
    await connection.ask(("SET", "text", "1"))

    with capture_logs() as lines, pytest.raises(ScriptFailed) as caught:
        await Script("test_script", source)(connection, keys=["text", "stream"])

    [line] = [line for line in lines if line["event"] == "redis_script_failed"]
    assert (line["log_level"], line["script"]) == ("error", "test_script")
    assert line["error"] == caught.value.error != ""
    assert (caught.value.status, caught.value.code) == (503, "log-unavailable")
    assert failures.get() == before + 1


@pytest.mark.parametrize(
    "reply",
    ["OOM command not allowed", "BUSY Redis is busy running a script", "MISCONF Redis cannot save"],
)
async def test_server_that_cannot_answer_now_is_no_error_of_the_script(
    connection: SerialConnection, reply: str
) -> None:
    failures = SCRIPT_ERRORS.labels("test_script")._value
    before = failures.get()

    with pytest.raises(ResponseError):
        await Script("test_script", f"return redis.error_reply('{reply}')")(connection)

    assert failures.get() == before


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ResponseError("BUSY Redis is busy running a script."), True),
        (
            ReadOnlyError("You can't write against a read only replica.", status_code="READONLY"),
            True,
        ),
        (NoPermissionError("this user has no permissions", status_code="NOPERM"), True),
        (ResponseError("NOREPLICAS Not enough good replicas to write."), True),
        (ResponseError("Error running script (call to f_1): @user_script:1: -OOM command"), True),
        (ResponseError("WRONGTYPE Operation against a key of the wrong kind"), False),
        (ResponseError("Error running script (call to f_1): @user_script:1: WRONGTYPE"), False),
        (ResponseError("user_script:1: attempt to index a nil value", status_code="ERR"), False),
        (NoScriptError("No matching script.", status_code="NOSCRIPT"), False),
        (ResponseError(""), False),
    ],
)
def test_outage_is_known_by_the_code_of_the_reply(error: ResponseError, expected: bool) -> None:
    assert is_outage(error) is expected
