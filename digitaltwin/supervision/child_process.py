"""Child process of the supervisor, restarted with a growing backoff."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger(__name__)

MIN_PAUSE_SECONDS, MAX_PAUSE_SECONDS = 0.25, 10.0
# A process that ran this long restarts with the shortest pause again.
STEADY_SECONDS = 30.0


@dataclass
class RestartBackoff:
    """Exponential backoff of restarts; all times are seconds of the same clock."""

    pause: float = MIN_PAUSE_SECONDS
    due: float = 0.0

    def record_exit(self, *, started: float, now: float) -> float:
        """Record the end of a process; return the pause before the next start."""
        if now - started >= STEADY_SECONDS:
            self.pause = MIN_PAUSE_SECONDS
        pause, self.pause = self.pause, min(MAX_PAUSE_SECONDS, 2 * self.pause)
        self.due = now + pause
        return pause


@dataclass
class Child:
    """A program kept running: call `keep_running` repeatedly, `terminate` at the end."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    descriptors: tuple[int, ...] = ()
    on_exit: Callable[[int], None] = lambda pid: None
    _process: subprocess.Popen[bytes] | None = None
    _started: float = 0.0
    _backoff: RestartBackoff = field(default_factory=RestartBackoff)

    def keep_running(self) -> None:
        """Start the program unless it runs; after an exit, when its pause is over."""
        if self.is_alive():
            return
        now = time.monotonic()
        if self._process is not None:
            self._record_exit(self._process, now)
        if now >= self._backoff.due:
            self.start()

    def start(self) -> None:
        self._started = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - our own programs
            self.command,
            env=dict(self.environment),
            pass_fds=self.descriptors,
            stdin=subprocess.DEVNULL,
            # Ctrl-C must reach only the supervisor, which ends its children in order.
            start_new_session=True,
        )
        log.info("process_started", process=self.name, pid=self._process.pid)

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def terminate(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)

    def _record_exit(self, process: "subprocess.Popen[bytes]", now: float) -> None:
        pause = self._backoff.record_exit(started=self._started, now=now)
        log.warning(
            "process_died",
            process=self.name,
            pid=process.pid,
            returncode=process.returncode,
            restarts_in=pause,
        )
        self._process = None
        self.on_exit(process.pid)
