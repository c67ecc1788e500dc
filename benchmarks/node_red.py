"""Node-RED with its Dashboard 2: installed once, a page of texts, and a plant that posts to it."""

import asyncio
import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from benchmarks.bodies import Bodies, machine_id
from benchmarks.peers.node_red.flows import PATH, flows
from digitaltwin.tests.support.servers import LOOPBACK, free_port, stop, wait_for

_PACKAGE = Path(__file__).parent / "peers" / "node_red" / "package.json"
SENSORS = ("temperature", "pressure", "vibration", "humidity", "speed")
POSTS_PER_SECOND = 10


@contextlib.contextmanager
def node_red(machines: int, rate: float) -> Iterator[str]:
    """Return the address of a page with every sensor's value; it gets `rate` readings a second."""
    if not shutil.which("npm"):
        sys.exit("Node-RED needs node and npm on this machine.")
    program = _installed() / "node_modules" / "node-red" / "red.js"
    port = free_port()
    url = f"http://{LOOPBACK}:{port}"
    names = [machine_id(number) for number in range(machines)]
    with tempfile.TemporaryDirectory() as folder:
        flow = Path(folder) / "flows.json"
        flow.write_text(json.dumps(flows(names, SENSORS)))
        (Path(folder) / "node_modules").symlink_to(program.parents[1])
        command = ["node", str(program), "-u", folder, "-p", str(port), str(flow)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        poster = [sys.executable, "-m", "benchmarks.node_red", url, str(machines), str(rate)]
        try:
            wait_for(lambda: _answers(f"{url}{PATH}"), what="Node-RED answers", seconds=120)
            plant = subprocess.Popen(poster)
            try:
                yield f"{url}{PATH}"
            finally:
                stop(plant)
        finally:
            stop(process)


def _installed() -> Path:
    data = Path(os.environ.get("DATA_DIR") or "data").absolute()
    version = hashlib.sha256(_PACKAGE.read_bytes()).hexdigest()[:12]
    folder = data / "benchmarks" / f"node-red-{version}"
    if not (folder / "complete").exists():
        print(f"Installing Node-RED in {folder} ...", file=sys.stderr)
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(_PACKAGE, folder)
        install = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error"]
        subprocess.run(install, cwd=folder, check=True)
        (folder / "complete").touch()
    return folder


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2).status_code == 200
    except httpx.HTTPError:
        return False


async def _post(url: str, machines: int, rate: float) -> None:
    """Post the sensors of machine after machine until cancelled."""
    bodies, number = Bodies(), 0
    began = time.monotonic()
    async with httpx.AsyncClient(timeout=30) as client:
        for turn in range(sys.maxsize):
            await asyncio.sleep(began + turn / POSTS_PER_SECOND - time.monotonic())
            readings = []
            for _ in range(round(rate / POSTS_PER_SECOND / len(SENSORS))):
                body = bodies.batch(machine_id(number % machines), len(SENSORS))
                readings += json.loads(body)["readings"]
                number += 1
            await client.post(f"{url}/readings", json={"readings": readings})


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):  # it is ended by a signal
        asyncio.run(_post(sys.argv[1], int(sys.argv[2]), float(sys.argv[3])))
