"""HTTP requests of devices before their content: method, key, media type, size, options.

The device handler makes a DeviceRequest of an ASGI scope, Django's test client of an HttpRequest.
"""

from collections.abc import Awaitable, Callable

import msgspec
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, QueryDict
from django.http.request import UnreadablePostError
from django.utils.http import parse_header_parameters

from sensors.exceptions import SensorsError
from sensors.ingest.pipeline import IngestOptions

JSON = "application/json"


class DeviceRequest(msgspec.Struct, frozen=True):
    """The method, the headers and query that matter here, and a way to read the body.

    `read_body` raises BodyTooLarge, BodyTooSlow, or SensorsError for one that broke off.
    """

    method: str
    read_body: Callable[[], Awaitable[bytes]]
    authorization: str = ""
    content_type: str = ""
    content_encoding: str = ""
    query: str = ""


class DeviceAnswer(msgspec.Struct, frozen=True):
    """A status, a body, and the headers except Content-Length."""

    status: int
    body: bytes
    headers: dict[str, str]


def of_django(request: HttpRequest) -> DeviceRequest:
    """Make the request of one that came through Django's own handlers."""
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
        # The rest of the body is not read.
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


def parse_options(query: str) -> IngestOptions:
    """Parse `?ack=logged|stored&partial=false|true`. Raises InvalidParameter."""
    if not query:
        return _DEFAULT
    parameters = QueryDict(query)
    ack = _one_of(parameters, "ack", ("logged", "stored"))
    partial = _one_of(parameters, "partial", ("false", "true"))
    return IngestOptions(ack_stored=ack == "stored", partial=partial == "true")


_DEFAULT = IngestOptions()


def _one_of(query: QueryDict, name: str, allowed: tuple[str, str]) -> str:
    value = query.get(name, allowed[0])
    if not isinstance(value, str) or value not in allowed:
        raise InvalidParameter(f"Expected {name} to be {' or '.join(allowed)}, got {value[:60]!a}.")
    return value


def check_content_type(request: DeviceRequest) -> None:
    """Accept JSON in UTF-8, not compressed. Raises UnsupportedMediaType."""
    if request.content_encoding.strip().lower() not in ("", "identity"):
        raise UnsupportedMediaType(
            "Compressed bodies are not supported.", code="unsupported-encoding"
        )
    if request.content_type == JSON:
        return
    try:
        kind, parameters = parse_header_parameters(request.content_type)
    except ValueError:  # an RFC 2231 charset that does not exist
        raise UnsupportedMediaType(f"Expected Content-Type: {JSON}.") from None
    if kind != JSON:
        raise UnsupportedMediaType(f"Expected Content-Type: {JSON}.")
    charset = parameters.get("charset", "utf-8")
    if charset.strip("\"'").lower() not in ("utf-8", "utf8", "us-ascii"):
        raise UnsupportedMediaType("Expected charset utf-8.", code="unsupported-charset")
