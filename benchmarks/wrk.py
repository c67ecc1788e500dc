"""Posting by wrk (`apt-get install wrk`), which needs less CPU than our generator."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path

import msgspec

from benchmarks.plan import Plan, Result

PROGRAM = "wrk"
_PATH = "/api/v1/sensors/readings"
_SCRIPT = Path(__file__).parent / "wrk.lua"
_ANSWER_SECONDS = 20
_MORE_SECONDS = 60.0


class _Said(msgspec.Struct, frozen=True):
    """The result line of wrk.lua; `refused` answers of 400 and more, `broken` without an answer."""

    answered: int
    seconds: float
    p50_ms: float
    p99_ms: float
    refused: int
    broken: int


def is_here() -> bool:
    return shutil.which(PROGRAM) is not None


async def post(plan: Plan) -> Result:
    """Post as planned. Raises RuntimeError when wrk prints no result."""
    path = _PATH if plan.size == 1 else f"{_PATH}/batch"
    with tempfile.NamedTemporaryFile("w", prefix="devices-") as devices:
        devices.writelines(f"{machine} {token}\n" for machine, token in plan.devices)
        devices.flush()
        process = await asyncio.create_subprocess_exec(
            *(PROGRAM, "-t1", f"-c{plan.connections}", f"-d{max(1, round(plan.seconds))}s"),
            *("--timeout", f"{_ANSWER_SECONDS}s", "-s", str(_SCRIPT)),
            f"http://127.0.0.1:{plan.port}{path}",
            env={**os.environ, "DEVICES": devices.name, "SIZE": str(plan.size)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await asyncio.wait_for(process.communicate(), plan.seconds + _MORE_SECONDS)
    lines = [line for line in output.splitlines() if line.startswith(b"JSON ")]
    if not lines:
        raise RuntimeError(f"wrk did not say what happened: {output.decode(errors='replace')}")
    said = msgspec.json.decode(lines[0][5:], type=_Said)
    taken = said.answered - said.refused
    return Result(
        requests=said.answered,
        seconds=said.seconds,
        accepted=taken * plan.size,
        statuses={200: taken, 400: said.refused, 0: said.broken},
        p50_ms=said.p50_ms,
        p99_ms=said.p99_ms,
        uncounted=(plan.connections + said.broken) * plan.size,
    )
