"""What becomes of a frame for one socket. Pure: no clock, no network, no task.

The channel layer loses, doubles and swaps messages, and a frame may hold what a socket has in
part. The positions in the frame and the socket's own `last` alone decide, so that every socket
sees every entry exactly once and in log order, or is told that it could not.
"""

from enum import Enum

from sensors.messages import DashboardFrame, MachineFrame, position_key


class Action(Enum):
    FORWARD = "forward"
    DROP = "drop"
    FILL = "fill"
    SNAPSHOT = "snapshot"


def is_other_log(epoch: str, other: str) -> bool:
    """Whether the log was lost between the two; one that was empty has no epoch yet."""
    return bool(epoch and other) and epoch != other


def machine_action(epoch: str, last: str, frame: MachineFrame) -> Action:
    """A machine's socket takes the frame that follows `last`, and nothing twice."""
    if is_other_log(epoch, frame.epoch):
        return Action.SNAPSHOT
    if frame.previous == last:
        return Action.FORWARD
    if position_key(frame.position) <= position_key(last):
        return Action.DROP
    return Action.FILL


def dashboard_action(epoch: str, last: str, frame: DashboardFrame) -> Action:
    """The dashboard shows the newest values: an overlap is harmless, a gap is not."""
    if is_other_log(epoch, frame.epoch):
        return Action.SNAPSHOT
    if position_key(frame.position) <= position_key(last):
        return Action.DROP
    if position_key(frame.previous) <= position_key(last):
        return Action.FORWARD
    return Action.SNAPSHOT
