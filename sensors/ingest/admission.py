"""Which of a request's readings go on: all or none, or with `partial` the good ones."""

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
    """The readings that go on, beside what was sent, and the errors of refused rows by index."""

    indices: list[int]
    sent: list[ParsedReading]
    readings: list[LiveReading]
    refused: dict[int, list[FieldError]]


async def admit(
    checked: ParsedRequest,
    key: KeyDescription,
    known: CatalogueSnapshot,
    *,
    received_at: int,
    partial: bool = False,
) -> Admitted:
    """Resolve the readings of a request, and register sensors where that is allowed.

    Without `partial` it raises what is wrong first: InvalidReadings for fields, then SensorsError
    for machines (403, 404, 409), then InvalidReadings for sensors, units and ranges. Raises
    DatabaseError when a sensor cannot be registered.
    """
    if checked.errors and not partial:
        raise InvalidReadings(checked.errors)
    machines = check_machines(checked.readings, known, key)
    if machines and not partial:
        raise next(iter(machines.values()))
    sent = checked.readings
    if machines:
        sent = {index: one for index, one in sent.items() if index not in machines}
    resolved = await _resolve(sent, known, received_at=received_at, partial=partial)
    unknown = (
        FieldError("machine_id", error.code, error.detail, index)
        for index, error in machines.items()
    )
    return _admitted(sent, resolved, _by_index([*checked.errors, *unknown, *resolved.errors]))


async def _resolve(
    sent: dict[int, ParsedReading], known: CatalogueSnapshot, *, received_at: int, partial: bool
) -> Resolved:
    resolved = resolve(sent, known, received_at=received_at)
    if resolved.errors and not partial:
        raise InvalidReadings(resolved.errors)
    if not resolved.unregistered:
        return resolved
    names = {(one.machine_id, one.sensor_type) for one in _admissible(sent, resolved)}
    missing = resolved.unregistered & names
    if not missing:
        return resolved
    return resolve(sent, await get_catalogue().register(missing), received_at=received_at)


def _admissible(sent: dict[int, ParsedReading], resolved: Resolved) -> Iterable[ParsedReading]:
    return (sent[index] for index in resolved.readings)


def _by_index(errors: Iterable[FieldError]) -> dict[int, list[FieldError]]:
    found: defaultdict[int, list[FieldError]] = defaultdict(list)
    for error in errors:
        found[error.index or 0].append(error)
    return dict(found)


def _admitted(
    sent: dict[int, ParsedReading], resolved: Resolved, refused: dict[int, list[FieldError]]
) -> Admitted:
    indices = list(resolved.readings)
    return Admitted(
        indices, [sent[index] for index in indices], list(resolved.readings.values()), refused
    )
