"""An outage of the database or of Redis, as a reader of the log meets it."""

import asyncio

import structlog

from sensors.exceptions import LogUnavailable

log = structlog.get_logger(__name__)


class Outage:
    """The state of a reader's outage: logged when it begins and when it ends, not at each try."""

    def __init__(self, reader: str, *, pauses: tuple[float, float]) -> None:
        """`pauses` are the seconds before the first retry and at most before a later one."""
        self._log = log.bind(reader=reader)
        self._pauses = pauses
        self._pause = pauses[0]
        self._since: float | None = None

    def pause(self, exc: Exception) -> float:
        """Return the seconds until the next try; they double up to the longest pause."""
        if self._since is None:
            self._since = asyncio.get_running_loop().time()
            lost = "log" if isinstance(exc, LogUnavailable) else "database"
            self._log.warning("reader_interrupted", lost=lost, error=str(exc).strip())
        pause = self._pause
        self._pause = min(2 * pause, self._pauses[1])
        return pause

    def end(self) -> None:
        """End the outage, if there is one."""
        if self._since is None:
            return
        seconds = asyncio.get_running_loop().time() - self._since
        self._log.info("reader_resumed", after_seconds=round(seconds, 1))
        self._since = None
        self._pause = self._pauses[0]
