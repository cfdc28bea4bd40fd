"""ETag, If-None-Match and If-Match of an image (RFC 9110 section 13).

The tag is the row's version, which rises with every change. A request
without these headers is served as ever.
"""

from collections.abc import Sequence

from glance.common import contract
from glance.common import errors
from glance.common import wsgi


def etag(image: contract.Image) -> str:
    return f'"{image["row_version"]}"'


def is_known(request: wsgi.Request, image: contract.Image) -> bool:
    """Whether the client has this very version (``If-None-Match``)."""
    header = request.headers.get('If-None-Match')
    return header is not None and _names(header, image)


def expected(
    request: wsgi.Request, image: contract.Image
) -> contract.Expected:
    """What a change of the image depends on (``If-Match``).

    :raises errors.PreconditionFailed: the image is another version
    """
    header = request.headers.get('If-Match')
    if header is None:
        return {'row_version': None}
    if not _names(header, image):
        raise errors.PreconditionFailed
    if header.strip() == '*':
        return {'row_version': None}
    return {'row_version': image['row_version']}


def _names(header: str, image: contract.Image) -> bool:
    tags: Sequence[str] = [tag.strip() for tag in header.split(',')]
    return tags == ['*'] or etag(image) in tags
