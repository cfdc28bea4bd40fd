"""Settings without an effect: named with their right place, or refused."""

import logging
import pathlib
import unittest

from oslo_config import cfg

from glance.api import conf as api_conf
from glance.api import known_settings as api_settings
from glance.common import errors
from glance.common import settings
from glance_registry import conf as registry_conf
from glance_registry import known_settings as registry_settings
from tests import base

TUNING = """
[DEFAULT]
enabled_backends = file:file, swift:swift, s3:s3
workers = 4
flavor = keystone+cachemanagement
[glance_store]
default_backend = swift
filesystem_store_datadir = /var/lib/glance/images
filesystem_store_file_perm = 0644
swift_store_auth_version = 3
swift_store_create_container_on_put = True
swift_store_large_object_size = 5120
swift_store_large_object_chunk_size = 200
[image_cache]
use_tpool = True
image_cache_max_size = 10737418240 # 10GB
image_cache_stall_time = 86400 # 24 hours
"""
SEVERAL_STORES = """
[DEFAULT]
enabled_backends = fast:file, slow:file, object:swift
[fast]
store_description = "Fast SSD storage for frequently accessed images"
filesystem_store_datadir = /fast-storage/glance/images
[slow]
store_description = "Slower storage for archived images"
filesystem_store_datadir = /slow-storage/glance/images
[object]
store_description = "Swift object storage for backup"
swift_store_config_file = /etc/glance/swift-store.conf
"""
#: What operators know of glance-api.conf, by section.
KNOWN_API = {
    'DEFAULT': """
    allow_anonymous_access owner_is_tenant admin_role
    allow_additional_image_properties max_request_id_length public_endpoint
    limit_param_default api_limit_max show_image_direct_url
    show_multiple_locations hashing_algorithm do_secure_hash http_retries
    image_size_cap image_member_quota image_property_quota image_tag_quota
    image_location_quota user_storage_quota use_keystone_limits
    metadata_encryption_key digest_algorithm location_strategy
    property_protection_file property_protection_rule_format enabled_backends
    node_staging_uri enable_image_import enabled_import_methods
    worker_self_reference_url default_publisher_id disabled_notifications
    pydev_worker_debug_host pydev_worker_debug_port secure_proxy_ssl_header
    enable_v1_api enable_v2_api enable_v1_registry enable_v2_registry
    enable_v3_api data_api allowed_rpc_exception_modules registry_host
    registry_port registry_client_protocol registry_client_key_file
    registry_client_cert_file registry_client_ca_file
    registry_client_insecure registry_client_timeout send_identity_headers
    use_user_token admin_user admin_password admin_tenant_name auth_url
    auth_strategy auth_region bind_host bind_port workers backlog
    tcp_keepidle max_header_line http_keepalive client_socket_timeout
    cert_file key_file ca_file image_cache_dir image_cache_driver
    image_cache_sqlite_db image_cache_max_size image_cache_stall_time
    cache_prefetcher_interval delayed_delete scrub_time scrub_pool_size
    wakeup_time scrubber_datadir cleanup_scrubber cleanup_scrubber_time
    transport_url control_exchange executor_thread_pool_size
    rpc_response_timeout rpc_ping_enabled rpc_backend backdoor_port verbose
    sql_connection db_auto_create notifier_strategy known_stores
    eventlet_hub use_tpool enforce_secure_rbac filesystem_store_datadir
    default_store disk_formats container_formats
    """,
    'paste_deploy': 'flavor config_file',
    'image_format': """
    container_formats disk_formats vmdk_allowed_types
    require_image_format_match gpt_safety_checks_nonfatal
    """,
    'task': 'task_time_to_live task_executor work_dir',
    'taskflow_executor': 'engine_mode max_workers conversion_format',
    'wsgi': 'task_pool_threads python_interpreter',
    'store_type_location_strategy': 'store_type_preference',
    'glance_store': """
    stores default_store default_backend
    store_capabilities_update_min_interval filesystem_store_datadir
    filesystem_store_datadirs filesystem_store_metadata_file
    filesystem_store_file_perm filesystem_store_chunk_size
    filesystem_thin_provisioning filesystem_store_timeout
    filesystem_store_thread_pool_size filesystem_store_threadpool_threshold
    https_insecure https_ca_certificates_file http_proxy_information
    rootwrap_config
    """,
    'image_import_opts': 'image_import_plugins max_parallel_stores',
    'import_filtering_opts': """
    allowed_schemes disallowed_schemes allowed_hosts disallowed_hosts
    allowed_ports disallowed_ports
    """,
    'inject_metadata_properties': 'ignore_user_roles inject',
    'image_conversion': 'output_format',
    'glance_download_properties': 'extra_properties',
    'os_glance_staging_store': 'filesystem_store_datadir',
    'os_glance_tasks_store': 'filesystem_store_datadir',
    'cors': """
    allowed_origin allow_credentials max_age allow_methods expose_headers
    allow_headers
    """,
    'oslo_middleware': 'enable_proxy_headers_parsing',
    'healthcheck': """
    path detailed backends disable_by_file_path disable_by_file_paths
    enable_by_file_paths allowed_source_ranges ignore_proxied_requests
    """,
}
KNOWN_REGISTRY = """
    allow_anonymous_access owner_is_tenant admin_role max_request_id_length
    limit_param_default api_limit_max image_member_quota image_property_quota
    metadata_encryption_key digest_algorithm pydev_worker_debug_host
    pydev_worker_debug_port secure_proxy_ssl_header enable_v1_registry
    enable_v2_registry data_api bind_host bind_port workers backlog
    tcp_keepidle max_header_line http_keepalive client_socket_timeout
    cert_file key_file ca_file
"""


class SettingsTestCase(unittest.TestCase):
    module = api_conf
    table = api_settings.TABLE

    def checker(self, text: str) -> settings.Checker:
        directory = pathlib.Path(base.temporary_directory(self))
        path = directory / 'daemon.conf'
        path.write_text(text)
        conf = cfg.ConfigOpts()
        self.module.register(conf)
        conf(['--config-file', str(path)], project='glance')
        return settings.Checker(conf, self.table, self.module.list_opts())

    def said(self, text: str, level: str = 'WARNING') -> list[str]:
        """What is logged at this level or above, without the prefix."""
        with self.assertLogs(settings.LOG, 'DEBUG') as logs:
            settings.LOG.debug('one line, because assertLogs needs one')
            self.checker(text).report()
        least = logging.getLevelName(level)
        return [
            record.getMessage()
            for record in logs.records
            if record.levelno >= least
        ]

    def assert_refused(self, text: str, *names: str) -> None:
        with self.assertRaises(errors.ConfigurationError) as caught:
            self.checker(text).refuse()
        for name in names:
            self.assertIn(f'{name}: ', str(caught.exception))

    def assert_silent(self, text: str) -> None:
        self.assertEqual([], self.said(text))
        self.checker(text).refuse()


class TestApi(SettingsTestCase):
    def test_every_misplaced_option_of_a_tutorial_is_named(self) -> None:
        said = self.said(TUNING)
        for section, name, place in (
            ('DEFAULT', 'flavor', '[paste_deploy]'),
            ('glance_store', 'filesystem_store_datadir', '[file]'),
            ('glance_store', 'filesystem_store_file_perm', '[file]'),
            ('glance_store', 'swift_store_auth_version', '[swift]'),
            (
                'glance_store',
                'swift_store_create_container_on_put',
                '[swift]',
            ),
            ('glance_store', 'swift_store_large_object_size', '[swift]'),
            (
                'glance_store',
                'swift_store_large_object_chunk_size',
                '[swift]',
            ),
            ('image_cache', 'use_tpool', '[DEFAULT]'),
            ('image_cache', 'image_cache_max_size', '[DEFAULT]'),
            ('image_cache', 'image_cache_stall_time', '[DEFAULT]'),
        ):
            line = (
                f'Option {name} in [{section}] has no effect: it belongs in '
                f'{place}.'
            )
            self.assertIn(line, said)
        for value in ('10737418240 # 10GB', '86400 # 24 hours'):
            self.assertTrue(any(f'"{value}"' in line for line in said), said)
        self.assertEqual(12, len(said), said)

    def test_sections_of_stores_belong_to_their_types(self) -> None:
        self.assertEqual([], self.said(SEVERAL_STORES))

    def test_settings_whose_meaning_would_be_lost_are_refused(self) -> None:
        for section, name, value in (
            ('DEFAULT', 'metadata_encryption_key', '0123456789abcdef'),
            ('DEFAULT', 'owner_is_tenant', 'False'),
            ('DEFAULT', 'admin_role', 'image_admin'),
            ('DEFAULT', 'allow-additional-image-properties', 'no'),
            ('DEFAULT', 'enable_v2_api', 'false'),
            ('keystone_authtoken', 'admin_user', 'glance'),
        ):
            text = f'[{section}]\n{name} = {value}\n'
            with self.subTest(text):
                named = name.replace('-', '_')
                self.assert_refused(text, f'[{section}] {named}')

    def test_a_refusal_is_one_line_and_names_all(self) -> None:
        text = '[DEFAULT]\nowner_is_tenant = 0\nadmin_role = x\n'
        with self.assertRaises(errors.ConfigurationError) as caught:
            self.checker(text).refuse()
        self.assertNotIn('\n', str(caught.exception))
        self.assert_refused(text, 'owner_is_tenant', 'admin_role')

    def test_values_that_lose_nothing_are_accepted(self) -> None:
        self.assert_silent(
            '[DEFAULT]\nowner_is_tenant = True\nadmin_role = admin\n'
            'enable_v2_api = true\nmetadata_encryption_key =\n'
            '[glance_store]\nfilesystem_store_datadirs =\n'
        )

    def test_accepted_options_say_what_replaces_them(self) -> None:
        text = '[DEFAULT]\ndata_api = glance.db.sqlalchemy.api\n'
        (line,) = self.said(text, 'INFO')
        self.assertIn('data_api', line)
        self.assertIn('glance-registry', line)
        self.assert_silent(text)

    def test_options_of_gridfs_and_sheepdog_have_an_effect(self) -> None:
        options = {
            'gridfs': 'mongodb_store_uri = mongodb://a/b\n'
            'mongodb_store_db = images\n',
            'sheepdog': 'sheepdog_store_address = 10.0.0.7\n'
            'sheepdog_store_port = 7001\nsheepdog_store_chunk_size = 32\n',
        }
        for kind, text in options.items():
            for section in (
                f'[DEFAULT]\nenabled_backends = a:{kind}\n[a]\n',
                f'[glance_store]\nstores = file,{kind}\n',
                f'[glance_store]\nstores = glance.store.{kind}.Store\n'
                '[DEFAULT]\n',
            ):
                with self.subTest(section):
                    self.assert_silent(section + text)

    def test_declared_options_without_an_effect_say_why(self) -> None:
        for name, value in (
            ('swift_buffer_on_upload', 'True'),
            ('swift_upload_buffer_dir', '/var/tmp'),
            ('swift_store_ssl_compression', 'False'),
            ('swift_store_project_id', 'p1'),
            ('swift_store_project_name', 'service'),
            ('s3_store_response_checksum_validation', 'when_supported'),
        ):
            kind = name.partition('_')[0]
            for text in (
                f'[glance_store]\n{name} = {value}\n',
                f'[DEFAULT]\nenabled_backends = a:{kind}\n'
                f'[a]\n{name} = {value}\n',
            ):
                with self.subTest(text):
                    (line,) = self.said(text, 'INFO')
                    self.assertIn(f'Option {name} in [', line)
                    self.assertRegex(line, r'has no effect: \w.+\.$')
                    self.assert_silent(text)

    def test_a_misspelt_option_names_the_known_one(self) -> None:
        for section, name, known, home in (
            ('DEFAULT', 'worker', 'workers', 'DEFAULT'),
            ('DEFAULT', 'registry_hosts', 'registry_host', 'DEFAULT'),
            (
                'glance_store',
                'filesystem_store_data_dir',
                'filesystem_store_datadir',
                'glance_store',
            ),
            ('paste_deploy', 'flavour', 'flavor', 'paste_deploy'),
        ):
            (line,) = self.said(f'[{section}]\n{name} = x\n')
            self.assertIn(f'{name} in [{section}]', line)
            self.assertIn(f'Is it {known} in [{home}]?', line)

    def test_a_known_option_in_an_unknown_section_names_its_own(self) -> None:
        (line,) = self.said('[paste_deply]\nflavor = keystone\n')
        self.assertIn('it belongs in [paste_deploy]', line)

    def test_a_secret_is_not_shown(self) -> None:
        self.assert_silent('[keystone_authtoken]\npassword = a # b\n')

    def test_options_of_stores_that_are_not_loaded_are_no_warning(
        self,
    ) -> None:
        self.assert_silent('[glance_store]\nrbd_store_pool = images\n')

    def test_options_of_libraries_are_no_warning(self) -> None:
        self.assert_silent(
            '[keystone_authtoken]\nauth_url = http://x\nmemcached_servers=x\n'
            '[database]\nmax_pool_size = 5\n[oslo_policy]\npolicy_file = x\n'
        )

    def test_every_option_that_operators_know_has_a_fate(self) -> None:
        for section, names in KNOWN_API.items():
            for name in names.split():
                text = f'[{section}]\n{name} =\n'
                with self.subTest(text):
                    self.assertEqual([], self.said(text))
                    self.assertNotIn(
                        'Unknown', ' '.join(self.said(text, 'INFO'))
                    )


class TestDocumentation(unittest.TestCase):
    def test_every_refused_option_is_in_the_documentation(self) -> None:
        root = pathlib.Path(__file__).parents[3]
        text = (root / 'doc/operations/configuration.md').read_text()
        refused = text.partition('### Refused')[2].partition('###')[0]
        for table in (api_settings.TABLE, registry_settings.TABLE):
            for setting in table.settings:
                if setting.is_refused:
                    self.assertRegex(refused, rf'\b{setting.name}\b')


class TestRegistry(SettingsTestCase):
    module = registry_conf
    table = registry_settings.TABLE

    def test_every_option_that_operators_know_has_a_fate(self) -> None:
        for name in KNOWN_REGISTRY.split():
            with self.subTest(name):
                text = f'[DEFAULT]\n{name} =\n'
                self.assertEqual([], self.said(text))
                self.assertNotIn('Unknown', ' '.join(self.said(text, 'INFO')))

    def test_owners_that_are_users_are_refused(self) -> None:
        self.assert_refused(
            '[DEFAULT]\nowner_is_tenant = false\n', '[DEFAULT] owner_is_tenant'
        )

    def test_a_misplaced_option_names_its_section(self) -> None:
        (line,) = self.said('[DEFAULT]\nflavor = keystone\n')
        self.assertIn('it belongs in [paste_deploy]', line)
        (line,) = self.said('[DEFAULT]\nconnection = sqlite://\n')
        self.assertIn('it belongs in [database]', line)
