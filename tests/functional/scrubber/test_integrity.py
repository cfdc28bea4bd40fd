"""glance-scrubber --verify: damaged copies are found and repaired."""

import contextlib
import errno
import os
import threading
from typing import Any
from unittest import mock

from glance.common import counters
from glance.common import errors
from glance.common import pacing
from glance.images import integrity
from glance.images import readings
from glance.images import transfers
from glance_registry.db import integrity as queries
from tests.functional.locations import places
from tests.functional.scrubber import verifying

DATA = verifying.DATA


class TestTwoStores(verifying.VerifyingTestCase):
    def assert_repaired(self, image_id: str, store: str) -> None:
        for each in ('fast', 'cheap'):
            self.assertEqual(DATA, self.file(each, image_id).read_bytes())
        image = self.show(image_id)
        self.assertEqual('active', image['status'])
        self.assertEqual({'fast', 'cheap'}, set(image['stores'].split(',')))
        self.assertEqual(2, len(image['locations']))
        again = self.verified(image_id)
        self.assertEqual(('verified', '', 'active'), again)

    def test_good_data(self) -> None:
        image_id = self.copied('fast', 'cheap')
        before = self.show(image_id)
        found = self.verified(image_id)
        self.assertEqual(('verified', '', 'active'), found)
        after = self.show(image_id)
        after.pop(queries.STATE)
        self.assertEqual(before, after)

    def test_a_flipped_bit_is_repaired(self) -> None:
        for store in ('fast', 'cheap'):
            image_id = self.copied('fast', 'cheap')
            self.damage(store, image_id)
            bad = self.file(store, image_id).read_bytes()
            self.assertEqual(
                ('repaired', f'{store}: its sha512 is different', 'active'),
                self.verified(image_id),
            )
            (aside,) = (
                name
                for name in self.files_in(store)
                if name.startswith(f'{image_id}.damaged-')
            )
            self.assertEqual(bad, self.file(store, aside).read_bytes())
            self.assert_repaired(image_id, store)

    def test_rights_are_set_again_after_a_repair(self) -> None:
        image_id = self.copied('fast', 'cheap')
        self.damage('cheap', image_id)
        verifier = self.verifier()
        with mock.patch.object(verifier, '_access') as access:
            verifier.run(None, lambda _: None)
            verifier.run(None, lambda _: None)
        access.refresh.assert_called_once_with(image_id)

    def test_a_truncated_and_a_missing_file_are_repaired(self) -> None:
        image_id = self.copied('fast', 'cheap')
        os.truncate(self.file('fast', image_id), 10)
        found = self.verified(image_id)
        self.assertEqual(
            f'fast: it has 10 bytes instead of {len(DATA)}', found[1]
        )
        self.assert_repaired(image_id, 'fast')
        self.file('cheap', image_id).unlink()
        self.assertEqual(
            ('repaired', 'cheap: the data is missing', 'active'),
            self.verified(image_id),
        )
        self.assert_repaired(image_id, 'cheap')

    def test_bad_copies_alone_deactivate_the_image(self) -> None:
        events: list[tuple[str, ...]] = []
        self.addCleanup(counters.connect, None)
        counters.connect(
            lambda name, labels, _amount: events.append((name, *labels))
        )
        image_id = self.copied('fast', 'cheap')
        self.damage('fast', image_id)
        self.file('cheap', image_id).unlink()
        detail = 'fast: its sha512 is different; cheap: the data is missing'
        for _ in range(2):
            self.assertEqual(
                ('damaged', detail, 'deactivated'), self.verified(image_id)
            )
        self.assertEqual(2, events.count(('verification', 'damaged')))
        # Nothing is removed, so that an operator can recover the data.
        self.assertEqual([image_id], self.files_in('fast'))
        self.assertEqual(2, len(self.show(image_id, 'admin')['locations']))

    def test_a_store_that_does_not_respond_is_no_verdict(self) -> None:
        image_id = self.copied('fast', 'cheap')
        self.file('cheap', image_id).unlink()
        down = self.service.stores.get('fast').store
        with mock.patch.object(
            down, 'size', side_effect=errors.StoreUnavailable
        ):
            found = self.verified(image_id)
        self.assertEqual(
            (
                'unknown',
                'cheap: the data is missing; fast: it cannot be read',
                'active',
            ),
            found,
        )

    def test_a_copy_that_cannot_be_repaired(self) -> None:
        image_id = self.copied('fast', 'cheap')
        self.damage('cheap', image_id)
        place = self.service.stores.get('cheap')
        full = errors.LimitExceeded('full')
        with mock.patch.object(place, 'write', side_effect=full):
            found = self.verified(image_id)
        self.assertEqual(
            (
                'damaged',
                'not repaired: cheap: its sha512 is different',
                'active',
            ),
            found,
        )
        # Downloads no longer use the damaged copy.
        self.assertEqual(DATA, self.data(image_id))
        self.verified(image_id)
        self.assert_repaired(image_id, 'cheap')

    def test_a_medium_that_cannot_be_read(self) -> None:
        image_id = self.copied('fast', 'cheap')
        real, path = os.pread, self.file('fast', image_id)

        def pread(fd: int, *rest: int) -> bytes:
            if os.readlink(f'/proc/self/fd/{fd}') == str(path):
                raise OSError(errno.EIO, 'Input/output error')
            return real(fd, *rest)

        with mock.patch('os.pread', pread):
            found = self.verified(image_id)
        self.assertEqual('fast: the medium cannot be read', found[1])
        self.assert_repaired(image_id, 'fast')

    def test_hashes_of_other_algorithms(self) -> None:
        image_id = self.copied('fast', 'cheap')
        known = {'os_hash_algo': 'sha256', 'checksum': None}
        value = verifying.sha('sha256')
        self.change_row(image_id, os_hash_value=value, **known)
        self.assertEqual('verified', self.verified(image_id)[0])
        self.assertEqual(verifying.sha('md5'), self.show(image_id)['checksum'])
        self.damage('cheap', image_id)
        found = self.verified(image_id)
        self.assertEqual('cheap: its sha256 is different', found[1])
        unknown = {'os_hash_algo': 'whirlpool', 'os_hash_value': 'ab'}
        self.change_row(image_id, **unknown)
        self.damage('cheap', image_id)
        found = self.verified(image_id)
        self.assertEqual('cheap: its md5 is different', found[1])
        self.change_row(image_id, checksum=None)
        self.assertIn('only its size was compared', self.verified(image_id)[1])

    def test_missing_hashes_are_filled_in(self) -> None:
        image_id = self.copied('fast', 'cheap')
        names = ('checksum', 'os_hash_algo', 'os_hash_value')
        self.change_row(image_id, size=None, **dict.fromkeys(names))
        self.damage('cheap', image_id)
        found = self.verified(image_id)
        self.assertEqual(
            ('unknown', 'the copies differ, and the image has no hash'),
            found[:2],
        )
        self.assertIsNone(self.show(image_id)['checksum'])
        self.file('cheap', image_id).unlink()
        self.verified(image_id, hash_name='sha256')
        image = self.show(image_id)
        self.assertEqual(
            ('sha256', verifying.sha('sha256'), verifying.sha('md5')),
            (
                image['os_hash_algo'],
                image['os_hash_value'],
                image['checksum'],
            ),
        )
        self.assert_repaired(image_id, 'cheap')

    def test_an_image_that_is_deleted_meanwhile(self) -> None:
        image_id = self.copied('fast', 'cheap')
        self.damage('cheap', image_id)
        place = self.service.stores.get('cheap')
        real = place.write

        def write(*args: Any) -> str:
            self.call('DELETE', f'/v2/images/{image_id}')
            return real(*args)

        with mock.patch.object(place, 'write', write):
            self.assertEqual({}, self.verify())
        self.service.stores.look()
        self.look_for_leftovers()
        self.assertEqual([], self.files_in('fast'))
        left = self.files_in('cheap')
        self.assertTrue(all('.damaged-' in name for name in left), left)

    def look_for_leftovers(self) -> None:
        from glance.images import leftovers

        leftovers.Leftovers(
            self.service.registry, self.service.stores, 'n'
        ).look()

    def test_an_unexpected_error_ends_the_work_on_one_image_alone(
        self,
    ) -> None:
        ids = sorted(self.copied('fast') for _ in range(2))
        real = readings.Reader.read

        def read(reader: Any, image: Any, *rest: Any) -> Any:
            if image['id'] == ids[0]:
                raise ZeroDivisionError
            return real(reader, image, *rest)

        with mock.patch.object(readings.Reader, 'read', read):
            found = self.verify()
        self.assertEqual(
            ['unknown', 'verified'], [found[each].state for each in ids]
        )
        self.assertEqual('verified', self.verified(ids[0])[0])

    def test_data_that_two_images_share_keeps_its_name(self) -> None:
        owner, other = self.copied('fast'), self.copied('cheap')
        self.copy(other, DATA[:-1] + b'!', 'fast')
        self.file('fast', other).unlink()
        self.file('fast', owner).write_bytes(DATA[:-1] + b'!')
        value = verifying.sha('sha512', DATA[:-1] + b'!')
        self.change_row(owner, os_hash_value=value)
        locations = queries.LOCATIONS
        update = locations.update().where(
            locations.c.value.like(f'%fast/{other}')
        )
        url = f'file://{self.directory}/fast/{owner}'
        self.service.database.write(
            lambda connection: connection.execute(update.values(value=url))
        )
        found = self.verify()
        self.assertEqual('verified', found[owner].state)
        self.assertEqual('repaired', found[other].state)
        self.assertEqual(sorted([owner, other]), self.files_in('fast'))
        self.assertEqual(DATA, self.file('fast', other).read_bytes())

    def test_several_share_the_images(self) -> None:
        ids = {self.copied('fast') for _ in range(4)}
        barrier = threading.Barrier(2)
        told: list[list[str]] = [[], []]

        class Together(pacing.Pace):
            def take(self, size_bytes: int) -> None:
                with contextlib.suppress(threading.BrokenBarrierError):
                    barrier.wait(1 if size_bytes else 0.001)

        def run(number: int) -> None:
            self.verifier(Together()).run(
                3600, lambda result: told[number].append(result.image_id)
            )

        threads = [
            threading.Thread(target=run, args=(number,)) for number in (0, 1)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(ids), sorted(told[0] + told[1]))

    def test_a_stop_gives_the_image_back(self) -> None:
        image_id = self.copied('fast')
        stopped = threading.Event()

        class Stopping(pacing.Pace):
            def take(self, size_bytes: int) -> None:
                if size_bytes:
                    stopped.set()
                super().take(size_bytes)

        with self.assertRaises(pacing.Stopped):
            self.verify(pace=Stopping(stopped=stopped))
        self.assertNotIn(queries.STATE, self.show(image_id))
        self.assertEqual('verified', self.verified(image_id)[0])

    def test_clients_cannot_write_the_state(self) -> None:
        image_id = self.copied('fast')
        self.verify()
        for caller in ('alice', 'admin'):
            for op in ('add', 'replace', 'remove'):
                change = {'op': op, 'path': f'/{queries.STATE}', 'value': 'x'}
                response = self.patch(image_id, change, caller=caller)
                self.assert_status(403, response)


class TestForeignData(places.LocationsTestCase):
    """Locations on a web server, which is not ours to change."""

    def verify(self) -> list[integrity.Result]:
        found: list[integrity.Result] = []
        registry = self.service.registry
        integrity.Verifier(
            registry,
            self.service.stores,
            running=transfers.Transfers(registry, node='n'),
            node='n',
            pace=pacing.Pace(),
            hash_name='sha512',
        ).run(None, found.append)
        return found

    def test_hashes_of_an_image_registered_by_location(self) -> None:
        image_id = self.with_places('a')
        self.assertIsNone(self.show(image_id)['os_hash_value'])
        (result,) = self.verify()
        self.assertEqual(('verified', ''), (result.state, result.detail))
        image = self.show(image_id)
        self.assertEqual(
            verifying.sha('sha512', places.DATA), image['os_hash_value']
        )
        self.web.data['/a'] = places.DATA[:-1] + b'!'
        (result,) = self.verify()
        self.assertEqual(
            ('damaged', 'http: its sha512 is different', 'deactivated'),
            (result.state, result.detail, result.status),
        )

    def test_a_bad_copy_that_is_not_ours_is_no_location_any_more(self) -> None:
        image_id = self.with_places('a', 'b')
        self.verify()
        self.web.data['/a'] = places.DATA[:-1] + b'!'
        (result,) = self.verify()
        self.assertEqual('repaired', result.state)
        self.assertEqual(['b'], self.urls(image_id))
        self.assertEqual(places.DATA, self.data(image_id))
