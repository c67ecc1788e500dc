"""The command as its own process: what it says, how it ends, with which exit code."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from sensors.devices.sending.tests.small_server import Say, refusal, small_server
from sensors.management.commands.simulate import Command

ROOT = Path(__file__).resolve().parents[3]


async def simulate(*arguments: str, key: str, data: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        "simulate",
        *arguments,
        cwd=ROOT,
        env=os.environ | {"DEVICE_KEY": key, "DATA_DIR": str(data), "LOG_FORMAT": "json"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_simulate_without_a_key_says_so(tmp_path: Path) -> None:
    process = await simulate(key="", data=tmp_path)

    _, err = await process.communicate()

    assert process.returncode == 1
    assert err.decode().startswith("CommandError: DEVICE_KEY is not set.")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_simulate_ended_by_a_signal_prints_its_summary(
    number: signal.Signals, tmp_path: Path
) -> None:
    async with small_server() as server:
        process = await simulate("--machines", "2", "--url", server.url, key="k", data=tmp_path)
        while len(server.kept) < 20:  # noqa: ASYNC110 - the server is another's, it tells nobody
            await asyncio.sleep(0.02)
        process.send_signal(number)
        out, err = await process.communicate()

    assert process.returncode == 0, err
    assert out.decode() == (
        f"Simulated 2 machines: {len(server.kept)} accepted, 0 late, 0 duplicate, "
        "0 conflicting, 0 refused, 0 dropped.\n"
    )
    assert b'"event": "simulation_started"' in err


async def test_simulate_with_a_refused_key_exits_1(tmp_path: Path) -> None:
    script: list[Say] = [refusal(401, "invalid-key")] * 20
    async with small_server(*script) as server:
        process = await simulate("--url", server.url, key="k", data=tmp_path)
        out, err = await process.communicate()

    assert process.returncode == 1
    assert out == b""
    last = err.decode().splitlines()[-1]
    assert last.startswith("CommandError: The server refused the device key (401 invalid-key)")


@pytest.mark.parametrize(
    "arguments",
    [
        ("--rate", "0"),
        ("--rate", "nan"),
        ("--rate", "1e9"),
        ("--machines", "1000"),
        ("--url", "ftp://plant"),
        ("--url", "http://a:b"),
    ],
)
def test_simulate_malformed_option_is_a_usage_error(arguments: tuple[str, str]) -> None:
    parser = Command().create_parser("manage.py", "simulate")

    with pytest.raises(CommandError, match=f"argument {arguments[0]}: expected"):
        parser.parse_args(arguments)
