"""The files in which the processes of a machine keep their metrics for one `/metrics`."""

import os
import socket
from pathlib import Path

from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
# The names' parts are split at underscores.
_HOST = socket.gethostname().replace("_", "-")


def name_metric_files() -> None:
    """Name this process's files by host and pid; call it before a metric is made.

    Containers share the folder, and in each of them a process has the pid 1. Counters go on
    where a process of the same name ended; what it said of itself while it lived is forgotten.
    """
    folder = os.environ.get(FOLDER)
    if not folder:
        return
    Path(folder).mkdir(parents=True, exist_ok=True)
    forget_process(os.getpid(), folder=folder)
    # Asked at every count: worked out once, for no process of ours forks.
    owner = _owner(os.getpid())
    values.ValueClass = values.MultiProcessValue(lambda: owner)  # type: ignore[no-untyped-call]


def forget_process(pid: int, *, folder: str) -> None:
    """Take the gauges of a process of this machine that died out of `/metrics`."""
    mark_process_dead(_owner(pid), folder)  # type: ignore[no-untyped-call]


def _owner(pid: int) -> str:
    return f"{_HOST}-{pid}"
