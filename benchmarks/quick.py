"""`--quick`: a short paired run that fails when the product costs more beside the seed than before.

Compares CPU per reading, not time, so that it also holds on a loaded machine.
"""

import json
import sys
from collections.abc import Mapping

from benchmarks import rounds
from benchmarks.instances import Start
from benchmarks.report import FOLDER, ratio
from benchmarks.works import WORKS, Row

_SECONDS = 3.0
_TURNS = 2
_LEAST_SHARE = 0.7
_NAME = "embedded"
_ROWS = (
    Row("single", "cpu_us", "CPU a reading", "us"),
    Row("batch", "cpu_us", "CPU a reading in batches", "us"),
)
_FILE = FOLDER / "quick.json"


def check(starts: Mapping[str, Start], *, keep: bool) -> int:
    """Return the exit code: 1 when the seed costs under 70 % of the committed multiple of ours."""
    works = [work for work in WORKS if work.name in {row.work for row in _ROWS}]
    chosen = {name: start for name, start in starts.items() if name in ("seed", _NAME)}
    turns = rounds.run(works, chosen, turns=_TURNS, seconds=_SECONDS)
    now = {row.title: 1 / (ratio(row, turns, name=_NAME, peer="seed") or 1) for row in _ROWS}
    if keep:
        _FILE.write_text(json.dumps(now, indent=1) + "\n", encoding="utf-8")
    known: dict[str, float] = json.loads(_FILE.read_text(encoding="utf-8"))
    worse = False
    for title, times in now.items():
        fell = times < _LEAST_SHARE * known[title]
        worse |= fell
        outcome = "has become dearer" if fell else "holds"
        print(
            f"{title}: the seed's is {times:.2f} times ours ({known[title]:.2f} before): {outcome}"
        )
    sys.stdout.flush()
    return int(worse)
