"""How drf-spectacular finds what the document says of a handler."""

import copy
from typing import Any

from django.utils.module_loading import import_string
from drf_spectacular.openapi import AutoSchema

from sensors.openapi import ATTRIBUTE


class NamedOperations(AutoSchema):
    """Takes the operation that `described_by` names, as it is."""

    def get_operation(
        self, path: str, path_regex: str, path_prefix: str, method: str, registry: Any
    ) -> Any:
        name = getattr(getattr(self.view, method.lower()), ATTRIBUTE, None)
        if name is None:
            return super().get_operation(path, path_regex, path_prefix, method, registry)
        # A copy: `finish` writes into it.
        return copy.deepcopy(import_string(name))
