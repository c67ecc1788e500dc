"""Prometheus metrics, served at `/metrics`; docs/metrics.md explains each."""

from prometheus_client import Counter, Gauge, Histogram

from sensors.enums import Outcome

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)

READINGS = Counter("digitaltwin_readings", "Readings judged, by what became of them.", ["outcome"])
REFUSALS = Counter("digitaltwin_refusals", "Requests refused at the device's door.", ["code"])
INGEST_SECONDS = Histogram(
    "digitaltwin_ingest_seconds",
    "One device request, from its body to its answer.",
    buckets=_SECONDS,
)
LOG_COMMIT_SECONDS = Histogram(
    "digitaltwin_log_commit_seconds", "One flush of the log.", buckets=_SECONDS
)
LOG_COMMIT_SIZE = Histogram(
    "digitaltwin_log_commit_size",
    "Readings in one flush of the log.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000),
)
READER_LAG_ENTRIES = Gauge(
    "digitaltwin_reader_lag_entries",
    "Log entries a reader has not handled yet.",
    ["reader"],
    multiprocess_mode="mostrecent",
)
READER_LAG_SECONDS = Gauge(
    "digitaltwin_reader_lag_seconds",
    "Age of the oldest entry a reader has not handled yet.",
    ["reader"],
    multiprocess_mode="mostrecent",
)
ROWS_STORED = Counter("digitaltwin_rows_stored", "Reading rows committed in the database.")
WEBSOCKET_CONNECTIONS = Gauge(
    "digitaltwin_websocket_connections",
    "Sockets open now.",
    ["kind"],
    multiprocess_mode="livesum",
)
FRAMES = Counter("digitaltwin_frames", "Frames sent to the groups.", ["kind"])
DELIVERY_SECONDS = Histogram(
    "digitaltwin_delivery_seconds",
    "From a reading's receipt to its socket's write.",
    buckets=(*_SECONDS, 5.0, 15.0, 60.0),
)
DROPPED = Counter(
    "digitaltwin_dropped", "What a bounded queue or a check let fall.", ["what", "reason"]
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
