"""Stands between two programs and counts how often they take turns."""

import contextlib
import select
import socket
import threading

HOST = '127.0.0.1'


class Relay:
    """Listens on ``port``; one turn is a request and its answer."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server((HOST, 0))
        self.port: int = self._listener.getsockname()[1]
        self.turns = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            client, _ = self._listener.accept()
            server = socket.create_connection((HOST, self._target))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(
                target=self._pass_on, args=(client, server), daemon=True
            ).start()

    def _pass_on(self, client: socket.socket, server: socket.socket) -> None:
        answered = True
        with client, server, contextlib.suppress(OSError):
            while True:
                ready, _, _ = select.select([client, server], [], [])
                for end in ready:
                    data = end.recv(262144)
                    if not data:
                        return
                    if end is client:
                        # Head and body may come in two pieces.
                        self.turns += answered
                        answered = False
                        server.sendall(data)
                    else:
                        answered = True
                        client.sendall(data)
