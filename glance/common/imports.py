"""Imports that libraries make and we do not need."""

from collections.abc import Iterator
import contextlib
import sys


@contextlib.contextmanager
def without(library: str) -> Iterator[None]:
    """Let what is imported here find that ``library`` is not installed.

    For libraries that look for another one and live without it. Who has
    imported it already keeps it.
    """
    if library in sys.modules:
        yield
        return
    sys.modules[library] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[library]
