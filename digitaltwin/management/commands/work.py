"""`work`: the readers of the log, in one process."""

import asyncio
import signal
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sensors.readers.registry import READERS
from sensors.readers.running import VolatileLog, run_readers
from sensors.store.client import is_memory


class Command(BaseCommand):
    help = (
        "Run the readers that follow the log, such as broadcast (to the sockets) and history (into "
        "the database). One process runs each reader, others stand by. Stop with Ctrl-C."
    )
    # It starts while the database is away, and goes on when the database is there.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "readers", nargs="*", metavar="reader", help=f"{', '.join(READERS)} (default: all)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        names = list(dict.fromkeys(options["readers"] or READERS))
        for name in names:
            if name not in READERS:
                raise CommandError(f"There is no reader {name!r}; expected {', '.join(READERS)}.")
        if is_memory(settings.REDIS_URL):
            raise CommandError(
                "No Redis is configured: set REDIS_URL, or start `up`, which runs the readers "
                "itself."
            )
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(_work(names))
        except VolatileLog as exc:
            raise CommandError(str(exc)) from exc


async def _work(names: list[str]) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await run_readers(names, stop)
