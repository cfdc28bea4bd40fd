"""glance-api for any WSGI server: ``glance.wsgi:application``.

Importing this module reads the configuration. doc/operations/wsgi-servers.md
has the configuration of gunicorn and uWSGI.
"""

import os

from oslo_config import cfg

from glance.api import conf as api_conf
from glance.common import hosting

application = hosting.application(
    cfg.CONF,
    hosting.Daemon(
        'glance-api',
        api_conf.register,
        os.path.join(
            os.path.dirname(api_conf.__file__), 'glance-api-paste.ini'
        ),
        further_files=('glance-image-import.conf',),
    ),
)
