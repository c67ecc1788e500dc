"""What a sender decides without a server: which batch is next, and how long to wait."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.devices.sending import answers
from sensors.devices.sending.backoff import LONGEST_PAUSE, Backoff
from sensors.devices.sending.outbox import Batch, Outbox, by_machine
from sensors.devices.sending.tests.small_server import make_readings


@given(
    names=st.lists(st.sampled_from(["CNC-001", "MIL-002", "LAT-003"]), max_size=40),
    most=st.integers(1, 7),
)
def test_by_machine_keeps_every_reading_in_order(names: list[str], most: int) -> None:
    readings = [make_readings(name, count=1, first=i)[0] for i, name in enumerate(names)]

    batches = list(by_machine(readings, most=most))

    assert all(1 <= batch.count <= most for batch in batches)
    assert sum(batch.count for batch in batches) == len(names)
    assert [batch.machine_id for batch in batches] == sorted(batch.machine_id for batch in batches)


@given(st.data())
def test_outbox_any_use_keeps_order_and_one_batch_a_machine_out(data: st.DataObject) -> None:
    outbox, out, taken, put = Outbox(bound=5), list[Batch](), list[Batch](), 0
    for action in data.draw(st.lists(st.sampled_from("pppttsd"), max_size=60)):
        if action == "p" and not outbox.is_full:
            machine = data.draw(st.sampled_from(["CNC-001", "MIL-002"]))
            outbox.put(Batch(machine, put := put + 1, b""))
        elif action == "t" and outbox.is_ready:
            out.append(outbox.next_batch())
            taken.append(out[-1])
        elif action == "s" and out:
            outbox.settle(out.pop(data.draw(st.integers(0, len(out) - 1))))
        elif action == "d" and outbox.waiting:
            outbox.drop_oldest()

        machines_out = [batch.machine_id for batch in out]
        assert len(set(machines_out)) == len(machines_out)
        assert outbox.is_empty == (outbox.waiting == 0 and not out)
        assert outbox.readings >= sum(batch.count for batch in out)
    for name in ("CNC-001", "MIL-002"):
        counts = [batch.count for batch in taken if batch.machine_id == name]
        assert counts == sorted(counts)


def test_backoff_failures_of_one_moment_count_once() -> None:
    backoff = Backoff(seed=1)

    pauses = [backoff.failed(100.0) for _ in range(8)]

    assert len(set(pauses)) == 1
    assert pauses[0] <= 0.25


def test_backoff_grows_to_its_bound_and_begins_again() -> None:
    backoff, now, pauses = Backoff(seed=1), 0.0, []
    for _ in range(20):
        pauses.append(backoff.failed(now))
        now += pauses[-1]

    assert max(pauses) <= LONGEST_PAUSE
    assert all(pause >= LONGEST_PAUSE / 2 for pause in pauses[6:])
    backoff.succeeded()
    assert backoff.failed(now) <= 0.25


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("7", 7.0),
        ("0", 0.0),
        ("999999", 300.0),
        pytest.param(
            format_datetime(datetime.now(UTC) + timedelta(hours=2), usegmt=True), 300.0, id="in 2 h"
        ),
        ("Fri, 31 Dec 1999 23:59:59 GMT", 0.0),
        ("soon", None),
        ("-1", None),
        ("", None),
    ],
)
def test_retry_after_takes_seconds_and_dates(text: str, seconds: float | None) -> None:
    assert answers.retry_after(httpx.Response(503, headers={"Retry-After": text})) == seconds
