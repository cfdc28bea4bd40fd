"""The address of this API for its clients.

Links in documents of images are only paths; clients add them to the address
that they use. Full URLs are in the version document and in ``Location``.
"""

import webob


def base(request: webob.Request, public_endpoint: str | None) -> str:
    """The address of the API, without a slash at its end.

    :param public_endpoint: option of that name; None to use the address of
        the request, including the headers of a proxy
    """
    address: str = public_endpoint or request.application_url
    return address.rstrip('/')
