"""User tokens: who a bearer token of a person stands for."""

from threading import Lock
from typing import Any, cast
from weakref import WeakValueDictionary

import rest_framework_simplejwt.state  # noqa: F401 - not at the first token
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

_LINES: WeakValueDictionary[tuple[str, str], Lock] = WeakValueDictionary()
_LINES_LOCK = Lock()


class UserTokenAuthentication(JWTAuthentication):
    """`Authorization: Bearer <access token>`.

    Raises AuthenticationFailed when the token is not ours or is over, and when its user is
    inactive, has logged out or has another password since.
    """

    def get_user(self, validated_token: Token) -> User:  # type: ignore[override]
        try:
            user = cast(User, super().get_user(validated_token))
        except (ValueError, OverflowError) as exc:  # a user id that no database can hold
            raise AuthenticationFailed("The token does not belong to a user.") from exc
        if validated_token.get(VERSION_CLAIM, 0) != _version(user):
            raise AuthenticationFailed("The user has logged out since the token was issued.")
        return user

    def authenticate_header(self, request: Any) -> str:
        return "Bearer"


def user_of_token(token: str) -> tuple[User, int] | None:
    """The user of an access token and when it is over (microseconds); None when not valid."""
    authentication = UserTokenAuthentication()
    try:
        validated = authentication.get_validated_token(token.encode())
        user = authentication.get_user(validated)
    except (AuthenticationFailed, UnicodeError):
        return None
    return user, int(validated["exp"]) * SECOND_US


def new_refresh_token(user: User) -> RefreshToken:
    """The longer token of a login; its access tokens bear the same version."""
    token = RefreshToken.for_user(user)
    token[VERSION_CLAIM] = _version(user)
    return token


def end_tokens(user: User) -> None:
    """All tokens that this user has are over."""
    TokenVersion.objects.update_or_create(
        user=user, defaults={"version": F("version") + 1}, create_defaults={"version": 1}
    )


def _version(user: User) -> int:
    return TokenVersion.objects.filter(user=user).values_list("version", flat=True).first() or 0


def line_of(request: HttpRequest, username: str) -> Lock:
    """Where the logins of this user from this address wait for each other in this process.

    django-axes looks at the count before a password is checked and counts after it: guesses at
    the same moment would all be checked.
    """
    key = (username, request.META.get("REMOTE_ADDR", ""))
    with _LINES_LOCK:
        line = _LINES.get(key)
        if line is None:
            line = _LINES[key] = Lock()
    return line


def take_lockout(request: HttpRequest) -> bool:
    """Whether django-axes refused this login for too many failures.

    Takes the mark off the request, so that our own answer stands instead of axes' page.
    """
    locked = bool(getattr(request, "axes_locked_out", False))
    request.axes_locked_out = False  # type: ignore[attr-defined]
    return locked


def forget_failures(request: HttpRequest, user: User) -> None:
    """After a login that opens no session; django-axes hears of the others by itself."""
    reset(ip=request.axes_ip_address, username=user.get_username())  # type: ignore[attr-defined]
