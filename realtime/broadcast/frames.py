"""Frames made of log entries. Pure: time is an argument, in seconds.

Coalesce, do not drop: a quiet machine's entry is due at once, a busy machine's entries wait for
the tick and go as one frame, chained by position; the dashboard gets the newest of each sensor.
Every scope that is watched has a dashboard of its own.
A frame holds entries of one kind. Entries that no message shows only move a frame's position.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from realtime.protocol import MESSAGE_ITEMS, UPDATES, cursor_text, items_of, update_text
from sensors.messages import (
    READINGS,
    START,
    DashboardFrame,
    Frame,
    LiveReading,
    LogEntry,
    MachineFrame,
)

BURST_SECONDS = 1.0
# Number of remembered rates before those that are over are dropped.
REMEMBERED_MACHINES = 1000


class Part:
    """Pending entries of one frame: whole entries of one kind, at most 500 items.

    `kind` is empty while no entry in it is shown.
    """

    __slots__ = ("items", "kind", "position", "previous")

    def __init__(self, previous: str) -> None:
        self.previous = previous
        self.position = previous
        self.kind = ""
        self.items: list[Any] = []

    def has_room_for(self, kind: str, count: int) -> bool:
        """Return whether an entry may join; every entry may that is not shown (`kind` empty)."""
        if kind and self.kind and kind != self.kind:
            return False
        return not self.items or len(self.items) + count <= MESSAGE_ITEMS

    def add(self, entry: LogEntry, kind: str, items: list[Any]) -> None:
        self.position = entry.position
        if kind:
            self.kind = kind
            self.items += items

    def frame(self, machine_id: str, epoch: str) -> MachineFrame:
        text = ""
        if self.kind:
            cursor = cursor_text(epoch, self.position)
            text = update_text(self.kind, self.items, machine_id=machine_id, cursor=cursor)
        return MachineFrame(
            machine_id=machine_id,
            epoch=epoch,
            previous=self.previous,
            position=self.position,
            received_at=_oldest(self.kind, self.items),
            text=text,
        )


class MachineParts:
    """Pending entries of watched machines.

    A machine may send a second's worth of frames in a row; then one an interval (a leaky bucket,
    ITU-T I.371's virtual scheduling: `_next_at` is when the machine's next frame is expected).
    """

    def __init__(self, interval: float) -> None:
        self._interval = interval
        self._parts: dict[str, list[Part]] = {}
        self._next_at: dict[str, float] = {}

    def add(self, entry: LogEntry, kind: str, items: list[Any]) -> None:
        parts = self._parts.setdefault(entry.machine_id, [])
        if not parts or not parts[-1].has_room_for(kind, len(items)):
            parts.append(Part(entry.previous))
        parts[-1].add(entry, kind, items)

    def next_due(self) -> float | None:
        return min(map(self._due_at, self._parts), default=None)

    def due(self, epoch: str, now: float) -> list[Frame]:
        """Return the frames of all machines that are not ahead of their rate."""
        names = [name for name in self._parts if self._due_at(name) <= now]
        for name in names:
            self._next_at[name] = max(now, self._next_at.get(name, now)) + self._interval
        frames = [part.frame(name, epoch) for name in names for part in self._parts.pop(name)]
        if len(self._next_at) > 2 * len(self._parts) + REMEMBERED_MACHINES:
            self._next_at = {name: moment for name, moment in self._next_at.items() if moment > now}
        return list(frames)

    def _due_at(self, name: str) -> float:
        return self._next_at.get(name, 0.0) + self._interval - BURST_SECONDS


class DashboardPart(Part):
    """Pending entries of one dashboard frame: of readings the newest per sensor, else all."""

    __slots__ = ("_newest", "_received")

    def __init__(self, previous: str) -> None:
        super().__init__(previous)
        self._newest: dict[tuple[str, str], LiveReading] = {}
        self._received = 0

    def add(self, entry: LogEntry, kind: str, items: list[Any]) -> None:
        if kind != READINGS:
            super().add(entry, kind, items)
            return
        self.position = entry.position
        self.kind = kind
        self._received += len(items)
        for reading in items:
            if not reading.late:  # a late reading never moves the latest value
                self._newest[reading.machine_id, reading.sensor_type] = reading

    def dashboard_frame(self, epoch: str, scope_key: str) -> DashboardFrame:
        items = self.items or list(self._newest.values())
        text = ""
        if items:
            text = update_text(
                self.kind,
                items,
                machine_id=None,
                cursor=cursor_text(epoch, self.position),
                skipped=self._received - len(self._newest),
            )
        return DashboardFrame(
            epoch=epoch,
            previous=self.previous,
            position=self.position,
            received_at=_oldest(self.kind, items),
            text=text,
            scope=scope_key,
        )


class DashboardParts:
    """Pending entries of a scope's dashboard; its frames are chained and limited in rate.

    The first frame starts after `position`. Every entry of the log is added; those of machines
    out of the scope without a kind, so that they move the position alone.
    """

    def __init__(self, scope_key: str, position: str, *, interval: float) -> None:
        self._scope_key = scope_key
        self._interval = interval
        self._quiet_until = 0.0
        self._position = position
        self._parts: list[DashboardPart] = []

    def add(self, entry: LogEntry, kind: str, items: list[Any]) -> None:
        parts = self._parts
        if not parts or not parts[-1].has_room_for(kind, len(items)):
            parts.append(DashboardPart(self._position))
        parts[-1].add(entry, kind, items)
        self._position = entry.position

    def next_due(self) -> float | None:
        return self._quiet_until if self._parts else None

    def due(self, epoch: str, now: float) -> list[Frame]:
        if not self._parts or now < self._quiet_until:
            return []
        self._quiet_until = now + self._interval
        parts, self._parts = self._parts, []
        return [part.dashboard_frame(epoch, self._scope_key) for part in parts]


class Frames:
    """All pending frames."""

    def __init__(self, *, machine_interval: float, dashboard_interval: float) -> None:
        self._machines = MachineParts(machine_interval)
        self._dashboards: dict[str, DashboardParts] = {}
        self._dashboard_interval = dashboard_interval
        self._position = START

    def begin(self, position: str) -> None:
        """Follow the log from this position."""
        self._position = position
        self._dashboards.clear()

    def add(
        self, entry: LogEntry, *, is_machine_watched: bool, dashboards: Mapping[str, bool]
    ) -> None:
        """Add the next entry of the log; only a shown entry is decoded.

        `dashboards` are those watched now, by scope key, and whether they show the machine.
        """
        kind = entry.kind if entry.kind in UPDATES else ""
        is_needed = bool(kind) and (is_machine_watched or any(dashboards.values()))
        items = items_of(entry) if is_needed else []
        if is_machine_watched:
            self._machines.add(entry, kind, items)
        if dashboards.keys() != self._dashboards.keys():
            self._watch(dashboards)
        for scope_key, shows in dashboards.items():
            parts = self._dashboards[scope_key]
            parts.add(entry, kind if shows else "", items if shows else [])
        self._position = entry.position

    def _watch(self, scope_keys: Iterable[str]) -> None:
        """Keep frames of these dashboards alone; those of a new one start after the last entry."""
        self._dashboards = {
            scope_key: self._dashboards.get(scope_key)
            or DashboardParts(scope_key, self._position, interval=self._dashboard_interval)
            for scope_key in scope_keys
        }

    def next_due(self) -> float | None:
        """Return when the next frame is due; None when no entry is pending."""
        moments = [self._machines.next_due()]
        moments += [parts.next_due() for parts in self._dashboards.values()]
        return min((moment for moment in moments if moment is not None), default=None)

    def due(self, epoch: str, now: float) -> list[Frame]:
        frames = self._machines.due(epoch, now)
        for parts in self._dashboards.values():
            frames += parts.due(epoch, now)
        return frames


def _oldest(kind: str, items: list[Any]) -> int:
    if kind != READINGS:
        return 0
    return min((reading.received_at for reading in items), default=0)
