"""When each row of a recording is posted and with which time; the clock is an argument."""

import msgspec

from sensors.devices.replay.recording import RecordingRefused, Survey

# The years 1 to 9999: what RFC 3339 can write.
FIRST_US, LAST_US = -62_135_596_800_000_000, 253_402_300_799_999_999


class Schedule(msgspec.Struct, frozen=True):
    """All times in microseconds since 1970 UTC; `speed` in recorded seconds a second.

    Speed 0 is as fast as the server takes it. At any other a row is due as long after `start`
    as it was measured after the `first` one, divided by the speed.
    """

    speed: float
    keep_time: bool
    start: int
    first: int
    newest: int

    def due(self, measured_at: int) -> int:
        """When to post a row that was measured then."""
        if not self.speed:
            return self.start
        return self.start + round((measured_at - self.first) / self.speed)

    def stamp(self, measured_at: int) -> int:
        """The time to post it with: its own, or one shifted into the present.

        At speed 0 the newest row is at `start`, at any other a row is at the moment it is due.
        """
        if self.keep_time:
            return measured_at
        if not self.speed:
            return self.start - self.newest + measured_at
        return self.due(measured_at)


def make_schedule(survey: Survey, *, speed: float, keep_time: bool, start: int) -> Schedule:
    """Raises RecordingRefused when a row would be due or stamped outside of what a time can say."""
    schedule = Schedule(
        speed=speed, keep_time=keep_time, start=start, first=survey.first, newest=survey.newest
    )
    moments = [schedule.stamp(survey.oldest), schedule.stamp(survey.newest)]
    if min(moments) < FIRST_US or max(*moments, schedule.due(survey.newest)) > LAST_US:
        raise RecordingRefused(f"At speed {speed:g} the replay would leave the years 1 to 9999.")
    return schedule
