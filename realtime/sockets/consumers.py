"""Consumers of the sockets: authorise, join the hub, receive. The hub writes."""

import asyncio
import secrets
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

import structlog
from channels.consumer import AsyncConsumer, get_handler_name
from channels.exceptions import StopConsumer
from django.db import DatabaseError

from realtime.access import Identity
from realtime.hub import Hub, Socket, get_hub
from realtime.protocol import Close, parse_cursor
from realtime.sockets.session import SocketSession
from realtime.transport import ABORT, TRANSPORT
from sensors.catalogue.cache import get_catalogue
from sensors.scopes import NOTHING

log = structlog.get_logger(__name__)


class LiveConsumer(AsyncConsumer):  # type: ignore[misc]
    """Accepts, then closes with a code or joins the hub and passes on the client's messages."""

    # No channel of its own: the hub is the member of the groups, once per process.
    channel_layer_alias = "none"
    kind = ""
    _socket: Socket | None = None
    _abandoned = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        structlog.contextvars.bind_contextvars(connection_id=secrets.token_hex(4))
        self._task = asyncio.current_task()
        self.scope, self.base_send = scope, send
        try:
            # Not Channels' loop: without a channel to listen to, no task for each message.
            while True:
                await self.dispatch(await receive())
                # Waiting messages are received without a pause: give the writer a turn.
                await asyncio.sleep(0)
        except StopConsumer:
            return
        except asyncio.CancelledError:
            if not self._abandoned or self._task is None:
                raise
            self._task.uncancel()
        finally:
            if self._socket is not None:
                await self._hub.remove(self._socket)

    async def dispatch(self, message: Mapping[str, Any]) -> None:
        """Call the handler without Channels' thread hop: no database connection is to be closed."""
        await getattr(self, get_handler_name(message))(message)

    async def websocket_connect(self, message: Mapping[str, Any]) -> None:
        await self.send({"type": "websocket.accept"})
        code = await self.refusal(self.scope["identity"])
        if code is not None:
            await self.send({"type": "websocket.close", "code": int(code)})
            return
        identity = self.scope["identity"]
        self._hub = get_hub()
        self._socket = Socket(
            self.kind,
            self.base_send,
            self._abandon,
            transport=self.scope.get("extensions", {}).get(TRANSPORT),
            identity=identity,
        )
        self._session = SocketSession(self._hub, self._socket, identity.scope)
        self._hub.add(self._socket)
        self.follow(self._hub, self._socket)

    async def websocket_receive(self, message: Mapping[str, Any]) -> None:
        if self._socket is not None:
            await self._session.receive(message.get("text"))

    async def websocket_disconnect(self, message: Mapping[str, Any]) -> None:
        raise StopConsumer

    async def refusal(self, identity: Identity | None) -> Close | None:
        """Return the code to close this socket with at once; None to let it in."""
        if identity is None:
            return Close.NOT_AUTHENTICATED
        return None if identity.may_see else Close.NOT_ALLOWED

    def follow(self, hub: Hub, socket: Socket) -> None:
        """Let the hub greet the socket and keep it up to date; by default it follows nothing."""

    def _abandon(self) -> None:
        """End here, so that memory is freed: the client does not even read a close frame.

        Closing a transport waits for its buffer, which this client never empties; our server
        provides a call that aborts it.
        """
        abort = self.scope.get("extensions", {}).get(ABORT)
        if abort is not None:
            abort()
        self._abandoned = True
        if self._task is not None:
            self._task.cancel()


class MachineConsumer(LiveConsumer):
    """`/ws/machines/{machine_id}`: every reading of one machine, from the cursor on."""

    kind = "machine"

    async def refusal(self, identity: Identity | None) -> Close | None:
        code = await super().refusal(identity)
        if code is not None:
            return code
        try:
            snapshot = await get_catalogue().current()
        except DatabaseError:
            log.exception("machines_not_read")
            return Close.TRY_AGAIN
        scope = NOTHING if identity is None else identity.scope
        is_visible = snapshot.machine_in(scope, self.machine_id) is not None
        return None if is_visible else Close.UNKNOWN_MACHINE

    def follow(self, hub: Hub, socket: Socket) -> None:
        query = parse_qs(self.scope["query_string"].decode("latin-1"))
        cursor = parse_cursor(query.get("cursor", [""])[0])
        hub.follow_machine(socket, self.machine_id, cursor=cursor)

    @property
    def machine_id(self) -> str:
        return str(self.scope["url_route"]["kwargs"]["machine_id"])


class DashboardConsumer(LiveConsumer):
    """`/ws/dashboard`: the newest value of every sensor in the scope."""

    kind = "dashboard"

    def follow(self, hub: Hub, socket: Socket) -> None:
        hub.follow_dashboard(socket, self.scope["identity"].scope)


class UnknownConsumer(LiveConsumer):
    """Any other path: nothing to follow."""

    async def refusal(self, identity: Identity | None) -> Close | None:
        return await super().refusal(identity) or Close.UNKNOWN_MACHINE
