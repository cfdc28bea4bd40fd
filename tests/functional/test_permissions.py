"""Who may do what: every call by every kind of caller (sections 6, 21).

One table: the answer to each caller for an image of project p1, for each
of the four visibilities. Nothing of it depends on a status of the image.
Each test of it runs with today's rules, with the legacy ones beside them
(enforce_new_defaults off), and with the policy.json of Queens to Train,
where nearly every rule lets everybody pass.
"""

import json
import pathlib
from typing import Any

from oslo_config import cfg
import webob

from glance.api import conf as api_conf
from glance.common import context
from glance.common import errors
from glance.common import middleware
from tests import base

PATCH = 'application/openstack-images-v2.1-json-patch'
OCTETS = 'application/octet-stream'
#: Roles and projects; 'p2' and 'p3' are members of the shared images, p2
#: pending and p3 accepted.
CALLERS = {
    'owner': ('p1', 'member,reader'),
    'reader': ('p1', 'reader'),
    'pending': ('p2', 'member,reader'),
    'accepted': ('p3', 'member,reader'),
    'pending reader': ('p2', 'reader'),
    'other': ('p9', 'member,reader'),
    'other reader': ('p9', 'reader'),
    'no role': ('p1', ''),
    'odd role': ('p1', 'swiftoperator'),
    'admin': ('p-admin', 'admin,member,reader'),
    'capital admin': ('p-admin', 'Admin,Member,Reader'),
    'admin without project': ('', 'admin'),
    'member without project': ('', 'member,reader'),
}
ADMINS = ('admin', 'capital admin', 'admin without project')
ROLELESS = ('no role', 'odd role')


class Call:
    """A call on one image and what it takes.

    :ivar needs: 'see', 'fetch' (download), or 'change'
    """

    def __init__(
        self,
        method: str,
        rest: str,
        needs: str,
        success: int,
        body: bytes | None = None,
        kind: str = 'application/json',
    ) -> None:
        self.method = method
        self.rest = rest
        self.needs = needs
        self.success = success
        self.body = body
        self.kind = kind


def _change(name: str, value: Any) -> bytes:
    change = {'op': 'add', 'path': f'/{name}', 'value': value}
    return json.dumps([change]).encode()


CALLS = (
    Call('GET', '', 'see', 200),
    Call('GET', '/file', 'fetch', 200),
    Call('PATCH', '', 'change', 200, _change('name', 'x'), PATCH),
    Call('PATCH', '', 'change', 200, _change('tags', ['x']), PATCH),
    Call('PATCH', '', 'see', 200, b'[]', PATCH),
    Call('PUT', '/file', 'change', 409, b'data', OCTETS),
    Call('PUT', '/tags/x', 'change', 204),
    Call('DELETE', '/tags/x', 'change', 204),
    Call('POST', '/actions/deactivate', 'change', 204),
    Call('POST', '/actions/reactivate', 'change', 204),
    Call('DELETE', '', 'change', 204),
)


OWNERS = ('owner', 'reader', *ROLELESS)


def sees(caller: str, visibility: str) -> bool:
    """Whether an image of p1 is there for the caller (section 6)."""
    invited = 'pending' in caller or caller == 'accepted'
    return (
        caller in OWNERS
        or visibility in ('public', 'community')
        or (visibility == 'shared' and invited)
    )


def today(call: Call, caller: str, visibility: str) -> int:
    """The status with today's rules: roles count."""
    if caller in ADMINS:
        return call.success
    if not sees(caller, visibility) or caller in ROLELESS:
        return 404  # trap 15: not visible is hidden
    is_member = 'reader' not in caller
    allowed = {
        'see': True,
        'fetch': is_member,
        'change': is_member and caller == 'owner',
    }[call.needs]
    return call.success if allowed else 403


def formerly(call: Call, caller: str, visibility: str) -> int:
    """The status with legacy rules: the project counts, and admin."""
    if caller in ADMINS:
        return call.success
    if not sees(caller, visibility):
        return 404
    allowed = caller in OWNERS or call.needs != 'change'
    return call.success if allowed else 403


#: A policy file that spells out every rule as Queens to Train shipped it.
OLD_FILE = {
    **dict.fromkeys(
        ('add_image', 'delete_image', 'get_image', 'get_images')
        + ('modify_image', 'communitize_image', 'download_image')
        + ('upload_image', 'delete_image_location', 'get_image_location')
        + ('set_image_location', 'add_member', 'delete_member', 'get_member')
        + ('get_members', 'modify_member', 'get_task', 'get_tasks')
        + ('add_task', 'modify_task', 'deactivate', 'reactivate')
        + ('copy_from', 'get_metadef_namespace', 'modify_metadef_namespace'),
        '',
    ),
    **dict.fromkeys(
        ('context_is_admin', 'default', 'publicize_image')
        + ('manage_image_cache', 'tasks_api_access'),
        'role:admin',
    ),
}


class PermissionTestCase(base.ServiceTestCase):
    def ask(
        self,
        caller: str | None,
        method: str,
        path: str,
        body: bytes | None = None,
        kind: str = 'application/json',
        **headers: str,
    ) -> webob.Response:
        sent = {'Content-Type': kind}
        if caller is not None:
            project, roles = CALLERS[caller]
            sent |= {
                'X-Identity-Status': 'Confirmed',
                'X-User-Id': 'u',
                'X-Project-Id': project,
                'X-Roles': roles,
            }
        sent |= headers
        return self.call(method, path, body, caller=None, headers=sent)

    def make(self, visibility: str, data: bytes = b'data') -> str:
        """An image of p1 with data, a tag, and members if shared."""
        image_id = self.image(tags=['x'], data=data)
        for project in ('p2', 'p3'):
            path = f'/v2/images/{image_id}/members'
            response = self.call('POST', path, {'member': project})
            self.assert_status(200, response)
        response = self.ask(
            'accepted',
            'PUT',
            f'/v2/images/{image_id}/members/p3',
            b'{"status": "accepted"}',
        )
        self.assert_status(200, response)
        change = {'op': 'replace', 'path': '/visibility', 'value': visibility}
        self.patch(image_id, change, caller='admin')
        return image_id


class TestImages(PermissionTestCase):
    """Traps 15 and 16; OSSA-2012-017."""

    # covers 7.5-3, 8.1-7, 11-3, 13-7
    # covers 6-1..2, 6-7..9, 21-1
    expected = staticmethod(today)
    is_former = False

    def check(self, visibility: str) -> None:
        image_id = self.make(visibility)
        for call in CALLS:
            for caller in CALLERS:
                status = self.expected(call, caller, visibility)
                with self.subTest(f'{call.method} {call.rest} {caller}'):
                    response = self.ask(
                        caller,
                        call.method,
                        f'/v2/images/{image_id}{call.rest}',
                        call.body,
                        call.kind,
                    )
                    self.assert_status(status, response)
                if call.method == 'DELETE' and status == 204:
                    image_id = self.renew(call, image_id, visibility)

    def renew(self, call: Call, image_id: str, visibility: str) -> str:
        if not call.rest:
            return self.make(visibility)
        self.call('PUT', f'/v2/images/{image_id}{call.rest}', caller='admin')
        return image_id

    def test_trap_15_private_images(self) -> None:
        self.check('private')

    def test_trap_16_shared_images(self) -> None:
        self.check('shared')

    def test_trap_15_community_images(self) -> None:
        self.check('community')

    def test_trap_15_public_images(self) -> None:
        self.check('public')

    def test_a_refused_call_changes_nothing(self) -> None:
        """OSSA-2012-017: no data is touched on 403 and 404."""
        for visibility in ('private', 'public'):
            image_id = self.make(visibility)
            before = self.show(image_id)
            for call in CALLS:
                if call.needs == 'change':
                    self.ask(
                        'other',
                        call.method,
                        f'/v2/images/{image_id}{call.rest}',
                        call.body,
                        call.kind,
                    )
            self.assertEqual(before, self.show(image_id))
            self.assertEqual(b'data', self.data(image_id))

    def test_an_image_of_nobody_is_for_all_to_see(self) -> None:
        # covers 6-3
        created = self.ask(
            'admin',
            'POST',
            '/v2/images',
            b'{"owner": null, "disk_format": "raw", "container_format": "bare"}',  # noqa: E501
        )
        path = f'/v2/images/{created.json["id"]}'
        for caller, status in {
            'owner': 200,
            'other': 200,
            'member without project': 200,
            'no role': 200 if self.is_former else 404,
        }.items():
            with self.subTest(caller):
                self.assert_status(status, self.ask(caller, 'GET', path))
        for caller in ('owner', 'other', 'member without project'):
            for method, rest, body, kind in (
                ('PATCH', '', _change('name', 'x'), PATCH),
                ('PUT', '/file', b'data', OCTETS),
                ('PUT', '/tags/x', None, ''),
                ('POST', '/members', b'{"member": "p9"}', ''),
                ('DELETE', '', None, ''),
            ):
                with self.subTest(f'{caller} {method} {rest}'):
                    response = self.ask(
                        caller, method, path + rest, body, kind
                    )
                    self.assert_status(403, response)


#: What is asked of the members of a shared image, and the answers: today's,
#: and the former ones where they differ.
SHARING = ('POST', '', b'{"member": "p9"}')
LISTING = ('GET', '', None)
SHOWING = ('GET', '/p2', None)
ANSWERING = ('PUT', '/p2', b'{"status": "accepted"}')
REMOVING = ('DELETE', '/p2', None)
MEMBER_CALLS: dict[Any, dict[str, int | tuple[int, int]]] = {
    SHARING: {
        'owner': 200,
        'reader': (403, 200),
        'pending': 403,
        'pending reader': 403,
        'accepted': 403,
        'other': 404,
        'no role': (404, 200),
        'admin': 200,
        'admin without project': 200,
    },
    LISTING: {
        'owner': 200,
        'reader': 200,
        'pending': 200,
        'pending reader': 200,
        'accepted': 200,
        'other': 404,
        'no role': (404, 200),
        'admin': 200,
    },
    SHOWING: {
        'owner': 200,
        'reader': 200,
        'pending': 200,
        'pending reader': 200,
        'accepted': 404,
        'other': 404,
        'no role': (404, 200),
        'admin': 200,
    },
    ANSWERING: {
        'owner': 403,
        'reader': 403,
        'pending': 200,
        'pending reader': (403, 200),
        'accepted': 404,
        'other': 404,
        'no role': (404, 403),
        'admin': 200,
    },
    REMOVING: {
        'owner': 204,
        'reader': (403, 204),
        'pending': 403,
        'pending reader': 403,
        'accepted': 404,
        'other': 404,
        'no role': (404, 204),
        'admin': 204,
    },
}


class TestMembers(PermissionTestCase):
    """Section 12; traps 14 and 17; CVE-2013-4354."""

    # covers 12-7
    is_former = False

    def check(self, call: tuple[str, str, bytes | None]) -> None:
        method, rest, body = call
        for caller, statuses in MEMBER_CALLS[call].items():
            if isinstance(statuses, int):
                statuses = statuses, statuses
            path = f'/v2/images/{self.make("shared")}/members{rest}'
            with self.subTest(f'{method} {rest} {caller}'):
                response = self.ask(caller, method, path, body)
                self.assert_status(statuses[self.is_former], response)

    def test_trap_14_sharing(self) -> None:
        # covers 12-20
        self.check(SHARING)

    def test_listing(self) -> None:
        # covers 12-3
        self.check(LISTING)
        path = f'/v2/images/{self.make("shared")}/members'
        for caller, seen in {
            'owner': ['p2', 'p3'],
            'reader': ['p2', 'p3'],
            'admin': ['p2', 'p3'],
            'pending': ['p2'],
            'pending reader': ['p2'],
            'accepted': ['p3'],
        }.items():
            with self.subTest(caller):
                found = self.ask(caller, 'GET', path).json['members']
                self.assertEqual(seen, [m['member_id'] for m in found])

    def test_showing(self) -> None:
        # covers 12-4
        self.check(SHOWING)

    def test_trap_17_answering(self) -> None:
        # covers 12-5
        self.check(ANSWERING)

    def test_trap_17_removing(self) -> None:
        # covers 12-6
        self.check(REMOVING)

    def test_members_of_images_that_are_not_shared(self) -> None:
        # covers 12-8
        for visibility in ('private', 'public', 'community'):
            path = f'/v2/images/{self.make(visibility)}/members'
            visible = 404 if visibility == 'private' else 403
            for caller, status in {
                'owner': 403,
                'admin': 403,
                'pending': visible,
                'other': visible,
            }.items():
                for method, rest, body in (
                    ('GET', '', None),
                    ('POST', '', b'{"member": "p9"}'),
                    ('PUT', '/p2', b'{"status": "accepted"}'),
                    ('DELETE', '/p2', None),
                ):
                    with self.subTest(f'{visibility} {caller} {method}'):
                        response = self.ask(caller, method, path + rest, body)
                        self.assert_status(status, response)
                shown = self.ask(caller, 'GET', f'{path}/p2')
                self.assert_status(404, shown)


#: Values of a new image, and the answers as above.
CREATIONS: tuple[tuple[Any, dict[str, int | tuple[int, int]]], ...] = (
    (
        {},
        {
            'owner': 201,
            'reader': (403, 201),
            'no role': (403, 201),
            'odd role': (403, 201),
            'member without project': 403,
            'admin': 201,
            'capital admin': 201,
            'admin without project': 201,
        },
    ),
    (
        {'owner': 'p1'},
        {
            'owner': 201,
            'reader': (403, 201),
            'other': 403,
            'member without project': 403,
            'admin': 201,
        },
    ),
    (
        {'owner': None},
        {'owner': 403, 'member without project': 403, 'admin': 201},
    ),
    ({'visibility': 'public'}, {'owner': 403, 'admin': 201}),
    (
        {'visibility': 'community'},
        {'owner': 201, 'reader': (403, 201), 'admin': 201},
    ),
    ({'visibility': 'private'}, {'owner': 201, 'reader': (403, 201)}),
)


class TestCreation(PermissionTestCase):
    is_former = False

    def test_who_creates_what(self) -> None:
        # covers 7.1-7..8, 2.2-4..5
        for values, table in CREATIONS:
            body = json.dumps(values).encode()
            for caller, statuses in table.items():
                if isinstance(statuses, int):
                    statuses = statuses, statuses
                with self.subTest(f'{caller} {values}'):
                    response = self.ask(caller, 'POST', '/v2/images', body)
                    self.assert_status(statuses[self.is_former], response)

    def test_trap_50_who_lists(self) -> None:
        for caller in CALLERS:
            listed = self.ask(caller, 'GET', '/v2/images')
            with self.subTest(caller):
                lists = self.is_former or (
                    caller not in (*ROLELESS, 'member without project')
                )
                self.assert_status(200 if lists else 403, listed)

    def test_any_token_reads_schemas(self) -> None:
        for caller in CALLERS:
            with self.subTest(caller):
                response = self.ask(caller, 'GET', '/v2/schemas/image')
                self.assert_status(200, response)

    def test_an_admin_without_project_owns_nothing(self) -> None:
        # covers 2.2-8
        response = self.ask(
            'admin without project', 'POST', '/v2/images', b'{}'
        )
        self.assertIsNone(response.json['owner'])


class LegacyDefaults:
    """[oslo_policy] enforce_new_defaults is off."""

    # covers 21-5

    is_former = True
    expected = staticmethod(formerly)
    api_options = {'oslo_policy.enforce_new_defaults': False}


class OldFile:
    """A policy.json of old beside the configuration, and new defaults."""

    # covers 21-6

    is_former = True
    expected = staticmethod(formerly)
    files_beside = {'policy.json': json.dumps(OLD_FILE)}


class TestImagesOfLegacyDefaults(LegacyDefaults, TestImages):
    pass


class TestMembersOfLegacyDefaults(LegacyDefaults, TestMembers):
    pass


class TestCreationOfLegacyDefaults(LegacyDefaults, TestCreation):
    pass


class TestImagesOfOldFile(OldFile, TestImages):
    pass


class TestMembersOfOldFile(OldFile, TestMembers):
    pass


class TestCreationOfOldFile(OldFile, TestCreation):
    pass


class TestOldFileOfOldDefaults(OldFile, TestMembers):
    """Both: a service that is configured as it was in Train."""

    api_options = {'oslo_policy.enforce_new_defaults': False}


class TestOtherTokens(PermissionTestCase):
    def test_no_token_is_401(self) -> None:
        # covers 2.1-2
        image_id = self.make('public')
        for call in CALLS:
            with self.subTest(f'{call.method} {call.rest}'):
                response = self.ask(
                    None,
                    call.method,
                    f'/v2/images/{image_id}{call.rest}',
                    call.body,
                    call.kind,
                )
                self.assert_status(401, response)
        for path in ('/v2/images', '/v2/schemas/image', '/v2/nothing'):
            self.assert_status(401, self.ask(None, 'GET', path))

    def test_an_unconfirmed_identity_is_401(self) -> None:
        # covers 2.1-2
        for status in ('Invalid', 'confirmed', ''):
            with self.subTest(status):
                response = self.ask(
                    'admin',
                    'GET',
                    '/v2/images',
                    **{'X-Identity-Status': status},
                )
                self.assert_status(401, response)

    def test_a_token_of_another_scope_is_refused(self) -> None:
        """Scope type of every rule is the project."""
        # covers 2.2-6..7
        image_id = self.make('public')
        for scope in (
            {'OpenStack-System-Scope': 'all'},
            {'X-Domain-Id': 'd1'},
        ):
            with self.subTest(str(scope)):
                headers = {**scope, 'X-Project-Id': ''}
                listed = self.ask('owner', 'GET', '/v2/images', **headers)
                self.assert_status(403, listed)
                shown = self.ask(
                    'owner', 'GET', f'/v2/images/{image_id}', **headers
                )
                self.assert_status(404, shown)
                created = self.ask(
                    'owner', 'POST', '/v2/images', b'{}', **headers
                )
                self.assert_status(403, created)
                schema = self.ask(
                    'owner', 'GET', '/v2/schemas/image', **headers
                )
                self.assert_status(200, schema)

    def test_nobody_claims_to_be_an_admin_by_header(self) -> None:
        image_id = self.make('private')
        for headers in (
            {context.IS_ADMIN: 'true'},
            {'X-Is-Admin-Project': 'true'},
            {'X-Service-Roles': 'admin,service'},
            {'X-Role': 'admin'},
        ):
            with self.subTest(str(headers)):
                response = self.ask(
                    'other', 'GET', f'/v2/images/{image_id}', **headers
                )
                self.assert_status(404, response)

    def test_trap_50_roles_are_not_expanded(self) -> None:
        image_id = self.make('public')
        CALLERS['member only'] = ('p1', 'member')
        self.addCleanup(CALLERS.pop, 'member only')
        listed = self.ask('member only', 'GET', '/v2/images')
        self.assert_status(403, listed)
        shown = self.ask('member only', 'GET', f'/v2/images/{image_id}')
        self.assert_status(404, shown)


class TestAnonymous(PermissionTestCase):
    api_options = {'allow_anonymous_access': True}

    def test_an_anonymous_caller_needs_roles_like_anybody(self) -> None:
        # covers 2.2-2, 8.1-3
        image_id = self.make('public')
        for call in CALLS:
            status = 403 if call.needs == 'change' else 404
            with self.subTest(f'{call.method} {call.rest}'):
                response = self.ask(
                    None,
                    call.method,
                    f'/v2/images/{image_id}{call.rest}',
                    call.body,
                    call.kind,
                )
                self.assert_status(status, response)
        self.assert_status(403, self.ask(None, 'GET', '/v2/images'))
        self.assert_status(403, self.ask(None, 'POST', '/v2/images', b'{}'))


class TestAnonymousReads(PermissionTestCase):
    """Rules that open reading open nothing else."""

    def setUp(self) -> None:
        rules = dict.fromkeys(
            ('get_image', 'get_images', 'download_image', 'modify_image')
            + ('add_image', 'delete_image', 'add_member', 'upload_image'),
            '',
        )
        self.api_options = {
            'allow_anonymous_access': True,
            'oslo_policy.policy_file': written(self, rules),
        }
        super().setUp()

    def test_an_anonymous_caller_reads_and_never_changes(self) -> None:
        # covers 2.2-2..3
        image_id = self.make('public')
        path = f'/v2/images/{image_id}'
        self.assert_status(200, self.ask(None, 'GET', '/v2/images'))
        self.assert_status(200, self.ask(None, 'GET', path))
        self.assert_status(200, self.ask(None, 'GET', f'{path}/file'))
        self.assert_status(403, self.ask(None, 'DELETE', path))
        self.assert_status(403, self.ask(None, 'POST', '/v2/images', b'{}'))
        self.assert_status(403, self.ask(None, 'PUT', f'{path}/tags/y'))
        private = self.make('private')
        hidden = self.ask(None, 'GET', f'/v2/images/{private}')
        self.assert_status(404, hidden)


def written(test: Any, rules: dict[str, str]) -> str:
    """A policy file with these rules."""
    path = pathlib.Path(base.temporary_directory(test), 'policy.json')
    path.write_text(json.dumps(rules))
    return str(path)


class TestPolicyFile(PermissionTestCase):
    """etc/policy.json overrides the defaults in the code."""

    def setUp(self) -> None:
        rules = {
            'context_is_admin': 'role:boss',
            'delete_image': 'rule:context_is_admin',
            'publicize_image': 'role:member',
            'download_image': "role:member and not 'yes':%(secret)s",
            'get_images': '!',
        }
        self.api_options = {'oslo_policy.policy_file': written(self, rules)}
        super().setUp()

    def test_rules_of_the_file_count(self) -> None:
        # covers 21-3
        image_id = self.image(data=b'data')
        path = f'/v2/images/{image_id}'
        self.assert_status(403, self.ask('owner', 'DELETE', path))
        self.assert_status(403, self.ask('owner', 'GET', '/v2/images'))
        published = self.ask(
            'owner', 'PATCH', path, _change('visibility', 'public'), PATCH
        )
        self.assert_status(200, published)

    def test_the_admin_is_who_the_file_says(self) -> None:
        image_id = self.image(visibility='private')
        path = f'/v2/images/{image_id}'
        self.assert_status(404, self.ask('admin', 'GET', path))
        CALLERS['boss'] = ('p7', 'boss')
        self.addCleanup(CALLERS.pop, 'boss')
        self.assert_status(200, self.ask('boss', 'GET', path))
        self.assert_status(204, self.ask('boss', 'DELETE', path))

    def test_rules_see_custom_properties(self) -> None:
        """OSSA-2013-027: the real image is the target."""
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


class TestRegistryAccess(PermissionTestCase):
    """The registry believes glance-api, and nobody else."""

    def to_registry(self, **headers: str) -> webob.Response:
        sent = {**base.identity('admin'), **headers}
        request = webob.Request.blank('/v1/query/images', headers=sent)
        request.method = 'POST'
        request.json = {'limit': 1, 'sort': [['id', 'asc']]}
        return request.get_response(self.service.registry_app)

    def test_a_caller_who_comes_directly_is_401(self) -> None:
        self.assert_status(401, self.to_registry())

    def test_a_wrong_secret_is_401(self) -> None:
        for secret in ('wrong', '', base.SECRET[:-1], base.SECRET + 'x', 'é'):
            with self.subTest(secret):
                response = self.to_registry(**{context.SHARED_SECRET: secret})
                self.assert_status(401, response)

    def test_a_user_who_is_no_service_is_403(self) -> None:
        """As with flavor keystone: a valid token, but a user's."""
        app = base.registry_app.registry(self.service.database, 60)
        pipeline = middleware.Context(app, service_roles=lambda: ['service'])
        for roles, status in (('', 403), ('member', 403), ('Service', 400)):
            request = webob.Request.blank(
                '/v1/query/images',
                method='POST',
                headers={
                    **base.identity('admin'),
                    'X-Service-Roles': roles,
                    context.IS_ADMIN: 'true',
                },
                environ={'keystone.token_auth': object()},
            )
            with self.subTest(roles):
                # 400: let in, and then there is no body
                self.assert_status(status, request.get_response(pipeline))

    def test_a_pipeline_that_vets_nothing_is_401(self) -> None:
        app = base.registry_app.registry(self.service.database, 60)
        request = webob.Request.blank(
            '/v1/images/x', headers=base.identity('admin')
        )
        response = request.get_response(middleware.Context(app))
        self.assert_status(401, response)

    def test_admin_rights_come_from_the_api_alone(self) -> None:
        """OSSN-0060: roles in the wire's headers make nobody an admin."""
        image_id = self.image(visibility='private')
        headers = {**base.identity('bob'), 'X-Roles': 'admin,member,reader'}
        headers[context.SHARED_SECRET] = base.SECRET
        request = webob.Request.blank(
            f'/v1/images/{image_id}', headers=headers
        )
        response = request.get_response(self.service.registry_app)
        self.assert_status(404, response)


class TestFactories(PermissionTestCase):
    """Pipelines that would let everybody in do not start."""

    def options(self, **values: Any) -> dict[str, Any]:
        conf: cfg.ConfigOpts = base.configuration(
            api_conf, self.directory, default=values
        )
        return {'oslo_config_config': conf}

    def check(self, factory: Any, good: Any, bad: Any) -> None:
        for values in good:
            with self.subTest(f'{factory.__name__} {values}'):
                factory(self.options(**values))
        for values in bad:
            with (
                self.subTest(f'{factory.__name__} {values}'),
                self.assertRaises(errors.ConfigurationError) as caught,
            ):
                factory(self.options(**values))
            self.assertIn('bind_', str(caught.exception))

    def test_without_authentication_only_locally(self) -> None:
        self.check(
            middleware.unauthenticated_context_factory,
            [
                {'bind_host': '127.0.0.1'},
                {'bind_host': '::1'},
                {'bind_host': 'localhost'},
                {'bind_host': '0.0.0.0', 'bind_socket': '/run/glance'},
            ],
            [
                {'bind_host': '0.0.0.0'},
                {'bind_host': '::'},
                {'bind_host': '192.0.2.1'},
                {'bind_host': 'glance.example.org'},
                {
                    'bind_host': '0.0.0.0',
                    'trusted_auth_secret': 'long enough to be one',
                },
            ],
        )

    def test_trusted_headers_only_locally_or_with_a_secret(self) -> None:
        self.check(
            middleware.trusted_auth_factory,
            [
                {'bind_host': '127.0.0.1'},
                {
                    'bind_host': '0.0.0.0',
                    'trusted_auth_secret': 'long enough to be one',
                },
            ],
            [{'bind_host': '0.0.0.0'}],
        )

    def test_a_short_secret_is_refused(self) -> None:
        for secret in ('', 'x' * 15):
            with self.assertRaises(errors.ConfigurationError) as caught:
                middleware.trusted_auth_factory(
                    self.options(trusted_auth_secret=secret)
                )
            self.assertIn('trusted_auth_secret', str(caught.exception))
