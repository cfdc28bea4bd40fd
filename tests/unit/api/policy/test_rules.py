"""The closures decide as oslo.policy does, over rules nobody thought of."""

import contextlib
import os
import tempfile
from typing import Any
import unittest
from unittest import mock

import hypothesis
from hypothesis import strategies as st
from oslo_config import cfg
from oslo_policy import opts as policy_opts
from oslo_policy import policy

from glance.api.policy import defaults
from glance.api.policy import rules
from glance.common import errors

WRONG_FILES = (
    '{"context_is_admin": ',
    '["context_is_admin"]',
    'context_is_admin',
    '7',
    '{"context_is_admin": 7}',
    '{"context_is_admin": "role:admin or"}',
    '{"context_is_admin": "role:admin or boss"}',
    '{"context_is_admin": "role"}',
    '{"context_is_admin": "rule:no_such_rule"}',
    '{"context_is_admin": "rule:a", "a": "rule:context_is_admin"}',
    '{"context_is_admin": "not rule:context_is_admin"}',
    '\0',
)
NAMES = ('a', 'b', 'c')
WORDS = ('p1', 'p2', 'None', 'public', 'Admin', 'member')

_LEAVES = st.sampled_from(
    [
        '@',
        '!',
        'role:admin',
        'role:Member',
        'role:%(wanted)s',
        'project_id:%(project_id)s',
        'project_id:p1',
        'user.name:%(wanted)s',
        'groups.name:p1',
        'roles:admin',
        'nothing:%(project_id)s',
        'project_id:%(nothing)s',
        "'public':%(visibility)s",
        'True:%(flag)s',
        'None:%(empty)s',
        'rule:a',
        'rule:b',
        'rule:unknown',
    ]
)
_EXPRESSIONS = st.recursive(
    _LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: f'({pair[0]} and {pair[1]})'),
        st.tuples(inner, inner).map(lambda pair: f'({pair[0]} or {pair[1]})'),
        inner.map(lambda part: f'(not {part})'),
    ),
    max_leaves=6,
)
_TARGETS = st.fixed_dictionaries(
    {},
    optional={
        'project_id': st.sampled_from((*WORDS, None)),
        'visibility': st.sampled_from(WORDS),
        'wanted': st.sampled_from(WORDS),
        'flag': st.booleans(),
        'empty': st.none(),
    },
)
_CREDENTIALS = st.fixed_dictionaries(
    {'roles': st.lists(st.sampled_from(WORDS), max_size=3)},
    optional={
        'project_id': st.sampled_from((*WORDS, None)),
        'user': st.fixed_dictionaries({'name': st.sampled_from(WORDS)}),
        'groups': st.lists(
            st.fixed_dictionaries({'name': st.sampled_from(WORDS)})
        ),
        'system_scope': st.sampled_from(('all', None)),
        'domain_id': st.sampled_from(('d1', None)),
    },
)


def enforcer(directory: str, texts: dict[str, str]) -> policy.Enforcer:
    conf = cfg.ConfigOpts()
    conf(args=[], default_config_files=[], default_config_dirs=[directory])
    found = policy.Enforcer(conf, policy_file='absent.yaml')
    found.suppress_default_change_warnings = True
    for name, text in texts.items():
        scopes = ['project'] if name == 'c' else None
        found.register_default(
            policy.RuleDefault(name, text, scope_types=scopes)
        )
    return found


class AgreementTestCase(unittest.TestCase):
    @hypothesis.settings(max_examples=300, deadline=None, derandomize=True)
    @hypothesis.given(_EXPRESSIONS, _EXPRESSIONS, _TARGETS, _CREDENTIALS)
    def test_closures_agree_with_the_library(
        self,
        first: str,
        second: str,
        target: dict[str, Any],
        credentials: dict[str, Any],
    ) -> None:
        # Only c refers freely: a and b refer to nothing in a circle.
        plain = {'a': first.replace('rule:', 'role:'), 'b': 'rule:a'}
        original = enforcer('/nonexistent', {**plain, 'c': second})
        compiled = rules.Rules(
            original.conf, list(original.registered_rules.values())
        )
        for name in NAMES:
            self.assertEqual(
                bool(original.authorize(name, target, dict(credentials))),
                compiled.allows(name, target, credentials),
                (name, first, second),
            )

    def test_a_check_of_another_class_is_asked_itself(self) -> None:
        class Asks(policy.Check):
            def __call__(
                self, target: Any, creds: Any, enforcer: Any, rule: Any = None
            ) -> bool:
                return bool(target['answer'])

        policy.register('asks', Asks)
        original = enforcer('/nonexistent', {'a': 'asks:it or role:admin'})
        compiled = rules.Rules(
            original.conf, list(original.registered_rules.values())
        )
        self.assertTrue(compiled.allows('a', {'answer': 1}, {'roles': []}))
        self.assertFalse(compiled.allows('a', {'answer': 0}, {'roles': []}))


class ReloadTestCase(unittest.TestCase):
    def setUp(self) -> None:
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, 'policy.json')
        self.write('{}')
        self.rules = self.load()

    def load(self, **options: Any) -> rules.Rules:
        conf = cfg.ConfigOpts()
        policy_opts.set_defaults(conf)
        conf(args=[], default_config_files=[])
        options.setdefault('policy_file', self.path)
        for name, value in options.items():
            conf.set_override(name, value, group='oslo_policy')
        return rules.Rules(conf, defaults.list_rules(), defaults.GUARDS)

    def write(self, text: str) -> None:
        with open(self.path, 'w') as file:
            file.write(text)
        self.stamp = getattr(self, 'stamp', 1_000_000_000) + 10
        os.utime(self.path, (self.stamp, self.stamp))

    def admin_is(self, role: str) -> bool:
        self.rules._next_look = 0.0
        return self.rules.allows('context_is_admin', {}, {'roles': [role]})

    def test_a_changed_file_counts(self) -> None:
        self.assertFalse(self.admin_is('chief'))
        self.write('{"context_is_admin": "role:chief"}')
        self.assertTrue(self.admin_is('chief'))
        self.assertFalse(self.admin_is('admin'))

    def test_thread_that_is_slow_to_load_does_not_bring_old_rules(
        self,
    ) -> None:
        """The file changes again, and another thread looks, meanwhile."""
        load = rules._load

        def slow(enforcer: policy.Enforcer) -> None:
            load(enforcer)
            if not changed:
                changed.append(True)
                self.write('{"context_is_admin": "role:boss"}')
                self.admin_is('boss')  # the other thread

        changed: list[bool] = []
        self.write('{"context_is_admin": "role:chief"}')
        with mock.patch.object(rules, '_load', slow):
            self.admin_is('chief')
        self.assertTrue(self.admin_is('boss'))
        self.assertFalse(self.admin_is('chief'))

    def test_wrong_files_change_nothing_and_are_told_of(self) -> None:
        # covers 21-7
        self.write('{"context_is_admin": "role:chief"}')
        self.assertTrue(self.admin_is('chief'))
        for text in WRONG_FILES:
            with (
                self.subTest(text),
                self.assertLogs(rules.LOG, 'ERROR') as log,
            ):
                self.write(text)
                self.assertTrue(self.admin_is('chief'))
                self.assertFalse(self.admin_is('admin'))
                self.assertEqual(1, len(log.output))
        self.write('{"context_is_admin": "role:boss"}')
        self.assertTrue(self.admin_is('boss'))
        self.assertFalse(self.admin_is('chief'))

    def test_wrong_files_end_the_start(self) -> None:
        # covers 21-7
        for text in WRONG_FILES:
            self.write(text)
            with (
                self.subTest(text),
                self.assertRaises(errors.ConfigurationError) as caught,
            ):
                self.load()
            self.assertIn('policy_file', str(caught.exception))

    def test_a_file_that_goes_leaves_the_rules_of_the_code(self) -> None:
        self.write('{"context_is_admin": "role:chief"}')
        self.assertTrue(self.admin_is('chief'))
        os.remove(self.path)
        self.assertFalse(self.admin_is('chief'))
        self.assertTrue(self.admin_is('admin'))

    def test_a_file_that_may_be_read_at_last_counts(self) -> None:
        self.write('{"context_is_admin": "role:chief"}')
        failing = mock.patch.object(rules, '_load', side_effect=ValueError)
        with failing, self.assertLogs(rules.LOG, 'ERROR'):
            self.assertFalse(self.admin_is('chief'))
        os.chmod(self.path, 0o640)
        self.assertTrue(self.admin_is('chief'))

    def test_a_file_that_comes_later_counts(self) -> None:
        os.remove(self.path)
        with self.assertLogs(rules.LOG, 'WARNING') as log:
            self.rules = self.load()
        self.assertIn(self.path, log.output[0])
        self.assertTrue(self.admin_is('admin'))
        self.write('{"context_is_admin": "role:chief"}')
        self.assertFalse(self.admin_is('admin'))

    def test_a_wrong_file_in_the_directory_does_not_lose_the_others(
        self,
    ) -> None:
        directory = os.path.join(os.path.dirname(self.path), 'policy.d')
        os.mkdir(directory)
        strict = os.path.join(directory, 'strict.yaml')
        with open(strict, 'w') as file:
            file.write('"get_images": "!"')
        self.rules = self.load(policy_dirs=[directory])
        self.assertFalse(self.may_list())
        with open(os.path.join(directory, 'wrong.yaml'), 'w') as file:
            file.write('"get_image": [')
        for _ in range(3):
            with contextlib.suppress(AssertionError), self.assertLogs():
                self.assertFalse(self.may_list())
        os.remove(strict)
        os.remove(os.path.join(directory, 'wrong.yaml'))
        self.assertTrue(self.may_list())

    def may_list(self) -> bool:
        self.rules._next_look = 0.0
        return self.rules.allows('get_images', {}, {'roles': ['admin']})

    def test_files_are_not_looked_at_in_every_call(self) -> None:
        self.assertFalse(self.admin_is('chief'))
        self.write('{"context_is_admin": "role:chief"}')
        self.rules._next_look = float('inf')
        credentials = {'roles': ['chief']}
        self.assertFalse(
            self.rules.allows('context_is_admin', {}, credentials)
        )

    def test_scopes_count_where_the_library_can_switch_them_off(self) -> None:
        system = {'roles': ['admin'], 'system_scope': 'all'}
        self.assertFalse(self.rules.allows('get_images', {}, system))
        conf = self.rules._conf
        if 'enforce_scope' not in conf.oslo_policy:
            switch = cfg.BoolOpt('enforce_scope', default=True)
            conf.register_opt(switch, group='oslo_policy')
        conf.set_override('enforce_scope', False, group='oslo_policy')
        switched = rules.Rules(conf, defaults.list_rules())
        self.assertTrue(switched.allows('get_images', {}, system))

    def test_a_rule_that_is_registered_nowhere_is_an_error(self) -> None:
        with self.assertRaises(KeyError):
            self.rules.allows('no_such_rule', {}, {'roles': ['admin']})
