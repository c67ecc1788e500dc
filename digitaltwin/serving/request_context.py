"""The outermost wrapper: every request has an id, and its answer says how long it took."""

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

# The scope's extension where our own server runs: exchange.py.
DIRECT_RESPONSE = "digitaltwin.serving.direct_response"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")


class RequestContext:
    """Echoes or makes `X-Request-ID`, binds it to the log, and adds `X-Process-Time`."""

    def __init__(self, inner: App) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began = time.perf_counter()
        request_id = _request_id(scope)
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request_id.decode())
        if scope["type"] != "http":
            await self._inner(scope, receive, send)
            return

        def facts() -> list[tuple[bytes, bytes]]:
            milliseconds = f"{(time.perf_counter() - began) * 1000:.2f}"
            return [(b"x-request-id", request_id), (b"x-process-time", milliseconds.encode())]

        async def send_with_facts(message: dict[str, Any]) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *facts()]
            await send(message)

        exchange = scope.get("extensions", {}).get(DIRECT_RESPONSE)
        if exchange is not None:
            exchange.more_headers = facts
        await self._inner(scope, receive, send_with_facts)


def _request_id(scope: Scope) -> bytes:
    """The client's own when it is fit for headers and logs, else a new one."""
    for name, value in scope.get("headers", ()):
        if name == b"x-request-id":
            return value if _REQUEST_ID.fullmatch(value) else _new()
    return _new()


def _new() -> bytes:
    return secrets.token_hex(16).encode()
