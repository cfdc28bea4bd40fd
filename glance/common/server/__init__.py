"""The server of both daemons: processes, connections, HTTP.

This package is the one place that knows eventlet, so it can be replaced:
``service`` is where a daemon starts, ``listening`` opens sockets,
``processes`` keeps workers alive, ``worker`` accepts connections, ``http``
speaks on them, ``incoming`` reads requests, ``files`` sends files.
"""

import contextlib
import ctypes
import os
import socket
from typing import Any
import warnings

from glance.common import imports
from glance.common import threads

#: mallopt(3): at most two arenas for some twenty native threads, and large
#: buffers go back to the system when they are freed. Both workers together
#: hold 133 instead of 188 MiB after a mixed load of 32 clients with uploads.
_MALLOC_OPTIONS = {-8: 2, -3: 128 * 1024, -1: 128 * 1024}


def patch() -> None:
    """Make the standard library green; call it before any other import.

    ``os`` stays as it is: descriptors are read and written in native
    threads, and the main process waits for its children for real. Names are
    resolved by the system's resolver in a native thread: eventlet's own
    brings 11 MiB of dnspython and knows less.
    """
    for option, value in _MALLOC_OPTIONS.items():
        with contextlib.suppress(AttributeError):  # a C library without it
            ctypes.CDLL(None).mallopt(option, value)
    # That eventlet ends one day is why it has one home here; whoever runs
    # the service cannot act on the warning.
    warnings.filterwarnings('ignore', message=r'\s*Eventlet ')
    os.environ.setdefault('EVENTLET_NO_GREENDNS', 'yes')
    # eventlet looks for pyOpenSSL, which nobody here uses: 11 MiB.
    with imports.without('OpenSSL'):
        import eventlet

        eventlet.monkey_patch(os=False, psycopg=False)
    resolve = socket.getaddrinfo

    def getaddrinfo(*args: Any, **kwargs: Any) -> Any:
        return threads.call(resolve, *args, **kwargs)

    socket.getaddrinfo = getaddrinfo


def patch_postgresql() -> None:
    """Make psycopg2 wait green; 5 MiB that only its users pay."""
    from eventlet.support import psycopg2_patcher

    psycopg2_patcher.make_psycopg_green()
