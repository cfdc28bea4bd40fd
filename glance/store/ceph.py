"""One pool of a Ceph cluster, over a connection that stays open.

The bindings are Debian's packages python3-rados and python3-rbd; PyPI has
none. A virtual environment does not see Debian's package directory, so only
these two modules are loaded from there.
"""

from collections.abc import Callable, Iterator
import contextlib
import errno
import importlib
from importlib import machinery
from importlib import util
import json
import logging
import sys
import time
from typing import Any, ParamSpec, TypeVar
import uuid

from glance.common import errors
from glance.common import threads

LOG = logging.getLogger(__name__)

P = ParamSpec('P')
T = TypeVar('T')

_DEBIAN = '/usr/lib/python3/dist-packages'
#: How long a response is waited for, unless ceph.conf sets it. With Ceph's own
#: defaults (0 means for ever) each upload and download would occupy a thread
#: until the cluster is back. Option -> (its default, our value in seconds).
_WAIT_SECONDS = {
    'rados_osd_op_timeout': (0, 60),
    'rados_mon_op_timeout': (0, 20),
    'client_mount_timeout': (300, 20),
}
#: The lock of a dead client expires after so long.
_LOCK_SECONDS = 30
_LOCK_PAUSE_SECONDS = 0.02
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT))
#: The message if the deletion of an image is refused.
IN_USE = (
    'The data of the image is in use in the store: a clone, another snapshot '
    'or another client needs it.'
)
_BUSY = frozenset((errno.EBUSY, errno.ENOTEMPTY))
#: The cluster has blocked this connection, so a new one is needed.
_SHUT_OUT = errno.ESHUTDOWN


def binding(name: str) -> Any:
    """Return the module ``rados`` or ``rbd``.

    :raises errors.ConfigurationError: it is not installed
    """
    with contextlib.suppress(ImportError):
        return importlib.import_module(name)
    spec = machinery.PathFinder.find_spec(name, [_DEBIAN])
    if spec is None or spec.loader is None:
        raise errors.ConfigurationError(
            'A store of the type rbd needs the Debian packages python3-rados '
            'and python3-rbd, and the Python version that they are made for.'
        )
    module = util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


class Pool:
    """A pool; all blocking work goes through :meth:`do`.

    :param name: of the pool
    :param user: without ``client.``; empty: the default of the libraries
    :param conf_file: path; empty: the default of the libraries
    :param connect_seconds: time limit of connecting; 0: the value of
        ceph.conf, or 20 seconds
    :ivar io: the pool's I/O context
    :ivar fsid: id of the cluster
    :raises errors.ConfigurationError: the pool cannot be used now
    """

    io: Any
    fsid: str

    def __init__(
        self, name: str, user: str, conf_file: str, connect_seconds: int
    ) -> None:
        self.name = name
        # Import rados first, because rbd is linked to it.
        self.rados, self.rbd = binding('rados'), binding('rbd')
        self._user = {'rados_id': user} if user else {}
        self._conf_file = conf_file
        self._connect_seconds = connect_seconds
        self._clients: list[Any] = []
        self._is_shut_out = False
        try:
            threads.run(self._connect)
        except (self.rados.Error, self.rbd.Error) as error:
            raise errors.ConfigurationError(
                f'The pool {name} of Ceph (rbd_store_pool, rbd_store_user, '
                f'rbd_store_ceph_conf) cannot be used: {error}'
            ) from error

    def _connect(self) -> None:
        client = self.rados.Rados(conffile=self._conf_file, **self._user)
        for option, (default, seconds) in _WAIT_SECONDS.items():
            if float(client.conf_get(option) or 0) == default:
                client.conf_set(option, str(seconds))
        if self._connect_seconds:
            client.conf_set('client_mount_timeout', str(self._connect_seconds))
        try:
            client.connect()  # its parameter timeout has no effect
            io, fsid = client.open_ioctx(self.name), client.get_fsid()
        except BaseException:
            client.shutdown()  # otherwise its threads stay for ever
            raise
        # Keep old clients too, because open images still use them.
        self._clients.append(client)
        self.io, self.fsid = io, fsid
        self._is_shut_out = False

    def do(self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run ``func`` in a native thread and translate its errors.

        :raises errors.NotFound: the object of the work does not exist
        :raises errors.Conflict: the object is in use
        :raises errors.LimitExceeded: the pool or the cluster is full
        :raises errors.StoreUnavailable: any other failure
        """
        try:
            if self._is_shut_out:
                threads.run(self._connect)
            result: T = threads.run(func, *args, **kwargs)
            return result
        except (self.rados.Error, self.rbd.Error, OSError) as error:
            raise self._answer(error) from error

    def do_writing(
        self, func: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Like :meth:`do`, for a step of a write; NotFound is a failure here.

        Ceph lets requests to a full pool wait until there is room. So after a
        timeout the free space is checked.
        """
        try:
            return self.do(func, *args, **kwargs)
        except errors.NotFound as error:
            raise errors.StoreUnavailable from error.__cause__
        except errors.StoreUnavailable as error:
            if getattr(error.__cause__, 'errno', None) == errno.ETIMEDOUT:
                self.do(self.require_room)
            raise

    def require_room(self, size_bytes: int = 1) -> None:
        """:raises OSError: the pool has no room for so many bytes"""
        question = {'prefix': 'df', 'detail': 'detail', 'format': 'json'}
        code, answer, _ = self._clients[-1].mon_command(
            json.dumps(question), b''
        )
        for pool in [] if code else json.loads(answer)['pools']:
            stats = pool['stats']
            room = stats['max_avail']
            if quota := stats.get('quota_bytes'):
                room = min(room, quota - stats['stored'])
            if pool['name'] == self.name and room < size_bytes:
                raise OSError(errno.ENOSPC, 'the pool is full')

    def _answer(self, error: Any) -> errors.Error:
        number = getattr(error, 'errno', None)
        if number == _SHUT_OUT:
            self._is_shut_out = True
        if number == errno.ENOENT:
            return errors.NotFound(
                'The data of the image was not found in the store.'
            )
        if number in _BUSY:
            return errors.Conflict(IN_USE)
        if number in _FULL:
            return errors.LimitExceeded(
                'The image store has no space left; ask the operator to '
                'free some.'
            )
        return errors.StoreUnavailable()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Hold a lock of the pool, so that only one client runs the block.

        :raises rados.Error: waiting for the lock took too long
        """
        lock = 'rbd_directory', 'glance', uuid.uuid4().hex
        until = time.monotonic() + 2 * _LOCK_SECONDS
        while True:
            try:
                self.io.lock_exclusive(*lock, duration=_LOCK_SECONDS)
                break
            except self.rados.ObjectBusy:
                if time.monotonic() > until:
                    raise
            threads.pause(_LOCK_PAUSE_SECONDS)
        try:
            yield
        finally:
            with contextlib.suppress(self.rados.Error):
                self.io.unlock(*lock)

    def find_trouble(self) -> str | None:
        """Return what is wrong with the cluster; None if nothing is."""
        try:
            stats = self.do(self._clients[-1].get_cluster_stats)
        except errors.Error as error:
            return str(error.__cause__)
        return None if stats['kb_avail'] else 'the cluster has no space left'
