"""Every error under /api/ is a problem, whether the platform, DRF or Django raises it."""

from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import OperationalError
from django.http import Http404
from django.test import Client
from rest_framework import exceptions as drf

from digitaltwin.site.problems import MAX_ERRORS, problem_of
from digitaltwin.site.tests.test_middleware import FORM
from sensors.exceptions import FieldError, InvalidReadings, LogUnavailable, RateLimited

PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("exc", "status", "code"),
    [
        (drf.NotAuthenticated(), 401, "unauthenticated"),
        (drf.AuthenticationFailed(), 401, "unauthenticated"),
        (drf.PermissionDenied(), 403, "permission-denied"),
        (PermissionDenied(), 403, "permission-denied"),
        (drf.NotFound(), 404, "not-found"),
        (Http404(), 404, "not-found"),
        (drf.MethodNotAllowed("PUT"), 405, "method-not-allowed"),
        (drf.NotAcceptable(), 406, "not-acceptable"),
        (drf.UnsupportedMediaType("text/xml"), 415, "unsupported-media-type"),
        (drf.ParseError(), 400, "malformed-json"),
        (drf.Throttled(wait=3), 429, "rate-limited"),
        (RateLimited("Slower."), 429, "rate-limited"),
        (LogUnavailable(), 503, "log-unavailable"),
        (OperationalError("gone"), 503, "database-unavailable"),
        (RuntimeError("a secret"), 500, "internal-error"),
    ],
)
def test_problem_of_each_exception(exc: Exception, status: int, code: str) -> None:
    found = problem_of(exc)

    assert (found.status, found.body["status"], found.body["code"]) == (status, status, code)
    assert found.body["type"] == f"/problems/{code}"
    assert "secret" not in str(found.body)


@pytest.mark.parametrize(
    ("exc", "header", "value"),
    [
        (drf.NotAuthenticated(), "WWW-Authenticate", "Bearer"),
        (drf.Throttled(wait=3), "Retry-After", "3"),
        (LogUnavailable(), "Retry-After", "1"),
        (OperationalError(), "Retry-After", "1"),
    ],
)
def test_problem_headers(exc: Exception, header: str, value: str) -> None:
    assert problem_of(exc).headers == {header: value}


def test_problem_lists_a_hundred_errors_and_counts_all() -> None:
    errors = [FieldError("value", "out-of-range", "Too hot.", index) for index in range(150)]

    body = problem_of(InvalidReadings(errors)).body

    assert (len(body["errors"]), body["error_count"]) == (MAX_ERRORS, 150)
    assert body["code"] == "out-of-range"
    assert body["errors"][0] == {
        "index": 0,
        "field": "value",
        "code": "out-of-range",
        "detail": "Too hot.",
    }


def test_problem_of_nested_fields() -> None:
    nested: Any = {"outer": {"inner_field": [drf.ErrorDetail("Missing.", code="not_there")]}}

    body = problem_of(drf.ValidationError(nested)).body

    assert (body["code"], body["detail"]) == ("not-there", "Missing.")
    assert body["errors"] == [
        {"field": "outer.inner_field", "code": "not-there", "detail": "Missing."}
    ]


@pytest.mark.parametrize("debug", [False, True])
@pytest.mark.parametrize("method", ["get", "post", "put", "delete", "patch"])
@pytest.mark.parametrize("path", ["/api/v1/nothing", "/api/v1/nothing/", "/api/", "/api/v2/x"])
def test_nothing_under_api_is_a_problem(settings: Any, debug: bool, method: str, path: str) -> None:
    settings.DEBUG = debug

    response = getattr(Client(enforce_csrf_checks=True), method)(path)

    assert (response.status_code, response["Content-Type"]) == (404, PROBLEM)


@pytest.mark.django_db
def test_nothing_elsewhere_is_a_page() -> None:
    response = Client().get("/nothing")

    assert response.status_code == 404
    assert response["Content-Type"].startswith("text/html")


def test_wrong_method_names_the_right_ones() -> None:
    response = Client().put("/api/v1/machines")

    assert response.status_code == 405
    assert response["Content-Type"] == PROBLEM
    assert Client().put("/api/v1/health")["Allow"] == "GET, HEAD, OPTIONS"


def test_foreign_host_is_a_problem() -> None:
    response = Client().get("/api/v1/health", headers={"Host": "evil.example"})

    assert (response.status_code, response["Content-Type"]) == (400, PROBLEM)


@pytest.mark.django_db
def test_form_without_csrf_token_is_refused() -> None:
    assert Client(enforce_csrf_checks=True).post("/login/", FORM).status_code == 403


def test_problem_explained() -> None:
    assert "Retry-After" in Client().get("/problems/busy").content.decode()


@pytest.mark.django_db
def test_unknown_problem_is_not_explained() -> None:
    assert Client().get("/problems/nonsense").status_code == 404
