"""Which file overrides the rules of the code."""

import pathlib
import tempfile
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
        asking = context.RequestContext(
            project_id='p1', roles=roles, overwrite=False
        )
        try:
            policy.Policy(conf).require_list(asking)
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
