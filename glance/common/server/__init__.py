"""The server of both daemons: processes, connections, HTTP.

Only this package uses eventlet, so that eventlet can be replaced:
``service`` starts a daemon, ``listening`` opens sockets, ``processes`` keeps
workers alive, ``worker`` accepts connections, ``http`` serves HTTP on them,
``incoming`` reads requests, ``files`` sends files.
"""

import contextlib
import ctypes
import os
import socket
from typing import Any
import warnings

from glance.common import threads

#: Buffers of this size are mapped one by one, and returned to the system when
#: they are freed. That costs a page fault for each 4 KiB, 0.8 CPU seconds a
#: GiB, so what is allocated again and again should be smaller.
MAPPED_BYTES = 1024 * 1024
#: Options of mallopt(3): at most two arenas for about twenty native threads,
#: the size above, and free memory that is kept at the end of an arena.
_MALLOC_OPTIONS = {-8: 2, -3: MAPPED_BYTES, -1: 4 * 1024 * 1024}


def tune_malloc() -> None:
    """Make malloc use the memory of buffers again."""
    for option, value in _MALLOC_OPTIONS.items():
        with contextlib.suppress(AttributeError):  # a C library without it
            ctypes.CDLL(None).mallopt(option, value)


def patch() -> None:
    """Make the standard library green; call it before any other import.

    ``os`` is not patched: descriptors are read and written in native
    threads, and the main process must block when it waits for its children.
    Host names are resolved by the system's resolver in a native thread,
    because eventlet's resolver loads 11 MiB of dnspython and supports less.
    """
    tune_malloc()
    # eventlet warns that it is deprecated. Operators can do nothing about
    # that, so the warning is hidden.
    warnings.filterwarnings('ignore', message=r'\s*Eventlet ')
    os.environ.setdefault('EVENTLET_NO_GREENDNS', 'yes')
    import eventlet

    eventlet.monkey_patch(os=False, psycopg=False)
    from glance.common.server import libraries

    threads.library = libraries.load
    resolve = socket.getaddrinfo

    def getaddrinfo(*args: Any, **kwargs: Any) -> Any:
        return threads.call(resolve, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo


def patch_postgresql() -> None:
    """Make psycopg2 yield to other green threads while it waits.

    This needs 5 MiB, so it is done only for PostgreSQL.
    """
    from eventlet.support import psycopg2_patcher

    psycopg2_patcher.make_psycopg_green()
