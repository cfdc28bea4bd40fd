"""glance-manage db migrate_location: copies, checks, old data, dead runs."""

import contextlib
import copy
import datetime
import io
import json
import threading
from typing import Any
from unittest import mock

from glance.cmd import migrate_location
from glance.common import errors
from glance.common import pacing
from glance.images import readings
from glance.tasks import image_import
from glance.tasks import moving
from glance_registry.db import models
from tests.functional import test_stores
from tests.functional.scrubber import verifying

DATA = test_stores.DATA
TRANSFERS = models.image_transfers


class TestMoving(verifying.VerifyingTestCase):
    def run_it(
        self,
        *image_ids: str,
        old: str = 'cheap',
        new: str = 'fast',
        stopped: threading.Event | None = None,
        **flags: Any,
    ) -> tuple[int, str]:
        """Run the command; return its exit code and its output."""
        conf = copy.copy(self.service.conf)
        conf.register_opts(migrate_location.FLAGS)
        values = {'image_ids': list(image_ids), 'delete': False, **flags}
        for name, value in values.items():
            conf.set_override(name, value)
        conf.set_override('old_store', old)
        conf.set_override('new_store', new)
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            code = migrate_location.Move(
                conf,
                self.service.registry,
                self.service.stores,
                *migrate_location.chosen(conf, self.service.stores),
                stopped or threading.Event(),
            ).run()
        return code, out.getvalue()

    def stores_of(self, image_id: str) -> str:
        return str(self.show(image_id, 'admin')['stores'])

    def test_output_for_scripts(self) -> None:
        image_id = self.copied('cheap')
        lost_id = self.copied('cheap')
        self.file('cheap', lost_id).unlink()
        code, said = self.run_it(dry_run=True, json=True)
        planned = {'images': 2, 'bytes': 2 * len(DATA)}
        self.assertEqual((0, planned), (code, json.loads(said)))
        code, said = self.run_it(image_id, json=True)
        copied = {'moved': 0, 'copied': 1, 'present': 0, 'failed': 0}
        self.assertEqual((0, copied), (code, json.loads(said)))
        self.assertEqual((0, ''), self.run_it(image_id, quiet=True))
        self.assertEqual((0, ''), self.run_it(dry_run=True, quiet=True))
        code, said = self.run_it(quiet=True)
        self.assertEqual(1, code)
        self.assertRegex(said, f'^{lost_id}: failed: .*\n$')

    def test_data_is_copied_and_the_old_copy_stays(self) -> None:
        image_id, other_id = self.copied('cheap'), self.copied('fast')
        code, said = self.run_it()
        self.assertEqual(0, code, said)
        self.assertIn(f'{image_id}: copied\n', said)
        self.assertNotIn(other_id, said)
        self.assertEqual('fast,cheap', self.stores_of(image_id))
        self.assertEqual(DATA, self.file('fast', image_id).read_bytes())
        self.assertEqual((0, 1), self.again())

    def again(self) -> tuple[int, int]:
        """Run again; return its exit code and the images it only found."""
        code, said = self.run_it()
        return code, said.count(': present\n')

    def test_data_is_moved(self) -> None:
        image_id, kept_id = self.copied('cheap'), self.copied('cheap')
        code, said = self.run_it(image_id, delete=True)
        self.assertEqual(0, code, said)
        self.assertIn('1 moved, 0 copied', said)
        self.assertEqual('fast', self.stores_of(image_id))
        self.assertEqual('cheap', self.stores_of(kept_id))
        self.assertEqual([kept_id], self.files_in('cheap'))
        self.assertEqual(DATA, self.data(image_id))

    def test_a_copy_that_is_there_is_used(self) -> None:
        image_id = self.copied('cheap', 'fast')
        with mock.patch.object(image_import.Importer, 'run') as run:
            code, said = self.run_it(delete=True)
        self.assertEqual((0, []), (code, run.mock_calls), said)
        self.assertEqual('fast', self.stores_of(image_id))

    def test_hidden_and_deactivated_images_are_moved_too(self) -> None:
        image_id = self.copied('cheap')
        self.patch(
            image_id, {'op': 'add', 'path': '/os_hidden', 'value': True}
        )
        self.call(
            'POST', f'/v2/images/{image_id}/actions/deactivate', caller='admin'
        )
        code, said = self.run_it(delete=True)
        self.assertEqual(0, code, said)
        image = self.show(image_id, 'admin')
        self.assertEqual(
            ('deactivated', 'fast'), (image['status'], image['stores'])
        )

    def test_bad_old_data_is_not_copied(self) -> None:
        image_id = self.copied('cheap')
        self.damage('cheap', image_id)
        code, said = self.run_it(delete=True)
        self.assertEqual(1, code)
        self.assertIn('failed: ', said)
        self.assertIn('but the checksum of the data is', said)
        self.assertEqual('cheap', self.stores_of(image_id))
        self.assertEqual([], self.files_in('fast'))

    def test_a_bad_new_copy_keeps_the_old_one(self) -> None:
        image_id = self.copied('cheap', 'fast')
        self.damage('fast', image_id)
        code, said = self.run_it(delete=True)
        self.assertEqual(1, code)
        self.assertIn('sha512 is different. The data in cheap stays.', said)
        self.assertEqual('fast,cheap', self.stores_of(image_id))
        self.assertEqual(DATA, self.file('cheap', image_id).read_bytes())

    def test_copies_without_a_hash_are_compared(self) -> None:
        image_id = self.copied('cheap', 'fast')
        self.change_row(image_id, os_hash_value=None, checksum=None)
        self.damage('fast', image_id)
        code, said = self.run_it(delete=True)
        self.assertEqual(1, code)
        self.assertIn('differ, and the image has no hash', said)
        self.file('fast', image_id).write_bytes(DATA)
        self.assertEqual(0, self.run_it(delete=True)[0])
        self.assertEqual('fast', self.stores_of(image_id))

    def test_a_copy_that_goes_meanwhile_keeps_the_old_one(self) -> None:
        image_id = self.copied('cheap', 'fast')
        read = readings.Reader.read

        def reading(*args: Any) -> readings.Reading:
            found = read(*args)
            url = f'/v2/stores/fast/{image_id}'
            self.assert_status(204, self.call('DELETE', url, caller='admin'))
            return found

        with mock.patch.object(readings.Reader, 'read', reading):
            code, said = self.run_it(delete=True)
        self.assertEqual(1, code)
        self.assertIn('was removed meanwhile', said)
        self.assertEqual(DATA, self.data(image_id))

    def test_a_dry_run_changes_nothing(self) -> None:
        image_id = self.copied('cheap')
        code, said = self.run_it(delete=True, dry_run=True)
        self.assertEqual(0, code)
        self.assertIn(f'{image_id}: {len(DATA)} bytes to copy', said)
        self.assertEqual('cheap', self.stores_of(image_id))

    def test_the_rate_counts_each_byte_that_is_read(self) -> None:
        image_id = self.copied('cheap')
        taken: list[int] = []
        with mock.patch.object(
            pacing.Pace, 'take', lambda _self, size: taken.append(size)
        ):
            self.run_it(image_id, delete=True, rate=1.0)
        # The old data was read for the copy, the new one to compare it.
        self.assertEqual(2 * len(DATA), sum(taken))

    def test_a_stopped_run_leaves_the_image_as_it_was(self) -> None:
        image_id = self.copied('cheap')
        stopped = threading.Event()
        run = image_import.Importer.run

        def stopping(*args: Any) -> None:
            stopped.set()
            run(*args)

        with (
            mock.patch.object(image_import.Importer, 'run', stopping),
            self.assertRaises(pacing.Stopped),
        ):
            self.run_it(delete=True, stopped=stopped)
        self.assertEqual('cheap', self.stores_of(image_id))
        self.assertEqual([], self.files_in('fast'))
        self.assertEqual(0, self.run_it(delete=True)[0])
        self.assertEqual('fast', self.stores_of(image_id))
        image = self.show(image_id, 'admin')
        self.assertEqual('', image['os_glance_importing_to_stores'])

    def die(self, image_id: str) -> None:
        """Begin a run that dies in the middle of its copy."""
        with (
            mock.patch.object(
                image_import.Importer, 'run', side_effect=KeyboardInterrupt
            ),
            self.assertRaises(KeyboardInterrupt),
        ):
            self.run_it(image_id)
        self.assertIn('os_glance_import_task', self.show(image_id, 'admin'))

    def test_the_copy_of_a_dead_run_is_continued(self) -> None:
        image_id = self.copied('cheap')
        self.die(image_id)
        # As the sweeper does when the lease of the dead run has lapsed.
        self.service.database.write(
            lambda connection: connection.execute(
                TRANSFERS.update().values(holder=None)
            )
        )
        code, said = self.run_it(delete=True)
        self.assertEqual(0, code, said)
        self.assertEqual('fast', self.stores_of(image_id))
        self.assertEqual(DATA, self.data(image_id))

    def test_a_copy_of_another_process_is_waited_for(self) -> None:
        image_id = self.copied('cheap')
        self.die(image_id)
        stopped = mock.Mock(is_set=lambda: False)

        def end(_seconds: float) -> None:
            # Another worker ends the task in the meantime.
            row = self.service.database.read(
                lambda db: db.execute(TRANSFERS.select()).one()
            )
            self.service.registry.fail_import(
                test_stores.SERVICE,
                image_id,
                {
                    'transfer_id': row.id,
                    'reason': 'The import failed: no reason.',
                    'failed': ['fast'],
                    'leftovers': [],
                },
            )

        stopped.wait = end
        code, said = self.run_it(stopped=stopped)
        self.assertEqual(1, code)
        self.assertIn('The import failed: no reason.', said)

    def test_only_the_task_of_the_command_is_taken(self) -> None:
        image_id, other_id = self.copied('cheap'), self.copied('cheap')
        self.die(other_id)
        self.service.database.write(
            lambda connection: connection.execute(
                TRANSFERS.update().values(holder=None)
            )
        )
        self.assertEqual(0, self.run_it(image_id)[0])
        self.assertEqual('fast,cheap', self.stores_of(image_id))
        self.assertEqual('cheap', self.stores_of(other_id))

    def wait_for(self, image_id: str) -> None:
        """Let the copy of another process wait for a worker."""
        self.die(image_id)
        values = {
            'holder': None,
            'started_at': datetime.datetime(2020, 1, 1),
            'work': {**self.transfer().work, 'only': None},
        }
        self.service.database.write(
            lambda connection: connection.execute(
                TRANSFERS.update().values(values)
            )
        )

    def transfer(self) -> Any:
        return self.service.database.read(
            lambda connection: connection.execute(TRANSFERS.select()).one()
        )

    def test_an_older_registry_is_refused(self) -> None:
        """It ignores the id of the task, and would give any task."""
        image_id, other_id = self.copied('cheap'), self.copied('cheap')
        self.wait_for(other_id)
        with (
            mock.patch.object(
                self.service.registry, 'take_tasks', self.older_take()
            ),
            self.assertRaises(errors.RegistryOutdated),
        ):
            self.run_it(image_id)
        self.assertIsNone(self.transfer().holder)
        self.assertNotIn('os_glance_import_task', self.show(image_id, 'admin'))

    def older_take(self) -> Any:
        take = self.service.registry.take_tasks

        def older(context: Any, wanted: Any) -> Any:
            answer = dict(take(context, {**wanted, 'task': None}))
            answer.pop('task', None)
            return answer

        return older

    def test_a_task_of_others_is_not_run(self) -> None:
        image_id, other_id = self.copied('cheap'), self.copied('cheap')
        self.wait_for(other_id)
        with (
            mock.patch.object(
                self.service.registry, 'take_tasks', self.older_take()
            ),
            mock.patch.object(moving.Mover, 'require_working'),
            mock.patch.object(image_import.Importer, 'run') as run,
            self.assertRaises(errors.RegistryOutdated),
        ):
            self.run_it(image_id)
        run.assert_not_called()

    def test_an_image_without_such_data_is_refused(self) -> None:
        image_id = self.copied('fast')
        with self.assertRaisesRegex(errors.Conflict, 'no data in the store'):
            self.run_it(image_id)

    def test_stores_that_cannot_be_used_are_refused(self) -> None:
        for old, new, said in (
            ('cheap', 'nowhere', 'There is no store nowhere'),
            ('cheap', 'cheap', 'must be different'),
            ('cheap', 'web', 'read-only'),
        ):
            with self.assertRaisesRegex(errors.ConfigurationError, said):
                self.run_it(old=old, new=new)

    def test_downloads_go_on_while_data_is_moved(self) -> None:
        image_id = self.copied('cheap')
        response = self.call('GET', f'/v2/images/{image_id}/file')
        self.assertEqual(0, self.run_it(delete=True)[0])
        self.assertEqual(DATA, response.body)
        self.assertEqual(DATA, self.data(image_id))
