"""OpenAPI schema, Swagger UI and ReDoc, all served by this host."""

from functools import cache
from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe
from drf_spectacular.views import (
    SpectacularAPIView,
    SpectacularRedocView,
    SpectacularSwaggerSplitView,
)

from digitaltwin.openapi import health
from digitaltwin.site.problem_pages import MEANINGS
from sensors.api.openapi.parts import PROBLEM_JSON, Part
from sensors.api.openapi.shapes import schemas

DESCRIPTION = """Send readings; read the live twins of the machines and their history.

Devices send with a **device key**, user programs read with a **user token**, browsers with their
session. Times are RFC 3339 and are returned in UTC with microseconds. Unknown fields and
parameters are refused.

Errors are `application/problem+json` (RFC 9457) with a stable `code`; each response below lists
its possible codes. Any other address returns 404 `not-found`, any other method 405
`method-not-allowed` with `Allow`.
"""
TAGS = [
    {"name": "Send readings", "description": "For devices. Accepted readings are durable."},
    {"name": "Read history", "description": "Stored readings, for users and their programs."},
    {"name": "Machines", "description": "The twins with their latest values."},
    {"name": "Tokens", "description": "Access and refresh tokens for user programs."},
    {"name": "Health", "description": "No login required."},
]
# Codes for a wrong address or method, which belong to no operation.
CODES_WITHOUT_OPERATION = frozenset({"not-found", "method-not-allowed"})


def _header(description: str, schema: Part, example: str) -> Part:
    return {"description": description, "schema": schema, "example": example}


_TEXT: Part = {"type": "string"}
_REQUEST_ID: Part = {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"}
_HEADERS = {
    "X-Request-ID": _header(
        "That of the request if it is valid, otherwise a new one.", _REQUEST_ID, "press-7.000123"
    ),
    "X-Process-Time": _header(
        "Processing time in milliseconds.", {"type": "string", "pattern": r"^\d+\.\d\d$"}, "2.41"
    ),
    "RateLimit-Policy": _header(
        "Requests (q) per time window in seconds (w); absent while no limit is set.",
        _TEXT,
        '"device-key";q=6000;w=60',
    ),
    "RateLimit": _header(
        "Remaining requests (r) and seconds until the full number is available (t).",
        _TEXT,
        '"device-key";r=5993;t=41',
    ),
    "Retry-After": _header("Seconds to wait.", {"type": "string", "pattern": r"^\d+$"}, "1"),
    "WWW-Authenticate": _header("`Bearer`.", _TEXT, "Bearer"),
}
_SECURITY = {
    "deviceKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "dt_<prefix>.<secret>",
        "description": "Created with `python manage.py device_key create` or in Admin.",
    },
    "userToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "The `access` token from `POST /api/v1/auth/token`.",
    },
    "sessionCookie": {
        "type": "apiKey",
        "in": "cookie",
        "name": "sessionid",
        "description": "The session of a browser that is logged in at `/login/`.",
    },
}
_PARAMETERS = {
    "X-Request-ID": {
        "name": "X-Request-ID",
        "in": "header",
        "schema": _TEXT,
        "description": "Returned and logged if it is 1 to 64 characters of `A-Za-z0-9._-`.",
        "example": "press-7.000123",
    }
}


def complete_schema(result: Part, **context: Any) -> Part:
    """Add components and the meanings of errors (a postprocessing hook of drf-spectacular)."""
    result["info"]["description"] = DESCRIPTION
    result["tags"] = TAGS
    result["components"] = {
        "schemas": schemas() | health.SCHEMAS,
        "headers": _HEADERS,
        "parameters": _PARAMETERS,
        "securitySchemes": _SECURITY,
    }
    for operations in result["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                _describe_problem(int(status), response)
    return result


def _describe_problem(status: int, response: Part) -> None:
    """Give each code of a problem a line of the description and an example."""
    problem = response.get("content", {}).get(PROBLEM_JSON)
    if problem is None:
        return
    codes = problem["schema"]["properties"]["code"]["enum"]
    response["description"] = "\n".join(f"- `{code}`: {MEANINGS[code]}" for code in codes)
    problem["examples"] = {code: {"value": _example(status, code)} for code in codes}


def _example(status: int, code: str) -> Part:
    return {
        "type": f"/problems/{code}",
        "title": code.replace("-", " ").capitalize(),
        "status": status,
        "detail": MEANINGS[code],
        "code": code,
        "request_id": _HEADERS["X-Request-ID"]["example"],
    }


class SchemaView(SpectacularAPIView):
    """The OpenAPI schema; it does not list itself as an operation."""

    schema = None


REDOC_SCRIPT = "drf_spectacular_sidecar/redoc/bundles/redoc.standalone.js"
# ReDoc loads a logo from its vendor's host and hides the image when that fails.
VENDOR_LOGO, EMPTY_IMAGE = b"https://cdn.redoc.ly/redoc/logo-mini.svg", b"data:,"


@require_safe
@cache_control(max_age=3600)
def redoc_script(request: HttpRequest) -> HttpResponse:
    """Serve ReDoc's script, changed to request nothing from other hosts."""
    return HttpResponse(_redoc_script(), content_type="text/javascript; charset=utf-8")


@cache
def _redoc_script() -> bytes:
    path: Any = finders.find(REDOC_SCRIPT)
    return Path(path).read_bytes().replace(VENDOR_LOGO, EMPTY_IMAGE)


urlpatterns: list[URLPattern] = [
    path("api/v1/schema", SchemaView.as_view(), name="schema"),
    # "Split" serves its start script from an address, because the policy forbids inline scripts.
    path("docs", SpectacularSwaggerSplitView.as_view(url_name="schema"), name="docs"),
    path("redoc", SpectacularRedocView.as_view(url_name="schema"), name="redoc"),
    path("redoc/script.js", redoc_script, name="redoc-script"),
]
