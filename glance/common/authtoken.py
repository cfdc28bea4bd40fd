"""keystonemiddleware's check of tokens, with 503 if Keystone fails.

With ``delay_auth_decision`` the library marks a token as invalid if it could
not be checked, for instance because Keystone does not respond or the
password of our service user is wrong. Users would then try to get a new
token, and glance-api would treat its own token as invalid.
"""

from collections.abc import Callable
from typing import Any

from keystoneauth1 import exceptions as keystone_exceptions
from keystonemiddleware import auth_token
from keystonemiddleware.auth_token import _exceptions as token_exceptions
import webob.exc

from glance.common import errors

_UNCHECKED = (
    keystone_exceptions.ConnectFailure,
    keystone_exceptions.DiscoveryFailure,
    keystone_exceptions.RequestTimeout,
    token_exceptions.ServiceError,
)


class AuthProtocol(auth_token.AuthProtocol):  # type: ignore[misc]
    """The filter ``authtoken``."""

    def fetch_token(self, token: str, **options: Any) -> Any:
        """Get the data of a token from Keystone.

        :raises webob.exc.HTTPServiceUnavailable: Keystone could not check it
        """
        try:
            return super().fetch_token(token, **options)
        except token_exceptions.InvalidToken as error:
            if isinstance(error.__context__, _UNCHECKED):
                raise _unavailable() from error
            raise
        except (
            keystone_exceptions.EndpointNotFound,
            webob.exc.HTTPServiceUnavailable,
        ) as error:
            raise _unavailable() from error


def _unavailable() -> webob.exc.HTTPServiceUnavailable:
    # A webob error, like the library's own: our routers do not see it.
    error = errors.KeystoneUnavailable()
    return webob.exc.HTTPServiceUnavailable(str(error), headers=error.headers)


def filter_factory(
    global_conf: dict[str, Any], **local_conf: str
) -> Callable[[Any], AuthProtocol]:
    """Paste factory of the filter ``authtoken``."""
    conf = {**global_conf, **local_conf}
    return lambda app: AuthProtocol(app, conf)
