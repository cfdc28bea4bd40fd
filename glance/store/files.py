"""File stores made from the configuration: one directory or several."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
import hashlib
import json
import logging
import os
import pathlib
from typing import Any

from glance.common import errors
from glance.store import base
from glance.store import config
from glance.store import filesystem

LOG = logging.getLogger(__name__)


def from_options(options: Mapping[str, Any]) -> base.Writable:
    """:raises errors.ConfigurationError: a directory cannot be used"""
    mode = _mode(options)
    mounts = _mounts(options['filesystem_store_metadata_file'])
    directories = config.directories(options)
    stores = [
        filesystem.FilesystemStore(
            path,
            mode,
            options['filesystem_thin_provisioning'],
            options['filesystem_store_direct_io'],
            options['filesystem_store_warm_percent'],
            mounts,
        )
        for path, _ in directories
    ]
    if len(stores) == 1:
        return stores[0]
    return Directories(
        [
            (store, path, priority)
            for store, (path, priority) in zip(
                stores, directories, strict=True
            )
        ]
    )


def check(options: Mapping[str, Any]) -> None:
    """:raises errors.ConfigurationError: an option is wrong"""
    filesystem.check_mode(_mode(options))
    config.directories(options)


def _mode(options: Mapping[str, Any]) -> int:
    try:
        mode = int(str(options['filesystem_store_file_perm']), 8)
    except ValueError as error:
        raise errors.ConfigurationError(
            'filesystem_store_file_perm must consist of octal digits.'
        ) from error
    return mode or filesystem.DEFAULT_MODE


def _mounts(path: str | None) -> list[dict[str, Any]]:
    """Read the entries of filesystem_store_metadata_file.

    :raises errors.ConfigurationError: the file is not valid
    """
    if not path:
        return []
    try:
        document = json.loads(pathlib.Path(path).read_text())
    except (OSError, ValueError) as error:
        raise errors.ConfigurationError(
            f'filesystem_store_metadata_file {path} cannot be read: {error}'
        ) from error
    entries = document if isinstance(document, list) else [document]
    for entry in entries:
        if not isinstance(entry, dict) or not all(
            isinstance(entry.get(name), str) for name in ('id', 'mountpoint')
        ):
            raise errors.ConfigurationError(
                f'filesystem_store_metadata_file {path} must have an object '
                'or a list of objects, each with the texts id and mountpoint.'
            )
    return entries


class Directories:
    """One store of several directories; see :class:`base.Writable`.

    New data goes to the directory with the highest priority that has room for
    it; among directories of equal priority, to the one with the most room.

    :param places: stores with their directories and priorities
    """

    schemes = filesystem.FilesystemStore.schemes
    is_read_only = False
    can_refuse_deletion = False

    def __init__(
        self, places: Sequence[tuple[filesystem.FilesystemStore, str, int]]
    ) -> None:
        self._places = places
        self._stores = [store for store, _, _ in places]
        names = [store.identity for store in self._stores]
        known = [name for name in names if name]
        self.identity: str | None = None
        if len(known) == len(names):
            text = ' '.join(sorted(known))
            self.identity = hashlib.sha256(text.encode()).hexdigest()

    def write(
        self,
        image_id: str,
        data: Iterable[base.Buffer],
        confirm: Callable[[], None],
        size_bytes: int | None = None,
    ) -> str:
        def confirmed() -> None:
            confirm()
            # Orphaned data is replaced in any of the directories.
            for other in self._stores:
                if other is not store:
                    other.delete_unregistered(image_id)

        store = self._roomy(size_bytes or 0)
        return store.write(image_id, data, confirmed, size_bytes)

    def _roomy(self, size_bytes: int) -> filesystem.FilesystemStore:
        """:raises errors.LimitExceeded: no directory has room"""
        ranked = []
        for number, (_, path, priority) in enumerate(self._places):
            try:
                free = os.statvfs(path)
            except OSError as error:
                LOG.error('The directory %s cannot be used: %s', path, error)
                continue
            room = free.f_bavail * free.f_frsize
            if room >= size_bytes:
                ranked.append((priority, room, -number))
        if not ranked:
            raise errors.LimitExceeded(
                'The image store has no space left; ask the operator to '
                'free some.'
            )
        return self._stores[-max(ranked)[2]]

    def _of(self, url: str) -> filesystem.FilesystemStore:
        return next(
            (store for store in self._stores if store.owns(url)),
            self._stores[0],  # it raises Elsewhere
        )

    def owns(self, url: str) -> bool:
        return any(store.owns(url) for store in self._stores)

    def metadata(self, url: str) -> dict[str, Any]:
        return self._of(url).metadata(url)

    def open(self, url: str, offset: int, length: int | None) -> base.Body:
        return self._of(url).open(url, offset, length)

    def delete(self, url: str) -> None:
        self._of(url).delete(url)

    def check(self, url: str) -> None:
        self._stores[0].check(url)

    def size(self, url: str) -> int:
        return self._of(url).size(url)

    def delete_unregistered(self, image_id: str) -> None:
        for store in self._stores:
            store.delete_unregistered(image_id)

    def hold(self, image_id: str) -> base.Held | None:
        held = [store.hold(image_id) for store in self._stores]
        opened = [each for each in held if each is not None]
        return _AllHeld(opened) if opened else None

    def remove_unfinished(self) -> None:
        for store in self._stores:
            store.remove_unfinished()

    def set_aside(self, url: str) -> str:
        return self._of(url).set_aside(url)

    def pieces(self) -> Iterator[base.Piece]:
        for store in self._stores:
            yield from store.pieces()


class _AllHeld:
    """See :class:`glance.store.base.Held`."""

    def __init__(self, held: Sequence[base.Held]) -> None:
        self._held = held

    def remove(self) -> None:
        for each in self._held:
            each.remove()

    def close(self) -> None:
        for each in self._held:
            each.close()
