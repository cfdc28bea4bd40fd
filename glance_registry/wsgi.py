"""glance-registry for any WSGI server: ``glance_registry.wsgi:application``.

Importing this module reads the configuration. doc/operations/wsgi-servers.md
has the configuration of gunicorn and uWSGI.
"""

import os

from oslo_config import cfg

from glance.common import hosting
from glance_registry import conf as registry_conf

application = hosting.application(
    cfg.CONF,
    hosting.Daemon(
        'glance-registry',
        registry_conf.register,
        os.path.join(
            os.path.dirname(registry_conf.__file__),
            'glance-registry-paste.ini',
        ),
    ),
)
