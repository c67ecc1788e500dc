"""Messages of a client on its socket, and their answers."""

import asyncio

import structlog
from django.conf import settings
from django.db import DatabaseError

from realtime.hub import Hub, Socket
from realtime.protocol import Close
from realtime.sockets.client_messages import (
    MAX_TEXT_BYTES,
    Command,
    CommandRefused,
    GetLatest,
    Subscribe,
    parse_command,
)
from sensors.catalogue.cache import get_catalogue
from sensors.exceptions import LogUnavailable
from sensors.scopes import Scope
from sensors.timestamps import format_us, now_us

log = structlog.get_logger(__name__)

RATE_SECONDS = 10.0
RATE_MESSAGES = 20
FLOOD_MESSAGES = 40


class SocketSession:
    """Executes one socket's messages; a bad one is answered with an error, a flood closes it."""

    def __init__(self, hub: Hub, socket: Socket, scope: Scope) -> None:
        self._hub = hub
        self._socket = socket
        self._scope = scope
        self._received_at: list[float] = []

    async def receive(self, text: str | None) -> None:
        """Answer one message of the client; None stands for a binary frame."""
        if self._socket.is_closed:
            return
        received = self._count(asyncio.get_running_loop().time())
        if received >= FLOOD_MESSAGES:
            log.info("flooding_socket_closed", kind=self._socket.kind)
            self._socket.close(Close.FLOODING)
        elif text is not None and len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
            self._socket.close(Close.TOO_BIG)
        else:
            await self._answer(text, is_too_much=received > RATE_MESSAGES)

    def _count(self, now: float) -> int:
        """Count the messages of the last `RATE_SECONDS`, this one included (loop time)."""
        recent = [moment for moment in self._received_at if moment > now - RATE_SECONDS]
        self._received_at = [*recent, now][-FLOOD_MESSAGES:]
        return len(self._received_at)

    async def _answer(self, text: str | None, *, is_too_much: bool) -> None:
        try:
            if is_too_much:
                raise CommandRefused(
                    "rate-limited",
                    f"Expected at most {RATE_MESSAGES} messages in {RATE_SECONDS:.0f} s.",
                )
            await self._execute(parse_command(text))
        except CommandRefused as exc:
            self._socket.say("error", {"code": exc.code, "message": exc.message})
        except LogUnavailable as exc:
            self._socket.say("error", {"code": exc.code, "message": exc.title})
        except DatabaseError:
            log.exception("machines_not_read")
            text = "The database cannot be reached."
            self._socket.say("error", {"code": "database-unavailable", "message": text})

    async def _execute(self, command: Command) -> None:
        if isinstance(command, Subscribe):
            await self._subscribe(command.machine_ids)
        elif isinstance(command, GetLatest):
            self._socket.say("latest", {"readings": await self._hub.latest(self._socket)})
        else:
            self._socket.say("pong", {"server_time": format_us(now_us())})

    async def _subscribe(self, machine_ids: tuple[str, ...]) -> None:
        if self._socket.kind != "dashboard":
            raise CommandRefused("unknown-type", "subscribe is available on /ws/dashboard only.")
        snapshot = await get_catalogue().current()
        unknown = [one for one in machine_ids if snapshot.machine_in(self._scope, one) is None]
        if unknown:
            # A machine may be older than the pattern; one that does not exist must match it.
            if settings.MACHINE_ID_PATTERN.fullmatch(unknown[0]) is None:
                raise CommandRefused(
                    "invalid-machine-id", "machine_ids contains an invalid machine id."
                )
            raise CommandRefused("unknown-machine", f"There is no machine {unknown[0]}.")
        self._hub.subscribe(self._socket, machine_ids, self._scope)
