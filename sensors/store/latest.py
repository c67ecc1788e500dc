"""Latest values: a hash for each machine, which also holds the position of its newest entry."""

from collections.abc import Mapping, Sequence

from sensors.messages import START, Snapshot, unpack
from sensors.store import keys
from sensors.store.client import Redis, text, translate_errors
from sensors.store.connection import load_script

# Machines whose positions are read in one call; more would block Redis for too long.
POSITIONS = 1000
_FIXED_PART = 32  # of a packed latest value: effective and measured time, 16 digits each
_POSITION = keys.POSITION_FIELD.encode()
_POSITIONS = load_script("positions")


class LatestValues:
    """Reads the machines' latest values; each method may raise LogUnavailable."""

    def __init__(self, client: Redis) -> None:
        self._client = client

    async def snapshots(self, machine_ids: Sequence[str]) -> list[Snapshot]:
        """Return each machine's latest readings with their position, in the order asked."""
        with translate_errors():
            async with self._client.pipeline(transaction=False) as pipe:
                pipe.get(keys.EPOCH)
                for machine_id in machine_ids:
                    pipe.hgetall(keys.latest(machine_id))
                epoch, *hashes = await pipe.execute()
        return [snapshot(text(epoch), fields) for fields in hashes]

    async def positions(self, machine_ids: Sequence[str]) -> tuple[str, str, list[str]]:
        """Return (epoch, the log's newest position, each machine's newest position)."""
        epoch, newest, *positions = await self._positions(machine_ids[:POSITIONS])
        for first in range(POSITIONS, len(machine_ids), POSITIONS):
            positions += (await self._positions(machine_ids[first : first + POSITIONS]))[2:]
        return text(epoch), text(newest) or START, [text(each) or START for each in positions]

    async def _positions(self, machine_ids: Sequence[str]) -> list[bytes]:
        names = [keys.LOG, keys.EPOCH, *map(keys.latest, machine_ids)]
        with translate_errors():
            return list(await _POSITIONS(self._client, keys=names))


def snapshot(epoch: str, fields: Mapping[bytes, bytes]) -> Snapshot:
    """Decode a machine's latest hash."""
    readings = tuple(
        unpack(packed[_FIXED_PART:]) for name, packed in sorted(fields.items()) if name != _POSITION
    )
    return Snapshot(epoch, text(fields.get(_POSITION)) or START, readings)
