"""Offline page and the service worker that caches it for when the server is unreachable."""

import hashlib
from pathlib import Path

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

PAGE = "offline.html"
# Files of the offline page. Browsers cache no values and no other page.
FILES = (
    "css/tokens.css",
    "css/base.css",
    "css/components/button.css",
    "css/pages/error.css",
    "icons/favicon.svg",
    "js/pages/offline.js",
    "js/common/backoff.js",
)


@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    """Show that the server is unreachable, in the user's language and theme.

    A script of the page returns to the page before as soon as the server answers.
    """
    return render(request, PAGE)


@require_safe
@never_cache
def worker(request: HttpRequest) -> HttpResponse:
    """Serve the service worker, at the root because it controls the addresses below its own."""
    context = {
        "version": _version(render_to_string(PAGE, request=request)),
        "files": [reverse("offline"), *map(static, FILES)],
    }
    return render(request, "service-worker.js", context, content_type="text/javascript")


def _version(html: str) -> str:
    """Return the cache version; it changes with every cached file, so that browsers refetch."""
    digest = hashlib.sha256(html.encode())
    for name in FILES:
        path = finders.find(name)
        assert path, name
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()[:16]
