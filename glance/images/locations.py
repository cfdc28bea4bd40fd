"""Locations that clients give: what they may say, what comes of it."""

from collections.abc import Iterable, Sequence
import hashlib
import logging
import re
from typing import Any, NamedTuple

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.store import base
from glance.store import stores

LOG = logging.getLogger(__name__)

_FORMATS = ('disk_format', 'container_format')
#: Statuses in which an operation is possible.
_OPEN: dict[str, tuple[str, ...]] = {
    'add': ('queued', 'active'),
    'replace': ('queued', 'active'),
    'remove': ('active',),
}


class Operation(NamedTuple):
    """One operation of a patch.

    :ivar op: add, replace, remove
    :ivar position: where; None is the end
    :ivar given: the locations that came with it
    """

    op: str
    position: int | None
    given: list[contract.Location]


class Limits(NamedTuple):
    """:ivar locations: of one image; negative is unlimited"""

    locations: int
    size_cap_bytes: int
    hash_name: str


class Outcome(NamedTuple):
    """What a patch makes of an image's locations.

    :ivar locations: all of them, those that stay with their id
    :ivar removed: those that are gone, and nobody else's
    :ivar values: members of the image that change with them
    """

    locations: list[contract.Location]
    removed: list[contract.Location]
    values: dict[str, Any]


class Locations:
    """Checks locations; asks their stores for the size of the data."""

    def __init__(self, store: stores.Stores, limits: Limits) -> None:
        self._store = store
        self._limits = limits

    def size(self, url: str) -> int:
        """Bytes at a URL that a client gives.

        :raises errors.BadRequest: it is no place, or there is no data
        :raises errors.LimitExceeded: more than an image may have
        """
        self._store.check(url)
        try:
            size = self._store.size(url)
        except errors.Error as error:
            LOG.info(
                'Refused the location %s: %s',
                stores.described(url),
                base.reason(error),
            )
            raise errors.BadRequest(base.UNUSABLE) from error
        if not size:
            LOG.info(
                'Refused the location %s: it has no data',
                stores.described(url),
            )
            raise errors.BadRequest(base.UNUSABLE)
        if size > self._limits.size_cap_bytes:
            raise errors.LimitExceeded(
                f'The image has more than {self._limits.size_cap_bytes} '
                'bytes (image_size_cap).'
            )
        return size

    def changed(
        self,
        image: contract.Image,
        operations: Sequence[Operation],
        sizes: dict[str, int],
    ) -> Outcome:
        """Apply the operations in order; nothing is written yet.

        :param image: with what else the patch changes
        :param sizes: of URLs that were asked for, in an earlier try too
        :raises errors.Error: an operation is refused
        """
        status, present = image['status'], list(image['locations'])
        for operation in operations:
            if status not in _OPEN[operation.op]:
                raise errors.Conflict(
                    'Locations cannot be changed in this way while the '
                    f'image is {status}.'
                )
            present = self._applied(operation, present)
            status = 'active'
        values: dict[str, Any] = {}
        if image['status'] != status:
            require_formats(image)
            values['status'] = status
        values |= self._hashes(image, operations)
        size = self._common_size(image, present, sizes)
        if size != image['size']:
            values['size'] = size
        urls = {location['url'] for location in present}
        gone = [
            location
            for location in image['locations']
            if location['url'] not in urls
        ]
        return Outcome(present, gone, values)

    def _applied(
        self, operation: Operation, present: list[contract.Location]
    ) -> list[contract.Location]:
        if operation.op == 'remove':
            return _without(present, operation.position)
        known = {location['url'] for location in present}
        for location in operation.given:
            if location['url'] not in known:
                self._store.check(location['url'])
                known.add(location['url'])
        if operation.op == 'replace':
            wanted = _replaced(present, operation.given)
        else:
            wanted = list(present)
            end = len(wanted)
            place = end if operation.position is None else operation.position
            wanted.insert(place, operation.given[0])
        _refuse_twins(wanted)
        if 0 <= self._limits.locations < len(wanted):
            raise errors.LimitExceeded(
                f'The image would have {len(wanted)} locations; the limit is '
                f'{self._limits.locations} (image_location_quota).'
            )
        return wanted

    def _hashes(
        self, image: contract.Image, operations: Iterable[Operation]
    ) -> dict[str, str]:
        """What the validation data says that the image does not know.

        :raises errors.Conflict: it contradicts the image, itself, or the
            configuration
        """
        claims: dict[str, str] = {}
        for operation in operations:
            for location in operation.given:
                claimed = location.get('validation_data')
                if claimed is not None:
                    self._check_claim(claimed)
                    _merge(claims, claimed)
        known: dict[str, Any] = {name: image[name] for name in _HASHES}  # type: ignore[literal-required]
        _merge(claims, {name: it for name, it in known.items() if it})
        new = {
            name: it.lower() for name, it in claims.items() if not known[name]
        }
        if new and image['status'] != 'queued':
            raise errors.Conflict(
                'validation_data with new hashes is accepted only for the '
                'first location of a queued image.'
            )
        return new

    def _check_claim(self, claimed: dict[str, str]) -> None:
        if claimed['os_hash_algo'] != self._limits.hash_name:
            raise errors.Conflict(
                f'os_hash_algo must be {self._limits.hash_name} '
                '(hashing_algorithm).'
            )
        if not is_hash(claimed['os_hash_value'], self._limits.hash_name):
            raise errors.Conflict(
                'os_hash_value has not the length or the digits of a hash '
                'of os_hash_algo.'
            )
        if not is_hash(claimed.get('checksum', '0' * 32), 'md5'):
            raise errors.Conflict(
                'checksum must be an MD5 hash of 32 hexadecimal digits.'
            )

    def _common_size(
        self,
        image: contract.Image,
        present: Iterable[contract.Location],
        sizes: dict[str, int],
    ) -> int | None:
        """The size of the image, which every new location must have.

        :raises errors.Conflict: one has not
        """
        known = {location['url'] for location in image['locations']}
        size = image['size']
        for location in present:
            url = location['url']
            if url in known:
                continue
            if url not in sizes:
                sizes[url] = self.size(url)
            if size is not None and sizes[url] != size:
                raise errors.Conflict(
                    'The data of the location does not have the size of '
                    'the image.'
                )
            size = sizes[url]
        return size


_HASHES = ('os_hash_algo', 'os_hash_value', 'checksum')


def require_formats(image: contract.Image) -> None:
    """:raises errors.BadRequest: one is missing"""
    for name in _FORMATS:
        if not image[name]:  # type: ignore[literal-required]
            raise errors.BadRequest(f'Set {name} before adding a location.')


def is_hash(value: str, hash_name: str) -> bool:
    """Whether it can be a result of the algorithm, in hex."""
    length = hashlib.new(hash_name, usedforsecurity=False).digest_size * 2
    return len(value) == length and (
        re.fullmatch('[0-9a-fA-F]+', value, re.ASCII) is not None
    )


def _merge(claims: dict[str, str], others: dict[str, str]) -> None:
    for name, value in others.items():
        if claims.setdefault(name, value).lower() != value.lower():
            raise errors.Conflict(
                f'{name} differs from the value that the image or another '
                'location has.'
            )


def _without(
    present: list[contract.Location], position: int | None
) -> list[contract.Location]:
    if len(present) == 1:
        raise errors.Forbidden(
            'The only location of an image cannot be removed.'
        )
    place = len(present) - 1 if position is None else position
    if not 0 <= place < len(present):
        raise errors.BadRequest('The image has no location at this position.')
    return present[:place] + present[place + 1 :]


def _replaced(
    present: list[contract.Location], given: list[contract.Location]
) -> list[contract.Location]:
    """New order or metadata; what did not change keeps its id.

    :raises errors.BadRequest: other URLs than the image has
    """
    if not present:
        return list(given)
    if {each['url'] for each in present} != {each['url'] for each in given}:
        raise errors.BadRequest(
            'A replacement must have the same URLs as the present locations.'
        )
    return [
        next((each for each in present if _is_twin(each, wanted)), wanted)
        for wanted in given
    ]


def _refuse_twins(wanted: list[contract.Location]) -> None:
    for number, location in enumerate(wanted):
        if any(_is_twin(location, other) for other in wanted[:number]):
            raise errors.BadRequest('The image would have a location twice.')


def _is_twin(one: contract.Location, other: contract.Location) -> bool:
    return one['url'] == other['url'] and one['metadata'] == other['metadata']


def delete_data(
    context: context.RequestContext,
    registry: registry_client.RegistryClient,
    store: stores.Stores,
    image_id: str,
    removed: list[contract.Location],
    removal_id: str,
) -> None:
    """Delete the data of locations that the registry let go.

    They are pending there, so that no failure forgets them: what cannot be
    deleted comes back.

    :param removal_id: the record of this removal

    :raises errors.Conflict: the data is in use
    :raises errors.StoreUnavailable: the store does not work now
    """
    done: list[int] = []
    try:
        for location in removed:
            store.delete(location['url'], image_id)
            done.append(location['id'])
    except (errors.Conflict, errors.StoreUnavailable):
        if done:
            registry.settle_locations(context, image_id, done, False)
        kept = [each['id'] for each in removed[len(done) :]]
        registry.settle_locations(context, image_id, kept, True, removal_id)
        raise
    registry.settle_locations(context, image_id, done, False, removal_id)
