"""The embedded Redis: start, adoption, end, and the sentences of a failed start."""

import os
import signal
import stat
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from digitaltwin.conf.embedded_redis import (
    LOG_OPTIONS,
    MEMORY,
    EmbeddedRedis,
    RedisNotStarted,
    find_server,
    url,
)
from digitaltwin.tests.support.compose_file import read_services
from digitaltwin.tests.support.composed import GIVEN
from digitaltwin.tests.support.servers import ROOT, answers_ping, wait_for

pytestmark = pytest.mark.redis
Start = Callable[[Path], EmbeddedRedis]


def never() -> bool:
    return False


@pytest.fixture
def start() -> Iterator[Start]:
    """Return `start(data_dir)`, which starts a Redis that answers; all are ended after the test."""
    started: list[EmbeddedRedis] = []

    def start(data_dir: Path) -> EmbeddedRedis:
        server = EmbeddedRedis(data_dir, program=find_server() or "")
        server.prepare()
        server.launch()
        started.append(server)
        server.wait(is_cancelled=never)
        return server

    yield start
    for server in started:
        server.stop()


def pid_of(data_dir: Path) -> int:
    return int((data_dir / "redis" / "redis.pid").read_text())


def test_composed_redis_is_set_as_the_embedded_one() -> None:
    _, *composed = read_services(ROOT / "docker-compose.yml", GIVEN)["redis"]["command"]

    assert set(pairs(LOG_OPTIONS)) <= set(pairs(composed))


def pairs(options: Sequence[str]) -> list[tuple[str, str]]:
    return list(zip(options[::2], options[1::2], strict=True))


def test_url_of_a_folder_without_redis_is_memory(tmp_path: Path) -> None:
    assert url(tmp_path) == MEMORY


def test_started_redis_is_found_by_its_folder_and_private(tmp_path: Path, start: Start) -> None:
    redis = start(tmp_path)

    assert url(tmp_path) == redis.url
    assert answers_ping(redis.socket)
    assert stat.S_IMODE(redis.socket.parent.stat().st_mode) == 0o700


def test_socket_of_a_deep_folder_has_a_short_path(tmp_path: Path, start: Start) -> None:
    redis = start(tmp_path / ("deep" * 20) / ("deeper" * 10))

    assert len(os.fsencode(redis.socket)) <= 107


def test_stopped_redis_leaves_nothing_running(tmp_path: Path, start: Start) -> None:
    redis = start(tmp_path)

    redis.stop()

    assert not redis.is_alive()
    assert not redis.socket.parent.exists()
    assert url(tmp_path) == MEMORY


def test_redis_that_outlived_its_owner_is_adopted_and_ended(tmp_path: Path, start: Start) -> None:
    pid = start(tmp_path)._pid

    second = start(tmp_path)

    assert second.adopted
    assert pid_of(tmp_path) == pid
    second.stop()
    assert not second.is_alive()


def test_redis_killed_is_started_again_at_the_same_address(tmp_path: Path, start: Start) -> None:
    redis = start(tmp_path)
    before = redis.url
    os.kill(pid_of(tmp_path), signal.SIGKILL)
    wait_for(lambda: not redis.is_alive(), what="it is gone")

    redis.launch()
    redis.wait(is_cancelled=never)

    assert redis.url == before == url(tmp_path)


def test_redis_whose_socket_is_gone_is_ended_before_another(tmp_path: Path, start: Start) -> None:
    first = start(tmp_path)
    first.socket.unlink()

    second = start(tmp_path)

    assert not second.adopted
    assert not first.is_alive()
    assert answers_ping(second.socket)


def test_damaged_log_is_said_in_a_sentence(tmp_path: Path, start: Start) -> None:
    start(tmp_path).stop()
    written = next((tmp_path / "redis" / "appendonlydir").glob("*.incr.aof"))
    written.write_bytes(b"*1\r\n$4\r\nPING\r\nthis is no command\r\n*1\r\n$4\r\nPING\r\n")

    with pytest.raises(RedisNotStarted, match=r"is damaged\. Keep a copy"):
        start(tmp_path)


def test_waiting_ends_when_it_is_cancelled(tmp_path: Path) -> None:
    redis = EmbeddedRedis(tmp_path, program=find_server() or "")
    redis.prepare()

    redis.wait(is_cancelled=lambda: True)

    redis.stop()
    assert url(tmp_path) == MEMORY
