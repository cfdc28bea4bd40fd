"""``inject_image_metadata``: adds properties to every imported image."""

from collections.abc import Iterable, Mapping
import logging

from glance.images.importing import plugins
from glance.images.importing import source

LOG = logging.getLogger(__name__)

#: Prefix of properties that only the service itself sets.
_RESERVED = 'os_glance'


class InjectMetadata(plugins.Streaming):
    """:param ignored_roles: users with such a role get no properties"""

    def __init__(
        self, inject: Mapping[str, str], ignored_roles: Iterable[str]
    ) -> None:
        self._inject = {
            name: value
            for name, value in inject.items()
            if not name.startswith(_RESERVED)
        }
        for name in inject.keys() - self._inject.keys():
            LOG.warning(
                '[inject_metadata_properties] inject: ignored %s, because '
                'only the service sets properties named %s...',
                name,
                _RESERVED,
            )
        self._ignored_roles = {role.lower() for role in ignored_roles}

    def wrap(self, job: plugins.Job, data: source.Data) -> source.Data:
        roles = {role.lower() for role in job.roles}
        if not roles & self._ignored_roles:
            job.properties |= self._inject
        return data
