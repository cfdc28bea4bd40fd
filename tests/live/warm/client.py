"""Ask the process of warm/server.py to run a client, and wait for it.

PYTHON client.py SOCKET CLIENT WORD...   # as a shell calls the client

Little is imported here: a shell starts it for each command.
"""

from collections.abc import Mapping, Sequence
import json
import os
import signal
import socket
import sys


def ask(
    path: str,
    request: Mapping[str, object],
    descriptors: Sequence[int],
    seconds: float | None = None,
) -> int:
    """Have a client run; return its exit code, negative for a signal.

    :param request: ``client``, ``words``, ``cwd`` and ``env``
    :param descriptors: for standard input, output and error
    :raises TimeoutError: it did not end within so many seconds
    """
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(seconds)
        connection.connect(path)
        socket.send_fds(connection, [b'\n'], descriptors)
        connection.sendall(json.dumps(request).encode())
        connection.shutdown(socket.SHUT_WR)
        return int(connection.recv(16) or -signal.SIGKILL)


def main() -> int:
    path, client, *words = sys.argv[1:]
    request = {'client': client, 'words': words, 'cwd': os.getcwd()}
    code = ask(path, request | {'env': dict(os.environ)}, (0, 1, 2))
    return code if code >= 0 else 128 - code


if __name__ == '__main__':
    sys.exit(main())
