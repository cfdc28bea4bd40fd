"""Passes data through the plug-ins before it is stored."""

from collections.abc import Callable, Iterator
import contextlib
import logging
import operator
import os
import pathlib

from glance.common import errors
from glance.common import threads
from glance.images import streams
from glance.images.importing import plugins
from glance.images.importing import source
from glance.images.importing import sources
from glance.images.importing.plugins import conversion

LOG = logging.getLogger(__name__)

_PIECE_BYTES = 1024 * 1024


class Announced:
    """The body of an upload; refused if its length is not as announced.

    It is counted before the plug-ins, because they change the size.

    :param expected_bytes: the announced length; None if unknown
    :param watch: called for each piece; it raises to abort the upload
    """

    def __init__(
        self,
        data: source.Data,
        expected_bytes: int | None,
        cap_bytes: int,
        watch: Callable[[], None],
    ) -> None:
        self._data = data
        self._length = streams.Length(cap_bytes, expected_bytes)
        self._watch = watch
        self.size_bytes = expected_bytes

    def go_native(self) -> bool:
        return self._data.go_native()

    def readinto(self, view: memoryview) -> int:
        got = self._data.readinto(view)
        self._watch()
        self._length.add(got)
        if got < len(view):
            self._length.end()
        return got


@contextlib.contextmanager
def through(
    chain: plugins.Chain,
    job: plugins.Job,
    data: source.Data,
    scratch: pathlib.Path,
) -> Iterator[source.Data]:
    """Yield the data to be stored, as the plug-ins change it.

    Their changes of the image are in the job at the end of the data. If all
    plug-ins stream, nothing is written to a disk. Otherwise all the data is
    first received and written to a file.

    :param scratch: path for that file; it is removed at the end
    :raises errors.Error: a plug-in refuses the data, or the disk is full
    """
    changed = chain.wrap(job, data)
    if not chain.needs_file:
        yield changed
        return
    try:
        run = threads.run if changed.go_native() else operator.call
        run(_write, changed, scratch)
        threads.run(chain.change, job, scratch)
        with contextlib.closing(sources.staged(scratch)) as staged:
            yield staged
    finally:
        threads.call(remove_scratch, scratch)


def size_of(data: source.Data) -> int | None:
    """Size of the data in bytes; None if unknown, as for packed data."""
    size = getattr(data, 'size_bytes', None)
    return size if isinstance(size, int) else None


def remove_scratch(scratch: pathlib.Path) -> None:
    """Remove files that a plug-in or a dead worker has left."""
    with contextlib.suppress(NotADirectoryError):
        scratch.unlink(missing_ok=True)
        conversion.remove_scratch(scratch)


def _write(data: source.Data, path: pathlib.Path) -> None:
    """:raises errors.Error: the data or the disk fails"""
    buffer = memoryview(bytearray(_PIECE_BYTES))
    try:
        os.makedirs(path.parent, 0o700, exist_ok=True)
        fd = os.open(
            path,
            os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC,
            0o600,
        )
    except OSError as error:
        raise _disk_trouble(error) from error
    try:
        while got := data.readinto(buffer):
            rest = buffer[:got]
            while rest:
                rest = rest[_written(fd, rest) :]
    finally:
        os.close(fd)


def _written(fd: int, piece: memoryview) -> int:
    try:
        amount: int = threads.call(os.write, fd, piece)
    except OSError as error:
        raise _disk_trouble(error) from error
    return amount


def _disk_trouble(error: OSError) -> errors.Error:
    LOG.error(
        'Could not write a scratch file for the plug-ins of '
        '[image_import_opts]: %s',
        error,
    )
    return errors.StoreUnavailable(
        'The service cannot keep the data for its plug-ins at the moment.'
    )
