"""RFC 9457: every error under /api/ leaves as application/problem+json, made here from its code."""

import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
import structlog
from django.core.exceptions import PermissionDenied
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.views import csrf, defaults
from rest_framework import exceptions as drf
from rest_framework.renderers import JSONRenderer
from rest_framework.response import Response

from sensors.exceptions import FieldError, InvalidReadings, SensorsError

log = structlog.get_logger(__name__)

CONTENT_TYPE = "application/problem+json"
API_PREFIX = "/api/"
MAX_ERRORS = 100  # listed; `error_count` counts all
RETRY = {"Retry-After": "1"}

# (code, title) of what Django and DRF raise; the first class that fits is taken.
_RAISED: tuple[tuple[type[drf.APIException], str, str], ...] = (
    (drf.NotAuthenticated, "unauthenticated", "Authentication required"),
    (drf.AuthenticationFailed, "unauthenticated", "Authentication failed"),
    (drf.PermissionDenied, "permission-denied", "Your role does not allow this"),
    (drf.NotFound, "not-found", "Not found"),
    (drf.MethodNotAllowed, "method-not-allowed", "Method not allowed"),
    (drf.NotAcceptable, "not-acceptable", "Only JSON is available"),
    (drf.UnsupportedMediaType, "unsupported-media-type", "Unsupported media type"),
    (drf.ParseError, "malformed-json", "The request body cannot be read"),
    (drf.Throttled, "rate-limited", "Too many requests"),
    (drf.ValidationError, "invalid", "Invalid request"),
)


class Problem(msgspec.Struct, frozen=True):
    """An answer that is an error: its status, its body and its headers."""

    status: int
    body: dict[str, Any]
    headers: dict[str, str]


def problem(
    status: int,
    code: str,
    title: str,
    detail: str,
    *,
    errors: Iterable[FieldError] = (),
    error_count: int | None = None,
) -> dict[str, Any]:
    """The body of a problem; at most 100 errors are listed, `error_count` counts all of them."""
    listed = [_field_error(error) for error in errors]
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": structlog.contextvars.get_contextvars().get("request_id"),
    }
    if listed:
        body["errors"] = listed[:MAX_ERRORS]
        body["error_count"] = len(listed) if error_count is None else error_count
    return body


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """DRF's EXCEPTION_HANDLER."""
    found = problem_of(exc)
    # Whatever the view answers in, a problem is JSON.
    context["request"].accepted_renderer = JSONRenderer()
    context["request"].accepted_media_type = JSONRenderer.media_type
    return Response(found.body, found.status, headers=found.headers, content_type=CONTENT_TYPE)


def problem_response(exc: Exception) -> HttpResponse:
    """The same answer where there is no DRF view around."""
    found = problem_of(exc)
    return HttpResponse(
        msgspec.json.encode(found.body),
        content_type=CONTENT_TYPE,
        status=found.status,
        headers=found.headers,
    )


def problem_of(exc: Exception) -> Problem:
    """What to answer to this exception; one that nobody foresaw is logged with its traceback."""
    if isinstance(exc, SensorsError):
        return _ours(exc)
    if isinstance(exc, Http404):
        exc = drf.NotFound("There is no resource at this address.")
    elif isinstance(exc, PermissionDenied):
        exc = drf.PermissionDenied()
    if isinstance(exc, drf.APIException):
        return _raised(exc)
    if isinstance(exc, OperationalError | InterfaceError):
        log.warning("database_unavailable", error=str(exc))
        return _problem(503, "database-unavailable", "The database cannot be reached", RETRY)
    log.error("request_failed", exc_info=exc)
    return _problem(500, "internal-error", "Internal error", {})


def _problem(status: int, code: str, title: str, headers: dict[str, str]) -> Problem:
    detail = "Try again in a second." if headers else "The error is logged under this request_id."
    return Problem(status, problem(status, code, title, detail), headers)


def _ours(exc: SensorsError) -> Problem:
    errors = exc.errors if isinstance(exc, InvalidReadings) else ()
    body = problem(exc.status, exc.code, exc.title, exc.detail, errors=errors)
    return Problem(exc.status, body, exc.headers)


def _raised(exc: drf.APIException) -> Problem:
    code, title = next(
        ((code, title) for kind, code, title in _RAISED if isinstance(exc, kind)),
        ("invalid", "Invalid request"),
    )
    errors = list(_flat(exc.get_full_details(), "")) if code == "invalid" else []
    headers = {}
    if code == "unauthenticated":
        headers["WWW-Authenticate"] = "Bearer"
    if getattr(exc, "wait", None):
        headers["Retry-After"] = str(round(exc.wait))  # type: ignore[attr-defined]
    status = 401 if code == "unauthenticated" else exc.status_code
    if errors:
        code, detail = errors[0].code, errors[0].detail
    else:
        detail = _sentence(exc.detail)
    return Problem(status, problem(status, code, title, detail, errors=errors), headers)


def _sentence(detail: Any) -> str:
    return _sentence(detail.get("detail", "")) if isinstance(detail, dict) else str(detail)


def _flat(details: Any, field: str) -> Iterable[FieldError]:
    """DRF's nested details as one list; names joined by dots."""
    if isinstance(details, list):
        for one in details:
            yield from _flat(one, field)
    elif "message" in details and "code" in details:
        code = str(details["code"]).replace("_", "-")
        yield FieldError(field=field, code=code, detail=str(details["message"]))
    else:
        for name, one in details.items():
            yield from _flat(one, f"{field}.{name}" if field else str(name))


def _field_error(error: FieldError) -> dict[str, Any]:
    index = {} if error.index is None else {"index": error.index}
    return index | {"field": error.field, "code": error.code, "detail": error.detail}


# What Django answers itself: problems under /api/, its own pages elsewhere.


def is_api(request: HttpRequest) -> bool:
    return request.path.startswith(API_PREFIX)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if is_api(request):
        return problem_response(Http404())
    return defaults.page_not_found(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if is_api(request):
        return problem_response(drf.PermissionDenied())
    return defaults.permission_denied(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponseBase:
    if is_api(request):
        return problem_response(
            SensorsError("Invalid request, often the Host header.", code="bad-request")
        )
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponseBase:
    """Django logs the exception; while the database is away the answer is 503."""
    exc = sys.exc_info()[1]
    if is_api(request):
        return problem_response(exc if isinstance(exc, Exception) else RuntimeError())
    response = defaults.server_error(request)
    if isinstance(exc, OperationalError | InterfaceError):
        response.status_code = 503
        response["Retry-After"] = RETRY["Retry-After"]
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Django's CSRF_FAILURE_VIEW."""
    if is_api(request):
        return problem_response(drf.PermissionDenied(f"CSRF failed: {reason}"))
    view: Callable[..., HttpResponseBase] = csrf.csrf_failure
    return view(request, reason)
