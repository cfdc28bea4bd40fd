"""What image data is, and whether it is safe (images-v2 section 19.2).

oslo.utils' inspectors read the headers while the bytes go by. Each gets
bytes only until it has seen what it needs, and then nobody looks any more:
256 KiB of a raw disk or a qcow2. 64 MiB of them cost 0.3 ms of CPU, where
inspectors that see every byte take 20 ms; the whole upload takes 220 ms.
"""

from collections.abc import Collection
import logging
import re
from typing import Any, NamedTuple

from glance.common import contract
from glance.common import errors

LOG = logging.getLogger(__name__)

#: The inspectors want small pieces: one that finds in a piece where its
#: next region lies finds it if that begins in this piece or a later one.
SLICE_BYTES = 64 * 1024
#: A footer is in the last bytes (three sectors of a VMDK).
TAIL_BYTES = 1536
#: A text that names a VMDK's type so early is taken for its descriptor.
TEXT_BYTES = 1024 * 1024
#: A VMDK's embedded descriptor has 10 KiB; its lines cost memory.
DESCRIPTOR_BYTES = 64 * 1024
MAX_SIZE_BYTES = 2**63 - 1

#: The only kinds of VMDK that are one file.
VMDK_TYPES = frozenset(('monolithicsparse', 'streamoptimized'))
#: Disk formats that have an inspector.
INSPECTED = frozenset(
    ('qcow2', 'vhd', 'vhdx', 'vmdk', 'vdi', 'qed', 'iso', 'gpt', 'luks')
)
#: Their inspectors count bytes, and do not see all.
_SIZED_BY_DATA = ('gpt', 'luks')
#: No head of a binary format.
_TEXT_HEAD = re.compile(rb'[\t-\r\x1c-\xff]{16}')
_TEXT_TYPE = b'createtype="'


class Rules(NamedTuple):
    """What ``[image_format]`` wants.

    :ivar must_match: refuse data that is not what ``disk_format`` says
    :ivar vmdk_types: the ``createType`` of VMDKs, in lower case
    :ivar nonfatal_gpt_checks: names of checks that only warn
    """

    must_match: bool
    vmdk_types: Collection[str]
    nonfatal_gpt_checks: Collection[str]


class Inspection:
    """Looks at the data of one upload.

    :param declared: the image's ``disk_format``
    """

    def __init__(self, rules: Rules, declared: str | None) -> None:
        # Needs cryptography: 6 MiB that keystonemiddleware brings too, but
        # a service without Keystone has no use for.
        from oslo_utils.imageutils import format_inspector

        self._rules = rules
        self._declared = declared
        self._probes = [
            (_VmdkProbe if name == 'vmdk' else _Probe)(
                name, format_inspector.ALL_FORMATS[name]()
            )
            for name in sorted(INSPECTED)
        ]
        self._waiting = self._probes

    @property
    def wants_more(self) -> bool:
        """Whether further bytes can change the outcome."""
        return bool(self._waiting)

    def feed(self, piece: memoryview) -> None:
        """Look at the bytes that follow."""
        rest = piece
        while rest and any(not probe.wants_tail for probe in self._waiting):
            self._feed(rest[:SLICE_BYTES])
            rest = rest[SLICE_BYTES:]
        if rest:
            self._feed(rest[-TAIL_BYTES:])

    def _feed(self, part: memoryview) -> None:
        for probe in self._waiting:
            probe.feed(part)
        self._waiting = [probe for probe in self._waiting if not probe.is_done]

    def conclude(self, size_bytes: int) -> int | None:
        """The verdict, once all bytes have come.

        :returns: bytes of the disk that the data describes, if known
        :raises errors.UnsupportedMediaType: the data is unsafe, or not what
            it is declared to be
        """
        for probe in self._probes:
            probe.inspector.finish()
        found = {probe.name: probe for probe in self._probes if probe.matches}
        if found.keys() == {'iso', 'gpt'}:
            del found['gpt']  # an ISO for USB sticks too
        for probe in found.values():
            probe.check_safety(self._rules)
        try:
            return self._virtual_size(found, size_bytes)
        except errors.UnsupportedMediaType as error:
            if self._rules.must_match:
                raise
            LOG.info('Accepted without a virtual size: %s', error)
            return None

    def _virtual_size(
        self, found: dict[str, '_Probe'], size_bytes: int
    ) -> int | None:
        names = ', '.join(found) or 'raw, or of no known format'
        if len(found) > 1:
            raise errors.UnsupportedMediaType(
                f'The data is of several formats at once: {names}.'
            )
        if self._declared == 'raw':
            return size_bytes
        if self._declared in found:
            return found[self._declared].virtual_size(size_bytes)
        if not found and self._declared not in INSPECTED:
            return None
        raise errors.UnsupportedMediaType(
            f'disk_format is {self._declared}, but the data is {names}.'
        )


def inspection(rules: Rules, image: contract.Image) -> Inspection | None:
    """What looks at an image's data; None for data that is in a container.

    Nobody looks into a container: it may hold anything.
    """
    if image['container_format'] != 'bare':
        return None
    return Inspection(rules, image['disk_format'])


class _Probe:
    """One of oslo.utils' inspectors, and what became of it.

    These are parsers of hostile data: whatever one raises is an outcome.

    :ivar is_done: further bytes make no difference
    :ivar wants_tail: only the last bytes do
    """

    def __init__(self, name: str, inspector: Any) -> None:
        self.name = name
        self.inspector = inspector
        self.is_done = False
        self.wants_tail = False
        self._trouble: Exception | None = None

    def feed(self, part: memoryview) -> None:
        try:
            self.inspector.eat_chunk(part)
            self.is_done = self.inspector.complete
        except Exception as error:
            self.break_off(error)

    def break_off(self, error: Exception) -> None:
        # Its traceback would hold the upload's buffers.
        self._trouble = error.with_traceback(None)
        self.is_done = True

    @property
    def matches(self) -> bool:
        try:
            return bool(self.inspector.format_match)
        except Exception as error:
            LOG.info('No %s after all: %r', self.name, error)
            return False

    def check_safety(self, rules: Rules) -> None:
        """:raises errors.UnsupportedMediaType: a check fails"""
        if self._trouble is not None:
            raise self._unsafe(str(self._trouble))
        failures = self._failures()
        if self.name == 'gpt':
            for check in failures.keys() & set(rules.nonfatal_gpt_checks):
                LOG.warning('Accepted GPT data: %s', failures.pop(check))
        if failures:
            raise self._unsafe(
                '; '.join(
                    f'{check} ({reason})' for check, reason in failures.items()
                )
            )

    def _failures(self) -> dict[str, Any]:
        """Names of the failed checks and why they failed."""
        try:
            self.inspector.safety_check()
        except Exception as error:
            failures: dict[str, Any] = getattr(error, 'failures', {})
            return failures or {'format': error}
        return {}

    def virtual_size(self, size_bytes: int) -> int | None:
        """Bytes of the disk; None if the header does not tell.

        :raises errors.UnsupportedMediaType: the header tells nonsense
        """
        try:
            virtual: int = self.inspector.virtual_size
            if self.name in _SIZED_BY_DATA:
                virtual += size_bytes - self.inspector.actual_size
        except Exception as error:
            raise self._unsafe('its virtual size cannot be read') from error
        if not 0 <= virtual <= MAX_SIZE_BYTES:
            raise self._unsafe(f'a virtual size of {virtual} bytes')
        return virtual if virtual or self._tells_zero() else None

    def _tells_zero(self) -> bool:
        """Whether 0 is what the header says.

        The inspectors also say 0 where the header has no size.
        """
        if self.name == 'vhdx':
            return bool(self.inspector.has_region('vds'))
        return self.name != 'iso'

    def _unsafe(self, why: str) -> errors.UnsupportedMediaType:
        return errors.UnsupportedMediaType(
            f'The data is {self.name} and breaks its rules: {why}.'
        )


class _VmdkProbe(_Probe):
    """VMDK: the type is the operator's choice, and there may be a footer.

    A descriptor may also be a text of its own, which names other files as
    its data (OSSA-2023-002). The inspector overlooks one that is padded
    with zeros, as qemu-img makes them, or has letters beyond ASCII.
    """

    def __init__(self, name: str, inspector: Any) -> None:
        super().__init__(name, inspector)
        self._is_text: bool | None = None
        self._text = b''
        self._text_bytes = 0
        self._is_descriptor = False

    def feed(self, part: memoryview) -> None:
        if self._is_text is None:
            self._is_text = _TEXT_HEAD.match(part) is not None
        if self._is_text:
            self._feed_text(part)
            return
        super().feed(part)
        if not self.is_done:
            self._look_at_regions()

    def _look_at_regions(self) -> None:
        descriptor = self.inspector.region('descriptor')
        if descriptor.offset and descriptor.length > DESCRIPTOR_BYTES:
            self.break_off(ValueError('the descriptor is too long'))
        self.wants_tail = descriptor.complete

    def _feed_text(self, part: memoryview) -> None:
        self._text = self._text[-len(_TEXT_TYPE) :] + bytes(part).lower()
        self._text_bytes += len(part)
        self._is_descriptor = _TEXT_TYPE in self._text
        self.is_done = self._is_descriptor or self._text_bytes >= TEXT_BYTES

    @property
    def matches(self) -> bool:
        if self._is_text:
            return self._is_descriptor
        return super().matches

    def check_safety(self, rules: Rules) -> None:
        if self._is_descriptor:
            raise self._unsafe('its data is in other files')
        super().check_safety(rules)
        if self.inspector.vmdktype not in rules.vmdk_types:
            raise self._unsafe(
                f'the type {self.inspector.vmdktype} is not in '
                'vmdk_allowed_types'
            )
