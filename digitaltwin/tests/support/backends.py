"""Backends of the tests: a pytest plugin that sets the environment before settings are read.

By default fakeredis in this process and SQLite; `TEST_BACKENDS=real` starts a redis-server and
a PostgreSQL cluster for the run. A developer's `.env`, environment and data have no effect.
"""

import importlib.util
import os
import re
import shutil
import tempfile
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path

import pytest
from django.conf import settings

from digitaltwin.conf.embedded_redis import find_server
from digitaltwin.tests.support import servers

CHROMIUM = ("chromium", "chromium-browser", "google-chrome")


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Generator[None, object, object]:
    """Set the environment; a wrapper, because pytest-django reads the settings in this hook."""
    stack = ExitStack()
    early_config.add_cleanup(stack.close)
    folder = Path(tempfile.mkdtemp(prefix="digitaltwin-", dir="/tmp"))
    stack.callback(shutil.rmtree, folder)
    _unset_settings()
    os.environ |= {
        "ENV_FILE": os.devnull,
        "DATA_DIR": str(folder),
        "SECRET_KEY": "only-the-tests-sign-with-this-one-0123456789",
        "LOG_FORMAT": "json",
        "REDIS_URL": "memory://",
    }
    if os.environ.get("TEST_BACKENDS") == "real":
        os.environ["REDIS_URL"] = stack.enter_context(servers.private_redis(folder))
        os.environ["DATABASE_URL"] = stack.enter_context(servers.private_postgres())
    return (yield)


def _unset_settings() -> None:
    source = (servers.ROOT / "digitaltwin" / "settings.py").read_text(encoding="utf-8")
    for name in re.findall(r"\benv\.\w+\(\s*\"([A-Z_]+)\"", source):
        os.environ.pop(name, None)
    os.environ.pop("DEVICE_KEY", None)


def pytest_configure() -> None:
    # Django's default hasher takes a quarter of a second for each user on purpose.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # A file, as in the product: SQLite in memory does not wait for another thread's lock.
    database = settings.DATABASES["default"]
    if database["ENGINE"].endswith("sqlite3"):
        database.setdefault("TEST", {})["NAME"] = str(settings.DATA_DIR / "test.sqlite3")


def pytest_report_header() -> str:
    kinds = "redis-server, PostgreSQL" if "DATABASE_URL" in os.environ else "fakeredis, SQLite"
    return f"backends: {kinds}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests of the other database."""
    other = "on_sqlite" if "DATABASE_URL" in os.environ else "on_postgresql"
    left_out = [item for item in items if item.get_closest_marker(other)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests that this machine cannot run, with the reason; in CI they fail instead."""
    for marker in item.iter_markers():
        if marker.name in _MISSING and (reason := _MISSING[marker.name]):
            if os.environ.get("CI") == "true":
                pytest.fail(f"CI must have it: {reason}", pytrace=False)
            pytest.skip(reason)


def _missing() -> dict[str, str]:
    """Map each marker to the reason why its tests cannot run here; empty when they can."""
    browser = ""
    if not any(map(shutil.which, CHROMIUM)):
        browser = "no Chromium on PATH"
    elif not importlib.util.find_spec("playwright"):
        browser = "playwright is not installed (requirements-dev.txt)"
    return {
        "redis": "" if find_server() else "no redis-server on PATH",
        "postgresql": "" if servers.find_postgres() else "no PostgreSQL (initdb) found",
        "browser": browser,
        "schemathesis": ""
        if importlib.util.find_spec("schemathesis")
        else "schemathesis is not installed (requirements-dev.txt)",
    }


_MISSING = _missing()
