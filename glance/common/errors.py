"""Every error that either daemon raises on purpose.

Error                          500 (never raised itself)
├── DatabaseFault              500  an administrator must mend it
├── BadRequest                 400  malformed or refused input
│   └── InvalidMarker          400
├── Unauthorized               401
├── Forbidden                  403  visible, but not permitted
│   └── NotAService            403  the peer is none of our daemons
├── NotFound                   404  not there, or not visible
├── MethodNotAllowed           405
├── Conflict                   409  the state does not allow it
│   ├── Duplicate              409
│   └── Busy                   409  too many tries lost against others
├── Gone                       410  vanished while it was worked on
├── PreconditionFailed         412  it is not as If-Match wants it
├── LimitExceeded              413  a quota, a cap, a full store
├── UnsupportedMediaType       415
├── RangeNotSatisfiable        416
├── HeaderTooLarge             431
├── NotImplementedMethod       501
├── Unavailable                503  try again later
│   ├── OutOfDescriptors       503
│   ├── RegistryUnavailable    503
│   ├── DatabaseUnavailable    503
│   ├── KeystoneUnavailable    503
│   └── StoreUnavailable       503
└── ConfigurationError         --   ends the daemon at start; names the option

``status`` is the HTTP answer, ``code`` crosses the wire between the daemons
and is stable, ``headers`` go out with the answer.
"""

import errno

#: The process or the machine has no descriptor left.
_NO_DESCRIPTOR = frozenset((errno.EMFILE, errno.ENFILE))
#: A message may quote what a client sent; megabytes do not go back.
MAX_MESSAGE_LENGTH = 1000


class Error(Exception):
    """An error with its answer.

    :param message: what a person should read; the class's own text if empty
    :param headers: extra HTTP headers of the answer
    """

    status = 500
    code = 'error'
    text = 'The server failed to handle the request.'

    def __init__(
        self, message: str = '', headers: dict[str, str] | None = None
    ) -> None:
        super().__init__((message or self.text)[:MAX_MESSAGE_LENGTH])
        self.headers = headers or {}


class BadRequest(Error):
    status = 400
    code = 'bad_request'
    text = 'The request is malformed.'


class InvalidMarker(BadRequest):
    code = 'invalid_marker'
    text = 'The marker is not the id of an image that is visible to you.'


class Unauthorized(Error):
    status = 401
    code = 'unauthorized'
    text = 'A valid token is required.'


class Forbidden(Error):
    status = 403
    code = 'forbidden'
    text = 'You are not permitted to do this.'


class NotAService(Forbidden):
    code = 'not_a_service'
    text = (
        'The registry serves glance-api only: send a service token with one '
        'of [keystone_authtoken] service_token_roles.'
    )


class NotFound(Error):
    status = 404
    code = 'not_found'
    text = 'The resource could not be found.'


class MethodNotAllowed(Error):
    status = 405
    code = 'method_not_allowed'
    text = 'The method is not allowed for this resource.'


class Conflict(Error):
    status = 409
    code = 'conflict'
    text = 'The current state does not allow this.'


class Duplicate(Conflict):
    code = 'duplicate'
    text = 'The resource exists already.'


class Busy(Conflict):
    code = 'busy'
    text = (
        'The resource was changed by other requests at the same time; try '
        'again.'
    )


class Gone(Error):
    status = 410
    code = 'gone'
    text = 'The resource was deleted while the request was handled.'


class PreconditionFailed(Error):
    status = 412
    code = 'precondition_failed'
    text = 'The resource has changed since it was read.'


class LimitExceeded(Error):
    status = 413
    code = 'limit_exceeded'
    text = 'A limit is exceeded.'


class UnsupportedMediaType(Error):
    status = 415
    code = 'unsupported_media_type'
    text = 'The content type is not supported by this resource.'


class RangeNotSatisfiable(Error):
    status = 416
    code = 'range_not_satisfiable'
    text = 'The requested range cannot be served.'


class HeaderTooLarge(Error):
    status = 431
    code = 'header_too_large'
    text = 'A request header is too large.'


class NotImplementedMethod(Error):
    status = 501
    code = 'not_implemented'
    text = 'The HTTP method is not known.'


class DatabaseFault(Error):
    """A failure that lasts until an administrator mends the database."""

    code = 'database_fault'
    text = (
        'The image database refused the request. Trying again does not help; '
        'the log of glance-registry has the reason.'
    )


class Unavailable(Error):
    status = 503
    code = 'unavailable'
    text = 'The service is unavailable at the moment; try again later.'

    def __init__(
        self, message: str = '', headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message, {'Retry-After': '5', **(headers or {})})


class OutOfDescriptors(Unavailable):
    code = 'out_of_descriptors'
    text = 'The service has too many files open; try again later.'


class RegistryUnavailable(Unavailable):
    code = 'registry_unavailable'
    text = 'The image registry cannot be reached; try again later.'


class DatabaseUnavailable(Unavailable):
    code = 'database_unavailable'
    text = 'The image database cannot be reached; try again later.'


class KeystoneUnavailable(Unavailable):
    code = 'keystone_unavailable'
    text = 'The identity service cannot check tokens; try again later.'


class StoreUnavailable(Unavailable):
    code = 'store_unavailable'
    text = 'The image store does not work at the moment; try again later.'


class ConfigurationError(Error):
    """A daemon cannot start like this; the message names the option."""

    code = 'configuration_error'
    text = 'The configuration is wrong.'


def lacks_descriptors(error: BaseException | None) -> bool:
    """Whether it failed because no file or socket could be opened."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_DESCRIPTOR:
            return True
        error = error.__cause__ or error.__context__
    return False


def public_text(error: BaseException) -> str:
    """The text of an error that its owner may read; no internal detail."""
    return str(error) if isinstance(error, Error) else Error.text


def _family(root: type[Error]) -> dict[str, type[Error]]:
    found = {root.code: root}
    for child in root.__subclasses__():
        found.update(_family(child))
    return found


#: Stable code -> class: how an error crosses the wire between the daemons.
BY_CODE = _family(Error)
