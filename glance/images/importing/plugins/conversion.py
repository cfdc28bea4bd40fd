"""``image_conversion``: converts disks of other formats to one format."""

import contextlib
import logging
import mmap
import os
import pathlib

from glance.common import errors
from glance.images import formats
from glance.images.importing import plugins
from glance.images.importing import qemu_img
from glance.images.importing import source
from glance.store import regular

LOG = logging.getLogger(__name__)

#: Formats that qemu-img reads and :mod:`glance.images.formats` checks.
CONVERTED = frozenset(('raw', 'qcow2', 'vmdk', 'vdi', 'vhd', 'vhdx'))
SUFFIX = '.converted'
_PIECE_BYTES = 1024 * 1024


class Convert:
    """:param output_format: the format that all disks are converted to

    :param rules: data that violates them is not given to qemu-img
    """

    needs_file = True

    def __init__(self, output_format: str, rules: formats.FormatRules) -> None:
        self._output_format = output_format
        # If the declared format is wrong, qemu-img produces garbage.
        self._rules = rules._replace(must_match=True)

    def wrap(self, _job: plugins.Job, data: source.Data) -> source.Data:
        return data

    def change(self, job: plugins.Job, path: pathlib.Path) -> None:
        declared = job.image['disk_format'] or ''
        is_bare = job.image['container_format'] == 'bare'
        if not is_bare or declared not in CONVERTED:
            LOG.info(
                'Image %s is not converted, because it is %s in %s',
                job.image['id'],
                declared,
                job.image['container_format'],
            )
            return
        virtual_bytes = self._inspected(job, path)
        if declared == self._output_format:
            return
        if virtual_bytes > job.cap_bytes:
            raise errors.LimitExceeded(
                f'The disk of the image has {virtual_bytes} bytes; the limit '
                f'is {job.cap_bytes} (image_size_cap, or what is left of the '
                'quota).'
            )
        target = path.with_name(path.name + SUFFIX)
        qemu_img.convert(
            path,
            declared,
            target,
            self._output_format,
            qemu_img.limits_for(virtual_bytes, job.cap_bytes),
        )
        os.replace(target, path)
        job.set(disk_format=self._output_format, container_format='bare')

    def _inspected(self, job: plugins.Job, path: pathlib.Path) -> int:
        """Size of the disk in bytes; of the data if the format has none.

        :raises errors.UnsupportedMediaType: the data is unsafe, or not what
            ``disk_format`` says
        """
        inspection = formats.Inspection(self._rules, job.image['disk_format'])
        buffer = memoryview(mmap.mmap(-1, _PIECE_BYTES))
        size = position = 0
        try:
            with regular.open_file(path) as file:
                size = os.fstat(file.fileno()).st_size
                while position < size and inspection.wants_more:
                    got = os.preadv(file.fileno(), [buffer], position)
                    inspection.feed(buffer[:got])
                    position += got
        except OSError as error:
            raise errors.StoreUnavailable from error
        return inspection.conclude(size) or size


def remove_scratch(path: pathlib.Path) -> None:
    """Remove what an interrupted conversion of the file may have left."""
    with contextlib.suppress(FileNotFoundError):
        path.with_name(path.name + SUFFIX).unlink()
