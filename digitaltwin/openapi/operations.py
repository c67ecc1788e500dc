"""Schema class of drf-spectacular that reads hand-written OpenAPI operations."""

import copy
from typing import Any

from django.utils.module_loading import import_string
from drf_spectacular.openapi import AutoSchema

from sensors.openapi import ATTRIBUTE


class NamedOperations(AutoSchema):
    """Schema of a view whose handlers name their operations by `described_by`."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> Any:
        name = getattr(getattr(self.view, method.lower()), ATTRIBUTE, None)
        if name is None:
            return super().get_operation(path, path_regex, path_prefix, method, registry)
        # A copy, because `complete_schema` modifies it.
        return copy.deepcopy(import_string(name))
