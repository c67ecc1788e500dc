"""The web process: `python -m digitaltwin.server --fd N`, or with `--host` and `--port`."""

import argparse
import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType

import structlog
from django.apps import apps
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from digitaltwin.conf.start import set_up
from digitaltwin.serving.import_pruning import modules_hidden

# uvicorn's file watcher, for development: 1.0 MB resident.
with modules_hidden("watchfiles"):
    import uvicorn

if not apps.ready:
    set_up()

from digitaltwin.conf.environment import refuse_temporary_key
from digitaltwin.serving.drain import begin_drain
from digitaltwin.serving.listening import CannotListen, listen
from digitaltwin.serving.protocols import HttpProtocol, SocketProtocol
from sensors.readers.registry import READERS
from sensors.readers.running import run_readers
from sensors.store.client import is_memory

# A literal name: in this process __name__ is __main__.
log = structlog.get_logger("digitaltwin.server")

APPLICATION = "digitaltwin.asgi:application"
# Longest time from the signal to the exit; a supervisor may kill the process after it.
SHUTDOWN_SECONDS = 11.5
MAX_GRACE_SECONDS = 8
MAX_MESSAGE_BYTES = 64 * 1024
# A socket without a pong ends after the interval and the timeout: about 40 s.
PING_SECONDS = 20.0
GC_THRESHOLD = (50_000, 50, 100)


class Server(uvicorn.Server):
    """uvicorn server that drains on SIGTERM.

    The process reports not ready, then closes its listener, completes requests in flight and
    exits with 0.
    """

    def __init__(self, config: uvicorn.Config, *, drain_seconds: float) -> None:
        super().__init__(config)
        self._drain_seconds = drain_seconds
        self._drain_until: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # Objects loaded by now are permanent: without a walk over them p99 fell from 44 to 7 ms.
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLD)
        log.info("server_started", pid=os.getpid())

    async def on_tick(self, counter: int) -> bool:
        if self._drain_until is not None and time.monotonic() >= self._drain_until:
            self.finish()
        return bool(await super().on_tick(counter))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Install `handle_exit`; uvicorn's handler would end the process by the signal."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self.handle_exit)
        yield

    def finish(self) -> None:
        """Complete requests in flight and return from `serve`."""
        self.should_exit = True

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._drain_until is not None:
            os._exit(1)  # a second signal ends the process at once
        begin_drain()
        self._drain_until = time.monotonic() + self._drain_seconds
        # A thread that hangs in a driver would prevent the interpreter's exit.
        deadline = threading.Timer(SHUTDOWN_SECONDS, os._exit, args=(1,))
        deadline.daemon = True
        deadline.start()


def make_server(application: str, *, drain_seconds: int, trusted_proxies: list[str]) -> Server:
    config = uvicorn.Config(
        application,
        http=HttpProtocol,
        ws=SocketProtocol,
        ws_max_size=MAX_MESSAGE_BYTES,
        ws_ping_interval=PING_SECONDS,
        ws_ping_timeout=PING_SECONDS,
        ws_per_message_deflate=False,
        lifespan="off",
        interface="asgi3",
        log_config=None,
        log_level="warning",
        # The access log prints query strings, which may hold tokens.
        access_log=False,
        server_header=False,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies,
        timeout_graceful_shutdown=_grace_seconds(drain_seconds),
    )
    return Server(config, drain_seconds=drain_seconds)


def _grace_seconds(drain_seconds: int) -> int:
    """Return the time for requests in flight: the rest of the shutdown after the drain."""
    return max(2, min(MAX_GRACE_SECONDS, int(SHUTDOWN_SECONDS) - 1 - drain_seconds))


async def serve(server: Server, listener: socket.socket, *, with_readers: bool) -> None:
    """Serve until a signal, with the readers in the same loop when the log is in memory.

    The readers end last, because a response in flight may wait for them. A reader's exception
    ends the server and is raised.
    """
    if not with_readers:
        await server.serve([listener])
        return
    stop = asyncio.Event()
    readers = asyncio.create_task(run_readers(READERS, stop))
    readers.add_done_callback(lambda _: server.finish())
    await server.serve([listener])
    stop.set()
    await readers


def main() -> None:
    options = _options()
    try:
        refuse_temporary_key(settings.DATA_DIR)
        listener = (
            listen(options.host, options.port)
            if options.fd is None
            else socket.socket(fileno=options.fd)
        )
    except (CannotListen, ImproperlyConfigured) as exc:
        sys.exit(str(exc))
    server = make_server(
        options.application,
        drain_seconds=settings.DRAIN_SECONDS,
        trusted_proxies=[str(network) for network in settings.TRUSTED_PROXIES],
    )
    with asyncio.Runner(loop_factory=server.config.get_loop_factory()) as runner:
        runner.run(serve(server, listener, with_readers=is_memory(settings.REDIS_URL)))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m digitaltwin.server", description=__doc__)
    parser.add_argument("application", nargs="?", default=APPLICATION, help="module:attribute")
    parser.add_argument("--fd", type=int, help="a listening socket that was handed over")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000)
    return parser.parse_args()


if __name__ == "__main__":
    main()
