"""Delivery of a batch through HTTP, with retries until the server answers."""

import asyncio
import ipaddress

import httpx
import structlog

from sensors.devices.sending import answers
from sensors.devices.sending.answers import Tally
from sensors.devices.sending.backoff import Backoff
from sensors.devices.sending.outbox import Batch, parts

log = structlog.get_logger(__name__)

BATCH_PATH = "/api/v1/sensors/readings/batch"
IN_FLIGHT = 8
# Longer than the server's own deadlines (1.5 s for a stored answer).
TIMEOUT = httpx.Timeout(10.0, connect=3.0)
# Shorter than the 5 s after which uvicorn closes an idle connection: a later request would fail.
KEEP_ALIVE_SECONDS = 3.0


def make_client(url: str, device_key: str, *, in_flight: int = IN_FLIGHT) -> httpx.AsyncClient:
    """Make a client with kept-alive connections to the platform at `url`."""
    return httpx.AsyncClient(
        base_url=url,
        headers={
            "Authorization": f"Bearer {device_key}",
            "Content-Type": "application/json",
        },
        timeout=TIMEOUT,
        limits=httpx.Limits(
            max_connections=in_flight,
            max_keepalive_connections=in_flight,
            keepalive_expiry=KEEP_ALIVE_SECONDS,
        ),
        # A proxy of the environment cannot reach this machine's own loopback.
        trust_env=not _is_loopback(httpx.URL(url).host),
    )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Delivery:
    """State shared by all requests: backoff, tally and the present trouble."""

    def __init__(self, client: httpx.AsyncClient, tally: Tally, *, partial: bool) -> None:
        # A sentence while requests fail; empty otherwise.
        self.trouble = ""
        self._client = client
        self._tally = tally
        self._partial = partial
        self._path = f"{BATCH_PATH}?partial=true" if partial else BATCH_PATH
        self._backoff = Backoff()

    async def deliver(self, batch: Batch) -> None:
        """Post until the batch is answered, and count the answer.

        Raises SendingStopped when no batch can ever be accepted.
        """
        response = await self._answer(batch)
        self._recovered()
        self._tally.requests += 1
        answers.stop_unless_answered(response)
        if self._partial and answers.omits_row_errors(response, batch):
            # In smaller batches the answer lists the error of every row.
            for part in parts(batch, most=answers.MAX_ERRORS):
                await self.deliver(part)
            return
        for refusal in answers.count(self._tally, batch, response):
            log.warning(
                "readings_refused",
                machine=refusal.machine_id,
                status=response.status_code,
                code=refusal.code,
                detail=refusal.detail,
            )

    async def _answer(self, batch: Batch) -> httpx.Response:
        clock = asyncio.get_running_loop().time
        tries = 0
        while True:
            # In a loop: a failure of another request may have prolonged the pause.
            while pause := self._backoff.remaining(clock()):  # noqa: ASYNC110
                await asyncio.sleep(pause)
            tries += 1
            try:
                response = await self._client.post(self._path, content=batch.body)
            except httpx.RequestError as exc:
                self._failed(f"no response from {self._client.base_url}: {_reason(exc)}", None)
            else:
                if not answers.is_retryable(response.status_code, tries=tries):
                    return response
                body = answers.problem(response)
                self._failed(
                    f"the server responds with {response.status_code} {body.code}",
                    answers.retry_after(response),
                )

    def _failed(self, trouble: str, retry_after: float | None) -> None:
        pause = self._backoff.failed(asyncio.get_running_loop().time(), retry_after=retry_after)
        self._tally.retries += 1
        if not self.trouble:
            log.warning("sending_paused", reason=trouble, retry_in=round(pause, 2))
        self.trouble = trouble

    def _recovered(self) -> None:
        self._backoff.succeeded()
        if self.trouble:
            log.info("sending_resumed", after=self.trouble)
        self.trouble = ""


def _reason(exc: httpx.RequestError) -> str:
    """Name the error: httpx leaves the text of most timeouts empty."""
    return f"{type(exc).__name__} {exc}".strip()
