"""The command `device_key create|list|rotate|revoke`; a secret is shown once."""

from argparse import ArgumentParser
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from sensors.access.device_keys import create_device_key, revoke_device_key, rotate_device_key
from sensors.models import DeviceKey, Machine
from sensors.timestamps import now_us, parse_rfc3339, to_datetime


class Command(BaseCommand):
    help = "Create, list, rotate and revoke device keys."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        create = actions.add_parser("create", help="create a key and print it once")
        create.add_argument("name")
        speaks_for = create.add_mutually_exclusive_group(required=True)
        speaks_for.add_argument(
            "--machine",
            action="append",
            dest="machines",
            metavar="ID",
            help="machine that the key is valid for; can be repeated",
        )
        speaks_for.add_argument(
            "--all-machines",
            action="store_true",
            help="valid for all machines, including future ones",
        )
        create.add_argument("--expires", metavar="TIME", help="for example 2027-01-31T00:00:00Z")
        actions.add_parser("list", help="list the keys without their secrets")
        actions.add_parser("rotate", help="replace the secret and print it once").add_argument(
            "name"
        )
        actions.add_parser("revoke", help="revoke the key permanently").add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"_{options['action']}")(**options)

    def _create(
        self,
        *,
        name: str,
        machines: Sequence[str] | None,
        all_machines: bool,
        expires: str | None,
        **_: Any,
    ) -> None:
        if not 1 <= len(name) <= 100:
            raise CommandError(f"Expected a name of 1 to 100 characters, got {len(name)}.")
        if DeviceKey.objects.filter(name=name).exists():
            raise CommandError(f"A key {name} exists already; rotate it or choose another name.")
        _row, token = create_device_key(
            name=name,
            machines=_machines(machines or ()),
            all_machines=all_machines,
            expires_at=_expiry(expires),
        )
        self._show_once(token)

    def _list(self, **_: Any) -> None:
        keys = DeviceKey.objects.prefetch_related("machines")
        for key in keys:
            named = ",".join(machine.machine_id for machine in key.machines.all())
            machines = "all machines" if key.all_machines else named or "no machine"
            self.stdout.write(f"{key.name}\tdt_{key.prefix}\t{_state(key)}\t{machines}")

    def _rotate(self, *, name: str, **_: Any) -> None:
        key = _key(name)
        if key.revoked_at:
            raise CommandError(f"{name} is revoked permanently; create another key.")
        self._show_once(rotate_device_key(key))

    def _revoke(self, *, name: str, **_: Any) -> None:
        key = _key(name)
        if key.revoked_at:
            raise CommandError(f"{name} is already revoked.")
        revoke_device_key(key)
        self.stderr.write(f"Revoked {name}.")

    def _show_once(self, token: str) -> None:
        # Alone on stdout, for `KEY=$(python manage.py device_key create ...)`.
        self.stderr.write("Save this key now; it cannot be shown again:")
        self.stdout.write(token)


def _key(name: str) -> DeviceKey:
    try:
        return DeviceKey.objects.get(name=name)
    except DeviceKey.DoesNotExist:
        raise CommandError(
            f"There is no key {name}; list the keys with `device_key list`."
        ) from None


def _machines(machine_ids: Sequence[str]) -> list[Machine]:
    machines = list(Machine.objects.filter(machine_id__in=machine_ids))
    if unknown := set(machine_ids) - {machine.machine_id for machine in machines}:
        raise CommandError(f"There is no machine {', '.join(sorted(unknown))}.")
    return machines


def _expiry(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = parse_rfc3339(text)
    except ValueError as exc:
        raise CommandError(f"--expires: {exc} such as 2027-01-31T00:00:00Z, got {text}.") from None
    if moment <= now_us():
        raise CommandError(f"--expires: {text} is in the past.")
    return to_datetime(moment)


def _state(key: DeviceKey) -> str:
    if key.revoked_at:
        return f"revoked {key.revoked_at:%Y-%m-%d}"
    return f"until {key.expires_at:%Y-%m-%dT%H:%MZ}" if key.expires_at else "valid"
