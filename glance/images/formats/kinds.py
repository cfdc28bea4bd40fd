"""Common parts of the formats."""

from collections.abc import Collection
from typing import NamedTuple, Protocol

from glance.common import errors
from glance.images.formats import sample

MAX_SIZE_BYTES = 2**63 - 1


class FormatRules(NamedTuple):
    """Options of ``[image_format]``.

    :ivar must_match: refuse data that is not of the declared ``disk_format``
    :ivar vmdk_types: allowed values of ``createType`` of VMDKs, in lower case
    :ivar nonfatal_gpt_checks: names of checks that only warn
    """

    must_match: bool
    vmdk_types: Collection[str]
    nonfatal_gpt_checks: Collection[str]


class Kind(Protocol):
    """One format: recognises its data and checks it.

    :ivar name: its value of ``disk_format``
    """

    name: str

    def matches(self, data: sample.Sample) -> bool:
        """Whether a program could take the data for this format."""

    def check(self, data: sample.Sample, rules: FormatRules) -> None:
        """:raises Unsafe: the matching data is dangerous to its reader"""

    def virtual_size(self, data: sample.Sample) -> int | None:
        """Size of the disk in bytes; None if the header does not have it."""


class Unsafe(Exception):
    """The data violates a rule of its format; the text says which."""


def refusal(name: str, why: object) -> errors.UnsupportedMediaType:
    return errors.UnsupportedMediaType(
        f'The data is {name} and violates the rules of this format: {why}.'
    )


def disk_size(kind: Kind, data: sample.Sample) -> int | None:
    """The virtual size in bytes; None if unknown.

    :raises errors.UnsupportedMediaType: the size in the header is invalid
    """
    try:
        virtual = kind.virtual_size(data)
    except Exception as error:
        raise refusal(kind.name, 'its virtual size cannot be read') from error
    if virtual is not None and not 0 <= virtual <= MAX_SIZE_BYTES:
        raise refusal(kind.name, f'a virtual size of {virtual} bytes')
    return virtual
