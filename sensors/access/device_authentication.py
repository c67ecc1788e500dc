"""Authentication of devices: `Authorization: Bearer dt_<prefix>.<secret>`."""

import hmac

from sensors.access.device_keys import secret_hash, split_token
from sensors.catalogue.descriptions import CatalogueSnapshot, KeyDescription
from sensors.exceptions import SensorsError


class NotAuthenticated(SensorsError):
    """The request proves no valid device key."""

    status = 401
    code = "unauthenticated"
    title = "Device key required"

    def __init__(self, detail: str) -> None:
        super().__init__(detail, headers={"WWW-Authenticate": 'Bearer realm="devices"'})


def device_key(
    authorization: str | None, snapshot: CatalogueSnapshot, *, now_us: int
) -> KeyDescription:
    """Return the key that the header proves.

    Raises NotAuthenticated with the same text for unknown and revoked keys, and SensorsError
    (400) for two headers: servers join them with a comma, which no key contains.
    """
    if authorization and "," in authorization:
        raise SensorsError("Expected one Authorization header.", code="bad-request")
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer":
        raise NotAuthenticated("Expected Authorization: Bearer dt_<prefix>.<secret>.")
    prefix, secret = split_token(token.strip()) or ("", "")
    key = snapshot.keys.get(prefix)
    if key is None or not hmac.compare_digest(secret_hash(secret), key.secret_hash):
        raise NotAuthenticated("The device key is unknown or revoked.")
    if key.expires_at is not None and key.expires_at <= now_us:
        raise NotAuthenticated("The device key has expired.")
    return key
