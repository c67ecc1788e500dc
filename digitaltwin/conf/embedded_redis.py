"""The embedded Redis of `up` and `runserver`; a file in the data folder names its socket."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

log = structlog.get_logger(__name__)

MEMORY = "memory://"
# sockaddr_un.sun_path holds 108 bytes, the last of them a zero.
MAX_SOCKET_PATH_BYTES = 107
CLIENT_TIMEOUT_SECONDS = 1.0
START_SECONDS = 15.0
# Redis reads an append-only file at some 100 MB a second.
LOADING_SECONDS = 900.0
STOP_SECONDS = 10.0
LOADING_LOG_SECONDS = 5.0
POLL_SECONDS = 0.05
MIN_MEMORY, MAX_MEMORY = 128 * 1024**2, 8 * 1024**3
# Redis options of the log, as in docker-compose.yml. Redis searches a small hash from its start:
# with 512 fields, the default of some releases, that was a quarter of Redis's time in batches.
# Releases before 7 know the last option by this name only.
LOG_OPTIONS = (
    *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
    *("--maxmemory-policy", "noeviction", "--hash-max-ziplist-entries", "128"),
)


class RedisNotStarted(Exception):
    """A failed start; the message is one sentence for the person who started the process."""


def url(data_dir: Path) -> str:
    """Return the address of this data folder's embedded Redis; `memory://` without one."""
    socket = _recorded_socket(data_dir)
    return f"unix://{socket}" if socket and socket.exists() else MEMORY


def find_server() -> str | None:
    """Find the Redis server on PATH."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


class EmbeddedRedis:
    """The private Redis of one data folder; the caller holds that folder's lock.

    Call `prepare`, then `launch`, then `wait`; call `launch` again when `is_alive` is false.
    """

    def __init__(self, data_dir: Path, *, program: str) -> None:
        self._folder = data_dir / "redis"
        self._program = program
        self._data_dir = data_dir
        self._process: subprocess.Popen[bytes] | None = None
        self._pid = 0
        self.socket = Path()
        self.adopted = False

    @property
    def url(self) -> str:
        return f"unix://{self.socket}"

    def prepare(self) -> None:
        """Adopt the server of an `up` that was killed, or choose a socket for a new one."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        recorded = _recorded_socket(self._data_dir)
        if recorded and self._adopt(recorded):
            return
        self._end_unreachable_server()
        self.socket = _runtime_folder() / "redis.sock"
        (self._folder / "socket").write_text(f"{self.socket}\n", encoding="utf-8")

    def launch(self) -> None:
        """Start the server unless it runs already. Raises RedisNotStarted."""
        if self.is_alive():
            return
        self.socket.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            with (self._folder / "redis.log").open("ab") as output:
                self._process = subprocess.Popen(  # noqa: S603 - our own arguments
                    [self._program, *self._options()],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    # Ctrl-C must not reach Redis: it ends last, after the readers have written.
                    start_new_session=True,
                )
        except OSError as exc:
            raise RedisNotStarted(f"{self._program} could not be started: {exc}.") from exc
        self._pid = self._process.pid

    def wait(self, *, is_cancelled: Callable[[], bool]) -> None:
        """Wait until Redis has loaded its log and answers, or until cancelled.

        Raises RedisNotStarted with the reason.
        """
        deadline, logged_at = time.monotonic() + START_SECONDS, time.monotonic()
        while not is_cancelled():
            state = self._state()
            if state == "ready":
                return
            if not self.is_alive():
                raise RedisNotStarted(self.exit_reason())
            now = time.monotonic()
            if state == "loading" and logged_at + LOADING_LOG_SECONDS < now:
                deadline, logged_at = max(deadline, logged_at + LOADING_SECONDS), now
                log.info("redis_load_delayed", folder=str(self._folder))
            if now > deadline:
                raise RedisNotStarted(f"Redis did not answer in time; see {self._log_path}.")
            time.sleep(POLL_SECONDS)

    def is_alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return self._pid > 0 and _is_running(self._pid)

    def stop(self) -> None:
        """End Redis by SIGTERM, on which it writes and syncs its log; SIGKILL after the timeout."""
        if self.is_alive():
            os.kill(self._pid, signal.SIGTERM)
            if not _wait_until(lambda: not self.is_alive(), STOP_SECONDS):
                os.kill(self._pid, signal.SIGKILL)
                _wait_until(lambda: not self.is_alive(), STOP_SECONDS)
        shutil.rmtree(self.socket.parent, ignore_errors=True)
        (self._folder / "socket").unlink(missing_ok=True)

    def exit_reason(self) -> str:
        """Return a sentence with the reason of its end, from the last lines of its log."""
        lines = self._log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-30:]
        log_text = " ".join(lines).lower()
        if "no space left" in log_text:
            return f"Redis did not start: the disk of {self._folder} is full."
        if "bad file format" in log_text or "unexpected end of file" in log_text:
            return (
                f"Redis did not start: its log in {self._folder / 'appendonlydir'} is damaged. "
                "Keep a copy, then repair it with `redis-check-aof --fix` "
                "on the .manifest file there."
            )
        last = lines[-1].strip() if lines else "no output"
        return f"Redis did not start: {last} (see {self._log_path})."

    @property
    def _log_path(self) -> Path:
        return self._folder / "redis.log"

    def _options(self) -> list[str]:
        return [
            *("--port", "0", "--unixsocket", str(self.socket), "--unixsocketperm", "700"),
            *("--dir", str(self._folder), "--pidfile", str(self._folder / "redis.pid")),
            *("--maxmemory", str(_memory_share()), *LOG_OPTIONS),
            *("--daemonize", "no", "--loglevel", "notice"),
        ]

    def _adopt(self, socket: Path) -> bool:
        """Adopt the server on this socket if it works in this folder; return whether it does."""
        try:
            with _connect(socket) as client:
                self._pid = int(client.info("server")["process_id"])
                folder = client.config_get("dir")["dir"]
        except (redis.RedisError, OSError):
            return False
        self.adopted = Path(folder).resolve() == self._folder.resolve()
        if self.adopted:
            self.socket = socket
        return self.adopted

    def _end_unreachable_server(self) -> None:
        """End a server of this folder whose socket is gone: one log must not have two writers."""
        try:
            pid = int((self._folder / "redis.pid").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if _is_running(pid) and str(self._folder) in _working_folder(pid):
            os.kill(pid, signal.SIGTERM)
            if not _wait_until(lambda: not _is_running(pid), STOP_SECONDS):
                os.kill(pid, signal.SIGKILL)

    def _state(self) -> Literal["ready", "loading", "silent"]:
        try:
            with _connect(self.socket) as client:
                client.ping()
        except redis.BusyLoadingError:
            return "loading"
        except (redis.RedisError, OSError):
            return "silent"
        return "ready"


def _connect(socket: Path) -> "redis.Redis":
    return redis.Redis(
        unix_socket_path=str(socket),
        socket_timeout=CLIENT_TIMEOUT_SECONDS,
        socket_connect_timeout=CLIENT_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )


def _recorded_socket(data_dir: Path) -> Path | None:
    """Return the path that the file `redis/socket` holds; None without that file."""
    record = data_dir / "redis" / "socket"
    if not record.is_file():
        return None
    return Path(record.read_text(encoding="utf-8").strip())


def _runtime_folder() -> Path:
    """Make a folder, private to this user, whose path leaves room for a socket's name."""
    for base in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp makes it private
        if not base or not os.access(base, os.W_OK):
            continue
        path_bytes = len(os.fsencode(base)) + len("/digitaltwin-12345678/redis.sock")
        if path_bytes <= MAX_SOCKET_PATH_BYTES:
            return Path(tempfile.mkdtemp(prefix="digitaltwin-", dir=base))
    raise RedisNotStarted("No folder for temporary files can be written (XDG_RUNTIME_DIR, TMPDIR).")


def _memory_share() -> int:
    """Return a quarter of the machine's memory in bytes, within MIN_MEMORY and MAX_MEMORY."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(MAX_MEMORY, max(MIN_MEMORY, total // 4))


def _is_running(pid: int) -> bool:
    with suppress(ChildProcessError):
        # A dead child is a zombie, which still takes signals, until it is waited for.
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _working_folder(pid: int) -> str:
    """Return the process's working folder, which is Redis's `dir`; empty if it is unreadable."""
    try:
        return str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return ""


def _wait_until(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
