"""What one `up` runs, worked out from its options and the settings."""

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from digitaltwin.conf import embedded_redis

WILDCARDS = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
MODULE = [sys.executable, "-m"]
MANAGE = [sys.executable, str(settings.BASE_DIR / "manage.py")]


class CannotStart(Exception):
    """One sentence for the person who started us."""


@dataclass(frozen=True)
class Plan:
    """`redis_url` is None when `up` brings its own Redis: `program`, or memory without one."""

    data_dir: Path
    host: str
    port: int
    web_processes: int
    demo: bool
    redis_url: str | None
    program: str | None

    @property
    def is_in_memory(self) -> bool:
        if self.redis_url is not None:
            return self.redis_url.startswith(embedded_redis.MEMORY)
        return self.program is None

    def environment(self, *, redis_url: str, lifeline: int) -> dict[str, str]:
        """What the children find in their environment."""
        path = os.environ.get("PYTHONPATH", "")
        changes = {
            "DATA_DIR": str(self.data_dir),
            "REDIS_URL": redis_url,
            "ALLOWED_HOSTS": ",".join(self._allowed_hosts()),
            "PROMETHEUS_MULTIPROC_DIR": str(self.data_dir / "metrics"),
            "LIFELINE_FD": str(lifeline),
            # Else each thread frees into heaps of its own: 74 to 78 MB after 450 pages, not 70.
            "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX") or "2",
            # `python -m` looks in the current folder, which may be another one.
            "PYTHONPATH": os.pathsep.join(filter(None, [str(settings.BASE_DIR), path])),
        }
        if self.demo:
            changes["AUTO_REGISTER_MACHINES"] = os.environ.get("AUTO_REGISTER_MACHINES") or "true"
        return os.environ | changes

    def url(self, port: int) -> str:
        """Where this machine reaches the server."""
        host = "127.0.0.1" if self.host in WILDCARDS else self.host
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def _allowed_hosts(self) -> list[str]:
        hosts = list(settings.ALLOWED_HOSTS)
        if self.host not in WILDCARDS:
            hosts.append(f"[{self.host}]" if ":" in self.host else self.host)
        else:
            hosts += _own_names()
        return list(dict.fromkeys(hosts))


def make_plan(*, host: str, port: int, web_processes: int, demo: bool, data: Path | None) -> Plan:
    """Raises CannotStart when the options and settings do not go together."""
    plan = Plan(
        data_dir=(data or _data_dir(demo=demo)).absolute(),
        host=host,
        port=port,
        web_processes=web_processes,
        demo=demo,
        redis_url=None if settings.REDIS_EMBEDDED else settings.REDIS_URL,
        program=embedded_redis.find_server(),
    )
    if plan.is_in_memory:
        _refuse_memory(plan)
    return plan


def _data_dir(*, demo: bool) -> Path:
    folder: Path = settings.DATA_DIR
    return folder / "demo" if demo and not os.environ.get("DATA_DIR") else folder


def _refuse_memory(plan: Plan) -> None:
    """What the log in one process's memory cannot carry."""
    reason = ""
    if plan.web_processes > 1:
        reason = "a second web process"
    elif settings.HTTPS:
        reason = "HTTPS=true"
    elif settings.DATABASES["default"]["ENGINE"] != "django.db.backends.sqlite3":
        reason = "a DATABASE_URL"
    if reason:
        raise CannotStart(
            f"No redis-server was found on PATH, but {reason} requires one: "
            "install Redis or set REDIS_URL."
        )


def _own_names() -> list[str]:
    """This machine's name and addresses, for a server that listens on all of them."""
    name = socket.gethostname()
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return [name]
    addresses = [str(one[4][0]).partition("%")[0] for one in found]
    return [name, *(f"[{address}]" if ":" in address else address for address in addresses)]
