"""What can go wrong at a door, each with its code; problems.py in the wires makes the answer."""

from collections.abc import Mapping, Sequence

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """One thing that is wrong with one field; `index` is the reading's place in a batch."""

    field: str
    code: str
    detail: str
    index: int | None = None


class SensorsError(Exception):
    """The root of our errors: `status` is the HTTP answer, `code` its stable name."""

    status = 400
    code = "invalid"
    title = "Invalid request"

    def __init__(
        self,
        detail: str,
        *,
        code: str | None = None,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.code = code or self.code
        self.status = status or self.status
        self.headers = dict(headers or {})


class MalformedBody(SensorsError):
    """The body is not the JSON that the endpoint takes."""

    code = "malformed-json"
    title = "The request body cannot be read"


class InvalidReadings(SensorsError):
    """One or more readings cannot be taken; `errors` says which field of which."""

    title = "Invalid readings"

    def __init__(self, errors: Sequence[FieldError], *, status: int = 400) -> None:
        first = errors[0]
        super().__init__(first.detail, code=first.code, status=status)
        self.errors = list(errors)


class ConflictingDuplicate(InvalidReadings):
    """Same sensor and time as a reading taken before, with another value or quality."""

    title = "A different value for this sensor and time was accepted before"

    def __init__(self, errors: Sequence[FieldError]) -> None:
        super().__init__(errors, status=409)


class RateLimited(SensorsError):
    status = 429
    code = "rate-limited"
    title = "Too many requests with this device key"


class LogFull(SensorsError):
    status = 429
    code = "log-full"
    title = "The log is full"


class LogUnavailable(SensorsError):
    """Not promised: the log did not answer in time. Sending again is safe."""

    status = 503
    code = "log-unavailable"
    title = "The log cannot be reached"

    def __init__(self, detail: str = "The readings may not be stored; send them again.") -> None:
        super().__init__(detail, headers={"Retry-After": "1"})


class Busy(SensorsError):
    status = 503
    code = "busy"
    title = "Too many requests in progress"

    def __init__(self) -> None:
        super().__init__("Send the readings again in a second.", headers={"Retry-After": "1"})


class LeaseLost(Exception):
    """Another process took over this reader; what was in hand is rolled back."""
