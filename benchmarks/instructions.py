"""Instructions of the pure functions on the path of a reading, counted by valgrind.

    python -m benchmarks.instructions [--keep]

Instructions do not depend on what else the machine does. They do on the interpreter's build: each
count is a multiple of a plain Python loop's, and judged where the build is the committed one's.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from benchmarks.pure import REFERENCE, TIMES, functions
from benchmarks.report import FOLDER
from digitaltwin.tests.support.servers import environment

# The committed multiple may be exceeded by so much before it counts as dearer.
_MOST = 1.15
_FILE = FOLDER / "instructions.json"
_COUNT = re.compile(r"I\s+refs:\s+([\d,]+)")


def count() -> dict[str, float]:
    """Return the instructions of one call of each function, as multiples of the reference."""
    names = ["", *functions()]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        without, *counts = pool.map(_instructions, names)
    calls = {name: (one - without) / TIMES for name, one in zip(names[1:], counts, strict=True)}
    return {name: round(calls[name] / calls[REFERENCE], 3) for name in names[1:]}


def _instructions(name: str) -> int:
    """Count the instructions of a process that calls this function many times."""
    tool = ["valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]
    done = subprocess.run(
        [*tool, sys.executable, "-m", "benchmarks.pure", name],
        env=environment(PYTHONHASHSEED="0", REDIS_URL="memory://"),
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    found = _COUNT.search(done.stderr)
    assert found, done.stderr
    return int(found[1].replace(",", ""))


def _report(now: Mapping[str, float]) -> int:
    """Return the exit code: 1 when a function needs more instructions."""
    committed = json.loads(_FILE.read_text(encoding="utf-8"))
    known: dict[str, float] = committed["loops"]
    dearer = {name for name, times in now.items() if times > _MOST * known.get(name, times)}
    for name, times in now.items():
        outcome = "has become dearer" if name in dearer else "holds"
        print(f"{name}: {times:.2f} loops ({known.get(name, times):.2f} before): {outcome}")
    if committed["python"] != sys.version:
        print(f"not judged: the committed counts are those of Python {committed['python']}")
        dearer = set()
    sys.stdout.flush()
    return int(bool(dearer))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="commit these counts as the new ones")
    options = parser.parse_args()
    if not shutil.which("valgrind"):
        print("valgrind is not on this machine: no instructions counted")
    else:
        now = count()
        if options.keep:
            kept = {"python": sys.version, "loops": now}
            _FILE.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
        sys.exit(_report(now))


if __name__ == "__main__":
    main()
