"""Imports of a library without its optional dependencies, to save memory.

Only imports inside the `with` block are affected; later imports find the modules as usual.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec


@contextmanager
def modules_hidden(*names: str) -> Iterator[None]:
    """Make imports of these modules fail, as if they were not installed."""
    loaded = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(loaded)


@contextmanager
def package_without_init(package: str) -> Iterator[None]:
    """Let modules of this package be imported without running its `__init__`.

    A later `from package import module` returns the same modules; the package does not have them
    as attributes.
    """
    spec = find_spec(package)
    if package in sys.modules or spec is None:
        yield
        return
    sys.modules[package] = module_from_spec(spec)
    try:
        yield
    finally:
        del sys.modules[package]
