"""Typed reads of the environment, each with one clear sentence when a value is malformed."""

import ipaddress
import os
import re
import secrets
import zoneinfo
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

VERSION = "0.1.0"
SHORTEST_SECRET = 32
TRUE, FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off", ""}
WIDEST_MACHINE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}", re.ASCII)
KNOWN_SECRETS = {"changeme", "secret", "django-insecure", "insecure", "example"}


class Environment:
    """The environment's values by type; `names` collects every name ever asked for."""

    def __init__(self) -> None:
        self._env = environ.Env()
        self.names: set[str] = {"SECRET_KEY", "DEVICE_KEY"}

    def text(self, name: str, *, default: str) -> str:
        self.names.add(name)
        value: str = self._env.str(name, default=default)
        return value.strip()

    def boolean(self, name: str, *, default: bool) -> bool:
        value = self.text(name, default=str(default)).lower()
        if value in TRUE:
            return True
        if value in FALSE:
            return False
        raise ImproperlyConfigured(f"{name} must be true or false, got {value!r}.")

    def choice(self, name: str, allowed: set[str], *, default: str) -> str:
        value = self.text(name, default=default)
        if value not in allowed:
            raise ImproperlyConfigured(
                f"{name} must be one of {', '.join(sorted(allowed))}, got {value!r}."
            )
        return value

    def whole(self, name: str, *, default: int, least: int) -> int:
        value = self.text(name, default=str(default)) or str(default)
        if not re.fullmatch(r"\d{1,12}", value, re.ASCII) or int(value) < least:
            raise ImproperlyConfigured(
                f"{name} must be a whole number of at least {least}, got {value!r}."
            )
        return int(value)

    def optional_whole(self, name: str, *, least: int) -> int | None:
        if not self.text(name, default=""):
            return None
        return self.whole(name, default=least, least=least)

    def words(self, name: str, *, default: list[str]) -> list[str]:
        value = self.text(name, default=",".join(default))
        return [word.strip() for word in value.split(",") if word.strip()]

    def origins(self, name: str) -> list[str]:
        """Origins such as https://plant.example:8443, without a path."""
        origins = self.words(name, default=[])
        for origin in origins:
            parts = urlsplit(origin)
            if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path:
                raise ImproperlyConfigured(
                    f"{name} takes origins such as https://plant.example:8443, got {origin!r}."
                )
        return origins

    def networks(self, name: str) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
        try:
            return [ipaddress.ip_network(word) for word in self.words(name, default=[])]
        except ValueError as exc:
            raise ImproperlyConfigured(
                f"{name} takes addresses or networks such as 10.0.0.0/8: {exc}."
            ) from exc

    def time_zone(self, name: str, *, default: str) -> str:
        value = self.text(name, default=default)
        try:
            zoneinfo.ZoneInfo(value)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError) as exc:
            raise ImproperlyConfigured(
                f"{name} must be a time zone such as Europe/Berlin, got {value!r}."
            ) from exc
        return value

    def pattern(self, name: str, *, default: str) -> re.Pattern[str]:
        """A pattern that only narrows `[A-Za-z0-9._-]{1,64}`; the caller checks both."""
        value = self.text(name, default=default)
        try:
            return re.compile(value, re.ASCII)
        except re.error as exc:
            raise ImproperlyConfigured(
                f"{name} must be a regular expression, got {value!r}: {exc}."
            ) from exc

    def rate(self, name: str, *, default: str) -> tuple[int, int] | None:
        """`count/seconds`; empty switches the limit off."""
        value = self.text(name, default=default)
        if not value:
            return None
        match = re.fullmatch(r"([1-9]\d{0,8})/([1-9]\d{0,5})", value, re.ASCII)
        if not match:
            raise ImproperlyConfigured(
                f"{name} must look like 6000/60 (requests/seconds) or be empty, got {value!r}."
            )
        return int(match[1]), int(match[2])

    def redis_url(self, name: str, *, default: str) -> str:
        value = self.text(name, default="") or default
        if urlsplit(value).scheme not in {"redis", "rediss", "unix", "memory"}:
            raise ImproperlyConfigured(
                f"{name} must begin with redis://, rediss:// or unix://, got {value!r}."
            )
        return value


env = Environment()


def read_dotenv(path: Path) -> None:
    """Read `.env` if it is there; the environment wins over it."""
    if path.is_file():
        environ.Env.read_env(str(path))


def refuse_unknown_names(path: Path) -> None:
    """Stop the start when `.env` names a setting that does not exist (a typing error)."""
    if not path.is_file():
        return
    for line in path.read_text(encoding="utf-8").splitlines():
        match = re.match(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=", line)
        if match and match[1] not in env.names:
            raise ImproperlyConfigured(f"{path.name} sets {match[1]}, which is not a setting.")


def secret_key(data_dir: Path) -> str:
    """SECRET_KEY from the environment, else the file `secret_key` in the data folder."""
    value = env.text("SECRET_KEY", default="")
    path = data_dir / "secret_key"
    if not value and path.is_file():
        value = path.read_text(encoding="utf-8").strip()
    if not value:
        # Only `up`, `runserver` and the tests make the file; any other command runs with a key
        # of its own that ends with it, and cannot sign anything that another process believes.
        return secrets.token_urlsafe(48)
    if len(value) < SHORTEST_SECRET or any(known in value.lower() for known in KNOWN_SECRETS):
        raise ImproperlyConfigured(
            f"SECRET_KEY must be a random text of at least {SHORTEST_SECRET} characters."
        )
    return value


def make_secret_key(data_dir: Path) -> None:
    """Write the file `secret_key` (mode 0600) unless the environment or the file has one."""
    path = data_dir / "secret_key"
    if os.environ.get("SECRET_KEY") or path.is_file():
        return
    data_dir.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_urlsafe(48))


def database(url: str, data_dir: Path, pool_size: int) -> dict[str, Any]:
    """Django's database settings: SQLite in the data folder, or PostgreSQL with a pool."""
    if not url:
        return _sqlite(data_dir / "db.sqlite3")
    try:
        settings: dict[str, Any] = environ.Env.db_url_config(url)
    except Exception as exc:
        raise ImproperlyConfigured("DATABASE_URL is not a database URL.") from exc
    if settings.get("ENGINE") == "django.db.backends.sqlite3":
        return _sqlite(Path(settings["NAME"]))
    if settings.get("ENGINE") != "django.db.backends.postgresql":
        raise ImproperlyConfigured("DATABASE_URL must begin with postgres:// or sqlite:///.")
    options = {
        # Nothing waits for a pool longer than 2 s; a statement or a lock has a deadline too.
        "pool": {"min_size": 0, "max_size": pool_size, "timeout": 2.0},
        "connect_timeout": 2,
        "options": "-c statement_timeout=30000 -c lock_timeout=2000",
    }
    return settings | {"OPTIONS": settings.get("OPTIONS", {}) | options}


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "timeout": 5,
            "transaction_mode": "IMMEDIATE",
            # FULL: a commit survives power loss; the log in memory promises by it.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
            "PRAGMA temp_store=MEMORY;",
        },
    }


def token_settings(secret: str, minutes: int) -> dict[str, Any]:
    """SIMPLE_JWT: HS256; tokens end with the password, and with their user's activity."""
    return {
        "ALGORITHM": "HS256",
        "SIGNING_KEY": secret,
        "ACCESS_TOKEN_LIFETIME": timedelta(minutes=minutes),
        "REFRESH_TOKEN_LIFETIME": timedelta(hours=24),
        "CHECK_REVOKE_TOKEN": True,
        "AUTH_HEADER_TYPES": ("Bearer",),
    }
