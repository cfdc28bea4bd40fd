"""Which requests osprofiler traces, and what it is told."""

import pathlib
from typing import Any
import unittest
from unittest import mock

from oslo_config import cfg
from osprofiler import notifier
from osprofiler import profiler
from osprofiler import web
import webob

from glance.common import filters
from glance.common import startup
from glance.common import tracing
from tests import base

KEY = 'a secret of this site'
BASE_ID = '7a000000-0000-4000-8000-000000000001'


def app(environ: dict[str, Any], start_response: Any) -> Any:
    """Answers with the headers for glance-registry."""
    return webob.Response(json=tracing.headers())(environ, start_response)


class TestTracing(unittest.TestCase):
    def setUp(self) -> None:
        self.directory = pathlib.Path(base.temporary_directory(self))
        self.traced: list[dict[str, Any]] = []
        before = notifier.get()
        self.addCleanup(notifier.set, before)
        self.addCleanup(web.disable)
        self.addCleanup(profiler.clean)
        self.addCleanup(startup.forget)
        self.enterContext(
            mock.patch.object(tracing, 'headers', tracing.headers)
        )
        self.enterContext(
            mock.patch('osprofiler.notifier.create', self.create)
        )

    def create(self, place: str, **known: Any) -> Any:
        if place != 'memory://':
            raise ValueError(f'no driver for {place}')
        self.known = known
        return lambda info, **_: self.traced.append(info)

    def app(self, *lines: str) -> Any:
        path = self.directory / 'glance-api.conf'
        path.write_text('\n'.join(('[profiler]', *lines)))
        conf = cfg.ConfigOpts()
        conf(['--config-file', str(path)], 'glance', prog='glance-api')
        made = filters.trace_factory({'oslo_config_config': conf})(app)
        startup.run()
        return made

    def ask(self, made: Any, key: str | None) -> webob.Response:
        request = webob.Request.blank('/v2/images?limit=1')
        if key is not None:
            profiler.init(key, base_id=BASE_ID)
            request.headers.update(web.get_trace_id_headers())
            profiler.clean()
        return request.get_response(made)

    def test_off_leaves_the_application_alone(self) -> None:
        self.assertIs(app, self.app('enabled = False'))
        self.assertIs(app, self.app())

    def test_request_that_is_signed_is_traced(self) -> None:
        made = self.app(
            'enabled = True',
            f'hmac_keys = other,{KEY}',
            'connection_string = memory://',
        )
        response = self.ask(made, KEY)
        self.assertEqual(
            ['wsgi-start', 'wsgi-stop'], [each['name'] for each in self.traced]
        )
        self.assertEqual({BASE_ID}, {each['base_id'] for each in self.traced})
        sent = self.traced[0]['info']['request']
        self.assertEqual('/v2/images', sent['path'])
        self.assertEqual(
            ('glance', 'api'), (self.known['project'], self.known['service'])
        )
        # The registry's part has this trace as its parent.
        self.assertEqual(
            {web.X_TRACE_INFO, web.X_TRACE_HMAC}, set(response.json)
        )

    def test_others_are_not(self) -> None:
        made = self.app(
            'enabled = True',
            f'hmac_keys = {KEY}',
            'connection_string = memory://',
        )
        for key in (None, 'SECRET_KEY', 'x'):
            self.assertEqual({}, self.ask(made, key).json)
        self.assertEqual([], self.traced)

    def test_default_key_is_a_warning(self) -> None:
        with self.assertLogs(filters.LOG, 'WARNING') as logs:
            self.app(
                'enabled = True',
                f'hmac_keys = {KEY}, SECRET_KEY',
                'connection_string = memory://',
            )
        self.assertIn('anybody', logs.output[0])

    def test_place_that_is_wrong_stops_nobody(self) -> None:
        with self.assertLogs(tracing.LOG, 'ERROR') as logs:
            made = self.app(
                'enabled = True',
                f'hmac_keys = {KEY}',
                'connection_string = nowhere://',
            )
        self.assertIn('connection_string cannot be used', logs.output[0])
        self.assertEqual({}, self.ask(made, KEY).json)

    def test_missing_library_is_an_error_in_the_log(self) -> None:
        with (
            mock.patch('importlib.util.find_spec', return_value=None),
            self.assertLogs(tracing.LOG, 'ERROR') as logs,
        ):
            self.assertIs(app, self.app('enabled = True'))
        self.assertIn('osprofiler is not installed', logs.output[0])
