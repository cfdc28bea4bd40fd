"""Libraries that are imported as if eventlet did not exist.

A library that connects with its own sockets and threads blocks the event loop,
or waits in it where it may not. With the unpatched standard library it works
in native threads, like a library in C.
"""

from collections.abc import Iterator
import contextlib
import importlib
import sys
from types import ModuleType
from typing import Any

from eventlet import patcher

#: What eventlet patches.
_PATCHED = ('_thread', 'threading', 'time', 'queue', 'select', 'socket')
#: What has to be imported again, because it copies names of those.
_DEPENDENT = ('selectors', 'ssl', 'subprocess')
#: Imported before, so that the rest of the process gets the patched ones.
_SHARED = ('asyncio', 'concurrent.futures.thread', 'logging.handlers')


def load(name: str) -> Any:
    """Import a library with the unpatched standard library.

    :raises ImportError: it is not installed
    """
    if name in sys.modules:
        return sys.modules[name]
    for shared in _SHARED:
        importlib.import_module(shared)
    with _unpatched():
        return importlib.import_module(name)


@contextlib.contextmanager
def _unpatched() -> Iterator[None]:
    names = (*_PATCHED, *_DEPENDENT)
    before = {name: sys.modules.get(name) for name in names}
    for name in _DEPENDENT:
        sys.modules.pop(name, None)
    try:
        for name in _PATCHED:
            sys.modules[name] = patcher.original(name)
        for name in _DEPENDENT:
            importlib.import_module(name)
        yield
    finally:
        _restore(before)


def _restore(before: dict[str, ModuleType | None]) -> None:
    for name, module in before.items():
        # Not removed in between: another thread would import it again.
        if module is None:
            sys.modules.pop(name, None)
        else:
            sys.modules[name] = module
