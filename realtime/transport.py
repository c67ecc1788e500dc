"""Direct writes to a client, where the server supports them: ASGI's `send` needs a task each."""

from collections.abc import Callable
from functools import lru_cache

from websockets.frames import Frame, Opcode

# Extensions that our server puts into a socket's scope: a call that drops the connection with
# its unsent data, and the connection's DirectTransport.
ABORT = "digitaltwin.abort"
TRANSPORT = "digitaltwin.transport"


class DirectTransport:
    """The connection of a client, for whole messages.

    `write` sends a `text_frame`; it is None while the client is slow, or leaving. `on_change` is
    called whenever `write` may have changed.
    """

    __slots__ = ("on_change", "write")

    def __init__(self) -> None:
        self.write: Callable[[bytes], object] | None = None
        self.on_change: Callable[[], None] = _no_op

    def release(self) -> None:
        """Stop calling the socket's `on_change`."""
        self.on_change = _no_op


# Few: the sockets of a machine get the same text one after the other.
@lru_cache(maxsize=4)
def text_frame(text: str) -> bytes:
    """Encode a whole text message (RFC 6455, section 5.6); the bytes are equal for all clients."""
    return Frame(Opcode.TEXT, text.encode()).serialize(mask=False)


def _no_op() -> None:
    """No-op until a socket has the transport."""
