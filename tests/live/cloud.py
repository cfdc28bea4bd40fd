"""A cloud for the clients: Keystone with people, MariaDB, our daemons."""

from collections.abc import Mapping
import pathlib
import uuid

import openstack

from tests.live import clients
from tests.live import daemons
from tests.live import keystone
from tests.live import processes
from tests.live import servers


class Names:
    """Names and files that nobody else uses."""

    directory: pathlib.Path

    def _file(self) -> pathlib.Path:
        path = self.directory / uuid.uuid4().hex
        self.addCleanup(path.unlink, missing_ok=True)
        return path

    def _name(self) -> str:
        return f'{self.id().rsplit(".", 1)[-1]} {uuid.uuid4().hex}'


class Cloud(Names):
    """For a class of tests: its daemons in a region of their own."""

    #: of the registry
    pipeline = 'keystone'
    #: of glance-api
    options: Mapping[str, object] = {}
    #: further sections of its configuration
    sections: Mapping[str, Mapping[str, object]] = {}

    people: dict[str, clients.Person]
    sdk: dict[str, openstack.connection.Connection]

    @classmethod
    def setUpClass(cls) -> None:
        cls.directory = processes.private_directory()
        address = servers.keystone()
        cls.glance = daemons.with_keystone(
            cls.pipeline,
            servers.new_database(servers.mariadb()),
            options=cls.options,
        )
        cls.addClassCleanup(cls.glance.stop)
        for section, settings in cls.sections.items():
            cls.glance.configure('glance-api', settings, section)
        cls.glance.start()
        region = keystone.register(address, cls.glance.api_url)
        cls.people = {
            user: clients.logged_in(cls.directory / user, user, region)
            for user in keystone.PEOPLE
        }
        cls.owner, cls.other = cls.people['alice'], cls.people['bob']
        cls.other_project = keystone.project_id(address, 'p2')
        cls.sdk = {
            user: keystone.connect(address, user, region)
            for user in keystone.PEOPLE
        }
        cls.owner_sdk, cls.other_sdk = cls.sdk['alice'], cls.sdk['bob']
