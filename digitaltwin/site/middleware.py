"""Content security policy of every response that passes Django's middleware."""

from collections.abc import Awaitable, Callable
from typing import Any, cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

Sync = Callable[[HttpRequest], HttpResponseBase]
Async = Callable[[HttpRequest], Awaitable[HttpResponseBase]]

HEADER = "Content-Security-Policy"
# 'self' includes the page's own WebSocket (CSP level 3).
STRICT_POLICY = (
    "default-src 'self'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
# Swagger UI and ReDoc set inline styles, show images from data URLs and use a worker.
OPENAPI_POLICY = (
    f"{STRICT_POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    "worker-src 'self' blob:"
)
OPENAPI_PATHS = frozenset({"/docs", "/redoc"})


@sync_and_async_middleware
def content_security_policy(get_response: Sync | Async) -> Sync | Async:
    """Allow only scripts, styles and frames of this host, on every page, admin included."""
    if iscoroutinefunction(get_response):

        async def apolicy(request: HttpRequest) -> HttpResponseBase:
            return _with_policy(request, await cast(Async, get_response)(request))

        return apolicy

    def policy(request: HttpRequest) -> HttpResponseBase:
        return _with_policy(request, cast(Sync, get_response)(request))

    return policy


def _with_policy(request: HttpRequest, response: Any) -> HttpResponseBase:
    is_openapi = request.path in OPENAPI_PATHS
    response.headers[HEADER] = OPENAPI_POLICY if is_openapi else STRICT_POLICY
    return cast(HttpResponseBase, response)
