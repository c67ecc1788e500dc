"""Chunks of a sequence: whole items, together up to a weight."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def chunked(items: Iterable[T], *, weight: Callable[[T], int], limit: int) -> Iterator[list[T]]:
    """Yield the items in their order, in chunks that weigh at most `limit`.

    An item heavier than the limit is a chunk by itself; no chunk is empty.
    """
    chunk: list[T] = []
    total = 0
    for item in items:
        item_weight = weight(item)
        if chunk and total + item_weight > limit:
            yield chunk
            chunk, total = [], 0
        chunk.append(item)
        total += item_weight
    if chunk:
        yield chunk
