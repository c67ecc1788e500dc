"""What others post for us: wrk, and redis-benchmark."""

import asyncio
import re
import shutil
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import msgspec
import pytest
import redis

from benchmarks import wrk
from benchmarks.instances import redis_alone
from benchmarks.limit import limit_turn
from benchmarks.plan import Plan
from sensors.ingest.payloads import ParsedReading
from sensors.ingest.serializers import parse_batch, parse_single
from sensors.messages import LiveReading
from sensors.store import keys
from sensors.timestamps import now_us

DEVICES = [("CNC-000", "secret-0"), ("MIL-001", "secret-1"), ("LAT-002", "")]
_REQUEST = re.compile(rb"POST (?P<path>\S+) HTTP/1\.1\r\n(?P<head>.*?)\r\n\r\n", re.DOTALL)


class Taker:
    """A server that takes every second request, and keeps them all."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, bytes]] = []
        self.port = 0

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Taker"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        async with server:
            yield self

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = _REQUEST.match(await reader.readuntil(b"\r\n\r\n"))
                assert head
                fields = dict(line.split(": ", 1) for line in head["head"].decode().split("\r\n"))
                body = await reader.readexactly(int(fields["Content-Length"]))
                self.requests.append((head["path"].decode(), fields.get("Authorization", ""), body))
                status = b"201 Created" if len(self.requests) % 2 else b"429 Too Many Requests"
                writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\n{}")
                await asyncio.sleep(0.01)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


@pytest.mark.skipif(not wrk.is_here(), reason="no wrk on PATH")
@pytest.mark.parametrize("size", [1, 3])
async def test_wrk_posts_valid_bodies_with_their_keys_and_no_two_readings_alike(size: int) -> None:
    async with Taker().listening() as taker:
        plan = Plan(taker.port, DEVICES, 1.0, connections=2, size=size, by_wrk=True)
        result = await wrk.post(plan)

    readings: list[ParsedReading] = []
    tokens: dict[str, str] = {}
    for path, authorization, body in taker.requests:
        check = parse_single if size == 1 else parse_batch
        found = check(body, now_us=now_us())
        assert not found.errors
        assert path == f"/api/v1/sensors/readings{'' if size == 1 else '/batch'}"
        readings += found.readings.values()
        machine = next(iter(found.readings.values())).machine_id
        tokens[machine] = authorization
    assert tokens == {"CNC-000": "Bearer secret-0", "MIL-001": "Bearer secret-1", "LAT-002": ""}
    assert len(readings) == size * len(taker.requests)
    assert len({one.measured_at for one in readings}) == len(readings)
    assert 0 <= len(taker.requests) - result.requests <= plan.connections
    assert result.uncounted == plan.connections * size
    assert result.statuses[200] * size == result.accepted
    assert abs(result.statuses[200] - result.statuses[400]) <= plan.connections
    assert result.p99_ms >= result.p50_ms >= 10


async def test_wrk_that_says_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wrk, "PROGRAM", sys.executable)

    with pytest.raises(RuntimeError, match="did not say"):
        await wrk.post(Plan(1, DEVICES, 1.0))


@pytest.mark.redis
@pytest.mark.skipif(not shutil.which("redis-benchmark"), reason="no redis-benchmark on PATH")
@pytest.mark.parametrize("size", [1, 7])
def test_redis_benchmark_has_the_script_take_every_reading(size: int) -> None:
    with redis_alone() as instance:
        measures = limit_turn(instance, Plan(0, [], 0.1, connections=4, size=size))
        with redis.Redis.from_url(instance.settings["REDIS_URL"]) as client:
            newest = client.xrevrange(keys.LOG, count=1)[0][1]
            count = int(client.hget(keys.METRICS, "sensor_readings_processed") or 0)

    assert len(msgspec.json.decode(newest[b"readings"], type=list[LiveReading])) == size
    assert count > 1000 * size
    assert measures["requests_per_s"] > 100
    assert measures["readings_per_s"] == pytest.approx(size * measures["requests_per_s"])
    assert measures["p99_ms"] >= measures["p50_ms"] > 0
    assert measures["cpu_us"] > 0
