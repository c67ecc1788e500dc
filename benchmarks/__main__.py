"""`python -m benchmarks`: start the product and its peers, load them in turns, write the table."""

import argparse
import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import instances, profiling, quick, report, rounds, split
from benchmarks.works import WORKS

_MOST_FILES = 24_000
_ROOT = Path(__file__).parent.parent


def main() -> None:
    options = _options()
    _allow_many_sockets()
    starts = {**instances.available(), **split.available()}
    if options.profile:
        profiling.show(options.profile, starts, seconds=options.seconds)
        return
    if options.quick:
        sys.exit(quick.check(starts, keep=options.keep))
    works = [work for work in WORKS if not options.only or work.name in options.only]
    about = report.machine()
    turns = rounds.run(works, starts, turns=options.turns, seconds=options.seconds)
    table = report.write(turns, about, name=options.name)
    print(table)
    if options.readme:
        report.put_between_markers(table, _ROOT / "docs" / "benchmarks.md")
        report.put_between_markers(report.headlines(turns), _ROOT / "README.md")


def _allow_many_sockets() -> None:
    """Raise the limit of open files; the servers inherit it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", nargs="+", choices=[work.name for work in WORKS], help="these works alone"
    )
    parser.add_argument("--turns", type=int, default=3, help="of each work (default: %(default)s)")
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="of one load (default: %(default)s)"
    )
    parser.add_argument(
        "--name", default="latest", help="of the files in benchmarks/results (default: %(default)s)"
    )
    parser.add_argument(
        "--quick", action="store_true", help="the short form: fail where a ratio fell by 30 %%"
    )
    parser.add_argument(
        "--keep", action="store_true", help="with --quick: commit these ratios as the new ones"
    )
    parser.add_argument(
        "--readme",
        action="store_true",
        help="put the table into docs/benchmarks.md and its headlines into README.md",
    )
    parser.add_argument(
        "--profile", choices=list(profiling.PROFILES), help="say where the CPU goes instead"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
