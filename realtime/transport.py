"""Writes to a client at once, where the server lets us: ASGI's `send` needs a task each."""

from collections.abc import Callable
from functools import lru_cache

from websockets.frames import Frame, Opcode

# What our server puts into the extensions of a socket's scope: a call that drops the connection
# with what is still unsent, and its DirectTransport.
ABORT = "digitaltwin.abort"
TRANSPORT = "digitaltwin.transport"


class DirectTransport:
    """One client's connection, for whole messages.

    `write` takes a `text_frame`; it is None while the client is slow, or leaving. `on_change` is
    called whenever that may have changed.
    """

    __slots__ = ("on_change", "write")

    def __init__(self) -> None:
        self.write: Callable[[bytes], object] | None = None
        self.on_change: Callable[[], None] = _nothing

    def leave(self) -> None:
        """Nobody wants to hear of changes any more."""
        self.on_change = _nothing


# Few: the sockets of a machine get the same text one after the other.
@lru_cache(maxsize=4)
def text_frame(text: str) -> bytes:
    """The bytes of a whole text message (RFC 6455, section 5.6), the same for every client."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


def _nothing() -> None:
    """Until a socket takes the wire."""
