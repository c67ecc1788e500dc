"""RFC 9457 problems: every error under /api/ is answered as application/problem+json."""

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
MAX_ERRORS = 100  # listed in a problem; `error_count` counts all
RETRY = {"Retry-After": "1"}

# Codes and titles of DRF's exceptions; the first matching class counts.
_DRF_PROBLEMS: tuple[tuple[type[drf.APIException], str, str], ...] = (
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
    """An error response: status, body and headers."""

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
    """Build the body of a problem; it lists at most MAX_ERRORS errors and counts all of them."""
    field_errors = [_field_error(error) for error in errors]
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": structlog.contextvars.get_contextvars().get("request_id"),
    }
    if field_errors:
        body["errors"] = field_errors[:MAX_ERRORS]
        body["error_count"] = len(field_errors) if error_count is None else error_count
    return body


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> Response:
    """Answer an exception of a DRF view by a problem (DRF's EXCEPTION_HANDLER)."""
    answered = problem_of(exc)
    # A problem is JSON, whatever renderer the view negotiated.
    context["request"].accepted_renderer = JSONRenderer()
    context["request"].accepted_media_type = JSONRenderer.media_type
    return Response(
        answered.body, answered.status, headers=answered.headers, content_type=CONTENT_TYPE
    )


def problem_response(exc: Exception) -> HttpResponse:
    """Answer an exception by a problem outside DRF views."""
    answered = problem_of(exc)
    return HttpResponse(
        msgspec.json.encode(answered.body),
        content_type=CONTENT_TYPE,
        status=answered.status,
        headers=answered.headers,
    )


def problem_of(exc: Exception) -> Problem:
    """Convert an exception to a problem; an unexpected one is logged with its traceback."""
    if isinstance(exc, SensorsError):
        return _sensors_problem(exc)
    if isinstance(exc, Http404):
        exc = drf.NotFound("There is no resource at this address.")
    elif isinstance(exc, PermissionDenied):
        exc = drf.PermissionDenied()
    if isinstance(exc, drf.APIException):
        return _drf_problem(exc)
    if isinstance(exc, OperationalError | InterfaceError):
        log.warning("database_unavailable", error=str(exc))
        return _server_problem(503, "database-unavailable", "The database cannot be reached", RETRY)
    log.error("request_failed", exc_info=exc)
    return _server_problem(500, "internal-error", "Internal error", {})


def _server_problem(status: int, code: str, title: str, headers: dict[str, str]) -> Problem:
    detail = "Try again in a second." if headers else "The error is logged under this request_id."
    return Problem(status, problem(status, code, title, detail), headers)


def _sensors_problem(exc: SensorsError) -> Problem:
    errors = exc.errors if isinstance(exc, InvalidReadings) else ()
    body = problem(exc.status, exc.code, exc.title, exc.detail, errors=errors)
    return Problem(exc.status, body, exc.headers)


def _drf_problem(exc: drf.APIException) -> Problem:
    code, title = next(
        ((code, title) for kind, code, title in _DRF_PROBLEMS if isinstance(exc, kind)),
        ("invalid", "Invalid request"),
    )
    errors = list(_field_errors(exc.get_full_details(), "")) if code == "invalid" else []
    headers = {}
    if code == "unauthenticated":
        headers["WWW-Authenticate"] = "Bearer"
    if getattr(exc, "wait", None):
        headers["Retry-After"] = str(round(exc.wait))  # type: ignore[attr-defined]
    status = 401 if code == "unauthenticated" else exc.status_code
    if errors:
        code, detail = errors[0].code, errors[0].detail
    else:
        detail = _detail_text(exc.detail)
    return Problem(status, problem(status, code, title, detail, errors=errors), headers)


def _detail_text(detail: Any) -> str:
    return _detail_text(detail.get("detail", "")) if isinstance(detail, dict) else str(detail)


def _field_errors(details: Any, field: str) -> Iterable[FieldError]:
    """Flatten DRF's nested details; the names of nested fields are joined by dots."""
    if isinstance(details, list):
        for item in details:
            yield from _field_errors(item, field)
    elif "message" in details and "code" in details:
        code = str(details["code"]).replace("_", "-")
        yield FieldError(field=field, code=code, detail=str(details["message"]))
    else:
        for name, nested in details.items():
            yield from _field_errors(nested, f"{field}.{name}" if field else str(name))


def _field_error(error: FieldError) -> dict[str, Any]:
    index = {} if error.index is None else {"index": error.index}
    return index | {"field": error.field, "code": error.code, "detail": error.detail}


# Handlers of Django's own errors: problems under /api/, HTML pages elsewhere.


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
    """Answer an uncaught exception, which Django has logged; 503 while the database is away."""
    exc = sys.exc_info()[1]
    if is_api(request):
        return problem_response(exc if isinstance(exc, Exception) else RuntimeError())
    response = defaults.server_error(request)
    if isinstance(exc, OperationalError | InterfaceError):
        response.status_code = 503
        response["Retry-After"] = RETRY["Retry-After"]
    return response


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponseBase:
    """Answer a failed CSRF check (Django's CSRF_FAILURE_VIEW)."""
    if is_api(request):
        return problem_response(drf.PermissionDenied(f"CSRF failed: {reason}"))
    view: Callable[..., HttpResponseBase] = csrf.csrf_failure
    return view(request, reason)
