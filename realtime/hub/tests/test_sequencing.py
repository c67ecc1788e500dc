"""The rule against a model of everything that a channel layer and Redis can do to it."""

import random
from collections.abc import Callable, Sequence
from math import inf
from typing import Any

import msgspec
import pytest

from realtime import protocol
from realtime.broadcast.frames import DashboardParts, MachineParts
from realtime.hub.delivery import LATEST_MS, DeliveryProgress
from realtime.hub.feeds import Feed
from realtime.hub.followers import Follower, LogRead, LogReadResult, ReadKind
from realtime.hub.overdue import Overdue
from realtime.hub.sequencing import Action, dashboard_action, machine_action
from realtime.hub.subscriptions import (
    LINGER_SECONDS,
    Comparison,
    DashboardFeed,
    MachineFeed,
    Subscriptions,
)
from realtime.protocol import Cursor, Greeting, parse_cursor
from realtime.tests.kinds import NOTE, UNKNOWN, make_note, make_unknown, note_payload, notes_in
from sensors.enums import Quality
from sensors.messages import (
    READINGS,
    START,
    DashboardFrame,
    Frame,
    LiveReading,
    LogEntry,
    MachineFrame,
    MissedEntries,
    pack,
    position_key,
)
from sensors.scopes import EVERYTHING
from sensors.timestamps import SECOND_US

MACHINE = "CNC-001"
HISTORIES = 20_000
DASHBOARD_HISTORIES = 5_000
TYPES = {READINGS: "sensor_update", NOTE: "test_update"}
T0 = 1_795_429_800_000  # milliseconds


def machine_frame(previous: str, position: str, **changes: Any) -> MachineFrame:
    fields: dict[str, Any] = {
        "machine_id": MACHINE,
        "epoch": "e1",
        "received_at": 0,
        "text": "{}",
    } | changes
    return MachineFrame(previous=previous, position=position, **fields)


def dashboard_frame(previous: str, position: str, **changes: Any) -> DashboardFrame:
    fields: dict[str, Any] = {"epoch": "e1", "received_at": 0, "text": "{}"} | changes
    return DashboardFrame(previous=previous, position=position, **fields)


@pytest.mark.parametrize(
    ("last", "frame", "step"),
    [
        ("10-1", machine_frame("10-1", "11-0"), Action.FORWARD),
        ("11-0", machine_frame("10-1", "11-0"), Action.DROP),
        ("10-10", machine_frame("10-1", "10-9"), Action.DROP),
        ("10-1", machine_frame("10-5", "11-0"), Action.FILL),
        ("10-5", machine_frame("10-1", "11-0"), Action.FILL),
        ("10-1", machine_frame("10-1", "11-0", epoch="e2"), Action.SNAPSHOT),
    ],
)
def test_machine_step_for_a_frame(last: str, frame: MachineFrame, step: Action) -> None:
    assert machine_action("e1", last, frame) is step


@pytest.mark.parametrize(
    ("last", "frame", "step"),
    [
        ("10-1", dashboard_frame("10-1", "11-0"), Action.FORWARD),
        ("10-5", dashboard_frame("10-1", "11-0"), Action.FORWARD),
        ("11-0", dashboard_frame("10-1", "11-0"), Action.DROP),
        ("10-1", dashboard_frame("10-5", "11-0"), Action.SNAPSHOT),
        ("10-1", dashboard_frame("10-1", "11-0", epoch="e2"), Action.SNAPSHOT),
    ],
)
def test_dashboard_step_for_a_frame(last: str, frame: DashboardFrame, step: Action) -> None:
    assert dashboard_action("e1", last, frame) is step


def test_step_after_an_empty_log_takes_its_first_epoch() -> None:
    assert machine_action("", START, machine_frame(START, "11-0")) is Action.FORWARD
    assert machine_action("", START, machine_frame("10-1", "11-0")) is Action.FILL


def test_overdue_is_what_was_written_longer_ago_than_the_grace() -> None:
    overdue = Overdue(SECOND_US)

    assert overdue.look("1000-0", 1_900_000) == START
    assert overdue.look("1000-0", 2_100_000) == "1000-0"


def test_overdue_under_a_steady_stream_is_what_was_newest_a_grace_ago() -> None:
    overdue = Overdue(SECOND_US)

    assert overdue.look("5000-0", 5_000_000) == START
    assert overdue.look("6000-0", 6_000_000) == "5000-0"
    assert overdue.look("7000-0", 7_000_000) == "6000-0"


def test_overdue_with_a_clock_behind_redis_looks_at_what_it_saw() -> None:
    overdue = Overdue(SECOND_US)

    assert overdue.look("9000-0", 1_000_000) == START
    assert overdue.look("9000-0", 2_000_000) == "9000-0"
    assert overdue.look("9000-0", 3_000_000) == "9000-0"


def test_overdue_after_the_log_went_back_starts_anew() -> None:
    overdue = Overdue(SECOND_US)
    overdue.look("9000-0", 1_000_000)
    overdue.look("9000-0", 2_000_000)

    assert overdue.look("8000-0", 2_100_000) == START


def test_overdue_waits_while_the_frames_have_not_come_so_far() -> None:
    overdue = Overdue(SECOND_US)

    assert overdue.look("5000-0", 7_000_000, reached_ms=4000) == START
    assert overdue.look("6000-0", 8_000_000, reached_ms=5999) == START
    assert overdue.look("7000-0", 9_000_000, reached_ms=6000) == "5000-0"
    assert overdue.look("7000-0", 9_000_000, reached_ms=8000) == "7000-0"
    assert overdue.look("8000-0", 9_500_000, reached_ms=8000) == "6000-0"
    assert overdue.look("8000-0", 9_500_000) == "8000-0"


def test_stream_has_come_as_far_as_its_newest_frame_while_frames_come() -> None:
    stream = DeliveryProgress()

    before = stream.reached_ms(now_us=7_000_000)
    stream.advance("6000-1")
    stream.advance("5000-9")
    while_they_come = stream.reached_ms(now_us=7_000_000)
    after = stream.reached_ms(now_us=8_000_000)

    assert (before, while_they_come, after) == (inf, 6000, inf)


def test_stream_that_is_far_behind_counts_no_more() -> None:
    stream = DeliveryProgress()
    stream.advance("6000-0")

    assert stream.reached_ms(now_us=60_000_000) == 60_000 - LATEST_MS


def test_late_frames_are_not_read_from_the_log_as_well() -> None:
    jobs: list[LogRead] = []
    shown = Subscriptions(jobs.append)
    feed, other = shown.machine(MACHINE), shown.machine("MIL-002")
    feed.join(Follower(feed, Recorder()))
    feed.settle(jobs.pop(), LogReadResult(Greeting(MACHINE, "e1", "10-0", {"readings": []})))

    def check(second: int) -> int:
        comparison = Comparison([feed])
        now = second * SECOND_US
        reached = shown.progress.reached_ms(now_us=now)
        comparison.check("e1", "5000-0", ["5000-0"], now_us=now, reached_ms=reached)
        return len(jobs)

    shown.deliver(machine_frame("0-0", "4000-0", machine_id=other.machine_id))
    while_late = check(7)
    shown.deliver(machine_frame("4000-0", "6500-0", machine_id=other.machine_id))
    passed = check(8)

    assert (while_late, passed) == (0, 1)
    assert jobs[0].kind is ReadKind.FILL


class Recorder:
    """An outbox that keeps what it was given, at once or when its turn comes."""

    def __init__(self, *, at_once: bool = False) -> None:
        self.texts: list[str] = []
        self.is_idle = True
        self.write: Callable[[bytes], object] | None = self._take_frame if at_once else None

    def put(self, text: str, received_at: int = 0) -> None:
        self.texts.append(text)

    def put_all(self, texts: Sequence[str]) -> None:
        self.texts += texts

    def _take_frame(self, frame: bytes) -> None:
        self.texts.append(frame[frame.index(b"{") :].decode())


class World:
    """One machine's log, a broadcaster, a layer that does what it likes, and a hub's feed.

    The log's entries are of three kinds, one of which this process does not know.
    """

    machine_id: str | None = MACHINE

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.now_ms = T0
        self.epochs = 1
        self.entries: list[LogEntry] = []
        self.all_of: dict[str, list[str]] = {"e1": []}
        self.kinds: dict[str, str] = {}
        self.sent = 0
        self.on_the_way: list[Frame] = []
        self.jobs: list[tuple[LogRead, LogReadResult | None]] = []
        self.feed = self.make_feed()
        self.sockets: list[tuple[Follower, Recorder, str | None]] = []

    @property
    def epoch(self) -> str:
        return f"e{self.epochs}"

    @property
    def newest(self) -> str:
        return self.entries[-1].position if self.entries else START

    def make_feed(self) -> Feed:
        return MachineFeed(MACHINE, self.start, grace_us=900_000)

    def shown(self, epoch: str, after: str = START) -> list[str]:
        """The positions after this one of the entries that sockets are sent."""
        return [
            position
            for position in self.all_of[epoch]
            if self.kinds[position] != UNKNOWN and position_key(position) > position_key(after)
        ]

    # What happens to the log

    def append(self) -> None:
        self.now_ms += self.rng.randrange(3)
        last_ms, last_seq = position_key(self.newest)
        is_same = last_ms == self.now_ms
        position = f"{self.now_ms}-{last_seq + 1 if is_same else 0}"
        kind = self.rng.choice((READINGS, READINGS, READINGS, NOTE, UNKNOWN))
        payload = {
            READINGS: b"[" + pack(_reading(position)) + b"]",
            NOTE: note_payload(position),
            UNKNOWN: b"?",
        }[kind]
        self.entries.append(LogEntry(position, kind, self.newest, MACHINE, 1, payload))
        self.all_of[self.epoch].append(position)
        self.kinds[position] = kind

    def trim(self) -> None:
        kept = self.rng.randrange(1, 4)
        self.sent = max(0, self.sent - max(0, len(self.entries) - kept))
        self.entries = self.entries[-kept:]

    def lose_the_log(self) -> None:
        self.epochs += 1
        self.now_ms += 10
        self.all_of[self.epoch] = []
        self.entries = []
        self.sent = 0

    # What the broadcaster and the layer do

    def broadcast(self) -> None:
        """Frames of one or more entries: merged, lost, doubled or swapped."""
        waiting = self.entries[self.sent :]
        if not waiting:
            return
        merged = waiting[: self.rng.randint(1, 4)]
        self.sent += len(merged)
        for frame in self.frames_of(merged):
            copies = self.rng.choice((0, 1, 1, 1, 1, 2))
            for _ in range(copies):
                at = len(self.on_the_way) - (self.rng.random() < 0.2)
                self.on_the_way.insert(max(0, at), frame)

    def frames_of(self, entries: Sequence[LogEntry]) -> list[Frame]:
        parts = MachineParts(0.05)
        for entry in entries:
            _add(parts, entry)
        return parts.due(self.epoch, 0.0)

    def restart_broadcaster(self) -> None:
        self.sent = self.rng.randint(0, len(self.entries))

    def deliver(self) -> None:
        if self.on_the_way:
            self.feed.deliver(self.on_the_way.pop(0))

    # What the hub does

    def start(self, job: LogRead) -> None:
        self.jobs.append((job, None))

    def read(self) -> None:
        """A job's call reaches Redis; its answer comes at some later time."""
        at = self.rng.randrange(len(self.jobs)) if self.jobs else None
        if at is not None and self.jobs[at][1] is None:
            self.jobs[at] = (self.jobs[at][0], self.answer(self.jobs[at][0]))

    def settle(self) -> None:
        answered = [pair for pair in self.jobs if pair[1] is not None]
        if answered:
            job, answer = self.rng.choice(answered)
            self.jobs.remove((job, answer))
            assert answer is not None
            self.feed.settle(job, answer)

    def fail(self) -> None:
        if self.jobs:
            job, _ = self.jobs.pop(self.rng.randrange(len(self.jobs)))
            self.feed.fail(job)

    def answer(self, job: LogRead) -> LogReadResult:
        if job.kind is ReadKind.FILL:
            return LogReadResult(missed=self.missed(job.after))
        values: dict[str, Any] = {"readings": [], "alarms": []}
        greeting = Greeting(self.machine_id, self.epoch, self.newest, values)
        if job.kind is ReadKind.SNAPSHOT or job.epoch != self.epoch:
            return LogReadResult(greeting)
        if self.rng.random() < 0.3:
            self.append()  # between the snapshot and the script
        missed = self.missed(job.after)
        return LogReadResult(greeting, missed if missed.entries is not None else None)

    def missed(self, after: str) -> MissedEntries:
        """As missed.lua answers."""
        if after == self.newest:
            return MissedEntries(self.epoch, self.newest, ())
        starts = [at for at, entry in enumerate(self.entries) if entry.previous == after]
        found = tuple(self.entries[starts[0] :]) if starts else None
        return MissedEntries(self.epoch, self.newest, found)

    def check(self) -> None:
        self.now_ms += 1000
        tip = self.feed.tip
        for _ in range(self.rng.randrange(2)):
            self.deliver()
        # An empty Redis has no epoch.
        epoch = self.epoch if self.entries else ""
        # The frames of other machines may have come as far, or not, or none comes.
        reached_ms = self.rng.choice((inf, self.now_ms - self.rng.randrange(3000)))
        self.feed.check(
            epoch, self.newest, tip_before=tip, now_us=self.now_ms * 1000, reached_ms=reached_ms
        )

    # What clients do

    def join(self) -> None:
        self.enter(None)

    def resume(self) -> None:
        """A client comes back with the cursor of the last message it saw, or with a wrong one."""
        ends = [recorder.texts[-1] for _, recorder, _ in self.sockets if recorder.texts]
        cursors = [msgspec.json.decode(text)["cursor"] for text in ends]
        cursors += ["e1.5-0", f"e9.{T0}-0", f"{self.epoch}.{T0 * 2}-0"]
        self.enter(parse_cursor(self.rng.choice(cursors) or ""))

    def enter(self, cursor: Cursor | None) -> None:
        recorder = Recorder(at_once=self.rng.random() < 0.5)
        follower = Follower(self.feed, recorder, cursor)
        self.sockets.append((follower, recorder, str(cursor) if cursor else None))
        self.feed.join(follower)

    def leave(self) -> None:
        if self.sockets:
            self.feed.leave(self.rng.choice(self.sockets)[0])

    def overflow(self) -> None:
        """A slow socket's outbox is cleared; what it had not read is gone."""
        if self.sockets:
            follower, recorder, _ = self.rng.choice(self.sockets)
            if follower in self.feed.followers and follower.is_greeted:
                del recorder.texts[self.rng.randint(1, len(recorder.texts)) :]
                self.feed.mark_lost(follower)
                if self.rng.random() < 0.5:
                    self.feed.recover(follower)

    def heal(self) -> None:
        """Nothing fails any more, and no frame arrives: the checks alone bring everyone home."""
        self.on_the_way.clear()
        for _ in range(4):
            while self.jobs:
                job, answer = self.jobs.pop()
                self.feed.settle(job, answer or self.answer(job))
            self.now_ms += 1000
            tip = self.feed.tip
            now_us = self.now_ms * 1000
            self.feed.check(self.epoch, self.newest, tip_before=tip, now_us=now_us)


ACTIONS = {
    World.append: 10,
    World.broadcast: 8,
    World.deliver: 8,
    World.read: 5,
    World.settle: 5,
    World.join: 3,
    World.resume: 2,
    World.check: 2,
    World.fail: 1,
    World.leave: 1,
    World.overflow: 1,
    World.restart_broadcaster: 1,
    World.trim: 0.5,
    World.lose_the_log: 0.3,
}


def _reading(position: str) -> LiveReading:
    return LiveReading(
        MACHINE, 1, "temperature", "Cel", T0 * 1000, T0 * 1000, 1.0, Quality.GOOD, {"at": position}
    )


class DashboardWorld(World):
    """The same with a dashboard's feed, which gets snapshots instead of what it missed."""

    machine_id = None

    def make_feed(self) -> Feed:
        return DashboardFeed(EVERYTHING, self.start, grace_us=900_000)

    def frames_of(self, entries: Sequence[LogEntry]) -> list[Frame]:
        parts = DashboardParts(EVERYTHING.key, entries[0].previous, interval=0.25)
        for entry in entries:
            _add(parts, entry)
        return parts.due(self.epoch, 0.0)

    def answer(self, job: LogRead) -> LogReadResult:
        return LogReadResult(super().answer(job).greeting)


def _add(parts: MachineParts | DashboardParts, entry: LogEntry) -> None:
    parts.add(entry, "" if entry.kind == UNKNOWN else entry.kind, entry.items())


def _positions_in(message: dict[str, Any]) -> list[str]:
    """The positions of the entries in a message."""
    if message["type"] == "test_update":
        return list(message["data"]["notes"])
    return [reading["metadata"]["at"] for reading in message["data"]["readings"]]


def _assert_gap_free(world: World, texts: list[str], resumed_from: str | None) -> str:
    """Check the whole life of one socket; returns the cursor of the last entry it has."""
    epoch, seen = "", START
    cursor: str | None = None
    for at, text in enumerate(texts):
        message = msgspec.json.decode(text)
        cursor = message["cursor"]
        assert (message["type"] == "initial_data") == (at == 0)
        if message["type"] in {"initial_data", "resync"}:
            assert not message["data"]["recovered"] or cursor == resumed_from
            epoch, seen = cursor.split(".")
            continue
        for position in _positions_in(message):
            assert position == world.shown(epoch, seen)[0]
            assert message["type"] == TYPES[world.kinds[position]]
            seen = position
        # An entry of an unknown kind may have moved the cursor past the message's last.
        assert world.shown(epoch, seen) == world.shown(epoch, cursor.split(".")[1])
    return f"{epoch}.{seen}"


def test_every_socket_sees_every_entry_once_and_in_order_or_a_resync(note_kind: None) -> None:
    steps, weights = list(ACTIONS), list(ACTIONS.values())
    for seed in range(HISTORIES):
        rng = random.Random(seed)
        world = World(rng)
        for step in rng.choices(steps, weights, k=rng.randint(5, 45)):
            step(world)
        world.append()
        world.heal()
        for follower, recorder, cursor in world.sockets:
            epoch, seen = _assert_gap_free(world, recorder.texts, cursor).split(".")
            if follower in world.feed.followers:
                end = (follower.epoch, follower.last, epoch)
                assert end == (world.epoch, world.newest, world.epoch), f"seed {seed}"
                assert world.shown(epoch, seen) == [], f"seed {seed}"


def test_dashboard_misses_no_entry_of_a_kind_that_is_not_coalesced(note_kind: None) -> None:
    steps, weights = list(ACTIONS), list(ACTIONS.values())
    for seed in range(DASHBOARD_HISTORIES):
        rng = random.Random(seed)
        world = DashboardWorld(rng)
        for step in rng.choices(steps, weights, k=rng.randint(5, 45)):
            step(world)
        world.append()
        world.heal()
        for follower, recorder, _ in world.sockets:
            epoch, newest = "", START
            for text in recorder.texts:
                message = msgspec.json.decode(text)
                if message["type"] in {"initial_data", "resync"}:
                    epoch, newest = message["cursor"].split(".")
                for position in _positions_in(message):
                    # An overlap repeats entries; one that was left out would be a gap.
                    left_out = [
                        one
                        for one in world.shown(epoch, newest)
                        if position_key(one) < position_key(position) and world.kinds[one] == NOTE
                    ]
                    assert left_out == [], f"seed {seed}"
                    newest = max(newest, position, key=position_key)
            if follower in world.feed.followers:
                assert (follower.epoch, follower.last) == (world.epoch, world.newest)
                assert world.shown(epoch, newest) == [], f"seed {seed}"


def test_dashboard_sockets_share_one_snapshot_for_a_gap() -> None:
    jobs: list[LogRead] = []
    feed = DashboardFeed(EVERYTHING, jobs.append, grace_us=SECOND_US)
    recorders = [Recorder(), Recorder()]
    for recorder in recorders:
        feed.join(Follower(feed, recorder))
    feed.settle(jobs.pop(), LogReadResult(Greeting(None, "e1", "10-0", {"machines": []})))

    feed.deliver(dashboard_frame("11-0", "12-0"))
    [job] = jobs
    feed.deliver(dashboard_frame("12-0", "14-0", text='{"late": 1}'))
    feed.settle(job, LogReadResult(Greeting(None, "e1", "13-0", {"machines": []})))

    for recorder in recorders:
        kinds = [msgspec.json.decode(text).get("type") for text in recorder.texts]
        assert kinds == ["initial_data", "resync", None]


def test_log_that_went_back_is_resynchronised() -> None:
    jobs: list[LogRead] = []
    feed = MachineFeed(MACHINE, jobs.append, grace_us=SECOND_US)
    recorder = Recorder()
    feed.join(Follower(feed, recorder))
    feed.settle(jobs.pop(), LogReadResult(Greeting(MACHINE, "e1", "10-0", {"readings": []})))
    feed.deliver(machine_frame("10-0", "20-0"))

    feed.check("e1", "10-0", tip_before="20-0", now_us=20_000)
    [job] = jobs
    feed.settle(jobs.pop(), LogReadResult(missed=MissedEntries("e1", "10-0", None)))

    assert (job.kind, job.after) == (ReadKind.FILL, "20-0")
    assert [job.kind for job in jobs] == [ReadKind.SNAPSHOT]


def test_log_trimmed_until_it_is_empty_is_nothing_new() -> None:
    jobs: list[LogRead] = []
    shown = Subscriptions(jobs.append)
    follower = Follower(shown.dashboard(EVERYTHING), Recorder())
    shown.dashboard(EVERYTHING).join(follower)
    shown.dashboard(EVERYTHING).settle(
        jobs.pop(), LogReadResult(Greeting(None, "e1", "10-0", {"machines": []}))
    )

    for second in range(1, 5):
        comparison = Comparison(shown.followed())
        comparison.check("e1", START, [], now_us=second * SECOND_US)

    assert jobs == []
    assert shown.behind_seconds(5 * SECOND_US) == 0.0


def test_feed_behind_the_log_says_for_how_long() -> None:
    jobs: list[LogRead] = []
    shown = Subscriptions(jobs.append)
    feed = shown.machine(MACHINE)
    feed.join(Follower(feed, Recorder()))
    feed.settle(jobs.pop(), LogReadResult(Greeting(MACHINE, "e1", "10-0", {"readings": []})))

    for second in range(1, 5):
        comparison = Comparison(shown.followed())
        comparison.check("e1", "20-0", [f"{20 + second}-0"], now_us=second * SECOND_US)
    behind = shown.behind_seconds(4 * SECOND_US)
    feed.settle(jobs.pop(), LogReadResult(missed=MissedEntries("e1", "24-0", ())))
    Comparison(shown.followed()).check("e1", "20-0", ["24-0"], now_us=5 * SECOND_US)

    assert behind == 3.0
    assert shown.behind_seconds(5 * SECOND_US) == 0.0


def test_feed_that_nobody_follows_is_forgotten_after_a_while() -> None:
    jobs: list[LogRead] = []
    shown = Subscriptions(jobs.append)
    feed = shown.machine(MACHINE)
    follower = Follower(feed, Recorder())
    feed.join(follower)

    followed = shown.forget_empty(100.0)
    feed.leave(follower)
    fresh = shown.forget_empty(101.0)
    over = shown.forget_empty(101.0 + LINGER_SECONDS + 1)

    assert MACHINE not in followed + fresh
    assert MACHINE in over
    assert shown.machine(MACHINE) is not feed


def test_frame_without_text_moves_the_place_in_silence() -> None:
    jobs: list[LogRead] = []
    feed = DashboardFeed(EVERYTHING, jobs.append, grace_us=SECOND_US)
    recorder = Recorder()
    follower = Follower(feed, recorder)
    feed.join(follower)
    feed.settle(jobs.pop(), LogReadResult(Greeting(None, "e1", "10-0", {"machines": []})))

    feed.deliver(dashboard_frame("10-0", "12-0", text=""))

    assert follower.last == "12-0"
    assert len(recorder.texts) == 1


def test_cursor_text_is_parsed_back() -> None:
    assert parse_cursor(str(Cursor("ab12", "10-3"))) == Cursor("ab12", "10-3")


@pytest.mark.parametrize(
    "text",
    ["", "x", "e1.-1-0", "e1.01-0", "e1.1-0 ", "e1.1", "e1.1-0-0", f"e1.{10**20}-0", "e.1-٣"],
)
def test_cursor_that_is_malformed_is_none(text: str) -> None:
    assert parse_cursor(text) is None


def test_fill_texts_hold_whole_entries_of_at_most_500_readings() -> None:
    payload = b"[" + b",".join(pack(_reading("x")) for _ in range(200)) + b"]"
    entries = [
        LogEntry(f"{n}-0", "readings", f"{n - 1}-0", MACHINE, 200, payload) for n in range(1, 6)
    ]

    texts = protocol.fill_texts(MissedEntries("e1", "5-0", tuple(entries)))

    messages = [msgspec.json.decode(text) for text in texts]
    assert [len(message["data"]["readings"]) for message in messages] == [400, 400, 200]
    assert [message["cursor"] for message in messages] == ["e1.2-0", "e1.4-0", "e1.5-0"]


def test_fill_texts_hold_runs_of_one_kind_and_pass_over_unknown_ones(note_kind: None) -> None:
    payload = b"[" + pack(_reading("x")) + b"]"
    entries = (
        LogEntry("1-0", READINGS, START, MACHINE, 1, payload),
        make_unknown("2-0", previous="1-0"),
        LogEntry("3-0", READINGS, "2-0", MACHINE, 1, payload),
        make_note("4-0", "a", previous="3-0"),
        make_note("5-0", "b", previous="4-0"),
        make_unknown("6-0", previous="5-0"),
    )

    readings, notes = protocol.fill_texts(MissedEntries("e1", "6-0", entries))

    assert msgspec.json.decode(readings)["cursor"] == "e1.3-0"
    assert len(msgspec.json.decode(readings)["data"]["readings"]) == 2
    assert msgspec.json.decode(notes)["cursor"] == "e1.5-0"
    assert notes_in(notes) == ["a", "b"]


def test_filled_follower_stands_behind_the_last_entry_of_an_unknown_kind() -> None:
    jobs: list[LogRead] = []
    feed = MachineFeed(MACHINE, jobs.append, grace_us=SECOND_US)
    recorder = Recorder()
    follower = Follower(feed, recorder)
    feed.join(follower)
    feed.settle(jobs.pop(), LogReadResult(Greeting(MACHINE, "e1", "10-0", {"readings": []})))
    for _ in range(2):  # the second waits for the read that the first one caused
        feed.deliver(machine_frame("11-0", "12-0"))

    unknown = make_unknown("11-0", previous="10-0")
    feed.settle(jobs.pop(), LogReadResult(missed=MissedEntries("e1", "11-0", (unknown,))))

    assert follower.last == "12-0"
    assert len(recorder.texts) == 2
