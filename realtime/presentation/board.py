"""The plant as a board: which machines it shows, in which order, under which headings."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from django.utils.translation import gettext as _
from msgspec.structs import replace

from realtime.presentation import texts
from realtime.presentation.view_models import BoardFilter, BoardGroup, FilterState, MachineTile

ORDERS = ("line", "urgency")
# The states of the filter beside the connectivities: all machines, and those that need attention.
ALL, ATTENTION = "", "attention"
MAX_LETTERS = 100


def parse_filter(query: Mapping[str, str]) -> BoardFilter:
    """Read the filter from the address; unknown values count as missing."""
    state, order = query.get("state", ALL), query.get("order", "line")
    return BoardFilter(
        q=query.get("q", "").strip()[:MAX_LETTERS],
        state=state if state == ATTENTION or state in texts.CONNECTIVITY else ALL,
        order=order if order in ORDERS else "line",
    )


def filtered(tiles: Iterable[MachineTile], board_filter: BoardFilter) -> list[MachineTile]:
    """Hide the tiles that the filter does not match."""
    return [
        tile if matches(board_filter, tile) else replace(tile, is_shown=False) for tile in tiles
    ]


def matches(board_filter: BoardFilter, tile: MachineTile) -> bool:
    """Return whether the filter shows the machine, as `matches` of static/js/board/filter.js."""
    if not all(word in tile.search for word in board_filter.q.lower().split()):
        return False
    if board_filter.state == ATTENTION:
        return tile.urgency < texts.CALM
    return board_filter.state in (ALL, tile.connectivity)


def grouped(tiles: Iterable[MachineTile], order: str) -> tuple[BoardGroup, ...]:
    """Group the tiles by location, or put all in one group; the most urgent come first."""
    return tuple(by_line(tiles) if order == "line" else by_urgency(tiles))


def by_urgency(tiles: Iterable[MachineTile]) -> list[BoardGroup]:
    """Make one group of all tiles, or none without tiles."""
    rows = tuple(sorted(tiles, key=lambda tile: (tile.urgency, tile.machine_id)))
    return [BoardGroup(_("Most urgent first"), rows)] if rows else []


def by_line(tiles: Iterable[MachineTile]) -> list[BoardGroup]:
    """Group the tiles by site, area and line; machines without a location come last."""

    def location(tile: MachineTile) -> tuple[bool, str, str, str]:
        return (not tile.location, tile.site, tile.area, tile.line)

    rows = sorted(tiles, key=lambda tile: (location(tile), tile.urgency, tile.machine_id))
    groups = [tuple(group) for _location, group in groupby(rows, key=location)]
    return [BoardGroup(group[0].location or _("No location"), group) for group in groups]


def filter_states(tiles: Sequence[MachineTile], chosen: str) -> tuple[FilterState, ...]:
    """List the states of the filter, with the number of machines in each."""
    connectivities = [tile.connectivity for tile in tiles]
    attention = sum(tile.urgency < texts.CALM for tile in tiles)
    keys = {ALL: "a", ATTENTION: "n"}
    counts = [(ALL, _("All"), len(tiles)), (ATTENTION, _("Needs attention"), attention)]
    counts += [
        (name, str(word), connectivities.count(name)) for name, word in texts.CONNECTIVITY.items()
    ]
    return tuple(
        FilterState(
            state=state,
            word=word,
            count=count,
            key=keys.get(state, ""),
            is_chosen=state == chosen,
            # An empty state is not offered, but for the first two, which keep their positions.
            is_empty=not count and state not in (ALL, ATTENTION, chosen),
        )
        for state, word, count in counts
    )
