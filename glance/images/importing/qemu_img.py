"""Runs the program ``qemu-img`` on untrusted data.

It runs with limits of memory, CPU time, real time and file size, with an
empty environment, and at a low priority. Formats are always given explicitly:
if qemu-img guessed, it could take the data for a format that refers to other
files.

``prlimit``, ``timeout`` and ``nice`` set the limits, because nothing may run
between fork and exec in a process with threads. The caller waits in a native
thread.
"""

import logging
import os
import pathlib
import shutil
from typing import NamedTuple

from glance.common import errors

LOG = logging.getLogger(__name__)

#: Values of ``disk_format`` that have another name in qemu-img.
_NAMES = {'vhd': 'vpc'}
#: Limit of the address space. 64 MiB are enough for an image of 1 MiB; the
#: tables of a large image need more.
MEMORY_BYTES = 1024**3
#: Limit of CPU and real time: a base, plus the time of a slow disk.
BASE_SECONDS = 300
BYTES_PER_SECOND = 8 * 1024**2
_MAX_OUTPUT_BYTES = 4096
_TIMED_OUT = (124, 137)
_ENVIRONMENT = {'PATH': os.defpath, 'LC_ALL': 'C'}


class Limits(NamedTuple):
    """:ivar file_bytes: max size of the file that is written"""

    seconds: int
    memory_bytes: int
    file_bytes: int


def limits_for(virtual_bytes: int, file_bytes: int) -> Limits:
    """Limits for the conversion of a disk of this size."""
    seconds = BASE_SECONDS + virtual_bytes // BYTES_PER_SECOND
    return Limits(seconds, MEMORY_BYTES, file_bytes)


def is_missing() -> str | None:
    """Return the name of a missing program; None if all are installed."""
    for name in ('qemu-img', 'prlimit', 'timeout', 'nice'):
        if shutil.which(name, path=os.defpath) is None:
            return name
    return None


def convert(
    source: pathlib.Path,
    source_format: str,
    target: pathlib.Path,
    target_format: str,
    limits: Limits,
) -> None:
    """Convert ``source`` into ``target``; remove the target on failure.

    :raises errors.BadRequest: the data cannot be converted
    """
    command = [
        *('qemu-img', 'convert', '-q'),
        *('-f', _NAMES.get(source_format, source_format)),
        *('-O', _NAMES.get(target_format, target_format)),
        str(source.absolute()),
        str(target.absolute()),
    ]
    try:
        status, text = _run(command, limits)
        if status:
            raise errors.BadRequest(_reason(status, text, limits))
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _reason(status: int, text: str, limits: Limits) -> str:
    LOG.warning('qemu-img ended with the status %s: %s', status, text)
    if status in _TIMED_OUT:
        return (
            f'The conversion of the data took more than {limits.seconds} '
            'seconds and was ended.'
        )
    if status > 128:
        return (
            'The conversion of the data needed more memory or disk space '
            'than it may use and was ended.'
        )
    # The text contains file names of this host, so clients do not see it.
    return (
        'qemu-img cannot convert the data; it may be damaged. The log of '
        'glance-api has the message.'
    )


def _run(command: list[str], limits: Limits) -> tuple[int, str]:
    """Return the exit status (128 or more: a signal) and the output."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    try:
        pid = os.posix_spawnp(
            'prlimit',
            [
                'prlimit',
                f'--as={limits.memory_bytes}',
                f'--cpu={limits.seconds}',
                f'--fsize={limits.file_bytes}',
                '--core=0',
                '--',
                *('nice', '-n', '10'),
                *('timeout', '-k', '5', str(limits.seconds)),
                *command,
            ],
            _ENVIRONMENT,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, '/dev/null', os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, writer, 1),
                (os.POSIX_SPAWN_DUP2, writer, 2),
            ],
            setpgroup=0,
        )
    except OSError as error:
        LOG.error('Could not run qemu-img: %s', error)
        raise errors.StoreUnavailable(
            'The conversion of images does not work at the moment.'
        ) from error
    finally:
        os.close(writer)
    text = b''
    try:
        while piece := os.read(reader, _MAX_OUTPUT_BYTES):
            text = (text + piece)[-_MAX_OUTPUT_BYTES:]
    finally:
        os.close(reader)
        _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    return (128 - code if code < 0 else code), text.decode(errors='replace')
