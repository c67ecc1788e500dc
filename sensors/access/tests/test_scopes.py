"""Scopes: which machines they see, in Python and in SQL, and the names they give to feeds."""

from itertools import product

import pytest
from channels.layers import BaseChannelLayer
from hypothesis import given
from hypothesis import strategies as st

from sensors.catalogue.selectors import machines_in, sensors_in
from sensors.models import Machine
from sensors.scopes import EVERYTHING, NOTHING, Place, Scope, parse_scope, restricted_to
from sensors.tests.people import make_machine

LEVELS = ("", "A", "B")
machine_places = st.builds(Place, *[st.sampled_from(LEVELS)] * 3)
places = machine_places.filter(any)
scopes = st.lists(places, max_size=6).map(restricted_to)


def sees(scope: Scope, site: str = "", area: str = "", line: str = "") -> bool:
    return scope.sees(Place(site, area, line))


@pytest.mark.parametrize(
    ("place", "machine", "is_seen"),
    [
        # A whole site, whatever stands below it.
        (("A",), ("A", "1", "x"), True),
        (("A",), ("A", "", ""), True),
        (("A",), ("A", "", "x"), True),
        (("A",), ("B", "1", "x"), False),
        (("A",), ("", "", ""), False),
        (("A",), ("a", "1", "x"), False),
        (("A",), ("A ", "1", "x"), False),
        # An area of a site.
        (("A", "1"), ("A", "1", "x"), True),
        (("A", "1"), ("A", "1", ""), True),
        (("A", "1"), ("A", "", "x"), False),
        (("A", "1"), ("A", "2", "x"), False),
        (("A", "1"), ("B", "1", "x"), False),
        # A line of an area.
        (("A", "1", "x"), ("A", "1", "x"), True),
        (("A", "1", "x"), ("A", "1", "y"), False),
        (("A", "1", "x"), ("A", "1", ""), False),
        (("A", "1", "x"), ("A", "2", "x"), False),
        (("A", "1", "x"), ("B", "1", "x"), False),
        # Levels that a plant does not use.
        (("", "", "x"), ("", "", "x"), True),
        (("", "", "x"), ("A", "", "x"), False),
        (("", "", "x"), ("", "1", "x"), False),
        (("A", "", "x"), ("A", "", "x"), True),
        (("A", "", "x"), ("A", "1", "x"), False),
        (("", "1"), ("", "1", "x"), True),
        (("", "1"), ("A", "1", "x"), False),
    ],
)
def test_scope_of_one_place(
    place: tuple[str, ...], machine: tuple[str, str, str], is_seen: bool
) -> None:
    assert sees(restricted_to([Place(*place)]), *machine) is is_seen


def test_everything_sees_machines_without_a_place() -> None:
    assert sees(EVERYTHING)
    assert sees(EVERYTHING, "A", "1", "x")
    assert not sees(NOTHING, "A", "1", "x")


def test_empty_place_is_no_restriction_to_everything() -> None:
    with pytest.raises(ValueError, match="empty place"):
        restricted_to([Place("A"), Place()])


def is_covered(machine: Place, place: Place) -> bool:
    """The rule in other words: equal down to the lowest level that the place names."""
    depth = max(level for level, name in enumerate(place, start=1) if name)
    return machine[:depth] == place[:depth]


@given(st.lists(places, max_size=6), machine_places)
def test_scope_sees_what_one_of_its_places_covers(named: list[Place], machine: Place) -> None:
    covered = any(is_covered(machine, place) for place in named)

    assert restricted_to(named).sees(machine) is covered


@given(st.lists(places, max_size=6), places, machine_places)
def test_another_place_never_hides_a_machine(
    named: list[Place], added: Place, machine: Place
) -> None:
    assert restricted_to([*named, added]).sees(machine) >= restricted_to(named).sees(machine)


@given(scopes, scopes)
def test_scopes_that_see_the_same_are_equal_and_share_a_key(one: Scope, other: Scope) -> None:
    # Machines at names of no place stand for all that a wider place covers besides.
    everywhere = [Place(*levels) for levels in product((*LEVELS, "C"), repeat=3)]
    see_the_same = [one.sees(place) for place in everywhere] == [
        other.sees(place) for place in everywhere
    ]

    assert (one == other) is see_the_same
    assert (one.key == other.key) is see_the_same
    assert (hash(one) == hash(other)) is see_the_same


@given(
    st.one_of(
        scopes,
        st.just(EVERYTHING),
        st.builds(Place, *[st.text(min_size=1)] * 3).map(lambda place: restricted_to([place])),
    )
)
def test_scope_is_read_back_from_its_text(scope: Scope) -> None:
    assert parse_scope(scope.text) == scope


@pytest.mark.parametrize("text", ["", "{}", '[["", "", ""]]', "[[1, 2, 3]]", '"A"'])
def test_other_text_is_no_scope(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_scope(text)


@given(st.lists(st.builds(Place, *[st.text(min_size=1, max_size=100)] * 3), max_size=50))
def test_key_fits_into_the_name_of_a_group(named: list[Place]) -> None:
    key = restricted_to(named).key

    assert BaseChannelLayer().require_valid_group_name(f"dashboard.{key}")
    assert EVERYTHING.key == ""


# In SQL


@pytest.fixture
def grid(db: None) -> None:
    """A machine at every place of LEVELS, named by it."""
    for number, (site, area, line) in enumerate(product(LEVELS, repeat=3)):
        make_machine(f"CNC-{number:03}", site=site, area=area, line=line)


@pytest.mark.usefixtures("grid")
@pytest.mark.django_db
def test_sql_selects_what_the_scope_sees() -> None:
    machines = list(Machine.objects.all())

    @given(st.one_of(scopes, st.just(EVERYTHING)))
    def check(scope: Scope) -> None:
        seen = {machine.pk for machine in machines if scope.sees(machine)}

        assert set(machines_in(scope).values_list("pk", flat=True)) == seen
        assert set(sensors_in(scope).values_list("machine_id", flat=True)) == seen

    check()


@pytest.mark.django_db
def test_scope_of_many_places_is_one_query() -> None:
    make_machine("CNC-001", site="A", area="7", line="x7")
    named = [Place("A", str(area), f"x{line}") for area in range(90) for line in range(20)]

    assert [one.machine_id for one in machines_in(restricted_to(named))] == ["CNC-001"]
