"""The contract, walked against whole instances of each kind (digitaltwin/tests/contract)."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from digitaltwin.tests.contract.rest.bad_inputs import KNOWN, LINES
from digitaltwin.tests.support.composed import composed
from digitaltwin.tests.support.product import running
from digitaltwin.tests.support.servers import (
    LOOPBACK,
    ROOT,
    environment,
    free_port,
    is_ready,
    stop,
    wait_for,
)

WITHOUT_REDIS = str(Path(sys.executable).parent)
# Small enough to be used up, large enough for the requests of the walk's other keys.
RATE_LIMIT = "900/60"
# Clauses that depend on the server or the backends; the others are walked once.
DIFFERENT = "BI-A|BI-H|BI-W|BI-X|^api |^ingest |^batches |^sockets |^metrics |^good traffic"
OPERATOR = {"username": "admin", "password": "walks-the-contract"}


def walk(up_json: Path, *options: str) -> None:
    """Walk the contract. Raises AssertionError with the misses."""
    done = subprocess.run(
        [sys.executable, "-m", "digitaltwin.tests.contract", "--up-json", up_json, *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_bad_input_is_walked() -> None:
    assert {line["id"] for line in LINES} == KNOWN.keys()
    assert len(LINES) == 179


@pytest.mark.slow
@pytest.mark.redis
def test_up_keeps_the_contract(tmp_path: Path) -> None:
    with running(tmp_path / "data", RATE_LIMIT=RATE_LIMIT) as product:
        walk(product.data / "up.json")


@pytest.mark.slow
def test_up_in_memory_keeps_the_contract(tmp_path: Path) -> None:
    with running(tmp_path / "data", PATH=WITHOUT_REDIS) as product:
        walk(product.data / "up.json", "--only", DIFFERENT)


@pytest.mark.slow
@pytest.mark.redis
@pytest.mark.postgresql
def test_up_with_redis_and_postgresql_keeps_the_contract(
    tmp_path: Path, redis_server: str, postgres: str
) -> None:
    settings = {"REDIS_URL": redis_server, "DATABASE_URL": postgres}
    with running(tmp_path / "data", **settings) as product:
        walk(product.data / "up.json", "--only", DIFFERENT)


@pytest.mark.slow
@pytest.mark.redis
@pytest.mark.postgresql
def test_composed_services_keep_the_contract(tmp_path: Path) -> None:
    up_json = tmp_path / "up.json"
    with composed(tmp_path) as product:
        up_json.write_text(json.dumps(product.facts))
        walk(up_json)


@pytest.mark.slow
def test_runserver_in_memory_keeps_the_contract(tmp_path: Path) -> None:
    with runserver(tmp_path, REDIS_URL="memory://", DATABASE_URL="") as up_json:
        walk(up_json, "--server", "daphne", "--only", DIFFERENT)


@pytest.mark.slow
@pytest.mark.redis
@pytest.mark.postgresql
def test_runserver_with_redis_and_postgresql_keeps_the_contract(
    tmp_path: Path, redis_server: str, postgres: str
) -> None:
    with runserver(tmp_path, REDIS_URL=redis_server, DATABASE_URL=postgres) as up_json:
        walk(up_json, "--server", "daphne", "--only", DIFFERENT)


@contextmanager
def runserver(folder: Path, **settings: str) -> Iterator[Path]:
    """Run `runserver` on a migrated database with an admin; yield a file like `up.json`."""
    port, log, path = free_port(), folder / "log", folder / "up.json"
    secrets = {"DATA_DIR": str(folder), "DJANGO_SUPERUSER_PASSWORD": OPERATOR["password"]}
    env = environment(**secrets, **settings)

    def manage(*arguments: str) -> None:
        command = [sys.executable, "manage.py", *arguments]
        subprocess.run(command, env=env, cwd=ROOT, check=True)

    manage("migrate", "--verbosity", "0")
    manage("createsuperuser", "--noinput", "--username", "admin", "--email", "a@example.org")
    url = f"http://{LOOPBACK}:{port}"
    path.write_text(json.dumps({"url": url, "operator": OPERATOR}))
    command = [sys.executable, "manage.py", "runserver", "--noreload", str(port)]
    with log.open("wb") as output:
        server = subprocess.Popen(command, env=env, cwd=ROOT, stdout=output, stderr=output)
    try:
        wait_for(lambda: is_ready(url), what="runserver is ready", seconds=90)
        yield path
    finally:
        stop(server)
