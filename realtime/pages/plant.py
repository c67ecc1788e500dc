"""The plant page: all machines on a board."""

from realtime.pages.live_page import HISTORY_URL, live_feed
from realtime.presentation import board, charts, texts
from realtime.presentation.machines import machine_tile
from realtime.presentation.view_models import BoardFilter, PlantPage
from sensors.catalogue.selectors import machine_descriptions
from sensors.exceptions import LogUnavailable
from sensors.scopes import Scope
from sensors.store.sync import get_sync_store
from sensors.twins.representation import board_json
from sensors.twins.selectors import plant
from sensors.twins.states import unknown_state

# More than a few screens of tiles: tiles off the screen are not laid out.
MANY = 60


def plant_page(scope: Scope, now_us: int, board_filter: BoardFilter) -> PlantPage:
    """Describe the machines of the scope on the board; without Redis their values are unknown."""
    try:
        states, is_down = plant(scope, now_us), False
    except LogUnavailable:
        machines = machine_descriptions(scope).values()
        states, is_down = [unknown_state(machine) for machine in machines], True
    tiles = [machine_tile(state) for state in states]
    active = board.filtered([tile for tile in tiles if tile.is_active], board_filter)
    words = texts.words()
    return PlantPage(
        live=live_feed([board_json(state) for state in states], words, now_us, is_down=is_down),
        words=words,
        board_filter=board_filter,
        filter_states=board.filter_states(active, board_filter.state),
        groups=board.grouped(active, board_filter.order),
        retired=tuple(tile for tile in tiles if not tile.is_active),
        is_many=len(active) > MANY,
        none_shown=not any(tile.is_shown for tile in active),
        # Redis timed out above; a second call could cost another second.
        counters=None if is_down else counters(),
        readings_url=HISTORY_URL,
        spark_buckets=charts.SPARK_BUCKETS,
        spark_bucket_seconds=charts.SPARK_BUCKET_SECONDS,
    )


def counters() -> dict[str, int] | None:
    """Read the counters of the foot; None while Redis does not answer."""
    try:
        return get_sync_store().counters()
    except LogUnavailable:
        return None
