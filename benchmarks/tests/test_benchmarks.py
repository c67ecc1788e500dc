"""The parts of the benchmark whose mistakes would not show in its numbers."""

import asyncio
import os
from pathlib import Path

import pytest

from benchmarks import report, usage
from benchmarks.bodies import Bodies, machine_id
from benchmarks.rounds import medians, spread
from benchmarks.watcher import Deliveries, Watcher
from benchmarks.works import Row
from sensors.instants import now_us
from sensors.serializers import check_batch, check_single

ROW = Row("single", "cpu_us", "CPU a reading", "us")
TURNS = {
    "single": {
        "seed": [{"cpu_us": 900.0}, {"cpu_us": 1000.0}, {"cpu_us": 1300.0}],
        "embedded": [{"cpu_us": 240.0}, {"cpu_us": 250.0}, {"cpu_us": 260.0}],
    }
}


def test_bodies_are_valid_and_no_two_readings_alike() -> None:
    bodies = Bodies()

    single = check_single(bodies.single("CNC-001"), now_us=now_us())
    batch = check_batch(bodies.batch("CNC-001", 100), now_us=now_us())

    readings = [*single.readings.values(), *batch.readings.values()]
    assert not single.errors
    assert not batch.errors
    assert [reading.metadata["seq"] for reading in readings] == list(range(101))
    assert len({reading.measured_at for reading in readings}) == 101


def test_machine_ids_are_a_thousand() -> None:
    assert len({machine_id(number) for number in range(1000)}) == 1000


def test_a_tree_holds_each_process_once() -> None:
    tree = usage.tree([os.getpid(), os.getppid()])

    assert len(tree) == len(set(tree))
    assert os.getpid() in tree


def test_ratio_is_of_the_medians() -> None:
    assert medians(TURNS["single"]["seed"]) == {"cpu_us": 1000.0}
    assert spread(TURNS["single"]["seed"], "cpu_us") == (900.0, 1300.0)
    assert report.ratio(ROW, TURNS, name="embedded", peer="seed") == 0.25
    assert report.ratio(ROW, TURNS, name="seed", peer="seed") is None


def test_readme_without_markers_is_refused(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text("no markers\n")

    with pytest.raises(ValueError, match="Expected the lines"):
        report.put_in_readme("| table |\n", readme)

    assert readme.read_text() == "no markers\n"


def test_readme_gets_the_table_between_its_markers(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    begin, end = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
    readme.write_text(f"before\n{begin}\nold\n{end}\nafter\n")

    report.put_in_readme("| table |\n", readme)

    assert readme.read_text() == f"before\n{begin}\n| table |\n{end}\nafter\n"


@pytest.mark.asyncio
async def test_watcher_counts_what_comes_twice_and_passes_over_the_first_state() -> None:
    deliveries = Deliveries()
    deliveries.sent_at["CNC-001"] = [0.0, 0.0, 0.0]
    watcher = Watcher("CNC-001", "", deliveries)
    messages = [
        b'{"type":"initial_data","data":{"readings":[{"metadata":{"seq":2}}]}}',
        b'{"type":"sensor_update","data":{"readings":[{"metadata":{"seq":0}}]}}',
        b'{"type":"sensor_update","data":{"readings":[{"metadata":{"seq":0}}]}}',
        b'{"type":"sensor_update","data":{"readings":[{"metadata":{"seq":2}}]}}',
    ]
    frames = b"".join(bytes([0x81, len(message)]) + message for message in messages)

    watcher.data_received(b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + frames[:70])
    watcher.data_received(frames[70:])
    await asyncio.wait_for(watcher.opened, 1)

    assert len(deliveries.seconds) == 2
    assert deliveries.doubled == 1
