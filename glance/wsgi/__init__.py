"""glance-api for any WSGI server: ``glance.wsgi:application``.

Importing this module reads the configuration. doc/operations/wsgi-servers.md
has the configuration of gunicorn and uWSGI.
"""

from oslo_config import cfg

from glance.api import conf as api_conf
from glance.api import known_settings
from glance.common import hosting

application = hosting.application(
    cfg.CONF,
    hosting.Daemon(
        'glance-api',
        api_conf,
        known_settings.TABLE,
        further_files=('glance-image-import.conf',),
    ),
)
