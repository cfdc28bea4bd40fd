"""If-Match: changes on condition (RFC 9110 section 13.1.1).

The tag of an image is the version of its row, which rises with every
change. WebOb answers If-None-Match by itself. A request without these
headers is served as ever.
"""

from glance.common import contract
from glance.common import errors
from glance.common import wsgi


def expected(
    request: wsgi.Request, image: contract.Image
) -> contract.Expected:
    """What a change of the image depends on.

    :raises errors.PreconditionFailed: the image is another version
    """
    if 'If-Match' not in request.headers:
        return {'row_version': None}
    if str(image['row_version']) not in request.if_match:
        raise errors.PreconditionFailed
    if request.headers['If-Match'].strip() == '*':
        return {'row_version': None}
    return {'row_version': image['row_version']}
