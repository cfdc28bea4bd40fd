"""glance-api's own token: what the registry lets it in by."""

from collections.abc import Callable
import contextlib
import logging

from keystoneauth1 import exceptions as keystone_exceptions
from keystoneauth1 import loading
from keystonemiddleware import auth_token
from oslo_config import cfg

from glance.common import errors
from glance.common import repeated

LOG = logging.getLogger(__name__)


def source(conf: cfg.ConfigOpts) -> Callable[[bool], str] | None:
    """This daemon's own token, with the credentials of authtoken.

    :returns: None when no credentials are configured
    """
    group = 'keystone_authtoken'
    # The library's declarations come first: it accepts no others, and ours
    # with the same names are skipped. Whether the paste file has loaded it
    # by now depends on the layout of that file.
    for _, options in auth_token.list_opts():
        conf.register_opts(options, group)
    loading.register_auth_conf_options(conf, group)
    for option in loading.get_session_conf_options():
        # keystonemiddleware has some of them, with other help.
        with contextlib.suppress(cfg.DuplicateOptError):
            conf.register_opt(option, group)
    auth = loading.load_auth_from_conf_options(conf, group)
    if auth is None:
        return None
    session = loading.load_session_from_conf_options(conf, group, auth=auth)
    if session.timeout is None:  # would wait for ever
        session.timeout = float(conf.registry_client_timeout)

    trouble = repeated.Repeated()

    def token(renew: bool) -> str:
        try:
            if renew:
                auth.invalidate()
            found: str | None = auth.get_token(session)
        except keystone_exceptions.ClientException as error:
            if trouble.is_due():
                LOG.error('No service token: %s%s', error, trouble.untold())
            raise errors.RegistryUnavailable from error
        if found is None:
            raise errors.RegistryUnavailable
        return found

    return token
