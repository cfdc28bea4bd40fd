"""Images to be fetched into the cache, as empty files of a directory."""

import contextlib
import errno
import logging
import os

from glance.cache import images
from glance.cache import layout as layouts
from glance.common import errors

LOG = logging.getLogger(__name__)


class Queue:
    """The queue; the oldest entry comes first."""

    def __init__(self, layout: layouts.Layout) -> None:
        self._directory = layout.queue

    def add(self, image_id: str) -> None:
        """:raises errors.BadRequest: the id is malformed"""
        if not layouts.is_image_name(image_id):
            raise errors.BadRequest(
                'The id of an image has 1 to 36 letters, digits, "-" or "_".'
            )
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self._directory / image_id, flags, 0o640))

    def remove(self, image_id: str) -> bool:
        """Remove an image; return whether it was queued."""
        try:
            (self._directory / image_id).unlink()
        except FileNotFoundError:
            return False
        except OSError as error:
            if error.errno in (errno.ENAMETOOLONG, errno.EISDIR):
                return False
            raise
        return True

    def clear(self) -> int:
        return sum(self.remove(image_id) for image_id in self.ids())

    def ids(self) -> list[str]:
        return [name for name, _ in layouts.files_in(self._directory)]


class Prefetcher:
    """Fetches queued images, one at a time on a host.

    :param show: returns the record of an image, as the service sees it
    :param open_stored: opens a part of an image in its store
    """

    def __init__(
        self,
        cached: images.CachedImages,
        queue: Queue,
        show: images.Show,
        open_stored: images.OpenStored,
    ) -> None:
        self._cached = cached
        self._queue = queue
        self._show = show
        self._open_stored = open_stored

    def run(self) -> int:
        """Work until the queue is done; return how many images stay queued."""
        tried: set[str] = set()
        while set(self._queue.ids()) - tried:
            with self._cached.layout.alone('prefetch') as is_alone:
                if not is_alone:
                    return 0  # another worker is doing this
                for image_id in self._queue.ids():
                    if image_id not in tried:
                        tried.add(image_id)
                        self._fetch(image_id)
        return len(tried & set(self._queue.ids()))

    def _fetch(self, image_id: str) -> None:
        """Fetch one image; it stays queued if a retry may succeed."""
        try:
            image = self._show(image_id)
            if image['status'] != 'active':
                raise errors.Conflict(f'It is {image["status"]}.')
            fetch = images.fetch_of(image, self._open_stored)
            is_there = self._cached.follow(image, fetch)
        except (errors.NotFound, errors.Conflict) as error:
            LOG.warning(
                'Removed image %s from the queue of the image cache: %s',
                image_id,
                error,
            )
        except (errors.Error, *images.TROUBLE) as error:
            LOG.warning(
                'Could not fetch image %s into the image cache; it stays '
                'queued: %s',
                image_id,
                error,
            )
            return
        else:
            self._tell(image_id, is_there)
        self._queue.remove(image_id)

    def _tell(self, image_id: str, is_there: bool) -> None:
        if is_there:
            LOG.info('Fetched image %s into the image cache', image_id)
            return
        LOG.warning(
            'Removed image %s from the queue of the image cache: it cannot '
            'be cached now, because its data is on this host, is larger than '
            'image_cache_max_size, cannot be read, or has a wrong hash',
            image_id,
        )
