"""The steps of an upload, called as an import calls them."""

from typing import Any

from oslo_config import cfg

from glance.api import import_parts
from glance.api import parts
from glance.api import policy
from glance.api import storage
from glance.common import context
from glance.common import errors
from glance.images import streams
from tests import base


class Bytes:
    """A source that reads given bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def go_native(self) -> bool:
        return False

    def readinto(self, view: memoryview) -> int:
        piece, self._data = self._data[: len(view)], self._data[len(view) :]
        view[: len(piece)] = piece
        return len(piece)


class TestSteps(base.ServiceTestCase):
    def setUp(self) -> None:
        super().setUp()
        service, conf = self.service, self.service.conf
        assert isinstance(conf, cfg.ConfigOpts)
        made = parts.make(
            conf,
            service.registry,
            storage.around(conf, service.store),
            policy.Policy(conf),
        )
        self.store = made.store.default
        self.cases = parts.use_cases(conf, made)
        self.daemon = context.RequestContext(is_admin=True, overwrite=False)

    def image_of(self, image_id: str) -> Any:
        return self.service.registry.get_image(self.daemon, image_id)

    def measured(self, image: Any, data: bytes) -> streams.Measured:
        uploads = self.cases.uploads
        return uploads.measured(image, Bytes(data), len(data))

    def test_one_thread_renews_uploads_and_location_imports(self) -> None:
        self.assertIs(
            self.cases.uploads._running, self.cases.location_imports._running
        )

    def test_uploads_and_imports_share_their_parts(self) -> None:
        conf = self.service.conf
        conf.set_override('plugins_on_upload', True, group='image_import_opts')
        conf.set_override(
            'image_import_plugins', ['no_op'], group='image_import_opts'
        )
        flat = ['monolithicFlat']
        conf.set_override('vmdk_allowed_types', flat, group='image_format')
        with self.assertLogs(parts.LOG) as logs:
            made = parts.make(
                conf,
                self.service.registry,
                storage.around(conf, self.service.store),
                policy.Policy(conf),
            )
            cases = parts.use_cases(conf, made)
            imports = import_parts.make(conf, made, cases)
        self.assertEqual(1, len(logs.output), logs.output)
        importer = imports.imports._queue._do.__self__
        self.assertIs(cases.uploads._chain, importer._chain)
        self.assertIs(cases.location_imports._tasks, importer._tasks)

    def test_data_in_two_stores_makes_one_active_image(self) -> None:
        image = self.image_of(self.image())
        uploads, data = self.cases.uploads, self.measured(image, b'data')
        with uploads.claimed(self.daemon, image, 4, self.store) as upload:
            uploads.examine(upload, data)
            location = uploads.write(upload, data, self.store)
            url = location['url']
            found = uploads.finish(
                upload,
                data,
                [
                    {'url': url, 'metadata': {}},
                    {'url': f'{url}-copy', 'metadata': {}},
                ],
            )
        self.assertEqual('active', found['status'])
        urls = [location['url'] for location in found['locations']]
        self.assertEqual([url, f'{url}-copy'], urls)

    def test_an_error_between_the_steps_undoes_all(self) -> None:
        image = self.image_of(self.image())
        uploads, data = self.cases.uploads, self.measured(image, b'data')
        with (
            self.assertRaises(errors.StoreUnavailable),
            uploads.claimed(self.daemon, image, 4, self.store) as upload,
        ):
            uploads.write(upload, data, self.store)
            raise errors.StoreUnavailable
        self.assertEqual('queued', self.image_of(image['id'])['status'])
        self.assertEqual([], list(self.service.images.iterdir()))
