"""`runserver`: the development server starts Redis and the readers, and ends them with it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from digitaltwin.conf.embedded_redis import MEMORY, url
from digitaltwin.tests.support.servers import (
    LOOPBACK,
    ROOT,
    environment,
    free_port,
    is_ready,
    stop,
    wait_for,
)
from sensors.readers.registry import READERS

pytestmark = pytest.mark.slow

OWN = dict.fromkeys(("REDIS_URL", "DATABASE_URL", "SECRET_KEY"), "")
WITHOUT_REDIS = str(Path(sys.executable).parent)


@pytest.mark.parametrize(
    ("options", "search_path"),
    [
        pytest.param([], os.environ["PATH"], marks=pytest.mark.redis, id="reloading"),
        pytest.param(["--noreload"], os.environ["PATH"], marks=pytest.mark.redis, id="noreload"),
        pytest.param(["--noreload"], WITHOUT_REDIS, id="in memory"),
    ],
)
def test_runserver_serves_with_readers_and_leaves_no_redis(
    tmp_path: Path, options: list[str], search_path: str
) -> None:
    log, port = tmp_path / "log", free_port()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "manage.py", "runserver", *options, str(port)],
            env=environment(**OWN, DATA_DIR=str(tmp_path), PATH=search_path),
            stdout=output,
            stderr=output,
            cwd=ROOT,
        )
    try:
        wait_for(lambda: is_ready(f"http://{LOOPBACK}:{port}"), what="it is ready")
        wait_for(lambda: log.read_text().count("lease_taken") == len(READERS), what="all work")
        assert (url(tmp_path) == MEMORY) == (search_path == WITHOUT_REDIS)

        process.send_signal(signal.SIGTERM)

        process.wait(20)
        assert url(tmp_path) == MEMORY
    finally:
        stop(process)
