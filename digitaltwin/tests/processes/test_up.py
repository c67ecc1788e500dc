"""`up` as its users start it: real processes in a folder of the test's own."""

import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest

from digitaltwin.tests.support.product import Product, running, start
from digitaltwin.tests.support.servers import (
    ROOT,
    environment,
    free_port,
    private_redis,
    stop,
    wait_for,
)
from sensors.timestamps import format_us, now_us

pytestmark = pytest.mark.slow

OWN: dict[str, str] = dict.fromkeys(("DATA_DIR", "REDIS_URL", "DATABASE_URL", "SECRET_KEY"), "")
MACHINES = {"AUTO_REGISTER_MACHINES": "true"}


def up(data: Path, *options: str, **settings: str) -> "subprocess.Popen[bytes]":
    """Start another `up`, whose output goes to the file `second.log` in the folder above."""
    with (data.parent / "second.log").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "manage.py", "up", "--data", str(data), *options],
            env=environment(**OWN | settings),
            stdout=output,
            stderr=output,
            cwd=ROOT,
        )


def outcome(process: "subprocess.Popen[bytes]", log: Path) -> tuple[int, str]:
    """Wait for the end; return the exit code and the last line."""
    code = process.wait(20)
    return code, log.read_text().strip().splitlines()[-1]


def post(product: Product, value: float) -> dict[str, Any]:
    reading = {
        "machine_id": "CNC-001",
        "sensor_type": "temperature",
        "value": value,
        "unit": "celsius",
        "timestamp": format_us(now_us()),
    }
    with product.device() as device:
        answer = device.post("/api/v1/sensors/readings", json=reading)
    assert answer.status_code == 201, answer.text
    result: dict[str, Any] = answer.json()
    return result


def stored(product: Product) -> list[float]:
    """Read the stored values, newest first."""
    with product.operator() as operator:
        page = operator.get("/api/v1/sensors/readings", params={"machine_id": "CNC-001"}).json()
    return [row["value"] for row in page["results"]]


def is_gone(pid: int) -> bool:
    """Check that the process has ended; a zombie counts as ended."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    return True


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """An `up` for all tests that leave it running; at the end it exits 0 on SIGTERM."""
    with running(tmp_path_factory.mktemp("up") / "data", "--web-processes", "2") as product:
        yield product


@pytest.mark.redis
def test_up_json_is_private_and_names_the_process(product: Product) -> None:
    facts = product.facts

    assert stat.S_IMODE((product.data / "up.json").stat().st_mode) == 0o600
    assert sorted(facts) == ["device_key", "operator", "pid", "url"]
    assert Path(f"/proc/{facts['pid']}/cmdline").read_text().split("\0")[1:3] == ["manage.py", "up"]


@pytest.mark.redis
def test_first_start_shows_its_secrets_and_a_curl_line(product: Product) -> None:
    shown = product.shown()

    assert f"  password    {product.facts['operator']['password']}\n" in shown
    assert f"  -H 'Authorization: Bearer {product.facts['device_key']}'" in shown


@pytest.mark.redis
def test_second_up_on_the_folder_is_refused(product: Product) -> None:
    second = up(product.data, "--port", "0")

    assert outcome(second, product.data.parent / "second.log") == (
        1,
        f"CommandError: Another `up` (process {product.facts['pid']}) uses the folder "
        f"{product.data}; stop it or choose another folder with --data.",
    )


@pytest.mark.redis
def test_port_in_use_is_refused(product: Product, tmp_path: Path) -> None:
    port = httpx.URL(product.url).port

    second = up(tmp_path / "data", "--port", str(port))

    assert outcome(second, tmp_path / "second.log") == (
        1,
        f"CommandError: Port {port} on 127.0.0.1 is in use; choose another with --port.",
    )


@pytest.mark.redis
def test_process_that_died_is_started_again(product: Product) -> None:
    for name in ("web", "readers"):
        before = product.pids(name)

        product.kill(name)

        wait_for(lambda: len(product.pids(name)) > len(before), what="it is started again")  # noqa: B023
    wait_for(lambda: product.health()["status"] == "healthy", what="it is healthy")


@pytest.mark.redis
def test_up_killed_leaves_no_process_and_the_next_loses_nothing(tmp_path: Path) -> None:
    pid_file = tmp_path / "data/redis/redis.pid"
    first = start(tmp_path / "data", **MACHINES)
    post(first, 20.5)
    facts, redis = first.facts, pid_file.read_text()
    children = [*first.pids("web"), *first.pids("readers")]

    first.kill_up()
    wait_for(lambda: all(map(is_gone, children)), what="no process is left")
    with running(tmp_path / "data", **MACHINES) as second:
        post(second, 21.5)
        wait_for(lambda: stored(second) == [21.5, 20.5], what="both are stored")

        assert pid_file.read_text() == redis
        assert second.facts["device_key"] == facts["device_key"]
        assert second.shown().count(facts["operator"]["password"]) == 1
    assert is_gone(int(redis))


def test_up_without_a_redis_server_keeps_what_it_answered(tmp_path: Path) -> None:
    settings = MACHINES | {"PATH": str(Path(sys.executable).parent)}
    with running(tmp_path / "data", **settings) as product:
        post(product, 20.5)

        assert stored(product) == [20.5]
        assert "live values are in memory only" in product.shown()

    with running(tmp_path / "data", **settings) as product:
        assert stored(product) == [20.5]


@pytest.mark.redis
def test_up_before_its_redis_waits_and_goes_on(tmp_path: Path) -> None:
    port = free_port()
    process = up(tmp_path / "data", "--port", "0", REDIS_URL=f"redis://127.0.0.1:{port}")
    log = tmp_path / "second.log"
    try:
        wait_for(lambda: '"waits_for": "redis"' in log.read_text(), what="it says so")
        with private_redis(tmp_path, "--port", str(port)):
            wait_for(lambda: "server_started" in log.read_text(), what="it serves", seconds=10)
            process.send_signal(signal.SIGTERM)
            assert process.wait(20) == 0
    finally:
        stop(process)


@pytest.mark.redis
def test_up_that_waits_ends_on_a_signal(tmp_path: Path) -> None:
    process = up(tmp_path / "data", "--port", "0", REDIS_URL="redis://127.0.0.1:1")
    log = tmp_path / "second.log"
    wait_for(lambda: '"waits_for": "redis"' in log.read_text(), what="it says so")

    process.send_signal(signal.SIGINT)

    assert process.wait(10) == 0


@pytest.mark.redis
def test_redis_that_may_forget_is_refused(tmp_path: Path) -> None:
    with private_redis(tmp_path, "--maxmemory-policy", "allkeys-lru") as url:
        process = up(tmp_path / "data", "--port", "0", REDIS_URL=url)

        assert outcome(process, tmp_path / "second.log") == (
            1,
            "This Redis may lose accepted readings: its maxmemory-policy is allkeys-lru, not "
            "noeviction. Change this, or set ALLOW_VOLATILE_LOG=true to run anyway.",
        )
