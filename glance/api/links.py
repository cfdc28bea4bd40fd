"""Addresses of this API as its clients reach it.

Links in documents of images are paths, which clients put behind the address
they know. Whole addresses are in the version document and in ``Location``.
"""

import webob


def base(request: webob.Request, public_endpoint: str | None) -> str:
    """The address of the API, without a slash at its end.

    :param public_endpoint: option of that name; None: as the request came,
        with what a proxy said of it
    """
    address: str = public_endpoint or request.application_url
    return address.rstrip('/')
