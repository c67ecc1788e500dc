"""Databases of earlier versions: the newest migrations bring them up to date, with their rows."""

import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from digitaltwin.tests.support.servers import ROOT, environment, private_postgres

pytestmark = pytest.mark.slow

DATABASES = Path(__file__).parent / "databases"
NOON = 1_795_435_200_000_000  # 2026-11-23T12:00:00Z in microseconds
FORTY_DAYS = 40 * 86_400_000_000
# Migrates, then prints every row of the models of `sensors`, and what the users may do and see.
UPGRADE = """
import json
from django.apps import apps
from django.contrib.auth.models import User
from django.core.management import call_command
from sensors.access.policy import may_view_machines, scope_of
from sensors.models import DeviceKey
call_command("migrate", verbosity=0)
call_command("migrate", verbosity=0, check_unapplied=True)
rows = {model.__name__: list(model.objects.order_by("pk").values())
        for model in apps.get_app_config("sensors").get_models()}
rows["key_machines"] = list(DeviceKey.objects.values("name", "machines__machine_id"))
rows["may_view"] = {one.username: may_view_machines(one) for one in User.objects.all()}
rows["everything"] = {one.username: scope_of(one).is_everything for one in User.objects.all()}
print(json.dumps(rows, default=str))
"""
# Columns of the rows that version 1 wrote; a newer version may add columns and rows.
ROWS: dict[str, list[dict[str, Any]]] = {
    "Machine": [
        {"id": 1, "machine_id": "CNC-001", "name": "Mill", "kind": "mill", "active": True},
        {"machine_id": "CNC-001", "site": "North", "area": "Hall 1", "line": "Line A"},
        {"id": 2, "machine_id": "pump.7", "site": "", "active": False},
    ],
    "Sensor": [
        {"id": 1, "machine_id": 1, "position": "", "minimum": -5.0, "maximum": 150.0},
        {"id": 1, "sensor_type_id": 1, "stale_seconds": 30},
        {"id": 2, "machine_id": 1, "position": "drive_end", "minimum": None},
    ],
    "SensorType": [
        {"slug": "temperature", "unit": "Cel", "minimum": -50.0, "maximum": 200.0},
        {"slug": "vibration", "unit": "mm/s", "minimum": -1000.0, "maximum": 1000.0},
    ],
    "DeviceKey": [
        {"name": "gateway", "prefix": "0123456789ab", "secret_hash": "f" * 64},
        {"name": "gateway", "expires_at": "2030-01-01 00:00:00+00:00", "revoked_at": None},
    ],
    "Reading": [
        {"sensor_id": 1, "measured_at": NOON, "received_at": NOON + 500_000, "value": 20.5},
        {"sensor_id": 1, "measured_at": NOON, "quality": 0, "metadata": '{"batch":7}'},
        {"sensor_id": 2, "measured_at": NOON + 1_000_000, "value": None, "quality": 2},
        {"sensor_id": 1, "measured_at": NOON - FORTY_DAYS, "value": 19.0, "late": True},
    ],
    "ConflictingReading": [
        {"sensor_id": 1, "measured_at": NOON, "value": 21.0, "stored_value": 20.5}
    ],
    "DeadLetter": [{"epoch": "log", "position": "9-0", "machine_id": "CNC-001", "payload": "["}],
    "ReaderPosition": [{"reader": "history", "epoch": "log", "position": "2-0"}],
    "TokenVersion": [{"user_id": 1, "version": 3}],
    "key_machines": [{"name": "gateway", "machines__machine_id": "CNC-001"}],
}


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """A SQLite database of version 1."""
    with sqlite3.connect(tmp_path / "db.sqlite3") as database:
        database.executescript((DATABASES / "version_1_sqlite.sql").read_text(encoding="utf-8"))
    database.close()
    return f"sqlite:///{tmp_path}/db.sqlite3"


@pytest.fixture
def postgresql() -> Iterator[str]:
    """A PostgreSQL database of version 1."""
    with private_postgres() as url:
        with psycopg.connect(url) as database:
            database.execute((DATABASES / "version_1_postgresql.sql").read_bytes())
        yield url


def upgraded(url: str) -> dict[str, Any]:
    """The rows of this database by model, after the newest migrations."""
    process = subprocess.run(
        [sys.executable, ROOT / "manage.py", "shell", "-v", "0", "-c", UPGRADE],
        env=environment(DATABASE_URL=url),
        check=True,
        stdout=subprocess.PIPE,
    )
    rows: dict[str, Any] = json.loads(process.stdout)
    return rows


def has(rows: list[dict[str, Any]], expected: Mapping[str, Any]) -> bool:
    return any(expected.items() <= row.items() for row in rows)


def missing(rows: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Any]]]:
    """The rows of version 1 that are not there any more, by model."""
    return [(model, row) for model in ROWS for row in ROWS[model] if not has(rows[model], row)]


def check(url: str) -> None:
    before = set(ROWS) - {"key_machines"}

    rows = upgraded(url)

    assert missing(rows) == []
    assert before == {model for model, found in rows.items() if model[0].isupper() and found}
    # Users see what they saw before: no restriction came with the upgrade.
    assert rows["may_view"] == {"vera": True}
    assert rows["everything"] == {"vera": True}


def test_sqlite_of_version_1_is_upgraded_with_its_rows(sqlite: str) -> None:
    check(sqlite)


@pytest.mark.postgresql
def test_postgresql_of_version_1_is_upgraded_with_its_rows(postgresql: str) -> None:
    check(postgresql)
