"""Names data in stores that write it under another name first."""

from collections.abc import Callable
import logging

from glance.common import errors

LOG = logging.getLogger(__name__)


def replace(name: str, step: Callable[[], bool]) -> None:
    """Give data a name that other data has, which is orphaned.

    It is orphaned because the caller holds the claim of the image.

    :param step: replaces the other data; returns whether the data is named
    """
    LOG.warning(
        'Replaced the data that an interrupted upload of image %s left', name
    )
    if not step():
        raise errors.StoreUnavailable  # cannot happen with the claim
