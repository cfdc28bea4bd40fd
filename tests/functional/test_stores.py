"""Several stores: copies of data, fallback to the next, stores that fail."""

from collections.abc import Iterator
import contextlib
import os
import pathlib
import shutil
from typing import Any
from unittest import mock

from glance.common import context
from glance.common import errors
from glance.common import filebody
from glance.common import health
from glance.images import leftovers
from glance.store import filesystem
from glance.store import named
from tests import base
from tests import several_stores

DATA = bytes(range(256)) * 2048
SERVICE = context.RequestContext(is_admin=True, overwrite=False)


class SeveralStoresTestCase(base.ServiceTestCase):
    #: Additional lines of the configuration.
    more = ''
    api_options: dict[str, Any] = {
        'show_multiple_locations': True,
        'show_image_direct_url': True,
    }

    def make_service(self, url: str | None) -> base.Service:
        several_stores.write(self.directory, self.more)
        return super().make_service(url)

    def files_in(self, store: str) -> list[str]:
        return base.names_in(os.path.join(self.directory, store))

    def copied(self, *stores: str, data: bytes = DATA) -> str:
        """Create an image with data in these stores, in this order."""
        image_id = self.image()
        response = self.call(
            'PUT',
            f'/v2/images/{image_id}/file',
            data,
            headers={'X-Image-Meta-Store': stores[0]},
        )
        self.assert_status(204, response)
        for store in stores[1:]:
            self.copy(image_id, data, store)
        return image_id

    def copy(self, image_id: str, data: bytes, store: str) -> None:
        """Add a copy, as an import does."""
        found = self.service.stores.get(store)
        url = found.write(image_id, iter([data]), lambda: None)
        image = self.service.registry.get_image(SERVICE, image_id)
        self.service.registry.update_image(
            SERVICE,
            image_id,
            {
                'row_version': image['row_version'],
                'values': {},
                'properties': {},
                'locations': [
                    *image['locations'],
                    {'url': url, 'metadata': found.labels},
                ],
            },
        )


class TestCopies(SeveralStoresTestCase):
    def test_locations_come_by_weight(self) -> None:
        image_id = self.copied('cheap', 'fast')  # covers 4.1-22
        shown = self.show(image_id)
        self.assertEqual('fast,cheap', shown['stores'])
        stores = [each['metadata']['store'] for each in shown['locations']]
        self.assertEqual(['fast', 'cheap'], stores)
        self.assertIn('/fast/', shown['direct_url'])

    def test_a_position_of_a_patch_is_what_was_shown(self) -> None:
        image_id = self.copied('cheap', 'fast')
        response = self.patch(
            image_id,
            {'op': 'remove', 'path': '/locations/0'},
            caller='admin',
        )
        self.assert_status(200, response)
        self.assertEqual('cheap', response.json['stores'])
        self.assertEqual([], self.files_in('fast'))

    def test_a_copy_is_deleted(self) -> None:
        image_id = self.copied('fast', 'cheap')
        url = f'/v2/stores/fast/{image_id}'
        self.assert_status(204, self.call('DELETE', url, caller='admin'))
        self.assertEqual('cheap', self.show(image_id)['stores'])
        self.assertEqual(([], [image_id]), self.files_by_store())
        self.assertEqual(DATA, self.data(image_id))
        self.assert_status(403, self.call('DELETE', url, caller='admin'))

    def files_by_store(self) -> tuple[list[str], list[str]]:
        return self.files_in('fast'), self.files_in('cheap')

    def test_a_copy_that_is_lost_is_dropped_all_the_same(self) -> None:
        image_id = self.copied('fast', 'cheap')
        pathlib.Path(self.directory, 'fast', image_id).unlink()
        url = f'/v2/stores/fast/{image_id}'
        self.assert_status(204, self.call('DELETE', url, caller='admin'))
        self.assertEqual('cheap', self.show(image_id)['stores'])

    def test_a_copy_that_is_nowhere_is_404(self) -> None:
        image_id = self.copied('fast', 'fast')
        url = f'/v2/stores/cheap/{image_id}'
        self.assert_status(404, self.call('DELETE', url, caller='admin'))

    def test_a_copy_in_use_stays(self) -> None:
        image_id = self.copied('fast', 'cheap')
        url = f'/v2/stores/fast/{image_id}'
        for trouble, status in (
            (errors.Conflict('in use'), 409),
            (errors.StoreUnavailable(), 503),
        ):
            with mock.patch.object(
                filesystem.FilesystemStore, 'delete', side_effect=trouble
            ):
                response = self.call('DELETE', url, caller='admin')
            self.assert_status(status, response)
            self.assertEqual('fast,cheap', self.show(image_id)['stores'])

    def test_an_image_is_deleted_from_all_stores(self) -> None:
        image_id = self.copied('fast', 'cheap')
        self.call('DELETE', f'/v2/images/{image_id}')
        self.assertEqual(([], []), self.files_by_store())


class TestReading(SeveralStoresTestCase):
    def opened(self) -> contextlib.AbstractContextManager[list[str]]:
        """Return a context that records the directories of opened files."""
        return _opened()

    def test_the_weight_decides_and_a_preference_before_it(self) -> None:
        image_id = self.copied('cheap', 'fast')
        for query, first in (('', 'fast'), ('?prefer=cheap', 'cheap')):
            with self.opened() as opened:
                url = f'/v2/images/{image_id}/file{query}'
                self.assertEqual(DATA, self.call('GET', url).body)
            self.assertEqual([first], opened)

    def test_the_next_location_when_one_is_lost(self) -> None:
        image_id = self.copied('fast', 'cheap')
        pathlib.Path(self.directory, 'fast', image_id).unlink()
        with self.assertLogs('glance.images.download', 'ERROR'):
            self.assertEqual(DATA, self.data(image_id))

    def test_the_rest_from_the_next_when_a_file_ends_too_early(self) -> None:
        image_id = self.copied('fast', 'cheap')
        response = self.call('GET', f'/v2/images/{image_id}/file')
        os.truncate(os.path.join(self.directory, 'fast', image_id), 1000)
        with self.assertLogs(filebody.LOG, 'ERROR'):
            self.assertEqual(DATA, response.body)

    def test_a_range_goes_on_where_it_broke(self) -> None:
        image_id = self.copied('fast', 'cheap')
        response = self.call(
            'GET',
            f'/v2/images/{image_id}/file',
            headers={'Range': 'bytes=500-99999'},
        )
        os.truncate(os.path.join(self.directory, 'fast', image_id), 700)
        with self.assertLogs(filebody.LOG, 'ERROR'):
            self.assertEqual(DATA[500:100_000], response.body)

    def test_other_bodies_go_on_as_well(self) -> None:
        image_id = self.copied('fast', 'cheap')
        fast = self.service.stores.get('fast').store
        body = _Broken(len(DATA))
        with (
            mock.patch.object(fast, 'open', return_value=body),
            self.assertLogs('glance.images.download', 'ERROR'),
        ):
            self.assertEqual(DATA, self.data(image_id))
        self.assertTrue(body.is_closed)

    def test_when_no_location_is_left_the_response_breaks(self) -> None:
        image_id = self.copied('fast', 'cheap')
        response = self.call('GET', f'/v2/images/{image_id}/file')
        for store in ('fast', 'cheap'):
            path = os.path.join(self.directory, store, image_id)
            os.truncate(path, 1000)
        with (
            self.assertLogs(filebody.LOG, 'ERROR'),
            self.assertRaises(errors.StoreUnavailable),
        ):
            response.body  # noqa: B018


@contextlib.contextmanager
def _opened() -> Iterator[list[str]]:
    found: list[str] = []
    really_open = filesystem.FilesystemStore.open

    def noting(store: Any, url: str, *args: Any) -> Any:
        found.append(pathlib.Path(url).parent.name)
        return really_open(store, url, *args)

    with mock.patch.object(filesystem.FilesystemStore, 'open', noting):
        yield found


class _Broken:
    """A body that fails after some bytes."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        yield DATA[:700]
        raise errors.StoreUnavailable

    def close(self) -> None:
        self.is_closed = True


class TestOldLocations(SeveralStoresTestCase):
    """Locations that were stored when the service had a single store."""

    def unlabelled(self, store: str, metadata: dict[str, str]) -> str:
        image_id = self.image()
        found = self.service.stores.get(store)
        url = found.write(image_id, iter([DATA]), lambda: None)
        self.service.registry.update_image(
            SERVICE,
            image_id,
            {
                'row_version': 1,
                'values': {'status': 'active', 'size': len(DATA)},
                'properties': {},
                'locations': [{'url': url, 'metadata': metadata}],
            },
        )
        return image_id

    def test_are_found_by_their_urls(self) -> None:
        given: tuple[dict[str, str], ...] = (
            {},
            {'store': 'fast'},  # not true
            {'store': 'of-another-name'},
            {'backend': 'cheap'},
        )
        for metadata in given:
            with self.subTest(metadata):
                image_id = self.unlabelled('cheap', metadata)
                self.assertEqual(DATA, self.data(image_id))
                self.call('DELETE', f'/v2/images/{image_id}')
                self.assertEqual([], self.files_in('cheap'))

    def test_name_the_store_of_their_urls(self) -> None:
        image_id = self.unlabelled('cheap', {})
        self.assertEqual('cheap', self.show(image_id)['stores'])

    def test_are_labelled_when_they_are_written_again(self) -> None:
        image_id = self.unlabelled('cheap', {})
        location = self.show(image_id)['locations'][0]
        self.assertEqual({}, location['metadata'])
        response = self.patch(
            image_id,
            {'op': 'replace', 'path': '/locations', 'value': [location]},
        )
        self.assert_status(200, response)
        metadata = response.json['locations'][0]['metadata']
        self.assertEqual({'store': 'cheap'}, metadata)


class TestDown(SeveralStoresTestCase):
    def make_service(self, url: str | None) -> base.Service:
        # A file where the directory should be.
        self.place = pathlib.Path(self.directory, 'cheap')
        self.place.write_text('')
        with self.assertLogs(named.LOG, 'ERROR') as logged:
            service = super().make_service(url)
        self.assertIn('The store cheap cannot be used', logged.output[0])
        return service

    def mend(self) -> None:
        self.place.unlink()
        self.service.stores.look()

    def detail(self) -> dict[str, Any]:
        found = self.call('GET', '/v2/info/stores/detail', caller='admin')
        return {each['id']: each for each in found.json['stores']}

    def test_is_told_and_mended(self) -> None:
        self.assertIn('cheap', self.detail()['cheap']['unavailable'])
        self.assertNotIn('unavailable', self.detail()['fast'])
        told = [line for line in health.details() if 'store cheap' in line]
        self.assertEqual(1, len(told))
        with self.assertLogs(named.LOG, 'INFO'):
            self.mend()
        self.assertNotIn('unavailable', self.detail()['cheap'])
        self.copied('cheap')

    def test_others_work_and_uploads_to_it_are_503(self) -> None:
        self.copied('fast')
        image_id = self.image()
        response = self.call(
            'PUT',
            f'/v2/images/{image_id}/file',
            DATA,
            headers={'X-Image-Meta-Store': 'cheap'},
        )
        self.assert_status(503, response)
        self.assertEqual('queued', self.show(image_id)['status'])

    def test_use_tries_again_after_a_pause(self) -> None:
        self.place.unlink()
        with self.assertRaises(errors.StoreUnavailable):
            self.service.stores.get('cheap').store  # noqa: B018
        with mock.patch.object(named, 'PAUSE_SECONDS', 0):
            self.copied('cheap')

    def test_data_in_it_is_removed_when_it_is_back(self) -> None:
        self.mend()
        image_id = self.copied('cheap')
        self.service.close()
        shutil.move(self.place, self.place.with_name('away'))
        self.place.write_text('')
        with self.assertLogs(named.LOG, 'ERROR'):
            self.service = super().make_service(None)
        with self.assertLogs('glance.images.deletion', 'ERROR'):
            response = self.call('DELETE', f'/v2/images/{image_id}')
        self.assert_status(204, response)
        self.place.unlink()
        shutil.move(self.place.with_name('away'), self.place)
        self.service.stores.look()
        self.service.database.write(_due)
        leftovers.Leftovers(
            self.service.registry, self.service.stores, 'here'
        ).look()
        self.assertEqual([], self.files_in('cheap'))


def _due(connection: Any) -> None:
    connection.exec_driver_sql(
        'UPDATE image_leftovers SET due_at = created_at'
    )


class TestLeftovers(SeveralStoresTestCase):
    def test_of_an_upload_is_removed_where_the_image_has_none(self) -> None:
        image_id = self.copied('fast')
        self.service.stores.get('cheap').write(
            image_id, iter([DATA]), lambda: None
        )
        left = leftovers.Leftovers(
            self.service.registry, self.service.stores, 'here'
        )
        left.remove_stored('a-transfer', image_id)
        self.assertEqual([image_id], self.files_in('fast'))
        self.assertEqual([], self.files_in('cheap'))

    def test_a_failed_upload_leaves_nothing_in_its_store(self) -> None:
        image_id = self.image()
        source = base.Source(DATA, OSError('gone'))
        self.put(image_id, source, headers={'X-Image-Meta-Store': 'cheap'})
        self.assertEqual([], self.files_in('cheap'))
        self.assertEqual('queued', self.show(image_id)['status'])


class TestMetadataFile(SeveralStoresTestCase):
    def make_service(self, url: str | None) -> base.Service:
        path = pathlib.Path(self.directory, 'mounts.json')
        path.write_text(
            f'[{{"id": "nfs", "mountpoint": "{self.directory}/cheap", '
            '"host": "files.example.org"}]'
        )
        self.more = (
            f'[cheap]\nfilesystem_store_metadata_file = {path}\n'
            f'[fast]\nfilesystem_store_metadata_file = {path}\n'
        )
        return super().make_service(url)

    def test_its_entry_is_in_the_metadata_of_locations(self) -> None:
        for store, more in (
            (
                'cheap',
                {
                    'id': 'nfs',
                    'mountpoint': f'{self.directory}/cheap',
                    'host': 'files.example.org',
                },
            ),
            ('fast', {}),
        ):
            image = self.show(self.copied(store))
            metadata = image['locations'][0]['metadata']
            self.assertEqual({'store': store, **more}, metadata)


class TestDirectories(SeveralStoresTestCase):
    def make_service(self, url: str | None) -> base.Service:
        self.more = (
            '[cheap]\nfilesystem_store_datadir =\n'
            f'filesystem_store_datadirs = {self.directory}/a:1\n'
            f'filesystem_store_datadirs = {self.directory}/b:20\n'
            f'filesystem_store_datadirs = {self.directory}/c\n'
        )
        return super().make_service(url)

    def test_the_highest_priority_with_room_takes_the_data(self) -> None:
        image_id = self.copied('cheap')
        self.assertEqual([image_id], self.files_in('b'))
        really = os.statvfs

        def full(path: Any) -> Any:
            found = really(path)
            if str(path).endswith('/b'):
                return mock.Mock(f_bavail=1, f_frsize=4096)
            return found

        with mock.patch.object(os, 'statvfs', full):
            other = self.copied('cheap')
        self.assertEqual([other], self.files_in('a'))
        for each in (image_id, other):
            self.assertEqual('cheap', self.show(each)['stores'])
            self.assertEqual(DATA, self.data(each))
            self.call('DELETE', f'/v2/images/{each}')
        self.assertEqual([], self.files_in('a') + self.files_in('b'))

    def test_a_store_without_room_is_413(self) -> None:
        image_id = self.image()
        full = mock.Mock(f_bavail=0, f_frsize=4096)
        with mock.patch.object(os, 'statvfs', return_value=full):
            response = self.call(
                'PUT',
                f'/v2/images/{image_id}/file',
                DATA,
                headers={'X-Image-Meta-Store': 'cheap'},
            )
        self.assert_status(413, response)

    def test_details_tell_all_directories(self) -> None:
        found = self.call('GET', '/v2/info/stores/detail', caller='admin')
        (cheap,) = (it for it in found.json['stores'] if it['id'] == 'cheap')
        self.assertEqual(
            [f'{self.directory}/{name}' for name in 'bac'],
            cheap['properties']['data_dir'],
        )
