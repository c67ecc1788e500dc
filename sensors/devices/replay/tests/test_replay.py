"""What a replay decides without a server: cells, columns, rows, and when each row is due."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.devices.replay.cells import CellRefused, parse_number, parse_time
from sensors.devices.replay.columns import (
    Mapping,
    MappingRefused,
    check_sensors,
    find_columns,
    parse_mapping,
)
from sensors.devices.replay.player import LONGEST_PAUSE, payloads, steps
from sensors.devices.replay.recording import (
    MAX_LINE,
    RecordedRow,
    Recording,
    RecordingRefused,
    Survey,
)
from sensors.devices.replay.schedule import Schedule, make_schedule
from sensors.devices.sending.outbox import BATCH_READINGS
from sensors.timestamps import SECOND_US, format_us, from_datetime

NOW = from_datetime(datetime(2026, 11, 23, 10, 30, tzinfo=UTC))
VALUE = [Mapping("value", "temperature", "Cel")]


def recording(folder: Path, content: str | bytes, **options: str) -> Recording:
    path = folder / "line.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return Recording(path, VALUE, **options)


def surveyed(rows: Sequence[RecordedRow]) -> Survey:
    found = Survey()
    for row in rows:
        found.add(row)
    return found


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2020-03-09 10:14:33", "2020-03-09T10:14:33.000000Z"),
        ("2020-03-09T10:14:33Z", "2020-03-09T10:14:33.000000Z"),
        ("2020-03-09t10:14:33z", "2020-03-09T10:14:33.000000Z"),
        ("2020-03-09 10:14:33.5", "2020-03-09T10:14:33.500000Z"),
        ("2020-03-09 10:14:33,123456789", "2020-03-09T10:14:33.123456Z"),
        ("2020-03-09 12:14:33+02:00", "2020-03-09T10:14:33.000000Z"),
        ("2020-03-09 12:14:33 +0200", "2020-03-09T10:14:33.000000Z"),
        ("2020-03-09 10:14", "2020-03-09T10:14:00.000000Z"),
        ("2020-03-09", "2020-03-09T00:00:00.000000Z"),
    ],
)
def test_parse_time_takes_iso_8601_and_reads_naive_as_utc(text: str, moment: str) -> None:
    assert format_us(parse_time(text)) == moment


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "1583748873", "09.03.2020 10:14", "2020-02-30 00:00:00", "2020-W10-1"),
        *("２０２０-03-09", "2020-03-09 10:14:33 CET", "2020-03-09 10:14:61", "20200309T101433"),
    ],
)
def test_parse_time_anything_else_is_refused(text: str) -> None:
    with pytest.raises(CellRefused, match="expected a time such as 2026-11-23T10:30:00Z, got '"):
        parse_time(text)


@given(st.datetimes())
def test_parse_time_reads_back_what_python_writes(naive: datetime) -> None:
    moment = naive.replace(tzinfo=UTC)

    assert parse_time(str(naive)) == from_datetime(moment)
    assert parse_time(moment.isoformat()) == from_datetime(moment)


@given(st.floats(allow_infinity=False))
def test_parse_number_reads_back_what_python_writes(number: float) -> None:
    assert parse_number(repr(number)) == pytest.approx(number, rel=0, abs=0, nan_ok=True)


@pytest.mark.parametrize(
    "text", ["abc", "1,5", "1e999", "inf", "-Infinity", "1_000", "0x10", "٣", "--1", ".", "1 2"]
)
def test_parse_number_anything_else_is_refused(text: str) -> None:
    with pytest.raises(CellRefused, match=r"expected a number such as 1\.5, got '"):
        parse_number(text)


@pytest.mark.parametrize(
    ("text", "mapping"),
    [
        ("value=temperature", Mapping("value", "temperature", "Cel")),
        ("value=temperature:fahrenheit", Mapping("value", "temperature", "fahrenheit")),
        ("Volume Flow RateRMS=flow", Mapping("Volume Flow RateRMS", "flow", "L/min")),
        ("a=b:c=speed.spindle", Mapping("a=b:c", "speed.spindle", "rpm")),
        ("NOx=nox.stack:mg/m3", Mapping("NOx", "nox.stack", "mg/m3")),
    ],
)
def test_parse_mapping_takes_column_sensor_and_unit(text: str, mapping: Mapping) -> None:
    assert parse_mapping(text) == mapping


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("temperature", "expected column=sensor_type"),
        ("=temperature", "expected column=sensor_type"),
        ("value=", "expected column=sensor_type"),
        ("value=Temperature", "expected column=sensor_type"),
        ("value=temperature.", "expected column=sensor_type"),
        ("value=temperature:", "expected a unit of 1 to 20 characters"),
        ("value=temperature:" + "x" * 21, "expected a unit of 1 to 20 characters"),
        ("NOx=nox.stack", "nox is not a shipped sensor type; give its unit as nox.stack:UNIT"),
    ],
)
def test_parse_mapping_malformed_says_what_is_expected(text: str, sentence: str) -> None:
    with pytest.raises(MappingRefused, match=sentence):
        parse_mapping(text)


def test_check_sensors_one_sensor_from_two_columns_is_refused() -> None:
    with pytest.raises(MappingRefused, match=r"'a' and 'b' are both mapped to temperature;"):
        check_sensors([parse_mapping("a=temperature"), parse_mapping("b=temperature:K")])


@pytest.mark.parametrize(
    ("header", "time"),
    [
        (["value", "timestamp"], 1),
        (["Time", "value", "DateTime"], 2),
        ([" time ", "value"], 0),
    ],
)
def test_find_columns_knows_the_usual_time_columns(header: list[str], time: int) -> None:
    assert find_columns(header, VALUE, time_column=None).time == time


@pytest.mark.parametrize(
    ("header", "time_column", "sentence"),
    [
        (["t", "value"], None, "no column is named timestamp, datetime, time; name the time"),
        (["t", "value"], "u", "there is no column 'u'. Its columns are 't', 'value'"),
        (["time", "x"], None, "there is no column 'value'. Its columns are 'time', 'x'"),
        (["time", "value"], "value", "the column 'value' is the time and cannot be a sensor"),
        (["time", "value", "value"], None, "the column 'value' appears more than once"),
        (["time;value"], None, "Its only column is 'time;value'; set --delimiter"),
        (["time", *map(str, range(99))], None, "Its first columns are 'time', '0', "),
    ],
)
def test_find_columns_says_what_is_missing(
    header: list[str], time_column: str | None, sentence: str
) -> None:
    with pytest.raises(MappingRefused) as told:
        find_columns(header, VALUE, time_column=time_column)

    assert sentence in str(told.value)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_are_read_in_order_past_blank_lines_and_empty_cells(tmp_path: Path, end: str) -> None:
    lines = ["\ufefftimestamp,other,value", "2020-03-09 10:14:33,x, 1.5 ", "", "2020-03-09,,", ""]

    rows = list(recording(tmp_path, end.join(lines)).rows())

    assert [(format_us(row.measured_at), row.values) for row in rows] == [
        ("2020-03-09T10:14:33.000000Z", (1.5,)),
        ("2020-03-09T00:00:00.000000Z", (None,)),
    ]
    assert [row.readings for row in rows] == [1, 0]


def test_rows_take_quotes_another_delimiter_and_another_encoding(tmp_path: Path) -> None:
    content = '"time";"größe;mm";value\n2020-03-09;"a\nb";"2"\n'.encode("latin-1")

    [row] = recording(tmp_path, content, delimiter=";", encoding="latin-1").rows()

    assert row.values == (2.0,)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "line.csv is empty."),
        ("\n\n", "line.csv is empty."),
        ("time,value\n2020-03-09,1\nsoon,2\n", "line.csv line 3: expected a time such as"),
        ("time,value\n2020-03-09,x\n", "line 2: column 'value': expected a number such as 1.5,"),
        ("time,value\n2020-03-09,1,5\n", "line 2: expected 2 cells, got 3."),
        ("time,value\n2020-03-09\n", "line 2: expected 2 cells, got 1."),
        ('time,value\n2020-03-09,"1\n', "line 2: unexpected end of data."),
        ('time,value\n2020-03-09,"1"2\n', "line 2: ',' expected after '\"'."),
        ("time,value\n" + "1" * (MAX_LINE + 1), "line 2: expected a line of at most 1,000,000"),
        (b"time,value,x\n2020-03-09,1,\xe4\n", "line 2 is not utf-8-sig: byte 0xe4 at character"),
        ("time,value\n".encode("utf-16"), "line 1 is not utf-8-sig: byte 0xff at character 1."),
    ],
)
def test_rows_of_a_malformed_file_name_the_line(
    tmp_path: Path, content: str | bytes, sentence: str
) -> None:
    with pytest.raises(RecordingRefused) as told:
        list(recording(tmp_path, content).rows())

    assert sentence in str(told.value)
    assert str(told.value).startswith(str(tmp_path / "line.csv"))


def test_rows_of_what_is_no_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecordingRefused, match="is a folder; expected a CSV file"):
        next(Recording(tmp_path, VALUE).rows())
    with pytest.raises(RecordingRefused, match="cannot be read: No such file or directory"):
        next(Recording(tmp_path / "none.csv", VALUE).rows())
    with pytest.raises(RecordingRefused, match="is not an ordinary file"):
        next(Recording(Path("/dev/null"), VALUE).rows())


MOMENTS = st.lists(st.integers(0, 4_000_000_000 * SECOND_US), min_size=1, max_size=20)


@given(moments=MOMENTS, speed=st.sampled_from([0.0, 0.5, 1.0, 3.0, 1e6]), keep_time=st.booleans())
def test_schedule_any_recording_keeps_its_order(
    moments: list[int], speed: float, keep_time: bool
) -> None:
    rows = [RecordedRow(at, (1.0,)) for at in moments]

    schedule = make_schedule(surveyed(rows), speed=speed, keep_time=keep_time, start=NOW)

    stamps = [schedule.stamp(at) for at in sorted(moments)]
    assert stamps == sorted(stamps)
    assert schedule.due(moments[0]) == NOW
    if keep_time:
        assert stamps == sorted(moments)
    elif speed == 0:
        assert stamps == [NOW + at - max(moments) for at in sorted(moments)]
    else:
        assert [schedule.due(at) for at in sorted(moments)] == stamps
    if speed == 1:
        assert [schedule.due(at) - NOW for at in moments] == [at - moments[0] for at in moments]


def test_schedule_at_a_speed_divides_the_distances() -> None:
    rows = [RecordedRow(second * SECOND_US, (1.0,)) for second in (100, 104, 102)]

    schedule = make_schedule(surveyed(rows), speed=4.0, keep_time=False, start=NOW)

    assert [schedule.stamp(row.measured_at) - NOW for row in rows] == [0, SECOND_US, SECOND_US // 2]


def test_schedule_beyond_the_calendar_is_refused() -> None:
    rows = [RecordedRow(0, (1.0,)), RecordedRow(40 * 365 * 86_400 * SECOND_US, (1.0,))]

    with pytest.raises(
        RecordingRefused, match=r"At speed 0\.001 the replay would go beyond the years"
    ):
        make_schedule(surveyed(rows), speed=0.001, keep_time=False, start=NOW)


@given(
    seconds=st.lists(st.integers(0, 30), min_size=1, max_size=30),
    late=st.integers(0, 5 * SECOND_US),
)
def test_turns_give_every_row_once_in_order_and_none_early(seconds: list[int], late: int) -> None:
    rows = [RecordedRow(second * SECOND_US, (1.0,)) for second in seconds]
    schedule = make_schedule(surveyed(rows), speed=2.0, keep_time=False, start=NOW)
    clock = [NOW + late]
    given_out = list[RecordedRow]()

    for turn in steps(iter(rows), schedule, now=lambda: clock[0]):
        if isinstance(turn, float):
            assert 0 < turn <= LONGEST_PAUSE
            clock[0] += round(turn * SECOND_US)
        else:
            assert all(schedule.due(row.measured_at) <= clock[0] for row in turn)
            given_out += turn

    assert given_out == rows


def test_turns_at_speed_0_fill_batches_and_never_wait() -> None:
    rows = [RecordedRow(at, (1.0, None, 2.0)) for at in range(BATCH_READINGS)]
    schedule = Schedule(speed=0.0, keep_time=False, start=NOW, first=0, newest=0)

    given_out = list(steps(iter(rows), schedule, now=lambda: NOW))

    assert given_out == [rows[: BATCH_READINGS // 2], rows[BATCH_READINGS // 2 :]]


def test_payloads_leave_out_empty_cells_and_say_bad_for_nan() -> None:
    mappings = [*VALUE, Mapping("b", "flow", "m3/h"), Mapping("c", "speed", "rpm")]
    schedule = Schedule(speed=0.0, keep_time=True, start=NOW, first=0, newest=0)

    readings = list(
        payloads(
            [RecordedRow(NOW, (1.5, None, math.nan))], mappings, schedule, machine_id="CNC-001"
        )
    )

    shared = {"machine_id": "CNC-001", "timestamp": "2026-11-23T10:30:00.000000Z"}
    assert readings == [
        shared | {"sensor_type": "temperature", "value": 1.5, "unit": "Cel", "quality": "good"},
        shared | {"sensor_type": "speed", "value": None, "unit": "rpm", "quality": "bad"},
    ]


def test_survey_knows_the_oldest_and_newest_of_an_unordered_recording() -> None:
    oldest = datetime(2020, 1, 1, tzinfo=UTC)
    times = [from_datetime(oldest + timedelta(days=days)) for days in (2, 0, 5, 1)]

    found = surveyed([RecordedRow(at, (1.0, None)) for at in times])

    assert found == Survey(rows=4, readings=4, first=times[0], oldest=times[1], newest=times[2])
