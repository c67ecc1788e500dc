"""The sequencing rule: the action on a frame for one socket. Pure: no clock, network or task.

The channel layer loses, doubles and swaps messages, and a socket may have a part of a frame
already. The positions in the frame and the socket's own `last` alone decide, so that every socket
sees every entry exactly once and in log order, or gets a `resync`.
"""

from enum import Enum

from sensors.messages import DashboardFrame, MachineFrame, position_key


class Action(Enum):
    """Actions on a frame: send it, ignore it, or read the log instead."""

    FORWARD = "forward"
    DROP = "drop"
    FILL = "fill"
    SNAPSHOT = "snapshot"


def is_other_log(epoch: str, other: str) -> bool:
    """Return whether the log was lost between the two; an empty log has no epoch yet."""
    return bool(epoch and other) and epoch != other


def machine_action(epoch: str, last: str, frame: MachineFrame) -> Action:
    """Forward the frame that follows `last`, and no entry twice."""
    if is_other_log(epoch, frame.epoch):
        return Action.SNAPSHOT
    if frame.previous == last:
        return Action.FORWARD
    if position_key(frame.position) <= position_key(last):
        return Action.DROP
    return Action.FILL


def dashboard_action(epoch: str, last: str, frame: DashboardFrame) -> Action:
    """Forward a frame without a gap: the newest values may overlap but must not be missed."""
    if is_other_log(epoch, frame.epoch):
        return Action.SNAPSHOT
    if position_key(frame.position) <= position_key(last):
        return Action.DROP
    if position_key(frame.previous) <= position_key(last):
        return Action.FORWARD
    return Action.SNAPSHOT
