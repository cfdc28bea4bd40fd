"""What the formats have in common."""

from collections.abc import Collection
from typing import NamedTuple, Protocol

from glance.common import errors
from glance.images.formats import sample

MAX_SIZE_BYTES = 2**63 - 1


class Rules(NamedTuple):
    """What ``[image_format]`` wants.

    :ivar must_match: refuse data that is not what ``disk_format`` says
    :ivar vmdk_types: the ``createType`` of VMDKs, in lower case
    :ivar nonfatal_gpt_checks: names of checks that only warn
    """

    must_match: bool
    vmdk_types: Collection[str]
    nonfatal_gpt_checks: Collection[str]


class Kind(Protocol):
    """One format: recognises its data, and checks them.

    :ivar name: as ``disk_format`` has it
    """

    name: str

    def matches(self, data: sample.Sample) -> bool:
        """Whether a reader could take the data for this format."""

    def check(self, data: sample.Sample, rules: Rules) -> None:
        """:raises Unsafe: data that match are dangerous to their reader"""

    def virtual_size(self, data: sample.Sample) -> int | None:
        """Bytes of the disk; None if the header does not tell."""


class Unsafe(Exception):
    """The data break a rule of their format; the text says which."""


def refusal(name: str, why: object) -> errors.UnsupportedMediaType:
    return errors.UnsupportedMediaType(
        f'The data is {name} and violates the rules of this format: {why}.'
    )


def disk_size(kind: Kind, data: sample.Sample) -> int | None:
    """The virtual size, if it is one that a disk can have.

    :raises errors.UnsupportedMediaType: the header tells nonsense
    """
    try:
        virtual = kind.virtual_size(data)
    except Exception as error:
        raise refusal(kind.name, 'its virtual size cannot be read') from error
    if virtual is not None and not 0 <= virtual <= MAX_SIZE_BYTES:
        raise refusal(kind.name, f'a virtual size of {virtual} bytes')
    return virtual
