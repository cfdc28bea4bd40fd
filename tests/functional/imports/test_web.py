"""web-download: the service fetches the data."""

import gzip
import hashlib
from typing import Any

from glance.api import importing as wiring
from glance.images.importing import plugins
from tests.functional.imports import importing

SHA256 = hashlib.sha256(importing.DATA).hexdigest()


class TestWeb(importing.ImportTestCase):
    # covers 9-2, 9-6
    def test_it_becomes_active(self) -> None:
        image_id = self.image()
        self.assert_status(202, self.post(image_id, self.web_method()))
        self.assert_imported(image_id)
        self.assertFalse(self.staging.exists())

    def test_an_expected_hash(self) -> None:
        image_id = self.image()
        given = {'algo': 'sha256', 'value': '0' * 64}
        self.post(image_id, self.web_method(hash=given))
        self.assert_failed(image_id, 'sha256 hash')
        given['value'] = SHA256
        self.post(image_id, self.web_method(hash=given))
        self.assert_imported(image_id)
        given['algo'] = 'crc32'
        response = self.post(self.image(), self.web_method(hash=given))
        self.assert_status(400, response)

    def test_a_hash_that_the_image_expects(self) -> None:
        for text, status in (
            (f'sha256:{"0" * 64}', 202),
            ('sha256:12', 400),
            (SHA256, 400),
        ):
            image_id = self.image(source_hash=text)
            response = self.post(image_id, self.web_method())
            self.assert_status(status, response)
            if status == 202:
                self.assert_failed(image_id, 'sha256 hash')
        image_id = self.image(source_hash=f'sha256:{SHA256}')
        self.post(image_id, self.web_method())
        self.assert_imported(image_id)
        # The hash in the request body has priority.
        given = {'algo': 'sha256', 'value': SHA256}
        image_id = self.image(source_hash='md5:0')
        self.post(image_id, self.web_method(hash=given))
        self.assert_imported(image_id)

    # covers 9-6, 25-34
    def test_a_failure_can_be_repeated(self) -> None:
        image_id = self.image()
        response = self.post(image_id, self.web_method('/missing'))
        self.assert_status(202, response)
        self.assert_failed(image_id, 'status 404')
        self.post(image_id, self.web_method())
        self.assert_imported(image_id)

    # covers 9-4
    def test_urls_that_are_refused(self) -> None:
        port = self.web.port
        image_id = self.image()
        for url in (
            *(None, 7, '', 'ftp://127.0.0.1/a', 'file:///etc/passwd'),
            *(f'http://example.org:{port}/a', 'http://127.0.0.1:81/a'),
            *(f'http://0x7f.1:{port}/a', f'http://2130706433:{port}/a'),
            *(f'http://u:p@127.0.0.1:{port}/a', 'http://' + 'a' * 5000),
        ):
            response = self.post(
                image_id, {'name': 'web-download', 'uri': url}
            )
            with self.subTest(url):
                self.assert_status(400, response)
        self.assertEqual('queued', self.show(image_id)['status'])
        self.assertEqual([], self.web.requests)

    # covers 9-4
    def test_a_redirect_is_judged(self) -> None:
        image_id = self.image()
        for place in ('http://169.254.169.254/a', 'file:///etc/passwd'):
            self.web.answers['/r'] = lambda handler, place=place: (
                handler.reply(302, b'', {'Location': place})
            )
            self.post(image_id, self.web_method('/r'))
            with self.subTest(place):
                self.assert_failed(image_id, 'The URL cannot be used')


class TestCap(importing.ImportTestCase):
    options = {'image_size_cap': 1000}

    def test_too_large(self) -> None:
        image_id = self.image()
        self.post(image_id, self.web_method())
        self.assert_failed(image_id, 'image_size_cap')


class TestPlugins(importing.ImportTestCase):
    options = {
        'image_import_opts.image_import_plugins': [
            'image_decompression',
            'inject_image_metadata',
        ],
        'inject_metadata_properties.inject': {'os_type': 'linux'},
    }

    def packed(self) -> bytes:
        return gzip.compress(importing.DATA)

    def test_streaming(self) -> None:
        self.web.data['/a'] = self.packed()
        image_id = self.image()
        self.post(image_id, self.web_method())
        self.assert_imported(image_id)
        image = self.show(image_id)
        self.assertEqual('linux', image['os_type'])
        self.assertEqual(len(importing.DATA), image['size'])
        self.assertEqual(
            f'sha256:{hashlib.sha256(self.web.data["/a"]).hexdigest()}',
            image['os_glance_source_hash'],
        )

    def test_staged_data(self) -> None:
        image_id = self.image()
        self.stage(image_id, self.packed())
        self.post(image_id)
        self.assert_imported(image_id)

    def test_roles_decide_over_metadata(self) -> None:
        image_id = self.image(caller='admin')
        self.post(image_id, self.web_method(), caller='admin')
        self.assertNotIn('os_type', self.show(image_id, caller='admin'))


class Shout:
    """A custom plug-in that needs a file."""

    needs_file = True

    def wrap(self, _job: Any, data: Any) -> Any:
        return data

    def change(self, job: Any, path: Any) -> None:
        path.write_bytes(path.read_bytes().upper())
        job.set(min_disk=7)


class TestFilePlugin(importing.ImportTestCase):
    def setUp(self) -> None:
        chain = plugins.Chain([Shout()])
        self.patched(wiring, 'chain', lambda _conf, _rules: chain)
        super().setUp()

    def test_the_file_is_changed(self) -> None:
        for method in (self.web_method(), 'glance-direct'):
            image_id = self.image()
            if method == 'glance-direct':
                self.stage(image_id)
            self.post(image_id, method)
            self.assert_imported(image_id, importing.DATA.upper())
            self.assertEqual(7, self.show(image_id)['min_disk'])

    def test_what_is_left_of_a_failure(self) -> None:
        image_id = self.image(disk_format='qcow2')
        self.stage(image_id)
        self.post(image_id)
        self.assert_failed(image_id, 'qcow2')
