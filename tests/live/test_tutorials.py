"""Set-ups of public tutorials, typed as they stand.

Only names of hosts, ports and directories are replaced by those of the test.
"""

import pathlib
import shutil
import unittest

import sqlalchemy

from tests import disks
from tests.live import daemons
from tests.live import keystone
from tests.live import processes
from tests.live import readme
from tests.live import servers
from tests.live import shell

ETC = pathlib.Path(__file__).resolve().parents[2] / 'etc'

DATABASE_BOTH = """
mysql -uroot <<SQL
CREATE DATABASE glance;
GRANT ALL PRIVILEGES ON glance.* TO 'glance'@'localhost'
    IDENTIFIED BY 'openstack';
GRANT ALL PRIVILEGES ON glance.* TO 'glance'@'%' IDENTIFIED BY 'openstack';
SQL
"""
#: The tutorials type the password at a prompt, which needs a terminal.
USER = 'openstack user create --domain default --password openstack glance'
SERVICE = """
openstack role add --project service --user glance admin
openstack service create --name glance --description "OpenStack Image" image
"""
ENDPOINTS = """
openstack endpoint create --region RegionOne image public http://controller:9292
openstack endpoint create --region RegionOne image internal http://controller:9292
openstack endpoint create --region RegionOne image admin http://controller:9292
"""

QUEENS = """
[database]
connection = mysql+pymysql://glance:openstack@controller/glance
[keystone_authtoken]
auth_uri = http://controller:5000
auth_url = http://controller:35357
memcached_servers = controller:11211
auth_type = password
project_domain_name = default
user_domain_name = default
project_name = service
username = glance
password = openstack
[paste_deploy]
flavor = keystone
"""
QUEENS_STORE = """
[glance_store]
stores = file,http
default_store = file
filesystem_store_datadir = /var/lib/glance/images/
"""
TRAIN = """
[DEFAULT]
bind_host = 0.0.0.0
[database]
connection = mysql+pymysql://glance:openstack@controller/glance
[keystone_authtoken]
www_authenticate_uri = http://controller:5000
auth_url = http://controller:5000
memcached_servers = controller:11211
auth_type = password
project_domain_name = Default
user_domain_name = Default
project_name = service
username = glance
password = openstack
[glance_store]
stores = file,http
default_store = file
filesystem_store_datadir = /var/lib/glance/images/
[paste_deploy]
flavor = keystone
config_file = /etc/glance/glance-api-paste.ini
"""

QUEENS_USE = """
openstack image create "cirros" --file cirros.img --disk-format qcow2 \\
    --container-format bare --public
openstack image list
openstack image show cirros
ID=$(openstack image show cirros -f value -c id)
openstack image set --protected $ID
openstack image set --unprotected $ID
"""
TRAIN_USE = """
openstack image create "cirros" --file cirros.img --disk-format qcow2 \\
    --container-format bare --public
openstack image list
ID=$(openstack image show cirros -f value -c id)
openstack image set --min-disk 1 $ID
openstack image set --min-ram 512 $ID
openstack image set --property hw_scsi_model=virtio-scsi $ID
openstack image set --property os_type=linux $ID
openstack image set --protected $ID
"""
TOUR = """
glance image-create --name tour --file cirros.img --disk-format qcow2 \\
    --container-format bare --visibility public --progress
glance image-list
ID=$(openstack image show tour -f value -c id)
TOKEN=$(openstack token issue -f value -c id)
curl -sSf -X POST -H "X-Auth-Token: $TOKEN" \\
    http://controller:9292/v2/images/$ID/actions/deactivate
glance image-list
glance image-show $ID
curl -sSf -X POST -H "X-Auth-Token: $TOKEN" \\
    http://controller:9292/v2/images/$ID/actions/reactivate
glance image-list
"""
FORGET = """
mysql -uroot -e "DROP DATABASE glance; DROP USER 'glance'@'%';
    DROP USER 'glance'@'localhost'"
"""


class Tutorial(unittest.TestCase):
    """One MariaDB and one Keystone of their own, because names are given."""

    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        mariadb = servers.MariaDB()
        cls.addClassCleanup(mariadb.stop)
        identity = keystone.Keystone(seeded=False)
        cls.addClassCleanup(identity.stop)
        cls.database_url = sqlalchemy.make_url(mariadb.address)
        cls.identity_url = identity.address
        cls.api_port = processes.free_port()
        cls.registry_port = processes.free_port()
        person = cls.new_person(processes.private_directory())
        person.run('openstack project create --domain default service')
        person.run(USER)
        person.run(SERVICE)
        person.run(ENDPOINTS)

    @classmethod
    def new_person(cls, home: pathlib.Path) -> shell.Shell:
        """Somebody who is logged in as an administrator."""
        person = shell.Shell(home, cls.names(home))
        login = keystone.credentials(cls.identity_url, 'admin')
        person.variables |= {
            f'OS_{name.upper()}': value for name, value in login.items()
        }
        person.variables['OS_IDENTITY_API_VERSION'] = '3'
        return person

    def setUp(self) -> None:
        super().setUp()
        self.home = processes.private_directory()
        self.etc = self.home / '.glance'
        self.etc.mkdir()
        self.person = self.new_person(self.home)
        (self.home / 'cirros.img').write_bytes(disks.qcow2())
        self.person.run(DATABASE_BOTH)
        self.addCleanup(self.person.run, FORGET)

    @classmethod
    def names(cls, home: pathlib.Path) -> dict[str, str]:
        identity = cls.identity_url.removeprefix('http://').split('/')[0]
        mysql = f'mysql --socket={cls.database_url.query["unix_socket"]}'
        with sqlalchemy.create_engine(cls.database_url).connect() as found:
            port = found.exec_driver_sql('SELECT @@port').scalar()
        return {
            'API_HOST:9292': f'127.0.0.1:{cls.api_port}',
            '10.0.0.5': '127.0.0.1',
            '@db.example.org/': f'@127.0.0.1:{port}/',
            'keystone.example.org:5000': identity,
            '127.0.0.1:11211': servers.memcached(),
            'controller:5000': identity,
            'controller:35357': identity,
            'controller:11211': servers.memcached(),
            'controller:9292': f'127.0.0.1:{cls.api_port}',
            # SQLite, below this Keystone, tells capitals from small letters.
            '_domain_name = default': '_domain_name = Default',
            '@controller/': f'@127.0.0.1:{port}/',
            '/var/lib/glance/images': str(home / 'images'),
            '/etc/glance': str(home / '.glance'),
            'mysql -': f'{mysql} -',
        }

    def configure(self, program: str, text: str) -> None:
        """Write the file, with the ports of this test after it."""
        ports = {'glance-api': self.api_port}.get(program, self.registry_port)
        more = {'DEFAULT': {'bind_port': ports, 'workers': 1}}
        if program == 'glance-api':
            more['DEFAULT']['registry_port'] = self.registry_port
        (self.etc / f'{program}.conf').write_text(
            self.person.replace(text) + daemons.render(more)
        )

    def start(self, program: str) -> processes.Process:
        """Start a daemon as its service unit does: without arguments."""
        started = processes.Process(
            [daemons.program(program)],
            self.home / f'{program}.log',
            env=self.person.variables,
        )
        self.addCleanup(started.stop)
        started.start()
        port = {'glance-api': self.api_port}.get(program, self.registry_port)
        processes.wait_until(
            lambda: processes.accepts(('127.0.0.1', port)),
            daemons.START_SECONDS,
            program,
            started,
        )
        return started

    def follow_the_readme(self) -> None:
        """Its section about Keystone and MariaDB, block by block."""
        database, catalog, registry_conf, api_conf, start = readme.blocks(
            'In front of a real Keystone and MariaDB'
        )
        self.person.run(
            FORGET + 'openstack service delete glance; '
            'openstack user delete glance'
        )
        self.person.run(f'mysql -uroot <<SQL\n{database}SQL')
        # Leave what the other tests and the clean-up expect.
        self.addCleanup(
            self.person.run,
            "mysql -uroot -e \"CREATE USER 'glance'@'localhost'\"; "
            'openstack user set --password openstack glance; '
            'openstack role add --project service --user glance admin; '
            'openstack role remove --project service --user glance service',
        )
        self.person.run(catalog)
        self.configure('glance-registry', registry_conf)
        self.configure('glance-api', api_conf)
        first, *daemons_started = start.splitlines()
        self.assertEqual('glance-manage db sync', first)
        self.assertEqual(
            ['glance-registry &', 'glance-api &'], daemons_started
        )
        self.person.run(first)
        self.start('glance-registry')
        self.api = self.start('glance-api')
        self.person.run('openstack image list')


class TestTutorials(Tutorial):
    def test_queens_and_the_tours_of_the_command_line(self) -> None:
        self.configure('glance-api', QUEENS + QUEENS_STORE)
        self.configure('glance-registry', QUEENS)
        said = self.person.run('glance-manage db_sync')
        self.assertIn('Running upgrade', said)
        said = self.person.run(
            'mysql -uroot -e "use glance;show tables;" && '
            'mysql -uglance -popenstack -e "use glance;show tables;"'
        )
        self.assertIn('image_members', said)
        registry = self.start('glance-registry')
        api = self.start('glance-api')
        said = self.person.run(QUEENS_USE)
        self.assertIn('| cirros |', said)
        said = self.person.run(TOUR)
        self.assertIn('deactivated', said)
        for daemon in (api, registry):
            log = daemon.log.read_text()
            self.assertNotIn('ERROR', log)
            self.assertNotIn('"flavor"', log)

    def test_train(self) -> None:
        self.configure('glance-api', TRAIN)
        self.configure('glance-registry', QUEENS)
        shutil.copy(ETC / 'glance-api-paste.ini', self.etc)
        self.person.run('glance-manage db_sync')
        self.start('glance-registry')
        self.start('glance-api')
        self.person.run(TRAIN_USE)
        found = list((self.home / 'images').iterdir())
        self.assertEqual(1, len(found))

    def test_service_user_without_a_role_is_an_error_at_start(self) -> None:
        self.person.run(
            'openstack role remove --project service --user glance admin; '
            'openstack role add --project service --user glance member'
        )
        self.configure('glance-api', QUEENS + QUEENS_STORE)
        self.configure('glance-registry', QUEENS)
        self.person.run('glance-manage db_sync')
        command = 'openstack role add --project service --user glance service'
        for program in ('glance-registry', 'glance-api'):
            daemon = self.start(program)
            log = daemon.log
            processes.wait_until(
                lambda log=log: 'roles' in log.read_text(),
                daemons.START_SECONDS,
                f'{program} has looked at the roles',
                daemon,
            )
            (line,) = [
                line
                for line in log.read_text().splitlines()
                if command in line
            ]
            self.assertIn(' ERROR ', line)
            self.assertIn('none of the roles service, admin', line)
        self.person.run(f'openstack role create --or-show service; {command}')
        self.addCleanup(
            self.person.run,
            'openstack role add --project service --user glance admin; '
            'openstack role remove --project service --user glance service',
        )
        self.person.run('openstack image list')

    def test_readme(self) -> None:
        self.follow_the_readme()
