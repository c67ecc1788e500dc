"""The door of the sockets: where a handshake comes from, who opens it, who has lost the right."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs

import structlog
from channels.db import database_sync_to_async
from django.conf import settings
from django.contrib.auth import get_user, get_user_model
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.http import HttpRequest, parse_cookie
from django.utils import timezone

from realtime.identity import Identity
from realtime.protocol import Close
from realtime.sockets.origin import is_trusted_origin
from sensors.access.user_tokens import user_of_token

log = structlog.get_logger(__name__)

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Any, Any, Any], Awaitable[None]]

SEE = "sensors.view_machine"
# SQLite takes so many parameters in one query on every build.
QUERY_NAMES = 500


class Door:
    """Refuses a foreign site before the handshake, and tells the consumer who is there."""

    def __init__(self, inner: App) -> None:
        self._inner = inner

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not is_welcome(scope):
            await receive()
            await send({"type": "websocket.close", "code": Close.NOT_ALLOWED.value})  # HTTP 403
            return
        try:
            identity = await identify(scope)
        except DatabaseError:
            log.exception("socket_user_not_read")
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.close", "code": Close.TRY_AGAIN.value})
            return
        scope["identity"] = identity
        await self._inner(scope, receive, send)


def is_welcome(scope: Scope) -> bool:
    """An Origin must be ours or trusted; without one only a token opens a socket, not a cookie."""
    origins = _headers(scope, b"origin")
    if origins:
        host = (_headers(scope, b"host") or [""])[0]
        return is_trusted_origin(origins, scheme=scope.get("scheme", "ws"), host=host)
    return bool(_token(scope)) or not _session_key(scope)


async def identify(scope: Scope) -> Identity | None:
    """The user of the handshake's token, else of its session; None when there is none."""
    token, session_key = _token(scope), _session_key(scope)
    if not token and not session_key:
        return None
    find, proof = (_by_token, token) if token else (_by_session, session_key)
    found: Identity | None = await database_sync_to_async(find)(proof)
    return found


async def refusals(identities: Iterable[Identity]) -> dict[Identity, Close]:
    """Which of these may no longer see, and the code to close their sockets with."""
    refused: dict[Identity, Close] = await database_sync_to_async(_refusals)(set(identities))
    return refused


def _by_token(token: str) -> Identity | None:
    found = user_of_token(token)
    if found is None:
        return None
    user, expires_us = found
    return Identity(
        user_id=user.pk,
        auth_hash=user.get_session_auth_hash(),
        may_see=user.has_perm(SEE),
        token=token,
        expires_us=expires_us,
    )


def _by_session(session_key: str) -> Identity | None:
    request = HttpRequest()
    request.session = SessionStore(session_key)
    user = get_user(request)
    if isinstance(user, AnonymousUser):
        return None
    return Identity(
        user_id=user.pk,
        auth_hash=user.get_session_auth_hash(),
        may_see=user.has_perm(SEE),
        session_key=session_key,
    )


def _refusals(identities: set[Identity]) -> dict[Identity, Close]:
    users = get_user_model().objects.filter(pk__in={one.user_id for one in identities})
    active = {user.pk: user for user in users if user.is_active}
    sessions = _living_sessions({one.session_key for one in identities if one.session_key})
    refused: dict[Identity, Close] = {}
    for one in identities:
        user = active.get(one.user_id)
        if user is None or _is_over(one, user.get_session_auth_hash(), sessions):
            refused[one] = Close.NOT_AUTHENTICATED
        elif not user.has_perm(SEE):
            refused[one] = Close.NOT_ALLOWED
    return refused


def _is_over(one: Identity, auth_hash: str, sessions: set[str]) -> bool:
    if auth_hash != one.auth_hash:
        return True
    if one.token:
        return user_of_token(one.token) is None
    return one.session_key not in sessions


def _living_sessions(keys: set[str]) -> set[str]:
    names, living = sorted(keys), set()
    for at in range(0, len(names), QUERY_NAMES):
        found = Session.objects.filter(
            session_key__in=names[at : at + QUERY_NAMES], expire_date__gt=timezone.now()
        )
        living |= set(found.values_list("session_key", flat=True))
    return living


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
