"""Virtual disk images (VDIs) of Sheepdog; for native threads only.

The inode of a VDI has its name, its size, and a table with an entry for each
object of its data: the id of the VDI that owns the object, or 0 for a hole.

A VDI cannot be renamed. So one that is not complete, or is being deleted, has
a mark in its inode, in the size of the saved memory of a server, which images
do not have. An image may have several VDIs, whose names are its id with a
number; at most one of them is complete, unless two uploads end at the same
time.
"""

from collections.abc import Callable, Iterator
import logging
import secrets
import struct
from typing import NamedTuple

from glance.common import errors
from glance.store import base
from glance.store import feeding
from glance.store import servers
from glance.store import sheep

LOG = logging.getLogger(__name__)

_NAME_BYTES = 256
#: Size, base VDI, copies, policy, store policy, block shift, snapshot, type.
_VDI = struct.Struct('<QIBBBBII')
#: Object, copied from, copies, policy, index, reserved, epoch, offset, pad.
_OBJECT = struct.Struct('<QQBBBBIII')
#: In the header of a response: id of the VDI; copies and block shift.
_VDI_ID = struct.Struct('<I')
_VDI_ID_AT, _COPIES_AT = 24, 32
#: In an inode: size, size of saved memory.
_SIZES = struct.Struct('<QQ')
_CREATED = struct.Struct('<Q')
_CREATED_AT, _SIZES_AT, _DETAILS_AT = 512, 536, 552
#: Policy, store policy, copies, block shift, snapshot id, VDI id.
_DETAILS = struct.Struct('<BBBBII')
_INODE_HEAD_BYTES = 4664
_ENTRY_BYTES = 4
_MAX_OBJECTS = 1 << 20
_DEFAULT_SHIFT = 22
_UNFINISHED = 1 << 63
#: Entries of the table that are cleared at once.
_ENTRIES_AT_ONCE = 1024
#: A VDI of unknown size grows in such steps. Its size limits which entries of
#: the table are cleared when it is deleted.
_GROWTH_BYTES = 1024 * 1024 * 1024
#: Bytes of a read request.
_READ_BYTES = 512 * 1024
#: Names of the VDIs of one image: its id, and its id with these suffixes.
_SUFFIXES = ('', '-2', '-3', '-4')


class Vdi(NamedTuple):
    """:ivar saved_bytes: size of saved memory, or the mark if unfinished

    :ivar created: the time of the cluster, which differs if a VDI of the same
        name was deleted and created again
    """

    name: str
    id: int
    size: int
    saved_bytes: int
    created: int
    copies: int
    shift: int

    @property
    def is_complete(self) -> bool:
        return not self.saved_bytes & _UNFINISHED

    @property
    def inode(self) -> int:
        return 1 << 63 | self.id << 32


class Cluster:
    """The VDIs of a cluster, asked through one of its daemons."""

    def __init__(self, daemon: sheep.Sheep) -> None:
        self._daemon = daemon
        self.host, self.port = daemon.host, daemon.port

    def require_working(self) -> None:
        """:raises servers.Unreachable: the cluster cannot be used"""
        reply = self._daemon.ask(sheep.GET_CLUSTER_DEFAULT, b'')
        sheep.require(reply, 'request for the state of the cluster')

    def lookup(self, name: str) -> Vdi | None:
        """The VDI with a name; None if there is none."""
        reply = self._daemon.ask(
            sheep.GET_VDI_INFO, b'', _padded(name) + _padded('')
        )
        if reply.result == sheep.NO_VDI:
            return None
        sheep.require(reply, 'lookup of a VDI')
        (vdi_id,) = _VDI_ID.unpack_from(reply.header, _VDI_ID_AT)
        try:
            return self._read(name, vdi_id)
        except errors.NotFound:
            return None  # it was deleted meanwhile

    def _read(self, name: str, vdi_id: int) -> Vdi:
        head = self._read_object(
            1 << 63 | vdi_id << 32, 0, _INODE_HEAD_BYTES, 'read of an inode'
        )
        if head[:_NAME_BYTES].rstrip(b'\0') != name.encode():
            raise errors.NotFound
        size, saved = _SIZES.unpack_from(head, _SIZES_AT)
        (created,) = _CREATED.unpack_from(head, _CREATED_AT)
        _, _, copies, shift, _, _ = _DETAILS.unpack_from(head, _DETAILS_AT)
        return Vdi(
            name, vdi_id, size, saved, created, copies, shift or _DEFAULT_SHIFT
        )

    def all_of(self, image_id: str) -> Iterator[Vdi]:
        """All VDIs of an image, complete or not."""
        for suffix in _SUFFIXES:
            vdi = self.lookup(image_id + suffix)
            if vdi is not None:
                yield vdi

    def find(self, image_id: str) -> Vdi:
        """:raises errors.NotFound: the image has no complete VDI"""
        for vdi in self.all_of(image_id):
            if vdi.is_complete:
                return vdi
        raise errors.NotFound(
            'The data of the image was not found in the store.'
        )

    def create(self, image_id: str, size_bytes: int) -> Vdi:
        """Create an unfinished VDI with the first name that is free."""
        for suffix in _SUFFIXES:
            name = image_id + suffix
            reply = self._daemon.ask(
                sheep.NEW_VDI,
                _VDI.pack(0, 0, 0, 0, 0, 0, 0, 0),
                _padded(name),
                is_repeatable=False,
            )
            if reply.result == sheep.EXISTS:
                continue
            sheep.require(reply, 'creation of a VDI')
            (vdi_id,) = _VDI_ID.unpack_from(reply.header, _VDI_ID_AT)
            copies, shift = reply.header[_COPIES_AT : _COPIES_AT + 2]
            mark = _UNFINISHED | secrets.randbits(62)
            vdi = Vdi(
                name,
                vdi_id,
                size_bytes,
                mark,
                0,
                copies,
                shift or _DEFAULT_SHIFT,
            )
            self.write_sizes(vdi, size_bytes, mark)
            return vdi
        raise servers.Unreachable(
            f'all {len(_SUFFIXES)} names for VDIs of the image are taken by '
            'interrupted uploads'
        )

    def write_sizes(self, vdi: Vdi, size: int, saved_bytes: int) -> None:
        """Set the size of the data and that of saved memory together."""
        self._write_object(
            sheep.WRITE_OBJECT,
            vdi,
            vdi.inode,
            _SIZES_AT,
            _SIZES.pack(size, saved_bytes),
        )

    def write_data(self, vdi: Vdi, index: int, data: memoryview) -> None:
        """Write a new object of the data.

        Its entry in the table comes first, so that a VDI that is deleted after
        an interruption has an entry for each object that was written.
        """
        self._write_object(
            sheep.WRITE_OBJECT,
            vdi,
            vdi.inode,
            _INODE_HEAD_BYTES + _ENTRY_BYTES * index,
            _VDI_ID.pack(vdi.id),
        )
        self._write_object(
            sheep.CREATE_OBJECT, vdi, vdi.id << 32 | index, 0, data
        )

    def _write_object(
        self,
        operation: int,
        vdi: Vdi,
        object_id: int,
        offset: int,
        data: bytes | memoryview,
    ) -> None:
        fields = _OBJECT.pack(object_id, 0, vdi.copies, 0, 0, 0, 0, offset, 0)
        reply = self._daemon.ask(operation, fields, data)
        sheep.require(reply, 'write of an object')

    def _read_object(
        self, object_id: int, offset: int, size: int, doing: str
    ) -> bytes:
        """:raises servers.Unreachable: there is no such object, or less"""
        fields = _OBJECT.pack(object_id, 0, 0, 0, 0, 0, 0, offset, 0)
        reply = self._daemon.ask(sheep.READ_OBJECT, fields, wanted=size)
        sheep.require(reply, doing)
        if len(reply.data) != size:
            raise servers.Unreachable(
                f'{doing}: {len(reply.data)} bytes came instead of {size}'
            )
        return reply.data

    def delete(self, vdi: Vdi) -> None:
        """Delete a VDI and its objects.

        The cluster removes an object when no inode refers to it any more.
        While a VDI still has entries in its table, the daemon does not delete
        it, and reports a success nevertheless.
        """
        self.write_sizes(vdi, vdi.size, vdi.saved_bytes | _UNFINISHED)
        entries = -(-vdi.size >> vdi.shift)
        for first in range(0, entries, _ENTRIES_AT_ONCE):
            number = min(_ENTRIES_AT_ONCE, entries - first)
            self._write_object(
                sheep.WRITE_OBJECT,
                vdi,
                vdi.inode,
                _INODE_HEAD_BYTES + _ENTRY_BYTES * first,
                bytes(_ENTRY_BYTES * number),
            )
        reply = self._daemon.ask(
            sheep.DELETE_VDI, b'', _padded(vdi.name) + _padded('')
        )
        if reply.result != sheep.NO_VDI:
            sheep.require(reply, 'deletion of a VDI')
        if self.is_still(vdi):
            raise servers.Unreachable('the daemon did not delete the VDI')

    def is_still(self, vdi: Vdi) -> bool:
        """Whether the VDI exists, and was not deleted and created again."""
        current = self.lookup(vdi.name)
        return current is not None and (
            current.id == vdi.id and current.created == vdi.created
        )

    def blocks(self, vdi: Vdi, offset: int, length: int) -> Iterator[bytes]:
        """The data, one block at a time.

        :raises servers.Unreachable: the VDI was deleted meanwhile
        """
        object_bytes = 1 << vdi.shift
        first = offset >> vdi.shift
        table = self._table(vdi, first, (offset + length - 1) >> vdi.shift)
        end = offset + length
        while offset < end:
            index, begin = divmod(offset, object_bytes)
            size = min(_READ_BYTES, object_bytes - begin, end - offset)
            owner = table[index - first]
            if owner:
                yield self._read_object(
                    owner << 32 | index, begin, size, 'read of an object'
                )
            else:
                yield bytes(size)
            offset += size

    def _table(self, vdi: Vdi, first: int, last: int) -> tuple[int, ...]:
        """Owners of the objects from ``first`` to ``last``.

        A deletion sets the mark, and then clears the table. So the table is
        valid if there is no mark after the table was read.
        """
        number = last - first + 1
        table = self._read_object(
            vdi.inode,
            _INODE_HEAD_BYTES + _ENTRY_BYTES * first,
            _ENTRY_BYTES * number,
            'read of the table of an inode',
        )
        if self.lookup(vdi.name) != vdi:
            raise servers.Unreachable('the VDI was deleted')
        return struct.unpack(f'<{number}I', table)


class Upload:
    """A VDI that is being written.

    :param size_bytes: size of its data; None if unknown
    :ivar parts: sends the objects, several at once
    """

    def __init__(
        self,
        cluster: Cluster,
        image_id: str,
        size_bytes: int | None,
        max_bytes_at_once: int,
    ) -> None:
        self._cluster = cluster
        self._image_id = image_id
        self._vdi = cluster.create(image_id, size_bytes or 0)
        self._reserved = self._vdi.size
        object_bytes = 1 << self._vdi.shift
        self._zeros = bytes(object_bytes)
        self.parts: feeding.Parts[None] = feeding.Parts(
            self._send,
            lambda _: object_bytes,
            max(1, max_bytes_at_once // object_bytes),
        )

    def reserve(self, size_bytes: int) -> None:
        """Let the VDI have so many bytes; called before they are sent."""
        if size_bytes > self._reserved:
            self._reserved += _GROWTH_BYTES
            self._cluster.write_sizes(
                self._vdi, self._reserved, self._vdi.saved_bytes
            )

    def _send(
        self, number: int, part: memoryview, watch: Callable[[], None]
    ) -> None:
        watch()
        if number > _MAX_OBJECTS:
            raise errors.LimitExceeded(
                f'A VDI of the image store has at most {_MAX_OBJECTS} objects '
                f'of {1 << self._vdi.shift} bytes.'
            )
        # For most parts the first byte is enough to tell.
        if part[0] or part != memoryview(self._zeros)[: len(part)]:
            self._cluster.write_data(self._vdi, number - 1, part)

    def publish(self, size_bytes: int) -> None:
        """Remove older VDIs of the image, and complete this one.

        :raises servers.Unreachable: it was removed meanwhile
        """
        vdi = self._ours()
        if vdi is None:
            raise servers.Unreachable('the unfinished VDI was removed')
        for other in self._cluster.all_of(self._image_id):
            if other.is_complete:
                LOG.warning(
                    'Replaced the data that an interrupted upload of image '
                    '%s left',
                    self._image_id,
                )
                self._cluster.delete(other)
        self._cluster.write_sizes(vdi, size_bytes, 0)

    def _ours(self) -> Vdi | None:
        """Our VDI as it is now; None if it was removed."""
        vdi = self._cluster.lookup(self._vdi.name)
        if vdi is None or vdi.saved_bytes != self._vdi.saved_bytes:
            return None
        return vdi

    def abort(self) -> None:
        """Remove what was written; log a failure."""
        self.parts.give_up()
        try:
            vdi = self._ours()
            if vdi is not None:
                self._cluster.delete(vdi)
        except errors.Error as error:
            LOG.warning(
                'Could not remove the data of a failed upload of image %s; '
                'it is removed later as a leftover: %s',
                self._image_id,
                base.reason(error),
            )


def _padded(name: str) -> bytes:
    return name.encode().ljust(_NAME_BYTES, b'\0')
