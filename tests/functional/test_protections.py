"""Property protections over HTTP."""

import json
import pathlib
from typing import Any
from unittest import mock

import webob

from glance.api.policy import rules
from glance.common import context
from tests import base

BY_ROLES = r"""
# Who bills may write; everybody reads.
[^bill_]
create = billing, admin
read = @
update = billing,admin
delete = Billing

# Nobody but an admin knows that they are there.
[^secret_]
create = admin
read = admin
update = admin
delete = admin

[^drop_]
create = @
read = !
update = @
delete = @

[^frozen$]
create = @
read = @
update = !
delete =

# Never looked at: the service's own names are not the operator's.
[os_glance]
create = !

[^hw_[a-z]+(_\d+)?$]
create = @
read = @
update = @
delete = @

[^by_service$]
create = imager
read = imager
update = imager
delete = imager
"""

BY_POLICIES = """
[^bill_]
create = bill
read = @
update = bill
delete = !

[^secret_]
create = context_is_admin
read = context_is_admin
update = context_is_admin
delete = context_is_admin
"""

BILLING = {'X-Roles': 'member,reader,Billing'}


class ProtectionTestCase(base.ServiceTestCase):
    text = BY_ROLES
    rule_format = 'roles'
    rules: dict[str, str] = {}

    def setUp(self) -> None:
        directory = pathlib.Path(base.temporary_directory(self))
        file = directory / 'protections.conf'
        file.write_text(self.text)
        self.policy_file = directory / 'policy.json'
        self.policy_file.write_text(json.dumps(self.rules))
        self.api_options = {
            'property_protection_file': str(file),
            'property_protection_rule_format': self.rule_format,
            'oslo_policy.policy_file': str(self.policy_file),
        }
        super().setUp()

    def create(self, status: int, **properties: str) -> webob.Response:
        headers = properties.pop('headers', None)
        response = self.call(
            'POST',
            '/v2/images',
            properties,
            headers=headers,  # type: ignore[arg-type]
        )
        self.assert_status(status, response)
        return response

    def change(
        self,
        image_id: str,
        op: str,
        name: str,
        value: str | None = 'new',
        *,
        caller: str = 'alice',
        old: bool = False,
        **headers: str,
    ) -> webob.Response:
        operation: dict[str, Any] = {'op': op, 'path': f'/{name}'}
        version = 'v2.1'
        if old:
            operation, version = {op: f'/{name}'}, 'v2.0'
        if op != 'remove':
            operation['value'] = value
        kind = f'application/openstack-images-{version}-json-patch'
        return self.call(
            'PATCH',
            f'/v2/images/{image_id}',
            [operation],
            caller=caller,
            headers={'Content-Type': kind, **headers},
        )


class TestRoles(ProtectionTestCase):
    def test_creating(self) -> None:
        # covers 7.1-10, 20-1
        for name, status, headers in (
            ('bill_to', 403, {}),
            ('bill_to', 201, BILLING),
            ('secret_x', 403, {}),
            ('frozen', 201, {}),
            ('hw_disk', 201, {}),
            ('hw_disk_1', 201, {}),
            ('hw_Disk', 403, {}),  # no section: nobody's
            ('colour', 403, {}),
        ):
            with self.subTest(name):
                response = self.call(
                    'POST', '/v2/images', {name: 'x'}, headers=headers
                )
                self.assert_status(status, response)
        refused = self.call(
            'POST', '/v2/images', {'colour': 'x'}, caller='admin'
        )
        self.assert_status(403, refused)

    def test_a_refused_creation_leaves_nothing(self) -> None:
        self.create(403, hw_a='x', colour='x')
        self.assertEqual([], self.listed())

    def test_base_members_are_never_protected(self) -> None:
        response = self.create(201, name='x', disk_format='raw')
        renamed = self.change(response.json['id'], 'replace', 'name')
        self.assert_status(200, renamed)

    def test_roles_of_the_calling_service_count(self) -> None:
        headers = {'X-Service-Roles': 'Imager'}
        self.create(403, by_service='x')
        response = self.call(
            'POST', '/v2/images', {'by_service': 'x'}, headers=headers
        )
        self.assert_status(201, response)
        self.assertEqual('x', response.json['by_service'])
        self.assertNotIn('by_service', self.show(response.json['id']))

    def test_changing(self) -> None:
        """Every operation of both forms of a patch, allowed and refused."""
        # covers 20-1
        image_id = self.image(hw_a='old', frozen='old')
        self.change(
            image_id, 'add', 'bill_to', 'old', **BILLING
        )  # by a caller who may create it
        for op, name, status in (
            ('add', 'hw_b', 200),
            ('add', 'hw_a', 200),
            ('replace', 'hw_a', 200),
            ('remove', 'hw_a', 200),
            ('add', 'frozen', 403),
            ('replace', 'frozen', 403),
            ('remove', 'frozen', 403),
            ('add', 'bill_to', 403),
            ('replace', 'bill_to', 403),
            ('remove', 'bill_to', 403),
            ('add', 'bill_new', 403),
            ('add', 'colour', 403),
            ('replace', 'colour', 409),
            ('remove', 'colour', 409),
        ):
            with self.subTest(f'{op} {name}'):
                self.assert_status(status, self.change(image_id, op, name))
        for op, name, status in (
            ('add', 'frozen', 409),  # it is there: a conflict of v2.0
            ('replace', 'frozen', 403),
            ('remove', 'frozen', 403),
            ('add', 'hw_c', 200),
        ):
            with self.subTest(f'v2.0 {op} {name}'):
                response = self.change(image_id, op, name, old=True)
                self.assert_status(status, response)
        self.assert_status(
            200, self.change(image_id, 'remove', 'bill_to', **BILLING)
        )
        document = self.show(image_id)
        self.assertEqual('old', document['frozen'])
        self.assertNotIn('bill_to', document)

    def test_a_patch_is_all_or_nothing(self) -> None:
        image_id = self.image(hw_a='old')
        response = self.patch(
            image_id,
            {'op': 'replace', 'path': '/hw_a', 'value': 'new'},
            {'op': 'add', 'path': '/colour', 'value': 'x'},
        )
        self.assert_status(403, response)
        self.assertEqual('old', self.show(image_id)['hw_a'])


class TestUnreadable(ProtectionTestCase):
    """For a caller who may not read a property, it does not exist."""

    def setUp(self) -> None:
        super().setUp()
        self.image_id = self.image(name='one', hw_a='x')
        response = self.change(
            self.image_id, 'add', 'secret_x', 'unseen', caller='admin'
        )
        self.assert_status(200, response)
        self.assertEqual('unseen', response.json['secret_x'])

    def test_it_is_in_no_answer(self) -> None:
        one = f'/v2/images/{self.image_id}'
        rename = [{'op': 'replace', 'path': '/name', 'value': 'two'}]
        kind = 'application/openstack-images-v2.1-json-patch'
        for method, path, body in (
            ('GET', one, None),
            ('GET', '/v2/images', None),
            ('PATCH', one, rename),
            ('PATCH', one, []),
        ):
            with self.subTest(f'{method} {path}'):
                headers = {'Content-Type': kind}
                response = self.call(method, path, body, headers=headers)
                self.assert_status(200, response)
                self.assertNotIn('secret', response.text)
                self.assertNotIn('unseen', response.text)
                self.assertIn('hw_a', response.text)
        listed = self.call('GET', '/v2/images', caller='admin')
        self.assertEqual('unseen', listed.json['images'][0]['secret_x'])

    def test_wart_a_foreign_save_keeps_it(self) -> None:
        # covers 20-2
        for response in (
            self.change(self.image_id, 'add', 'hw_b'),
            self.change(self.image_id, 'replace', 'name'),
            self.change(self.image_id, 'remove', 'hw_a'),
        ):
            self.assert_status(200, response)
        self.call('PUT', f'/v2/images/{self.image_id}/tags/t')
        self.upload(self.image_id, b'data')
        document = self.show(self.image_id, caller='admin')
        self.assertEqual('unseen', document['secret_x'])
        self.assertEqual('active', document['status'])

    def test_wart_filters_do_not_match_it(self) -> None:
        # covers 20-3
        asks = '?secret_x=unseen'
        self.assertEqual(['one'], self.listed(asks, caller='admin'))
        self.service.wire.requests.clear()
        response = self.call('GET', f'/v2/images{asks}&limit=1')
        self.assert_status(200, response)
        self.assertEqual([], response.json['images'])
        self.assertNotIn('next', response.json)
        self.assertEqual([], self.service.wire.requests)
        self.assertEqual(['one'], self.listed('?hw_a=x'))
        self.assertEqual([], self.listed('?hw_a=x&secret_x=unseen'))
        # Invalid parameters and missing permissions are reported as usual.
        wrong = self.call('GET', f'/v2/images{asks}&limit=x')
        self.assert_status(400, wrong)
        refused = self.call('GET', f'/v2/images{asks}', caller='nobody')
        self.assert_status(403, refused)

    def test_it_cannot_be_changed_because_it_looks_absent(self) -> None:
        for old in (False, True):
            for op, status in (
                ('replace', 409),
                ('remove', 409),
                ('add', 403),
            ):
                with self.subTest(f'{op} {old}'):
                    response = self.change(
                        self.image_id, op, 'secret_x', old=old
                    )
                    self.assert_status(status, response)
        document = self.show(self.image_id, caller='admin')
        self.assertEqual('unseen', document['secret_x'])

    def test_wart_created_and_not_read_is_kept(self) -> None:
        """The property is not dropped on create, and PATCH does not fail."""
        made = self.create(201, drop_a='first')
        self.assertNotIn('drop_a', made.json)
        image_id = made.json['id']
        patched = self.change(image_id, 'add', 'drop_b', 'second')
        self.assert_status(200, patched)
        self.assertNotIn('drop_b', patched.json)
        # To the caller an existing property looks absent, so it is created.
        for old in (False, True):
            again = self.change(image_id, 'add', 'drop_a', 'third', old=old)
            self.assert_status(200, again)
        self.assertEqual(
            {'drop_a': 'third', 'drop_b': 'second'}, self.stored(image_id)
        )

    def stored(self, image_id: str) -> dict[str, str | None]:
        """Return the properties in the registry."""
        caller = context.RequestContext(is_admin=True)
        return self.service.registry.get_image(caller, image_id)['properties']

    def test_the_services_own_names_are_always_readable(self) -> None:
        caller = context.RequestContext(is_admin=True)
        image = self.service.registry.get_image(caller, self.image_id)
        self.service.registry.update_image(
            caller,
            self.image_id,
            {
                'row_version': image['row_version'],
                'values': {},
                'properties': {'os_glance_importing_to_stores': 'fast'},
            },
        )
        document = self.show(self.image_id)
        self.assertEqual('fast', document['os_glance_importing_to_stores'])
        listed = self.listed('?os_glance_importing_to_stores=fast')
        self.assertEqual(['one'], listed)
        for op in ('add', 'replace', 'remove'):
            response = self.change(self.image_id, op, 'os_glance_x')
            self.assert_status(403, response)


class TestPolicies(ProtectionTestCase):
    text = BY_POLICIES
    rule_format = 'policies'
    rules = {'bill': 'role:billing or project_id:p2'}

    def test_rules_decide(self) -> None:
        # covers 20-1
        for caller, name, status in (
            ('alice', 'bill_to', 403),
            ('bob', 'bill_to', 201),
            ('alice', 'secret_x', 403),
            ('admin', 'secret_x', 201),
            ('admin', 'colour', 403),
        ):
            with self.subTest(f'{caller} {name}'):
                response = self.call(
                    'POST', '/v2/images', {name: 'x'}, caller=caller
                )
                self.assert_status(status, response)
        image_id = self.call(
            'POST', '/v2/images', {'bill_to': 'x'}, caller='bob'
        ).json['id']
        removed = self.change(image_id, 'remove', 'bill_to', caller='bob')
        self.assert_status(403, removed)
        replaced = self.change(image_id, 'replace', 'bill_to', caller='bob')
        self.assert_status(200, replaced)

    def test_wart_filters_do_not_match_what_rules_hide(self) -> None:
        # covers 20-3
        self.image(caller='admin', name='one', secret_x='unseen')
        asks = '?secret_x=unseen&visibility=all'
        self.assertEqual(['one'], self.listed(asks, caller='admin'))
        self.assertEqual([], self.listed(asks))

    def test_a_rule_that_is_gone_is_closed(self) -> None:
        self.policy_file.write_text('{}')
        with mock.patch.object(rules.time, 'monotonic', lambda: 2.0**40):
            response = self.call(
                'POST', '/v2/images', {'bill_to': 'x'}, caller='bob'
            )
        self.assert_status(403, response)
