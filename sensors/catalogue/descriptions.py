"""Descriptions of machines, sensors, types and keys, for the paths that never touch the ORM."""

import msgspec

from sensors.scopes import Scope


# No field can refer back to it, so the garbage collector need not track it.
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
        """Return whether the key is valid for this machine."""
        return self.all_machines or machine_id in self.machine_ids


class CatalogueSnapshot(msgspec.Struct, frozen=True):
    """Machines by id, types by slug and keys by prefix, as a process last read them."""

    machines: dict[str, MachineDescription]
    types: dict[str, TypeDescription]
    keys: dict[str, KeyDescription]

    def machine_in(self, scope: Scope, machine_id: str) -> MachineDescription | None:
        """Return the machine; None when it is unknown or out of the scope."""
        machine = self.machines.get(machine_id)
        return machine if machine is not None and scope.sees(machine) else None

    def machines_in(self, scope: Scope) -> dict[str, MachineDescription]:
        """Return the machines of the scope by id."""
        if scope.is_everything:
            return self.machines
        return {name: one for name, one in self.machines.items() if scope.sees(one)}
