"""Errors of a request, each with a stable code; digitaltwin/site/problems.py makes the answer."""

from collections.abc import Mapping, Sequence

import msgspec


class FieldError(msgspec.Struct, frozen=True):
    """An error of one field; `index` is the position of the reading in its batch."""

    field: str
    code: str
    detail: str
    index: int | None = None


class SensorsError(Exception):
    """Base class of all errors: `status` is the HTTP status, `code` the stable name."""

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
    """The body is not the JSON that the endpoint expects."""

    code = "malformed-json"
    title = "The request body cannot be read"


class InvalidReadings(SensorsError):
    """Refused readings; `errors` names the fields."""

    title = "Invalid readings"

    def __init__(self, errors: Sequence[FieldError], *, status: int = 400) -> None:
        first = errors[0]
        super().__init__(first.detail, code=first.code, status=status)
        self.errors = list(errors)


class ConflictingDuplicate(InvalidReadings):
    """An earlier reading has the same sensor and time with another value or quality."""

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
    """The log did not answer in time, so nothing is promised; sending again is safe."""

    status = 503
    code = "log-unavailable"
    title = "The log cannot be reached"

    def __init__(self, detail: str = "The readings may not be stored; send them again.") -> None:
        super().__init__(detail, headers={"Retry-After": "1"})


class ScriptFailed(LogUnavailable):
    """A Redis script failed by an error of its own or of the data it met, not by an outage."""

    def __init__(self, script: str, error: str) -> None:
        super().__init__()
        self.script = script
        self.error = error

    def __str__(self) -> str:
        return f"Script {self.script} failed: {self.error}"


class Busy(SensorsError):
    status = 503
    code = "busy"
    title = "Too many requests in progress"

    def __init__(self) -> None:
        super().__init__("Send the readings again in a second.", headers={"Retry-After": "1"})


class LeaseLost(Exception):
    """The lease went to another process; the open transaction is rolled back."""
