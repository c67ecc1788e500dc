"""Supervisor of `up`: keeps Redis, web, readers and plant running, and ends them in order."""

import fcntl
import json
import os
import shutil
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import structlog

from digitaltwin.conf.embedded_redis import MEMORY, EmbeddedRedis, RedisNotStarted
from digitaltwin.conf.environment import make_secret_key
from digitaltwin.serving.listening import RETRY_SECONDS, CannotListen, listen
from digitaltwin.site.metric_files import remove_gauges
from digitaltwin.supervision.child_process import Child, RestartBackoff
from digitaltwin.supervision.plan import MANAGE_PY, PYTHON_MODULE, CannotStart, Plan

log = structlog.get_logger(__name__)

POLL_SECONDS = 0.1
# The web processes drain within 12 s; readers finish a transaction.
SHUTDOWN_SECONDS = 13.0


class Supervisor:
    """Runner of one plan until SIGTERM or Ctrl-C; a second signal kills remaining processes."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._signals = 0
        self._redis: EmbeddedRedis | None = None
        self._redis_backoff = RestartBackoff()
        self._redis_started = 0.0
        self._children: list[Child] = []

    def run(self) -> int:
        """Run until a signal; return the exit code. Raises CannotStart."""
        folder = self._plan.data_dir
        folder.mkdir(parents=True, exist_ok=True)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._count_signal)
        with _locked(folder / "up.lock"):
            make_secret_key(folder)
            _empty(folder / "metrics")
            try:
                listener = listen(self._plan.host, self._plan.port, retry_seconds=RETRY_SECONDS)
                self._start_redis()
                return self._run(listener)
            except (CannotListen, RedisNotStarted) as exc:
                raise CannotStart(str(exc)) from exc
            finally:
                if self._redis is not None:
                    self._redis.stop()

    def _start_redis(self) -> None:
        program = self._plan.redis_program
        if self._plan.redis_url is not None or program is None:
            return
        self._redis = EmbeddedRedis(self._plan.data_dir, program=program)
        self._redis.prepare()
        self._redis.launch()
        self._redis_started = time.monotonic()
        self._redis.wait(is_cancelled=lambda: self._signals > 0)
        log.info("redis_adopted" if self._redis.adopted else "redis_started", url=self._redis.url)

    def _run(self, listener: socket.socket) -> int:
        # Nothing is written. When this process ends in any way, the children read end of file.
        lifeline, _held_open = os.pipe()
        redis_url = self._redis.url if self._redis else self._plan.redis_url or MEMORY
        environment = self._plan.environment(redis_url=redis_url, lifeline=lifeline)
        url = self._plan.url(listener.getsockname()[1])

        def child(name: str, *command: str, descriptors: Sequence[int] = ()) -> Child:
            descriptors = (lifeline, *descriptors)
            return Child(name, list(command), environment, descriptors, self._remove_gauges)

        first_start = child("first_start", *PYTHON_MODULE, *self._first_start_arguments(url))
        if code := self._run_to_end(first_start):
            return 0 if self._signals else code
        serve = (*PYTHON_MODULE, "digitaltwin.server", "--fd", str(listener.fileno()))
        webs = [
            child("web", *serve, descriptors=[listener.fileno()])
            for _ in range(self._plan.web_processes)
        ]
        # With the log in memory the web process runs the readers: no other process sees its log.
        readers = [] if self._plan.is_in_memory else [child("readers", *MANAGE_PY, "work")]
        plants = [child("plant", *MANAGE_PY, "simulate", "--url", url)] if self._plan.demo else []
        for plant in plants:
            plant.environment = environment | {"DEVICE_KEY": self._device_key()}
        self._children = [*webs, *readers, *plants]
        self._supervise()
        listener.close()
        return self._shut_down([*plants, *webs], readers)

    def _device_key(self) -> str:
        up_file = json.loads((self._plan.data_dir / "up.json").read_text(encoding="utf-8"))
        return str(up_file["device_key"])

    def _first_start_arguments(self, url: str) -> list[str]:
        arguments = ["digitaltwin.first_start", "--url", url, "--pid", str(os.getpid())]
        return [*arguments, "--demo"] if self._plan.demo else arguments

    def _run_to_end(self, child: Child) -> int:
        child.start()
        while child.is_alive():
            if self._signals:
                child.terminate()
            time.sleep(POLL_SECONDS)
        return child.returncode or 0

    def _supervise(self) -> None:
        while not self._signals:
            self._keep_redis_running()
            for child in self._children:
                child.keep_running()
            time.sleep(POLL_SECONDS)

    def _keep_redis_running(self) -> None:
        """Restart the embedded Redis after an exit; other processes reconnect by themselves."""
        if self._redis is None or self._redis.is_alive():
            return
        now = time.monotonic()
        if self._redis_started:
            pause = self._redis_backoff.record_exit(started=self._redis_started, now=now)
            log.warning(
                "process_died",
                process="redis",
                reason=self._redis.exit_reason(),
                restarts_in=pause,
            )
            self._redis_started = 0.0
        if now >= self._redis_backoff.due:
            self._redis_started = now
            self._redis.launch()
            log.info("process_started", process="redis")

    def _shut_down(self, *groups: Sequence[Child]) -> int:
        """End the groups one after the other; return 0 when no process had to be killed."""
        log.info("shutdown_began")
        killed = 0
        for group in groups:
            for child in group:
                child.terminate()
            deadline = time.monotonic() + SHUTDOWN_SECONDS
            while any(child.is_alive() for child in group):
                if self._signals > 1 or time.monotonic() > deadline:
                    break
                time.sleep(POLL_SECONDS)
            for child in group:
                killed += child.is_alive()
                child.kill()
        log.info("shutdown_ended", killed=killed)
        return int(killed > 0)

    def _count_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1

    def _remove_gauges(self, pid: int) -> None:
        remove_gauges(pid, folder=str(self._plan.data_dir / "metrics"))


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the folder's lock; the kernel releases it when this process ends in any way."""
    with path.open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            pid = file.read().strip() or "unknown"
            raise CannotStart(
                f"Another `up` (process {pid}) uses the folder {path.parent}; "
                "stop it or choose another folder with --data."
            ) from None
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield


def _empty(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
