"""The link from a handler to its operation in the API document."""

from collections.abc import Callable
from typing import TypeVar

Handler = TypeVar("Handler", bound=Callable[..., object])
ATTRIBUTE = "document_operation"


def described_by(operation: str) -> Callable[[Handler], Handler]:
    """Name the operation (`module.NAME`) that the document shows for this handler.

    By name: the texts and drf-spectacular are loaded where a document is made, not in every
    process that answers.
    """

    def name(handler: Handler) -> Handler:
        setattr(handler, ATTRIBUTE, operation)
        return handler

    return name
