"""Options of [keystone_authtoken] that differ from keystonemiddleware's.

The library declares them again when it is loaded. It is loaded only if a
pipeline needs it, because it needs 6 MiB.
"""

from typing import Any

from oslo_config import cfg

GROUP = 'keystone_authtoken'
#: The roles that identify a peer as one of our services. In sites that were
#: set up for the classic service, the service user has the role admin; the
#: holder of an admin's token may do everything anyway.
SERVICE_ROLES = ['service', 'admin']


class _DeclaredTwice(cfg.Opt):
    """An option that a library may declare too, with another help.

    oslo.config refuses a second declaration that differs from the first.
    """

    def __eq__(self, other: object) -> bool:
        return isinstance(other, cfg.Opt) and bool(self.dest == other.dest)

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = object.__hash__


class SharedStrOpt(_DeclaredTwice, cfg.StrOpt):
    """A string that a library declares too."""

    def __init__(self, name: str, **options: Any) -> None:
        cfg.StrOpt.__init__(self, name, **options)


class SharedListOpt(_DeclaredTwice, cfg.ListOpt):
    """A list that a library declares too."""

    def __init__(self, name: str, **options: Any) -> None:
        cfg.ListOpt.__init__(self, name, **options)


class SharedMultiStrOpt(_DeclaredTwice, cfg.MultiStrOpt):
    """A repeatable string that a library declares too."""

    def __init__(self, name: str, **options: Any) -> None:
        cfg.MultiStrOpt.__init__(self, name, **options)


#: Options of both daemons.
OPTS: list[cfg.Opt] = [
    SharedStrOpt(
        'www_authenticate_uri',
        deprecated_name='auth_uri',
        help='URL of Keystone for clients; a 401 response names it.',
    ),
]
#: Options of glance-registry.
REGISTRY_OPTS: list[cfg.Opt] = [
    *OPTS,
    SharedListOpt(
        'service_token_roles',
        default=SERVICE_ROLES,
        help=(
            'Roles of which the service user of glance-api needs one. The '
            'strict setting is "service": then a service user that has '
            'only the role admin is refused.'
        ),
    ),
]


def required_roles(conf: cfg.ConfigOpts) -> list[str]:
    """The roles that a registry with this [keystone_authtoken] requires.

    In glance-api the library's default is not used, because the option
    applies to the registry; only a value that was set is used.
    """
    place = conf.get_location('service_token_roles', GROUP)
    if place is not None and place.location.is_user_controlled:
        roles: list[str] = conf[GROUP].service_token_roles
        return roles or SERVICE_ROLES
    return SERVICE_ROLES
