"""`kill -9` during a load: no accepted reading is lost or stored twice.

Devices retry unanswered readings, as every device must; an operator's socket resumes by cursor.
"""

import asyncio
from pathlib import Path

import pytest

from digitaltwin.tests.acceptance.retrying import (
    DEVICES,
    READINGS,
    Load,
    Watch,
    make_watched_machine,
    rows_of,
    run_all,
)
from digitaltwin.tests.support.product import Product, running
from digitaltwin.tests.support.servers import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.twice, pytest.mark.redis]

# (share of the load, process killed after it)
KILLS = ((0.15, "readers"), (0.3, "web"), (0.45, "readers"), (0.6, "redis"), (0.8, "web"))


async def kill_in_the_middle(product: Product, load: Load) -> None:
    for share, name in KILLS:
        await load.reached(share)
        await asyncio.to_thread(product.kill, name)


def test_kills_under_load_lose_and_double_nothing(tmp_path: Path, database_url: str) -> None:
    settings = {"AUTO_REGISTER_MACHINES": "true", "DATABASE_URL": database_url}
    with running(tmp_path / "data", **settings) as product, product.operator() as operator:
        load = Load(product.url, product.facts["device_key"])
        with product.device() as device:
            make_watched_machine(device)
        token = operator.headers["authorization"].removeprefix("Bearer ")
        watch = Watch(product.url, "LOD-000", token)

        asyncio.run(
            run_all(
                lambda: load.run(after=[watch]),
                lambda: kill_in_the_middle(product, load),
                watch.run,
            )
        )

        wait_for(
            lambda: product.health()["checks"]["log"]["lag_entries"] == 0, what="history is done"
        )
        stored = {name: dict(rows_of(operator, name)) for name in load.accepted}
        assert stored == load.accepted
        assert sum(map(len, stored.values())) == DEVICES * READINGS
        assert product.health()["checks"]["conflicts"] == 0
        assert load.retries > 0
        assert watch.seen == [0.5, *map(float, range(READINGS))]
