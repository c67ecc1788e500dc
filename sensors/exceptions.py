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
    title = "The request cannot be taken"

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
    title = "The body cannot be read"


class InvalidReadings(SensorsError):
    """One or more readings are refused; `errors` names the fields."""

    title = "The readings are not valid"

    def __init__(self, errors: Sequence[FieldError], *, status: int = 400) -> None:
        first = errors[0]
        super().__init__(first.detail, code=first.code, status=status)
        self.errors = list(errors)


class ConflictingDuplicate(InvalidReadings):
    """An earlier reading has the same sensor and time with another value or quality."""

    title = "Another value was taken for the same sensor and time"

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

    def __init__(self, detail: str = "The readings are not promised; send them again.") -> None:
        super().__init__(detail, headers={"Retry-After": "1"})


class Busy(SensorsError):
    status = 503
    code = "busy"
    title = "Too many requests are in flight"

    def __init__(self) -> None:
        super().__init__("Send the readings again in a second.", headers={"Retry-After": "1"})


class LeaseLost(Exception):
    """Another process took over this reader; the open transaction is rolled back."""
