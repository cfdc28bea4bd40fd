"""The order of plug-ins, own ones, and injected properties."""

from importlib import metadata
import pathlib
from typing import Any
import unittest
from unittest import mock

from glance.common import errors
from glance.images.importing import plugins
from glance.images.importing.plugins import injection
from tests.unit.images.importing import targets


def job(*roles: str) -> plugins.Job:
    image: Any = {
        'id': targets.ID,
        'disk_format': 'qcow2',
        'container_format': 'bare',
    }
    return plugins.Job(image, roles, 2**40)


class Noting:
    """A plug-in that writes down when it is called."""

    def __init__(self, name: str, calls: list[str], needs_file: bool) -> None:
        self.needs_file = needs_file
        self._name = name
        self._calls = calls

    def wrap(self, _job: plugins.Job, data: Any) -> Any:
        self._calls.append(f'wrap {self._name}')
        return data

    def change(self, _job: plugins.Job, path: pathlib.Path) -> None:
        self._calls.append(f'change {self._name} {path}')


class TestChain(unittest.TestCase):
    def setUp(self) -> None:
        super().setUp()
        self.calls: list[str] = []
        self.ours: dict[str, plugins.Factory] = {
            'no_op': plugins.NoOp,
            'a': lambda: Noting('a', self.calls, True),
            'b': lambda: Noting('b', self.calls, False),
        }

    def test_plugins_run_in_the_order_of_the_option(self) -> None:
        chain = plugins.chain(['a', ' b', 'no_op', ''], self.ours)
        source = targets.Source(b'')
        self.assertIs(source, chain.wrap(job(), source))
        chain.change(job(), pathlib.Path('/x'))
        self.assertEqual(['wrap a', 'wrap b', 'change a /x'], self.calls)
        self.assertTrue(chain.needs_file)
        self.assertTrue(chain)

    def test_no_plugins(self) -> None:
        chain = plugins.chain([], self.ours)
        self.assertFalse(chain)
        self.assertFalse(chain.needs_file)
        self.assertFalse(plugins.chain(['b'], self.ours).needs_file)

    def test_an_unknown_plugin_is_named(self) -> None:
        with self.assertRaisesRegex(errors.ConfigurationError, 'xyz'):
            plugins.chain(['b', 'xyz'], self.ours)

    def test_a_plugin_of_the_site_is_found_by_its_entry_point(self) -> None:
        for value, message in (
            (f'{__name__}:make_own', ''),
            (f'{__name__}:Job', 'cannot be loaded'),
            ('glance.no_such_module:x', 'cannot be loaded'),
            ('builtins:object', 'has no needs_file, wrap, change'),
        ):
            point = metadata.EntryPoint('own', value, plugins.GROUP)
            with mock.patch.object(
                plugins.metadata, 'entry_points', return_value=[point]
            ) as asked:
                if message:
                    with self.assertRaisesRegex(
                        errors.ConfigurationError, f'own.*{message}'
                    ):
                        plugins.chain(['own'], self.ours)
                else:
                    self.assertTrue(plugins.chain(['own'], self.ours))
            asked.assert_called_once_with(group=plugins.GROUP, name='own')

    def test_changes_are_seen_by_the_next_plugin(self) -> None:
        changing = job()
        changing.set(disk_format='raw')
        self.assertEqual('raw', changing.image['disk_format'])
        self.assertEqual({'disk_format': 'raw'}, changing.values)


def make_own() -> Noting:
    return Noting('own', [], False)


class TestInjection(unittest.TestCase):
    def inject(self, *roles: str) -> dict[str, str]:
        plugin = injection.InjectMetadata({'a': '1', 'b': '2'}, ['admin'])
        asked = job(*roles)
        plugin.wrap(asked, targets.Source(b''))
        return asked.properties

    def test_properties_are_injected(self) -> None:
        self.assertEqual({'a': '1', 'b': '2'}, self.inject('member'))
        self.assertEqual({'a': '1', 'b': '2'}, self.inject())

    def test_not_for_ignored_roles(self) -> None:
        self.assertEqual({}, self.inject('member', 'Admin'))

    def test_names_of_the_service_are_ignored(self) -> None:
        with self.assertLogs(injection.LOG, 'WARNING') as logs:
            plugin = injection.InjectMetadata(
                {'os_glance_stage_host': 'http://evil', 'a': '1'}, []
            )
        self.assertIn('os_glance_stage_host', logs.output[0])
        asked = job()
        plugin.wrap(asked, targets.Source(b''))
        self.assertEqual({'a': '1'}, asked.properties)
