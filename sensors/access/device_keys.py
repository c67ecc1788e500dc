"""Device keys: `dt_<prefix>.<secret>`; only a hash of the secret is stored."""

import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from sensors.models import DeviceKey, Machine

SCHEME = "dt_"
PREFIX_BYTES = 6
SECRET_BYTES = 24


def secret_hash(secret: str) -> str:
    """Return the secret's HMAC-SHA-256 under SECRET_KEY in hex: a copied table opens nothing."""
    return hmac.digest(settings.SECRET_KEY.encode(), secret.encode(), hashlib.sha256).hex()


def split_token(token: str) -> tuple[str, str] | None:
    """Return (prefix, secret) of a token; None for a text of another form."""
    if not token.startswith(SCHEME):
        return None
    prefix, dot, secret = token[len(SCHEME) :].partition(".")
    return (prefix, secret) if prefix and dot and secret else None


def create_device_key(
    *,
    name: str,
    machines: Iterable[Machine] = (),
    all_machines: bool = False,
    expires_at: datetime | None = None,
) -> tuple[DeviceKey, str]:
    """Create a key; return it with its token, which cannot be read again."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    with transaction.atomic():
        key = DeviceKey.objects.create(
            name=name,
            prefix=secrets.token_hex(PREFIX_BYTES),
            secret_hash=secret_hash(secret),
            all_machines=all_machines,
            expires_at=expires_at,
        )
        key.machines.set(machines)
    return key, _token(key, secret)


def rotate_device_key(key: DeviceKey) -> str:
    """Replace the secret; return the new token. The old token ends within seconds."""
    secret = secrets.token_urlsafe(SECRET_BYTES)
    key.secret_hash = secret_hash(secret)
    key.save(update_fields=["secret_hash", "changed_at"])
    return _token(key, secret)


def revoke_device_key(key: DeviceKey) -> None:
    """End the key within seconds, for good."""
    key.revoked_at = timezone.now()
    key.save(update_fields=["revoked_at", "changed_at"])


def _token(key: DeviceKey, secret: str) -> str:
    return f"{SCHEME}{key.prefix}.{secret}"
