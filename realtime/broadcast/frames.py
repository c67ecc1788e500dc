"""Entries of the log on their way into frames. Pure: time is an argument, in seconds.

Coalesce, do not drop: a quiet machine's entry is due at once, a busy machine's wait for the
tick and go as one frame, chained by position; the dashboard gets the newest of each sensor.
"""

from realtime.protocol import (
    MESSAGE_READINGS,
    cursor_text,
    readings_of,
    sensor_update,
)
from sensors.messages import START, DashboardFrame, Frame, LiveReading, LogEntry, MachineFrame

BURST_SECONDS = 1.0
# Rates are remembered of so many machines before those that are over are thrown out.
BOOKED_MACHINES = 1000


class Part:
    """What waits for one frame of one machine: whole entries, at most 500 readings."""

    __slots__ = ("position", "previous", "readings")

    def __init__(self, previous: str) -> None:
        self.previous = previous
        self.position = previous
        self.readings: list[LiveReading] = []

    def has_room_for(self, count: int) -> bool:
        return not self.readings or len(self.readings) + count <= MESSAGE_READINGS

    def add(self, entry: LogEntry, readings: list[LiveReading]) -> None:
        self.readings += readings
        self.position = entry.position

    def frame(self, machine_id: str, epoch: str) -> MachineFrame:
        cursor = cursor_text(epoch, self.position)
        return MachineFrame(
            machine_id=machine_id,
            epoch=epoch,
            previous=self.previous,
            position=self.position,
            received_at=_oldest(self.readings),
            text=sensor_update(self.readings, machine_id=machine_id, cursor=cursor),
        )


class MachineParts:
    """What waits of the machines that somebody watches.

    A machine may send a second's worth of frames in a row; then one an interval (a leaky bucket,
    ITU-T I.371's virtual scheduling: `_next_at` is when the machine's next frame is expected).
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._parts: dict[str, list[Part]] = {}
        self._next_at: dict[str, float] = {}

    def add(self, entry: LogEntry, readings: list[LiveReading]) -> None:
        parts = self._parts.setdefault(entry.machine_id, [])
        if not parts or not parts[-1].has_room_for(len(readings)):
            parts.append(Part(entry.previous))
        parts[-1].add(entry, readings)

    def next_due(self) -> float | None:
        return min(map(self._due_at, self._parts), default=None)

    def due(self, epoch: str, now: float) -> list[Frame]:
        """The frames of all machines that are not ahead of their rate."""
        names = [name for name in self._parts if self._due_at(name) <= now]
        for name in names:
            self._next_at[name] = max(now, self._next_at.get(name, now)) + self._interval
        frames = [part.frame(name, epoch) for name in names for part in self._parts.pop(name)]
        if len(self._next_at) > 2 * len(self._parts) + BOOKED_MACHINES:
            self._next_at = {name: at for name, at in self._next_at.items() if at > now}
        return list(frames)

    def _due_at(self, name: str) -> float:
        return self._next_at.get(name, 0.0) + self._interval - BURST_SECONDS


class DashboardPart:
    """The newest reading per sensor since the dashboard frame before."""

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._quiet_from = 0.0
        self._previous = self._position = START
        self._newest: dict[tuple[str, str], LiveReading] = {}
        self._taken = 0

    def skip(self, position: str) -> None:
        """Nobody watches: the next frame begins here."""
        self._previous = self._position = position
        self._newest.clear()
        self._taken = 0

    def add(self, entry: LogEntry, readings: list[LiveReading]) -> None:
        self._position = entry.position
        self._taken += len(readings)
        for reading in readings:
            if not reading.late:  # one that is never moves the latest value
                self._newest[reading.machine_id, reading.sensor_type] = reading

    def next_due(self) -> float | None:
        return self._quiet_from if self._position != self._previous else None

    def due(self, epoch: str, now: float) -> list[Frame]:
        if self._position == self._previous or now < self._quiet_from:
            return []
        self._quiet_from = now + self._interval
        frame = self._frame(epoch)
        self.skip(self._position)
        return [frame]

    def _frame(self, epoch: str) -> DashboardFrame:
        readings = list(self._newest.values())
        text = ""
        if readings:
            skipped = self._taken - len(readings)
            cursor = cursor_text(epoch, self._position)
            text = sensor_update(readings, machine_id=None, cursor=cursor, skipped=skipped)
        return DashboardFrame(
            epoch=epoch,
            previous=self._previous,
            position=self._position,
            received_at=_oldest(readings),
            text=text,
        )


class Frames:
    """Everything that waits to be sent; `watched` decides what an entry becomes."""

    def __init__(self, *, machine_interval: float, dashboard_interval: float) -> None:
        self._machines = MachineParts(machine_interval)
        self._dashboard = DashboardPart(dashboard_interval)

    def begin(self, position: str) -> None:
        """The log is followed from here."""
        self._dashboard.skip(position)

    def add(self, entry: LogEntry, *, is_machine_watched: bool, is_dashboard_watched: bool) -> None:
        """Take the next entry of the log; it is decoded only for somebody."""
        is_known = entry.kind == "readings"
        is_wanted = is_known and (is_machine_watched or is_dashboard_watched)
        readings = readings_of(entry) if is_wanted else []
        if is_known and is_machine_watched:
            self._machines.add(entry, readings)
        if is_dashboard_watched:
            self._dashboard.add(entry, readings)
        else:
            self._dashboard.skip(entry.position)

    def next_due(self) -> float | None:
        """When the next frame is to be sent; None while nothing waits."""
        due = (self._machines.next_due(), self._dashboard.next_due())
        return min((at for at in due if at is not None), default=None)

    def due(self, epoch: str, now: float) -> list[Frame]:
        return [*self._machines.due(epoch, now), *self._dashboard.due(epoch, now)]


def _oldest(readings: list[LiveReading]) -> int:
    return min((reading.received_at for reading in readings), default=0)
