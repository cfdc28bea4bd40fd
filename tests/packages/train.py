"""The files that a controller of the release Train (19) has in /etc/glance."""

import json
import pathlib

from tests.live import paste_layouts
from tests.unit.registry.cmd import sites

_COMMON = f"""\
[DEFAULT]
bind_host = 127.0.0.1
debug = False
log_file = /var/log/glance/{{name}}.log
transport_url = rabbit://openstack:secret@controller
use_syslog = False

[database]
backend = sqlalchemy
connection = sqlite:////var/lib/glance/glance.sqlite

{sites.LOGIN}
[paste_deploy]
# The machine of the test has no Keystone.
flavor =
"""
_API = """
[DEFAULT]
registry_host = 127.0.0.1
enable_v1_api = False
enable_v2_api = True
data_api = glance.db.registry.api
delayed_delete = True
show_image_direct_url = False
workers = 2
node_staging_uri = file:///var/lib/glance/staging

[glance_store]
stores = file,http
default_store = file
filesystem_store_datadir = /var/lib/glance/images/

[oslo_policy]
policy_file = policy.json
"""
_SCRUBBER = """\
[DEFAULT]
log_file = /var/log/glance/scrubber.log
registry_host = 127.0.0.1
wakeup_time = 1
scrub_time = 0

[glance_store]
filesystem_store_datadir = /var/lib/glance/images/
"""
_POLICY = {
    'context_is_admin': 'role:admin',
    'default': 'role:admin',
    'add_image': '',
    'delete_image': '',
    'get_image': '',
    'get_images': '',
    'modify_image': '',
    'publicize_image': 'role:admin',
    'upload_image': '',
    'download_image': '',
}


def write(directory: pathlib.Path) -> None:
    """Write /etc/glance of Train into a directory that is made."""
    directory.mkdir()
    (train,) = (
        layout
        for layout in paste_layouts.LAYOUTS
        if layout.releases == '13-20'
    )
    for name, text in {
        'glance-api.conf': _COMMON.format(name='api') + _API,
        'glance-registry.conf': _COMMON.format(name='registry'),
        'glance-scrubber.conf': _SCRUBBER,
        'glance-api-paste.ini': train.api(),
        'glance-registry-paste.ini': train.registry(),
        'policy.json': json.dumps(_POLICY, indent=4),
    }.items():
        (directory / name).write_text(text)
