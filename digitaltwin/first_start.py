"""First step of a deployment: wait for Redis and database, migrate, make the first user and key.

`python -m digitaltwin.first_start --url URL`. `up` runs it with `--pid`, and it writes the user
and the key to `up.json`. Where processes are deployed one by one, it prints them once and stores
nothing.
"""

import argparse
import asyncio
import io
import json
import os
import secrets
import sys
import time
from pathlib import Path
from typing import Any

import structlog
from django.apps import apps
from django.conf import settings

from digitaltwin.conf.start import set_up

if not apps.ready:
    set_up()

from django.contrib.auth import get_user_model
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import OperationalError, connection
from django.db.models import Q

from digitaltwin.conf.environment import refuse_temporary_key
from digitaltwin.supervision.banner import banner
from sensors.access.device_keys import create_device_key, rotate_device_key
from sensors.devices.simulation.plant import Plant
from sensors.exceptions import LogUnavailable
from sensors.management.demo_plant import register
from sensors.models import DeviceKey
from sensors.readers.running import VolatileLog, refuse_volatile_log
from sensors.store.store import get_store

# A literal name: in this process __name__ is __main__.
log = structlog.get_logger("digitaltwin.first_start")

OPERATOR = "admin"
KEY_NAME = "bootstrap"
LOGIN_RETENTION_DAYS = 90
RETRY_SECONDS = 0.5
LOG_INTERVAL_SECONDS = 30.0

# The content of `up.json`: url, operator (username and password), device_key, pid.
UpFile = dict[str, Any]


def main() -> None:
    options = _options()
    try:
        refuse_temporary_key(settings.DATA_DIR)
        asyncio.run(_wait_for_redis())
    except (ImproperlyConfigured, VolatileLog) as exc:
        sys.exit(str(exc))
    _wait_for_database()
    call_command("migrate", verbosity=0, interactive=False)
    delete_old_logins()
    if options.demo:
        register(Plant(machines=options.machines))
    path = None if options.pid is None else settings.DATA_DIR / "up.json"
    previous = _read(path) if path else {}
    current, is_new = ensure_credentials(
        previous, url=options.url, pid=options.pid, may_rotate=options.demo
    )
    if path:
        _write(path, current)
    sys.stdout.write(banner(current, path=path, show_secrets=is_new))


def ensure_credentials(
    previous: UpFile, *, url: str, pid: int | None, may_rotate: bool
) -> tuple[UpFile, bool]:
    """Make the first user and key if needed; return `up.json` and whether it has a new secret.

    Secrets in the previous file stay. A user or key that exists and is not in that file stays
    unknown (null), unless the key may be rotated because only the demo plant uses it.
    """
    operator = previous.get("operator") or _make_operator()
    token = previous.get("device_key") or _make_key(may_rotate=may_rotate)
    is_new = (operator, token) != (previous.get("operator"), previous.get("device_key"))
    return {"url": url, "operator": operator, "device_key": token, "pid": pid}, is_new


def _make_operator() -> dict[str, str] | None:
    users = get_user_model().objects
    if users.filter(Q(is_superuser=True) | Q(username=OPERATOR)).exists():
        return None
    password = secrets.token_urlsafe(12)
    users.create_superuser(OPERATOR, password=password)
    return {"username": OPERATOR, "password": password}


def _make_key(*, may_rotate: bool) -> str | None:
    device_key = DeviceKey.objects.filter(name=KEY_NAME).first()
    if device_key is None:
        return create_device_key(name=KEY_NAME, all_machines=True)[1]
    return rotate_device_key(device_key) if may_rotate else None


def delete_old_logins() -> None:
    """Delete expired sessions and old login records; neither Django nor django-axes does it."""
    call_command("clearsessions")
    call_command("axes_reset_logs", age=LOGIN_RETENTION_DAYS, stdout=io.StringIO())


async def _wait_for_redis() -> None:
    """Wait until Redis answers. Raises VolatileLog when Redis may lose accepted readings."""
    delay_log = _DelayLog("redis")
    try:
        while True:
            try:
                await refuse_volatile_log()
                return
            except LogUnavailable as exc:
                delay_log.record(str(exc))
                await asyncio.sleep(RETRY_SECONDS)
    finally:
        if store := get_store.forget():
            await store.aclose()


def _wait_for_database() -> None:
    delay_log = _DelayLog("database")
    while True:
        try:
            connection.ensure_connection()
            return
        except OperationalError as exc:
            delay_log.record(str(exc))
            time.sleep(RETRY_SECONDS)


class _DelayLog:
    """Log of a delayed start: at once, then every LOG_INTERVAL_SECONDS."""

    def __init__(self, dependency: str) -> None:
        self._dependency = dependency
        self._logged_at = float("-inf")

    def record(self, error: str) -> None:
        if time.monotonic() - self._logged_at >= LOG_INTERVAL_SECONDS:
            self._logged_at = time.monotonic()
            log.warning("start_delayed", waits_for=self._dependency, error=error.strip())


def _read(path: Path) -> UpFile:
    try:
        content: UpFile = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _write(path: Path, content: UpFile) -> None:
    """Replace the file atomically, so that readers never see half of it."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    new.replace(path)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m digitaltwin.first_start")
    parser.add_argument("--url", required=True, help="where people and devices will reach it")
    parser.add_argument("--pid", type=int, help="of the `up` that asks")
    parser.add_argument("--demo", action="store_true")
    parser.add_argument("--machines", type=int, default=12)
    return parser.parse_args()


if __name__ == "__main__":
    main()
