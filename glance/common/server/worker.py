"""One worker: accept connections, serve them, drain.

Each connection is served by a green thread. The number of connections is
limited. At the limit, a new connection replaces the one that has been idle
for the longest time; if none is idle, the new connection gets a 503 response
at once instead of waiting for minutes.
"""

from collections.abc import Callable, Mapping
import contextlib
import logging
import os
import signal
import socket
from typing import Any
from wsgiref.types import WSGIApplication

import eventlet
from eventlet import event
from eventlet import greenio
from eventlet import hubs
from eventlet import patcher
from eventlet import semaphore
from eventlet import wsgi
from oslo_config import cfg

from glance.common import errors
from glance.common import repeated
from glance.common import threads
from glance.common.server import connections
from glance.common.server import http
from glance.common.server import listening
from glance.common.server import native
from glance.common.server import processes

LOG = logging.getLogger(__name__)

_select = patcher.original('select')

Actions = Mapping[int, Callable[[], None]]

#: Pause after accept() fails, for instance without free descriptors.
ACCEPT_PAUSE_SECONDS = 0.1
#: State of a connection that has not received a request yet. If it is closed
#: at once, a client that just connected sees a failure. A draining worker
#: therefore closes such connections only after FRESH_SECONDS.
STATE_FRESH = 'fresh'
FRESH_SECONDS = 2.0
#: Maximum number of concurrent 503 responses; further connections are closed
#: without one.
REFUSED_AT_ONCE = 200
_REASON = b'503 Service Unavailable\n\nToo many connections are open.\n'
_REFUSAL = (
    b'HTTP/1.1 503 Service Unavailable\r\nRetry-After: 5\r\n'
    b'Content-Type: text/plain; charset=UTF-8\r\nContent-Length: %d\r\n'
    b'Connection: close\r\n\r\n%s' % (len(_REASON), _REASON)
)


class Worker:
    """Serves one listening socket in this process until it is drained."""

    def __init__(
        self, conf: cfg.ConfigOpts, sock: Any, app: WSGIApplication
    ) -> None:
        threads.install(
            native.call,
            native.run,
            native.run_behind,
            native.start,
            native.pause,
        )
        native.prepare()
        self._slots = semaphore.Semaphore(conf.client_connections)
        self._connections: dict[int, list[Any]] = {}
        self._refused = 0
        self._accept_trouble = repeated.Repeated()
        self._reserve: int | None = _reserved()
        self._acceptor: Any = None
        self._drained = event.Event()
        self.draining = False
        self.renew(conf, sock, app)

    def renew(
        self, conf: cfg.ConfigOpts, sock: Any, app: WSGIApplication
    ) -> None:
        """Use a new configuration; open connections keep their old one."""
        listener = greenio.GreenSocket(sock.dup())
        self._socket = sock
        self._pauses = listening.Pauses(conf.workers in (0, 1))
        self._tls = listening.tls_context(conf)
        self._server = connections.Server(
            conf, sock, app, tls=self._tls is not None
        )
        self._head_seconds: int = conf.header_read_timeout
        self._grace_seconds: int | None = (
            conf.graceful_shutdown_timeout or None
        )
        if self._acceptor is not None:
            self._acceptor.kill()
        self._acceptor = eventlet.spawn(self._accept_all, listener)

    def run(self) -> int:
        """Serve until drained.

        :returns: the exit code: 0, or 1 if requests were aborted
        """
        code: int = self._drained.wait()
        return code

    # Signals and draining.

    def on_signals(self, actions: Actions) -> None:
        """Run the action of each signal in a green thread of its own.

        The signal handlers themselves do nothing. Each signal also writes a
        byte into a pipe, and this byte wakes the event loop.
        """
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        signal.set_wakeup_fd(writer)
        for number in actions:
            signal.signal(number, lambda *_: None)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, processes.SIGNALS)
        eventlet.spawn(self._obey, reader, actions)

    def _obey(self, fd: int, actions: Actions) -> None:
        while True:
            hubs.trampoline(fd, read=True)
            for number in os.read(fd, 64):
                if number in actions:
                    eventlet.spawn(_logged, actions[number])

    def drain_without(self, main_fd: int) -> None:
        """Wait until the main process has ended, then drain."""
        hubs.trampoline(main_fd, read=True)
        if not self.draining:
            LOG.error(
                'The main process has died: this worker finishes its '
                'requests and ends'
            )
        self.drain()

    def drain(self) -> None:
        """Stop accepting, close idle connections, finish the others."""
        if self.draining:
            return
        self.draining = self._server.draining = True
        self._acceptor.kill()
        self._socket.close()
        for connection in list(self._connections.values()):
            if connection[2] == STATE_FRESH:
                continue  # its first request may be on its way
            if _is_idle(connection):
                greenio.shutdown_safe(connection[1])
            connection[2] = wsgi.STATE_CLOSE
        eventlet.spawn_after(FRESH_SECONDS, self._close_fresh)
        if not self._connections:
            self._finish()
        elif self._grace_seconds is not None:
            eventlet.spawn_after(self._grace_seconds, self._give_up)

    def _close_fresh(self) -> None:
        for connection in list(self._connections.values()):
            if connection[2] == STATE_FRESH:
                greenio.shutdown_safe(connection[1])

    def _give_up(self) -> None:
        if not self._drained.ready():
            LOG.error(
                'Aborted the requests of %s connections, because the time '
                'to finish is over',
                len(self._connections),
            )
            self._drained.send(1)

    # Connections.

    def _accept_all(self, listener: Any) -> None:
        try:
            while True:
                try:
                    self._admit(*_accepted(listener))
                except OSError as error:
                    self._cannot_accept(listener, error)
                except Exception:
                    LOG.exception('Could not accept a connection')
                    eventlet.sleep(ACCEPT_PAUSE_SECONDS)
        finally:
            listener.close()

    def _admit(self, sock: Any, address: Any) -> None:
        """Serve the connection, or refuse it."""
        if self._take_slot():
            self._start(sock, address)
            if self._pauses.is_due():
                eventlet.sleep(0)
        elif self._refused < REFUSED_AT_ONCE:
            self._refused += 1
            eventlet.spawn_n(self._refuse, sock, address, self._tls)
        else:
            sock.close()

    def _cannot_accept(self, listener: Any, error: OSError) -> None:
        """Close an idle connection, or else send one client a 503 response.

        The 503 response uses the reserved descriptor. The connection that
        could not be accepted stays in the queue: without the pause this
        would be a busy loop.
        """
        if self._accept_trouble.is_due():
            LOG.error(
                'Cannot accept a connection: %s%s',
                error,
                self._accept_trouble.untold(),
            )
        if not errors.lacks_descriptors(error):
            eventlet.sleep(ACCEPT_PAUSE_SECONDS)
        elif self._close_oldest_idle():
            self._wait_for_end(len(self._connections))
        else:
            self._refuse_with_reserve(listener)
            eventlet.sleep(ACCEPT_PAUSE_SECONDS)

    def _wait_for_end(self, count: int) -> None:
        """Wait until fewer than ``count`` connections are open.

        A busy worker may need more than one turn of its event loop to close
        a connection. Until then its descriptor is not free.
        """
        with eventlet.Timeout(FRESH_SECONDS, False):
            while len(self._connections) >= count:
                eventlet.sleep(0.001)

    def _refuse_with_reserve(self, listener: Any) -> None:
        if self._reserve is not None:
            os.close(self._reserve)
            self._reserve = None
        try:
            with eventlet.Timeout(ACCEPT_PAUSE_SECONDS):
                sock, address = listener.accept()
        except (OSError, eventlet.Timeout):
            pass  # another worker or thread took the connection or descriptor
        else:
            self._refused += 1
            self._refuse(sock, address, self._tls)
        with contextlib.suppress(OSError):
            self._reserve = _reserved()

    def _take_slot(self) -> bool:
        if self._slots.acquire(blocking=False):
            return True
        eventlet.sleep(0.001)  # lets connections closed by clients end
        if self._slots.acquire(blocking=False):
            return True
        if not self._close_oldest_idle():
            return False
        return bool(self._slots.acquire(timeout=FRESH_SECONDS))

    def _close_oldest_idle(self) -> bool:
        for connection in self._connections.values():
            if _is_idle(connection):
                connection[2] = wsgi.STATE_CLOSE
                greenio.shutdown_safe(connection[1])
                return True
        return False

    def _refuse(self, sock: Any, address: Any, tls: Any) -> None:
        """Send 503 without parsing the request, then wait a moment.

        If the socket was closed with unread data, the client would see a
        connection reset instead of the response.
        """
        LOG.warning(
            'Refused the connection of %s: too many connections '
            '(client_connections)',
            address,
        )
        try:
            with eventlet.Timeout(http.LINGER_SECONDS, False):
                if tls is not None:
                    sock = self._wrapped(sock, tls)
                    sock.do_handshake()
                sock.sendall(_REFUSAL)
                sock.shutdown(socket.SHUT_WR)
                left = http.MAX_UNWANTED_BYTES
                while left > 0 and (read := len(sock.recv(65536))):
                    left -= read
        except (OSError, EOFError) as error:
            LOG.debug('Connection of %s lost: %s', address, error)
        finally:
            sock.close()
            self._refused -= 1

    def _start(self, sock: Any, address: Any) -> None:
        connection = [address, sock, STATE_FRESH]
        self._connections[id(connection)] = connection
        eventlet.spawn_n(self._serve, connection, self._server, self._tls)

    def _serve(
        self, connection: list[Any], server: connections.Server, tls: Any
    ) -> None:
        sock = connection[1]
        try:
            if tls is not None:
                sock = connection[1] = self._wrapped(sock, tls)
                self._handshake(sock)
            server.process_request(connection)
        except (OSError, EOFError, eventlet.Timeout) as error:
            LOG.info('Connection of %s lost: %s', connection[0], error)
        except Exception:
            LOG.exception('Connection of %s failed', connection[0])
        finally:
            sock.close()
            del self._connections[id(connection)]
            self._slots.release()
            if self.draining and not self._connections:
                self._finish()

    def _finish(self) -> None:
        if not self._drained.ready():
            self._drained.send(0)

    @staticmethod
    def _wrapped(sock: Any, tls: Any) -> Any:
        return tls.wrap_socket(
            sock, server_side=True, do_handshake_on_connect=False
        )

    def _handshake(self, sock: Any) -> None:
        """Do the TLS handshake.

        It runs here and not in the accept loop, so that a client that sends
        nothing does not delay other clients.
        """
        with eventlet.Timeout(self._head_seconds):
            sock.do_handshake()


def _accepted(listener: Any) -> Any:
    """Accept a connection; return it with its address.

    Without a free descriptor the kernel refuses also if no client waits.
    Then no connection has to give way.

    :raises OSError: a client waits, and cannot be accepted
    """
    try:
        return listener.accept()
    except OSError as error:
        if not errors.lacks_descriptors(error):
            raise
    hubs.trampoline(listener.fileno(), read=True)
    return listener.accept()


def _reserved() -> int:
    """Open a spare descriptor, to be closed when no other one is free."""
    return os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)


def _is_idle(connection: list[Any]) -> bool:
    """Whether no request runs and none waits in the socket's buffer."""
    if connection[2] not in (wsgi.STATE_IDLE, STATE_FRESH):
        return False
    poll = _select.poll()
    poll.register(connection[1].fileno(), _select.POLLIN)
    return not poll.poll(0)


def _logged(action: Callable[[], None]) -> None:
    try:
        action()
    except Exception:
        LOG.exception('Could not handle a signal')
