"""The health check's state after use of the stores and the database."""

import shutil
from unittest import mock

from oslo_db import exception as db_exception

from glance.api import storage
from glance.common import errors
from glance.common import health
from glance_registry import app as registry_app
from glance_registry import conf as registry_conf
from glance_registry.db import images
from tests import base


class TestHealth(base.ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        for name in ('_noted', '_checks', '_sources'):
            self.enterContext(mock.patch.object(health, name, {}))

    def told(self, name: str) -> str:
        (line,) = (
            each for each in health.details() if each.startswith(f'{name}: ')
        )
        return line

    def test_database_that_is_away(self) -> None:
        directory = str(self.service.images.parent)
        conf = base.configuration(registry_conf, directory)
        url = f'sqlite:///{directory}/glance.sqlite'
        conf.set_override('connection', url, group='database')
        registry_app.app_factory({'oslo_config_config': conf})
        self.assertIn('works', self.told('database'))
        away = mock.patch.object(
            images, 'ping', side_effect=db_exception.DBConnectionError
        )
        with away, mock.patch('time.sleep'):
            self.assertNotIn('works', self.told('database'))

    def test_store_that_cannot_be_read(self) -> None:
        image_id = self.image(data=b'data')
        path = f'/v2/images/{image_id}/file'
        self.assertEqual(200, self.call('GET', path).status_int)
        self.assertIn('works', self.told('store file'))
        with mock.patch.object(
            self.service.store,
            'open',
            side_effect=errors.StoreUnavailable('no mount'),
        ):
            self.assertEqual(503, self.call('GET', path).status_int)
        self.assertIn('no mount', self.told('store file'))

    def test_directory_of_the_store(self) -> None:
        directory = str(self.service.images)
        storage.around(self.service.conf, self.service.store)
        self.assertIn('works', self.told('store file'))
        shutil.rmtree(directory)
        self.assertIn('cannot be written to', self.told('store file'))
