"""Chunks hold every item once, in order, within the limit."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.chunks import chunked


@pytest.mark.parametrize(
    ("weights", "expected"),
    [
        ([], []),
        ([500, 500, 1], [[500], [500], [1]]),
        ([200, 200, 200, 100], [[200, 200], [200, 100]]),
        ([1] * 501, [[1] * 500, [1]]),
        ([700, 1], [[700], [1]]),
        ([0, 500, 0, 1], [[0, 500, 0], [1]]),
    ],
)
def test_chunks_are_filled_up_to_the_limit(weights: list[int], expected: list[list[int]]) -> None:
    assert list(chunked(weights, weight=int, limit=500)) == expected


@given(st.lists(st.integers(0, 30)), st.integers(1, 20))
def test_chunks_hold_every_item_once_within_the_limit(weights: list[int], limit: int) -> None:
    chunks = list(chunked(weights, weight=int, limit=limit))

    assert [weight for chunk in chunks for weight in chunk] == weights
    assert all(chunk and (sum(chunk) <= limit or len(chunk) == 1) for chunk in chunks)
