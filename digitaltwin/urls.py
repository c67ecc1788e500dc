"""URLconf of the platform."""

from django.conf import settings
from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView
from django.views.i18n import set_language

from digitaltwin.accounts.views import (
    LoginView,
    LogoutEverywhereView,
    LogoutView,
    PasswordView,
    account,
)
from digitaltwin.site import health, metrics, offline, problem_pages

api: list[URLPattern | URLResolver] = [
    path("health", health.HealthView.as_view(), name="health"),
    path("health/live", health.LiveView.as_view(), name="health-live"),
    path("health/ready", health.ReadyView.as_view(), name="health-ready"),
    path("", include("sensors.api.urls")),
]
urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include(api)),
    # Included by name: without API_DOCS the process loads neither it nor drf-spectacular.
    *([path("", include("digitaltwin.openapi.schema"))] if settings.API_DOCS else []),
    # A problem instead of DEBUG's HTML page, and no redirect to a trailing slash.
    re_path(r"^api/", problem_pages.no_such_address),
    path("problems/<slug:code>", problem_pages.explanation, name="problem"),
    path("metrics", metrics.metrics, name="metrics"),
    path("offline/", offline.page, name="offline"),
    path("service-worker.js", offline.worker, name="service_worker"),
    path("login/", LoginView.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("logout/everywhere/", LogoutEverywhereView.as_view(), name="logout_everywhere"),
    path("account/", account, name="account"),
    path("password/", PasswordView.as_view(), name="password_change"),
    # One page for all users to log in, to log out and to change the password.
    path("admin/logout/", LogoutView.as_view()),
    path("admin/login/", RedirectView.as_view(pattern_name="login", query_string=True)),
    path("admin/password_change/", RedirectView.as_view(pattern_name="password_change")),
    path("admin/", admin.site.urls),
    path("language", set_language, name="language"),
    path("", include("realtime.urls")),
]
handler400 = "digitaltwin.site.problems.bad_request"
handler403 = "digitaltwin.site.problems.permission_denied"
handler404 = "digitaltwin.site.problems.not_found"
handler500 = "digitaltwin.site.problems.server_error"
