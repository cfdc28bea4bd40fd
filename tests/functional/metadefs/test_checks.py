"""Checks of values of image properties against the catalogue."""

from typing import Any
from unittest import mock

from glance.images import definitions
from tests.functional.metadefs import catalogue

OPTION = 'metadefs.check_properties'


class Checks(catalogue.CatalogueTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.define('OS::Disk', 'disk_bus', 'scsi', 'virtio')

    def define(self, namespace: str, name: str, *values: str, **rest) -> None:
        """A namespace of image properties that begin with hw_."""
        one = {'title': 'T', 'type': 'string', 'enum': list(values)}
        self.namespace(
            namespace,
            properties={name: one},
            objects=[
                {
                    'name': 'sizes',
                    'properties': {
                        'cores': {
                            'title': 'C',
                            'type': 'integer',
                            'minimum': 1,
                            'maximum': 64,
                        }
                    },
                }
            ],
            resource_type_associations=[
                {'name': 'OS::Glance::Image', 'prefix': 'hw_'}
            ],
            **rest,
        )

    def create(self, caller: str = 'alice', **values: Any) -> Any:
        return self.call('POST', '/v2/images', values, caller=caller)

    def set(self, image_id: str, name: str, value: str) -> Any:
        change = {'op': 'add', 'path': f'/{name}', 'value': value}
        return self.patch(image_id, change)


class TestRefuse(Checks):
    api_options = {OPTION: 'refuse'}

    def test_the_refusal_names_namespace_property_and_values(self) -> None:
        # covers 50.6-1
        for answer in (
            self.create(hw_disk_bus='ide'),
            self.set(self.image(), 'hw_disk_bus', 'ide'),
        ):
            self.assert_status(400, answer)
            for word in ('OS::Disk', 'hw_disk_bus', 'scsi, virtio'):
                self.assertIn(word, answer.json['message'])
        answer = self.create(hw_cores='65')
        self.assert_status(400, answer)
        self.assertIn('minimum 1, maximum 64', answer.json['message'])

    def test_right_and_unknown_values_pass(self) -> None:
        # covers 50.6-1
        image_id = self.image(
            hw_disk_bus='virtio', hw_cores='64', color='red', disk_bus='ide'
        )
        self.assert_status(200, self.set(image_id, 'hw_disk_bus', 'scsi'))
        remove = {'op': 'remove', 'path': '/hw_disk_bus'}
        self.assert_status(200, self.patch(image_id, remove))

    def test_what_is_there_already_stays(self) -> None:
        # covers 50.6-1
        image_id = self.image(hw_video='old')
        self.define('OS::Video', 'video', 'new')
        self.assert_status(200, self.set(image_id, 'name', 'x'))
        self.assert_status(200, self.set(image_id, 'hw_video', 'old'))
        self.assert_status(400, self.set(image_id, 'hw_video', 'other'))

    def test_one_of_several_definitions_is_enough(self) -> None:
        # covers 50.6-1
        self.define('OS::Other', 'disk_bus', 'ide')
        self.assert_status(201, self.create(hw_disk_bus='ide'))
        answer = self.create(hw_disk_bus='usb')
        self.assert_status(400, answer)
        for word in ('OS::Disk', 'OS::Other'):
            self.assertIn(word, answer.json['message'])

    def test_only_what_the_caller_sees_counts(self) -> None:
        # covers 50.6-1
        self.define('own', 'own', 'x', owner='p1', visibility='private')
        self.assert_status(400, self.create(hw_own='y'))
        self.assert_status(201, self.create('bob', hw_own='y'))

    def test_a_change_of_the_catalogue_counts_at_once(self) -> None:
        # covers 50.6-1
        self.assert_status(400, self.create(hw_disk_bus='ide'))
        self.ask('DELETE', '/OS::Disk')
        self.assert_status(201, self.create(hw_disk_bus='ide'))

    def test_definitions_are_read_once_in_thirty_seconds(self) -> None:
        self.create(hw_disk_bus='scsi')
        requests = self.service.wire.requests
        requests.clear()
        self.create(hw_disk_bus='scsi')
        self.assertEqual(1, len(requests))
        later = definitions.time.monotonic() + 31
        with mock.patch.object(
            definitions.time, 'monotonic', return_value=later
        ):
            self.create(hw_disk_bus='scsi')
        self.assertEqual(3, len(requests))

    def test_features_tell_it(self) -> None:
        # covers 50.6-3
        features = self.call('GET', '/v2/info/features').json['features']
        self.assertEqual({'mode': 'refuse'}, features['property_definitions'])


class TestWarn(Checks):
    api_options = {OPTION: 'warn'}

    def test_a_wrong_value_is_logged(self) -> None:
        # covers 50.6-2
        with self.assertLogs('glance.images.definitions', 'WARNING') as logs:
            self.assert_status(201, self.create(hw_disk_bus='ide'))
        self.assertIn('OS::Disk', logs.output[0])
        self.assertIn('hw_disk_bus', logs.output[0])
        with self.assertNoLogs('glance.images.definitions', 'WARNING'):
            self.assert_status(201, self.create(hw_disk_bus='scsi'))

    def test_features_tell_it(self) -> None:
        # covers 50.6-3
        features = self.call('GET', '/v2/info/features').json['features']
        self.assertEqual({'mode': 'warn'}, features['property_definitions'])


class TestOff(Checks):
    def test_nothing_is_asked_or_told(self) -> None:
        # covers 50.6-2, 50.6-3
        self.service.wire.requests.clear()
        self.assert_status(201, self.create(hw_disk_bus='ide'))
        self.assertEqual(1, len(self.service.wire.requests))
        features = self.call('GET', '/v2/info/features').json['features']
        self.assertNotIn('property_definitions', features)
