"""What comes before a server: wait for the stores, migrate, make the first user and key.

`python -m digitaltwin.first_start --url URL`. `up` starts it with `--pid`, and keeps the user and
the key in `up.json`; where processes are deployed one by one it shows them once and keeps nothing.
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

from digitaltwin.conf.environment import refuse_fleeting_key
from digitaltwin.supervision.banner import banner
from sensors.access.device_keys import create_device_key, rotate_device_key
from sensors.devices.simulation.plant import Plant
from sensors.exceptions import LogUnavailable
from sensors.management.demo_plant import register
from sensors.models import DeviceKey
from sensors.readers.running import VolatileLog, refuse_volatile_log
from sensors.store.store import get_store

# Not by __name__: that is __main__ here.
log = structlog.get_logger("digitaltwin.first_start")

OPERATOR = "admin"
KEY_NAME = "bootstrap"
KEEP_LOGINS_DAYS = 90
RETRY_SECONDS = 0.5
SAY_SECONDS = 30.0

Kept = dict[str, Any]


def main() -> None:
    options = _options()
    try:
        refuse_fleeting_key(settings.DATA_DIR)
        asyncio.run(_wait_for_redis())
    except (ImproperlyConfigured, VolatileLog) as exc:
        sys.exit(str(exc))
    _wait_for_database()
    call_command("migrate", verbosity=0, interactive=False)
    forget_old_logins()
    if options.demo:
        register(Plant(machines=options.machines))
    path = None if options.pid is None else settings.DATA_DIR / "up.json"
    before = _read(path) if path else {}
    kept, made = keep(before, url=options.url, pid=options.pid, may_rotate=options.demo)
    if path:
        _write(path, kept)
    sys.stdout.write(banner(kept, path=path, show_secrets=made))


def keep(kept: Kept, *, url: str, pid: int | None, may_rotate: bool) -> tuple[Kept, bool]:
    """What `up.json` holds now, and whether a password or key in it is new.

    What the file knows stays; a user or key that was made earlier and is not in it stays unknown
    (null), unless the key may be rotated because nobody but the demo depends on it.
    """
    operator = kept.get("operator") or _make_operator()
    token = kept.get("device_key") or _make_key(may_rotate=may_rotate)
    made = (operator, token) != (kept.get("operator"), kept.get("device_key"))
    return {"url": url, "operator": operator, "device_key": token, "pid": pid}, made


def _make_operator() -> dict[str, str] | None:
    users = get_user_model().objects
    if users.filter(Q(is_superuser=True) | Q(username=OPERATOR)).exists():
        return None
    password = secrets.token_urlsafe(12)
    users.create_superuser(OPERATOR, password=password)
    return {"username": OPERATOR, "password": password}


def _make_key(*, may_rotate: bool) -> str | None:
    known = DeviceKey.objects.filter(name=KEY_NAME).first()
    if known is None:
        return create_device_key(name=KEY_NAME, all_machines=True)[1]
    return rotate_device_key(known) if may_rotate else None


def forget_old_logins() -> None:
    """Delete sessions that are over, and the record of logins long ago: nothing else does."""
    call_command("clearsessions")
    call_command("axes_reset_logs", age=KEEP_LOGINS_DAYS, stdout=io.StringIO())


async def _wait_for_redis() -> None:
    """Return when the log answers. Raises VolatileLog when it may forget what it takes."""
    waiting = _Waiting("redis")
    try:
        while True:
            try:
                await refuse_volatile_log()
                return
            except LogUnavailable as exc:
                waiting.say(str(exc))
                await asyncio.sleep(RETRY_SECONDS)
    finally:
        if store := get_store.forget():
            await store.aclose()


def _wait_for_database() -> None:
    waiting = _Waiting("database")
    while True:
        try:
            connection.ensure_connection()
            return
        except OperationalError as exc:
            waiting.say(str(exc))
            time.sleep(RETRY_SECONDS)


class _Waiting:
    """Says what is waited for at once, and then now and then."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._said_at = float("-inf")

    def say(self, error: str) -> None:
        if time.monotonic() - self._said_at >= SAY_SECONDS:
            self._said_at = time.monotonic()
            log.warning("start_delayed", waits_for=self._what, error=error.strip())


def _read(path: Path) -> Kept:
    try:
        kept: Kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write(path: Path, kept: Kept) -> None:
    """Replace the file at once: who reads it sees the old or the new one, never half."""
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(kept, file, indent=2)
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
