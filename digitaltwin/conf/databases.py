"""Django's database settings, from DATABASE_URL."""

import re
from pathlib import Path
from typing import Any

import environ

from digitaltwin.conf.environment import BadSetting

_SCHEME = re.compile(r"(postgres|postgresql|sqlite)://")


def database(url: str, data_dir: Path, pool_size: int) -> dict[str, Any]:
    """Build Django's database settings: SQLite in the data folder, or PostgreSQL with a pool.

    Raises BadSetting.
    """
    if not url:
        return _sqlite(data_dir / "db.sqlite3")
    try:
        settings: dict[str, Any] = environ.Env.db_url_config(url) if _SCHEME.match(url) else {}
    except ValueError:
        settings = {}
    if settings.get("NAME") in {None, "", ":memory:"}:
        # The address is not shown: a password may be in it.
        raise BadSetting(
            "DATABASE_URL must look like postgres://user:password@host:5432/name "
            "or sqlite:////path/of/file."
        )
    if settings["ENGINE"] == "django.db.backends.sqlite3":
        return _sqlite(Path(settings["NAME"]))
    options = {
        # Waiting for a pooled connection, a statement and a lock each have a deadline.
        "pool": {"min_size": 0, "max_size": pool_size, "timeout": 2.0},
        "connect_timeout": 2,
        "options": "-c statement_timeout=30000 -c lock_timeout=2000",
    }
    # After a restart of PostgreSQL the pool must not hand out the broken connections.
    checks = {"CONN_HEALTH_CHECKS": True}
    return settings | checks | {"OPTIONS": settings.get("OPTIONS", {}) | options}


def _sqlite(path: Path) -> dict[str, Any]:
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(path),
        "OPTIONS": {
            "timeout": 5,
            "transaction_mode": "IMMEDIATE",
            # FULL: a commit survives power loss. With the log in memory, the answer to a device
            # relies on it.
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; "
            "PRAGMA temp_store=MEMORY;",
        },
    }
