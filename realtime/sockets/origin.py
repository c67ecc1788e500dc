"""Origins that may open a socket: no other site may use the session cookie of a visitor."""

from collections.abc import Sequence
from urllib.parse import urlsplit

from django.conf import settings
from django.http.request import split_domain_port, validate_host
from django.utils.http import is_same_domain

DEFAULT_PORTS = {"http": 80, "https": 443}
Origin = tuple[str, str, int]


def parse_origin(text: str) -> Origin | None:
    """Return (scheme, host, port) of a serialized origin; None for other texts, such as `null`."""
    try:
        parts = urlsplit(text)
        port = parts.port or DEFAULT_PORTS.get(parts.scheme)
    except ValueError:
        return None
    if port is None or not parts.hostname or f"{parts.scheme}://{parts.netloc}" != text:
        return None
    if "@" in parts.netloc:
        return None
    return (parts.scheme, parts.hostname, port)


def is_trusted_origin(origins: Sequence[str], *, scheme: str, host: str) -> bool:
    """Return whether the only Origin header names the site of the request or a trusted site.

    `scheme` is the socket's (ws or wss), `host` the Host header.
    """
    origin = parse_origin(origins[0]) if len(origins) == 1 else None
    if origin is None:
        return False
    if any(_covers(trusted, origin) for trusted in settings.CSRF_TRUSTED_ORIGINS):
        return True
    own = parse_origin(f"{'https' if scheme == 'wss' else 'http'}://{host}")
    return origin == own and validate_host(split_domain_port(host)[0], settings.ALLOWED_HOSTS)


def _covers(trusted: str, origin: Origin) -> bool:
    """Match like Django's own setting: `https://*.example.com` stands for its subdomains."""
    pattern = parse_origin(trusted)
    if pattern is None:
        return False
    scheme, host, port = pattern
    return (scheme, port) == (origin[0], origin[2]) and is_same_domain(origin[1], host.lstrip("*"))
