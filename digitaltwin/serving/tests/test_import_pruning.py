"""What a web process loads, and that what it leaves out is there for who wants it."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from digitaltwin.serving.import_pruning import absent, unopened
from digitaltwin.tests.support.product import ROOT
from digitaltwin.tests.support.servers import environment

# As `python -m digitaltwin.server` does, up to the listening socket.
LOAD = """
import json, sys
from digitaltwin import server
server.make_server(server.APPLICATION, drain_seconds=0, trusted_proxies=[]).config.load()
"""
TELL_MODULES = "print(json.dumps(sorted(sys.modules)))"
# No request to a web process on SQLite and Redis needs them; most were there once.
HEAVY = {
    "cryptography.hazmat",
    "django.contrib.postgres",
    "django.test",
    "drf_spectacular.openapi",
    "fakeredis",
    "httpx",
    "psycopg",
    "pygments",
    "pytest",
    "requests",
    "rich",
    "sensors.api.openapi.operations",
    "twisted",
    "unittest",
    "watchfiles",
    "yaml",
}
# What the first device and the first socket would wait for.
WANTED_AT_ONCE = {
    "digitaltwin.serving.protocols",
    "realtime.hub.hub",
    "rest_framework_simplejwt.backends",
    "sensors.gateways.http.views",
    "uvicorn.lifespan.off",
}


class Run:
    """Runs a program as a web process on SQLite and a Redis, and reads the JSON it prints."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, *program: str, **settings: str) -> object:
        done = subprocess.run(
            [sys.executable, "-c", "\n".join(program)],
            cwd=ROOT,
            env=environment(
                DATA_DIR=str(self._folder),
                DATABASE_URL="",
                REDIS_URL="redis://127.0.0.1:1",
                **settings,
            ),
            stdout=subprocess.PIPE,
            check=True,
            timeout=60,
        )
        return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run(tmp_path)


def modules(told: object) -> set[str]:
    assert isinstance(told, list)
    return set(told)


def test_web_process_loads_no_heavy_module_that_it_does_not_use(run: Run) -> None:
    loaded = modules(run(LOAD, TELL_MODULES))

    assert loaded & HEAVY == set()


def test_web_process_has_loaded_what_its_first_requests_use(run: Run) -> None:
    loaded = modules(run(LOAD, TELL_MODULES))

    assert WANTED_AT_ONCE - loaded == set()


def test_what_was_left_out_is_there_for_who_wants_it(run: Run) -> None:
    assert run(
        LOAD,
        "from django.test import Client, signals",
        "from django.test.signals import setting_changed",
        "import cryptography.hazmat, django.contrib.postgres, twisted, watchfiles, yaml",
        "print(json.dumps(signals.setting_changed is setting_changed))",
    )


def test_documents_are_served_where_they_are_wanted(run: Run) -> None:
    told = run(
        LOAD,
        "from django.test import Client",
        "answers = [Client().get(path) for path in ('/api/v1/schema', '/docs', '/redoc')]",
        "print(json.dumps([answer.status_code for answer in answers]))",
        API_DOCS="true",
        ALLOWED_HOSTS="testserver",
    )

    assert told == [200, 200, 200]


def test_absent_module_is_not_found_meanwhile_and_the_same_afterwards() -> None:
    before = sys.modules["json"]

    with absent("json"), pytest.raises(ModuleNotFoundError):
        import_module("json")

    assert sys.modules["json"] is before


def test_module_that_nobody_loaded_is_forgotten_afterwards() -> None:
    with absent("digitaltwin.no_such_module"):
        pass

    assert "digitaltwin.no_such_module" not in sys.modules


def test_unopened_package_gives_its_modules_and_not_its_own_names(run: Run) -> None:
    assert run(
        "import json, sys",
        "from digitaltwin.serving.import_pruning import unopened",
        "with unopened('xml.sax'):",
        "    import xml.sax.handler",
        "    opened = hasattr(sys.modules['xml.sax'], 'parse')",
        "handler = sys.modules['xml.sax.handler']",
        "from xml.sax import handler as again, parse",
        "print(json.dumps([opened, again is handler]))",
    ) == [False, True]


def test_unopened_leaves_a_loaded_package_as_it_is() -> None:
    before = sys.modules["json"]

    with unopened("json"):
        assert sys.modules["json"] is before

    assert sys.modules["json"] is before
