"""Start banner of `up`: address, first user, device key, and a first reading to send."""

from pathlib import Path
from typing import Any

from django.conf import settings

from digitaltwin.conf.environment import VERSION
from sensors.store.client import is_memory

_CURL = """\
curl {url}/api/v1/sensors/readings \\
  -H 'Authorization: Bearer {key}' \\
  -H 'Content-Type: application/json' \\
  -d '{{"machine_id": "CNC-001", "sensor_type": "temperature", "value": 21.5, \
"unit": "celsius", "timestamp": "'$(date -u +%Y-%m-%dT%H:%M:%SZ)'"}}'
"""


def banner(kept: dict[str, Any], *, path: Path | None, show_secrets: bool) -> str:
    """Build the banner from the content of up.json; secrets appear at the first start only.

    `path` is the path of up.json; None when the secrets are not stored.
    """
    lines = [f"Digital Twin Manufacturing Platform {VERSION}", f"  address     {kept['url']}/"]
    lines += _secrets(kept) if show_secrets else _secrets_location(kept, path)
    lines.append(f"  readings    {_storage()}")
    text = "\n".join(lines) + "\n"
    if show_secrets and kept["device_key"]:
        text += f"\nSend a reading{_precondition()}:\n\n"
        text += _CURL.format(url=kept["url"], key=kept["device_key"]) + "\n"
    return f"\n{text}\n"


def _secrets(kept: dict[str, Any]) -> list[str]:
    operator = kept["operator"]
    lines = ["  user        created earlier"]
    if operator:
        lines = [
            f"  user        {operator['username']}",
            f"  password    {operator['password']}",
        ]
    return [*lines, f"  device key  {kept['device_key'] or 'created earlier'}"]


def _secrets_location(kept: dict[str, Any], path: Path | None) -> list[str]:
    username = kept["operator"]["username"] if kept["operator"] else "created earlier"
    where = str(path) if path else "shown at the first start only; not saved"
    return [f"  user        {username}", f"  secrets     {where}"]


def _storage() -> str:
    if is_memory(settings.REDIS_URL):
        return (
            "live values are in memory only (no redis-server on PATH); "
            "each response waits until its readings are in the database"
        )
    database = settings.DATABASES["default"]
    place = database["NAME"] if "sqlite" in database["ENGINE"] else "PostgreSQL"
    return f"logged in Redis, stored in {place}"


def _precondition() -> str:
    if settings.AUTO_REGISTER_MACHINES:
        return ""
    return " (first create the machine CNC-001 with a temperature sensor under /admin/)"
