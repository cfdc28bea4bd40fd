"""glance-api's own token: what the registry lets it in by."""

from collections.abc import Callable
import logging

from keystoneauth1 import exceptions as keystone_exceptions
from oslo_config import cfg

from glance.common import errors
from glance.common import login
from glance.common import repeated

LOG = logging.getLogger(__name__)


def source(conf: cfg.ConfigOpts) -> Callable[[bool], str] | None:
    """This daemon's own token, with the credentials of authtoken.

    :returns: None when no credentials are configured
    """
    session = login.session(conf, float(conf.registry_client_timeout))
    if session is None:
        return None
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
