"""The command `replay`: post a recorded CSV through HTTP as a device would."""

import asyncio
import math
from argparse import ArgumentTypeError
from pathlib import Path
from typing import Any

import structlog
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from sensors.devices.replay.columns import Mapping, MappingRefused, check_sensors, parse_mapping
from sensors.devices.replay.player import BUFFERED_BATCHES, play, survey
from sensors.devices.replay.recording import Recording, RecordingRefused, Survey
from sensors.devices.replay.schedule import Schedule, make_schedule
from sensors.devices.sending.answers import CONFLICT, SendingStopped, Tally
from sensors.devices.sending.delivery import make_client
from sensors.devices.sending.sender import Sender
from sensors.management.sending import add_url, counts, device_key, drained, show, until_signal
from sensors.models.machines import machine_id_validator
from sensors.timestamps import format_us, now_us

log = structlog.get_logger(__name__)

# Slower replays take years; faster ones put several rows on one microsecond.
SLOWEST, FASTEST = 0.001, 1_000_000.0
TAB_NAMES = {"tab", r"\t"}


class Command(BaseCommand):
    help = (
        "Send a recorded CSV file as readings of one machine. The device key is read from "
        "DEVICE_KEY. The first line names the columns. Times are ISO 8601, in UTC unless they have "
        "an offset. Empty cells are skipped; NaN is sent as a reading of quality bad. The whole "
        "file is checked before anything is sent."
    )
    # The command talks to a server and needs no database of this machine.
    requires_system_checks = ()

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, metavar="FILE.csv")
        parser.add_argument("--machine", type=_machine, required=True, metavar="ID")
        parser.add_argument(
            "--map",
            type=_mapping,
            required=True,
            action="extend",
            nargs="+",
            dest="mappings",
            metavar="column=sensor_type[:unit]",
            help="send the values of the column as readings of this sensor; without a unit, in the "
            "unit of its shipped type; can be repeated",
        )
        parser.add_argument(
            "--speed",
            type=_speed,
            default=1.0,
            metavar="X",
            help="recorded seconds per second, stamped with the time of sending (default: 1); "
            "0: as fast as accepted, shifted so that the newest row is now",
        )
        parser.add_argument("--keep-time", action="store_true", help="keep the recorded times")
        add_url(parser)
        _add_format(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        key = device_key()
        try:
            replay = _Replay(_recording(options), machine_id=options["machine"])
            asyncio.run(
                replay.run(
                    speed=options["speed"],
                    keep_time=options["keep_time"],
                    url=options["url"],
                    key=key,
                )
            )
        except (MappingRefused, RecordingRefused) as exc:
            raise CommandError(str(exc)) from exc
        self.stdout.write(replay.summary)
        if replay.problem:
            raise CommandError(replay.problem)


class _Replay:
    """A run of the command, with a `summary`, and a `problem` unless everything was kept."""

    def __init__(self, recording: Recording, *, machine_id: str) -> None:
        self.summary = "Stopped before anything was sent."
        self.problem = ""
        self._recording = recording
        self._machine_id = machine_id
        self._survey = Survey()
        self._before = 0

    async def run(self, *, speed: float, keep_time: bool, url: str, key: str) -> None:
        """Post until everything is answered, or until a signal. Raises RecordingRefused."""
        recorded = self._survey
        if await until_signal(survey(self._recording, recorded), show(self._checked, _silent)):
            return
        schedule = make_schedule(recorded, speed=speed, keep_time=keep_time, start=now_us())
        log.info(
            "replay_started",
            machine=self._machine_id,
            rows=recorded.rows,
            readings=recorded.readings,
            until=format_us(schedule.due(recorded.newest)) if speed else None,
        )
        async with (
            make_client(url, key, in_flight=1) as client,
            Sender(client, partial=True, in_flight=1, buffer=BUFFERED_BATCHES) as sender,
        ):
            await self._play(schedule, sender)

    async def _play(self, schedule: Schedule, sender: Sender) -> None:
        unsent = ""
        try:
            await until_signal(
                play(
                    self._recording,
                    self._survey,
                    schedule,
                    machine_id=self._machine_id,
                    sender=sender,
                ),
                show(lambda: self._line(sender), lambda: self._log(sender)),
            )
            unsent = await drained(sender)
            self.problem = _refusals(sender.tally)
        except (SendingStopped, RecordingRefused) as exc:
            self.problem = str(exc)
        self.summary = (
            f"Replayed {self._share(sender)} as {self._machine_id}: {counts(sender.tally)}{unsent}."
        )

    def _share(self, sender: Sender) -> str:
        answered, all_of_it = sender.tally.answered, self._survey.readings
        share = f"{answered:,} of " if answered < all_of_it else ""
        return f"{share}{all_of_it:,} readings"

    def _checked(self) -> str:
        return f"checked {self._survey.rows:,} rows"

    def _line(self, sender: Sender) -> str:
        answered = sender.tally.answered
        since, self._before = answered - self._before, answered
        percent = 100 * answered // self._survey.readings
        trouble = sender.trouble and f" waiting: {sender.trouble};"
        return f"{percent}% {self._share(sender)}, {since:,}/s;{trouble} {counts(sender.tally)}"

    def _log(self, sender: Sender) -> None:
        log.info(
            "readings_replayed",
            answered=sender.tally.answered,
            readings=self._survey.readings,
            refused=sender.tally.refused,
            trouble=sender.trouble or None,
        )


def _silent() -> None:
    """Log nothing while the file is checked."""


def _refusals(tally: Tally) -> str:
    """List the refusals, each code with its first reason; empty when there were only conflicts."""
    refusals = [found for (_, code), found in tally.refusals.items() if code != CONFLICT]
    listed = "; ".join(f"{found.count:,} {found.code} ({found.detail})" for found in refusals)
    return f"Refused: {listed}." if refusals else ""


def _recording(options: dict[str, Any]) -> Recording:
    """Make the recording of the options. Raises MappingRefused."""
    check_sensors(options["mappings"])
    return Recording(
        options["file"],
        options["mappings"],
        delimiter=options["delimiter"],
        encoding=options["encoding"],
        time_column=options["time_column"],
    )


def _add_format(parser: CommandParser) -> None:
    parser.add_argument(
        "--time-column",
        metavar="NAME",
        help="the column with the time (default: timestamp, datetime or time, in any case)",
    )
    parser.add_argument(
        "--delimiter",
        type=_delimiter,
        default=",",
        metavar="C",
        help="separator between two cells: one character, or `tab` (default: a comma)",
    )
    parser.add_argument(
        "--encoding", type=_encoding, default="utf-8-sig", metavar="E", help="default: UTF-8"
    )


def _machine(text: str) -> str:
    try:
        machine_id_validator(text)
    except ValidationError as exc:
        raise ArgumentTypeError(f"{exc.messages[0]} Got {text!r}.") from None
    return text


def _mapping(text: str) -> Mapping:
    try:
        return parse_mapping(text)
    except MappingRefused as exc:
        raise ArgumentTypeError(str(exc)) from None


def _speed(text: str) -> float:
    try:
        speed = float(text)
    except ValueError:
        speed = math.nan
    if not (speed == 0 or SLOWEST <= speed <= FASTEST):
        raise ArgumentTypeError(f"expected 0, or {SLOWEST:g} to {FASTEST:,.0f}, got {text!r}")
    return speed


def _delimiter(text: str) -> str:
    delimiter = "\t" if text in TAB_NAMES else text
    if len(delimiter) != 1 or delimiter in '\r\n"':
        raise ArgumentTypeError(f"expected one character such as ; or `tab`, got {text!r}")
    return delimiter


def _encoding(text: str) -> str:
    try:
        "".encode(text)  # accepts text encodings only, unlike codecs.lookup
    except (LookupError, UnicodeError):
        raise ArgumentTypeError(f"expected an encoding such as latin-1, got {text!r}") from None
    return text
