"""Admission: the readings of a request that go on, all or none, or with `partial` the good ones."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from sensors.catalogue.cache import get_catalogue
from sensors.catalogue.descriptions import CatalogueSnapshot, KeyDescription
from sensors.exceptions import FieldError, InvalidReadings
from sensors.ingest.payloads import ParsedReading, ParsedRequest
from sensors.ingest.resolution import Resolved, check_machines, resolve
from sensors.messages import LiveReading


class Admitted(msgspec.Struct, frozen=True):
    """The readings to log, as parsed and as resolved, and the errors of refused rows by index."""

    indices: list[int]
    parsed: list[ParsedReading]
    readings: list[LiveReading]
    refused: dict[int, list[FieldError]]


async def admit(
    request: ParsedRequest,
    key: KeyDescription,
    snapshot: CatalogueSnapshot,
    *,
    received_at: int,
    partial: bool = False,
) -> Admitted:
    """Resolve the readings of a request, and register sensors where that is allowed.

    Without `partial` the first error in this order is raised: InvalidReadings for fields, then
    SensorsError for machines (403, 404, 409), then InvalidReadings for sensors, units and ranges.
    Raises DatabaseError when a sensor cannot be registered.
    """
    if request.errors and not partial:
        raise InvalidReadings(request.errors)
    refused_machines = check_machines(request.readings, snapshot, key)
    if refused_machines and not partial:
        raise next(iter(refused_machines.values()))
    parsed = request.readings
    if refused_machines:
        parsed = {
            index: reading for index, reading in parsed.items() if index not in refused_machines
        }
    resolved = await _resolve(parsed, snapshot, received_at=received_at, partial=partial)
    machine_errors = (
        FieldError("machine_id", error.code, error.detail, index)
        for index, error in refused_machines.items()
    )
    refused = _by_index([*request.errors, *machine_errors, *resolved.errors])
    return _admitted(parsed, resolved, refused)


async def _resolve(
    parsed: dict[int, ParsedReading],
    snapshot: CatalogueSnapshot,
    *,
    received_at: int,
    partial: bool,
) -> Resolved:
    resolved = resolve(parsed, snapshot, received_at=received_at)
    if resolved.errors and not partial:
        raise InvalidReadings(resolved.errors)
    if not resolved.unregistered:
        return resolved
    # A refused reading registers no sensor.
    good = (parsed[index] for index in resolved.readings)
    missing = resolved.unregistered & {(one.machine_id, one.sensor_type) for one in good}
    if not missing:
        return resolved
    return resolve(parsed, await get_catalogue().register(missing), received_at=received_at)


def _by_index(errors: Iterable[FieldError]) -> dict[int, list[FieldError]]:
    by_index: defaultdict[int, list[FieldError]] = defaultdict(list)
    for error in errors:
        by_index[error.index or 0].append(error)
    return dict(by_index)


def _admitted(
    parsed: dict[int, ParsedReading], resolved: Resolved, refused: dict[int, list[FieldError]]
) -> Admitted:
    indices = list(resolved.readings)
    return Admitted(
        indices, [parsed[index] for index in indices], list(resolved.readings.values()), refused
    )
