"""The content security policy of every page."""

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client, RequestFactory

from digitaltwin.site.middleware import OPENAPI_POLICY, STRICT_POLICY, content_security_policy

FORM = {"username": "nobody", "password": "wrong"}
HEADER = "Content-Security-Policy"


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/login/", "/admin/", "/", "/nothing", "/api/v1/machines"])
def test_policy_is_strict(path: str) -> None:
    assert Client().get(path)[HEADER] == STRICT_POLICY


def test_policy_has_no_inline_and_no_other_host() -> None:
    assert "unsafe" not in STRICT_POLICY
    assert "http" not in STRICT_POLICY
    assert STRICT_POLICY.startswith("default-src 'self';")


@pytest.mark.parametrize("path", ["/docs", "/redoc"])
def test_policy_of_the_documents_allows_styles(path: str) -> None:
    answer = content_security_policy(lambda request: HttpResponse())

    response = answer(RequestFactory().get(path))

    assert response[HEADER] == OPENAPI_POLICY  # type: ignore[index]
    assert "script-src" not in OPENAPI_POLICY


async def test_policy_in_an_async_stack() -> None:
    async def page(request: HttpRequest) -> HttpResponse:
        return HttpResponse()

    response = await content_security_policy(page)(RequestFactory().get("/"))  # type: ignore[misc]

    assert response[HEADER] == STRICT_POLICY
    assert (await AsyncClient().get("/api/v1/health/live"))[HEADER] == STRICT_POLICY
