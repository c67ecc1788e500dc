"""The Redis that comes with `up`: found by its socket, named in the data folder."""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import redis
import structlog
from redis.backoff import NoBackoff
from redis.retry import Retry

log = structlog.get_logger(__name__)

MEMORY = "memory://"
# A unix socket's address has 108 bytes with its closing zero.
LONGEST_SOCKET_PATH = 107
ANSWER_SECONDS = 1.0
START_SECONDS = 15.0
# An append-only file is read at some 100 MB a second.
LOADING_SECONDS = 900.0
STOP_SECONDS = 10.0
SAY_SECONDS = 5.0
POLL_SECONDS = 0.05
LEAST_MEMORY, MAX_MEMORY = 128 * 1024**2, 8 * 1024**3
# How the log wants its Redis, as in docker-compose.yml. A small hash is searched from its start:
# with 512 fields, the default of some releases, that was a quarter of Redis's time in batches.
# This name of the option is also that of releases before 7.
LOG_OPTIONS = (
    *("--appendonly", "yes", "--appendfsync", "everysec", "--save", ""),
    *("--maxmemory-policy", "noeviction", "--hash-max-ziplist-entries", "128"),
)


class RedisNotStarted(Exception):
    """One sentence for the person who started us."""


def url(data_dir: Path) -> str:
    """Where the embedded Redis of this data folder listens; `memory://` when there is none."""
    socket = _pointed(data_dir)
    return f"unix://{socket}" if socket and socket.exists() else MEMORY


def find_server() -> str | None:
    """The Redis server on PATH."""
    return shutil.which("redis-server") or shutil.which("valkey-server")


class EmbeddedRedis:
    """The private Redis of one data folder; the caller holds that folder's lock.

    `prepare`, then `launch`, then `wait`; `launch` again when `is_alive` says no.
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
        """Adopt the server that outlived its `up`, or name a socket for a new one."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        pointed = _pointed(self._data_dir)
        if pointed and self._adopt(pointed):
            return
        self._end_unreachable()
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
                    # Ctrl-C reaches us alone: it ends last, when all is written.
                    start_new_session=True,
                )
        except OSError as exc:
            raise RedisNotStarted(f"{self._program} could not be started: {exc}.") from exc
        self._pid = self._process.pid

    def wait(self, *, is_cancelled: Callable[[], bool]) -> None:
        """Return when it has loaded its log and answers, or when cancelled.

        Raises RedisNotStarted with the reason.
        """
        deadline, said_at = time.monotonic() + START_SECONDS, time.monotonic()
        while not is_cancelled():
            answer = self._answer()
            if answer == "ready":
                return
            if not self.is_alive():
                raise RedisNotStarted(self.why_it_ended())
            now = time.monotonic()
            if answer == "loading" and said_at + SAY_SECONDS < now:
                deadline, said_at = max(deadline, said_at + LOADING_SECONDS), now
                log.info("redis_log_loading", folder=str(self._folder))
            if now > deadline:
                raise RedisNotStarted(f"Redis did not answer in time; see {self._log_path}.")
            time.sleep(POLL_SECONDS)

    def is_alive(self) -> bool:
        if self._process is not None:
            return self._process.poll() is None
        return self._pid > 0 and _runs(self._pid)

    def stop(self) -> None:
        """End it in order: what it took is written and synced."""
        if self.is_alive():
            os.kill(self._pid, signal.SIGTERM)
            if not _happens(lambda: not self.is_alive(), STOP_SECONDS):
                os.kill(self._pid, signal.SIGKILL)
                _happens(lambda: not self.is_alive(), STOP_SECONDS)
        shutil.rmtree(self.socket.parent, ignore_errors=True)
        (self._folder / "socket").unlink(missing_ok=True)

    def why_it_ended(self) -> str:
        """Why it ended, from the last lines of its log."""
        lines = self._log_path.read_text(encoding="utf-8", errors="replace").splitlines()[-30:]
        said = " ".join(lines).lower()
        if "no space left" in said:
            return f"Redis did not start: the disk of {self._folder} is full."
        if "bad file format" in said or "unexpected end of file" in said:
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
        """Whether a server of this very folder answers there."""
        try:
            with _client(socket) as client:
                self._pid = int(client.info("server")["process_id"])
                folder = client.config_get("dir")["dir"]
        except (redis.RedisError, OSError):
            return False
        self.adopted = Path(folder).resolve() == self._folder.resolve()
        if self.adopted:
            self.socket = socket
        return self.adopted

    def _end_unreachable(self) -> None:
        """Two servers must never write one log: end one whose socket is gone."""
        try:
            pid = int((self._folder / "redis.pid").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return
        if _runs(pid) and str(self._folder) in _open_folder(pid):
            os.kill(pid, signal.SIGTERM)
            if not _happens(lambda: not _runs(pid), STOP_SECONDS):
                os.kill(pid, signal.SIGKILL)

    def _answer(self) -> str:
        try:
            with _client(self.socket) as client:
                client.ping()
        except redis.BusyLoadingError:
            return "loading"
        except (redis.RedisError, OSError):
            return "silent"
        return "ready"


def _client(socket: Path) -> "redis.Redis":
    return redis.Redis(
        unix_socket_path=str(socket),
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
        decode_responses=True,
    )


def _pointed(data_dir: Path) -> Path | None:
    pointer = data_dir / "redis" / "socket"
    if not pointer.is_file():
        return None
    return Path(pointer.read_text(encoding="utf-8").strip())


def _runtime_folder() -> Path:
    """A new folder, private to this user, whose path leaves room for a socket's name."""
    for base in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):  # noqa: S108 - mkdtemp makes it private
        if not base or not os.access(base, os.W_OK):
            continue
        if len(os.fsencode(base)) + len("/digitaltwin-12345678/redis.sock") <= LONGEST_SOCKET_PATH:
            return Path(tempfile.mkdtemp(prefix="digitaltwin-", dir=base))
    raise RedisNotStarted("No folder for temporary files can be written (XDG_RUNTIME_DIR, TMPDIR).")


def _memory_share() -> int:
    """A quarter of the machine's memory, in bytes."""
    total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min(MAX_MEMORY, max(LEAST_MEMORY, total // 4))


def _runs(pid: int) -> bool:
    with suppress(ChildProcessError):
        # A child of ours that died stays until somebody asks for it.
        os.waitpid(pid, os.WNOHANG)
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _open_folder(pid: int) -> str:
    """The process's current folder: Redis works in its `dir`. Empty where it cannot be asked."""
    try:
        return str(Path(f"/proc/{pid}/cwd").readlink())
    except OSError:
        return ""


def _happens(condition: Callable[[], bool], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True
