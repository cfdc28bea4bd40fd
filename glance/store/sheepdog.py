"""Image data as virtual disk images (VDIs) of a Sheepdog cluster.

This project speaks the protocol of the daemon sheep itself; no program of
Sheepdog is needed on this host.
"""

from collections.abc import Callable, Iterable, Mapping
import hashlib
import logging
import re
from typing import Any

from glance.common import errors
from glance.common import threads
from glance.store import base
from glance.store import blocks
from glance.store import feeding
from glance.store import remote
from glance.store import servers
from glance.store import sheep
from glance.store import sheepdog_vdi

LOG = logging.getLogger(__name__)

MIB = 1024 * 1024
_NAME = re.compile(r'[\w.-]{1,96}', re.ASCII)
#: Max bytes of an upload that are sent at once.
_MAX_BYTES = 32 * MIB
#: How often a failed download is resumed.
_RESUMES = 2


def check(options: Mapping[str, Any]) -> None:
    """:raises errors.ConfigurationError: an option is missing"""
    if not options['sheepdog_store_address']:
        raise errors.ConfigurationError('sheepdog_store_address must be set.')


def from_options(options: Mapping[str, Any]) -> base.Writable:
    """Create the store, and check that its cluster can be used.

    :raises errors.ConfigurationError: an option is missing
    :raises errors.StoreUnavailable: the daemon does not respond
    """
    check(options)
    cluster = sheepdog_vdi.Cluster(
        sheep.Sheep(
            options['sheepdog_store_address'], options['sheepdog_store_port']
        )
    )
    threads.run(cluster.require_working)
    return SheepdogStore(
        cluster, min(options['sheepdog_store_chunk_size'] * MIB, _MAX_BYTES)
    )


class SheepdogStore(remote.Objects):
    """See :class:`glance.store.base.Writable`.

    URLs are ``sheepdog://HOST:PORT:ID``; old ones may be ``sheepdog://ID``.

    :param max_bytes_at_once: how much of an upload is sent at once
    """

    schemes = ('sheepdog',)

    def __init__(
        self, cluster: sheepdog_vdi.Cluster, max_bytes_at_once: int
    ) -> None:
        self._cluster = cluster
        self._max_bytes_at_once = max_bytes_at_once
        self._place = f'{cluster.host}:{cluster.port}'
        self.identity: str | None = hashlib.sha256(
            f'sheepdog {self._place}'.encode()
        ).hexdigest()

    def _require_usable(self) -> None:
        self._cluster.require_working()

    def write(
        self,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        upload = threads.run(
            sheepdog_vdi.Upload,
            self._cluster,
            remote.checked(image_id, _NAME),
            size_bytes,
            self._max_bytes_at_once,
        )
        try:
            received_bytes = 0
            for number, part in enumerate(upload.parts.fill(data), start=1):
                received_bytes += len(part)
                if part:
                    threads.run(upload.reserve, received_bytes)
                    upload.parts.give(number, part)
            if size_bytes is not None:
                feeding.require_size(received_bytes, size_bytes)
            upload.parts.result()
            confirm()
            threads.run(upload.publish, received_bytes)
        except BaseException:
            threads.run(upload.abort)
            raise
        return f'sheepdog://{self._place}:{image_id}'

    def open(self, url: str, offset: int, length: int | None) -> base.Body:
        vdi = threads.run(self._cluster.find, self._locate(url))
        if length is None:
            length = max(vdi.size - offset, 0)
        if offset + length > vdi.size:
            raise servers.Unreachable(
                f'the VDI has {vdi.size} bytes; {offset + length} were '
                'expected'
            )
        if length == 0:
            return remote.Nothing()
        wanted = length

        def open_at(done: int) -> blocks.Source:
            return blocks.Source(
                self._cluster.blocks(vdi, offset + done, wanted - done)
            )

        return remote.Body(open_at, threads.run(open_at, 0), length, _RESUMES)

    def size(self, url: str) -> int:
        vdi = threads.run(self._cluster.find, self._locate(url))
        return int(vdi.size)

    def delete(self, url: str) -> None:
        threads.run(self._delete, self._locate(url))

    def _delete(self, image_id: str) -> None:
        vdis = [
            vdi for vdi in self._cluster.all_of(image_id) if vdi.is_complete
        ]
        if not vdis:
            LOG.info('The data to delete did not exist')
        for vdi in vdis:
            self._cluster.delete(vdi)

    def _held(self, image_id: str) -> remote.HeldObject:
        return _Held(self._cluster, remote.checked(image_id, _NAME))

    def _locate(self, url: str) -> str:
        """Return the image id in a URL.

        :raises base.Elsewhere: the URL is of another daemon
        """
        scheme, _, rest = url.partition('://')
        place, _, image_id = rest.rpartition(':')
        if (
            scheme.lower() != 'sheepdog'
            or place not in ('', self._place)
            or rest.startswith(':')
            or not _NAME.fullmatch(image_id)
        ):
            raise base.Elsewhere(
                'the URL is of another daemon than that of '
                'sheepdog_store_address and sheepdog_store_port'
            )
        return image_id


class _Held(remote.HeldObject):
    """See :class:`glance.store.remote.HeldObject`."""

    def __init__(self, cluster: sheepdog_vdi.Cluster, image_id: str) -> None:
        self._cluster = cluster
        self._image_id = image_id
        self._found: list[sheepdog_vdi.Vdi] = []

    def look(self) -> bool:
        """:returns: whether there is a VDI, complete or not"""
        self._found = list(self._cluster.all_of(self._image_id))
        return bool(self._found)

    def _remove(self) -> None:
        for vdi in self._found:
            if self._cluster.is_still(vdi):
                self._cluster.delete(vdi)
