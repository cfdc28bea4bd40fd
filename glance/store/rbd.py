"""Images as RBD images of a Ceph pool, each with a protected snapshot.

Data is written to an RBD image with a temporary name. When it is complete, it
gets its snapshot ``snap``, and then the id of the image as its name. A client
that writes to an RBD image watches it. So an image with a temporary name and
without a watcher was left by a dead worker.

Clones for servers and volumes are made from the snapshot, which therefore is
protected. While there are clones, the image cannot be deleted.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
import contextlib
import datetime
import functools
import logging
import re
from typing import Any
import urllib.parse

from glance.common import errors
from glance.common import threads
from glance.store import base
from glance.store import ceph
from glance.store import listing
from glance.store import publishing
from glance.store import rbd_data

LOG = logging.getLogger(__name__)

#: Metadata of an RBD image that was set aside: since when.
_ASIDE_AT = 'glance_set_aside_at'
_NAME = re.compile(
    rf'(?!{re.escape(rbd_data.PREFIX)})[\w.:-]{{1,96}}', re.ASCII
)
_MIB = 1024 * 1024
#: Ceph keeps the watch of a dead client for 30 seconds.
_WATCH_SECONDS = 40


def check(options: Mapping[str, Any]) -> None:
    """:raises errors.ConfigurationError: an option is wrong"""
    size = options['rbd_store_chunk_size']
    if size & (size - 1):
        raise errors.ConfigurationError(
            'rbd_store_chunk_size must be a power of two.'
        )


def from_options(options: Mapping[str, Any]) -> base.Writable:
    """:raises errors.ConfigurationError: the pool cannot be used now"""
    check(options)
    object_bytes = options['rbd_store_chunk_size'] * _MIB
    pool = ceph.Pool(
        options['rbd_store_pool'],
        options['rbd_store_user'] or '',
        options['rbd_store_ceph_conf'] or '',
        max(options['rados_connect_timeout'], 0),
    )
    return RBDStore(pool, object_bytes, options['rbd_thin_provisioning'])


class RBDStore:
    """See :class:`glance.store.base.Store`.

    URLs are ``rbd://FSID/POOL/ID/snap``, each part quoted; old ones may be
    ``rbd://ID``.

    :param object_bytes: size of the objects of new images, a power of two
    :param keep_holes: do not write the zeros of an image
    """

    schemes = ('rbd',)
    is_read_only = False
    can_refuse_deletion = True

    def __init__(
        self, pool: ceph.Pool, object_bytes: int, keep_holes: bool
    ) -> None:
        self._pool = pool
        self._object_bytes = object_bytes
        self._keep_holes = keep_holes
        self.identity: str | None = f'rbd:{pool.fsid}/{pool.name}'
        self.find_trouble = pool.find_trouble
        self.facts = {'fsid': pool.fsid}

    def write(
        self,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        name = _checked(image_id)
        do = self._pool.do_writing
        writer = do(
            rbd_data.Writer,
            self._pool,
            name,
            size_bytes or 0,
            self._object_bytes,
            self._keep_holes,
        )
        try:
            for piece in data:
                do(writer.write, piece)
            do(writer.finish)
            confirm()
            if not do(writer.publish, name):
                publishing.replace(name, lambda: self._replace(name, writer))
        finally:
            threads.run(writer.close)
        return self._url(name)

    def _replace(self, name: str, writer: rbd_data.Writer) -> bool:
        """Replace orphaned data; wait until its dead writer has no watch.

        :raises errors.Conflict: the data is in use
        """
        for _ in range(_WATCH_SECONDS):
            with contextlib.suppress(errors.Conflict):
                self._pool.do_writing(self._remove, name)
                break
            threads.pause(1)
        else:
            self._pool.do_writing(self._remove, name)
        return self._pool.do_writing(writer.publish, name)

    def open(self, url: str, offset: int, length: int | None) -> base.Body:
        name, snapshot = self._parse(url)
        return self._pool.do(
            rbd_data.Body, self._pool, name, snapshot, offset, length
        )

    def owns(self, url: str) -> bool:
        try:
            return self._parse(url)[1] is not None
        except base.Elsewhere:
            return False

    def metadata(self, url: str) -> dict[str, Any]:
        return {}

    def delete(self, url: str) -> None:
        name, _ = self._parse(url)
        try:
            self._pool.do(self._remove, name)
        except errors.NotFound:
            LOG.info('The data to delete did not exist')

    def check(self, url: str) -> None:
        try:
            _, snapshot = self._parse(url)
        except base.Elsewhere as error:
            LOG.info('Refused a location: %s', error.reason)
            raise errors.BadRequest(base.UNUSABLE) from error
        if snapshot != rbd_data.SNAPSHOT:
            raise errors.BadRequest(base.UNUSABLE)

    def size(self, url: str) -> int:
        return self._pool.do(self._size, *self._parse(url))

    def _size(self, name: str, snapshot: str | None) -> int:
        with self._opened(name, snapshot=snapshot, read_only=True) as image:
            size: int = image.size()
            return size

    def delete_unregistered(self, image_id: str) -> None:
        with contextlib.suppress(errors.NotFound):
            self._pool.do(self._remove, _checked(image_id))

    def hold(self, image_id: str) -> base.Held | None:
        name = _checked(image_id)
        try:
            return _Held(self, name, self._pool.do(self.inner_id, name))
        except errors.NotFound:
            return None

    def inner_id(self, name: str) -> str:
        """Return Ceph's internal id of an image, which is never reused."""
        with self._opened(name, read_only=True) as image:
            inner: str = image.id()
            return inner

    def remove_if(self, name: str, inner_id: str) -> None:
        """Remove an image if it still has this internal id."""

        def remove() -> None:
            if self.inner_id(name) == inner_id:
                self._remove(name)

        with contextlib.suppress(errors.NotFound):
            self._pool.do(remove)

    def pieces(self) -> Iterator[base.Piece]:
        client = self._pool.rbd.RBD()
        for name in self._pool.do_writing(client.list, self._pool.io):
            if name.startswith(rbd_data.PREFIX):
                continue
            with contextlib.suppress(errors.NotFound):  # removed meanwhile
                yield self._pool.do(self._piece, name)

    def _piece(self, name: str) -> base.Piece:
        with self._opened(name, read_only=True) as image:
            size = image.size()
            since = [image.create_timestamp(), image.modify_timestamp()]
            with contextlib.suppress(KeyError):
                text = image.metadata_get(_ASIDE_AT)
                since.append(datetime.datetime.fromisoformat(text))
        image_id, is_aside = listing.owner_of(name)
        now = datetime.datetime.now(datetime.UTC)
        return base.Piece(
            name=f'{self._pool.name}/{name}',
            image_id=image_id,
            url=self._url(name),
            is_aside=is_aside,
            size_bytes=size,
            age_seconds=min(listing.seconds_between(it, now) for it in since),
            hold=functools.partial(self.hold, name),
        )

    def set_aside(self, url: str) -> str:
        name, _ = self._parse(url)
        aside = listing.aside_name(name)
        self._pool.do(self._rename, name, aside)
        return f'{self._pool.name}/{aside}'

    def _rename(self, name: str, aside: str) -> None:
        with self._opened(name) as image:
            # A rename changes none of Ceph's times.
            now = datetime.datetime.now(datetime.UTC)
            image.metadata_set(_ASIDE_AT, now.isoformat())
        self._pool.rbd.RBD().rename(self._pool.io, name, aside)

    def _url(self, name: str) -> str:
        parts = (self._pool.fsid, self._pool.name, name, rbd_data.SNAPSHOT)
        return 'rbd://' + '/'.join(
            urllib.parse.quote(part, safe='') for part in parts
        )

    def remove_unfinished(self) -> None:
        names = self._pool.do(self._pool.rbd.RBD().list, self._pool.io)
        for name in names:
            if name.startswith(rbd_data.PREFIX):
                self._remove_abandoned(name)

    def _remove_abandoned(self, name: str) -> None:
        def remove() -> bool:
            with self._opened(name, read_only=True) as image:
                if any(image.watchers_list()):
                    return False
            self._remove(name)
            return True

        try:
            if self._pool.do(remove):
                LOG.warning('Removed the data of an interrupted upload')
        except (errors.NotFound, errors.Conflict):
            return  # another worker removed it, or it is in use
        except errors.Error as error:
            LOG.error(
                'Could not remove %s of an interrupted upload: %s',
                name,
                base.reason(error),
            )

    @contextlib.contextmanager
    def _opened(self, name: str, **how: Any) -> Iterator[Any]:
        with rbd_data.open_image(self._pool, name, **how) as image:
            yield image

    def _remove(self, name: str) -> None:
        """Remove an image with its snapshot, or change nothing.

        Ceph refuses the removal only after the snapshot was removed. So the
        conditions are checked before, and the snapshot is restored on failure.
        """
        rbd, io = self._pool.rbd, self._pool.io
        with self._opened(name) as image:
            names = [each['name'] for each in image.list_snaps()]
            clones = [
                each
                for each in names
                if each == rbd_data.SNAPSHOT and _has_clones(image)
            ]
            is_watched = sum(1 for _ in image.watchers_list()) > 1
            if clones or is_watched or set(names) - {rbd_data.SNAPSHOT}:
                raise errors.Conflict(ceph.IN_USE)
            if names:
                if image.is_protected_snap(rbd_data.SNAPSHOT):
                    image.unprotect_snap(rbd_data.SNAPSHOT)
                image.remove_snap(rbd_data.SNAPSHOT)
        try:
            rbd.RBD().remove(io, name)
        except (rbd.ImageBusy, rbd.ImageHasSnapshots):
            with self._opened(name) as image:
                rbd_data.make_snapshot(image)
            raise

    def _parse(self, url: str) -> tuple[str, str | None]:
        """Return the RBD image of a URL, and its snapshot or None.

        :raises base.Elsewhere: it is in another cluster or another pool
        """
        scheme, _, rest = url.partition('://')
        parts = [urllib.parse.unquote(part) for part in rest.split('/')]
        if scheme.lower() != 'rbd' or not all(map(_is_name, parts)):
            raise base.Elsewhere('it is not the URL of an RBD image')
        if len(parts) == 1:
            return parts[0], None
        if len(parts) != 4 or parts[:2] != [self._pool.fsid, self._pool.name]:
            raise base.Elsewhere(
                'the URL names no image in the pool rbd_store_pool of this '
                'cluster'
            )
        return parts[2], parts[3]


class _Held:
    """See :class:`glance.store.base.Held`."""

    def __init__(self, store: RBDStore, name: str, inner_id: str) -> None:
        self._store, self._name, self._inner_id = store, name, inner_id

    def remove(self) -> None:
        self._store.remove_if(self._name, self._inner_id)

    def close(self) -> None:
        """Do nothing, because nothing is open in the cluster."""


def _has_clones(image: Any) -> bool:
    image.set_snap(rbd_data.SNAPSHOT)
    try:
        return any(True for _ in image.list_children2())
    finally:
        image.set_snap(None)


def _is_name(text: str) -> bool:
    return bool(_NAME.fullmatch(text))


def _checked(image_id: str) -> str:
    if not _is_name(image_id):
        raise errors.NotFound('There is no such image.')
    return image_id
