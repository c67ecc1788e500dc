"""Plans for a load generator, and its results."""

import msgspec


class Plan(msgspec.Struct, frozen=True):
    """A load. `devices` are (machine, device key); `watched` of them have sockets.

    `size` readings go in a request; `rate` is in requests a second, None as fast as answered.
    `by_wrk` leaves the posting to wrk where it is installed, which takes less of the machine, but
    does not count what was on its way at the end; such a load has neither rate nor sockets.
    """

    port: int
    devices: list[tuple[str, str]]
    seconds: float
    connections: int = 1
    size: int = 1
    rate: float | None = None
    sockets: int = 0
    watched: int = 1
    socket_query: str = ""
    by_wrk: bool = False


class Result(msgspec.Struct, frozen=True):
    """The result of a load: milliseconds of answers, and of deliveries from the POST to the socket.

    `uncounted` readings may have been accepted besides `accepted`.
    """

    requests: int
    seconds: float
    accepted: int
    statuses: dict[int, int]
    p50_ms: float
    p99_ms: float
    expected: int = 0
    delivered: int = 0
    doubled: int = 0
    closed: int = 0
    delivery_p50_ms: float = 0.0
    delivery_p99_ms: float = 0.0
    last_p99_ms: float = 0.0
    uncounted: int = 0
