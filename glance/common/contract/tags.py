"""The tags of an image."""

from typing import TypedDict

from glance.common.contract.operation import IMAGE
from glance.common.contract.operation import Operation


class NewTag(TypedDict):
    """:key quota: how many tags an image may have; negative is unlimited"""

    quota: int


_TAG = f'{IMAGE}/tags/{{tag}}'
ADD_TAG = Operation[None]('add_tag', 'PUT', _TAG, None, True)
DELETE_TAG = Operation[None]('delete_tag', 'DELETE', _TAG, None, False)
