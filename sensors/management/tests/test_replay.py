"""The command as its own process against a small server: what it posts, says, and how it ends."""

import asyncio
import os
import re
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management.base import CommandError

from sensors.devices.sending.tests.small_server import Say, SmallServer, refusal, small_server
from sensors.management.commands.replay import Command
from sensors.timestamps import SECOND_US, now_us, parse_rfc3339

ROOT = Path(__file__).resolve().parents[3]
COUNTS = "{} accepted, {} late, {} duplicate, {} conflicting, {} refused"


async def replay(
    file: Path, *arguments: str, key: str = "k", stderr: int = asyncio.subprocess.PIPE
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        "replay",
        str(file),
        *("--machine", "CNC-001", "--map", "value=temperature", *arguments),
        cwd=ROOT,
        env=os.environ | {"DEVICE_KEY": key, "DATA_DIR": str(file.parent), "COLUMNS": "150"},
        stdout=asyncio.subprocess.PIPE,
        stderr=stderr,
    )


async def finished(file: Path, *arguments: str, key: str = "k") -> tuple[int | None, str, str]:
    """Exit code, stdout, stderr."""
    process = await replay(file, *arguments, key=key)
    out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


def recorded(folder: Path, *, count: int = 3, step: float = 1.0) -> Path:
    """Rows `step` seconds apart, with the values 0, 1, 2, ..."""
    path = folder / "line.csv"
    begun = datetime(2020, 3, 9, 10, tzinfo=UTC)
    rows = (f"{begun + timedelta(seconds=i * step)},{i}\n" for i in range(count))
    path.write_text("time,value\n" + "".join(rows))
    return path


def posted(server: SmallServer) -> list[dict[str, Any]]:
    return [row for body in server.bodies for row in body["readings"]]


async def test_replay_speed_0_posts_every_row_in_order_the_last_one_now(tmp_path: Path) -> None:
    async with small_server() as server:
        begun = now_us()
        code, out, err = await finished(
            recorded(tmp_path, count=1200), "--speed", "0", "--url", server.url
        )
        ended = now_us()

    assert code == 0, err
    assert out == f"Replayed 1,200 readings as CNC-001: {COUNTS.format('1,200', 0, 0, 0, 0)}.\n"
    rows = posted(server)
    assert [row["value"] for row in rows] == list(range(1200))
    assert {(row["sensor_type"], row["unit"], row["quality"]) for row in rows} == {
        ("temperature", "Cel", "good")
    }
    times = [parse_rfc3339(row["timestamp"]) for row in rows]
    assert times == [times[-1] + (i - 1199) * SECOND_US for i in range(1200)]
    assert begun <= times[-1] <= ended
    assert [len(body["readings"]) for body in server.bodies] == [500, 500, 200]
    assert set(server.targets) == {"/api/v1/sensors/readings/batch?partial=true"}
    assert server.most_at_once == 1


async def test_replay_at_a_speed_posts_each_row_at_its_moment(tmp_path: Path) -> None:
    async with small_server() as server:
        wall = now_us() - asyncio.get_running_loop().time() * SECOND_US
        file = recorded(tmp_path, count=5)
        code, _, err = await finished(file, "--speed", "5", "--url", server.url)

    assert code == 0, err
    times = [parse_rfc3339(row["timestamp"]) for row in posted(server)]
    assert [at - times[0] for at in times] == [i * SECOND_US // 5 for i in range(5)]
    # None before its moment; how long after it is for the machine to say.
    assert len(server.bodies) > 1
    for body, came in zip(server.bodies, server.times, strict=True):
        for row in body["readings"]:
            assert parse_rfc3339(row["timestamp"]) <= wall + came * SECOND_US


async def test_replay_keep_time_leaves_the_times_and_again_is_all_duplicates(
    tmp_path: Path,
) -> None:
    file = recorded(tmp_path)
    async with small_server() as server:
        await finished(file, "--speed", "0", "--keep-time", "--url", server.url)
        code, out, err = await finished(file, "--speed", "0", "--keep-time", "--url", server.url)

    assert code == 0, err
    assert out.endswith(f": {COUNTS.format(0, 0, 3, 0, 0)}.\n")
    assert [row["timestamp"] for row in posted(server)[3:]] == [
        f"2020-03-09T10:00:0{i}.000000Z" for i in range(3)
    ]


async def test_replay_conflicts_alone_exit_0(tmp_path: Path) -> None:
    conflict = {"index": 1, "status": "refused", "errors": [{"code": "conflicting-duplicate"}]}
    answer = Say(207, {}, [{"status": "accepted"}, conflict, {"status": "late"}])
    async with small_server(answer) as server:
        code, out, err = await finished(recorded(tmp_path), "--speed", "0", "--url", server.url)

    assert (code, out) == (
        0,
        f"Replayed 3 readings as CNC-001: {COUNTS.format(1, 1, 0, 1, 0)}.\n",
    ), err


async def test_replay_another_refusal_exits_1_and_says_which(tmp_path: Path) -> None:
    error = {"code": "out-of-range", "detail": "Temperature must be between -50 and 200 Cel."}
    refused = {"index": 1, "status": "refused", "errors": [error]}
    answer = Say(207, {}, [{"status": "accepted"}, refused, {"status": "accepted"}])
    async with small_server(answer) as server:
        code, out, err = await finished(recorded(tmp_path), "--speed", "0", "--url", server.url)

    assert code == 1
    assert out == f"Replayed 3 readings as CNC-001: {COUNTS.format(2, 0, 0, 0, 1)}.\n"
    assert err.splitlines()[-1] == (
        "CommandError: Refused: 1 out-of-range (Temperature must be between -50 and 200 Cel.)."
    )


async def test_replay_of_an_unknown_machine_stops_at_once(tmp_path: Path) -> None:
    script = [refusal(404, "unknown-machine")] * 20
    async with small_server(*script) as server:
        file = recorded(tmp_path, count=5000, step=0.5)
        code, out, err = await finished(file, "--speed", "0", "--url", server.url)

    assert code == 1
    assert len(server.bodies) < 5
    assert re.match(r"Replayed [1,]*[05]00 of 5,000 readings as CNC-001: 0 accepted, ", out)
    assert err.splitlines()[-1] == (
        "CommandError: The server accepts nothing for CNC-001: It is unknown-machine."
    )


async def test_replay_with_a_refused_key_exits_1_before_the_next_row_is_due(
    tmp_path: Path,
) -> None:
    async with small_server(refusal(401, "invalid-key")) as server:
        code, _, err = await finished(recorded(tmp_path, step=1200), "--url", server.url)

    assert code == 1
    assert err.splitlines()[-1].startswith("CommandError: The server refused the device key (401")


async def test_replay_through_bad_days_loses_and_doubles_nothing(tmp_path: Path) -> None:
    now = {"Retry-After": "0"}
    script = [Say(cuts=True, keeps=True), Say(503, now), Say(429, now), Say(cuts=True)]
    async with small_server(*script) as server:
        code, out, err = await finished(
            recorded(tmp_path, count=1200), "--speed", "0", "--url", server.url
        )

    assert code == 0, err
    assert out.endswith(f": {COUNTS.format('700', 0, 500, 0, 0)}.\n")
    assert list(server.kept.values()) == list(range(1200))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_replay_ended_by_a_signal_prints_its_summary(
    tmp_path: Path, number: signal.Signals
) -> None:
    async with small_server() as server:
        process = await replay(recorded(tmp_path, count=3, step=600), "--url", server.url)
        while not server.kept:  # noqa: ASYNC110 - the server is another's, it tells nobody
            await asyncio.sleep(0.02)
        process.send_signal(number)
        out, err = await process.communicate()

    assert process.returncode == 0, err
    assert out.decode() == (
        f"Replayed 1 of 3 readings as CNC-001: {COUNTS.format(1, 0, 0, 0, 0)}.\n"
    )


async def test_replay_ended_before_the_server_is_up_says_what_was_not_answered(
    tmp_path: Path,
) -> None:
    process = await replay(recorded(tmp_path), "--speed", "0", "--url", "http://127.0.0.1:1")
    assert process.stderr is not None
    while b"sending_paused" not in await process.stderr.readline():
        pass
    process.send_signal(signal.SIGTERM)
    out, _ = await process.communicate()

    assert process.returncode == 0
    assert out.decode().startswith("Replayed 0 of 3 readings as CNC-001: 0 accepted,")
    assert out.decode().endswith(" 0 refused, 3 not answered.\n")


async def test_replay_on_a_terminal_shows_one_line_in_place(tmp_path: Path) -> None:
    terminal, its_end = os.openpty()
    async with small_server() as server:
        server.thinking_seconds = 0.6
        process = await replay(
            recorded(tmp_path, count=2000), "--speed", "0", "--url", server.url, stderr=its_end
        )
        os.close(its_end)
        await process.communicate()
    shown = os.read(terminal, 100_000).decode()
    os.close(terminal)

    line = re.search(r"\r(\d+)% (\S+) of 2,000 readings, \S+/s; (\S+) accepted, ", shown)
    assert line, shown
    assert line[2] == line[3]
    assert shown.endswith("\r\x1b[K")


async def test_replay_posts_nothing_of_a_file_that_is_malformed_at_its_end(tmp_path: Path) -> None:
    file = recorded(tmp_path, count=1200)
    with file.open("a") as more:
        more.write("2020-03-09 11:00:00,warm\n")
    async with small_server() as server:
        code, out, err = await finished(file, "--speed", "0", "--url", server.url)

    assert (code, out, server.bodies) == (1, "", [])
    assert err.splitlines()[-1] == (
        f"CommandError: {file} line 1202: column 'value': "
        "expected a number such as 1.5, got 'warm'."
    )


async def test_replay_of_a_file_without_values_says_so(tmp_path: Path) -> None:
    code, _, err = await finished(recorded(tmp_path, count=0))

    assert code == 1
    assert err.splitlines()[-1].endswith("line.csv has no value in the mapped columns.")


async def test_replay_without_a_key_says_so(tmp_path: Path) -> None:
    code, _, err = await finished(recorded(tmp_path), key="")

    assert code == 1
    assert err.startswith("CommandError: DEVICE_KEY is not set.")


@pytest.mark.parametrize(
    ("option", "text"),
    [
        ("--speed", "-1"),
        ("--speed", "nan"),
        ("--speed", "1e-9"),
        ("--speed", "fast"),
        ("--delimiter", ";;"),
        ("--delimiter", ""),
        ("--encoding", "base64"),
        ("--encoding", "utf-99"),
        ("--map", "temperature"),
        ("--url", "plant.example"),
    ],
)
def test_replay_malformed_option_is_a_usage_error(option: str, text: str) -> None:
    parser = Command().create_parser("manage.py", "replay")
    usual = ["line.csv", "--machine", "CNC-001", "--map", "value=temperature"]

    with pytest.raises(CommandError, match=f"argument {option}: expected"):
        parser.parse_args([*usual, f"{option}={text}"])


def test_replay_malformed_machine_is_a_usage_error() -> None:
    parser = Command().create_parser("manage.py", "replay")

    with pytest.raises(CommandError, match=r"argument --machine: Use 1 to 64 of .* Got 'CNC 001'"):
        parser.parse_args(["line.csv", "--machine", "CNC 001", "--map", "value=temperature"])
