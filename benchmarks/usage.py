"""CPU time and memory of processes with their descendants, from /proc (Linux)."""

import os
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
# A process is named for the first of these in its command line.
_ROLES = {
    "postgres": "postgres",
    "redis-server": "redis",
    "redis-aof-rewrite": "redis",  # its child, which takes a name of its own
    "valkey-server": "redis",
    "digitaltwin.server": "web",
    "uvicorn": "web",
    "daphne": "web",
    "manage.py work broadcast": "broadcast",
    "manage.py work history": "history",
    "manage.py work": "readers",
    "manage.py up": "up",
}


def tree(roots: Iterable[int]) -> list[int]:
    """Return these processes and their descendants."""
    children = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (stat := _stat(int(entry.name))):
            children[int(stat[1])].append(int(entry.name))
    found = dict.fromkeys(roots)
    waiting = list(found)
    while waiting:
        born = [pid for pid in children[waiting.pop()] if pid not in found]
        found |= dict.fromkeys(born)
        waiting += born
    return list(found)


def cpu_seconds(roots: Iterable[int]) -> dict[str, float]:
    """Return user and system seconds by role."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for pid in tree(roots):
        if stat := _stat(pid):
            seconds[role(pid)] += (int(stat[11]) + int(stat[12])) / _TICKS
    return dict(seconds)


def resident_kb(roots: Iterable[int]) -> dict[str, float]:
    """Return resident kilobytes by role; shared pages are divided among processes."""
    kilobytes: defaultdict[str, float] = defaultdict(float)
    for pid in tree(roots):
        kilobytes[role(pid)] += _proportional_kb(pid)
    return dict(kilobytes)


def _proportional_kb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(float(line.split()[1]) for line in lines if line.startswith("Pss:"))


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/<pid>/stat after the name; empty for an ended process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def role(pid: int) -> str:
    """Return the role of a process in its system."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "other"
    return next((role for part, role in _ROLES.items() if part in command), "other")
