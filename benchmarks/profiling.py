"""`--profile`: where the CPU of a process goes, by stage, sampled by py-spy while it is loaded."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks import usage
from benchmarks.instances import Instance, Start
from benchmarks.works import WORKS

_SAMPLES_PER_SECOND = 200
_FRAMES_SHOWN = 15
# A sample belongs to the first stage that one of its frames names, the innermost frame first.
_STAGES = (
    ("find the sensor", ("ingest/admission", "ingest/resolution", "sensors/catalogue")),
    ("check the fields", ("ingest/serializers", "ingest/field_rules", "ingest/json_body")),
    ("check the key", ("access/device_authentication", "access/device_keys")),
    ("append to the log", ("sensors/store", "redis/", "hiredis")),
    ("answer", ("ingest/receipts",)),
    ("metrics", ("prometheus_client",)),
    ("log lines", ("structlog", "logging/")),
    ("history", ("sensors/history", "psycopg", "django/db")),
    ("broadcast", ("realtime/broadcast",)),
    ("hub and sockets", ("realtime/",)),
    ("HTTP door", ("sensors/gateways", "sensors/ingest", "serving/device_handler", "django/http")),
    ("request context", ("serving/request_context",)),
    ("WebSocket protocol", ("websockets",)),
    ("HTTP protocol", ("uvicorn", "serving/protocols")),
)


@dataclass(frozen=True)
class Profile:
    """The work to load with, the instance, and the role of the process to profile."""

    work: str
    instance: str
    role: str


PROFILES: Mapping[str, Profile] = {
    "ingest": Profile("single", "embedded", "web"),
    "batch": Profile("batch", "embedded", "web"),
    "broadcast": Profile("fanout", "embedded", "web"),
    "history": Profile("stored", "redis_postgres", "readers"),
}


def show(name: str, starts: Mapping[str, Start], *, seconds: float) -> None:
    """Print the stages and the heaviest lines. Exits with a sentence where py-spy is missing."""
    profile = PROFILES[name]
    program = shutil.which("py-spy")
    if program is None:
        sys.exit("py-spy is needed for --profile: pip install -r requirements-dev.txt.")
    if profile.instance not in starts:
        sys.exit(f"--profile {name} needs redis-server and PostgreSQL on this machine.")
    work = next(work for work in WORKS if work.name == profile.work)
    with starts[profile.instance]() as instance, tempfile.TemporaryDirectory() as folder:
        work.turn(instance, 1.0)
        output = Path(folder) / "stacks"
        sampler = threading.Thread(target=_sample, args=(program, instance, profile, output))
        sampler.start()
        while sampler.is_alive():
            work.turn(instance, seconds)
        print(_table(_stacks(output)))


def _sample(program: str, instance: Instance, profile: Profile, output: Path) -> None:
    [pid] = [pid for pid in usage.tree(instance.pids) if usage.role(pid) == profile.role]
    options = ["-r", str(_SAMPLES_PER_SECOND), "-d", "15", "-f", "raw", "--full-filenames", "--gil"]
    subprocess.run(
        [program, "record", "-p", str(pid), "-o", str(output), *options],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ),
    )


def _stacks(output: Path) -> Counter[tuple[str, ...]]:
    """Count the samples of each stack, innermost frame first."""
    stacks: Counter[tuple[str, ...]] = Counter()
    for line in output.read_text(encoding="utf-8").splitlines():
        frames, _, count = line.rpartition(" ")
        stacks[tuple(reversed(frames.split(";")))] += int(count)
    return stacks


def _table(stacks: Counter[tuple[str, ...]]) -> str:
    stages: Counter[str] = Counter()
    lines: Counter[str] = Counter()
    for stack, count in stacks.items():
        stages[_stage(stack)] += count
        lines[stack[0]] += count
    total = max(1, stacks.total())
    rows = [f"{100 * count / total:5.1f} %  {stage}" for stage, count in stages.most_common()]
    rows += ["", "innermost frames:"]
    rows += [
        f"{100 * count / total:5.1f} %  {line}" for line, count in lines.most_common(_FRAMES_SHOWN)
    ]
    return "\n".join(rows)


def _stage(stack: tuple[str, ...]) -> str:
    for frame in stack:
        for stage, parts in _STAGES:
            if any(part in frame for part in parts):
                return stage
    return "event loop and the rest"
