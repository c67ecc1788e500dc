"""What a device's request is before its content is looked at: key, type, size, options.

Both doors make the same of it: the lean handler of an ASGI scope, Django's of its HttpRequest.
"""

from collections.abc import Awaitable, Callable

import msgspec
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.request import UnreadablePostError
from django.utils.http import parse_header_parameters

from sensors.exceptions import SensorsError

JSON = "application/json"


class DeviceRequest(msgspec.Struct, frozen=True):
    """The method, the raw headers and query that matter here, and the body when it is wanted.

    `read_body` raises BodyTooLarge, BodyTooSlow, or SensorsError for one that broke off.
    """

    method: str
    read_body: Callable[[], Awaitable[bytes]]
    authorization: str = ""
    content_type: str = ""
    content_encoding: str = ""
    query: str = ""


class DeviceAnswer(msgspec.Struct, frozen=True):
    """A status, a body, and its headers but for the body's length."""

    status: int
    body: bytes
    headers: dict[str, str]


def of_django(request: HttpRequest) -> DeviceRequest:
    """The request as it comes through Django's own handlers."""
    meta = request.META

    async def read_body() -> bytes:
        try:
            return request.body
        except RequestDataTooBig:
            raise BodyTooLarge(settings.MAX_BODY_BYTES) from None
        except UnreadablePostError as exc:
            raise SensorsError("The request body ended too early.", code="bad-request") from exc

    return DeviceRequest(
        request.method or "",
        read_body,
        authorization=meta.get("HTTP_AUTHORIZATION", ""),
        content_type=meta.get("CONTENT_TYPE", ""),
        content_encoding=meta.get("HTTP_CONTENT_ENCODING", ""),
        query=meta.get("QUERY_STRING", ""),
    )


def to_django(answer: DeviceAnswer) -> HttpResponse:
    return HttpResponse(answer.body, status=answer.status, headers=answer.headers)


class BodyTooLarge(SensorsError):
    status = 413
    code = "body-too-large"
    title = "Request body too large"

    def __init__(self, limit: int) -> None:
        # Nobody wants the rest of it.
        super().__init__(f"Expected at most {limit} bytes.", headers={"Connection": "close"})


class BodyTooSlow(SensorsError):
    status = 408
    code = "request-timeout"
    title = "Request body too slow"

    def __init__(self, seconds: float) -> None:
        detail = f"Expected the whole body within {seconds:g} s."
        super().__init__(detail, headers={"Connection": "close"})


class MethodNotAllowed(SensorsError):
    status = 405
    code = "method-not-allowed"
    title = "Method not allowed"

    def __init__(self, method: str | None, allowed: str) -> None:
        super().__init__(f"Expected {allowed}, got {method}.", headers={"Allow": allowed})


class UnsupportedMediaType(SensorsError):
    status = 415
    code = "unsupported-media-type"
    title = "Unsupported media type"


class InvalidParameter(SensorsError):
    code = "invalid-parameter"
    title = "Invalid query parameters"


class Options(msgspec.Struct, frozen=True):
    """The query of a request: what to wait for, and whether good rows go without the bad."""

    ack_stored: bool
    partial: bool


def options(query: str) -> Options:
    """Raises InvalidParameter."""
    if not query:
        return _DEFAULT
    given = QueryDict(query)
    ack = _one_of(given, "ack", ("logged", "stored"))
    partial = _one_of(given, "partial", ("false", "true"))
    return Options(ack == "stored", partial == "true")


_DEFAULT = Options(ack_stored=False, partial=False)


def _one_of(query: QueryDict, name: str, allowed: tuple[str, str]) -> str:
    value = query.get(name, allowed[0])
    if not isinstance(value, str) or value not in allowed:
        raise InvalidParameter(f"Expected {name} to be {' or '.join(allowed)}, got {value[:60]!a}.")
    return value


def check_content_type(request: DeviceRequest) -> None:
    """JSON in UTF-8, not compressed. Raises UnsupportedMediaType."""
    if request.content_encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType(
            "Compressed bodies are not supported.", code="unsupported-encoding"
        )
    if request.content_type == JSON:
        return
    try:
        kind, parameters = parse_header_parameters(request.content_type)
    except ValueError:  # an RFC 2231 charset that is none
        raise UnsupportedMediaType(f"Expected Content-Type: {JSON}.") from None
    if kind != JSON:
        raise UnsupportedMediaType(f"Expected Content-Type: {JSON}.")
    charset = parameters.get("charset", "utf-8")
    if charset.strip("\"'").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("Expected charset utf-8.", code="unsupported-charset")
