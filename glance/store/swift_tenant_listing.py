"""Lists the data of images in the Swift accounts of their owners.

The accounts cannot be listed, but each image has a mark (:mod:`swift_marks`)
for as long as it may have data.
"""

from collections.abc import Callable, Iterator
import functools
import logging

from glance.common import errors
from glance.common import threads
from glance.store import base
from glance.store import listing
from glance.store import servers
from glance.store import swift_marks
from glance.store import swift_record

LOG = logging.getLogger(__name__)


def pieces(
    marks: swift_marks.Marks,
    place_of: Callable[[str, str], swift_record.Place],
    hold: Callable[[str], base.Held | None],
) -> Iterator[base.Piece]:
    """Yield the data of all images that have a mark.

    :param place_of: returns where the data of an image is, by the URL of the
        account and the id of the image
    :raises errors.StoreUnavailable: some marks or accounts cannot be read
        now; raised at the end, after the data of the others
    """
    trouble: errors.StoreUnavailable | None = None
    for image_id, age_seconds in marks.listed():
        if listing.owner_of(image_id) != (image_id, False):
            continue
        try:
            mark = threads.run(marks.get, image_id)
            if mark is None:  # removed since it was listed
                continue
            place = place_of(mark.url, image_id)
            size_bytes = threads.run(_size, place, mark)
        except errors.StoreUnavailable as error:
            LOG.error(
                'Could not list the data of image %s: %s',
                image_id,
                base.reason(error),
            )
            trouble = error
            continue
        account = mark.url.rpartition('/')[2]
        yield base.Piece(
            name=f'{account}/{place.path}',
            image_id=image_id,
            url=f'swift+{mark.url}/{servers.quoted(place.path)}',
            is_aside=False,
            size_bytes=size_bytes,
            age_seconds=age_seconds,
            hold=functools.partial(hold, image_id),
        )
    if trouble is not None:
        raise trouble


def _size(place: swift_record.Place, mark: swift_marks.Mark) -> int:
    if mark.pieces is not None:
        return sum(each.size_bytes for each in mark.pieces)
    found = place.account.documents(place.container, place.name)
    return sum(int(each['bytes']) for each in found)
