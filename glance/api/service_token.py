"""glance-api's own token, which the registry requires."""

from collections.abc import Callable
import logging
from typing import Any

from keystoneauth1 import exceptions as keystone_exceptions

from glance.common import errors
from glance.common import repeated

LOG = logging.getLogger(__name__)


def source(session: Any) -> Callable[[bool], str]:
    """Make a function that returns this daemon's own token.

    Its argument says whether to renew the token.

    :param session: a keystoneauth session of the service user
    """
    auth = session.auth
    trouble = repeated.Repeated()

    def token(renew: bool) -> str:
        try:
            if renew:
                auth.invalidate()
            token_id: str | None = auth.get_token(session)
        except keystone_exceptions.ClientException as error:
            if trouble.is_due():
                LOG.error(
                    'Could not get a service token from Keystone: %s%s',
                    error,
                    trouble.untold(),
                )
            raise errors.RegistryUnavailable from error
        if token_id is None:
            raise errors.RegistryUnavailable
        return token_id

    return token
