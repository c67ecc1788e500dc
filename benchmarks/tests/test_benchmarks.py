"""The parts of the benchmark whose mistakes would not show in its numbers."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import report, rounds, usage
from benchmarks.bodies import Bodies, machine_id
from benchmarks.instances import Instance, Start
from benchmarks.measuring import Measures
from benchmarks.peers.node_red.flows import flows
from benchmarks.rounds import medians, spread
from benchmarks.watcher import Deliveries, Watcher
from benchmarks.works import Row, Work
from sensors.ingest.serializers import parse_batch, parse_single
from sensors.timestamps import now_us

ROOT = Path(__file__).resolve().parents[2]

ROW = Row("single", "cpu_us", "CPU a reading", "us")
TURNS = {
    "single": {
        "seed": [{"cpu_us": 900.0}, {"cpu_us": 1000.0}, {"cpu_us": 1300.0}],
        "embedded": [{"cpu_us": 240.0}, {"cpu_us": 250.0}, {"cpu_us": 260.0}],
    }
}


def test_bodies_are_valid_and_no_two_readings_alike() -> None:
    bodies = Bodies()

    single = parse_single(bodies.single("CNC-001"), now_us=now_us())
    batch = parse_batch(bodies.batch("CNC-001", 100), now_us=now_us())

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


def started(name: str, ends: list[str]) -> Start:
    @contextmanager
    def start() -> Iterator[Instance]:
        yield Instance(name, 0, [], [], processed=int, is_drained=bool)
        ends.append(name)

    return start


def work_that_breaks(breaking: str) -> Work:
    """Its second turn of `breaking` does."""
    turns: list[str] = []

    def turn(instance: Instance, seconds: float) -> Measures:
        turns.append(instance.name)
        if instance.name == breaking and turns.count(breaking) == 2:
            raise RuntimeError("the load generator ended early")
        return {"readings": 1.0}

    return Work("broken", "Broken", ("seed", "embedded"), turn)


def test_a_broken_peer_loses_its_turn_and_starts_anew() -> None:
    ends: list[str] = []
    starts = {name: started(name, ends) for name in ("seed", "embedded")}

    turns = rounds.run([work_that_breaks("seed")], starts, turns=3, seconds=0)

    assert {name: len(of_one) for name, of_one in turns["broken"].items()} == {
        "seed": 2,
        "embedded": 3,
    }
    assert sorted(ends) == ["embedded", "seed", "seed"]


def test_a_broken_product_ends_the_run() -> None:
    ends: list[str] = []
    starts = {name: started(name, ends) for name in ("seed", "embedded")}

    with pytest.raises(RuntimeError, match="ended early"):
        rounds.run([work_that_breaks("embedded")], starts, turns=3, seconds=0)

    assert sorted(ends) == ["embedded", "seed"]


def test_flow_of_the_peer_wires_every_sensor() -> None:
    nodes = {node["id"]: node for node in flows(["CNC-000", "MIL-001"], ["speed", "pressure"])}

    wires = nodes["route"]["wires"][1:]

    assert nodes["route"]["outputs"] == len(wires) + 1 == 5
    assert [nodes[target]["type"] for [target] in wires] == ["ui-text"] * 4
    assert {nodes[target]["group"] for [target] in wires} <= set(nodes)


def test_document_without_markers_is_refused(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    document.write_text("no markers\n")

    with pytest.raises(ValueError, match="Expected the lines"):
        report.put_between_markers("| table |\n", document)

    assert document.read_text() == "no markers\n"


def test_document_gets_the_table_between_its_markers(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    begin, end = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"
    document.write_text(f"before\n{begin}\nold\n{end}\nafter\n")

    report.put_between_markers("| table |\n", document)

    assert document.read_text() == f"before\n{begin}\n| table |\n{end}\nafter\n"


def test_headlines_show_medians_beside_the_reference() -> None:
    single = {
        "seed": [{"requests_per_s": 600.0, "p99_ms": 300.0}],
        "embedded": [{"requests_per_s": rate, "p99_ms": 9.0} for rate in (7000.0, 7200.0, 7100.0)],
    }
    plant = {"redis_postgres": [{"delivery_p99_ms": 87.5}]}

    table = report.headlines({"single": single, "plant": plant})

    assert table.splitlines()[2:] == [
        "| single POST, 32 connections | embedded | 7,100 /s | 600 /s | 11.83x |",
        "| its p99 | embedded | 9 ms | 300 ms | 0.03x |",
        "| 10,000 sockets, 2,000 readings/s, p99 | redis_postgres | 87.5 ms |  |  |",
    ]


def test_documents_show_the_committed_results() -> None:
    turns = report.read("latest")
    table = (report.FOLDER / "latest.md").read_text(encoding="utf-8")

    assert table in (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")
    assert report.headlines(turns) in (ROOT / "README.md").read_text(encoding="utf-8")


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
