"""Login, logout and the pages of a user's own account."""

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
    """Return the address under which failures are counted; None if it is not an IP address.

    Behind a trusted proxy (TRUSTED_PROXIES) the server has replaced the proxy's address by the
    client's.
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
    """The login page; answers 429 during a lockout."""

    form_class = LoginForm

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        if form.has_error(NON_FIELD_ERRORS, LOCKED_OUT_CODE):
            response.status_code = 429
            response["Retry-After"] = str(LOCKED_OUT_SECONDS)
        return response


class LogoutView(views.LogoutView):
    """Logout that ends the session and the user's API tokens."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request.user, User):
            end_tokens(request.user)
        return super().post(request, *args, **kwargs)


class LogoutEverywhereView(LogoutView):
    """Logout that ends all sessions of the user, in other browsers too."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if isinstance(request.user, User):
            end_sessions(request.user)
            messages.success(request, _("You have been logged out everywhere."))
        return super().post(request, *args, **kwargs)


class PasswordView(views.PasswordChangeView):
    """Password change; only this session continues.

    Other sessions, tokens and sockets end by themselves: they carry a hash of the old password.
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
    """Show the user's name and roles, with the logout and password forms."""
    roles = request.user.groups.order_by("pk").values_list("name", flat=True)
    return render(request, "registration/account.html", {"roles": list(roles)})


def end_sessions(user: User) -> None:
    """Delete all sessions of this user; their sockets close within seconds.

    Django stores the user inside the session data, so every session that has not expired is
    read: at most the logins of two weeks (SESSION_COOKIE_AGE), 10,000 a second.
    """
    unexpired = Session.objects.filter(expire_date__gt=timezone.now())
    session_keys = [
        session.pk
        for session in unexpired.iterator()
        if session.get_decoded().get(SESSION_KEY) == str(user.pk)
    ]
    for session_key in session_keys:
        Session.objects.filter(pk=session_key).delete()
