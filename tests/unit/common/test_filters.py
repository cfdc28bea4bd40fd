"""The outermost filters."""

import pathlib
import tempfile
from typing import Any
import unittest
from unittest import mock
import weakref

from oslo_config import cfg
import webob

from glance.common import errors
from glance.common import filters
from glance.common import health


def app(environ: dict[str, Any], start_response: Any) -> Any:
    """Answers with what it sees of the client; 404 below /nothing."""
    request = webob.Request(environ)
    response = webob.Response(
        json={
            'url': request.application_url,
            'client': environ.get('REMOTE_ADDR'),
        },
        status=404 if request.path_info == '/nothing' else 200,
    )
    return response(environ, start_response)


class EdgeTestCase(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.conf_file = self.directory / 'x.conf'

    def options(self, text: str = '') -> dict[str, Any]:
        self.conf_file.write_text(text)
        conf = cfg.ConfigOpts()
        conf(['--config-file', str(self.conf_file)], project='glance')
        return {'oslo_config_config': conf}

    def ask(
        self, wsgi: Any, path: str, method: str = 'GET', **headers: str
    ) -> webob.Response:
        sent = {name.replace('_', '-'): v for name, v in headers.items()}
        request = webob.Request.blank(path, method=method, headers=sent)
        request.environ['REMOTE_ADDR'] = '192.0.2.1'
        return request.get_response(wsgi)


class TestCors(EdgeTestCase):
    def cors(self, text: str = '', **local: str) -> Any:
        return filters.cors_factory(self.options(text), **local)(app)

    def test_off_options_are_answered_and_nothing_is_added(self) -> None:
        off = self.cors()
        for path in ('/', '/nothing', '/%ff'):
            response = self.ask(
                off,
                path,
                'OPTIONS',
                Origin='http://x',
                Access_Control_Request_Method='GET',
            )
            self.assertEqual((200, b''), (response.status_int, response.body))
            self.assertEqual({'Content-Length': '0'}, dict(response.headers))
        response = self.ask(off, '/nothing', Origin='http://x')
        self.assertEqual(404, response.status_int)
        self.assertNotIn('Access-Control-Allow-Origin', response.headers)

    def test_defaults_of_the_contract(self) -> None:
        # covers 2.7-1..2
        on = self.cors('[cors]\nallowed_origin = http://a, http://b')
        answer = self.ask(
            on,
            '/nothing',
            'OPTIONS',
            Origin='http://b',
            Access_Control_Request_Method='PATCH',
            Access_Control_Request_Headers='X-Auth-Token, content-type',
        )
        self.assertEqual((200, b''), (answer.status_int, answer.body))
        headers = answer.headers
        self.assertEqual('http://b', headers['Access-Control-Allow-Origin'])
        self.assertEqual('true', headers['Access-Control-Allow-Credentials'])
        self.assertEqual('3600', headers['Access-Control-Max-Age'])
        self.assertEqual('PATCH', headers['Access-Control-Allow-Methods'])
        self.assertEqual('Origin', headers['Vary'])
        for refused in (
            {'Origin': 'http://c', 'Access_Control_Request_Method': 'GET'},
            {'Origin': 'http://a', 'Access_Control_Request_Method': 'TRACE'},
            {'Origin': 'http://a'},
            {
                'Origin': 'http://a',
                'Access_Control_Request_Method': 'GET',
                'Access_Control_Request_Headers': 'X-Other',
            },
        ):
            answer = self.ask(on, '/', 'OPTIONS', **refused)
            self.assertEqual(200, answer.status_int)
            self.assertNotIn('Access-Control-Allow-Origin', answer.headers)

    def test_every_default_header_is_allowed(self) -> None:
        # covers 2.7-3
        on = self.cors('[cors]\nallowed_origin = http://a')
        for name in (
            *('Content-MD5', 'X-Image-Meta-Checksum', 'X-Storage-Token'),
            *('Accept-Encoding', 'X-Auth-Token', 'X-Identity-Status'),
            *('X-Roles', 'X-Service-Catalog', 'X-User-Id', 'X-Tenant-Id'),
            *('X-OpenStack-Request-ID', 'Accept', 'Content-Type'),
        ):
            answer = self.ask(
                on,
                '/',
                'OPTIONS',
                Origin='http://a',
                Access_Control_Request_Method='GET',
                Access_Control_Request_Headers=name,
            )
            self.assertIn('Access-Control-Allow-Origin', answer.headers, name)

    def test_errors_get_the_headers_too(self) -> None:
        # covers 2.7-3..4
        on = self.cors('[cors]\nallowed_origin = http://a')
        answer = self.ask(on, '/nothing', Origin='http://a')
        self.assertEqual(404, answer.status_int)
        self.assertEqual(
            'http://a', answer.headers['Access-Control-Allow-Origin']
        )
        self.assertEqual('Origin', answer.headers['Vary'])
        exposed = answer.headers['Access-Control-Expose-Headers'].split(',')
        self.assertEqual(
            {
                *('X-Image-Meta-Checksum', 'X-Auth-Token'),
                *('X-Subject-Token', 'X-Service-Token'),
                'X-OpenStack-Request-ID',
            },
            set(exposed),
        )

    def test_the_paste_section_wins(self) -> None:
        on = self.cors(
            '[cors]\nallowed_origin = http://a\nmax_age = 1',
            allowed_origin='http://x,http://y',
            oslo_config_project='glance',
        )
        for origin, allowed in (('http://a', False), ('http://y', True)):
            headers = self.ask(on, '/', Origin=origin).headers
            self.assertEqual(allowed, 'Access-Control-Allow-Origin' in headers)

    def test_a_wrong_value_names_its_option(self) -> None:
        with self.assertRaises(errors.ConfigurationError) as caught:
            self.cors(max_age='soon')
        self.assertIn('[cors] max_age', str(caught.exception))


class TestProxy(EdgeTestCase):
    def seen(self, text: str, **headers: str) -> Any:
        filtered = filters.proxy_factory(self.options(text))(app)
        return self.ask(filtered, '/', **headers).json

    def test_headers_of_a_proxy_count_only_where_it_is_said(self) -> None:
        on = '[oslo_middleware]\nenable_proxy_headers_parsing = True'
        sent = {
            'X_Forwarded_Proto': 'https',
            'X_Forwarded_Host': 'images.example.org',
            'X_Forwarded_For': '198.51.100.7',
            'X_Forwarded_Prefix': '/image',
        }
        self.assertEqual(
            {'url': 'http://localhost', 'client': '192.0.2.1'},
            self.seen('', **sent),
        )
        self.assertEqual(
            {
                'url': 'https://images.example.org/image',
                'client': '198.51.100.7',
            },
            self.seen(on, **sent),
        )
        standard = 'for=198.51.100.8;proto=https;host=h.example.org'
        self.assertEqual(
            {'url': 'https://h.example.org', 'client': '198.51.100.8'},
            self.seen(on, Forwarded=standard),
        )

    def test_lists_of_several_proxies(self) -> None:
        on = '[oslo_middleware]\nenable_proxy_headers_parsing = True'
        sent = {
            'X_Forwarded_Proto': 'https, http',
            'X_Forwarded_Host': '[2001:db8::1]:9292,inner',
            'X_Forwarded_For': '198.51.100.7 , 192.0.2.9',
            'X_Forwarded_Prefix': '/image/, /inner',
        }
        self.assertEqual(
            {
                'url': 'https://[2001:db8::1]:9292/image',
                'client': '198.51.100.7',
            },
            self.seen(on, **sent),
        )
        quoted = 'for="[::1]:4";proto="https";host="a.example:80", for=b'
        self.assertEqual(
            'https://a.example:80', self.seen(on, Forwarded=quoted)['url']
        )

    def test_what_is_no_address_is_refused(self) -> None:
        on = '[oslo_middleware]\nenable_proxy_headers_parsing = True'
        filtered = filters.proxy_factory(self.options(on))(app)
        for name, value in (
            ('X_Forwarded_Host', 'evil"><script>'),
            ('X_Forwarded_Host', 'a/b?c#d'),
            ('X_Forwarded_Host', 'user@host'),
            ('X_Forwarded_Proto', 'javascript'),
            ('X_Forwarded_Prefix', '.example.org'),
            ('X_Forwarded_Prefix', '/"><script>'),
            ('X_Forwarded_Prefix', '//example.org'),
            ('Forwarded', 'host="evil>"'),
            ('Forwarded', 'proto=file'),
        ):
            with self.subTest(name=name, value=value):
                response = self.ask(filtered, '/', **{name: value})
                self.assertEqual(400, response.status_int)

    def test_off_there_is_no_filter_at_all(self) -> None:
        self.assertIs(app, filters.proxy_factory(self.options())(app))


class TestHealth(EdgeTestCase):
    def health(self, text: str = '', **local: str) -> Any:
        return filters.health_factory(self.options(text), **local)(app)

    def test_ok_in_plain_text(self) -> None:
        # covers 2.1-3
        for path in ('/healthcheck', '/healthcheck/', '/healthcheck/more'):
            for accept in ('*/*', '', 'text/html', 'image/png'):
                response = self.ask(self.health(), path, Accept=accept)
                self.assertEqual(200, response.status_int)
                self.assertEqual('text/plain', response.content_type)
                self.assertEqual('OK', response.text)
        for path in ('/', '/healthchecks', '/v2/healthcheck'):
            response = self.ask(self.health(), path)
            self.assertEqual('application/json', response.content_type)

    def test_detail_beside_a_weak_proxy_of_nothing(self) -> None:
        """Some library of the process may keep one."""
        gone = weakref.proxy(type('Gone', (), {})())
        self.addCleanup(lambda: gone)
        for wanted in ('application/json', 'text/html'):
            response = self.ask(
                self.health('[healthcheck]\ndetailed = True'),
                '/healthcheck',
                Accept=wanted,
            )
            self.assertEqual(200, response.status_int)

    def test_detail_tells_of_peers_and_decides_nothing(self) -> None:
        told = [
            'registry http://r:1: it refuses',
            'registry http://r:2: works',
        ]
        with (
            mock.patch.object(health, '_sources', {'x': lambda: told}),
            # What other tests of this process have noted.
            mock.patch.object(health, '_noted', {}),
            mock.patch.object(health, '_checks', {}),
        ):
            for text, expected in (
                ('[healthcheck]\ndetailed = True', '; '.join(told)),
                ('', 'OK'),
            ):
                response = self.ask(
                    self.health(text),
                    '/healthcheck',
                    Accept='application/json',
                )
                self.assertEqual(200, response.status_int)
                found = response.json['reasons'][-1]
                if text:
                    found = found['reason']
                self.assertEqual(expected, found)

    def test_503_while_the_file_is_there(self) -> None:
        # covers 2.1-4
        file = self.directory / 'disabled'
        section = self.health(
            backends='disable_by_file', disable_by_file_path=str(file)
        )
        configured = self.health(
            '[healthcheck]\nbackends = disable_by_file\n'
            f'disable_by_file_path = {file}'
        )
        for each in (section, configured):
            self.assertEqual(200, self.ask(each, '/healthcheck').status_int)
            file.touch()
            response = self.ask(each, '/healthcheck')
            self.assertEqual(503, response.status_int)
            self.assertEqual('DISABLED BY FILE', response.text)
            self.assertEqual('text/plain', response.content_type)
            json = self.ask(each, '/healthcheck', Accept='application/json')
            self.assertEqual(503, json.status_int)
            self.assertEqual(['DISABLED BY FILE'], json.json['reasons'])
            head = self.ask(each, '/healthcheck', 'HEAD')
            self.assertEqual((503, b''), (head.status_int, head.body))
            file.unlink()
            head = self.ask(each, '/healthcheck', 'HEAD')
            self.assertEqual(204, head.status_int)

    def test_file_that_must_exist(self) -> None:
        file = self.directory / 'enabled'
        file.touch()
        health = self.health(
            backends='enable_by_files', enable_by_file_paths=str(file)
        )
        response = self.ask(health, '/healthcheck')
        self.assertEqual((200, 'OK'), (response.status_int, response.text))
        file.unlink()
        self.assertEqual(503, self.ask(health, '/healthcheck').status_int)

    def test_address_outside_allowed_ranges_gets_no_check(self) -> None:
        text = '[healthcheck]\nallowed_source_ranges = 198.51.100.0/24'
        found = []
        for local in ({'allowed_source_ranges': '192.0.2.0/24'}, {}):
            response = self.ask(self.health(text, **local), '/healthcheck')
            found.append((response.status_int, response.content_type))
        self.assertEqual(
            [(200, 'text/plain'), (200, 'application/json')], found
        )
        alone = filters.health_app_factory(self.options(text))
        self.assertEqual(404, self.ask(alone, '/healthcheck').status_int)

    def test_sections_do_not_share_their_options(self) -> None:
        options = self.options()
        for local, detailed in (({'detailed': 'true'}, True), ({}, False)):
            app = filters.health_app_factory(options, **local)
            response = self.ask(app, '/', Accept='application/json')
            self.assertEqual(detailed, response.json['detailed'])

    def test_wrong_values_name_their_section(self) -> None:
        for local in (
            {'detailed': 'perhaps'},
            {'allowed_source_ranges': 'here'},
            {'backends': 'disable_by_file,enable_by_files'},
        ):
            with (
                self.subTest(str(local)),
                self.assertRaises(errors.ConfigurationError) as caught,
            ):
                self.health(**local)
            self.assertIn('[healthcheck]', str(caught.exception))

    def test_path_of_another_name(self) -> None:
        health = self.health(path='/alive')
        self.assertEqual('OK', self.ask(health, '/alive').text)
