"""`runserver`: Channels' development server (daphne), with embedded Redis and the readers."""

import asyncio
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from daphne.management.commands.runserver import Command as DaphneCommand
from daphne.server import Server as DaphneServer
from daphne.ws_protocol import WebSocketProtocol
from django.conf import settings
from django.core.management.base import CommandError, CommandParser
from django.utils.autoreload import DJANGO_AUTORELOAD_ENV
from twisted.internet import reactor
from twisted.internet.task import deferLater

from digitaltwin.conf.embedded_redis import EmbeddedRedis, RedisNotStarted, find_server
from digitaltwin.conf.environment import make_secret_key
from realtime.protocol import Close
from sensors.readers.registry import READERS
from sensors.readers.running import run_readers

CLOSE_FRAME_SECONDS = 0.1


class DevelopmentSocketProtocol(WebSocketProtocol):  # type: ignore[misc]
    """daphne's WebSocket protocol with every close code.

    autobahn's `sendClose` accepts only 1000 and 3000 to 4999.
    """

    def serverClose(self, code: int | None = None) -> None:  # noqa: N802 - daphne's name
        self.sendCloseFrame(code=1000 if code is None else code)


class DevelopmentServer(DaphneServer):  # type: ignore[misc]
    """daphne with the readers in its event loop: another process cannot see a log in memory."""

    def run(self) -> None:
        self.ready_callable = self._on_ready
        super().run()

    def _on_ready(self) -> None:
        self.ws_factory.protocol = DevelopmentSocketProtocol
        reactor.addSystemEventTrigger("before", "shutdown", self._close_sockets)  # type: ignore[arg-type]
        self._start_readers()

    def _close_sockets(self) -> Any:
        """Send each socket its close code, and give the frames time to leave."""
        for protocol in list(self.connections):
            if (
                isinstance(protocol, DevelopmentSocketProtocol)
                and protocol.state == protocol.STATE_OPEN
            ):
                protocol.serverClose(int(Close.RESTARTING))
        return deferLater(reactor, CLOSE_FRAME_SECONDS)

    def _start_readers(self) -> None:
        loop = asyncio.get_event_loop()
        # An attribute, because the loop holds only a weak reference to its tasks.
        self._readers = loop.create_task(run_readers(READERS, asyncio.Event()))
        self._readers.add_done_callback(self._on_readers_ended)

    def _on_readers_ended(self, readers: "asyncio.Task[None]") -> None:
        if not readers.cancelled() and (exc := readers.exception()):
            sys.stderr.write(f"{exc}\n")
            self.stop()


class Command(DaphneCommand):  # type: ignore[misc]
    help = (
        "Run the development server, which reloads changed code and runs the readers. "
        "Starts its own Redis if redis-server is installed and REDIS_URL is not set."
    )
    server_cls = DevelopmentServer

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        # Static files come from the middleware, as in production.
        parser.set_defaults(use_static_handler=False)

    def handle(self, *args: Any, **options: Any) -> None:
        if os.environ.get(DJANGO_AUTORELOAD_ENV) == "true":
            super().handle(*args, **options)
            return
        _restart_with_secret_key(settings.DATA_DIR)
        try:
            with _embedded_redis(settings.DATA_DIR):
                super().handle(*args, **options)
        except RedisNotStarted as exc:
            raise CommandError(str(exc)) from exc


def _restart_with_secret_key(folder: Path) -> None:
    """At the first start, make the secret key and restart: settings were read without it."""
    if os.environ.get("SECRET_KEY") or (folder / "secret_key").is_file():
        return
    make_secret_key(folder)
    os.execv(sys.executable, sys.orig_argv)  # noqa: S606 - this command itself


@contextmanager
def _embedded_redis(folder: Path) -> Iterator[None]:
    """Run the embedded Redis for this process and its reloads; an adopted one keeps running."""
    program = find_server()
    if not settings.REDIS_EMBEDDED or program is None:
        yield
        return
    redis = EmbeddedRedis(folder, program=program)
    redis.prepare()
    redis.launch()
    try:
        redis.wait(is_cancelled=lambda: False)
        os.environ["REDIS_URL"] = settings.REDIS_URL = redis.url
        yield
    finally:
        if not redis.adopted:
            redis.stop()
