"""The plant's filter, order and headings."""

import pytest
from django.http import QueryDict

from realtime.presentation import texts
from realtime.presentation.board import Shown, Wanted, grouped, summary, wanted


def make_shown(machine_id: str, urgency: int = texts.CALM, **fields: object) -> Shown:
    place = {"site": "North", "area": "Hall", "line": "A", "place": "North / Hall / A"}
    names = {"machine_id": machine_id, "search": machine_id.lower(), "urgency": urgency}
    return names | place | {"connectivity": "online", "is_shown": True} | fields


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", Wanted()),
        ("q=+CNC+&state=offline&order=urgency", Wanted("CNC", "offline", "urgency")),
        ("state=attention", Wanted(state="attention")),
        ("state=broken&order=colour", Wanted()),
        ("q=" + "x" * 500, Wanted("x" * 100)),
    ],
)
def test_wanted_takes_what_it_knows(query: str, expected: Wanted) -> None:
    assert wanted(QueryDict(query).dict()) == expected


@pytest.mark.parametrize(
    ("filter_", "takes"),
    [
        (Wanted(), True),
        (Wanted(q="ONE mill"), True),
        (Wanted(q="mill lathe"), False),
        (Wanted(state="online"), True),
        (Wanted(state="offline"), False),
        (Wanted(state="attention"), False),
    ],
)
def test_filter_takes_machine(filter_: Wanted, *, takes: bool) -> None:
    assert filter_.takes(make_shown("CNC-001", search="cnc-001 mill one")) is takes


def test_links_of_the_order_keep_the_filter() -> None:
    asked = Wanted("CNC 1", "offline", "line")

    assert asked.by_urgency == "q=CNC+1&state=offline&order=urgency"
    assert Wanted().by_line == "order=line"


def test_order_by_urgency_is_one_list() -> None:
    machines = [make_shown("A", 6), make_shown("B", 0, line="B"), make_shown("C", 6)]

    [group] = grouped(machines, "urgency")

    assert [machine["machine_id"] for machine in group["machines"]] == ["B", "A", "C"]


def test_group_without_a_machine_that_is_asked_for_is_not_shown() -> None:
    machines = [make_shown("A", is_shown=False), make_shown("B", line="B", place="B")]

    assert [group["is_shown"] for group in grouped(machines, "line")] == [False, True]


def test_summary_counts_and_offers_only_what_there_is() -> None:
    machines = [make_shown("A"), make_shown("B", 0, connectivity="offline")]

    found = {part["state"]: (part["count"], part["is_empty"]) for part in summary(machines, "")}

    assert found == {
        "": (2, False),
        "attention": (1, False),
        "online": (1, False),
        "stale": (0, True),
        "offline": (1, False),
        "never_seen": (0, True),
        "unknown": (0, True),
    }
