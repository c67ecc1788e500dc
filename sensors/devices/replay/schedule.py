"""Schedule of a replay: the moment and the timestamp of each row; the clock is an argument."""

import msgspec

from sensors.devices.replay.recording import RecordingRefused, Survey

# The years 1 to 9999: the range of RFC 3339.
FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999


class Schedule(msgspec.Struct, frozen=True):
    """Times in microseconds since 1970 UTC; `speed` in recorded seconds a second.

    Speed 0 is as fast as the server accepts. At any other speed a row is due as long after
    `start` as it was measured after the `first` row, divided by the speed.
    """

    speed: float
    keep_time: bool
    start: int
    first: int
    newest: int

    def due(self, measured_at: int) -> int:
        """Return the moment to post a row that was measured at this time."""
        if not self.speed:
            return self.start
        return self.start + round((measured_at - self.first) / self.speed)

    def stamp(self, measured_at: int) -> int:
        """Return the timestamp of a row: its own, or its time shifted to the present.

        At speed 0 the newest row is at `start`, at any other speed a row is at its due moment.
        """
        if self.keep_time:
            return measured_at
        if not self.speed:
            return self.start - self.newest + measured_at
        return self.due(measured_at)


def make_schedule(survey: Survey, *, speed: float, keep_time: bool, start: int) -> Schedule:
    """Make the schedule. Raises RecordingRefused when a time would leave the years 1 to 9999."""
    schedule = Schedule(
        speed=speed, keep_time=keep_time, start=start, first=survey.first, newest=survey.newest
    )
    moments = [schedule.stamp(survey.oldest), schedule.stamp(survey.newest)]
    if min(moments) < FIRST_US or max(*moments, schedule.due(survey.newest)) > LAST_US:
        raise RecordingRefused(
            f"At speed {speed:g} the replay would go beyond the years 1 to 9999."
        )
    return schedule
