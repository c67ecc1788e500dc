"""The command `simulate`: a believable plant that posts through HTTP like any device."""

import asyncio
import math
import re
from argparse import ArgumentTypeError
from typing import Any

import structlog
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sensors.devices.sending.answers import SendingStopped
from sensors.devices.sending.delivery import make_client
from sensors.devices.sending.sender import Sender
from sensors.devices.simulation.kinds import MAX_MACHINES
from sensors.devices.simulation.plant import Plant
from sensors.devices.simulation.runner import default_rate, run_plant
from sensors.management.sending import add_url, counts, device_key, drained, show, until_signal

log = structlog.get_logger(__name__)


class Command(BaseCommand):
    help = "Send readings of a simulated plant. The device key is read from DEVICE_KEY."
    # The command talks to a server and needs no database of this machine.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--machines", type=_machines, default=12, metavar="N")
        parser.add_argument(
            "--rate",
            type=_rate,
            metavar="R",
            help="readings per second in total (default: one per second and sensor)",
        )
        parser.add_argument("--seed", type=int, default=1, metavar="S")
        add_url(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        key = device_key()
        plant = Plant(machines=options["machines"], seed=options["seed"])
        rate = options["rate"] or default_rate(plant)
        log.info("simulation_started", machines=len(plant.machines), rate=rate)
        try:
            summary = asyncio.run(_simulate(plant, rate=rate, url=options["url"], key=key))
        except SendingStopped as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(summary)


async def _simulate(plant: Plant, *, rate: float, url: str, key: str) -> str:
    """Run until SIGTERM or Ctrl-C; return the summary."""
    async with make_client(url, key) as client, Sender(client) as sender:
        progress = _Progress(sender)
        await until_signal(run_plant(plant, sender, rate=rate), show(progress.line, progress.log))
        unsent = await drained(sender)
        return f"Simulated {len(plant.machines)} machines: {_counts(sender)}{unsent}."


class _Progress:
    """Progress of the simulation, with the rate since the last line."""

    def __init__(self, sender: Sender) -> None:
        self._sender = sender
        self._before = 0

    def line(self) -> str:
        sender, answered = self._sender, self._sender.tally.answered
        since, self._before = answered - self._before, answered
        trouble = sender.trouble and f" waiting: {sender.trouble};"
        return f"{since}/s{trouble} {_counts(sender)}, {sender.unanswered:,} waiting"

    def log(self) -> None:
        sender, tally = self._sender, self._sender.tally
        log.info(
            "readings_sent",
            accepted=tally.accepted,
            refused=tally.refused,
            dropped=tally.dropped,
            waiting=sender.unanswered,
            trouble=sender.trouble or None,
        )


def _counts(sender: Sender) -> str:
    return f"{counts(sender.tally)}, {sender.tally.dropped:,} dropped"


def _machines(text: str) -> int:
    if not re.fullmatch(r"\d{1,4}", text, re.ASCII) or not 1 <= int(text) <= MAX_MACHINES:
        raise ArgumentTypeError(f"expected 1 to {MAX_MACHINES} machines, got {text!r}")
    return int(text)


def _rate(text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        rate = math.nan
    if not 0.0 < rate <= 100_000.0:
        raise ArgumentTypeError(f"expected readings per second, above 0, got {text!r}")
    return rate
