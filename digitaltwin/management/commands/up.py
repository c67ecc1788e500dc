"""`up`: all processes on one machine."""

import sys
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from digitaltwin.supervision.plan import CannotStart, make_plan
from digitaltwin.supervision.supervisor import Supervisor

MAX_WEB_PROCESSES = 64


class Command(BaseCommand):
    help = (
        "Run everything on this machine: Redis if none is configured, migrations, the web server "
        "and the readers; with --demo also a simulated plant. Stop with Ctrl-C."
    )
    # The child processes run the checks; this process only supervises.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--demo",
            action="store_true",
            help="also run a simulated plant that posts through the public API",
        )
        parser.add_argument(
            "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
        )
        parser.add_argument(
            "--port", type=_port, default=8000, help="0 selects a free port (default: %(default)s)"
        )
        parser.add_argument(
            "--web-processes",
            type=_web_processes,
            default=1,
            metavar="N",
            help="web processes that share the port (default: %(default)s)",
        )
        parser.add_argument(
            "--data",
            type=Path,
            metavar="DIR",
            help="data folder (default: DATA_DIR, else ./data, with --demo ./data/demo)",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            plan = make_plan(
                host=options["host"],
                port=options["port"],
                web_processes=options["web_processes"],
                demo=options["demo"],
                data=options["data"],
            )
            code = Supervisor(plan).run()
        except CannotStart as exc:
            raise CommandError(str(exc)) from exc
        sys.exit(code)


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65_535:
        raise ArgumentTypeError(f"expected a port from 0 to 65535, got {text!r}")
    return int(text)


def _web_processes(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= MAX_WEB_PROCESSES:
        raise ArgumentTypeError(f"expected 1 to {MAX_WEB_PROCESSES} web processes, got {text!r}")
    return int(text)
