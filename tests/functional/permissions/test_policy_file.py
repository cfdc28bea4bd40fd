"""etc/policy.json overrides the defaults in the code."""

from tests.functional.permissions import callers


class TestPolicyFile(callers.PermissionTestCase):
    """etc/policy.json overrides the defaults in the code."""

    def setUp(self) -> None:
        rules = {
            'context_is_admin': 'role:boss',
            'delete_image': 'rule:context_is_admin',
            'publicize_image': 'role:member',
            'download_image': "role:member and not 'yes':%(secret)s",
            'get_images': '!',
        }
        self.api_options = {
            'oslo_policy.policy_file': callers.written(self, rules)
        }
        super().setUp()

    def test_rules_of_the_file_count(self) -> None:
        # covers 21-3
        image_id = self.image(data=b'data')
        path = f'/v2/images/{image_id}'
        self.assert_status(403, self.ask('owner', 'DELETE', path))
        self.assert_status(403, self.ask('owner', 'GET', '/v2/images'))
        published = self.ask(
            'owner',
            'PATCH',
            path,
            callers.change('visibility', 'public'),
            callers.PATCH,
        )
        self.assert_status(200, published)

    def test_the_admin_is_who_the_file_says(self) -> None:
        image_id = self.image(visibility='private')
        path = f'/v2/images/{image_id}'
        self.assert_status(404, self.ask('admin', 'GET', path))
        for method, status in (('GET', 200), ('DELETE', 204)):
            response = self.ask('other', method, path, **{'X-Roles': 'boss'})
            self.assert_status(status, response)

    def test_rules_see_custom_properties(self) -> None:
        """OSSA-2013-027: the target of the rule is the stored image."""
        # covers 8.2-10, 21-2
        for secret, status in (('yes', 403), ('no', 200)):
            image_id = self.image(data=b'data', secret=secret)
            response = self.ask('owner', 'GET', f'/v2/images/{image_id}/file')
            self.assert_status(status, response)

    def test_properties_do_not_shadow_what_rules_look_at(self) -> None:
        for name in ('project_id', 'member_id', 'user_id', 'is_admin'):
            image_id = self.image(
                visibility='community', **{name: 'p9', 'data': b''}
            )
            response = self.ask(
                'other', 'PUT', f'/v2/images/{image_id}/tags/x'
            )
            with self.subTest(name):
                self.assert_status(403, response)
