"""The process that runs a driver of the library glance_store.

``python -m glance.store.library_host`` gets a socket as its standard input.
The first message names the driver, and each later one passes a new socket for
one call. Drivers of the library do not support eventlet, so this process does
not use it: each call has a native thread. The process ends after its socket
was closed and the running calls have ended.

A call is a document, and so is its result: ``{"result": ...}`` or
``{"error": CLASS, "message": TEXT}``. Data is sent in frames, in both
directions; see ``frames``. Data to be stored is sent only when the driver
begins to read it, so that an immediate refusal by the driver is detected.
"""

from collections.abc import Iterator
import contextlib
import functools
from importlib import metadata
import logging
import os
import pathlib
import signal
import socket
import sys
import tempfile
import threading
from typing import Any

from glance.common import errors
from glance.store import ceph
from glance.store import frames

GROUP = 'glance_store.drivers'
READ_OFFSET = 0b010
_SKIP_BYTES = 1024 * 1024


class _Caller:
    """The context for drivers that act for users: the service itself."""

    user_id = project_id = user = tenant = owner = 'glance'
    auth_token = None
    roles: tuple[str, ...] = ()
    service_catalog: tuple[Any, ...] = ()
    is_admin = True


class _Data:
    """Data received in frames, as a file-like object for drivers."""

    def __init__(self, channel: frames.Channel) -> None:
        self._channel = channel
        self._piece = memoryview(b'')
        self._has_ended = self.is_asked_for = False

    def read(self, size: int = -1) -> bytes:
        pieces: list[bytes] = []
        left = sys.maxsize if size is None or size < 0 else size
        while left and self._fill():
            piece, self._piece = self._piece[:left], self._piece[left:]
            pieces.append(bytes(piece))
            left -= len(piece)
        return b''.join(pieces)

    def _fill(self) -> bool:
        if not self.is_asked_for:
            self.is_asked_for = True
            self._channel.send_document({'result': 'ready'})
        if not self._piece and not self._has_ended:
            self._piece = memoryview(self._channel.receive())
            self._has_ended = not self._piece
        return bool(self._piece)

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.read(64 * 1024):
            yield piece


class Host:
    """Runs the calls of one driver.

    :param driver: an object of the library
    :param store_id: its section of the configuration
    """

    def __init__(self, driver: Any, conf: Any, store_id: str) -> None:
        self._driver = driver
        self._conf = conf
        self._store_id = store_id
        self._made = threading.local()
        self._remember_locations()

    def facts(self) -> dict[str, Any]:
        return {'schemes': list(self._driver.get_schemes())}

    def answer(self, sock: socket.socket) -> None:
        """Process one call until its end."""
        channel = frames.Channel(sock)
        try:
            call = channel.receive_document()
            name, arguments = call.pop('call'), call
            result = getattr(self, f'_{name}')(channel, **arguments)
            channel.send_document({'result': result})
        except Exception as error:  # reported to the caller
            logging.getLogger(__name__).info('A call failed', exc_info=True)
            channel.send_error(error)
        finally:
            sock.close()

    def _add(
        self, channel: frames.Channel, name: str, size: int
    ) -> dict[str, Any]:
        data = _Data(channel)
        self._made.location = None
        try:
            outcome = self._driver.add(
                name, data, size, 'sha256', context=_Caller()
            )
        except BaseException as error:
            if data.is_asked_for and type(error).__name__ != 'Duplicate':
                self._remove_rest()
            raise
        return {'url': outcome[0], 'size': outcome[1]}

    def _remove_rest(self) -> None:
        """Remove what a driver left after it failed to store all data."""
        if self._made.location is not None:
            with contextlib.suppress(Exception):  # usually nothing is left
                url = self._made.location.get_uri()
                self._driver.delete(self._location(url), context=_Caller())

    def _remember_locations(self) -> None:
        """Remember the location that a driver creates for new data."""
        kind, made = self._driver.get_store_location_class(), self._made
        original = kind.__init__

        @functools.wraps(original)
        def init(location: Any, *args: Any, **kwargs: Any) -> None:
            original(location, *args, **kwargs)
            made.location = location

        kind.__init__ = init

    def _get(
        self, channel: frames.Channel, url: str, offset: int, length: int
    ) -> None:
        location = self._location(url)
        can_skip = self._driver.capabilities & READ_OFFSET
        pieces, _ = self._driver.get(
            location,
            context=_Caller(),
            **({'offset': offset} if offset and can_skip else {}),
        )
        channel.send_document({'result': None})
        skip = 0 if can_skip else offset
        last = memoryview(b'')
        with contextlib.ExitStack() as stack:
            if hasattr(pieces, 'close'):
                # Close before the last data is sent; the driver frees it then.
                stack.callback(pieces.close)
            for piece in pieces:
                _send(channel, last)
                last = memoryview(piece)[skip:][:length]
                skip -= min(skip, len(piece))
                length -= len(last)
                if not length:
                    break
        _send(channel, last)
        channel.send(b'')

    def _size(self, channel: frames.Channel, url: str) -> int:
        return int(
            self._driver.get_size(self._location(url), context=_Caller())
        )

    def _delete(self, channel: frames.Channel, url: str) -> None:
        self._driver.delete(self._location(url), context=_Caller())

    def _location(self, url: str) -> Any:
        from glance_store import location

        return location.Location(
            self._driver.get_schemes()[0],
            self._driver.get_store_location_class(),
            self._conf,
            uri=url,
            backend=self._store_id,
        )


def _send(channel: frames.Channel, data: memoryview) -> None:
    for begin in range(0, len(data), frames.MAX_BYTES):
        channel.send(data[begin : begin + frames.MAX_BYTES])


def make(wanted: dict[str, Any]) -> Host:
    """Create the driver as the configuration files describe it."""
    from oslo_concurrency import lockutils
    from oslo_config import cfg

    for name in ('rados', 'rbd'):
        # Drivers import these by name, but Debian's directory is not searched.
        with contextlib.suppress(errors.ConfigurationError):
            ceph.binding(name)
    (point,) = metadata.entry_points(group=GROUP, name=wanted['driver'])
    kind = point.load()
    conf = cfg.ConfigOpts()
    groups = (wanted['group'], wanted['defaults'])
    for group in groups:
        conf.register_opts(list(kind.OPTIONS or []), group=group)
    arguments = [f'--config-file={path}' for path in wanted['files']]
    arguments += [f'--config-dir={path}' for path in wanted['directories']]
    conf(arguments, project='glance', default_config_files=[])
    for option in kind.OPTIONS or []:
        _use_default(conf, option.dest, *groups)
    lockutils.set_defaults(_lock_directory())
    driver = kind(conf, backend=wanted['group'])
    driver.configure(re_raise_bsc=True)
    return Host(driver, conf, wanted['group'])


def _use_default(conf: Any, name: str, group: str, defaults: str) -> None:
    """Use the common value of all stores if this store sets none."""
    if not _is_set(conf, name, group) and _is_set(conf, name, defaults):
        conf.set_override(name, conf[defaults][name], group=group)


def _is_set(conf: Any, name: str, group: str) -> bool:
    where = conf.get_location(name, group)
    return where is not None and where.location.name == 'user'


def _lock_directory() -> str:
    """The lock directory of this user's processes on this host."""
    path = pathlib.Path(tempfile.gettempdir(), f'glance-locks-{os.getuid()}')
    path.mkdir(mode=0o700, exist_ok=True)
    if path.lstat().st_uid != os.getuid() or path.is_symlink():
        return tempfile.mkdtemp(prefix='glance-locks-')
    return str(path)


def main() -> None:
    # The process ends when the daemon closes the socket, after the last call.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    control = socket.socket(fileno=os.dup(0))
    channel = frames.Channel(control)
    try:
        host = make(channel.receive_document())
    except Exception as error:
        channel.send_error(error)
        return
    channel.send_document({'result': host.facts()})
    while (call := frames.receive_socket(control)) is not None:
        threading.Thread(target=host.answer, args=(call,)).start()


if __name__ == '__main__':
    main()
