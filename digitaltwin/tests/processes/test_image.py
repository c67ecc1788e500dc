"""The Dockerfile's own steps on this machine, and the deployment on their result.

They install packages, so this runs only where TEST_IMAGE names the interpreter to begin with.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from digitaltwin.tests.support.compose_file import build_steps
from digitaltwin.tests.support.composed import Composed, composed
from digitaltwin.tests.support.servers import ROOT

DOCKERFILE = ROOT / "Dockerfile"
INTERPRETER = os.environ.get("TEST_IMAGE", "")
# Packages of the tests and the linters, which a server does not need.
TOOLS = {"pytest", "hypothesis", "playwright", "ruff", "mypy", "schemathesis"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.redis,
    pytest.mark.postgresql,
    pytest.mark.skipif(not INTERPRETER, reason="TEST_IMAGE names no interpreter to build with"),
]


def build(folder: Path) -> None:
    """Build /app and /opt/venv in this folder, by the steps of the Dockerfile."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=ROOT,
        check=True,
        stdout=subprocess.PIPE,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        target = folder / "app" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target)
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(INTERPRETER)
    path = os.pathsep.join([f"{folder}/venv/bin", f"{folder}/bin", os.environ["PATH"]])
    for step in build_steps(DOCKERFILE, "base") + build_steps(DOCKERFILE, "builder"):
        here = step.replace("/opt/venv", f"{folder}/venv")
        own = {"PATH": path, "HOME": os.environ["HOME"]}
        subprocess.run(["sh", "-ec", here], cwd=folder / "app", check=True, env=own)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("image")
    build(folder)
    return folder


@pytest.fixture(scope="module")
def product(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composed]:
    python, folder = str(image / "venv" / "bin" / "python"), tmp_path_factory.mktemp("composed")
    with composed(folder, python=python, root=image / "app") as product:
        yield product


def test_image_holds_the_product_alone(image: Path) -> None:
    installed = {path.name.lower() for path in image.glob("venv/lib/*/site-packages/*")}

    assert {"django", "uvicorn", "psycopg"} <= installed
    assert not TOOLS & installed
    assert not list((image / "app").rglob("tests"))
    assert not list((image / "app").rglob("test_*"))


def test_image_serves_pages_with_hashed_static_files(product: Composed) -> None:
    page = httpx.get(f"{product.url}/login/")

    names = re.findall(r'/static/[^"]+', page.text)
    assert page.status_code == 200
    assert all(re.search(r"\.[0-9a-f]{12}\.(css|svg|js)$", name) for name in names), names
    served = [httpx.get(product.url + name) for name in names]
    assert {one.status_code for one in served} == {200}
    assert {one.headers["cache-control"] for one in served} == {
        "max-age=315360000, public, immutable"
    }
    assert any(one.headers.get("content-encoding") == "gzip" for one in served)
