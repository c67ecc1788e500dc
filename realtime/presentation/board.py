"""The plant as a board: which machines are asked for, in which order, under which headings."""

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Any
from urllib.parse import urlencode

import msgspec
from django.utils.translation import gettext as _

from realtime.presentation import texts

Shown = dict[str, Any]
ORDERS = ("line", "urgency")
# What can be asked for: everything, who needs someone, or one connectivity.
ALL, ATTENTION = "", "attention"
MAX_LETTERS = 100


class Wanted(msgspec.Struct, frozen=True):
    """The filter as it stands in the address: text, state and order."""

    q: str = ""
    state: str = ALL
    order: str = "line"

    @property
    def by_line(self) -> str:
        return self._query("line")

    @property
    def by_urgency(self) -> str:
        return self._query("urgency")

    def _query(self, order: str) -> str:
        parts = {"q": self.q, "state": self.state, "order": order}
        return urlencode({name: value for name, value in parts.items() if value})

    def takes(self, machine: Shown) -> bool:
        """Whether the machine is asked for; the same as `matches` of static/js/board/filter.js."""
        if not all(word in machine["search"] for word in self.q.lower().split()):
            return False
        if self.state == ATTENTION:
            return bool(machine["urgency"] < texts.CALM)
        return self.state in (ALL, machine["connectivity"])


def wanted(query: Mapping[str, str]) -> Wanted:
    """The filter of an address; what it does not know is as if it were not there."""
    state, order = query.get("state", ALL), query.get("order", "line")
    return Wanted(
        q=query.get("q", "").strip()[:MAX_LETTERS],
        state=state if state == ATTENTION or state in texts.CONNECTIVITY else ALL,
        order=order if order in ORDERS else "line",
    )


def search_text(machine: Shown) -> str:
    """All that the search looks in, in small letters."""
    names = ("machine_id", "name", "kind", "site", "area", "line")
    return " ".join(machine[name] for name in names).lower()


def grouped(machines: Iterable[Shown], order: str) -> list[Shown]:
    """`[{"heading", "machines", "is_shown"}]`; those that need someone first in each."""
    groups = by_line(machines) if order == "line" else by_urgency(machines)
    return [group | {"is_shown": any(m["is_shown"] for m in group["machines"])} for group in groups]


def by_urgency(machines: Iterable[Shown]) -> list[Shown]:
    rows = sorted(machines, key=lambda machine: (machine["urgency"], machine["machine_id"]))
    return [{"heading": _("Most urgent first"), "machines": rows}] if rows else []


def by_line(machines: Iterable[Shown]) -> list[Shown]:
    """Groups of machines with their place as heading; machines without a place come last."""

    def place(machine: Shown) -> tuple[bool, str, str, str]:
        return (not machine["place"], machine["site"], machine["area"], machine["line"])

    def turn(machine: Shown) -> tuple[Any, ...]:
        return (*place(machine), machine["urgency"], machine["machine_id"])

    rows = groupby(sorted(machines, key=turn), key=place)
    groups = [list(found) for _place, found in rows]
    return [
        {"heading": group[0]["place"] or _("No location"), "machines": group} for group in groups
    ]


def summary(machines: list[Shown], chosen: str) -> list[Shown]:
    """The states one may choose, with how many machines there are of each."""
    found = [machine["connectivity"] for machine in machines]
    attention = sum(machine["urgency"] < texts.CALM for machine in machines)
    keys = {ALL: "a", ATTENTION: "n"}
    counts = [(ALL, _("All"), len(found)), (ATTENTION, _("Needs attention"), attention)]
    counts += [(one, str(word), found.count(one)) for one, word in texts.CONNECTIVITY.items()]
    return [
        {
            "state": state,
            "word": word,
            "count": count,
            "key": keys.get(state, ""),
            "is_chosen": state == chosen,
            # Those of no machine are not offered, but for the first two, which never move.
            "is_empty": not count and state not in (ALL, ATTENTION, chosen),
        }
        for state, word, count in counts
    ]
