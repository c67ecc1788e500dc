"""The close codes: one list, with the reaction of the pages and their sentences."""

import json
import re

import pytest
from django.test import Client

from realtime.pages.tests.test_pages import CASES, make_machine, make_viewer, page_of
from realtime.presentation import texts
from realtime.protocol import FINAL_CODES, Close, Reaction, close_codes


def final(code: int) -> bool:
    first, last = FINAL_CODES
    return first <= code <= last


def test_every_close_code_has_its_reaction() -> None:
    assert {int(close): close.reaction for close in Close} == {
        1009: Reaction.RECONNECT,
        1012: Reaction.RECONNECT,
        1013: Reaction.RECONNECT,
        4401: Reaction.LOGIN,
        4403: Reaction.STOP,
        4404: Reaction.STOP,
        4429: Reaction.RECONNECT,
        4508: Reaction.RECONNECT,
    }


def test_codes_that_stop_a_page_lie_in_the_final_range() -> None:
    """An older page stops at them by the range; the exceptions it has from the beginning."""
    stopping = {close for close in Close if close.reaction is Reaction.STOP}

    assert all(map(final, stopping))
    assert {close for close in Close if final(close)} - stopping == {
        Close.NOT_AUTHENTICATED,
        Close.FLOODING,
    }


def test_every_code_that_ends_the_feed_has_its_sentence() -> None:
    ending = {str(int(close)) for close in Close if close.reaction is not Reaction.RECONNECT}

    assert {key for key in texts.FEED if key.isdigit()} == ending


def test_scripts_are_tested_with_the_close_codes_of_the_server() -> None:
    assert close_codes() == CASES["close_codes"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/machines/CNC-001/"])
def test_pages_hand_the_close_codes_to_their_scripts(client: Client, path: str) -> None:
    make_machine()
    client.force_login(make_viewer())

    found = re.search(
        r'<script id="close-codes" type="[^"]+">(.+?)</script>', page_of(client, path)
    )

    assert found is not None
    assert json.loads(found[1]) == close_codes()
