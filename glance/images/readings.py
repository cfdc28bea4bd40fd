"""Read one copy of an image's data and compare it with the image's record."""

import contextlib
import errno
import hashlib
import logging
from typing import Any, Literal, NamedTuple

from glance.common import contract
from glance.common import errors
from glance.common import filebody
from glance.common import pacing
from glance.images import streams
from glance.images import transfers
from glance.store import base
from glance.store import named
from glance.store import stores

LOG = logging.getLogger(__name__)

_MISSING = 'the data is missing'


class Reading(NamedTuple):
    """The result of reading one copy.

    :ivar state: ``good``, also if there is nothing to compare it with;
        ``bad``; ``unknown``: the copy could not be read from its store
    :ivar detail: why it is not good
    :ivar store: the store of the copy; None if it is not configured
    :ivar hashes: of a good copy: size, checksum and, if they were calculated,
        os_hash_algo and os_hash_value
    """

    location: contract.Location
    state: Literal['good', 'bad', 'unknown']
    detail: str
    store: named.Named | None
    hashes: dict[str, str | int]

    @property
    def where(self) -> str:
        return self.store.id if self.store is not None else 'another store'


class Reader:
    """Reads copies at a limited pace.

    :param hash_name: hash algorithm for images that have none yet
    """

    def __init__(
        self, store: stores.Stores, pace: pacing.Pace, hash_name: str
    ) -> None:
        self._store = store
        self._pace = pace
        self._hash_name = hash_name

    def read(
        self,
        image: contract.Image,
        location: contract.Location,
        transfer: transfers.Transfer,
    ) -> Reading:
        """Read and compare one copy.

        :raises pacing.Stopped: the program is to end
        :raises errors.Error: the claim was lost
        """
        label = stores.label_of(location)
        holder: named.Named | None = None
        try:
            holder = self._store.holder(location['url'], label)
            size = holder.store.size(location['url'])
            self._require_size(image, size)
            body = holder.store.open(location['url'], 0, size)
            hashes = self._hashes(image, body, size, transfer)
            _compare(image, hashes)
        except (_BadError, errors.NotFound) as error:
            bad = str(error) if isinstance(error, _BadError) else _MISSING
            return Reading(location, 'bad', bad, holder, {})
        except (errors.StoreUnavailable, OSError, filebody.TruncatedFile) as e:
            LOG.warning(
                'The data of image %s at %s could not be verified: %s',
                image['id'],
                stores.described(location['url']),
                base.reason(e),
            )
            return Reading(
                location, 'unknown', 'it cannot be read', holder, {}
            )
        return Reading(location, 'good', '', holder, hashes)

    @staticmethod
    def _require_size(image: contract.Image, size: int) -> None:
        if image['size'] not in (None, size):
            raise _BadError(f'it has {size} bytes instead of {image["size"]}')

    def _hashes(
        self,
        image: contract.Image,
        body: base.Body,
        size: int,
        transfer: transfers.Transfer,
    ) -> dict[str, str | int]:
        """:raises _BadError: the disk reports a read error (EIO)"""
        name = image['os_hash_algo'] or self._hash_name
        md5 = hashlib.md5(usedforsecurity=False)
        digests: list[Any] = [md5]
        if name in streams.HASH_NAMES:
            digests.append(hashlib.new(name, usedforsecurity=False))
        transfer.bytes_done = 0
        with contextlib.closing(body):
            try:
                for chunk in body:
                    transfer.check()
                    self._pace.take(len(chunk))
                    for digest in digests:
                        digest.update(chunk)
                    transfer.bytes_done += len(chunk)
            except OSError as error:
                if error.errno == errno.EIO:
                    raise _BadError('the medium cannot be read') from error
                raise
        hashes: dict[str, str | int] = {
            'size': size,
            'checksum': md5.hexdigest(),
        }
        if len(digests) > 1:
            hashes['os_hash_algo'] = name
            hashes['os_hash_value'] = digests[1].hexdigest()
        return hashes


class _BadError(Exception):
    """The copy has a wrong size or hash, or its disk cannot read it."""


def _compare(image: contract.Image, measured: dict[str, str | int]) -> None:
    """Compare os_hash_value, or the checksum if there is none.

    :raises _BadError: the data is different
    """
    for name, label in (
        ('os_hash_value', image['os_hash_algo']),
        ('checksum', 'md5'),
    ):
        known: Any = image[name]  # type: ignore[literal-required]
        if known and name in measured:
            if str(known).lower() != measured[name]:
                raise _BadError(f'its {label} is different')
            return


def is_compared(image: contract.Image) -> bool:
    """Whether the image has a hash that this release can calculate."""
    has_hash = image['os_hash_value'] and (
        image['os_hash_algo'] in streams.HASH_NAMES
    )
    return bool(has_hash or image['checksum'])
