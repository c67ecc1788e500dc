"""Recordings of real machines: their files, the replay command, and the stored readings."""

import csv
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from digitaltwin.tests.support.product import Product
from digitaltwin.tests.support.servers import ROOT, environment, wait_for

NAB = ROOT / "sensors/tests/data/nab/machine_temperature_system_failure.csv"
# Recordings whose licence keeps them out of this repository, by default in a folder beside it.
SHARED_DATA = Path(os.environ.get("SHARED_DATA") or ROOT.parent / "shared/data")


def cells(file: Path, *, delimiter: str = ",") -> list[dict[str, str]]:
    """Read the file's rows by column, unconverted."""
    with file.open(newline="") as lines:
        return list(csv.DictReader(lines, delimiter=delimiter))


def replay(product: Product, file: Path, machine_id: str, *options: str) -> str:
    """Run `replay` as a user does; it must exit with 0. Return its output."""
    done = subprocess.run(
        [
            *(sys.executable, "manage.py", "replay", str(file), "--machine", machine_id),
            *("--url", product.url, *options),
        ],
        cwd=ROOT,
        env=environment(DEVICE_KEY=product.facts["device_key"]),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def stored(product: Product, machine_id: str) -> list[dict[str, Any]]:
    """Wait for the history reader; return the machine's readings by the API, oldest first."""
    wait_for(lambda: product.health()["checks"]["log"]["lag_entries"] == 0, what="history is done")
    readings: list[dict[str, Any]] = []
    with product.operator() as operator:
        url = f"/api/v1/sensors/readings?machine_id={machine_id}&limit=1000"
        while url:
            page = operator.get(url)
            assert page.status_code == 200, page.text
            readings += page.json()["results"]
            url = page.json()["next"] or ""
    return readings[::-1]
