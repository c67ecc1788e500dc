"""The pages on a wall: without what nobody there can use, and anew when the server is."""

import hashlib
from functools import cache
from pathlib import Path

from django.conf import settings
from django.http import HttpRequest

from realtime.presentation.view_models import Shown

# What makes a page; the same on every machine that serves the same release.
SOURCES = ("realtime", "templates", "static")


def kiosk_page(request: HttpRequest) -> Shown:
    """What `?kiosk=1` adds to a page; nothing for all others.

    A screen on the wall loads its page once a day: its session begins anew with each, so that
    it lasts as long as the screen is there, and ends two weeks after.
    """
    if request.GET.get("kiosk") != "1":
        return {}
    request.session.modified = True
    return {"kiosk": True, "release": release()}


@cache
def release() -> str:
    """A short name for the pages as this process serves them; another where a file differs."""
    digest = hashlib.sha256()
    for path in sorted(_sources()):
        digest.update(f"{path.relative_to(settings.BASE_DIR)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _sources() -> list[Path]:
    roots = [Path(settings.BASE_DIR) / name for name in SOURCES]
    files = [path for root in roots for path in root.rglob("*") if path.is_file()]
    return [path for path in files if not {"tests", "__pycache__"} & set(path.parts)]
