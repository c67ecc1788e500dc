"""`python -m digitaltwin.tests.contract --up-json FILE`: walk the contract, print the misses."""

import argparse
import json
import sys
from pathlib import Path

from digitaltwin.tests.contract import pages, sockets  # noqa: F401 - they register their clauses
from digitaltwin.tests.contract.instance import Instance
from digitaltwin.tests.contract.rest import (  # noqa: F401 - they register their clauses
    bad_inputs,
    batches,
    health,
    ingest,
    metrics,
    reads,
    tokens,
)
from digitaltwin.tests.contract.traffic import GoodTraffic
from digitaltwin.tests.contract.walk import Clause, Outcome, outcome_of, walk


def main() -> None:
    options = _options()
    facts = json.loads(options.up_json.read_text()) if options.up_json else {}
    operator = facts.get("operator") or {}
    here = Instance(
        url=options.url or facts.get("url", "http://127.0.0.1:8000"),
        username=options.username or operator.get("username", ""),
        password=options.password or operator.get("password", ""),
        server=options.server,
    )
    with here:
        traffic = GoodTraffic(here)
        traffic.start()
        outcomes = [_print(outcome) for outcome in walk(here, only=options.only)]
        unharmed = Clause("good traffic", "unharmed by the walk", lambda _: traffic.was_unharmed())
        outcomes.append(_print(outcome_of(unharmed, here)))
    misses = [outcome for outcome in outcomes if outcome.word == "MISS"]
    not_applicable = sum(outcome.word == "n/a" for outcome in outcomes)
    sys.stdout.write(
        f"{len(outcomes)} clauses: {len(outcomes) - len(misses) - not_applicable} hold, "
        f"{not_applicable} not applicable, {len(misses)} misses\n"
    )
    sys.exit(1 if misses or not outcomes else 0)


def _print(outcome: Outcome) -> Outcome:
    detail = f"\n       {outcome.detail}" if outcome.detail else ""
    sys.stdout.write(f"{outcome.word:4} {outcome.seconds:4.1f} s  {outcome.clause.name}{detail}\n")
    sys.stdout.flush()
    return outcome


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m digitaltwin.tests.contract", description=__doc__
    )
    parser.add_argument("--up-json", type=Path, help="what `up` wrote: address, user and password")
    parser.add_argument("--url")
    parser.add_argument("--username", help="of an admin")
    parser.add_argument("--password")
    parser.add_argument("--only", default="", metavar="REGEX", help="of section and clause")
    parser.add_argument(
        "--server",
        choices=("uvicorn", "daphne"),
        default="uvicorn",
        help="what serves: limits of the envelope are our own server's (default: %(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
