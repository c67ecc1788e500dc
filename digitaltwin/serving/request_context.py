"""Outermost ASGI wrapper: gives every request an id and measures its processing time."""

import re
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

# ASGI extension of the platform's own server: direct_response.py.
DIRECT_RESPONSE = "digitaltwin.serving.direct_response"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestContext:
    """ASGI wrapper that sets `X-Request-ID` and `X-Process-Time` and binds the id to the log."""

    def __init__(self, inner: App) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request_id = _request_id(scope)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id.decode())
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return

        def context_headers() -> list[tuple[bytes, bytes]]:
            milliseconds = f"{(time.perf_counter() - started) * 1000:.2f}"
            return [(b"x-request-id", request_id), (b"x-process-time", milliseconds.encode())]

        async def send_with_context(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *context_headers()]
            await send(message)

        direct = scope.get("extensions", {}).get(DIRECT_RESPONSE)
        if direct is not None:
            direct.common_headers = context_headers
        await self._inner(scope, receive, send_with_context)


def _request_id(scope: Scope) -> bytes:
    """Return the client's id when it is valid for headers and logs, else a new id."""
    for name, value in scope.get("headers", ()):
        if name == b"x-request-id":
            return value if _REQUEST_ID.fullmatch(value) else _new_request_id()
    return _new_request_id()


def _new_request_id() -> bytes:
    return secrets.token_hex(16).encode()
