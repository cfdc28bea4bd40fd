"""A process that has imported clients, and becomes one by fork.

PYTHON server.py DESCRIPTOR MODULE...   # DESCRIPTOR: a listening Unix socket
"""

import importlib
import importlib.metadata
import json
import os
import signal
import socket
import sys
from typing import Any

MAX_REQUEST_BYTES = 1024 * 1024


def serve(listener: socket.socket) -> dict[str, Any]:
    """Fork for every request; return one in the process that is to run it."""
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        connection, _ = listener.accept()
        if os.fork():
            connection.close()
            continue
        listener.close()
        # From here on one request: wait for the client, tell its exit code.
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _, descriptors, _, _ = socket.recv_fds(connection, 1, 3)
        with connection.makefile('rb') as file:
            request = json.loads(file.read(MAX_REQUEST_BYTES))
        child = os.fork()
        if child == 0:
            connection.close()
            for number, descriptor in enumerate(descriptors):
                os.dup2(descriptor, number)
                os.close(descriptor)
            return dict(request)
        _, status = os.waitpid(child, 0)
        connection.sendall(b'%d' % os.waitstatus_to_exitcode(status))
        os._exit(0)


def main() -> Any:
    # The directory of this file has no modules for a client.
    del sys.path[0]
    descriptor, *modules = sys.argv[1:]
    for module in modules:
        importlib.import_module(module)
    request = serve(socket.socket(fileno=int(descriptor)))
    os.environ.clear()
    os.environ.update(request['env'])
    os.chdir(request['cwd'])
    name = request['client']
    sys.argv = [name, *request['words']]
    (script,) = importlib.metadata.entry_points(
        group='console_scripts', name=name
    )
    return script.load()()


if __name__ == '__main__':
    sys.exit(main())
