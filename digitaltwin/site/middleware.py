"""What every answer of the full stack carries."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

Sync = Callable[[HttpRequest], HttpResponseBase]
Async = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

HEADER = "Content-Security-Policy"
# 'self' covers the page's own socket, too (CSP level 3).
STRICT = (
    "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
# Swagger UI and ReDoc set styles from their scripts, show pictures as data and use a worker.
DOCUMENTS = (
    f"{STRICT}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src 'self' blob:"
)
DOCUMENT_PATHS = frozenset({"/docs", "/redoc"})


@sync_and_async_middleware
def content_security_policy(get_response: Sync | Async) -> Sync | Async:
    """No script, style, frame or host that is not ours, on every page, admin included."""
    if iscoroutinefunction(get_response):

        async def apolicy(request: HttpRequest) -> HttpResponseBase:
            return _with_policy(request, await cast(Async, get_response)(request))

        return apolicy

    def policy(request: HttpRequest) -> HttpResponseBase:
        return _with_policy(request, cast(Sync, get_response)(request))

    return policy


def _with_policy(request: HttpRequest, response: Any) -> HttpResponseBase:
    response.headers[HEADER] = DOCUMENTS if request.path in DOCUMENT_PATHS else STRICT
    return cast(HttpResponseBase, response)
