"""Logging in and out, and what people do with their own account."""

import ipaddress
from typing import Any

from django.contrib import messages
from django.contrib.auth import SESSION_KEY, views
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from sensors.access.user_tokens import (
    LOCKED_OUT,
    LOCKED_OUT_SECONDS,
    end_tokens,
    login_lock,
    pop_lockout,
)

LOCKED_OUT_CODE = "locked-out"


def client_address(request: HttpRequest) -> str | None:
    """Whose failures django-axes counts; None for what a proxy may say that is no address.

    The server has put the client here that a trusted proxy names (TRUSTED_PROXIES).
    """
    address = request.META.get("REMOTE_ADDR", "").partition("%")[0]
    try:
        return str(ipaddress.ip_address(address))
    except ValueError:
        return None


class LoginForm(AuthenticationForm):
    def clean(self) -> dict[str, Any]:
        if self.request is None:
            return super().clean()
        with login_lock(self.request, self.cleaned_data.get("username", "")):
            return super().clean()

    def get_invalid_login_error(self) -> ValidationError:
        if self.request is not None and pop_lockout(self.request):
            return ValidationError(_(LOCKED_OUT), code=LOCKED_OUT_CODE)
        return super().get_invalid_login_error()


class LoginView(views.LoginView):
    """The login page; after too many failures it says so with 429."""

    form_class = LoginForm

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        if form.has_error(NON_FIELD_ERRORS, LOCKED_OUT_CODE):
            response.status_code = 429
            response["Retry-After"] = str(LOCKED_OUT_SECONDS)
        return response


class LogoutView(views.LogoutView):
    """Ends the session, and the tokens that the user's programs hold."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request.user, User):
            end_tokens(request.user)
        return super().post(request, *args, **kwargs)


class LogoutEverywhereView(LogoutView):
    """Ends all sessions of the user, in other browsers too."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request.user, User):
            end_sessions(request.user)
            messages.success(request, _("You have been logged out everywhere."))
        return super().post(request, *args, **kwargs)


class PasswordView(views.PasswordChangeView):
    """A new password of one's own; this session stays.

    All others, the tokens and the sockets end by themselves: they carry a hash of the old one.
    """

    success_url = reverse_lazy("account")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        messages.success(
            self.request, _("Your password has been changed. All your other sessions have ended.")
        )
        return super().form_valid(form)


@require_safe
@never_cache
@login_required
def account(request: HttpRequest) -> HttpResponse:
    """Who one is here, and the ways out."""
    roles = request.user.groups.order_by("pk").values_list("name", flat=True)
    return render(request, "registration/account.html", {"roles": list(roles)})


def end_sessions(user: User) -> None:
    """All sessions of this user are over, and within seconds their sockets.

    Django keeps a session's user inside it, so all living ones are read: at most the logins of
    two weeks (SESSION_COOKIE_AGE), 10,000 of them in a second.
    """
    living = Session.objects.filter(expire_date__gt=timezone.now())
    own = [
        session.pk
        for session in living.iterator()
        if session.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    for key in own:
        Session.objects.filter(pk=key).delete()
