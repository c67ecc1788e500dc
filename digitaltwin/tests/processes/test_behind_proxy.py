"""The whole product behind a proxy that ends TLS: its links use the client's addresses."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from digitaltwin.conftest import URL, reading
from digitaltwin.tests.support.product import Product, running

MACHINES = "/api/v1/machines"
HOST = "plant.example"
THROUGH_PROXY = {"Host": HOST, "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    settings = {"ALLOWED_HOSTS": f"127.0.0.1,{HOST}", "TRUSTED_PROXIES": "127.0.0.1"}
    with running(
        tmp_path_factory.mktemp("up"), AUTO_REGISTER_MACHINES="true", **settings
    ) as product:
        yield product


@pytest.fixture(scope="module")
def person(product: Product) -> Iterator[httpx.Client]:
    """Provide the client of a user behind the proxy, with two machines to see."""
    with product.device() as device:
        for machine_id in ("CNC-001", "CNC-002"):
            device.post(URL, json=reading(machine_id=machine_id)).raise_for_status()
    with product.operator() as person:
        person.headers.update(THROUGH_PROXY)
        yield person


def test_next_leads_through_the_proxy_to_the_last_page(person: httpx.Client) -> None:
    first = person.get(MACHINES, params={"limit": 1}).json()

    following = urlsplit(first["next"])
    assert (following.scheme, following.netloc) == ("https", HOST)
    last = person.get(f"{following.path}?{following.query}").json()
    shown = [machine["machine_id"] for page in (first, last) for machine in page["results"]]
    assert (shown, last["next"]) == (["CNC-001", "CNC-002"], None)


def test_head_sends_no_body(person: httpx.Client) -> None:
    head = person.head(MACHINES)

    assert (head.status_code, head.content) == (200, b"")
    assert int(head.headers["content-length"]) > 0
