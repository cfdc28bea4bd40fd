"""If-Match and If-None-Match (RFC 9110 section 13.1).

The entity tag of an image is its row version, which increases with every
change; the tag of its data is their hash. A request without these headers is
unconditional.
"""

import re

import webob

from glance.common import contract
from glance.common import errors
from glance.common import wsgi

_TAG = re.compile('(W/)?"([^"]*)"')


def expected(
    request: wsgi.Request, image: contract.Image
) -> contract.Expected:
    """The condition for a change of the image.

    :raises errors.PreconditionFailed: the image is not the version that
        If-Match names, or is one that If-None-Match names
    """
    version = str(image['row_version'])
    if is_known(request, version):
        raise errors.PreconditionFailed(
            'The image still has the version that If-None-Match names.'
        )
    if 'If-Match' not in request.headers:
        return {'row_version': None}
    if not _names(request.headers['If-Match'], version):
        raise errors.PreconditionFailed
    if request.headers['If-Match'].strip() == '*':
        return {'row_version': None}
    return {'row_version': image['row_version']}


def is_known(request: wsgi.Request, etag: str) -> bool:
    """Whether If-None-Match names this tag or ``*`` (any tag)."""
    header = request.headers.get('If-None-Match')
    return header is not None and _names(header, etag, weakly=True)


def _names(header: str, etag: str, *, weakly: bool = False) -> bool:
    """Whether a list of tags contains this one; quotes may be missing.

    :param weakly: whether ``W/"tag"`` matches too
    """
    header = header.strip()
    tags = _TAG.findall(header)
    if not tags:
        return header in ('*', etag)
    return any(tag == etag and (weakly or not weak) for weak, tag in tags)


def not_modified(etag: str) -> webob.Response:
    """304 for a client that already has this version."""
    response = webob.Response(status=304)
    response.etag = etag
    del response.content_type
    del response.content_length
    return response
