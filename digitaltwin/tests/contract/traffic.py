"""Good traffic beside everything else: a device and a page of their own machine."""

import threading
import time
from typing import Any

from websockets.sync.client import connect

from digitaltwin.tests.contract.instance import Instance
from digitaltwin.tests.contract.walk import expect, hold
from digitaltwin.tests.contract.wire import message
from sensors.timestamps import format_us, now_us

EVERY_SECONDS = 0.25
# The development server parses 50 MB in the process that answers everybody.
SLOWEST_SECONDS = {"uvicorn": 2.0, "daphne": 10.0}
TRIES = 10


class GoodTraffic:
    """Device and page that send and watch some readings a second, until `was_unharmed`."""

    def __init__(self, here: Instance) -> None:
        # A client and a key of its own: threads do not share a connection.
        self._here = Instance(url=here.url, server=here.server, **here.operator)
        self._stop = threading.Event()
        self._sender = threading.Thread(target=self._send, daemon=True)
        self._sent: list[str] = []
        self._wrong: list[str] = []
        self._slowest = 0.0

    def start(self) -> None:
        machine = self._here.machine
        address = f"{self._here.url.replace('http', 'ws', 1)}/ws/machines/{machine}"
        headers = {"Authorization": f"Bearer {self._here.token}"}
        # Messages wait in the socket until they are read, as for a page in the background.
        self._socket = connect(address, additional_headers=headers, max_queue=None)
        expect(message(self._socket)["type"], "initial_data", "the first message")
        self._sender.start()

    def was_unharmed(self) -> None:
        """Check that readings were answered in time, and seen once and in order. Raises Miss."""
        self._stop.set()
        self._sender.join()
        expect(self._wrong, [], "readings that were not taken")
        hold(len(self._sent) > 3, f"some good traffic, got {len(self._sent)}")
        in_time = self._slowest < SLOWEST_SECONDS[self._here.server]
        hold(in_time, f"answers in time, the slowest {self._slowest:.1f} s")
        seen: list[str] = []
        while len(seen) < len(self._sent):
            readings = message(self._socket, "sensor_update")["data"]["readings"]
            seen += [one["id"] for one in readings]
        self._socket.close()
        expect(seen, self._sent, "what the machine's socket saw, once and in order")

    def _send(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            try:
                self._post(self._here.reading(timestamp=format_us(now_us())))
            except Exception as exc:  # it goes into the report, not to a dead thread
                self._wrong.append(repr(exc))

    def _post(self, sent: dict[str, Any]) -> None:
        """Post a reading; repeat it after a 503, as a device must (200 is a duplicate)."""
        for _ in range(TRIES):
            began = time.monotonic()
            answer = self._here.send(sent)
            self._slowest = max(self._slowest, time.monotonic() - began)
            if answer.status_code != 503:
                break
        if answer.status_code in (200, 201):
            self._sent.append(answer.json()["id"])
        else:
            self._wrong.append(f"{answer.status_code} {answer.text[:100]}")
