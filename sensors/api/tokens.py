"""User tokens for programs: a password for two tokens, the refresh token for new ones."""

import re
from collections.abc import Mapping
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.http import HttpRequest
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import RefreshToken

from sensors.access.user_tokens import (
    LOCKED_OUT,
    LOCKED_OUT_SECONDS,
    UserTokenAuthentication,
    forget_failures,
    login_lock,
    new_refresh_token,
    pop_lockout,
)
from sensors.exceptions import MalformedBody, SensorsError
from sensors.gateways.http.requests import BodyTooLarge
from sensors.ingest.json_body import parse_json
from sensors.ingest.strict_fields import StrictField, StrictSerializer
from sensors.openapi import described_by

# No user name contains control characters, and databases refuse NUL; a lone surrogate has no
# form in UTF-8.
_UNFIT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class TextField(StrictField):
    """A text that a database and a hash accept; never repeated in the answer."""

    default_error_messages = {
        "too-long": "Expected at most {longest} characters.",
        "blank": "Expected a string that is not empty.",
        "control-character": "Expected valid Unicode without control characters.",
    }

    def __init__(self, *, longest: int) -> None:
        super().__init__()
        self.longest = longest

    def rule(self, data: str) -> str:
        if not data:
            self.fail("blank")
        if len(data) > self.longest:
            self.fail("too-long", longest=self.longest)
        if _UNFIT.search(data):
            self.fail("control-character")
        return data


class CredentialsSerializer(StrictSerializer):
    username = TextField(longest=150)
    password = TextField(longest=4096)


class RefreshSerializer(StrictSerializer):
    refresh = TextField(longest=4096)


class LockedOut(SensorsError):
    status = 429
    code = "locked-out"
    title = "Too many failed logins"

    def __init__(self) -> None:
        super().__init__(LOCKED_OUT, headers={"Retry-After": str(LOCKED_OUT_SECONDS)})


class RawJSONParser(BaseParser):
    """Returns the bytes of a JSON body; the view decodes them by its serializer.

    Raises BodyTooLarge: Django applies its own limit only where it reads the body itself.
    """

    media_type = "application/json"

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        body = stream.read(settings.MAX_BODY_BYTES + 1)
        if len(body) > settings.MAX_BODY_BYTES:
            raise BodyTooLarge(settings.MAX_BODY_BYTES)
        return body


class TokenEndpoint(APIView):
    """An endpoint without a login: it is the login."""

    authentication_classes = (UserTokenAuthentication,)
    permission_classes = ()
    parser_classes = (RawJSONParser,)

    def perform_authentication(self, request: Request) -> None:
        """Skip authentication: an old token in the header must not prevent a new login."""


class TokenView(TokenEndpoint):
    @described_by("sensors.api.openapi.operations.TOKEN")
    def post(self, request: Request) -> Response:
        given = _body(request, CredentialsSerializer)
        user = _login(request._request, given)
        refresh = new_refresh_token(user)
        return Response(_tokens(refresh) | {"refresh": str(refresh)})


class TokenRefreshView(TokenEndpoint):
    @described_by("sensors.api.openapi.operations.TOKEN_REFRESH")
    def post(self, request: Request) -> Response:
        try:
            refresh = RefreshToken(cast(Any, _body(request, RefreshSerializer)["refresh"]))
        except TokenError as exc:
            raise AuthenticationFailed("The refresh token is invalid or expired.") from exc
        UserTokenAuthentication().get_user(refresh)
        return Response(_tokens(refresh))


def _login(request: HttpRequest, given: Mapping[str, str]) -> User:
    """Check the password. Raises AuthenticationFailed or LockedOut."""
    with login_lock(request, given["username"]):
        user = authenticate(request, username=given["username"], password=given["password"])
    if pop_lockout(request):
        raise LockedOut
    if not isinstance(user, User):
        raise AuthenticationFailed("The username or the password is incorrect.")
    forget_failures(request, user)
    return user


def _tokens(refresh: RefreshToken) -> dict[str, Any]:
    lifetime = settings.SIMPLE_JWT["ACCESS_TOKEN_LIFETIME"]
    return {"access": str(refresh.access_token), "expires_in": int(lifetime.total_seconds())}


def _body(request: Request, form: type[StrictSerializer]) -> dict[str, str]:
    """Parse the body into its fields. Raises MalformedBody or ValidationError."""
    body: Any = request.data  # of an empty body DRF makes a dict of its own
    data = parse_json(body if isinstance(body, bytes) else b"")
    if not isinstance(data, dict):
        raise MalformedBody("Expected a JSON object.", code="invalid-structure")
    given = form(data=data)
    given.is_valid(raise_exception=True)
    fields: dict[str, str] = given.validated_data
    return fields
