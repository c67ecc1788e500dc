"""Restart backoff and plan of `up`, without starting a process."""

from pathlib import Path

import pytest
from pytest_django import Settings

from digitaltwin.supervision.child_process import RestartBackoff
from digitaltwin.supervision.plan import CannotStart, Plan, make_plan


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Settings:
    """Hide every redis-server, with REDIS_URL unset."""
    monkeypatch.setenv("PATH", "")
    settings.REDIS_EMBEDDED = True
    return settings


def plan(**changes: object) -> Plan:
    options = {"host": "127.0.0.1", "port": 8000, "web_processes": 1, "demo": False, "data": None}
    return make_plan(**options | changes)  # type: ignore[arg-type]


def test_pause_doubles_up_to_ten_seconds() -> None:
    backoff = RestartBackoff()

    pauses = [backoff.record_exit(started=0, now=1) for _ in range(8)]

    assert pauses == [0.25, 0.5, 1, 2, 4, 8, 10, 10]


def test_pause_begins_again_after_a_steady_life() -> None:
    backoff = RestartBackoff()
    for _ in range(5):
        backoff.record_exit(started=0, now=1)

    assert backoff.record_exit(started=100, now=130) == 0.25
    assert backoff.due == 130.25


def test_second_web_process_needs_a_redis(no_redis: Settings) -> None:
    with pytest.raises(CannotStart, match="a second web process requires one"):
        plan(web_processes=2)


def test_https_needs_a_redis(no_redis: Settings) -> None:
    no_redis.HTTPS = True

    with pytest.raises(CannotStart, match="HTTPS=true requires one"):
        plan()


def test_postgresql_needs_a_redis(no_redis: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    database = no_redis.DATABASES["default"]
    monkeypatch.setitem(database, "ENGINE", "django.db.backends.postgresql")

    with pytest.raises(CannotStart, match="a DATABASE_URL requires one"):
        plan()


@pytest.mark.parametrize(
    ("host", "allowed", "url"),
    [
        ("192.0.2.7", "192.0.2.7", "http://192.0.2.7:81"),
        ("2001:db8::1", "[2001:db8::1]", "http://[2001:db8::1]:81"),
        ("plant.example", "plant.example", "http://plant.example:81"),
        ("0.0.0.0", "localhost", "http://127.0.0.1:81"),
    ],
)
def test_host_is_allowed_and_shown(host: str, allowed: str, url: str) -> None:
    made = plan(host=host)

    hosts = made.environment(redis_url="redis://", lifeline=0)["ALLOWED_HOSTS"].split(",")
    assert allowed in hosts
    assert made.url(81) == url


def test_demo_data_lies_apart(
    monkeypatch: pytest.MonkeyPatch, settings: Settings, tmp_path: Path
) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.delenv("DATA_DIR")

    assert plan(demo=True).data_dir == tmp_path / "demo"
    assert plan().data_dir == tmp_path
    assert plan(demo=True, data=tmp_path / "mine").data_dir == tmp_path / "mine"


def test_demo_data_lies_where_data_dir_says(settings: Settings, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path

    assert plan(demo=True).data_dir == tmp_path


@pytest.mark.parametrize(("own", "given"), [(None, "2"), ("4", "4")])
def test_children_have_few_heaps_unless_told_otherwise(
    own: str | None, given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    if own:
        monkeypatch.setenv("MALLOC_ARENA_MAX", own)

    environment = plan().environment(redis_url="redis://", lifeline=0)

    assert environment["MALLOC_ARENA_MAX"] == given
