"""Cinder with its volumes in Ceph, Keystone before it, RabbitMQ behind it.

``address`` is the region of Keystone in which it is. The bindings of Ceph
are Debian's, so its environment has links to them.
"""

import pathlib
import shutil
import uuid

import openstack

from tests.live import keystone
from tests.live import processes
from tests.live import servers
from tests.live.rabbitmq import RabbitMQ
from tests.stores.servers import ceph

ROOT = pathlib.Path(__file__).resolve().parents[3]
START_SECONDS = 240
_DEBIAN = pathlib.Path('/usr/lib/python3/dist-packages')
_CAPS = {'mon': 'profile rbd', 'osd': 'profile rbd', 'mgr': 'profile rbd'}
_CONF = """\
[DEFAULT]
state_path = {directory}
transport_url = {bus}
auth_strategy = keystone
osapi_volume_listen = 127.0.0.1
osapi_volume_listen_port = {port}
osapi_volume_workers = 1
enabled_backends = ceph
default_volume_type = ceph
api_paste_config = {etc}/api-paste.ini
resource_query_filters_file = {etc}/resource_filters.json
rootwrap_config = {etc}/rootwrap.conf
host = test
periodic_interval = 5
report_interval = 2
[database]
connection = {database}
[keystone_authtoken]
www_authenticate_uri = {keystone}
auth_url = {keystone}
auth_type = password
username = glance
password = {password}
project_name = service
user_domain_id = default
project_domain_id = default
service_token_roles_required = true
[oslo_concurrency]
lock_path = {directory}/lock
[ceph]
volume_driver = cinder.volume.drivers.rbd.RBDDriver
volume_backend_name = ceph
rbd_pool = volumes
rbd_ceph_conf = {ceph}
rbd_user = cinder
rbd_secret_uuid = 11111111-1111-1111-1111-111111111111
"""


class Cinder:
    variable = 'TEST_CINDER'

    def __init__(self) -> None:
        programs = ROOT / '.nox/cinder/bin'
        processes.find(
            'cinder-manage', '.venv/bin/nox -s cinder', str(programs)
        )
        self.conf = servers.of_store('ceph')
        self.keystone = servers.keystone()
        self.address = f'region-{uuid.uuid4().hex[:12]}'
        self._bus = RabbitMQ()
        self._link_bindings(programs)
        self._install_key()
        directory = processes.private_directory()
        config = directory / 'cinder.conf'
        port = processes.free_port()
        config.write_text(
            _CONF.format(
                directory=directory,
                # SQLite is locked too often when there are several uploads.
                database=servers.new_database(servers.mariadb()),
                bus=self._bus.address,
                port=port,
                etc=programs.parent / 'etc/cinder',
                keystone=self.keystone,
                password=keystone.password('glance'),
                ceph=self.conf,
            )
        )
        processes.run(
            [
                programs / 'cinder-manage',
                '--config-file',
                config,
                'db',
                'sync',
            ],
            START_SECONDS,
        )
        self._processes = []
        for name in ('api', 'scheduler', 'volume'):
            process = processes.Process(
                [programs / f'cinder-{name}', '--config-file', config],
                directory / f'{name}.log',
            )
            process.start()
            self._processes.append(process)
        processes.wait_until(
            lambda: processes.accepts(('127.0.0.1', port)),
            START_SECONDS,
            'cinder-api',
            self._processes[0],
        )
        self._register(f'http://127.0.0.1:{port}/v3/%(tenant_id)s')
        self._make_type()

    def _link_bindings(self, programs: pathlib.Path) -> None:
        (packages,) = programs.parent.glob('lib/python3*/site-packages')
        for name in ('rados', 'rbd'):
            for path in _DEBIAN.glob(f'{name}.cpython-*.so'):
                link = packages / path.name
                link.unlink(missing_ok=True)
                link.symlink_to(path)

    def _install_key(self) -> None:
        """os-brick looks for the key in /etc/ceph only."""
        ceph.add_user(self.conf, 'cinder', _CAPS)
        name = 'ceph.client.cinder.keyring'
        pathlib.Path('/etc/ceph').mkdir(exist_ok=True)
        shutil.copy(pathlib.Path(self.conf).parent / name, f'/etc/ceph/{name}')

    def _register(self, url: str) -> None:
        cloud = keystone.connect(self.keystone, 'admin').identity
        cloud.create_region(id=self.address)
        service = cloud.create_service(name='cinder', type='volumev3')
        (identity,) = cloud.services(type='identity')
        for made, where in ((service, url), (identity, self.keystone)):
            for interface in ('public', 'internal', 'admin'):
                cloud.create_endpoint(
                    service_id=made.id,
                    interface=interface,
                    url=where,
                    region_id=self.address,
                )

    def _make_type(self) -> None:
        volumes = connect(self.address).block_storage
        made = volumes.create_type(name='ceph')
        volumes.update_type_extra_specs(made, volume_backend_name='ceph')
        processes.wait_until(
            lambda: any(
                service.binary == 'cinder-volume' and service.state == 'up'
                for service in volumes.services()
            ),
            START_SECONDS,
            'cinder-volume',
            self._processes[-1],
        )

    def stop(self) -> None:
        for process in reversed(self._processes):
            process.stop()
        self._bus.stop()
        pathlib.Path('/etc/ceph/ceph.client.cinder.keyring').unlink()


def connect(region: str) -> openstack.connection.Connection:
    """Log in as the service user of the image service."""
    return keystone.connect(servers.keystone(), 'glance', region)
