"""The commands of oslo.policy find our rules."""

import configparser
import json
import os
import pathlib
import subprocess
import sys
import unittest

import yaml

from glance.api.policy import defaults
from tests import base

ROOT = pathlib.Path(__file__).parents[2]


class ToolTestCase(unittest.TestCase):
    """The commands find our rules by the entry points in setup.cfg."""

    # covers 21-8

    def setUp(self) -> None:
        super().setUp()
        self.directory = pathlib.Path(base.temporary_directory(self))
        installed = self.directory / 'site' / 'glance_split-0.dist-info'
        installed.mkdir(parents=True)
        (installed / 'METADATA').write_text(
            'Metadata-Version: 2.1\nName: glance-split\nVersion: 0\n'
        )
        (installed / 'entry_points.txt').write_text(entry_points())
        self.policy_file = self.directory / 'policy.yaml'
        self.conf_file = self.directory / 'glance-api.conf'
        self.conf_file.touch()

    def run_tool(self, name: str, *arguments: str, code: int = 0) -> str:
        """Run a command; return its standard output."""
        done = subprocess.run(
            [
                sys.executable,
                '-c',
                'import sys; from oslo_policy import generator, shell; '
                f'sys.exit({TOOLS[name]}())',
                *arguments,
            ],
            env={
                **os.environ,
                'HOME': str(self.directory),  # stevedore keeps a cache there
                'PYTHONPATH': f'{self.directory / "site"}:{ROOT}',
            },
            capture_output=True,
            text=True,
            check=False,
        )
        self.assertEqual(code, done.returncode, done.stderr + done.stdout)
        return done.stdout

    def configured(self, *more: str) -> list[str]:
        return [
            *('--config-file', str(self.conf_file)),
            *('--namespace', 'glance'),
            *more,
        ]

    def effective(self) -> dict[str, str]:
        text = self.run_tool('policy-generator', *self.configured())
        found: dict[str, str] = yaml.safe_load(text)
        return found

    def test_the_sample_has_every_rule_commented_out(self) -> None:
        sample = self.run_tool('sample-generator', '--namespace', 'glance')
        self.assertIsNone(yaml.safe_load(sample))
        for rule in defaults.list_rules():
            self.assertIn(f'#"{rule.name}": "{rule.check_str}"\n', sample)
        self.assertIn('# GET  /v2/images/{image_id}\n', sample)
        self.assertIn('# DEPRECATED', sample)

    def test_the_effective_policy_has_what_the_file_overrides(self) -> None:
        self.policy_file.write_text('"get_images": "role:lister"\n')
        found = self.effective()
        self.assertEqual('role:lister', found.pop('get_images'))
        self.assertEqual(
            {
                rule.name: rule.check_str
                for rule in defaults.list_rules()
                if rule.name != 'get_images'
            },
            found,
        )

    def test_a_policy_json_is_found_as_the_daemon_finds_it(self) -> None:
        file = self.directory / 'policy.json'
        file.write_text('{"get_images": "role:lister"}')
        self.assertEqual('role:lister', self.effective()['get_images'])

    def test_the_validator(self) -> None:
        for text, code, told in (
            ('"get_images": "role:lister"', 0, ''),
            ('"get_images": "role:lister or"', 1, 'Failed to parse rule'),
            ('"get_imagse": "role:lister"', 1, 'Unknown rule found'),
            ('"get_images": "rule:nothing"', 1, 'Invalid rules found'),
        ):
            with self.subTest(text):
                self.policy_file.write_text(text)
                output = self.run_tool(
                    'validator', *self.configured(), code=code
                )
                self.assertIn(told, output)

    def test_redundant_rules_are_listed(self) -> None:
        self.policy_file.write_text(
            '"publicize_image": "rule:context_is_admin"\n'
            '"get_images": "role:lister"\n'
        )
        output = self.run_tool('list-redundant', *self.configured())
        self.assertIn('publicize_image', output)
        self.assertNotIn('get_images', output)

    def test_the_checker_tells_who_passes(self) -> None:
        effective = self.directory / 'effective.yaml'
        effective.write_text(yaml.safe_dump(self.effective()))
        for role, image, result in (
            ('member', {'project_id': 'p1'}, 'passed'),
            ('member', {'project_id': 'p2'}, 'failed'),
            ('reader', {'project_id': 'p1'}, 'failed'),
            ('admin', {'project_id': 'p2'}, 'passed'),
        ):
            token = {
                'roles': [{'name': role}],
                'user': {'id': 'u'},
                'project': {'id': 'p1'},
            }
            access = self.directory / 'access.json'
            access.write_text(json.dumps({'token': token}))
            target = self.directory / 'target.json'
            target.write_text(json.dumps(image))
            with self.subTest(f'{role} {image}'):
                output = self.run_tool(
                    'checker',
                    *('--policy', str(effective), '--access', str(access)),
                    *('--target', str(target), '--rule', 'modify_image'),
                )
                self.assertEqual(f'{result}: modify_image\n', output)


TOOLS = {
    'sample-generator': 'generator.generate_sample',
    'policy-generator': 'generator.generate_policy',
    'list-redundant': 'generator.list_redundant',
    'validator': 'generator.validate_policy',
    'checker': 'shell.main',
}


def entry_points() -> str:
    """Those of setup.cfg as an installation writes them."""
    parser = configparser.ConfigParser()
    parser.read(ROOT / 'setup.cfg')
    groups = parser['options.entry_points']
    return '\n'.join(f'[{name}]{groups[name]}\n' for name in groups)
