"""What a device's request is before its content is looked at: key, type, size, options."""

from collections.abc import Awaitable, Callable

import msgspec
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import UnreadablePostError

from sensors.exceptions import SensorsError

ReadBody = Callable[[], Awaitable[bytes]]


class BodyTooLarge(SensorsError):
    status = 413
    code = "body-too-large"
    title = "The body is too large"

    def __init__(self, limit: int) -> None:
        # Nobody wants the rest of it.
        super().__init__(f"Expected at most {limit} bytes.", headers={"Connection": "close"})


class BodyTooSlow(SensorsError):
    status = 408
    code = "request-timeout"
    title = "The body did not come in time"

    def __init__(self, seconds: float) -> None:
        detail = f"Expected the whole body within {seconds:g} s."
        super().__init__(detail, headers={"Connection": "close"})


class MethodNotAllowed(SensorsError):
    status = 405
    code = "method-not-allowed"
    title = "The method is not allowed here"

    def __init__(self, method: str | None, allowed: str) -> None:
        super().__init__(f"Expected {allowed}, got {method}.", headers={"Allow": allowed})


class UnsupportedMediaType(SensorsError):
    status = 415
    code = "unsupported-media-type"
    title = "The type of the body is not taken"


class InvalidParameter(SensorsError):
    code = "invalid-parameter"
    title = "The query is not valid"


class Options(msgspec.Struct, frozen=True):
    """The query of a request: what to wait for, and whether good rows go without the bad."""

    ack_stored: bool
    partial: bool


def options(request: HttpRequest) -> Options:
    """Raises InvalidParameter."""
    if not request.META.get("QUERY_STRING"):
        return _DEFAULT
    ack = _one_of(request, "ack", ("logged", "stored"))
    partial = _one_of(request, "partial", ("false", "true"))
    return Options(ack == "stored", partial == "true")


_DEFAULT = Options(ack_stored=False, partial=False)


def _one_of(request: HttpRequest, name: str, allowed: tuple[str, str]) -> str:
    value = request.GET.get(name, allowed[0])
    if value not in allowed:
        raise InvalidParameter(f"{name} must be {' or '.join(allowed)}, got {value[:60]!a}.")
    return value


def check_content_type(request: HttpRequest) -> None:
    """JSON in UTF-8, not compressed. Raises UnsupportedMediaType."""
    encoding = request.META.get("HTTP_CONTENT_ENCODING", "").strip().lower()
    if encoding not in ("", "identity"):
        raise UnsupportedMediaType(
            "Send the body as it is, not compressed.", code="unsupported-encoding"
        )
    if request.content_type is None or request.content_type.lower() != "application/json":
        raise UnsupportedMediaType("Expected Content-Type: application/json.")
    charset = (request.content_params or {}).get("charset", "utf-8")
    if charset.strip("\"'").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("Expected UTF-8.", code="unsupported-charset")


async def body_of(request: HttpRequest) -> bytes:
    """The body, at most MAX_BODY_BYTES. Raises BodyTooLarge or BodyTooSlow.

    The lean handler brings `read_body`; everywhere else Django has read it already.
    """
    read_body: ReadBody | None = getattr(request, "read_body", None)
    if read_body is not None:
        return await read_body()
    try:
        return request.body
    except RequestDataTooBig:
        raise BodyTooLarge(settings.MAX_BODY_BYTES) from None
    except UnreadablePostError as exc:
        raise SensorsError("The body broke off.", code="bad-request") from exc
