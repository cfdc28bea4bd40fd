"""The applications under a WSGI server other than the shipped one."""

from collections.abc import Callable
import contextlib
import io
import os
import pathlib
import sys
import types
from typing import Any
import unittest
from unittest import mock

from oslo_config import cfg
import webob

from glance.api import known_settings
from glance.common import config
from glance.common import errors
from glance.common import hosting
from tests import base

PASTE = """\
[app:tiny]
paste.app_factory = tests.unit.common.test_hosting:factory
"""


def factory(options: Any, **_local: str) -> Any:
    """Paste factory of an application that tells its configuration."""
    conf = options['oslo_config_config']
    if conf.bind_port == 1:
        raise errors.ConfigurationError('bind_port: 1 is not for us.')
    if conf.bind_port == 2:
        raise ZeroDivisionError
    return webob.Response(text=f'{conf.bind_port} {conf.backlog}')


class TinyConf:
    """Stands for the module of a package that declares a daemon's options."""

    @staticmethod
    def register(conf: cfg.ConfigOpts) -> None:
        config.register(conf, 9292)

    @staticmethod
    def list_opts() -> list[tuple[str | None, list[cfg.Opt]]]:
        return [(None, config.server_opts(9292))]


TinyConf.__name__ = 'tests.conf'


class HostingTestCase(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(base.temporary_directory(self))
        self.enterContext(mock.patch('atexit.register'))
        self.enterContext(mock.patch.object(config, 'start_logging'))
        self.enterContext(mock.patch('os.umask'))
        variable = {hosting.DIRECTORY_VARIABLE: str(self.directory)}
        self.enterContext(mock.patch.dict(os.environ, variable))
        self.write('tiny-paste.ini', PASTE)

    def write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)

    def load(self) -> Any:
        daemon = hosting.Daemon(
            'tiny',
            TinyConf,
            known_settings.TABLE,
            ('further.conf',),
        )
        return hosting.application(cfg.ConfigOpts(), daemon)

    def assert_refused(
        self, text: str, kind: type[Exception] = errors.ConfigurationError
    ) -> None:
        said = io.StringIO()
        with contextlib.redirect_stderr(said), self.assertRaises(kind):
            self.load()
        (line,) = said.getvalue().splitlines()
        self.assertTrue(line.startswith('ERROR: '), line)
        self.assertIn(text, line)


class TestLoading(HostingTestCase):
    def test_option_whose_meaning_would_be_lost_is_refused(self) -> None:
        self.write('tiny.conf', '[DEFAULT]\nowner_is_tenant = False\n')
        self.assert_refused('owner_is_tenant')

    def answer(self) -> str:
        response = webob.Request.blank('/').get_response(self.load())
        text: str = response.text
        return text

    def test_the_file_of_the_daemon_is_required(self) -> None:
        self.assert_refused(f'{self.directory}/tiny.conf does not exist')

    def test_later_files_win(self) -> None:
        self.write('further.conf', '[DEFAULT]\nbind_port = 3\nbacklog = 3\n')
        self.write('tiny.conf', '[DEFAULT]\nbind_port = 4\n')
        self.assertEqual('4 3', self.answer())
        self.write('tiny.conf.d/a.conf', '[DEFAULT]\nbind_port = 5\n')
        self.assertEqual('5 3', self.answer())

    def test_the_command_line_is_not_read(self) -> None:
        self.write('tiny.conf', '')
        with mock.patch.object(sys, 'argv', ['gunicorn', '--bind', 'x']):
            self.assertEqual('9292 4096', self.answer())

    def test_a_wrong_value_ends_the_load_with_one_line(self) -> None:
        self.write('tiny.conf', '[DEFAULT]\nbacklog = 0\n')
        self.assert_refused('backlog')

    def test_a_refusing_application_ends_the_load_with_one_line(self) -> None:
        self.write('tiny.conf', '[DEFAULT]\nbind_port = 1\n')
        self.assert_refused('bind_port: 1 is not for us.')

    def test_a_bug_keeps_its_traceback(self) -> None:
        self.write('tiny.conf', '[DEFAULT]\nbind_port = 2\n')
        self.assert_refused('ZeroDivisionError', ZeroDivisionError)


class TestLocalOnly(HostingTestCase):
    def status(self, address: str, bind_host: str) -> int:
        self.write('tiny.conf', f'[DEFAULT]\nbind_host = {bind_host}\n')
        request = webob.Request.blank('/', {'REMOTE_ADDR': address})
        status: int = request.get_response(self.load()).status_int
        return status

    def test_loopback_bind_host_refuses_other_machines(self) -> None:
        for address in ('127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1'):
            self.assertEqual(200, self.status(address, '127.0.0.1'), address)
        self.assertEqual(200, self.status('', '127.0.0.1'))
        for address in ('10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1', 'x'):
            self.assertEqual(403, self.status(address, '127.0.0.1'), address)

    def test_other_bind_hosts_serve_everybody(self) -> None:
        self.assertEqual(200, self.status('10.0.0.1', '0.0.0.0'))


class TestWholePath(unittest.TestCase):
    def path(self, target: str, path: str, **environ: Any) -> str:
        def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response('200 OK', [])
            return [environ['PATH_INFO'].encode('latin-1')]

        given = {'REQUEST_URI': target, 'PATH_INFO': path, **environ}
        request = webob.Request.blank('/', given)
        request.environ['PATH_INFO'] = path
        body: bytes = request.get_response(hosting.WholePath(app)).body
        return body.decode('latin-1')

    def test_dots_that_uwsgi_resolved_are_back(self) -> None:
        uwsgi = {'uwsgi.version': b'2.0'}
        for target, resolved, whole in (
            ('/x/a%2F..%2Fb?c=/./d', '/x/b', '/x/a/../b'),
            ('/x/%C3%A9/./b', '/x/b', '/x/\u00c3\u00a9/./b'),
            ('/x/b', '/x/b', '/x/b'),
            ('http://host/../b', '/b', '/b'),
        ):
            self.assertEqual(whole, self.path(target, resolved, **uwsgi))
        mounted = {**uwsgi, 'SCRIPT_NAME': '/image'}
        self.assertEqual('/b', self.path('/image/a/../b', '/b', **mounted))

    def test_other_servers_are_believed(self) -> None:
        self.assertEqual('/b', self.path('/a/../b', '/b'))


def _told(environ: dict[str, Any], start_response: Any) -> list[bytes]:
    start_response('200 OK', [('Content-Type', 'text/plain')])
    pieces = []
    while piece := environ['wsgi.input'].read(3):
        pieces.append(piece)
    return [b'|'.join(pieces)]


class TestChunkedInput(unittest.TestCase):
    def ask(self, coding: str = 'chunked', **environ: Any) -> webob.Response:
        given = {'HTTP_TRANSFER_ENCODING': coding}
        given |= {key.replace('__', '.'): v for key, v in environ.items()}
        request = webob.Request.blank('/', given, method='PUT')
        if 'CONTENT_LENGTH' not in environ:
            request.environ.pop('CONTENT_LENGTH', None)
        request.environ['wsgi.input'] = io.BytesIO(b'decoded')
        return request.get_response(hosting.ChunkedInput(_told))

    def uwsgi(self, read: Callable[[], bytes]) -> webob.Response:
        module = types.SimpleNamespace(chunked_read=read)
        with mock.patch.dict(sys.modules, {'uwsgi': module}):
            return self.ask(uwsgi__version=b'2.0')

    def test_server_that_decodes(self) -> None:
        response = self.ask(wsgi__input_terminated=True)
        self.assertEqual(b'dec|ode|d', response.body)

    def test_server_that_does_not_decode_is_411(self) -> None:
        self.assertEqual(411, self.ask().status_int)

    def test_uwsgi_gives_chunks(self) -> None:
        chunks = iter((b'abcd', b'e', b''))
        response = self.uwsgi(lambda: next(chunks))
        self.assertEqual(b'abc|d|e', response.body)

    def test_uwsgi_fails(self) -> None:
        with self.assertRaises(OSError):
            self.uwsgi(mock.Mock(side_effect=OSError))

    def test_other_codings_are_501(self) -> None:
        response = self.ask('gzip', wsgi__input_terminated=True)
        self.assertEqual(501, response.status_int)

    def test_two_lengths_are_400(self) -> None:
        response = self.ask(wsgi__input_terminated=True, CONTENT_LENGTH='3')
        self.assertEqual(400, response.status_int)
