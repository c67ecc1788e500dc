"""Revalidation: users deactivated, logged out or without the role lose their open sockets too."""

import asyncio
from collections.abc import Callable, Iterable

import structlog
from django.db import DatabaseError

from realtime import access
from realtime.hub.socket import Socket

log = structlog.get_logger(__name__)

RECHECK_SECONDS = 4.0


async def recheck_forever(sockets: Callable[[], Iterable[Socket]]) -> None:
    """Close the sockets of users without permission, within five seconds of its loss."""
    while True:
        await asyncio.sleep(RECHECK_SECONDS)
        try:
            await recheck(list(sockets()))
        except DatabaseError as exc:
            log.warning("sockets_not_rechecked", error=repr(exc))
        except Exception:
            log.exception("recheck_failed")


async def recheck(sockets: Iterable[Socket]) -> None:
    """Check all users, sessions and tokens of these sockets at once."""
    identities = {socket.identity for socket in sockets if socket.identity is not None}
    refused = await access.refusals(identities) if identities else {}
    for socket in sockets:
        if socket.identity in refused:
            socket.close(refused[socket.identity])
