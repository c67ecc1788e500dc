"""What a client says on its socket, and what it is answered."""

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
from sensors.timestamps import format_us, now_us

log = structlog.get_logger(__name__)

RATE_SECONDS = 10.0
RATE_MESSAGES = 20
FLOOD_MESSAGES = 40


class SocketSession:
    """One socket's; a bad message gets an error, a flood ends it."""

    def __init__(self, hub: Hub, socket: Socket) -> None:
        self._hub = hub
        self._socket = socket
        self._heard: list[float] = []

    async def hear(self, text: str | None) -> None:
        """Take one message of the client; None stands for a binary frame."""
        if self._socket.is_closed:
            return
        heard = self._count(asyncio.get_running_loop().time())
        if heard >= FLOOD_MESSAGES:
            log.info("flooding_socket_closed", kind=self._socket.kind)
            self._socket.close(Close.FLOODING)
        elif text is not None and len(text.encode(errors="replace")) > MAX_TEXT_BYTES:
            self._socket.close(Close.TOO_BIG)
        else:
            await self._answer(text, is_too_much=heard > RATE_MESSAGES)

    def _count(self, now: float) -> int:
        recent = [heard for heard in self._heard if heard > now - RATE_SECONDS]
        self._heard = [*recent, now][-FLOOD_MESSAGES:]
        return len(self._heard)

    async def _answer(self, text: str | None, *, is_too_much: bool) -> None:
        try:
            if is_too_much:
                raise CommandRefused(
                    "rate-limited",
                    f"Expected at most {RATE_MESSAGES} messages in {RATE_SECONDS:.0f} s.",
                )
            await self._obey(parse_command(text))
        except CommandRefused as exc:
            self._socket.say("error", {"code": exc.code, "message": exc.message})
        except LogUnavailable as exc:
            self._socket.say("error", {"code": exc.code, "message": exc.title})
        except DatabaseError:
            log.exception("machines_not_read")
            text = "The database cannot be reached."
            self._socket.say("error", {"code": "database-unavailable", "message": text})

    async def _obey(self, command: Command) -> None:
        if isinstance(command, Subscribe):
            await self._subscribe(command.machine_ids)
        elif isinstance(command, GetLatest):
            self._socket.say("latest", {"readings": await self._hub.latest(self._socket)})
        else:
            self._socket.say("pong", {"server_time": format_us(now_us())})

    async def _subscribe(self, machine_ids: tuple[str, ...]) -> None:
        if self._socket.kind != "dashboard":
            raise CommandRefused("unknown-type", "subscribe is available on /ws/dashboard only.")
        known = (await get_catalogue().current()).machines
        unknown = [machine_id for machine_id in machine_ids if machine_id not in known]
        if unknown:
            # A machine may be older than the pattern; one that is not there must fit it.
            if settings.MACHINE_ID_PATTERN.fullmatch(unknown[0]) is None:
                raise CommandRefused(
                    "invalid-machine-id", "machine_ids contains an invalid machine id."
                )
            raise CommandRefused("unknown-machine", f"There is no machine {unknown[0]}.")
        self._hub.subscribe(self._socket, machine_ids)
