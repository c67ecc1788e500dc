"""The commands of docs/backup.md: a backup during operation, a restore, and the lost readings."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from digitaltwin.tests.support.product import Product, running
from digitaltwin.tests.support.servers import ROOT, environment, wait_for
from sensors.timestamps import format_us

MANUAL = ROOT / "docs" / "backup.md"
SETTINGS = {"AUTO_REGISTER_MACHINES": "true"}
# 2026-01-01T00:00:00Z; one reading a second from then on.
BEGIN_US = 1_767_225_600_000_000

pytestmark = [
    pytest.mark.slow,
    pytest.mark.redis,
    pytest.mark.skipif(not shutil.which("redis-cli"), reason="no redis-cli on PATH"),
]


def follow_manual(number: int, folder: Path) -> None:
    """Run one of the shell blocks about `up`: 0 takes the backup, 1 restores it."""
    block = re.findall(r"```sh\n(.*?)```", MANUAL.read_text(), re.DOTALL)[number]
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(
        ["sh", "-euc", block],
        cwd=folder,
        env=environment(PATH=path),
        check=True,
        stdout=subprocess.DEVNULL,
    )


def send(product: Product, values: range) -> set[str]:
    """Post these seconds; the statuses of their answers."""
    rows = [
        {
            "sensor_type": "flow",
            "value": float(value),
            "unit": "L/min",
            "timestamp": format_us(BEGIN_US + value * 1_000_000),
        }
        for value in values
    ]
    with product.device() as device:
        # Right after a restore 202: the copy of Redis says that the old reader still has the lease.
        url = "/api/v1/sensors/readings/batch?ack=stored"
        answer = device.post(url, json={"machine_id": "LOD-001", "readings": rows})
    assert answer.is_success, answer.text
    return {row["status"] for row in answer.json()}


def stored(product: Product) -> list[float]:
    with product.operator() as operator:
        params = {"machine_id": "LOD-001", "start": format_us(BEGIN_US), "limit": "1000"}
        page = operator.get("/api/v1/sensors/readings", params=params).json()
    return sorted(row["value"] for row in page["results"])


def test_backup_restores_and_devices_fill_what_it_lost(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    with running(old / "data", **SETTINGS) as product:
        send(product, range(300))
        follow_manual(0, old)
        send(product, range(300, 400))
    shutil.move(old / "backup", new / "backup")

    follow_manual(1, new)
    with running(new / "data", **SETTINGS) as product:
        wait_for(lambda: len(stored(product)) >= 300, what="history caught up")
        restored = stored(product)
        again = send(product, range(250, 400))

        assert restored == [float(value) for value in range(300)]
        assert again == {"duplicate", "accepted"}
        wait_for(lambda: len(stored(product)) >= 400, what="the gap is filled")
        assert stored(product) == [float(value) for value in range(400)]
