"""Every error that either daemon raises on purpose.

Error                          500 (never raised itself)
├── DatabaseFault              500  an administrator must repair it
├── BadRequest                 400  malformed or refused input
│   └── InvalidMarker          400
├── Unauthorized               401
├── Forbidden                  403  visible, but not permitted
│   └── NotAService            403  the peer is not one of our daemons
├── NotFound                   404  does not exist, or is not visible
├── MethodNotAllowed           405
├── Conflict                   409  the state does not allow it
│   ├── Duplicate              409
│   └── Busy                   409  too many conflicts with other requests
├── Gone                       410  deleted during the operation
├── PreconditionFailed         412  the version differs from If-Match
├── LimitExceeded              413  a quota, a limit, a full store
├── UnsupportedMediaType       415
├── RangeNotSatisfiable        416
├── HeaderTooLarge             431
├── NotImplementedMethod       501
├── BadGateway                 502  another of our hosts failed
├── GatewayTimeout             504  another of our hosts does not respond
├── Unavailable                503  try again later
│   ├── OutOfDescriptors       503
│   ├── RegistryUnavailable    503
│   ├── RegistryOutdated       503  it has not been upgraded yet
│   ├── DatabaseUnavailable    503
│   ├── KeystoneUnavailable    503
│   └── StoreUnavailable       503
└── ConfigurationError         --   ends the daemon at start; names the option

``status`` is the HTTP status. ``code`` is stable and is sent between the
daemons. ``headers`` are sent with the response.
"""

import errno

#: The process or the machine has no descriptor left.
_NO_DESCRIPTOR = frozenset((errno.EMFILE, errno.ENFILE))
#: A message may quote a request, so its length is limited.
MAX_MESSAGE_LENGTH = 1000


class Error(Exception):
    """An error with its HTTP response.

    :param message: text for the user; the class's own text if empty
    :param headers: extra HTTP headers of the response
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


class BadGateway(Error):
    status = 502
    code = 'bad_gateway'
    text = 'Another host of the service failed to handle the request.'


class GatewayTimeout(Error):
    status = 504
    code = 'gateway_timeout'
    text = 'Another host of the service does not respond.'


class DatabaseFault(Error):
    """A failure that lasts until an administrator repairs the database."""

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


class RegistryOutdated(Unavailable):
    code = 'registry_outdated'
    text = (
        'The image registry is of an older release that cannot do this; an '
        'administrator must upgrade it.'
    )


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
    """The configuration prevents the start; the message names the option."""

    code = 'configuration_error'
    text = 'The configuration is wrong.'


def lacks_descriptors(error: BaseException | None) -> bool:
    """Whether the cause of an error is that no descriptor is free."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _NO_DESCRIPTOR:
            return True
        error = error.__cause__ or error.__context__
    return False


def public_text(error: BaseException) -> str:
    """The text of an error that its owner may read; no internal detail."""
    return str(error) if isinstance(error, Error) else Error.text


def _family(root: type[Error]) -> dict[str, type[Error]]:
    family = {root.code: root}
    for child in root.__subclasses__():
        family.update(_family(child))
    return family


#: Stable code -> class; the code is sent between the daemons.
BY_CODE = _family(Error)
