"""Locations that clients give: their checks, and their effects."""

from collections.abc import Iterable, Sequence
import dataclasses
import hashlib
import logging
import re
from typing import Any, NamedTuple

from glance import registry_client
from glance.common import context
from glance.common import contract
from glance.common import errors
from glance.images import leftovers
from glance.images import quotas
from glance.store import base
from glance.store import stores

LOG = logging.getLogger(__name__)

_FORMATS = ('disk_format', 'container_format')
#: Statuses of an image in which each operation is possible.
_OPEN: dict[str, tuple[str, ...]] = {
    'add': ('queued', 'active'),
    'replace': ('queued', 'active'),
    'remove': ('active',),
}


class Change(NamedTuple):
    """One operation of a patch.

    :ivar op: add, replace, remove
    :ivar position: index in the list of locations; None: the end
    :ivar given: the locations that the operation contains
    """

    op: str
    position: int | None
    given: list[contract.Location]


@dataclasses.dataclass(frozen=True)
class Limits:
    """:ivar quotas: limits of one image"""

    quotas: quotas.Quotas
    size_cap_bytes: int
    hash_name: str


class Outcome(NamedTuple):
    """The effect of a patch on an image's locations.

    :ivar locations: the new list; those that stay keep their id
    :ivar removed: locations of the image that are not in the new list
    :ivar values: members of the image that change together with them
    """

    locations: list[contract.Location]
    removed: list[contract.Location]
    values: dict[str, Any]


class LocationRules:
    """Checks locations; reads the size of the data from their stores."""

    def __init__(self, store: stores.Stores, limits: Limits) -> None:
        self._store = store
        self._limits = limits

    def size(self, url: str) -> int:
        """Return the number of bytes at a URL from a client.

        :raises errors.BadRequest: the URL is not usable, or has no data
        :raises errors.LimitExceeded: the data is larger than image_size_cap
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
        operations: Sequence[Change],
        sizes: dict[str, int],
        is_service: bool,
    ) -> Outcome:
        """Apply the operations in order, without writing anything.

        :param image: the image with the other changes of the patch applied
        :param sizes: sizes by URL, in bytes; also from an earlier attempt
        :param is_service: whether the caller is another OpenStack service
        :raises errors.Error: an operation is refused
        """
        status = image['status']
        # Positions refer to the order in which the client sees the locations.
        present = list(self._store.ordered(image['locations']))
        for operation in operations:
            if status not in _OPEN[operation.op]:
                raise errors.Conflict(
                    'Locations cannot be changed in this way while the '
                    f'image is {status}.'
                )
            present = self._applied(
                operation, present, None if is_service else image['id']
            )
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
        self,
        operation: Change,
        present: list[contract.Location],
        image_id: str | None,
    ) -> list[contract.Location]:
        """The locations after one operation.

        :param image_id: what the name of data in a store must contain; None
            if any data may be named
        :raises errors.Error: the operation is refused
        """
        if operation.op == 'remove':
            return _without(present, operation.position)
        known = {location['url'] for location in present}
        for location in operation.given:
            if location['url'] not in known:
                self._store.check(location['url'])
                _check_owner(location['url'], image_id)
                known.add(location['url'])
        given = [self._store.labelled(each) for each in operation.given]
        if operation.op == 'replace':
            wanted = _replaced(present, given)
        else:
            wanted = list(present)
            end = len(wanted)
            place = end if operation.position is None else operation.position
            wanted.insert(place, given[0])
        _refuse_twins(wanted)
        self._limits.quotas.check_locations(len(wanted))
        return wanted

    def _hashes(
        self, image: contract.Image, operations: Iterable[Change]
    ) -> dict[str, str]:
        """Return the hashes in the validation data that the image lacks.

        :raises errors.Conflict: the validation data contradicts the image,
            itself, or the configuration
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
        """Return the size of the image, which every new location must have.

        :raises errors.Conflict: a location has another size
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
    """:raises errors.BadRequest: a format is missing"""
    for name in _FORMATS:
        if not image[name]:  # type: ignore[literal-required]
            raise errors.BadRequest(f'Set {name} before adding a location.')


def is_hash(value: str, hash_name: str) -> bool:
    """Whether the value can be a hex digest of the algorithm."""
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
    """Apply a new order or metadata; unchanged locations keep their id.

    :raises errors.BadRequest: the URLs are not those of the image
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
    left: leftovers.Leftovers,
    image_id: str,
    removed: list[contract.Location],
    removal_id: str,
) -> None:
    """Delete the data of locations that the registry has removed.

    The registry keeps them as pending, so that no failure loses them: a
    location whose data cannot be deleted is restored. One in a store that is
    not configured here stays pending, because nobody could delete it
    otherwise.

    :param removal_id: the id of the record of this removal

    :raises errors.Conflict: the data is in use
    :raises errors.StoreUnavailable: the store does not work now
    """
    done: list[int] = []
    unknown: base.Elsewhere | None = None
    try:
        for location in removed:
            label = stores.label_of(location)
            try:
                store.delete(location['url'], image_id, label)
            except base.Elsewhere as error:
                unknown = error
            else:
                done.append(location['id'])
    except (errors.Conflict, errors.StoreUnavailable):
        if done:
            registry.finish_location_removal(context, image_id, done, False)
        kept = [each['id'] for each in removed if each['id'] not in done]
        registry.finish_location_removal(
            context, image_id, kept, True, removal_id
        )
        raise
    if unknown is None:
        registry.finish_location_removal(
            context, image_id, done, False, removal_id
        )
        return
    LOG.error(
        'Could not remove the data of a location of image %s; the removal '
        'will be tried again: %s',
        image_id,
        unknown.reason,
    )
    left.failed(removal_id, unknown, done)


def _check_owner(url: str, image_id: str | None) -> None:
    """Refuse data in a store that may belong to another image.

    Stores name data by the id of its image, and everybody may read what is
    on a web server.

    :raises errors.Forbidden: the URL does not contain the id
    """
    if image_id is None or stores.scheme_of(url) in ('http', 'https'):
        return
    if image_id not in url.split('/'):
        raise errors.Forbidden(
            'Only services may register data in a store that does not have '
            'the id of the image as its name.'
        )
