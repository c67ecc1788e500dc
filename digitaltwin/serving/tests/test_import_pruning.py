"""The modules of a web process; those left out at the start can be imported later."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

from digitaltwin.serving.import_pruning import modules_hidden, package_without_init
from digitaltwin.tests.support.servers import ROOT, environment

# As `python -m digitaltwin.server` does, up to the listening socket.
LOAD = """
import json, sys
from digitaltwin import server
server.make_server(server.APPLICATION, drain_seconds=0, trusted_proxies=[]).config.load()
"""
PRINT_MODULES = "print(json.dumps(sorted(sys.modules)))"
# No request to a web process on SQLite and Redis needs them; earlier versions loaded most.
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
# Modules that the first device request and the first socket use.
NEEDED_AT_FIRST_REQUEST = {
    "digitaltwin.serving.protocols",
    "realtime.hub.hub",
    "rest_framework_simplejwt.backends",
    "sensors.gateways.http.views",
    "uvicorn.lifespan.off",
}


class Run:
    """Runner of programs as a web process on SQLite and Redis; returns the JSON they print."""

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
    loaded = modules(run(LOAD, PRINT_MODULES))

    assert loaded & HEAVY == set()


def test_web_process_has_loaded_what_its_first_requests_use(run: Run) -> None:
    loaded = modules(run(LOAD, PRINT_MODULES))

    assert NEEDED_AT_FIRST_REQUEST - loaded == set()


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


def test_hidden_module_is_not_found_meanwhile_and_the_same_afterwards() -> None:
    before = sys.modules["json"]

    with modules_hidden("json"), pytest.raises(ModuleNotFoundError):
        import_module("json")

    assert sys.modules["json"] is before


def test_module_that_nobody_loaded_is_forgotten_afterwards() -> None:
    with modules_hidden("digitaltwin.no_such_module"):
        pass

    assert "digitaltwin.no_such_module" not in sys.modules


def test_package_without_init_gives_its_modules_and_not_its_own_names(run: Run) -> None:
    assert run(
        "import json, sys",
        "from digitaltwin.serving.import_pruning import package_without_init",
        "with package_without_init('xml.sax'):",
        "    import xml.sax.handler",
        "    opened = hasattr(sys.modules['xml.sax'], 'parse')",
        "handler = sys.modules['xml.sax.handler']",
        "from xml.sax import handler as again, parse",
        "print(json.dumps([opened, again is handler]))",
    ) == [False, True]


def test_package_without_init_leaves_a_loaded_package_as_it_is() -> None:
    before = sys.modules["json"]

    with package_without_init("json"):
        assert sys.modules["json"] is before

    assert sys.modules["json"] is before
