"""The language of a page: the one that was chosen, else the first the browser asks for."""

from typing import cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

from digitaltwin.site.middleware import Async, Sync

# What programs read, and admin: its own words would be German, our models' names English.
ENGLISH = ("/api/", "/admin/")


@sync_and_async_middleware
def page_language(get_response: Sync | Async) -> Sync | Async:
    """Django's LocaleMiddleware for pages alone, and without its hops to a thread."""
    if iscoroutinefunction(get_response):

        async def apage(request: HttpRequest) -> HttpResponseBase:
            if request.path.startswith(ENGLISH):
                return await cast(Async, get_response)(request)
            with translation.override(translation.get_language_from_request(request)):
                return _named(await cast(Async, get_response)(request))

        return apage

    def page(request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(ENGLISH):
            return cast(Sync, get_response)(request)
        with translation.override(translation.get_language_from_request(request)):
            return _named(cast(Sync, get_response)(request))

    return page


def _named(response: HttpResponseBase) -> HttpResponseBase:
    patch_vary_headers(response, ("Accept-Language",))
    response.headers.setdefault("Content-Language", translation.get_language() or "en")
    return response
