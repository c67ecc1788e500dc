"""Typed reads of the environment, each with one clear sentence when a value is malformed."""

import ipaddress
import os
import re
import secrets
import zoneinfo
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.core.exceptions import ImproperlyConfigured

VERSION = "0.1.0"
MIN_SECRET_LENGTH = 32
TRUE, FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}
# Seconds, counts and sizes beyond it overflow dates and Redis's integers.
MAX_WHOLE = 1_000_000_000
HOST = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]", re.ASCII)
# Placeholders of examples and tutorials, compared with a secret's letters and digits alone.
PLACEHOLDER_SECRETS = {"changeme", "secret", "insecure", "example", "password", "replace"}
MIN_DIFFERENT_CHARACTERS = 5  # as in Django's own check of SECRET_KEY


# Allowed in `.env` though not settings: read by `simulate`, `replay` and docker-compose.yml.
NAMES_OF_OTHER_PROGRAMS = frozenset({"DEVICE_KEY", "POSTGRES_PASSWORD", "WEB_ADDRESS"})


class BadSetting(ImproperlyConfigured):
    """A malformed setting; `digitaltwin.conf.start` prints the sentence and ends the process."""


class Environment:
    """Typed environment variables; `names` collects every name that was read."""

    def __init__(self) -> None:
        self.names: set[str] = set(NAMES_OF_OTHER_PROGRAMS)

    def text(self, name: str, *, default: str) -> str:
        self.names.add(name)
        return os.environ.get(name, default).strip()

    def token(self, name: str) -> str:
        """Read a text that an HTTP header can carry; empty when unset."""
        value = self.text(name, default="")
        if not re.fullmatch(r"[!-~]*", value, re.ASCII):
            raise BadSetting(f"{name} must be ASCII text without spaces.")
        return value

    def folder(self, name: str, *, default: Path) -> Path:
        """Read the path of a folder that exists or can be made."""
        path = Path(self.text(name, default="") or default).absolute()
        try:
            nearest = next(folder for folder in (path, *path.parents) if folder.exists())
        except OSError as exc:
            raise BadSetting(f"{name} cannot be used: {exc}.") from exc
        if not nearest.is_dir():
            raise BadSetting(f"{name} must be a folder, but {nearest} is a file.")
        return path

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self.text(name, default="").lower() or str(default).lower()
        if value in TRUE:
            return True
        if value in FALSE:
            return False
        raise BadSetting(f"{name} must be true or false, got {value!r}.")

    def choice(self, name: str, allowed: set[str], *, default: str) -> str:
        value = self.text(name, default="") or default
        if value not in allowed:
            raise BadSetting(f"{name} must be one of {', '.join(sorted(allowed))}, got {value!r}.")
        return value

    def whole(self, name: str, *, default: int, least: int, most: int = MAX_WHOLE) -> int:
        value = self.text(name, default="") or str(default)
        if not re.fullmatch(r"\d{1,10}", value, re.ASCII) or not least <= int(value) <= most:
            raise BadSetting(
                f"{name} must be a whole number from {least} to {most}, got {value!r}."
            )
        return int(value)

    def optional_whole(self, name: str, *, least: int) -> int | None:
        if not self.text(name, default=""):
            return None
        return self.whole(name, default=least, least=least)

    def words(self, name: str) -> list[str]:
        value = self.text(name, default="")
        return [word.strip() for word in value.split(",") if word.strip()]

    def hosts(self, name: str, *, default: list[str]) -> list[str]:
        """Read host names and addresses without ports; `.example` includes its subdomains."""
        hosts = self.words(name) or default
        for host in hosts:
            if not HOST.fullmatch(host):
                raise BadSetting(
                    f"{name} must be names or addresses such as plant.example or [::1], "
                    f"without scheme and port, got {host!r}."
                )
        return hosts

    def origins(self, name: str) -> list[str]:
        """Read origins such as https://plant.example:8443, without a path."""
        origins = self.words(name)
        for origin in origins:
            parts = split_url(origin)
            if (
                parts is None
                or parts.scheme not in {"http", "https"}
                or origin != f"{parts.scheme}://{parts.netloc}"
                or not parts.netloc
            ):
                raise BadSetting(
                    f"{name} must be origins such as https://plant.example:8443, got {origin!r}."
                )
        return origins

    def networks(self, name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        try:
            return [ipaddress.ip_network(word) for word in self.words(name)]
        except ValueError as exc:
            raise BadSetting(
                f"{name} must be addresses or networks such as 10.0.0.0/8: {exc}."
            ) from exc

    def time_zone(self, name: str, *, default: str) -> str:
        value = self.text(name, default="") or default
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as exc:
            raise BadSetting(
                f"{name} must be a time zone such as Europe/Berlin, got {value!r}."
            ) from exc
        return value

    def pattern(self, name: str, *, default: str) -> re.Pattern[str]:
        """Read a regular expression.

        Machine ids must match it and `[A-Za-z0-9._-]{1,64}`, so it can only narrow that set.
        """
        value = self.text(name, default="") or default
        try:
            return re.compile(value, re.ASCII)
        except re.error as exc:
            raise BadSetting(f"{name} must be a regular expression, got {value!r}: {exc}.") from exc

    def rate(self, name: str, *, default: str) -> tuple[int, int] | None:
        """Read `count/seconds`; an empty value disables the limit."""
        value = self.text(name, default=default)
        if not value:
            return None
        match = re.fullmatch(r"([1-9]\d{0,8})/([1-9]\d{0,5})", value, re.ASCII)
        if not match:
            raise BadSetting(
                f"{name} must look like 6000/60 (requests/seconds) or be empty, got {value!r}."
            )
        return int(match[1]), int(match[2])

    def redis_url(self, name: str, *, default: str) -> str:
        """Read the address of a Redis; errors do not show it, for it may hold a password."""
        value = self.text(name, default="") or default
        parts = split_url(value)
        if parts is None or not _is_redis(parts):
            raise BadSetting(
                f"{name} must look like redis://host:6379/0, rediss://host:6379/0 or "
                "unix:///path/of/socket."
            )
        return value


def split_url(url: str) -> SplitResult | None:
    """Split an address; None when the address or its port is malformed."""
    try:
        parts = urlsplit(url)
        # `urlsplit` accepts a malformed port; reading it raises.
        _ = parts.port
    except ValueError:
        return None
    return parts


def _is_redis(parts: SplitResult) -> bool:
    if parts.scheme == "unix":
        return parts.path not in {"", "/"}
    if parts.scheme in {"redis", "rediss"}:
        return bool(parts.hostname) and re.fullmatch(r"(/\d*)?", parts.path, re.ASCII) is not None
    return parts.scheme == "memory"


env = Environment()


def secret_key(data_dir: Path) -> str:
    """Read SECRET_KEY from the environment, else from `secret_key` in the data folder."""
    value = env.text("SECRET_KEY", default="")
    path = data_dir / "secret_key"
    if not value and path.is_file():
        value = _read(path).strip()
    if not value:
        # Only `up`, `runserver` and the tests make the file. Any other command gets a temporary
        # key, so other processes reject whatever that command signs.
        return secrets.token_urlsafe(48)
    if not _is_strong_secret(value):
        raise BadSetting(
            f"SECRET_KEY must be a random string of at least {MIN_SECRET_LENGTH} characters."
        )
    return value


def refuse_temporary_key(data_dir: Path) -> None:
    """Raise ImproperlyConfigured unless SECRET_KEY is the same for every process.

    For processes that serve or make device keys: the other processes verify their signatures.
    """
    if not os.environ.get("SECRET_KEY") and not (data_dir / "secret_key").is_file():
        raise ImproperlyConfigured(
            "Set SECRET_KEY, the same for every process: a random string of at least "
            f"{MIN_SECRET_LENGTH} characters."
        )


def _is_strong_secret(value: str) -> bool:
    if len(value) < MIN_SECRET_LENGTH or len(set(value)) < MIN_DIFFERENT_CHARACTERS:
        return False
    letters_and_digits = re.sub(r"[^a-z0-9]", "", value.lower())
    return not any(placeholder in letters_and_digits for placeholder in PLACEHOLDER_SECRETS)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise BadSetting(f"SECRET_KEY cannot be read from {path}: {exc}.") from exc


def make_secret_key(data_dir: Path) -> None:
    """Write the file `secret_key` (mode 0600) unless it exists or SECRET_KEY is set."""
    path = data_dir / "secret_key"
    if os.environ.get("SECRET_KEY") or path.is_file():
        return
    data_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))


def token_settings(secret: str, minutes: int) -> dict[str, Any]:
    """Build SIMPLE_JWT: HS256; a new password or a deactivated user ends the tokens."""
    return {
        "ALGORITHM": "HS256",
        "SIGNING_KEY": secret,
        "ACCESS_TOKEN_LIFETIME": timedelta(minutes=minutes),
        "REFRESH_TOKEN_LIFETIME": timedelta(hours=24),
        "CHECK_REVOKE_TOKEN": True,
        "AUTH_HEADER_TYPES": ("Bearer",),
    }
