"""Prometheus metrics, served at `/metrics`; docs/metrics.md explains each."""

from prometheus_client import Counter, Gauge, Histogram

from sensors.enums import Outcome

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

READINGS = Counter("digitaltwin_readings", "Readings by outcome.", ["outcome"])
REFUSALS = Counter("digitaltwin_refusals", "Refused ingest requests by code.", ["code"])
INGEST_SECONDS = Histogram(
    "digitaltwin_ingest_seconds",
    "Duration of an ingest request, from its body to its response.",
    buckets=_SECONDS,
)
LOG_COMMIT_SECONDS = Histogram(
    "digitaltwin_log_commit_seconds", "Duration of a flush to the log.", buckets=_SECONDS
)
LOG_COMMIT_SIZE = Histogram(
    "digitaltwin_log_commit_size",
    "Readings in a flush to the log.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000),
)
READER_LAG_ENTRIES = Gauge(
    "digitaltwin_reader_lag_entries",
    "Log entries that a reader has not handled yet.",
    ["reader"],
    multiprocess_mode="mostrecent",
)
READER_LAG_SECONDS = Gauge(
    "digitaltwin_reader_lag_seconds",
    "Age of the oldest entry that a reader has not handled yet.",
    ["reader"],
    multiprocess_mode="mostrecent",
)
TRIMMING_HELD_SECONDS = Gauge(
    "digitaltwin_trimming_held_seconds",
    "Age of the oldest entry that the log keeps for this reader alone, beyond RECENT_SECONDS.",
    ["reader"],
    multiprocess_mode="mostrecent",
)
ROWS_STORED = Counter("digitaltwin_rows_stored", "Reading rows committed in the database.")
WEBSOCKET_CONNECTIONS = Gauge(
    "digitaltwin_websocket_connections",
    "Open sockets.",
    ["kind"],
    multiprocess_mode="livesum",
)
FRAMES = Counter("digitaltwin_frames", "Frames sent to the channel groups.", ["kind"])
DELIVERY_SECONDS = Histogram(
    "digitaltwin_delivery_seconds",
    "Time from the receipt of a reading to the write to a socket.",
    buckets=(*_SECONDS, 5.0, 15.0, 60.0),
)
DROPPED = Counter(
    "digitaltwin_dropped", "Items dropped by a bounded queue or a check.", ["what", "reason"]
)
SCRIPT_ERRORS = Counter(
    "digitaltwin_script_errors",
    "Redis scripts that failed with a script error.",
    ["script"],
)

# A series that starts with its first event hides that event from every rate: start at zero.
for _outcome in Outcome:
    READINGS.labels(_outcome)
for _what, _reason in (
    ("entry", "undecodable"),
    ("frame", "channel_layer"),
    ("frame", "malformed"),
    ("outbox", "slow"),
    ("socket", "slow"),
):
    DROPPED.labels(what=_what, reason=_reason)
