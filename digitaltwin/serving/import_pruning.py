"""Loading a library without what it loads besides, only because that is installed.

What is left out is left out of these imports alone: whoever wants it later finds it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec, module_from_spec


@contextmanager
def absent(*names: str) -> Iterator[None]:
    """What is imported meanwhile finds none of these modules, as where they are not installed."""
    there = {name: sys.modules.pop(name) for name in names if name in sys.modules}
    for name in names:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]
        sys.modules.update(there)


@contextmanager
def unopened(package: str) -> Iterator[None]:
    """Modules of this package can be imported meanwhile, and its `__init__` does not run.

    Later, `from package import module` gives the same modules; as attributes it has them not.
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
