"""Callers, their requests, and the expected status of each response.

They are for an image of project p1, with each of the four visibilities. They
do not depend on the status of the image.
"""

import json
import pathlib
from typing import Any

import webob

from tests import base

PATCH = 'application/openstack-images-v2.1-json-patch'
OCTETS = 'application/octet-stream'
#: Project and roles of each caller. 'p2' and 'p3' are members of the shared
#: images, with the status pending and accepted.
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
    """A call on an image, and the permission that it needs.

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


def change(name: str, value: Any) -> bytes:
    change = {'op': 'add', 'path': f'/{name}', 'value': value}
    return json.dumps([change]).encode()


CALLS = (
    Call('GET', '', 'see', 200),
    Call('GET', '/file', 'fetch', 200),
    Call('PATCH', '', 'change', 200, change('name', 'x'), PATCH),
    Call('PATCH', '', 'change', 200, change('tags', ['x']), PATCH),
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
    """Return whether an image of p1 is visible to the caller."""
    invited = 'pending' in caller or caller == 'accepted'
    return (
        caller in OWNERS
        or visibility in ('public', 'community')
        or (visibility == 'shared' and invited)
    )


def today(call: Call, caller: str, visibility: str) -> int:
    """Return the status with the current rules, which check roles."""
    if caller in ADMINS:
        return call.success
    if not sees(caller, visibility) or caller in ROLELESS:
        return 404  # as if it did not exist
    is_member = 'reader' not in caller
    allowed = {
        'see': True,
        'fetch': is_member,
        'change': is_member and caller == 'owner',
    }[call.needs]
    return call.success if allowed else 403


def formerly(call: Call, caller: str, visibility: str) -> int:
    """Return the status with legacy rules: only project and admin matter."""
    if caller in ADMINS:
        return call.success
    if not sees(caller, visibility):
        return 404
    allowed = caller in OWNERS or call.needs != 'change'
    return call.success if allowed else 403


#: A policy file with every rule as in the files of Queens to Train.
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


#: The status with the current rules, or this and the one with former rules.
Status = int | tuple[int, int]


class PermissionTestCase(base.ServiceTestCase):
    #: True if the rules of Queens to Train apply.
    is_former = False

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

    def perform(
        self, caller: str | None, call: Call, image_id: str
    ) -> webob.Response:
        path = f'/v2/images/{image_id}{call.rest}'
        return self.ask(caller, call.method, path, call.body, call.kind)

    def assert_answer(self, status: Status, response: webob.Response) -> None:
        if not isinstance(status, int):
            status = status[self.is_former]
        self.assert_status(status, response)

    def make(self, visibility: str, data: bytes = b'data') -> str:
        """Create an image of p1 with data, a tag and members."""
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


class LegacyDefaults:
    """[oslo_policy] enforce_new_defaults is off."""

    is_former = True
    expected = staticmethod(formerly)
    api_options = {'oslo_policy.enforce_new_defaults': False}


class OldFile:
    """An old policy.json in the directory of the configuration."""

    is_former = True
    expected = staticmethod(formerly)
    files_beside = {'policy.json': json.dumps(OLD_FILE)}


def written(test: Any, rules: dict[str, str]) -> str:
    """Write a policy file with these rules; return its path."""
    path = pathlib.Path(base.temporary_directory(test), 'policy.json')
    path.write_text(json.dumps(rules))
    return str(path)
