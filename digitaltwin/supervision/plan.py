"""Plan of one `up`: its addresses, processes and environment, from options and settings."""

import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from digitaltwin.conf import embedded_redis

WILDCARD_HOSTS = {"0.0.0.0", "::"}  # noqa: S104 - compared, not bound
PYTHON_MODULE = [sys.executable, "-m"]
MANAGE_PY = [sys.executable, str(settings.BASE_DIR / "manage.py")]


class CannotStart(Exception):
    """A failed start; the message is one sentence for the person who started `up`."""


@dataclass(frozen=True)
class Plan:
    """The validated options and settings of one `up`.

    `redis_url` is None when `up` runs the embedded Redis. `redis_program` is its path; None where
    there is none, and the log is in memory.
    """

    data_dir: Path
    host: str
    port: int
    web_processes: int
    demo: bool
    redis_url: str | None
    redis_program: str | None

    @property
    def is_in_memory(self) -> bool:
        if self.redis_url is not None:
            return self.redis_url.startswith(embedded_redis.MEMORY)
        return self.redis_program is None

    def environment(self, *, redis_url: str, lifeline: int) -> dict[str, str]:
        """Build the environment of the child processes."""
        path = os.environ.get("PYTHONPATH", "")
        changes = {
            "DATA_DIR": str(self.data_dir),
            "REDIS_URL": redis_url,
            "ALLOWED_HOSTS": ",".join(self._allowed_hosts()),
            "PROMETHEUS_MULTIPROC_DIR": str(self.data_dir / "metrics"),
            "LIFELINE_FD": str(lifeline),
            # By default each thread has a heap of its own: 74 to 78 MB after 450 pages, not 70.
            "MALLOC_ARENA_MAX": os.environ.get("MALLOC_ARENA_MAX") or "2",
            # `python -m` searches the current folder, which may not be the project's.
            "PYTHONPATH": os.pathsep.join(filter(None, [str(settings.BASE_DIR), path])),
        }
        if self.demo:
            changes["AUTO_REGISTER_MACHINES"] = os.environ.get("AUTO_REGISTER_MACHINES") or "true"
        return os.environ | changes

    def url(self, port: int) -> str:
        """Return the server's address as seen from this machine."""
        host = "127.0.0.1" if self.host in WILDCARD_HOSTS else self.host
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def _allowed_hosts(self) -> list[str]:
        hosts = list(settings.ALLOWED_HOSTS)
        if self.host not in WILDCARD_HOSTS:
            hosts.append(f"[{self.host}]" if ":" in self.host else self.host)
        else:
            hosts += _names_of_this_machine()
        return list(dict.fromkeys(hosts))


def make_plan(*, host: str, port: int, web_processes: int, demo: bool, data: Path | None) -> Plan:
    """Plan an `up`. Raises CannotStart when its options and settings contradict each other."""
    plan = Plan(
        data_dir=(data or _data_dir(demo=demo)).absolute(),
        host=host,
        port=port,
        web_processes=web_processes,
        demo=demo,
        redis_url=None if settings.REDIS_EMBEDDED else settings.REDIS_URL,
        redis_program=embedded_redis.find_server(),
    )
    if plan.is_in_memory:
        _check_memory_suffices(plan)
    return plan


def _data_dir(*, demo: bool) -> Path:
    folder: Path = settings.DATA_DIR
    return folder / "demo" if demo and not os.environ.get("DATA_DIR") else folder


def _check_memory_suffices(plan: Plan) -> None:
    """Raise CannotStart for options that need Redis: without it, one process holds the log."""
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


def _names_of_this_machine() -> list[str]:
    """List this machine's name and addresses, for a server that listens on all of them."""
    name = socket.gethostname()
    try:
        resolved = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return [name]
    addresses = [str(entry[4][0]).partition("%")[0] for entry in resolved]
    return [name, *(f"[{address}]" if ":" in address else address for address in addresses)]
