"""Example messages of a milling machine; a test checks them against the shapes."""

from typing import Any

Example = dict[str, Any]

READING_IN: Example = {
    "machine_id": "CNC-001",
    "sensor_type": "temperature",
    "value": 85.4,
    "unit": "celsius",
    "timestamp": "2026-11-23T10:30:00.123456Z",
    "quality": "good",
    "metadata": {"location": "workshop_1", "calibrated": True},
}
SMALLEST_IN: Example = {
    "machine_id": "CNC-001",
    "sensor_type": "vibration.drive_end",
    "value": 2.8,
    "unit": "mm/s",
    "timestamp": "2026-11-23T11:30:00+01:00",
}
BROKEN_SENSOR_IN: Example = {**SMALLEST_IN, "value": None, "quality": "bad"}
ACCEPTED: Example = {
    **READING_IN,
    "id": "CNC-001_temperature_1795429800123456",
    "received_at": "2026-11-23T10:30:00.201733Z",
    "processed_at": "2026-11-23T10:30:00.203120Z",
    "status": "accepted",
}
LATE: Example = {**ACCEPTED, "status": "late"}
DUPLICATE: Example = {**ACCEPTED, "status": "duplicate"}
NOT_STORED: Example = {**ACCEPTED, "stored": False}
REFUSED: Example = {
    "index": 1,
    "status": "refused",
    "errors": [
        {
            "field": "value",
            "code": "out-of-range",
            "detail": "Temperature must be between -50 and 200 Cel, got 250",
        }
    ],
}
_ROW: Example = {name: READING_IN[name] for name in ("sensor_type", "value", "unit", "timestamp")}
BATCH_IN: Example = {
    "machine_id": "CNC-001",
    "readings": [_ROW, {**_ROW, "timestamp": "2026-11-23T10:30:01.123456Z", "value": 85.9}],
}
MIXED_BATCH_IN: Example = {
    "readings": [READING_IN, {**SMALLEST_IN, "machine_id": "CNC-002"}],
}

READING: Example = {
    **{name: READING_IN[name] for name in ("machine_id", "sensor_type", "value")},
    "id": ACCEPTED["id"],
    "unit": "Cel",
    "timestamp": READING_IN["timestamp"],
    "quality": "good",
    "metadata": READING_IN["metadata"],
    "received_at": ACCEPTED["received_at"],
    "late": False,
}
LATEST: Example = {**READING, "age_seconds": 4.817214, "stale": False}
STATUS: Example = {
    "machine_id": "CNC-001",
    "name": "Machining centre 1",
    "kind": "machining centre",
    "site": "Plant North",
    "area": "Machining",
    "line": "L1",
    "active": True,
    "connectivity": "online",
    "last_seen_at": READING_IN["timestamp"],
    "alarms": [],
}
MACHINE: Example = {
    **STATUS,
    "sensors": [
        {"sensor_type": "temperature", "unit": "Cel", "stale_seconds": 300, "latest": LATEST},
        {"sensor_type": "speed", "unit": "rpm", "stale_seconds": 300, "latest": None},
    ],
}
MACHINE_LATEST: Example = {
    "machine_id": "CNC-001",
    "server_time": "2026-11-23T10:30:04.940670Z",
    "readings": [LATEST],
}
_HOST = "https://plant.example"
MACHINE_PAGE: Example = {
    "results": [MACHINE],
    "next": f"{_HOST}/api/v1/machines?cursor=Q05DLTAwMQ&limit=1",
}
READING_PAGE: Example = {
    "results": [READING],
    "next": f"{_HOST}/api/v1/sensors/readings?cursor=MTc5NTQyOTgwMDEyMzQ1Ni4x&limit=1",
}
LAST_PAGE: Example = {"results": [], "next": None}

CREDENTIALS: Example = {"username": "reporting", "password": "correct horse battery staple"}
_TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoiMSJ9.c2lnbmF0dXJl"  # noqa: S105 - made up
REFRESH: Example = {"refresh": _TOKEN}
FRESH: Example = {"access": _TOKEN, "expires_in": 1800}
TOKENS: Example = {**FRESH, "refresh": _TOKEN}
