"""Identities of sockets: the user behind a token or session, and revocation while open."""

from collections.abc import Iterable

import msgspec
from channels.db import database_sync_to_async
from django.contrib.auth import get_user, get_user_model
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.http import HttpRequest
from django.utils import timezone

from realtime.protocol import Close
from sensors.access.policy import may_view_machines, scope_of, scopes_of
from sensors.access.user_tokens import user_of_token
from sensors.scopes import NOTHING, Scope

# SQLite takes so many parameters in one query on every build.
QUERY_NAMES = 500


class Identity(msgspec.Struct, frozen=True):
    """A user who proved it by a session or by a user token, with the rights he had then.

    `auth_hash` changes with the password; `expires_us` is when the token expires.
    """

    user_id: int
    auth_hash: str
    may_see: bool
    scope: Scope = NOTHING
    session_key: str = ""
    token: str = ""
    expires_us: int | None = None

    def is_over(self, moment_us: int) -> bool:
        return self.expires_us is not None and self.expires_us <= moment_us


async def identify(*, token: str, session_key: str) -> Identity | None:
    """Return the user of the token, else of the session; None without a valid one."""
    if not token and not session_key:
        return None
    find, proof = (_by_token, token) if token else (_by_session, session_key)
    identity: Identity | None = await database_sync_to_async(find)(proof)
    return identity


async def refusals(identities: Iterable[Identity]) -> dict[Identity, Close]:
    """Return those whose login, right or scope is no longer what it was, with the close code.

    A changed scope closes with TRY_AGAIN: the client connects again and gets its new scope.
    """
    refused: dict[Identity, Close] = await database_sync_to_async(_refusals)(set(identities))
    return refused


def _by_token(token: str) -> Identity | None:
    proven = user_of_token(token)
    if proven is None:
        return None
    user, expires_us = proven
    return _identity(user, token=token, expires_us=expires_us)


def _by_session(session_key: str) -> Identity | None:
    request = HttpRequest()
    request.session = SessionStore(session_key)
    user = get_user(request)
    if isinstance(user, AnonymousUser):
        return None
    return _identity(user, session_key=session_key)


def _identity(
    user: User, *, session_key: str = "", token: str = "", expires_us: int | None = None
) -> Identity:
    may_see = may_view_machines(user)
    return Identity(
        user_id=user.pk,
        auth_hash=user.get_session_auth_hash(),
        may_see=may_see,
        scope=scope_of(user) if may_see else NOTHING,
        session_key=session_key,
        token=token,
        expires_us=expires_us,
    )


def _refusals(identities: set[Identity]) -> dict[Identity, Close]:
    users = get_user_model().objects.filter(pk__in={one.user_id for one in identities})
    active = {user.pk: user for user in users if user.is_active}
    scopes = scopes_of(active.values())
    sessions = _living_sessions({one.session_key for one in identities if one.session_key})
    refused: dict[Identity, Close] = {}
    for identity in identities:
        user = active.get(identity.user_id)
        if user is None or _is_over(identity, user.get_session_auth_hash(), sessions):
            refused[identity] = Close.NOT_AUTHENTICATED
        elif not may_view_machines(user):
            refused[identity] = Close.NOT_ALLOWED
        elif scopes[user.pk] != identity.scope:
            refused[identity] = Close.TRY_AGAIN
    return refused


def _is_over(identity: Identity, auth_hash: str, sessions: set[str]) -> bool:
    if auth_hash != identity.auth_hash:
        return True
    if identity.token:
        return user_of_token(identity.token) is None
    return identity.session_key not in sessions


def _living_sessions(keys: set[str]) -> set[str]:
    names, living = sorted(keys), set()
    for first in range(0, len(names), QUERY_NAMES):
        sessions = Session.objects.filter(
            session_key__in=names[first : first + QUERY_NAMES], expire_date__gt=timezone.now()
        )
        living |= set(sessions.values_list("session_key", flat=True))
    return living
