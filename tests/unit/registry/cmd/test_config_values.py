"""Values for which a program refuses to start: config check says the same."""

import contextlib
import io
import os
import pathlib
import threading
from typing import Any
import unittest
from unittest import mock

from oslo_config import cfg

from glance.api import conf as api_conf
from glance.api import known_settings as api_settings
from glance.api.conf import scrubber as scrubber_options
from glance.cmd import scrubber
from glance.common import errors
from glance.common import hosting
from glance_registry import conf as registry_conf
from glance_registry import known_settings as registry_settings
from tests.live import daemons
from tests.live import paste_layouts
from tests.unit.registry.cmd import test_config_check

API = hosting.Daemon('glance-api', api_conf, api_settings.TABLE)
REGISTRY = hosting.Daemon(
    'glance-registry', registry_conf, registry_settings.TABLE
)
Sections = dict[str, dict[str, Any]]

#: Settings -> the setting of the refused row, and a part of the reason. No
#: option if the fault is that something is missing.
_API: list[tuple[Sections, tuple[str, str], str]] = [
    (
        {'DEFAULT': {'enabled_backends': 'a:nosuch'}},
        ('DEFAULT', 'enabled_backends'),
        "store type 'nosuch' is not known",
    ),
    (
        {'DEFAULT': {'enabled_backends': 'os_glance_x:file'}},
        ('DEFAULT', 'enabled_backends'),
        'is reserved',
    ),
    (
        {'DEFAULT': {'enabled_backends': 'glance_store:file'}},
        ('DEFAULT', 'enabled_backends'),
        'the id glance_store cannot be used',
    ),
    (
        {'DEFAULT': {'enabled_backends': 'a:file'}},
        ('DEFAULT', 'enabled_backends'),
        'default_backend must be one of the ids',
    ),
    (
        {
            'DEFAULT': {'enabled_backends': 'a:file,w:http'},
            'glance_store': {'default_backend': 'w'},
            'a': {'filesystem_store_datadir': '/nonexistent/a'},
        },
        ('glance_store', 'default_backend'),
        'read-only',
    ),
    (
        {
            'DEFAULT': {'enabled_backends': 'a:file,b:file'},
            'glance_store': {'default_backend': 'a'},
            'a': {'filesystem_store_datadir': '/nonexistent/a'},
            'b': {'filesystem_store_datadir': '/nonexistent/a'},
        },
        ('', ''),
        'have the same directory',
    ),
    (
        {'glance_store': {'filesystem_store_datadirs': '/nonexistent'}},
        ('glance_store', 'filesystem_store_datadir'),
        'has both filesystem_store_datadir and',
    ),
    (
        {'glance_store': {'stores': 'file,nosuch'}},
        ('glance_store', 'stores'),
        "store type 'nosuch' is not known",
    ),
    (
        {'glance_store': {'default_store': 'nosuch'}},
        ('glance_store', 'default_store'),
        'default_store is nosuch',
    ),
    (
        {'glance_store': {'stores': 'file,http', 'default_store': 'http'}},
        ('glance_store', 'default_store'),
        'to which data can be written',
    ),
    (
        {'glance_store': {'stores': 's3', 'default_store': 's3'}},
        ('', ''),
        's3_store_host must be set.',
    ),
    (
        {'glance_store': {'stores': 'swift', 'default_store': 'swift'}},
        ('', ''),
        'swift_store_auth_address must be set',
    ),
    (
        {
            'glance_store': {
                'stores': 'swift',
                'default_store': 'swift',
                'swift_store_auth_version': '2',
            }
        },
        ('glance_store', 'swift_store_auth_version'),
        'only version 3 of Keystone is supported',
    ),
    (
        {
            'glance_store': {
                'stores': 'rbd',
                'default_store': 'rbd',
                'rbd_store_chunk_size': 3,
            }
        },
        ('glance_store', 'rbd_store_chunk_size'),
        'must be a power of two',
    ),
    (
        {'glance_store': {'stores': 'gridfs', 'default_store': 'gridfs'}},
        ('', ''),
        'mongodb_store_uri must be set.',
    ),
    (
        {
            'glance_store': {
                'stores': 'file,http',
                'http_proxy_information': 'ftp:proxy.example.org',
            }
        },
        ('glance_store', 'http_proxy_information'),
        'ftp is not http or https',
    ),
    (
        {'glance_store': {'filesystem_store_file_perm': 9}},
        ('glance_store', 'filesystem_store_file_perm'),
        'must consist of octal digits',
    ),
    (
        {'glance_store': {'filesystem_store_file_perm': 40}},
        ('glance_store', 'filesystem_store_file_perm'),
        'must let the owner read',
    ),
    (
        {'DEFAULT': {'node_staging_uri': 'http://a/b'}},
        ('DEFAULT', 'node_staging_uri'),
        'must be the URL of a directory',
    ),
    (
        {'DEFAULT': {'registry_endpoints': 'ftp://a:1'}},
        ('DEFAULT', 'registry_endpoints'),
        'ftp://a:1 must have the form',
    ),
    (
        {'image_import_opts': {'image_import_plugins': '[nosuch]'}},
        ('image_import_opts', 'image_import_plugins'),
        'the plug-in nosuch is unknown',
    ),
    (
        {'import_downloads': {'http_proxy': 'https://a:1'}},
        ('import_downloads', 'http_proxy'),
        'http_proxy must be a URL such as',
    ),
    (
        {'DEFAULT': {'image_cache_enabled': True}},
        ('DEFAULT', 'image_cache_enabled'),
        'image_cache_dir in [DEFAULT] must be set',
    ),
    (
        {'oslo_messaging_notifications': {'driver': 'nosuch'}},
        ('oslo_messaging_notifications', 'driver'),
        'driver must be one of',
    ),
    (
        {'DEFAULT': {'bind_host': '0.0.0.0'}},
        ('DEFAULT', 'bind_host'),
        'Without a flavor every caller is an admin',
    ),
    (
        {'paste_deploy': {'flavor': 'nosuch'}},
        ('paste_deploy', 'flavor'),
        'flavor: ',
    ),
    (
        {
            'paste_deploy': {'flavor': 'trusted-auth'},
            'DEFAULT': {'trusted_auth_secret': 'short'},
        },
        ('DEFAULT', 'trusted_auth_secret'),
        'must have at least',
    ),
    (
        {'paste_deploy': {'flavor': 'caching'}},
        ('', ''),
        'the filter "cache" of the paste file',
    ),
]
_REGISTRY: list[tuple[Sections, tuple[str, str], str]] = [
    ({}, ('', ''), 'connection in [database] must name'),
    (
        {'database': {'connection': 'glance at home'}},
        ('database', 'connection'),
        'connection in [database] is not the URL of a database',
    ),
    (
        {'database': {'connection': 'mysql://glance:secret@host:port/glance'}},
        ('database', 'connection'),
        'must be percent-encoded',
    ),
    (
        {'database': {'connection': 'mysql+nosuch://host/glance'}},
        ('database', 'connection'),
        'mysql+nosuch cannot be used',
    ),
    (
        {
            'DEFAULT': {'bind_host': '0.0.0.0'},
            'database': {'connection': 'sqlite://'},
        },
        ('DEFAULT', 'bind_host'),
        'Without a flavor every caller is an admin',
    ),
]


class ConfigValuesTest(test_config_check.Checks):
    def write_sections(self, daemon: str, sections: Sections) -> None:
        local = {'DEFAULT': {'bind_host': '127.0.0.1'}}
        if daemon == 'glance-api':
            images = str(self.directory / 'images')
            local['glance_store'] = {'filesystem_store_datadir': images}
        text = daemons.render(local, sections)
        self.write(f'{daemon}.conf', text)

    def refusal(self, daemon: hosting.Daemon) -> str:
        """The sentence with which the daemon refuses the files."""
        where = {hosting.DIRECTORY_VARIABLE: os.fspath(self.directory)}
        with (
            mock.patch.dict(os.environ, where),
            contextlib.redirect_stderr(io.StringIO()),
            self.assertRaises(errors.ConfigurationError) as caught,
        ):
            hosting.application(cfg.ConfigOpts(), daemon)
        return str(caught.exception)

    def test_what_a_daemon_refuses_is_refused_with_its_sentence(self) -> None:
        for daemon, table in ((API, _API), (REGISTRY, _REGISTRY)):
            for sections, setting, reason in table:
                with self.subTest(daemon=daemon.name, sections=sections):
                    self.write_sections(daemon.name, sections)
                    said = self.refusal(daemon)
                    self.assertIn(reason, said)
                    rows = self.rows(1)
                    self.assertEqual('refused', rows[setting]['fate'])
                    self.assertEqual(said, rows[setting]['reason'])
            (self.directory / f'{daemon.name}.conf').unlink()

    def test_limits_of_keystone_need_credentials(self) -> None:
        """The daemon declares these options for the whole process."""
        self.write_sections(
            'glance-api', {'DEFAULT': {'use_keystone_limits': True}}
        )
        row = self.rows(1)['DEFAULT', 'use_keystone_limits']
        self.assertEqual('refused', row['fate'])
        self.assertIn('needs auth_type and credentials', row['reason'])

    def paste(self, text: str) -> None:
        self.write(
            'glance-api-paste.ini',
            '[pipeline:glance-api]\npipeline = first root\n'
            '[composite:root]\n'
            'paste.composite_factory = glance.api:root_app_factory\n'
            '/ = main\n/healthcheck = health\n'
            '[app:main]\n'
            'paste.app_factory = glance.api.v2.router:API.factory\n'
            '[app:health]\n'
            'paste.app_factory = oslo_middleware:Healthcheck.app_factory\n'
            f'{text}',
        )

    def test_values_in_a_paste_file(self) -> None:
        self.write_sections('glance-api', {})
        self.paste(
            'allowed_source_ranges = everywhere\n'
            '[filter:first]\n'
            'paste.filter_factory = oslo_middleware:CORS.factory\n'
        )
        row = self.rows(1)['', '']
        self.assertIn("'everywhere' does not appear to be", row['reason'])
        self.assertEqual(self.refusal(API), row['reason'])

    def test_the_paste_files_of_all_releases_are_not_refused(self) -> None:
        for layout in paste_layouts.LAYOUTS:
            self.write('glance-api-paste.ini', layout.api())
            self.write('glance-registry-paste.ini', layout.registry())
            for flavor in ('', 'keystone'):
                for daemon in ('glance-api', 'glance-registry'):
                    self.write_sections(
                        daemon,
                        {
                            'paste_deploy': {'flavor': flavor},
                            'database': {'connection': 'sqlite://'},
                        },
                    )
                with self.subTest(layout.releases, flavor=flavor):
                    self.assertNotIn('refused', self.fates())

    def test_a_filter_of_the_site_that_fails(self) -> None:
        self.write_sections('glance-api', {})
        self.paste('[filter:first]\npaste.filter_factory = json:loads\n')
        row = self.rows(1)['', '']
        self.assertIn('the JSON object must be', row['reason'])

    def test_half_of_a_pair_for_tls_is_refused(self) -> None:
        """Only the shipped server reads these."""
        for daemon in ('glance-api', 'glance-registry'):
            self.write_sections(
                daemon,
                {
                    'DEFAULT': {'cert_file': '/nonexistent'},
                    'database': {'connection': 'sqlite://'},
                },
            )
            row = self.rows(1)['DEFAULT', 'cert_file']
            self.assertEqual('refused', row['fate'])
            self.assertIn('key_file is not set', row['reason'])
            (self.directory / f'{daemon}.conf').unlink()

    def test_values_of_the_scrubber(self) -> None:
        self.write(
            'glance-scrubber.conf',
            '[DEFAULT]\nverify_window = noon\n[glance_store]\nstores = x\n',
        )
        rows = self.rows(1)
        conf = cfg.ConfigOpts()
        conf.register_opts(scrubber_options.CHECKS)
        conf([], default_config_files=[], default_config_dirs=[])
        conf.set_override('verify_window', 'noon')
        unused: Any = None
        with self.assertRaises(errors.ConfigurationError) as caught:
            scrubber._verifier(conf, unused, unused, threading.Event())
        row = rows['DEFAULT', 'verify_window']
        self.assertEqual('refused', row['fate'])
        self.assertEqual(str(caught.exception), row['reason'])
        self.assertEqual('refused', rows['glance_store', 'stores']['fate'])

    def test_values_of_the_programs_of_the_cache(self) -> None:
        """They read glance-api.conf, too; without a cache nobody runs them."""
        self.write_sections(
            'glance-api', {'glance_store': {'stores': 'file,http'}}
        )
        wrong = '[glance_store]\nstores = nosuch\n'
        self.write('glance-cache.conf', wrong)
        self.assertNotIn('refused', self.fates())
        cache = '[DEFAULT]\nimage_cache_dir = /nonexistent\n'
        self.write('glance-cache.conf', f'{cache}{wrong}')
        ((name, reason),) = [
            (pathlib.Path(row['file']).name, row['reason'])
            for row in self.table()
            if row['fate'] == 'refused'
        ]
        self.assertEqual('glance-cache.conf', name)
        self.assertIn("the store type 'nosuch' is not known", reason)

    def test_files_of_one_program_are_judged_together(self) -> None:
        """A directory of parts completes or corrects the main file."""
        self.write_sections(
            'glance-api',
            {
                'DEFAULT': {'enabled_backends': 'a:file'},
                'paste_deploy': {'flavor': 'keystone'},
            },
        )
        parts = self.directory / 'glance-api.conf.d'
        parts.mkdir()
        (parts / 'a.conf').write_text(
            '[glance_store]\ndefault_backend = a\n'
            '[a]\nfilesystem_store_datadir = /nonexistent\n'
        )
        self.assertNotIn('refused', self.fates())
        (parts / 'b.conf').write_text('[glance_store]\ndefault_backend = b\n')
        self.assertEqual(
            ['b.conf'],
            [
                pathlib.Path(row['file']).name
                for row in self.table()
                if row['fate'] == 'refused'
            ],
        )

    def test_a_part_alone_is_not_a_whole_configuration(self) -> None:
        self.write('site.conf', '[DEFAULT]\nenabled_backends = a:file\n')
        self.assertNotIn('refused', self.fates())

    def test_a_paste_file_of_another_machine_is_not_judged(self) -> None:
        self.write_sections(
            'glance-api',
            {'paste_deploy': {'config_file': '/nonexistent', 'flavor': 'x'}},
        )
        self.assertNotIn('refused', self.fates())

    def test_nothing_is_opened_and_nothing_is_logged(self) -> None:
        self.write_sections('glance-api', {})
        outcome = self.call(os.fspath(self.directory))
        self.assertEqual((0, ''), (outcome.code, outcome.err))
        self.assertFalse((self.directory / 'images').exists())


if __name__ == '__main__':
    unittest.main()
