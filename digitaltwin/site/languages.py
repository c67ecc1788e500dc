"""Page language: the user's choice, else the browser's first supported language."""

from typing import cast

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.decorators import sync_and_async_middleware

from digitaltwin.site.middleware import Async, Sync

# English for programs, and in admin: Django's texts would be German, the models' names English.
ENGLISH_PREFIXES = ("/api/", "/admin/")


@sync_and_async_middleware
def page_language(get_response: Sync | Async) -> Sync | Async:
    """Django's LocaleMiddleware, for pages only and without its hops to a thread."""
    if iscoroutinefunction(get_response):

        async def apage(request: HttpRequest) -> HttpResponseBase:
            if request.path.startswith(ENGLISH_PREFIXES):
                return await cast(Async, get_response)(request)
            with translation.override(translation.get_language_from_request(request)):
                return _with_language_headers(await cast(Async, get_response)(request))

        return apage

    def page(request: HttpRequest) -> HttpResponseBase:
        if request.path.startswith(ENGLISH_PREFIXES):
            return cast(Sync, get_response)(request)
        with translation.override(translation.get_language_from_request(request)):
            return _with_language_headers(cast(Sync, get_response)(request))

    return page


def _with_language_headers(response: HttpResponseBase) -> HttpResponseBase:
    patch_vary_headers(response, ("Accept-Language",))
    response.headers.setdefault("Content-Language", translation.get_language() or "en")
    return response
