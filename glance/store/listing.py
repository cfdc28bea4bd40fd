"""Lists the files of a directory of images, and sets files aside.

The names of data that was set aside are the same in all stores.
"""

from collections.abc import Callable, Iterator, Mapping
import datetime
from email import utils
import functools
import os
import pathlib
import re
import time
import uuid

from glance.store import base
from glance.store import partial
from glance.store import regular

#: In the names of damaged files: between the image's id and a number.
_ASIDE = '.damaged-'
_ID = re.compile(
    rf'([0-9a-f]{{8}}-(?:[0-9a-f]{{4}}-){{3}}[0-9a-f]{{12}})'
    rf'({re.escape(_ASIDE)}[0-9a-f]+)?'
)


def owner_of(name: str) -> tuple[str | None, bool]:
    """The image that data belongs to, according to its name.

    :returns: the image's id, or None if it is no name of an image's data;
        and whether the data was set aside
    """
    match = _ID.fullmatch(name)
    return (match[1], match[2] is not None) if match else (None, False)


def image_name_in(name: str) -> str | None:
    """The name of an image's data with which a name begins."""
    match = _ID.match(name)
    return match and match[0]


def aside_name(name: str) -> str:
    """A new name for damaged data."""
    return f'{name}{_ASIDE}{uuid.uuid4().hex[:8]}'


def time_of(headers: Mapping[str, str]) -> datetime.datetime:
    """The time of a server when it sent a response.

    The age of data is measured with it, because the clock of this host may be
    wrong.
    """
    try:
        return utils.parsedate_to_datetime(headers.get('Date') or '')
    except ValueError:
        return datetime.datetime.now(datetime.UTC)


def seconds_between(
    before: datetime.datetime, after: datetime.datetime
) -> float:
    """The time between two times, which are UTC if they have no time zone."""
    first, last = (
        each if each.tzinfo else each.replace(tzinfo=datetime.UTC)
        for each in (before, after)
    )
    return (last - first).total_seconds()


def pieces(
    directory: pathlib.Path,
    url_of: Callable[[pathlib.Path], str],
    hold: Callable[[pathlib.Path], base.Held | None],
) -> Iterator[base.Piece]:
    """Yield every complete regular file.

    :param url_of: returns the URL of a file
    :param hold: opens a file for its removal
    :raises OSError: the directory cannot be read
    """
    now = time.time()
    with os.scandir(directory) as entries:
        for entry in entries:
            if entry.name.startswith(partial.PREFIX):
                continue
            try:
                if not entry.is_file(follow_symlinks=False):
                    continue
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue  # removed meanwhile
            path = directory / entry.name
            image_id, is_aside = owner_of(entry.name)
            yield base.Piece(
                name=str(path),
                image_id=image_id,
                url=url_of(path),
                is_aside=is_aside,
                size_bytes=status.st_size,
                # The ctime too, which changes when a file is set aside.
                age_seconds=now - max(status.st_mtime, status.st_ctime),
                hold=functools.partial(hold, path),
            )


def set_aside(path: pathlib.Path) -> str:
    """Rename a damaged file.

    :raises OSError: it cannot be renamed
    """
    aside = path.with_name(aside_name(path.name))
    with regular.alone(path.parent):
        path.rename(aside)
    return str(aside)
