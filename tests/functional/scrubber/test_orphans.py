"""glance-scrubber --orphans: data without images, images without data."""

import contextlib
import io
import os
import time
from typing import Any
from unittest import mock
import uuid

from glance.cmd.scrubber import checks
from glance.common import context
from glance.common import errors
from glance.images import orphans
from glance.store import filesystem
from tests.functional.scrubber import verifying

DATA = verifying.DATA
SERVICE = context.RequestContext(is_admin=True, overwrite=False)
DAY = 86400


class Unlisted:
    """A store whose driver cannot list data, as those of glance_store."""

    def __init__(self, store: Any) -> None:
        self.schemes, self.owns = store.schemes, store.owns
        self.is_read_only, self.size = store.is_read_only, store.size


class OrphansTestCase(verifying.VerifyingTestCase):
    def look(
        self,
        delete: bool = False,
        grace: float = DAY,
        even_if_most: bool = True,
    ) -> list[tuple[str, ...]]:
        found: list[orphans.Finding] = []
        search = orphans.Orphans(
            self.service.registry,
            self.service.stores,
            grace_seconds=grace,
            delete=delete,
            tell=found.append,
            even_if_most=even_if_most,
        )
        search.run()
        self.objections = search.objections
        return sorted(
            (
                each.kind,
                each.store,
                os.path.basename(each.name or '') or each.image_id or '',
                each.outcome,
            )
            for each in found
        )

    def orphan(self, store: str, name: str | None = None) -> str:
        name = name or str(uuid.uuid4())
        self.file(store, name).write_bytes(b'data without an image')
        return name


class TestOrphans(OrphansTestCase):
    def test_nothing_is_found_where_all_is_well(self) -> None:
        self.copied('fast', 'cheap')
        self.image(os_hidden=True, data=b'x')
        self.image()
        self.assertEqual([], self.look(delete=True, grace=0))

    def test_data_of_nobody(self) -> None:
        image_id = self.copied('fast')
        lonely, twin = self.orphan('fast'), self.orphan('cheap', image_id)
        foreign = self.orphan('cheap', 'backup of monday')
        expected = [
            ('foreign', 'cheap', foreign, ''),
            ('orphan', 'cheap', twin, ''),
            ('orphan', 'fast', lonely, ''),
        ]
        self.assertEqual(expected, self.look())
        # Files younger than the grace period are reported, but kept.
        young = [
            each[:3] + ('too young' if each[0] == 'orphan' else '',)
            for each in expected
        ]
        self.assertEqual(young, self.look(delete=True))
        with mock.patch('time.time', return_value=time.time() + 2 * DAY):
            self.look(delete=True)
        self.assertEqual(expected[:1], self.look())
        self.assertEqual(DATA, self.data(image_id))

    def test_a_copy_that_was_set_aside(self) -> None:
        image_id = self.copied('fast', 'cheap')
        self.damage('cheap', image_id)
        self.verify()
        ((kind, store, name, _),) = self.look()
        self.assertEqual(('aside', 'cheap'), (kind, store))
        self.assertEqual(
            [('aside', 'cheap', name, 'deleted')],
            self.look(delete=True, grace=0),
        )
        self.assertEqual([image_id], self.files_in('cheap'))

    def test_what_waits_for_the_scrubber_is_not_orphaned(self) -> None:
        image_id = self.copied('fast')
        self.service.registry.delete_image(
            SERVICE, image_id, {'row_version': None, 'data': 'kept'}
        )
        self.assertEqual([], self.look(delete=True, grace=0))
        self.assertEqual([image_id], self.files_in('fast'))

    def test_what_a_running_transfer_owns_stays(self) -> None:
        image_id = self.image()
        told: list[tuple[str, ...]] = []

        def look() -> None:
            self.orphan('fast', image_id)
            told.extend(self.look(delete=True, grace=0))

        source = verifying.test_stores.base.Source(DATA, look)
        self.assert_status(204, self.put(image_id, source))
        self.assertEqual([], told)
        self.assertEqual(DATA, self.data(image_id))

    def test_data_that_is_claimed_after_the_first_look_stays(self) -> None:
        image_id = str(uuid.uuid4())
        self.orphan('fast', image_id)
        real = self.service.registry.check_leftovers
        calls: list[Any] = []

        def check(*args: Any) -> Any:
            if len(calls) == 2:
                self.image(id=image_id)
                self.upload(image_id, DATA)
            calls.append(args)
            return real(*args)

        with mock.patch.object(
            self.service.registry, 'check_leftovers', check
        ):
            self.look(delete=True, grace=0)
        self.assertEqual(DATA, self.data(image_id))

    def test_a_name_that_a_location_of_another_image_has(self) -> None:
        other = self.orphan('fast')
        image_id = self.copied('cheap')
        self.copy(image_id, DATA, 'fast')
        self.file('fast', image_id).unlink()
        update = verifying.queries.LOCATIONS.update().where(
            verifying.queries.LOCATIONS.c.value.like(f'%fast/{image_id}')
        )
        url = f'file://{self.directory}/fast/{other}'
        self.service.database.write(
            lambda connection: connection.execute(update.values(value=url))
        )
        self.file('fast', other).write_bytes(DATA)
        self.assertEqual([], self.look(delete=True, grace=0))

    def test_images_without_their_data(self) -> None:
        missing, short = self.copied('fast', 'cheap'), self.copied('fast')
        self.file('cheap', missing).unlink()
        os.truncate(self.file('fast', short), 1)
        expected = [
            ('missing', 'cheap', missing, ''),
            ('size', 'fast', short, ''),
        ]
        self.assertEqual(expected, self.look(delete=True, grace=0))

    def test_a_store_that_is_down(self) -> None:
        image_id = self.copied('fast')
        self.copied('cheap')
        lonely = self.orphan('cheap')
        store = self.service.stores.get('fast').store
        with mock.patch.multiple(
            store,
            pieces=mock.Mock(side_effect=errors.StoreUnavailable),
            size=mock.Mock(side_effect=errors.StoreUnavailable),
        ):
            found = self.look()
        self.assertEqual(
            [
                ('orphan', 'cheap', lonely, ''),
                ('unknown', 'fast', '', ''),
                ('unknown', 'fast', image_id, ''),
            ],
            found,
        )

    def test_only_a_store_that_cannot_list_its_data(self) -> None:
        """The output tells it, and the exit code is 0."""
        fast = self.service.stores.get('fast')
        for is_json, told in (
            (True, '"kind": "unlisted", "store": "fast"'),
            (False, 'fast: its driver cannot list data'),
        ):
            shown = io.StringIO()
            with (
                mock.patch.object(fast, '_store', Unlisted(fast.store)),
                contextlib.redirect_stdout(shown),
            ):
                is_clean = checks.find_orphans(
                    self.service.registry,
                    self.service.stores,
                    grace_seconds=0,
                    delete=False,
                    even_if_most=False,
                    output=checks.Output(is_json, is_quiet=True),
                )
            self.assertTrue(is_clean)
            self.assertIn(told, shown.getvalue())

    def test_a_store_that_cannot_list_its_data(self) -> None:
        """Images whose data is missing there are found nevertheless."""
        image_id = self.copied('fast')
        self.file('fast', image_id).unlink()
        fast = self.service.stores.get('fast')
        with mock.patch.object(fast, '_store', Unlisted(fast.store)):
            found = self.look(delete=True, grace=0)
        self.assertEqual(
            [('missing', 'fast', image_id, ''), ('unlisted', 'fast', '', '')],
            found,
        )

    def test_data_that_is_in_use_stays(self) -> None:
        lonely = self.orphan('fast')
        held = mock.Mock(remove=mock.Mock(side_effect=errors.Conflict))
        with mock.patch.object(
            filesystem.FilesystemStore, '_hold', return_value=held
        ):
            found = self.look(delete=True, grace=0)
        self.assertEqual([('orphan', 'fast', lonely, 'failed')], found)

    def test_more_than_a_batch(self) -> None:
        names = sorted(self.orphan('fast') for _ in range(250))
        self.assertEqual(names, [each[2] for each in self.look()])
        self.look(delete=True, grace=0)
        self.assertEqual([], self.files_in('fast'))


class TestMostWouldGo(OrphansTestCase):
    """Another service may own the data, so --delete refuses."""

    def delete(self, grace: float = 0) -> list[str]:
        """Delete orphans; return the outcomes."""
        found = self.look(delete=True, grace=grace, even_if_most=False)
        return [each[3] for each in found]

    def test_a_store_without_data_of_our_images(self) -> None:
        """The other store is not concerned."""
        theirs = sorted(self.orphan('cheap') for _ in range(2))
        self.copied('fast')
        lonely = self.orphan('fast')
        self.assertEqual(['', '', 'deleted'], self.delete())
        (objection,) = self.objections
        self.assertIn('in the store cheap: no image of this', objection)
        self.assertIn('2 of 2 pieces of data', objection)
        self.assertEqual(theirs, self.files_in('cheap'))
        self.assertNotIn(lonely, self.files_in('fast'))

    def test_more_than_half_of_a_store(self) -> None:
        for _ in range(2):
            self.copied('fast')
        half = [self.orphan('fast') for _ in range(2)]
        more = self.orphan('fast')
        self.assertEqual(['', '', ''], self.delete())
        (objection,) = self.objections
        self.assertIn('3 of 5 pieces of data', objection)
        self.assertIn('--even-if-most', objection)
        self.assertLessEqual({more, *half}, set(self.files_in('fast')))
        self.file('fast', more).unlink()
        self.assertEqual(['deleted', 'deleted'], self.delete())
        self.assertEqual([], self.objections)

    def test_the_option_deletes_nevertheless(self) -> None:
        self.orphan('fast')
        self.look(delete=True, grace=0, even_if_most=True)
        self.assertEqual(([], []), (self.objections, self.files_in('fast')))

    def test_young_data_and_other_names_are_no_reason(self) -> None:
        self.orphan('fast', 'backup of monday')
        self.orphan('fast')
        self.assertEqual(['', 'too young'], self.delete(grace=DAY))
        self.assertEqual([], self.objections)

    def test_young_data_is_a_part_of_the_store(self) -> None:
        for count, is_refused in (
            (orphans.Count(owned=1, orphans=3, old=2), False),
            (orphans.Count(owned=1, orphans=3, old=3), True),
            (orphans.Count(owned=0, orphans=3, old=1), True),
            (orphans.Count(), False),
        ):
            with self.subTest(count=count):
                objection = count.objection('fast')
                self.assertEqual(is_refused, objection is not None)

    def test_a_damaged_copy_that_was_kept_is_no_reason(self) -> None:
        image_id = self.copied('fast', 'cheap')
        self.damage('cheap', image_id)
        self.verify()
        self.assertEqual(['deleted'], self.delete())

    def test_the_command_lists_all_and_fails(self) -> None:
        names = [self.orphan('fast') for _ in range(2)]
        shown = io.StringIO()
        with (
            contextlib.redirect_stdout(shown),
            self.assertRaisesRegex(errors.Conflict, 'in the store fast'),
        ):
            checks.find_orphans(
                self.service.registry,
                self.service.stores,
                grace_seconds=0,
                delete=True,
                even_if_most=False,
                output=checks.Output(is_json=False, is_quiet=True),
            )
        for name in names:
            self.assertIn(f'{name} (21 bytes): data of no', shown.getvalue())
        self.assertEqual(sorted(names), self.files_in('fast'))


class TestSeveralDirectories(verifying.VerifyingTestCase):
    def make_service(self, url: str | None) -> Any:
        for name in ('one', 'two'):
            os.mkdir(os.path.join(self.directory, name))
        self.more = (
            '[cheap]\nfilesystem_store_datadir =\n'
            f'filesystem_store_datadirs = {self.directory}/one:2\n'
            f'filesystem_store_datadirs = {self.directory}/two:1\n'
        )
        return super().make_service(url)

    def test_a_copy_moves_to_another_directory(self) -> None:
        image_id = self.copied('fast')
        self.copy(image_id, DATA, 'cheap')
        self.damage('one', image_id)
        one = self.service.stores.get('cheap').store
        assert not isinstance(one, filesystem.FilesystemStore)
        with mock.patch.object(
            type(one),
            '_roomy',
            lambda it, _: it._of(f'file://{self.directory}/two/x'),
        ):
            self.assertEqual('repaired', self.verified(image_id)[0])
        self.assertEqual([image_id], self.files_in('two'))
        urls = [it['url'] for it in self.show(image_id)['locations']]
        self.assertIn(f'file://{self.directory}/two/{image_id}', urls)
        self.assertEqual('verified', self.verified(image_id)[0])
        found: list[orphans.Finding] = []
        orphans.Orphans(
            self.service.registry,
            self.service.stores,
            grace_seconds=0,
            delete=False,
            tell=found.append,
        ).run()
        self.assertEqual(['aside'], [each.kind for each in found])
