"""The roles of the service user, and the options that ask for them."""

import pathlib
import unittest
from unittest import mock

from keystoneauth1 import exceptions as keystone_exceptions
from keystonemiddleware import auth_token
from oslo_config import cfg

from glance.api import conf as api_conf
from glance.common import login
from glance.common import login_options
from glance_registry import conf as registry_conf
from tests import base

GROUP = 'keystone_authtoken'


class LoginTestCase(unittest.TestCase):
    def conf(self, module: object, text: str = '') -> cfg.ConfigOpts:
        """A configuration with the options of keystonemiddleware too."""
        path = pathlib.Path(base.temporary_directory(self), 'daemon.conf')
        path.write_text(f'[{GROUP}]\n{text}')
        conf = cfg.ConfigOpts()
        module.register(conf)
        conf(['--config-file', str(path)], project='glance')
        for group, options in auth_token.list_opts():
            conf.register_opts(options, group)
        return conf


class TestOptions(LoginTestCase):
    def test_registry_accepts_service_and_admin_by_default(self) -> None:
        conf = self.conf(registry_conf)
        self.assertEqual(['service', 'admin'], conf[GROUP].service_token_roles)

    def test_registry_can_be_strict(self) -> None:
        conf = self.conf(registry_conf, 'service_token_roles = service\n')
        self.assertEqual(['service'], conf[GROUP].service_token_roles)
        self.assertEqual(['service'], login_options.required_roles(conf))

    def test_api_keeps_the_default_of_the_library(self) -> None:
        conf = self.conf(api_conf)
        self.assertEqual(['service'], conf[GROUP].service_token_roles)
        self.assertEqual(
            ['service', 'admin'], login_options.required_roles(conf)
        )

    def test_auth_uri_still_names_keystone(self) -> None:
        for module in (api_conf, registry_conf):
            conf = self.conf(module, 'auth_uri = http://controller:5000\n')
            self.assertEqual(
                'http://controller:5000', conf[GROUP].www_authenticate_uri
            )


class TestCheckRoles(unittest.TestCase):
    def check(self, *roles: str, domain: str = 'default') -> list[str]:
        """What is logged about a service user with these roles."""
        access = mock.Mock(
            role_names=list(roles),
            username='glance',
            project_name='service',
            user_domain_id=domain,
            project_domain_id='default',
        )
        session = mock.Mock()
        session.auth.get_access.return_value = access
        with (
            mock.patch.object(login, 'session', return_value=session),
            self.assertLogs(login.LOG, 'DEBUG') as logs,
        ):
            login.LOG.debug('')
            login.check_roles(cfg.ConfigOpts(), ['service', 'admin'])
        return logs.output[1:]

    def test_either_role_is_enough(self) -> None:
        for role in ('service', 'admin', 'Admin'):
            self.assertEqual([], self.check('member', role))

    def test_neither_role_names_the_command(self) -> None:
        (line,) = self.check('member')
        self.assertTrue(line.startswith('ERROR:'))
        self.assertIn(
            'openstack role add --project service --user glance service', line
        )

    def test_command_names_another_domain(self) -> None:
        (line,) = self.check(domain='cloud services')
        self.assertIn("role add --user-domain 'cloud services'", line)

    def test_keystone_that_does_not_answer_is_a_warning(self) -> None:
        session = mock.Mock()
        session.auth.get_access.side_effect = (
            keystone_exceptions.ConnectFailure('nobody listens')
        )
        with (
            mock.patch.object(login, 'session', return_value=session),
            self.assertLogs(login.LOG, 'DEBUG') as logs,
        ):
            login.check_roles(cfg.ConfigOpts(), ['service'])
        (line,) = logs.output
        self.assertTrue(line.startswith('WARNING:'))
        self.assertIn('nobody listens', line)

    def test_without_credentials_nothing_is_checked(self) -> None:
        with (
            mock.patch.object(login, 'session', return_value=None),
            self.assertNoLogs(login.LOG),
        ):
            login.check_roles(cfg.ConfigOpts(), ['service'])
