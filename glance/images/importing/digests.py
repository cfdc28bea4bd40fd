"""The hash that the client expects the imported data to have."""

import hashlib
import re
from typing import Any, NamedTuple

from glance.common import errors
from glance.common import threads
from glance.images.importing import source

#: Algorithms that a client may use.
NAMES = ('md5', 'sha1', 'sha256', 'sha384', 'sha512')


class Expected(NamedTuple):
    """:ivar value: in lower-case hexadecimal digits"""

    algo: str
    value: str


def parse(document: Any) -> Expected:
    """Read the member ``hash`` of an import method.

    :raises errors.BadRequest: it is not a hash of a known algorithm
    """
    if not isinstance(document, dict) or document.keys() != {'algo', 'value'}:
        raise errors.BadRequest(
            'method.hash must be an object with the members algo and value.'
        )
    return _checked('method.hash', document['algo'], document['value'])


def parse_property(text: str) -> Expected:
    """Read the property ``source_hash``, such as ``sha256:9f86...``.

    :raises errors.BadRequest: it is not a hash of a known algorithm
    """
    algo, _, value = text.partition(':')
    return _checked('source_hash', algo, value)


def _checked(name: str, algo: Any, value: Any) -> Expected:
    if not isinstance(algo, str) or algo.lower() not in NAMES:
        raise errors.BadRequest(
            f'The algorithm of {name} must be one of {", ".join(NAMES)}.'
        )
    algo = algo.lower()
    digits = hashlib.new(algo, usedforsecurity=False).digest_size * 2
    if not isinstance(value, str) or not re.fullmatch(
        f'[0-9a-fA-F]{{{digits}}}', value, re.ASCII
    ):
        raise errors.BadRequest(
            f'{name} must have {digits} hexadecimal digits for {algo}.'
        )
    return Expected(algo, value.lower())


class Verified(source.Native):
    """A source that raises at its end if its data has another hash.

    :raises errors.BadRequest: at the end of the data
    """

    def __init__(self, data: source.Source, expected: Expected) -> None:
        self._data = data
        self._expected = expected
        self._hash = hashlib.new(expected.algo, usedforsecurity=False)
        self.size_bytes = data.size_bytes

    def readinto(self, view: memoryview) -> int:
        got = self._data.readinto(view)
        threads.call(self._hash.update, view[:got])
        if got < len(view):
            self._verify()
        return got

    def _verify(self) -> None:
        value = self._hash.hexdigest()
        if value != self._expected.value:
            raise errors.BadRequest(
                f'The {self._expected.algo} hash of the data is {value}, but '
                f'{self._expected.value} was expected.'
            )

    def close(self) -> None:
        self._data.close()


def verified(data: source.Source, expected: Expected | None) -> source.Source:
    """Return the source, with a check of the hash if one is expected."""
    return data if expected is None else Verified(data, expected)
