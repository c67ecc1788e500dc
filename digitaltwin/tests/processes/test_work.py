"""`work` runs the named readers, all by default, and refuses what cannot work."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from digitaltwin.tests.support.servers import ROOT, environment, private_redis, wait_for
from sensors.readers.registry import READERS


def work(*names: str, **settings: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "manage.py", "work", *names],
        env=environment(**settings),
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )


def read_until(event: str, process: "subprocess.Popen[str]") -> None:
    """Wait for the log line of this event."""
    stderr = process.stderr
    assert stderr
    wait_for(lambda: event in stderr.readline(), what=event)


def test_unknown_reader_is_refused_with_a_sentence() -> None:
    process = work("nobody")

    _, error = process.communicate(timeout=20)

    names = ", ".join(READERS)
    assert error == f"CommandError: There is no reader 'nobody'; expected {names}.\n"
    assert process.returncode == 1


def test_log_in_memory_is_refused_with_a_sentence() -> None:
    process = work(REDIS_URL="memory://")

    _, error = process.communicate(timeout=20)

    assert error.startswith("CommandError: No Redis is configured: set REDIS_URL")
    assert process.returncode == 1


@pytest.mark.slow
@pytest.mark.redis
@pytest.mark.parametrize("names", [["broadcast"], []], ids=["named", "all by default"])
def test_readers_work_until_sigterm(redis_server: str, tmp_path: Path, names: list[str]) -> None:
    process = work(*names, REDIS_URL=redis_server, DATABASE_URL="", DATA_DIR=str(tmp_path))
    expected = sorted(names or READERS)
    for _ in expected:
        read_until("lease_taken", process)

    process.send_signal(signal.SIGTERM)
    _, error = process.communicate(timeout=10)

    events = [json.loads(line) for line in error.splitlines()]
    released = [each["reader"] for each in events if each["event"] == "lease_released"]
    assert process.returncode == 0
    assert sorted(released) == expected


@pytest.mark.slow
@pytest.mark.redis
def test_redis_without_its_log_file_is_refused(tmp_path: Path) -> None:
    with private_redis(tmp_path, "--appendonly", "no") as url:
        process = work(REDIS_URL=url)

        _, error = process.communicate(timeout=20)

    assert process.returncode == 1
    assert "This Redis may lose accepted readings: append-only persistence" in error


@pytest.mark.slow
@pytest.mark.redis
def test_redis_without_its_log_file_is_warned_of_where_it_is_meant(tmp_path: Path) -> None:
    with private_redis(tmp_path, "--appendonly", "no") as url:
        process = work("broadcast", REDIS_URL=url, ALLOW_VOLATILE_LOG="true")

        read_until("log_found_volatile", process)

        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=10)
    assert process.returncode == 0
