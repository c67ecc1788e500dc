"""The running product follows its OpenAPI schema, for valid and invalid requests."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from string import Template

import httpx
import pytest

from digitaltwin.openapi.tests.test_schema import OPERATIONS
from digitaltwin.tests.support.product import Product, running

CONFIG = Path(__file__).with_name("schemathesis.toml")
# Many times its duration on an idle machine.
MAX_SECONDS = 600

pytestmark = [pytest.mark.schemathesis, pytest.mark.slow]


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    """Run a product that registers unknown machines, so that requests need no preparation."""
    with running(tmp_path / "up", API_DOCS="true", AUTO_REGISTER_MACHINES="true") as product:
        yield product


def configure(product: Product, folder: Path) -> Path:
    """Write the configuration with this product's secrets; return its path."""
    person = product.facts["operator"]
    tokens = httpx.post(f"{product.url}/api/v1/auth/token", json=person, timeout=30).json()
    words = {"device_key": product.facts["device_key"], **person, **tokens}
    written = folder / "schemathesis.toml"
    written.write_text(Template(CONFIG.read_text("utf-8")).substitute(words), "utf-8")
    return written


def test_product_is_as_documented(product: Product, tmp_path: Path) -> None:
    config = configure(product, tmp_path)

    run = subprocess.run(
        [
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)),
            *("run", f"{product.url}/api/v1/schema", "--no-color", "--checks", "all"),
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=MAX_SECONDS,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(OPERATIONS)} selected / {len(OPERATIONS)} total" in run.stdout
