"""What is known of machines and sensors, frozen for the paths that never touch the ORM."""

import msgspec


# Nothing in it can refer back, so that the collector need not know of it.
class SensorDescription(msgspec.Struct, frozen=True, gc=False):
    """A sensor with its range in `unit` (UCUM) and the seconds after which it is stale."""

    id: int
    machine_id: str
    name: str
    type_slug: str
    type_name: str
    unit: str
    minimum: float
    maximum: float
    stale_seconds: int


class MachineDescription(msgspec.Struct, frozen=True):
    """A machine with its sensors by name (`temperature`, `vibration.drive_end`)."""

    pk: int
    machine_id: str
    name: str
    kind: str
    site: str
    area: str
    line: str
    active: bool
    sensors: dict[str, SensorDescription]


class TypeDescription(msgspec.Struct, frozen=True):
    """A registered quantity with its physical range in `unit` (UCUM)."""

    slug: str
    name: str
    unit: str
    minimum: float
    maximum: float


class KeyDescription(msgspec.Struct, frozen=True):
    """A device key that is not revoked; `expires_at` is microseconds since 1970 UTC."""

    id: int
    prefix: str
    secret_hash: str
    all_machines: bool
    machine_ids: frozenset[str]
    expires_at: int | None

    def speaks_for(self, machine_id: str) -> bool:
        return self.all_machines or machine_id in self.machine_ids


class CatalogueSnapshot(msgspec.Struct, frozen=True):
    """What a process knows of machines by id, types by slug, and keys by prefix."""

    machines: dict[str, MachineDescription]
    types: dict[str, TypeDescription]
    keys: dict[str, KeyDescription]
