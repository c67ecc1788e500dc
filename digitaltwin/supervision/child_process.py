"""One child of the supervisor: started, watched, started again with growing pauses."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 10.0
# Who lived this long begins again with the first pause.
STEADY_SECONDS = 30.0


@dataclass
class RestartBackoff:
    """When to start again what died; all times are seconds of the same clock."""

    pause: float = FIRST_PAUSE
    due: float = 0.0

    def died(self, *, started: float, now: float) -> float:
        """Note a death; the pause before the next start."""
        if now - started >= STEADY_SECONDS:
            self.pause = FIRST_PAUSE
        pause, self.pause = self.pause, min(LONGEST_PAUSE, 2 * self.pause)
        self.due = now + pause
        return pause


@dataclass
class Child:
    """A program kept running: `tend` as often as you like, `ask_to_end` once."""

    name: str
    command: list[str]
    environment: Mapping[str, str]
    descriptors: tuple[int, ...] = ()
    on_death: Callable[[int], None] = lambda pid: None
    _process: subprocess.Popen[bytes] | None = None
    _started: float = 0.0
    _backoff: RestartBackoff = field(default_factory=RestartBackoff)

    def tend(self) -> None:
        """Start it, or start it again when its pause is over."""
        if self.is_alive():
            return
        now = time.monotonic()
        if self._process is not None:
            self._bury(self._process, now)
        if now >= self._backoff.due:
            self.start()

    def start(self) -> None:
        self._started = time.monotonic()
        self._process = subprocess.Popen(  # noqa: S603 - our own programs
            self.command,
            env=dict(self.environment),
            pass_fds=self.descriptors,
            stdin=subprocess.DEVNULL,
            # Ctrl-C reaches the supervisor alone, which ends its children in order.
            start_new_session=True,
        )
        log.info("process_started", process=self.name, pid=self._process.pid)

    def is_alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def returncode(self) -> int | None:
        return None if self._process is None else self._process.poll()

    def ask_to_end(self) -> None:
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)
        if self._process is not None:
            self._process.wait()

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            os.kill(self._process.pid, number)

    def _bury(self, process: "subprocess.Popen[bytes]", now: float) -> None:
        pause = self._backoff.died(started=self._started, now=now)
        log.warning(
            "process_died",
            process=self.name,
            pid=process.pid,
            returncode=process.returncode,
            restarts_in=pause,
        )
        self._process = None
        self.on_death(process.pid)
