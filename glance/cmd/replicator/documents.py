"""Select the members of an image to copy, and compare two images."""

from collections.abc import Collection, Iterator, Mapping
import hashlib
from typing import Any

from glance.cmd.replicator.service import Image

#: Members that the service itself writes; they differ between services.
_WRITTEN_BY_SERVICE = frozenset(
    (
        *('id', 'status', 'checksum', 'os_hash_algo', 'os_hash_value'),
        *('size', 'virtual_size', 'created_at', 'updated_at', 'deleted_at'),
        *('self', 'file', 'schema', 'stores', 'direct_url', 'locations'),
        *('location', 'deleted', 'date'),
    )
)
_RESERVED_PREFIX = 'os_glance'
_TRUE = ('true', '1', 'yes', 'on')
_NUMBERS = ('size', 'min_ram', 'min_disk', 'virtual_size')


#: Members of an image that API v1 knows; all others are properties.
V1_NAMES = frozenset(
    (
        *('id', 'name', 'is_public', 'protected', 'owner', 'min_disk'),
        *('min_ram', 'disk_format', 'container_format'),
    )
)
#: Members that API v1 cannot express.
_NOT_IN_V1 = frozenset(('tags', 'os_hidden', 'os_hash_algo', 'os_hash_value'))
#: The status of every member, because API v1 does not tell it.
V1_MEMBER_STATUS = 'pending'


class DamagedError(Exception):
    """Data does not have the expected hash or size."""


def values(image: Image, without: Collection[str]) -> dict[str, Any]:
    """The members of an image that are copied.

    :param without: names that are not copied
    """
    return {
        name: value
        for name, value in image.items()
        if value is not None
        and name not in _WRITTEN_BY_SERVICE
        and name not in without
        and not name.startswith(_RESERVED_PREFIX)
    }


def differences(
    source: Image, target: Image, without: Collection[str]
) -> dict[str, Any]:
    """Members that are missing or different in the target: name -> value."""
    return {
        name: value
        for name, value in values(source, without).items()
        if _comparable(name, target.get(name)) != _comparable(name, value)
    }


def _comparable(name: str, value: Any) -> Any:
    return sorted(value or ()) if name == 'tags' else value


def differing_data(source: Image, target: Image) -> Iterator[str]:
    """Names of differing members that describe the data: size, hashes."""
    names = ['status', 'size', 'checksum']
    if source.get('os_hash_algo') == target.get('os_hash_algo'):
        names.append('os_hash_value')
    for name in names:
        if source.get(name) != target.get(name):
            yield name


def from_dump(document: Mapping[str, Any]) -> Image:
    """Read the document of a dump; dumps of API v1 are converted."""
    image = dict(document)
    if 'is_public' not in image and 'properties' not in image:
        return image
    is_public = str(image.pop('is_public', '')).lower() in _TRUE
    image.setdefault('visibility', 'public' if is_public else 'shared')
    image.update(image.pop('properties', None) or {})
    for name in list(image):
        for prefix in ('property-', 'property_'):
            if name.startswith(prefix):
                image[name.removeprefix(prefix)] = image.pop(name)
    for name in _NUMBERS:
        if str(image.get(name) or '').isdecimal():
            image[name] = int(image[name])
    image['protected'] = str(image.get('protected')).lower() in _TRUE
    return {name: each for name, each in image.items() if each != ''}


def for_v1(image: Image) -> Image:
    """The image as a service with API v1 returns it after it was copied."""
    document: Image = {}
    for name, value in image.items():
        if name in _NOT_IN_V1:
            continue
        if name not in V1_NAMES and name not in _WRITTEN_BY_SERVICE:
            name = name.lower().replace('-', '_')
        document[name] = value
    if image.get('size') == 0:  # API v1 gives empty data no checksum
        document.pop('checksum', None)
    is_public = image.get('visibility') == 'public'
    return {**document, 'visibility': 'public' if is_public else 'shared'}


class Digest:
    """Hashes data in chunks and compares it with an image's hashes."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self._wanted: dict[str, str] = {}
        if image.get('checksum'):
            self._wanted['md5'] = image['checksum']
        algorithm, value = (
            image.get('os_hash_algo'),
            image.get('os_hash_value'),
        )
        if algorithm and value and algorithm in hashlib.algorithms_available:
            self._wanted[algorithm] = value
        self._hashes = {
            name: hashlib.new(name, usedforsecurity=False)
            for name in self._wanted
        }
        self.size_bytes = 0

    def update(self, chunk: bytes) -> None:
        self.size_bytes += len(chunk)
        for each in self._hashes.values():
            each.update(chunk)

    def check(self) -> None:
        """
        :raises DamagedError: the size or a hash is wrong
        """
        size = self._image.get('size')
        if size is not None and size != self.size_bytes:
            raise DamagedError(
                f'the data has {self.size_bytes} bytes and not {size}'
            )
        for name, value in self._wanted.items():
            if self._hashes[name].hexdigest() != value:
                raise DamagedError(f'the {name} of the data is not {value}')


class Checked:
    """Data for an upload, whose last chunk is sent only if all is correct.

    So the target never gets a complete upload of wrong data.
    """

    def __init__(self, image: Image, chunks: Any) -> None:
        self._image = image
        self._chunks = chunks

    def __len__(self) -> int:
        return int(self._image['size'])

    def __iter__(self) -> Iterator[bytes]:
        digest = Digest(self._image)
        held = b''
        for chunk in self._chunks:
            digest.update(chunk)
            if held:
                yield held
            held = chunk
        digest.check()
        if held:
            yield held
