"""Pick a location of an image and open its bytes."""

import logging

from glance.common import contract
from glance.common import errors
from glance.store import base as store_base

LOG = logging.getLogger(__name__)


def open_data(
    store: store_base.Store,
    image: contract.Image,
    offset: int,
    length: int | None,
) -> store_base.Body | None:
    """The bytes from the first location that has them.

    :returns: None if the image has no data, or its stores lost it
    :raises errors.StoreUnavailable: a store has it, but cannot give it now
    """
    trouble: errors.Error | None = None
    for location in image['locations']:
        try:
            return store.open(location['url'], offset, length)
        except errors.NotFound:
            LOG.error('A location of image %s has no data', image['id'])
        except errors.StoreUnavailable as error:
            trouble = error
    if trouble is not None:
        raise trouble
    return None
