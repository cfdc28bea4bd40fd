"""Permissions on the members of an image."""

from typing import Any

from tests.functional.permissions import callers

#: Requests on the members of a shared image; their statuses are below.
SHARING = ('POST', '', b'{"member": "p9"}')
LISTING = ('GET', '', None)
SHOWING = ('GET', '/p2', None)
ANSWERING = ('PUT', '/p2', b'{"status": "accepted"}')
REMOVING = ('DELETE', '/p2', None)
MEMBER_CALLS: dict[Any, dict[str, callers.Status]] = {
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


class TestMembers(callers.PermissionTestCase):
    """Members, see also CVE-2013-4354."""

    # covers 25-14, 25-17

    # covers 12-7

    def check(self, call: tuple[str, str, bytes | None]) -> None:
        method, rest, body = call
        for caller, status in MEMBER_CALLS[call].items():
            path = f'/v2/images/{self.make("shared")}/members{rest}'
            with self.subTest(f'{method} {rest} {caller}'):
                response = self.ask(caller, method, path, body)
                self.assert_answer(status, response)

    def test_sharing(self) -> None:
        # covers 12-20, 25-14
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

    def test_answering(self) -> None:
        # covers 12-5, 25-17
        self.check(ANSWERING)

    def test_removing(self) -> None:
        # covers 12-6, 25-17
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


class TestMembersOfLegacyDefaults(callers.LegacyDefaults, TestMembers):
    # covers 21-5
    pass


class TestMembersOfOldFile(callers.OldFile, TestMembers):
    # covers 21-6
    pass


class TestOldFileOfOldDefaults(callers.OldFile, TestMembers):
    """Old file and old defaults: a service configured as in Train."""

    api_options = {'oslo_policy.enforce_new_defaults': False}
