"""The server of both daemons: processes, connections, HTTP.

This package is the one place that knows eventlet, so it can be replaced:
``service`` is where a daemon starts, ``listening`` opens sockets,
``processes`` keeps workers alive, ``worker`` accepts connections, ``http``
speaks on them, ``incoming`` reads requests.
"""

import warnings


def patch() -> None:
    """Make the standard library green; call it before any other import.

    ``os`` stays as it is: descriptors are read and written in native
    threads, and the main process waits for its children for real.
    """
    # That eventlet ends one day is why it has one home here; whoever runs
    # the service cannot act on the warning.
    warnings.filterwarnings('ignore', message=r'\s*Eventlet ')
    import eventlet

    eventlet.monkey_patch(os=False)
