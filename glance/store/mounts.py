"""Mount options of network file systems that the file store depends on."""

import os
import pathlib
from typing import NamedTuple

_MOUNTS = pathlib.Path('/proc/self/mountinfo')
_KINDS = ('nfs', 'nfs4')
_LOCAL_LOCKS = frozenset(('nolock', 'local_lock=all', 'local_lock=flock'))
#: Options -> what they break, and what to do.
_BROKEN = (
    (
        _LOCAL_LOCKS,
        'hosts do not see the locks of each other, so the file of an '
        'interrupted upload is removed only a day after it was last written; '
        'mount it without nolock and local_lock',
    ),
    (
        frozenset(('soft', 'softerr')),
        'uploads and downloads fail if the server does not respond for a '
        'while; mount it with hard',
    ),
    (
        frozenset(('nocto',)),
        'a host may not see at once what another host has written; mount it '
        'without nocto',
    ),
)


class Mount(NamedTuple):
    """:ivar kind: type of the file system"""

    kind: str
    options: frozenset[str]

    @property
    def has_local_locks(self) -> bool:
        """Whether other hosts do not see the locks of this one."""
        return self.kind in _KINDS and bool(self.options & _LOCAL_LOCKS)

    def troubles(self) -> list[str]:
        """What the options break, each with the option."""
        if self.kind not in _KINDS:
            return []
        return [
            f'{", ".join(sorted(self.options & names))}: {text}'
            for names, text in _BROKEN
            if self.options & names
        ]


def of(path: pathlib.Path) -> Mount:
    """Return the mount of an existing path; without options if unknown."""
    number = path.stat().st_dev
    try:
        text = _MOUNTS.read_text(errors='replace')
    except OSError:
        text = ''
    return find(text, f'{os.major(number)}:{os.minor(number)}')


def find(mountinfo: str, device: str) -> Mount:
    """Find a mount by its device; of several, the last one.

    :param device: MAJOR:MINOR
    """
    for line in reversed(mountinfo.splitlines()):
        words, _, rest = line.partition(' - ')
        if words.split()[2:3] == [device]:
            kind, _, options, *_ = [*rest.split(), '', '', '']
            return Mount(kind, frozenset(options.split(',')))
    return Mount('', frozenset())
