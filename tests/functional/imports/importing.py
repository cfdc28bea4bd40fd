"""Imports with both daemons in one process, and a real web server."""

import pathlib
from typing import Any
from unittest import mock

from glance.tasks import engine
from glance.tasks import executor
from glance_registry.db import sweeping
from tests import base
from tests import webserver
from tests.contract import racers

DATA = b'data on a web server' * 1000


class ImportTestCase(base.ServiceTestCase):
    options: dict[str, Any] = {}
    #: Run tasks within their requests, so that tests need not wait.
    inline = True

    def setUp(self) -> None:
        self.web = webserver.WebServer(self)
        self.web.data['/a'] = DATA
        self.staging = pathlib.Path(base.temporary_directory(self), 'staging')
        self.api_options = {
            'import_filtering_opts.allowed_hosts': ['127.0.0.1'],
            'import_filtering_opts.allowed_ports': [str(self.web.port)],
            'node_staging_uri': self.staging.as_uri(),
            **self.options,
        }
        if self.inline:
            self.patched(
                executor.Executor, 'submit', lambda _executor, job: job()
            )
        super().setUp()

    def patched(self, owner: Any, name: str, value: Any) -> None:
        self.enterContext(mock.patch.object(owner, name, value))

    def stage(
        self, image_id: str, data: bytes = DATA, caller: str = 'alice'
    ) -> Any:
        path = f'/v2/images/{image_id}/stage'
        return self.call('PUT', path, data, caller=caller)

    def post(
        self,
        image_id: str,
        method: str | dict[str, Any] = 'glance-direct',
        caller: str = 'alice',
        headers: dict[str, str] | None = None,
        **rest: Any,
    ) -> Any:
        """Request an import.

        :param method: name of the method, or the whole object
        """
        named = {'name': method} if isinstance(method, str) else method
        return self.call(
            'POST',
            f'/v2/images/{image_id}/import',
            {'method': named, **rest},
            caller=caller,
            headers=headers,
        )

    def web_method(self, path: str = '/a', **members: Any) -> dict[str, Any]:
        return {'name': 'web-download', 'uri': self.web.url(path), **members}

    def staged_files(self) -> list[str]:
        if not self.staging.exists():
            return []
        return base.names_in(str(self.staging))

    def task(self, image_id: str, status: str | None = None) -> dict[str, Any]:
        """Return a task of the image, with this status if one is given."""
        path = f'/v2/images/{image_id}/tasks'
        tasks = self.call('GET', path, caller='admin').json['tasks']
        found: dict[str, Any] = next(
            task for task in tasks if status in (None, task['status'])
        )
        return found

    def assert_imported(self, image_id: str, data: bytes = DATA) -> None:
        """Check that the image is active with the data, without remains."""
        image = self.show(image_id)
        self.assertEqual('active', image['status'], image)
        self.assertEqual(data, self.data(image_id))
        self.assertNotIn('os_glance_import_task', image)
        self.assertNotIn('os_glance_failed_reason', image)
        self.assertEqual([], self.staged_files())
        self.task(image_id, 'success')

    def assert_failed(self, image_id: str, reason: str) -> None:
        """Check that the image is queued, with the reason of the failure.

        No data of it may remain.
        """
        image = self.show(image_id)
        self.assertEqual('queued', image['status'])
        self.assertIn(reason, image['os_glance_failed_reason'])
        self.assertIsNone(image['size'])
        self.assertNotIn('os_glance_import_task', image)
        self.assertEqual([], self.staged_files())
        self.assertEqual([], self.files())
        task = self.task(image_id, 'failure')
        self.assertIn(reason, task['message'])

    def engine(self) -> Any:
        """Return the task engine of another worker of the service."""
        made: list[engine.Engine] = []
        build = engine.Engine.__init__

        def remember(self: Any, *args: Any, **kwargs: Any) -> None:
            build(self, *args, **kwargs)
            made.append(self)

        with mock.patch.object(engine.Engine, '__init__', remember):
            self.service._pipeline()
        return made[0]

    def app_again(self) -> None:
        self.service.app = self.service._pipeline()

    def lapse(self) -> list[str]:
        """Let all leases expire, and sweep."""
        database = self.service.database
        for transfer_id in database.read(sweeping.observe):
            racers.lapse(database, transfer_id)
        return racers.sweep(database)
