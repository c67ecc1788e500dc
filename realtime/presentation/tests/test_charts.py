"""The spans of the charts: one list for the pages, their scripts and the data they load."""

import re

import pytest
from django.test import Client

from realtime.pages.tests.test_pages import make_machine, make_viewer, page_of
from realtime.presentation import charts


@pytest.mark.parametrize(
    ("minutes", "chosen"), [("", 15), ("15", 15), ("60", 60), ("480", 480), ("61", 15), ("x", 15)]
)
def test_span_of_the_address_is_chosen_or_else_the_first(minutes: str, chosen: int) -> None:
    choices = charts.span_choices(minutes)

    assert [choice.minutes for choice in choices if choice.is_chosen] == [chosen]
    assert [choice.word for choice in choices] == ["15 min", "1 h", "8 h"]


@pytest.mark.django_db
def test_machine_page_hands_the_spans_to_its_script(client: Client) -> None:
    make_machine()
    client.force_login(make_viewer())

    page = page_of(client, "/machines/CNC-001/?minutes=480")

    buttons = re.findall(
        r'data-minutes="(\d+)" data-bucket-seconds="(\d*)" data-key="\d" aria-pressed="(\w+)"', page
    )
    assert f'data-live-seconds="{charts.LIVE_SPAN.seconds}"' in page
    assert buttons == [("15", "", "false"), ("60", "10", "false"), ("480", "60", "true")]


@pytest.mark.django_db
def test_plant_page_hands_the_sparks_buckets_to_its_script(client: Client) -> None:
    make_machine()
    client.force_login(make_viewer())

    page = page_of(client, "/")

    found = re.search(r'data-spark-buckets="(\d+)" data-spark-bucket-seconds="(\d+)"', page)
    assert found is not None
    count, seconds = int(found[1]), int(found[2])
    assert count * seconds == charts.LIVE_SPAN.seconds
    assert f'viewBox="0 0 {count} 20"' in page
