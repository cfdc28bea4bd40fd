"""Every rule that operators know is there."""

import unittest

from oslo_policy import policy

from glance.api.policy import defaults

#: Rules with a legacy check that let everybody pass.
CHANGED = (
    *('add_image', 'get_image', 'get_images', 'modify_image'),
    *('delete_image', 'communitize_image', 'upload_image', 'copy_from'),
    *('download_image', 'get_image_location', 'set_image_location'),
    *('delete_image_location', 'add_member', 'get_members', 'get_member'),
    *('modify_member', 'delete_member', 'deactivate', 'reactivate'),
    *('get_metadef_namespace', 'get_metadef_object', 'get_metadef_objects'),
    *('get_metadef_resource_type', 'list_metadef_resource_types'),
    *('get_metadef_property', 'get_metadef_properties', 'get_metadef_tag'),
    *('get_metadef_tags', 'get_metadef_namespaces'),
)
#: Their older name was manage_image_cache.
RENAMED = ('cache_list', 'cache_image', 'cache_delete')
UNCHANGED = (
    *('default', 'context_is_admin', 'service_api', 'publicize_image'),
    *('download_from_store', 'add_image_location', 'fetch_image_location'),
    *('copy_image', 'manage_image_cache', 'cache_clean', 'cache_prune'),
    *('list_cached_nodes', 'stores_info_detail', 'tasks_api_access'),
    *('get_task', 'get_tasks', 'add_task', 'modify_task'),
    *('metadef_default', 'metadef_admin'),
    *('add_metadef_namespace', 'modify_metadef_namespace'),
    *('delete_metadef_namespace', 'add_metadef_object'),
    *('modify_metadef_object', 'delete_metadef_object'),
    'add_metadef_resource_type_association',
    'remove_metadef_resource_type_association',
    *('add_metadef_property', 'modify_metadef_property'),
    *('remove_metadef_property', 'add_metadef_tag', 'add_metadef_tags'),
    *('modify_metadef_tag', 'delete_metadef_tag', 'delete_metadef_tags'),
)


class RulesTestCase(unittest.TestCase):
    def setUp(self) -> None:
        rules = defaults.list_rules()
        self.rules = {rule.name: rule for rule in rules}
        self.assertEqual(len(rules), len(self.rules))

    def former(self, name: str) -> policy.DeprecatedRule | None:
        found: policy.DeprecatedRule | None = self.rules[name].deprecated_rule
        return found

    def test_names(self) -> None:
        self.assertEqual(
            {*CHANGED, *RENAMED, *UNCHANGED},
            set(self.rules),
        )

    def test_legacy_checks(self) -> None:
        """OSSN-0088: none lets everybody write metadata definitions."""
        for name in CHANGED:
            former = self.former(name)
            assert former is not None, name
            self.assertEqual(name, former.name)
            self.assertIn(
                former.check_str, ('rule:default', 'rule:metadef_default')
            )
        for name in RENAMED:
            former = self.former(name)
            assert former is not None, name
            self.assertEqual('manage_image_cache', former.name)
        for name in UNCHANGED:
            self.assertIsNone(self.former(name), name)

    def test_scope_is_the_project(self) -> None:
        bases = ('default', 'context_is_admin', 'service_api')
        for name, rule in self.rules.items():
            if name in bases or name in ('metadef_default', 'metadef_admin'):
                self.assertIsNone(rule.scope_types, name)
            else:
                self.assertEqual(['project'], rule.scope_types, name)

    def test_everything_has_a_description(self) -> None:
        for name, rule in self.rules.items():
            self.assertTrue(rule.description, name)

    def test_guards_are_of_rules_that_were_open(self) -> None:
        self.assertLess(set(defaults.GUARDS), set(CHANGED))
