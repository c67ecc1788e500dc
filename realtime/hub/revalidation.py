"""Revalidation: open sockets end with the login, the permission or the scope of their user."""

import asyncio
from collections.abc import Callable, Collection, Iterable

import structlog
from django.db import DatabaseError

from realtime import access
from realtime.hub.socket import Socket
from realtime.protocol import Close
from sensors.catalogue.cache import get_catalogue

log = structlog.get_logger(__name__)

RECHECK_SECONDS = 4.0


async def recheck_forever(sockets: Callable[[], Iterable[Socket]]) -> None:
    """Check all open sockets now and then, so that each ends within five seconds of the change."""
    while True:
        await asyncio.sleep(RECHECK_SECONDS)
        try:
            await recheck(list(sockets()))
        except DatabaseError as exc:
            log.warning("sockets_not_rechecked", error=repr(exc))
        except Exception:
            log.exception("recheck_failed")


async def recheck(sockets: Collection[Socket]) -> None:
    """Check the users, sessions, tokens and scopes of these sockets, then their machines."""
    identities = {socket.identity for socket in sockets if socket.identity is not None}
    refused = await access.refusals(identities) if identities else {}
    for socket in sockets:
        if socket.identity in refused:
            socket.close(refused[socket.identity])
    await _recheck_machines(sockets)


async def _recheck_machines(sockets: Collection[Socket]) -> None:
    """Apply restricted scopes again: machines may have been moved to other places.

    A machine's socket closes; a dashboard's reconnects, or gets its machines anew.
    """
    restricted = [
        (socket, socket.identity.scope)
        for socket in sockets
        if not socket.is_closed
        and socket.identity is not None
        and not socket.identity.scope.is_everything
    ]
    if not restricted:
        return
    snapshot = await get_catalogue().current()
    for socket, scope in restricted:
        machine_ids = [follower.feed.machine_id for follower in socket.followers]
        if not all(one is None or snapshot.machine_in(scope, one) for one in machine_ids):
            is_machine = socket.kind == "machine"
            socket.close(Close.UNKNOWN_MACHINE if is_machine else Close.TRY_AGAIN)
    dashboards = {
        follower.feed.topic: follower.feed
        for socket, _ in restricted
        for follower in socket.followers
        if follower.feed.machine_id is None
    }
    for feed in dashboards.values():
        feed.update_machines(snapshot.machines_in(feed.scope).keys())
