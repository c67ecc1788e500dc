"""What a browser keeps of us: the page that it shows where the server cannot be reached."""

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
# All that the page needs. No values and no other page are ever kept.
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
    """Says that the server is away, and returns by itself; in the person's language and colours."""
    return render(request, PAGE)


@require_safe
@never_cache
def worker(request: HttpRequest) -> HttpResponse:
    """The service worker: at the root, because it serves what is below its own address."""
    kept = {
        "version": _version(render_to_string(PAGE, request=request)),
        "files": [reverse("offline"), *map(static, FILES)],
    }
    return render(request, "service-worker.js", kept, content_type="text/javascript")


def _version(html: str) -> str:
    """Another for every change of what is kept: only then does a browser fetch it anew."""
    digest = hashlib.sha256(html.encode())
    for name in FILES:
        path = finders.find(name)
        assert path, name
        digest.update(Path(path).read_bytes())
    return digest.hexdigest()[:16]
