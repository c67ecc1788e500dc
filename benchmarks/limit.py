"""Redis alone: redis-benchmark sends the append script without a server: the upper limit."""

import asyncio
import subprocess
from collections.abc import Sequence
from typing import NamedTuple

from benchmarks import usage
from benchmarks.instances import Instance
from benchmarks.plan import Plan
from digitaltwin.conf.start import load_settings
from sensors.enums import Quality
from sensors.messages import LiveReading
from sensors.store.appender import Appender
from sensors.store.client import CALL_SECONDS
from sensors.store.connection import Command, SerialConnection
from sensors.timestamps import now_us

_PROGRAM = "redis-benchmark"
_KINDS = ("temperature", "pressure", "vibration", "humidity", "speed")
_FIRST_REQUESTS = 1000
_MORE_SECONDS = 120.0
# redis-benchmark writes twelve random digits here, anew at each place of each request. It cannot
# count: each request is that of a machine never seen before, with a key of its own.
_RANDOM = "__rand_int__"
_RANGE = 1_000_000_000
# In the command: that of the first request and its first machine (append.lua).
_KEY_ID = 6 + 8
_MACHINE = _KEY_ID + 5


class _Said(NamedTuple):
    """A row of redis-benchmark's table."""

    requests_per_s: float
    p50_ms: float
    p99_ms: float


def limit_turn(instance: Instance, plan: Plan) -> dict[str, float]:
    """Measure one core of Redis with a load of the same size."""
    url = instance.settings["REDIS_URL"]
    command = _with_random_names(asyncio.run(_command(url, plan.size)))
    first = _run(url, command, connections=plan.connections, requests=_FIRST_REQUESTS)
    requests = max(_FIRST_REQUESTS, round(plan.seconds * first.requests_per_s))
    spent = usage.cpu_seconds(instance.pids)["redis"]
    said = _run(url, command, connections=plan.connections, requests=requests)
    cpu = usage.cpu_seconds(instance.pids)["redis"] - spent
    return {
        **said._asdict(),
        "readings_per_s": said.requests_per_s * plan.size,
        "cpu_us": cpu / (requests * plan.size) * 1e6,
    }


class _Recorder(SerialConnection):
    """A connection that records the last command."""

    asked: Command = ()

    async def ask(self, *commands: Command) -> list[object]:
        if commands[0][0] == "EVALSHA":
            self.asked = commands[0]
        return await super().ask(*commands)


async def _command(url: str, size: int) -> list[str]:
    """Return the command of one request with this many readings; the script is loaded then."""
    load_settings()
    now = now_us()
    line = _Recorder(url, seconds=CALL_SECONDS)
    appender = Appender(line)
    readings = [_reading(number, now + number, now + 20_000) for number in range(size)]
    await appender.append(readings, key_id="key", partial=False)
    await appender.close()
    return [part.decode() if isinstance(part, bytes) else str(part) for part in line.asked]


def _reading(number: int, moment: int, received_at: int) -> LiveReading:
    return LiveReading(
        machine_id="CNC-000",
        sensor_id=number % len(_KINDS),
        sensor_type=_KINDS[number % len(_KINDS)],
        unit="Cel",
        measured_at=moment,
        received_at=received_at,
        value=85.25,
        quality=Quality.GOOD,
        metadata={"location": "workshop_3", "seq": number},
    )


def _with_random_names(command: Sequence[str]) -> list[str]:
    """Return different readings and a different key for each request."""
    changed = list(command)
    changed[_KEY_ID] = changed[_MACHINE] = _RANDOM
    return changed


def _run(url: str, command: Sequence[str], *, connections: int, requests: int) -> _Said:
    """Run redis-benchmark. Raises CalledProcessError."""
    output = subprocess.run(
        [
            *(_PROGRAM, "-s", url.removeprefix("unix://"), "-3", "--csv", "-r", str(_RANGE)),
            *("-c", str(connections), "-n", str(requests), *command),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=_MORE_SECONDS,
    ).stdout
    # A test's name is its command, which may hold quotes and commas itself.
    rps, _, _, p50, _, p99, _ = output.strip().rsplit(",", 7)[1:]
    return _Said(*(float(one.strip('"')) for one in (rps, p50, p99)))
