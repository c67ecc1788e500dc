"""The handshake of a socket: check its origin and identify its user."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import structlog
from django.conf import settings
from django.db import DatabaseError
from django.http import parse_cookie

from realtime.access import identify
from realtime.protocol import Close
from realtime.sockets.origin import is_trusted_origin

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]


class HandshakeMiddleware:
    """Refuse foreign origins before the handshake; give the consumer the identity."""

    def __init__(self, inner: App) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not may_connect(scope):
            await receive()
            await send({"type": "websocket.close", "code": Close.NOT_ALLOWED.value})  # HTTP 403
            return
        try:
            identity = await identify(token=_token(scope), session_key=_session_key(scope))
        except DatabaseError:
            log.exception("socket_user_not_read")
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": Close.TRY_AGAIN.value})
            return
        scope["identity"] = identity
        await self._inner(scope, receive, send)


def may_connect(scope: Scope) -> bool:
    """Return whether the origin is ours or trusted; without one, a token opens but no cookie."""
    origins = _headers(scope, b"origin")
    if origins:
        host = (_headers(scope, b"host") or [""])[0]
        return is_trusted_origin(origins, scheme=scope.get("scheme", "ws"), host=host)
    return bool(_token(scope)) or not _session_key(scope)


def _headers(scope: Scope, name: bytes) -> list[str]:
    return [value.decode("latin-1") for key, value in scope["headers"] if key == name]


def _token(scope: Scope) -> str:
    for value in _headers(scope, b"authorization"):
        scheme, _, token = value.partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
    query: bytes = scope.get("query_string", b"")
    return parse_qs(query.decode("latin-1")).get("token", [""])[0]


def _session_key(scope: Scope) -> str:
    for value in _headers(scope, b"cookie"):
        if settings.SESSION_COOKIE_NAME in (cookies := parse_cookie(value)):
            return str(cookies[settings.SESSION_COOKIE_NAME])
    return ""
