"""glance-registry for any WSGI server: ``glance_registry.wsgi:application``.

Importing this module reads the configuration. doc/operations/wsgi-servers.md
has the configuration of gunicorn and uWSGI.
"""

from oslo_config import cfg

from glance.common import hosting
from glance_registry import conf as registry_conf
from glance_registry import known_settings

application = hosting.application(
    cfg.CONF,
    hosting.Daemon('glance-registry', registry_conf, known_settings.TABLE),
)
