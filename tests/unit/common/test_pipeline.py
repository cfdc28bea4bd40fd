import configparser
import os
import pathlib
import sys
import tempfile
from typing import Any
import unittest
from unittest import mock

from oslo_config import cfg
import webob

from glance.common import config
from glance.common import errors
from glance.common import filters
from glance.common import pipeline

PIKE_API = """
[pipeline:glance-api]
pipeline = cors healthcheck http_proxy_to_wsgi versionnegotiation osprofiler \
unauthenticated-context rootapp
[pipeline:glance-api-trusted-auth+cachemanagement]
pipeline = healthcheck versionnegotiation context cache cachemanage rootapp
[composite:rootapp]
paste.composite_factory = glance.api:root_app_factory
/: apiversions
/v1: apiv1app
/v2: apiv2app
[app:apiversions]
paste.app_factory = glance.api.versions:create_resource
[app:apiv1app]
paste.app_factory = glance.api.v1.router:API.factory
[app:apiv2app]
paste.app_factory = glance.api.v2.router:API.factory
[filter:healthcheck]
paste.filter_factory = oslo_middleware:Healthcheck.factory
backends = disable_by_file
disable_by_file_path = %(here)s/healthcheck_disable
[filter:versionnegotiation]
paste.filter_factory = glance.api.middleware.version_negotiation:\
VersionNegotiationFilter.factory
[filter:cache]
paste.filter_factory = glance.api.middleware.cache:CacheFilter.factory
[filter:cachemanage]
paste.filter_factory = \
glance.api.middleware.cache_manage:CacheManageFilter.factory
[filter:context]
paste.filter_factory = glance.api.middleware.context:ContextMiddleware.factory
[filter:unauthenticated-context]
paste.filter_factory = \
glance.api.middleware.context:UnauthenticatedContextMiddleware.factory
[filter:osprofiler]
paste.filter_factory = osprofiler.web:WsgiMiddleware.factory
hmac_keys = SECRET_KEY
[filter:cors]
paste.filter_factory = oslo_middleware.cors:filter_factory
oslo_config_project = glance
oslo_config_program = glance-api
[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware:HTTPProxyToWSGI.factory
"""

NEWER_API = """
[composite:glance-api]
paste.composite_factory = glance.api:root_app_factory
/: api
/healthcheck: healthcheck
[composite:glance-api-keystone]
paste.composite_factory = glance.api:root_app_factory
/: api
/healthcheck: healthcheck
[composite:api]
paste.composite_factory = glance.api:pipeline_factory
default = unauthenticated-context apiv2app
keystone = context apiv2app
[app:apiv2app]
paste.app_factory = glance.api.v2.router:API.factory
[app:healthcheck]
paste.app_factory = oslo_middleware:Healthcheck.app_factory
[filter:context]
paste.filter_factory = glance.api.middleware.context:ContextMiddleware.factory
[filter:unauthenticated-context]
paste.filter_factory = \
glance.api.middleware.context:UnauthenticatedContextMiddleware.factory
"""

REGISTRY = """
[pipeline:glance-registry-trusted-auth]
pipeline = context registryapp
[app:registryapp]
paste.app_factory = glance.registry.api:API.factory
[filter:context]
paste.filter_factory = glance.api.middleware.context:ContextMiddleware.factory
"""


def app_factory(name: str) -> Any:
    def factory(global_conf: dict[str, Any], **local: str) -> Any:
        def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
            start_response('200 OK', [])
            return [' '.join([*environ.get('seen', ()), name]).encode()]

        return app

    return factory


def filter_factory(name: str) -> Any:
    def factory(global_conf: dict[str, Any], **local: str) -> Any:
        def make(app: Any) -> Any:
            def call(environ: dict[str, Any], start: Any) -> Any:
                environ.setdefault('seen', []).append(name)
                return app(environ, start)

            return call

        return make

    return factory


def root_factory(
    loader: Any, global_conf: dict[str, Any], **paths: str
) -> Any:
    apps = {
        path: loader.get_app(name, global_conf=global_conf)
        for path, name in sorted(paths.items(), reverse=True)
    }

    def call(environ: dict[str, Any], start: Any) -> Any:
        asked = environ['PATH_INFO']
        path = next(p for p in apps if asked.startswith(p))
        return apps[path](environ, start)

    return call


#: Stand-ins for the modules that the table names.
MODULES = {
    'glance.common.authtoken': mock.Mock(
        filter_factory=filter_factory('authtoken'),
    ),
    'glance.api.caching': mock.Mock(
        serving_factory=filter_factory('cache'),
        managing_factory=filter_factory('manage'),
    ),
    'glance.common.middleware': mock.Mock(
        classic_context_factory=filter_factory('context'),
        unauthenticated_context_factory=filter_factory('anybody'),
    ),
    'glance.api.versions': mock.Mock(
        negotiation_factory=filter_factory('negotiation'),
        app_factory=app_factory('versions'),
    ),
    'glance.api.app': mock.Mock(
        app_factory=app_factory('v2'), root_factory=root_factory
    ),
    'glance_registry.app': mock.Mock(app_factory=app_factory('registry')),
}


OURS = {module.__name__: module for module in (filters, pipeline)}


class TestPipeline(unittest.TestCase):
    def setUp(self) -> None:
        kept = tempfile.TemporaryDirectory()
        self.addCleanup(kept.cleanup)
        self.directory = pathlib.Path(kept.name)
        patched = mock.patch.dict(sys.modules, MODULES)
        patched.start()
        self.addCleanup(patched.stop)

    def write(self, name: str, text: str) -> str:
        path = self.directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return str(path)

    def conf(
        self, flavor: str = '', paste: str = '', *more: str
    ) -> cfg.ConfigOpts:
        lines = ['[paste_deploy]']
        lines += [f'flavor = {flavor}'] if flavor else []
        lines += [f'config_file = {paste}'] if paste else []
        files = [self.write('glance-api.conf', '\n'.join(lines)), *more]
        conf = cfg.ConfigOpts()
        config.register(conf, 9292)
        arguments = [a for path in files for a in ('--config-file', path)]
        conf(arguments, project='glance', prog='glance-api')
        return conf

    def load(
        self, text: str, flavor: str = '', name: str = 'glance-api'
    ) -> Any:
        return pipeline.load_app(
            self.conf(flavor), name, self.write('packaged.ini', text)
        )

    def get(self, app: Any, path: str, **headers: str) -> str:
        request = webob.Request.blank(path, headers=headers)
        return str(request.get_response(app).text)

    def test_pike(self) -> None:
        app = self.load(PIKE_API)
        self.assertEqual('negotiation anybody v2', self.get(app, '/v2/images'))
        self.assertEqual('negotiation anybody versions', self.get(app, '/'))
        self.assertEqual('OK', self.get(app, '/healthcheck').strip())

    def test_filters_that_are_not_there_pass_through(self) -> None:
        text = PIKE_API.replace(
            'glance.api.middleware.cache:CacheFilter.factory',
            'glance.api.middleware.gzip:GzipMiddleware.factory',
        )
        with self.assertLogs(pipeline.LOG, 'WARNING') as logs:
            app = self.load(text, 'trusted-auth+cachemanagement')
        self.assertEqual('negotiation context manage v2', self.get(app, '/v2'))
        self.assertEqual(1, len(logs.output))
        self.assertIn('"cache"', ' '.join(logs.output))

    def test_filters_of_the_image_cache(self) -> None:
        app = self.load(PIKE_API, 'trusted-auth+cachemanagement')
        self.assertEqual(
            'negotiation context cache manage v2', self.get(app, '/v2')
        )

    def test_healthcheck_filter_keeps_its_options(self) -> None:
        app = self.load(PIKE_API)
        self.write('healthcheck_disable', '')
        self.assertIn('DISABLED', self.get(app, '/healthcheck'))

    def test_newer_files(self) -> None:
        app = self.load(NEWER_API)
        self.assertEqual('anybody v2', self.get(app, '/v2'))
        self.assertEqual('OK', self.get(app, '/healthcheck').strip())
        app = self.load(NEWER_API, 'keystone')
        self.assertEqual('context v2', self.get(app, '/v2'))

    def test_keystonemiddleware_is_told_options_it_knows_only(self) -> None:
        factory = mock.Mock(side_effect=filter_factory('token'))
        library = mock.Mock(filter_factory=factory)
        text = PIKE_API.replace(
            'glance.api.middleware.context:ContextMiddleware.factory',
            'keystonemiddleware.auth_token:filter_factory',
        )
        modules = {'glance.common.authtoken': library}
        with mock.patch.dict(sys.modules, modules):
            self.load(text, 'trusted-auth+cachemanagement')
        given = set(factory.call_args.args[0])
        self.assertEqual({'oslo_config_config', 'here', '__file__'}, given)

    def test_registry(self) -> None:
        app = self.load(REGISTRY, 'trusted-auth', 'glance-registry')
        self.assertEqual('context registry', self.get(app, '/'))

    def test_cors_follows_the_daemons_own_configuration(self) -> None:
        conf = self.conf()
        path = self.write('packaged.ini', PIKE_API)
        app = pipeline.load_app(conf, 'glance-api', path)
        conf.set_override('allowed_origin', ['https://here'], group='cors')
        app = pipeline.load_app(conf, 'glance-api', path)
        request = webob.Request.blank('/', headers={'Origin': 'https://here'})
        answer = request.get_response(app)
        self.assertEqual(
            'https://here', answer.headers['Access-Control-Allow-Origin']
        )

    def test_unknown_flavor_names_the_known(self) -> None:
        with self.assertRaises(errors.ConfigurationError) as caught:
            self.load(PIKE_API, 'keyston')
        self.assertIn('flavor', str(caught.exception))
        self.assertIn('trusted-auth+cachemanagement', str(caught.exception))

    def test_flavor_without_a_pipeline_names_the_known(self) -> None:
        text = NEWER_API.replace('keystone = context apiv2app', '')
        with self.assertRaises(errors.ConfigurationError) as caught:
            self.load(text, 'keystone')
        self.assertIn('default', str(caught.exception))

    def test_broken_files(self) -> None:
        for text in (
            '[app:glance-api]\npaste.app_factory = no.such.module:it',
            '[app:glance-api]\npaste.app_factory = os:no_such_thing',
            '[pipeline:glance-api]\npipeline = nobody knows',
            'no section',
            '[app:glance-api]\nx = %(nothing)s',
        ):
            with (
                self.subTest(text=text),
                self.assertRaises(errors.ConfigurationError) as caught,
            ):
                self.load(text)
            self.assertIn('packaged.ini', str(caught.exception))

    def test_every_factory_of_the_table_that_is_ours_is_here(self) -> None:
        for ours in pipeline.CLASSIC.values():
            module, _, name = ours.partition(':')
            if module in OURS:
                self.assertTrue(callable(getattr(OURS[module], name)))
            else:
                self.assertIn(module, MODULES)

    # Where the file is.

    def find(self, conf: cfg.ConfigOpts) -> str:
        found = pipeline.find_paste_file(conf, 'glance-api', '/packaged')
        return os.path.relpath(found, self.directory)

    def test_file_beside_the_main_configuration(self) -> None:
        extra = self.write('glance-image-import.conf', '')
        self.write('glance-image-import-paste.ini', '')
        self.write('glance-api-paste.ini', '')
        conf = self.conf('', '', extra)
        self.assertEqual('glance-api-paste.ini', self.find(conf))

    def test_file_after_a_configuration_of_any_name(self) -> None:
        main = self.write('site.conf', '')
        self.write('site-paste.ini', '')
        self.assertEqual('site-paste.ini', self.find(self.conf('', '', main)))

    def test_file_that_pip_installed(self) -> None:
        path = self.write('prefix/glance-api-paste.ini', '')
        where = os.path.dirname(path)
        with mock.patch.object(config, 'INSTALLED_DIRECTORY', where):
            for conf in (self.conf(), self.conf('', 'glance-api-paste.ini')):
                self.assertEqual(
                    'prefix/glance-api-paste.ini', self.find(conf)
                )

    def test_files_are_installed_where_the_configuration_looks(self) -> None:
        root = pathlib.Path(__file__).parents[3]
        described = configparser.ConfigParser()
        described.read(root / 'setup.cfg')
        installed = described['options.data_files']['etc/glance'].split()
        self.assertEqual(
            os.path.join(sys.prefix, 'etc/glance'),
            config.INSTALLED_DIRECTORY,
        )
        for program in ('glance-api', 'glance-registry'):
            self.assertIn(f'etc/{program}-paste.ini', installed)
        for name in installed:
            self.assertTrue((root / name).exists(), name)

    def test_packaged_file_is_the_last_resort(self) -> None:
        found = pipeline.find_paste_file(self.conf(), 'glance-api', '/ours')
        self.assertEqual('/ours', found)

    def test_named_files(self) -> None:
        path = self.write('mine.ini', '')
        for name in ('mine.ini', path):
            self.assertEqual('mine.ini', self.find(self.conf('', name)))

    def test_named_file_that_is_missing(self) -> None:
        for name in ('mine.ini', '/nowhere/mine.ini'):
            with self.assertRaises(errors.ConfigurationError) as caught:
                self.find(self.conf('', name))
            self.assertIn(name, str(caught.exception))
