"""Any driver of the entry points ``glance_store.drivers``.

The driver runs in its own process, one for each worker, because the library's
drivers block and use client libraries that are not compatible with eventlet
(:mod:`glance.store.library_host`). This module is the worker's side.

The store has the limitations of its driver: new data has the image's id as
its name before the claim is confirmed a last time, and data that a killed
worker left is not found.
"""

import _socket
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
import contextlib
import logging
import pathlib
import subprocess
import sys
from typing import Any, ParamSpec, TypeVar
import uuid

from glance.common import errors
from glance.common import threads
from glance.store import base
from glance.store import frames

LOG = logging.getLogger(__name__)

P = ParamSpec('P')
T = TypeVar('T')

#: Max number of remembered URLs, for uploads that may have to be undone.
_MAX_WRITTEN = 1000
_ANSWERS: dict[str, Callable[[], errors.Error]] = {
    'NotFound': lambda: errors.NotFound(
        'The data of the image was not found in the store.'
    ),
    'StorageFull': lambda: errors.LimitExceeded(
        'The image store has no space left; ask the operator to free some.'
    ),
    'InUseByStore': lambda: errors.Conflict(
        'The data of the image is in use in the store.'
    ),
    'HasSnapshot': lambda: errors.Conflict(
        'The data of the image has snapshots in the store.'
    ),
    'Duplicate': errors.Duplicate,
    'BadStoreUri': lambda: base.Elsewhere('the driver does not accept it'),
    'UnknownScheme': lambda: base.Elsewhere('the driver does not know it'),
}


def from_options(options: Mapping[str, Any]) -> base.Writable:
    """:raises errors.ConfigurationError: the driver cannot be set up now"""
    return LibraryStore(Helper(options))


class Helper:
    """The process of a driver; restarted after it has died.

    :param wanted: driver, section and configuration files
    :raises errors.ConfigurationError: the driver cannot be set up now
    """

    def __init__(self, wanted: Mapping[str, Any]) -> None:
        self._wanted = dict(wanted)
        self._control: Any = None
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self.facts: dict[str, Any] = threads.run(self._start)
        except (frames.Failed, OSError, EOFError) as error:
            raise errors.ConfigurationError(
                f'The driver {wanted["driver"]} of glance_store cannot be '
                f'set up: {error}'
            ) from error

    def _start(self) -> dict[str, Any]:
        ours, theirs = frames.pair()
        try:
            self._process = subprocess.Popen(  # noqa: S603 - our own program
                [_python(), '-P', '-m', 'glance.store.library_host'],
                stdin=theirs.fileno(),
                start_new_session=True,
            )
            theirs.close()
            channel = frames.Channel(ours)
            channel.send_document(self._wanted)
            facts: dict[str, Any] = channel.receive_document()['result']
        except BaseException:
            ours.close()
            raise
        self._control = ours
        return facts

    def call(
        self, action: str, **arguments: Any
    ) -> tuple[Any, frames.Channel]:
        """Begin a call; return its socket, to be closed, and its channel."""
        ours, theirs = frames.pair()
        try:
            try:
                frames.send_socket(self._control, theirs)
            except OSError:
                LOG.error(
                    'The process of the driver %s has died; it is started '
                    'again',
                    self._wanted['driver'],
                )
                self._start()
                frames.send_socket(self._control, theirs)
            channel = frames.Channel(ours)
            channel.send_document({'call': action, **arguments})
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return ours, channel


class LibraryStore:
    """See :class:`glance.store.base.Store`."""

    is_read_only = False
    can_refuse_deletion = True
    identity = None

    def __init__(self, helper: Helper) -> None:
        self._helper = helper
        self.schemes = tuple(helper.facts['schemes'])
        self._written: OrderedDict[str, str] = OrderedDict()

    def write(
        self,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        adding = self._begin(image_id, size_bytes or 0)
        try:
            try:
                for piece in data:
                    _do(adding.send, piece)
                confirm()
            except BaseException as error:
                _do(adding.abort, error)
                raise
            url, is_whole = _do(adding.finish)
        finally:
            adding.close()
        if not is_whole:
            self.delete(url)
            raise errors.StoreUnavailable from ValueError(
                'the driver stored another number of bytes'
            )
        self._written[image_id] = url
        while len(self._written) > _MAX_WRITTEN:
            self._written.popitem(last=False)
        return url

    def _begin(self, image_id: str, size_bytes: int) -> '_Adding':
        try:
            return _do(_Adding, self._helper, image_id, size_bytes)
        except errors.Duplicate:
            name = str(uuid.uuid4())
            LOG.warning(
                'The store has data under the id of image %s, left by an '
                'interrupted upload, which stays there; the new data is '
                'stored as %s',
                image_id,
                name,
            )
            return _do(_Adding, self._helper, name, size_bytes)

    def open(self, url: str, offset: int, length: int | None) -> base.Body:
        size = self.size(url)
        if length is None:
            length = max(size - offset, 0)
        if offset + length > size:
            raise errors.StoreUnavailable from ValueError(
                f'the data has {size} bytes; {offset + length} were expected'
            )
        return _do(_Body, self._helper, url, offset, length)

    def owns(self, url: str) -> bool:
        return False  # only the driver knows

    def metadata(self, url: str) -> dict[str, Any]:
        return {}

    def delete(self, url: str) -> None:
        try:
            self._call('delete', url=self._checked(url))
        except errors.NotFound:
            LOG.info('The data to delete did not exist')

    def check(self, url: str) -> None:
        if url.partition(':')[0].lower() not in self.schemes:
            raise errors.BadRequest(base.UNUSABLE)

    def size(self, url: str) -> int:
        return int(self._call('size', url=self._checked(url)))

    def delete_unregistered(self, image_id: str) -> None:
        held = self.hold(image_id)
        if held is not None:
            held.remove()

    def hold(self, image_id: str) -> base.Held | None:
        url = self._written.get(image_id)
        return None if url is None else _Held(self, image_id, url)

    def forget(self, image_id: str) -> None:
        self._written.pop(image_id, None)

    def remove_unfinished(self) -> None:
        """Do nothing: the driver removes its own unfinished data."""

    def _checked(self, url: str) -> str:
        if url.partition(':')[0].lower() not in self.schemes:
            raise base.Elsewhere('the driver has other URLs')
        return url

    def _call(self, name: str, **arguments: Any) -> Any:
        def call() -> Any:
            sock, channel = self._helper.call(name, **arguments)
            with contextlib.closing(sock):
                return channel.receive_document()['result']

        return _do(call)


class _Held:
    """See :class:`glance.store.base.Held`."""

    def __init__(self, store: LibraryStore, image_id: str, url: str) -> None:
        self._store, self._image_id, self._url = store, image_id, url

    def remove(self) -> None:
        self._store.delete(self._url)
        self._store.forget(self._image_id)

    def close(self) -> None:
        """Do nothing, because nothing is open."""


class _Adding:
    """Data that is being sent to a driver."""

    def __init__(self, helper: Helper, name: str, size: int) -> None:
        self._sock, self._channel = helper.call('add', name=name, size=size)
        self._sent = 0
        try:
            self._channel.receive_document()
        except BaseException:
            self._sock.close()
            raise

    def send(self, piece: base.Buffer) -> None:
        view = memoryview(piece)
        try:
            for begin in range(0, len(view), frames.MAX_BYTES):
                self._channel.send(view[begin : begin + frames.MAX_BYTES])
        except OSError:
            self._channel.receive_document()  # raises the driver's error
            raise
        self._sent += len(view)

    def finish(self) -> tuple[str, bool]:
        """Return the URL, and whether the driver has stored everything."""
        with contextlib.suppress(OSError):
            self._channel.send(b'')
        result = self._channel.receive_document()['result']
        return result['url'], result['size'] == self._sent

    def abort(self, error: BaseException) -> None:
        """Let the driver clean up, and wait until it is done."""
        self._channel.send_error(error)
        with contextlib.suppress(frames.Failed, OSError, EOFError):
            self._channel.receive_document()

    def close(self) -> None:
        self._sock.close()


class _Body:
    """See :class:`glance.store.base.Body`."""

    def __init__(
        self, helper: Helper, url: str, offset: int, length: int
    ) -> None:
        self.length = length
        self._left = length
        self._sock, self._channel = helper.call(
            'get', url=url, offset=offset, length=length
        )
        try:
            self._channel.receive_document()
            self._first = self._next()
        except BaseException:
            self._sock.close()
            raise

    def _next(self) -> bytes:
        piece = self._channel.receive() if self._left else b''
        self._left -= len(piece)
        if self._left and not piece:
            raise EOFError('the data ends too early')
        return piece

    def __iter__(self) -> Iterator[bytes]:
        piece, self._first = self._first, b''
        while piece:
            yield piece
            piece = _do(self._next)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._sock.shutdown(_socket.SHUT_RDWR)
        self._sock.close()


def _python() -> str:
    """Path of the interpreter, even if a server embeds it."""
    executable = sys.executable or ''
    if pathlib.Path(executable).name.startswith('python'):
        return executable
    return str(pathlib.Path(sys.prefix, 'bin/python3'))


def _do(func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run it in a native thread and translate its errors."""
    try:
        result: T = threads.run(func, *args, **kwargs)
        return result
    except frames.Failed as error:
        raise _ANSWERS.get(error.name, errors.StoreUnavailable)() from error
    except (OSError, EOFError) as error:
        raise errors.StoreUnavailable from error
