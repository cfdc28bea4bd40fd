"""The service user of [keystone_authtoken]: its options, login and roles.

glance-api shows the token of this user to glance-registry, which serves only
holders of one of the service roles.
"""

from collections.abc import Sequence
import logging
import shlex
from typing import Any

from keystoneauth1 import exceptions as keystone_exceptions
from keystoneauth1 import loading
from keystonemiddleware import auth_token
from oslo_config import cfg

from glance.common import login_options

LOG = logging.getLogger(__name__)

#: Seconds for each request of the check at start.
CHECK_SECONDS = 5.0


def session(conf: cfg.ConfigOpts, timeout_seconds: float) -> Any:
    """Make a keystoneauth session of the service user.

    :param timeout_seconds: limit of a request if [keystone_authtoken] has
        no ``timeout``
    :returns: None if no credentials are configured
    """
    group = login_options.GROUP
    # Register the library's options first: it accepts only its own ones, and
    # ours with the same names are then skipped. Whether the paste file has
    # loaded the library by now depends on that file.
    for _, options in auth_token.list_opts():
        conf.register_opts(options, group)
    loading.register_auth_conf_options(conf, group)
    for option in loading.get_session_conf_options():
        try:
            conf.register_opt(option, group)
        except cfg.DuplicateOptError:
            continue
    auth = loading.load_auth_from_conf_options(conf, group)
    if auth is None:
        return None
    made = loading.load_session_from_conf_options(conf, group, auth=auth)
    if made.timeout is None:  # would wait forever
        made.timeout = timeout_seconds
    return made


def check_roles(conf: cfg.ConfigOpts, required: Sequence[str]) -> None:
    """Log an ERROR if the service user has none of the required roles.

    The daemon starts anyway, because the next token contains a role that is
    assigned later. If Keystone does not respond, a WARNING is logged.
    """
    keystone = session(conf, CHECK_SECONDS)
    if keystone is None:
        return
    try:
        access = keystone.auth.get_access(keystone)
    except keystone_exceptions.ClientException as error:
        LOG.warning(
            'The roles of the service user could not be checked, because '
            'logging in with [keystone_authtoken] failed: %s',
            error,
        )
        return
    roles = {role.lower() for role in access.role_names}
    if roles.isdisjoint(role.lower() for role in required):
        LOG.error(
            'The service user "%s" has none of the roles %s in the project '
            '"%s", so glance-registry refuses all requests of glance-api. '
            'Run: %s',
            access.username,
            ', '.join(required),
            access.project_name,
            shlex.join(_command(access, required[0])),
        )


def _command(access: Any, role: str) -> list[str]:
    """The command that assigns the role."""
    command = ['openstack', 'role', 'add']
    for kind in ('project', 'user'):
        domain = getattr(access, f'{kind}_domain_id')
        if domain not in (None, 'default'):
            command += [f'--{kind}-domain', domain]
    for kind in ('project', 'user'):
        name = getattr(
            access, 'username' if kind == 'user' else f'{kind}_name'
        )
        command += [f'--{kind}', name or '']
    return [*command, role]
