"""The OpenAPI schema: valid, complete, and true to its examples."""

import copy
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import pytest
from django.test import Client, RequestFactory
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from jsonschema import Draft202012Validator, FormatChecker

from digitaltwin.openapi.schema import (
    CODES_WITHOUT_OPERATION,
    EMPTY_IMAGE,
    VENDOR_LOGO,
    redoc_script,
)
from digitaltwin.site.problem_pages import MEANINGS
from digitaltwin.site.problems import _DRF_PROBLEMS
from digitaltwin.tests.support.servers import ROOT
from sensors.catalogue.machines import HasReadings
from sensors.exceptions import SensorsError

PROBLEM = "application/problem+json"
# Django's own fallback for errors without a code of the platform.
FALLBACK = {"invalid"}
OPERATIONS = {
    "create_token": [],
    "refresh_token": [],
    "get_health": [],
    "get_live": [],
    "get_ready": [],
    "list_machines": ["userToken", "sessionCookie"],
    "get_machine": ["userToken", "sessionCookie"],
    "get_latest": ["userToken", "sessionCookie"],
    "get_status": ["userToken", "sessionCookie"],
    "list_readings": ["userToken", "sessionCookie"],
    "send_reading": ["deviceKey"],
    "send_batch": ["deviceKey"],
}


@lru_cache
def openapi() -> dict[str, Any]:
    generator: Any = SchemaGenerator  # untyped
    found: dict[str, Any] = generator().get_schema(request=None, public=True)
    return found


def operations() -> Iterator[dict[str, Any]]:
    for methods in openapi()["paths"].values():
        yield from methods.values()


def bodies() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the place and the media type object of every request and response."""
    for operation in operations():
        name = operation["operationId"]
        if "requestBody" in operation:
            yield f"{name} request", operation["requestBody"]["content"]["application/json"]
        for status, response in operation["responses"].items():
            for media in response["content"].values():
                yield f"{name} {status}", media


def strict() -> dict[str, Any]:
    """Return the components with every object closed, so that examples show no unknown field."""
    found: dict[str, Any] = copy.deepcopy(openapi()["components"])
    for schema in found["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return found


def errors_of(schema: dict[str, Any], value: Any) -> list[str]:
    whole = {**schema, "components": strict()}
    validator = Draft202012Validator(whole, format_checker=FormatChecker())
    return [error.message for error in validator.iter_errors(value)]


def codes_of(media: dict[str, Any]) -> set[str]:
    return set(media["schema"]["properties"]["code"]["enum"])


def subclasses(kind: type[SensorsError]) -> Iterator[type[SensorsError]]:
    for one in kind.__subclasses__():
        yield one
        yield from subclasses(one)


def test_document_is_openapi_3_1(capsys: pytest.CaptureFixture[str]) -> None:
    check: Any = validate_schema  # untyped
    check(openapi())

    assert openapi()["openapi"] == "3.1.0"
    assert openapi()["info"]["license"]["identifier"] == "MIT"
    assert capsys.readouterr().err == ""


def test_every_operation_says_what_it_is_and_who_may() -> None:
    found = {
        one["operationId"]: [name for choice in one["security"] for name in choice]
        for one in operations()
    }

    assert found == OPERATIONS
    tags = {tag["name"] for tag in openapi()["tags"]}
    for one in operations():
        assert one["summary"]
        assert one["description"]
        assert set(one["tags"]) <= tags
        assert all(response["description"] for response in one["responses"].values())


def test_every_body_has_examples_of_its_shape() -> None:
    wrong = {
        f"{place}: {name}": found
        for place, media in bodies()
        for name, example in media["examples"].items()
        if (found := errors_of(media["schema"], example["value"]))
    }

    assert wrong == {}
    assert all(media["examples"] for _, media in bodies())


def test_every_parameter_has_a_schema_and_says_what_it_is() -> None:
    for one in operations():
        for parameter in one["parameters"]:
            if "$ref" not in parameter:
                assert parameter["schema"]
                assert parameter["in"] == "path" or parameter["description"]


def test_every_answer_has_the_headers_of_all() -> None:
    for one in operations():
        for status, response in one["responses"].items():
            assert {"X-Request-ID", "X-Process-Time"} <= response["headers"].keys()
            assert ("Retry-After" in response["headers"]) == (
                status in ("429", "503") and PROBLEM in response["content"]
            )


def test_every_code_is_documented_and_has_a_meaning() -> None:
    documented = {
        code
        for place, media in bodies()
        if "code" in media["schema"].get("properties", {})
        for code in codes_of(media)
    }

    assert documented | CODES_WITHOUT_OPERATION | FALLBACK == MEANINGS.keys()


def test_every_code_that_is_raised_has_a_meaning() -> None:
    ours = {one.code for one in subclasses(SensorsError)} - {HasReadings.code}
    raised = {code for _, code, _ in _DRF_PROBLEMS}

    assert ours | raised <= MEANINGS.keys()


def test_guide_lists_every_code_with_its_meaning() -> None:
    guide = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    table = guide.partition("## Every code\n")[2].splitlines()[2:]

    assert table == [f"| `{code}` | {meaning} |" for code, meaning in sorted(MEANINGS.items())]


@pytest.mark.parametrize("path", ["/api/v1/schema", "/docs", "/redoc", "/redoc/script.js"])
@pytest.mark.django_db
def test_documents_are_not_there_unless_wanted(path: str) -> None:
    response = Client().get(path)

    assert response.status_code == 404
    assert response["Content-Type"] == (PROBLEM if "/api/" in path else "text/html; charset=utf-8")


def test_redoc_asks_no_other_host_for_its_picture() -> None:
    script = redoc_script(RequestFactory().get("/redoc/script.js")).content

    assert b'src:"%s"' % EMPTY_IMAGE in script
    assert VENDOR_LOGO not in script
