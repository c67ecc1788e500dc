"""A hub on an empty Redis; nothing runs on after a test."""

from collections.abc import AsyncIterator

import pytest

from realtime.hub import Hub, get_hub
from realtime.tests import kinds
from sensors.store.store import Store


@pytest.fixture
async def hub(store: Store) -> AsyncIterator[Hub]:
    """Provide the hub of this test's loop; afterwards it has left nothing running."""
    hub = get_hub()
    yield hub
    get_hub.forget()
    await hub.aclose()


@pytest.fixture
def note_kind(monkeypatch: pytest.MonkeyPatch) -> None:
    """Register the test's kind of entries in this process."""
    kinds.register(monkeypatch)
