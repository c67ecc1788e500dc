"""The table of a run: medians, spread and ratios to the peer, with the machine and versions."""

import json
import os
import platform
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.instances import PEERS
from benchmarks.rounds import Turns, medians, spread
from benchmarks.works import ROWS, Row

FOLDER = Path(__file__).parent / "results"
_BEGIN, _END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
_PACKAGES = ("django", "channels", "uvicorn", "redis", "msgspec", "psycopg")


def machine() -> dict[str, Any]:
    """Return the versions and the machine that the numbers depend on."""
    return {
        "cpu": _cpu_model(),
        "cores": os.cpu_count(),
        "memory_gb": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1024**3),
        "load_average": [round(one, 1) for one in os.getloadavg()],
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "redis_server": _said_by("redis-server"),
        "packages": {name: version(name) for name in _PACKAGES},
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write(turns: Turns, about: dict[str, Any], *, name: str) -> str:
    """Keep the raw numbers and the table under this name; returns the table."""
    table = "\n".join(_lines(turns, about)) + "\n"
    raw = json.dumps({"machine": about, "turns": turns}, indent=1) + "\n"
    (FOLDER / f"{name}.json").write_text(raw, encoding="utf-8")
    (FOLDER / f"{name}.md").write_text(table, encoding="utf-8")
    return table


def read(name: str) -> Turns:
    turns: Turns = json.loads((FOLDER / f"{name}.json").read_text(encoding="utf-8"))["turns"]
    return turns


def headlines(turns: Turns) -> str:
    """Return the short table of the README: the rows with a headline, beside the reference."""
    lines = ["| work | setup | median | the reference | ratio |", "|---|---|---|---|---|"]
    for row in ROWS:
        if row.headline in turns.get(row.work, {}):
            lines.append(_headline(row, turns))
    return "\n".join(lines) + "\n"


def put_between_markers(table: str, document: Path) -> None:
    """Replace the text between the two marker comments. Raises ValueError without them."""
    before, begin, rest = document.read_text(encoding="utf-8").partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not begin or not end:
        raise ValueError(f"Expected the lines {_BEGIN} and {_END} in {document}.")
    document.write_text(f"{before}{begin}\n{table}{end}{after}", encoding="utf-8")


def ratio(row: Row, turns: Turns, *, name: str, peer: str) -> float | None:
    """Return this instance's median over the peer's; None without a peer."""
    of_work = turns[row.work]
    if name == peer or peer not in of_work or name not in of_work:
        return None
    theirs = medians(of_work[peer]).get(row.measure)
    return medians(of_work[name])[row.measure] / theirs if theirs else None


def _lines(turns: Turns, about: dict[str, Any]) -> Iterator[str]:
    yield "| work | | median (least–most) | to the seed reference | due |"
    yield "|---|---|---|---|---|"
    for row in ROWS:
        for name, measured in turns.get(row.work, {}).items():
            if measured and row.measure in measured[0]:
                yield _line(row, turns, name)
    yield ""
    yield conditions(about)


def _line(row: Row, turns: Turns, name: str) -> str:
    measured = turns[row.work][name]
    least, most = spread(measured, row.measure)
    median = medians(measured)[row.measure]
    times = ratio(row, turns, name=name, peer="seed")
    return (
        f"| {row.title} | {name} | {_number(median)} {row.unit} "
        f"({_number(least)}–{_number(most)}) | {f'{times:.2f}x' if times else ''} | "
        f"{'' if name in PEERS else row.due} |"
    )


def _headline(row: Row, turns: Turns) -> str:
    of_work = turns[row.work]
    median = medians(of_work[row.headline])[row.measure]
    reference = medians(of_work["seed"])[row.measure] if "seed" in of_work else None
    times = ratio(row, turns, name=row.headline, peer="seed")
    return (
        f"| {row.title} | {row.headline} | {_number(median)} {row.unit} | "
        f"{'' if reference is None else f'{_number(reference)} {row.unit}'} | "
        f"{f'{times:.2f}x' if times else ''} |"
    )


def conditions(about: dict[str, Any]) -> str:
    packages = ", ".join(f"{name} {number}" for name, number in about["packages"].items())
    load = " / ".join(str(one) for one in about["load_average"])
    return (
        f"{about['at']}, {about['cores']} cores of {about['cpu']}, {about['memory_gb']} GB, "
        f"{about['system']}, Python {about['python']}, {about['redis_server']}, {packages}; "
        f"load average before the run {load}."
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def _cpu_model() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _said_by(program: str) -> str:
    if not shutil.which(program):
        return f"no {program}"
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return " ".join(said.stdout.split()[:3])
