"""How many frames are delivered before the sockets, and all else in the loop, get a turn."""

from sensors.messages import Frame, MachineFrame

# Messages to sockets, and the characters that one socket may get meanwhile.
DELIVERIES = 200
CHARACTERS = 64 * 1024


class Turn:
    """At most one frame of each feed: who writes by a task empties its outbox in between."""

    def __init__(self) -> None:
        self._feeds: set[str | None] = set()
        self._deliveries = 0
        self._characters = 0

    def is_over_before(self, frame: Frame) -> bool:
        if self._deliveries >= DELIVERIES or self._characters >= CHARACTERS:
            return True
        return _feed_of(frame) in self._feeds

    def add(self, frame: Frame, deliveries: int) -> None:
        self._feeds.add(_feed_of(frame))
        self._deliveries += deliveries
        self._characters += len(frame.text)


def _feed_of(frame: Frame) -> str | None:
    return frame.machine_id if isinstance(frame, MachineFrame) else None
