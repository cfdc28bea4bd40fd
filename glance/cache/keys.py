"""What identifies the data of an image, and what hash it must have."""

import hashlib

from glance.cache import blocks
from glance.cache import hashing
from glance.common import contract


def key_of(image: contract.Image) -> blocks.Key | None:
    """The cache key of an image; None if the image has no data."""
    size = image['size']
    if not size:
        return None
    parts: list[str | None] = [
        image['checksum'],
        image['os_hash_algo'],
        image['os_hash_value'],
    ]
    if not any(parts):
        parts += sorted(location['url'] for location in image['locations'])
    text = '\n'.join(str(part) for part in (size, *parts))
    fingerprint = hashlib.sha256(text.encode(errors='replace')).hexdigest()
    return blocks.Key(image['id'], fingerprint, size)


def expected_of(image: contract.Image) -> hashing.Expected:
    """Return the best hash of an image that can be checked here."""
    name, value = image['os_hash_algo'], image['os_hash_value']
    checksum = image['checksum']
    if name and value and name in hashlib.algorithms_available:
        return hashing.Expected(name, value, checksum)
    if checksum:
        return hashing.Expected('md5', checksum, checksum)
    return hashing.Expected('', '', None)
