"""Kiosk screens: pages without controls that load again when the server has a new release."""

import hashlib
from functools import cache
from pathlib import Path

import msgspec
from django.conf import settings
from django.http import HttpRequest

# The folders that make a page; the same on every machine that serves the same release.
SOURCES = ("realtime", "templates", "static")


class Kiosk(msgspec.Struct, frozen=True):
    """A page on a wall, with the release that it was rendered by."""

    release: str


def kiosk(request: HttpRequest) -> Kiosk | None:
    """Return the kiosk of a page with `?kiosk=1`; None for all other pages.

    A screen on the wall loads its page once a day. Its session is renewed with each load, so that
    the session lasts as long as the screen is there and ends two weeks after.
    """
    if request.GET.get("kiosk") != "1":
        return None
    request.session.modified = True
    return Kiosk(release())


@cache
def release() -> str:
    """Return a short hash of the pages that this process serves; it differs if any file does."""
    digest = hashlib.sha256()
    for path in sorted(_sources()):
        digest.update(f"{path.relative_to(settings.BASE_DIR)}\0".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def _sources() -> list[Path]:
    roots = [Path(settings.BASE_DIR) / name for name in SOURCES]
    files = [path for root in roots for path in root.rglob("*") if path.is_file()]
    return [path for path in files if not {"tests", "__pycache__"} & set(path.parts)]
