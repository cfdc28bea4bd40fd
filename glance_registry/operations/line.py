"""The type of one line in the table of operations."""

from collections.abc import Callable
import re
from typing import Any, NamedTuple

import sqlalchemy as sa

from glance.common import context
from glance.common import errors

_ID = re.compile(r'[\w-]{1,36}', re.ASCII)


class Call(NamedTuple):
    """One request.

    :ivar image_id: image id in the URL path; empty if the path has none
    :ivar names: the other variables of the URL path, for instance the tag
    :ivar document: the JSON object of the request body
    :ivar lease_seconds: time after which a claim without renewal expires
    :ivar dialect: dialect of the database
    """

    context: context.RequestContext
    image_id: str
    names: dict[str, str]
    document: Any
    lease_seconds: int
    dialect: str


class Line(NamedTuple):
    """One operation and the function that it runs.

    :ivar writes: True: run in a transaction; False: run as a read
    :ivar required: fields that the document of the request must have;
        empty: the request has no document
    :ivar status: HTTP status of a successful response with a document
    """

    operation: str
    writes: bool
    required: tuple[str, ...]
    run: Callable[[sa.Connection, Call], Any]
    status: int = 200


READ, WRITE = False, True


def require_id(image_id: Any) -> str:
    """Check that the database can store the id.

    :raises errors.NotFound: no image can have this id
    """
    if not isinstance(image_id, str) or not _ID.fullmatch(image_id):
        raise errors.NotFound('There is no such image.')
    return image_id
