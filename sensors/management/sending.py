"""Shared parts of `simulate` and `replay`: address, device key, progress and shutdown."""

import asyncio
import contextlib
import os
import re
import shutil
import signal
import sys
from argparse import ArgumentTypeError
from collections.abc import Callable, Coroutine
from typing import Any

import httpx
from django.core.management.base import CommandError, CommandParser

from sensors.devices.sending.answers import Tally
from sensors.devices.sending.sender import Sender

# Progress: once a second on a terminal, once a minute in a log file.
TERMINAL_SECONDS, LOG_SECONDS = 1.0, 60.0
# Time for the answers of requests in flight when the command is stopped.
DRAIN_SECONDS = 2.0


def add_url(parser: CommandParser) -> None:
    parser.add_argument(
        "--url",
        type=_url,
        default="http://127.0.0.1:8000",
        metavar="U",
        help="address of the platform (default: %(default)s)",
    )


def device_key() -> str:
    """Return DEVICE_KEY. Raises CommandError when it is missing or malformed."""
    key = os.environ.get("DEVICE_KEY", "").strip()
    if not key:
        raise CommandError(
            "DEVICE_KEY is not set. Create a key with `python manage.py device_key create` "
            "and set it in the environment or in .env."
        )
    if not re.fullmatch(r"[\x21-\x7e]+", key):
        raise CommandError("DEVICE_KEY must look like dt_<prefix>.<secret>, without spaces.")
    return key


async def until_signal(*work: Coroutine[Any, Any, None]) -> bool:
    """Run the coroutines until the first ends or raises, or until SIGTERM or Ctrl-C.

    Return whether a signal ended them.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tasks = [asyncio.create_task(coroutine) for coroutine in (*work, _wait(stop))]
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
    return stop.is_set()


async def drained(sender: Sender) -> str:
    """Wait for requests in flight; return what is left unanswered, for the summary."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(DRAIN_SECONDS):
            await sender.settled()
    return f", {sender.unanswered:,} not answered" if sender.unanswered else ""


async def show(line: Callable[[], str], log_event: Callable[[], None]) -> None:
    """Show progress: `line` in place on a terminal, else `log_event` once a minute."""
    if not sys.stderr.isatty():
        while True:
            await asyncio.sleep(LOG_SECONDS)
            log_event()
    try:
        while True:
            await asyncio.sleep(TERMINAL_SECONDS)
            # A line that wraps cannot be overwritten.
            text = line()[: shutil.get_terminal_size().columns - 1]
            # Return to the first column, so that a log line overwrites the progress.
            _write(f"\r{text}\x1b[K\r")
    finally:
        _write("\r\x1b[K")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def counts(tally: Tally) -> str:
    return (
        f"{tally.accepted:,} accepted, {tally.late:,} late, {tally.duplicate:,} duplicate, "
        f"{tally.conflicting:,} conflicting, {tally.refused:,} refused"
    )


async def _wait(stop: asyncio.Event) -> None:
    await stop.wait()


def _url(text: str) -> str:
    try:
        url = httpx.URL(text)
    except httpx.InvalidURL:
        url = httpx.URL()
    if url.scheme not in {"http", "https"} or not url.host or url.query or url.fragment:
        raise ArgumentTypeError(f"expected an address such as http://127.0.0.1:8000, got {text!r}")
    return text
