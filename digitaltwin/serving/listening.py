"""The listening socket, bound once and handed to every web process."""

import errno
import socket
import time

BACKLOG = 2048
# After an `up` was killed, its web processes end within this time and free the port.
RETRY_SECONDS = 3.0


class CannotListen(Exception):
    """A failed bind; the message is one sentence for the person who started the process."""


def listen(host: str, port: int, *, retry_seconds: float = 0.0) -> socket.socket:
    """Open a listening TCP socket that child processes inherit. Raises CannotListen."""
    deadline = time.monotonic() + retry_seconds
    while True:
        try:
            return _open_listener(host, port)
        except OSError as exc:
            if exc.errno == errno.EADDRINUSE and time.monotonic() < deadline:
                time.sleep(0.1)
                continue
            raise CannotListen(_error_text(host, port, exc)) from exc


def _open_listener(host: str, port: int) -> socket.socket:
    addresses = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    # `localhost` resolves to IPv6 and IPv4; scripts mostly use the IPv4 address.
    family, kind, protocol, _, address = min(
        addresses, key=lambda candidate: candidate[0] != socket.AF_INET
    )
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, int(address[0] != "::"))
        listener.bind(address)
        listener.listen(BACKLOG)
        listener.set_inheritable(True)
    except OSError:
        listener.close()
        raise
    return listener


def _error_text(host: str, port: int, exc: OSError) -> str:
    if exc.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use; choose another with --port."
    if exc.errno == errno.EACCES:
        return f"Port {port} requires more privileges; choose one above 1023 with --port."
    return f"Cannot listen on {host} port {port}: {exc.strerror or exc}."
