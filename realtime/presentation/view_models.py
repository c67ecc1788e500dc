"""View models: the words and figures that the templates print, in the language of the page.

Dicts stand only where a page hands JSON to its script.
"""

from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import msgspec

from sensors.messages import Scalar


class SensorValue(msgspec.Struct, frozen=True):
    """A sensor with its latest value, as tiles, rows and schematics print it.

    Without a reading the quality is `none`, `number` a dash, and the texts of the reading are
    empty.
    """

    machine_id: str
    sensor_type: str
    label: str
    stale_seconds: int
    sign: str
    number: str
    full: str
    full_number: str
    quality: str
    quality_word: str
    is_stale: bool
    clock_word: str
    age_text: str
    timestamp: str


class MachineTile(msgspec.Struct, frozen=True):
    """A machine on the plant's board and at the head of its own page.

    `quality_note` names the worst quality while it is not good; `urgency` sorts the board, the
    most urgent machine first; `search` is in small letters.
    """

    machine_id: str
    name: str
    kind: str
    site: str
    area: str
    line: str
    location: str
    is_active: bool
    icon: str
    connectivity: str
    connectivity_word: str
    worst: str
    quality_note: str
    seen: str
    urgency: int
    search: str
    sensors: tuple[SensorValue, ...]
    is_shown: bool = True


class BoardGroup(msgspec.Struct, frozen=True):
    """Tiles under a heading; hidden when the filter hides all of them."""

    heading: str
    tiles: tuple[MachineTile, ...]

    @property
    def is_shown(self) -> bool:
        return any(tile.is_shown for tile in self.tiles)


class BoardFilter(msgspec.Struct, frozen=True):
    """The filter of the board as the address names it: text, state and order.

    The state is empty for all machines, `attention`, or a connectivity.
    """

    q: str = ""
    state: str = ""
    order: str = "line"

    @property
    def by_line(self) -> str:
        return self._query("line")

    @property
    def by_urgency(self) -> str:
        return self._query("urgency")

    def _query(self, order: str) -> str:
        parameters = {"q": self.q, "state": self.state, "order": order}
        return urlencode({name: value for name, value in parameters.items() if value})


class FilterState(msgspec.Struct, frozen=True):
    """A button of the filter: a state with the number of its machines and its shortcut key."""

    state: str
    word: str
    count: int
    key: str
    is_chosen: bool
    is_empty: bool


class SensorRow(msgspec.Struct, frozen=True):
    """A sensor on its machine's page: its value, its range, and where in it the value lies.

    `mark` is the left edge of the mark on a bar from 0 to 100.
    """

    sensor: SensorValue
    range: str
    minimum: float
    maximum: float
    mark: float
    stale_after: str


class SchematicSpot(msgspec.Struct, frozen=True):
    """A sensor on the picture of its machine: its point, and its label beside the picture.

    The leader runs from (`label_x`, `line_y`) over (`line_x`, `line_y`) to the point.
    """

    sensor: SensorValue
    x: int
    y: int
    is_left: bool
    label_lines: tuple[str, ...]
    label_x: int
    label_y: int
    line_x: int
    line_y: int


class Schematic(msgspec.Struct, frozen=True):
    """The picture of a kind of machine with the sensors of a machine.

    `subject` is the kind, or the machine where no kind is given."""

    machine_id: str
    subject: str
    template: str
    spots: tuple[SchematicSpot, ...]


class EventLine(msgspec.Struct, frozen=True):
    """An event of a machine, at a moment in the plant's time."""

    datetime: str
    time: str
    sentence: str


class LastMessage(msgspec.Struct, frozen=True):
    """The newest reading of a machine as the device sent it, and how its clock compares."""

    label: str
    number: str
    sign: str
    measured: str
    received: str
    clock: str
    metadata: tuple[tuple[str, Scalar], ...]


class SpanChoice(msgspec.Struct, frozen=True):
    """A button that sets the span of the charts; without a bucket they show all readings."""

    minutes: int
    bucket_seconds: int | None
    word: str
    is_chosen: bool


class FeedBanner(msgspec.Struct, frozen=True):
    """The state of the live feed and its sentence, which is empty while nothing is wrong."""

    feed: str
    sentence: str


class LiveFeed(msgspec.Struct, frozen=True):
    """The facts that a live page and its script begin with.

    Two fields are JSON for the script: `first_state`, the machines as the API gives them and the
    server time, and `close_codes`, the reactions to close codes.
    """

    banner: FeedBanner
    close_codes: dict[str, Any]
    first_state: dict[str, Any]
    heartbeat_seconds: int
    stale_seconds: int
    time_zone: str
    server_time: datetime
    in_memory: bool


class PlantPage(msgspec.Struct, frozen=True, kw_only=True):
    """The board of all machines. `words` is JSON for the script, as on every page."""

    live: LiveFeed
    words: dict[str, Any]
    board_filter: BoardFilter
    filter_states: tuple[FilterState, ...]
    groups: tuple[BoardGroup, ...]
    retired: tuple[MachineTile, ...]
    is_many: bool
    none_shown: bool
    counters: dict[str, int] | None
    readings_url: str
    spark_buckets: int
    spark_bucket_seconds: int


class MachinePage(msgspec.Struct, frozen=True, kw_only=True):
    """The twin of one machine; `pk` is its primary key, for the link to admin."""

    live: LiveFeed
    words: dict[str, Any]
    pk: int
    machine: MachineTile
    rows: tuple[SensorRow, ...]
    schematic: Schematic
    events: tuple[EventLine, ...]
    since: str
    last_message: LastMessage | None
    cursor: str
    history_url: str
    spans: tuple[SpanChoice, ...]
    live_seconds: int


class StylePage(msgspec.Struct, frozen=True, kw_only=True):
    """Every component in every state, for developers."""

    words: dict[str, Any]
    tokens: dict[str, tuple[str, ...]]
    spark_buckets: int
    tiles: tuple[MachineTile, ...]
    rows: tuple[SensorRow, ...]
    banners: tuple[FeedBanner, ...]
    schematics: tuple[Schematic, ...]
    events: tuple[EventLine, ...] = ()
    last_message: LastMessage | None = None
    history_url: str = "#"
