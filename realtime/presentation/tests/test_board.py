"""The plant's filter, order and headings."""

from typing import Any

import pytest
from django.http import QueryDict

from realtime.presentation import texts
from realtime.presentation.board import filter_states, filtered, grouped, matches, parse_filter
from realtime.presentation.view_models import BoardFilter, MachineTile


def make_tile(machine_id: str, urgency: int = texts.CALM, **changes: Any) -> MachineTile:
    fields: dict[str, Any] = {
        "machine_id": machine_id,
        "name": "",
        "kind": "",
        "site": "North",
        "area": "Hall",
        "line": "A",
        "location": "North / Hall / A",
        "is_active": True,
        "icon": "machine",
        "connectivity": "online",
        "connectivity_word": "Online",
        "worst": "good",
        "quality_note": "",
        "seen": "1 s ago",
        "urgency": urgency,
        "search": machine_id.lower(),
        "sensors": (),
    }
    return MachineTile(**(fields | changes))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", BoardFilter()),
        ("q=+CNC+&state=offline&order=urgency", BoardFilter("CNC", "offline", "urgency")),
        ("state=attention", BoardFilter(state="attention")),
        ("state=broken&order=colour", BoardFilter()),
        ("q=" + "x" * 500, BoardFilter("x" * 100)),
    ],
)
def test_filter_of_the_address_drops_unknown_values(query: str, expected: BoardFilter) -> None:
    assert parse_filter(QueryDict(query).dict()) == expected


@pytest.mark.parametrize(
    ("board_filter", "matching"),
    [
        (BoardFilter(), True),
        (BoardFilter(q="ONE mill"), True),
        (BoardFilter(q="mill lathe"), False),
        (BoardFilter(state="online"), True),
        (BoardFilter(state="offline"), False),
        (BoardFilter(state="attention"), False),
    ],
)
def test_filter_matches_machine(board_filter: BoardFilter, *, matching: bool) -> None:
    assert matches(board_filter, make_tile("CNC-001", search="cnc-001 mill one")) is matching


def test_filter_hides_the_tiles_that_it_does_not_match() -> None:
    tiles = filtered([make_tile("A"), make_tile("B")], BoardFilter(q="b"))

    assert [(tile.machine_id, tile.is_shown) for tile in tiles] == [("A", False), ("B", True)]


def test_links_of_the_order_keep_the_filter() -> None:
    board_filter = BoardFilter("CNC 1", "offline", "line")

    assert board_filter.by_urgency == "q=CNC+1&state=offline&order=urgency"
    assert BoardFilter().by_line == "order=line"


def test_order_by_urgency_is_one_list() -> None:
    tiles = [make_tile("A", 6), make_tile("B", 0, line="B"), make_tile("C", 6)]

    [group] = grouped(tiles, "urgency")

    assert [tile.machine_id for tile in group.tiles] == ["B", "A", "C"]


def test_group_is_hidden_when_the_filter_hides_all_its_machines() -> None:
    tiles = [make_tile("A", is_shown=False), make_tile("B", line="B", location="B")]

    assert [group.is_shown for group in grouped(tiles, "line")] == [False, True]


def test_filter_states_count_and_offer_only_states_with_machines() -> None:
    tiles = [make_tile("A"), make_tile("B", 0, connectivity="offline")]

    states = {state.state: (state.count, state.is_empty) for state in filter_states(tiles, "")}

    assert states == {
        "": (2, False),
        "attention": (1, False),
        "online": (1, False),
        "stale": (0, True),
        "offline": (1, False),
        "never_seen": (0, True),
        "unknown": (0, True),
    }
