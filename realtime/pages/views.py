"""Views of the pages, which are rendered with their values, also while Redis does not answer."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from realtime.pages.kiosk import kiosk, release
from realtime.pages.machine import machine_page
from realtime.pages.plant import plant_page
from realtime.pages.style import style_page
from realtime.presentation import charts
from realtime.presentation.board import parse_filter
from sensors.access.policy import may_view_machines, scope_of
from sensors.timestamps import now_us

THEMES = ("auto", "light", "dark", "contrast")
YEAR_SECONDS = 31_536_000
View = Callable[..., HttpResponseBase]


def page(view: View) -> View:
    """Decorate a page or its data: read only, never cached, for users who may see machines."""

    @wraps(view)
    def allowed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_view_machines(request.user):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return require_safe(never_cache(login_required(allowed)))


@page
def plant(request: HttpRequest) -> HttpResponse:
    """Show the plant: its machines by line or by urgency, with the filter of the address."""
    shown = plant_page(scope_of(request.user), now_us(), parse_filter(request.GET.dict()))
    return render(request, "realtime/plant.html", {"page": shown, "kiosk": kiosk(request)})


@page
def machine(request: HttpRequest, machine_id: str) -> HttpResponse:
    """Show the twin of a machine."""
    scope, minutes = scope_of(request.user), request.GET.get("minutes", "")
    shown = machine_page(scope, machine_id, now_us(), minutes)
    if shown is None:
        raise Http404(f"There is no machine {machine_id}.")
    return render(request, "realtime/machine.html", {"page": shown, "kiosk": kiosk(request)})


@page
def sparks(request: HttpRequest) -> HttpResponse:
    """Return the last 15 minutes of `?row=CNC-001/temperature&row=...` for the tiles."""
    return JsonResponse(charts.sparks(scope_of(request.user), request.GET.getlist("row"), now_us()))


@page
def summary(request: HttpRequest, machine_id: str) -> HttpResponse:
    """Return the steps of a machine's chart: `?sensor=temperature&minutes=60`, or 480."""
    scope, minutes = scope_of(request.user), request.GET.get("minutes", "")
    chart = charts.chart(scope, machine_id, request.GET.get("sensor", ""), minutes, now_us())
    if chart is None:
        raise Http404("There is no such sensor or span.")
    return JsonResponse(chart)


@page
def served_release(request: HttpRequest) -> HttpResponse:
    """Return the release of this process for kiosk screens: `{"release": "..."}`."""
    return JsonResponse({"release": release()})


@page
def style(request: HttpRequest) -> HttpResponse:
    """Show every component in every state, for developers."""
    if not settings.DEBUG:
        raise Http404("Only with DEBUG.")
    return render(request, "realtime/style.html", {"page": style_page(now_us())})


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen theme in a cookie and go back to the page it was chosen on."""
    chosen, back = request.POST.get("theme", ""), request.POST.get("next", "")
    is_ours = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    response = redirect(back if is_ours else "plant")
    if chosen in THEMES:
        response.set_cookie(
            "theme", chosen, max_age=YEAR_SECONDS, samesite="Lax", secure=request.is_secure()
        )
    return response
