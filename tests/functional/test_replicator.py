"""glance-replicator between two services, over HTTP."""

import contextlib
import functools
import io
import json
from pathlib import Path
import threading
from typing import Any
from unittest import mock

from glance.cmd import replicator
from glance.cmd.replicator import copying
from glance.cmd.replicator import documents
from glance.common import progress
from tests import base
from tests import loopback

DATA = b'0123456789abcdef' * 4096
SMALL = 4096


class ReplicatorTestCase(base.ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        self.source = self.service
        directory = base.temporary_directory(self)
        self.target = base.Service(directory)
        self.addCleanup(self.target.close)
        self.at_source, self.at_target = (
            loopback.Served(self.source),
            loopback.Served(self.target),
        )
        self.addCleanup(self.at_source.close)
        self.addCleanup(self.at_target.close)
        self.dump = Path(base.temporary_directory(self), 'dump')

    def run_it(self, *argv: str, code: int = 0) -> str:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            try:
                found = replicator.main(['-c', str(SMALL), *argv])
            except SystemExit as end:
                found = int(end.code or 0)
        self.assertEqual(code, found, out.getvalue())
        return out.getvalue()

    def livecopy(self, *flags: str, code: int = 0) -> str:
        urls = (self.at_source.url, self.at_target.url)
        return self.run_it(*flags, 'livecopy', *urls, code=code)

    def make(self, **values: Any) -> str:
        """An image of the source with data, a tag and a member."""
        image_id = self.image(
            name='n',
            visibility='shared',
            tags=['t'],
            site_rack='r 1',
            **values,
        )
        self.upload(image_id, DATA)
        path = f'/v2/images/{image_id}/members'
        for member in ('p2', 'p3'):
            made = self.call('POST', path, {'member': member})
            self.assert_status(200, made)
        self.assert_status(
            200,
            self.call(
                'PUT', f'{path}/p2', {'status': 'accepted'}, caller='bob'
            ),
        )
        return image_id

    @contextlib.contextmanager
    def serving(self, service: base.Service) -> Any:
        with mock.patch.object(self, 'service', service):
            yield

    def assert_copied(self, image_id: str) -> dict[str, Any]:
        kept = {'created_at', 'updated_at'}
        original = self.show(image_id, caller='admin')
        with self.serving(self.target):
            copy = self.show(image_id, caller='admin')
            self.assertEqual(DATA, self.data(image_id, caller='admin'))
            path = f'/v2/images/{image_id}/members'
            members = self.call('GET', path, caller='admin').json['members']
        self.assertEqual(
            {key: each for key, each in original.items() if key not in kept},
            {key: each for key, each in copy.items() if key not in kept},
        )
        self.assertEqual(
            {'p2': 'accepted', 'p3': 'pending'},
            {each['member_id']: each['status'] for each in members},
        )
        return copy


class LivecopyTest(ReplicatorTestCase):
    def test_images_with_members_and_tags_are_copied(self) -> None:
        ids = [self.make(), self.make(protected=True, os_hidden=True)]
        self.livecopy()
        for image_id in ids:
            self.assert_copied(image_id)
        self.at_target.requests.clear()
        self.assertEqual('', self.livecopy())
        self.assertEqual([], self.at_target.writes())

    def test_a_deactivated_image_is_copied_and_deactivated(self) -> None:
        image_id = self.make()
        path = f'/v2/images/{image_id}/actions/deactivate'
        self.assert_status(204, self.call('POST', path, caller='admin'))
        self.assertIn('deactivated', self.livecopy())
        self.assert_copied(image_id)
        self.at_target.requests.clear()
        self.assertEqual('', self.livecopy())
        self.assertEqual([], self.at_target.writes())

    def test_progress_is_shown_on_a_terminal(self) -> None:
        for flags, shows in (([], True), (['--quiet'], False)):
            self.make()
            screen = io.StringIO()
            screen.isatty = lambda: True  # type: ignore[method-assign]
            made = functools.partial(progress.Progress, stream=screen)
            with mock.patch.object(progress, 'Progress', made):
                self.livecopy(*flags)
            self.assertEqual(shows, '64.0k' in screen.getvalue())

    def test_quiet_says_only_what_needs_attention(self) -> None:
        self.make()
        self.assertEqual('', self.livecopy('--quiet', '--dry-run'))
        self.assertIn('would be copied', self.livecopy('--dry-run'))
        self.assertEqual('', self.livecopy('--quiet'))
        left_id = self.make()
        said = self.livecopy('--quiet', '--metaonly')
        self.assertEqual(
            f'{left_id}: left out, the target does not have it\n', said
        )

    def test_what_has_changed_is_completed(self) -> None:
        image_id = self.make()
        self.livecopy()
        self.patch(
            image_id,
            {'op': 'replace', 'path': '/name', 'value': 'new'},
            {'op': 'add', 'path': '/a~1b', 'value': 'c'},
            {'op': 'replace', 'path': '/tags', 'value': ['x', 'y']},
        )
        self.assertIn('changed a/b, name, tags', self.livecopy())
        self.assert_copied(image_id)

    def test_dry_run_writes_nothing(self) -> None:
        image_id = self.make()
        self.assertIn(
            f'{image_id}: would be copied', self.livecopy('--dry-run')
        )
        self.livecopy()
        self.patch(image_id, {'op': 'replace', 'path': '/name', 'value': 'x'})
        self.at_target.requests.clear()
        self.assertIn('not done', self.livecopy('--dry-run'))
        self.assertEqual([], self.at_target.writes())

    def test_damaged_and_broken_data_never_becomes_an_image(self) -> None:
        image_id = self.make()
        for alter in (
            lambda pieces: [b''.join(pieces)[:-1] + b'!'],
            lambda pieces: [b''.join(pieces)[: len(DATA) // 2]],
        ):
            self.at_source.alter = alter
            out = self.livecopy(code=1)
            self.assertIn(f'{image_id}: FAILED', out)
            with self.serving(self.target):
                self.assertEqual([], self.listed('?status=active', 'admin'))
        self.at_source.alter = None
        self.livecopy()
        self.assert_copied(image_id)

    def test_an_upload_that_broke_off_is_done_again(self) -> None:
        image_id = self.make()
        with self.serving(self.target):
            self.image(id=image_id, caller='admin')
        self.livecopy()
        self.assert_copied(image_id)

    def test_an_upload_that_still_runs_is_waited_for(self) -> None:
        image_id = self.make()
        with self.serving(self.target):
            self.image(id=image_id, caller='admin')
        begun, broken = threading.Event(), threading.Event()
        self.addCleanup(broken.set)

        def wait() -> None:
            begun.set()
            broken.wait()

        source = base.Source(DATA[:SMALL], wait, OSError('broken'))
        with self.serving(self.target):
            upload = threading.Thread(
                target=self.put,
                args=(image_id, source),
                kwargs={'length': len(DATA), 'caller': 'admin'},
            )
            upload.start()
            begun.wait()

        with mock.patch.object(copying, 'WAIT_SECONDS', 0):
            self.assertIn('still receives data', self.livecopy(code=1))

        def pause(_seconds: float) -> None:
            broken.set()
            upload.join()

        with mock.patch.object(copying.time, 'sleep', pause):
            self.livecopy()
        self.assert_copied(image_id)

    def test_other_data_under_the_same_id_is_told(self) -> None:
        image_id = self.make()
        with self.serving(self.target):
            self.image(id=image_id, caller='admin')
            self.upload(image_id, b'other', caller='admin')
        out = self.livecopy(code=1)
        self.assertIn('size, checksum, os_hash_value of the target', out)

    def test_a_copy_that_the_target_damages_is_deactivated(self) -> None:
        image_id = self.make()
        data, store = mock.Mock(), self.target.images
        data.side_effect = documents.DamagedError('checksum differs')
        with mock.patch.object(copying.Copies, '_require_same_data', data):
            self.assertIn('FAILED: checksum', self.livecopy(code=1))
        self.assertTrue(list(store.iterdir()))
        with self.serving(self.target):
            found = self.show(image_id, caller='admin')
        self.assertEqual('deactivated', found['status'])

    def test_an_id_that_was_deleted_is_told(self) -> None:
        image_id = self.make()
        with self.serving(self.target):
            self.image(id=image_id, caller='admin')
            path = f'/v2/images/{image_id}'
            self.assert_status(204, self.call('DELETE', path, caller='admin'))
        self.assertIn('the target refuses it', self.livecopy(code=1))

    def test_a_target_that_is_away_is_told_once(self) -> None:
        self.make()
        self.make()
        out = self.run_it(
            'livecopy', self.at_source.url, '127.0.0.1:1', code=1
        )
        self.assertEqual(1, out.count('ERROR: '))
        self.assertNotIn('FAILED', out)

    def test_only_metadata(self) -> None:
        image_id = self.make()
        self.assertIn('left out', self.livecopy('--metaonly'))
        self.assertEqual([], self.at_target.writes())
        self.livecopy()
        self.patch(image_id, {'op': 'replace', 'path': '/name', 'value': 'x'})
        self.livecopy('-m')
        self.assert_copied(image_id)

    def test_names_that_are_not_copied(self) -> None:
        image_id = self.make()
        self.livecopy('--dontreplicate', 'site_rack tags owner')
        with self.serving(self.target):
            copy = self.show(image_id, caller='admin')
        self.assertNotIn('site_rack', copy)
        self.assertEqual([], copy['tags'])


class DumpTest(ReplicatorTestCase):
    def dump_it(self, *flags: str, code: int = 0) -> str:
        urls = (self.at_source.url, str(self.dump))
        return self.run_it(*flags, 'dump', *urls, code=code)

    def load(self, code: int = 0) -> str:
        urls = (self.at_target.url, str(self.dump))
        return self.run_it('load', *urls, code=code)

    def test_a_dump_is_loaded_again(self) -> None:
        image_id = self.make()
        self.dump_it()
        self.assertEqual(DATA, (self.dump / f'{image_id}.img').read_bytes())
        self.load()
        self.assert_copied(image_id)
        self.at_target.requests.clear()
        self.load()
        self.assertEqual([], self.at_target.writes())

    def test_a_dump_that_broke_off_goes_on(self) -> None:
        image_id = self.make()
        self.dump.mkdir()
        begun = self.dump / f'{image_id}.part'
        begun.write_bytes(DATA[:SMALL])
        self.dump_it()
        self.assertIn(f'bytes={SMALL}-', self.at_source.ranges)
        self.assertFalse(begun.exists())
        self.load()
        self.assert_copied(image_id)
        self.at_source.requests.clear()
        self.dump_it()
        paths = [path for _, path in self.at_source.requests]
        self.assertFalse([path for path in paths if path.endswith('/file')])

    def test_damaged_data_is_not_dumped(self) -> None:
        image_id = self.make()
        self.dump.mkdir()
        (self.dump / f'{image_id}.part').write_bytes(b'x' * SMALL)
        self.assertIn('FAILED', self.dump_it(code=1))
        self.assertEqual([], list(self.dump.glob('*.img')))
        self.dump_it()
        self.load()
        self.assert_copied(image_id)

    def test_damaged_data_is_not_loaded(self) -> None:
        image_id = self.make()
        self.dump_it()
        (self.dump / f'{image_id}.img').write_bytes(b'x' * len(DATA))
        self.assertIn('FAILED', self.load(code=1))
        with self.serving(self.target):
            self.assertEqual([], self.listed('?status=active', 'admin'))
        self.at_target.close()
        with self.serving(self.target):
            self.assertEqual('queued', self.show(image_id, 'admin')['status'])
            self.assertEqual([], self.files())

    def test_only_metadata_and_dry_run(self) -> None:
        image_id = self.make()
        self.assertIn('would be dumped', self.dump_it('--dry-run'))
        self.assertFalse(self.dump.exists())
        self.dump_it('--metaonly')
        self.assertEqual(
            {image_id, f'{image_id}.members'},
            {path.name for path in self.dump.iterdir()},
        )
        self.assertIn('was not dumped', self.load())

    def test_a_dump_of_api_v1(self) -> None:
        image_id = '6ccab5ca-d885-4200-9147-3b386ea5992f'
        self.dump.mkdir()
        (self.dump / f'{image_id}.img').write_bytes(DATA)
        (self.dump / 'notes.txt').write_text('not an image')
        text = {
            'id': image_id,
            'name': 'old',
            'is_public': 'True',
            'status': 'active',
            'protected': 'False',
            'size': str(len(DATA)),
            'min_ram': '64',
            'disk_format': 'raw',
            'container_format': 'bare',
            'property-os_distro': 'debian',
            'deleted_at': '',
        }
        (self.dump / image_id).write_text(json.dumps(text))
        self.load()
        with self.serving(self.target):
            copy = self.show(image_id, caller='admin')
            self.assertEqual(DATA, self.data(image_id, caller='admin'))
        for name, value in {
            'visibility': 'public',
            'min_ram': 64,
            'os_distro': 'debian',
            'protected': False,
        }.items():
            self.assertEqual(value, copy[name], name)

    def test_a_document_that_cannot_be_read(self) -> None:
        self.make()
        self.dump_it()
        (document,) = (path for path in self.dump.iterdir() if not path.suffix)
        document.write_text('{')
        self.assertIn(str(document), self.load(code=1))


class OtherCommandsTest(ReplicatorTestCase):
    def test_size(self) -> None:
        self.image()
        self.make()
        out = self.run_it('size', self.at_source.url)
        self.assertEqual(f'1 images, {len(DATA)} bytes (64.0 KiB)\n', out)

    def test_compare(self) -> None:
        image_id = self.make()
        urls = (self.at_source.url, self.at_target.url)
        missing = f'WARNING: {image_id}: the target does not have it\n'
        self.assertEqual(missing, self.run_it('compare', *urls))
        self.livecopy()
        self.assertEqual(f'{image_id}: equal\n', self.run_it('compare', *urls))
        self.patch(image_id, {'op': 'replace', 'path': '/name', 'value': 'x'})
        path = f'/v2/images/{image_id}/members/p3'
        self.assert_status(204, self.call('DELETE', path))
        self.assertEqual(
            f'WARNING: {image_id}: members is different\n'
            f'WARNING: {image_id}: name is different\n',
            self.run_it('compare', *urls),
        )

    def test_tokens(self) -> None:
        conf = Path(self.directory, 'replicator.conf')
        conf.write_text('[DEFAULT]\nsourcetoken = from-file\n')
        for flags, expected in (
            (['-t', 'both'], ('both', 'both')),
            (['-t', 'both', '-S', 'other'], ('both', 'other')),
            (['-M', 'a', '--targettoken', 'b'], ('a', 'b')),
            (['--config-file', str(conf), '-t', 'x'], ('from-file', 'x')),
            ([], (None, None)),
        ):
            with mock.patch('glance.cmd.replicator.service.Service') as made:
                made.return_value.images.return_value = []
                self.run_it(*flags, 'compare', 'a:1', 'https://b/image')
            tokens = tuple(call.args[1] for call in made.call_args_list)
            self.assertEqual(expected, tokens)
            urls = [call.args[0] for call in made.call_args_list]
            self.assertEqual(['http://a:1', 'https://b/image'], urls)

    def test_usage(self) -> None:
        self.assertIn('example', self.run_it())
        self.assertIn('example', self.run_it('help'))
        self.run_it('--help')
        for argv in (
            *(['explode'], ['size'], ['size', 'a b'], ['--nope']),
            *(['-c', '0', 'size', 'a:1'], ['load', '127.0.0.1:1', '/none']),
            ['size', '127.0.0.1:1'],
        ):
            self.assertIn('ERROR: ', self.run_it(*argv, code=1), argv)
