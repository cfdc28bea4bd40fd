"""glance-api's own token: what the registry lets it in by."""

from collections.abc import Callable
import logging
from typing import Any

from keystoneauth1 import exceptions as keystone_exceptions

from glance.common import errors
from glance.common import repeated

LOG = logging.getLogger(__name__)


def source(session: Any) -> Callable[[bool], str]:
    """This daemon's own token, renewed if the argument says so.

    :param session: of keystoneauth, for the service user
    """
    auth = session.auth
    trouble = repeated.Repeated()

    def token(renew: bool) -> str:
        try:
            if renew:
                auth.invalidate()
            found: str | None = auth.get_token(session)
        except keystone_exceptions.ClientException as error:
            if trouble.is_due():
                LOG.error(
                    'Could not get a service token from Keystone: %s%s',
                    error,
                    trouble.untold(),
                )
            raise errors.RegistryUnavailable from error
        if found is None:
            raise errors.RegistryUnavailable
        return found

    return token
