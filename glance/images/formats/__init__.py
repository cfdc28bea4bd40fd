"""Recognises the format of image data, and decides whether it is safe.

Safety is judged from the point of view of the program that reads the data.
Data is refused if qemu could open it as a format that refers to other files,
whether qemu is told the image's ``disk_format`` or guesses the format. To
guess, qemu looks at the first 512 bytes, or at fewer followed by zeros.

In most cases the first 64 KiB decide; they are kept. Later data is only
inspected for a VHDX, until its metadata were read, and for a VMDK or VHD with
a footer, at the end. 64 MiB of a raw disk or a qcow2 cost 0.3 ms of CPU; the
whole upload takes 220 ms.
"""

import logging

from glance.common import contract
from glance.common import errors
from glance.images.formats import boot_sector
from glance.images.formats import inspected
from glance.images.formats import kinds
from glance.images.formats import sample
from glance.images.formats import vhd
from glance.images.formats import vmdk

LOG = logging.getLogger(__name__)

FormatRules = kinds.FormatRules
VMDK_TYPES = vmdk.TYPES
#: Disk formats whose data can be recognised.
INSPECTED = frozenset(
    ('qcow2', 'vhd', 'vhdx', 'vmdk', 'vdi', 'qed', 'iso', 'gpt', 'luks')
)
#: The inspector of VHDX needs small pieces. When it reads in a piece where its
#: next region is, that region must begin in this piece or a later one.
SLICE_BYTES = 64 * 1024


class Inspection:
    """Inspects the data of one upload.

    :param declared: the image's ``disk_format``
    """

    def __init__(self, rules: FormatRules, declared: str | None) -> None:
        # This imports cryptography: 6 MiB, which keystonemiddleware also
        # needs, but a service without Keystone does not.
        from oslo_utils.imageutils import format_inspector

        self._rules = rules
        self._declared = declared
        self._data = sample.Sample()
        make = format_inspector.ALL_FORMATS
        self._vhdx = inspected.Vhdx(
            make['vhdx'](), format_inspector.CaptureRegion
        )
        self._inspected = [
            inspected.Inspected('iso', make['iso']()),
            inspected.Inspected('luks', make['luks']()),
            inspected.Inspected(
                'qcow2', make['qcow2'](), inspected.check_qcow2
            ),
            inspected.Inspected('qed', make['qed']()),
            inspected.Inspected('vdi', make['vdi'](), inspected.check_vdi),
            self._vhdx,
        ]
        self._vhd = vhd.Vhd(declared == 'vhd')
        self._kinds: list[kinds.Kind] = [
            boot_sector.Gpt(),
            *self._inspected,
            self._vhd,
            vmdk.Vmdk(declared == 'vmdk'),
        ]

    @property
    def wants_more(self) -> bool:
        """Whether further bytes can change the result."""
        if not self._data.head_is_full:
            return True
        return self._wants_tail or self._vhdx.wants_more

    @property
    def _wants_tail(self) -> bool:
        head = self._data.head
        return (
            self._declared == 'vhd'
            or head.startswith(vhd.MAGIC)
            or vmdk.has_footer(head)
        )

    def feed(self, piece: memoryview) -> None:
        """Inspect the next bytes."""
        self._data.feed(piece)
        while piece and self._vhdx.wants_more:
            self._vhdx.eat(piece[:SLICE_BYTES])
            piece = piece[SLICE_BYTES:]

    def conclude(self, size_bytes: int) -> int | None:
        """Return or raise the result after all bytes have come.

        :returns: virtual size of the disk in bytes; None if unknown
        :raises errors.UnsupportedMediaType: the data is unsafe, or not of
            the declared format
        """
        if not size_bytes:  # the image of a server that boots from a volume
            return 0 if self._declared == 'raw' else None
        self._data.finish(size_bytes)
        for each in self._inspected:
            each.finish(self._data)
        formats = self._found()
        for kind in formats.values():
            try:
                kind.check(self._data, self._rules)
            except kinds.Unsafe as error:
                raise kinds.refusal(kind.name, error) from error
        try:
            return self._virtual_size(formats)
        except errors.UnsupportedMediaType as error:
            if self._rules.must_match:
                raise
            LOG.info(
                'Accepted image data whose virtual size is unknown: %s', error
            )
            return None

    def _found(self) -> dict[str, kinds.Kind]:
        """The formats that the data could be taken for."""
        formats = {
            kind.name: kind for kind in self._kinds if kind.matches(self._data)
        }
        if formats.keys() == {'iso', 'gpt'}:
            del formats['gpt']  # a hybrid ISO has a partition table
        if formats.keys() == {'vhd', 'gpt'} and self._vhd.is_fixed(self._data):
            del formats['gpt']  # the table is a part of the disk
        return formats

    def _virtual_size(self, matched: dict[str, kinds.Kind]) -> int | None:
        names = ', '.join(matched) or 'raw, or of no known format'
        if len(matched) > 1:
            raise errors.UnsupportedMediaType(
                f'The data matches several formats at once: {names}.'
            )
        if self._declared == 'raw':
            return self._data.size_bytes
        if self._declared in matched:
            return kinds.disk_size(matched[self._declared], self._data)
        if not matched and self._declared not in INSPECTED:
            return None
        raise errors.UnsupportedMediaType(
            f'disk_format is {self._declared}, but the data is {names}.'
        )


def inspection(rules: FormatRules, image: contract.Image) -> Inspection | None:
    """Return the inspection of an image's data; None in a container.

    Data in a container is not inspected, because it may be anything.
    """
    if image['container_format'] != 'bare':
        return None
    return Inspection(rules, image['disk_format'])
