"""The pages: they open with the values in them, also while Redis is away."""

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

from realtime.pages.kiosk import kiosk_page, release
from realtime.pages.plant import machine_page, plant_page
from realtime.pages.style import style_page
from realtime.presentation import charts
from realtime.presentation.board import wanted
from sensors.access.policy import may_view_machines, scope_of
from sensors.timestamps import now_us

THEMES = ("auto", "light", "dark", "contrast")
YEAR_SECONDS = 31_536_000
View = Callable[..., HttpResponseBase]


def page(view: View) -> View:
    """A page or its data: read only, kept by no cache, for who may see machines."""

    @wraps(view)
    def allowed(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not may_view_machines(request.user):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    return require_safe(never_cache(login_required(allowed)))


@page
def plant(request: HttpRequest) -> HttpResponse:
    """The plant: its machines by line or by need, and the filter of the address."""
    shown = plant_page(scope_of(request.user), now_us(), wanted(request.GET.dict()))
    return render(request, "realtime/plant.html", shown | kiosk_page(request))


@page
def machine(request: HttpRequest, machine_id: str) -> HttpResponse:
    """The twin of one machine."""
    shown = machine_page(
        scope_of(request.user), machine_id, now_us(), request.GET.get("minutes", "")
    )
    if shown is None:
        raise Http404(f"There is no machine {machine_id}.")
    return render(request, "realtime/machine.html", shown | kiosk_page(request))


@page
def sparks(request: HttpRequest) -> HttpResponse:
    """The last 15 minutes of `?row=CNC-001/temperature&row=...`, in the small."""
    return JsonResponse(charts.sparks(scope_of(request.user), request.GET.getlist("row"), now_us()))


@page
def summary(request: HttpRequest, machine_id: str) -> HttpResponse:
    """The steps of a machine's chart: `?sensor=temperature&minutes=60`, or 480."""
    scope, minutes = scope_of(request.user), request.GET.get("minutes", "")
    found = charts.chart(scope, machine_id, request.GET.get("sensor", ""), minutes, now_us())
    if found is None:
        raise Http404("There is no such sensor or span.")
    return JsonResponse(found)


@page
def served_release(request: HttpRequest) -> HttpResponse:
    """Which release answers here, for a screen on the wall: `{"release": "..."}`."""
    return JsonResponse({"release": release()})


@page
def style(request: HttpRequest) -> HttpResponse:
    """Every component in every state, for developers."""
    if not settings.DEBUG:
        raise Http404("Only with DEBUG.")
    return render(request, "realtime/style.html", style_page(now_us()))


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the chosen colours in a cookie and go back to where they were chosen."""
    chosen, back = request.POST.get("theme", ""), request.POST.get("next", "")
    here = url_has_allowed_host_and_scheme(back, {request.get_host()}, request.is_secure())
    response = redirect(back if here else "plant")
    if chosen in THEMES:
        response.set_cookie(
            "theme", chosen, max_age=YEAR_SECONDS, samesite="Lax", secure=request.is_secure()
        )
    return response
