"""`/metrics`: Prometheus text of the whole machine."""

import ipaddress
import secrets

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe
from django_prometheus.exports import ExportToDjangoView

BEARER = "Bearer "


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Serve the metrics to holders of METRICS_TOKEN; without one, to loopback clients only."""
    if not settings.ENABLE_METRICS:
        raise Http404
    if settings.METRICS_TOKEN:
        if not _bears_token(request):
            return _refusal(401, {"WWW-Authenticate": "Bearer"})
    elif not _is_local(request):
        return _refusal(403, {})
    response: HttpResponse = ExportToDjangoView(request)
    return response


def _bears_token(request: HttpRequest) -> bool:
    given = request.headers.get("Authorization", "")
    return given.startswith(BEARER) and secrets.compare_digest(
        given[len(BEARER) :].encode(), settings.METRICS_TOKEN.encode()
    )


def _is_local(request: HttpRequest) -> bool:
    """Check for a client on this machine that is not a proxy."""
    if "Forwarded" in request.headers or "X-Forwarded-For" in request.headers:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _refusal(status: int, headers: dict[str, str]) -> HttpResponse:
    return HttpResponse(
        "Metrics need METRICS_TOKEN as bearer token, or a request from this host.\n",
        content_type="text/plain; charset=utf-8",
        status=status,
        headers=headers,
    )
