"""User tokens: the user behind a bearer token, and the lock-out of guesses at logins."""

from threading import Lock
from typing import Any, cast
from weakref import WeakValueDictionary

import rest_framework_simplejwt.state  # noqa: F401 - now, not at the first token
from axes.utils import reset
from django.contrib.auth.models import User
from django.db.models import F
from django.http import HttpRequest
from django.utils.translation import gettext_noop
from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.tokens import RefreshToken, Token

from sensors.models import TokenVersion
from sensors.timestamps import SECOND_US

VERSION_CLAIM = "version"

# Five failures lock user and address for so long (docs/people.md).
LOCKED_OUT_SECONDS = 900
LOCKED_OUT = gettext_noop("Too many failed attempts. Try again in 15 minutes.")

_LOGIN_LOCKS: WeakValueDictionary[tuple[str, str], Lock] = WeakValueDictionary()
_LOGIN_LOCKS_LOCK = Lock()


class UserTokenAuthentication(JWTAuthentication):
    """`Authorization: Bearer <access token>`.

    Raises AuthenticationFailed when the token is not ours or has expired, and when its user is
    inactive, or has logged out or changed the password since.
    """

    def get_user(self, validated_token: Token) -> User:  # type: ignore[override]
        """Return the user of a valid token. Raises AuthenticationFailed."""
        try:
            user = cast(User, super().get_user(validated_token))
        except (ValueError, OverflowError) as exc:  # a user id that no database can hold
            raise AuthenticationFailed("The token does not belong to a user.") from exc
        if validated_token.get(VERSION_CLAIM, 0) != _version(user):
            raise AuthenticationFailed("The user has logged out since the token was issued.")
        return user

    def authenticate_header(self, request: Any) -> str:
        """Return the scheme that a 401 asks for."""
        return "Bearer"


def user_of_token(token: str) -> tuple[User, int] | None:
    """Return the user of an access token and its expiry (microseconds); None when invalid."""
    authentication = UserTokenAuthentication()
    try:
        validated = authentication.get_validated_token(token.encode())
        user = authentication.get_user(validated)
    except (AuthenticationFailed, UnicodeError):
        return None
    return user, int(validated["exp"]) * SECOND_US


def new_refresh_token(user: User) -> RefreshToken:
    """Make the refresh token of a login; its access tokens have the same version."""
    token = RefreshToken.for_user(user)
    token[VERSION_CLAIM] = _version(user)
    return token


def end_tokens(user: User) -> None:
    """End all tokens of this user."""
    TokenVersion.objects.update_or_create(
        user=user, defaults={"version": F("version") + 1}, create_defaults={"version": 1}
    )


def _version(user: User) -> int:
    return TokenVersion.objects.filter(user=user).values_list("version", flat=True).first() or 0


def login_lock(request: HttpRequest, username: str) -> Lock:
    """Return the lock that serializes the logins of a user from an address in this process.

    django-axes looks at the count before a password is checked and counts after it: without the
    lock, guesses at the same moment would all be checked.
    """
    key = (username, request.META.get("REMOTE_ADDR", ""))
    with _LOGIN_LOCKS_LOCK:
        lock = _LOGIN_LOCKS.get(key)
        if lock is None:
            lock = _LOGIN_LOCKS[key] = Lock()
    return lock


def pop_lockout(request: HttpRequest) -> bool:
    """Return whether django-axes refused this login for too many failures.

    Removes the mark from the request, so that our own answer is sent instead of axes' page.
    """
    locked = bool(getattr(request, "axes_locked_out", False))
    request.axes_locked_out = False  # type: ignore[attr-defined]
    return locked


def forget_failures(request: HttpRequest, user: User) -> None:
    """Reset the failures after a login without a session; axes sees the other logins itself."""
    reset(ip=request.axes_ip_address, username=user.get_username())  # type: ignore[attr-defined]
