"""Health: three levels, two questions of a load balancer, and an answer in time."""

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client

from digitaltwin.serving import drain
from digitaltwin.site.health import health_report
from sensors.history.tests.rows import make_reading
from sensors.messages import position_key
from sensors.models import DeadLetter
from sensors.readers.registry import READERS
from sensors.readers.tests.readers import TALLY
from sensors.store import keys
from sensors.store.client import make_sync_client
from sensors.store.sync import SyncStore
from sensors.tests.people import log_readings, mark_stored
from sensors.timestamps import format_us

# The checks run in threads, which see only committed rows.
pytestmark = pytest.mark.django_db(transaction=True)

HEALTH = "/api/v1/health"


@pytest.fixture(autouse=True)
def _empty_log() -> None:
    make_sync_client(settings.REDIS_URL).flushall()


@pytest.fixture
def silent_redis() -> Iterator[SyncStore]:
    """A store whose Redis takes the connection and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        store = SyncStore(f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        yield store
        store.close()


def test_health_of_a_fresh_start() -> None:
    report = Client().get(HEALTH).json()

    assert sorted(report) == ["checks", "counters", "status", "uptime_seconds", "version"]
    assert report["status"] == "healthy"
    assert report["checks"] == {
        "database": "ok",
        "redis": "ok",
        "log": {
            "entries": 0,
            "lag_entries": 0,
            "lag_seconds": 0.0,
            "durable": _durable(),
            "held_by": None,
            "held_since": None,
        },
        "readers": {name: {"lag_entries": 0, "lag_seconds": 0.0} for name in READERS},
        "broadcast": "ok",
        "dead_letters": 0,
        "conflicts": 0,
    }


def test_health_counts_dead_letters_and_readings() -> None:
    DeadLetter.objects.create(epoch="e", position="1-0", payload="x", reason="y")
    mark_stored(log_readings(make_reading(sensor_type="temperature")))

    report = health_report()

    assert report["checks"]["dead_letters"] == 1
    assert report["checks"]["log"]["entries"] == 1
    assert report["checks"]["log"]["lag_entries"] == 0
    assert report["counters"]["sensor_readings_temperature"] == 1


def test_health_says_how_far_history_is_behind() -> None:
    mark_stored(log_readings(make_reading(1)))
    for second in range(2, 5):
        log_readings(make_reading(second))

    checks = health_report()["checks"]

    log = checks["log"]
    assert (log["entries"], log["lag_entries"] > 0, log["lag_seconds"] >= 0) == (4, True, True)
    assert checks["readers"]["history"] == {
        "lag_entries": log["lag_entries"],
        "lag_seconds": log["lag_seconds"],
    }


def mark(reader: str, position: str, *, epoch: str | None = None) -> None:
    """Mark a position of this log (or of another epoch) as a reader does."""
    client = make_sync_client(settings.REDIS_URL)
    own = client.get(keys.EPOCH)
    assert isinstance(own, bytes)
    client.set(keys.mark(reader), f"{epoch or own.decode()} {position}")
    client.close()


@pytest.fixture
def tally(monkeypatch: pytest.MonkeyPatch) -> str:
    """A third reader is registered, which is durable."""
    monkeypatch.setitem(READERS, TALLY.name, TALLY)
    return TALLY.name


@pytest.mark.parametrize("position_of_tally", ["none", "another epoch", "first"])
def test_health_names_the_reader_that_holds_the_log(
    settings: Any, tally: str, position_of_tally: str
) -> None:
    settings.RECENT_SECONDS = 0
    first, second = [log_readings(make_reading(second)) for second in (1, 2)]
    mark("history", second)
    if position_of_tally == "another epoch":
        mark(tally, second, epoch="another")
    elif position_of_tally == "first":
        mark(tally, first)
    time.sleep(0.01)

    report = health_report()

    log, readers = report["checks"]["log"], report["checks"]["readers"]
    unread = second if position_of_tally == "first" else first
    assert report["status"] == "degraded"
    assert log["held_by"] == tally
    assert log["held_since"] == format_us(position_key(unread)[0] * 1000)
    assert readers["history"] == {"lag_entries": 0, "lag_seconds": 0.0}
    assert readers[tally]["lag_entries"] >= 1
    # The worst of the durable readers.
    assert {name: log[name] for name in readers[tally]} == readers[tally]


def test_health_of_a_slow_reader_that_does_not_yet_hold_the_log(tally: str) -> None:
    last = log_readings(make_reading(1))
    mark("history", last)

    report = health_report()

    assert report["status"] == "healthy"
    assert report["checks"]["log"]["held_by"] is None
    assert report["checks"]["log"]["lag_entries"] == 1


def test_health_takes_a_mark_of_another_epoch_for_none() -> None:
    last = log_readings(make_reading(1))
    mark("history", last, epoch="another")

    assert health_report()["checks"]["readers"]["history"]["lag_entries"] == 1


def test_health_without_redis(silent_redis: SyncStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digitaltwin.site.log_health.get_sync_store", lambda: silent_redis)
    began = time.monotonic()

    answers = [Client().get(f"{HEALTH}{path}") for path in ("", "/ready", "/live")]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].json()["status"] == "unhealthy"
    assert answers[0].json()["checks"]["database"] == "ok"
    assert time.monotonic() - began < 2 * 2.0


@pytest.mark.on_sqlite
def test_health_without_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.settings_dict, "NAME", "/nonexistent/folder/db.sqlite3")

    answers = [Client().get(f"{HEALTH}{path}") for path in ("", "/ready", "/live")]

    assert [answer.status_code for answer in answers] == [503, 503, 200]
    assert answers[0].json()["checks"]["database"] == "unavailable"
    assert answers[0].json()["checks"]["dead_letters"] is None


def test_ready_until_it_drains(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Client().get(f"{HEALTH}/ready").status_code == 200

    drain.begin_drain()
    try:
        assert Client().get(f"{HEALTH}/ready").status_code == 503
        assert Client().get(f"{HEALTH}/live").status_code == 200
        assert Client().get(HEALTH).json()["status"] == "degraded"
    finally:
        drain._draining.clear()


@pytest.mark.parametrize("path", ["", "/live", "/ready"])
def test_health_takes_get_only(path: str) -> None:
    response = Client(enforce_csrf_checks=True).post(f"{HEALTH}{path}")

    assert response.status_code == 405
    assert response["Content-Type"] == "application/problem+json"


def _durable() -> bool:
    return not SyncStore(settings.REDIS_URL).in_memory
