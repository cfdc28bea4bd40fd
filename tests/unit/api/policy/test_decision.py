"""Which file overrides the rules of the code; what a refusal tells."""

import pathlib
import tempfile
from typing import Any
import unittest

from oslo_config import cfg

from glance.api import conf as api_conf
from glance.api import policy
from glance.common import context
from glance.common import errors

CLOSED = '{"get_images": "!"}'
OPEN = '{"get_images": "@"}'


class FilesTestCase(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def may_list(self, roles: list[str], **files: str) -> bool:
        """Whether a caller with these roles may list images.

        :param files: contents of NAME_ENDING beside the configuration
        """
        for name, text in files.items():
            path = self.directory / name.replace('_', '.')
            path.write_text(text)
        main = self.directory / 'glance-api.conf'
        main.touch()
        conf = cfg.ConfigOpts()
        api_conf.register(conf)
        conf(args=['--config-file', str(main)], project='glance')
        caller = context.RequestContext(
            project_id='p1', roles=roles, overwrite=False
        )
        try:
            policy.Policy(conf).require_list(caller)
        except errors.Forbidden:
            return False
        return True

    def test_without_a_file_the_code_decides(self) -> None:
        self.assertTrue(self.may_list(['reader']))
        self.assertFalse(self.may_list([]))

    def test_policy_json_beside_the_configuration_counts(self) -> None:
        self.assertFalse(self.may_list(['reader'], policy_json=CLOSED))

    def test_policy_yaml_beside_the_configuration_counts(self) -> None:
        self.assertFalse(self.may_list(['reader'], policy_yaml=CLOSED))

    def test_policy_yaml_wins(self) -> None:
        self.assertTrue(
            self.may_list([], policy_yaml=OPEN, policy_json=CLOSED)
        )


class TargetTestCase(unittest.TestCase):
    """Targets that are no images: a namespace, as an example."""

    def require(self, action: str, project_id: str, **caller: Any) -> None:
        """:param project_id: whose private namespace it is"""
        conf = cfg.ConfigOpts()
        api_conf.register(conf)
        conf(args=[], default_config_files=[], project='glance')
        caller = context.RequestContext(
            project_id='p1', roles=['reader'], overwrite=False, **caller
        )
        values = {'project_id': project_id, 'visibility': 'private'}
        target = policy.Target(values, 'namespace n', 'get_metadef_namespace')
        policy.Policy(conf).require(caller, action, target)

    def test_what_the_rule_permits(self) -> None:
        self.require('get_metadef_namespace', 'p1')

    def test_who_sees_it_is_told_that_it_is_forbidden(self) -> None:
        with self.assertRaisesRegex(errors.Forbidden, 'modify_metadef'):
            self.require('modify_metadef_namespace', 'p1')

    def test_who_does_not_see_it_is_told_that_there_is_none(self) -> None:
        for action in ('get_metadef_namespace', 'modify_metadef_namespace'):
            with self.assertRaisesRegex(errors.NotFound, 'no namespace n'):
                self.require(action, 'p2')

    def test_an_anonymous_caller_changes_nothing(self) -> None:
        with self.assertRaisesRegex(errors.Forbidden, 'without a token'):
            self.require('modify_metadef_namespace', 'p1', read_only=True)
